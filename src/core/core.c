/* SPDX-License-Identifier: Apache-2.0
 *
 * core.c - the events of core.h, one function each. */
#include "core/core.h"

#include "core/machine.h"
#include "policy/ttl.h"

#include <stdlib.h>

/* --------------------------------------------------------------------------------- new and free */

static uint32_t keys_buckets(uint32_t flights_max)
{
    uint32_t n = 16;
    while (n < flights_max / 4 && n < 1u << 20)
        n *= 2;
    return n;
}

int crl_core_new(const struct crl_core_config *config, struct crl_core **ret_core)
{
    if (config->flights_max == 0 || config->waiters_max == 0 || config->allocator == NULL)
        return CORRAL_EINVAL;
    struct crl_core *core = calloc(1, sizeof *core);
    if (core == NULL)
        return CORRAL_ENOMEM;
    core->config = *config;
    core->jitter_lots = crl_rng_split(config->seed, "jitter");
    CDS_INIT_LIST_HEAD(&core->flights);
    uint32_t buckets = keys_buckets(config->flights_max);
    core->keys_mask = buckets - 1;
    core->keys = calloc(buckets, sizeof *core->keys);
    struct crl_table_config table = {.memory_bytes = config->memory_bytes,
                                     .allocator = config->allocator,
                                     .bucket_allocator = config->bucket_allocator,
                                     .wait_for_readers = config->wait_for_readers,
                                     .shards = config->table_shards};
    int rc = core->keys == NULL ? CORRAL_ENOMEM : crl_table_new(&table, &core->table);
    if (rc < 0) {
        free(core->keys);
        free(core);
        return rc;
    }
    *ret_core = core;
    return 0;
}

void crl_core_free(struct crl_core *core)
{
    crl_assert(crl_core_is_idle(core));
    crl_keys_reap(core);
    for (uint32_t i = 0; i < core->origins_n; i++)
        crl_origin_free(core->origins[i]);
    for (uint32_t i = 0; i < core->spaces_n; i++)
        free(core->spaces[i]);
    crl_timers_fini(&core->timers);
    crl_table_free(core->table);
    free(core->keys);
    free(core);
}

int crl_core_add_origin(struct crl_core *core, const struct crl_core_origin *config)
{
    if (core->origins_n == CRL_ORIGINS_MAX)
        return CORRAL_ELIMIT;
    if (config->limits.concurrency < 1 || config->limits.concurrency > 1024 ||
        config->deadline_us <= 0)
        return CORRAL_EINVAL;
    struct origin *origin = crl_origin_new(config, core->origins_n);
    if (origin == NULL)
        return CORRAL_ENOMEM;
    origin->config.deadline_us = crl_span(config->deadline_us);
    core->deadlines_n += config->limits.concurrency;
    core->origins[core->origins_n] = origin;
    return (int)core->origins_n++;
}

static bool policy_is_valid(const struct corral_policy *policy)
{
    return policy->ttl_us >= 0 && policy->negative_ttl_us >= 0 && policy->jitter >= 0.0 &&
           policy->jitter <= 0.5;
}

int crl_core_add_space(struct crl_core *core, const struct crl_core_space *config)
{
    if (core->spaces_n == CRL_SPACES_MAX)
        return CORRAL_ELIMIT;
    if (config->origin >= core->origins_n || !policy_is_valid(&config->policy))
        return CORRAL_EINVAL;
    struct space *space = calloc(1, sizeof *space);
    if (space == NULL)
        return CORRAL_ENOMEM;
    space->config = *config;
    space->config.policy.ttl_us = crl_span(config->policy.ttl_us);
    space->config.policy.negative_ttl_us = crl_span(config->policy.negative_ttl_us);
    core->spaces[core->spaces_n] = space;
    return (int)core->spaces_n++;
}

/* -------------------------------------------------------------------------------------- helpers */

struct crl_action *crl_action_add(struct crl_actions *out, enum crl_action_kind kind)
{
    crl_assert(out->n < CRL_ACTIONS_MAX);
    struct crl_action *action = &out->v[out->n++];
    *action = (struct crl_action){.kind = kind};
    return action;
}

