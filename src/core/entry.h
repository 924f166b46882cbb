/* SPDX-License-Identifier: Apache-2.0
 *
 * entry.h - an immutable value with its key and its times, counted by reference.
 *
 * Invariants:
 *   E1  Nothing of an entry changes after it is published, but `refs`, `visited` and the links, and
 *       the links belong to the table's writer alone.
 *   E2  The table holds one reference while the entry is linked, and until a grace period after it
 *       was unlinked; so a reader inside its read section may take a reference.
 *   E3  Who drops the last reference frees the entry, on whatever thread.
 */
#ifndef CRL_CORE_ENTRY_H
#define CRL_CORE_ENTRY_H

#include "base/allocator.h"
#include "base/bytes.h"

#include <stdatomic.h>
#include <stddef.h>

struct crl_bucket;

/* 58 bytes before the key. First what only the writer needs, then what a hit reads, so that a hit's
 * cache lines begin with the times and run on through key and value. */
struct crl_entry {
    struct crl_entry *older; /* the eviction queue; in limbo the next one */
    union {
        struct crl_entry *newer;
        struct crl_bucket *emptied; /* in limbo: a bucket to be freed along with it, or NULL */
    };
    uint64_t hash;
    _Atomic uint32_t refs;
    uint32_t load_us;      /* what the load cost, saturated */
    corral_us answered_at; /* when the origin answered: age counts from here */
    corral_us fresh_until; /* soft TTL, with jitter */
    uint32_t value_size;
    uint16_t key_size;
    uint16_t space;
    _Atomic uint8_t visited; /* a hit since the hand last passed (SIEVE) */
    bool negative;           /* the origin has no such thing; no value */
    unsigned char bytes[];   /* key, then value */
};

/* What an entry is made of. */
struct crl_entry_parts {
    uint64_t hash;
    uint32_t space;
    bool negative;
    struct corral_bytes key;
    struct corral_bytes value;
    corral_us answered_at;
    corral_us fresh_until;
    corral_us load_us;
};

/* crl_entry_new - copy the parts into an entry with one reference. NULL: no memory.
 * The key is at most 65535 bytes, the value at most 4 GiB - 1, the space at most 65535. */
struct crl_entry *crl_entry_new(struct crl_allocator *allocator,
                                const struct crl_entry_parts *parts);

/* crl_entry_draft - an entry that is not published yet: one reference, kind value, its sizes set,
 * its bytes not. Whoever produces a value writes it to crl_entry_value_room(); the core writes key
 * and times before it publishes. Any thread. NULL: no memory.
 * Sizes as in crl_entry_new(). meta_size  0: there is no room for a header yet */
struct crl_entry *crl_entry_draft(struct crl_allocator *allocator, size_t key_size,
                                  size_t value_size, size_t meta_size);

/* crl_entry_value_room - where the value of a draft is written. */
void *crl_entry_value_room(struct crl_entry *draft);

/* crl_entry_copy - the same entry in another block, of crl_entry_bytes(entry), with one reference.
 * Readers may use the old one meanwhile. */
struct crl_entry *crl_entry_copy(void *block, struct crl_entry *entry);

/* crl_entry_block_bytes - the block that an entry of this key and value occupies. Pure. */
static inline size_t crl_entry_block_bytes(size_t key_size, size_t value_size)
{
    return (offsetof(struct crl_entry, bytes) + key_size + value_size + 15) & ~(size_t)15;
}

/* crl_entry_bytes - the size of its block, a multiple of 16. */
static inline size_t crl_entry_bytes(const struct crl_entry *entry)
{
    return crl_entry_block_bytes(entry->key_size, entry->value_size);
}

static inline struct corral_bytes crl_entry_key(const struct crl_entry *entry)
{
    return crl_bytes(entry->bytes, entry->key_size);
}

static inline struct corral_bytes crl_entry_value(const struct crl_entry *entry)
{
    return crl_bytes(entry->bytes + entry->key_size, entry->value_size);
}

/* crl_entry_value_of - the value of an entry that was found under this key. The same as above, but
 * its address follows from the key's size, not from a field that may still be on its way from
 * memory: so the processor fetches entry and value at once. */
static inline struct corral_bytes crl_entry_value_of(const struct crl_entry *entry,
                                                     struct corral_bytes key)
{
    return crl_bytes(entry->bytes + key.size, entry->value_size);
}

/* crl_entry_is_fresh - may it be served without asking anyone, at `now`? */
static inline bool crl_entry_is_fresh(const struct crl_entry *entry, corral_us now)
{
    return now < entry->fresh_until;
}

/* crl_entry_ref - one more reference. Any thread that holds one or is inside a read section (E2) */
static inline void crl_entry_ref(struct crl_entry *entry)
{
    atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
}

/* crl_entry_unref - give a reference back; the last one frees. Any thread. */
void crl_entry_unref(struct crl_allocator *allocator, struct crl_entry *entry);

#endif
