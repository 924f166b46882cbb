/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what a table takes of the system stays within its budget, however the sizes of values
 *         shift, and what is hot survives that; readers notice nothing when entries are moved.
 * Method: phases of growing and shrinking values, with entries that are hit all the time among
 *         them, so that no page empties by itself; what the arenas hold is asked after each insert,
 *         and the kernel in the end. Sizes of all magnitudes at once, and how much of the budget is
 *         used. Then seeded random sizes, with values that the program keeps; and readers under RCU
 *         who check each byte while entries move. In sanitizer builds each block is its own: there
 *         the same runs look for what is used after it was freed. */
#include "base/hash.h"
#include "base/rng.h"
#include "core/table.h"
#include "lib/rcu.h"
#include "memory/arena.h"

#include "../helper/draws.h"
#include "../helper/entries.h"
#include "../helper/policy.h"

#include <corral/corral.h>

#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

/* What the kernel says of a sanitizer's process is not about us. */
#ifdef CRL_SANITIZED
#define IS_PLAIN false
#else
#define IS_PLAIN true
#endif

/* -------------------------------------------------------------------------------------- a table */

struct room {
    size_t memory_bytes;
    struct crl_allocator *arena, *buckets;
    struct crl_table *table;
};

static struct room room_open(size_t memory_bytes)
{
    struct room room = {.memory_bytes = memory_bytes};
    assert_int_equal(crl_arena_new(memory_bytes, CRL_ARENA_ENTRIES, &room.arena), 0);
    assert_int_equal(crl_arena_new(memory_bytes, CRL_ARENA_BUCKETS, &room.buckets), 0);
    struct crl_table_config config = {.memory_bytes = memory_bytes,
                                      .allocator = room.arena,
                                      .bucket_allocator = room.buckets,
                                      .hashing = {.seed = 1},
                                      .wait_for_readers = crl_rcu_wait};
    assert_int_equal(crl_table_new(&config, &room.table), 0);
    return room;
}

/* Under AddressSanitizer each block is its own, and nothing is moved. */
static bool is_paged(const struct room *room)
{
    return room->arena->real->block_bytes(room->arena, 1) > 1;
}

static void room_close(struct room *room)
{
    crl_table_check(room->table);
    crl_table_free(room->table);
    crl_arena_release(room->arena);
    crl_arena_release(room->buckets);
}

/* The value of a key is its number, again and again. */
static struct crl_entry *entry_new(struct room *room, uint64_t number, size_t size)
{
    uint64_t *value = malloc(size);
    for (size_t i = 0; i < size / 8; i++)
        value[i] = number;
    struct entry_parts parts = {.key = crl_bytes(&number, sizeof number),
                                .value = crl_bytes(value, size / 8 * 8)};
    struct crl_entry *entry = entry_made(room->arena, &parts);
    free(value);
    assert_non_null(entry);
    return entry;
}

static struct crl_entry *find(const struct room *room, uint64_t number)
{
    struct corral_bytes key = crl_bytes(&number, sizeof number);
    return crl_table_find(room->table, crl_hash(1, 0, key), 0, key);
}

static bool is_sound(const struct crl_entry *entry, uint64_t number)
{
    struct corral_bytes value = crl_entry_value(entry);
    for (size_t at = 0; at < value.size; at += 8)
        if (memcmp((const char *)value.data + at, &number, 8) != 0)
            return false;
    return true;
}

/* As the library does after each change. */
static void reclaim_if_due(struct room *room)
{
    if (!crl_table_limbo_is_due(room->table))
        return;
    struct crl_limbo *limbo = crl_table_limbo_take(room->table);
    crl_rcu_wait();
    crl_table_limbo_drop(room->table, limbo);
}

/* Returns whether it was kept; then the budget holds. */
static bool insert(struct room *room, uint64_t number, size_t size)
{
    struct crl_entry *entry = entry_new(room, number, size);
    bool linked = crl_table_insert(room->table, entry);
    crl_entry_unref(room->arena, entry);
    reclaim_if_due(room);
    size_t held = crl_table_counts(room->table).held_bytes;
    if (linked && held > room->memory_bytes)
        fail_msg("a value of %zu bytes: %zu bytes held, %zu allowed", size, held,
                 room->memory_bytes);
    return linked;
}

