/* SPDX-License-Identifier: Apache-2.0 */
#include "io/arena.h"
int crl_arena_new(struct crl_allocator **ret_allocator)
{
    *ret_allocator = &crl_allocator_malloc;
    return 0;
}
void crl_arena_release(struct crl_allocator *arena)
{
    (void)arena;
}
size_t crl_arena_mapped_bytes(const struct crl_allocator *arena)
{
    (void)arena;
    return 0;
}
