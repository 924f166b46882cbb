/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.c - chunks of 2 MiB, cut into pages of 64 KiB, cut into blocks of one size.
 *
 * A chunk begins with its own description, so the first page is a little shorter than the others. A
 * block's chunk and page follow from its address, its kind from its size. A page that becomes empty
 * is free for any other size; a chunk that becomes empty goes back to the system, but for one. */
#include "io/arena.h"

#include "base/assert.h"

#include <corral/corral.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#define CHUNK_BYTES ((size_t)2 << 20)
#define PAGE_BYTES  ((size_t)64 << 10)
#define PAGES       32
#define ALL_FREE    UINT32_MAX

/* Classes 1 to 64 are blocks of so many times 16 bytes; 64 + k, 2 <= k < 64, is the k-th part of a
 * page. */
#define FINE_MAX 1024
#define CLASSES  128

/* An element of a circular list; its first member where it is embedded. */
struct link {
    struct link *next, *prev;
};

struct free_block {
    struct free_block *next;
};

struct page {
    struct link link; /* in the arena's list of its class, while it has room */
    struct free_block *free;
    uint32_t class, block_bytes;
    uint32_t used_n;
    uint32_t touched_n; /* blocks from here on were never handed out, and are not in `free` */
    uint32_t blocks_n;
};

struct chunk {
    struct link link;    /* in the arena's list, while a page is free */
    uint32_t free_pages; /* a bit each */
    struct page pages[PAGES];
};

