/* SPDX-License-Identifier: Apache-2.0
 *
 * allocator.h - where entries and buckets live: the port, and its simplest implementation.
 *
 * Thread-safe. Blocks are aligned to 16 bytes, those whose size is a multiple of 64 to 64. The size
 * is handed back at free. An allocator outlives its blocks, and lives as long as somebody holds a
 * reference on it. */
#ifndef CRL_BASE_ALLOCATOR_H
#define CRL_BASE_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

struct crl_allocator {
    void *(*alloc)(struct crl_allocator *allocator, size_t bytes); /* NULL: no memory */
    void (*free)(struct crl_allocator *allocator, void *block, size_t bytes);
    const struct crl_real_memory *real; /* NULL: it does not know what it takes of the system */
    void (*ref)(struct crl_allocator *allocator); /* NULL, and unref NULL: it lives for ever */
    void (*unref)(struct crl_allocator *allocator);
};

/* crl_allocator_ref - one more reference: for who may ask for blocks when the owner is gone. Any
 * thread that knows the allocator to live. */
static inline void crl_allocator_ref(struct crl_allocator *allocator)
{
    if (allocator->ref != NULL)
        allocator->ref(allocator);
}

/* crl_allocator_unref - give a reference back; blocks that live keep the allocator. Any thread. */
static inline void crl_allocator_unref(struct crl_allocator *allocator)
{
    if (allocator->unref != NULL)
        allocator->unref(allocator);
}

/* What an allocator takes of the system's memory. */
struct crl_memory_use {
    size_t held_bytes;      /* all, with gaps and what is kept for later */
    size_t living_bytes;    /* of these in blocks that are not freed */
    size_t abandoned_bytes; /* of these in gaps of abandoned pages */
};

/* A block of such an allocator comes with its first 64 bytes zero, and before that they were not
 * visible to visit() below: so visit() can tell what its owner has put into use.
 *
 * For the owner of blocks who keeps to a budget of real memory. Blocks lie in pages; a page goes
 * back to the system, or serves another size, only when its last block is freed. So where sizes
 * shift, blocks must be moved together, and that is what most of this is for.
 *
 * A closed page gives out no blocks, until it has become empty or is opened again. One that blocks
 * out of the owner's hands keep from becoming empty can be abandoned: what is free in it stays out
 * of use until they are freed. */
struct crl_real_memory {
    /* What a block of this size takes. Pure. */
    size_t (*block_bytes)(struct crl_allocator *allocator, size_t bytes);

    struct crl_memory_use (*use)(struct crl_allocator *allocator);

    /* Give so much, or what there is, of free memory back to the system. */
    void (*trim)(struct crl_allocator *allocator, size_t bytes);

    /* Close one of the emptiest pages whose blocks would all fit into gaps of open ones, and call
     * `visit` for each of its living blocks; none is freed meanwhile. `visit` may not call the
     * allocator. Not the page of the block `spared`. False: there is no such page. NULL, and so
     * alloc_in_gap: there are no pages. */
    bool (*close_page)(struct crl_allocator *allocator, const void *spared,
                       void (*visit)(void *arg, void *block), void *arg);

    /* A block in a page that is open and has room. NULL: there is none. */
    void *(*alloc_in_gap)(struct crl_allocator *allocator, size_t bytes);

    /* Abandon the closed pages, as far as a limit of the allocator's allows. */
    void (*abandon)(struct crl_allocator *allocator);

    /* Open all closed pages. */
    void (*reopen)(struct crl_allocator *allocator);
};

/* At most so many blocks of at least 64 bytes are in one page. */
#define CRL_PAGE_BLOCKS_MAX 1024

/* crl_allocator_malloc - plain aligned malloc: for the simulator, tests and sanitizers. */
extern struct crl_allocator crl_allocator_malloc;

#endif
