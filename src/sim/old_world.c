/* SPDX-License-Identifier: Apache-2.0
 *
 * world.c - the queue of things to happen, the nodes, and the execution of actions. */
#include "sim/world.h"

#include "sim/private.h"

#include <stdio.h>

enum what {
    WHAT_GETS,
    WHAT_GIVE_UP,
    WHAT_WRITE,
    WHAT_PUT,
    WHAT_ORIGIN_MODE,
    WHAT_STORE_MODE,
    WHAT_KILL,
    WHAT_CLOSE,
    WHAT_LOAD_ENDS,
    WHAT_STORE_ASKED,   /* arrives at the store */
    WHAT_STORE_REPLIED, /* arrives at the node */
    WHAT_STORE_TOLD,    /* fill, release, invalidate */
    WHAT_PUSHED,
};

struct sim_event {
    struct crl_timer timer; /* first: its place in the queue */
    enum what what;
    uint32_t node;
    uint32_t incarnation; /* of the node it is for */
    uint32_t number;      /* readers, a reader, bytes */
    struct sim_key *key;
    corral_us span_us;
    int mode;
    struct sim_load *load;
    enum crl_action_kind told;
    uint64_t ask, token;
    struct crl_entry *entry;
    struct crl_store_reply reply;
};

static struct sim_event *event_add(struct sim *sim, corral_us at, enum what what, uint32_t node)
{
    struct sim_event *event = calloc(1, sizeof *event);
    crl_assert(event != NULL);
    crl_assert(crl_timers_reserve(&sim->queue, sim->queue.n + 1) == 0);
    event->what = what;
    event->node = node;
    event->incarnation = sim->nodes[node].incarnation;
    crl_timer_arm(&sim->queue, &event->timer, at > sim->now ? at : sim->now);
    return event;
}

static void event_free(struct sim *sim, struct sim_event *event)
{
    crl_timer_disarm(&sim->queue, &event->timer);
    if (event->entry != NULL)
        crl_entry_unref(sim->config.allocator, event->entry);
    free((void *)event->reply.value.bytes.data);
    free(event);
}

struct sim_key *sim_key_of(struct sim *sim, const char *name)
{
    for (uint32_t i = 0; i < sim->keys_n; i++) {
        if (strcmp(sim->keys[i].name, name) == 0)
            return &sim->keys[i];
    }
    crl_assert(sim->keys_n < SIM_KEYS_MAX && strlen(name) < SIM_KEY_MAX);
    struct sim_key *key = &sim->keys[sim->keys_n++];
    snprintf(key->name, sizeof key->name, "%s", name);
    return key;
}

static struct sim_key *key_by_bytes(struct sim *sim, struct corral_bytes bytes)
{
    char name[SIM_KEY_MAX] = {0};
    crl_assert(bytes.size < sizeof name);
    memcpy(name, bytes.data, bytes.size);
    return sim_key_of(sim, name);
}

/* ------------------------------------------------------------------------------------------- nodes */

static void push_arrives_later(void *arg, uint32_t by, uint32_t space, struct corral_bytes key)
{
    struct sim *sim = arg;
    (void)space;
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        if (i != by)
            event_add(sim, sim->now + sim->config.store_us / 2, WHAT_PUSHED, i)->key =
                key_by_bytes(sim, key);
    }
}

static bool node_init(struct sim *sim, uint32_t number)
{
    const struct sim_config *config = &sim->config;
    struct crl_core_config core = {
        .memory_bytes = config->memory_bytes,
        .value_max = 1u << 20,
        .flights_max = config->flights_max,
        .waiters_max = config->waiters_max,
        .table_shards = 1,
        .seed = config->seed + number,
        .narrates = true,
        .allocator = config->allocator,
    };
    struct sim_node *node = &sim->nodes[number];
    if (crl_core_new(&core, &node->core) < 0)
        return false;
    struct crl_core_origin origin = {.limits = config->limits, .deadline_us = config->deadline_us};
    int added = crl_core_add_origin(node->core, &origin);
    if (added >= 0) {
        struct crl_core_space space = {.origin = (uint32_t)added, .has_store = config->has_store,
                                       .policy = config->policy};
        added = crl_core_add_space(node->core, &space);
        node->space = (uint32_t)added;
    }
    return added >= 0;
}

