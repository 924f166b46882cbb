/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.c - see wire.h. */
#include "sim/world/wire.h"

#include "sim/watch/watch.h"
#include "sim/world/node.h"

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

/* A node whose connection has broken while it was paused hears nothing more on it. */
static bool is_deaf(const struct sim *sim, const struct sim_event *event)
{
    return is_lost(sim, event) || !sim->nodes[event->node].wire.is_linked;
}

static void node_replied(struct sim *sim, struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];
    if (is_deaf(sim, event))
        return;
    struct crl_store_reply reply = event->reply;
    event->reply.draft = NULL;
    crl_client_replied(node->client, node_now(sim, event->node), event->request.number, &reply,
                       sim->allocator);
    node_rearm(sim, event->node);
}

static void node_pushed(struct sim *sim, struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];
    if (is_deaf(sim, event))
        return;
    sim->pushed = event->version;
    crl_client_pushed(node->client, node_now(sim, event->node), sim->keys[event->key].space,
                      key_bytes(sim, event->key));
    node_rearm(sim, event->node);
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

void wire_push(void *arg, uint32_t by, uint32_t space, struct corral_bytes text)
{
    struct sim *sim = arg;
    uint32_t number = key_number(sim, space, text);
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

/* Before the store works on it. */
static void store_takes(struct sim *sim, const struct sim_event *event)
{
    struct sim_key *key = &sim->keys[event->key];
    if (event->request.op != CRL_STORE_INVALIDATE)
        return;
    key->stored_min = event->version > key->stored_min ? event->version : key->stored_min;
    watch_leases_void(sim, event->key);
    sim->pushing = event->version;
}

/* When it has. */
static void store_has(struct sim *sim, const struct sim_event *event,
                      const struct crl_store_reply *reply)
{
    const struct crl_store_request *request = &event->request;
    sim->pushing = 0;
    if (request->op == CRL_STORE_ASK) {
        if (reply->answer == CRL_STORE_LEASED)
            watch_granted(sim, event->node, event->key, reply->token);
        sim->report->leases += reply->answer == CRL_STORE_LEASED;
        sim->report->leases_lost += reply->answer == CRL_STORE_BUSY;
        key_interests(sim, &sim->keys[event->key], event->node);
    } else if (request->op == CRL_STORE_FILL && reply->is_done) {
        watch_stored(sim, event->key, request->entry);
    } else if (request->op == CRL_STORE_RENEW && reply->is_done) {
        watch_prolonged(sim, event->key, request->token);
    }
}

static void store_hears(struct sim *sim, struct sim_event *event)
{
    bool is_gone = sim->nodes[event->node].down && event->request.op == CRL_STORE_ASK;
    if (is_lost(sim, event) || is_gone)
        return;
    event->request.key = key_bytes(sim, event->key);
    struct crl_store_reply reply = {0};
    store_takes(sim, event);
    sim->store_requests[event->request.op]++;
    int rc = crl_store_memory_execute(sim->store, sim->now, event->node, &event->request, &reply);
    crl_assert(rc == 0);
    store_has(sim, event, &reply);
    struct sim_event *back = send_to_node(sim, event->node, node_replied);
    back->request.number = event->request.number;
    back->reply = reply;
}

/* --------------------------------------------------------------------------------- a node's end */

static uint32_t number_of(const struct sim_node *node)
{
    return (uint32_t)(node - node->sim->nodes);
}

/* What a node says on a connection that has broken, unknown to it, is lost. */
static void client_sends(void *arg, const struct crl_store_request *request)
{
    struct sim_node *node = arg;
    struct sim *sim = node->sim;
    if (wire_is_broken(sim, number_of(node)))
        return;
    struct sim_event *sent = send_to_store(sim, number_of(node), store_hears);
    sent->key = key_number(sim, request->space, request->key);
    sent->version = sim->keys[sent->key].version;
    sent->request = *request;
    if (request->entry != NULL)
        crl_entry_ref(request->entry);
}

/* The client has an event for the core; the observer hears of it first. */
static void client_happens(void *arg, struct crl_event *event)
{
    struct sim_node *node = arg;
    struct sim *sim = node->sim;
    if (event->kind == CRL_STORE_LINKED) {
        watch_linked(sim, number_of(node));
    } else {
        uint32_t key = key_number(sim, event->space, event->key);
        if (event->kind == CRL_STORE_ANSWERED)
            watch_reply(sim, number_of(node), key, event);
        else if (event->kind == CRL_STORE_RENEWED)
            watch_renewed(sim, number_of(node), key, event);
        else if (event->kind == CRL_STORE_FILLED)
            watch_filled(sim, number_of(node), key, event);
        else
            watch_changed(sim, number_of(node), key, sim->pushed);
    }
    node_step(sim, number_of(node), event);
}

int wire_open(struct sim *sim, uint32_t number)
{
    static const struct crl_client_host host = {.send = client_sends, .happen = client_happens};
    struct sim_node *node = &sim->nodes[number];
    node->sim = sim;
    if (sim->store == NULL)
        return 0;
    node->client = crl_client_new(&(struct crl_client_config){
        .timeout_us = sim->plan.store.timeout_us,
        .lease_us = sim->plan.store.lease_us,
        .requests_max = sim->plan.store.requests_max > 0 ? sim->plan.store.requests_max : 4096,
        .value_max = SIM_VALUE_MAX,
        .host = &host,
        .arg = node});
    if (node->client == NULL)
        return CORRAL_ENOMEM;
    node->wire.is_linked = !wire_is_broken(sim, number);
    node->wire.linked_epoch = node->wire.epoch;
    if (node->wire.is_linked)
        crl_client_linked(node->client, node_now(sim, number));
    return 0;
}

void wire_close(struct sim *sim, uint32_t number)
{
    struct sim_node *node = &sim->nodes[number];
    crl_client_free(node->client);
    node->client = NULL;
    node->wire.is_linked = false;
    wire_break(sim, number);
}

void wire_tell(struct sim *sim, uint32_t number, const struct crl_action *action)
{
    struct sim_node *node = &sim->nodes[number];
    int rc = crl_client_tell(node->client, node_now(sim, number), action, sim->allocator);
    crl_assert(rc == 0);
}

/* A node that is paused learns of it when it goes on. */
static void node_looks(struct sim *sim, struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];
    corral_us now = node_now(sim, event->node);
    bool has_one = !wire_is_broken(sim, event->node);
    if (node->wire.is_linked && has_one && node->wire.linked_epoch == node->wire.epoch)
        return;
    if (node->wire.is_linked)
        crl_client_unlinked(node->client, now);
    node->wire.is_linked = has_one;
    node->wire.linked_epoch = node->wire.epoch;
    if (has_one) {
        watch_linked(sim, event->node); /* whether its client says so or not */
        crl_client_linked(node->client, now);
    }
    node_rearm(sim, event->node);
}

void wire_break(struct sim *sim, uint32_t number)
{
    struct sim_node *node = &sim->nodes[number];
    node->wire.epoch++;
    node->wire.to_busy_until = node->wire.from_busy_until = 0;
    if (node->client != NULL)
        event_add(sim, sim->now, node_looks, number);
}

void wire_mend(struct sim *sim, uint32_t number)
{
    if (sim->nodes[number].client != NULL && !wire_is_broken(sim, number))
        event_add(sim, sim->now, node_looks, number);
}
