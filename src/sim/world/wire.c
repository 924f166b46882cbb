/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.c - see wire.h. */
#include "sim/world/wire.h"

#include "sim/watch/watch.h"
#include "sim/world/node.h"

#include <string.h>

/* TCP's first time-out, of a connection whose round trips are short. */
#define RETRANSMIT_US CORRAL_MS(200)

static bool wire_is_broken(const struct sim *sim, uint32_t node)
{
    return !sim->store_is_up || sim->nodes[node].cut_off;
}

/* When a message that is sent now arrives, behind what is on the wire already. */
static corral_us arrival(struct sim *sim, corral_us *busy_until)
{
    const struct sim_network *network = &sim->plan.store.network;
    corral_us at = sim->now + network->delay_us;
    if (network->spread_us > 0)
        at += (corral_us)crl_rng_below(&sim->network_lots, (uint64_t)network->spread_us + 1);
    while (network->drops > 0 && crl_rng_uniform(&sim->network_lots) <= network->drops)
        at += RETRANSMIT_US;
    if (at < *busy_until)
        at = *busy_until;
    *busy_until = at;
    return at;
}

/* A message on its way to the store does not care what becomes of its sender. */
static struct sim_event *send_to_store(struct sim *sim, uint32_t node, sim_event_fn *arrives)
{
    corral_us at = arrival(sim, &sim->nodes[node].wire.to_busy_until);
    return event_add_alone(sim, at, arrives, node);
}

static struct sim_event *send_to_node(struct sim *sim, uint32_t node, sim_event_fn *arrives)
{
    return event_add(sim, arrival(sim, &sim->nodes[node].wire.from_busy_until), arrives, node);
}

/* Has what it was sent on broken since? */
static bool is_lost(const struct sim *sim, const struct sim_event *event)
{
    return event->epoch != sim->nodes[event->node].wire.epoch || wire_is_broken(sim, event->node);
}

/* ----------------------------------------------------------------------- what arrives at a node */

static void node_gives_up(struct sim *sim, struct sim_event *event)
{
    const struct crl_store_reply silence = {.answer = CRL_STORE_DOWN};
    watch_reply(sim, event->node, event->key, event->ask, &silence);
    node_step_key(sim, event->node, event->key,
                  &(struct crl_event){.kind = CRL_STORE_ANSWERED,
                                      .store = {.ask = event->ask, .answer = CRL_STORE_DOWN}});
}

static void node_replied(struct sim *sim, struct sim_event *event)
{
    if (is_lost(sim, event))
        return;
    const struct crl_store_reply *reply = &event->reply;
    corral_us since_asked_us = sim->now - event->at;
    /* A process that stood still has missed its time-out; its timers come before its sockets. */
    if (since_asked_us >= sim->plan.store.timeout_us)
        node_gives_up(sim, event);
    watch_reply(sim, event->node, event->key, event->ask, reply);
    node_step_key(
        sim, event->node, event->key,
        &(struct crl_event){.kind = CRL_STORE_ANSWERED,
                            .store = {.ask = event->ask,
                                      .answer = reply->answer,
                                      .token = reply->token,
                                      .lease_us = reply->lease_us,
                                      .negative = reply->value.negative,
                                      .value = reply->value.bytes,
                                      .age_us = reply->value.age_us + since_asked_us,
                                      .fresh_us = reply->value.fresh_us - since_asked_us}});
}

static void node_pushed(struct sim *sim, struct sim_event *event)
{
    if (is_lost(sim, event))
        return;
    watch_changed(sim, event->node, event->key, event->version);
    node_step_key(sim, event->node, event->key, &(struct crl_event){.kind = CRL_CHANGED});
}

static void node_heard(struct sim *sim, struct sim_event *event)
{
    if (is_lost(sim, event))
        return;
    struct sim_node *node = &sim->nodes[event->node];
    while (node->unsaid != NULL && node->unsaid->number <= event->ask) {
        struct sim_unsaid *unsaid = node->unsaid;
        node->unsaid = unsaid->next;
        free(unsaid);
    }
}

