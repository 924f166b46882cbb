/* SPDX-License-Identifier: Apache-2.0
 *
 * sieve.h - two orders of eviction: a plain queue, and one with a hand (SIEVE).
 *
 * A queue is a doubly linked list through its entries, in the order in which they came.
 *
 * SIEVE adds a hand, which walks from the oldest entry to the newest and round again. It spares
 * what was visited since it last passed, and takes the mark away; the first without a mark is the
 * victim. What is spared keeps its place, so that a hit needs to set a bit and no more, and new
 * entries that nobody asks for again are sifted out soon.
 *
 * Threads: the writer's; but marks are set by readers at any time.
 *
 * Source: Y. Zhang et al., "SIEVE is Simpler than LRU: an Efficient Turn-Key Eviction Algorithm for
 * Web Caches", NSDI 2024. */
#ifndef CRL_CORE_SIEVE_H
#define CRL_CORE_SIEVE_H

#include "core/entry.h"

struct crl_fifo {
    struct crl_entry *oldest, *newest;
    uint64_t entries;
};

/* crl_fifo_push - the entry is the newest from now on. */
void crl_fifo_push(struct crl_fifo *fifo, struct crl_entry *entry);

/* crl_fifo_remove - take an entry out. */
void crl_fifo_remove(struct crl_fifo *fifo, struct crl_entry *entry);

/* crl_fifo_replace - the new entry takes the old one's place. */
void crl_fifo_replace(struct crl_fifo *fifo, struct crl_entry *old, struct crl_entry *entry);

/* crl_fifo_oldest_but - the oldest entry, but for the one that is spared; NULL if there is none. */
struct crl_entry *crl_fifo_oldest_but(const struct crl_fifo *fifo, const struct crl_entry *spared);

struct crl_sieve {
    struct crl_fifo fifo;
    struct crl_entry *hand; /* where it stands; NULL: at the oldest */
};

/* crl_sieve_push, crl_sieve_remove, crl_sieve_replace - the same. A hand that stands on an entry
 * which is removed moves on; one that stands on a replaced entry stands on the new one. */
void crl_sieve_push(struct crl_sieve *sieve, struct crl_entry *entry);
void crl_sieve_remove(struct crl_sieve *sieve, struct crl_entry *entry);
void crl_sieve_replace(struct crl_sieve *sieve, struct crl_entry *old, struct crl_entry *entry);

/* crl_sieve_victim - move the hand to the entry that goes next; the entry stays in the queue.
 *
 * spared   is never chosen; may be NULL
 * steps    how many marks the hand may take away; less by as many as it took. After them the victim
 *          is the entry that they lead to, marked or not: for others wait for the writer
 * Returns NULL if there is no other. */
struct crl_entry *crl_sieve_victim(struct crl_sieve *sieve, const struct crl_entry *spared,
                                   uint32_t *steps);

/* crl_take_mark - was it visited? Takes the mark away, and a step; without a step left, nothing is
 * taken, and the answer is no. */
bool crl_take_mark(struct crl_entry *entry, uint32_t *steps);

#endif
