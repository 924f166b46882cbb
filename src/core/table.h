/* SPDX-License-Identifier: Apache-2.0
 *
 * table.h - the entries of a process: many readers that write nothing, one writer.
 *
 * Owns: the buckets, the queues of eviction, the ghosts, one reference to each entry that is
 * linked, the byte budget.
 *
 * Concept. The high bits of the hash choose a shard. A shard is an array of buckets (buckets.h),
 * born with its first entry; it doubles on its own by building a larger copy and publishing that in
 * one store, so that growing never stops the world; it never shrinks. Which entry makes room for a
 * new one is the choice of eviction.h, with the ghosts of each shard; a hit at most sets a bit that
 * is not yet set.
 *
 * What readers may still look at when it is unlinked (entries, emptied buckets, outgrown arrays)
 * waits in limbo for a grace period. Limbo is memory too, and evicting can't shrink it: an evicted
 * entry goes there first. So a 64th of the budget is kept free of entries and buckets, for limbo to
 * grow into; the writer reclaims when crl_table_limbo_is_due(), well before that is full. An insert
 * that finds limbo full all the same waits for readers itself.
 *
 *     |<------------------------------ memory_bytes ----------------------------->|
 *     |<---- entries, their buckets, their ghosts: at most 63/64 ---->|<-- limbo -->|
 *
 * What an allocator holds of the system is more than its blocks: a page stays as long as one block
 * in it lives. Where that comes near the budget, because the sizes of values have changed, the
 * emptiest pages are closed and their entries moved to gaps elsewhere, and where there are no gaps
 * entries are evicted until there are. Entries are immutable: to move one is to publish a copy.
 *
 * No call takes long, whatever the table holds. Most of what there is to do is bounded by itself;
 * but room for a large value among tiny ones means 100,000s of evictions. So an entry that needs
 * more than 256 KiB is published at once, and is then *arriving*: in no queue, and counted apart,
 * while room for it is made a part at a time, whenever limbo is dropped. At most one arrives; where
 * another such entry comes, the one before it is unlinked.
 *
 * Invariants:
 *   T1  Budget: linked entries (block sizes), their buckets and ghosts, and limbo together stay
 *       within memory_bytes; so does, after each insert, what the allocators hold of the system,
 *       but for values that the program still holds after they left the table and, up to a limit of
 *       the allocator's, what is free in the pages that these keep. An entry that can't fit is not
 *       linked. An entry that arrives comes on top, as it did before it was inserted: it has been
 *       allocated already. (The second half where the allocator knows: see allocator.h.)
 *   T2  At most one linked entry has a given space and key.
 *   T3  What was unlinked goes to limbo, and is given back only after a grace period that began
 *       later.
 *
 * Threads: crl_table_find() on any thread, inside a read section of whoever owns the table (RCU in
 * the library; the simulator has one thread and needs none). Everything else: one writer at a time.
 *
 * Not here: locks, RCU, clocks, freshness: an entry is found whatever its age.
 *
 * Sources: those of eviction.h. P. McKenney, "Is Parallel Programming Hard", ch. 9 (RCU).
 */
#ifndef CRL_CORE_TABLE_H
#define CRL_CORE_TABLE_H

#include "core/buckets.h"
#include "core/entry.h"

struct crl_table;
struct crl_limbo; /* a batch of what was unlinked */

struct crl_table_config {
    size_t memory_bytes;
    struct crl_allocator *allocator;        /* of entries; borrowed; outlives the table */
    struct crl_allocator *bucket_allocator; /* likewise, of all else; NULL: the same; then no entry
                                             * can be moved */
    struct crl_hashing hashing;             /* a hash of NULL: crl_hash() */
    void (*wait_for_readers)(void); /* returns when all read sections that run now have ended; NULL:
                                     * there are no readers on other threads */
    uint32_t shards; /* a power of two, 1 to 16384; 0: by the budget, 256 up to 256 MiB. Fewer where
                      * the budget is small */
};

struct crl_table_counts {
    uint64_t entries;
    uint64_t bytes;          /* entries, buckets and limbo: what T1 bounds */
    uint64_t limbo_bytes;    /* of these */
    uint64_t held_bytes;     /* of the system's memory; 0 where the allocator does not know */
    uint64_t arriving_bytes; /* of the entry that arrives; not among the others */
    uint64_t evictions;      /* entries pushed out by the budget, ever */
    uint64_t moves;          /* entries copied elsewhere to empty a page, ever */
};

