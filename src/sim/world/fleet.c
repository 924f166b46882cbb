/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet.c - see fleet.h. */
#include "sim/world/fleet.h"

#include "sim/watch/watch.h"
#include "sim/world/loads.h"
#include "sim/world/node.h"
#include "sim/world/readers.h"
#include "sim/world/trace.h"
#include "sim/world/wire.h"

#include <stdio.h>

/* ------------------------------------------------------------------------------------ processes */

/* Its origins and spaces get the numbers that they have in the plan. */
static int core_furnish(struct crl_core *core, const struct sim_plan *plan)
{
    int rc = 0;
    for (uint32_t i = 0; rc >= 0 && i < plan->origins_n; i++) {
        const struct sim_origin_plan *origin = &plan->origins[i];
        struct crl_core_origin config = {.limits = origin->limits,
                                         .deadline_us = origin->deadline_us,
                                         .batch_max = origin->batch_max,
                                         .hedge_us = origin->hedge_us};
        rc = crl_core_add_origin(core, &config);
        crl_assert(rc < 0 || (uint32_t)rc == i);
    }
    for (uint32_t i = 0; rc >= 0 && i < plan->spaces_n; i++) {
        const struct sim_space_plan *space = &plan->spaces[i];
        struct crl_core_space config = {.origin = space->origin,
                                        .has_store = space->has_store,
                                        .policy = space->policy,
                                        .failure_us = space->failure_us};
        rc = crl_core_add_space(core, &config);
        crl_assert(rc < 0 || (uint32_t)rc == i);
    }
    return rc < 0 ? rc : 0;
}

int fleet_start(struct sim *sim, uint32_t number)
{
    const struct sim_plan *plan = &sim->plan;
    struct sim_node *node = &sim->nodes[number];
    struct crl_core_config config = {
        .memory_bytes = plan->memory_bytes,
        .value_max = SIM_VALUE_MAX,
        .flights_max = plan->flights_max,
        .waiters_max = plan->waiters_max,
        .table_shards = 1,
        .seed = plan->seed,
        .token_seeds = {plan->seed, (uint64_t)number << 32 | node->incarnation},
        .narrates = sim->narrates,
        .allocator = sim->allocator,
    };
    int rc = crl_core_new(&config, &node->core);
    if (rc == 0)
        rc = core_furnish(node->core, plan);
    if (rc < 0)
        return rc;
    node->down = false;
    node->needed_by_hits = 0;
    node->timer.kind = SIM_TIMER_NODE;
    for (uint32_t i = 0; i < plan->origins_n; i++)
        node->limits[i] = plan->origins[i].limits.concurrency;
    return wire_open(sim, number);
}

void fleet_stop(struct sim *sim, uint32_t number)
{
    struct sim_node *node = &sim->nodes[number];
    struct crl_event close = {.kind = CRL_CLOSE, .now = node_now(sim, number)};
    while (crl_counter_get(&crl_core_counts(node->core)->flights) > 0) {
        crl_core_step(node->core, &close, &sim->actions);
        trace_edges(sim);
    }
    while (!cds_list_empty(&node->loads)) {
        struct sim_load *load = cds_list_entry(node->loads.prev, struct sim_load, link);
        struct crl_event end = {.kind = CRL_ORIGIN_ANSWERED,
                                .now = close.now,
                                .origin = {.load = load->id, .rc = CORRAL_ECLOSED}};
        crl_core_step(node->core, &end, &sim->actions);
        loads_forget(sim, load);
    }
    struct sim_reader *reader, *next_reader;
    cds_list_for_each_entry_safe(reader, next_reader, &node->readers, link) {
        cds_list_del(&reader->link);
        free(reader);
        sim->report->forgotten++;
    }
    crl_core_free(node->core);
    node->core = NULL;
    crl_timer_disarm(&sim->queue, &node->timer);
    node->down = true;
    node->incarnation++;
    node->paused_until = 0;
    wire_close(sim, number);
    watch_node_gone(sim, number);
}

/* What the core of a node asks for. */
static void carry_out(struct sim *sim, uint32_t node)
{
    for (uint32_t i = 0; i < sim->actions.n && !watch_is_broken(sim); i++) {
        struct crl_action *action = &sim->actions.v[i];
        switch (action->kind) {
        case CRL_ANSWER:
            readers_answer(sim, action);
            break;
        case CRL_ASK_ORIGIN:
            loads_begin(sim, node, action);
            break;
        case CRL_CANCEL_LOAD:
            loads_cancel(sim, node, action);
            break;
        case CRL_ASK_STORE:
        case CRL_RENEW_LEASE:
        case CRL_FILL_STORE:
        case CRL_RELEASE_LEASE:
        case CRL_INVALIDATE_STORE:
            watch_told(sim, node, action);
            wire_tell(sim, node, action);
            break;
        }
    }
}

