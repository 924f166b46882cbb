/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what is kept is what the order of eviction says, at any budget; and no call of the table
 *         takes long, whatever the table holds.
 * Method: drawn traces that are hard for some order of eviction, replayed against a table with its
 *         arenas and against a plain model of the same order; budgets in small steps. Then a
 *         million entries, of which all were hit, or among which a large value comes: what each
 *         call does is counted in evictions, moves and marks taken away, never in time. */
#include "core/eviction.h"
#include "core/ghosts.h"

#include "../helper/drawn.h"
#include "../helper/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

/* Sanitizers make each entry many times as large and as slow. */
#ifdef CRL_SANITIZED
#define MANY    50000
#define OBJECTS 5000
#else
#define MANY    1000000
#define OBJECTS 10000
#endif

#define TINY_BYTES 16

/* ------------------------------------------------------------------------------------ hit ratio */

/* A model that may keep as many objects as the table keeps in the end. */
static double of_model(const struct trace *trace, uint64_t entries)
{
    struct trace counted = *trace;
    counted.requests = malloc(trace->n * sizeof *counted.requests);
    assert_non_null(counted.requests);
    for (size_t i = 0; i < trace->n; i++)
        counted.requests[i] = (struct request){trace->requests[i].object, 1};
    uint64_t hits = policy_hits(POLICY_FRONT, &counted, entries, 0);
    free(counted.requests);
    return 100.0 * (double)hits / (double)trace->n;
}

static double of_table(const struct trace *trace, size_t memory_bytes, uint64_t *ret_entries)
{
    struct replay replay;
    uint64_t hits = 0;
    assert_true(replay_open(&replay, memory_bytes));
    for (size_t i = 0; i < trace->n; i++) {
        hits += replay_get(&replay, trace->requests[i].object, trace->requests[i].bytes);
        struct crl_table_counts counts = crl_table_counts(replay.table);
        assert_true(counts.bytes <= memory_bytes && counts.held_bytes <= memory_bytes);
    }
    crl_table_check(replay.table);
    *ret_entries = crl_table_counts(replay.table).entries;
    replay_close(&replay);
    return 100.0 * (double)hits / (double)trace->n;
}

static void hits_are_those_of_a_plain_model(void **state)
{
    (void)state;
    static const uint32_t parts[] = {20, 10, 5}; /* of all objects fit in */
    for (enum drawn_kind kind = 0; kind < DRAWN_KINDS; kind++) {
        struct trace trace = drawn_trace(kind, 1, OBJECTS, 20 * OBJECTS, 400);
        assert_non_null(trace.requests);
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            uint64_t entries = 0;
            double ours = of_table(&trace, OBJECTS / parts[i] * 500, &entries);
            double model = of_model(&trace, entries);
            print_message("# %s, a %u-th part: %.2f %%, and %.2f %% in the model\n",
                          drawn_name(kind), parts[i], ours, model);
            if (ours < model - 1.0 || ours > model + 1.0)
                fail_msg("%s, a %u-th part: %.2f %%, and %.2f %% in the model", drawn_name(kind),
                         parts[i], ours, model);
        }
        free(trace.requests);
    }
}

/* A key that is asked for a few times in short order is a hit each time but the first. SIEVE alone
 * evicts it before. */
static void short_order_repeats_are_hits(void **state)
{
    (void)state;
    struct trace trace = drawn_trace(DRAWN_REPEATS, 1, OBJECTS, 3 * OBJECTS, 400);
    assert_non_null(trace.requests);
    uint64_t entries = 0;
    double ours = of_table(&trace, OBJECTS / 20 * 500, &entries);
    assert_true(ours > 100.0 * 0.6);
    free(trace.requests);
}

