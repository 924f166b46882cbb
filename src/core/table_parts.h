/* SPDX-License-Identifier: Apache-2.0
 *
 * table_parts.h - what the files of the table share; for nobody else.
 *
 *   table.c        shards, linking and unlinking, limbo
 *   table_room.c   making room: evictions, real memory, large values
 *   table_check.c  the audit */
#ifndef CRL_CORE_TABLE_PARTS_H
#define CRL_CORE_TABLE_PARTS_H

#include "core/buckets.h"
#include "core/eviction.h"
#include "core/ghosts.h"
#include "core/table.h"

#include <stdalign.h>

/* Outgrown arrays in one batch of limbo; a shard that finds no place there waits for readers. */
#define CRL_LIMBO_ARRAYS_MAX 16

struct crl_limbo {
    struct crl_entry *entries; /* linked by ->older */
    uint64_t entries_n;
    crl_buckets arrays[CRL_LIMBO_ARRAYS_MAX];
    uint32_t arrays_n;
    size_t bytes;
    size_t entry_bytes; /* of these */
};

/* The linked entries of a page. */
struct page_entries {
    uint32_t n;
    struct crl_entry *v[CRL_PAGE_BLOCKS_MAX];
};

struct crl_table {
    struct crl_allocator *allocator;
    struct crl_allocator *bucket_allocator;
    void (*wait_for_readers)(void);
    uint32_t shard_mask;
    size_t memory_bytes;
    size_t room_bytes; /* what entries, buckets and ghosts may take of it */
    size_t small_max;  /* of these, the small queue */
    struct crl_hashing hashing;

    /* The writer's, away from the lines that readers need. */
    alignas(64) struct crl_eviction eviction;
    struct crl_entry *arriving; /* see table.h; in no queue; or NULL */
    bool arriving_is_remembered;
    size_t entry_bytes;  /* linked, but for `arriving` */
    size_t bucket_bytes; /* linked buckets, and ghosts */
    size_t tight_bytes;  /* what these two may not exceed, for want of real memory; 0: nothing */
    bool has_closed;     /* pages are closed */
    uint64_t evictions, moves;
    uint32_t work_left;  /* in this call, see table_room.c */
    uint32_t steps_left; /* likewise: marks that may be taken away */
    struct crl_limbo limbos[2];
    struct crl_limbo *filling;
    struct crl_limbo *out; /* taken, not yet dropped; or NULL */
    bool limbo_is_over;    /* it has what was beyond the budget before */
    uint32_t *shard_entries;
    struct crl_ghosts *ghosts; /* of each shard */
    struct page_entries *page; /* room for the emptying of one; NULL without pages */

    alignas(64) _Atomic crl_buckets arrays[]; /* one of each shard */
};

static inline uint32_t crl_shard_of(const struct crl_table *table, uint64_t hash)
{
    return (uint32_t)(hash >> 48) & table->shard_mask;
}

static inline uint64_t crl_table_hash(const struct crl_table *table, const struct crl_entry *entry)
{
    return crl_hashing_of(&table->hashing, entry);
}

static inline crl_buckets crl_array_of(const struct crl_table *table, uint64_t hash)
{
    return atomic_load_explicit(&table->arrays[crl_shard_of(table, hash)], memory_order_acquire);
}

static inline size_t crl_limbo_bytes(const struct crl_table *table)
{
    return table->limbos[0].bytes + table->limbos[1].bytes;
}

static inline size_t crl_table_bytes(const struct crl_table *table)
{
    return table->entry_bytes + table->bucket_bytes + crl_limbo_bytes(table);
}

/* What an entry takes of its allocator. */
static inline size_t crl_table_cost(const struct crl_table *table, const struct crl_entry *entry)
{
    return crl_entry_cost(table->allocator, entry);
}

/* crl_table_find_its - what is linked under the key of an entry. */
struct crl_entry *crl_table_find_its(const struct crl_table *table, const struct crl_entry *entry,
                                     uint64_t hash);

/* crl_table_needed - what linking an entry adds: its block, and a bucket if the chain is full. */
size_t crl_table_needed(const struct crl_table *table, const struct crl_entry *entry, uint64_t hash,
                        const struct crl_entry *old);

/* crl_table_unlink - take an entry out of its bucket and queue, to limbo. Returns its hash. */
uint64_t crl_table_unlink(struct crl_table *table, struct crl_entry *entry);

/* crl_table_replace - publish an entry in place of one with the same key, which is in a queue. */
void crl_table_replace(struct crl_table *table, struct crl_entry *old, struct crl_entry *entry,
                       uint64_t hash);

/* crl_table_reclaim - wait for readers, and free all that is in limbo. */
void crl_table_reclaim(struct crl_table *table);

/* --------------------------------------------------------------------------------- table_room.c */

/* crl_table_held - what the allocators hold of the system, without values that only the program
 * still holds and what these keep, and without the entry that arrives. */
size_t crl_table_held(const struct crl_table *table);

/* crl_work_begin - from here on counts what one call of the table may do. */
void crl_work_begin(struct crl_table *table);

/* crl_room_for - evict until an entry fits beside the others, but for the old one, which it will
 * replace and which is spared. What was made free for the entry that arrives is not touched. */
void crl_room_for(struct crl_table *table, const struct crl_entry *entry, uint64_t hash,
                  const struct crl_entry *old);

/* crl_room_fit - bring what the allocators hold within the budget, without the newest entry.
 * Returns whether it is. */
bool crl_room_fit(struct crl_table *table, const struct crl_entry *newest);

/* crl_room_arrive - make room for the entry that arrives, as far as one call may: then it is in a
 * queue like the others, or still arriving, or unlinked, as there is no room to be had. */
void crl_room_arrive(struct crl_table *table);

#endif
