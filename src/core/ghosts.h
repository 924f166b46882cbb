/* SPDX-License-Identifier: Apache-2.0
 *
 * ghosts.h - which keys were evicted lately: 16 bits of the hash of each.
 *
 * A part of the hash chooses a line of 32 hashes, the newest first: a new one pushes the oldest of
 * its line out. So a line is a short queue, and all of them together are about one long queue, that
 * knows of as many keys as there is room for. Two keys may have the same 16 bits: one in 2,000 that
 * was never here is taken for one that was. That costs a better place in the order of eviction than
 * it deserves, and nothing else.
 *
 * The hash is split as in buckets.h: bits 0 to 31 choose the line, 32 to 47 are kept.
 *
 * Threads: the writer's. */
#ifndef CRL_CORE_GHOSTS_H
#define CRL_CORE_GHOSTS_H

#include "base/allocator.h"

#include <stdint.h>

#define CRL_GHOSTS_OF_LINE 32

/* 2^log2 lines; NULL: none. Set to zero before the first call. */
struct crl_ghosts {
    uint16_t *hashes;
    uint32_t log2;
};

/* crl_ghosts_room - how many it can remember. */
static inline uint64_t crl_ghosts_room(const struct crl_ghosts *ghosts)
{
    return ghosts->hashes != NULL ? (uint64_t)CRL_GHOSTS_OF_LINE << ghosts->log2 : 0;
}

/* crl_ghosts_bytes - the block that so much room takes. Pure. */
static inline size_t crl_ghosts_bytes(uint64_t room)
{
    return (size_t)room * sizeof(uint16_t);
}

/* crl_ghosts_grow - twice the room, or that of one line. What it knew it still knows. Returns
 * whether there was memory. */
bool crl_ghosts_grow(struct crl_ghosts *ghosts, struct crl_allocator *allocator);

void crl_ghosts_free(struct crl_ghosts *ghosts, struct crl_allocator *allocator);

/* crl_ghosts_add - remember a hash; without room this does nothing. */
void crl_ghosts_add(struct crl_ghosts *ghosts, uint64_t hash);

/* crl_ghosts_take - is a hash remembered? Forgets it. */
bool crl_ghosts_take(struct crl_ghosts *ghosts, uint64_t hash);

#endif
