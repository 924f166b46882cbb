/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c - shards, budget and limbo around buckets and the queues of eviction. */
#include "core/table.h"

#include "base/assert.h"
#include "base/hash.h"
#include "core/table_parts.h"

/* A shard grows when its buckets hold this many entries on average. Seven fit; at five, one lookup
 * in twenty walks on to an overflow bucket. */
#define ENTRIES_PER_BUCKET 5

/* One growing shard is copied at once: so there are more of them in a large table, and each has
 * some 12,000 entries at most. */
#define SHARDS_MIN      256
#define SHARDS_MAX      16384
#define BYTES_PER_SHARD ((size_t)1 << 20)

/* The first bucket of each shard, and its first ghosts, take such a part of the budget at most. */
#define FIRST_BUCKETS_PART 256

/* The part of the budget that is kept free for limbo. */
#define LIMBO_PART 64

/* The part of the room that the small queue has. */
#define SMALL_PART 10

/* Entries in limbo at which it is time to reclaim, and at which an insert does not go on without:
 * freeing them takes time, too. */
#define LIMBO_ENTRIES_DUE 4096
#define LIMBO_ENTRIES_MAX 16384

/* For an insertion that adds more, room is made in several calls: crl_room_arrive(). */
#define LARGE_BYTES ((size_t)256 << 10)

/* -------------------------------------------------------------------------------- birth and end */

/* Where in a table's block the room for a page begins; what lies before it is the rest. */
static size_t page_offset(uint32_t shards)
{
    size_t of_shard = sizeof(crl_buckets) + sizeof(struct crl_ghosts) + sizeof(uint32_t);
    return (sizeof(struct crl_table) + shards * of_shard + 63) & ~(size_t)63;
}

static size_t block_bytes(uint32_t shards, bool has_pages)
{
    return page_offset(shards) + (has_pages ? sizeof(struct page_entries) : 0);
}

static uint32_t shards_for(const struct crl_table_config *config)
{
    uint32_t shards = config->shards;
    if (shards == 0)
        for (shards = SHARDS_MIN; shards < SHARDS_MAX; shards *= 2)
            if (shards >= config->memory_bytes / BYTES_PER_SHARD)
                break;
    while (shards > 1 &&
           shards * sizeof(struct crl_bucket) > config->memory_bytes / FIRST_BUCKETS_PART)
        shards /= 2;
    return shards;
}

static void table_init(struct crl_table *table, const struct crl_table_config *config,
                       uint32_t shards)
{
    table->allocator = table->eviction.allocator = config->allocator;
    table->bucket_allocator =
        config->bucket_allocator != NULL ? config->bucket_allocator : config->allocator;
    table->wait_for_readers = config->wait_for_readers;
    table->hashing = config->hashing;
    if (table->hashing.hash == NULL)
        table->hashing.hash = crl_hash;
    table->shard_mask = shards - 1;
    table->memory_bytes = config->memory_bytes;
    table->room_bytes = config->memory_bytes - config->memory_bytes / LIMBO_PART;
    table->small_max = table->room_bytes / SMALL_PART;
    table->filling = &table->limbos[0];
    table->ghosts = (struct crl_ghosts *)(table->arrays + shards);
    table->shard_entries = (uint32_t *)(table->ghosts + shards);
}

int crl_table_new(const struct crl_table_config *config, struct crl_table **ret_table)
{
    if (config->allocator == NULL || config->shards > SHARDS_MAX ||
        (config->shards & (config->shards - 1)) != 0)
        return CORRAL_EINVAL;
    uint32_t shards = shards_for(config);
    struct crl_allocator *buckets =
        config->bucket_allocator != NULL ? config->bucket_allocator : config->allocator;
    const struct crl_real_memory *real = config->allocator->real;
    bool has_pages = real != NULL && real->close_page != NULL;
    struct crl_table *table = buckets->alloc(buckets, block_bytes(shards, has_pages));
    if (table == NULL)
        return CORRAL_ENOMEM;
    memset(table, 0, page_offset(shards));
    if (has_pages)
        table->page = (struct page_entries *)((char *)table + page_offset(shards));
    table_init(table, config, shards);
    *ret_table = table;
    return CORRAL_OK;
}

