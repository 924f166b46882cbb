/* SPDX-License-Identifier: Apache-2.0
 *
 * flight.c - what is done on each edge of flight.h.
 *
 * flight_signal() is the one function that changes a state. An edge may send its flight a further
 * signal (a flight at the origin's door is admitted, queued or refused in the same step); what has
 * come back to IDLE is settled once, by crl_flight_drive(), when all of that is over. */
#include "core/machine.h"

#include <stdlib.h>

struct edge {
    const char *name; /* NULL: there is no such edge */
    void (*run)(struct turn *turn, struct crl_flight *flight);
    enum crl_flight_state to;
};

#define X(in, on, to, what) static void what(struct turn *turn, struct crl_flight *flight);
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

static void narrate(struct turn *turn, const struct crl_flight *flight,
                    enum crl_flight_signal signal, enum crl_flight_state to)
{
    if (!turn->core->config.narrates)
        return;
    crl_assert(turn->out->steps_n < CRL_STEPS_MAX);
    struct crl_step *step = &turn->out->steps[turn->out->steps_n++];
    *step = (struct crl_step){.space = flight->key->space,
                              .from = flight->state,
                              .to = to,
                              .on = signal,
                              .waiters = flight->waiters_n};
    size_t n = flight->key->size < sizeof step->key ? flight->key->size : sizeof step->key - 1;
    memcpy(step->key, flight->key->bytes, n);
}

static void flight_signal(struct turn *turn, struct crl_flight *flight,
                          enum crl_flight_signal signal)
{
    const struct edge *edge = &edges[flight->state][signal];
    crl_assert(edge->name != NULL);
    narrate(turn, flight, signal, edge->to);
    flight->state = edge->to;
    edge->run(turn, flight);
}

/* ------------------------------------------------------------------------------ a flight's life */

struct crl_flight *crl_flight_new(struct crl_core *core, struct active_key *key)
{
    struct crl_flight *flight = calloc(1, sizeof *flight);
    if (flight == NULL)
        return NULL;
    flight->key = key;
    flight->turn.kind = TIMER_TURN;
    CDS_INIT_LIST_HEAD(&flight->waiters);
    CDS_INIT_LIST_HEAD(&flight->later);
    CDS_INIT_LIST_HEAD(&flight->in_queue);
    cds_list_add_tail(&flight->in_core, &core->flights);
    key->flights++;
    if (!core->spaces[key->space]->config.policy.no_coalescing)
        key->shared = flight;
    crl_counter_set(&core->counts.flights, ++core->flights_n);
    return flight;
}

static void flight_free(struct crl_core *core, struct crl_flight *flight)
{
    crl_assert(flight->waiters_n == 0 && flight->place == NULL && flight->token == 0);
    crl_assert(flight->turn.place == 0 && cds_list_empty(&flight->in_queue));
    struct active_key *key = flight->key;
    if (key->shared == flight)
        key->shared = NULL;
    if (--key->flights == 0)
        crl_key_retire(core, key);
    cds_list_del(&flight->in_core);
    crl_counter_set(&core->counts.flights, --core->flights_n);
    free(flight);
}

static void flight_start(struct turn *turn, struct crl_flight *flight)
{
    cds_list_first_entry(&flight->waiters, struct crl_waiter, link)->leads = true;
    /* The store's answers go to the shared flight of a key. One that shares nothing asks nobody. */
    bool has_store =
        turn->core->spaces[flight->key->space]->config.has_store && flight->key->shared == flight;
    flight_signal(turn, flight, has_store ? CRL_ON_WANTED : CRL_ON_WANTED_ALONE);
}

/* Those who came later are served by what begins now. */
static void flight_serve_later(struct crl_flight *flight)
{
    flight->generation = flight->key->generation;
    cds_list_splice(&flight->later, flight->waiters.prev);
    CDS_INIT_LIST_HEAD(&flight->later);
}

/* A flight without work starts anew for those who came after an invalidation, or ends. */
static void flight_settle(struct turn *turn, struct crl_flight *flight)
{
    if (flight->state == CRL_FLIGHT_IDLE && !cds_list_empty(&flight->later)) {
        flight_serve_later(flight);
        flight_start(turn, flight);
    }
    if (flight->state == CRL_FLIGHT_IDLE)
        flight_free(turn->core, flight);
}

void crl_flight_drive(struct turn *turn, struct crl_flight *flight, enum crl_flight_signal signal)
{
    flight_signal(turn, flight, signal);
    flight_settle(turn, flight);
}

