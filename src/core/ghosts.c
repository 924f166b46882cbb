/* SPDX-License-Identifier: Apache-2.0
 *
 * ghosts.c - lines of hashes. 0 is an empty place; a hash of 0 is kept as 1. */
#include "core/ghosts.h"

#include "base/assert.h"

#include <string.h>

#define LINE_BYTES (CRL_GHOSTS_OF_LINE * sizeof(uint16_t))

static uint16_t kept_of(uint64_t hash)
{
    uint16_t kept = (uint16_t)(hash >> 32);
    return kept != 0 ? kept : 1;
}

static uint16_t *line_at(const struct crl_ghosts *ghosts, uint64_t index)
{
    return ghosts->hashes + index * CRL_GHOSTS_OF_LINE;
}

static uint16_t *line_of(const struct crl_ghosts *ghosts, uint64_t hash)
{
    return line_at(ghosts, (hash & UINT32_MAX) >> (32 - ghosts->log2));
}

/* A line becomes two of the same content: which of its hashes belongs where is not known any more,
 * and what does not belong there is pushed out in time. */
bool crl_ghosts_grow(struct crl_ghosts *ghosts, struct crl_allocator *allocator)
{
    struct crl_ghosts old = *ghosts, grown = {.log2 = old.hashes != NULL ? old.log2 + 1 : 0};
    crl_assert(grown.log2 <= 32);
    size_t bytes = LINE_BYTES << grown.log2;
    grown.hashes = allocator->alloc(allocator, bytes);
    if (grown.hashes == NULL)
        return false;
    if (old.hashes == NULL)
        memset(grown.hashes, 0, bytes);
    for (uint64_t i = 0; old.hashes != NULL && i < UINT64_C(1) << grown.log2; i++)
        memcpy(line_at(&grown, i), line_at(&old, i / 2), LINE_BYTES);
    crl_ghosts_free(&old, allocator);
    *ghosts = grown;
    return true;
}

void crl_ghosts_free(struct crl_ghosts *ghosts, struct crl_allocator *allocator)
{
    if (ghosts->hashes != NULL)
        allocator->free(allocator, ghosts->hashes, LINE_BYTES << ghosts->log2);
    *ghosts = (struct crl_ghosts){0};
}

void crl_ghosts_add(struct crl_ghosts *ghosts, uint64_t hash)
{
    if (ghosts->hashes == NULL)
        return;
    uint16_t *line = line_of(ghosts, hash);
    memmove(line + 1, line, LINE_BYTES - sizeof *line);
    line[0] = kept_of(hash);
}

bool crl_ghosts_take(struct crl_ghosts *ghosts, uint64_t hash)
{
    if (ghosts->hashes == NULL)
        return false;
    uint16_t *line = line_of(ghosts, hash), kept = kept_of(hash);
    for (uint32_t i = 0; i < CRL_GHOSTS_OF_LINE; i++) {
        if (line[i] != kept)
            continue;
        memmove(line + i, line + i + 1, (CRL_GHOSTS_OF_LINE - 1 - i) * sizeof *line);
        line[CRL_GHOSTS_OF_LINE - 1] = 0;
        return true;
    }
    return false;
}
