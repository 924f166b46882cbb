/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c - shards, budget and limbo around buckets and the eviction queue. */
#include "core/table.h"

#include "base/assert.h"
#include "core/buckets.h"
#include "core/sieve.h"

#include <stdalign.h>

/* A shard grows when its buckets hold this many entries on average. Seven fit; at five, one lookup
 * in twenty walks on to an overflow bucket. */
#define ENTRIES_PER_BUCKET 5

/* Outgrown arrays in one batch of limbo; a shard that finds no place there grows later. */
#define LIMBO_ARRAYS_MAX 16

#define SHARDS_DEFAULT 256
#define SHARDS_MAX     1024

struct crl_limbo {
    struct crl_entry *entries; /* linked by ->older */
    crl_buckets arrays[LIMBO_ARRAYS_MAX];
    uint32_t arrays_n;
    size_t bytes;
};

struct crl_table {
    struct crl_allocator *allocator;
    uint32_t shard_mask;
    size_t memory_bytes;
    size_t room_bytes; /* what entries and buckets may take of it */

    /* The writer's, away from the lines that readers need. */
    alignas(64) struct crl_sieve sieve;
    size_t entry_bytes;  /* linked */
    size_t bucket_bytes; /* linked */
    uint64_t evictions;
    struct crl_limbo limbos[2];
    struct crl_limbo *filling;
    struct crl_limbo *out; /* taken, not yet dropped; or NULL */
    uint32_t *shard_entries;

    alignas(64) _Atomic crl_buckets arrays[]; /* one of each shard */
};

static uint32_t shard_of(const struct crl_table *table, uint64_t hash)
{
    return (uint32_t)(hash >> 48) & table->shard_mask;
}

static crl_buckets array_of(const struct crl_table *table, uint64_t hash)
{
    return atomic_load_explicit(&table->arrays[shard_of(table, hash)], memory_order_acquire);
}

static size_t limbo_bytes(const struct crl_table *table)
{
    return table->limbos[0].bytes + table->limbos[1].bytes;
}

static size_t total_bytes(const struct crl_table *table)
{
    return table->entry_bytes + table->bucket_bytes + limbo_bytes(table);
}

/* -------------------------------------------------------------------------------- birth and end */

static size_t table_bytes(uint32_t shards)
{
    size_t bytes = sizeof(struct crl_table) + shards * (sizeof(crl_buckets) + sizeof(uint32_t));
    return (bytes + 63) & ~(size_t)63;
}

int crl_table_new(const struct crl_table_config *config, struct crl_table **ret_table)
{
    uint32_t shards = config->shards ? config->shards : SHARDS_DEFAULT;
    if (!config->allocator || shards > SHARDS_MAX || (shards & (shards - 1)) != 0)
        return CORRAL_EINVAL;
    /* The first buckets of all shards shall not eat up a tiny budget. */
    while (shards > 1 && shards * sizeof(struct crl_bucket) > config->memory_bytes / 16)
        shards /= 2;

    struct crl_table *table = config->allocator->alloc(config->allocator, table_bytes(shards));
    if (!table)
        return CORRAL_ENOMEM;
    memset(table, 0, table_bytes(shards));
    table->allocator = config->allocator;
    table->shard_mask = shards - 1;
    table->memory_bytes = config->memory_bytes;
    table->room_bytes = config->memory_bytes - config->memory_bytes / 16;
    table->filling = &table->limbos[0];
    table->shard_entries = (uint32_t *)(table->arrays + shards);
    *ret_table = table;
    return CORRAL_OK;
}

static void limbo_free(struct crl_table *table, struct crl_limbo *limbo)
{
    for (struct crl_entry *entry = limbo->entries, *next; entry; entry = next) {
        next = entry->older;
        if (entry->emptied)
            table->allocator->free(table->allocator, entry->emptied, sizeof(struct crl_bucket));
        crl_entry_unref(table->allocator, entry);
    }
    for (uint32_t i = 0; i < limbo->arrays_n; i++)
        crl_buckets_free(table->allocator, limbo->arrays[i]);
    *limbo = (struct crl_limbo){0};
}