/* What was asked before an invalidation is not for those who come after it. */
static bool flight_is_outdated(const struct crl_flight *flight)
{
    bool asked = flight->state == CRL_FLIGHT_LEASING || flight->state == CRL_FLIGHT_LOADING;
    return asked && flight->generation != flight->key->generation;
}

void crl_flight_board(struct turn *turn, struct crl_flight *flight, struct crl_waiter *waiter)
{
    struct crl_core *core = turn->core;
    waiter->flight = flight;
    waiter->timer.kind = TIMER_WAITER;
    crl_timer_arm(&core->timers, &waiter->timer, turn->event->wanted.wait_until);
    flight->waiters_n++;
    crl_counter_set(&core->counts.waiters, ++core->waiters_n);
    turn->waiter = waiter;
    if (flight->state == CRL_FLIGHT_IDLE) {
        cds_list_add_tail(&waiter->link, &flight->waiters);
        flight_start(turn, flight);
    } else {
        flight_signal(turn, flight,
                      flight_is_outdated(flight) ? CRL_ON_WANTED_LATER : CRL_ON_WANTED);
    }
    flight_settle(turn, flight);
}

void crl_waiter_detach(struct crl_core *core, struct crl_waiter *waiter)
{
    crl_timer_disarm(&core->timers, &waiter->timer);
    cds_list_del(&waiter->link);
    waiter->flight->waiters_n--;
    waiter->flight = NULL;
    crl_counter_set(&core->counts.waiters, --core->waiters_n);
}

/* ----------------------------------------------------------------------------- parts of answers */

/* Answer everyone on a list. Takes no reference: the action gets one of its own. */
static void answer_list(struct turn *turn, struct cds_list_head *list, int result,
                        struct crl_entry *entry, bool cached)
{
    if (cds_list_empty(list))
        return;
    struct crl_action *action = crl_action_add(turn->out, CRL_ANSWER);
    action->answer.result = result;
    action->answer.entry = entry;
    action->answer.cached = cached;
    CDS_INIT_LIST_HEAD(&action->answer.waiters);
    if (entry != NULL)
        crl_entry_ref(entry);
    struct crl_waiter *waiter, *next;
    cds_list_for_each_entry_safe(waiter, next, list, link) {
        crl_waiter_detach(turn->core, waiter);
        cds_list_add_tail(&waiter->link, &action->answer.waiters);
    }
}

static void lease_release(struct turn *turn, struct crl_flight *flight)
{
    if (flight->token == 0)
        return;
    struct crl_action *action = crl_action_add(turn->out, CRL_RELEASE_LEASE);
    action->space = flight->key->space;
    action->key = crl_key_bytes(flight->key);
    action->lease.token = flight->token;
    flight->token = 0;
}

static void lease_fill(struct turn *turn, struct crl_flight *flight, struct crl_entry *entry)
{
    struct crl_action *action = crl_action_add(turn->out, CRL_FILL_STORE);
    action->space = flight->key->space;
    action->key = crl_key_bytes(flight->key);
    action->lease.token = flight->token;
    action->lease.entry = entry;
    crl_entry_ref(entry);
    flight->token = 0;
}

/* P4: into the table only what nobody has invalidated since it was asked for. */
static bool publish(struct turn *turn, struct crl_flight *flight, struct crl_entry *entry)
{
    return flight->generation == flight->key->generation &&
           crl_entry_is_fresh(entry, turn->event->now) &&
           crl_table_insert(turn->core->table, entry);
}

/* ---------------------------------------------------------------------------------------- edges */

static void join(struct turn *turn, struct crl_flight *flight)
{
    turn->waiter->leads = false;
    cds_list_add_tail(&turn->waiter->link, &flight->waiters);
}

static void join_later(struct turn *turn, struct crl_flight *flight)
{
    turn->waiter->leads = false;
    cds_list_add_tail(&turn->waiter->link, &flight->later);
}

static void carry_on(struct turn *turn, struct crl_flight *flight)
{
    (void)turn;
    crl_assert(flight->waiters_n == 0);
}

static void ask_store(struct turn *turn, struct crl_flight *flight)
{
    crl_timer_disarm(&turn->core->timers, &flight->turn);
    flight_serve_later(flight);
    flight->ask = ++turn->core->asks;
    struct crl_action *action = crl_action_add(turn->out, CRL_ASK_STORE);
    action->space = flight->key->space;
    action->key = crl_key_bytes(flight->key);
    action->ask_store.ask = flight->ask;
}

static void wait_turn(struct turn *turn, struct crl_flight *flight)
{
    crl_timer_arm(&turn->core->timers, &flight->turn,
                  turn->event->now + turn->event->store.lease_us);
}

