/* SPDX-License-Identifier: Apache-2.0
 *
 * options.h - what `corral storm` was asked to do. As pure as text/options.h. */
#ifndef CRL_STORM_OPTIONS_H
#define CRL_STORM_OPTIONS_H

#include "text/options.h"

/* Scenarios: name, word, what happens. In the order in which they run. */
#define CRL_STORM_SCENARIO_TABLE(X)                               \
    X(COLD, "cold", "all clients ask for one absent key at once") \
    X(EXPIRY, "expiry", "all clients keep asking for one key, which expires again and again")

enum crl_storm_scenario {
#define X(name, word, text) CRL_STORM_##name,
    CRL_STORM_SCENARIO_TABLE(X)
#undef X
        CRL_STORM_SCENARIOS,
};

/* Strategies: name, word, what it does. In the order in which they run. The last is not one to ask
 * for: it stands for what a configuration or a running daemon says. */
#define CRL_STORM_STRATEGY_TABLE(X)                                        \
    X(NONE, "none", "plain cache-aside: every miss asks the origin")       \
    X(COALESCING, "coalescing", "one load per key, shared by all who ask") \
    X(CONFIGURED, "configured", "what the target's configuration says")

enum crl_storm_strategy {
#define X(name, word, text) CRL_STORM_##name,
    CRL_STORM_STRATEGY_TABLE(X)
#undef X
        CRL_STORM_STRATEGIES,
};

#define CRL_STORM_CLIENTS_MAX     20000
#define CRL_STORM_DURATION_MAX_US CORRAL_SECONDS(600)
#define CRL_STORM_TTL_MAX_US      CORRAL_SECONDS(600)
#define CRL_STORM_DELAY_MAX_US    CORRAL_SECONDS(60)
#define CRL_STORM_THINK_MAX_US    CORRAL_SECONDS(2)

struct crl_storm_options {
    uint32_t clients;
    corral_us duration_us; /* of expiry */
    corral_us ttl_us;      /* of the demo origin's key */
    corral_us delay_us;    /* of the demo origin's query */
    corral_us think_us;    /* mean pause of a client between an answer and its next request */
    uint64_t seed;
    uint32_t scenarios;  /* bits 1 << enum crl_storm_scenario */
    uint32_t strategies; /* bits 1 << enum crl_storm_strategy */
    const char *config;  /* file, or NULL */
    const char *target;  /* URL, or a path of the configuration, or NULL */
    const char *report;  /* file, or NULL */
    bool json;
    bool allow_remote;
};

const char *crl_storm_scenario_name(uint32_t scenario);
const char *crl_storm_scenario_text(uint32_t scenario);
const char *crl_storm_strategy_name(uint32_t strategy);
const char *crl_storm_strategy_text(uint32_t strategy);

/* crl_storm_options_read - read the command line of the verb, as crl_options_read() does. */
int crl_storm_options_read(int argc, char **argv, struct crl_storm_options *ret_options,
                           char why[CRL_OPTIONS_WHY_MAX]);

#endif
