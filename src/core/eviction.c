/* SPDX-License-Identifier: Apache-2.0
 *
 * eviction.c - moving entries between the small queue, the main one, and the door. */
#include "core/eviction.h"

#include "base/assert.h"

static bool is_small(const struct crl_entry *entry)
{
    return crl_entry_has(entry, CRL_MARK_SMALL);
}

static size_t cost(const struct crl_eviction *eviction, const struct crl_entry *entry)
{
    return crl_entry_cost(eviction->allocator, entry);
}

static void small_push(struct crl_eviction *eviction, struct crl_entry *entry)
{
    (void)crl_entry_mark(entry, CRL_MARK_SMALL);
    crl_fifo_push(&eviction->small, entry);
    eviction->small_bytes += cost(eviction, entry);
}

void crl_eviction_push(struct crl_eviction *eviction, struct crl_entry *entry, bool is_remembered)
{
    if (is_remembered)
        crl_sieve_push(&eviction->main, entry);
    else
        small_push(eviction, entry);
}

void crl_eviction_remove(struct crl_eviction *eviction, struct crl_entry *entry)
{
    if (!is_small(entry)) {
        crl_sieve_remove(&eviction->main, entry);
        return;
    }
    crl_fifo_remove(&eviction->small, entry);
    eviction->small_bytes -= cost(eviction, entry);
}

void crl_eviction_replace(struct crl_eviction *eviction, struct crl_entry *old,
                          struct crl_entry *entry)
{
    if (crl_entry_has(old, CRL_MARK_VISITED))
        (void)crl_entry_mark(entry, CRL_MARK_VISITED);
    if (!is_small(old)) {
        crl_sieve_replace(&eviction->main, old, entry);
        return;
    }
    (void)crl_entry_mark(entry, CRL_MARK_SMALL);
    crl_fifo_replace(&eviction->small, old, entry);
    eviction->small_bytes += cost(eviction, entry) - cost(eviction, old);
}

/* It was hit while it was on probation: it has earned a place in the main queue. */
static void promote(struct crl_eviction *eviction, struct crl_entry *entry)
{
    crl_eviction_remove(eviction, entry);
    crl_entry_unmark(entry, CRL_MARK_SMALL);
    crl_sieve_push(&eviction->main, entry);
}

/* Is it the small queue's turn? */
static bool is_smalls_turn(const struct crl_eviction *eviction, size_t small_max,
                           const struct crl_entry *spared)
{
    return eviction->small_bytes > small_max ||
           crl_fifo_oldest_but(&eviction->main.fifo, spared) == NULL;
}

struct crl_entry *crl_eviction_victim(struct crl_eviction *eviction, size_t small_max,
                                      const struct crl_entry *spared, uint32_t *steps)
{
    while (is_smalls_turn(eviction, small_max, spared)) {
        struct crl_entry *oldest = crl_fifo_oldest_but(&eviction->small, spared);
        if (oldest == NULL)
            break;
        if (!crl_take_mark(oldest, steps))
            return oldest;
        promote(eviction, oldest);
    }
    return crl_sieve_victim(&eviction->main, spared, steps);
}

/* Returns the bytes of its entries. */
static size_t fifo_check(const struct crl_eviction *eviction, const struct crl_fifo *fifo,
                         void (*check)(void *arg, const struct crl_entry *entry), void *arg)
{
    const struct crl_entry *older = NULL;
    uint64_t entries = 0;
    size_t bytes = 0;
    for (const struct crl_entry *entry = fifo->oldest; entry != NULL; entry = entry->newer) {
        crl_assert(entry->older == older);
        crl_assert(is_small(entry) == (fifo == &eviction->small)); /* V1 */
        check(arg, entry);
        bytes += cost(eviction, entry);
        entries++;
        older = entry;
    }
    crl_assert(fifo->newest == older);
    crl_assert(fifo->entries == entries);
    return bytes;
}

void crl_eviction_check(const struct crl_eviction *eviction,
                        void (*check)(void *arg, const struct crl_entry *entry), void *arg)
{
    crl_assert(fifo_check(eviction, &eviction->small, check, arg) == eviction->small_bytes);
    (void)fifo_check(eviction, &eviction->main.fifo, check, arg);
    const struct crl_entry *hand = eviction->main.hand, *at = eviction->main.fifo.oldest;
    while (at != NULL && at != hand)
        at = at->newer;
    crl_assert(hand == NULL || at == hand);
}
