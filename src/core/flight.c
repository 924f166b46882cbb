/* SPDX-License-Identifier: Apache-2.0
 *
 * flight.c - what is done on each edge of flight.h.
 *
 * signal_send() is the one function that changes a state. An edge may send its flight a further
 * signal (a flight at the origin's door is admitted, queued or refused in the same step); what has
 * come back to IDLE is settled once, by crl_flight_drive(), when all of that is over. */
#include "core/machine.h"

#include <stdlib.h>

struct edge {
    const char *name; /* NULL: there is no such edge */
    void (*run)(struct step *step, struct crl_flight *flight);
    enum crl_flight_state to;
};

#define X(in, on, to, what) static void what(struct step *step, struct crl_flight *flight);
CRL_FLIGHT_EDGES(X)
#undef X

static const struct edge edges[CRL_FLIGHT_STATES_N][CRL_FLIGHT_SIGNALS_N] = {
#define X(in, on, to, what) [CRL_FLIGHT_##in][CRL_ON_##on] = {#what, what, CRL_FLIGHT_##to},
    CRL_FLIGHT_EDGES(X)
#undef X
};

const char *crl_flight_state_name(enum crl_flight_state state)
{
    static const char *const names[] = {
#define X(name, text) text,
        CRL_FLIGHT_STATES(X)
#undef X
    };
    return names[state];
}

const char *crl_flight_signal_name(enum crl_flight_signal signal)
{
    static const char *const names[] = {
#define X(name, text) text,
        CRL_FLIGHT_SIGNALS(X)
#undef X
    };
    return names[signal];
}

const char *crl_flight_edge_name(enum crl_flight_state in, enum crl_flight_signal on)
{
    return edges[in][on].name;
}

/* Room for one more edge taken; NULL without memory, then it is not narrated. */
static struct crl_edge_taken *taken_add(struct step *step)
{
    struct crl_core *core = step->core;
    if (step->out->taken_n == core->taken_room) {
        uint32_t room = core->taken_room * 2 + 8;
        struct crl_edge_taken *taken = realloc(core->taken, room * sizeof *taken);
        if (taken == NULL)
            return NULL;
        core->taken = taken;
        core->taken_room = room;
    }
    step->out->taken = core->taken;
    return &core->taken[step->out->taken_n++];
}

static void narrate(struct step *step, const struct crl_flight *flight,
                    enum crl_flight_signal signal, enum crl_flight_state to)
{
    if (!step->core->config.narrates)
        return;
    struct crl_edge_taken *taken = taken_add(step);
    if (taken == NULL)
        return;
    *taken = (struct crl_edge_taken){.space = flight->key->space,
                                     .from = flight->state,
                                     .to = to,
                                     .on = signal,
                                     .waiters = flight->waiters_n};
    size_t n = flight->key->size < sizeof taken->key ? flight->key->size : sizeof taken->key - 1;
    memcpy(taken->key, flight->key->bytes, n);
}

static void signal_send(struct step *step, struct crl_flight *flight, enum crl_flight_signal signal)
{
    const struct edge *edge = &edges[flight->state][signal];
    crl_assert(edge->name != NULL);
    narrate(step, flight, signal, edge->to);
    flight->state = edge->to;
    edge->run(step, flight);
}

/* ------------------------------------------------------------------------------ a flight's life */

struct crl_flight *crl_flight_new(struct crl_core *core, struct active_key *key)
{
    struct crl_flight *flight = calloc(1, sizeof *flight);
    if (flight == NULL)
        return NULL;
    flight->key = key;
    flight->again.kind = TIMER_AGAIN;
    flight->renewal.kind = TIMER_RENEWAL;
    CDS_INIT_LIST_HEAD(&flight->loads);
    CDS_INIT_LIST_HEAD(&flight->waiters);
    CDS_INIT_LIST_HEAD(&flight->later);
    CDS_INIT_LIST_HEAD(&flight->in_line);
    cds_list_add_tail(&flight->in_core, &core->flights);
    key->flights++;
    if (!core->spaces[key->space]->config.policy.no_coalescing)
        key->shared = flight;
    crl_counter_set(&core->counts.flights, ++core->flights_n);
    return flight;
}

