/* SPDX-License-Identifier: Apache-2.0
 *
 * runs.c - a bit for each unit; of the runs of free ones that are long enough, the one is taken for
 * which the least memory is asked of the system. */
#include "memory/runs.h"

#include "base/assert.h"
#include "memory/chunk.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#define UNITS_MAX    8192
#define SYSTEM_BYTES ((size_t)4096) /* of a page of the system's; a multiple of a unit */

/* In small chunks, where values are small; and in those of 2 MiB. */
#define UNIT_SMALL  ((size_t)64)
#define UNIT_LARGE  ((size_t)1024)
#define CHUNK_LARGE ((size_t)1 << 20)

/* In search of the best place for a run. */
#define CHUNKS_TRIED 16

struct run_chunk {
    struct cds_list_head link; /* while a unit is free */
    uint32_t free_n;
    /* A bit for each unit, in two maps: those that are free, never of this description; and those
     * that a block begins with. */
    uint64_t free[];
};

static uint64_t *begins_of(const struct crl_runs *runs, struct run_chunk *chunk)
{
    return chunk->free + runs->units / 64;
}

void crl_runs_init(struct crl_runs *runs, size_t chunk_bytes)
{
    size_t unit_bytes = chunk_bytes < CHUNK_LARGE ? UNIT_SMALL : UNIT_LARGE;
    *runs = (struct crl_runs){
        .chunk_bytes = chunk_bytes, .unit_bytes = unit_bytes, .units = chunk_bytes / unit_bytes};
    crl_assert(runs->units % 64 == 0 && runs->units <= UNITS_MAX);
    CDS_INIT_LIST_HEAD(&runs->chunks);
}

/* Units that the description of a chunk takes. */
static size_t units_own(const struct crl_runs *runs)
{
    size_t bytes = sizeof(struct run_chunk) + 2 * runs->units / 8;
    return (bytes + runs->unit_bytes - 1) / runs->unit_bytes;
}

size_t crl_runs_bytes_max(const struct crl_runs *runs)
{
    return runs->chunk_bytes - units_own(runs) * runs->unit_bytes;
}

static void bit_set(uint64_t *map, size_t unit, bool is_set)
{
    uint64_t bit = UINT64_C(1) << unit % 64;
    if (is_set)
        map[unit / 64] |= bit;
    else
        map[unit / 64] &= ~bit;
}

static void units_mark(struct run_chunk *chunk, size_t first, size_t n, bool is_free)
{
    for (size_t unit = first; unit < first + n; unit++)
        bit_set(chunk->free, unit, is_free);
}

/* The first unit from `unit` on, before `end`, that is free, or is not. `end`: there is none. */
static size_t unit_next(const struct run_chunk *chunk, size_t unit, size_t end, bool is_free)
{
    while (unit < end) {
        uint64_t word = (is_free ? chunk->free[unit / 64] : ~chunk->free[unit / 64]) >> unit % 64;
        if (word != 0) {
            size_t found = unit + (size_t)__builtin_ctzll(word);
            return found < end ? found : end;
        }
        unit = (unit | 63) + 1;
    }
    return end;
}

static struct run_chunk *chunk_new(struct crl_runs *runs)
{
    struct run_chunk *chunk = crl_chunk_map(runs->chunk_bytes, MADV_NOHUGEPAGE);
    if (chunk == NULL)
        return NULL;
    size_t own = units_own(runs);
    units_mark(chunk, own, runs->units - own, true);
    chunk->free_n = (uint32_t)(runs->units - own);
    runs->held_bytes += SYSTEM_BYTES;
    cds_list_add(&chunk->link, &runs->chunks);
    return chunk;
}

/* Pages of the system's, by number in their chunk. */
struct span {
    size_t first, end;
};

/* Of the pages that a run lies in, those in which no other unit is in use. */
static struct span pages_alone(const struct crl_runs *runs, const struct run_chunk *chunk,
                               size_t first, size_t n)
{
    size_t page_units = SYSTEM_BYTES / runs->unit_bytes;
    struct span pages = {first / page_units, (first + n + page_units - 1) / page_units};
    size_t begin = pages.first * page_units, end = pages.end * page_units;
    if (unit_next(chunk, begin, first, false) < first)
        pages.first++;
    if (pages.end > pages.first && unit_next(chunk, first + n, end, false) < end)
        pages.end--;
    return pages;
}

static size_t span_bytes(struct span pages)
{
    return (pages.end - pages.first) * SYSTEM_BYTES;
}

