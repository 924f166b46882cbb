/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c - shards, budget and limbo around buckets and the eviction queue. */
#include "core/table.h"

#include "base/assert.h"
#include "base/hash.h"
#include "core/buckets.h"
#include "core/sieve.h"

#include <stdalign.h>

/* A shard grows when its buckets hold this many entries on average. Seven fit; at five, one lookup
 * in twenty walks on to an overflow bucket. */
#define ENTRIES_PER_BUCKET 5

/* Outgrown arrays in one batch of limbo; a shard that finds no place there waits for readers. */
#define LIMBO_ARRAYS_MAX 16

/* What is freed beyond need when real memory is over the budget: a part of the budget, so that a
 * grace period serves many pages; but so little that the engine does not pause for it. */
#define FREED_PART    64
#define FREED_AT_ONCE ((size_t)512 << 10)

#define SHARDS_DEFAULT 256
#define SHARDS_MAX     1024

struct crl_limbo {
    struct crl_entry *entries; /* linked by ->older */
    crl_buckets arrays[LIMBO_ARRAYS_MAX];
    uint32_t arrays_n;
    size_t bytes;
    size_t entry_bytes; /* of these */
};

/* The linked entries of a page. */
struct page_entries {
    uint32_t n;
    struct crl_entry *v[CRL_PAGE_BLOCKS_MAX];
};

struct crl_table {
    struct crl_allocator *allocator;
    struct crl_allocator *bucket_allocator;
    void (*wait_for_readers)(void);
    uint32_t shard_mask;
    size_t memory_bytes;
    size_t room_bytes; /* what entries and buckets may take of it */
    struct crl_hashing hashing;

    /* The writer's, away from the lines that readers need. */
    alignas(64) struct crl_sieve sieve;
    size_t entry_bytes;  /* linked */
    size_t bucket_bytes; /* linked */
    uint64_t evictions, moves;
    struct crl_limbo limbos[2];
    struct crl_limbo *filling;
    struct crl_limbo *out; /* taken, not yet dropped; or NULL */
    uint32_t *shard_entries;
    struct page_entries *page; /* room for empty_page(); NULL without pages */

    alignas(64) _Atomic crl_buckets arrays[]; /* one of each shard */
};

static uint32_t shard_of(const struct crl_table *table, uint64_t hash)
{
    return (uint32_t)(hash >> 48) & table->shard_mask;
}

