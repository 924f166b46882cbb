/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.c - see plan.h. */
#include "scenario/plan.h"

#include "config/policy.h"

#include <stdlib.h>

#define FLIGHTS_MAX 65536 /* of a node, as the library's defaults */
#define WAITERS_MAX 131072

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
