/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.c - chunks cut into pages, cut into blocks of one size; and chunks cut into runs of units.
 *
 * A chunk lies at a multiple of its size and begins with its own description, so its first page is
 * a little shorter than the others. A block's chunk and page follow from its address, its kind from
 * its size.
 *
 *   kind    size                  lies in
 *   SLAB    to half a page        a page of blocks of one size class
 *   PAGES   a multiple of pages   neighbouring pages of a chunk: arrays of buckets, on huge pages
 *   RUN     to nearly a chunk     neighbouring 4 KiB units of a chunk of its own kind
 *   MAPPED  above                 a mapping of its own
 *   HEAP    any, see arena.h      malloc
 *
 * What counts as held: pages and units that the system may have put memory behind. A chunk of pages
 * on huge pages is held whole from the start. When free pages are given back, its huge page is
 * split, and it stays split; the others are held page by page. A unit is held while it is in use.
 * An empty chunk is unmapped, but for one. */
#include "io/arena.h"

#include "base/assert.h"

#include <corral/corral.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_PAGES 32
#define ALL_PAGES   UINT32_MAX

#define UNIT_BYTES ((size_t)4096)
#define UNITS_MAX  512 /* of a chunk; the first one holds its description */

/* By budget: below the first all is malloc'd; from the second on pages are of 64 KiB, chunks on
 * huge pages. Between, pages are smaller: where sizes are mixed, each of many classes has a page
 * that is half empty, and these must not add up to much of the budget. */
#define BUDGET_PAGED_MIN ((size_t)1 << 20)
#define BUDGET_HUGE_MIN  ((size_t)64 << 20)
#define PAGES_OF_BUDGET  256
#define SMALL_PAGE_MAX   ((size_t)16 << 10)
#define LARGE_PAGE_BYTES ((size_t)64 << 10)

/* Classes 1 to 64 are blocks of so many times 16 bytes; 64 + k, 2 <= k < 64, is the k-th part of a
 * page. */
#define FINE_MAX 1024
#define CLASSES  128

/* How many are looked at in search of a good one. */
#define PAGES_TRIED  4 /* of each class, for the emptiest */
#define CHUNKS_TRIED 16

/* An element of a circular list; the first member where it is embedded. */
struct link {
    struct link *next, *prev;
};

struct free_block {
    struct free_block *next;
};

struct page {
    struct link link; /* while it has room: in the list of its class, or of closed pages */
    struct free_block *free;
    uint32_t class, block_bytes;
    uint32_t used_n;
    uint32_t touched_n; /* blocks from here on were never handed out, and are not in `free` */
    uint32_t blocks_n;
    bool is_closed;
};

struct chunk {
    struct link link;      /* in the arena's list, while a page is free */
    uint32_t free_pages;   /* a bit each */
    uint32_t backed_pages; /* these count as held, free or not */
    bool is_huge;
    struct page pages[CHUNK_PAGES];
};

struct run_chunk {
    struct link link; /* in the arena's list, while a unit is free */
    uint32_t free_n;
    uint64_t free[UNITS_MAX / 64]; /* a bit for each unit */
};

struct arena {
    struct crl_allocator base;
    size_t page_bytes; /* 0: all blocks are malloc'd */
    size_t chunk_bytes;
    size_t budget_bytes;
    pthread_mutex_t lock;
    uint64_t refs; /* the owner, and each living block */
    struct crl_memory_use use;
    struct link chunks;
    struct chunk *spare; /* the one wholly free chunk that is kept; or NULL */
    struct link run_chunks;
    struct link roomy[CLASSES];
    size_t gaps[CLASSES]; /* free blocks in all of these pages */
    struct link closed;
};

/* ---------------------------------------------------------------------------------------- lists */

static void list_init(struct link *list)
{
    list->next = list->prev = list;
}

static bool list_is_empty(const struct link *list)
{
    return list->next == list;
}

