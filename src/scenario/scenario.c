/* SPDX-License-Identifier: Apache-2.0
 *
 * scenario.c - read a scenario, lay its variants over it, make plans of it. */
#include "scenario/scenario.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "config/policy.h"
#include "yaml/text_file.h"

#include <stdlib.h>
#include <string.h>

#define FLIGHTS_MAX 65536 /* of a node, as the library's defaults */
#define WAITERS_MAX 131072

/* -------------------------------------------------------------------------------------- reading */

static int scenario_parse(struct corral_bytes text, struct crl_problems *problems,
                          struct crl_sim_scenario **ret_scenario)
{
    struct crl_yaml yaml;
    int rc = crl_yaml_load(text, problems, &yaml);
    if (rc < 0)
        return rc;
    struct crl_sim_scenario *scenario = calloc(1, sizeof *scenario);
    if (scenario) {
        crl_schema_read(&crl_sim_scenario_schema, &yaml, scenario, problems);
        crl_sim_check(scenario, problems);
    }
    rc = scenario ? crl_problems_rc(problems) : CORRAL_ENOMEM;
    crl_yaml_fini(&yaml);
    if (rc < 0) {
        crl_sim_scenario_free(scenario);
        return rc;
    }
    *ret_scenario = scenario;
    return CORRAL_OK;
}

int crl_sim_scenario_parse(struct corral_bytes text, struct crl_problems *problems,
                           struct crl_sim_scenario **ret_scenario)
{
    int rc = scenario_parse(text, problems, ret_scenario);
    crl_problems_sort(problems);
    return rc;
}

int crl_sim_scenario_load(const char *file, struct crl_problems *problems,
                          struct crl_sim_scenario **ret_scenario)
{
    char *text = NULL;
    size_t size = 0;
    int rc = crl_text_file_read(file, CRL_YAML_BYTES_MAX, problems, &text, &size);
    if (rc < 0)
        return rc;
    rc = crl_sim_scenario_parse(crl_bytes(text, size), problems, ret_scenario);
    free(text);
    return rc;
}

void crl_sim_scenario_free(struct crl_sim_scenario *scenario)
{
    if (!scenario)
        return;
    crl_schema_clear(&crl_sim_scenario_schema, scenario);
    free(scenario);
}

/* -------------------------------------------------------------------------------------- columns */

const char *crl_sim_strategy_word(enum crl_config_strategy strategy)
{
    switch (strategy) {
    case CRL_STRATEGY_COALESCING:
        return "coalescing";
    case CRL_STRATEGY_NONE:
        return "none";
    }
    crl_unreachable();
}

size_t crl_sim_columns(const struct crl_sim_scenario *scenario)
{
    return scenario->variants_n > 0 ? scenario->variants_n : 1;
}

