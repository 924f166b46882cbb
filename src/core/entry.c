/* SPDX-License-Identifier: Apache-2.0
 *
 * entry.c - making and dropping entries. */
#include "core/entry.h"

#include "base/assert.h"

/* A struct copy into the smallest block must stay inside of it. */
_Static_assert(sizeof(struct crl_entry) <= 64, "the header of an entry outgrew a cache line");

struct crl_entry *crl_entry_new(struct crl_allocator *allocator,
                                const struct crl_entry_parts *parts)
{
    crl_assert(parts->key.size <= UINT16_MAX);
    crl_assert(parts->value.size <= UINT32_MAX);
    crl_assert(parts->space <= UINT16_MAX);
    crl_assert(!parts->negative || parts->value.size == 0);

    size_t block_bytes = crl_entry_block_bytes(parts->key.size, parts->value.size);
    struct crl_entry *entry = allocator->alloc(allocator, block_bytes);
    if (!entry)
        return NULL;
    *entry = (struct crl_entry){
        .hash = parts->hash,
        .answered_at = parts->answered_at,
        .fresh_until = parts->fresh_until,
        .refs = 1,
        .load_us = parts->load_us < UINT32_MAX ? (uint32_t)parts->load_us : UINT32_MAX,
        .value_size = (uint32_t)parts->value.size,
        .key_size = (uint16_t)parts->key.size,
        .space = (uint16_t)parts->space,
        .negative = parts->negative,
    };
    if (parts->key.size > 0)
        memcpy(entry->bytes, parts->key.data, parts->key.size);
    if (parts->value.size > 0)
        memcpy(entry->bytes + parts->key.size, parts->value.data, parts->value.size);
    return entry;
}

struct crl_entry *crl_entry_draft(struct crl_allocator *allocator, size_t key_size,
                                  size_t value_size, size_t meta_size)
{
    crl_assert(key_size <= UINT16_MAX && value_size <= UINT32_MAX);
    crl_assert(meta_size == 0);
    struct crl_entry *draft =
        allocator->alloc(allocator, crl_entry_block_bytes(key_size, value_size));
    if (!draft)
        return NULL;
    *draft = (struct crl_entry){
        .refs = 1,
        .value_size = (uint32_t)value_size,
        .key_size = (uint16_t)key_size,
    };
    return draft;
}

void *crl_entry_value_room(struct crl_entry *draft)
{
    return draft->bytes + draft->key_size;
}

struct crl_entry *crl_entry_copy(void *block, struct crl_entry *entry)
{
    struct crl_entry *copy = block;
    *copy = (struct crl_entry){
        .hash = entry->hash,
        .refs = 1,
        .load_us = entry->load_us,
        .answered_at = entry->answered_at,
        .fresh_until = entry->fresh_until,
        .value_size = entry->value_size,
        .key_size = entry->key_size,
        .space = entry->space,
        .visited = atomic_load_explicit(&entry->visited, memory_order_relaxed),
        .negative = entry->negative,
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
