/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.h - the one table of the configuration's keys. */
#ifndef CRL_CONFIG_SCHEMA_H
#define CRL_CONFIG_SCHEMA_H

#include "config/config.h"
#include "yaml/schema.h"

/* The schema of struct crl_config; those below it hang on its fields. */
extern const struct crl_schema crl_config_schema;

/* Parts, for whoever reads them alone: of struct crl_config_route the policy, of struct
 * crl_config_origin the guard. The rest of the struct stays zero. */
extern const struct crl_schema crl_config_policy_schema;
extern const struct crl_schema crl_config_guard_schema;

/* The same parts as overlays. */
struct crl_config_policy_overlay {
    struct crl_config_route is;
    uint32_t given;
};

struct crl_config_guard_overlay {
    struct crl_config_origin is;
    uint32_t given;
};

extern const struct crl_schema crl_config_policy_overlay;
extern const struct crl_schema crl_config_guard_overlay;

#endif
