/* SPDX-License-Identifier: Apache-2.0
 *
 * policy.h - the settings of a route, as the policy of a space.
 *
 * The daemon's routes and the columns of a scenario are both read by crl_config_policy_schema, and
 * both become a policy here: what a key means is said once. */
#ifndef CRL_CONFIG_POLICY_H
#define CRL_CONFIG_POLICY_H

#include "config/config.h"

/* crl_config_policy - the policy that the keys of a route say. Pure.
 * route   its policy's keys are within the limits of the schema; the others are not looked at */
struct corral_policy crl_config_policy(const struct crl_config_route *route);

/* crl_config_strategy_word - its word in the configuration. Static memory. */
const char *crl_config_strategy_word(enum crl_config_strategy strategy);

/* crl_config_strategy_find - the strategy of a word. False: there is none. */
bool crl_config_strategy_find(const char *word, enum crl_config_strategy *ret_strategy);

#endif
