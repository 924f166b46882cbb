/* SPDX-License-Identifier: Apache-2.0
 *
 * eviction.h - which entry makes room for others: a small queue in front, SIEVE behind it.
 *
 *                        a hit meanwhile
 *     new ──► small queue ─────────────► main queue, under SIEVE ──► out
 *                  │                           ▲
 *                  └──► out, remembered ───────┘ asked for again soon
 *
 * The small queue has a tenth of the room. What was hit in it moves on to the main queue when its
 * turn to go comes; what was not is evicted, and its hash is remembered (ghosts.h). A key that
 * comes back while it is remembered goes to the main queue at once. So keys that are asked for once
 * take a tenth of the room and no more, and keys that are asked for a few times in short order are
 * hits, which they are not with SIEVE alone: its hand, where most of what it meets is new, evicts
 * new entries almost as they come.
 *
 * Ghosts are the table's: it has them by shard.
 *
 * Invariant:
 *   V1  An entry has CRL_MARK_SMALL while it is in the small queue, and never in the main one.
 *
 * Threads: the writer's; but CRL_MARK_VISITED is set by readers at any time.
 *
 * Sources: J. Yang et al., "FIFO Queues are All You Need for Cache Eviction" (S3-FIFO), SOSP 2023:
 * the small queue and the ghosts. Y. Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024. */
#ifndef CRL_CORE_EVICTION_H
#define CRL_CORE_EVICTION_H

#include "core/sieve.h"

struct crl_eviction {
    struct crl_allocator *allocator; /* whose blocks the entries are; set before the first call */
    struct crl_fifo small;
    size_t small_bytes; /* what its entries take of the allocator */
    struct crl_sieve main;
};

/* crl_eviction_entries - how many there are. */
static inline uint64_t crl_eviction_entries(const struct crl_eviction *eviction)
{
    return eviction->small.entries + eviction->main.fifo.entries;
}

/* crl_eviction_push - a new entry, to the main queue if its key is remembered. */
void crl_eviction_push(struct crl_eviction *eviction, struct crl_entry *entry, bool is_remembered);

/* crl_eviction_remove - take an entry out. Leaves its marks. */
void crl_eviction_remove(struct crl_eviction *eviction, struct crl_entry *entry);

/* crl_eviction_replace - the new entry takes the old one's place and marks. */
void crl_eviction_replace(struct crl_eviction *eviction, struct crl_entry *old,
                          struct crl_entry *entry);

/* crl_eviction_victim - the entry that goes next; it stays in its queue, which its marks tell.
 *
 * small_max   what the small queue may take, in bytes
 * spared      is never chosen; may be NULL
 * steps       how many entries may be spared because they were hit, as in crl_sieve_victim()
 * Returns NULL if there is no other. */
struct crl_entry *crl_eviction_victim(struct crl_eviction *eviction, size_t small_max,
                                      const struct crl_entry *spared, uint32_t *steps);

/* crl_eviction_check - abort where the queues are not whole. `check` is called for each entry.
 * O(n); for tests. */
void crl_eviction_check(const struct crl_eviction *eviction,
                        void (*check)(void *arg, const struct crl_entry *entry), void *arg);

#endif
