/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   the table keeps its invariants T1 to T3 whatever is done to it, at any budget, with any
 *         hashes, when memory fails, and while others read.
 * Method: rows for the edges of the budget; then thousands of seeded random operations next to a
 *         naive model of map and SIEVE, with crl_table_check() among them; the n-th allocation
 *         fails, n = 1, 2, ...; readers under RCU who check each byte they find, and that what is
 *         always linked is always found. Freed memory is filled with rubbish first, so that a block
 *         given back too early is seen without a sanitizer as well. */
#include "core/table.h"

#include "base/hash.h"
#include "base/rng.h"
#include "core/buckets.h"
#include "lib/rcu.h"

#include "../helper/draws.h"
#include "../helper/entries.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* -------------------------------------------------------------------- an allocator that watches */

struct watched {
    struct crl_allocator base;
    uint64_t calls;
    uint64_t fail_at; /* this call gets no memory; 0: none */
    _Atomic int64_t bytes;
    bool
        is_changing; /* inside a change of the table: only what the change made may be freed (T3) */
    void *made[1024];
    uint32_t made_n;
    bool freed_early;
    size_t just_made; /* the size of the last block, if nothing else has happened since */
};

static void change_begin(struct watched *watched)
{
    watched->is_changing = true;
    watched->made_n = 0;
}

/* Of the allocator whose table waits for its readers; on the writer's thread. */
static __thread struct watched *waiting;
static __thread uint64_t waits;

/* After a grace period, the rest of a change may free what was unlinked before. */
static void wait_for_readers(void)
{
    crl_rcu_wait();
    waits++;
    if (waiting != NULL)
        waiting->is_changing = false;
}

static void change_end(struct watched *watched)
{
    watched->is_changing = false;
    assert_false(watched->freed_early);
}

static bool is_made_by_change(const struct watched *watched, const void *block)
{
    for (uint32_t i = 0; i < watched->made_n; i++)
        if (watched->made[i] == block)
            return true;
    return false;
}

static void *watched_alloc(struct crl_allocator *allocator, size_t bytes)
{
    struct watched *watched = (struct watched *)allocator;
    if (++watched->calls == watched->fail_at)
        return NULL;
    void *block = crl_allocator_malloc.alloc(&crl_allocator_malloc, bytes);
    assert_non_null(block);
    watched->bytes += (int64_t)bytes;
    if (watched->is_changing && watched->made_n < 1024)
        watched->made[watched->made_n++] = block;
    if (watched->is_changing)
        watched->just_made = bytes;
    return block;
}

static void watched_free(struct crl_allocator *allocator, void *block, size_t bytes)
{
    struct watched *watched = (struct watched *)allocator;
    watched->bytes -= (int64_t)bytes;
    if (watched->is_changing) { /* outgrown ghosts are fine: no reader looks at them */
        bool is_outgrown = watched->just_made == 2 * bytes;
        watched->freed_early |= !is_outgrown && !is_made_by_change(watched, block);
        watched->just_made = 0;
    }
    memset(block, 0xDD, bytes);
    crl_allocator_malloc.free(&crl_allocator_malloc, block, bytes);
}

static struct watched watched(uint64_t fail_at)
{
    return (struct watched){.base = {.alloc = watched_alloc, .free = watched_free},
                            .fail_at = fail_at};
}

/* -------------------------------------------------------------------------------------- helpers */

/* How keys are hashed; each way wears on another part. */
enum hashing {
    HASH_REAL,
    HASH_ONE_CHAIN, /* one bucket, tags differ: overflow chains */
    HASH_ALL_EQUAL, /* one bucket, one tag: only the key tells them apart */
    HASH_TAG_ZERO,  /* the tag of an empty slot */
    HASHINGS,
};

static uint64_t hash_key(enum hashing hashing, struct corral_bytes key)
{
    uint64_t hash = crl_hash(1, 0, key);
    switch (hashing) {
    case HASH_ONE_CHAIN:
        return hash & UINT64_C(0x0000FFFF00000000);
    case HASH_ALL_EQUAL:
        return UINT64_C(0x1234567890ABCDEF);
    case HASH_TAG_ZERO:
        return hash & UINT64_C(0xFFFF0000FFFFFFFF);
    case HASH_REAL:
    case HASHINGS:
        break;
    }
    return hash;
}

/* As the table is told of it: the seed says which way. */
static uint64_t hash_seeded(uint64_t seed, uint32_t space, struct corral_bytes key)
{
    (void)space;
    return hash_key((enum hashing)seed, key);
}

struct name {
    char text[24];
    struct corral_bytes key;
};

static void name_key(struct name *name, uint32_t number)
{
    snprintf(name->text, sizeof name->text, "key:%u", number);
    name->key = corral_str(name->text);
}

