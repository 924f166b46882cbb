/* SPDX-License-Identifier: Apache-2.0
 *
 * buckets.h - the hash table of one shard: an array of cache lines that readers scan without a
 * lock.
 *
 * A bucket is one cache line: seven slots and a link to an overflow bucket. A slot is one word, the
 * entry's address with 16 bits of its hash (the tag) above it; 0 is an empty one. It is published,
 * replaced and cleared by one store. The array as a whole is one word as well, its address with the
 * logarithm of its length above, so that a reader gets a pair that belongs together.
 *
 * Invariants:
 *   B1  An entry never moves within an array, so a reader can't miss it by walking past.
 *   B2  A bucket that was unlinked keeps its link, so a reader inside it finds its way on. An array
 *       that was replaced is never changed again.
 *
 * The hash is split without overlap: bits 0 to 31 choose the bucket, 32 to 47 are the tag, 48 to 63
 * choose the shard.
 *
 * Threads: crl_buckets_find() on any thread, inside a read section; everything else the writer's.
 */
#ifndef CRL_CORE_BUCKETS_H
#define CRL_CORE_BUCKETS_H

#include "core/entry.h"

#define CRL_BUCKET_SLOTS 7

struct crl_bucket {
    _Atomic uint64_t slots[CRL_BUCKET_SLOTS];
    _Atomic(struct crl_bucket *) overflow;
};

/* An array of buckets in one word; 0: there is none. */
typedef uint64_t crl_buckets;

#define CRL_WORD_ADDRESS ((UINT64_C(1) << 48) - 1)

/* crl_buckets_log2 - the logarithm of its length. */
static inline uint32_t crl_buckets_log2(crl_buckets array)
{
    return (uint32_t)(array >> 48);
}

/* crl_buckets_first - the first bucket of a hash's chain, NULL without an array. */
static inline struct crl_bucket *crl_buckets_first(crl_buckets array, uint64_t hash)
{
    if (array == 0)
        return NULL;
    uint64_t mask = (UINT64_C(1) << crl_buckets_log2(array)) - 1;
    return (struct crl_bucket *)(uintptr_t)(array & CRL_WORD_ADDRESS) + (hash & mask);
}

/* crl_buckets_find - the entry of a key, or NULL. */
struct crl_entry *crl_buckets_find(crl_buckets array, uint64_t hash, uint32_t space,
                                   struct corral_bytes key);

/* crl_buckets_new - an empty array of 2^log2 buckets. 0: no memory. */
crl_buckets crl_buckets_new(struct crl_allocator *allocator, uint32_t log2);

/* crl_buckets_copy - an array of 2^log2 buckets with all entries of another. 0: no memory.
 * ret_bytes   its size with overflow buckets */
crl_buckets crl_buckets_copy(struct crl_allocator *allocator, crl_buckets array, uint32_t log2,
                             size_t *ret_bytes);

/* crl_buckets_free - free the array and its overflow buckets; entries are not looked at. */
void crl_buckets_free(struct crl_allocator *allocator, crl_buckets array);

/* crl_buckets_bytes - its size with overflow buckets. O(n) */
size_t crl_buckets_bytes(crl_buckets array);

/* crl_buckets_slot_of - the slot of an entry that is linked. */
_Atomic uint64_t *crl_buckets_slot_of(crl_buckets array, const struct crl_entry *entry);

/* crl_buckets_empty_slot - a slot for a hash. NULL: the chain is full, see crl_buckets_extend(). */
_Atomic uint64_t *crl_buckets_empty_slot(crl_buckets array, uint64_t hash);

/* crl_buckets_extend - add a bucket to the chain of a hash, and return its first slot. NULL: no
 * memory. */
_Atomic uint64_t *crl_buckets_extend(struct crl_allocator *allocator, crl_buckets array,
                                     uint64_t hash);

/* crl_buckets_prune - unlink one empty overflow bucket from the chain of a hash, and return it for
 * limbo. NULL: there is none. */
struct crl_bucket *crl_buckets_prune(crl_buckets array, uint64_t hash);

/* crl_slot_publish - put an entry into a slot: from now on readers find it. */
static inline void crl_slot_publish(_Atomic uint64_t *slot, const struct crl_entry *entry)
{
    uint64_t tag = entry->hash << 16 & ~CRL_WORD_ADDRESS;
    atomic_store_explicit(slot, tag | (uintptr_t)entry, memory_order_release);
}

/* crl_slot_clear - empty a slot. Who is inside a read section may go on using the entry. */
static inline void crl_slot_clear(_Atomic uint64_t *slot)
{
    atomic_store_explicit(slot, 0, memory_order_release);
}

/* crl_slot_entry - the entry in a slot, NULL if it is empty. */
static inline struct crl_entry *crl_slot_entry(const _Atomic uint64_t *slot)
{
    uint64_t word = atomic_load_explicit(slot, memory_order_acquire);
    return (struct crl_entry *)(uintptr_t)(word & CRL_WORD_ADDRESS);
}

#endif