static size_t resident_bytes(void)
{
    unsigned long pages = 0, all = 0;
    malloc_trim(0); /* what malloc keeps of earlier tests is not ours */
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &all, &pages), 2);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* --------------------------------------------------------------------------------------- phases */

/* Every so many-th entry of the first phase is hit all the time. */
#define HOT_EVERY 100
#define HOT_FIRST 1000000000

static uint32_t touch_hot(const struct room *room, uint32_t hot_n)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < hot_n; i++) {
        struct crl_entry *entry = find(room, HOT_FIRST + i);
        if (entry == NULL)
            continue;
        assert_true(is_sound(entry, HOT_FIRST + i));
        crl_table_touch(entry);
        found++;
    }
    return found;
}

/* As much as fits, in values of about one size. */
static void phase(struct room *room, uint64_t *number, size_t size, uint32_t hot_n)
{
    size_t n = room->memory_bytes / (size + 80);
    for (size_t i = 0; i < n; i++) {
        if (i % (n / 20 + 1) == 0)
            touch_hot(room, hot_n);
        assert_true(insert(room, (*number)++, size + i % 7 * 8));
    }
}

/* Every step-th of the sizes: a large budget takes longer to fill. */
static void shifting_sizes(size_t memory_bytes, size_t step)
{
    static const size_t sizes[] = {
        200, 296,   1000,      2000, 5000,     12000, 9000,    60 * KIB, 40000, 70 * KIB,
        400, 20000, 100 * KIB, 104,  30 * KIB, 800,   3 * MIB, 5 * MIB,  104,
    };
    size_t before = resident_bytes();
    struct room room = room_open(memory_bytes);
    uint64_t number = 0;
    uint32_t hot_n = 0;
    for (size_t i = 0; i < memory_bytes / 200; i++) {
        bool is_hot = i % HOT_EVERY == 0;
        assert_true(insert(&room, is_hot ? HOT_FIRST + hot_n++ : number++, 104));
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i] > memory_bytes / 3 || i % step != 0)
            continue;
        phase(&room, &number, sizes[i], hot_n);
        size_t resident = resident_bytes() - before;
        if (IS_PLAIN && resident > memory_bytes + 2 * MIB) /* the program's own */
            fail_msg("values of %zu bytes: %zu KiB resident, %zu allowed", sizes[i], resident / KIB,
                     memory_bytes / KIB);
    }
    crl_table_check(room.table);
    if (is_paged(&room)) {
        assert_true(crl_table_counts(room.table).moves > 0);
        uint32_t found = touch_hot(&room, hot_n);
        if (found < hot_n * 9 / 10)
            fail_msg("%zu KiB: %u of %u hot entries are left", memory_bytes / KIB, found, hot_n);
    }
    room_close(&room);
}

static void shifting_sizes_stay_within_the_budget(void **state)
{
    (void)state;
    shifting_sizes(2 * MIB, 1); /* small pages */
    if (!IS_PLAIN)
        return;
    shifting_sizes(16 * MIB, 3); /* middle ones */
    shifting_sizes(64 * MIB, 6); /* large ones, on huge pages */
}

/* ---------------------------------------------------------------------------------- mixed sizes */

/* All magnitudes of sizes at once, so that nearly every class of blocks is in use. */
static void mixed_sizes_use_the_budget(void **state)
{
    (void)state;
    static const size_t rows[] = {1 * MIB, 2 * MIB, 4 * MIB, 8 * MIB, 16 * MIB, 32 * MIB, 64 * MIB};
    for (size_t i = 0; IS_PLAIN && i < sizeof rows / sizeof *rows; i++) {
        struct crl_rng rng = crl_rng_split(i, "mixed sizes");
        struct room room = room_open(rows[i]);
        size_t inserted = 0, least = SIZE_MAX;
        for (uint64_t number = 0; inserted < 3 * rows[i]; number++) {
            size_t size = crl_rng_below(&rng, UINT64_C(64) << crl_rng_below(&rng, 8));
            assert_true(insert(&room, number, size));
            inserted += size + 64;
            size_t used = crl_table_counts(room.table).bytes;
            if (inserted > rows[i] && used < least)
                least = used;
        }
        if (least < rows[i] / 4 * 3)
            fail_msg("%zu KiB: only %zu KiB used", rows[i] / KIB, least / KIB);
        room_close(&room);
    }
}

