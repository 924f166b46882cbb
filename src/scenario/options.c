/* SPDX-License-Identifier: Apache-2.0
 *
 * options.c - see options.h. */
#include "scenario/options.h"

#include <string.h>

/* What only makes sense together. */
static int options_settle(const struct crl_sim_options *options, char *why)
{
    bool runs = options->strategies != NULL || options->report != NULL || options->has_seed ||
                options->has_trace;
    if (options->list && options->show)
        return crl_options_refuse(why, "--list and --show exclude each other");
    if (options->list && options->target != NULL)
        return crl_options_refuse(why, "--list takes no scenario");
    if (!options->list && options->target == NULL)
        return crl_options_refuse(why, "which scenario? --list names those that are ready");
    if ((options->list || options->show) && runs)
        return crl_options_refuse(why, "%s runs nothing: it goes with no other option",
                                  options->list ? "--list" : "--show");
    if (options->show && options->json)
        return crl_options_refuse(why, "--show prints YAML, not JSON");
    return 0;
}

int crl_sim_options_read(int argc, char **argv, struct crl_sim_options *ret_options,
                         char why[CRL_OPTIONS_WHY_MAX])
{
    struct crl_sim_options options = {0};
    int64_t seed = -1, key = -1;
    const struct crl_option rows[] = {
        {"list", .flag = &options.list},
        {"show", .flag = &options.show},
        {"strategies", .text = &options.strategies},
        {"seed", .quantity = &seed, .range = {CRL_QUANTITY_COUNT, 0, INT64_MAX}},
        {"json", .flag = &options.json},
        {"report", .text = &options.report},
        {"trace", .quantity = &key, .range = {CRL_QUANTITY_COUNT, 0, UINT32_MAX}},
        {NULL},
    };
    int rc = crl_options_read(argc, argv, rows, &options.target, why);
    options.has_seed = seed >= 0;
    options.seed = (uint64_t)seed;
    options.has_trace = key >= 0;
    options.traced_key = (uint32_t)key;
    if (rc == 0)
        rc = options_settle(&options, why);
    if (rc == 0)
        *ret_options = options;
    return rc;
}

bool crl_sim_target_is_file(const char *target)
{
    size_t size = strlen(target);
    return strchr(target, '/') != NULL || (size > 5 && strcmp(target + size - 5, ".yaml") == 0) ||
           (size > 4 && strcmp(target + size - 4, ".yml") == 0);
}
