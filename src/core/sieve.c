/* SPDX-License-Identifier: Apache-2.0
 *
 * sieve.c - doubly linked lists through the entries. */
#include "core/sieve.h"

#include "base/assert.h"

/* --------------------------------------------------------------------------------- plain queues */

/* Make two neighbours of each other; NULL is the end of the queue on that side. */
static void link_up(struct crl_fifo *fifo, struct crl_entry *older, struct crl_entry *newer)
{
    *(older != NULL ? &older->newer : &fifo->oldest) = newer;
    *(newer != NULL ? &newer->older : &fifo->newest) = older;
}

void crl_fifo_push(struct crl_fifo *fifo, struct crl_entry *entry)
{
    link_up(fifo, fifo->newest, entry);
    link_up(fifo, entry, NULL);
    fifo->entries++;
}

void crl_fifo_remove(struct crl_fifo *fifo, struct crl_entry *entry)
{
    crl_assert(fifo->entries > 0);
    link_up(fifo, entry->older, entry->newer);
    fifo->entries--;
}

void crl_fifo_replace(struct crl_fifo *fifo, struct crl_entry *old, struct crl_entry *entry)
{
    link_up(fifo, old->older, entry);
    link_up(fifo, entry, old->newer);
}

struct crl_entry *crl_fifo_oldest_but(const struct crl_fifo *fifo, const struct crl_entry *spared)
{
    struct crl_entry *oldest = fifo->oldest;
    return oldest != NULL && oldest == spared ? oldest->newer : oldest;
}

/* ---------------------------------------------------------------------------------------- SIEVE */

void crl_sieve_push(struct crl_sieve *sieve, struct crl_entry *entry)
{
    crl_fifo_push(&sieve->fifo, entry);
}

void crl_sieve_remove(struct crl_sieve *sieve, struct crl_entry *entry)
{
    if (sieve->hand == entry)
        sieve->hand = entry->newer;
    crl_fifo_remove(&sieve->fifo, entry);
}

void crl_sieve_replace(struct crl_sieve *sieve, struct crl_entry *old, struct crl_entry *entry)
{
    if (sieve->hand == old)
        sieve->hand = entry;
    crl_fifo_replace(&sieve->fifo, old, entry);
}

bool crl_take_mark(struct crl_entry *entry, uint32_t *steps)
{
    if (*steps == 0 || !crl_entry_has(entry, CRL_MARK_VISITED))
        return false;
    crl_entry_unmark(entry, CRL_MARK_VISITED);
    --*steps;
    return true;
}

struct crl_entry *crl_sieve_victim(struct crl_sieve *sieve, const struct crl_entry *spared,
                                   uint32_t *steps)
{
    struct crl_fifo *fifo = &sieve->fifo;
    if (crl_fifo_oldest_but(fifo, spared) == NULL)
        return NULL;
    struct crl_entry *at = sieve->hand != NULL ? sieve->hand : fifo->oldest;
    while (at == spared || crl_take_mark(at, steps))
        at = at->newer != NULL ? at->newer : fifo->oldest;
    sieve->hand = at;
    return at;
}