/* A value tells its key and serial number in each of its words, so that any mix-up shows. */
static struct crl_entry *make_entry(struct crl_allocator *allocator, uint32_t number,
                                    uint32_t serial, size_t words)
{
    uint64_t value[64];
    struct name name;
    assert_true(words <= 64);
    name_key(&name, number);
    for (size_t i = 0; i < words; i++)
        value[i] = (uint64_t)number << 32 | serial;
    return entry_made(allocator, &(struct entry_parts){
                                     .key = name.key,
                                     .value = crl_bytes(value, words * sizeof *value),
                                     .answered_at = serial,
                                 });
}

/* Returns whether the entry is what make_entry() made for this key. */
static bool is_sound(const struct crl_entry *entry, uint32_t number)
{
    struct name name;
    name_key(&name, number);
    struct corral_bytes value = crl_entry_value(entry);
    if (!crl_bytes_equal(crl_entry_key(entry), name.key) || value.size % 8 != 0)
        return false;
    for (size_t at = 0; at < value.size; at += 8) {
        uint64_t word;
        memcpy(&word, (const char *)value.data + at, 8);
        if (word != ((uint64_t)number << 32 | (uint32_t)entry->answered_at))
            return false;
    }
    return true;
}

static struct crl_entry *find(const struct crl_table *table, enum hashing hashing, uint32_t number)
{
    struct name name;
    name_key(&name, number);
    return crl_table_find(table, hash_key(hashing, name.key), 0, name.key);
}

static bool remove_key(struct crl_table *table, enum hashing hashing, uint32_t number)
{
    struct name name;
    name_key(&name, number);
    return crl_table_remove(table, hash_key(hashing, name.key), 0, name.key);
}

/* Insert a new entry and forget it. */
static bool insert(struct crl_table *table, struct crl_allocator *allocator, uint32_t number,
                   uint32_t serial, size_t words)
{
    struct crl_entry *entry = make_entry(allocator, number, serial, words);
    if (entry == NULL)
        return false;
    bool linked = crl_table_insert(table, entry);
    crl_entry_unref(allocator, entry);
    return linked;
}

static void reclaim(struct crl_table *table)
{
    struct crl_limbo *limbo = crl_table_limbo_take(table);
    if (limbo != NULL)
        crl_table_limbo_drop(table, limbo);
}

/* Insert an entry that must fit. */
static void must_insert(struct crl_table *table, uint32_t number, uint32_t serial, size_t words)
{
    assert_true(insert(table, &crl_allocator_malloc, number, serial, words));
}

static struct crl_table *make_hashed_table(struct crl_allocator *allocator, size_t memory_bytes,
                                           uint32_t shards, enum hashing hashing)
{
    struct crl_table *table = NULL;
    assert_int_equal(crl_table_new(&(struct crl_table_config){.memory_bytes = memory_bytes,
                                                              .allocator = allocator,
                                                              .wait_for_readers = wait_for_readers,
                                                              .hashing = {hashing, hash_seeded},
                                                              .shards = shards},
                                   &table),
                     0);
    return table;
}

static struct crl_table *make_table(struct crl_allocator *allocator, size_t memory_bytes,
                                    uint32_t shards)
{
    return make_hashed_table(allocator, memory_bytes, shards, HASH_REAL);
}

/* ----------------------------------------------------------------------------------------- rows */

#define BUCKET             64
#define BLOCK(value_words) ((60 + 5 + (value_words)*8 + 15) / 16 * 16) /* of "key:0" */
#define ROOM_FOR(bytes)    (((bytes)*64 - 1) / 63) /* least budget whose 63/64 hold them */

static void budget_rows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t memory_bytes;
        size_t words;
        bool fits;
    } rows[] = {
        {"no budget", 0, 1, false},
        {"less than a bucket", BUCKET - 1, 0, false},
        {"a bucket and no entry", ROOM_FOR(BUCKET), 0, false},
        {"one byte too little", ROOM_FOR(BUCKET + BLOCK(4)) - 1, 4, false},
        {"just enough", ROOM_FOR(BUCKET + BLOCK(4)), 4, true},
        {"just enough for nothing much", ROOM_FOR(BUCKET + BLOCK(0)), 0, true},
        {"plenty", 1 << 20, 64, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct watched memory = watched(0);
        struct crl_table *table = make_table(&memory.base, rows[i].memory_bytes, 0);
        bool linked = insert(table, &memory.base, 0, 1, rows[i].words);
        if (linked != rows[i].fits || (find(table, HASH_REAL, 0) != NULL) != rows[i].fits)
            fail_msg("%s: %s", rows[i].name, linked ? "was linked" : "was refused");
        crl_table_check(table);
        crl_table_free(table);
        assert_int_equal(memory.bytes, 0);
    }
}

static void arguments_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct crl_table_config config;
    } rows[] = {
        {"no allocator", {.memory_bytes = 1000}},
        {"shards not a power of two", {.allocator = &crl_allocator_malloc, .shards = 3}},
        {"too many shards", {.allocator = &crl_allocator_malloc, .shards = 32768}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct crl_table *table = NULL;
        if (crl_table_new(&rows[i].config, &table) != CORRAL_EINVAL || table != NULL)
            fail_msg("%s", rows[i].name);
    }
}

