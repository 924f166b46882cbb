/* SPDX-License-Identifier: Apache-2.0
 *
 * ticket.c - a table of slots, each with a serial number; free ones are a list.
 *
 * Invariants, all under the lock:
 *   T1  A slot is in the list of free ones if and only if its object is NULL.
 *   T2  A slot's serial number grows with each claim; so no two tickets of one slot are equal.
 *   T3  A ticket is good in the process that issued it. In a child the slots of a parent's tickets
 *       stay taken, so that none of the child's is equal to one of them. */
#include "origin/ticket.h"

#include "base/assert.h"
#include "base/forks.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* A ticket: the serial number above, the slot + 1 in the lower bits, so that it is never NULL. */
#define SLOT_BITS (UINTPTR_MAX > UINT32_MAX ? 24 : 16)
#define SLOTS_MAX ((UINT32_C(1) << SLOT_BITS) - 1)
#define NO_SLOT   UINT32_MAX

struct slot {
    void *object;     /* NULL: free */
    uintptr_t serial; /* T2 */
    uint32_t next_free;
    uint32_t forks; /* T3: at the issue */
};

static struct {
    pthread_mutex_t lock;
    struct slot *slots;
    uint32_t room;
    uint32_t first_free;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER, .first_free = NO_SLOT};

/* Double the table. Under the lock. Returns whether there is a free slot now. */
static bool grow(void)
{
    crl_assert(table.first_free == NO_SLOT);
    uint32_t room = table.room > 0 ? table.room * 2 : 64;
    if (room > SLOTS_MAX)
        return false;
    struct slot *slots = realloc(table.slots, room * sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = table.room; i < room; i++)
        slots[i] = (struct slot){.next_free = i + 1 < room ? i + 1 : NO_SLOT};
    table.slots = slots;
    table.first_free = table.room;
    table.room = room;
    return true;
}

static const void *ticket_of(uint32_t i)
{
    return (const void *)(table.slots[i].serial << SLOT_BITS | (i + 1));
}

/* The slot that a ticket is good for, or NULL. Under the lock. */
static struct slot *find(const void *ticket)
{
    uint32_t i = (uint32_t)((uintptr_t)ticket & SLOTS_MAX) - 1;
    if (i >= table.room || table.slots[i].object == NULL || ticket_of(i) != ticket)
        return NULL;
    return table.slots[i].forks == crl_forks ? &table.slots[i] : NULL; /* T3 */
}

const void *crl_ticket_issue(void *object)
{
    const void *ticket = NULL;
    crl_assert(object != NULL);
    pthread_mutex_lock(&table.lock);
    if (table.first_free != NO_SLOT || grow()) {
        uint32_t i = table.first_free;
        crl_assert(i < table.room && table.slots[i].object == NULL); /* T1 */
        table.first_free = table.slots[i].next_free;
        table.slots[i].object = object;
        table.slots[i].forks = crl_forks;
        ticket = ticket_of(i);
    }
    pthread_mutex_unlock(&table.lock);
    return ticket;
}

/* Under the lock. */
static void slot_free(struct slot *slot)
{
    slot->object = NULL;
    slot->serial++;
    slot->next_free = table.first_free;
    table.first_free = (uint32_t)(slot - table.slots);
}

void *crl_ticket_claim(const void *ticket)
{
    void *object = NULL;
    pthread_mutex_lock(&table.lock);
    struct slot *slot = find(ticket);
    if (slot != NULL) {
        object = slot->object;
        slot_free(slot);
    }
    pthread_mutex_unlock(&table.lock);
    return object;
}

bool crl_ticket_look(const void *ticket, void (*look)(void *object, void *arg), void *arg)
{
    crl_assert(look != NULL);
    pthread_mutex_lock(&table.lock);
    struct slot *slot = find(ticket);
    if (slot != NULL)
        look(slot->object, arg);
    pthread_mutex_unlock(&table.lock);
    return slot != NULL;
}

void crl_tickets_lock(void)
{
    pthread_mutex_lock(&table.lock);
}

void crl_tickets_unlock(void)
{
    pthread_mutex_unlock(&table.lock);
}
