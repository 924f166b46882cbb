/* SPDX-License-Identifier: Apache-2.0
 *
 * config_schema.h - the one table of the configuration's keys. */
#ifndef CRL_SERVER_CONFIG_SCHEMA_H
#define CRL_SERVER_CONFIG_SCHEMA_H

#include "server/schema.h"

/* The schema of struct crl_config; those below it hang on its fields. */
extern const struct crl_schema crl_config_schema;

#endif
