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

#endif