void crl_table_free(struct crl_table *table)
{
    if (!table)
        return;
    for (struct crl_entry *entry = table->sieve.oldest, *next; entry; entry = next) {
        next = entry->newer;
        crl_entry_unref(table->allocator, entry);
    }
    for (uint32_t i = 0; i <= table->shard_mask; i++)
        crl_buckets_free(table->allocator, table->arrays[i]);
    limbo_free(table, &table->limbos[0]);
    limbo_free(table, &table->limbos[1]);
    table->allocator->free(table->allocator, table, table_bytes(table->shard_mask + 1));
}

/* ------------------------------------------------------------------------------------ unlinking */

/* An entry that no slot holds any more, and the bucket that it left empty, go to limbo. */
static void retire_entry(struct crl_table *table, struct crl_entry *entry,
                         struct crl_bucket *emptied)
{
    struct crl_limbo *limbo = table->filling;
    size_t bucket_bytes = emptied ? sizeof *emptied : 0;
    table->entry_bytes -= crl_entry_bytes(entry);
    table->bucket_bytes -= bucket_bytes;
    limbo->bytes += crl_entry_bytes(entry) + bucket_bytes;
    entry->emptied = emptied;
    entry->older = limbo->entries;
    limbo->entries = entry;
}

static void unlink_entry(struct crl_table *table, struct crl_entry *entry)
{
    crl_buckets array = array_of(table, entry->hash);
    crl_slot_clear(crl_buckets_slot_of(array, entry));
    table->shard_entries[shard_of(table, entry->hash)]--;
    crl_sieve_remove(&table->sieve, entry);
    retire_entry(table, entry, crl_buckets_prune(array, entry->hash));
}

bool crl_table_remove(struct crl_table *table, uint64_t hash, uint32_t space,
                      struct corral_bytes key)
{
    struct crl_entry *entry = crl_table_find(table, hash, space, key);
    if (entry)
        unlink_entry(table, entry);
    return entry;
}

/* -------------------------------------------------------------------------------------- linking */

struct crl_table_view crl_table_view(const struct crl_table *table)
{
    return (struct crl_table_view){.arrays = table->arrays, .shard_mask = table->shard_mask};
}

struct crl_entry *crl_table_find(const struct crl_table *table, uint64_t hash, uint32_t space,
                                 struct corral_bytes key)
{
    return crl_buckets_find(array_of(table, hash), hash, space, key);
}

/* Replace a shard's array by one of 2^log2 buckets, where budget, memory and limbo allow it. */
static void grow_shard(struct crl_table *table, uint32_t shard, uint32_t log2)
{
    struct crl_limbo *limbo = table->filling;
    size_t bytes = sizeof(struct crl_bucket) << log2;
    size_t limit = table->memory_bytes - total_bytes(table);
    if (limbo->arrays_n == LIMBO_ARRAYS_MAX || bytes + bytes / 4 > limit)
        return;
    crl_buckets old = table->arrays[shard];
    crl_buckets array = crl_buckets_copy(table->allocator, old, log2, &bytes);
    if (array == 0)
        return;
    if (bytes > limit) { /* more overflow buckets than chance should give */
        crl_buckets_free(table->allocator, array);
        return;
    }
    size_t old_bytes = crl_buckets_bytes(old);
    atomic_store_explicit(&table->arrays[shard], array, memory_order_release);
    table->bucket_bytes += bytes - old_bytes;
    limbo->bytes += old_bytes;
    limbo->arrays[limbo->arrays_n++] = old;
}

static void grow_if_crowded(struct crl_table *table, uint32_t shard)
{
    crl_buckets array = table->arrays[shard];
    if (array == 0)
        return;
    uint32_t log2 = crl_buckets_log2(array);
    if (table->shard_entries[shard] >= (uint64_t)ENTRIES_PER_BUCKET << log2)
        grow_shard(table, shard, log2 + 1);
}

/* What linking an entry adds: its block, and a bucket if the chain is full. */
static size_t needed_bytes(const struct crl_table *table, const struct crl_entry *entry,
                           bool is_new)
{
    bool fits = !is_new || crl_buckets_empty_slot(array_of(table, entry->hash), entry->hash);
    return crl_entry_bytes(entry) + (fits ? 0 : sizeof(struct crl_bucket));
}

