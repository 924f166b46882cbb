/* SPDX-License-Identifier: Apache-2.0
 *
 * storm_options.c - see storm_options.h. */
#include "cli/storm_options.h"

#include "base/assert.h"
#include "base/units.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
    const char *name;
    const char *text;
};

static const struct word scenario_words[] = {
#define X(name, word, text) {word, text},
    CRL_STORM_SCENARIO_TABLE(X)
#undef X
};

static const struct word strategy_words[] = {
#define X(name, word, text) {word, text},
    CRL_STORM_STRATEGY_TABLE(X)
#undef X
};

const char *crl_storm_scenario_name(uint32_t scenario)
{
    crl_assert(scenario < CRL_STORM_SCENARIOS);
    return scenario_words[scenario].name;
}

const char *crl_storm_scenario_text(uint32_t scenario)
{
    crl_assert(scenario < CRL_STORM_SCENARIOS);
    return scenario_words[scenario].text;
}

const char *crl_storm_strategy_name(uint32_t strategy)
{
    crl_assert(strategy < CRL_STORM_STRATEGIES);
    return strategy_words[strategy].name;
}

const char *crl_storm_strategy_text(uint32_t strategy)
{
    crl_assert(strategy < CRL_STORM_STRATEGIES);
    return strategy_words[strategy].text;
}

/* Where a problem is told. */
struct complaint {
    char *why;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static int complain(const struct complaint *complaint,
                                                          const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(complaint->why, complaint->size, format, arguments); /* cut short is fine */
    va_end(arguments);
    return CORRAL_EINVAL;
}

static int number_parse(const char *text, uint64_t max, uint64_t *ret_number, const char **ret_end)
{
    if (*text < '0' || *text > '9')
        return CORRAL_EINVAL;
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || number > max)
        return CORRAL_EINVAL;
    *ret_number = number;
    *ret_end = end;
    return 0;
}

/* What a comma-separated list may name. */
struct choice {
    const char *option, *kind;
    const struct word *words;
    uint32_t n; /* of the words, that may be asked for */
};

static int choice_refuse(const struct choice *choice, const char *word, int size,
                         const struct complaint *complaint)
{
    char names[128] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < choice->n && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
                                 choice->words[i].name);
    return complain(complaint, "%s '%.*s' is not available in this version (available: %s)",
                    choice->kind, size, word, names);
}

static int choice_parse(const struct choice *choice, const char *list, uint32_t *ret_bits,
                        const struct complaint *complaint)
{
    uint32_t bits = 0;
    const char *word = list;
    for (;;) {
        size_t size = strcspn(word, ",");
        uint32_t i = 0;
        while (i < choice->n && (strlen(choice->words[i].name) != size ||
                                 strncmp(choice->words[i].name, word, size) != 0))
            i++;
        if (size == 0)
            return complain(complaint, "%s wants names with commas between them", choice->option);
        if (i == choice->n)
            return choice_refuse(choice, word, (int)(size < 64 ? size : 64), complaint);
        bits |= 1u << i;
        if (!word[size])
            break;
        word += size + 1;
    }
    *ret_bits = bits;
    return 0;
}

/* The long options; the numbers are the cases of option_take(). */
enum option_number {
    OPTION_CLIENTS = 1,
    OPTION_DURATION,
    OPTION_TTL,
    OPTION_DELAY,
    OPTION_THINK,
    OPTION_STRATEGIES,
    OPTION_SCENARIOS,
    OPTION_SEED,
    OPTION_CONFIG,
    OPTION_REPORT,
    OPTION_JSON,
    OPTION_ALLOW_REMOTE,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"clients", required_argument, NULL, OPTION_CLIENTS},
    {"duration", required_argument, NULL, OPTION_DURATION},
    {"ttl", required_argument, NULL, OPTION_TTL},
    {"delay", required_argument, NULL, OPTION_DELAY},
    {"think", required_argument, NULL, OPTION_THINK},
    {"strategies", required_argument, NULL, OPTION_STRATEGIES},
    {"scenarios", required_argument, NULL, OPTION_SCENARIOS},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"report", required_argument, NULL, OPTION_REPORT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"allow-remote", no_argument, NULL, OPTION_ALLOW_REMOTE},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static int span_take(const char *option, corral_us min_us, corral_us max_us, corral_us *ret_us,
                     const struct complaint *complaint)
{
    const struct crl_units_range range = {CRL_QUANTITY_DURATION, min_us, max_us};
    char why[CRL_UNITS_WHY_MAX];
    if (crl_units_read(&range, optarg, ret_us, why))
        return 0;
    return complain(complaint, "%s: '%.64s' %s", option, optarg, why);
}