static void config_complete(struct sim_config *config)
{
#define DEFAULT(field, value)                                                                      \
    if (config->field == 0)                                                                        \
    config->field = (value)
    DEFAULT(nodes, 1);
    DEFAULT(limits.concurrency, 20);
    DEFAULT(limits.queue, 1000);
    DEFAULT(deadline_us, CORRAL_SECONDS(2));
    DEFAULT(origin_us, CORRAL_MS(100));
    DEFAULT(cancel_us, CORRAL_MS(1));
    DEFAULT(store_us, CORRAL_MS(1));
    DEFAULT(lease_us, CORRAL_SECONDS(5));
    DEFAULT(memory_bytes, 1u << 20);
    DEFAULT(flights_max, 1000);
    DEFAULT(waiters_max, 100000);
#undef DEFAULT
    if (config->allocator == NULL)
        config->allocator = &crl_allocator_malloc;
}

struct sim *sim_new(const struct sim_config *config)
{
    struct sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL)
        return NULL;
    sim->config = *config;
    config_complete(&sim->config);
    crl_assert(sim->config.nodes <= SIM_NODES_MAX);
    sim->store = crl_store_memory_new(push_arrives_later, sim);
    sim->store_is_up = true;
    bool made = sim->store != NULL;
    for (uint32_t i = 0; made && i < sim->config.nodes; i++)
        made = node_init(sim, i);
    if (!made) {
        sim_free(sim);
        return NULL;
    }
    return sim;
}

static void load_free(struct sim *sim, struct sim_load *load)
{
    struct sim_load **link = &sim->loads;
    while (*link != load)
        link = &(*link)->next;
    *link = load->next;
    free(load);
}

void sim_free(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        if (sim->nodes[i].core == NULL)
            continue;
        sim_close(sim, sim->now, i);
    }
    sim->broken[0] = '\0';
    sim_run(sim);
    while (sim->queue.n > 0)
        event_free(sim, (struct sim_event *)sim->queue.heap[0]);
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        if (sim->nodes[i].core != NULL)
            crl_core_free(sim->nodes[i].core);
    }
    while (sim->loads != NULL)
        load_free(sim, sim->loads);
    while (sim->readers != NULL) {
        struct sim_reader *reader = sim->readers;
        sim->readers = reader->next;
        free(reader);
    }
    if (sim->store != NULL)
        crl_store_memory_free(sim->store);
    crl_timers_fini(&sim->queue);
    free(sim->trace);
    free(sim);
}

/* ---------------------------------------------------------------------------- actions carried out */

static void node_step(struct sim *sim, uint32_t number, struct crl_event *event);

static void run_answer(struct sim *sim, struct crl_action *action)
{
    struct crl_waiter *waiter, *next;
    cds_list_for_each_entry_safe(waiter, next, &action->answer.waiters, link) {
        struct sim_reader *reader = caa_container_of(waiter, struct sim_reader, waiter);
        watch_answer(sim, reader, crl_waiter_result(action, waiter), action->answer.entry);
    }
    if (action->answer.entry != NULL)
        crl_entry_unref(sim->config.allocator, action->answer.entry);
}

static void run_ask_origin(struct sim *sim, uint32_t node, const struct crl_action *action)
{
    struct sim_load *load = calloc(1, sizeof *load);
    crl_assert(load != NULL);
    load->id = action->load.load;
    load->node = node;
    load->key = key_by_bytes(sim, action->key);
    load->version = load->key->version;
    load->mode = sim->origin_mode;
    load->next = sim->loads;
    sim->loads = load;
    load->key->loads++;
    load->key->live[node]++;
    if (++sim->loads_at_once > sim->loads_peak)
        sim->loads_peak = sim->loads_at_once;
    if (load->mode != SIM_ORIGIN_HANGS) {
        load->answer = event_add(sim, sim->now + sim->config.origin_us, WHAT_LOAD_ENDS, node);
        load->answer->load = load;
    }
    watch_load(sim, node, load->key);
}