/* Just over and just under powers of two, where pages, shards and kinds of memory change. */
static void more_memory_never_means_fewer_hits(void **state)
{
    (void)state;
    struct trace trace = drawn_trace(DRAWN_ZIPF, 2, OBJECTS, 10 * OBJECTS, 1000);
    assert_non_null(trace.requests);
    double most = 0;
    for (size_t power = 256 * KIB; power <= 4 * MIB; power *= 2) {
        const size_t budgets[] = {power - power / 128, power - 1,         power,
                                  power + 1,           power + power / 4, power + power / 2};
        for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
            uint64_t entries;
            double ours = of_table(&trace, budgets[i], &entries);
            if (ours < most - 1.0)
                fail_msg("%zu bytes: %.2f %%, and %.2f %% with less", budgets[i], ours, most);
            most = ours > most ? ours : most;
        }
    }
    free(trace.requests);
}

/* --------------------------------------------------------------------------------------- ghosts */

static uint64_t hash_of(uint64_t number)
{
    return crl_hash(1, 0, crl_bytes(&number, sizeof number));
}

static uint64_t remembered(struct crl_ghosts *ghosts, uint64_t from, uint64_t to)
{
    uint64_t n = 0;
    for (uint64_t i = from; i < to; i++)
        n += crl_ghosts_take(ghosts, hash_of(i));
    return n;
}

/* Room for so many: nearly all of the last half of them are known, once, and growing forgets none;
 * of those that were never there, hardly one is. */
static void ghosts_are_remembered(void **state)
{
    (void)state;
    struct crl_ghosts ghosts = {0};
    crl_ghosts_add(&ghosts, hash_of(0));
    assert_false(crl_ghosts_take(&ghosts, hash_of(0)));
    while (crl_ghosts_room(&ghosts) < 1024)
        assert_true(crl_ghosts_grow(&ghosts, &crl_allocator_malloc));
    for (uint64_t i = 0; i < 10000; i++)
        crl_ghosts_add(&ghosts, hash_of(i));
    assert_true(crl_ghosts_grow(&ghosts, &crl_allocator_malloc));
    assert_int_equal(crl_ghosts_room(&ghosts), 2048);
    assert_in_range(remembered(&ghosts, 9488, 10000), 500, 512);
    assert_in_range(remembered(&ghosts, 9488, 10000), 0, 2);
    assert_in_range(remembered(&ghosts, 10000, 20000), 0, 20);
    crl_ghosts_free(&ghosts, &crl_allocator_malloc);
}

/* ---------------------------------------------------------------------------- a million entries */

static void check_nothing(void *arg, const struct crl_entry *entry)
{
    (void)arg;
    (void)entry;
}

/* The hand's entry goes, or is replaced, and the hand goes on with the next. */
static void the_hand_survives_its_entry(void **state)
{
    (void)state;
    struct replay replay;
    assert_true(replay_open(&replay, 64 * KIB)); /* for its allocator */
    struct crl_eviction eviction = {.allocator = replay.arena};
    struct crl_entry **entries = calloc(MANY, sizeof(struct crl_entry *));
    assert_non_null(entries);
    for (uint32_t i = 0; i < MANY; i++) {
        entries[i] = replay_entry(&replay, i, TINY_BYTES);
        crl_eviction_push(&eviction, entries[i], true);
    }
    uint32_t steps = 10;
    assert_ptr_equal(crl_eviction_victim(&eviction, 0, NULL, &steps), entries[0]);
    crl_eviction_remove(&eviction, entries[0]);
    assert_ptr_equal(eviction.main.hand, entries[1]);
    crl_eviction_remove(&eviction, entries[1]); /* purged, or expired */
    assert_ptr_equal(crl_eviction_victim(&eviction, 0, NULL, &steps), entries[2]);
    struct crl_entry *fresh = replay_entry(&replay, 2, TINY_BYTES);
    crl_table_touch(entries[2]);
    crl_eviction_replace(&eviction, entries[2], fresh);
    assert_ptr_equal(crl_eviction_victim(&eviction, 0, NULL, &steps), entries[3]);
    assert_int_equal(steps, 9);
    crl_eviction_check(&eviction, check_nothing, NULL);
    crl_entry_unref(replay.arena, fresh);
    for (uint32_t i = 0; i < MANY; i++)
        crl_entry_unref(replay.arena, entries[i]);
    free(entries);
    replay_close(&replay);
}