/* An answer to a waiter that is on no list. Takes no reference: the action gets one of its own. */
static void answer_one(struct turn *turn, struct crl_waiter *waiter, int result,
                       struct crl_entry *entry)
{
    struct crl_action *action = crl_action_add(turn->out, CRL_ANSWER);
    action->answer.result = result;
    action->answer.entry = entry;
    action->answer.cached = entry != NULL;
    CDS_INIT_LIST_HEAD(&action->answer.waiters);
    cds_list_add_tail(&waiter->link, &action->answer.waiters);
    if (entry != NULL)
        crl_entry_ref(entry);
}

struct crl_entry *crl_entry_make(struct turn *turn, uint64_t hash, uint32_t space,
                                 struct corral_bytes key, bool negative, struct corral_bytes value)
{
    struct crl_core *core = turn->core;
    const struct corral_policy *policy = &core->spaces[space]->config.policy;
    corral_us ttl_us = negative ? policy->negative_ttl_us : policy->ttl_us;
    corral_us now = turn->event->now;
    struct crl_entry_parts parts = {
        .hash = hash,
        .space = space,
        .key = key,
        .negative = negative,
        .value = value,
        .answered_at = now,
        .fresh_until =
            now + crl_ttl_jittered(ttl_us, policy->jitter, crl_rng_uniform(&core->jitter_lots)),
        .load_us = turn->load_us,
    };
    return crl_entry_new(core->config.allocator, &parts);
}

/* A flight that no one waits for any more is told so. */
static void flight_check_deserted(struct turn *turn, struct crl_flight *flight)
{
    if (flight->waiters_n == 0)
        crl_flight_drive(turn, flight, CRL_ON_DESERTED);
}

/* --------------------------------------------------------------------------------------- events */

/* The flight that a reader of this key joins or leads, or an error. */
static int flight_for(struct turn *turn, uint64_t hash, struct crl_flight **ret_flight)
{
    struct crl_core *core = turn->core;
    const struct crl_event *event = turn->event;
    struct active_key *key = crl_key_find(core, hash, event->space, event->key);
    if (key != NULL && key->shared != NULL) {
        *ret_flight = key->shared;
        return 0;
    }
    if (core->flights_n >= core->config.flights_max)
        return CORRAL_ELIMIT;
    if (key == NULL)
        key = crl_key_new(core, hash, event->space, event->key);
    if (key == NULL)
        return CORRAL_ENOMEM;
    struct crl_flight *flight = crl_flight_new(core, key);
    if (flight == NULL) {
        if (key->flights == 0)
            crl_key_retire(core, key);
        return CORRAL_ENOMEM;
    }
    *ret_flight = flight;
    return 0;
}

static void on_wanted(struct turn *turn)
{
    struct crl_core *core = turn->core;
    const struct crl_event *event = turn->event;
    struct crl_waiter *waiter = event->wanted.waiter;
    *waiter = (struct crl_waiter){.leads = true};
    CDS_INIT_LIST_HEAD(&waiter->link);
    if (core->closing) {
        answer_one(turn, waiter, CORRAL_ECLOSED, NULL);
        return;
    }
    /* It may have been filled since the reader looked. */
    uint64_t hash = crl_core_hash(core, event->space, event->key);
    struct crl_entry *entry = crl_table_find(core->table, hash, event->space, event->key);
    if (entry != NULL && crl_entry_is_fresh(entry, event->now)) {
        crl_table_touch(entry);
        answer_one(turn, waiter, entry->negative ? CORRAL_NEGATIVE : CORRAL_HIT, entry);
        return;
    }
    struct crl_flight *flight = NULL;
    int rc = core->waiters_n < core->config.waiters_max ? 0 : CORRAL_ELIMIT;
    if (rc == 0)
        rc = crl_timers_reserve(&core->timers,
                                core->deadlines_n + core->flights_n + 1 + core->waiters_n + 1);
    if (rc == 0)
        rc = flight_for(turn, hash, &flight);
    if (rc < 0)
        answer_one(turn, waiter, rc, NULL);
    else
        crl_flight_board(turn, flight, waiter);
}

static void waiter_leave(struct turn *turn, struct crl_waiter *waiter, int rc)
{
    struct crl_flight *flight = waiter->flight;
    crl_waiter_detach(turn->core, waiter);
    answer_one(turn, waiter, rc, NULL);
    flight_check_deserted(turn, flight);
}

