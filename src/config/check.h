/* SPDX-License-Identifier: Apache-2.0
 *
 * check.h - what the values of a configuration say together. */
#ifndef CRL_CONFIG_CHECK_H
#define CRL_CONFIG_CHECK_H

#include "config/config.h"

/* crl_config_check - check a configuration that was read by its schema, and complete it: compile
 * the patterns, and find each route's origin. What the schema refused is zero here, and is passed
 * over. Problems are added. */
void crl_config_check(struct crl_config *config, struct crl_problems *problems);

#endif
