/* SPDX-License-Identifier: Apache-2.0
 *
 * column.h - the columns in which a scenario is run, side by side.
 *
 * They are the variants that `compare` lists, each of them the scenario with some values replaced;
 * or, without it, the scenario itself, named by its strategy. */
#ifndef CRL_SCENARIO_COLUMN_H
#define CRL_SCENARIO_COLUMN_H

#include "scenario/scenario.h"

/* The scenario as one column runs it. Borrows its name from the scenario. */
struct crl_sim_column {
    const char *name;
    struct crl_config_route route;
    struct crl_config_origin origin;
    struct crl_sim_database database;
    struct crl_sim_store store;
    bool has_store;
};

/* crl_sim_columns - how many columns a scenario has of its own. At least 1. */
size_t crl_sim_columns(const struct crl_sim_scenario *scenario);

/* crl_sim_column - the column of this number. */
struct crl_sim_column crl_sim_column(const struct crl_sim_scenario *scenario, size_t i);

/* crl_sim_column_find - the column of this name; or, if it is a strategy's, the scenario itself
 * under that strategy. Returns 0, or EINVAL: there is neither. */
int crl_sim_column_find(const struct crl_sim_scenario *scenario, const char *name,
                        struct crl_sim_column *ret_column);

#endif