static void the_key_is_space_and_bytes(void **state)
{
    (void)state;
    struct crl_table *table = make_hashed_table(&crl_allocator_malloc, 1 << 20, 0, HASH_ALL_EQUAL);
    struct entry_parts parts = {.space = 1, .key = corral_str("a")};
    uint64_t hash = hash_key(HASH_ALL_EQUAL, parts.key);
    struct crl_entry *entry = entry_made(&crl_allocator_malloc, &parts);
    assert_true(crl_table_insert(table, entry));
    assert_ptr_equal(crl_table_find(table, hash, 1, corral_str("a")), entry);
    assert_null(crl_table_find(table, hash, 2, corral_str("a")));
    assert_null(crl_table_find(table, hash, 1, corral_str("b")));
    assert_null(crl_table_find(table, hash, 1, corral_str("aa")));
    assert_false(crl_table_remove(table, hash, 2, corral_str("a")));
    assert_true(crl_table_remove(table, hash, 1, corral_str("a")));
    assert_false(crl_table_remove(table, hash, 1, corral_str("a")));
    crl_entry_unref(&crl_allocator_malloc, entry);
    crl_table_free(table);
}

/* As a reader does. */
__attribute__((noinline)) static struct crl_entry *look_up(const struct crl_table_view *view,
                                                           uint64_t hash, uint32_t home,
                                                           struct corral_bytes key)
{
    const struct crl_bucket *bucket = crl_view_bucket(view, hash);
    return bucket != NULL ? crl_bucket_find(bucket, hash, home, key) : NULL;
}

/* Readers find an entry in the epoch that it is good for; the writer, in any. */
static void readers_find_the_present_epoch(void **state)
{
    (void)state;
    struct crl_table *table = make_hashed_table(&crl_allocator_malloc, 1 << 20, 0, HASH_ALL_EQUAL);
    struct entry_parts parts = {.space = 3, .key = corral_str("a")};
    uint64_t hash = hash_key(HASH_ALL_EQUAL, parts.key);
    struct crl_entry *entry = entry_made(&crl_allocator_malloc, &parts);
    assert_true(crl_table_insert(table, entry));
    struct crl_table_view view = crl_table_view(table);
    static const uint32_t epochs[] = {0, 1, 2, 65535, 65536};
    for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++) {
        crl_entry_rehome(entry, crl_home(3, epochs[i]));
        for (uint32_t epoch = 0; epoch < 4; epoch++) {
            bool is_found = look_up(&view, hash, crl_home(3, epoch), parts.key) == entry;
            assert_int_equal(is_found, epoch == (uint16_t)epochs[i]);
        }
        assert_ptr_equal(crl_table_find(table, hash, 3, parts.key), entry);
    }
    crl_entry_unref(&crl_allocator_malloc, entry);
    crl_table_free(table);
}

static bool is_odd(void *arg, const struct crl_entry *entry)
{
    (*(uint32_t *)arg)++;
    return entry->answered_at % 2 == 1;
}

/* So many calls as parts look at everything once, also where the table grows meanwhile; and none
 * looks at much more than its part. */
static void a_sweep_goes_through_all(void **state)
{
    (void)state;
    enum { ENTRIES = 3000, PARTS = 64 };
    struct crl_table *table = make_table(&crl_allocator_malloc, 8 << 20, 4);
    uint64_t at = 0;
    for (uint32_t i = 0; i < ENTRIES; i++)
        must_insert(table, i, i, 1);
    for (uint32_t part = 0; part < PARTS; part++) {
        uint32_t looked_at = 0;
        at = crl_table_sweep(table, at, PARTS, 1, is_odd, &looked_at);
        assert_in_range(looked_at, 1, 4 * ENTRIES / PARTS);
        reclaim(table);
        for (uint32_t i = 0; i < 50; i++)
            must_insert(table, ENTRIES + part * 50 + i, 0, 1);
        crl_table_check(table);
    }
    for (uint32_t i = 0; i < ENTRIES; i++)
        assert_int_equal(find(table, HASH_REAL, i) != NULL, i % 2 == 0);
    crl_table_free(table);
}

/* Short, middle and long keys are compared in different ways; each byte of each must count. */
static void every_byte_of_a_key_counts(void **state)
{
    (void)state;
    static const size_t rows[] = {1, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 100};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[100] = {0};
        struct corral_bytes key = crl_bytes(text, rows[i]);
        struct crl_table *table =
            make_hashed_table(&crl_allocator_malloc, 1 << 20, 0, HASH_ALL_EQUAL);
        struct entry_parts parts = {.space = 1, .key = key};
        uint64_t hash = hash_key(HASH_ALL_EQUAL, key);
        struct crl_entry *entry = entry_made(&crl_allocator_malloc, &parts);
        assert_true(crl_table_insert(table, entry));
        assert_ptr_equal(crl_table_find(table, hash, 1, key), entry);
        assert_null(crl_table_find(table, hash, 0, key));
        assert_null(crl_table_find(table, hash, 1, crl_bytes(text, rows[i] - 1)));
        for (size_t at = 0; at < rows[i]; at++) {
            text[at] = 1;
            if (crl_table_find(table, hash, 1, key) != NULL)
                fail_msg("%zu bytes: byte %zu does not count", rows[i], at);
            text[at] = 0;
        }
        crl_entry_unref(&crl_allocator_malloc, entry);
        crl_table_free(table);
    }
}

