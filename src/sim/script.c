/* SPDX-License-Identifier: Apache-2.0
 *
 * script.c - stories: see script.h. */
#include "sim/script.h"

#include "sim/watch/watch.h"
#include "sim/world/fleet.h"
#include "sim/world/node.h"
#include "sim/world/readers.h"
#include "sim/world/trace.h"
#include "sim/world/wire.h"

#include <stdio.h>
#include <string.h>

#define KEYS_MAX  64
#define NODES_MAX 64

/* A world and what is remembered of it. */
struct script {
    struct sim sim; /* first */
    struct sim_report report;
    uint32_t peak;
    uint32_t answers[32]; /* by result + 16 */
    corral_us last_answer_at;
    char *trace;
    size_t trace_size, trace_room;
};

static void keep_line(void *arg, const char *line)
{
    struct script *script = arg;
    size_t size = strlen(line);
    if (script->trace_size + size + 2 > script->trace_room) {
        script->trace_room = script->trace_room * 2 + size + 256;
        script->trace = realloc(script->trace, script->trace_room);
        crl_assert(script->trace != NULL);
    }
    memcpy(script->trace + script->trace_size, line, size);
    memcpy(script->trace + script->trace_size + size, "\n", 2);
    script->trace_size += size + 1;
}

static void keep_answer(struct sim *sim, uint32_t reader, int result)
{
    struct script *script = (struct script *)sim;
    (void)reader;
    script->last_answer_at = sim->now;
    if (result >= -16 && result < 16)
        script->answers[result + 16]++;
}

#define OR(given, otherwise) ((given) != 0 ? (given) : (otherwise))

static struct sim_origin_plan origin_complete(const struct sim_origin_plan *origin)
{
    return (struct sim_origin_plan){
        .limits = {.concurrency = OR(origin->limits.concurrency, 20),
                   .queue = OR(origin->limits.queue, 1000)},
        .deadline_us = OR(origin->deadline_us, CORRAL_SECONDS(2)),
        .batch_max = origin->batch_max,
        .hedge_us = origin->hedge_us,
        .ttl_us = origin->ttl_us,
        .database = {.service = SIM_SERVICE_FIXED,
                     .mean_us = OR(origin->database.mean_us, CORRAL_MS(100)),
                     .servers = 1000000,
                     .cancel_us = OR(origin->database.cancel_us, CORRAL_MS(1))},
    };
}

static void spaces_complete(struct sim_plan *plan, const struct sim_config *config)
{
    const struct sim_origin_plan first = {
        .limits = config->limits,
        .deadline_us = config->deadline_us,
        .batch_max = config->batch_max,
        .hedge_us = config->hedge_us,
        .ttl_us = config->origin_ttl_us,
        .database = {.mean_us = config->origin_us, .cancel_us = config->cancel_us}};
    crl_assert(config->more_spaces_n < SIM_SPACES_MAX && config->more_origins_n < SIM_ORIGINS_MAX);
    plan->origins[plan->origins_n++] = origin_complete(&first);
    for (uint32_t i = 0; i < config->more_origins_n; i++)
        plan->origins[plan->origins_n++] = origin_complete(&config->more_origins[i]);
    plan->spaces[plan->spaces_n++] = (struct sim_space_plan){
        .policy = config->policy, .has_store = config->has_store, .failure_us = config->failure_us};
    for (uint32_t i = 0; i < config->more_spaces_n; i++)
        plan->spaces[plan->spaces_n++] = config->more_spaces[i];
}

static void plan_complete(struct sim_plan *plan, const struct sim_config *config)
{
    corral_us store_us = OR(config->store_us, CORRAL_MS(1));
    *plan = (struct sim_plan){
        .seed = config->seed,
        .nodes = OR(config->nodes, 1),
        .memory_bytes = OR(config->memory_bytes, 1u << 20),
        .flights_max = OR(config->flights_max, 1000),
        .waiters_max = OR(config->waiters_max, 100000),
        .store = {.network = {.delay_us = store_us / 2},
                  .timeout_us = OR(config->store_timeout_us, CORRAL_MS(100)),
                  .lease_us = OR(config->lease_us, CORRAL_SECONDS(5))},
    };
    spaces_complete(plan, config);
}

#undef OR

