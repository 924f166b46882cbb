/* SPDX-License-Identifier: Apache-2.0
 *
 * check.c - the audit: every invariant of core.h, recounted from the ground. */
#include "core/machine.h"

/* How many waiters are on a list; each of them knows its flight and has a timer (C3). */
static uint32_t check_waiters(struct crl_flight *flight, struct cds_list_head *list)
{
    uint32_t n = 0;
    struct crl_waiter *waiter;
    cds_list_for_each_entry(waiter, list, link) {
        crl_promise(P5, waiter->flight == flight);
        crl_promise(P5, waiter->timer.place != 0);
        n++;
    }
    return n;
}

static void check_flight(const struct crl_core *core, struct crl_flight *flight)
{
    const struct active_key *key = flight->key;
    bool shared = !core->spaces[key->space]->config.policy.no_coalescing;
    crl_assert(flight->state != CRL_FLIGHT_IDLE);
    crl_assert((flight->state == CRL_FLIGHT_LOADING) == (flight->place != NULL));
    crl_assert((flight->state == CRL_FLIGHT_WAITING) == (flight->turn.place != 0));
    crl_assert((flight->state == CRL_FLIGHT_QUEUED) == !cds_list_empty(&flight->in_queue));
    crl_assert(flight->place == NULL || flight->place->flight == flight);
    crl_promise(P1, !shared || (key->flights == 1 && key->shared == flight));
    crl_promise(P1, !shared || key->loads_live <= 1);
    crl_promise(P4, cds_list_empty(&flight->later) || flight->generation != key->generation);
    uint32_t n = check_waiters(flight, &flight->waiters) + check_waiters(flight, &flight->later);
    crl_promise(P5, n == flight->waiters_n);
    if (flight->state == CRL_FLIGHT_QUEUED || flight->state == CRL_FLIGHT_WAITING)
        crl_promise(P7, n > 0);
}

static uint32_t check_origin(const struct crl_core *core, const struct origin *origin)
{
    uint32_t taken = 0, queued = 0;
    for (uint32_t i = 0; i < origin->config.limits.concurrency; i++) {
        const struct place *place = &origin->places[i];
        taken += place->load != 0;
        crl_assert((place->flight != NULL) == (place->deadline.place != 0));
        crl_assert(place->flight == NULL || place->flight->place == place);
    }
    struct crl_flight *flight;
    cds_list_for_each_entry(flight, &origin->queue, in_queue)
        queued++;
    crl_promise(P6, taken == origin->active && taken <= origin->config.limits.concurrency);
    crl_promise(P6, queued == origin->queued && queued <= origin->config.limits.queue);
    crl_promise(P6, queued == 0 || taken == origin->config.limits.concurrency || core->closing);
    return taken;
}

void crl_core_check(const struct crl_core *core)
{
    uint32_t flights = 0, waiters = 0, loads = 0;
    struct crl_flight *flight;
    cds_list_for_each_entry(flight, &core->flights, in_core) {
        check_flight(core, flight);
        flights++;
        waiters += flight->waiters_n;
    }
    for (uint32_t i = 0; i < core->origins_n; i++)
        loads += check_origin(core, core->origins[i]);
    crl_assert(loads == core->loads_n);
    crl_promise(P8, flights == core->flights_n && flights <= core->config.flights_max);
    crl_promise(P8, waiters == core->waiters_n && waiters <= core->config.waiters_max);
    crl_table_check(core->table);
}
