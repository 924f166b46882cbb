/* SPDX-License-Identifier: Apache-2.0
 *
 * options.c - see options.h. */
#include "storm/options.h"

#include "base/assert.h"

static const char *const scenario_names[] = {
#define X(name, word, text) word,
    CRL_STORM_SCENARIO_TABLE(X)
#undef X
};

static const char *const strategy_names[] = {
#define X(name, word, text) word,
    CRL_STORM_STRATEGY_TABLE(X)
#undef X
};

const char *crl_storm_scenario_name(uint32_t scenario)
{
    crl_assert(scenario < CRL_STORM_SCENARIOS);
    return scenario_names[scenario];
}

const char *crl_storm_scenario_text(uint32_t scenario)
{
    static const char *const texts[] = {
#define X(name, word, text) text,
        CRL_STORM_SCENARIO_TABLE(X)
#undef X
    };
    crl_assert(scenario < CRL_STORM_SCENARIOS);
    return texts[scenario];
}

const char *crl_storm_strategy_name(uint32_t strategy)
{
    crl_assert(strategy < CRL_STORM_STRATEGIES);
    return strategy_names[strategy];
}

const char *crl_storm_strategy_text(uint32_t strategy)
{
    static const char *const texts[] = {
#define X(name, word, text) text,
        CRL_STORM_STRATEGY_TABLE(X)
#undef X
    };
    crl_assert(strategy < CRL_STORM_STRATEGIES);
    return texts[strategy];
}

/* What only makes sense together. Fills in the strategies that were not named. */
static int options_settle(struct crl_storm_options *options, bool demo_only, char *why)
{
    bool path = options->target != NULL && options->target[0] == '/';
    bool demo = options->config == NULL && options->target == NULL;
    if (path && options->config == NULL)
        return crl_options_refuse(
            why, "a path alone needs --config; a target is a URL: http://HOST:PORT%s",
            options->target);
    if (options->target != NULL && !path && options->config != NULL)
        return crl_options_refuse(
            why, "with --config a target is a path that begins with '/', not '%.64s'",
            options->target);
    if (options->target != NULL && !path && options->strategies)
        return crl_options_refuse(
            why, "--strategies does not go with a URL: the daemon there has its own");
    if (!demo && demo_only)
        return crl_options_refuse(why,
                                  "--ttl and --delay belong to the built-in demo: the target has "
                                  "its own");
    if (options->strategies == 0)
        options->strategies =
            demo ? 1u << CRL_STORM_NONE | 1u << CRL_STORM_COALESCING : 1u << CRL_STORM_CONFIGURED;
    return 0;
}

int crl_storm_options_read(int argc, char **argv, struct crl_storm_options *ret_options,
                           char why[CRL_OPTIONS_WHY_MAX])
{
    struct crl_storm_options options = {
        .duration_us = CORRAL_SECONDS(3),
        .think_us = CORRAL_MS(50),
        .scenarios = (1u << CRL_STORM_SCENARIOS) - 1,
    };
    int64_t clients = 1000, seed = 1;
    corral_us ttl_us = -1, delay_us = -1;
    const enum crl_quantity count = CRL_QUANTITY_COUNT, duration = CRL_QUANTITY_DURATION;
    const struct crl_option rows[] = {
        {"clients", .quantity = &clients, .range = {count, 1, CRL_STORM_CLIENTS_MAX}},
        {"duration", .quantity = &options.duration_us,
         .range = {duration, CORRAL_MS(1), CRL_STORM_DURATION_MAX_US}},
        {"ttl", .quantity = &ttl_us, .range = {duration, CORRAL_MS(1), CRL_STORM_TTL_MAX_US}},
        {"delay", .quantity = &delay_us, .range = {duration, 0, CRL_STORM_DELAY_MAX_US}},
        {"think", .quantity = &options.think_us, .range = {duration, 0, CRL_STORM_THINK_MAX_US}},
        {"strategies", .chosen = &options.strategies, .noun = "strategy", .words = strategy_names,
         .words_n = CRL_STORM_CONFIGURED, .unasked_n = CRL_STORM_STRATEGIES - CRL_STORM_CONFIGURED},
        {"scenarios", .chosen = &options.scenarios, .noun = "scenario", .words = scenario_names,
         .words_n = CRL_STORM_SCENARIOS},
        {"seed", .quantity = &seed, .range = {count, 0, INT64_MAX}},
        {"config", .text = &options.config},
        {"report", .text = &options.report},
        {"json", .flag = &options.json},
        {"allow-remote", .flag = &options.allow_remote},
        {NULL},
    };
    int rc = crl_options_read(argc, argv, rows, &options.target, why);
    options.clients = (uint32_t)clients;
    options.seed = (uint64_t)seed;
    options.ttl_us = ttl_us < 0 ? CORRAL_MS(500) : ttl_us;
    options.delay_us = delay_us < 0 ? CORRAL_MS(100) : delay_us;
    if (rc == 0)
        rc = options_settle(&options, ttl_us >= 0 || delay_us >= 0, why);
    if (rc == 0)
        *ret_options = options;
    return rc;
}