static void run_cancel_load(struct sim *sim, uint32_t node, const struct crl_action *action)
{
    struct sim_load *load = sim->loads;
    while (load != NULL && !(load->node == node && load->id == action->load.load))
        load = load->next;
    if (load == NULL || load->cancelled)
        return;
    load->cancelled = true;
    load->key->live[node]--;
    if (load->answer != NULL)
        event_free(sim, load->answer);
    load->answer = event_add(sim, sim->now + sim->config.cancel_us, WHAT_LOAD_ENDS, node);
    load->answer->load = load;
}

static void run_ask_store(struct sim *sim, uint32_t node, const struct crl_action *action)
{
    struct sim_event *event =
        event_add(sim, sim->now + sim->config.store_us / 2, WHAT_STORE_ASKED, node);
    event->key = key_by_bytes(sim, action->key);
    event->ask = action->ask_store.ask;
}

static void run_tell_store(struct sim *sim, uint32_t node, const struct crl_action *action)
{
    struct sim_event *event =
        event_add(sim, sim->now + sim->config.store_us / 2, WHAT_STORE_TOLD, node);
    event->key = key_by_bytes(sim, action->key);
    event->told = action->kind;
    event->token = action->lease.token;
    event->entry = action->kind == CRL_FILL_STORE ? action->lease.entry : NULL;
}

static void actions_run(struct sim *sim, uint32_t node)
{
    for (uint32_t i = 0; i < sim->actions.n; i++) {
        struct crl_action *action = &sim->actions.v[i];
        switch (action->kind) {
        case CRL_ANSWER:
            run_answer(sim, action);
            break;
        case CRL_ASK_ORIGIN:
            run_ask_origin(sim, node, action);
            break;
        case CRL_CANCEL_LOAD:
            run_cancel_load(sim, node, action);
            break;
        case CRL_ASK_STORE:
            run_ask_store(sim, node, action);
            break;
        case CRL_FILL_STORE:
        case CRL_RELEASE_LEASE:
        case CRL_INVALIDATE_STORE:
            run_tell_store(sim, node, action);
            break;
        }
    }
}

static void node_step(struct sim *sim, uint32_t number, struct crl_event *event)
{
    struct sim_node *node = &sim->nodes[number];
    event->now = sim->now;
    event->space = node->space;
    crl_core_step(node->core, event, &sim->actions);
    trace_steps(sim, number);
    actions_run(sim, number);
    /* No reader runs beside the world, so a grace period passes at once. */
    struct crl_limbo *limbo = crl_table_limbo_take(crl_core_table(node->core));
    if (limbo != NULL)
        crl_table_limbo_drop(crl_core_table(node->core), limbo);
    if (sim->config.audits)
        crl_core_check(node->core);
}

/* ------------------------------------------------------------------------------- things that happen */

/* A reader of a process: first a look at the table, as the library does, then the core. */
static void happen_get(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];
    struct sim_reader *reader = calloc(1, sizeof *reader);
    crl_assert(reader != NULL);
    reader->number = sim->readers_n++;
    reader->node = event->node;
    reader->key = event->key;
    reader->asked_at = sim->now;
    reader->wait_until = sim->now + event->span_us;
    reader->version_min = event->key->version;
    reader->next = sim->readers;
    sim->readers = reader;

    struct corral_bytes key = corral_str(event->key->name);
    uint64_t hash = crl_core_hash(node->core, node->space, key);
    struct crl_entry *entry =
        crl_table_find(crl_core_table(node->core), hash, node->space, key);
    if (entry != NULL && crl_entry_is_fresh(entry, sim->now)) {
        crl_table_touch(entry);
        watch_answer(sim, reader, entry->negative ? CORRAL_NEGATIVE : CORRAL_HIT, entry);
        return;
    }
    node_step(sim, event->node,
              &(struct crl_event){.kind = CRL_WANTED,
                                  .key = key,
                                  .wanted = {.waiter = &reader->waiter,
                                             .wait_until = reader->wait_until}});
}

static void happen_give_up(struct sim *sim, const struct sim_event *event)
{
    struct sim_reader *reader = sim->readers;
    while (reader != NULL && reader->number != event->number)
        reader = reader->next;
    if (reader == NULL || reader->answered || reader->forgotten)
        return;
    node_step(sim, reader->node,
              &(struct crl_event){.kind = CRL_GAVE_UP, .gave_up = {.waiter = &reader->waiter}});
}

