/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.c - which block comes from where; the lock, and the references.
 *
 *   kind    size                  lies in
 *   BLOCK   to half a page        a page of blocks of one size class (pages.h)
 *   PAGES   a multiple of pages   neighbouring pages of a chunk: arrays of buckets, on huge pages
 *   RUN     to nearly a chunk     neighbouring units of a chunk of its own kind (runs.h)
 *   MAPPED  above                 a mapping of its own, on huge pages
 *   HEAP    any, see arena.h      malloc */
#include "memory/arena.h"

#include "base/assert.h"
#include "base/forks.h"
#include "memory/chunk.h"
#include "memory/pages.h"
#include "memory/runs.h"

#include <corral/corral.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* By budget: below the first all is malloc'd; from the second on pages are of 64 KiB, chunks on
 * huge pages. Between, pages are smaller: where sizes are mixed, each of many classes has a page
 * that is half empty, and these must not add up to much of the budget. */
#define BUDGET_PAGED_MIN ((size_t)1 << 20)
#define BUDGET_HUGE_MIN  ((size_t)64 << 20)
#define PAGES_OF_BUDGET  512
#define SMALL_PAGE_MIN   ((size_t)4 << 10)
#define SMALL_PAGE_MAX   ((size_t)16 << 10)
#define LARGE_PAGE_BYTES ((size_t)64 << 10)

/* What values that the program holds may keep in pages, beyond the budget, is a part of it. */
#define ABANDONED_PART 4

/* Buckets are moved to a huge page when they fill such a part of it. */
#define BUCKETS_PROMOTED_PART 4

#define HUGE_PAGE_BYTES   ((size_t)2 << 20)
#define SYSTEM_PAGE_BYTES ((size_t)4 << 10)

/* What a block begins with. */
#define ZEROED_BYTES 64

/* Classes 1 to 64 are blocks of so many times 16 bytes; 64 + k, 2 <= k < 64, is the k-th part of a
 * page. */
#define FINE_MAX 1024

#if defined(__SANITIZE_ADDRESS__)
#define HEAP_ONLY true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_ONLY true
#endif
#endif
#ifndef HEAP_ONLY
#define HEAP_ONLY false
#endif

struct arena {
    struct crl_allocator base;
    bool is_heap;   /* all blocks are malloc'd */
    uint32_t forks; /* where there are more, this is a parent's arena: see free_in_child() */
    pthread_mutex_t lock;
    uint64_t refs; /* the owner, whoever else holds one, and each living block */
    size_t living_bytes;
    size_t other_bytes; /* held in mappings, or by malloc */
    struct crl_pages pages;
    struct crl_runs runs;
};

/* ------------------------------------------------------------------------------- kinds of block */

enum kind { BLOCK, PAGES, RUN, MAPPED, HEAP };

/* How a block of some size is made. */
struct plan {
    enum kind kind;
    uint32_t class; /* BLOCK */
    size_t block_bytes;
};

static bool wastes_too_much(size_t bytes, size_t block_bytes)
{
    return block_bytes - bytes > bytes / 16;
}

/* To a multiple of a power of two. */
static size_t round_up(size_t bytes, size_t unit_bytes)
{
    return (bytes + unit_bytes - 1) & ~(unit_bytes - 1);
}

/* Pure: freeing makes the same plan again. */
static struct plan plan_of(const struct arena *arena, size_t bytes)
{
    if (arena->is_heap)
        return (struct plan){.kind = HEAP, .block_bytes = bytes};
    size_t page_bytes = arena->pages.page_bytes;
    if (bytes <= FINE_MAX) {
        uint32_t class = bytes ? (uint32_t)(bytes + 15) / 16 : 1;
        return (struct plan){.kind = BLOCK, .class = class, .block_bytes = (size_t) class * 16};
    }
    if (bytes <= page_bytes / 2) {
        uint32_t parts = (uint32_t)(page_bytes / round_up(bytes, 64));
        size_t block_bytes = page_bytes / parts & ~(size_t)63;
        if (!wastes_too_much(bytes, block_bytes))
            return (struct plan){.kind = BLOCK, .class = 64 + parts, .block_bytes = block_bytes};
    }
    if (bytes % page_bytes == 0 && bytes < arena->pages.chunk_bytes)
        return (struct plan){.kind = PAGES, .block_bytes = bytes};
    if (bytes <= crl_runs_bytes_max(&arena->runs))
        return (struct plan){.kind = RUN, .block_bytes = round_up(bytes, arena->runs.unit_bytes)};
    return (struct plan){.kind = MAPPED, .block_bytes = round_up(bytes, SYSTEM_PAGE_BYTES)};
}

/* --------------------------------------------------------------------------------------- blocks */

/* On huge pages, but for what is left at its end: a fault and a freeing for each 2 MiB instead of
 * for each 4 KiB. It is the writer of the table that frees. */
static void *mapped_alloc(struct arena *arena, size_t bytes)
{
    void *block = crl_map_aligned(bytes, HUGE_PAGE_BYTES, MADV_HUGEPAGE);
    arena->other_bytes += block != NULL ? bytes : 0;
    return block;
}