static void on_gave_up(struct turn *turn)
{
    if (turn->event->gave_up.waiter->flight != NULL)
        waiter_leave(turn, turn->event->gave_up.waiter, CORRAL_ECANCELED);
}

/* What the store's answer means to the flight that asked. */
static enum crl_flight_signal signal_of_store(const struct crl_flight *flight,
                                              enum crl_store_answer answer)
{
    if (answer != CRL_STORE_VALUE && flight->waiters_n == 0)
        return CRL_ON_UNWANTED;
    switch (answer) {
    case CRL_STORE_VALUE:
        return CRL_ON_STORE_VALUE;
    case CRL_STORE_LEASED:
        return CRL_ON_LEASE_WON;
    case CRL_STORE_BUSY:
        return CRL_ON_LEASE_LOST;
    case CRL_STORE_DOWN:
        return CRL_ON_STORE_DOWN;
    }
    crl_unreachable();
}

static void on_store_answered(struct turn *turn)
{
    const struct crl_event *event = turn->event;
    uint64_t hash = crl_core_hash(turn->core, event->space, event->key);
    struct active_key *key = crl_key_find(turn->core, hash, event->space, event->key);
    struct crl_flight *flight = key == NULL ? NULL : key->shared;
    if (flight == NULL || flight->state != CRL_FLIGHT_LEASING || flight->ask != event->store.ask) {
        if (event->store.answer == CRL_STORE_LEASED) {
            struct crl_action *action = crl_action_add(turn->out, CRL_RELEASE_LEASE);
            action->space = event->space;
            action->key = event->key;
            action->lease.token = event->store.token;
        }
        return;
    }
    if (event->store.answer == CRL_STORE_LEASED)
        flight->token = event->store.token;
    crl_flight_drive(turn, flight, signal_of_store(flight, event->store.answer));
}

static void on_origin_answered(struct turn *turn)
{
    const struct crl_event *event = turn->event;
    struct place *place = crl_place_find(turn->core, event->origin.load);
    if (place == NULL)
        return;
    struct origin *origin = turn->core->origins[place->origin];
    struct crl_flight *flight = place->flight;
    turn->load_us = event->now - place->started_at;
    turn->rc = event->origin.rc;
    if (turn->rc == 0 && event->origin.value.size > turn->core->config.value_max)
        turn->rc = CORRAL_EVALUE;
    crl_place_leave(turn, place);
    if (flight != NULL) {
        if (turn->rc < 0)
            crl_counter_add(&origin->counts.errors[CRL_LOAD_FAILED], 1);
        crl_flight_drive(turn, flight, turn->rc < 0 ? CRL_ON_FAILED : CRL_ON_LOADED);
    }
    crl_queue_admit(turn, origin);
}

static void on_timer(struct turn *turn)
{
    struct crl_timer *timer = crl_timers_pop(&turn->core->timers, turn->event->now);
    if (timer == NULL)
        return;
    switch ((enum timer_kind)timer->kind) {
    case TIMER_WAITER:
        waiter_leave(turn, caa_container_of(timer, struct crl_waiter, timer), CORRAL_ETIMEDOUT);
        break;
    case TIMER_TURN:
        crl_flight_drive(turn, caa_container_of(timer, struct crl_flight, turn), CRL_ON_TURN);
        break;
    case TIMER_DEADLINE:
        crl_flight_drive(turn, caa_container_of(timer, struct place, deadline)->flight,
                         CRL_ON_OVERRUN);
        break;
    }
}

/* The present value, and whatever is being loaded, is no longer what later readers may have. */
static bool key_forget(struct turn *turn, uint64_t hash)
{
    const struct crl_event *event = turn->event;
    struct active_key *key = crl_key_find(turn->core, hash, event->space, event->key);
    if (key != NULL)
        key->generation++;
    return crl_table_remove(turn->core->table, hash, event->space, event->key);
}

static void store_invalidate(struct turn *turn)
{
    const struct crl_event *event = turn->event;
    if (!turn->core->spaces[event->space]->config.has_store)
        return;
    struct crl_action *action = crl_action_add(turn->out, CRL_INVALIDATE_STORE);
    action->space = event->space;
    action->key = event->key;
}

