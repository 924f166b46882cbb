/* SPDX-License-Identifier: Apache-2.0
 *
 * allocator.h - where entries and buckets live: the port, and its simplest implementation.
 *
 * Thread-safe. Blocks are aligned to 16 bytes, those whose size is a multiple of 64 to 64. The size
 * is handed back at free. An allocator outlives its blocks. */
#ifndef CRL_BASE_ALLOCATOR_H
#define CRL_BASE_ALLOCATOR_H

#include <stddef.h>

struct crl_allocator {
    void *(*alloc)(struct crl_allocator *allocator, size_t bytes); /* NULL: no memory */
    void (*free)(struct crl_allocator *allocator, void *block, size_t bytes);
};

/* crl_allocator_malloc - plain aligned malloc: for the simulator, tests and sanitizers. */
extern struct crl_allocator crl_allocator_malloc;

#endif
