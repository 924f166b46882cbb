/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   blocks are aligned, do not overlap and keep their content; what is freed serves again,
 *         for other sizes too; the arena ends with its last block; no memory is an answer.
 * Method: rows of sizes at the edges of the classes; then thousands of seeded random steps, each
 *         block filled with a pattern that is checked when it is freed, on one thread and on two
 *         that free each other's blocks; figures of mapped memory. In sanitizer builds each block
 *         is its own, so there the sanitizers look for leaks and overruns, and the figures are not
 *         asked for. */
#include "memory/arena.h"

#include "base/assert.h"
#include "base/rng.h"

#include "../helper/draws.h"

#include <corral/corral.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>

#define KIB 1024u
#define MIB (1024u * KIB)

static struct crl_allocator *make_arena(void)
{
    struct crl_allocator *arena = NULL;
    assert_int_equal(crl_arena_new(64 * MIB, CRL_ARENA_ENTRIES, &arena), CORRAL_OK);
    return arena;
}

static void *take(struct crl_allocator *arena, size_t bytes)
{
    void *block = arena->alloc(arena, bytes);
    crl_assert(block != NULL); /* not cmocka's: it may be any thread */
    return block;
}

/* ----------------------------------------------------------------------------------------- rows */

static void every_size_is_aligned_and_whole(void **state)
{
    (void)state;
    static const size_t rows[] = {
        1,       15,    16,       17,    63,    64,        65,    1023,          1024,
        1025,    1040,  1041,     8192,  9000,  16384,     20000, 32768,         32769,
        57344,   60000, 64 * KIB, 65537, 70000, 128 * KIB, MIB,   31 * 64 * KIB, 2 * MIB,
        5 * MIB,
    };
    struct crl_allocator *arena = make_arena();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned char *blocks[9];
        for (size_t k = 0; k < 9; k++) {
            blocks[k] = take(arena, rows[i]);
            memset(blocks[k], (int)k, rows[i]);
            if ((uintptr_t)blocks[k] % (rows[i] % 64 == 0 ? 64 : 16) != 0)
                fail_msg("%zu bytes: not aligned", rows[i]);
        }
        for (size_t k = 0; k < 9; k++) {
            if (blocks[k][0] != k || blocks[k][rows[i] - 1] != k)
                fail_msg("%zu bytes: blocks overlap", rows[i]);
            arena->free(arena, blocks[k], rows[i]);
        }
    }
    crl_arena_release(arena);
}

static void blocks_outlive_the_owner(void **state)
{
    (void)state;
    static const size_t rows[] = {100, 64 * KIB, 5 * MIB};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct crl_allocator *arena = make_arena();
        unsigned char *first = take(arena, rows[i]), *last = take(arena, rows[i]);
        crl_arena_release(arena);
        arena->free(arena, first, rows[i]);
        memset(last, 7, rows[i]);
        arena->free(arena, last, rows[i]);
    }
}

/* Who holds a reference may still ask for blocks. */
static void a_reference_outlives_the_owner(void **state)
{
    (void)state;
    struct crl_allocator *arena = make_arena();
    crl_allocator_ref(arena);
    crl_arena_release(arena);
    unsigned char *block = take(arena, 100);
    crl_allocator_unref(arena); /* now the block alone keeps it */
    memset(block, 7, 100);
    arena->free(arena, block, 100);
}

/* -------------------------------------------------------------------------------------- figures */

#ifndef CRL_SANITIZED

/* Fill 32 MiB with blocks of one size, return what was mapped at most, free them all. */
static size_t fill_and_free(struct crl_allocator *arena, size_t bytes)
{
    size_t n = 32 * MIB / bytes;
    void **blocks = malloc(n * sizeof *blocks);
    for (size_t i = 0; i < n; i++)
        blocks[i] = take(arena, bytes);
    size_t mapped = arena->real->use(arena).held_bytes;
    for (size_t i = 0; i < n; i++)
        arena->free(arena, blocks[i], bytes);
    free(blocks);
    return mapped;
}

static void empty_pages_serve_other_sizes(void **state)
{
    (void)state;
    static const size_t rows[] = {16,   64,   176,      1000,     1040,
                                  4096, 9344, 32 * KIB, 64 * KIB, 128 * KIB};
    struct crl_allocator *arena = make_arena();
    void *pin = take(arena, 64); /* so that the arena is never empty */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t mapped = fill_and_free(arena, rows[i]);
        if (mapped < 32 * MIB || mapped > 36 * MIB + MIB / 2)
            fail_msg("%zu bytes: %zu mapped", rows[i], mapped);
        assert_true(arena->real->use(arena).held_bytes <= 4 * MIB);
    }
    arena->free(arena, pin, 64);
    assert_true(arena->real->use(arena).held_bytes <= 2 * MIB);
    crl_arena_release(arena);
}

