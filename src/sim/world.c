/* SPDX-License-Identifier: Apache-2.0
 *
 * world.c - the false world: processes that run the real core, and one virtual clock.
 *
 * Concept. A world is a heap of things that will happen: messages that arrive, queries that end,
 * timers of cores. It takes the earliest, moves the clock to it, hands the core of the node its
 * event, and carries out the actions that come out as further things that will happen. After every
 * step it may audit the core (crl_core_check), and an observer of its own (watch.c), who knows
 * nothing of the core's insides, judges the promises by what readers and the database see. The
 * first broken one is kept. The same plan gives the same run, to the last letter: no real clock, no
 * thread, no address is ever looked at.
 *
 * A node that is paused does nothing: what is meant for it happens when it goes on. A node whose
 * clock was stepped is ahead of the world; the core sees its node's clock only. */
#include "sim/private.h"

#include <stdio.h>
#include <string.h>

/* Beyond this many pairs of node and key the observer does without the rules that need them. */
#define KNOWN_MAX (1u << 16)

/* --------------------------------------------------------------------------------------- events */

struct sim_event *event_add(struct sim *sim, corral_us at, enum sim_what what, uint32_t node)
{
    struct sim_event *event = sim->free_events;
    if (event != NULL)
        sim->free_events = event->next;
    else
        event = malloc(sizeof *event);
    crl_assert(event != NULL);
    *event = (struct sim_event){.timer = {.kind = SIM_TIMER_EVENT}, .what = what, .node = node};
    if (node != SIM_NO_NODE) {
        event->incarnation = sim->nodes[node].incarnation;
        event->epoch = sim->nodes[node].wire.epoch;
    }
    crl_assert(crl_timers_reserve(&sim->queue, sim->queue.n + 1) == 0);
    crl_timer_arm(&sim->queue, &event->timer, at > sim->now ? at : sim->now);
    return event;
}

void event_free(struct sim *sim, struct sim_event *event)
{
    crl_timer_disarm(&sim->queue, &event->timer);
    if (event->entry != NULL)
        crl_entry_unref(sim->allocator, event->entry);
    free(event->bytes);
    event->next = sim->free_events;
    sim->free_events = event;
}

static bool event_is_for_nobody(const struct sim *sim, const struct sim_event *event)
{
    if (event->node == SIM_NO_NODE)
        return false;
    const struct sim_node *node = &sim->nodes[event->node];
    switch (event->what) {
    case SIM_STORE_ASKED: /* on their way already, whatever becomes of the sender */
    case SIM_STORE_TOLD:
    case SIM_FAULT_BEGINS:
    case SIM_FAULT_ENDS:
        return false;
    case SIM_STORE_REPLIED:
    case SIM_STORE_SILENT:
    case SIM_STORE_HEARD:
    case SIM_PUSHED:
    case SIM_READER_LEAVES:
    case SIM_DELAYED_GET:
    case SIM_WRITE:
    case SIM_OTHER:
        return node->down || event->incarnation != node->incarnation;
    }
    crl_unreachable();
}

static bool event_waits_for_its_node(const struct sim *sim, const struct sim_event *event)
{
    return event->node != SIM_NO_NODE && event->what != SIM_STORE_ASKED &&
           event->what != SIM_STORE_TOLD && event->what != SIM_FAULT_BEGINS &&
           event->what != SIM_FAULT_ENDS && node_is_paused(sim, event->node);
}

/* ---------------------------------------------------------------------------------------- nodes */

