/* SPDX-License-Identifier: Apache-2.0
 *
 * allocator.c - the allocator that is malloc. */
#include "base/allocator.h"

#include <stdlib.h>

static void *malloc_alloc(struct crl_allocator *allocator, size_t bytes)
{
    (void)allocator;
    if (bytes % 64 == 0)
        return aligned_alloc(64, bytes);
    return malloc(bytes);
}

static void malloc_free(struct crl_allocator *allocator, void *block, size_t bytes)
{
    (void)allocator;
    (void)bytes;
    free(block);
}

struct crl_allocator crl_allocator_malloc = {.alloc = malloc_alloc, .free = malloc_free};
