/* SPDX-License-Identifier: Apache-2.0
 *
 * buckets.h - the hash table of one shard: an array of cache lines that readers scan without a
 * lock.
 *
 * A bucket is one cache line: seven slots and a link to an overflow bucket. A slot is one word, the
 * entry's address with 16 bits of its hash (the tag) above it; 0 is an empty one. It is published,
 * replaced and cleared by one store. The array as a whole is one word as well, its address with its
 * length below (32 - log2, the shift that makes an index), so that a reader gets a pair that
 * belongs together.
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

/* SSE2 compares the tags of a bucket in few instructions. It reads slots as plain
 * memory, eight bytes whole, which is fine for a hint; ThreadSanitizer can't know. */
#if defined(__SSE2__) && !defined(CRL_SANITIZED)
#include <emmintrin.h>
#define CRL_MATCH_SSE2 1
#endif

#define CRL_BUCKET_SLOTS 7

struct crl_bucket {
    _Atomic uint64_t slots[CRL_BUCKET_SLOTS];
    _Atomic(struct crl_bucket *) overflow;
};

/* An array of buckets in one word; 0: there is none. */
typedef uint64_t crl_buckets;

#define CRL_WORD_ADDRESS ((UINT64_C(1) << 48) - 1)

/* crl_buckets_pack - the word of an array of 2^log2 buckets, log2 <= 32. */
static inline crl_buckets crl_buckets_pack(const struct crl_bucket *buckets, uint32_t log2)
{
    return (uintptr_t)buckets | (32 - log2);
}

/* crl_buckets_log2 - the logarithm of its length. */
static inline uint32_t crl_buckets_log2(crl_buckets array)
{
    return 32 - (uint32_t)(array & 63);
}

/* crl_buckets_at - one of its buckets. */
static inline struct crl_bucket *crl_buckets_at(crl_buckets array, uint64_t index)
{
    return (struct crl_bucket *)(uintptr_t)((array & ~UINT64_C(63)) +
                                            index * sizeof(struct crl_bucket));
}

/* crl_buckets_first - the first bucket of a hash's chain. */
static inline struct crl_bucket *crl_buckets_first(crl_buckets array, uint64_t hash)
{
    return crl_buckets_at(array, (hash & UINT32_MAX) >> (array & 63));
}

