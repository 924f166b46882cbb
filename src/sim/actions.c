/* SPDX-License-Identifier: Apache-2.0
 *
 * actions.c - readers who ask, and what the core asks for, carried out in the false world. */
#include "sim/private.h"

/* -------------------------------------------------------------------------------------- readers */

static struct sim_reader *reader_new(struct sim *sim, uint32_t node, uint32_t key,
                                     corral_us asked_at, corral_us wait_us)
{
    struct sim_reader *reader = malloc(sizeof *reader);
    crl_assert(reader != NULL);
    *reader = (struct sim_reader){
        .number = sim->readers_n - 1,
        .node = node,
        .key = key,
        .asked_at = asked_at,
        .wait_until = sim->now + wait_us, /* a process that stood still asks when it goes on */
    };
    const struct sim_known *known = known_of(sim, node, key);
    if (known != NULL)
        reader->version_min = known->version_min;
    return reader;
}

/* A reader of a process: first a look at the table, as the library does, then the core. */
void world_get(struct sim *sim, uint32_t number, uint32_t key, corral_us asked_at,
               corral_us wait_us)
{
    struct sim_node *node = &sim->nodes[number];
    sim->readers_n++;
    record_arrival(sim, asked_at);
    corral_us now = node_now(sim, number);
    struct crl_entry *entry = crl_table_find(crl_core_table(node->core), sim->keys[key].hash,
                                             node->space, crl_key_bytes(sim, key));
    if (entry != NULL && crl_entry_is_fresh(entry, now)) {
        const struct sim_known *known = known_of(sim, number, key);
        struct sim_reader passing = {.number = sim->readers_n - 1,
                                     .node = number,
                                     .key = key,
                                     .asked_at = asked_at,
                                     .wait_until = sim->now + wait_us,
                                     .version_min = known != NULL ? known->version_min : 0};
        crl_table_touch(entry);
        sim->stepping = CRL_WANTED;
        int outcome = entry->negative ? CORRAL_NEGATIVE : CORRAL_HIT;
        watch_answer(sim, &passing, outcome, entry);
        record_answer(sim, asked_at, outcome, entry);
        if (sim->on_answer != NULL)
            sim->on_answer(sim, passing.number, outcome);
        return;
    }
    struct sim_reader *reader = reader_new(sim, number, key, asked_at, wait_us);
    cds_list_add_tail(&reader->link, &node->readers);
    if (sim->plan.readers.give_up > 0 &&
        crl_rng_uniform(&sim->reader_lots) <= sim->plan.readers.give_up) {
        corral_us after = (corral_us)(crl_rng_uniform(&sim->reader_lots) * (double)wait_us);
        event_add(sim, sim->now + after, SIM_READER_LEAVES, number)->number = reader->number;
    }
    node_step(
        sim, number,
        &(struct crl_event){.kind = CRL_WANTED,
                            .key = crl_key_bytes(sim, key),
                            .wanted = {.waiter = &reader->waiter, .wait_until = now + wait_us}});
}

void world_leave(struct sim *sim, struct sim_reader *reader)
{
    node_step(sim, reader->node,
              &(struct crl_event){.kind = CRL_GAVE_UP, .gave_up = {.waiter = &reader->waiter}});
}

/* Who writes to the database invalidates, and knows that it is done when the call returns. */
void world_write(struct sim *sim, uint32_t node, uint32_t key)
{
    struct sim_key *written = &sim->keys[key];
    written->version++;
    written->fresh_until = 0;
    trace_line(sim, node, "%-8s is invalidated", written->text);
    watch_changed(sim, node, key, written->version);
    node_step(sim, node,
              &(struct crl_event){.kind = CRL_INVALIDATE, .key = crl_key_bytes(sim, key)});
}

/* The same, by one who has the new value at hand, padded to a size. */
void world_put(struct sim *sim, uint32_t node, uint32_t key, size_t size)
{
    struct sim_key *written = &sim->keys[key];
    struct sim_value value = {.version = ++written->version, .loaded_at = sim->now};
    unsigned char *bytes = calloc(1, size);
    crl_assert(bytes != NULL && size >= sizeof value);
    memcpy(bytes, &value, sizeof value);
    trace_line(sim, node, "%-8s is put", written->text);
    watch_changed(sim, node, key, written->version);
    node_step(sim, node,
              &(struct crl_event){.kind = CRL_PUT,
                                  .key = crl_key_bytes(sim, key),
                                  .put = {.value = crl_bytes(bytes, size)}});
    free(bytes);
}