/* B2: a reader inside a bucket that is unlinked under its feet must find its way on. */
static void a_pruned_bucket_leads_on(void **state)
{
    (void)state;
    struct crl_allocator *allocator = &crl_allocator_malloc;
    crl_buckets array = crl_buckets_new(allocator, 0);
    struct crl_bucket *chain[3] = {crl_buckets_at(array, 0)};
    for (size_t i = 1; i < 3; i++) {
        assert_non_null(crl_buckets_extend(allocator, array, 0));
        chain[i] = crl_bucket_overflow(chain[i - 1]);
    }
    struct crl_entry *entry = make_entry(allocator, 1, 1, 1);
    crl_slot_publish(&chain[2]->slots[3], entry, 0);
    assert_ptr_equal(crl_buckets_prune(array, 0), chain[1]);
    assert_ptr_equal(crl_bucket_overflow(chain[0]), chain[2]);
    assert_ptr_equal(crl_bucket_overflow(chain[1]), chain[2]);
    assert_null(crl_buckets_prune(array, 0));
    allocator->free(allocator, chain[1], sizeof *chain[1]);
    crl_buckets_free(allocator, array);
    crl_entry_unref(allocator, entry);
}

static void an_entry_keeps_its_parts(void **state)
{
    (void)state;
    char *key = calloc(1, UINT16_MAX);
    struct entry_parts parts = {
        .space = UINT16_MAX,
        .kind = CRL_ENTRY_ABSENT,
        .key = crl_bytes(key, UINT16_MAX),
        .answered_at = -5,
        .fresh_until = INT64_MAX,
        .load_us = INT64_MAX,
    };
    struct crl_entry *entry = entry_made(&crl_allocator_malloc, &parts);
    assert_non_null(entry);
    assert_int_equal(crl_home_space(crl_entry_home(entry)), parts.space);
    assert_true(crl_entry_is_absent(entry));
    assert_true(crl_bytes_equal(crl_entry_key(entry), parts.key));
    assert_int_equal(crl_entry_value(entry).size, 0);
    assert_true(entry->answered_at == -5 && entry->fresh_until == INT64_MAX);
    assert_int_equal(entry->load_us, UINT32_MAX);
    assert_false(crl_entry_is_quiet(entry, INT64_MAX));
    assert_true(crl_entry_is_quiet(entry, INT64_MAX - 1));
    crl_entry_unref(&crl_allocator_malloc, entry);
    free(key);
}

/* Every part of an entry that a copy elsewhere must have, with each bit set somewhere. */
static void a_copy_is_the_same_entry(void **state)
{
    (void)state;
    static const enum crl_entry_kind kinds[] = {CRL_ENTRY_VALUE, CRL_ENTRY_ABSENT};
    for (size_t i = 0; i < 2; i++) {
        size_t size = kinds[i] == CRL_ENTRY_VALUE ? 100 : 0;
        struct crl_entry *entry = crl_entry_draft(&crl_allocator_malloc, 3, size, size ? 7 : 0);
        memset(crl_entry_value_room(entry), 'v', size);
        if (size > 0)
            memset(crl_entry_meta_room(entry), 'm', 7);
        crl_entry_stamp(entry, &(struct crl_entry_stamp){.home = crl_home(7, 9),
                                                         .kind = kinds[i],
                                                         .key = corral_str("key"),
                                                         .answered_at = 11,
                                                         .quiet_until = 12,
                                                         .fresh_until = 13,
                                                         .load_us = 14,
                                                         .is_used = true});
        crl_table_touch(entry);
        (void)crl_entry_mark(entry, CRL_MARK_ASKED | CRL_MARK_LINKED); /* the second is its own */
        void *block = crl_allocator_malloc.alloc(&crl_allocator_malloc, crl_entry_bytes(entry));
        struct crl_entry *copy = crl_entry_copy(block, entry);
        assert_int_equal(crl_entry_home(copy), crl_home(7, 9));
        assert_int_equal(crl_entry_kind(copy), kinds[i]);
        assert_true(copy->answered_at == 11 && copy->quiet_until == 12 && copy->fresh_until == 13 &&
                    copy->load_us == 14);
        assert_int_equal(copy->marks, CRL_MARK_VISITED | CRL_MARK_USED | CRL_MARK_ASKED);
        assert_int_equal(copy->refs, 1);
        assert_true(crl_bytes_equal(crl_entry_key(copy), corral_str("key")));
        assert_true(crl_bytes_equal(crl_entry_value(copy), crl_entry_value(entry)));
        assert_true(crl_bytes_equal(crl_entry_meta(copy), crl_entry_meta(entry)));
        assert_int_equal(crl_entry_meta(copy).size, size ? 7 : 0);
        assert_int_equal(crl_entry_value(copy).size, size);
        crl_entry_unref(&crl_allocator_malloc, entry);
        crl_entry_unref(&crl_allocator_malloc, copy);
    }
}