static void flight_free(struct crl_core *core, struct crl_flight *flight)
{
    crl_assert(flight->waiters_n == 0 && flight->loads_n == 0 && !flight->has_lease);
    crl_assert(!crl_timer_is_armed(&flight->again) && cds_list_empty(&flight->in_line));
    struct active_key *key = flight->key;
    if (key->shared == flight)
        key->shared = NULL;
    if (--key->flights == 0)
        crl_key_retire(core, key);
    cds_list_del(&flight->in_core);
    crl_counter_set(&core->counts.flights, --core->flights_n);
    free(flight);
}

bool crl_flight_is_wanted(const struct crl_flight *flight)
{
    return flight->waiters_n > 0 || flight->reasons != 0 || flight->later_reasons != 0;
}

static void flight_start(struct step *step, struct crl_flight *flight)
{
    bool has_readers = !cds_list_empty(&flight->waiters);
    if (has_readers)
        cds_list_first_entry(&flight->waiters, struct crl_waiter, link)->leads = true;
    /* The store's answers go to the shared flight of a key. One that shares nothing asks nobody. */
    bool has_store =
        crl_space_of(step->core, flight)->config.has_store && flight->key->shared == flight;
    enum crl_flight_signal with_store = has_readers ? CRL_ON_WANTED : CRL_ON_REFRESH;
    enum crl_flight_signal alone = has_readers ? CRL_ON_WANTED_ALONE : CRL_ON_REFRESH_ALONE;
    signal_send(step, flight, has_store ? with_store : alone);
}

/* Those who came later are served by what begins now. */
static void serve_later(struct step *step, struct crl_flight *flight)
{
    flight->generation = flight->key->generation;
    flight->home = crl_space_of(step->core, flight)->view.home;
    flight->is_fenced = false;
    cds_list_splice(&flight->later, flight->waiters.prev);
    CDS_INIT_LIST_HEAD(&flight->later);
    flight->reasons |= flight->later_reasons;
    flight->later_reasons = 0;
}

/* A refresh has ended without a new value: the next reader may ask for it again. */
static void asked_for_no_more(struct step *step, struct crl_flight *flight)
{
    struct active_key *key = flight->key;
    struct crl_entry *entry =
        crl_table_find(step->core->table, key->hash, key->space, crl_key_bytes(key));
    if (entry != NULL && crl_entry_has(entry, CRL_MARK_ASKED))
        crl_entry_unmark(entry, CRL_MARK_ASKED);
}

/* A flight without work starts anew for those who came after an invalidation, or ends. */
static void flight_settle(struct step *step, struct crl_flight *flight)
{
    if (flight->state != CRL_FLIGHT_IDLE)
        return;
    if (flight->reasons != 0)
        asked_for_no_more(step, flight);
    flight->reasons = 0;
    if (!step->core->closing && crl_flight_is_wanted(flight)) {
        serve_later(step, flight);
        flight_start(step, flight);
    }
    if (flight->state == CRL_FLIGHT_IDLE)
        flight_free(step->core, flight);
}

void crl_flight_drive(struct step *step, struct crl_flight *flight, enum crl_flight_signal signal)
{
    signal_send(step, flight, signal);
    flight_settle(step, flight);
}

bool crl_flight_is_current(const struct crl_core *core, const struct crl_flight *flight)
{
    return flight->generation == flight->key->generation && !flight->is_fenced &&
           flight->home == core->spaces[flight->key->space]->view.home;
}

/* What was asked before an invalidation is not for those who come after it. */
static bool flight_is_outdated(const struct crl_core *core, const struct crl_flight *flight)
{
    bool asked = flight->state == CRL_FLIGHT_LEASING || flight->state == CRL_FLIGHT_LOADING;
    return asked && !crl_flight_is_current(core, flight);
}

void crl_flight_board(struct step *step, struct crl_flight *flight, struct crl_waiter *waiter)
{
    struct crl_core *core = step->core;
    waiter->flight = flight;
    waiter->timer.kind = TIMER_WAITER;
    crl_timer_arm(&core->timers, &waiter->timer, step->event->wanted.wait_until);
    flight->waiters_n++;
    crl_counter_set(&core->counts.waiters, ++core->waiters_n);
    step->waiter = waiter;
    if (flight->state == CRL_FLIGHT_IDLE) {
        cds_list_add_tail(&waiter->link, &flight->waiters);
        flight_start(step, flight);
    } else {
        signal_send(step, flight,
                    flight_is_outdated(core, flight) ? CRL_ON_WANTED_LATER : CRL_ON_WANTED);
    }
    flight_settle(step, flight);
}