static void answer_stored(struct turn *turn, struct crl_flight *flight)
{
    const struct crl_event *event = turn->event;
    struct active_key *key = flight->key;
    struct crl_entry_parts parts = {
        .hash = key->hash,
        .space = key->space,
        .key = crl_key_bytes(key),
        .negative = event->store.negative,
        .value = event->store.value,
        .answered_at = event->now - event->store.age_us,
        .fresh_until = event->now + event->store.fresh_us,
    };
    struct crl_entry *entry = crl_entry_new(turn->core->config.allocator, &parts);
    if (entry == NULL) {
        answer_list(turn, &flight->waiters, CORRAL_ENOMEM, NULL, false);
        return;
    }
    bool cached = publish(turn, flight, entry);
    answer_list(turn, &flight->waiters, CORRAL_HIT, entry, cached);
    crl_entry_unref(turn->core->config.allocator, entry);
}

static void ask_admission(struct turn *turn, struct crl_flight *flight)
{
    struct crl_core *core = turn->core;
    struct origin *origin = core->origins[core->spaces[flight->key->space]->config.origin];
    switch (crl_bulkhead_judge(&origin->config.limits, origin->active, origin->queued)) {
    case CRL_BULKHEAD_ADMIT:
        flight_signal(turn, flight, CRL_ON_ADMITTED);
        break;
    case CRL_BULKHEAD_QUEUE:
        crl_queue_join(origin, flight);
        break;
    case CRL_BULKHEAD_REFUSE:
        crl_counter_add(&origin->counts.errors[CRL_LOAD_REFUSED], 1);
        flight_signal(turn, flight, CRL_ON_REFUSED);
        break;
    }
}

static void ask_origin(struct turn *turn, struct crl_flight *flight)
{
    struct active_key *key = flight->key;
    if (!cds_list_empty(&flight->in_queue))
        crl_queue_leave(turn->core->origins[turn->core->spaces[key->space]->config.origin], flight);
    flight_serve_later(flight);
    flight->place = crl_place_take(turn, flight);
    struct crl_action *action = crl_action_add(turn->out, CRL_ASK_ORIGIN);
    action->space = key->space;
    action->origin = flight->place->origin;
    action->key = crl_key_bytes(key);
    action->load.load = flight->place->load;
    action->load.deadline_at = flight->place->deadline.at;
}

static void answer_refused(struct turn *turn, struct crl_flight *flight)
{
    lease_release(turn, flight);
    answer_list(turn, &flight->waiters, CORRAL_EQUEUE, NULL, false);
}

static void give_up(struct turn *turn, struct crl_flight *flight)
{
    struct crl_core *core = turn->core;
    crl_timer_disarm(&core->timers, &flight->turn);
    if (!cds_list_empty(&flight->in_queue))
        crl_queue_leave(core->origins[core->spaces[flight->key->space]->config.origin], flight);
    lease_release(turn, flight);
}

static void answer_loaded(struct turn *turn, struct crl_flight *flight)
{
    struct active_key *key = flight->key;
    struct crl_entry *entry =
        crl_entry_make(turn, key->hash, key->space, crl_key_bytes(key),
                       turn->event->origin.negative, turn->event->origin.value);
    if (entry == NULL) {
        turn->rc = CORRAL_ENOMEM;
        answer_failed(turn, flight);
        return;
    }
    bool cached = publish(turn, flight, entry);
    answer_list(turn, &flight->waiters, CORRAL_LOADED, entry, cached);
    if (flight->token != 0 && flight->generation == key->generation)
        lease_fill(turn, flight, entry);
    lease_release(turn, flight);
    crl_entry_unref(turn->core->config.allocator, entry);
}

static void answer_failed(struct turn *turn, struct crl_flight *flight)
{
    lease_release(turn, flight);
    answer_list(turn, &flight->waiters, turn->rc, NULL, false);
}

static void cancel_overrun(struct turn *turn, struct crl_flight *flight)
{
    struct origin *origin = turn->core->origins[flight->place->origin];
    crl_counter_add(&origin->counts.errors[CRL_LOAD_OVERRUN], 1);
    crl_place_cancel(turn, flight->place);
    lease_release(turn, flight);
    answer_list(turn, &flight->waiters, CORRAL_EDEADLINE, NULL, false);
}

static void answer_closed(struct turn *turn, struct crl_flight *flight)
{
    if (flight->place != NULL)
        crl_place_cancel(turn, flight->place);
    give_up(turn, flight);
    answer_list(turn, &flight->waiters, CORRAL_ECLOSED, NULL, false);
    answer_list(turn, &flight->later, CORRAL_ECLOSED, NULL, false);
}
