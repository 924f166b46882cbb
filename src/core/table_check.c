/* SPDX-License-Identifier: Apache-2.0
 *
 * table_check.c - the audit of a table. */
#include "base/assert.h"
#include "core/table_parts.h"

struct audit {
    const struct crl_table *table;
    uint64_t entries, bytes;
};

/* It is linked, and the one that its key finds (T2). */
static void check_entry(void *arg, const struct crl_entry *entry)
{
    struct audit *audit = arg;
    const struct crl_table *table = audit->table;
    crl_assert(entry->refs > 0);
    crl_assert(crl_table_find_its(table, entry, crl_table_hash(table, entry)) == entry);
    crl_assert(crl_entry_has(entry, CRL_MARK_LINKED));
    audit->bytes += crl_table_cost(table, entry);
    audit->entries++;
}

/* Returns how many entries there are, with the one that arrives. */
static uint64_t check_queues(const struct crl_table *table)
{
    struct audit audit = {.table = table};
    crl_eviction_check(&table->eviction, check_entry, &audit);
    crl_assert(audit.entries == crl_eviction_entries(&table->eviction));
    crl_assert(audit.bytes == table->entry_bytes);
    if (table->arriving != NULL)
        check_entry(&audit, table->arriving);
    return audit.entries;
}

/* Returns the entries of a chain, each in its own shard, bucket and tag. */
static uint64_t check_chain(const struct crl_table *table, uint32_t shard, uint64_t index)
{
    uint64_t entries = 0;
    crl_buckets array = table->arrays[shard];
    const struct crl_bucket *first = crl_buckets_at(array, index);
    for (const struct crl_bucket *bucket = first; bucket != NULL; bucket = bucket->overflow) {
        uint64_t before = entries;
        for (uint32_t i = 0; i < CRL_BUCKET_SLOTS; i++) {
            const struct crl_entry *entry = crl_slot_entry(&bucket->slots[i]);
            if (entry == NULL)
                continue;
            uint64_t hash = crl_table_hash(table, entry);
            crl_assert(crl_shard_of(table, hash) == shard);
            crl_assert(crl_buckets_first(array, hash) == first);
            crl_assert(bucket->slots[i] >> 48 == (hash >> 32 & 0xFFFF));
            entries++;
        }
        crl_assert(bucket == first || entries > before); /* an empty one is pruned */
    }
    return entries;
}

/* The buckets hold as many entries as the queues, so, with check_queues(), the same ones. */
static void check_buckets(const struct crl_table *table, uint64_t queued)
{
    uint64_t entries = 0, bytes = 0;
    for (uint32_t shard = 0; shard <= table->shard_mask; shard++) {
        uint64_t shard_entries = 0;
        crl_buckets array = table->arrays[shard];
        for (uint64_t i = 0; array && i < UINT64_C(1) << crl_buckets_log2(array); i++)
            shard_entries += check_chain(table, shard, i);
        crl_assert(shard_entries == table->shard_entries[shard]);
        entries += shard_entries;
        bytes +=
            crl_buckets_bytes(array) + crl_ghosts_bytes(crl_ghosts_room(&table->ghosts[shard]));
    }
    crl_assert(entries == queued);
    crl_assert(bytes == table->bucket_bytes);
}

static void check_limbo(const struct crl_table *table, const struct crl_limbo *limbo)
{
    size_t bytes = 0, entry_bytes = 0;
    uint64_t entries_n = 0;
    for (const struct crl_entry *entry = limbo->entries; entry != NULL; entry = entry->older) {
        crl_assert(entry->refs > 0); /* E2 */
        entry_bytes += crl_table_cost(table, entry);
        bytes += entry->emptied != NULL ? sizeof *entry->emptied : 0;
        entries_n++;
    }
    crl_assert(entry_bytes == limbo->entry_bytes);
    crl_assert(entries_n == limbo->entries_n);
    bytes += entry_bytes;
    crl_assert(limbo->arrays_n <= CRL_LIMBO_ARRAYS_MAX);
    for (uint32_t i = 0; i < limbo->arrays_n; i++)
        bytes += crl_buckets_bytes(limbo->arrays[i]);
    crl_assert(bytes == limbo->bytes);
}

void crl_table_check(const struct crl_table *table)
{
    check_buckets(table, check_queues(table));
    check_limbo(table, &table->limbos[0]);
    check_limbo(table, &table->limbos[1]);
    crl_assert(crl_table_bytes(table) <= table->memory_bytes); /* T1 */
}