/* All have been hit: to find one to evict, the hand might have to go all the way round. */
static void a_victim_takes_a_bounded_number_of_steps(void **state)
{
    (void)state;
    enum { ENTRIES = 20000, STEPS_MAX = 4096 };
    static struct crl_entry *entries[ENTRIES];
    struct crl_sieve sieve = {0};
    for (uint32_t i = 0; i < ENTRIES; i++) {
        struct entry_parts parts = {.key = crl_bytes(&i, sizeof i)};
        entries[i] = entry_made(&crl_allocator_malloc, &parts);
        crl_table_touch(entries[i]);
        crl_sieve_push(&sieve, entries[i]);
    }
    uint32_t steps = STEPS_MAX, unmarked = 0;
    struct crl_entry *first = crl_sieve_victim(&sieve, NULL, &steps);
    for (uint32_t i = 0; i < ENTRIES; i++)
        unmarked += !crl_entry_has(entries[i], CRL_MARK_VISITED);
    assert_int_equal(unmarked, STEPS_MAX);
    assert_int_equal(steps, 0);
    assert_ptr_equal(first, entries[STEPS_MAX]);
    crl_sieve_remove(&sieve, first);
    steps = STEPS_MAX;
    assert_ptr_equal(crl_sieve_victim(&sieve, NULL, &steps), entries[2 * STEPS_MAX + 1]);
    for (uint32_t i = 0; i < ENTRIES; i++)
        crl_entry_unref(&crl_allocator_malloc, entries[i]);
}

/* A table that is full of tiny entries. Returns how many were inserted, numbered from 0. */
static uint64_t fill(struct replay *replay, size_t memory_bytes)
{
    uint64_t n = 0;
    assert_true(replay_open(replay, memory_bytes));
    while (crl_table_counts(replay->table).evictions == 0) {
        assert_true(replay_insert(replay, n++, TINY_BYTES));
        (void)replay_reclaim(replay);
    }
    return n;
}

static uint64_t touch_all(const struct replay *replay, uint64_t n)
{
    uint64_t found = 0;
    for (uint64_t i = 0; i < n; i++) {
        struct crl_entry *entry = replay_find(replay, i);
        if (entry == NULL)
            continue;
        crl_table_touch(entry);
        found++;
    }
    return found;
}

static uint64_t count_marked(const struct replay *replay, uint64_t n)
{
    uint64_t marked = 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct crl_entry *entry = replay_find(replay, i);
        marked += entry != NULL && crl_entry_has(entry, CRL_MARK_VISITED);
    }
    return marked;
}

#define TINY_BUDGET ((size_t)MANY * 116)

/* All have been read, and one more comes: one goes, in the same call, after a bounded walk. */
static void one_goes_where_all_were_read(void **state)
{
    (void)state;
    struct replay replay;
    uint64_t n = fill(&replay, TINY_BUDGET);
    uint64_t marked = touch_all(&replay, n);
    assert_in_range(marked, MANY * 9 / 10, n);
    uint64_t evictions = crl_table_counts(replay.table).evictions;
    assert_true(replay_insert(&replay, n, TINY_BYTES));
    /* A bucket of its chain, or ghosts of its shard, may want room as well. */
    assert_in_range(crl_table_counts(replay.table).evictions - evictions, 1, 3);
    assert_non_null(replay_find(&replay, n));
    assert_in_range(marked - count_marked(&replay, n), 1, 5000);
    assert_true(crl_table_counts(replay.table).held_bytes <= replay.memory_bytes);
    crl_table_check(replay.table);
    replay_close(&replay);
}

/* What was done since, which no call may do much of. */
static void check_work(const struct replay *replay, struct crl_table_counts *before)
{
    struct crl_table_counts now = crl_table_counts(replay->table);
    assert_in_range(now.evictions - before->evictions + now.moves - before->moves, 0, 15000);
    assert_true(now.bytes <= replay->memory_bytes && now.held_bytes <= replay->memory_bytes);
    *before = now;
}

