/* SPDX-License-Identifier: Apache-2.0
 *
 * pages.c - a bit for each page of a chunk; a list of free blocks in each page of blocks. */
#include "memory/pages.h"

#include "base/assert.h"
#include "memory/chunk.h"

#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* of Linux 6.1; older ones refuse it */
#endif

#define CHUNK_PAGES 32
#define ALL_PAGES   UINT32_MAX

#define PAGE_BYTES_MAX ((size_t)64 << 10)
#define BLOCK_MIN      16

/* Of each class, in search of the emptiest. */
#define PAGES_TRIED 4

struct free_block {
    struct free_block *next;
};

enum page_state { OPEN, CLOSED, ABANDONED };

struct page {
    struct cds_list_head link; /* OPEN: while it has a gap; else always */
    struct free_block *free;
    uint32_t class, block_bytes;
    uint32_t used_n;
    uint32_t touched_n; /* blocks from here on were never handed out, and are not in `free` */
    uint32_t blocks_n;
    enum page_state state;
};

struct crl_chunk {
    struct cds_list_head link; /* while a page is free */
    uint32_t free_pages;       /* a bit each */
    uint32_t backed_pages;     /* these count as held, free or not */
    bool is_huge;
    struct page pages[CHUNK_PAGES];
};

/* --------------------------------------------------------------------------------------- chunks */

size_t crl_pages_chunk_bytes(size_t page_bytes)
{
    return CHUNK_PAGES * page_bytes;
}

void crl_pages_init(struct crl_pages *pages, size_t page_bytes, size_t huge_bytes,
                    size_t abandoned_max)
{
    crl_assert(page_bytes <= PAGE_BYTES_MAX);
    *pages = (struct crl_pages){
        .page_bytes = page_bytes,
        .chunk_bytes = crl_pages_chunk_bytes(page_bytes),
        .huge_bytes = huge_bytes,
        .promote_bytes = crl_pages_chunk_bytes(page_bytes),
        .abandoned_max = abandoned_max,
    };
    CDS_INIT_LIST_HEAD(&pages->chunks);
    CDS_INIT_LIST_HEAD(&pages->closed);
    CDS_INIT_LIST_HEAD(&pages->abandoned);
    for (uint32_t class = 0; class < CRL_CLASSES; class ++)
        CDS_INIT_LIST_HEAD(&pages->open[class]);
}