/* crl_slot_publish - put an entry into a slot of its hash: from now on readers find it. */
static inline void crl_slot_publish(_Atomic uint64_t *slot, const struct crl_entry *entry,
                                    uint64_t hash)
{
    uint64_t tag = hash << 16 & ~CRL_WORD_ADDRESS;
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

/* crl_bucket_overflow - the next bucket of its chain, or NULL. */
static inline struct crl_bucket *crl_bucket_overflow(const struct crl_bucket *bucket)
{
    return atomic_load_explicit(&bucket->overflow, memory_order_acquire);
}

/* crl_bucket_match - which slots have this tag: bit 2 i + 1 for slot i.
 *
 * Without a branch: where in its bucket an entry is can't be predicted, and a wrong guess would be
 * noticed only when the bucket has come from memory. */
static inline uint32_t crl_bucket_match(const struct crl_bucket *bucket, uint32_t tag)
{
#ifdef CRL_MATCH_SSE2
    /* The upper halves of four slots each, with the tag in their upper halves. */
    const float *slots = (const float *)bucket;
    __m128i low = _mm_castps_si128(
        _mm_shuffle_ps(_mm_load_ps(slots), _mm_load_ps(slots + 4), _MM_SHUFFLE(3, 1, 3, 1)));
    __m128i high = _mm_castps_si128(
        _mm_shuffle_ps(_mm_load_ps(slots + 8), _mm_load_ps(slots + 12), _MM_SHUFFLE(3, 1, 3, 1)));
    __m128i tags = _mm_set1_epi16((short)tag);
    __m128i equal = _mm_packs_epi16(_mm_cmpeq_epi16(low, tags), _mm_cmpeq_epi16(high, tags));
    return (uint32_t)_mm_movemask_epi8(equal) & 0x2AAA;
#else
    uint32_t mask = 0;
    for (uint32_t i = 0; i < CRL_BUCKET_SLOTS; i++) {
        uint64_t word = atomic_load_explicit(&bucket->slots[i], memory_order_relaxed);
        mask |= (uint32_t)(word >> 48 == tag) << (2 * i + 1);
    }
    return mask;
#endif
}

/* Which entries of a space are looked for: those of one epoch, or of any. */
#define CRL_HOME_EXACT UINT32_MAX
#define CRL_HOME_SPACE UINT32_C(0xFFFF)

/* crl_buckets_find_all - the whole of crl_bucket_find(): walks overflow buckets, tries each entry
 * with the tag, compares keys of any size.
 * home, mask   of crl_home(): what must be equal, and in which of its bits */
struct crl_entry *crl_buckets_find_all(const struct crl_bucket *bucket, uint64_t hash,
                                       uint32_t home, uint32_t mask, struct corral_bytes key);

/* crl_bucket_candidate - the first entry in a bucket with this mask of crl_bucket_match(). */
static inline struct crl_entry *crl_bucket_candidate(const struct crl_bucket *bucket, uint32_t mask)
{
    /* The slot is read anew: if the writer changed it since, its entry will tell. */
    size_t offset = 4 * (size_t)__builtin_ctz(mask) - 4; /* 8 for each slot */
    return crl_slot_entry((const _Atomic uint64_t *)((const char *)bucket->slots + offset));
}

/* crl_bucket_find - the entry of a key, of this very home, in the chain that begins with a bucket;
 * or NULL.
 *
 * Here is what nearly all lookups need and no more, without a call and so without saving registers:
 * a processor that waits for one lookup's cache miss can begin the next one only as far as its
 * window of some 300 instructions reaches. */
static inline struct crl_entry *crl_bucket_find(const struct crl_bucket *bucket, uint64_t hash,
                                                uint32_t home, struct corral_bytes key)
{
    uint32_t mask = crl_bucket_match(bucket, hash >> 32 & 0xFFFF);
    if (mask) {
        struct crl_entry *entry = crl_bucket_candidate(bucket, mask);
        if (entry != NULL && crl_entry_home(entry) == home &&
            crl_bytes_equal_short(crl_entry_key(entry), key))
            return entry;
    }
    return crl_buckets_find_all(bucket, hash, home, CRL_HOME_EXACT, key);
}

/* crl_buckets_find - the entry of a key, of whatever epoch, or NULL. */
static inline struct crl_entry *crl_buckets_find(crl_buckets array, uint64_t hash, uint32_t space,
                                                 struct corral_bytes key)
{
    return array ? crl_buckets_find_all(crl_buckets_first(array, hash), hash, space, CRL_HOME_SPACE,
                                        key)
                 : NULL;
}

/* crl_buckets_new - an empty array of 2^log2 buckets. 0: no memory. */
crl_buckets crl_buckets_new(struct crl_allocator *allocator, uint32_t log2);

/* How entries are hashed. An entry does not keep its hash: the writer alone needs it, and
 * seldom. */
struct crl_hashing {
    uint64_t seed;
    uint64_t (*hash)(uint64_t seed, uint32_t space, struct corral_bytes key);
};

/* crl_hashing_of - the hash of an entry. */
static inline uint64_t crl_hashing_of(const struct crl_hashing *hashing,
                                      const struct crl_entry *entry)
{
    return hashing->hash(hashing->seed, crl_home_space(crl_entry_home(entry)),
                         crl_entry_key(entry));
}

/* crl_buckets_copy - an array of 2^log2 buckets with all entries of another. 0: no memory.
 * ret_bytes   its size with overflow buckets */
crl_buckets crl_buckets_copy(struct crl_allocator *allocator, const struct crl_hashing *hashing,
                             crl_buckets array, uint32_t log2, size_t *ret_bytes);

/* crl_buckets_free - free the array and its overflow buckets; entries are not looked at. */
void crl_buckets_free(struct crl_allocator *allocator, crl_buckets array);

/* crl_buckets_bytes - its size with overflow buckets. O(n) */
size_t crl_buckets_bytes(crl_buckets array);

/* crl_buckets_slot_of - the slot of an entry that is linked, and its hash. */
_Atomic uint64_t *crl_buckets_slot_of(crl_buckets array, const struct crl_entry *entry,
                                      uint64_t hash);

/* crl_buckets_empty_slot - a slot for a hash. NULL: the chain is full, see crl_buckets_extend(). */
_Atomic uint64_t *crl_buckets_empty_slot(crl_buckets array, uint64_t hash);

/* crl_buckets_extend - add a bucket to the chain of a hash, and return its first slot. NULL: no
 * memory. */
_Atomic uint64_t *crl_buckets_extend(struct crl_allocator *allocator, crl_buckets array,
                                     uint64_t hash);

/* crl_buckets_prune - unlink one empty overflow bucket from the chain of a hash, and return it for
 * limbo. NULL: there is none. */
struct crl_bucket *crl_buckets_prune(crl_buckets array, uint64_t hash);

#endif