void crl_flight_refresh(struct step *step, struct crl_flight *flight, enum crl_load_reason reason)
{
    crl_assert(reason != CRL_LOAD_MISS);
    step->reason = reason;
    if (flight->state == CRL_FLIGHT_IDLE) {
        flight->reasons = 1u << reason;
        flight_start(step, flight);
    } else {
        signal_send(step, flight,
                    flight_is_outdated(step->core, flight) ? CRL_ON_REFRESH_LATER : CRL_ON_REFRESH);
    }
    flight_settle(step, flight);
}

void crl_waiter_detach(struct crl_core *core, struct crl_waiter *waiter)
{
    crl_wait_end(core, waiter);
    crl_timer_disarm(&core->timers, &waiter->timer);
    cds_list_del(&waiter->link);
    waiter->flight->waiters_n--;
    waiter->flight = NULL;
    crl_counter_set(&core->counts.waiters, --core->waiters_n);
}

/* --------------------------------------------------------------------------------------- leases */

void crl_lease_timer_arm(struct step *step, struct crl_flight *flight)
{
    corral_us third_us = flight->lease_us / 3;
    crl_timer_arm(&step->core->timers, &flight->renewal,
                  step->event->now + (third_us > 0 ? third_us : 1));
}

static void lease_end(struct step *step, struct crl_flight *flight)
{
    crl_timer_disarm(&step->core->timers, &flight->renewal);
    flight->has_lease = false;
}

/* After the origin's own failure with what is to be told to the fleet; else with nothing, and
 * another process may load at once. */
static void lease_release(struct step *step, struct crl_flight *flight)
{
    if (!flight->has_lease)
        return;
    struct crl_action *action = crl_tell_store(step, flight, CRL_RELEASE_LEASE);
    action->lease.token = flight->token;
    corral_us failure_us = crl_space_of(step->core, flight)->config.failure_us;
    if (step->is_origins_failure && failure_us > 0) {
        action->lease.rc = step->rc;
        action->lease.retry_us = failure_us;
    }
    lease_end(step, flight);
}

/* While it queues another process may have begun to load: it asks again. While it loads it goes on,
 * fenced. */
void crl_lease_lost(struct step *step, struct crl_flight *flight)
{
    lease_end(step, flight);
    if (flight->state == CRL_FLIGHT_QUEUED) {
        crl_flight_drive(step, flight, CRL_ON_LEASE_GONE);
        return;
    }
    crl_assert(flight->state == CRL_FLIGHT_LOADING);
    flight->is_fenced = true;
}

static void lease_fill(struct step *step, struct crl_flight *flight, struct crl_entry *entry)
{
    struct crl_action *action = crl_tell_store(step, flight, CRL_FILL_STORE);
    action->lease.token = flight->token;
    action->lease.entry = entry;
    action->lease.since_us = entry->answered_at - flight->leased_at;
    crl_entry_ref(entry);
    lease_end(step, flight);
}

/* ---------------------------------------------------------------------------------------- edges */

static void join(struct step *step, struct crl_flight *flight)
{
    step->waiter->leads = false;
    cds_list_add_tail(&step->waiter->link, &flight->waiters);
}

static void join_later(struct step *step, struct crl_flight *flight)
{
    step->waiter->leads = false;
    cds_list_add_tail(&step->waiter->link, &flight->later);
}

/* It goes to the end of the line of a higher priority, if it is in a lower one. */
static void move_up(struct crl_flight *flight, enum crl_load_reason priority)
{
    if (flight->priority <= priority)
        return;
    struct origin *origin = flight->queued_at;
    crl_queue_leave(origin, flight);
    flight->priority = priority;
    crl_queue_join(origin, flight);
}

/* Somebody waits now: it is served before all that nobody waits for. */
static void join_queue(struct step *step, struct crl_flight *flight)
{
    join(step, flight);
    move_up(flight, CRL_LOAD_MISS);
}

static void note(struct step *step, struct crl_flight *flight)
{
    flight->reasons |= 1u << step->reason;
}

static void note_queue(struct step *step, struct crl_flight *flight)
{
    note(step, flight);
    move_up(flight, step->reason);
}