static void limbo_free(struct crl_table *table, struct crl_limbo *limbo)
{
    for (struct crl_entry *entry = limbo->entries, *next; entry != NULL; entry = next) {
        next = entry->older;
        if (entry->emptied != NULL)
            table->bucket_allocator->free(table->bucket_allocator, entry->emptied,
                                          sizeof(struct crl_bucket));
        crl_entry_unref(table->allocator, entry);
    }
    for (uint32_t i = 0; i < limbo->arrays_n; i++)
        crl_buckets_free(table->bucket_allocator, limbo->arrays[i]);
    *limbo = (struct crl_limbo){0};
}

static void fifo_free(struct crl_table *table, struct crl_fifo *fifo)
{
    for (struct crl_entry *entry = fifo->oldest, *next; entry != NULL; entry = next) {
        next = entry->newer;
        crl_entry_unref(table->allocator, entry);
    }
}

void crl_table_free(struct crl_table *table)
{
    if (table == NULL)
        return;
    fifo_free(table, &table->eviction.small);
    fifo_free(table, &table->eviction.main.fifo);
    if (table->arriving != NULL)
        crl_entry_unref(table->allocator, table->arriving);
    for (uint32_t i = 0; i <= table->shard_mask; i++) {
        crl_buckets_free(table->bucket_allocator, table->arrays[i]);
        crl_ghosts_free(&table->ghosts[i], table->bucket_allocator);
    }
    limbo_free(table, &table->limbos[0]);
    limbo_free(table, &table->limbos[1]);
    table->bucket_allocator->free(table->bucket_allocator, table,
                                  block_bytes(table->shard_mask + 1, table->page != NULL));
}

/* ------------------------------------------------------------------------------------ unlinking */

/* An entry that no slot holds any more, and the bucket that it left empty, go to limbo. */
static void retire_entry(struct crl_table *table, struct crl_entry *entry,
                         struct crl_bucket *emptied)
{
    struct crl_limbo *limbo = table->filling;
    crl_entry_unmark(entry, CRL_MARK_LINKED);
    size_t bucket_bytes = emptied != NULL ? sizeof *emptied : 0,
           entry_bytes = crl_table_cost(table, entry);
    table->entry_bytes -= entry == table->arriving ? 0 : entry_bytes;
    table->bucket_bytes -= bucket_bytes;
    limbo->bytes += entry_bytes + bucket_bytes;
    limbo->entry_bytes += entry_bytes;
    limbo->entries_n++;
    entry->emptied = emptied;
    entry->older = limbo->entries;
    limbo->entries = entry;
}

uint64_t crl_table_unlink(struct crl_table *table, struct crl_entry *entry)
{
    uint64_t hash = crl_table_hash(table, entry);
    crl_buckets array = crl_array_of(table, hash);
    crl_slot_clear(crl_buckets_slot_of(array, entry, hash));
    table->shard_entries[crl_shard_of(table, hash)]--;
    if (entry != table->arriving)
        crl_eviction_remove(&table->eviction, entry);
    retire_entry(table, entry, crl_buckets_prune(array, hash));
    if (entry == table->arriving) {
        table->arriving = NULL;
        table->limbo_is_over = true; /* it was on top, and limbo is not */
    }
    return hash;
}

void crl_table_reclaim(struct crl_table *table)
{
    if (crl_limbo_bytes(table) == 0)
        return;
    if (table->wait_for_readers != NULL)
        table->wait_for_readers();
    limbo_free(table, &table->limbos[0]);
    limbo_free(table, &table->limbos[1]);
    table->limbo_is_over = false;
}

/* T1 is kept, and what there is to be freed is not too much for one call. */
static void reclaim_if_full(struct crl_table *table)
{
    uint64_t entries_n = table->limbos[0].entries_n + table->limbos[1].entries_n;
    bool is_over = crl_table_bytes(table) > table->memory_bytes || table->limbo_is_over;
    if (is_over || entries_n > LIMBO_ENTRIES_MAX)
        crl_table_reclaim(table);
}

bool crl_table_remove(struct crl_table *table, uint64_t hash, uint32_t space,
                      struct corral_bytes key)
{
    struct crl_entry *entry = crl_table_find(table, hash, space, key);
    if (entry != NULL)
        (void)crl_table_unlink(table, entry);
    reclaim_if_full(table);
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
    return crl_buckets_find(crl_array_of(table, hash), hash, space, key);
}

struct crl_entry *crl_table_find_its(const struct crl_table *table, const struct crl_entry *entry,
                                     uint64_t hash)
{
    return crl_table_find(table, hash, crl_home_space(crl_entry_home(entry)), crl_entry_key(entry));
}