/* Units are not free any more. */
static void units_take(struct crl_runs *runs, struct run_chunk *chunk, size_t first, size_t n)
{
    runs->held_bytes += span_bytes(pages_alone(runs, chunk, first, n));
    units_mark(chunk, first, n, false);
    chunk->free_n -= (uint32_t)n;
    if (chunk->free_n == 0)
        cds_list_del(&chunk->link);
}

/* Units are free again. */
static void units_give(struct crl_runs *runs, struct run_chunk *chunk, size_t first, size_t n)
{
    if (chunk->free_n > 0)
        cds_list_del(&chunk->link);
    cds_list_add(&chunk->link, &runs->chunks); /* to the front: the next one looks here first */
    units_mark(chunk, first, n, true);
    chunk->free_n += (uint32_t)n;
    struct span pages = pages_alone(runs, chunk, first, n);
    runs->held_bytes -= span_bytes(pages);
    if (chunk->free_n < runs->units - units_own(runs)) {
        if (span_bytes(pages) > 0)
            (void)madvise((char *)chunk + pages.first * SYSTEM_BYTES, span_bytes(pages),
                          MADV_DONTNEED);
        return;
    }
    cds_list_del(&chunk->link);
    runs->held_bytes -= SYSTEM_BYTES;
    munmap(chunk, runs->chunk_bytes);
}

/* --------------------------------------------------------------------------------------- blocks */

/* A free run, and what taking it adds to what is held. */
struct place {
    struct run_chunk *chunk; /* NULL: there is none */
    size_t first;
    size_t held_bytes;
};

/* Look for a better place in a chunk: one that fills a hole in pages that are held already. Else
 * holes would stay, and pages with them, until all around them is freed. */
static void place_improve(const struct crl_runs *runs, struct run_chunk *chunk, size_t n,
                          struct place *best)
{
    size_t end;
    for (size_t first = unit_next(chunk, 0, runs->units, true); first + n <= runs->units;
         first = unit_next(chunk, end, runs->units, true)) {
        end = unit_next(chunk, first, runs->units, false);
        if (end - first < n)
            continue;
        struct place place = {chunk, first, span_bytes(pages_alone(runs, chunk, first, n))};
        if (best->chunk == NULL || place.held_bytes < best->held_bytes)
            *best = place;
        if (best->held_bytes == 0)
            return;
    }
}

static struct place place_best(const struct crl_runs *runs, size_t n)
{
    int tries = CHUNKS_TRIED;
    struct place best = {.chunk = NULL};
    struct run_chunk *chunk;
    cds_list_for_each_entry(chunk, &runs->chunks, link) {
        if (chunk->free_n >= n)
            place_improve(runs, chunk, n, &best);
        if (best.chunk != NULL && (best.held_bytes == 0 || --tries == 0))
            break;
    }
    return best;
}

static void *run_take(struct crl_runs *runs, const struct place *place, size_t n)
{
    units_take(runs, place->chunk, place->first, n);
    bit_set(begins_of(runs, place->chunk), place->first, true);
    runs->living_bytes += n * runs->unit_bytes;
    return (char *)place->chunk + place->first * runs->unit_bytes;
}

void *crl_runs_alloc(struct crl_runs *runs, size_t bytes)
{
    size_t n = bytes / runs->unit_bytes;
    struct place place = place_best(runs, n);
    if (place.chunk == NULL)
        place = (struct place){.chunk = chunk_new(runs), .first = units_own(runs)};
    return place.chunk != NULL ? run_take(runs, &place, n) : NULL;
}

void *crl_runs_alloc_in_gap(struct crl_runs *runs, size_t bytes)
{
    size_t n = bytes / runs->unit_bytes;
    struct place place = place_best(runs, n);
    return place.chunk != NULL && place.held_bytes == 0 ? run_take(runs, &place, n) : NULL;
}

static size_t unit_of(const struct crl_runs *runs, const struct run_chunk *chunk, const void *block)
{
    return (size_t)((const char *)block - (const char *)chunk) / runs->unit_bytes;
}

void crl_runs_free(struct crl_runs *runs, void *block, size_t bytes)
{
    struct run_chunk *chunk = crl_chunk_of(block, runs->chunk_bytes);
    size_t first = unit_of(runs, chunk, block);
    bit_set(begins_of(runs, chunk), first, false);
    runs->living_bytes -= bytes;
    units_give(runs, chunk, first, bytes / runs->unit_bytes);
}

/* --------------------------------------------------------------------------------- closed pages */

/* A page of a chunk, as units; and how many of these are in use. */
struct page_units {
    struct run_chunk *chunk; /* NULL: none */
    size_t begin, end, used_n;
};