/* Eviction moves memory to limbo and frees none: where limbo is full, an insert waits for readers
 * and empties it, also of a batch that is out. */
static void a_full_limbo_is_waited_out(void **state)
{
    (void)state;
    struct watched memory = watched(0);
    struct crl_table *table = make_table(&memory.base, ROOM_FOR(BUCKET + BLOCK(4)), 0);
    waits = 0;
    assert_true(insert(table, &memory.base, 0, 1, 4));
    assert_false(crl_table_limbo_is_due(table));
    assert_int_equal(waits, 0);
    assert_true(insert(table, &memory.base, 0, 2, 4));
    assert_int_equal(waits, 1);
    assert_int_equal(crl_table_counts(table).limbo_bytes, 0);

    assert_true(remove_key(table, HASH_REAL, 0));
    assert_true(crl_table_limbo_is_due(table));
    struct crl_limbo *limbo = crl_table_limbo_take(table);
    assert_non_null(limbo);
    assert_null(crl_table_limbo_take(table));
    assert_false(crl_table_limbo_is_due(table));
    assert_true(insert(table, &memory.base, 0, 3, 4)); /* it still counts */
    assert_int_equal(waits, 2);
    crl_table_limbo_drop(table, limbo);

    assert_int_equal(find(table, HASH_REAL, 0)->answered_at, 3);
    crl_table_check(table);
    crl_table_free(table);
    assert_int_equal(memory.bytes, 0);
}

/* Who fills a table faster than it is reclaimed gets no crowded buckets for ever. */
static void growing_waits_for_no_reclaim(void **state)
{
    (void)state;
    enum { ENTRIES = 20000 };
    struct crl_table *table = make_table(&crl_allocator_malloc, 16 << 20, 64);
    size_t entry_bytes = 0;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        must_insert(table, i, 1, 1);
        entry_bytes += crl_entry_bytes(find(table, HASH_REAL, i));
    }
    struct crl_table_counts counts = crl_table_counts(table);
    /* A shard doubles when its buckets have five entries each. */
    assert_true(counts.bytes - counts.limbo_bytes - entry_bytes >= ENTRIES / 5 * BUCKET);
    crl_table_check(table);
    crl_table_free(table);
}

/* A value of nearly the whole budget is kept, and so is the one that replaces it. */
static void a_large_value_is_kept(void **state)
{
    (void)state;
    struct watched memory = watched(0);
    struct crl_table *table = make_table(&memory.base, 1000, 1);
    for (uint32_t serial = 1; serial <= 20; serial++) {
        assert_true(insert(table, &memory.base, serial % 3, serial, 64));
        assert_int_equal(find(table, HASH_REAL, serial % 3)->answered_at, serial);
        crl_table_check(table);
        assert_true(insert(table, &memory.base, serial % 3, serial + 100, 64));
        assert_int_equal(find(table, HASH_REAL, serial % 3)->answered_at, serial + 100);
        crl_table_check(table);
    }
    assert_int_equal(crl_table_counts(table).evictions, 19);
    crl_table_free(table);
    assert_int_equal(memory.bytes, 0);
}

/* A refresh that fits must not push itself out, nor lose its place. */
static void a_replacement_keeps_place_and_mark(void **state)
{
    (void)state;
    struct crl_allocator *allocator = &crl_allocator_malloc;
    struct crl_table *table =
        make_table(allocator, ROOM_FOR(BUCKET * 3 + 3 * crl_entry_block_bytes(5, 256)), 1);
    for (uint32_t i = 0; i < 3; i++)
        must_insert(table, i, 1, 32);
    crl_table_touch(find(table, HASH_REAL, 1));
    for (uint32_t i = 0; i < 3; i++) {
        must_insert(table, i, 2, 1);
        reclaim(table);
    }
    assert_int_equal(crl_table_counts(table).evictions, 0);
    for (uint32_t i = 0; i < 3; i++)
        must_insert(table, i, 3, 32);
    assert_int_equal(crl_table_counts(table).evictions, 0);

    must_insert(table, 3, 1, 32); /* 0 is still the oldest, so it goes first */
    assert_null(find(table, HASH_REAL, 0));
    must_insert(table, 4, 1, 32); /* 1 is still marked, so 2 goes next */
    assert_non_null(find(table, HASH_REAL, 1));
    assert_null(find(table, HASH_REAL, 2));
    crl_table_free(table);
}

