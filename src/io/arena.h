/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.h - the allocator of the real world's table: size classes on huge pages.
 *
 * At a million keys half of a hit's time goes into TLB misses; entries and buckets on 2 MiB pages
 * (MADV_HUGEPAGE) spare most of them. Small blocks come from slabs of one size class, larger ones
 * from runs of 64 KiB pages or, where that would waste more than an eighth, from malloc.
 *
 * The arena is counted by reference: its owner holds one, each living block one. So values that a
 * program keeps outlive the cache, and the last one frees the arena.
 *
 * In sanitizer builds every block is malloc'd on its own, so that their checks see each of them.
 *
 * Threads: any. */
#ifndef CRL_IO_ARENA_H
#define CRL_IO_ARENA_H

#include "base/allocator.h"

/* crl_arena_new - an empty arena; nothing is mapped yet. Errors: ENOMEM */
int crl_arena_new(struct crl_allocator **ret_allocator);

/* crl_arena_release - the owner's farewell: blocks live on, no new ones may be asked for. */
void crl_arena_release(struct crl_allocator *arena);

/* crl_arena_mapped_bytes - what it holds of the system's memory, fragmentation included. */
size_t crl_arena_mapped_bytes(const struct crl_allocator *arena);

#endif