static void an_arena_that_keeps_little_takes_little(void **state)
{
    (void)state;
    struct crl_allocator *arena = NULL;
    assert_int_equal(crl_arena_new(1024 * (size_t)MIB, CRL_ARENA_ENTRIES, &arena), CORRAL_OK);
    void *blocks[20];
    for (size_t i = 0; i < 20; i++)
        blocks[i] = take(arena, 64 * (i + 1));
    assert_in_range(arena->real->use(arena).held_bytes, 1, 21 * 64 * KIB);
    for (size_t i = 0; i < 20; i++)
        arena->free(arena, blocks[i], 64 * (i + 1));
    crl_arena_release(arena);
}

/* All but every other block is freed; the holes must be filled before anything new is mapped. */
static void holes_are_filled_first(void **state)
{
    (void)state;
    struct crl_allocator *arena = make_arena();
    enum { N = 100000 };
    void **blocks = malloc(N * sizeof *blocks);
    for (size_t i = 0; i < N; i++)
        blocks[i] = take(arena, 176);
    size_t mapped = arena->real->use(arena).held_bytes;
    for (size_t i = 0; i < N; i += 2)
        arena->free(arena, blocks[i], 176);
    for (size_t i = 0; i < N; i += 2)
        blocks[i] = take(arena, 170);
    assert_int_equal(arena->real->use(arena).held_bytes, mapped);
    for (size_t i = 0; i < N; i++)
        arena->free(arena, blocks[i], i % 2 ? 176 : 170);
    free(blocks);
    crl_arena_release(arena);
}

/* Whether the kernel has such pages to give is not ours to test. */
static void very_large_blocks_can_lie_on_huge_pages(void **state)
{
    (void)state;
    static const size_t rows[] = {2 * MIB, 3 * MIB + 1, 8 * MIB + 100};
    struct crl_allocator *arena = make_arena();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *block = take(arena, rows[i]);
        if ((uintptr_t)block % (2 * MIB) != 0)
            fail_msg("%zu bytes: not on the edge of a huge page", rows[i]);
        size_t units = (rows[i] + 4 * KIB - 1) / (4 * KIB);
        assert_int_equal(arena->real->use(arena).held_bytes, units * 4 * KIB);
        arena->free(arena, block, rows[i]);
        assert_int_equal(arena->real->use(arena).held_bytes, 0);
    }
    crl_arena_release(arena);
}

#define RUNS      60
#define RUN_BYTES 1500

/* What a page of the system's has in it. */
struct page_content {
    void *blocks[RUNS];
    uint32_t n;
};

static void collect_block(void *arg, void *block)
{
    struct page_content *content = arg;
    assert_true(content->n < RUNS);
    content->blocks[content->n++] = block;
}

static size_t held_bytes(struct crl_allocator *arena)
{
    return arena->real->use(arena).held_bytes;
}

/* Values that fit into no page of blocks without much waste. Where most are gone, the rest can be
 * moved together; a closed page gives out nothing, and goes back when it is empty. */
static void runs_are_moved_together(void **state)
{
    (void)state;
    struct crl_allocator *arena = NULL;
    void *blocks[RUNS];
    assert_int_equal(crl_arena_new(MIB, CRL_ARENA_ENTRIES, &arena), CORRAL_OK);
    for (size_t i = 0; i < RUNS; i++)
        blocks[i] = take(arena, RUN_BYTES);
    for (size_t i = 0; i < RUNS; i++)
        if (i % 3 != 0)
            arena->free(arena, blocks[i], RUN_BYTES);
    size_t before = held_bytes(arena);
    for (uint32_t round = 0; round < 4; round++) {
        struct page_content content = {.n = 0};
        assert_true(arena->real->close_page(arena, NULL, collect_block, &content));
        assert_in_range(content.n, 1, 4);
        for (uint32_t i = 0; i < content.n; i++) {
            void *moved = arena->real->alloc_in_gap(arena, RUN_BYTES);
            assert_non_null(moved);
            for (size_t k = 0; k < RUNS; k += 3)
                if (blocks[k] == content.blocks[i])
                    blocks[k] = moved;
            arena->free(arena, content.blocks[i], RUN_BYTES);
        }
        arena->real->reopen(arena);
        assert_true(held_bytes(arena) < before);
        before = held_bytes(arena);
    }
    for (size_t i = 0; i < RUNS; i += 3)
        arena->free(arena, blocks[i], RUN_BYTES);
    assert_int_equal(held_bytes(arena), 0);
    crl_arena_release(arena);
}