int node_start(struct sim *sim, uint32_t number)
{
    const struct sim_plan *plan = &sim->plan;
    struct sim_node *node = &sim->nodes[number];
    struct crl_core_config config = {
        .memory_bytes = plan->memory_bytes,
        .value_max = 1u << 20,
        .flights_max = plan->flights_max,
        .waiters_max = plan->waiters_max,
        .table_shards = 1,
        .seed = plan->seed,
        .narrates = sim->narrates,
        .allocator = sim->allocator,
    };
    int rc = crl_core_new(&config, &node->core);
    if (rc < 0)
        return rc;
    struct crl_core_origin origin = {.limits = plan->limits, .deadline_us = plan->deadline_us};
    rc = crl_core_add_origin(node->core, &origin);
    if (rc >= 0) {
        struct crl_core_space space = {
            .origin = (uint32_t)rc, .has_store = plan->store.exists, .policy = plan->policy};
        rc = crl_core_add_space(node->core, &space);
    }
    if (rc < 0)
        return rc;
    node->space = (uint32_t)rc;
    node->down = false;
    node->timer.kind = SIM_TIMER_NODE;
    return 0;
}

/* The process ends without a word: its readers are forgotten, its memory is given back quietly, its
 * queries are cancelled by the database, which sees the connections close. */
