/* SPDX-License-Identifier: Apache-2.0
 *
 * loads.c - loads from their order to their answer.
 *
 * A load is live while its flight waits for it. One that was cancelled is not live any more, but
 * keeps its part of a place until the origin has answered: only the origin knows when the work has
 * really stopped. */
#include "core/machine.h"

/* A load's name: its number, its origin, its index in the place, the place. */
#define ORIGIN_SHIFT (CRL_PLACE_BITS + CRL_BATCH_BITS)
#define NUMBER_SHIFT (ORIGIN_SHIFT + CRL_ORIGIN_BITS)

static_assert(CRL_ORIGINS_MAX == 1 << CRL_ORIGIN_BITS,
              "an origin's number fits into a load's name");

struct origin *crl_load_origin(struct crl_core *core, const struct load *load)
{
    return core->origins[crl_load_origin_number(load->order.id)];
}

/* The strongest reason why it begins. */
static enum crl_load_reason reason_of(const struct crl_flight *flight)
{
    if (flight->waiters_n > 0 || flight->reasons == 0)
        return CRL_LOAD_MISS;
    return (enum crl_load_reason)__builtin_ctz(flight->reasons);
}

static crl_load_id load_id_next(struct crl_core *core, const struct origin *origin,
                                const struct crl_place *place)
{
    uint64_t place_number = (uint64_t)(place - origin->places);
    return ++core->loads << NUMBER_SHIFT | (uint64_t)origin->number << ORIGIN_SHIFT |
           (uint64_t)place->loads_n << CRL_PLACE_BITS | place_number;
}

static void timers_arm(struct step *step, const struct origin *origin, struct load *load)
{
    struct crl_core *core = step->core;
    corral_us now = step->event->now;
    crl_timer_arm(&core->timers, &load->deadline, now + origin->config.deadline_us);
    if (origin->config.hedge_us > 0 && load->flight->loads_n == 1)
        crl_timer_arm(&core->timers, &load->slow, now + origin->config.hedge_us);
}

struct load *crl_load_begin(struct step *step, struct crl_flight *flight, struct crl_place *place)
{
    struct crl_core *core = step->core;
    struct active_key *key = flight->key;
    struct origin *origin = crl_origin_of(core, flight);
    uint32_t loads_max = origin->config.hedge_us > 0 ? 2 : 1;
    crl_assert(place->loads_n < origin->config.batch_max && flight->loads_n < 2);
    crl_promise(P1, key->shared == NULL || key->loads_live < loads_max);

    struct load *load = &place->loads[place->loads_n];
    load->order.id = load_id_next(core, origin, place);
    if (place->loads_n++ == 0)
        place->query = core->loads;
    load->flight = flight;
    load->started_at = step->event->now;
    load->order.reason = reason_of(flight);
    cds_list_add_tail(&load->in_flight, &flight->loads);
    flight->loads_n++;
    key->loads_live++;
    core->loads_n++;
    timers_arm(step, origin, load);
    load->order.key = crl_key_bytes(key);
    load->order.deadline_at = load->deadline.at;
    crl_counter_add(&core->spaces[key->space]->counts.loads[load->order.reason], 1);
    return load;
}

/* The place that the name of a load speaks of; NULL: none of this core's. */
static struct crl_place *place_named(struct crl_core *core, crl_load_id id)
{
    uint32_t number = crl_load_origin_number(id);
    uint32_t place = crl_load_place(id);
    if (id == 0 || number >= core->origins_n)
        return NULL;
    struct origin *origin = core->origins[number];
    bool is_one = place < origin->places_n && crl_load_index(id) < origin->config.batch_max;
    return is_one ? &origin->places[place] : NULL;
}

struct load *crl_load_find(struct crl_core *core, crl_load_id id)
{
    struct crl_place *place = place_named(core, id);
    struct load *load = place != NULL ? &place->loads[crl_load_index(id)] : NULL;
    return load != NULL && load->order.id == id ? load : NULL;
}

/* The loads of a query have numbers in a row. */
struct crl_place *crl_place_of_load(struct crl_core *core, crl_load_id id)
{
    struct crl_place *place = place_named(core, id);
    bool goes_on = place != NULL && place->loads_n > crl_load_index(id) &&
                   (id >> NUMBER_SHIFT) - crl_load_index(id) == place->query;
    return goes_on ? place : NULL;
}

/* The load stops being live: it may not publish any more. */
static void load_disown(struct crl_core *core, struct load *load)
{
    struct crl_flight *flight = load->flight;
    crl_timer_disarm(&core->timers, &load->deadline);
    crl_timer_disarm(&core->timers, &load->slow);
    cds_list_del(&load->in_flight);
    flight->loads_n--;
    flight->key->loads_live--;
    load->flight = NULL;
    if (flight->loads_n > 0 && flight->askers_n > 0)
        core->waits_changed = true;
}

struct crl_flight *crl_load_end(struct step *step, struct load *load)
{
    struct crl_core *core = step->core;
    struct origin *origin = crl_load_origin(core, load);
    struct crl_flight *flight = load->flight;
    if (flight != NULL)
        load_disown(core, load);
    else
        crl_counter_add(&origin->counts.errors[CRL_LOAD_LATE], 1);
    crl_hist_add(&origin->counts.load, &crl_hist_latency, step->event->now - load->started_at);
    load->order.id = 0;
    core->loads_n--;
    struct crl_place *place = load->place;
    uint32_t left = 0;
    for (uint32_t i = 0; i < place->loads_n; i++)
        left += place->loads[i].order.id != 0;
    if (left == 0) {
        place->loads_n = 0;
        crl_waits_end(core, place);
        crl_place_free(origin, place);
    }
    return flight;
}

void crl_load_failed(struct step *step, struct origin *origin)
{
    crl_assert(step->event->kind == CRL_ORIGIN_ANSWERED && step->rc < 0);
    bool is_overrun = step->rc == CORRAL_EDEADLINE;
    crl_counter_add(&origin->counts.errors[is_overrun ? CRL_LOAD_OVERRUN : CRL_LOAD_FAILED], 1);
    step->out->result = step->rc;
}

void crl_load_cancel(struct step *step, struct load *load, int rc)
{
    struct crl_action *action = crl_action_add(step->out, CRL_CANCEL_LOAD);
    action->origin = crl_load_origin(step->core, load)->number;
    action->cancel.load = load->order.id;
    action->cancel.rc = rc;
    load_disown(step->core, load);
}

void crl_loads_cancel(struct step *step, struct crl_flight *flight)
{
    while (flight->loads_n > 0)
        crl_load_cancel(step, cds_list_first_entry(&flight->loads, struct load, in_flight), 0);
}
