/* SPDX-License-Identifier: Apache-2.0
 *
 * pages.h - chunks cut into pages: pages of blocks of one size, and runs of whole pages.
 *
 * A chunk has 32 pages, lies at a multiple of its size and begins with its own description, so its
 * first page is a little shorter than the others. An empty page serves any other size; an empty
 * chunk is unmapped, but for one.
 *
 * What counts as held: pages that the system may have put memory behind. A chunk on huge pages is
 * held whole from the start. When free pages are given back, its huge page is split and stays so;
 * all others are held page by page.
 *
 * A page of blocks is
 *   OPEN        it gives out blocks while it has gaps
 *   CLOSED      it gives out none, for its blocks are about to move elsewhere
 *   ABANDONED   it was closed, and blocks that can't move keep it: its gaps are counted apart, for
 *               there is nothing that the owner of the budget could do about them
 *
 * Threads: one at a time; the arena has a lock. */
#ifndef CRL_MEMORY_PAGES_H
#define CRL_MEMORY_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <urcu/list.h>

/* Classes of blocks; what they mean is the caller's. */
#define CRL_CLASSES 128

struct crl_pages {
    size_t page_bytes; /* a power of two */
    size_t chunk_bytes;
    size_t huge_bytes;    /* up to so much held, chunks are on huge pages, but for the first ... */
    size_t promote_bytes; /* ... until it holds so much */
    size_t held_bytes;
    size_t abandoned_bytes; /* of these */
    size_t abandoned_max;
    struct cds_list_head chunks; /* those with a free page */
    struct crl_chunk *spare;     /* the one wholly free chunk that is kept; or NULL */
    struct cds_list_head open[CRL_CLASSES];
    size_t gaps[CRL_CLASSES]; /* free blocks in all of these */
    struct cds_list_head closed, abandoned;
};

/* crl_pages_chunk_bytes - the size of a chunk of such pages. Pure. */
size_t crl_pages_chunk_bytes(size_t page_bytes);

/* crl_pages_init - no chunk yet. */
void crl_pages_init(struct crl_pages *pages, size_t page_bytes, size_t huge_bytes,
                    size_t abandoned_max);

/* crl_pages_promote_at - a chunk of small pages gets a huge one when it holds so much; where huge
 * pages are used at all. */
void crl_pages_promote_at(struct crl_pages *pages, size_t bytes);

/* crl_pages_fini - unmap the spare chunk. Every block has been freed. */
void crl_pages_fini(struct crl_pages *pages);

/* crl_block_alloc - a block of a class, whose blocks are all of this size. NULL: no memory. */
void *crl_block_alloc(struct crl_pages *pages, uint32_t class, size_t block_bytes);

/* crl_block_alloc_in_gap - the same, where an open page has a gap. NULL: none has. */
void *crl_block_alloc_in_gap(struct crl_pages *pages, uint32_t class);

void crl_block_free(struct crl_pages *pages, void *block);

/* crl_pages_alloc - neighbouring pages. bytes: a multiple of a page, less than a chunk. NULL: no
 * memory. */
void *crl_pages_alloc(struct crl_pages *pages, size_t bytes);

void crl_pages_free(struct crl_pages *pages, void *first, size_t bytes);

/* crl_pages_trim - give so much, or what there is, of free pages back to the system. */
void crl_pages_trim(struct crl_pages *pages, size_t bytes);

/* crl_pages_close - close one of the emptiest pages whose blocks would all fit into gaps of other
 * open ones, and visit its living blocks. False: there is none.
 * spared   not the page of this block; NULL: any */
bool crl_pages_close(struct crl_pages *pages, const void *spared,
                     void (*visit)(void *arg, void *block), void *arg);

/* crl_pages_abandon - abandon the closed pages, while abandoned_max allows. */
void crl_pages_abandon(struct crl_pages *pages);

/* crl_pages_reopen - open the closed pages. */
void crl_pages_reopen(struct crl_pages *pages);

#endif
