/* SPDX-License-Identifier: Apache-2.0
 *
 * options.h - what `corral sim` was asked to do. As pure as text/options.h. */
#ifndef CRL_SCENARIO_OPTIONS_H
#define CRL_SCENARIO_OPTIONS_H

#include "text/options.h"

struct crl_sim_options {
    const char *target;     /* a ready scenario's name, or a file; NULL with list */
    const char *strategies; /* names with commas between them; NULL: the scenario's columns */
    const char *report;     /* file; NULL: none */
    uint64_t seed;
    uint32_t traced_key;
    bool has_seed; /* else the scenario's */
    bool has_trace;
    bool json;
    bool list;
    bool show; /* print the scenario's file instead of running it */
};

/* crl_sim_options_read - read the command line of the verb, as crl_options_read() does. */
int crl_sim_options_read(int argc, char **argv, struct crl_sim_options *ret_options,
                         char why[CRL_OPTIONS_WHY_MAX]);

/* crl_sim_target_is_file - is it a path rather than a name: with a '/', or ending in .yaml or
 * .yml? */
bool crl_sim_target_is_file(const char *target);

#endif