static struct crl_sim_column column_of_scenario(const struct crl_sim_scenario *scenario)
{
    return (struct crl_sim_column){
        .name = crl_sim_strategy_word(scenario->route.strategy),
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
    static const enum crl_config_strategy strategies[] = {CRL_STRATEGY_NONE,
                                                          CRL_STRATEGY_COALESCING};
    for (size_t i = 0; i < sizeof strategies / sizeof strategies[0]; i++) {
        if (strcmp(crl_sim_strategy_word(strategies[i]), name) != 0)
            continue;
        *ret_column = column_of_scenario(scenario);
        ret_column->route.strategy = strategies[i];
        ret_column->name = crl_sim_strategy_word(strategies[i]);
        return CORRAL_OK;
    }
    return CORRAL_EINVAL;
}

/* ---------------------------------------------------------------------------------------- plans */

/* Points at the same instant are a jump: nothing lies between them. Nor does behind the end. */
static uint32_t pieces_make(const struct crl_sim_scenario *scenario, struct sim_rate_piece *pieces)
{
    const struct crl_sim_readers *readers = &scenario->readers;
    uint32_t n = 0;
    for (size_t i = 0; i < readers->points_n; i++) {
        const struct crl_sim_point *point = &readers->points[i];
        bool is_last = i + 1 == readers->points_n;
        if (point->at_us == scenario->lasts_us || (!is_last && point[1].at_us == point->at_us))
            continue;
        double to = is_last ? point->rate : point[1].rate;
        pieces[n++] = (struct sim_rate_piece){point->at_us, point->rate, to};
    }
    if (readers->points_n == 0 && readers->rate > 0)
        pieces[n++] = (struct sim_rate_piece){0, readers->rate, readers->rate};
    return n;
}

static int burst_compare(const void *left, const void *right)
{
    const struct sim_burst *a = left, *b = right;
    return a->at < b->at ? -1 : a->at > b->at;
}

static uint32_t bursts_make(const struct crl_sim_readers *readers, struct sim_burst *bursts)
{
    for (size_t i = 0; i < readers->bursts_n; i++) {
        const struct crl_sim_burst *burst = &readers->bursts[i];
        bursts[i] = (struct sim_burst){burst->at_us, burst->requests, burst->within_us};
    }
    if (readers->bursts_n > 1)
        qsort(bursts, readers->bursts_n, sizeof bursts[0], burst_compare);
    return (uint32_t)readers->bursts_n;
}

static uint32_t faults_make(const struct crl_sim_scenario *scenario, struct sim_fault *faults)
{
    for (size_t i = 0; i < scenario->faults_n; i++) {
        const struct crl_sim_fault *fault = &scenario->faults[i];
        faults[i] = (struct sim_fault){
            .kind = fault->kind,
            .at = fault->at_us,
            .lasts_us = fault->lasts_us,
            .node_from = fault->node_from,
            .node_to = fault->node_to,
            .stagger_us = fault->stagger_us,
            .factor = fault->factor,
            .step_us = fault->step_us,
        };
    }
    return (uint32_t)scenario->faults_n;
}

static struct sim_database database_of(const struct crl_sim_database *database)
{
    return (struct sim_database){
        .service = database->service,
        .mean_us = database->mean_us,
        .sigma = database->sigma,
        .servers = database->servers,
        .slowdown = database->slowdown,
        .timeout_us = database->timeout_us,
        .fails = database->fails,
        .absent = database->absent,
        .cancel_us = database->cancel_us,
    };
}

static struct sim_readers readers_of(const struct crl_sim_scenario *scenario,
                                     const struct crl_sim_column *column, struct crl_sim_made *made)
{
    bool is_zipf = scenario->keys.popularity == CRL_SIM_ZIPF;
    return (struct sim_readers){
        .arrivals = scenario->readers.arrivals,
        .pieces = made->pieces,
        .pieces_n = pieces_make(scenario, made->pieces),
        .bursts = made->bursts,
        .bursts_n = bursts_make(&scenario->readers, made->bursts),
        .keys = scenario->keys.count,
        .popularity = is_zipf ? SIM_POPULARITY_ZIPF : SIM_POPULARITY_UNIFORM,
        .zipf_s = scenario->keys.exponent,
        .wait_us = column->route.wait_us,
        .give_up = scenario->readers.give_up,
        .writes = scenario->readers.writes,
    };
}

void crl_sim_plan_make(const struct crl_sim_scenario *scenario, const struct crl_sim_column *column,
                       uint64_t seed, struct crl_sim_made *ret_made)
{
    const struct crl_sim_store *store = &column->store;
    ret_made->plan = (struct sim_plan){
        .seed = seed,
        .nodes = scenario->nodes,
        .lasts_us = scenario->lasts_us,
        .measure_at = scenario->measure_us,
        .readers = readers_of(scenario, column, ret_made),
        .spaces = {{.policy = crl_config_policy(&column->route),
                    .has_store = column->has_store,
                    .share = 1}},
        .spaces_n = 1,
        .origins = {{.limits = {column->origin.concurrency, column->origin.queue},
                     .deadline_us = column->origin.deadline_us,
                     .database = database_of(&column->database)}},
        .origins_n = 1,
        .memory_bytes = scenario->memory_bytes,
        .flights_max = FLIGHTS_MAX,
        .waiters_max = WAITERS_MAX,
        .store = {.network = {store->latency_us, store->spread_us, store->drops},
                  .timeout_us = store->timeout_us,
                  .lease_us = store->lease_us},
        .faults = ret_made->faults,
        .faults_n = faults_make(scenario, ret_made->faults),
    };
}