static void an_impossible_entry_evicts_nobody(void **state)
{
    (void)state;
    struct crl_table *table = make_table(&crl_allocator_malloc, 600, 1);
    assert_true(insert(table, &crl_allocator_malloc, 0, 1, 4));
    assert_false(insert(table, &crl_allocator_malloc, 1, 1, 64));
    assert_non_null(find(table, HASH_REAL, 0));
    assert_int_equal(crl_table_counts(table).evictions, 0);
    crl_table_free(table);
}

/* ------------------------------------------------------------------------------------ the model */

#define KEYS 300

/* A naive map, and a naive order of eviction: arrays in order of insertion, oldest first; an index
 * into the main one; and every hash that was ever pushed out of the small one. */
struct queue {
    uint32_t keys[KEYS];
    uint32_t n;
};

struct model {
    uint32_t serials[KEYS]; /* 0: not linked */
    size_t bytes[KEYS];     /* of its block */
    bool marks[KEYS];
    bool is_small[KEYS];
    bool was_pushed_out[UINT16_MAX + 1];
    struct queue small, main;
    uint32_t hand;
};

static uint32_t queue_place(const struct queue *queue, uint32_t key)
{
    uint32_t i = 0;
    while (queue->keys[i] != key)
        i++;
    return i;
}

static uint32_t queue_remove(struct queue *queue, uint32_t key)
{
    uint32_t place = queue_place(queue, key);
    queue->n--;
    for (uint32_t i = place; i < queue->n; i++)
        queue->keys[i] = queue->keys[i + 1];
    return place;
}

static void model_remove(struct model *model, uint32_t key)
{
    if (model->is_small[key]) {
        (void)queue_remove(&model->small, key);
    } else {
        uint32_t place = queue_remove(&model->main, key);
        model->hand -= model->hand > place;
        if (model->hand == model->main.n) /* off the newest end: back to the oldest */
            model->hand = 0;
    }
    model->serials[key] = 0;
    model->marks[key] = model->is_small[key] = false;
}

static size_t model_small_bytes(const struct model *model)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < model->small.n; i++)
        bytes += model->bytes[model->small.keys[i]];
    return bytes;
}

static bool has_another(const struct queue *queue, uint32_t spared)
{
    return queue->n > (queue->n > 0 && queue->keys[0] == spared);
}

/* Returns whether an entry of the small queue has gone; else one has moved on. */
static bool small_evict(struct model *model, uint32_t spared, uint16_t (*tag_of)(uint32_t key))
{
    uint32_t key = model->small.keys[model->small.keys[0] == spared];
    if (!model->marks[key]) {
        model->was_pushed_out[tag_of(key)] = true;
        model_remove(model, key);
        return true;
    }
    (void)queue_remove(&model->small, key);
    model->marks[key] = model->is_small[key] = false;
    model->main.keys[model->main.n++] = key;
    return false;
}

static void main_evict(struct model *model, uint32_t spared)
{
    for (;; model->hand = (model->hand + 1) % model->main.n) {
        uint32_t key = model->main.keys[model->hand];
        if (key == spared)
            continue;
        if (!model->marks[key])
            break;
        model->marks[key] = false;
    }
    model_remove(model, model->main.keys[model->hand]);
}

static void model_evict(struct model *model, uint32_t spared, size_t small_max,
                        uint16_t (*tag_of)(uint32_t key))
{
    while (has_another(&model->small, spared) &&
           (model_small_bytes(model) > small_max || !has_another(&model->main, spared)))
        if (small_evict(model, spared, tag_of))
            return;
    main_evict(model, spared);
}

/* Whether the table remembered it is not for the model to say; only that it may have. */
static void model_insert(struct model *model, uint32_t key, uint32_t serial,
                         const struct crl_entry *entry, uint16_t tag)
{
    if (model->serials[key] == 0) {
        model->is_small[key] = crl_entry_has(entry, CRL_MARK_SMALL);
        assert_true(model->is_small[key] || model->was_pushed_out[tag]);
        struct queue *queue = model->is_small[key] ? &model->small : &model->main;
        queue->keys[queue->n++] = key;
    }
    assert_int_equal(crl_entry_has(entry, CRL_MARK_SMALL), model->is_small[key]);
    model->serials[key] = serial;
    model->bytes[key] = crl_entry_bytes(entry);
}

/* -------------------------------------------------------------------------- the law, many times */

struct run {
    enum hashing hashing;
    struct watched memory;
    struct crl_table *table;
    struct model model;
    struct crl_limbo *out;
    struct crl_rng rng;
    uint32_t keys;
    size_t words_max;
    size_t memory_bytes;
};

static enum hashing tags_by;

static uint16_t tag_of(uint32_t key)
{
    struct name name;
    name_key(&name, key);
    uint16_t tag = (uint16_t)(hash_key(tags_by, name.key) >> 32);
    return tag != 0 ? tag : 1; /* as ghosts keep it */
}