static void note_later(struct step *step, struct crl_flight *flight)
{
    flight->later_reasons |= 1u << step->reason;
}

static void carry_on(struct step *step, struct crl_flight *flight)
{
    (void)step;
    crl_assert(flight->waiters_n == 0);
}

/* A value that is no younger than what is there is no use to a refresh; a reader takes any that is
 * fresh. */
static corral_us age_wanted(struct step *step, const struct crl_flight *flight)
{
    const struct active_key *key = flight->key;
    if (flight->reasons == 0)
        return INT64_MAX;
    const struct crl_entry *entry =
        crl_table_find(step->core->table, key->hash, key->space, crl_key_bytes(key));
    return entry != NULL ? step->event->now - entry->answered_at : INT64_MAX;
}

static void ask_store(struct step *step, struct crl_flight *flight)
{
    struct crl_core *core = step->core;
    crl_timer_disarm(&core->timers, &flight->again);
    cds_list_del_init(&flight->in_line); /* of those who wait */
    serve_later(step, flight);
    flight->ask = ++core->asks;
    flight->token = (struct crl_token){.high = crl_rng_next(&core->tokens[0]),
                                       .low = crl_rng_next(&core->tokens[1])};
    struct crl_action *action = crl_tell_store(step, flight, CRL_ASK_STORE);
    action->ask_store.ask = flight->ask;
    action->ask_store.token = flight->token;
    action->ask_store.age_us = age_wanted(step, flight);
}

static void ask_again(struct step *step, struct crl_flight *flight)
{
    crl_queue_leave(flight->queued_at, flight);
    ask_store(step, flight);
}

static void wait_for_it(struct step *step, struct crl_flight *flight)
{
    struct crl_core *core = step->core;
    cds_list_add_tail(&flight->in_line, &core->waiting);
    crl_timer_arm(&core->timers, &flight->again, step->event->now + step->event->store.lease_us);
}

static void answer_stored(struct step *step, struct crl_flight *flight)
{
    struct published published = crl_publish_stored(step, flight);
    struct crl_entry *entry = published.entry;
    if (entry == NULL) {
        crl_answer_list(step, &flight->waiters, CORRAL_ENOMEM, NULL, false);
        return;
    }
    int result = crl_entry_is_absent(entry) ? CORRAL_NEGATIVE : CORRAL_HIT;
    crl_answer_list(step, &flight->waiters, result, entry, published.is_cached);
    crl_entry_unref(step->core->config.allocator, entry);
}

static void answer_shared_failure(struct step *step, struct crl_flight *flight)
{
    step->rc = step->event->store.rc;
    crl_remember_failure(step, flight, step->event->store.lease_us);
    crl_answer_list(step, &flight->waiters, step->rc, NULL, false);
}

static void answer_unconfirmed(struct step *step, struct crl_flight *flight)
{
    struct crl_entry *entry = crl_unconfirmed(step, flight);
    crl_entry_rehome(entry, crl_space_of(step->core, flight)->view.home);
    int result = crl_entry_is_absent(entry) ? CORRAL_NEGATIVE : CORRAL_HIT;
    crl_answer_list(step, &flight->waiters, result, entry, true);
}

/* Nobody is refused while a place is free: if the queue is full of flights that may load by now,
 * the first of them do. */
static void queue_make_room(struct step *step, struct origin *origin)
{
    struct crl_flight *first = crl_queue_first(origin);
    if (first != NULL && origin->queued >= origin->config.limits.queue)
        crl_flight_admit(step, first);
}

/* Into the queue, until the events that have come along are through: those that they want share
 * places. A full place has no reason to wait. */
static void queue_gather(struct step *step, struct origin *origin, struct crl_flight *flight)
{
    crl_queue_join(origin, flight);
    if (!crl_origin_gathers(origin))
        return;
    if (crl_queue_fills_place(origin))
        crl_flight_admit(step, crl_queue_first(origin));
    crl_origin_make_ready(step->core, origin);
}