static struct crl_chunk *chunk_new(struct crl_pages *pages)
{
    /* Not the first one before it has filled up: who keeps little shall take little. */
    bool is_huge = pages->held_bytes >= pages->chunk_bytes &&
                   pages->held_bytes + pages->chunk_bytes <= pages->huge_bytes;
    struct crl_chunk *chunk =
        crl_chunk_map(pages->chunk_bytes, is_huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    if (chunk == NULL)
        return NULL;
    chunk->is_huge = is_huge;
    chunk->free_pages = ALL_PAGES;
    chunk->backed_pages = is_huge ? ALL_PAGES : 1; /* this description is in the first one */
    pages->held_bytes += is_huge ? pages->chunk_bytes : pages->page_bytes;
    cds_list_add(&chunk->link, &pages->chunks);
    return chunk;
}

static void chunk_free(struct crl_pages *pages, struct crl_chunk *chunk)
{
    cds_list_del(&chunk->link);
    pages->held_bytes -= (size_t)__builtin_popcount(chunk->backed_pages) * pages->page_bytes;
    munmap(chunk, pages->chunk_bytes);
}

static void spare_free(struct crl_pages *pages)
{
    if (pages->spare != NULL)
        chunk_free(pages, pages->spare);
    pages->spare = NULL;
}

void crl_pages_fini(struct crl_pages *pages)
{
    spare_free(pages);
    crl_assert(pages->held_bytes == 0 && pages->abandoned_bytes == 0);
}

static uint32_t number_of(const struct crl_pages *pages, const void *block)
{
    return (uint32_t)(((uintptr_t)block & (pages->chunk_bytes - 1)) / pages->page_bytes);
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
static struct crl_chunk *chunk_with_room(struct crl_pages *pages, uint32_t n, uint32_t usable)
{
    struct crl_chunk *unbacked = NULL, *chunk;
    cds_list_for_each_entry(chunk, &pages->chunks, link) {
        uint32_t free_pages = chunk->free_pages & usable;
        if (runs_in(free_pages & chunk->backed_pages, n))
            return chunk;
        if (unbacked == NULL && runs_in(free_pages, n))
            unbacked = chunk;
    }
    return unbacked != NULL ? unbacked : chunk_new(pages);
}

void crl_pages_promote_at(struct crl_pages *pages, size_t bytes)
{
    crl_assert(bytes <= pages->chunk_bytes);
    pages->promote_bytes = bytes;
}

/* A chunk of small pages that has filled up is worth a huge one after all. Where the kernel cannot
 * make one now it may later. */
static void chunk_promote(struct crl_pages *pages, struct crl_chunk *chunk)
{
    size_t backed_bytes = (size_t)__builtin_popcount(chunk->backed_pages) * pages->page_bytes;
    size_t more_bytes = pages->chunk_bytes - backed_bytes;
    if (chunk->is_huge || backed_bytes < pages->promote_bytes ||
        pages->held_bytes + more_bytes > pages->huge_bytes)
        return;
    if (madvise(chunk, pages->chunk_bytes, MADV_HUGEPAGE) != 0)
        return;
    (void)madvise(chunk, pages->chunk_bytes, MADV_COLLAPSE); /* a wish */
    chunk->is_huge = true;
    chunk->backed_pages = ALL_PAGES;
    pages->held_bytes += more_bytes;
}

/* Take free pages that follow each other. NULL: no memory. */
static struct page *pages_take(struct crl_pages *pages, uint32_t n, uint32_t usable)
{
    struct crl_chunk *chunk = chunk_with_room(pages, n, usable);
    if (chunk == NULL)
        return NULL;
    uint32_t free_pages = chunk->free_pages & usable;
    uint32_t good = runs_in(free_pages & chunk->backed_pages, n);
    uint32_t first = (uint32_t)__builtin_ctz(good ? good : runs_in(free_pages, n));
    uint32_t bits = ((UINT32_C(1) << n) - 1) << first;
    pages->held_bytes +=
        (size_t)__builtin_popcount(bits & ~chunk->backed_pages) * pages->page_bytes;
    chunk->backed_pages |= bits;
    chunk->free_pages &= ~bits;
    chunk_promote(pages, chunk);
    if (chunk->free_pages == 0)
        cds_list_del(&chunk->link);
    if (chunk == pages->spare)
        pages->spare = NULL;
    return &chunk->pages[first];
}

static void pages_give(struct crl_pages *pages, const void *block, uint32_t n)
{
    struct crl_chunk *chunk = crl_chunk_of(block, pages->chunk_bytes);
    if (chunk->free_pages == 0)
        cds_list_add(&chunk->link, &pages->chunks);
    chunk->free_pages |= ((UINT32_C(1) << n) - 1) << number_of(pages, block);
    if (chunk->free_pages != ALL_PAGES)
        return;
    if (pages->spare != NULL)
        chunk_free(pages, chunk);
    else
        pages->spare = chunk;
}

/* Give the memory behind free pages back, until no more than `limit_bytes` is held. The first page
 * stays: the chunk's description is in it. */
static void chunk_trim(struct crl_pages *pages, struct crl_chunk *chunk, size_t limit_bytes)
{
    for (uint32_t i = 1; i < CHUNK_PAGES && pages->held_bytes > limit_bytes; i++) {
        uint32_t bit = UINT32_C(1) << i;
        if (!(chunk->free_pages & chunk->backed_pages & bit))
            continue;
        if (chunk->is_huge) {
            (void)madvise(chunk, pages->chunk_bytes, MADV_NOHUGEPAGE); /* or it might grow back */
            chunk->is_huge = false;
        }
        if (madvise((char *)chunk + i * pages->page_bytes, pages->page_bytes, MADV_DONTNEED) != 0)
            continue;
        chunk->backed_pages &= ~bit;
        pages->held_bytes -= pages->page_bytes;
    }
}

void crl_pages_trim(struct crl_pages *pages, size_t bytes)
{
    size_t limit_bytes = pages->held_bytes > bytes ? pages->held_bytes - bytes : 0;
    if (bytes > 0)
        spare_free(pages);
    struct crl_chunk *chunk;
    cds_list_for_each_entry(chunk, &pages->chunks, link)
        chunk_trim(pages, chunk, limit_bytes);
}

/* ---------------------------------------------------------------------------------- whole pages */

/* Where the blocks of a page begin. */
static char *page_start(const struct crl_pages *pages, const struct page *page)
{
    struct crl_chunk *chunk = crl_chunk_of(page, pages->chunk_bytes);
    size_t number = (size_t)(page - chunk->pages);
    size_t skipped = number == 0 ? (sizeof *chunk + 63) & ~(size_t)63 : 0;
    return (char *)chunk + number * pages->page_bytes + skipped;
}

void *crl_pages_alloc(struct crl_pages *pages, size_t bytes)
{
    struct page *first =
        pages_take(pages, (uint32_t)(bytes / pages->page_bytes), ALL_PAGES - 1); /* one is short */
    return first != NULL ? page_start(pages, first) : NULL;
}

void crl_pages_free(struct crl_pages *pages, void *first, size_t bytes)
{
    pages_give(pages, first, (uint32_t)(bytes / pages->page_bytes));
}

/* --------------------------------------------------------------------------------------- blocks */

static struct page *page_of(const struct crl_pages *pages, const void *block)
{
    struct crl_chunk *chunk = crl_chunk_of(block, pages->chunk_bytes);
    return &chunk->pages[number_of(pages, block)];
}

static uint32_t gaps_of(const struct page *page)
{
    return page->blocks_n - page->used_n;
}

static struct page *page_new(struct crl_pages *pages, uint32_t class, size_t block_bytes)
{
    struct page *page = pages_take(pages, 1, ALL_PAGES);
    if (page == NULL)
        return NULL;
    size_t bytes =
        pages->page_bytes - ((uintptr_t)page_start(pages, page) & (pages->page_bytes - 1));
    *page = (struct page){
        .class = class,
        .block_bytes = (uint32_t)block_bytes,
        .blocks_n = (uint32_t)(bytes / block_bytes),
    };
    cds_list_add(&page->link, &pages->open[class]);
    pages->gaps[class] += page->blocks_n;
    return page;
}

/* A block of an open page that has a gap. */
static void *block_take(struct crl_pages *pages, struct page *page)
{
    struct free_block *block = page->free;
    if (block != NULL)
        page->free = block->next;
    else
        block = (void *)(page_start(pages, page) + (size_t)page->touched_n++ * page->block_bytes);
    pages->gaps[page->class]--;
    if (++page->used_n == page->blocks_n)
        cds_list_del(&page->link);
    return block;
}

void *crl_block_alloc(struct crl_pages *pages, uint32_t class, size_t block_bytes)
{
    void *block = crl_block_alloc_in_gap(pages, class);
    if (block != NULL)
        return block;
    struct page *page = page_new(pages, class, block_bytes);
    return page != NULL ? block_take(pages, page) : NULL;
}

void *crl_block_alloc_in_gap(struct crl_pages *pages, uint32_t class)
{
    if (cds_list_empty(&pages->open[class]))
        return NULL;
    return block_take(pages, cds_list_first_entry(&pages->open[class], struct page, link));
}

void crl_block_free(struct crl_pages *pages, void *block)
{
    struct page *page = page_of(pages, block);
    struct free_block *free_block = block;
    free_block->next = page->free;
    page->free = free_block;
    if (page->used_n-- == page->blocks_n)
        cds_list_add(&page->link, &pages->open[page->class]);
    pages->gaps[page->class] += page->state == OPEN;
    pages->abandoned_bytes += page->state == ABANDONED ? page->block_bytes : 0;
    if (page->used_n > 0)
        return;
    cds_list_del(&page->link);
    pages->gaps[page->class] -= page->state == OPEN ? page->blocks_n : 0;
    pages->abandoned_bytes -= page->state == ABANDONED ? pages->page_bytes : 0;
    pages_give(pages, block, 1);
}

/* --------------------------------------------------------------------------------- closed pages */

/* Is a smaller part of it in use? */
static bool is_emptier(const struct page *page, const struct page *than)
{
    return (uint64_t)page->used_n * than->blocks_n < (uint64_t)than->used_n * page->blocks_n;
}

/* Would the other pages of its class take its blocks? */
static bool is_movable(const struct crl_pages *pages, const struct page *page)
{
    return pages->gaps[page->class] - gaps_of(page) >= page->used_n;
}

/* Looks at a few of each class, those that had a gap for longest. NULL: there is none. */
static struct page *page_emptiest(struct crl_pages *pages, const struct page *spared)
{
    struct page *best = NULL;
    for (uint32_t class = 0; class < CRL_CLASSES; class ++) {
        struct cds_list_head *link = pages->open[class].prev;
        for (int i = 0; i < PAGES_TRIED && link != &pages->open[class]; i++, link = link->prev) {
            struct page *page = cds_list_entry(link, struct page, link);
            if (page != spared && is_movable(pages, page) &&
                (best == NULL || is_emptier(page, best)))
                best = page;
        }
    }
    return best;
}

/* What is not free is living. */
static void page_visit(const struct crl_pages *pages, const struct page *page,
                       void (*visit)(void *arg, void *block), void *arg)
{
    uint8_t is_free[PAGE_BYTES_MAX / BLOCK_MIN / 8] = {0};
    char *start = page_start(pages, page);
    for (struct free_block *block = page->free; block != NULL; block = block->next) {
        size_t number = (size_t)((char *)block - start) / page->block_bytes;
        is_free[number / 8] |= (uint8_t)(1u << number % 8);
    }
    for (size_t number = 0; number < page->touched_n; number++)
        if (!(is_free[number / 8] >> number % 8 & 1))
            visit(arg, start + number * page->block_bytes);
}

bool crl_pages_close(struct crl_pages *pages, const void *spared,
                     void (*visit)(void *arg, void *block), void *arg)
{
    struct page *page = page_emptiest(pages, spared != NULL ? page_of(pages, spared) : NULL);
    if (page == NULL)
        return false;
    page->state = CLOSED;
    pages->gaps[page->class] -= gaps_of(page);
    cds_list_move(&page->link, &pages->closed);
    page_visit(pages, page, visit, arg);
    return true;
}

void crl_pages_abandon(struct crl_pages *pages)
{
    struct page *page, *next;
    cds_list_for_each_entry_safe(page, next, &pages->closed, link) {
        size_t gap_bytes = pages->page_bytes - (size_t)page->used_n * page->block_bytes;
        if (pages->abandoned_bytes + gap_bytes > pages->abandoned_max)
            return;
        page->state = ABANDONED;
        pages->abandoned_bytes += gap_bytes;
        cds_list_move(&page->link, &pages->abandoned);
    }
}

void crl_pages_reopen(struct crl_pages *pages)
{
    struct page *page, *next;
    cds_list_for_each_entry_safe(page, next, &pages->closed, link) {
        page->state = OPEN;
        pages->gaps[page->class] += gaps_of(page);
        cds_list_move(&page->link, &pages->open[page->class]);
    }
}