/* Who writes to the database invalidates, and knows that it is done when the call returns. With a
 * store, other processes follow within the propagation delay; version_min of a reader there would
 * have to wait for it, so stories write on the node that they read from. */
static void happen_write(struct sim *sim, const struct sim_event *event)
{
    event->key->version++;
    trace_line(sim, event->node, "%-8s is invalidated", event->key->name);
    node_step(sim, event->node,
              &(struct crl_event){.kind = CRL_INVALIDATE, .key = corral_str(event->key->name)});
}

static void happen_put(struct sim *sim, const struct sim_event *event)
{
    unsigned char *value = calloc(1, event->number);
    crl_assert(value != NULL && event->number >= sizeof event->key->version);
    event->key->version++;
    memcpy(value, &event->key->version, sizeof event->key->version);
    trace_line(sim, event->node, "%-8s is put", event->key->name);
    node_step(sim, event->node,
              &(struct crl_event){.kind = CRL_PUT,
                                  .key = corral_str(event->key->name),
                                  .put = {.value = crl_bytes(value, event->number)}});
    free(value);
}

static void happen_load_ends(struct sim *sim, const struct sim_event *event)
{
    struct sim_load *load = event->load;
    uint32_t node = load->node;
    if (!load->cancelled)
        load->key->live[node]--;
    sim->loads_at_once--;
    struct crl_event answer = {.kind = CRL_ORIGIN_ANSWERED, .origin = {.load = load->id}};
    answer.origin.negative = load->mode == SIM_ORIGIN_EMPTY;
    if (load->mode == SIM_ORIGIN_WORKS)
        answer.origin.value = crl_bytes(&load->version, sizeof load->version);
    if (load->mode == SIM_ORIGIN_FAILS)
        answer.origin.rc = CORRAL_EORIGIN;
    if (load->cancelled)
        answer.origin.rc = CORRAL_EDEADLINE;
    bool gone = sim->nodes[node].incarnation != event->incarnation;
    uint64_t version = load->version;
    if (load->mode == SIM_ORIGIN_WORKS)
        answer.origin.value.data = &version;
    load_free(sim, load);
    if (!gone && !sim->nodes[node].down)
        node_step(sim, node, &answer);
}

static void happen_kill(struct sim *sim, uint32_t number)
{
    struct sim_node *node = &sim->nodes[number];
    trace_line(sim, number, "is killed");
    for (struct sim_reader *r = sim->readers; r != NULL; r = r->next)
        r->forgotten |= r->node == number && !r->answered;
    /* Its memory is given back quietly; whatever the core still says goes nowhere. */
    for (struct sim_load *load = sim->loads; load != NULL; load = load->next) {
        if (load->node == number && !load->cancelled)
            load->key->live[number]--;
    }
    struct crl_event close = {.kind = CRL_CLOSE, .now = sim->now};
    while (crl_counter_get(&crl_core_counts(node->core)->flights) > 0)
        crl_core_step(node->core, &close, &sim->actions);
    for (struct sim_load *load = sim->loads; load != NULL; load = load->next) {
        if (load->node != number)
            continue;
        load->cancelled = true;
        struct crl_event end = {.kind = CRL_ORIGIN_ANSWERED, .now = sim->now,
                                .origin = {.load = load->id, .rc = CORRAL_ECLOSED}};
        crl_core_step(node->core, &end, &sim->actions);
    }
    node->down = true;
    node->incarnation++;
}

static void happen_close(struct sim *sim, uint32_t number)
{
    struct sim_node *node = &sim->nodes[number];
    if (node->down)
        return;
    while (crl_counter_get(&crl_core_counts(node->core)->flights) > 0)
        node_step(sim, number, &(struct crl_event){.kind = CRL_CLOSE});
    node_step(sim, number, &(struct crl_event){.kind = CRL_CLOSE}); /* also when it had none */
}

/* ------------------------------------------------------------------------------------------- store */

