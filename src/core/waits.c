/* SPDX-License-Identifier: Apache-2.0
 *
 * waits.c - loaders that wait for other loads, and whether they wait for themselves.
 *
 * Concept. A loader may get other keys of its cache, and wait for them: who asks is the place of
 * its load, and each such get is a wait of that place. (Loads that share a place are one query, so
 * a wait of one holds up all of them.) What waits for what is a graph of two kinds of nodes:
 *
 *   a place moves if all of its waits do: then its loader goes on, and answers some time;
 *   a wait moves if one of these does: any place at which its flight loads (a hedge is a second
 *   one); or, while its flight is queued, so many places of its origin that one becomes free.
 *
 * Whoever does not wait moves. What moves by that is marked, then what moves by those, until
 * nothing more does. The places that are left are stuck: each waits for others of them, for ever.
 *
 * When a look is taken:
 *   - A loader begins to wait, by WANTED. Since nothing was stuck before, whatever is stuck now is
 *     so by this wait, and all of it moves without it: so this one is answered with EDEADLOCK.
 *   - Something else may have closed a circle: a limit has fallen; a flight that a loader waits for
 *     has come into a queue, from the store or for those who came after an invalidation; one of two
 *     loads of such a flight has ended without a value. Then CRL_TIMER looks, at once, and a wait
 *     gives way that others wait for; and again until nothing is stuck.
 *   Nothing else closes one: loads that begin, or end, and waits that end are a way more, or are
 *   waited for no more. (A queue is served when so many places are free that its origin's limit is
 *   kept. So that one of too many places ends does not bring it nearer to being stuck.)
 *
 * A flight that waits for the store, or for another process, moves as far as can be seen here.
 *
 * Cost. Mostly one comparison: the load that is waited for does not wait itself. Else all waits are
 * looked at, in rounds, at most 2 * LOOKS_MAX times in all. Where that is not enough the look has
 * seen nothing, and the limits of the waits and the deadlines of the loads end what there is. A
 * round begins with the place that began to wait last, so a chain of which each link was begun by
 * the one before takes one round. */
#include "core/machine.h"

#define LOOKS_MAX 4096

/* ----------------------------------------------------------------------------- who waits at all */

void crl_wait_begin(struct crl_core *core, struct crl_waiter *waiter, struct crl_place *asker)
{
    crl_assert(waiter->flight != NULL && waiter->asker == NULL && asker->loads_n > 0);
    if (cds_list_empty(&asker->waits)) {
        cds_list_add_tail(&asker->in_waiting, &core->waiting_places);
        asker->origin->waiting_n++;
    }
    core->waits_n++;
    waiter->asker = asker;
    cds_list_add_tail(&waiter->in_asker, &asker->waits);
    waiter->flight->askers_n++;
}

void crl_wait_end(struct crl_core *core, struct crl_waiter *waiter)
{
    struct crl_place *asker = waiter->asker;
    if (asker == NULL)
        return;
    core->waits_n--;
    waiter->asker = NULL;
    waiter->flight->askers_n--;
    cds_list_del(&waiter->in_asker);
    if (cds_list_empty(&asker->waits)) {
        cds_list_del_init(&asker->in_waiting);
        asker->origin->waiting_n--;
    }
}

void crl_waits_end(struct crl_core *core, struct crl_place *asker)
{
    while (!cds_list_empty(&asker->waits))
        crl_wait_end(core, cds_list_first_entry(&asker->waits, struct crl_waiter, in_asker));
}

/* --------------------------------------------------------------------------------------- a look */

static bool place_is_stuck(const struct crl_core *core, const struct crl_place *place)
{
    return place->waits.next != &place->waits && place->moves_in != core->look;
}

static uint32_t stuck_n(const struct crl_core *core, const struct origin *origin)
{
    return origin->waiting_n - (origin->look == core->look ? origin->moving_n : 0);
}

static void place_moves(const struct crl_core *core, struct crl_place *place)
{
    struct origin *origin = place->origin;
    if (origin->look != core->look) {
        origin->look = core->look;
        origin->moving_n = 0;
    }
    origin->moving_n++;
    place->moves_in = core->look;
}