static void compare(struct run *run)
{
    for (uint32_t key = 0; key < run->keys; key++) {
        const struct crl_entry *entry = find(run->table, run->hashing, key);
        assert_int_equal(entry != NULL ? (uint32_t)entry->answered_at : 0, run->model.serials[key]);
        assert_true(entry == NULL || is_sound(entry, key));
        assert_true(entry == NULL ||
                    crl_entry_has(entry, CRL_MARK_VISITED) == run->model.marks[key]);
    }
    crl_table_check(run->table);
    struct crl_table_counts counts = crl_table_counts(run->table);
    assert_true(counts.bytes <= run->memory_bytes);
    assert_int_equal(counts.entries, run->model.small.n + run->model.main.n);
}

static void step_insert(struct run *run, uint32_t key, uint32_t serial)
{
    size_t words = crl_rng_below(&run->rng, run->words_max + 1);
    struct crl_table_counts before = crl_table_counts(run->table);
    struct crl_entry *entry = make_entry(&run->memory.base, key, serial, words);
    change_begin(&run->memory);
    waiting = &run->memory;
    bool linked = crl_table_insert(run->table, entry);
    waiting = NULL;
    change_end(&run->memory);
    struct crl_table_counts after = crl_table_counts(run->table);
    bool was_linked = run->model.serials[key] != 0;
    size_t small_max = (run->memory_bytes - run->memory_bytes / 64) / 10;
    for (uint64_t i = before.evictions; i < after.evictions; i++)
        model_evict(&run->model, was_linked ? key : UINT32_MAX, small_max, tag_of);
    if (linked)
        model_insert(&run->model, key, serial, entry, tag_of(key));
    else if (was_linked)
        model_remove(&run->model, key);
    crl_entry_unref(&run->memory.base, entry);
    if (after.evictions > before.evictions) /* not without need; 64 buckets of a growing shard */
        assert_true(before.bytes - before.limbo_bytes + words * 8 + 8192 > run->memory_bytes / 2);
}

static void step(struct run *run, uint32_t serial)
{
    uint32_t key = (uint32_t)crl_rng_below(&run->rng, run->keys);
    uint64_t lot = crl_rng_below(&run->rng, 100);
    struct crl_entry *entry = find(run->table, run->hashing, key);
    if (lot < 50) {
        step_insert(run, key, serial);
    } else if (lot < 60) {
        change_begin(&run->memory);
        assert_int_equal(remove_key(run->table, run->hashing, key), entry != NULL);
        change_end(&run->memory);
        if (entry != NULL)
            model_remove(&run->model, key);
    } else if (lot < 80) {
        if (entry != NULL)
            crl_table_touch(entry);
        run->model.marks[key] = entry != NULL;
    } else if (lot < 90 && run->out == NULL) {
        run->out = crl_table_limbo_take(run->table);
    } else if (run->out != NULL) {
        crl_table_limbo_drop(run->table, run->out);
        run->out = NULL;
    }
}

/* The seed draws the kind of run first: hashing, budget, sizes, shards. */
static void random_run(uint64_t seed)
{
    struct run run = {.rng = crl_rng_split(seed, "table"), .memory = watched(0)};
    run.hashing = tags_by = (enum hashing)crl_rng_below(&run.rng, HASHINGS);
    run.keys = 1 + (uint32_t)crl_rng_below(&run.rng, KEYS);
    run.words_max = crl_rng_below(&run.rng, 65);
    run.memory_bytes = crl_rng_below(&run.rng, UINT64_C(1) << crl_rng_below(&run.rng, 18));
    run.table = make_hashed_table(&run.memory.base, run.memory_bytes,
                                  UINT32_C(1) << crl_rng_below(&run.rng, 6), run.hashing);
    for (uint32_t serial = 1; serial <= 1500; serial++) {
        step(&run, serial);
        if (serial % 50 == 0)
            compare(&run);
    }
    crl_table_free(run.table);
    assert_int_equal(run.memory.bytes, 0);
}

static void random_operations_match_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= DRAWS(300); seed++) {
        print_message("# seed %llu\n", (unsigned long long)seed);
        random_run(seed);
    }
}

/* ------------------------------------------------------------------------------- the n-th fault */

/* Everything that allocates: the table, first buckets, overflow, growing. False: a fault showed. */
static bool fault_script(struct watched *memory, enum hashing hashing)
{
    struct crl_table *table = NULL;
    struct crl_table_config config = {.memory_bytes = 1 << 20,
                                      .allocator = &memory->base,
                                      .hashing = {hashing, hash_seeded},
                                      .shards = 2};
    int rc = crl_table_new(&config, &table);
    if (rc != 0) {
        assert_int_equal(rc, CORRAL_ENOMEM);
        return false;
    }
    bool untouched = true;
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t key = i % 40;
        bool linked = insert(table, &memory->base, key, i + 1, 1 + i % 3);
        const struct crl_entry *entry = find(table, hashing, key);
        /* Refused, or found; an older one may be there if not even the entry could be made. */
        assert_true(!linked || (entry != NULL && entry->answered_at == i + 1));
        untouched &= linked;
        if (i % 16 == 0)
            reclaim(table);
        crl_table_check(table);
    }
    crl_table_free(table);
    return untouched;
}