/* The engine serves everyone, so what one insert may do does not grow with the budget. */
static void a_large_budget_makes_no_long_pauses(void **state)
{
    (void)state;
    if (!IS_PLAIN)
        return;
    struct crl_rng rng = crl_rng_split(1, "at once");
    struct room room = room_open(128 * MIB);
    size_t inserted = 0;
    uint64_t before = 0, most = 0;
    for (uint64_t number = 0; inserted < room.memory_bytes * 5 / 4; number++) {
        size_t size = inserted < room.memory_bytes ? 32 : 512;
        size += crl_rng_below(&rng, 2 * size);
        assert_true(insert(&room, number, size));
        inserted += size + 64;
        struct crl_table_counts counts = crl_table_counts(room.table);
        uint64_t done = counts.moves + counts.evictions;
        most = done - before > most ? done - before : most;
        before = done;
        struct crl_entry *entry = find(&room, crl_rng_below(&rng, number + 1));
        if (entry != NULL)
            crl_table_touch(entry);
    }
    assert_true(crl_table_counts(room.table).moves > 0);
    assert_in_range(most, 1, 15000); /* moved or evicted */
    room_close(&room);
}

/* A value that the program holds keeps its page, and what is free in it is out of use; but that
 * does not count against those who are still in the table, up to a quarter of the budget. */
static void held_values_do_not_push_the_others_out(void **state)
{
    (void)state;
    uint64_t left[2];
    for (int is_held = 0; is_held < 2; is_held++) {
        struct room room = room_open(4 * MIB);
        struct crl_entry *held[64] = {0};
        uint64_t number = 0;
        for (; number < 4 * MIB / 200; number++)
            assert_true(insert(&room, number, 104));
        for (uint64_t i = 0; is_held && i < 64; i++) {
            held[i] = find(&room, i * (number / 64));
            if (held[i] != NULL)
                crl_entry_ref(held[i]);
        }
        for (size_t i = 0; i < 2 * 4 * MIB / 1100; i++)
            assert_true(insert(&room, number++, 1000));
        left[is_held] = crl_table_counts(room.table).entries;
        crl_table_check(room.table);
        for (uint64_t i = 0; i < 64; i++)
            if (held[i] != NULL)
                crl_entry_unref(room.arena, held[i]);
        assert_int_equal(room.arena->real->use(room.arena).abandoned_bytes, 0);
        room_close(&room);
    }
    if (left[1] < left[0] * 9 / 10)
        fail_msg("%llu entries while 64 values are held, %llu without", (unsigned long long)left[1],
                 (unsigned long long)left[0]);
}

/* Arrays of many sizes are outgrown while tiny entries fill the budget; what they leave free is
 * given back when others need it. */
static void outgrown_buckets_are_given_back(void **state)
{
    (void)state;
    if (!IS_PLAIN)
        return;
    struct room room = room_open(64 * MIB);
    uint64_t number = 0;
    for (; number < room.memory_bytes / 64; number++)
        assert_true(insert(&room, number, 0));
    for (size_t i = 0; i < room.memory_bytes / 1000; i++)
        assert_true(insert(&room, number++, 1800));
    struct crl_memory_use use = room.buckets->real->use(room.buckets);
    assert_in_range(use.held_bytes - use.living_bytes, 0, room.memory_bytes / 24);
    room_close(&room);
}

/* -------------------------------------------------------------------------- the law, many times */

#define KEPT 8 /* values that the program holds */

static size_t any_size(struct crl_rng *rng, size_t memory_bytes)
{
    size_t size = 8 + crl_rng_below(rng, UINT64_C(1) << (4 + crl_rng_below(rng, 16)));
    return size < memory_bytes / 2 ? size : 8;
}

static void random_run(uint64_t seed)
{
    struct crl_rng rng = crl_rng_split(seed, "real memory");
    struct room room = room_open(KIB << crl_rng_below(&rng, 13)); /* to 4 MiB */
    struct crl_entry *kept[KEPT] = {0};
    for (uint32_t i = 0; i < 3000; i++) {
        uint64_t number = crl_rng_below(&rng, 2000);
        struct crl_entry *entry = find(&room, number);
        assert_true(entry == NULL || is_sound(entry, number));
        uint64_t place = crl_rng_below(&rng, 10 * KEPT);
        if (entry != NULL && place < KEPT) {
            crl_entry_ref(entry);
            if (kept[place] != NULL)
                crl_entry_unref(room.arena, kept[place]);
            kept[place] = entry;
        } else if (entry != NULL && place % 2) {
            crl_table_touch(entry);
        } else {
            (void)insert(&room, number, any_size(&rng, room.memory_bytes));
        }
        if (i % 500 == 0)
            crl_table_check(room.table);
    }
    for (uint32_t i = 0; i < KEPT; i++)
        if (kept[i] != NULL)
            crl_entry_unref(room.arena, kept[i]);
    room_close(&room);
}

