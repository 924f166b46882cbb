/* SPDX-License-Identifier: Apache-2.0
 *
 * core.c - the events of core.h, one function each. */
#include "core/core.h"

#include "core/machine.h"

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
    core->early_lots = crl_rng_split(config->seed, "early");
    for (int i = 0; i < 2; i++)
        core->tokens[i] = crl_rng_split(config->token_seeds[i], "tokens");
    CDS_INIT_LIST_HEAD(&core->flights);
    CDS_INIT_LIST_HEAD(&core->waiting);
    CDS_INIT_LIST_HEAD(&core->woken);
    CDS_INIT_LIST_HEAD(&core->ready_origins);
    CDS_INIT_LIST_HEAD(&core->waiting_places);
    uint32_t buckets = keys_buckets(config->flights_max);
    core->keys_mask = buckets - 1;
    core->keys = calloc(buckets, sizeof *core->keys);
    core->changes = calloc(config->changes_n > 0 ? config->changes_n : 1, sizeof *core->changes);
    struct crl_table_config table = {.memory_bytes = config->memory_bytes,
                                     .allocator = config->allocator,
                                     .bucket_allocator = config->bucket_allocator,
                                     .wait_for_readers = config->wait_for_readers,
                                     .hashing = {.seed = config->seed, .hash = crl_hash},
                                     .shards = config->table_shards};
    bool has_memory = core->keys != NULL && core->changes != NULL;
    int rc = has_memory ? crl_table_new(&table, &core->table) : CORRAL_ENOMEM;
    if (rc < 0) {
        free(core->changes);
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
    free(core->taken);
    free(core->changes);
    free(core->keys);
    free(core);
}

static bool origin_is_valid(const struct crl_core_origin *config)
{
    return config->limits.concurrency >= 1 && config->limits.concurrency <= 1u << CRL_PLACE_BITS &&
           config->deadline_us > 0 && config->hedge_us >= 0 &&
           config->batch_max <= 1u << CRL_BATCH_BITS;
}

int crl_core_add_origin(struct crl_core *core, const struct crl_core_origin *config)
{
    if (core->origins_n == CRL_ORIGINS_MAX)
        return CORRAL_ECOUNT;
    if (!origin_is_valid(config))
        return CORRAL_EINVAL;
    struct crl_core_origin complete = *config;
    complete.deadline_us = crl_span(config->deadline_us);
    complete.hedge_us = crl_span(config->hedge_us);
    complete.batch_max = config->batch_max > 0 ? config->batch_max : 1;
    struct origin *origin = crl_origin_new(&complete, core->origins_n);
    if (origin == NULL)
        return CORRAL_ENOMEM;
    core->load_timers_n += 2 * origin->places_n * complete.batch_max;
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
        return CORRAL_ECOUNT;
    if (config->origin >= core->origins_n || !policy_is_valid(&config->policy) ||
        config->failure_us < 0)
        return CORRAL_EINVAL;
    struct space *space = calloc(1, sizeof *space);
    if (space == NULL)
        return CORRAL_ENOMEM;
    space->config = *config;
    space->config.policy.ttl_us = crl_span(config->policy.ttl_us);
    space->config.policy.negative_ttl_us = crl_span(config->policy.negative_ttl_us);
    space->config.failure_us = crl_span(config->failure_us);
    space->view.home = crl_home(core->spaces_n, 0);
    core->spaces[core->spaces_n] = space;
    return (int)core->spaces_n++;
}

/* -------------------------------------------------------------------------------------- helpers */

static uint64_t event_hash(const struct step *step)
{
    return crl_core_hash(step->core, step->event->space, step->event->key);
}

static struct active_key *event_key(const struct step *step)
{
    return crl_key_find(step->core, event_hash(step), step->event->space, step->event->key);
}

/* The flight of the event's key that readers share; NULL: there is none. */
static struct crl_flight *event_flight(const struct step *step)
{
    struct active_key *key = event_key(step);
    return key != NULL ? key->shared : NULL;
}