/* Evict until an entry fits. Returns whether it does. `old` will be replaced by it: it is spared,
 * and goes to limbo in the end. */
static bool make_room(struct crl_table *table, const struct crl_entry *entry,
                      const struct crl_entry *old)
{
    size_t old_bytes = old ? crl_entry_bytes(old) : 0;
    if (table->bucket_bytes + needed_bytes(table, entry, !old) > table->room_bytes)
        return false;
    while (table->entry_bytes - old_bytes + table->bucket_bytes + needed_bytes(table, entry, !old) >
           table->room_bytes) {
        unlink_entry(table, crl_sieve_victim(&table->sieve, old));
        table->evictions++;
    }
    return total_bytes(table) + needed_bytes(table, entry, !old) <= table->memory_bytes;
}

/* A slot for a key that is not linked, in a bucket that may be new. NULL: no memory. */
static _Atomic uint64_t *make_slot(struct crl_table *table, uint64_t hash)
{
    crl_buckets array = array_of(table, hash);
    _Atomic uint64_t *slot = crl_buckets_empty_slot(array, hash);
    if (slot)
        return slot;
    if (array) {
        slot = crl_buckets_extend(table->allocator, array, hash);
    } else if ((array = crl_buckets_new(table->allocator, 0)) != 0) {
        slot = crl_buckets_empty_slot(array, hash);
        atomic_store_explicit(&table->arrays[shard_of(table, hash)], array, memory_order_release);
    }
    table->bucket_bytes += slot ? sizeof(struct crl_bucket) : 0;
    return slot;
}

/* Publish an entry in place of one with the same key. */
static void replace(struct crl_table *table, struct crl_entry *old, struct crl_entry *entry)
{
    crl_entry_ref(entry);
    table->entry_bytes += crl_entry_bytes(entry);
    crl_sieve_replace(&table->sieve, old, entry);
    crl_slot_publish(crl_buckets_slot_of(array_of(table, old->hash), old), entry);
    retire_entry(table, old, NULL);
}

/* Publish an entry whose key is not linked. Returns whether there was memory. */
static bool add(struct crl_table *table, struct crl_entry *entry)
{
    _Atomic uint64_t *slot = make_slot(table, entry->hash);
    if (!slot)
        return false;
    crl_entry_ref(entry);
    table->entry_bytes += crl_entry_bytes(entry);
    table->shard_entries[shard_of(table, entry->hash)]++;
    crl_sieve_push(&table->sieve, entry);
    crl_slot_publish(slot, entry);
    return true;
}

bool crl_table_insert(struct crl_table *table, struct crl_entry *entry)
{
    grow_if_crowded(table, shard_of(table, entry->hash));
    struct crl_entry *old = crl_table_find(table, entry->hash, entry->space, crl_entry_key(entry));
    crl_assert(entry != old);
    if (!make_room(table, entry, old)) {
        if (old)
            unlink_entry(table, old);
        return false;
    }
    if (old)
        replace(table, old, entry);
    else if (!add(table, entry))
        return false;
    crl_assert(total_bytes(table) <= table->memory_bytes); /* T1 */
    return true;
}

/* ---------------------------------------------------------------------------------------- limbo */

bool crl_table_limbo_is_due(const struct crl_table *table)
{
    const struct crl_limbo *limbo = table->filling;
    size_t reserve_bytes = table->memory_bytes - table->room_bytes;
    return !table->out && limbo->bytes > 0 &&
           (limbo->bytes >= reserve_bytes / 2 || limbo->arrays_n >= LIMBO_ARRAYS_MAX / 2);
}

struct crl_limbo *crl_table_limbo_take(struct crl_table *table)
{
    if (table->out || table->filling->bytes == 0)
        return NULL;
    table->out = table->filling;
    table->filling = &table->limbos[table->out == &table->limbos[0]];
    return table->out;
}

