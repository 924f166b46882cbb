/* SPDX-License-Identifier: Apache-2.0
 *
 * runs.h - blocks of neighbouring units: for values that are larger than half a page of blocks, or
 * that would waste too much of one.
 *
 * A chunk of address space is cut into units, so small that rounding up to them wastes little; the
 * first ones hold its description. A page of the system's counts as held while a unit of it is in
 * use, and is given back when its last one is freed. So wide gaps cost address space only, narrow
 * ones are filled first, and an empty chunk is unmapped. What lies in a page can be moved
 * elsewhere, as in pages.h.
 *
 * Threads: one at a time; the arena has a lock. */
#ifndef CRL_MEMORY_RUNS_H
#define CRL_MEMORY_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <urcu/list.h>

/* Free units of closed pages, that can be kept back at a time. */
#define CRL_RUNS_CLOSED_MAX 32

struct crl_run_gap {
    struct run_chunk *chunk;
    uint32_t first, n; /* units */
};

struct crl_runs {
    size_t chunk_bytes; /* a power of two, 128 KiB to 2 MiB */
    size_t unit_bytes;
    size_t units; /* of a chunk */
    size_t held_bytes;
    size_t living_bytes;         /* of these, in blocks */
    struct cds_list_head chunks; /* those with a free unit */
    uint32_t closed_n;
    struct crl_run_gap closed[CRL_RUNS_CLOSED_MAX];
};

/* crl_runs_init - no chunk yet. */
void crl_runs_init(struct crl_runs *runs, size_t chunk_bytes);

/* crl_runs_bytes_max - the largest block that fits into a chunk. Pure. */
size_t crl_runs_bytes_max(const struct crl_runs *runs);

/* crl_runs_alloc - a block. bytes: a multiple of unit_bytes. NULL: no memory. */
void *crl_runs_alloc(struct crl_runs *runs, size_t bytes);

/* crl_runs_alloc_in_gap - the same, in pages that are held already. NULL: there is no such gap. */
void *crl_runs_alloc_in_gap(struct crl_runs *runs, size_t bytes);

/* crl_runs_close - close one of the emptiest pages of the system's, and visit the living blocks
 * that lie in it, or partly: until it is opened again it gives out nothing. False: there is none,
 * or not enough in gaps elsewhere.
 * spared   not a page that this block lies in; may be NULL, or of another kind */
bool crl_runs_close(struct crl_runs *runs, const void *spared,
                    void (*visit)(void *arg, void *block), void *arg);

/* crl_runs_reopen - open all closed pages. */
void crl_runs_reopen(struct crl_runs *runs);

/* crl_runs_free - give a block back. bytes: as it was asked for */
void crl_runs_free(struct crl_runs *runs, void *block, size_t bytes);

#endif
