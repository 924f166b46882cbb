/* SPDX-License-Identifier: Apache-2.0
 *
 * entry.h - what is known of a key: a value, that there is none, or that its load failed; with its
 * times, counted by reference.
 *
 * An entry begins as a draft: whoever produces a value (a worker, an origin's loop, the reader of
 * the store) asks for one, writes the value into it, and hands it over. The core stamps it with
 * key, space and times, and publishes it. So no value is copied on the engine's turn.
 *
 * A hit compares one instant, `quiet_until`. Behind it stands crl_entry_judge() (verdict.h).
 *
 * Invariants:
 *   E1  Nothing of an entry changes after it is published, but: `refs`; `marks`, which any thread
 *       sets and the table's writer clears; `quiet_until`, which the first reader who comes after
 *       it may raise; `home`, whose epoch the writer may raise; and the links, which are the
 *       writer's.
 *   E2  The table holds one reference while the entry is linked, and until a grace period after it
 *       was unlinked; so a reader inside its read section may take a reference.
 *   E3  Who drops the last reference frees the entry, on whatever thread.
 *   E4  quiet_until <= fresh_until.
 *   E5  The table's writer, which looks through pages of blocks, may read the marks of any of them
 *       at any time: a draft that another thread is making changes them by atomic writes only.
 */
#ifndef CRL_CORE_ENTRY_H
#define CRL_CORE_ENTRY_H

#include "base/allocator.h"
#include "base/bytes.h"

#include <stdatomic.h>
#include <stddef.h>

struct crl_bucket;

/* What a load may say of its value's TTL: the one of the space's policy. */
#define CRL_TTL_OF_POLICY CORRAL_TTL_OF_POLICY

enum crl_entry_kind {
    CRL_ENTRY_VALUE,
    CRL_ENTRY_ABSENT, /* the origin has no such thing */
    CRL_ENTRY_FAILED, /* the load failed; `fresh_until` is when to try again, crl_entry_rc() why */
};

enum crl_entry_marks {
    CRL_MARK_VISITED = 1, /* a hit since it was last looked at for eviction */
    CRL_MARK_ASKED = 2,   /* a reader has asked for a load: no other one need do so */
    CRL_MARK_USED = 4,    /* it was served when without it there was nothing fresh: needed */
    CRL_MARK_LINKED = 8,  /* it is in the table */
    CRL_MARK_SMALL = 16,  /* it is in the small queue of eviction: the writer's, as LINKED is */
};

/* 60 bytes before the key. First what a hit does not read; what it does begins in the middle and
 * runs on through key and value, so that it touches as few cache lines as can be. */
struct crl_entry {
    struct crl_entry *older; /* an eviction queue; in limbo the next one */
    union {
        struct crl_entry *newer;
        struct crl_bucket *emptied; /* in limbo: a bucket to be freed along with it, or NULL */
    };
    corral_us fresh_until; /* soft TTL, with jitter */
    _Atomic uint32_t refs;
    uint32_t load_us;              /* what the load cost, saturated */
    corral_us answered_at;         /* when the origin answered: age counts from here */
    _Atomic corral_us quiet_until; /* until here a hit needs no thought */
    uint32_t value_size;           /* with the meta bytes */
    _Atomic uint32_t home;         /* crl_home(): space and epoch */
    uint16_t key_size;
    _Atomic uint8_t marks; /* of enum crl_entry_marks */
    uint8_t kind;          /* of enum crl_entry_kind; CRL_ENTRY_HAS_META above it */
    unsigned char bytes[]; /* key, then meta bytes and value */
};

/* Set in `kind`: before the value stand its meta bytes, and before these their number in two. */
#define CRL_ENTRY_HAS_META  0x80
#define CRL_META_SIZE_BYTES 2

/* crl_home - where an entry belongs: the number of its space, and the epoch for which it is good,
 * whose low 16 bits are kept. Readers look for entries of the present epoch only, in one
 * comparison. Pure. */
static inline uint32_t crl_home(uint32_t space, uint32_t epoch)
{
    return space | epoch << 16;
}

static inline uint32_t crl_home_space(uint32_t home)
{
    return home & 0xFFFF;
}

static inline uint16_t crl_home_epoch(uint32_t home)
{
    return (uint16_t)(home >> 16);
}

static inline uint32_t crl_entry_home(const struct crl_entry *entry)
{
    return atomic_load_explicit(&entry->home, memory_order_relaxed);
}

/* crl_entry_rehome - it is good for another epoch. The table's writer. */
static inline void crl_entry_rehome(struct crl_entry *entry, uint32_t home)
{
    atomic_store_explicit(&entry->home, home, memory_order_relaxed);
}

static inline enum crl_entry_kind crl_entry_kind(const struct crl_entry *entry)
{
    return (enum crl_entry_kind)(entry->kind & ~CRL_ENTRY_HAS_META);
}

static inline bool crl_entry_is_absent(const struct crl_entry *entry)
{
    return crl_entry_kind(entry) == CRL_ENTRY_ABSENT;
}