struct arena {
    struct crl_allocator base;
    pthread_mutex_t lock;
    uint64_t refs; /* the owner, and each living block */
    size_t mapped_bytes;
    struct link chunks;
    struct chunk *spare; /* the one wholly free chunk that is kept; or NULL */
    struct link roomy[CLASSES];
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

enum kind { SLAB, RUN, SYSTEM };

/* How a block of some size is made. */
struct plan {
    enum kind kind;
    uint32_t class;
    uint32_t block_bytes; /* SLAB */
    uint32_t pages;       /* RUN */
};

static bool wastes_too_much(size_t bytes, size_t block_bytes)
{
    return block_bytes - bytes > bytes / 8;
}

/* Pure: freeing makes the same plan again. */
static struct plan plan_of(size_t bytes)
{
#ifdef CRL_SANITIZED
    return (struct plan){.kind = SYSTEM};
#endif
    if (bytes <= FINE_MAX) {
        uint32_t class = bytes ? (uint32_t)(bytes + 15) / 16 : 1;
        return (struct plan){.kind = SLAB, .class = class, .block_bytes = class * 16};
    }
    if (bytes <= PAGE_BYTES / 2) {
        uint32_t parts = (uint32_t)(PAGE_BYTES / ((bytes + 63) & ~(size_t)63));
        uint32_t block_bytes = (uint32_t)PAGE_BYTES / parts & ~UINT32_C(63);
        if (!wastes_too_much(bytes, block_bytes))
            return (struct plan){.kind = SLAB, .class = 64 + parts, .block_bytes = block_bytes};
        return (struct plan){.kind = SYSTEM};
    }
    size_t pages = (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    if (pages < PAGES && !wastes_too_much(bytes, pages * PAGE_BYTES))
        return (struct plan){.kind = RUN, .pages = (uint32_t)pages};
    return (struct plan){.kind = SYSTEM};
}

/* --------------------------------------------------------------------------------------- chunks */

static struct chunk *chunk_of(const void *block)
{
    return (struct chunk *)((uintptr_t)block & ~(CHUNK_BYTES - 1));
}

static uint32_t page_number(const void *block)
{
    return (uint32_t)(((uintptr_t)block & (CHUNK_BYTES - 1)) / PAGE_BYTES);
}

/* Map a chunk at a multiple of its size, which is what a huge page needs. */
static struct chunk *chunk_map(struct arena *arena)
{
    char *space =
        mmap(NULL, 2 * CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (space == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)space & (CHUNK_BYTES - 1);
    if (before > 0)
        munmap(space, before);
    munmap(space + before + CHUNK_BYTES, CHUNK_BYTES - before);
    (void)madvise(space + before, CHUNK_BYTES, MADV_HUGEPAGE); /* a wish; works without */

    struct chunk *chunk = (struct chunk *)(space + before);
    chunk->free_pages = ALL_FREE;
    list_add(&arena->chunks, &chunk->link);
    arena->mapped_bytes += CHUNK_BYTES;
    return chunk;
}

static void chunk_unmap(struct arena *arena, struct chunk *chunk)
{
    list_remove(&chunk->link);
    arena->mapped_bytes -= CHUNK_BYTES;
    munmap(chunk, CHUNK_BYTES);
}

/* The bits where a run of free pages begins. */
static uint32_t runs_in(uint32_t free_pages, uint32_t pages)
{
    uint32_t begins = free_pages;
    for (uint32_t i = 1; i < pages; i++)
        begins &= free_pages >> i;
    return begins;
}

/* Take free pages that follow each other. usable: which pages of a chunk will do. NULL: no
 * memory. */
static struct page *pages_take(struct arena *arena, uint32_t pages, uint32_t usable)
{
    struct link *link = arena->chunks.next;
    while (link != &arena->chunks && !runs_in(((struct chunk *)link)->free_pages & usable, pages))
        link = link->next;
    struct chunk *chunk = link != &arena->chunks ? (struct chunk *)link : chunk_map(arena);
    if (!chunk)
        return NULL;
    uint32_t first = (uint32_t)__builtin_ctz(runs_in(chunk->free_pages & usable, pages));
    chunk->free_pages &= ~(((UINT32_C(1) << pages) - 1) << first);
    if (chunk->free_pages == 0)
        list_remove(&chunk->link);
    if (chunk == arena->spare)
        arena->spare = NULL;
    return &chunk->pages[first];
}

static void pages_give(struct arena *arena, struct chunk *chunk, uint32_t first, uint32_t pages)
{
    if (chunk->free_pages == 0)
        list_add(&arena->chunks, &chunk->link);
    chunk->free_pages |= ((UINT32_C(1) << pages) - 1) << first;
    if (chunk->free_pages != ALL_FREE)
        return;
    if (arena->spare)
        chunk_unmap(arena, chunk);
    else
        arena->spare = chunk;
}

/* --------------------------------------------------------------------------------------- blocks */

/* Where the blocks of a page begin. */
static char *page_start(const struct page *page)
{
    struct chunk *chunk = chunk_of(page);
    size_t number = (size_t)(page - chunk->pages);
    size_t skipped = number == 0 ? (sizeof *chunk + 63) & ~(size_t)63 : 0;
    return (char *)chunk + number * PAGE_BYTES + skipped;
}

static struct page *slab_new(struct arena *arena, const struct plan *plan)
{
    struct page *page = pages_take(arena, 1, UINT32_MAX);
    if (!page)
        return NULL;
    size_t bytes = PAGE_BYTES - (uintptr_t)page_start(page) % PAGE_BYTES;
    *page = (struct page){
        .class = plan->class,
        .block_bytes = plan->block_bytes,
        .blocks_n = (uint32_t)(bytes / plan->block_bytes),
    };
    list_add(&arena->roomy[plan->class], &page->link);
    return page;
}

static void *slab_alloc(struct arena *arena, const struct plan *plan)
{
    struct link *roomy = &arena->roomy[plan->class];
    struct page *page = list_is_empty(roomy) ? slab_new(arena, plan) : (struct page *)roomy->next;
    if (!page)
        return NULL;
    struct free_block *block = page->free;
    if (block)
        page->free = block->next;
    else
        block = (void *)(page_start(page) + (size_t)page->touched_n++ * page->block_bytes);
    if (++page->used_n == page->blocks_n)
        list_remove(&page->link);
    return block;
}

static void slab_free(struct arena *arena, void *block)
{
    struct chunk *chunk = chunk_of(block);
    struct page *page = &chunk->pages[page_number(block)];
    struct free_block *free_block = block;
    free_block->next = page->free;
    page->free = free_block;
    if (page->used_n-- == page->blocks_n)
        list_add(&arena->roomy[page->class], &page->link);
    if (page->used_n > 0)
        return;
    list_remove(&page->link);
    pages_give(arena, chunk, page_number(block), 1);
}

static void *run_alloc(struct arena *arena, const struct plan *plan)
{
    struct page *page = pages_take(arena, plan->pages, ~UINT32_C(1)); /* the first one is short */
    return page ? page_start(page) : NULL;
}

static void *system_alloc(struct arena *arena, size_t bytes)
{
    void *block = crl_allocator_malloc.alloc(&crl_allocator_malloc, bytes);
    arena->mapped_bytes += block ? bytes : 0;
    return block;
}

static void system_free(struct arena *arena, void *block, size_t bytes)
{
    arena->mapped_bytes -= bytes;
    crl_allocator_malloc.free(&crl_allocator_malloc, block, bytes);
}

static void *arena_alloc(struct crl_allocator *allocator, size_t bytes)
{
    struct arena *arena = (struct arena *)allocator;
    struct plan plan = plan_of(bytes);
    void *block = NULL;
    pthread_mutex_lock(&arena->lock);
    switch (plan.kind) {
    case SLAB:
        block = slab_alloc(arena, &plan);
        break;
    case RUN:
        block = run_alloc(arena, &plan);
        break;
    case SYSTEM:
        block = system_alloc(arena, bytes);
        break;
    }
    arena->refs += block != NULL;
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
        chunk_unmap(arena, arena->spare);
    crl_assert(arena->mapped_bytes == 0);
    pthread_mutex_destroy(&arena->lock);
    free(arena);
}

static void arena_free(struct crl_allocator *allocator, void *block, size_t bytes)
{
    struct arena *arena = (struct arena *)allocator;
    struct plan plan = plan_of(bytes);
    pthread_mutex_lock(&arena->lock);
    switch (plan.kind) {
    case SLAB:
        slab_free(arena, block);
        break;
    case RUN:
        pages_give(arena, chunk_of(block), page_number(block), plan.pages);
        break;
    case SYSTEM:
        system_free(arena, block, bytes);
        break;
    }
    unref_and_unlock(arena);
}

/* --------------------------------------------------------------------------------------- arenas */

int crl_arena_new(struct crl_allocator **ret_allocator)
{
    struct arena *arena = calloc(1, sizeof *arena);
    if (!arena)
        return CORRAL_ENOMEM;
    arena->base = (struct crl_allocator){.alloc = arena_alloc, .free = arena_free};
    arena->refs = 1;
    list_init(&arena->chunks);
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

size_t crl_arena_mapped_bytes(const struct crl_allocator *allocator)
{
    struct arena *arena = (struct arena *)allocator;
    pthread_mutex_lock(&arena->lock);
    size_t bytes = arena->mapped_bytes;
    pthread_mutex_unlock(&arena->lock);
    return bytes;
}