static void *heap_alloc(struct arena *arena, size_t bytes)
{
    void *block = crl_allocator_malloc.alloc(&crl_allocator_malloc, bytes);
    arena->other_bytes += block != NULL ? bytes : 0;
    return block;
}

static void *plan_alloc(struct arena *arena, const struct plan *plan)
{
    switch (plan->kind) {
    case BLOCK:
        return crl_block_alloc(&arena->pages, plan->class, plan->block_bytes);
    case PAGES:
        return crl_pages_alloc(&arena->pages, plan->block_bytes);
    case RUN:
        return crl_runs_alloc(&arena->runs, plan->block_bytes);
    case MAPPED:
        return mapped_alloc(arena, plan->block_bytes);
    case HEAP:
        return heap_alloc(arena, plan->block_bytes);
    }
    crl_unreachable();
}

static void plan_free(struct arena *arena, const struct plan *plan, void *block)
{
    switch (plan->kind) {
    case BLOCK:
        crl_block_free(&arena->pages, block);
        break;
    case PAGES:
        crl_pages_free(&arena->pages, block, plan->block_bytes);
        break;
    case RUN:
        crl_runs_free(&arena->runs, block, plan->block_bytes);
        break;
    case MAPPED:
        arena->other_bytes -= plan->block_bytes;
        munmap(block, plan->block_bytes);
        break;
    case HEAP:
        arena->other_bytes -= plan->block_bytes;
        crl_allocator_malloc.free(&crl_allocator_malloc, block, plan->block_bytes);
        break;
    }
}

/* The caller's from now on. Zeros under the lock: see struct crl_real_memory. */
static void *count_block(struct arena *arena, const struct plan *plan, void *block)
{
    if (block != NULL && (plan->kind == BLOCK || plan->kind == RUN) &&
        plan->block_bytes >= ZEROED_BYTES)
        memset(block, 0, ZEROED_BYTES);
    arena->refs += block != NULL;
    arena->living_bytes += block != NULL ? plan->block_bytes : 0;
    return block;
}

static void *arena_alloc(struct crl_allocator *allocator, size_t bytes)
{
    struct arena *arena = (struct arena *)allocator;
    struct plan plan = plan_of(arena, bytes);
    pthread_mutex_lock(&arena->lock);
    void *block = count_block(arena, &plan, plan_alloc(arena, &plan));
    pthread_mutex_unlock(&arena->lock);
    return block;
}

/* Give back one reference, and the lock; the last one ends the arena. */
static void unref_and_unlock(struct arena *arena)
{
    crl_assert(arena->refs > 0);
    bool is_last = --arena->refs == 0;
    pthread_mutex_unlock(&arena->lock);
    if (!is_last)
        return;
    crl_pages_fini(&arena->pages);
    crl_assert(arena->living_bytes == 0 && arena->other_bytes == 0 && arena->runs.held_bytes == 0);
    pthread_mutex_destroy(&arena->lock);
    free(arena);
}

static void arena_ref(struct crl_allocator *allocator)
{
    struct arena *arena = (struct arena *)allocator;
    pthread_mutex_lock(&arena->lock);
    crl_assert(arena->refs > 0);
    arena->refs++;
    pthread_mutex_unlock(&arena->lock);
}

static void arena_unref(struct crl_allocator *allocator)
{
    struct arena *arena = (struct arena *)allocator;
    pthread_mutex_lock(&arena->lock);
    unref_and_unlock(arena);
}

/* In a child of fork() the lock of a parent's arena may be held by a thread that is not there, in
 * the middle of any list. What the system or malloc has given goes back to it; what shares a chunk
 * with other blocks stays until the process ends, as its cache does. */
static void free_in_child(const struct plan *plan, void *block)
{
    switch (plan->kind) {
    case MAPPED:
        munmap(block, plan->block_bytes);
        break;
    case HEAP:
        crl_allocator_malloc.free(&crl_allocator_malloc, block, plan->block_bytes);
        break;
    case BLOCK:
    case PAGES:
    case RUN:
        break;
    }
}

static void arena_free(struct crl_allocator *allocator, void *block, size_t bytes)
{
    struct arena *arena = (struct arena *)allocator;
    struct plan plan = plan_of(arena, bytes);
    if (arena->forks != crl_forks) {
        free_in_child(&plan, block);
        return;
    }
    pthread_mutex_lock(&arena->lock);
    plan_free(arena, &plan, block);
    arena->living_bytes -= plan.block_bytes;
    unref_and_unlock(arena);
}

/* ---------------------------------------------------------------------------------- real memory */

static size_t arena_block_bytes(struct crl_allocator *allocator, size_t bytes)
{
    return plan_of((struct arena *)allocator, bytes).block_bytes;
}