/* Replace a shard's array by one of 2^log2 buckets, where budget, memory and limbo allow it. */
static void grow_shard(struct crl_table *table, uint32_t shard, uint32_t log2)
{
    if (table->filling->arrays_n == CRL_LIMBO_ARRAYS_MAX)
        crl_table_reclaim(
            table); /* else it might stay crowded: nobody knows when the next insert comes */
    struct crl_limbo *limbo = table->filling;
    size_t bytes = sizeof(struct crl_bucket) << log2;
    size_t limit = table->memory_bytes - crl_table_bytes(table);
    if (bytes + bytes / 4 > limit)
        return;
    crl_buckets old = table->arrays[shard];
    crl_buckets array =
        crl_buckets_copy(table->bucket_allocator, &table->hashing, old, log2, &bytes);
    if (array == 0)
        return;
    if (bytes > limit) { /* more overflow buckets than chance should give */
        crl_buckets_free(table->bucket_allocator, array);
        return;
    }
    size_t old_bytes = crl_buckets_bytes(old);
    atomic_store_explicit(&table->arrays[shard], array, memory_order_release);
    table->bucket_bytes += bytes - old_bytes;
    limbo->bytes += old_bytes;
    limbo->arrays[limbo->arrays_n++] = old;
}

/* Twice the ghosts, where there are more entries than that; but only where entries are evicted. */
static void grow_ghosts(struct crl_table *table, uint32_t shard)
{
    struct crl_ghosts *ghosts = &table->ghosts[shard];
    size_t before = crl_ghosts_bytes(crl_ghosts_room(ghosts));
    size_t after = before > 0 ? 2 * before : crl_ghosts_bytes(CRL_GHOSTS_OF_LINE);
    if (table->evictions == 0 || crl_ghosts_room(ghosts) >= table->shard_entries[shard] ||
        after - before > table->memory_bytes - crl_table_bytes(table))
        return;
    if (crl_ghosts_grow(ghosts, table->bucket_allocator))
        table->bucket_bytes += after - before;
}

static void grow_if_crowded(struct crl_table *table, uint32_t shard)
{
    crl_buckets array = table->arrays[shard];
    if (array == 0)
        return;
    grow_ghosts(table, shard);
    uint32_t log2 = crl_buckets_log2(array);
    if (table->shard_entries[shard] >= (uint64_t)ENTRIES_PER_BUCKET << log2)
        grow_shard(table, shard, log2 + 1);
}

size_t crl_table_needed(const struct crl_table *table, const struct crl_entry *entry, uint64_t hash,
                        const struct crl_entry *old)
{
    bool fits = old != NULL || crl_buckets_empty_slot(crl_array_of(table, hash), hash) != NULL;
    return crl_table_cost(table, entry) + (fits ? 0 : sizeof(struct crl_bucket));
}

/* A slot for a key that is not linked, in a bucket that may be new. NULL: no memory. */
static _Atomic uint64_t *make_slot(struct crl_table *table, uint64_t hash)
{
    crl_buckets array = crl_array_of(table, hash);
    _Atomic uint64_t *slot = crl_buckets_empty_slot(array, hash);
    if (slot != NULL)
        return slot;
    if (array) {
        slot = crl_buckets_extend(table->bucket_allocator, array, hash);
    } else if ((array = crl_buckets_new(table->bucket_allocator, 0)) != 0) {
        slot = crl_buckets_empty_slot(array, hash);
        atomic_store_explicit(&table->arrays[crl_shard_of(table, hash)], array,
                              memory_order_release);
    }
    table->bucket_bytes += slot != NULL ? sizeof(struct crl_bucket) : 0;
    return slot;
}

void crl_table_replace(struct crl_table *table, struct crl_entry *old, struct crl_entry *entry,
                       uint64_t hash)
{
    crl_entry_ref(entry);
    (void)crl_entry_mark(entry, CRL_MARK_LINKED);
    table->entry_bytes += crl_table_cost(table, entry);
    crl_eviction_replace(&table->eviction, old, entry);
    crl_slot_publish(crl_buckets_slot_of(crl_array_of(table, hash), old, hash), entry, hash);
    retire_entry(table, old, NULL);
}

/* Publish an entry whose key is not linked; it is in no queue yet. Returns whether there was
 * memory. */