static void list_add(struct link *list, struct link *link)
{
    *link = (struct link){.next = list->next, .prev = list};
    list->next->prev = link;
    list->next = link;
}

static void list_remove(struct link *link)
{
    link->next->prev = link->prev;
    link->prev->next = link->next;
}

/* ------------------------------------------------------------------------------- kinds of block */

enum kind { SLAB, PAGES, RUN, MAPPED, HEAP };

/* How a block of some size is made. */
struct plan {
    enum kind kind;
    uint32_t class; /* SLAB */
    size_t block_bytes;
};

static bool wastes_too_much(size_t bytes, size_t block_bytes)
{
    return block_bytes - bytes > bytes / 8;
}

static size_t in_units(size_t bytes)
{
    return (bytes + UNIT_BYTES - 1) & ~(UNIT_BYTES - 1);
}

/* Pure: freeing makes the same plan again. */
static struct plan plan_of(const struct arena *arena, size_t bytes)
{
    if (arena->page_bytes == 0)
        return (struct plan){.kind = HEAP, .block_bytes = bytes};
    if (bytes <= FINE_MAX) {
        uint32_t class = bytes ? (uint32_t)(bytes + 15) / 16 : 1;
        return (struct plan){.kind = SLAB, .class = class, .block_bytes = (size_t) class * 16};
    }
    if (bytes <= arena->page_bytes / 2) {
        uint32_t parts = (uint32_t)(arena->page_bytes / ((bytes + 63) & ~(size_t)63));
        size_t block_bytes = arena->page_bytes / parts & ~(size_t)63;
        if (!wastes_too_much(bytes, block_bytes))
            return (struct plan){.kind = SLAB, .class = 64 + parts, .block_bytes = block_bytes};
    }
    if (bytes % arena->page_bytes == 0 && bytes < arena->chunk_bytes)
        return (struct plan){.kind = PAGES, .block_bytes = bytes};
    size_t block_bytes = in_units(bytes);
    bool fits = block_bytes <= arena->chunk_bytes - UNIT_BYTES;
    return (struct plan){.kind = fits ? RUN : MAPPED, .block_bytes = block_bytes};
}

/* --------------------------------------------------------------------------------------- chunks */