/* ------------------------------------------------------------------------------ the store's end */

static void key_interests(const struct sim *sim, struct sim_key *key, uint32_t node)
{
    if (key->is_interested == NULL)
        key->is_interested = calloc(1, sim->plan.nodes / 8 + 1);
    crl_assert(key->is_interested != NULL);
    if (key->is_interested[node / 8] >> node % 8 & 1)
        return;
    key->is_interested[node / 8] |= (uint8_t)(1u << node % 8);
    if (key->interested_n == key->interested_room) {
        key->interested_room = key->interested_room * 2 + 8;
        key->interested = realloc(key->interested, key->interested_room * sizeof(uint32_t));
        crl_assert(key->interested != NULL);
    }
    key->interested[key->interested_n++] = node;
}

void wire_push(void *arg, uint32_t by, uint32_t space, struct corral_bytes bytes)
{
    struct sim *sim = arg;
    (void)space;
    uint32_t number;
    memcpy(&number, bytes.data, sizeof number);
    struct sim_key *key = &sim->keys[number];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < key->interested_n; i++) {
        uint32_t node = key->interested[i];
        if (node == by || sim->nodes[node].down || wire_is_broken(sim, node)) {
            key->interested[kept++] = node;
            continue;
        }
        key->is_interested[node / 8] &= (uint8_t) ~(1u << node % 8);
        struct sim_event *pushed = send_to_node(sim, node, node_pushed);
        pushed->key = number;
        pushed->version = sim->pushing;
    }
    key->interested_n = kept;
}

static void store_asked(struct sim *sim, struct sim_event *event)
{
    if (is_lost(sim, event) || sim->nodes[event->node].down)
        return;
    struct crl_store_reply reply = {0};
    int rc = crl_store_memory_get_or_lease(
        sim->store, sim->now, event->node, sim->keys[event->key].space,
        crl_bytes(&event->key, sizeof event->key), sim->plan.store.lease_us, &reply);
    crl_assert(rc == 0);
    if (reply.answer == CRL_STORE_LEASED)
        watch_granted(sim, event->node, event->key, reply.token);
    sim->report->leases += reply.answer == CRL_STORE_LEASED;
    sim->report->leases_lost += reply.answer == CRL_STORE_BUSY;
    key_interests(sim, &sim->keys[event->key], event->node);
    struct sim_event *back = send_to_node(sim, event->node, node_replied);
    back->key = event->key;
    back->ask = event->ask;
    back->at = event->at;
    back->reply = reply;
    if (reply.answer != CRL_STORE_VALUE)
        return;
    back->bytes = malloc(reply.value.bytes.size + 1);
    crl_assert(back->bytes != NULL);
    if (reply.value.bytes.size > 0)
        memcpy(back->bytes, reply.value.bytes.data, reply.value.bytes.size);
    back->reply.value.bytes.data = back->bytes;
}

static void store_filled(struct sim *sim, const struct sim_event *event, struct corral_bytes key)
{
    corral_us on_the_wire_us = sim->now - event->at;
    struct crl_store_value value = {
        .negative = event->entry->negative,
        .bytes = crl_entry_value(event->entry),
        .age_us = event->span_us - event->entry->answered_at + on_the_wire_us,
        .fresh_us = event->entry->fresh_until - event->span_us - on_the_wire_us,
    };
    int rc = crl_store_memory_fill(sim->store, sim->now, event->node, sim->keys[event->key].space,
                                   key, event->token, &value);
    crl_assert(rc >= 0);
    if (rc > 0)
        watch_stored(sim, event->key, event->entry);
}

