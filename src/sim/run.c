/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - plans: the readers of traffic.h come to a false world, and writes and faults befall
 * it. */
#include "sim/report.h"

#include "sim/model/traffic.h"
#include "sim/watch/watch.h"
#include "sim/world/faults.h"
#include "sim/world/fleet.h"
#include "sim/world/readers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NODES_MAX (1u << 16)
#define KEYS_MAX  (1u << 24)

/* Readers come one after the other, so bursts must not overlap. */
static bool bursts_are_apart(const struct sim_readers *readers)
{
    for (uint32_t i = 0; i + 1 < readers->bursts_n; i++) {
        if (readers->bursts[i].at + readers->bursts[i].within_us > readers->bursts[i + 1].at)
            return false;
    }
    return true;
}

static bool origin_is_valid(const struct sim_origin_plan *origin)
{
    return origin->deadline_us > 0 && origin->limits.concurrency >= 1 &&
           origin->database.servers >= 1 && origin->database.mean_us >= 0;
}

static bool spaces_are_valid(const struct sim_plan *plan)
{
    bool are = plan->spaces_n >= 1 && plan->spaces_n <= SIM_SPACES_MAX && plan->origins_n >= 1 &&
               plan->origins_n <= SIM_ORIGINS_MAX;
    for (uint32_t i = 0; are && i < plan->origins_n; i++)
        are = origin_is_valid(&plan->origins[i]);
    for (uint32_t i = 0; are && i < plan->spaces_n; i++)
        are = plan->spaces[i].origin < plan->origins_n && plan->spaces[i].share >= 1;
    return are;
}

static bool plan_is_valid(const struct sim_plan *plan)
{
    return plan->nodes >= 1 && plan->nodes <= NODES_MAX && plan->readers.keys >= 1 &&
           plan->readers.keys <= KEYS_MAX && plan->lasts_us > 0 && plan->readers.wait_us >= 0 &&
           bursts_are_apart(&plan->readers) && spaces_are_valid(plan) &&
           (!sim_plan_has_store(plan) || (plan->store.timeout_us > 0 && plan->store.lease_us > 0));
}

/* A node that can be reached; SIM_NO_NODE if none can. */
static uint32_t node_up(const struct sim *sim, uint32_t wanted)
{
    for (uint32_t i = 0; i < sim->plan.nodes; i++) {
        uint32_t node = (wanted + i) % sim->plan.nodes;
        if (!sim->nodes[node].down)
            return node;
    }
    return SIM_NO_NODE;
}

static void get(struct sim *sim, uint32_t node, uint32_t key, corral_us asked_at)
{
    readers_get(sim, &(struct sim_get){.node = node,
                                       .key = key,
                                       .asked_at = asked_at,
                                       .wait_us = sim->plan.readers.wait_us});
}

/* By a node that was paused. */
static void get_is_taken(struct sim *sim, struct sim_event *event)
{
    get(sim, event->node, event->key, event->at);
}

static void reader_comes(struct sim *sim, uint32_t wanted, uint32_t key)
{
    uint32_t node = node_up(sim, wanted);
    if (node == SIM_NO_NODE) {
        sim->report->forgotten++;
        return;
    }
    if (!node_is_paused(sim, node)) {
        get(sim, node, key, sim->now);
        return;
    }
    struct sim_event *later = event_add(sim, sim->nodes[node].paused_until, get_is_taken, node);
    later->key = key;
    later->at = sim->now;
}

static void schedule_write(struct sim *sim);

static void write_happens(struct sim *sim, struct sim_event *event)
{
    (void)event;
    uint32_t wanted = (uint32_t)crl_rng_below(&sim->reader_lots, sim->plan.nodes);
    uint32_t key = (uint32_t)crl_rng_below(&sim->reader_lots, sim->plan.readers.keys);
    uint32_t node = node_up(sim, wanted);
    bool puts =
        sim->plan.readers.puts > 0 && crl_rng_uniform(&sim->reader_lots) <= sim->plan.readers.puts;
    bool clears = sim->plan.readers.clears > 0 && !key_space(sim, key)->has_store &&
                  crl_rng_uniform(&sim->clear_lots) <= sim->plan.readers.clears;
    bool can = node != SIM_NO_NODE && !node_is_paused(sim, node);
    if (can && clears)
        readers_clear(sim, node, sim->keys[key].space);
    else if (can && puts)
        readers_put(sim, node, key, sizeof(struct sim_value));
    else if (can)
        readers_write(sim, node, key);
    schedule_write(sim);
}

