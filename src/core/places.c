/* SPDX-License-Identifier: Apache-2.0
 *
 * places.c - the places at the origins and the queues before them: the bulkhead at work (C4). */
#include "core/machine.h"

#include <stdlib.h>

/* A load's name: its number, its origin, its place. */
#define ORIGIN_BITS 6
#define PLACES_MAX  (1u << CRL_PLACE_BITS)

static_assert(CRL_ORIGINS_MAX == 1 << ORIGIN_BITS, "an origin's number fits into a load's name");

struct origin *crl_origin_new(const struct crl_core_origin *config, uint32_t number)
{
    crl_assert(config->limits.concurrency <= PLACES_MAX);
    struct origin *origin = calloc(1, sizeof *origin);
    struct place *places = calloc(config->limits.concurrency, sizeof *places);
    if (origin == NULL || places == NULL) {
        free(origin);
        free(places);
        return NULL;
    }
    origin->config = *config;
    origin->number = number;
    origin->places = places;
    CDS_INIT_LIST_HEAD(&origin->queue);
    for (uint32_t i = config->limits.concurrency; i-- > 0;) {
        places[i].origin = number;
        places[i].deadline.kind = TIMER_DEADLINE;
        places[i].next_free = origin->free;
        origin->free = &places[i];
    }
    return origin;
}

void crl_origin_free(struct origin *origin)
{
    free(origin->places);
    free(origin);
}

static void gauges_update(struct origin *origin)
{
    crl_counter_set(&origin->counts.active, origin->active);
    crl_counter_set(&origin->counts.queued, origin->queued);
    if (origin->active > crl_counter_get(&origin->counts.active_peak))
        crl_counter_set(&origin->counts.active_peak, origin->active);
}

/* A load is needed if there is nothing fresh and nobody is bringing it. */
static void needed_count(struct turn *turn, struct crl_flight *flight)
{
    struct crl_core *core = turn->core;
    struct active_key *key = flight->key;
    if (key->loads_live > 0)
        return;
    struct crl_entry *entry =
        crl_table_find(core->table, key->hash, key->space, crl_key_bytes(key));
    if (entry == NULL || !crl_entry_is_fresh(entry, turn->event->now))
        crl_counter_add(&core->spaces[key->space]->counts.needed, 1);
}

struct place *crl_place_take(struct turn *turn, struct crl_flight *flight)
{
    struct crl_core *core = turn->core;
    struct active_key *key = flight->key;
    struct origin *origin = core->origins[core->spaces[key->space]->config.origin];
    crl_promise(P6, origin->active < origin->config.limits.concurrency);
    crl_promise(P1, key->shared == NULL || key->loads_live == 0);

    struct place *place = origin->free;
    origin->free = place->next_free;
    uint64_t index = (uint64_t)(place - origin->places);
    place->load = ++core->loads << (CRL_PLACE_BITS + ORIGIN_BITS) |
                  (uint64_t)origin->number << CRL_PLACE_BITS | index;
    place->flight = flight;
    place->started_at = turn->event->now;
    crl_timer_arm(&core->timers, &place->deadline, place->started_at + origin->config.deadline_us);

    needed_count(turn, flight);
    crl_counter_add(&core->spaces[key->space]->counts.loads[CRL_LOAD_MISS], 1);
    key->loads_live++;
    core->loads_n++;
    origin->active++;
    gauges_update(origin);
    return place;
}

struct place *crl_place_find(struct crl_core *core, crl_load_id load)
{
    uint32_t number = (uint32_t)(load >> CRL_PLACE_BITS) & ((1u << ORIGIN_BITS) - 1);
    uint32_t index = crl_load_place(load);
    if (load == 0 || number >= core->origins_n)
        return NULL;
    struct origin *origin = core->origins[number];
    if (index >= origin->config.limits.concurrency || origin->places[index].load != load)
        return NULL;
    return &origin->places[index];
}

/* The load stops being live: it may not publish any more. */
static void place_disown(struct crl_core *core, struct place *place)
{
    crl_timer_disarm(&core->timers, &place->deadline);
    place->flight->key->loads_live--;
    place->flight->place = NULL;
    place->flight = NULL;
}

void crl_place_leave(struct turn *turn, struct place *place)
{
    struct crl_core *core = turn->core;
    struct origin *origin = core->origins[place->origin];
    if (place->flight != NULL)
        place_disown(core, place);
    else
        crl_counter_add(&origin->counts.errors[CRL_LOAD_LATE], 1);
    crl_hist_add(&origin->counts.load, &crl_hist_latency, turn->event->now - place->started_at);
    place->load = 0;
    place->next_free = origin->free;
    origin->free = place;
    core->loads_n--;
    origin->active--;
    gauges_update(origin);
}

void crl_place_cancel(struct turn *turn, struct place *place)
{
    struct crl_action *action = crl_action_add(turn->out, CRL_CANCEL_LOAD);
    action->origin = place->origin;
    action->load.load = place->load;
    place_disown(turn->core, place);
}

void crl_queue_join(struct origin *origin, struct crl_flight *flight)
{
    cds_list_add_tail(&flight->in_queue, &origin->queue);
    origin->queued++;
    crl_promise(P6, origin->queued <= origin->config.limits.queue);
    gauges_update(origin);
}

void crl_queue_leave(struct origin *origin, struct crl_flight *flight)
{
    cds_list_del_init(&flight->in_queue);
    origin->queued--;
    gauges_update(origin);
}

void crl_queue_admit(struct turn *turn, struct origin *origin)
{
    if (turn->core->closing || origin->queued == 0 ||
        origin->active >= origin->config.limits.concurrency)
        return;
    struct crl_flight *flight = cds_list_first_entry(&origin->queue, struct crl_flight, in_queue);
    crl_flight_drive(turn, flight, CRL_ON_ADMITTED);
}
