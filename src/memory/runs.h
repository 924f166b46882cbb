/* SPDX-License-Identifier: Apache-2.0
 *
 * runs.h - blocks of neighbouring 4 KiB units: for values that are larger than half a page.
 *
 * A chunk of address space is cut into units; its first one holds its description. A unit counts as
 * held while it is in use, and is given back to the system when it is freed. So gaps cost address
 * space only, and an empty chunk is unmapped.
 *
 * Threads: one at a time; the arena has a lock. */
#ifndef CRL_MEMORY_RUNS_H
#define CRL_MEMORY_RUNS_H

#include <stddef.h>
#include <urcu/list.h>

#define CRL_UNIT_BYTES ((size_t)4096)

struct crl_runs {
    size_t chunk_bytes; /* a power of two, at most 2 MiB */
    size_t held_bytes;
    struct cds_list_head chunks; /* those with a free unit */
};

/* crl_runs_init - no chunk yet. */
void crl_runs_init(struct crl_runs *runs, size_t chunk_bytes);

/* crl_runs_bytes_max - the largest block that fits into a chunk. Pure. */
size_t crl_runs_bytes_max(size_t chunk_bytes);

/* crl_runs_alloc - a block. bytes: a multiple of CRL_UNIT_BYTES. NULL: no memory. */
void *crl_runs_alloc(struct crl_runs *runs, size_t bytes);

/* crl_runs_free - give a block back. bytes: as it was asked for */
void crl_runs_free(struct crl_runs *runs, void *block, size_t bytes);

#endif