static void random_sizes_stay_within_the_budget(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= DRAWS(40); seed++) {
        print_message("# seed %llu\n", (unsigned long long)seed);
        random_run(seed);
    }
}

/* -------------------------------------------------------------------------------------- readers */

struct shared {
    struct room room;
    _Atomic bool done;
    _Atomic uint64_t unsound, found;
};

static void *reader(void *arg)
{
    struct shared *shared = arg;
    struct crl_rng rng = crl_rng_split((uintptr_t)pthread_self(), "reader");
    while (!shared->done) {
        uint64_t number = crl_rng_below(&rng, 3000);
        crl_read_lock();
        struct crl_entry *entry = find(&shared->room, number);
        if (entry != NULL) {
            crl_table_touch(entry);
            shared->unsound += !is_sound(entry, number);
            shared->found++;
        }
        crl_read_unlock();
    }
    return NULL;
}

static void readers_notice_no_move(void **state)
{
    (void)state;
    struct shared shared = {.room = room_open(1 * MIB)};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, &shared), 0);
    for (uint64_t number = 0; number < DRAWS(20000); number++) /* sizes shift, slowly */
        assert_true(insert(&shared.room, number % 3000, 48 + number / DRAWS(2000) * 80));
    shared.done = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shared.unsound, 0);
    assert_true(shared.found > 0);
    assert_true(!is_paged(&shared.room) || crl_table_counts(shared.room.table).moves > 0);
    room_close(&shared.room);
}

/* ---------------------------------------------------------------------------------- the library */

static void no_loader(void *arg, struct corral_load *load)
{
    (void)arg;
    corral_load_fail(load, "everything is put here");
}

/* Puts of 5 MiB into a full cache of 64 MiB: each is kept. */
static void a_full_cache_keeps_large_values(void **state)
{
    (void)state;
    struct corral_cache *cache;
    struct corral_origin *origin;
    struct corral_space *space;
    struct corral_origin_options asks = {.size = sizeof asks, .name = "o", .loader = no_loader};
    struct corral_space_options keeps = {
        .size = sizeof keeps, .name = "s", .policy = POLICY(.ttl_us = CORRAL_SECONDS(3600))};
    assert_int_equal(corral_open(NULL, &cache), 0);
    assert_int_equal(corral_origin_add(cache, &asks, &origin), 0);
    keeps.origin = origin;
    assert_int_equal(corral_space_add(cache, &keeps, &space), 0);
    char *value = calloc(1, 5 * MIB);
    size_t before = resident_bytes();
    for (uint32_t i = 0; i < 3000; i++)
        assert_int_equal(corral_put(space, crl_bytes(&i, sizeof i), crl_bytes(value, 32 * KIB)), 0);
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t key = 1000000 + i % 3;
        struct corral_bytes name = crl_bytes(&key, sizeof key);
        memcpy(value, &i, sizeof i);
        assert_int_equal(corral_put(space, name, crl_bytes(value, 5 * MIB)), 0);
        uint32_t first;
        size_t size;
        assert_int_equal(corral_read(space, name, &first, sizeof first, &size), CORRAL_HIT);
        assert_true(first == i && size == 5 * MIB);
    }
    if (IS_PLAIN)
        assert_in_range(resident_bytes() - before, 20 * MIB, 68 * MIB);
    free(value);
    assert_int_equal(corral_close(cache), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shifting_sizes_stay_within_the_budget),
        cmocka_unit_test(mixed_sizes_use_the_budget),
        cmocka_unit_test(a_large_budget_makes_no_long_pauses),
        cmocka_unit_test(held_values_do_not_push_the_others_out),
        cmocka_unit_test(outgrown_buckets_are_given_back),
        cmocka_unit_test(random_sizes_stay_within_the_budget),
        cmocka_unit_test(readers_notice_no_move),
        cmocka_unit_test(a_full_cache_keeps_large_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
