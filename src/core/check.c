/* SPDX-License-Identifier: Apache-2.0
 *
 * check.c - the audit: every invariant of core.h, recounted from the ground. */
#include "core/machine.h"

/* How many waiters are on a list; each of them knows its flight and has a timer (C3). Those of
 * loaders are added up. */
static uint32_t check_waiters(struct crl_flight *flight, struct cds_list_head *list,
                              uint32_t *askers)
{
    uint32_t n = 0;
    struct crl_waiter *waiter;
    cds_list_for_each_entry(waiter, list, link) {
        crl_promise(P5, waiter->flight == flight);
        crl_promise(P5, crl_timer_is_armed(&waiter->timer));
        *askers += waiter->asker != NULL;
        n++;
    }
    return n;
}

static void check_loads(const struct crl_core *core, struct crl_flight *flight)
{
    uint32_t n = 0;
    struct load *load;
    cds_list_for_each_entry(load, &flight->loads, in_flight) {
        crl_assert(load->flight == flight && load->order.id != 0);
        crl_assert(crl_timer_is_armed(&load->deadline));
        crl_assert(crl_load_find((struct crl_core *)core, load->order.id) == load);
        n++;
    }
    crl_assert(n == flight->loads_n && n <= 2);
}

static void check_flight(const struct crl_core *core, struct crl_flight *flight)
{
    const struct active_key *key = flight->key;
    const struct space *space = core->spaces[key->space];
    bool shared = !space->config.policy.no_coalescing;
    uint32_t loads_max = core->origins[space->config.origin]->config.hedge_us > 0 ? 2 : 1;
    bool holds = flight->state == CRL_FLIGHT_QUEUED || flight->state == CRL_FLIGHT_LOADING;
    crl_assert(flight->state != CRL_FLIGHT_IDLE);
    crl_assert((flight->state == CRL_FLIGHT_LOADING) == (flight->loads_n > 0));
    crl_assert((flight->state == CRL_FLIGHT_QUEUED) == (flight->queued_at != NULL));
    crl_assert(crl_timer_is_armed(&flight->again) == (flight->state == CRL_FLIGHT_WAITING));
    crl_assert(!cds_list_empty(&flight->in_line) ==
               (flight->state == CRL_FLIGHT_WAITING || flight->state == CRL_FLIGHT_QUEUED));
    crl_assert(flight->has_lease == crl_timer_is_armed(&flight->renewal));
    crl_assert(!flight->has_lease || holds);
    crl_promise(P1, !shared || (key->flights == 1 && key->shared == flight));
    crl_promise(P1, !shared || key->loads_live <= loads_max);
    crl_promise(P4, (cds_list_empty(&flight->later) && flight->later_reasons == 0) ||
                        !crl_flight_is_current(core, flight));
    check_loads(core, flight);
    uint32_t askers = 0;
    uint32_t n = check_waiters(flight, &flight->waiters, &askers) +
                 check_waiters(flight, &flight->later, &askers);
    crl_promise(P5, n == flight->waiters_n);
    crl_assert(askers == flight->askers_n);
    if (flight->state == CRL_FLIGHT_QUEUED || flight->state == CRL_FLIGHT_WAITING)
        crl_promise(P7, crl_flight_is_wanted(flight));
}

/* Its loader's waits (C7). */
static uint32_t check_waits(struct crl_place *place)
{
    uint32_t n = 0;
    struct crl_waiter *waiter;
    cds_list_for_each_entry(waiter, &place->waits, in_asker) {
        crl_assert(waiter->asker == place && waiter->flight != NULL);
        n++;
    }
    crl_assert(n == 0 || place->loads_n > 0);
    crl_assert((n > 0) == !cds_list_empty(&place->in_waiting));
    return n;
}

static uint32_t check_place(const struct crl_place *place)
{
    uint32_t loads = 0;
    for (uint32_t i = 0; i < place->loads_n; i++)
        loads += place->loads[i].order.id != 0;
    crl_assert((loads > 0) == (place->loads_n > 0));
    return loads;
}

static uint32_t check_origin(const struct crl_core *core, struct origin *origin, uint32_t *waits)
{
    uint32_t taken = 0, waiting = 0, queued = 0, loads = 0;
    for (uint32_t i = 0; i < origin->places_n; i++) {
        struct crl_place *place = &origin->places[i];
        uint32_t n = check_waits(place);
        taken += place->loads_n > 0;
        loads += check_place(place);
        waiting += n > 0;
        *waits += n;
        crl_assert(place->origin == origin);
    }
    crl_assert(waiting == origin->waiting_n);
    for (uint32_t priority = 0; priority < CRL_LOAD_REASONS; priority++) {
        struct crl_flight *flight;
        cds_list_for_each_entry(flight, &origin->queue[priority], in_line) {
            crl_assert(flight->queued_at == origin && flight->priority == priority);
            crl_assert(flight->waiters_n == 0 || priority == CRL_LOAD_MISS);
            crl_assert(flight->reasons >> priority << priority == flight->reasons);
            queued++;
        }
    }
    crl_promise(P6, taken == origin->active && taken <= origin->places_n);
    crl_promise(P6, queued == origin->queued && queued <= origin->config.limits.queue);
    crl_promise(P6, queued == 0 || taken >= origin->limit_now || core->closing ||
                        !cds_list_empty(&origin->in_ready));
    return loads;
}

void crl_core_check(const struct crl_core *core)
{
    uint32_t flights = 0, waiters = 0, loads = 0, waits = 0;
    struct crl_flight *flight;
    cds_list_for_each_entry(flight, &core->flights, in_core) {
        check_flight(core, flight);
        flights++;
        waiters += flight->waiters_n;
    }
    for (uint32_t i = 0; i < core->origins_n; i++)
        loads += check_origin(core, core->origins[i], &waits);
    crl_assert(loads == core->loads_n && waits == core->waits_n);
    crl_promise(P8, flights == core->flights_n && flights <= core->config.flights_max);
    crl_promise(P8, waiters == core->waiters_n && waiters <= core->config.waiters_max);
    crl_table_check(core->table);
}
