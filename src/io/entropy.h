/* SPDX-License-Identifier: Apache-2.0
 *
 * entropy.h - where seeds come from. */
#ifndef CRL_IO_ENTROPY_H
#define CRL_IO_ENTROPY_H

#include <stdint.h>

/* crl_entropy - 64 bits from the kernel. Never fails: it falls back on the clock. */
uint64_t crl_entropy(void);

#endif
