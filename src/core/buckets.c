/* SPDX-License-Identifier: Apache-2.0
 *
 * buckets.c - finding, placing and copying entries in chains of buckets. */
#include "core/buckets.h"

#include "base/assert.h"

_Static_assert(sizeof(struct crl_bucket) == 64, "a bucket is a cache line");

struct crl_entry *crl_buckets_find_all(const struct crl_bucket *bucket, uint64_t hash,
                                       uint32_t home, uint32_t mask, struct corral_bytes key)
{
    for (; bucket != NULL; bucket = crl_bucket_overflow(bucket)) {
        uint32_t match = crl_bucket_match(bucket, hash >> 32 & 0xFFFF);
        for (; match; match &= match - 1) {
            struct crl_entry *entry = crl_bucket_candidate(bucket, match);
            if (entry != NULL && ((crl_entry_home(entry) ^ home) & mask) == 0 &&
                crl_bytes_equal(crl_entry_key(entry), key))
                return entry;
        }
    }
    return NULL;
}

/* -------------------------------------------------------------------------------------- placing */

static _Atomic uint64_t *slot_holding(crl_buckets array, uint64_t hash,
                                      const struct crl_entry *entry)
{
    struct crl_bucket *bucket = array ? crl_buckets_first(array, hash) : NULL;
    for (; bucket != NULL; bucket = crl_bucket_overflow(bucket))
        for (uint32_t i = 0; i < CRL_BUCKET_SLOTS; i++)
            if (crl_slot_entry(&bucket->slots[i]) == entry)
                return &bucket->slots[i];
    return NULL;
}

_Atomic uint64_t *crl_buckets_slot_of(crl_buckets array, const struct crl_entry *entry,
                                      uint64_t hash)
{
    _Atomic uint64_t *slot = slot_holding(array, hash, entry);
    crl_assert(slot != NULL);
    return slot;
}

_Atomic uint64_t *crl_buckets_empty_slot(crl_buckets array, uint64_t hash)
{
    return slot_holding(array, hash, NULL);
}

static struct crl_bucket *buckets_alloc(struct crl_allocator *allocator, size_t n)
{
    struct crl_bucket *buckets = allocator->alloc(allocator, n * sizeof *buckets);
    if (buckets == NULL)
        return NULL;
    crl_assert(((uintptr_t)buckets & (63 | ~(uintptr_t)CRL_WORD_ADDRESS)) == 0);
    memset(buckets, 0, n * sizeof *buckets);
    return buckets;
}

_Atomic uint64_t *crl_buckets_extend(struct crl_allocator *allocator, crl_buckets array,
                                     uint64_t hash)
{
    struct crl_bucket *more = buckets_alloc(allocator, 1);
    if (more == NULL)
        return NULL;
    struct crl_bucket *last = crl_buckets_first(array, hash);
    while (crl_bucket_overflow(last) != NULL)
        last = crl_bucket_overflow(last);
    atomic_store_explicit(&last->overflow, more, memory_order_release);
    return &more->slots[0];
}

static bool is_empty(const struct crl_bucket *bucket)
{
    for (uint32_t i = 0; i < CRL_BUCKET_SLOTS; i++)
        if (crl_slot_entry(&bucket->slots[i]) != NULL)
            return false;
    return true;
}

struct crl_bucket *crl_buckets_prune(crl_buckets array, uint64_t hash)
{
    struct crl_bucket *before = crl_buckets_first(array, hash);
    for (struct crl_bucket *bucket; (bucket = crl_bucket_overflow(before)) != NULL;
         before = bucket) {
        if (!is_empty(bucket))
            continue;
        atomic_store_explicit(&before->overflow, crl_bucket_overflow(bucket), memory_order_release);
        return bucket; /* its own link stays (B2) */
    }
    return NULL;
}

/* --------------------------------------------------------------------------------- whole arrays */

crl_buckets crl_buckets_new(struct crl_allocator *allocator, uint32_t log2)
{
    crl_assert(log2 <= 32);
    struct crl_bucket *buckets = buckets_alloc(allocator, (size_t)1 << log2);
    return buckets != NULL ? crl_buckets_pack(buckets, log2) : 0;
}

/* Link one more entry into an array that nobody reads yet. Returns whether there was memory. */
static bool copy_entry(struct crl_allocator *allocator, crl_buckets array,
                       const struct crl_entry *entry, uint64_t hash)
{
    _Atomic uint64_t *slot = crl_buckets_empty_slot(array, hash);
    if (slot == NULL)
        slot = crl_buckets_extend(allocator, array, hash);
    if (slot != NULL)
        crl_slot_publish(slot, entry, hash);
    return slot;
}

static bool copy_chain(struct crl_allocator *allocator, const struct crl_hashing *hashing,
                       crl_buckets array, const struct crl_bucket *bucket)
{
    for (; bucket != NULL; bucket = crl_bucket_overflow(bucket)) {
        for (uint32_t i = 0; i < CRL_BUCKET_SLOTS; i++) {
            const struct crl_entry *entry = crl_slot_entry(&bucket->slots[i]);
            if (entry != NULL &&
                !copy_entry(allocator, array, entry, crl_hashing_of(hashing, entry)))
                return false;
        }
    }
    return true;
}

/* The keys of these entries are hashed soon; they are all over memory. */
static void prefetch_entries(const struct crl_bucket *bucket)
{
    for (uint32_t i = 0; i < CRL_BUCKET_SLOTS; i++) {
        const struct crl_entry *entry = crl_slot_entry(&bucket->slots[i]);
        if (entry == NULL)
            continue;
        __builtin_prefetch(&entry->home);
        __builtin_prefetch(entry->bytes);
    }
}

crl_buckets crl_buckets_copy(struct crl_allocator *allocator, const struct crl_hashing *hashing,
                             crl_buckets array, uint32_t log2, size_t *ret_bytes)
{
    crl_buckets copy = crl_buckets_new(allocator, log2);
    if (copy == 0)
        return 0;
    uint64_t n = UINT64_C(1) << crl_buckets_log2(array);
    for (uint64_t i = 0; i < n; i++) {
        if (i + 2 < n)
            prefetch_entries(crl_buckets_at(array, i + 2));
        if (!copy_chain(allocator, hashing, copy, crl_buckets_at(array, i))) {
            crl_buckets_free(allocator, copy);
            return 0;
        }
    }
    *ret_bytes = crl_buckets_bytes(copy);
    return copy;
}

void crl_buckets_free(struct crl_allocator *allocator, crl_buckets array)
{
    if (array == 0)
        return;
    size_t n = (size_t)1 << crl_buckets_log2(array);
    for (size_t i = 0; i < n; i++) {
        struct crl_bucket *bucket = crl_bucket_overflow(crl_buckets_at(array, i));
        while (bucket != NULL) {
            struct crl_bucket *next = crl_bucket_overflow(bucket);
            allocator->free(allocator, bucket, sizeof *bucket);
            bucket = next;
        }
    }
    allocator->free(allocator, crl_buckets_at(array, 0), n * sizeof(struct crl_bucket));
}

size_t crl_buckets_bytes(crl_buckets array)
{
    if (array == 0)
        return 0;
    size_t n = (size_t)1 << crl_buckets_log2(array), bytes = n * sizeof(struct crl_bucket);
    for (size_t i = 0; i < n; i++) {
        const struct crl_bucket *bucket = crl_bucket_overflow(crl_buckets_at(array, i));
        for (; bucket != NULL; bucket = crl_bucket_overflow(bucket))
            bytes += sizeof *bucket;
    }
    return bytes;
}
