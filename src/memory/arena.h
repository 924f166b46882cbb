/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.h - the allocator of the real world's table: size classes on huge pages.
 *
 * At a million keys half of a hit's time goes into TLB misses; entries and buckets on 2 MiB pages
 * (MADV_HUGEPAGE) spare most of them. Small blocks come from pages of one size class; larger ones
 * from runs of 4 KiB units, or each from a mapping of its own. All of it is mapped by the arena
 * itself, so that it can tell what it takes of the system, and give it back.
 *
 * The arena is counted by reference: its owner holds one, each living block one, and so does
 * whoever took one by crl_allocator_ref(). So values that a program keeps outlive the cache, and
 * the last reference frees the arena.
 *
 * In sanitizer builds, and where the budget is tiny, every block is malloc'd on its own: so that
 * sanitizers see each of them; so that a few pages do not eat up the budget.
 *
 * fork(): in a child, blocks of a parent's arena may be freed, and nothing else be asked of it.
 * Some of them then go back to the system, others stay until the process ends; nobody waits for a
 * lock.
 *
 * Threads: any. */
#ifndef CRL_MEMORY_ARENA_H
#define CRL_MEMORY_ARENA_H

#include "base/allocator.h"

/* What an arena is for: entries, of which a few are hot; or buckets, which all look-ups touch, so
 * that a little of them is worth a huge page. */
enum crl_arena_use { CRL_ARENA_ENTRIES, CRL_ARENA_BUCKETS };

/* crl_arena_new - an empty arena; nothing is mapped yet. Errors: ENOMEM
 * budget_bytes   what its owner means to keep it to: the size of pages follows from it. The arena
 *                itself refuses nothing. */
int crl_arena_new(size_t budget_bytes, enum crl_arena_use use,
                  struct crl_allocator **ret_allocator);

/* crl_arena_release - give the owner's reference back. Blocks live on; new ones may be asked for
 * only by who holds a reference of its own. */
void crl_arena_release(struct crl_allocator *arena);

#endif
