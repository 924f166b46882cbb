/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_options.c - see sim_options.h. */
#include "cli/sim_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* The long options; the numbers are the cases of option_take(). */
enum option_number {
    OPTION_LIST = 1,
    OPTION_SHOW,
    OPTION_STRATEGIES,
    OPTION_SEED,
    OPTION_JSON,
    OPTION_REPORT,
    OPTION_TRACE,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"list", no_argument, NULL, OPTION_LIST},
    {"show", no_argument, NULL, OPTION_SHOW},
    {"strategies", required_argument, NULL, OPTION_STRATEGIES},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"json", no_argument, NULL, OPTION_JSON},
    {"report", required_argument, NULL, OPTION_REPORT},
    {"trace", required_argument, NULL, OPTION_TRACE},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static int number_take(const char *option, uint64_t max, uint64_t *ret_number,
                       const struct complaint *complaint)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(optarg, &end, 10);
    if (*optarg < '0' || *optarg > '9' || *end != '\0' || errno != 0 || number > max)
        return complain(complaint, "%s wants a number, not '%.64s'", option, optarg);
    *ret_number = number;
    return 0;
}

static int trace_take(struct crl_sim_options *to, const struct complaint *complaint)
{
    uint64_t key;
    if (number_take("--trace", UINT32_MAX, &key, complaint) < 0)
        return complain(complaint, "--trace wants the number of a key, from 0, not '%.64s'",
                        optarg);
    to->traced_key = (uint32_t)key;
    to->has_trace = true;
    return 0;
}

static int option_take(int option, struct crl_sim_options *to, const struct complaint *complaint)
{
    switch ((enum option_number)option) {
    case OPTION_LIST:
        to->list = true;
        return 0;
    case OPTION_SHOW:
        to->show = true;
        return 0;
    case OPTION_STRATEGIES:
        to->strategies = optarg;
        return 0;
    case OPTION_SEED:
        to->has_seed = true;
        return number_take("--seed", INT64_MAX, &to->seed, complaint);
    case OPTION_JSON:
        to->json = true;
        return 0;
    case OPTION_REPORT:
        to->report = optarg;
        return 0;
    case OPTION_TRACE:
        return trace_take(to, complaint);
    case OPTION_HELP:
        to->help = true;
        return 0;
    }
    return CORRAL_EINVAL; /* getopt gives nothing else */
}

/* What only makes sense together. */
static int options_settle(struct crl_sim_options *options, int targets,
                          const struct complaint *complaint)
{
    bool runs = options->strategies || options->report || options->has_seed || options->has_trace;
    if (targets > 1)
        return complain(complaint, "one scenario at a time");
    if (options->list && targets > 0)
        return complain(complaint, "--list takes no scenario");
    if (!options->list && targets == 0)
        return complain(complaint, "which scenario? --list names those that are ready");
    if ((options->list || options->show) && runs)
        return complain(complaint, "%s runs nothing: it goes with no other option",
                        options->list ? "--list" : "--show");
    if (options->show && options->json)
        return complain(complaint, "--show prints YAML, not JSON");
    return 0;
}

int crl_sim_options_parse(int argc, char **argv, struct crl_sim_options *ret_options, char *why,
                          size_t why_size)
{
    const struct complaint complaint = {why, why_size};
    struct crl_sim_options options = {0};
    int option, rc = 0;
    optind = 0; /* start anew, whoever used getopt before */
    opterr = 0;
    while (rc == 0 && (option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
        if (option == ':')
            return complain(&complaint, "%.64s wants a value", word);
        if (option == '?')
            return complain(&complaint, "unknown option '%.64s'", word);
        rc = option_take(option == 'h' ? OPTION_HELP : option, &options, &complaint);
    }
    if (rc)
        return rc;
    options.target = optind < argc ? argv[optind] : NULL;
    rc = options.help ? 0 : options_settle(&options, argc - optind, &complaint);
    if (rc == 0)
        *ret_options = options;
    return rc;
}

bool crl_sim_target_is_file(const char *target)
{
    size_t size = strlen(target);
    return strchr(target, '/') || (size > 5 && strcmp(target + size - 5, ".yaml") == 0) ||
           (size > 4 && strcmp(target + size - 4, ".yml") == 0);
}