struct sim *sim_new(const struct sim_config *config)
{
    struct script *script = calloc(1, sizeof *script);
    if (script == NULL)
        return NULL;
    struct sim_plan plan;
    plan_complete(&plan, config);
    crl_assert(plan.nodes <= NODES_MAX);
    struct sim_run_options options = {.audits = config->audits,
                                      .allocator = config->allocator,
                                      .trace = keep_line,
                                      .trace_arg = script};
    int rc = fleet_init(&script->sim, &plan, &options, &script->report, KEYS_MAX);
    script->sim.on_answer = keep_answer;
    for (uint32_t i = 0; rc == 0 && i < plan.nodes; i++)
        rc = fleet_start(&script->sim, i);
    if (rc < 0) {
        sim_free(&script->sim);
        return NULL;
    }
    return &script->sim;
}

void sim_free(struct sim *sim)
{
    struct script *script = (struct script *)sim;
    fleet_fini(sim);
    free(script->trace);
    free(script);
}

void sim_run(struct sim *sim)
{
    struct script *script = (struct script *)sim;
    while (!watch_is_broken(sim) && fleet_next(sim)) {
        uint32_t waiting, at_once = queries_of(sim, &waiting);
        if (at_once > script->peak)
            script->peak = at_once;
    }
    if (!watch_is_broken(sim))
        watch_end(sim);
}

/* ---------------------------------------------------------- what is to happen, and what happens */

static uint32_t key_named(struct sim *sim, const char *name)
{
    for (uint32_t i = 0; i < sim->keys_n; i++) {
        if (strcmp(sim->keys[i].name, name) == 0)
            return i;
    }
    bool has_space = name[0] > '0' && name[0] <= '9' && name[1] == '/';
    uint32_t space = has_space ? (uint32_t)(name[0] - '0') : 0;
    crl_assert(space < sim->plan.spaces_n);
    return key_add(sim, space, has_space ? name + 2 : name);
}

static void gets_happen(struct sim *sim, struct sim_event *event)
{
    struct sim_get get = {
        .node = event->node, .key = event->key, .asked_at = sim->now, .wait_us = event->span_us};
    for (uint32_t i = 0; i < event->number && !watch_is_broken(sim); i++)
        readers_get(sim, &get);
}

void sim_gets(struct sim *sim, corral_us at, uint32_t node, const char *key, corral_us wait_us,
              uint32_t readers)
{
    struct sim_event *event = event_add(sim, at, gets_happen, node);
    event->key = key_named(sim, key);
    event->span_us = wait_us;
    event->number = readers;
}

static void loader_asks(struct sim *sim, struct sim_event *event)
{
    struct sim_get get = {
        .node = event->node, .key = event->key, .asked_at = sim->now, .wait_us = event->span_us};
    struct sim_load *load;
    cds_list_for_each_entry(load, &sim->nodes[event->node].loads, link) {
        if (load->key == event->number && get.asker == 0)
            get.asker = load->id;
    }
    readers_get(sim, &get);
}

void sim_asks(struct sim *sim, corral_us at, uint32_t node, const char *loader, const char *key,
              corral_us wait_us)
{
    struct sim_event *event = event_add(sim, at, loader_asks, node);
    event->key = key_named(sim, key);
    event->number = key_named(sim, loader);
    event->span_us = wait_us;
}

static void giving_up_happens(struct sim *sim, struct sim_event *event)
{
    for (uint32_t node = 0; node < sim->plan.nodes; node++) {
        if (readers_leave(sim, node, event->number))
            return;
    }
}

void sim_give_up(struct sim *sim, corral_us at, uint32_t reader)
{
    event_add(sim, at, giving_up_happens, SIM_NO_NODE)->number = reader;
}

static void write_happens(struct sim *sim, struct sim_event *event)
{
    readers_write(sim, event->node, event->key);
}

void sim_write(struct sim *sim, corral_us at, uint32_t node, const char *key)
{
    event_add(sim, at, write_happens, node)->key = key_named(sim, key);
}

static void clear_happens(struct sim *sim, struct sim_event *event)
{
    readers_clear(sim, event->node, event->number);
}

void sim_clear(struct sim *sim, corral_us at, uint32_t node, uint32_t space)
{
    event_add(sim, at, clear_happens, node)->number = space;
}