/* Map space at a multiple of its size, which is what a huge page needs. NULL: no memory. */
static void *chunk_map(size_t bytes, int advice)
{
    char *space = mmap(NULL, 2 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (space == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)space & (bytes - 1);
    if (before > 0)
        munmap(space, before);
    munmap(space + before + bytes, bytes - before);
    (void)madvise(space + before, bytes, advice); /* a wish; works without */
    return space + before;
}

static struct chunk *chunk_of(const struct arena *arena, const void *block)
{
    return (struct chunk *)((uintptr_t)block & ~(arena->chunk_bytes - 1));
}

static uint32_t page_number(const struct arena *arena, const void *block)
{
    return (uint32_t)(((uintptr_t)block & (arena->chunk_bytes - 1)) / arena->page_bytes);
}

static struct chunk *chunk_new(struct arena *arena)
{
    /* Not the first one: who keeps little shall take little. */
    bool is_huge = arena->budget_bytes >= BUDGET_HUGE_MIN &&
                   arena->use.held_bytes >= arena->chunk_bytes &&
                   arena->use.held_bytes + arena->chunk_bytes <= arena->budget_bytes;
    struct chunk *chunk = chunk_map(arena->chunk_bytes, is_huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    if (!chunk)
        return NULL;
    chunk->is_huge = is_huge;
    chunk->free_pages = ALL_PAGES;
    chunk->backed_pages = is_huge ? ALL_PAGES : 1; /* this description is in the first one */
    arena->use.held_bytes += is_huge ? arena->chunk_bytes : arena->page_bytes;
    list_add(&arena->chunks, &chunk->link);
    return chunk;
}

static void chunk_free(struct arena *arena, struct chunk *chunk)
{
    list_remove(&chunk->link);
    arena->use.held_bytes -= (size_t)__builtin_popcount(chunk->backed_pages) * arena->page_bytes;
    munmap(chunk, arena->chunk_bytes);
}

/* The bits where a run of so many set bits begins. */
static uint32_t runs_in(uint32_t bits, uint32_t n)
{
    uint32_t begins = bits;
    for (uint32_t i = 1; i < n; i++)
        begins &= bits >> i;
    return begins;
}

/* A chunk with so many free neighbours, all in `usable`, best with memory behind them already.
 * NULL: no memory. */
static struct chunk *chunk_with_room(struct arena *arena, uint32_t n, uint32_t usable)
{
    struct chunk *unbacked = NULL;
    for (struct link *link = arena->chunks.next; link != &arena->chunks; link = link->next) {
        struct chunk *chunk = (struct chunk *)link;
        uint32_t free_pages = chunk->free_pages & usable;
        if (runs_in(free_pages & chunk->backed_pages, n))
            return chunk;
        if (!unbacked && runs_in(free_pages, n))
            unbacked = chunk;
    }
    return unbacked ? unbacked : chunk_new(arena);
}

/* Take free pages that follow each other. NULL: no memory. */
static struct page *pages_take(struct arena *arena, uint32_t n, uint32_t usable)
{
    struct chunk *chunk = chunk_with_room(arena, n, usable);
    if (!chunk)
        return NULL;
    uint32_t free_pages = chunk->free_pages & usable;
    uint32_t good = runs_in(free_pages & chunk->backed_pages, n);
    uint32_t first = (uint32_t)__builtin_ctz(good ? good : runs_in(free_pages, n));
    uint32_t bits = ((UINT32_C(1) << n) - 1) << first;
    arena->use.held_bytes +=
        (size_t)__builtin_popcount(bits & ~chunk->backed_pages) * arena->page_bytes;
    chunk->backed_pages |= bits;
    chunk->free_pages &= ~bits;
    if (chunk->free_pages == 0)
        list_remove(&chunk->link);
    if (chunk == arena->spare)
        arena->spare = NULL;
    return &chunk->pages[first];
}

static void pages_give(struct arena *arena, struct chunk *chunk, uint32_t first, uint32_t n)
{
    if (chunk->free_pages == 0)
        list_add(&arena->chunks, &chunk->link);
    chunk->free_pages |= ((UINT32_C(1) << n) - 1) << first;
    if (chunk->free_pages != ALL_PAGES)
        return;
    if (arena->spare)
        chunk_free(arena, chunk);
    else
        arena->spare = chunk;
}

/* Give the memory behind free pages back, until no more than `limit_bytes` is held. The first page
 * stays: the chunk's description is in it. */
static void chunk_trim(struct arena *arena, struct chunk *chunk, size_t limit_bytes)
{
    for (uint32_t i = 1; i < CHUNK_PAGES && arena->use.held_bytes > limit_bytes; i++) {
        uint32_t bit = UINT32_C(1) << i;
        if (!(chunk->free_pages & chunk->backed_pages & bit))
            continue;
        if (chunk->is_huge) {
            (void)madvise(chunk, arena->chunk_bytes, MADV_NOHUGEPAGE); /* or it might grow back */
            chunk->is_huge = false;
        }
        if (madvise((char *)chunk + i * arena->page_bytes, arena->page_bytes, MADV_DONTNEED) != 0)
            continue;
        chunk->backed_pages &= ~bit;
        arena->use.held_bytes -= arena->page_bytes;
    }
}

/* ---------------------------------------------------------------------------------------- slabs */

/* Where the blocks of a page begin. */
static char *page_start(const struct arena *arena, const struct page *page)
{
    struct chunk *chunk = chunk_of(arena, page);
    size_t number = (size_t)(page - chunk->pages);
    size_t skipped = number == 0 ? (sizeof *chunk + 63) & ~(size_t)63 : 0;
    return (char *)chunk + number * arena->page_bytes + skipped;
}

static struct page *slab_new(struct arena *arena, const struct plan *plan)
{
    struct page *page = pages_take(arena, 1, ALL_PAGES);
    if (!page)
        return NULL;
    size_t bytes = arena->page_bytes - (uintptr_t)page_start(arena, page) % arena->page_bytes;
    *page = (struct page){
        .class = plan->class,
        .block_bytes = (uint32_t)plan->block_bytes,
        .blocks_n = (uint32_t)(bytes / plan->block_bytes),
    };
    list_add(&arena->roomy[plan->class], &page->link);
    arena->gaps[plan->class] += page->blocks_n;
    return page;
}

/* A block of a page that has room. */
static void *slab_take(struct arena *arena, struct page *page)
{
    struct free_block *block = page->free;
    if (block)
        page->free = block->next;
    else
        block = (void *)(page_start(arena, page) + (size_t)page->touched_n++ * page->block_bytes);
    arena->gaps[page->class]--;
    if (++page->used_n == page->blocks_n)
        list_remove(&page->link);
    return block;
}

static void *slab_alloc(struct arena *arena, const struct plan *plan)
{
    struct link *roomy = &arena->roomy[plan->class];
    struct page *page = list_is_empty(roomy) ? slab_new(arena, plan) : (struct page *)roomy->next;
    return page ? slab_take(arena, page) : NULL;
}

static void slab_free(struct arena *arena, void *block)
{
    struct chunk *chunk = chunk_of(arena, block);
    struct page *page = &chunk->pages[page_number(arena, block)];
    struct free_block *free_block = block;
    free_block->next = page->free;
    page->free = free_block;
    if (page->used_n-- == page->blocks_n)
        list_add(&arena->roomy[page->class], &page->link);
    arena->gaps[page->class] += !page->is_closed;
    if (page->used_n > 0)
        return;
    list_remove(&page->link);
    arena->gaps[page->class] -= page->is_closed ? 0 : page->blocks_n;
    pages_give(arena, chunk, page_number(arena, block), 1);
}

/* ----------------------------------------------------------------------------------------- runs */

static bool unit_is_free(const struct run_chunk *chunk, size_t unit)
{
    return chunk->free[unit / 64] >> unit % 64 & 1;
}

static void units_mark(struct run_chunk *chunk, size_t first, size_t n, bool is_free)
{
    for (size_t unit = first; unit < first + n; unit++) {
        uint64_t bit = UINT64_C(1) << unit % 64;
        if (is_free)
            chunk->free[unit / 64] |= bit;
        else
            chunk->free[unit / 64] &= ~bit;
    }
}

/* The first of n free neighbours. 0: there are none; the first unit is never free. */
static size_t units_find(const struct run_chunk *chunk, size_t units, size_t n)
{
    size_t run = 0;
    for (size_t unit = 1; unit < units && chunk->free_n >= n; unit++) {
        run = unit_is_free(chunk, unit) ? run + 1 : 0;
        if (run == n)
            return unit + 1 - n;
    }
    return 0;
}

static struct run_chunk *run_chunk_new(struct arena *arena)
{
    struct run_chunk *chunk = chunk_map(arena->chunk_bytes, MADV_NOHUGEPAGE);
    if (!chunk)
        return NULL;
    size_t units = arena->chunk_bytes / UNIT_BYTES;
    units_mark(chunk, 1, units - 1, true);
    chunk->free_n = (uint32_t)units - 1;
    arena->use.held_bytes += UNIT_BYTES;
    list_add(&arena->run_chunks, &chunk->link);
    return chunk;
}

static void *run_take(struct arena *arena, struct run_chunk *chunk, size_t first, size_t n)
{
    units_mark(chunk, first, n, false);
    chunk->free_n -= (uint32_t)n;
    if (chunk->free_n == 0)
        list_remove(&chunk->link);
    arena->use.held_bytes += n * UNIT_BYTES;
    return (char *)chunk + first * UNIT_BYTES;
}

/* Only address space is wasted by a search that gives up early. */
static void *run_alloc(struct arena *arena, const struct plan *plan)
{
    size_t n = plan->block_bytes / UNIT_BYTES, units = arena->chunk_bytes / UNIT_BYTES;
    struct link *link = arena->run_chunks.next;
    for (int i = 0; i < CHUNKS_TRIED && link != &arena->run_chunks; i++, link = link->next) {
        size_t first = units_find((struct run_chunk *)link, units, n);
        if (first > 0)
            return run_take(arena, (struct run_chunk *)link, first, n);
    }
    struct run_chunk *chunk = run_chunk_new(arena);
    return chunk ? run_take(arena, chunk, 1, n) : NULL;
}

static void run_free(struct arena *arena, void *block, const struct plan *plan)
{
    size_t n = plan->block_bytes / UNIT_BYTES, units = arena->chunk_bytes / UNIT_BYTES;
    struct run_chunk *chunk = (struct run_chunk *)chunk_of(arena, block);
    if (chunk->free_n > 0)
        list_remove(&chunk->link);
    list_add(&arena->run_chunks, &chunk->link); /* to the front: the next one looks here first */
    units_mark(chunk, ((uintptr_t)block & (arena->chunk_bytes - 1)) / UNIT_BYTES, n, true);
    chunk->free_n += (uint32_t)n;
    arena->use.held_bytes -= n * UNIT_BYTES;
    if (chunk->free_n < units - 1) {
        (void)madvise(block, plan->block_bytes, MADV_DONTNEED);
        return;
    }
    list_remove(&chunk->link);
    arena->use.held_bytes -= UNIT_BYTES;
    munmap(chunk, arena->chunk_bytes);
}

/* --------------------------------------------------------------------------------------- blocks */

static void *mapped_alloc(struct arena *arena, const struct plan *plan)
{
    void *block =
        mmap(NULL, plan->block_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return NULL;
    arena->use.held_bytes += plan->block_bytes;
    return block;
}

static void mapped_free(struct arena *arena, void *block, const struct plan *plan)
{
    arena->use.held_bytes -= plan->block_bytes;
    munmap(block, plan->block_bytes);
}

static void *heap_alloc(struct arena *arena, size_t bytes)
{
    void *block = crl_allocator_malloc.alloc(&crl_allocator_malloc, bytes);
    arena->use.held_bytes += block ? bytes : 0;
    return block;
}

static void heap_free(struct arena *arena, void *block, size_t bytes)
{
    arena->use.held_bytes -= bytes;
    crl_allocator_malloc.free(&crl_allocator_malloc, block, bytes);
}

static uint32_t pages_of(const struct arena *arena, const struct plan *plan)
{
    return (uint32_t)(plan->block_bytes / arena->page_bytes);
}

/* The first page of a chunk is short. */
static void *pages_alloc(struct arena *arena, const struct plan *plan)
{
    struct page *page = pages_take(arena, pages_of(arena, plan), ALL_PAGES - 1);
    return page ? page_start(arena, page) : NULL;
}

static void *block_alloc(struct arena *arena, const struct plan *plan, size_t bytes)
{
    switch (plan->kind) {
    case SLAB:
        return slab_alloc(arena, plan);
    case PAGES:
        return pages_alloc(arena, plan);
    case RUN:
        return run_alloc(arena, plan);
    case MAPPED:
        return mapped_alloc(arena, plan);
    case HEAP:
        return heap_alloc(arena, bytes);
    }
    crl_unreachable();
}

static void block_free(struct arena *arena, void *block, const struct plan *plan, size_t bytes)
{
    switch (plan->kind) {
    case SLAB:
        slab_free(arena, block);
        break;
    case PAGES:
        pages_give(arena, chunk_of(arena, block), page_number(arena, block), pages_of(arena, plan));
        break;
    case RUN:
        run_free(arena, block, plan);
        break;
    case MAPPED:
        mapped_free(arena, block, plan);
        break;
    case HEAP:
        heap_free(arena, block, bytes);
        break;
    }
}

static void count_block(struct arena *arena, const struct plan *plan)
{
    arena->refs++;
    arena->use.living_bytes += plan->block_bytes;
}

static void *arena_alloc(struct crl_allocator *allocator, size_t bytes)
{
    struct arena *arena = (struct arena *)allocator;
    struct plan plan = plan_of(arena, bytes);
    pthread_mutex_lock(&arena->lock);
    void *block = block_alloc(arena, &plan, bytes);
    if (block)
        count_block(arena, &plan);
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
    if (arena->spare)
        chunk_free(arena, arena->spare);
    crl_assert(arena->use.held_bytes == 0 && arena->use.living_bytes == 0);
    pthread_mutex_destroy(&arena->lock);
    free(arena);
}

static void arena_free(struct crl_allocator *allocator, void *block, size_t bytes)
{
    struct arena *arena = (struct arena *)allocator;
    struct plan plan = plan_of(arena, bytes);
    pthread_mutex_lock(&arena->lock);
    block_free(arena, block, &plan, bytes);
    arena->use.living_bytes -= plan.block_bytes;
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
    struct crl_memory_use use = arena->use;
    pthread_mutex_unlock(&arena->lock);
    return use;
}

static void arena_trim(struct crl_allocator *allocator, size_t bytes)
{
    struct arena *arena = (struct arena *)allocator;
    pthread_mutex_lock(&arena->lock);
    size_t held_bytes = arena->use.held_bytes;
    size_t limit_bytes = held_bytes > bytes ? held_bytes - bytes : 0;
    if (arena->spare && bytes > 0) {
        chunk_free(arena, arena->spare);
        arena->spare = NULL;
    }
    for (struct link *link = arena->chunks.next; link != &arena->chunks; link = link->next)
        chunk_trim(arena, (struct chunk *)link, limit_bytes);
    pthread_mutex_unlock(&arena->lock);
}

/* Is a smaller part of it in use? */
static bool is_emptier(const struct page *page, const struct page *than)
{
    return (uint64_t)page->used_n * than->blocks_n < (uint64_t)than->used_n * page->blocks_n;
}

/* Would the other pages of its class take its blocks? */
static bool is_movable(const struct arena *arena, const struct page *page)
{
    size_t own_gaps = page->blocks_n - page->used_n;
    return arena->gaps[page->class] - own_gaps >= page->used_n;
}

/* Looks at a few of each class, those that had room for longest. NULL: there is none. */
static struct page *page_emptiest(struct arena *arena)
{
    struct page *best = NULL;
    for (uint32_t class = 0; class < CLASSES; class ++) {
        struct link *link = arena->roomy[class].prev;
        for (int i = 0; i < PAGES_TRIED && link != &arena->roomy[class]; i++, link = link->prev) {
            struct page *page = (struct page *)link;
            if (is_movable(arena, page) && (!best || is_emptier(page, best)))
                best = page;
        }
    }
    return best;
}

/* What is not free is living. */
static void page_visit(const struct arena *arena, const struct page *page,
                       void (*visit)(void *arg, void *block), void *arg)
{
    uint8_t is_free[LARGE_PAGE_BYTES / 16 / 8] = {0};
    char *start = page_start(arena, page);
    for (struct free_block *block = page->free; block; block = block->next) {
        size_t number = (size_t)((char *)block - start) / page->block_bytes;
        is_free[number / 8] |= (uint8_t)(1u << number % 8);
    }
    for (size_t number = 0; number < page->touched_n; number++)
        if (!(is_free[number / 8] >> number % 8 & 1))
            visit(arg, start + number * page->block_bytes);
}

static bool arena_close_page(struct crl_allocator *allocator, void (*visit)(void *arg, void *block),
                             void *arg)
{
    struct arena *arena = (struct arena *)allocator;
    pthread_mutex_lock(&arena->lock);
    struct page *page = page_emptiest(arena);
    if (page) {
        page->is_closed = true;
        arena->gaps[page->class] -= page->blocks_n - page->used_n;
        list_remove(&page->link);
        list_add(&arena->closed, &page->link);
        page_visit(arena, page, visit, arg);
    }
    pthread_mutex_unlock(&arena->lock);
    return page;
}

static void *arena_alloc_in_gap(struct crl_allocator *allocator, size_t bytes)
{
    struct arena *arena = (struct arena *)allocator;
    struct plan plan = plan_of(arena, bytes);
    void *block = NULL;
    pthread_mutex_lock(&arena->lock);
    if (plan.kind == SLAB && !list_is_empty(&arena->roomy[plan.class])) {
        block = slab_take(arena, (struct page *)arena->roomy[plan.class].next);
        count_block(arena, &plan);
    }
    pthread_mutex_unlock(&arena->lock);
    return block;
}

static void arena_reopen(struct crl_allocator *allocator)
{
    struct arena *arena = (struct arena *)allocator;
    pthread_mutex_lock(&arena->lock);
    while (!list_is_empty(&arena->closed)) {
        struct page *page = (struct page *)arena->closed.next;
        page->is_closed = false;
        arena->gaps[page->class] += page->blocks_n - page->used_n;
        list_remove(&page->link);
        list_add(&arena->roomy[page->class], &page->link);
    }
    pthread_mutex_unlock(&arena->lock);
}

static const struct crl_real_memory arena_real = {
    .block_bytes = arena_block_bytes,
    .use = arena_use,
    .trim = arena_trim,
    .close_page = arena_close_page,
    .alloc_in_gap = arena_alloc_in_gap,
    .reopen = arena_reopen,
};

/* --------------------------------------------------------------------------------------- arenas */

static size_t page_bytes_for(size_t budget_bytes)
{
#ifdef CRL_SANITIZED
    return 0;
#endif
    if (budget_bytes < BUDGET_PAGED_MIN)
        return 0;
    if (budget_bytes >= BUDGET_HUGE_MIN)
        return LARGE_PAGE_BYTES;
    size_t page_bytes = UNIT_BYTES;
    while (page_bytes < SMALL_PAGE_MAX && 2 * page_bytes * PAGES_OF_BUDGET <= budget_bytes)
        page_bytes *= 2;
    return page_bytes;
}

int crl_arena_new(size_t budget_bytes, struct crl_allocator **ret_allocator)
{
    struct arena *arena = calloc(1, sizeof *arena);
    if (!arena)
        return CORRAL_ENOMEM;
    arena->base =
        (struct crl_allocator){.alloc = arena_alloc, .free = arena_free, .real = &arena_real};
    arena->budget_bytes = budget_bytes;
    arena->page_bytes = page_bytes_for(budget_bytes);
    arena->chunk_bytes = CHUNK_PAGES * arena->page_bytes;
    arena->refs = 1;
    list_init(&arena->chunks);
    list_init(&arena->run_chunks);
    list_init(&arena->closed);
    for (uint32_t class = 0; class < CLASSES; class ++)
        list_init(&arena->roomy[class]);
    pthread_mutex_init(&arena->lock, NULL);
    *ret_allocator = &arena->base;
    return CORRAL_OK;
}

void crl_arena_release(struct crl_allocator *allocator)
{
    struct arena *arena = (struct arena *)allocator;
    pthread_mutex_lock(&arena->lock);
    unref_and_unlock(arena);
}