/* crl_table_new - an empty table. Errors: ENOMEM, EINVAL */
int crl_table_new(const struct crl_table_config *config, struct crl_table **ret_table);

/* crl_table_free - free it and drop its references, limbo included. No reader may be inside. */
void crl_table_free(struct crl_table *table);

/* crl_table_find - the entry of a key, of whatever epoch, or NULL. Borrowed until the read section
 * ends, unless the caller takes a reference. Marks nothing: see crl_table_touch(). O(1). */
struct crl_entry *crl_table_find(const struct crl_table *table, uint64_t hash, uint32_t space,
                                 struct corral_bytes key);

/* What a lookup needs of a table, and nothing else: for readers to keep next to what else a hit
 * needs, so that crl_view_bucket() takes no call and one load less. Valid as long as the table. */
struct crl_table_view {
    const _Atomic crl_buckets *arrays;
    uint64_t shard_mask;
};

struct crl_table_view crl_table_view(const struct crl_table *table);

/* crl_view_bucket - where the chain of a hash begins; its cache line is asked for. To be given to
 * crl_bucket_find(), in the same read section, after something else to do: it is the first cache
 * miss of a lookup. NULL: there is no such entry. */
static inline const struct crl_bucket *crl_view_bucket(const struct crl_table_view *view,
                                                       uint64_t hash)
{
    crl_buckets array =
        atomic_load_explicit(&view->arrays[hash >> 48 & view->shard_mask], memory_order_acquire);
    if (array == 0)
        return NULL;
    const struct crl_bucket *bucket = crl_buckets_first(array, hash);
    __builtin_prefetch(bucket);
    return bucket;
}

/* crl_table_touch - remember that an entry was hit. Writes only if the mark is not yet set. */
static inline void crl_table_touch(struct crl_entry *entry)
{
    if (!crl_entry_has(entry, CRL_MARK_VISITED))
        (void)crl_entry_mark(entry, CRL_MARK_VISITED);
}

/* crl_table_insert - publish an entry, in place of the one with its key if there is one; evict what
 * the budget demands. Takes a reference of its own; the caller keeps theirs. A replacement keeps
 * the place and the mark of the old one in the order of eviction; one that is larger by more than
 * 256 KiB keeps the mark only.
 *
 * Returns true; or false: it does not fit into the budget or there is no memory for a bucket. Then
 * nothing is linked under this key any more (an older value must not outlive a newer one). Nothing
 * is evicted for an entry that would not fit without all the others. An entry is inserted at most
 * once in its life. Cost: bounded, whatever the table holds: some 10,000 entries that are evicted
 * or moved; rarely, growing a shard and waiting for readers. */
bool crl_table_insert(struct crl_table *table, struct crl_entry *entry);

/* crl_table_remove - unlink a key. Returns whether there was one. */
bool crl_table_remove(struct crl_table *table, uint64_t hash, uint32_t space,
                      struct corral_bytes key);

/* crl_table_sweep - look through a part of the buckets, and remove what is dead.
 *
 * at        where to begin: 0, or what the last call returned
 * parts     at most so many calls go through all buckets, also while the table grows
 * least     buckets to look at, at least
 * is_dead   may not call the table
 * Returns where to go on. O(all buckets / parts). */
uint64_t crl_table_sweep(struct crl_table *table, uint64_t at, uint32_t parts, uint32_t least,
                         bool (*is_dead)(void *arg, const struct crl_entry *entry), void *arg);

/* crl_table_limbo_is_due - is it time to reclaim: take, wait for a grace period, drop? To be asked
 * after each change and each drop; false while a batch is out. True as long as an entry arrives. */
bool crl_table_limbo_is_due(const struct crl_table *table);

/* crl_table_limbo_take - hand over all that waits for a grace period, NULL if nothing does. Its
 * bytes count until crl_table_limbo_drop(), which the caller calls after a grace period, on the
 * writer's thread; or until an insert had to wait for readers, and has freed them. At most one
 * batch is out at a time (a second take returns NULL). To drop one also makes some more room for
 * the entry that arrives. */
struct crl_limbo *crl_table_limbo_take(struct crl_table *table);
void crl_table_limbo_drop(struct crl_table *table, struct crl_limbo *limbo);

/* crl_table_counts - how full it is. Writer's thread. */
struct crl_table_counts crl_table_counts(const struct crl_table *table);

/* crl_table_check - walk everything and abort where an invariant does not hold. O(n); for tests. */
void crl_table_check(const struct crl_table *table);

#endif
