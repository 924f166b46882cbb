/* SPDX-License-Identifier: Apache-2.0
 *
 * entry.c - making, stamping and dropping entries. */
#include "core/entry.h"

#include "base/assert.h"

/* A struct copy into the smallest block must stay inside of it. */
_Static_assert(sizeof(struct crl_entry) <= 64, "the header of an entry outgrew a cache line");
_Static_assert(offsetof(struct crl_entry, bytes) == 60, "the header of an entry has grown");
_Static_assert(offsetof(struct crl_entry, answered_at) == 32, "a hit reads the second half only");

/* ------------------------------------------------------------------------------- drafts, stamps */

struct crl_entry *crl_entry_draft(struct crl_allocator *allocator, size_t key_size,
                                  size_t value_size, size_t meta_size)
{
    crl_assert(key_size <= UINT16_MAX && meta_size <= UINT16_MAX);
    size_t more = meta_size > 0 ? CRL_META_SIZE_BYTES + meta_size : 0;
    if (value_size > UINT32_MAX - more)
        return NULL;
    struct crl_entry *draft =
        allocator->alloc(allocator, crl_entry_block_bytes(key_size, value_size + more));
    if (draft == NULL)
        return NULL;
    atomic_store_explicit(&draft->marks, 0, memory_order_relaxed); /* E5 */
    atomic_store_explicit(&draft->refs, 1, memory_order_relaxed);
    draft->value_size = (uint32_t)(value_size + more);
    draft->key_size = (uint16_t)key_size;
    draft->kind = CRL_ENTRY_VALUE | (meta_size > 0 ? CRL_ENTRY_HAS_META : 0);
    if (meta_size > 0)
        memcpy(draft->bytes + key_size, &(uint16_t){(uint16_t)meta_size}, CRL_META_SIZE_BYTES);
    return draft;
}

struct corral_bytes crl_entry_meta(const struct crl_entry *entry)
{
    if (!(entry->kind & CRL_ENTRY_HAS_META))
        return crl_bytes(NULL, 0);
    uint16_t size;
    memcpy(&size, entry->bytes + entry->key_size, sizeof size);
    return crl_bytes(entry->bytes + entry->key_size + CRL_META_SIZE_BYTES, size);
}

struct corral_bytes crl_entry_past_meta(const struct crl_entry *entry, struct corral_bytes bytes)
{
    size_t more = CRL_META_SIZE_BYTES + crl_entry_meta(entry).size;
    crl_assert(more <= bytes.size);
    return crl_bytes((const unsigned char *)bytes.data + more, bytes.size - more);
}

void *crl_entry_value_room(struct crl_entry *draft)
{
    return (void *)(uintptr_t)crl_entry_value(draft).data;
}

void *crl_entry_meta_room(struct crl_entry *draft)
{
    return (void *)(uintptr_t)crl_entry_meta(draft).data;
}

bool crl_entry_shorten(struct crl_entry *draft, size_t value_size)
{
    crl_assert(value_size <= draft->value_size && !(draft->kind & CRL_ENTRY_HAS_META));
    if (crl_entry_block_bytes(draft->key_size, value_size) != crl_entry_bytes(draft))
        return false;
    draft->value_size = (uint32_t)value_size;
    return true;
}

struct crl_entry *crl_entry_failed_draft(struct crl_allocator *allocator, size_t key_size, int rc)
{
    crl_assert(rc < 0);
    struct crl_entry *draft = crl_entry_draft(allocator, key_size, sizeof rc, 0);
    if (draft != NULL)
        memcpy(crl_entry_value_room(draft), &rc, sizeof rc);
    return draft;
}

int crl_entry_rc(const struct crl_entry *entry)
{
    int rc;
    crl_assert(crl_entry_kind(entry) == CRL_ENTRY_FAILED && entry->value_size == sizeof rc);
    memcpy(&rc, crl_entry_value(entry).data, sizeof rc);
    return rc;
}

void crl_entry_stamp(struct crl_entry *draft, const struct crl_entry_stamp *stamp)
{
    crl_assert(draft->key_size == stamp->key.size);
    crl_assert(stamp->kind != CRL_ENTRY_ABSENT || draft->value_size == 0);
    crl_assert(stamp->quiet_until <= stamp->fresh_until); /* E4 */
    crl_entry_rehome(draft, stamp->home);
    draft->kind = (uint8_t)stamp->kind | (draft->kind & CRL_ENTRY_HAS_META);
    draft->answered_at = stamp->answered_at;
    draft->fresh_until = stamp->fresh_until;
    atomic_store_explicit(&draft->quiet_until, stamp->quiet_until, memory_order_relaxed);
    draft->load_us = stamp->load_us < UINT32_MAX ? (uint32_t)stamp->load_us : UINT32_MAX;
    atomic_store_explicit(&draft->marks, stamp->is_used ? CRL_MARK_USED : 0, memory_order_relaxed);
    if (stamp->key.size > 0)
        memcpy(draft->bytes, stamp->key.data, stamp->key.size);
}

/* ----------------------------------------------------------------------------------- afterwards */

/* A mark that a reader sets in the old one meanwhile is lost: it is asked or counted once more.
 * Where an entry is, in a table or a queue, is no part of it. */
struct crl_entry *crl_entry_copy(void *block, struct crl_entry *entry)
{
    struct crl_entry *copy = block;
    *copy = (struct crl_entry){
        .refs = 1,
        .load_us = entry->load_us,
        .answered_at = entry->answered_at,
        .quiet_until = atomic_load_explicit(&entry->quiet_until, memory_order_relaxed),
        .fresh_until = entry->fresh_until,
        .value_size = entry->value_size,
        .home = crl_entry_home(entry),
        .key_size = entry->key_size,
        .marks = (uint8_t)(atomic_load_explicit(&entry->marks, memory_order_relaxed) &
                           ~(CRL_MARK_LINKED | CRL_MARK_SMALL)),
        .kind = entry->kind,
    };
    memcpy(copy->bytes, entry->bytes, (size_t)entry->key_size + entry->value_size);
    return copy;
}

void crl_entry_unref(struct crl_allocator *allocator, struct crl_entry *entry)
{
    uint32_t before = atomic_fetch_sub_explicit(&entry->refs, 1, memory_order_acq_rel);
    crl_assert(before > 0);
    if (before == 1)
        allocator->free(allocator, entry, crl_entry_bytes(entry));
}