static void happen_store_asked(struct sim *sim, const struct sim_event *event)
{
    struct sim_event *back =
        event_add(sim, sim->now + sim->config.store_us / 2, WHAT_STORE_REPLIED, event->node);
    back->key = event->key;
    back->ask = event->ask;
    back->incarnation = event->incarnation;
    int rc = !sim->store_is_up
                 ? CORRAL_ENOMEM
                 : crl_store_memory_get_or_lease(sim->store, sim->now, event->node, 0,
                                                 corral_str(event->key->name),
                                                 sim->config.lease_us, &back->reply);
    if (rc < 0)
        back->reply.answer = CRL_STORE_DOWN;
    struct corral_bytes *bytes = &back->reply.value.bytes;
    if (back->reply.answer != CRL_STORE_VALUE)
        return;
    void *copy = malloc(bytes->size + 1);
    crl_assert(copy != NULL);
    memcpy(copy, bytes->data, bytes->size);
    bytes->data = copy;
}

static void happen_store_replied(struct sim *sim, const struct sim_event *event)
{
    const struct crl_store_reply *reply = &event->reply;
    node_step(sim, event->node,
              &(struct crl_event){.kind = CRL_STORE_ANSWERED,
                                  .key = corral_str(event->key->name),
                                  .store = {.ask = event->ask,
                                            .answer = reply->answer,
                                            .token = reply->token,
                                            .lease_us = reply->lease_us,
                                            .negative = reply->value.negative,
                                            .value = reply->value.bytes,
                                            .age_us = reply->value.age_us,
                                            .fresh_us = reply->value.fresh_us}});
}

static void happen_store_told(struct sim *sim, const struct sim_event *event)
{
    if (!sim->store_is_up)
        return;
    struct corral_bytes key = corral_str(event->key->name);
    if (event->told == CRL_RELEASE_LEASE) {
        crl_store_memory_release(sim->store, sim->now, event->node, 0, key, event->token);
    } else if (event->told == CRL_INVALIDATE_STORE) {
        crl_store_memory_invalidate(sim->store, sim->now, event->node, 0, key);
    } else {
        struct crl_store_value value = {
            .negative = event->entry->negative,
            .bytes = crl_entry_value(event->entry),
            .age_us = sim->now - event->entry->answered_at,
            .fresh_us = event->entry->fresh_until - sim->now,
        };
        (void)crl_store_memory_fill(sim->store, sim->now, event->node, 0, key, event->token,
                                    &value);
    }
}

static void happen_pushed(struct sim *sim, const struct sim_event *event)
{
    node_step(sim, event->node,
              &(struct crl_event){.kind = CRL_CHANGED, .key = corral_str(event->key->name)});
}

/* -------------------------------------------------------------------------------------------- run */

static bool event_is_for_nobody(const struct sim *sim, const struct sim_event *event)
{
    const struct sim_node *node = &sim->nodes[event->node];
    switch (event->what) {
    case WHAT_ORIGIN_MODE:
    case WHAT_STORE_MODE:
    case WHAT_STORE_ASKED:
    case WHAT_STORE_TOLD:
    case WHAT_LOAD_ENDS:
        return false;
    case WHAT_GETS:
    case WHAT_GIVE_UP:
    case WHAT_WRITE:
    case WHAT_PUT:
    case WHAT_KILL:
    case WHAT_CLOSE:
    case WHAT_STORE_REPLIED:
    case WHAT_PUSHED:
        return node->down || event->incarnation != node->incarnation;
    }
    crl_unreachable();
}

static void happen(struct sim *sim, struct sim_event *event)
{
    switch (event->what) {
    case WHAT_GETS:
        for (uint32_t i = 0; i < event->number && sim->broken[0] == '\0'; i++)
            happen_get(sim, event);
        break;
    case WHAT_GIVE_UP:
        happen_give_up(sim, event);
        break;
    case WHAT_WRITE:
        happen_write(sim, event);
        break;
    case WHAT_PUT:
        happen_put(sim, event);
        break;
    case WHAT_ORIGIN_MODE:
        sim->origin_mode = (enum sim_origin_mode)event->mode;
        sim->config.origin_us = event->span_us;
        break;
    case WHAT_STORE_MODE:
        sim->store_is_up = event->mode != 0;
        break;
    case WHAT_KILL:
        happen_kill(sim, event->node);
        break;
    case WHAT_CLOSE:
        happen_close(sim, event->node);
        break;
    case WHAT_LOAD_ENDS:
        happen_load_ends(sim, event);
        break;
    case WHAT_STORE_ASKED:
        happen_store_asked(sim, event);
        break;
    case WHAT_STORE_REPLIED:
        happen_store_replied(sim, event);
        break;
    case WHAT_STORE_TOLD:
        happen_store_told(sim, event);
        break;
    case WHAT_PUSHED:
        happen_pushed(sim, event);
        break;
    }
}

