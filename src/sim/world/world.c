/* SPDX-License-Identifier: Apache-2.0
 *
 * world.c - see world.h. */
#include "sim/world/world.h"

#include <stdio.h>
#include <string.h>

/* --------------------------------------------------------------------------------------- events */

void queue_reserve(struct sim *sim)
{
    crl_assert(crl_timers_reserve(&sim->queue, sim->queue.n + 1) == 0);
}

struct sim_event *event_add(struct sim *sim, corral_us at, sim_event_fn *run, uint32_t node)
{
    struct sim_event *event = sim->free_events;
    if (event != NULL)
        sim->free_events = event->next;
    else
        event = malloc(sizeof *event);
    crl_assert(event != NULL);
    *event = (struct sim_event){.timer = {.kind = SIM_TIMER_EVENT}, .run = run, .node = node};
    if (node != SIM_NO_NODE) {
        event->waits_for_node = true;
        event->incarnation = sim->nodes[node].incarnation;
        event->epoch = sim->nodes[node].wire.epoch;
    }
    queue_reserve(sim);
    crl_timer_arm(&sim->queue, &event->timer, at > sim->now ? at : sim->now);
    return event;
}

struct sim_event *event_add_alone(struct sim *sim, corral_us at, sim_event_fn *run, uint32_t node)
{
    struct sim_event *event = event_add(sim, at, run, node);
    event->waits_for_node = false;
    event->outlives_node = true;
    return event;
}

void event_free(struct sim *sim, struct sim_event *event)
{
    crl_timer_disarm(&sim->queue, &event->timer);
    if (event->request.entry != NULL)
        crl_entry_unref(sim->allocator, event->request.entry);
    if (event->reply.draft != NULL)
        crl_entry_unref(sim->allocator, event->reply.draft);
    event->next = sim->free_events;
    sim->free_events = event;
}

static bool event_is_for_nobody(const struct sim *sim, const struct sim_event *event)
{
    if (event->node == SIM_NO_NODE || event->outlives_node)
        return false;
    const struct sim_node *node = &sim->nodes[event->node];
    return node->down || event->incarnation != node->incarnation;
}

void event_fires(struct sim *sim, struct sim_event *event)
{
    if (event->waits_for_node && node_is_paused(sim, event->node)) {
        crl_timer_arm(&sim->queue, &event->timer, sim->nodes[event->node].paused_until);
        return;
    }
    if (!event_is_for_nobody(sim, event))
        event->run(sim, event);
    event_free(sim, event);
}

/* ----------------------------------------------------------------------------------------- keys */

uint32_t key_add(struct sim *sim, uint32_t space, const char *text)
{
    crl_assert(sim->keys_n < sim->keys_room && strlen(text) <= SIM_KEY_MAX);
    struct sim_key *key = &sim->keys[sim->keys_n];
    int head = space == 0 ? 0 : snprintf(key->name, sizeof key->name, "%u/", space);
    key->space = space;
    key->size = (uint32_t)strlen(text);
    key->text = memcpy(key->name + head, text, key->size + 1);
    key->hash = crl_core_hash(sim->nodes[0].core, space, crl_bytes(text, key->size));
    key->version = 1;
    CDS_INIT_LIST_HEAD(&key->live);
    return sim->keys_n++;
}

corral_us key_ttl(const struct sim *sim, uint32_t key, bool is_absent)
{
    const struct corral_policy *policy = &key_space(sim, key)->policy;
    corral_us said_us = key_origin(sim, key)->ttl_us;
    if (is_absent)
        return policy->negative_ttl_us;
    return said_us > 0 ? said_us : policy->ttl_us;
}

corral_us key_fresh_us(const struct sim *sim, uint32_t key, corral_us ttl_us)
{
    return (corral_us)((double)ttl_us * (1.0 - key_space(sim, key)->policy.jitter));
}

static uint32_t key_find(const struct sim *sim, uint32_t space, struct corral_bytes text)
{
    for (uint32_t i = 0; i < sim->keys_n; i++) {
        if (sim->keys[i].space == space && crl_bytes_equal(key_bytes(sim, i), text))
            return i;
    }
    crl_unreachable();
}

uint32_t key_number(const struct sim *sim, uint32_t space, struct corral_bytes text)
{
    if (!sim->keys_are_numbered)
        return key_find(sim, space, text);
    const char *digits = text.data;
    struct sim_key_place place = {.space = space};
    for (size_t i = sizeof "key:" - 1; i < text.size; i++)
        place.number = place.number * 10 + (uint32_t)(digits[i] - '0');
    return sim_plan_key(&sim->plan, place);
}

/* -------------------------------------------------------------------------------------- origins */

uint32_t queries_of(const struct sim *sim, uint32_t *ret_waiting)
{
    uint32_t running = 0, waiting = 0;
    for (uint32_t i = 0; i < sim->plan.origins_n; i++) {
        running += sim->origins[i].db.running;
        waiting += sim->origins[i].db.waiting;
    }
    *ret_waiting = waiting;
    return running + waiting;
}
