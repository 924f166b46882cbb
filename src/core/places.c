/* SPDX-License-Identifier: Apache-2.0
 *
 * places.c - the places at the origins and the queues before them: the bulkhead at work (C4).
 *
 * There are as many places as the origin's concurrency; how many of them may be taken is another
 * number, which may move. */
#include "core/machine.h"

#include <stdlib.h>

#define PLACES_MAX (1u << CRL_PLACE_BITS)
#define BATCH_MAX  (1u << CRL_BATCH_BITS)

static void places_init(struct origin *origin)
{
    uint32_t batch_max = origin->config.batch_max;
    for (uint32_t i = origin->places_n; i-- > 0;) {
        struct crl_place *place = &origin->places[i];
        place->origin = origin;
        place->loads = &origin->loads[(size_t)i * batch_max];
        CDS_INIT_LIST_HEAD(&place->waits);
        CDS_INIT_LIST_HEAD(&place->in_waiting);
        for (uint32_t k = 0; k < batch_max; k++) {
            place->loads[k].place = place;
            place->loads[k].deadline.kind = TIMER_DEADLINE;
            place->loads[k].slow.kind = TIMER_SLOW;
        }
        place->next_free = origin->free;
        origin->free = place;
    }
}

struct origin *crl_origin_new(const struct crl_core_origin *config, uint32_t number)
{
    uint32_t places_n = config->limits.concurrency, batch_max = config->batch_max;
    crl_assert(places_n >= 1 && places_n <= PLACES_MAX && batch_max >= 1 && batch_max <= BATCH_MAX);
    struct origin *origin = calloc(1, sizeof *origin);
    if (origin == NULL)
        return NULL;
    origin->places = calloc(places_n, sizeof *origin->places);
    origin->loads = calloc((size_t)places_n * batch_max, sizeof *origin->loads);
    if (origin->places == NULL || origin->loads == NULL) {
        crl_origin_free(origin);
        return NULL;
    }
    origin->config = *config;
    origin->number = number;
    origin->places_n = origin->limit_now = places_n;
    for (uint32_t i = 0; i < CRL_LOAD_REASONS; i++)
        CDS_INIT_LIST_HEAD(&origin->queue[i]);
    CDS_INIT_LIST_HEAD(&origin->in_ready);
    places_init(origin);
    return origin;
}

void crl_origin_free(struct origin *origin)
{
    free(origin->loads);
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

static struct crl_bulkhead_limits limits_now(const struct origin *origin)
{
    return (struct crl_bulkhead_limits){.concurrency = origin->limit_now,
                                        .queue = origin->config.limits.queue};
}

enum crl_bulkhead_verdict crl_origin_judge(const struct origin *origin)
{
    struct crl_bulkhead_limits limits = limits_now(origin);
    return crl_bulkhead_judge(&limits, origin->active, origin->queued);
}

struct crl_place *crl_place_take(struct origin *origin)
{
    crl_promise(P6, origin->active < origin->limit_now);
    struct crl_place *place = origin->free;
    origin->free = place->next_free;
    crl_assert(place->loads_n == 0);
    origin->active++;
    gauges_update(origin);
    return place;
}

void crl_place_free(struct origin *origin, struct crl_place *place)
{
    crl_assert(place->loads_n == 0);
    place->next_free = origin->free;
    origin->free = place;
    origin->active--;
    gauges_update(origin);
}

void crl_queue_join(struct origin *origin, struct crl_flight *flight)
{
    cds_list_add_tail(&flight->in_line, &origin->queue[flight->priority]);
    flight->queued_at = origin;
    origin->queued++;
    crl_promise(P6, origin->queued <= origin->config.limits.queue);
    gauges_update(origin);
}

void crl_queue_leave(struct origin *origin, struct crl_flight *flight)
{
    crl_assert(flight->queued_at == origin);
    cds_list_del_init(&flight->in_line);
    flight->queued_at = NULL;
    origin->queued--;
    gauges_update(origin);
}

struct crl_flight *crl_queue_first(struct origin *origin)
{
    if (origin->queued == 0 || origin->active >= origin->limit_now)
        return NULL;
    uint32_t priority = 0;
    while (cds_list_empty(&origin->queue[priority]))
        priority++;
    return cds_list_first_entry(&origin->queue[priority], struct crl_flight, in_line);
}

bool crl_queue_fills_place(struct origin *origin)
{
    uint32_t together = 0, batch_max = origin->config.batch_max;
    struct crl_flight *first = crl_queue_first(origin), *flight;
    if (first == NULL || origin->queued < batch_max)
        return false;
    cds_list_for_each_entry(flight, &origin->queue[first->priority], in_line) {
        if (flight->key->space != first->key->space)
            return false;
        if (++together == batch_max)
            return true;
    }
    return false;
}

void crl_origin_make_ready(struct crl_core *core, struct origin *origin)
{
    if (!core->closing && crl_queue_first(origin) != NULL && cds_list_empty(&origin->in_ready))
        cds_list_add_tail(&origin->in_ready, &core->ready_origins);
}

/* The next in line, if it asks the same space: so that a mate overtakes nobody. */
struct crl_flight *crl_queue_mate(struct origin *origin, const struct crl_flight *flight)
{
    struct cds_list_head *queue = &origin->queue[flight->priority];
    if (cds_list_empty(queue))
        return NULL;
    struct crl_flight *mate = cds_list_first_entry(queue, struct crl_flight, in_line);
    return mate->key->space == flight->key->space ? mate : NULL;
}