static struct crl_memory_use arena_use(struct crl_allocator *allocator)
{
    struct arena *arena = (struct arena *)allocator;
    pthread_mutex_lock(&arena->lock);
    struct crl_memory_use use = {
        .held_bytes = arena->pages.held_bytes + arena->runs.held_bytes + arena->other_bytes,
        .living_bytes = arena->living_bytes,
        .abandoned_bytes = arena->pages.abandoned_bytes,
    };
    pthread_mutex_unlock(&arena->lock);
    return use;
}

static void arena_trim(struct crl_allocator *allocator, size_t bytes)
{
    struct arena *arena = (struct arena *)allocator;
    pthread_mutex_lock(&arena->lock);
    crl_pages_trim(&arena->pages, bytes);
    pthread_mutex_unlock(&arena->lock);
}

static bool arena_close_page(struct crl_allocator *allocator, const void *spared,
                             void (*visit)(void *arg, void *block), void *arg)
{
    struct arena *arena = (struct arena *)allocator;
    pthread_mutex_lock(&arena->lock);
    bool is_closed = crl_pages_close(&arena->pages, spared, visit, arg) ||
                     crl_runs_close(&arena->runs, spared, visit, arg);
    pthread_mutex_unlock(&arena->lock);
    return is_closed;
}

static void *arena_alloc_in_gap(struct crl_allocator *allocator, size_t bytes)
{
    struct arena *arena = (struct arena *)allocator;
    struct plan plan = plan_of(arena, bytes);
    if (plan.kind != BLOCK && plan.kind != RUN)
        return NULL;
    pthread_mutex_lock(&arena->lock);
    void *block = plan.kind == BLOCK ? crl_block_alloc_in_gap(&arena->pages, plan.class)
                                     : crl_runs_alloc_in_gap(&arena->runs, plan.block_bytes);
    (void)count_block(arena, &plan, block);
    pthread_mutex_unlock(&arena->lock);
    return block;
}

static void arena_abandon(struct crl_allocator *allocator)
{
    struct arena *arena = (struct arena *)allocator;
    pthread_mutex_lock(&arena->lock);
    crl_pages_abandon(&arena->pages);
    crl_runs_reopen(&arena->runs); /* gaps between runs count as the owner's */
    pthread_mutex_unlock(&arena->lock);
}

static void arena_reopen(struct crl_allocator *allocator)
{
    struct arena *arena = (struct arena *)allocator;
    pthread_mutex_lock(&arena->lock);
    crl_pages_reopen(&arena->pages);
    crl_runs_reopen(&arena->runs);
    pthread_mutex_unlock(&arena->lock);
}

/* Where all blocks are malloc'd there are no pages. */
static const struct crl_real_memory heap_real = {
    .block_bytes = arena_block_bytes,
    .use = arena_use,
    .trim = arena_trim,
    .abandon = arena_abandon,
    .reopen = arena_reopen,
};

static const struct crl_real_memory arena_real = {
    .block_bytes = arena_block_bytes,
    .use = arena_use,
    .trim = arena_trim,
    .close_page = arena_close_page,
    .alloc_in_gap = arena_alloc_in_gap,
    .abandon = arena_abandon,
    .reopen = arena_reopen,
};

/* --------------------------------------------------------------------------------------- arenas */

static size_t page_bytes_for(size_t budget_bytes, enum crl_arena_use use)
{
    if (budget_bytes >= BUDGET_HUGE_MIN)
        return LARGE_PAGE_BYTES;
    size_t page_bytes = SMALL_PAGE_MIN;
    while (use == CRL_ARENA_ENTRIES && page_bytes < SMALL_PAGE_MAX &&
           2 * page_bytes * PAGES_OF_BUDGET <= budget_bytes)
        page_bytes *= 2;
    return page_bytes;
}

int crl_arena_new(size_t budget_bytes, enum crl_arena_use use, struct crl_allocator **ret_allocator)
{
    struct arena *arena = calloc(1, sizeof *arena);
    if (arena == NULL)
        return CORRAL_ENOMEM;
    arena->base = (struct crl_allocator){
        .alloc = arena_alloc, .free = arena_free, .ref = arena_ref, .unref = arena_unref};
    arena->is_heap = HEAP_ONLY || budget_bytes < BUDGET_PAGED_MIN;
    arena->base.real = arena->is_heap ? &heap_real : &arena_real;
    arena->refs = 1;
    arena->forks = crl_forks;
    size_t page_bytes = page_bytes_for(budget_bytes, use);
    crl_pages_init(&arena->pages, page_bytes, budget_bytes >= BUDGET_HUGE_MIN ? budget_bytes : 0,
                   budget_bytes / ABANDONED_PART);
    if (use == CRL_ARENA_BUCKETS)
        crl_pages_promote_at(&arena->pages, arena->pages.chunk_bytes / BUCKETS_PROMOTED_PART);
    crl_runs_init(&arena->runs, crl_pages_chunk_bytes(page_bytes));
    pthread_mutex_init(&arena->lock, NULL);
    *ret_allocator = &arena->base;
    return CORRAL_OK;
}

void crl_arena_release(struct crl_allocator *allocator)
{
    arena_unref(allocator);
}