static bool publish(struct crl_table *table, struct crl_entry *entry, uint64_t hash)
{
    _Atomic uint64_t *slot = make_slot(table, hash);
    if (slot == NULL)
        return false;
    crl_entry_ref(entry);
    (void)crl_entry_mark(entry, CRL_MARK_LINKED);
    table->shard_entries[crl_shard_of(table, hash)]++;
    crl_slot_publish(slot, entry, hash);
    return true;
}

/* Publish an entry for which there is room. Returns whether there was memory. */
static bool add(struct crl_table *table, struct crl_entry *entry, uint64_t hash)
{
    if (!publish(table, entry, hash))
        return false;
    table->entry_bytes += crl_table_cost(table, entry);
    bool is_remembered = crl_ghosts_take(&table->ghosts[crl_shard_of(table, hash)], hash);
    crl_eviction_push(&table->eviction, entry, is_remembered);
    return true;
}

/* --------------------------------------------------------------------------------------- insert */

/* Publish an entry that needs so much room that it has to be made in several calls. The one before
 * it, if it still arrives, goes: so at most one is beyond the budget. Of the old one it takes the
 * mark and the queue, but not the place there. */
static bool insert_large(struct crl_table *table, struct crl_entry *entry, uint64_t hash,
                         struct crl_entry *old)
{
    struct crl_ghosts *ghosts = &table->ghosts[crl_shard_of(table, hash)];
    bool is_remembered =
        old != NULL ? !crl_entry_has(old, CRL_MARK_SMALL) : crl_ghosts_take(ghosts, hash);
    if (old != NULL && crl_entry_has(old, CRL_MARK_VISITED))
        (void)crl_entry_mark(entry, CRL_MARK_VISITED);
    if (old != NULL)
        (void)crl_table_unlink(table, old);
    if (table->arriving != NULL) {
        (void)crl_table_unlink(table, table->arriving);
        table->evictions++;
    }
    if (!publish(table, entry, hash))
        return false;
    table->arriving = entry;
    table->arriving_is_remembered = is_remembered;
    reclaim_if_full(table);
    crl_room_arrive(table);
    if (!crl_room_fit(table, entry) && crl_entry_has(entry, CRL_MARK_LINKED))
        (void)crl_table_unlink(table, entry);
    return crl_entry_has(entry, CRL_MARK_LINKED);
}

/* Publish an entry after making room for it. */
static bool insert_small(struct crl_table *table, struct crl_entry *entry, uint64_t hash,
                         struct crl_entry *old)
{
    crl_room_for(table, entry, hash, old);
    if (old != NULL)
        crl_table_replace(table, old, entry, hash);
    else if (!add(table, entry, hash))
        return false;
    reclaim_if_full(table);
    if (crl_room_fit(table, entry))
        return true;
    (void)crl_table_unlink(table, entry);
    return false;
}

bool crl_table_insert(struct crl_table *table, struct crl_entry *entry)
{
    uint64_t hash = crl_table_hash(table, entry);
    crl_work_begin(table);
    grow_if_crowded(table, crl_shard_of(table, hash));
    struct crl_entry *old = crl_table_find_its(table, entry, hash);
    crl_assert(entry != old);
    if (old != NULL && old == table->arriving) {
        (void)crl_table_unlink(table, old);
        old = NULL;
    }
    size_t needed = crl_table_needed(table, entry, hash, old);
    size_t old_bytes = old != NULL ? crl_table_cost(table, old) : 0;
    bool is_linked = false;
    if (table->bucket_bytes + needed <= table->room_bytes)
        is_linked = needed < old_bytes + LARGE_BYTES ? insert_small(table, entry, hash, old)
                                                     : insert_large(table, entry, hash, old);
    else if (old != NULL)
        (void)crl_table_unlink(table, old);
    reclaim_if_full(table);
    crl_assert(crl_table_bytes(table) <= table->memory_bytes); /* T1 */
    return is_linked;
}

/* ---------------------------------------------------------------------------------------- sweep */

/* A place in the table as one number: the shard, then the upper bits of what chooses a bucket; so
 * it means the same when a shard has grown. */
#define SWEEP_BITS 22

struct sweep {
    uint32_t shard, prefix;
};

static void sweep_chain(struct crl_table *table, struct crl_bucket *bucket,
                        bool (*is_dead)(void *arg, const struct crl_entry *entry), void *arg)
{
    for (; bucket != NULL; bucket = crl_bucket_overflow(bucket)) { /* a pruned one leads on (B2) */
        for (uint32_t i = 0; i < CRL_BUCKET_SLOTS; i++) {
            struct crl_entry *entry = crl_slot_entry(&bucket->slots[i]);
            if (entry != NULL && is_dead(arg, entry))
                (void)crl_table_unlink(table, entry);
        }
    }
}