static void put_happens(struct sim *sim, struct sim_event *event)
{
    readers_put(sim, event->node, event->key, event->number);
}

void sim_put(struct sim *sim, corral_us at, uint32_t node, const char *key, size_t size)
{
    struct sim_event *event = event_add(sim, at, put_happens, node);
    event->key = key_named(sim, key);
    event->number = (uint32_t)size;
}

static void refresh_happens(struct sim *sim, struct sim_event *event)
{
    readers_refresh(sim, event->node, event->key, event->reason);
}

void sim_refresh(struct sim *sim, corral_us at, uint32_t node, const char *key,
                 enum crl_load_reason reason)
{
    struct sim_event *event = event_add(sim, at, refresh_happens, node);
    event->key = key_named(sim, key);
    event->reason = reason;
}

static struct crl_entry *entry_of(struct sim *sim, uint32_t node, uint32_t key)
{
    return crl_table_find(crl_core_table(sim->nodes[node].core), sim->keys[key].hash,
                          sim->keys[key].space, key_bytes(sim, key));
}

static void asking_happens(struct sim *sim, struct sim_event *event)
{
    struct crl_entry *entry = entry_of(sim, event->node, event->key);
    if (entry != NULL)
        (void)crl_entry_mark(entry, CRL_MARK_ASKED);
}

void sim_asked(struct sim *sim, corral_us at, uint32_t node, const char *key)
{
    event_add(sim, at, asking_happens, node)->key = key_named(sim, key);
}

static void limit_happens(struct sim *sim, struct sim_event *event)
{
    sim->nodes[event->node].limits[0] = event->number;
    struct crl_event limited = {.kind = CRL_ORIGIN_LIMITED, .limited = {.limit = event->number}};
    node_step(sim, event->node, &limited);
}

void sim_limit(struct sim *sim, corral_us at, uint32_t node, uint32_t limit)
{
    event_add(sim, at, limit_happens, node)->number = limit;
}

static void origin_changes(struct sim *sim, struct sim_event *event)
{
    enum sim_origin_mode mode = (enum sim_origin_mode)event->version;
    struct sim_origin *origin = &sim->origins[event->number];
    origin->model.mean_us = event->span_us;
    origin->db.fails = mode == SIM_ORIGIN_FAILS;
    origin->db.hangs = mode == SIM_ORIGIN_HANGS;
    origin->is_empty = mode == SIM_ORIGIN_EMPTY;
}

void sim_origin_of(struct sim *sim, corral_us at, uint32_t origin, enum sim_origin_mode mode,
                   corral_us latency_us)
{
    crl_assert(origin < sim->plan.origins_n);
    struct sim_event *event = event_add(sim, at, origin_changes, SIM_NO_NODE);
    event->number = origin;
    event->version = mode;
    event->span_us = latency_us;
}

void sim_origin(struct sim *sim, corral_us at, enum sim_origin_mode mode, corral_us latency_us)
{
    for (uint32_t i = 0; i < sim->plan.origins_n; i++)
        sim_origin_of(sim, at, i, mode, latency_us);
}

static void breaking_happens(struct sim *sim, struct sim_event *event)
{
    sim->keys[event->key].is_broken = event->number != 0;
}

void sim_break(struct sim *sim, corral_us at, const char *key, bool is_broken)
{
    struct sim_event *event = event_add(sim, at, breaking_happens, SIM_NO_NODE);
    event->key = key_named(sim, key);
    event->number = is_broken;
}

static void store_changes(struct sim *sim, struct sim_event *event)
{
    sim->store_is_up = event->number != 0;
    for (uint32_t node = 0; node < sim->plan.nodes; node++) {
        wire_break(sim, node);
        wire_mend(sim, node);
    }
}

void sim_store(struct sim *sim, corral_us at, bool up)
{
    event_add(sim, at, store_changes, SIM_NO_NODE)->number = up;
}

static void latency_changes(struct sim *sim, struct sim_event *event)
{
    sim->plan.store.network.delay_us = event->span_us / 2;
}

void sim_store_latency(struct sim *sim, corral_us at, corral_us latency_us)
{
    event_add(sim, at, latency_changes, SIM_NO_NODE)->span_us = latency_us;
}

