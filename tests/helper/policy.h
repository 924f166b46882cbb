/* SPDX-License-Identifier: Apache-2.0
 *
 * policy.h - a policy in one expression. */
#ifndef CRL_TESTS_POLICY_H
#define CRL_TESTS_POLICY_H

#include <corral/corral.h>

/* POLICY - the address of a policy with these members, as in POLICY(.ttl_us = 5). It lives as long
 * as the block that it stands in. */
#define POLICY(...) \
    (&(const struct corral_policy){.size = sizeof(struct corral_policy), __VA_ARGS__})

#endif
