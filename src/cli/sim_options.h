/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_options.h - what `corral sim` was asked to do. Pure but for getopt's own variables. */
#ifndef CRL_CLI_SIM_OPTIONS_H
#define CRL_CLI_SIM_OPTIONS_H

#include <corral/corral.h>

struct crl_sim_options {
    const char *target;     /* a ready scenario's name, or a file; NULL with list and help */
    const char *strategies; /* names with commas between them; NULL: the scenario's columns */
    const char *report;     /* file; NULL: none */
    uint64_t seed;
    uint32_t traced_key;
    bool has_seed; /* else the scenario's */
    bool has_trace;
    bool json;
    bool list;
    bool show; /* print the scenario's file instead of running it */
    bool help;
};

/* crl_sim_options_parse - read the command line of the verb; argv[0] is not looked at.
 * The strings of the result are borrowed from argv. With `help` the rest is not checked.
 * why   on failure, a sentence for people
 * Returns 0, or EINVAL. Not thread-safe (getopt). */
int crl_sim_options_parse(int argc, char **argv, struct crl_sim_options *ret_options, char *why,
                          size_t why_size);

/* crl_sim_target_is_file - is it a path rather than a name: with a '/', or ending in .yaml or
 * .yml? */
bool crl_sim_target_is_file(const char *target);

#endif