/* The store has news of a key: who waits for another process's lease asks again. */
static void key_wake(struct turn *turn, uint64_t hash)
{
    const struct crl_event *event = turn->event;
    struct active_key *key = crl_key_find(turn->core, hash, event->space, event->key);
    if (key != NULL && key->shared != NULL && key->shared->state == CRL_FLIGHT_WAITING)
        crl_flight_drive(turn, key->shared, CRL_ON_TURN);
}

/* The invalidation takes the lease that a flight here may wait for, and the store tells others of
 * it, but not this process (S6): so the flight asks anew, behind the invalidation. */
static void on_invalidate(struct turn *turn)
{
    uint64_t hash = crl_core_hash(turn->core, turn->event->space, turn->event->key);
    turn->out->result = key_forget(turn, hash);
    store_invalidate(turn);
    key_wake(turn, hash);
}

static void on_put(struct turn *turn)
{
    const struct crl_event *event = turn->event;
    struct crl_core *core = turn->core;
    uint64_t hash = crl_core_hash(core, event->space, event->key);
    key_forget(turn, hash);
    store_invalidate(turn);
    key_wake(turn, hash);
    if (event->put.value.size > core->config.value_max) {
        turn->out->result = CORRAL_EVALUE;
        return;
    }
    struct crl_entry *entry =
        crl_entry_make(turn, hash, event->space, event->key, false, event->put.value);
    if (entry == NULL) {
        turn->out->result = CORRAL_ENOMEM;
        return;
    }
    if (crl_entry_is_fresh(entry, event->now))
        (void)crl_table_insert(core->table, entry); /* too large for the budget: not cached */
    crl_entry_unref(core->config.allocator, entry);
}

static void on_changed(struct turn *turn)
{
    const struct crl_event *event = turn->event;
    uint64_t hash = crl_core_hash(turn->core, event->space, event->key);
    key_forget(turn, hash);
    key_wake(turn, hash);
}

static void on_close(struct turn *turn)
{
    struct crl_core *core = turn->core;
    core->closing = true;
    if (!cds_list_empty(&core->flights))
        crl_flight_drive(turn, cds_list_first_entry(&core->flights, struct crl_flight, in_core),
                         CRL_ON_CLOSED);
}

void crl_core_step(struct crl_core *core, const struct crl_event *event,
                   struct crl_actions *ret_actions)
{
    ret_actions->n = 0;
    ret_actions->steps_n = 0;
    ret_actions->result = 0;
    crl_keys_reap(core);
    struct turn turn = {.core = core, .event = event, .out = ret_actions};
    switch (event->kind) {
    case CRL_WANTED:
        on_wanted(&turn);
        break;
    case CRL_GAVE_UP:
        on_gave_up(&turn);
        break;
    case CRL_STORE_ANSWERED:
        on_store_answered(&turn);
        break;
    case CRL_CHANGED:
        on_changed(&turn);
        break;
    case CRL_ORIGIN_ANSWERED:
        on_origin_answered(&turn);
        break;
    case CRL_TIMER:
        on_timer(&turn);
        break;
    case CRL_INVALIDATE:
        on_invalidate(&turn);
        break;
    case CRL_PUT:
        on_put(&turn);
        break;
    case CRL_CLOSE:
        on_close(&turn);
        break;
    }
}

/* -------------------------------------------------------------------------------------- queries */

corral_us crl_core_next_at(const struct crl_core *core)
{
    return crl_timers_next_at(&core->timers);
}

bool crl_core_is_idle(const struct crl_core *core)
{
    return core->flights_n == 0 && core->loads_n == 0;
}

struct crl_table *crl_core_table(struct crl_core *core)
{
    return core->table;
}

uint64_t crl_core_hash(const struct crl_core *core, uint32_t space, struct corral_bytes key)
{
    return crl_hash(core->config.seed, space, key);
}

const struct crl_core_counts *crl_core_counts(const struct crl_core *core)
{
    return &core->counts;
}

const struct crl_core_space_counts *crl_core_space_counts(const struct crl_core *core,
                                                          uint32_t space)
{
    crl_assert(space < core->spaces_n);
    return &core->spaces[space]->counts;
}

const struct crl_core_origin_counts *crl_core_origin_counts(const struct crl_core *core,
                                                            uint32_t origin)
{
    crl_assert(origin < core->origins_n);
    return &core->origins[origin]->counts;
}
