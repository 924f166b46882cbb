/* SPDX-License-Identifier: Apache-2.0
 *
 * sieve.h - the order of eviction: a queue in order of insertion, and a hand.
 *
 * The hand walks from the oldest entry to the newest and round again. It spares what was visited
 * since it last passed, and takes the mark away; the first without a mark is the victim. What is
 * spared keeps its place, so that a hit needs to set a bit and no more, and new entries that nobody
 * asks for again are sifted out soon.
 *
 * Threads: the writer's; but marks are set by readers at any time.
 *
 * Source: Y. Zhang et al., "SIEVE is Simpler than LRU: an Efficient Turn-Key Eviction Algorithm for
 * Web Caches", NSDI 2024. */
#ifndef CRL_CORE_SIEVE_H
#define CRL_CORE_SIEVE_H

#include "core/entry.h"

struct crl_sieve {
    struct crl_entry *oldest, *newest;
    struct crl_entry *hand; /* where it stands; NULL: at the oldest */
    uint64_t entries;
};

/* crl_sieve_push - the entry is the newest from now on. */
void crl_sieve_push(struct crl_sieve *sieve, struct crl_entry *entry);

/* crl_sieve_remove - take an entry out. A hand that stands on it moves on. */
void crl_sieve_remove(struct crl_sieve *sieve, struct crl_entry *entry);

/* crl_sieve_replace - the new entry takes the old one's place and mark. */
void crl_sieve_replace(struct crl_sieve *sieve, struct crl_entry *old, struct crl_entry *entry);

/* crl_sieve_victim - move the hand to the entry that goes next; the entry stays in the queue.
 * spared   is never chosen; may be NULL
 * Returns NULL if there is no other. The hand takes a bounded number of steps, for others wait for
 * the writer: where so many entries in a row were hit, it takes the next one all the same. */
struct crl_entry *crl_sieve_victim(struct crl_sieve *sieve, const struct crl_entry *spared);

#endif