void node_stop(struct sim *sim, uint32_t number)
{
    struct sim_node *node = &sim->nodes[number];
    struct crl_event close = {.kind = CRL_CLOSE, .now = node_now(sim, number)};
    while (crl_counter_get(&crl_core_counts(node->core)->flights) > 0) {
        crl_core_step(node->core, &close, &sim->actions);
        trace_edges(sim);
    }
    struct sim_load *load, *next_load;
    cds_list_for_each_entry_safe(load, next_load, &node->loads, link) {
        struct crl_event end = {.kind = CRL_ORIGIN_ANSWERED,
                                .now = close.now,
                                .origin = {.load = load->id, .rc = CORRAL_ECLOSED}};
        crl_core_step(node->core, &end, &sim->actions);
        load_forget(sim, load);
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
    wire_forget(sim, number);
    for (uint32_t key = 0; sim->known != NULL && key < sim->keys_n; key++)
        *known_of(sim, number, key) = (struct sim_known){0};
}

/* The core's timer, in the world's time; not before the node goes on. */
void node_rearm(struct sim *sim, uint32_t number)
{
    struct sim_node *node = &sim->nodes[number];
    corral_us at = crl_core_next_at(node->core);
    if (at == CRL_NEVER) {
        crl_timer_disarm(&sim->queue, &node->timer);
        return;
    }
    at -= node->clock_ahead_us;
    at = at > node->paused_until ? at : node->paused_until;
    at = at > sim->now ? at : sim->now;
    if (node->timer.place != 0 && node->timer.at == at)
        return;
    crl_assert(crl_timers_reserve(&sim->queue, sim->queue.n + 1) == 0);
    crl_timer_arm(&sim->queue, &node->timer, at);
}

void node_step(struct sim *sim, uint32_t number, struct crl_event *event)
{
    struct sim_node *node = &sim->nodes[number];
    event->now = node_now(sim, number);
    event->space = node->space;
    sim->stepping = event->kind;
    sim->report->events++;
    crl_core_step(node->core, event, &sim->actions);
    trace_steps(sim, number);
    actions_run(sim, number);
    /* No reader runs beside the world, so a grace period passes at once. */
    struct crl_limbo *limbo = crl_table_limbo_take(crl_core_table(node->core));
    if (limbo != NULL)
        crl_table_limbo_drop(crl_core_table(node->core), limbo);
    node_rearm(sim, number);
    if (sim->options.audits) {
        crl_core_check(node->core);
        watch_node(sim, number);
    }
}

/* ---------------------------------------------------------------------------------------- world */

uint32_t world_key_add(struct sim *sim, const char *text)
{
    crl_assert(sim->keys_n < sim->keys_room && strlen(text) <= SIM_KEY_MAX);
    struct sim_key *key = &sim->keys[sim->keys_n];
    key->size = (uint32_t)strlen(text);
    memcpy(key->text, text, key->size + 1);
    key->hash = crl_core_hash(sim->nodes[0].core, sim->nodes[0].space, crl_bytes(text, key->size));
    key->version = 1;
    CDS_INIT_LIST_HEAD(&key->live);
    return sim->keys_n++;
}

int world_init(struct sim *sim, const struct sim_plan *plan, const struct sim_run_options *options,
               struct sim_report *report, uint32_t keys_room)
{
    *sim = (struct sim){.plan = *plan,
                        .database = plan->database,
                        .report = report,
                        .store_is_up = true,
                        .keys_room = keys_room,
                        .allocator = &crl_allocator_malloc};
    if (options != NULL)
        sim->options = *options;
    sim->narrates = sim->options.trace != NULL || sim->options.edges != NULL;
    sim->network_lots = crl_rng_split(plan->seed, "network");
    sim->reader_lots = crl_rng_split(plan->seed, "readers");
    sim_db_init(&sim->db, &sim->database, &sim->queue, SIM_TIMER_QUERY, plan->seed);
    sim->nodes = calloc(plan->nodes, sizeof *sim->nodes);
    sim->keys = calloc(keys_room, sizeof *sim->keys);
    if (plan->store.exists)
        sim->store = crl_store_memory_new(wire_push, sim);
    if ((uint64_t)plan->nodes * keys_room <= KNOWN_MAX)
        sim->known = calloc((size_t)plan->nodes * keys_room, sizeof *sim->known);
    if (sim->nodes == NULL || sim->keys == NULL || (plan->store.exists && sim->store == NULL))
        return CORRAL_ENOMEM;
    CDS_INIT_LIST_HEAD(&sim->answered);
    for (uint32_t i = 0; i < plan->nodes; i++) {
        sim->nodes[i].down = true;
        CDS_INIT_LIST_HEAD(&sim->nodes[i].readers);
        CDS_INIT_LIST_HEAD(&sim->nodes[i].loads);
    }
    return 0;
}

void world_fini(struct sim *sim)
{
    for (uint32_t i = 0; sim->nodes != NULL && i < sim->plan.nodes; i++) {
        if (sim->nodes[i].core != NULL)
            node_stop(sim, i);
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
            free(caa_container_of(timer, struct sim_load, query.timer));
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
    free(sim->known);
    free(sim->keys);
    free(sim->nodes);
}

static void event_happen(struct sim *sim, struct sim_event *event)
{
    switch (event->what) {
    case SIM_STORE_ASKED:
    case SIM_STORE_REPLIED:
    case SIM_STORE_SILENT:
    case SIM_STORE_TOLD:
    case SIM_STORE_HEARD:
    case SIM_PUSHED:
        wire_happen(sim, event);
        break;
    case SIM_FAULT_BEGINS:
    case SIM_FAULT_ENDS:
        fault_happen(sim, event);
        break;
    case SIM_DELAYED_GET:
        world_get(sim, event->node, event->key, event->at, event->span_us);
        break;
    case SIM_READER_LEAVES:
    case SIM_WRITE:
    case SIM_OTHER:
        sim->happen(sim, event);
        break;
    }
}

static void timer_fires(struct sim *sim, struct crl_timer *timer)
{
    switch ((enum sim_timer_kind)timer->kind) {
    case SIM_TIMER_NODE: {
        struct sim_node *node = caa_container_of(timer, struct sim_node, timer);
        node_step(sim, (uint32_t)(node - sim->nodes), &(struct crl_event){.kind = CRL_TIMER});
        break;
    }
    case SIM_TIMER_QUERY:
        load_ends(sim, caa_container_of(timer, struct sim_query, timer));
        break;
    case SIM_TIMER_EVENT: {
        struct sim_event *event = caa_container_of(timer, struct sim_event, timer);
        if (event_waits_for_its_node(sim, event)) {
            crl_timer_arm(&sim->queue, timer, sim->nodes[event->node].paused_until);
            break;
        }
        if (!event_is_for_nobody(sim, event))
            event_happen(sim, event);
        event_free(sim, event);
        break;
    }
    }
}

corral_us world_next_at(const struct sim *sim)
{
    return crl_timers_next_at(&sim->queue);
}

bool world_turn(struct sim *sim)
{
    corral_us at = crl_timers_next_at(&sim->queue);
    if (at == CRL_NEVER)
        return false;
    sim->now = at;
    timer_fires(sim, crl_timers_pop(&sim->queue, at));
    return true;
}