static void ask_admission(struct step *step, struct crl_flight *flight)
{
    struct origin *origin = crl_origin_of(step->core, flight);
    flight->priority = flight->waiters_n > 0 || flight->reasons == 0
                           ? CRL_LOAD_MISS
                           : (enum crl_load_reason)__builtin_ctz(flight->reasons);
    step->core->waits_changed |= flight->askers_n > 0; /* they waited for something else before */
    queue_make_room(step, origin);
    switch (crl_origin_judge(origin)) {
    case CRL_BULKHEAD_ADMIT:
        if (crl_origin_gathers(origin))
            queue_gather(step, origin, flight);
        else
            crl_flight_admit(step, flight);
        break;
    case CRL_BULKHEAD_QUEUE:
        queue_gather(step, origin, flight);
        break;
    case CRL_BULKHEAD_REFUSE:
        crl_counter_add(&origin->counts.errors[CRL_LOAD_REFUSED], 1);
        signal_send(step, flight, CRL_ON_REFUSED);
        break;
    }
}

static void order_begin(struct step *step, const struct crl_flight *flight)
{
    struct origin *origin = crl_origin_of(step->core, flight);
    step->place = crl_place_take(origin);
    step->order = crl_action_add(step->out, CRL_ASK_ORIGIN);
    step->order->space = flight->key->space;
    step->order->origin = origin->number;
    CDS_INIT_LIST_HEAD(&step->order->ask_origin.loads);
}

static void order_add(struct step *step, struct crl_flight *flight)
{
    struct load *load = crl_load_begin(step, flight, step->place);
    cds_list_add_tail(&load->order.link, &step->order->ask_origin.loads);
}

/* What stands in line behind it for the same space comes along, as far as there is room. */
void crl_flight_admit(struct step *step, struct crl_flight *flight)
{
    struct origin *origin = crl_origin_of(step->core, flight);
    order_begin(step, flight);
    signal_send(step, flight, CRL_ON_ADMITTED);
    while (step->place->loads_n < origin->config.batch_max &&
           (flight = crl_queue_mate(origin, flight)) != NULL)
        signal_send(step, flight, CRL_ON_ADMITTED);
}

static void begin_load(struct step *step, struct crl_flight *flight)
{
    if (flight->queued_at != NULL)
        crl_queue_leave(flight->queued_at, flight);
    serve_later(step, flight);
    order_add(step, flight);
}

/* A second attempt takes only what nobody else stands in line for. */
static void hedge(struct step *step, struct crl_flight *flight)
{
    if (!crl_flight_is_current(step->core, flight) ||
        crl_origin_judge(crl_origin_of(step->core, flight)) != CRL_BULKHEAD_ADMIT)
        return;
    order_begin(step, flight);
    order_add(step, flight);
}

static void answer_refused(struct step *step, struct crl_flight *flight)
{
    lease_release(step, flight);
    crl_answer_list(step, &flight->waiters, CORRAL_EQUEUE, NULL, false);
}

static void give_up(struct step *step, struct crl_flight *flight)
{
    struct crl_core *core = step->core;
    crl_timer_disarm(&core->timers, &flight->again);
    if (flight->queued_at != NULL)
        crl_queue_leave(flight->queued_at, flight);
    cds_list_del_init(&flight->in_line); /* of those who wait */
    lease_release(step, flight);
    flight->later_reasons = 0;
}

static void answer_loaded(struct step *step, struct crl_flight *flight)
{
    crl_loads_cancel(step, flight); /* the other attempt */
    struct published published = crl_publish_load(step, flight);
    struct crl_entry *entry = published.entry;
    if (entry == NULL) {
        step->rc = CORRAL_ENOMEM;
        crl_load_failed(step, crl_origin_of(step->core, flight));
        answer_failed(step, flight);
        return;
    }
    crl_answer_list(step, &flight->waiters, CORRAL_LOADED, entry, published.is_cached);
    if (flight->has_lease && flight->generation == flight->key->generation)
        lease_fill(step, flight, entry);
    lease_release(step, flight);
    crl_entry_unref(step->core->config.allocator, entry);
}

static void answer_failed(struct step *step, struct crl_flight *flight)
{
    if (step->is_origins_failure)
        crl_remember_failure(step, flight, crl_space_of(step->core, flight)->config.failure_us);
    lease_release(step, flight);
    crl_answer_list(step, &flight->waiters, step->rc, NULL, false);
}

static void answer_closed(struct step *step, struct crl_flight *flight)
{
    crl_loads_cancel(step, flight);
    give_up(step, flight);
    crl_answer_list(step, &flight->waiters, CORRAL_ECLOSED, NULL, false);
    crl_answer_list(step, &flight->later, CORRAL_ECLOSED, NULL, false);
}