static void run_answer(struct sim *sim, struct crl_action *action)
{
    struct crl_waiter *waiter, *next;
    cds_list_for_each_entry_safe(waiter, next, &action->answer.waiters, link) {
        struct sim_reader *reader = caa_container_of(waiter, struct sim_reader, waiter);
        int result = crl_waiter_result(action, waiter);
        watch_answer(sim, reader, result, action->answer.entry);
        if (watch_is_broken(sim))
            break; /* the world stands still; its lists may be in any state */
        record_answer(sim, reader->asked_at, result, action->answer.entry);
        if (sim->on_answer != NULL)
            sim->on_answer(sim, reader->number, result);
        cds_list_del(&reader->link);
        reader->answered = true;
        if (sim->options.audits)
            cds_list_add(&reader->link, &sim->answered);
        else
            free(reader);
    }
    if (action->answer.entry != NULL)
        crl_entry_unref(sim->allocator, action->answer.entry);
}

/* ---------------------------------------------------------------------------------------- loads */

/* Which key an action is about: the one that the event was about, nearly always. */
static uint32_t key_of(const struct sim *sim, struct corral_bytes bytes)
{
    for (uint32_t i = 0; i < sim->keys_n; i++) {
        if (crl_bytes_equal(crl_key_bytes(sim, i), bytes))
            return i;
    }
    crl_unreachable();
}

/* Keys of plans are "key:N", so their number stands in them. */
static uint32_t key_number(const struct sim *sim, struct corral_bytes bytes)
{
    const char *text = bytes.data;
    if (bytes.size < 5 || memcmp(text, "key:", 4) != 0)
        return key_of(sim, bytes);
    uint32_t number = 0;
    for (size_t i = 4; i < bytes.size; i++)
        number = number * 10 + (uint32_t)(text[i] - '0');
    return number;
}

static void run_ask_origin(struct sim *sim, uint32_t node, const struct crl_action *action)
{
    struct sim_load *load = calloc(1, sizeof *load);
    crl_assert(load != NULL);
    load->id = action->load.load;
    load->node = node;
    load->incarnation = sim->nodes[node].incarnation;
    load->key = key_number(sim, action->key);
    struct sim_key *key = &sim->keys[load->key];
    load->version = key->version;
    load->deadline_at = action->load.deadline_at;
    load->live = true;
    bool is_needed = !key->is_wanted && sim->now >= key->fresh_until;
    key->is_wanted |= is_needed;
    key->loads++;
    cds_list_add_tail(&load->link, &sim->nodes[node].loads);
    cds_list_add_tail(&load->in_key, &key->live);
    crl_assert(crl_timers_reserve(&sim->queue, sim->queue.n + 1) == 0);
    sim_db_arrive(&sim->db, &load->query, sim->now);
    record_load(sim, is_needed);
    watch_load(sim, load);
}

static void load_stops_living(struct sim_load *load)
{
    if (load->live)
        cds_list_del(&load->in_key);
    load->live = false;
}

static bool key_is_absent(const struct sim *sim, uint32_t key)
{
    if (sim->database_is_empty)
        return true;
    /* A fixed part of the keys, the same in every run of a seed. */
    return sim->database.absent > 0 &&
           (double)(sim->keys[key].hash >> 11) * 0x1.0p-53 < sim->database.absent;
}

/* A value stays fresh for at least so long: a load of its key, anywhere in the fleet, is not needed
 * before. */
static void key_is_fresh_again(struct sim *sim, uint32_t key, bool negative)
{
    const struct corral_policy *policy = &sim->plan.policy;
    corral_us ttl_us = negative ? policy->negative_ttl_us : policy->ttl_us;
    sim->keys[key].fresh_until = sim->now + (corral_us)((double)ttl_us * (1.0 - policy->jitter));
    sim->keys[key].is_wanted = false;
}