/* ---------------------------------------------------------------------------------------- world */

/* Each has a stream of lots of its own. */
static void origin_init(struct sim *sim, uint32_t number)
{
    struct sim_origin *origin = &sim->origins[number];
    char lots[24] = "database";
    if (number > 0)
        snprintf(lots, sizeof lots, "database %u", number);
    origin->model = sim->plan.origins[number].database;
    sim_db_init(&origin->db, &origin->model, &sim->queue, SIM_TIMER_QUERY,
                crl_rng_split(sim->plan.seed, lots));
}

int fleet_init(struct sim *sim, const struct sim_plan *plan, const struct sim_run_options *options,
               struct sim_report *report, uint32_t keys_room)
{
    *sim = (struct sim){.plan = *plan,
                        .report = report,
                        .carry_out = carry_out,
                        .store_is_up = true,
                        .keys_room = keys_room,
                        .allocator = &crl_allocator_malloc};
    if (options != NULL)
        sim->options = *options;
    if (sim->options.allocator != NULL)
        sim->allocator = sim->options.allocator;
    sim->narrates = sim->options.trace != NULL || sim->options.edges != NULL;
    sim->network_lots = crl_rng_split(plan->seed, "network");
    sim->reader_lots = crl_rng_split(plan->seed, "readers");
    sim->clear_lots = crl_rng_split(plan->seed, "clears");
    sim->refresh_lots = crl_rng_split(plan->seed, "refreshes");
    for (uint32_t i = 0; i < plan->origins_n; i++)
        origin_init(sim, i);
    sim->nodes = calloc(plan->nodes, sizeof *sim->nodes);
    sim->keys = calloc(keys_room, sizeof *sim->keys);
    if (sim_plan_has_store(plan))
        sim->store = crl_store_memory_new(sim->allocator, wire_push, sim);
    watch_init(sim);
    bool has_store = sim->store != NULL || !sim_plan_has_store(plan);
    if (sim->nodes == NULL || sim->keys == NULL || !has_store)
        return CORRAL_ENOMEM;
    CDS_INIT_LIST_HEAD(&sim->answered);
    for (uint32_t i = 0; i < plan->nodes; i++) {
        sim->nodes[i].down = true;
        CDS_INIT_LIST_HEAD(&sim->nodes[i].readers);
        CDS_INIT_LIST_HEAD(&sim->nodes[i].loads);
    }
    return 0;
}

void fleet_fini(struct sim *sim)
{
    for (uint32_t i = 0; sim->nodes != NULL && i < sim->plan.nodes; i++) {
        if (sim->nodes[i].core != NULL)
            fleet_stop(sim, i);
    }
    struct sim_reader *reader, *next_reader;
    cds_list_for_each_entry_safe(reader, next_reader, &sim->answered, link)
        free(reader);
    while (sim->queue.n > 0) {
        struct crl_timer *timer = sim->queue.heap[0];
        crl_timer_disarm(&sim->queue, timer);
        if (timer->kind == SIM_TIMER_EVENT)
            event_free(sim, caa_container_of(timer, struct sim_event, timer));
        else if (timer->kind == SIM_TIMER_QUERY)
            loads_free(caa_container_of(timer, struct sim_load, query.timer));
    }
    while (sim->free_events != NULL) {
        struct sim_event *event = sim->free_events;
        sim->free_events = event->next;
        free(event);
    }
    for (uint32_t i = 0; sim->keys != NULL && i < sim->keys_n; i++) {
        free(sim->keys[i].interested);
        free(sim->keys[i].is_interested);
    }
    if (sim->store != NULL)
        crl_store_memory_free(sim->store);
    crl_timers_fini(&sim->queue);
    watch_fini(sim);
    free(sim->keys);
    free(sim->nodes);
}

corral_us fleet_next_at(const struct sim *sim)
{
    return crl_timers_next_at(&sim->queue);
}

static void timer_fires(struct sim *sim, struct crl_timer *timer)
{
    switch ((enum sim_timer_kind)timer->kind) {
    case SIM_TIMER_NODE: {
        struct sim_node *node = caa_container_of(timer, struct sim_node, timer);
        node_timer(sim, (uint32_t)(node - sim->nodes));
        break;
    }
    case SIM_TIMER_QUERY:
        loads_end(sim, caa_container_of(timer, struct sim_query, timer));
        break;
    case SIM_TIMER_EVENT:
        event_fires(sim, caa_container_of(timer, struct sim_event, timer));
        break;
    }
}

bool fleet_next(struct sim *sim)
{
    corral_us at = crl_timers_next_at(&sim->queue);
    if (at == CRL_NEVER)
        return false;
    sim->now = at;
    timer_fires(sim, crl_timers_pop(&sim->queue, at));
    return true;
}
