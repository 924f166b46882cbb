/* SPDX-License-Identifier: Apache-2.0
 *
 * ticket.c - a table of places, each with a generation; free ones are a list. */
#include "origin/ticket.h"

#include "base/assert.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* A ticket: the generation above, the place + 1 in the lower bits, so that it is never NULL. */
#define PLACE_BITS (UINTPTR_MAX > UINT32_MAX ? 24 : 16)
#define PLACES_MAX ((UINT32_C(1) << PLACE_BITS) - 1)
#define NO_PLACE   UINT32_MAX

struct place {
    void *object;         /* NULL: free */
    uintptr_t generation; /* grows with each claim */
    uint32_t next_free;
};

static struct {
    pthread_mutex_t lock;
    struct place *places;
    uint32_t room;
    uint32_t first_free;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER, .first_free = NO_PLACE};

/* Double the table. Under the lock. Returns whether there is a free place now. */
static bool grow(void)
{
    uint32_t room = table.room > 0 ? table.room * 2 : 64;
    if (room > PLACES_MAX)
        return false;
    struct place *places = realloc(table.places, room * sizeof *places);
    if (!places)
        return false;
    for (uint32_t i = table.room; i < room; i++)
        places[i] = (struct place){.next_free = i + 1 < room ? i + 1 : NO_PLACE};
    table.places = places;
    table.first_free = table.room;
    table.room = room;
    return true;
}

static const void *ticket_of(uint32_t i)
{
    return (const void *)(table.places[i].generation << PLACE_BITS | (i + 1));
}

/* The place that a ticket is good for, or NULL. Under the lock. */
static struct place *find(const void *ticket)
{
    uint32_t i = (uint32_t)((uintptr_t)ticket & PLACES_MAX) - 1;
    if (i >= table.room || !table.places[i].object || ticket_of(i) != ticket)
        return NULL;
    return &table.places[i];
}

const void *crl_ticket_issue(void *object)
{
    const void *ticket = NULL;
    crl_assert(object);
    pthread_mutex_lock(&table.lock);
    if (table.first_free != NO_PLACE || grow()) {
        uint32_t i = table.first_free;
        table.first_free = table.places[i].next_free;
        table.places[i].object = object;
        ticket = ticket_of(i);
    }
    pthread_mutex_unlock(&table.lock);
    return ticket;
}

void *crl_ticket_claim(const void *ticket)
{
    void *object = NULL;
    pthread_mutex_lock(&table.lock);
    struct place *place = find(ticket);
    if (place) {
        object = place->object;
        place->object = NULL;
        place->generation++;
        place->next_free = table.first_free;
        table.first_free = (uint32_t)(place - table.places);
    }
    pthread_mutex_unlock(&table.lock);
    return object;
}

bool crl_ticket_look(const void *ticket, void (*look)(const void *object, void *arg), void *arg)
{
    pthread_mutex_lock(&table.lock);
    struct place *place = find(ticket);
    if (place)
        look(place->object, arg);
    pthread_mutex_unlock(&table.lock);
    return place != NULL;
}

void crl_tickets_lock(void)
{
    pthread_mutex_lock(&table.lock);
}

void crl_tickets_unlock(void)
{
    pthread_mutex_unlock(&table.lock);
}
