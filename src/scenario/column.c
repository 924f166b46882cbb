/* SPDX-License-Identifier: Apache-2.0
 *
 * column.c - see column.h. */
#include "scenario/column.h"

#include "base/assert.h"
#include "config/policy.h"

#include <string.h>

size_t crl_sim_columns(const struct crl_sim_scenario *scenario)
{
    return scenario->variants_n > 0 ? scenario->variants_n : 1;
}

static struct crl_sim_column column_of_scenario(const struct crl_sim_scenario *scenario)
{
    return (struct crl_sim_column){
        .name = crl_config_strategy_word(scenario->route.strategy),
        .route = scenario->route,
        .origin = scenario->origin,
        .database = scenario->database,
        .store = scenario->store,
        .has_store = scenario->store_at.line != 0,
    };
}

struct crl_sim_column crl_sim_column(const struct crl_sim_scenario *scenario, size_t i)
{
    struct crl_sim_column column = column_of_scenario(scenario);
    crl_assert(i < crl_sim_columns(scenario));
    if (scenario->variants_n == 0)
        return column;
    const struct crl_sim_variant *variant = &scenario->variants[i];
    column.name = variant->name;
    crl_schema_overlay(&crl_config_policy_overlay, &variant->route, &column.route);
    crl_schema_overlay(&crl_config_guard_overlay, &variant->origin, &column.origin);
    crl_schema_overlay(&crl_sim_database_overlay, &variant->database, &column.database);
    crl_schema_overlay(&crl_sim_store_overlay, &variant->store, &column.store);
    column.has_store = column.has_store || variant->store_at.line != 0;
    return column;
}

int crl_sim_column_find(const struct crl_sim_scenario *scenario, const char *name,
                        struct crl_sim_column *ret_column)
{
    for (size_t i = 0; i < crl_sim_columns(scenario); i++) {
        struct crl_sim_column column = crl_sim_column(scenario, i);
        if (strcmp(column.name, name) != 0)
            continue;
        *ret_column = column;
        return CORRAL_OK;
    }
    enum crl_config_strategy strategy;
    if (!crl_config_strategy_find(name, &strategy))
        return CORRAL_EINVAL;
    *ret_column = column_of_scenario(scenario);
    ret_column->route.strategy = strategy;
    ret_column->name = crl_config_strategy_word(strategy);
    return CORRAL_OK;
}