/* Returns how many calls it took until there was room for what had been inserted. */
static uint32_t settle(struct replay *replay, struct crl_table_counts *before)
{
    uint32_t calls = 0;
    check_work(replay, before);
    for (; before->arriving_bytes > 0; calls++) {
        assert_true(replay_reclaim(replay));
        check_work(replay, before);
    }
    return calls;
}

/* A large value among tiny ones, all of which were read: it is found at once, though room for it is
 * made in many calls; and what goes for it is about as much as it takes. */
static void a_large_value_takes_many_short_calls(void **state)
{
    (void)state;
    struct replay replay;
    uint64_t n = fill(&replay, TINY_BUDGET);
    size_t large = TINY_BUDGET / 16;
    (void)touch_all(&replay, n);
    struct crl_table_counts before = crl_table_counts(replay.table), start = before;
    assert_true(replay_insert(&replay, n, large));
    assert_non_null(replay_find(&replay, n));
    uint32_t calls = settle(&replay, &before);
    assert_true(calls > 3 || MANY < 100000);
    assert_non_null(replay_find(&replay, n));
    uint64_t entry_bytes = crl_entry_cost(replay.arena, replay_find(&replay, 10000));
    assert_in_range((before.evictions - start.evictions) * entry_bytes, large * 8 / 10,
                    large * 12 / 10);
    crl_table_check(replay.table);
    replay_close(&replay);
}

/* One after the other, before there is room for any: at most one of them is beyond the budget. The
 * last one stays; others are inserted meanwhile; one that arrives can be removed and replaced. */
static void large_values_come_one_after_the_other(void **state)
{
    (void)state;
    struct replay replay;
    uint64_t n = fill(&replay, TINY_BUDGET);
    size_t large = TINY_BUDGET / 8;
    struct crl_table_counts before = crl_table_counts(replay.table);
    for (uint64_t i = 0; i < 6; i++) {
        assert_true(replay_insert(&replay, n + i / 2, large)); /* each twice */
        check_work(&replay, &before);
        assert_true(before.arriving_bytes <= large + 4096);
        assert_true(replay_insert(&replay, n + 100 + i, TINY_BYTES));
        check_work(&replay, &before);
        crl_table_check(replay.table);
    }
    assert_non_null(replay_find(&replay, n + 2));
    (void)settle(&replay, &before);
    assert_non_null(replay_find(&replay, n + 2));
    assert_true(replay_insert(&replay, n + 200, large));
    uint64_t key = n + 200;
    assert_true(crl_table_remove(replay.table, hash_of(key), 0, crl_bytes(&key, sizeof key)));
    assert_int_equal(crl_table_counts(replay.table).arriving_bytes, 0);
    check_work(&replay, &before);
    crl_table_check(replay.table);
    replay_close(&replay);
}

/* An end while one arrives leaves nothing behind: the arena asserts it. */
static void a_table_may_end_while_one_arrives(void **state)
{
    (void)state;
    struct replay replay;
    uint64_t n = fill(&replay, TINY_BUDGET / 4);
    assert_true(replay_insert(&replay, n, TINY_BUDGET / 8));
    replay_close(&replay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hits_are_those_of_a_plain_model),
        cmocka_unit_test(short_order_repeats_are_hits),
        cmocka_unit_test(more_memory_never_means_fewer_hits),
        cmocka_unit_test(ghosts_are_remembered),
        cmocka_unit_test(the_hand_survives_its_entry),
        cmocka_unit_test(a_victim_takes_a_bounded_number_of_steps),
        cmocka_unit_test(one_goes_where_all_were_read),
        cmocka_unit_test(a_large_value_takes_many_short_calls),
        cmocka_unit_test(large_values_come_one_after_the_other),
        cmocka_unit_test(a_table_may_end_while_one_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