/* A flight that nobody wants any more is told so. */
static void flight_check_deserted(struct step *step, struct crl_flight *flight)
{
    if (!crl_flight_is_wanted(flight))
        crl_flight_drive(step, flight, CRL_ON_DESERTED);
}

/* A place has become free, or may: the first in line has it. What one event leaves, CRL_TIMER
 * finishes. */
static void origin_admit(struct step *step, struct origin *origin)
{
    cds_list_del_init(&origin->in_ready);
    struct crl_flight *flight = step->core->closing ? NULL : crl_queue_first(origin);
    if (flight == NULL)
        return;
    crl_flight_admit(step, flight);
    crl_origin_make_ready(step->core, origin);
}

/* The same, as part of other events: loads that may share a place wait for those that come along.
 */
static void origin_has_room(struct step *step, struct origin *origin)
{
    if (crl_origin_gathers(origin))
        crl_origin_make_ready(step->core, origin);
    else
        origin_admit(step, origin);
}

/* The flight that a reader of this key joins or leads, with its timers; or an error. */
static int flight_for(struct step *step, struct crl_flight **ret_flight)
{
    struct crl_core *core = step->core;
    const struct crl_event *event = step->event;
    struct active_key *key = event_key(step);
    uint32_t timers_n = core->load_timers_n + 2 * (core->flights_n + 1) + core->waiters_n + 1;
    if (crl_timers_reserve(&core->timers, timers_n) < 0)
        return CORRAL_ENOMEM;
    if (key != NULL && key->shared != NULL) {
        *ret_flight = key->shared;
        return 0;
    }
    if (core->flights_n >= core->config.flights_max)
        return CORRAL_ELIMIT;
    if (key == NULL)
        key = crl_key_new(core, event_hash(step), event->space, event->key);
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

/* --------------------------------------------------------------------------------------- events */

/* Why a load begins that a verdict asks for. */
static enum crl_load_reason reason_of_ask(enum crl_ask ask)
{
    switch (ask) {
    case CRL_ASK_EARLY:
        return CRL_LOAD_EARLY;
    case CRL_ASK_NONE:
    case CRL_ASK_MISS:
    case CRL_ASK_STALE:
    case CRL_ASK_RETRY:
    case CRL_ASK_SUSPECT:
        break;
    }
    return CRL_LOAD_REFRESH;
}

static void refresh(struct step *step, enum crl_load_reason reason)
{
    struct crl_flight *flight;
    if (!step->core->closing && flight_for(step, &flight) == 0)
        crl_flight_refresh(step, flight, reason);
}

/* What the table has for the waiter, if anything. Returns whether it was answered. */
static bool answer_from_table(struct step *step, struct crl_waiter *waiter)
{
    struct crl_core *core = step->core;
    const struct crl_event *event = step->event;
    struct space *space = core->spaces[event->space];
    struct crl_entry *entry =
        crl_table_find(core->table, event_hash(step), event->space, event->key);
    uint32_t lot = (uint32_t)crl_rng_next(&core->early_lots);
    struct crl_verdict verdict = crl_entry_judge(entry, event->now, &space->view, lot);
    int result = 0;
    switch (verdict.outcome) {
    case CRL_VERDICT_NOTHING:
        return false;
    case CRL_VERDICT_FAILED:
        crl_answer_one(step, waiter, crl_entry_rc(entry), NULL);
        return true;
    case CRL_VERDICT_FRESH:
    case CRL_VERDICT_ABSENT:
        if (crl_entry_use(entry, event->now, &space->view))
            crl_counter_add(&space->counts.needed, 1);
        result = verdict.outcome == CRL_VERDICT_FRESH ? CORRAL_HIT : CORRAL_NEGATIVE;
        break;
    case CRL_VERDICT_STALE:
        result = CORRAL_STALE;
        break;
    }
    crl_table_touch(entry);
    crl_answer_one(step, waiter, result, entry);
    if (verdict.ask != CRL_ASK_NONE && crl_entry_mark(entry, CRL_MARK_ASKED))
        refresh(step, reason_of_ask(verdict.ask));
    return true;
}

static void waiter_leave(struct step *step, struct crl_waiter *waiter, int rc)
{
    struct crl_flight *flight = waiter->flight;
    crl_waiter_detach(step->core, waiter);
    crl_answer_one(step, waiter, rc, NULL);
    flight_check_deserted(step, flight);
}

/* A loader waits: not for itself. One that has answered waits for nobody's sake, and one that is
 * told at once does not wait. */
static void loader_waits(struct step *step, struct crl_waiter *waiter)
{
    const struct crl_event *event = step->event;
    struct crl_place *asker = crl_place_of_load(step->core, event->wanted.asker);
    if (asker == NULL || waiter->flight == NULL || event->wanted.wait_until <= event->now)
        return;
    crl_wait_begin(step->core, waiter, asker);
    if (crl_wait_is_stuck(step->core, waiter))
        waiter_leave(step, waiter, CORRAL_EDEADLOCK);
}

static void on_wanted(struct step *step)
{
    struct crl_core *core = step->core;
    struct crl_waiter *waiter = step->event->wanted.waiter;
    *waiter = (struct crl_waiter){.leads = true};
    CDS_INIT_LIST_HEAD(&waiter->link);
    if (core->closing) {
        crl_answer_one(step, waiter, CORRAL_ECLOSED, NULL);
        return;
    }
    /* It may have been filled since the reader looked. */
    if (answer_from_table(step, waiter))
        return;
    struct crl_flight *flight = NULL;
    int rc = core->waiters_n < core->config.waiters_max ? 0 : CORRAL_ELIMIT;
    if (rc == 0)
        rc = flight_for(step, &flight);
    if (rc < 0) {
        crl_answer_one(step, waiter, rc, NULL);
        return;
    }
    crl_flight_board(step, flight, waiter);
    loader_waits(step, waiter);
}

static void on_refresh(struct step *step)
{
    refresh(step, step->event->refresh.reason);
}

static void on_gave_up(struct step *step)
{
    if (step->event->gave_up.waiter->flight != NULL)
        waiter_leave(step, step->event->gave_up.waiter, CORRAL_ECANCELED);
}

/* What an answered load ends with. A failure that comes no sooner than the deadline is one of the
 * deadline, whichever of the two is heard first: the origin may have given up for its sake. */
static int load_rc(const struct step *step, const struct load *load)
{
    const struct crl_event *event = step->event;
    if (step->draft != NULL && crl_entry_value(step->draft).size > step->core->config.value_max)
        return CORRAL_EVALUE;
    if (event->origin.rc < 0 && event->now >= load->order.deadline_at)
        return CORRAL_EDEADLINE;
    return event->origin.rc;
}

static void on_origin_answered(struct step *step)
{
    const struct crl_event *event = step->event;
    struct crl_core *core = step->core;
    struct load *load = crl_load_find(core, event->origin.load);
    if (load == NULL)
        return;
    struct origin *origin = crl_load_origin(core, load);
    step->load_us = event->now - load->started_at;
    step->rc = load_rc(step, load);
    struct crl_flight *flight = crl_load_end(step, load);
    if (flight != NULL && step->rc < 0) {
        crl_load_failed(step, origin);
        step->is_origins_failure = step->rc != CORRAL_ENOMEM;
        if (flight->loads_n == 0) /* else the other attempt may still bring something */
            crl_flight_drive(step, flight, CRL_ON_FAILED);
    } else if (flight != NULL) {
        crl_flight_drive(step, flight, CRL_ON_LOADED);
    }
    origin_has_room(step, origin);
}

/* Places beyond the new limit stay taken until their loads have ended. */
static void on_origin_limited(struct step *step)
{
    uint32_t limit = step->event->limited.limit;
    crl_assert(step->event->limited.origin < step->core->origins_n && limit >= 1);
    struct origin *origin = step->core->origins[step->event->limited.origin];
    origin->limit_now = limit < origin->places_n ? limit : origin->places_n;
    step->core->waits_changed |= step->core->waits_n > 0;
    origin_has_room(step, origin);
}

static void load_overruns(struct step *step, struct load *load)
{
    struct crl_flight *flight = load->flight;
    crl_counter_add(&crl_load_origin(step->core, load)->counts.errors[CRL_LOAD_OVERRUN], 1);
    step->rc = CORRAL_EDEADLINE;
    crl_load_cancel(step, load, step->rc);
    step->is_origins_failure = true;
    if (flight->loads_n == 0)
        crl_flight_drive(step, flight, CRL_ON_OVERRUN);
}

static void lease_renew(struct step *step, struct crl_flight *flight)
{
    crl_assert(flight->has_lease);
    crl_tell_store(step, flight, CRL_RENEW_LEASE)->lease.token = flight->token;
    crl_lease_timer_arm(step, flight);
}

static void timer_fires(struct step *step, struct crl_timer *timer)
{
    switch ((enum timer_kind)timer->kind) {
    case TIMER_WAITER:
        waiter_leave(step, caa_container_of(timer, struct crl_waiter, timer), CORRAL_ETIMEDOUT);
        break;
    case TIMER_AGAIN:
        crl_flight_drive(step, caa_container_of(timer, struct crl_flight, again), CRL_ON_AGAIN);
        break;
    case TIMER_RENEWAL:
        lease_renew(step, caa_container_of(timer, struct crl_flight, renewal));
        break;
    case TIMER_DEADLINE:
        load_overruns(step, caa_container_of(timer, struct load, deadline));
        break;
    case TIMER_SLOW:
        crl_flight_drive(step, caa_container_of(timer, struct load, slow)->flight, CRL_ON_SLOW);
        break;
    }
}

/* Another event than a loader's get may have closed a circle. */
static void loaders_look(struct step *step)
{
    struct crl_waiter *waiter = crl_waits_find_stuck(step->core);
    if (waiter != NULL)
        waiter_leave(step, waiter, CORRAL_EDEADLOCK);
}

/* One thing that is due: first what other events have left. */
static void on_timer(struct step *step)
{
    struct crl_core *core = step->core;
    if (!cds_list_empty(&core->woken)) {
        crl_flight_drive(step, cds_list_first_entry(&core->woken, struct crl_flight, in_line),
                         CRL_ON_AGAIN);
        return;
    }
    if (!cds_list_empty(&core->ready_origins)) {
        origin_admit(step, cds_list_first_entry(&core->ready_origins, struct origin, in_ready));
        return;
    }
    if (core->waits_changed) {
        loaders_look(step);
        return;
    }
    struct crl_timer *timer = crl_timers_pop(&core->timers, step->event->now);
    if (timer != NULL)
        timer_fires(step, timer);
}

static void on_close(struct step *step)
{
    struct crl_core *core = step->core;
    for (uint32_t i = 0; i < core->spaces_n && !core->closing; i++)
        crl_space_epoch_begin(core, i); /* readers find nothing any more */
    core->closing = true;
    if (!cds_list_empty(&core->flights))
        crl_flight_drive(step, cds_list_first_entry(&core->flights, struct crl_flight, in_core),
                         CRL_ON_CLOSED);
}

/* -------------------------------------------------------------------------------------- changes */

static _Atomic uint64_t *changes_of(const struct crl_core *core, uint64_t hash)
{
    return core->config.changes_n > 0 ? &core->changes[hash & (core->config.changes_n - 1)] : NULL;
}

uint64_t crl_core_mark(const struct crl_core *core, uint32_t space, struct corral_bytes key)
{
    crl_assert(core->config.changes_n > 0);
    return atomic_load(changes_of(core, crl_core_hash(core, space, key))) +
           atomic_load(&core->spaces[space]->clears);
}

/* The present value, and whatever is being loaded, is no longer what later readers may have. */
static bool key_forget(struct step *step)
{
    struct active_key *key = event_key(step);
    _Atomic uint64_t *changes = changes_of(step->core, event_hash(step));
    if (key != NULL)
        key->generation++;
    if (changes != NULL)
        atomic_fetch_add(changes, 1);
    return crl_table_remove(step->core->table, event_hash(step), step->event->space,
                            step->event->key);
}

static void store_invalidate(struct step *step)
{
    if (step->core->spaces[step->event->space]->config.has_store)
        (void)crl_tell_store_of_event(step, CRL_INVALIDATE_STORE);
}

/* The store has news of a key: who waits for another process's lease asks again. */
static void key_wake(struct step *step)
{
    struct crl_flight *flight = event_flight(step);
    if (flight != NULL && flight->state == CRL_FLIGHT_WAITING)
        crl_flight_drive(step, flight, CRL_ON_AGAIN);
}

/* The invalidation takes the lease that a flight here may wait for, and the store tells others of
 * it, but not this process (S6): so the flight asks anew, behind the invalidation. */
static void on_invalidate(struct step *step)
{
    step->out->result = key_forget(step);
    store_invalidate(step);
    key_wake(step);
}

/* What was published in earlier epochs is not found any more, and flights of earlier ones are not
 * current: what they bring is not kept, and not for those who come later. */
static void on_clear(struct step *step)
{
    struct space *space = step->core->spaces[step->event->space];
    crl_assert(!space->config.has_store);
    crl_space_epoch_begin(step->core, step->event->space);
    atomic_fetch_add(&space->clears, 1);
}

/* Has nobody changed the key since the mark was taken, where that is a condition? */
static bool put_is_wanted(const struct step *step)
{
    const struct crl_event *event = step->event;
    return !event->put.is_conditional ||
           event->put.mark == crl_core_mark(step->core, event->space, event->key);
}

/* P4: one that is refused is an invalidation. Of two writers whose puts may have come in the wrong
 * order, neither is believed. */
static void on_put(struct step *step)
{
    bool is_wanted = put_is_wanted(step);
    (void)key_forget(step);
    store_invalidate(step);
    key_wake(step);
    step->out->result = is_wanted ? crl_publish_put(step) : CORRAL_ECHANGED;
}

/* ------------------------------------------------------------------------------ the store's own */

/* What the store's answer means to the flight that asked. */
static enum crl_flight_signal signal_of_store(struct step *step, struct crl_flight *flight)
{
    bool is_wanted = crl_flight_is_wanted(flight);
    switch (step->event->store.answer) {
    case CRL_STORE_VALUE:
        return CRL_ON_STORE_VALUE;
    case CRL_STORE_FAILED:
        return CRL_ON_STORE_FAILED;
    case CRL_STORE_LEASED:
        return is_wanted ? CRL_ON_LEASE_WON : CRL_ON_UNWANTED;
    case CRL_STORE_BUSY: /* what another process refreshes, this one need not */
        return flight->waiters_n > 0 ? CRL_ON_LEASE_LOST : CRL_ON_UNWANTED;
    case CRL_STORE_DOWN:
        if (is_wanted && crl_unconfirmed(step, flight) != NULL)
            return CRL_ON_UNCONFIRMED;
        return is_wanted ? CRL_ON_STORE_DOWN : CRL_ON_UNWANTED;
    }
    crl_unreachable();
}

/* An answer to an ask that is over. A lease that comes with it is given back, unless the flight
 * holds that very one: it was told of it twice. */
static void answer_too_late(struct step *step, const struct crl_flight *flight)
{
    const struct crl_event *event = step->event;
    bool is_held =
        flight != NULL && flight->has_lease && crl_token_equal(flight->token, event->store.token);
    if (event->store.answer == CRL_STORE_LEASED && !is_held)
        crl_tell_store_of_event(step, CRL_RELEASE_LEASE)->lease.token = event->store.token;
}

static void on_store_answered(struct step *step)
{
    const struct crl_event *event = step->event;
    struct crl_flight *flight = event_flight(step);
    bool is_leased = event->store.answer == CRL_STORE_LEASED;
    if (flight == NULL || flight->state != CRL_FLIGHT_LEASING || flight->ask != event->store.ask) {
        answer_too_late(step, flight);
        return;
    }
    if (is_leased) {
        crl_assert(crl_token_equal(event->store.token, flight->token));
        flight->has_lease = true;
        flight->lease_us = event->store.lease_us;
        flight->leased_at = event->now;
        crl_lease_timer_arm(step, flight);
    }
    crl_flight_drive(step, flight, signal_of_store(step, flight));
}

static void on_store_renewed(struct step *step)
{
    const struct crl_event *event = step->event;
    struct crl_flight *flight = event_flight(step);
    if (event->renewed.is_held || flight == NULL || !flight->has_lease ||
        !crl_token_equal(flight->token, event->renewed.token))
        return;
    crl_lease_lost(step, flight);
}

/* What became of a fill. Until the store has accepted it, nobody vouches for the entry. */
static void on_store_filled(struct step *step)
{
    const struct crl_event *event = step->event;
    if (event->filled.is_accepted)
        return;
    struct crl_table *table = step->core->table;
    const struct crl_entry *entry =
        crl_table_find(table, event_hash(step), event->space, event->key);
    if (entry != NULL && entry->answered_at == event->filled.answered_at)
        (void)crl_table_remove(table, event_hash(step), event->space, event->key);
}

static void on_store_changed(struct step *step)
{
    (void)key_forget(step);
    key_wake(step);
}

/* Whatever the store has said meanwhile, nobody has heard: what it vouched for is to be confirmed,
 * and who waits for its news asks. */
static void on_store_linked(struct step *step)
{
    struct crl_core *core = step->core;
    crl_epoch_begin(core);
    cds_list_splice(&core->waiting, core->woken.prev);
    CDS_INIT_LIST_HEAD(&core->waiting);
}

/* ------------------------------------------------------------------------------------- the step */

static void event_happen(struct step *step)
{
    switch (step->event->kind) {
    case CRL_WANTED:
        on_wanted(step);
        break;
    case CRL_GAVE_UP:
        on_gave_up(step);
        break;
    case CRL_REFRESH:
        on_refresh(step);
        break;
    case CRL_STORE_ANSWERED:
        step->draft = step->event->store.draft;
        on_store_answered(step);
        break;
    case CRL_STORE_RENEWED:
        on_store_renewed(step);
        break;
    case CRL_STORE_FILLED:
        on_store_filled(step);
        break;
    case CRL_STORE_CHANGED:
        on_store_changed(step);
        break;
    case CRL_STORE_LINKED:
        on_store_linked(step);
        break;
    case CRL_ORIGIN_ANSWERED:
        step->draft = step->event->origin.draft;
        on_origin_answered(step);
        break;
    case CRL_ORIGIN_LIMITED:
        on_origin_limited(step);
        break;
    case CRL_TIMER:
        on_timer(step);
        break;
    case CRL_INVALIDATE:
        on_invalidate(step);
        break;
    case CRL_CLEAR:
        on_clear(step);
        break;
    case CRL_PUT:
        step->draft = step->event->put.draft;
        on_put(step);
        break;
    case CRL_CLOSE:
        on_close(step);
        break;
    }
}

void crl_core_step(struct crl_core *core, const struct crl_event *event,
                   struct crl_actions *ret_actions)
{
    ret_actions->n = 0;
    ret_actions->taken_n = 0;
    ret_actions->taken = NULL;
    ret_actions->result = 0;
    crl_keys_reap(core);
    struct step step = {.core = core, .event = event, .out = ret_actions};
    event_happen(&step);
    if (step.draft != NULL)
        crl_entry_unref(core->config.allocator, step.draft);
}

/* -------------------------------------------------------------------------------------- queries */

corral_us crl_core_next_at(const struct crl_core *core)
{
    bool is_ready = core->woken.next != &core->woken ||
                    core->ready_origins.next != &core->ready_origins || core->waits_changed;
    return is_ready ? CRL_AT_ONCE : crl_timers_next_at(&core->timers);
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

const struct crl_space_view *crl_core_view(const struct crl_core *core, uint32_t space)
{
    crl_assert(space < core->spaces_n);
    return &core->spaces[space]->view;
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