static void store_told(struct sim *sim, struct sim_event *event)
{
    if (is_lost(sim, event))
        return;
    struct corral_bytes key = crl_bytes(&event->key, sizeof event->key);
    if (event->told == CRL_FILL_STORE) {
        store_filled(sim, event, key);
    } else if (event->told == CRL_RELEASE_LEASE) {
        crl_store_memory_release(sim->store, sim->now, event->node, sim->keys[event->key].space,
                                 key, event->token);
    } else {
        struct sim_key *told = &sim->keys[event->key];
        told->stored_min = event->version > told->stored_min ? event->version : told->stored_min;
        watch_leases_void(sim, event->key);
        sim->pushing = event->version;
        crl_store_memory_invalidate(sim->store, sim->now, event->node, sim->keys[event->key].space,
                                    key);
        sim->pushing = 0;
        if (!sim->nodes[event->node].down)
            send_to_node(sim, event->node, node_heard)->ask = event->ask;
    }
}

/* --------------------------------------------------------------------------------- a node's end */

void wire_ask(struct sim *sim, uint32_t node, uint32_t key, uint64_t ask)
{
    watch_ask(sim, node, key, ask);
    bool broken = wire_is_broken(sim, node);
    /* A connection that is known to be broken costs no time-out. */
    corral_us gives_up_us = broken ? sim->plan.store.network.delay_us : sim->plan.store.timeout_us;
    struct sim_event *silent = event_add(sim, sim->now + gives_up_us, node_gives_up, node);
    silent->key = key;
    silent->ask = ask;
    if (broken)
        return;
    struct sim_event *asked = send_to_store(sim, node, store_asked);
    asked->key = key;
    asked->ask = ask;
    asked->at = sim->now;
}

static void send_invalidation(struct sim *sim, uint32_t node, const struct sim_unsaid *unsaid)
{
    struct sim_event *told = send_to_store(sim, node, store_told);
    told->key = unsaid->key;
    told->told = CRL_INVALIDATE_STORE;
    told->ask = unsaid->number;
    told->version = unsaid->version;
}

static void tell_invalidation(struct sim *sim, uint32_t node, uint32_t key)
{
    struct sim_unsaid *unsaid = calloc(1, sizeof *unsaid);
    crl_assert(unsaid != NULL);
    *unsaid = (struct sim_unsaid){
        .key = key, .number = ++sim->unsaid_n, .version = sim->keys[key].version};
    struct sim_unsaid **link = &sim->nodes[node].unsaid;
    while (*link != NULL)
        link = &(*link)->next;
    *link = unsaid;
    if (!wire_is_broken(sim, node))
        send_invalidation(sim, node, unsaid);
}

void wire_tell(struct sim *sim, uint32_t node, uint32_t key, const struct crl_action *action)
{
    struct crl_entry *entry = action->kind == CRL_FILL_STORE ? action->lease.entry : NULL;
    if (action->kind == CRL_INVALIDATE_STORE) {
        tell_invalidation(sim, node, key);
        return;
    }
    if (wire_is_broken(sim, node)) {
        if (entry != NULL)
            crl_entry_unref(sim->allocator, entry);
        return;
    }
    struct sim_event *told = send_to_store(sim, node, store_told);
    told->key = key;
    told->told = action->kind;
    told->token = action->lease.token;
    told->entry = entry;
    told->at = sim->now;
    told->span_us = node_now(sim, node); /* the sender's clock, by which the entry's times go */
}

void wire_break(struct sim *sim, uint32_t node)
{
    struct sim_wire *wire = &sim->nodes[node].wire;
    wire->epoch++;
    wire->to_busy_until = wire->from_busy_until = 0;
}

void wire_mend(struct sim *sim, uint32_t node)
{
    if (sim->nodes[node].down || wire_is_broken(sim, node))
        return;
    for (struct sim_unsaid *unsaid = sim->nodes[node].unsaid; unsaid != NULL; unsaid = unsaid->next)
        send_invalidation(sim, node, unsaid);
}

void wire_forget(struct sim *sim, uint32_t node)
{
    wire_break(sim, node);
    while (sim->nodes[node].unsaid != NULL) {
        struct sim_unsaid *unsaid = sim->nodes[node].unsaid;
        sim->nodes[node].unsaid = unsaid->next;
        free(unsaid);
    }
}