static uint64_t hash_of(const struct crl_table *table, const struct crl_entry *entry)
{
    return crl_hashing_of(&table->hashing, entry);
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

/* What an entry takes of its allocator. */
static size_t entry_cost(const struct crl_table *table, const struct crl_entry *entry)
{
    size_t bytes = crl_entry_bytes(entry);
    const struct crl_real_memory *real = table->allocator->real;
    return real != NULL ? real->block_bytes(table->allocator, bytes) : bytes;
}

/* -------------------------------------------------------------------------------- birth and end */

/* Where in a table's block the room for a page begins; what lies before it is the rest. */
static size_t page_offset(uint32_t shards)
{
    size_t bytes = sizeof(struct crl_table) + shards * (sizeof(crl_buckets) + sizeof(uint32_t));
    return (bytes + 63) & ~(size_t)63;
}

static size_t table_bytes(uint32_t shards, bool has_pages)
{
    return page_offset(shards) + (has_pages ? sizeof(struct page_entries) : 0);
}

int crl_table_new(const struct crl_table_config *config, struct crl_table **ret_table)
{
    uint32_t shards = config->shards ? config->shards : SHARDS_DEFAULT;
    if (config->allocator == NULL || shards > SHARDS_MAX || (shards & (shards - 1)) != 0)
        return CORRAL_EINVAL;
    /* The first buckets of all shards shall not eat up a tiny budget. */
    while (shards > 1 && shards * sizeof(struct crl_bucket) > config->memory_bytes / 16)
        shards /= 2;

    struct crl_allocator *buckets =
        config->bucket_allocator != NULL ? config->bucket_allocator : config->allocator;
    const struct crl_real_memory *real = config->allocator->real;
    bool has_pages = real != NULL && real->close_page != NULL;
    struct crl_table *table = buckets->alloc(buckets, table_bytes(shards, has_pages));
    if (table == NULL)
        return CORRAL_ENOMEM;
    memset(table, 0, page_offset(shards));
    if (has_pages)
        table->page = (struct page_entries *)((char *)table + page_offset(shards));
    table->allocator = config->allocator;
    table->bucket_allocator = buckets;
    table->wait_for_readers = config->wait_for_readers;
    table->hashing = config->hashing;
    if (table->hashing.hash == NULL)
        table->hashing.hash = crl_hash;
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

void crl_table_free(struct crl_table *table)
{
    if (table == NULL)
        return;
    for (struct crl_entry *entry = table->sieve.oldest, *next; entry != NULL; entry = next) {
        next = entry->newer;
        crl_entry_unref(table->allocator, entry);
    }
    for (uint32_t i = 0; i <= table->shard_mask; i++)
        crl_buckets_free(table->bucket_allocator, table->arrays[i]);
    limbo_free(table, &table->limbos[0]);
    limbo_free(table, &table->limbos[1]);
    table->bucket_allocator->free(table->bucket_allocator, table,
                                  table_bytes(table->shard_mask + 1, table->page != NULL));
}

/* ------------------------------------------------------------------------------------ unlinking */

/* An entry that no slot holds any more, and the bucket that it left empty, go to limbo. */
static void retire_entry(struct crl_table *table, struct crl_entry *entry,
                         struct crl_bucket *emptied)
{
    struct crl_limbo *limbo = table->filling;
    crl_entry_unmark(entry, CRL_MARK_LINKED);
    size_t bucket_bytes = emptied != NULL ? sizeof *emptied : 0,
           entry_bytes = entry_cost(table, entry);
    table->entry_bytes -= entry_bytes;
    table->bucket_bytes -= bucket_bytes;
    limbo->bytes += entry_bytes + bucket_bytes;
    limbo->entry_bytes += entry_bytes;
    entry->emptied = emptied;
    entry->older = limbo->entries;
    limbo->entries = entry;
}

static void unlink_entry(struct crl_table *table, struct crl_entry *entry)
{
    uint64_t hash = hash_of(table, entry);
    crl_buckets array = array_of(table, hash);
    crl_slot_clear(crl_buckets_slot_of(array, entry, hash));
    table->shard_entries[shard_of(table, hash)]--;
    crl_sieve_remove(&table->sieve, entry);
    retire_entry(table, entry, crl_buckets_prune(array, hash));
}

bool crl_table_remove(struct crl_table *table, uint64_t hash, uint32_t space,
                      struct corral_bytes key)
{
    struct crl_entry *entry = crl_table_find(table, hash, space, key);
    if (entry != NULL)
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

/* Free all that waits in limbo, now. */
static void reclaim(struct crl_table *table)
{
    if (limbo_bytes(table) == 0)
        return;
    if (table->wait_for_readers != NULL)
        table->wait_for_readers();
    limbo_free(table, &table->limbos[0]);
    limbo_free(table, &table->limbos[1]);
}

/* Replace a shard's array by one of 2^log2 buckets, where budget, memory and limbo allow it. */
static void grow_shard(struct crl_table *table, uint32_t shard, uint32_t log2)
{
    if (table->filling->arrays_n == LIMBO_ARRAYS_MAX)
        reclaim(table); /* else it might stay crowded: nobody knows when the next insert comes */
    struct crl_limbo *limbo = table->filling;
    size_t bytes = sizeof(struct crl_bucket) << log2;
    size_t limit = table->memory_bytes - total_bytes(table);
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
                           uint64_t hash, bool is_new)
{
    bool fits = !is_new || crl_buckets_empty_slot(array_of(table, hash), hash) != NULL;
    return entry_cost(table, entry) + (fits ? 0 : sizeof(struct crl_bucket));
}

/* Evict one entry, but for the one that is spared. Returns whether there was one. */
static bool evict(struct crl_table *table, const struct crl_entry *spared)
{
    struct crl_entry *victim = crl_sieve_victim(&table->sieve, spared);
    if (victim == NULL)
        return false;
    unlink_entry(table, victim);
    table->evictions++;
    return true;
}

/* Evict until an entry fits. Returns whether it does. `old` will be replaced by it: it is spared,
 * and goes to limbo in the end. */
static bool make_room(struct crl_table *table, const struct crl_entry *entry, uint64_t hash,
                      const struct crl_entry *old)
{
    size_t old_bytes = old != NULL ? entry_cost(table, old) : 0;
    if (table->bucket_bytes + needed_bytes(table, entry, hash, old == NULL) > table->room_bytes)
        return false;
    while (table->entry_bytes - old_bytes + table->bucket_bytes +
               needed_bytes(table, entry, hash, old == NULL) >
           table->room_bytes)
        (void)evict(table, old);
    return true;
}

/* A slot for a key that is not linked, in a bucket that may be new. NULL: no memory. */
static _Atomic uint64_t *make_slot(struct crl_table *table, uint64_t hash)
{
    crl_buckets array = array_of(table, hash);
    _Atomic uint64_t *slot = crl_buckets_empty_slot(array, hash);
    if (slot != NULL)
        return slot;
    if (array) {
        slot = crl_buckets_extend(table->bucket_allocator, array, hash);
    } else if ((array = crl_buckets_new(table->bucket_allocator, 0)) != 0) {
        slot = crl_buckets_empty_slot(array, hash);
        atomic_store_explicit(&table->arrays[shard_of(table, hash)], array, memory_order_release);
    }
    table->bucket_bytes += slot != NULL ? sizeof(struct crl_bucket) : 0;
    return slot;
}

/* Publish an entry in place of one with the same key. */
static void replace(struct crl_table *table, struct crl_entry *old, struct crl_entry *entry,
                    uint64_t hash)
{
    crl_entry_ref(entry);
    (void)crl_entry_mark(entry, CRL_MARK_LINKED);
    table->entry_bytes += entry_cost(table, entry);
    crl_sieve_replace(&table->sieve, old, entry);
    crl_slot_publish(crl_buckets_slot_of(array_of(table, hash), old, hash), entry, hash);
    retire_entry(table, old, NULL);
}

/* Publish an entry whose key is not linked. Returns whether there was memory. */
static bool add(struct crl_table *table, struct crl_entry *entry, uint64_t hash)
{
    _Atomic uint64_t *slot = make_slot(table, hash);
    if (slot == NULL)
        return false;
    crl_entry_ref(entry);
    (void)crl_entry_mark(entry, CRL_MARK_LINKED);
    table->entry_bytes += entry_cost(table, entry);
    table->shard_entries[shard_of(table, hash)]++;
    crl_sieve_push(&table->sieve, entry);
    crl_slot_publish(slot, entry, hash);
    return true;
}

/* ---------------------------------------------------------------------------------- real memory */

/* What the allocators hold of the system, without values that only the program still holds and what
 * these keep. */
static size_t held_bytes(const struct crl_table *table)
{
    struct crl_allocator *allocator = table->allocator, *buckets = table->bucket_allocator;
    if (allocator->real == NULL)
        return 0;
    struct crl_memory_use use = allocator->real->use(allocator);
    if (buckets == allocator)
        return use.held_bytes;
    size_t ours = table->entry_bytes + table->limbos[0].entry_bytes + table->limbos[1].entry_bytes;
    crl_assert(use.living_bytes >= ours);
    return use.held_bytes - use.abandoned_bytes - (use.living_bytes - ours) +
           buckets->real->use(buckets).held_bytes;
}

/* What is linked under the key of an entry. */
static struct crl_entry *find_its_key(const struct crl_table *table, const struct crl_entry *entry,
                                      uint64_t hash)
{
    return crl_table_find(table, hash, crl_home_space(crl_entry_home(entry)), crl_entry_key(entry));
}

/* A block may also be an entry in limbo, one that the program holds, or a draft that another thread
 * is writing: then its marks are the only part that may be looked at. */
static void collect_entry(void *arg, void *block)
{
    struct page_entries *entries = arg;
    struct crl_entry *entry = block;
    if (crl_entry_has(entry, CRL_MARK_LINKED))
        entries->v[entries->n++] = entry;
}

/* Publish a copy of an entry in a gap elsewhere. Without a gap it stays where it is. */
static void move_entry(struct crl_table *table, struct crl_entry *entry)
{
    struct crl_allocator *allocator = table->allocator;
    void *block = allocator->real->alloc_in_gap(allocator, crl_entry_bytes(entry));
    if (block == NULL)
        return;
    struct crl_entry *copy = crl_entry_copy(block, entry);
    replace(table, entry, copy, hash_of(table, entry));
    crl_entry_unref(allocator, copy);
    table->moves++;
}

/* Take all entries out of one of the emptiest pages. False: there is none with gaps for them. */
static bool empty_page(struct crl_table *table, const struct crl_entry *spared)
{
    struct crl_allocator *allocator = table->allocator;
    struct page_entries *entries = table->page; /* too much for the stack of a caller */
    if (entries == NULL)
        return false;
    entries->n = 0;
    if (allocator == table->bucket_allocator ||
        !allocator->real->close_page(allocator, spared, collect_entry, entries))
        return false;
    for (uint32_t i = 0; i < entries->n; i++)
        move_entry(table, entries->v[i]);
    return true;
}

/* Evict about so many bytes of entries. Returns whether there was one. */
static bool evict_some(struct crl_table *table, const struct crl_entry *spared, size_t bytes)
{
    size_t before = limbo_bytes(table);
    bool could = true;
    while (could && limbo_bytes(table) - before < bytes)
        could = evict(table, spared);
    return limbo_bytes(table) > before;
}

/* Give free pages of both allocators back, first those that outgrown arrays have left. */
static void trim(struct crl_table *table, size_t bytes)
{
    struct crl_allocator *allocator = table->allocator, *buckets = table->bucket_allocator;
    if (buckets != allocator) {
        size_t before = buckets->real->use(buckets).held_bytes;
        buckets->real->trim(buckets, bytes);
        size_t freed = before - buckets->real->use(buckets).held_bytes;
        bytes -= freed < bytes ? freed : bytes;
    }
    allocator->real->trim(allocator, bytes);
}

/* Bring what the allocators hold within the budget, without the newest entry. Returns whether it
 * is. When it has come to that, some more is freed, so that many inserts pass before the next time,
 * and waiting for readers once serves many pages. Each page is emptied at most once and each entry
 * evicted at most once, so this ends. */
static bool fit_real_memory(struct crl_table *table, const struct crl_entry *newest)
{
    struct crl_allocator *allocator = table->allocator;
    size_t held = held_bytes(table);
    if (held <= table->memory_bytes)
        return true;
    size_t part = table->memory_bytes / FREED_PART;
    size_t some = part < FREED_AT_ONCE ? part : FREED_AT_ONCE;
    size_t target = table->memory_bytes - some;
    bool can_go_on = true;
    while (held > target && can_go_on) {
        trim(table, held - target);
        can_go_on = limbo_bytes(table) < some &&
                    (empty_page(table, newest) || evict_some(table, newest, some / 4 + 1));
        if (!can_go_on) {
            can_go_on = limbo_bytes(table) > 0;
            reclaim(table);
            allocator->real->abandon(allocator); /* what is not empty now, the program keeps */
        }
        held = held_bytes(table);
    }
    allocator->real->reopen(allocator);
    return held <= table->memory_bytes;
}

/* --------------------------------------------------------------------------------------- insert */

bool crl_table_insert(struct crl_table *table, struct crl_entry *entry)
{
    uint64_t hash = hash_of(table, entry);
    grow_if_crowded(table, shard_of(table, hash));
    struct crl_entry *old = find_its_key(table, entry, hash);
    crl_assert(entry != old);
    if (!make_room(table, entry, hash, old)) {
        if (old != NULL)
            unlink_entry(table, old);
        return false;
    }
    if (old != NULL)
        replace(table, old, entry, hash);
    else if (!add(table, entry, hash))
        return false;
    if (total_bytes(table) > table->memory_bytes)
        reclaim(table);
    if (!fit_real_memory(table, entry)) {
        unlink_entry(table, entry);
        return false;
    }
    crl_assert(total_bytes(table) <= table->memory_bytes); /* T1 */
    return true;
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
                unlink_entry(table, entry);
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

uint32_t crl_table_sweep(struct crl_table *table, uint32_t at, uint32_t parts, uint32_t least,
                         bool (*is_dead)(void *arg, const struct crl_entry *entry), void *arg)
{
    uint64_t buckets = 0;
    for (uint32_t i = 0; i <= table->shard_mask; i++)
        buckets += table->arrays[i] ? UINT64_C(1) << crl_buckets_log2(table->arrays[i]) : 0;
    /* Twice as many as if nothing grew: of two shards one may have doubled, but not twice. */
    uint64_t wanted = 2 * buckets / parts + 1;
    uint64_t left = wanted > least ? wanted : least;
    left = left < buckets ? left : buckets;
    struct sweep sweep = {at >> SWEEP_BITS & table->shard_mask, at & ((1u << SWEEP_BITS) - 1)};
    while (left > 0) {
        uint32_t shard = sweep.shard;
        uint64_t first, n = sweep_next(table, &sweep, &first);
        for (uint64_t i = 0; i < n; i++)
            sweep_chain(table, crl_buckets_at(table->arrays[shard], first + i), is_dead, arg);
        left -= n < left ? n : left;
    }
    return sweep.shard << SWEEP_BITS | sweep.prefix;
}

/* ---------------------------------------------------------------------------------------- limbo */

bool crl_table_limbo_is_due(const struct crl_table *table)
{
    const struct crl_limbo *limbo = table->filling;
    size_t reserve_bytes = table->memory_bytes - table->room_bytes;
    return table->out == NULL && limbo->bytes > 0 &&
           (limbo->bytes >= reserve_bytes / 2 || limbo->arrays_n >= LIMBO_ARRAYS_MAX / 2);
}

struct crl_limbo *crl_table_limbo_take(struct crl_table *table)
{
    if (table->out != NULL || table->filling->bytes == 0)
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
}

/* ----------------------------------------------------------------------------------- looking in */

struct crl_table_counts crl_table_counts(const struct crl_table *table)
{
    return (struct crl_table_counts){
        .entries = table->sieve.entries,
        .bytes = total_bytes(table),
        .limbo_bytes = limbo_bytes(table),
        .held_bytes = held_bytes(table),
        .evictions = table->evictions,
        .moves = table->moves,
    };
}

/* The queue is whole, and each of its entries is the one that its key finds (T2). */
static void check_queue(const struct crl_table *table)
{
    const struct crl_sieve *sieve = &table->sieve;
    const struct crl_entry *older = NULL;
    uint64_t entries = 0, bytes = 0;
    bool hand_seen = sieve->hand == NULL;
    for (const struct crl_entry *entry = sieve->oldest; entry != NULL; entry = entry->newer) {
        crl_assert(entry->older == older);
        crl_assert(entry->refs > 0);
        crl_assert(find_its_key(table, entry, hash_of(table, entry)) == entry);
        crl_assert(crl_entry_has(entry, CRL_MARK_LINKED));
        hand_seen |= entry == sieve->hand;
        bytes += entry_cost(table, entry);
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
    for (const struct crl_bucket *bucket = first; bucket != NULL; bucket = bucket->overflow) {
        uint64_t before = entries;
        for (uint32_t i = 0; i < CRL_BUCKET_SLOTS; i++) {
            const struct crl_entry *entry = crl_slot_entry(&bucket->slots[i]);
            if (entry == NULL)
                continue;
            uint64_t hash = hash_of(table, entry);
            crl_assert(shard_of(table, hash) == shard);
            crl_assert(crl_buckets_first(array, hash) == first);
            crl_assert(bucket->slots[i] >> 48 == (hash >> 32 & 0xFFFF));
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

static void check_limbo(const struct crl_table *table, const struct crl_limbo *limbo)
{
    size_t bytes = 0, entry_bytes = 0;
    for (const struct crl_entry *entry = limbo->entries; entry != NULL; entry = entry->older) {
        crl_assert(entry->refs > 0); /* E2 */
        entry_bytes += entry_cost(table, entry);
        bytes += entry->emptied != NULL ? sizeof *entry->emptied : 0;
    }
    crl_assert(entry_bytes == limbo->entry_bytes);
    bytes += entry_bytes;
    crl_assert(limbo->arrays_n <= LIMBO_ARRAYS_MAX);
    for (uint32_t i = 0; i < limbo->arrays_n; i++)
        bytes += crl_buckets_bytes(limbo->arrays[i]);
    crl_assert(bytes == limbo->bytes);
}

void crl_table_check(const struct crl_table *table)
{
    check_queue(table);
    check_buckets(table);
    check_limbo(table, &table->limbos[0]);
    check_limbo(table, &table->limbos[1]);
    crl_assert(total_bytes(table) <= table->memory_bytes); /* T1 */
}