static bool load_moves(const struct crl_core *core, const struct crl_flight *flight)
{
    const struct load *load;
    cds_list_for_each_entry(load, &flight->loads, in_flight) {
        if (!place_is_stuck(core, load->place))
            return true;
    }
    return false;
}

static bool flight_moves(const struct crl_core *core, const struct crl_flight *flight)
{
    switch (flight->state) {
    case CRL_FLIGHT_QUEUED:
        return stuck_n(core, flight->queued_at) < flight->queued_at->limit_now;
    case CRL_FLIGHT_LOADING:
        return load_moves(core, flight);
    case CRL_FLIGHT_IDLE:
    case CRL_FLIGHT_LEASING:
    case CRL_FLIGHT_WAITING:
    case CRL_FLIGHT_STATES_N:
        break;
    }
    return true;
}

/* The last of its waits that is stuck; NULL: none is. `looks` counts. */
static struct crl_waiter *stuck_wait(const struct crl_core *core, const struct crl_place *place,
                                     uint32_t *looks)
{
    struct crl_waiter *waiter;
    cds_list_for_each_entry_reverse(waiter, &place->waits, in_asker) {
        ++*looks;
        if (!flight_moves(core, waiter->flight))
            return waiter;
    }
    return NULL;
}

/* Mark the places that move by those that are known to. Returns whether there were any. */
static bool look_further(struct crl_core *core, uint32_t *looks)
{
    bool any = false;
    struct crl_place *place;
    cds_list_for_each_entry_reverse(place, &core->waiting_places, in_waiting) {
        if (!place_is_stuck(core, place) || stuck_wait(core, place, looks) != NULL)
            continue;
        place_moves(core, place);
        any = true;
    }
    return any;
}

/* At its beginning nothing is known to move but who does not wait. */
static void look_begin(struct crl_core *core)
{
    core->look++;
}

/* Returns whether it has come to an end: what is not marked is stuck. */
static bool look_on(struct crl_core *core)
{
    uint32_t looks = 0;
    while (core->waits_n + looks <= LOOKS_MAX) {
        if (!look_further(core, &looks))
            return true;
    }
    return false;
}

static void stuck_note(struct crl_waiter *waiter)
{
    bool queues = waiter->flight->state == CRL_FLIGHT_QUEUED;
    waiter->stuck = queues ? CRL_STUCK_AT_PLACES : CRL_STUCK_AT_LOADER;
}

/* Mostly it is seen at once that it moves: the load that it waits for does not wait itself. While
 * another look is due there may be a circle that it is no part of: that look will tell. */
bool crl_wait_is_stuck(struct crl_core *core, struct crl_waiter *waiter)
{
    crl_assert(waiter->asker != NULL);
    look_begin(core);
    if (core->waits_changed || flight_moves(core, waiter->flight) || !look_on(core) ||
        flight_moves(core, waiter->flight))
        return false;
    stuck_note(waiter);
    return true;
}

/* Returns one of the stuck places, and notes one for each origin; NULL: there is none. */
static struct crl_place *stuck_places(const struct crl_core *core)
{
    struct crl_place *place, *found = NULL;
    cds_list_for_each_entry(place, &core->waiting_places, in_waiting) {
        if (place_is_stuck(core, place))
            found = place->origin->stuck = place;
    }
    return found;
}

/* A stuck place that a stuck flight waits for. There may be more, but this one alone holds it up.
 */
static struct crl_place *place_before(const struct crl_flight *flight)
{
    if (flight->state == CRL_FLIGHT_QUEUED)
        return flight->queued_at->stuck;
    return cds_list_first_entry(&flight->loads, struct load, in_flight)->place;
}

/* From one stuck place to the one that it waits for, and so on: that leads into a circle. */
struct crl_waiter *crl_waits_find_stuck(struct crl_core *core)
{
    uint32_t looks = 0;
    look_begin(core);
    struct crl_place *place = look_on(core) ? stuck_places(core) : NULL;
    core->waits_changed = place != NULL; /* then there may be another circle */
    struct crl_waiter *waiter = NULL;
    while (place != NULL && place->passed_in != core->look) {
        place->passed_in = core->look;
        waiter = stuck_wait(core, place, &looks);
        place = place_before(waiter->flight);
    }
    if (waiter != NULL)
        stuck_note(waiter);
    return waiter;
}
