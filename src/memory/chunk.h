/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk.h - address space at multiples of its size, so that a block leads to its chunk. */
#ifndef CRL_MEMORY_CHUNK_H
#define CRL_MEMORY_CHUNK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

/* crl_map_aligned - map memory at a multiple of some size. NULL: no memory.
 * bytes       a multiple of the system's pages
 * alignment   a power of two, at least a page of the system's
 * advice      for madvise() */
static inline void *crl_map_aligned(size_t bytes, size_t alignment, int advice)
{
    char *space = (char *)mmap(NULL, bytes + alignment, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (space == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)space & (alignment - 1);
    if (before > 0)
        munmap(space, before);
    munmap(space + before + bytes, alignment - before);
    (void)madvise(space + before, bytes, advice); /* a wish; works without */
    return space + before;
}

/* crl_chunk_map - map a chunk of a power of two bytes. */
static inline void *crl_chunk_map(size_t bytes, int advice)
{
    return crl_map_aligned(bytes, bytes, advice);
}

/* crl_chunk_of - the chunk that a block lies in. Pure. */
static inline void *crl_chunk_of(const void *block, size_t chunk_bytes)
{
    return (void *)((uintptr_t)block & ~(chunk_bytes - 1));
}

#endif