static bool is_closed(const struct crl_runs *runs, const struct page_units *page)
{
    for (uint32_t i = 0; i < runs->closed_n; i++)
        if (runs->closed[i].chunk == page->chunk && runs->closed[i].first >= page->begin &&
            runs->closed[i].first < page->end)
            return true;
    return false;
}

/* The first unit of the block in which a unit lies that is in use. */
static size_t block_begin(const struct crl_runs *runs, struct run_chunk *chunk, size_t unit)
{
    const uint64_t *begins = begins_of(runs, chunk);
    while (!(begins[unit / 64] >> unit % 64 & 1))
        unit--;
    return unit;
}

/* Does a block lie in it, or partly? */
static bool is_in_page(const struct crl_runs *runs, const struct page_units *page,
                       const void *block)
{
    if (block == NULL || crl_chunk_of(block, runs->chunk_bytes) != page->chunk)
        return false;
    size_t used = unit_next(page->chunk, page->begin, page->end, false);
    size_t unit = unit_of(runs, page->chunk, block);
    return unit < page->end && unit >= block_begin(runs, page->chunk, used);
}

static void page_try(const struct crl_runs *runs, const struct page_units *page, const void *spared,
                     struct page_units *best)
{
    bool is_whole = page->used_n == 0 || page->used_n == page->end - page->begin;
    if (!is_whole && (best->chunk == NULL || page->used_n < best->used_n) &&
        !is_closed(runs, page) && !is_in_page(runs, page, spared))
        *best = *page;
}

/* Looks at a few chunks; never at the page of a description. */
static struct page_units page_emptiest(const struct crl_runs *runs, const void *spared)
{
    size_t page_units = SYSTEM_BYTES / runs->unit_bytes;
    uint64_t mask = page_units < 64 ? (UINT64_C(1) << page_units) - 1 : UINT64_MAX;
    struct page_units best = {.chunk = NULL};
    struct run_chunk *chunk;
    int tries = CHUNKS_TRIED;
    cds_list_for_each_entry(chunk, &runs->chunks, link) {
        for (size_t begin = page_units; begin < runs->units; begin += page_units) {
            uint64_t bits = chunk->free[begin / 64] >> begin % 64 & mask;
            size_t free_n = (size_t)__builtin_popcountll(bits);
            struct page_units page = {chunk, begin, begin + page_units, page_units - free_n};
            page_try(runs, &page, spared, &best);
        }
        if (--tries == 0)
            break;
    }
    return best;
}

/* Keep its free units back. Returns whether there was room to note them. */
static bool page_close(struct crl_runs *runs, const struct page_units *page)
{
    for (size_t unit = unit_next(page->chunk, page->begin, page->end, true); unit < page->end;
         unit = unit_next(page->chunk, unit, page->end, true)) {
        if (runs->closed_n == CRL_RUNS_CLOSED_MAX)
            return false;
        size_t n = unit_next(page->chunk, unit, page->end, false) - unit;
        runs->closed[runs->closed_n++] =
            (struct crl_run_gap){page->chunk, (uint32_t)unit, (uint32_t)n};
        units_take(runs, page->chunk, unit, n);
    }
    return true;
}

/* By where blocks begin: the first one may begin in an earlier page. */
static void page_visit(const struct crl_runs *runs, const struct page_units *page, size_t first,
                       void (*visit)(void *arg, void *block), void *arg)
{
    const uint64_t *begins = begins_of(runs, page->chunk);
    for (size_t unit = first; unit < page->end; unit++)
        if (begins[unit / 64] >> unit % 64 & 1)
            visit(arg, (char *)page->chunk + unit * runs->unit_bytes);
}

bool crl_runs_close(struct crl_runs *runs, const void *spared,
                    void (*visit)(void *arg, void *block), void *arg)
{
    struct page_units page = page_emptiest(runs, spared);
    if (page.chunk == NULL || runs->held_bytes - runs->living_bytes < 2 * SYSTEM_BYTES)
        return false;
    size_t used = unit_next(page.chunk, page.begin, page.end, false);
    size_t first = used == page.begin ? block_begin(runs, page.chunk, used) : used;
    if (!page_close(runs, &page))
        return false;
    page_visit(runs, &page, first, visit, arg);
    return true;
}

void crl_runs_reopen(struct crl_runs *runs)
{
    while (runs->closed_n > 0) {
        struct crl_run_gap gap = runs->closed[--runs->closed_n];
        units_give(runs, gap.chunk, gap.first, gap.n);
    }
}
