/* SPDX-License-Identifier: Apache-2.0
 *
 * runs.c - a bit for each unit; the first run of free ones that is long enough is taken. */
#include "memory/runs.h"

#include "memory/chunk.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#define UNITS_MAX 512

/* In search of a free run; a search that gives up early wastes address space only. */
#define CHUNKS_TRIED 16

struct run_chunk {
    struct cds_list_head link; /* while a unit is free */
    uint32_t free_n;
    uint64_t free[UNITS_MAX / 64]; /* a bit for each unit; never the first one's */
};

void crl_runs_init(struct crl_runs *runs, size_t chunk_bytes)
{
    *runs = (struct crl_runs){.chunk_bytes = chunk_bytes};
    CDS_INIT_LIST_HEAD(&runs->chunks);
}

size_t crl_runs_bytes_max(size_t chunk_bytes)
{
    return chunk_bytes - CRL_UNIT_BYTES;
}

static size_t units_of(const struct crl_runs *runs)
{
    return runs->chunk_bytes / CRL_UNIT_BYTES;
}

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

/* The first of n free neighbours. 0: there are none. */
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

static struct run_chunk *chunk_new(struct crl_runs *runs)
{
    struct run_chunk *chunk = crl_chunk_map(runs->chunk_bytes, MADV_NOHUGEPAGE);
    if (chunk == NULL)
        return NULL;
    units_mark(chunk, 1, units_of(runs) - 1, true);
    chunk->free_n = (uint32_t)units_of(runs) - 1;
    runs->held_bytes += CRL_UNIT_BYTES;
    cds_list_add(&chunk->link, &runs->chunks);
    return chunk;
}

static void *run_take(struct crl_runs *runs, struct run_chunk *chunk, size_t first, size_t n)
{
    units_mark(chunk, first, n, false);
    chunk->free_n -= (uint32_t)n;
    if (chunk->free_n == 0)
        cds_list_del(&chunk->link);
    runs->held_bytes += n * CRL_UNIT_BYTES;
    return (char *)chunk + first * CRL_UNIT_BYTES;
}

void *crl_runs_alloc(struct crl_runs *runs, size_t bytes)
{
    size_t n = bytes / CRL_UNIT_BYTES;
    int tries = CHUNKS_TRIED;
    struct run_chunk *chunk;
    cds_list_for_each_entry(chunk, &runs->chunks, link) {
        size_t first = units_find(chunk, units_of(runs), n);
        if (first > 0)
            return run_take(runs, chunk, first, n);
        if (--tries == 0)
            break;
    }
    chunk = chunk_new(runs);
    return chunk != NULL ? run_take(runs, chunk, 1, n) : NULL;
}

void crl_runs_free(struct crl_runs *runs, void *block, size_t bytes)
{
    size_t n = bytes / CRL_UNIT_BYTES;
    struct run_chunk *chunk = crl_chunk_of(block, runs->chunk_bytes);
    if (chunk->free_n > 0)
        cds_list_del(&chunk->link);
    cds_list_add(&chunk->link, &runs->chunks); /* to the front: the next one looks here first */
    units_mark(chunk, (size_t)((char *)block - (char *)chunk) / CRL_UNIT_BYTES, n, true);
    chunk->free_n += (uint32_t)n;
    runs->held_bytes -= bytes;
    if (chunk->free_n < units_of(runs) - 1) {
        (void)madvise(block, bytes, MADV_DONTNEED);
        return;
    }
    cds_list_del(&chunk->link);
    runs->held_bytes -= CRL_UNIT_BYTES;
    munmap(chunk, runs->chunk_bytes);
}