/* The buckets at a place, and the place after it. Returns how many there were. */
static uint64_t sweep_next(const struct crl_table *table, struct sweep *at, uint64_t *ret_first)
{
    crl_buckets array = table->arrays[at->shard];
    uint32_t log2 = array ? crl_buckets_log2(array) : 0;
    uint32_t shift = log2 < SWEEP_BITS ? SWEEP_BITS - log2 : 0;
    uint64_t n = array ? UINT64_C(1) << (log2 > SWEEP_BITS ? log2 - SWEEP_BITS : 0) : 0;
    *ret_first = (uint64_t)(at->prefix >> shift) * (n ? n : 1);
    at->prefix = array ? ((at->prefix >> shift) + 1) << shift : 1u << SWEEP_BITS;
    if (at->prefix >> SWEEP_BITS) {
        at->prefix = 0;
        at->shard = (at->shard + 1) & table->shard_mask;
    }
    return n;
}

uint64_t crl_table_sweep(struct crl_table *table, uint64_t at, uint32_t parts, uint32_t least,
                         bool (*is_dead)(void *arg, const struct crl_entry *entry), void *arg)
{
    uint64_t buckets = 0;
    for (uint32_t i = 0; i <= table->shard_mask; i++)
        buckets += table->arrays[i] ? UINT64_C(1) << crl_buckets_log2(table->arrays[i]) : 0;
    /* Twice as many as if nothing grew: of two shards one may have doubled, but not twice. */
    uint64_t wanted = 2 * buckets / parts + 1;
    uint64_t left = wanted > least ? wanted : least;
    left = left < buckets ? left : buckets;
    struct sweep sweep = {(uint32_t)(at >> SWEEP_BITS) & table->shard_mask,
                          (uint32_t)at & ((1u << SWEEP_BITS) - 1)};
    while (left > 0) {
        uint32_t shard = sweep.shard;
        uint64_t first, n = sweep_next(table, &sweep, &first);
        for (uint64_t i = 0; i < n; i++)
            sweep_chain(table, crl_buckets_at(table->arrays[shard], first + i), is_dead, arg);
        left -= n < left ? n : left;
    }
    reclaim_if_full(table);
    return (uint64_t)sweep.shard << SWEEP_BITS | sweep.prefix;
}

/* ---------------------------------------------------------------------------------------- limbo */

bool crl_table_limbo_is_due(const struct crl_table *table)
{
    const struct crl_limbo *limbo = table->filling;
    size_t reserve_bytes = table->memory_bytes - table->room_bytes;
    return table->out == NULL &&
           (table->arriving != NULL ||
            (limbo->bytes > 0 &&
             (limbo->bytes >= reserve_bytes / 2 || limbo->entries_n >= LIMBO_ENTRIES_DUE ||
              limbo->arrays_n >= CRL_LIMBO_ARRAYS_MAX / 2)));
}

struct crl_limbo *crl_table_limbo_take(struct crl_table *table)
{
    if (table->out != NULL || (table->filling->bytes == 0 && table->arriving == NULL))
        return NULL;
    table->out = table->filling;
    table->filling = &table->limbos[table->out == &table->limbos[0]];
    return table->out;
}

void crl_table_limbo_drop(struct crl_table *table, struct crl_limbo *limbo)
{
    crl_assert(limbo != NULL && limbo == table->out);
    limbo_free(table, limbo);
    table->out = NULL;
    if (table->arriving == NULL)
        return;
    crl_work_begin(table);
    crl_room_arrive(table);
    reclaim_if_full(table);
}

/* ----------------------------------------------------------------------------------- looking in */

struct crl_table_counts crl_table_counts(const struct crl_table *table)
{
    bool arrives = table->arriving != NULL;
    return (struct crl_table_counts){
        .entries = crl_eviction_entries(&table->eviction) + arrives,
        .bytes = crl_table_bytes(table),
        .limbo_bytes = crl_limbo_bytes(table),
        .held_bytes = crl_table_held(table),
        .arriving_bytes = arrives ? crl_table_cost(table, table->arriving) : 0,
        .evictions = table->evictions,
        .moves = table->moves,
    };
}
