/* SPDX-License-Identifier: Apache-2.0
 *
 * policy.c - see policy.h. */
#include "config/policy.h"

#include "base/assert.h"

#include <string.h>

/* What does not exist is asked again soon, until a route can say how soon. */
#define NEGATIVE_TTL_MAX_US CORRAL_SECONDS(5)

static const char *const strategy_words[] = {
#define X(name, word) word,
    CRL_STRATEGY_TABLE(X)
#undef X
};

enum { STRATEGIES = sizeof strategy_words / sizeof strategy_words[0] };

const char *crl_config_strategy_word(enum crl_config_strategy strategy)
{
    crl_assert((unsigned)strategy < STRATEGIES);
    return strategy_words[strategy];
}

bool crl_config_strategy_find(const char *word, enum crl_config_strategy *ret_strategy)
{
    for (unsigned i = 0; i < STRATEGIES; i++) {
        if (strcmp(strategy_words[i], word) != 0)
            continue;
        *ret_strategy = (enum crl_config_strategy)i;
        return true;
    }
    return false;
}

static bool strategy_coalesces(enum crl_config_strategy strategy)
{
    switch (strategy) {
    case CRL_STRATEGY_COALESCING:
        return true;
    case CRL_STRATEGY_NONE:
        return false;
    }
    crl_unreachable();
}

struct corral_policy crl_config_policy(const struct crl_config_route *route)
{
    crl_assert(route->ttl_us >= 0);
    crl_assert(route->jitter >= 0 && route->jitter <= 0.5);
    return (struct corral_policy){
        .size = sizeof(struct corral_policy),
        .ttl_us = route->ttl_us,
        .negative_ttl_us =
            route->ttl_us < NEGATIVE_TTL_MAX_US ? route->ttl_us : NEGATIVE_TTL_MAX_US,
        .jitter = route->jitter,
        .no_coalescing = !strategy_coalesces(route->strategy),
    };
}