/* The next one. Each write schedules the one after it. */
static void schedule_write(struct sim *sim)
{
    if (sim->plan.readers.writes <= 0)
        return;
    double gap_us = -log(crl_rng_uniform(&sim->reader_lots)) / sim->plan.readers.writes * 1e6;
    corral_us at = sim->now + 1 + (corral_us)gap_us;
    if (at < sim->plan.lasts_us)
        event_add(sim, at, write_happens, SIM_NO_NODE);
}

static void schedule_refresh(struct sim *sim);

static void refresh_happens(struct sim *sim, struct sim_event *event)
{
    (void)event;
    uint32_t node = node_up(sim, (uint32_t)crl_rng_below(&sim->refresh_lots, sim->plan.nodes));
    uint32_t key = (uint32_t)crl_rng_below(&sim->refresh_lots, sim->plan.readers.keys);
    uint64_t reason = 1 + crl_rng_below(&sim->refresh_lots, CRL_LOAD_REASONS - 1);
    if (node != SIM_NO_NODE && !node_is_paused(sim, node))
        readers_refresh(sim, node, key, (enum crl_load_reason)reason);
    schedule_refresh(sim);
}

/* The next one, likewise. */
static void schedule_refresh(struct sim *sim)
{
    if (sim->plan.readers.refreshes <= 0)
        return;
    double gap_us = -log(crl_rng_uniform(&sim->refresh_lots)) / sim->plan.readers.refreshes * 1e6;
    corral_us at = sim->now + 1 + (corral_us)gap_us;
    if (at < sim->plan.lasts_us)
        event_add(sim, at, refresh_happens, SIM_NO_NODE);
}

static void run(struct sim *sim, struct sim_traffic *traffic)
{
    while (!watch_is_broken(sim)) {
        corral_us arrival_at = sim_traffic_next_at(traffic);
        corral_us event_at = fleet_next_at(sim);
        if (arrival_at == CRL_NEVER && event_at == CRL_NEVER)
            break;
        if (event_at <= arrival_at) {
            fleet_next(sim);
            continue;
        }
        uint32_t node, key;
        crl_assert(arrival_at >= sim->now);
        sim->now = arrival_at;
        sim_traffic_take(traffic, &node, &key);
        reader_comes(sim, node, key);
    }
    if (!watch_is_broken(sim))
        watch_end(sim);
}

static int populate(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.nodes; i++) {
        int rc = fleet_start(sim, i);
        if (rc < 0)
            return rc;
    }
    for (uint32_t i = 0; i < sim->plan.readers.keys; i++) {
        struct sim_key_place place = sim_plan_locate(&sim->plan, i);
        char text[SIM_KEY_MAX + 1];
        snprintf(text, sizeof text, "key:%u", place.number);
        key_add(sim, place.space, text);
    }
    sim->keys_are_numbered = true;
    return 0;
}

int sim_run_plan(const struct sim_plan *plan, const struct sim_run_options *options,
                 struct sim_report *ret_report)
{
    if (!plan_is_valid(plan))
        return CORRAL_EINVAL;
    memset(ret_report, 0, sizeof *ret_report);
    ret_report->slice_us = (plan->lasts_us + SIM_SLICES - 1) / SIM_SLICES;
    ret_report->slices_n = SIM_SLICES;
    struct sim *sim = malloc(sizeof *sim);
    if (sim == NULL)
        return CORRAL_ENOMEM;
    int rc = fleet_init(sim, plan, options, ret_report, plan->readers.keys);
    if (rc == 0)
        rc = populate(sim);
    if (rc == 0) {
        faults_schedule(sim);
        schedule_write(sim);
        schedule_refresh(sim);
        struct sim_traffic traffic;
        sim_traffic_init(&traffic, &sim->plan);
        run(sim, &traffic);
    }
    fleet_fini(sim);
    free(sim);
    return rc;
}