/* The node whose timer is due first, or nodes if none has one. */
static uint32_t node_due(const struct sim *sim, corral_us *ret_at)
{
    uint32_t due = sim->config.nodes;
    *ret_at = CRL_NEVER;
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        if (sim->nodes[i].down)
            continue;
        corral_us at = crl_core_next_at(sim->nodes[i].core);
        if (at < *ret_at) {
            *ret_at = at;
            due = i;
        }
    }
    return due;
}

void sim_run(struct sim *sim)
{
    while (sim->broken[0] == '\0') {
        corral_us node_at;
        uint32_t node = node_due(sim, &node_at);
        corral_us event_at = crl_timers_next_at(&sim->queue);
        if (node_at == CRL_NEVER && event_at == CRL_NEVER)
            break;
        if (event_at <= node_at) {
            sim->now = event_at;
            struct sim_event *event = (struct sim_event *)crl_timers_pop(&sim->queue, sim->now);
            if (!event_is_for_nobody(sim, event))
                happen(sim, event);
            event_free(sim, event);
        } else {
            sim->now = node_at;
            node_step(sim, node, &(struct crl_event){.kind = CRL_TIMER});
        }
    }
    if (sim->broken[0] == '\0')
        watch_end(sim);
}

/* ----------------------------------------------------------------------------- what is to happen */

void sim_gets(struct sim *sim, corral_us at, uint32_t node, const char *key, corral_us wait_us,
              uint32_t readers)
{
    struct sim_event *event = event_add(sim, at, WHAT_GETS, node);
    event->key = sim_key_of(sim, key);
    event->span_us = wait_us;
    event->number = readers;
}

void sim_give_up(struct sim *sim, corral_us at, uint32_t reader)
{
    event_add(sim, at, WHAT_GIVE_UP, 0)->number = reader;
}

void sim_write(struct sim *sim, corral_us at, uint32_t node, const char *key)
{
    event_add(sim, at, WHAT_WRITE, node)->key = sim_key_of(sim, key);
}

void sim_put(struct sim *sim, corral_us at, uint32_t node, const char *key, size_t size)
{
    struct sim_event *event = event_add(sim, at, WHAT_PUT, node);
    event->key = sim_key_of(sim, key);
    event->number = (uint32_t)size;
}

void sim_origin(struct sim *sim, corral_us at, enum sim_origin_mode mode, corral_us latency_us)
{
    struct sim_event *event = event_add(sim, at, WHAT_ORIGIN_MODE, 0);
    event->mode = (int)mode;
    event->span_us = latency_us;
}

void sim_store(struct sim *sim, corral_us at, bool up)
{
    event_add(sim, at, WHAT_STORE_MODE, 0)->mode = up;
}

void sim_kill(struct sim *sim, corral_us at, uint32_t node)
{
    event_add(sim, at, WHAT_KILL, node);
}

void sim_close(struct sim *sim, corral_us at, uint32_t node)
{
    event_add(sim, at, WHAT_CLOSE, node);
}

/* --------------------------------------------------------------------------------- what came of it */

const char *sim_trace(const struct sim *sim)
{
    return sim->trace != NULL ? sim->trace : "";
}

const char *sim_broken(const struct sim *sim)
{
    return sim->broken[0] != '\0' ? sim->broken : NULL;
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
    return sim->loads_peak;
}

uint32_t sim_answered(const struct sim *sim, int result)
{
    return result >= -16 && result < 16 ? sim->answers[result + 16] : 0;
}

uint32_t sim_answered_all(const struct sim *sim)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < 32; i++)
        n += sim->answers[i];
    return n;
}

corral_us sim_last_answer_at(const struct sim *sim)
{
    return sim->last_answer_at;
}

struct crl_core *sim_core(struct sim *sim, uint32_t node)
{
    return sim->nodes[node].core;
}