static int count_take(struct crl_storm_options *options, const struct complaint *complaint)
{
    uint64_t number;
    const char *end;
    if (number_parse(optarg, CRL_STORM_CLIENTS_MAX, &number, &end) || *end || number == 0)
        return complain(complaint, "--clients wants a number from 1 to %d, not '%.64s'",
                        CRL_STORM_CLIENTS_MAX, optarg);
    options->clients = (uint32_t)number;
    return 0;
}

static int seed_take(struct crl_storm_options *options, const struct complaint *complaint)
{
    const char *end;
    if (number_parse(optarg, UINT64_MAX, &options->seed, &end) || *end)
        return complain(complaint, "--seed wants a number, not '%.64s'", optarg);
    return 0;
}

static int option_take(int option, struct crl_storm_options *to, const struct complaint *complaint)
{
    static const struct choice strategies = {"--strategies", "strategy", strategy_words,
                                             CRL_STORM_CONFIGURED};
    static const struct choice scenarios = {"--scenarios", "scenario", scenario_words,
                                            CRL_STORM_SCENARIOS};
    switch ((enum option_number)option) {
    case OPTION_CLIENTS:
        return count_take(to, complaint);
    case OPTION_DURATION:
        return span_take("--duration", CORRAL_MS(1), CRL_STORM_DURATION_MAX_US, &to->duration_us,
                         complaint);
    case OPTION_TTL:
        return span_take("--ttl", CORRAL_MS(1), CRL_STORM_TTL_MAX_US, &to->ttl_us, complaint);
    case OPTION_DELAY:
        return span_take("--delay", 0, CRL_STORM_DELAY_MAX_US, &to->delay_us, complaint);
    case OPTION_THINK:
        return span_take("--think", 0, CRL_STORM_THINK_MAX_US, &to->think_us, complaint);
    case OPTION_STRATEGIES:
        return choice_parse(&strategies, optarg, &to->strategies, complaint);
    case OPTION_SCENARIOS:
        return choice_parse(&scenarios, optarg, &to->scenarios, complaint);
    case OPTION_SEED:
        return seed_take(to, complaint);
    case OPTION_CONFIG:
        to->config = optarg;
        return 0;
    case OPTION_REPORT:
        to->report = optarg;
        return 0;
    case OPTION_JSON:
        to->json = true;
        return 0;
    case OPTION_ALLOW_REMOTE:
        to->allow_remote = true;
        return 0;
    case OPTION_HELP:
        to->help = true;
        return 0;
    }
    return CORRAL_EINVAL; /* getopt gives nothing else */
}

/* What only makes sense together. Fills in the strategies that were not named. */
static int options_settle(struct crl_storm_options *options, bool demo_only,
                          const struct complaint *complaint)
{
    bool path = options->target && options->target[0] == '/';
    bool demo = !options->config && !options->target;
    if (path && !options->config)
        return complain(complaint,
                        "a path alone needs --config; a target is a URL: http://HOST:PORT%s",
                        options->target);
    if (options->target && !path && options->config)
        return complain(complaint, "a URL and --config exclude each other");
    if (options->target && !path && options->strategies)
        return complain(complaint,
                        "--strategies does not go with a URL: the daemon there has its own");
    if (!demo && demo_only)
        return complain(complaint, "--ttl and --delay belong to the built-in demo: the target has "
                                   "its own");
    if (options->strategies == 0)
        options->strategies =
            demo ? 1u << CRL_STORM_NONE | 1u << CRL_STORM_COALESCING : 1u << CRL_STORM_CONFIGURED;
    return 0;
}

int crl_storm_options_parse(int argc, char **argv, struct crl_storm_options *ret_options, char *why,
                            size_t why_size)
{
    const struct complaint complaint = {why, why_size};
    struct crl_storm_options options = {
        .clients = 1000,
        .duration_us = CORRAL_SECONDS(3),
        .ttl_us = CORRAL_MS(500),
        .delay_us = CORRAL_MS(100),
        .think_us = CORRAL_MS(50),
        .seed = 1,
        .scenarios = (1u << CRL_STORM_SCENARIOS) - 1,
    };
    bool demo_only = false;
    int option, rc = 0;
    optind = 0; /* start anew, whoever used getopt before */
    opterr = 0;
    while (rc == 0 && (option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
        if (option == ':')
            return complain(&complaint, "%.64s wants a value", word);
        if (option == '?')
            return complain(&complaint, "unknown option '%.64s'", word);
        demo_only = demo_only || option == OPTION_TTL || option == OPTION_DELAY;
        rc = option_take(option == 'h' ? OPTION_HELP : option, &options, &complaint);
    }
    if (rc)
        return rc;
    if (!options.help && argc - optind > 1)
        return complain(&complaint, "one target is enough, but there is also '%.64s'",
                        argv[optind + 1]);
    options.target = optind < argc ? argv[optind] : NULL;
    rc = options.help ? 0 : options_settle(&options, demo_only, &complaint);
    if (rc == 0)
        *ret_options = options;
    return rc;
}