/* Tells the core, and frees the load. */
static void load_answer(struct sim *sim, struct sim_load *load, enum sim_query_end end)
{
    uint32_t node = load->node;
    struct sim_value value = {.version = load->version, .loaded_at = sim->now};
    struct crl_event answer = {.kind = CRL_ORIGIN_ANSWERED, .origin = {.load = load->id}};
    if (end == SIM_QUERY_WORKED && load->live) {
        answer.origin.negative = key_is_absent(sim, load->key);
        if (!answer.origin.negative)
            answer.origin.value = crl_bytes(&value, sizeof value);
    } else {
        answer.origin.rc = end == SIM_QUERY_FAILED ? CORRAL_EORIGIN : CORRAL_EDEADLINE;
    }
    sim->report->database_timeouts += end == SIM_QUERY_TIMED_OUT;
    bool is_for_somebody = load->incarnation == sim->nodes[node].incarnation;
    if (is_for_somebody && load->live)
        watch_loaded(sim, load, answer.origin.rc == 0, answer.origin.negative);
    bool was_live = load->live;
    if (was_live && answer.origin.rc == 0)
        key_is_fresh_again(sim, load->key, answer.origin.negative);
    load_stops_living(load);
    if (is_for_somebody) {
        cds_list_del(&load->link);
        node_step(sim, node, &answer);
        if (was_live)
            watch_load_over(sim, load);
    }
    free(load);
}

void load_ends(struct sim *sim, struct sim_query *query)
{
    struct sim_load *load = caa_container_of(query, struct sim_load, query);
    enum sim_query_end end = sim_db_timer(&sim->db, query, sim->now);
    if (load->is_late)
        end = load->end; /* it ended long ago */
    bool is_paused =
        load->incarnation == sim->nodes[load->node].incarnation && node_is_paused(sim, load->node);
    if (!is_paused) {
        load_answer(sim, load, end);
        return;
    }
    /* The database is done with it; the process hears of it when it goes on. */
    load->is_late = true;
    load->end = end;
    crl_assert(crl_timers_reserve(&sim->queue, sim->queue.n + 1) == 0);
    sim_db_end_at(&sim->db, query, sim->nodes[load->node].paused_until);
}

static void run_cancel_load(struct sim *sim, uint32_t node, const struct crl_action *action)
{
    struct sim_load *load;
    cds_list_for_each_entry(load, &sim->nodes[node].loads, link) {
        if (load->id != action->load.load)
            continue;
        watch_cancel(sim, load);
        load_stops_living(load);
        if (load->query.state == SIM_QUERY_DRAINS)
            return; /* it has ended; the word of it is on its way */
        if (sim_db_cancel(&sim->db, &load->query, sim->now)) {
            /* It was still in line. The core hears of it as of any end: by an event of its own. */
            crl_assert(crl_timers_reserve(&sim->queue, sim->queue.n + 1) == 0);
            sim_db_end_at(&sim->db, &load->query, sim->now + sim->database.cancel_us);
        }
        return;
    }
}

void load_forget(struct sim *sim, struct sim_load *load)
{
    load_stops_living(load);
    cds_list_del(&load->link);
    load->incarnation = UINT32_MAX;
    if (load->query.state == SIM_QUERY_CANCELLED || load->query.state == SIM_QUERY_DRAINS)
        return;
    if (sim_db_cancel(&sim->db, &load->query, sim->now))
        free(load);
}

/* ------------------------------------------------------------------------------------------ all */

void actions_run(struct sim *sim, uint32_t node)
{
    for (uint32_t i = 0; i < sim->actions.n && !watch_is_broken(sim); i++) {
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
            wire_ask(sim, node, key_number(sim, action->key), action->ask_store.ask);
            break;
        case CRL_FILL_STORE:
        case CRL_RELEASE_LEASE:
            watch_told(sim, node, key_number(sim, action->key), action);
            wire_tell(sim, node, key_number(sim, action->key), action);
            break;
        case CRL_INVALIDATE_STORE:
            wire_tell(sim, node, key_number(sim, action->key), action);
            break;
        }
    }
}