static void cutting_happens(struct sim *sim, struct sim_event *event)
{
    sim->nodes[event->node].cut_off = event->number != 0;
    wire_break(sim, event->node);
    wire_mend(sim, event->node);
}

void sim_cut(struct sim *sim, corral_us at, uint32_t node, bool off)
{
    event_add(sim, at, cutting_happens, node)->number = off;
}

static void lease_comes_again(struct sim *sim, struct sim_event *event)
{
    const struct sim_known *known = known_of(sim, event->node, event->key);
    struct crl_event answer = {.kind = CRL_STORE_ANSWERED,
                               .space = sim->keys[event->key].space,
                               .key = key_bytes(sim, event->key),
                               .store = {.ask = known->ask,
                                         .answer = CRL_STORE_LEASED,
                                         .token = known->given,
                                         .lease_us = sim->plan.store.lease_us}};
    watch_reply(sim, event->node, event->key, &answer);
    node_step(sim, event->node, &answer);
}

void sim_lease_again(struct sim *sim, corral_us at, uint32_t node, const char *key)
{
    event_add(sim, at, lease_comes_again, node)->key = key_named(sim, key);
}

static void pause_happens(struct sim *sim, struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];
    node->paused_until = node->resumed_at = sim->now + event->span_us;
    node_rearm(sim, event->node);
}

void sim_pause(struct sim *sim, corral_us at, uint32_t node, corral_us lasts_us)
{
    event_add(sim, at, pause_happens, node)->span_us = lasts_us;
}

static void killing_happens(struct sim *sim, struct sim_event *event)
{
    trace_line(sim, event->node, "is killed");
    fleet_stop(sim, event->node);
}

void sim_kill(struct sim *sim, corral_us at, uint32_t node)
{
    event_add(sim, at, killing_happens, node);
}

static void closing_happens(struct sim *sim, struct sim_event *event)
{
    struct crl_core *core = sim->nodes[event->node].core;
    do {
        node_step(sim, event->node, &(struct crl_event){.kind = CRL_CLOSE});
    } while (crl_counter_get(&crl_core_counts(core)->flights) > 0);
}

void sim_close(struct sim *sim, corral_us at, uint32_t node)
{
    event_add(sim, at, closing_happens, node);
}

/* ------------------------------------------------------------------------------ what came of it */

const char *sim_trace(const struct sim *sim)
{
    const struct script *script = (const struct script *)sim;
    return script->trace != NULL ? script->trace : "";
}

const char *sim_broken(const struct sim *sim)
{
    return watch_is_broken(sim) ? sim->report->broken : NULL;
}

uint32_t sim_origin_loads(const struct sim *sim, const char *key)
{
    for (uint32_t i = 0; i < sim->keys_n; i++) {
        if (strcmp(sim->keys[i].name, key) == 0)
            return sim->keys[i].loads;
    }
    return 0;
}

uint32_t sim_origin_peak(const struct sim *sim)
{
    return ((const struct script *)sim)->peak;
}

uint32_t sim_answered(const struct sim *sim, int result)
{
    return result >= -16 && result < 16 ? ((const struct script *)sim)->answers[result + 16] : 0;
}

uint32_t sim_answered_all(const struct sim *sim)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < 32; i++)
        n += ((const struct script *)sim)->answers[i];
    return n;
}

corral_us sim_last_answer_at(const struct sim *sim)
{
    return ((const struct script *)sim)->last_answer_at;
}

uint64_t sim_store_requests(const struct sim *sim, enum crl_store_op op)
{
    return sim->store_requests[op];
}

uint64_t sim_needed(const struct sim *sim, uint32_t node)
{
    uint64_t n = sim->nodes[node].needed_by_hits;
    for (uint32_t i = 0; i < sim->plan.spaces_n; i++)
        n += crl_counter_get(&crl_core_space_counts(sim->nodes[node].core, i)->needed);
    return n;
}

const struct crl_entry *sim_entry(struct sim *sim, uint32_t node, const char *key)
{
    return entry_of(sim, node, key_named(sim, key));
}

const struct sim_report *sim_report(const struct sim *sim)
{
    return sim->report;
}

struct crl_core *sim_core(struct sim *sim, uint32_t node)
{
    return sim->nodes[node].core;
}