static void the_nth_allocation_fails(void **state)
{
    (void)state;
    for (enum hashing hashing = HASH_REAL; hashing < HASHINGS; hashing++) {
        for (uint64_t n = 1;; n++) {
            struct watched memory = watched(n);
            fault_script(&memory, hashing);
            assert_int_equal(memory.bytes, 0);
            if (memory.calls < n) {
                assert_true(n > 60);
                break;
            }
        }
    }
}

/* --------------------------------------------------------------------------------- many readers */

#define STABLE 100 /* keys below are always linked, and refreshed again and again */
#define FLYING 400 /* keys below come and go */

struct shared {
    struct crl_table *table;
    struct watched memory;
    enum hashing hashing;
    _Atomic bool done;
    _Atomic uint64_t missed, unsound;
};

/* A value can be kept beyond the read section by a reference. */
static void keep_and_check(struct shared *shared, struct crl_entry *entry, uint32_t key)
{
    crl_entry_ref(entry);
    crl_read_unlock();
    shared->unsound += !is_sound(entry, key);
    crl_entry_unref(&shared->memory.base, entry);
    crl_read_lock();
}

static void *reader(void *arg)
{
    struct shared *shared = arg;
    struct crl_rng rng = crl_rng_split((uintptr_t)&rng, "reader");
    while (!shared->done) {
        uint32_t key = (uint32_t)crl_rng_below(&rng, FLYING);
        crl_read_lock();
        struct crl_entry *entry = find(shared->table, shared->hashing, key);
        if (entry != NULL) {
            crl_table_touch(entry);
            shared->unsound += !is_sound(entry, key);
            if (key % 8 == 0)
                keep_and_check(shared, entry, key);
        } else {
            shared->missed += key < STABLE;
        }
        crl_read_unlock();
    }
    return NULL;
}

static void reclaim_after_grace(struct crl_table *table)
{
    struct crl_limbo *limbo = crl_table_limbo_take(table);
    if (limbo == NULL)
        return;
    crl_rcu_wait();
    crl_table_limbo_drop(table, limbo);
}

static void write_at_random(struct shared *shared, uint32_t writes)
{
    struct crl_rng rng = crl_rng_split(1, "writer");
    for (uint32_t serial = 2; serial < writes; serial++) {
        uint32_t key = (uint32_t)crl_rng_below(&rng, FLYING);
        if (key >= STABLE && crl_rng_below(&rng, 2))
            remove_key(shared->table, shared->hashing, key);
        else
            assert_true(insert(shared->table, &shared->memory.base, key, serial, 1 + serial % 8));
        if (serial % 256 == 0 || crl_table_limbo_is_due(shared->table))
            reclaim_after_grace(shared->table);
    }
}

static void concurrent_run(enum hashing hashing, size_t memory_bytes, uint32_t writes)
{
    struct shared shared = {.memory = watched(0), .hashing = hashing};
    shared.table = make_hashed_table(&shared.memory.base, memory_bytes, 4, hashing);
    for (uint32_t key = 0; key < STABLE; key++)
        assert_true(insert(shared.table, &shared.memory.base, key, 1, 1));
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, &shared), 0);
    write_at_random(&shared, writes);
    shared.done = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    crl_table_check(shared.table);
    crl_table_free(shared.table);
    assert_int_equal(shared.unsound, 0);
    assert_int_equal(shared.missed, 0);
    assert_int_equal(shared.memory.bytes, 0);
}

static void readers_find_what_is_linked(void **state)
{
    (void)state;
    for (enum hashing hashing = HASH_REAL; hashing < HASHINGS; hashing++)
        concurrent_run(hashing, 1 << 20, DRAWS(20000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(an_entry_keeps_its_parts),
        cmocka_unit_test(a_copy_is_the_same_entry),
        cmocka_unit_test(readers_find_the_present_epoch),
        cmocka_unit_test(a_sweep_goes_through_all),
        cmocka_unit_test(growing_waits_for_no_reclaim),
        cmocka_unit_test(the_key_is_space_and_bytes),
        cmocka_unit_test(every_byte_of_a_key_counts),
        cmocka_unit_test(a_pruned_bucket_leads_on),
        cmocka_unit_test(budget_rows),
        cmocka_unit_test(a_full_limbo_is_waited_out),
        cmocka_unit_test(a_large_value_is_kept),
        cmocka_unit_test(a_replacement_keeps_place_and_mark),
        cmocka_unit_test(an_impossible_entry_evicts_nobody),
        cmocka_unit_test(random_operations_match_the_model),
        cmocka_unit_test(the_nth_allocation_fails),
        cmocka_unit_test(readers_find_what_is_linked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