/* A gap in pages that are held already is filled before others are asked for. */
static void gaps_between_runs_are_filled_first(void **state)
{
    (void)state;
    struct crl_allocator *arena = NULL;
    void *blocks[RUNS];
    assert_int_equal(crl_arena_new(MIB, CRL_ARENA_ENTRIES, &arena), CORRAL_OK);
    for (size_t i = 0; i < RUNS; i++)
        blocks[i] = take(arena, RUN_BYTES);
    size_t before = held_bytes(arena);
    for (size_t i = 0; i < RUNS; i += 3)
        arena->free(arena, blocks[i], RUN_BYTES);
    for (size_t i = 0; i < RUNS; i += 3)
        blocks[i] = take(arena, RUN_BYTES);
    assert_true(held_bytes(arena) <= before);
    for (size_t i = 0; i < RUNS; i++)
        arena->free(arena, blocks[i], RUN_BYTES);
    crl_arena_release(arena);
}

static void no_memory_is_an_answer(void **state)
{
    (void)state;
    static const size_t rows[] = {100, 64 * KIB, 64 * MIB};
    struct crl_allocator *arena = make_arena();
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    none = (struct rlimit){.rlim_cur = 1, .rlim_max = before.rlim_max};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
        void *refused = arena->alloc(arena, rows[i]);
        assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
        assert_null(refused);
        assert_int_equal(arena->real->use(arena).held_bytes, 0);
    }
    arena->free(arena, take(arena, 100), 100);
    crl_arena_release(arena);
}

#endif

/* -------------------------------------------------------------------------- the law, many times */

#define HELD 500

struct block {
    unsigned char *data;
    size_t bytes;
    unsigned char pattern;
};

/* Blocks that any thread may take over from another. */
struct shelf {
    struct crl_allocator *arena;
    pthread_mutex_t lock;
    struct block blocks[HELD];
};

static bool is_whole(const struct block *block)
{
    for (size_t i = 0; i < block->bytes; i++)
        if (block->data[i] != block->pattern)
            return false;
    return true;
}

static struct block make_block(struct crl_allocator *arena, struct crl_rng *rng)
{
    /* All magnitudes are as likely, up to 256 KiB. */
    size_t bytes = 1 + crl_rng_below(rng, UINT64_C(1) << crl_rng_below(rng, 19));
    struct block block = {take(arena, bytes), bytes, (unsigned char)crl_rng_next(rng)};
    memset(block.data, block.pattern, bytes);
    return block;
}

/* Exchange a block of the shelf for a new one, or for a gap. */
static void exchange(struct shelf *shelf, struct crl_rng *rng)
{
    struct block new = {0}, old;
    if (crl_rng_below(rng, 3) > 0)
        new = make_block(shelf->arena, rng);
    struct block *place = &shelf->blocks[crl_rng_below(rng, HELD)];
    pthread_mutex_lock(&shelf->lock);
    old = *place;
    *place = new;
    pthread_mutex_unlock(&shelf->lock);
    if (old.data == NULL)
        return;
    crl_assert(is_whole(&old));
    memset(old.data, 0xDD, old.bytes);
    shelf->arena->free(shelf->arena, old.data, old.bytes);
}

static void *exchange_often(void *arg)
{
    struct crl_rng rng = crl_rng_split((uintptr_t)pthread_self(), "arena");
    for (int i = 0; i < DRAWS(20000); i++)
        exchange(arg, &rng);
    return NULL;
}

static void blocks_keep_their_content(void **state)
{
    (void)state;
    struct shelf shelf = {.arena = make_arena(), .lock = PTHREAD_MUTEX_INITIALIZER};
    struct crl_rng rng = crl_rng_split(1, "arena");
    for (int i = 0; i < DRAWS(20000); i++)
        exchange(&shelf, &rng);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, exchange_often, &shelf), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    crl_arena_release(shelf.arena);
    for (int i = 0; i < HELD; i++) {
        struct block *block = &shelf.blocks[i];
        assert_true(block->data == NULL || is_whole(block));
        if (block->data != NULL)
            shelf.arena->free(shelf.arena, block->data, block->bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_aligned_and_whole),
        cmocka_unit_test(blocks_outlive_the_owner),
        cmocka_unit_test(a_reference_outlives_the_owner),
#ifndef CRL_SANITIZED
        cmocka_unit_test(empty_pages_serve_other_sizes),
        cmocka_unit_test(an_arena_that_keeps_little_takes_little),
        cmocka_unit_test(holes_are_filled_first),
        cmocka_unit_test(very_large_blocks_can_lie_on_huge_pages),
        cmocka_unit_test(runs_are_moved_together),
        cmocka_unit_test(gaps_between_runs_are_filled_first),
        cmocka_unit_test(no_memory_is_an_answer),
#endif
        cmocka_unit_test(blocks_keep_their_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