/* crl_entry_rc - why the load of a FAILED entry failed, < 0. */
int crl_entry_rc(const struct crl_entry *entry);

/* crl_entry_draft - an unpublished entry, with one reference, whose value is yet to be written.
 *
 * key_size     at most 65535; the key itself is stamped later
 * meta_size    bytes that travel with the value and are no part of it (a content type); at most
 *              65535; 0: none
 * Any thread. NULL: no memory, or the sizes together are beyond 4 GiB - 1. What becomes of it is
 * the caller's care: crl_entry_unref() frees it. */
struct crl_entry *crl_entry_draft(struct crl_allocator *allocator, size_t key_size,
                                  size_t value_size, size_t meta_size);

/* crl_entry_value_room, crl_entry_meta_room - where to write the value of a draft, and its meta
 * bytes. */
void *crl_entry_value_room(struct crl_entry *draft);
void *crl_entry_meta_room(struct crl_entry *draft);

/* crl_entry_shorten - make the value of a draft shorter, if that leaves it the same block. A block
 * is freed by the sizes of its entry, so another one would be freed. Returns whether it did; if
 * not, the value must be copied to a draft of its own size. For drafts without meta bytes. */
bool crl_entry_shorten(struct crl_entry *draft, size_t value_size);

/* crl_entry_failed_draft - a draft that tells of a failure. NULL: no memory. */
struct crl_entry *crl_entry_failed_draft(struct crl_allocator *allocator, size_t key_size, int rc);

/* What makes an entry of a draft. */
struct crl_entry_stamp {
    uint32_t home;
    enum crl_entry_kind kind;
    struct corral_bytes key; /* of the size that the draft was made for */
    corral_us answered_at;
    corral_us quiet_until, fresh_until;
    corral_us load_us;
    bool is_used; /* CRL_MARK_USED */
};

/* crl_entry_stamp - write key and times into a draft. It is ready to be published. */
void crl_entry_stamp(struct crl_entry *draft, const struct crl_entry_stamp *stamp);

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

/* crl_entry_cost - what an entry takes of its allocator. */
static inline size_t crl_entry_cost(struct crl_allocator *allocator, const struct crl_entry *entry)
{
    size_t bytes = crl_entry_bytes(entry);
    return allocator->real != NULL ? allocator->real->block_bytes(allocator, bytes) : bytes;
}

static inline struct corral_bytes crl_entry_key(const struct crl_entry *entry)
{
    return crl_bytes(entry->bytes, entry->key_size);
}

/* crl_entry_meta - the meta bytes; none in most entries. */
struct corral_bytes crl_entry_meta(const struct crl_entry *entry);

/* crl_entry_past_meta - the value behind what crl_entry_value_of() found. */
struct corral_bytes crl_entry_past_meta(const struct crl_entry *entry, struct corral_bytes bytes);

/* crl_entry_value_of - the value of an entry that was found under this key. Its address follows
 * from the key's size, not from a field that may still be on its way from memory: so the processor
 * fetches entry and value at once. */
static inline struct corral_bytes crl_entry_value_of(const struct crl_entry *entry,
                                                     struct corral_bytes key)
{
    struct corral_bytes bytes = crl_bytes(entry->bytes + key.size, entry->value_size);
    return __builtin_expect(entry->kind & CRL_ENTRY_HAS_META, 0) ? crl_entry_past_meta(entry, bytes)
                                                                 : bytes;
}

static inline struct corral_bytes crl_entry_value(const struct crl_entry *entry)
{
    return crl_entry_value_of(entry, crl_entry_key(entry));
}

/* crl_entry_is_quiet - may it be served at `now` without a thought? */
static inline bool crl_entry_is_quiet(const struct crl_entry *entry, corral_us now)
{
    return now < atomic_load_explicit(&entry->quiet_until, memory_order_relaxed);
}

/* crl_entry_has - is a mark set? */
static inline bool crl_entry_has(const struct crl_entry *entry, enum crl_entry_marks mark)
{
    return atomic_load_explicit(&entry->marks, memory_order_relaxed) & mark;
}

/* crl_entry_mark - set a mark. Any thread. Returns whether it was not set before: of all who set it
 * at once, one is told so. */
static inline bool crl_entry_mark(struct crl_entry *entry, enum crl_entry_marks mark)
{
    return !(atomic_fetch_or_explicit(&entry->marks, (uint8_t)mark, memory_order_relaxed) & mark);
}

/* crl_entry_unmark - clear a mark. The table's writer. */
static inline void crl_entry_unmark(struct crl_entry *entry, enum crl_entry_marks mark)
{
    atomic_fetch_and_explicit(&entry->marks, (uint8_t)~mark, memory_order_relaxed);
}

/* crl_entry_ref - one more reference. Any thread that holds one or is inside a read section (E2) */
static inline void crl_entry_ref(struct crl_entry *entry)
{
    atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
}

/* crl_entry_unref - give a reference back; the last one frees. Any thread. */
void crl_entry_unref(struct crl_allocator *allocator, struct crl_entry *entry);

#endif