void crl_table_limbo_drop(struct crl_table *table, struct crl_limbo *limbo)
{
    crl_assert(limbo && limbo == table->out);
    limbo_free(table, limbo);
    table->out = NULL;
}

/* ----------------------------------------------------------------------------------- looking in */

struct crl_table_counts crl_table_counts(const struct crl_table *table)
{
    return (struct crl_table_counts){
        .entries = table->sieve.entries,
        .bytes = total_bytes(table),
        .limbo_bytes = limbo_bytes(table),
        .evictions = table->evictions,
    };
}

/* The queue is whole, and each of its entries is the one that its key finds (T2). */
static void check_queue(const struct crl_table *table)
{
    const struct crl_sieve *sieve = &table->sieve;
    const struct crl_entry *older = NULL;
    uint64_t entries = 0, bytes = 0;
    bool hand_seen = !sieve->hand;
    for (const struct crl_entry *entry = sieve->oldest; entry; entry = entry->newer) {
        crl_assert(entry->older == older);
        crl_assert(entry->refs > 0);
        crl_assert(crl_table_find(table, entry->hash, entry->space, crl_entry_key(entry)) == entry);
        hand_seen |= entry == sieve->hand;
        bytes += crl_entry_bytes(entry);
        entries++;
        older = entry;
    }
    crl_assert(sieve->newest == older);
    crl_assert(hand_seen);
    crl_assert(entries == sieve->entries);
    crl_assert(bytes == table->entry_bytes);
}

/* Returns the entries of a chain, each in its own shard, bucket and tag. */
static uint64_t check_chain(const struct crl_table *table, uint32_t shard, uint64_t index)
{
    uint64_t entries = 0;
    crl_buckets array = table->arrays[shard];
    const struct crl_bucket *first = crl_buckets_at(array, index);
    for (const struct crl_bucket *bucket = first; bucket; bucket = bucket->overflow) {
        uint64_t before = entries;
        for (uint32_t i = 0; i < CRL_BUCKET_SLOTS; i++) {
            const struct crl_entry *entry = crl_slot_entry(&bucket->slots[i]);
            if (!entry)
                continue;
            crl_assert(shard_of(table, entry->hash) == shard);
            crl_assert(crl_buckets_first(array, entry->hash) == first);
            crl_assert(bucket->slots[i] >> 48 == (entry->hash >> 32 & 0xFFFF));
            entries++;
        }
        crl_assert(bucket == first || entries > before); /* an empty one is pruned */
    }
    return entries;
}

/* The buckets hold as many entries as the queue, so, with check_queue(), the same ones. */
static void check_buckets(const struct crl_table *table)
{
    uint64_t entries = 0, bytes = 0;
    for (uint32_t shard = 0; shard <= table->shard_mask; shard++) {
        uint64_t shard_entries = 0;
        crl_buckets array = table->arrays[shard];
        for (uint64_t i = 0; array && i < UINT64_C(1) << crl_buckets_log2(array); i++)
            shard_entries += check_chain(table, shard, i);
        crl_assert(shard_entries == table->shard_entries[shard]);
        entries += shard_entries;
        bytes += crl_buckets_bytes(array);
    }
    crl_assert(entries == table->sieve.entries);
    crl_assert(bytes == table->bucket_bytes);
}

static void check_limbo(const struct crl_limbo *limbo)
{
    size_t bytes = 0;
    for (const struct crl_entry *entry = limbo->entries; entry; entry = entry->older) {
        crl_assert(entry->refs > 0); /* E2 */
        bytes += crl_entry_bytes(entry) + (entry->emptied ? sizeof *entry->emptied : 0);
    }
    crl_assert(limbo->arrays_n <= LIMBO_ARRAYS_MAX);
    for (uint32_t i = 0; i < limbo->arrays_n; i++)
        bytes += crl_buckets_bytes(limbo->arrays[i]);
    crl_assert(bytes == limbo->bytes);
}

void crl_table_check(const struct crl_table *table)
{
    check_queue(table);
    check_buckets(table);
    check_limbo(&table->limbos[0]);
    check_limbo(&table->limbos[1]);
    crl_assert(total_bytes(table) <= table->memory_bytes); /* T1 */
}
