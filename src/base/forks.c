/* SPDX-License-Identifier: Apache-2.0
 *
 * forks.c - the number of forks. */
#include "base/forks.h"

uint32_t crl_forks;
