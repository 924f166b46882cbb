/* SPDX-License-Identifier: Apache-2.0
 *
 * entries.h - whole entries for tests of what holds them. */
#ifndef CRL_TESTS_ENTRIES_H
#define CRL_TESTS_ENTRIES_H

#include "core/entry.h"

#include <string.h>

/* What an entry is made of. */
struct entry_parts {
    uint32_t space;
    enum crl_entry_kind kind;
    struct corral_bytes key, value;
    corral_us answered_at, fresh_until, load_us;
};

/* entry_made - a draft, filled and stamped: quiet until it expires, used. NULL: no memory. */
__attribute__((noinline, unused)) static struct crl_entry *entry_made(
    struct crl_allocator *allocator, const struct entry_parts *parts)
{
    struct crl_entry *entry = crl_entry_draft(allocator, parts->key.size, parts->value.size, 0);
    if (entry == NULL)
        return NULL;
    if (parts->value.size > 0)
        memcpy(crl_entry_value_room(entry), parts->value.data, parts->value.size);
    crl_entry_stamp(entry, &(struct crl_entry_stamp){.home = crl_home(parts->space, 0),
                                                     .kind = parts->kind,
                                                     .key = parts->key,
                                                     .answered_at = parts->answered_at,
                                                     .quiet_until = parts->fresh_until,
                                                     .fresh_until = parts->fresh_until,
                                                     .load_us = parts->load_us,
                                                     .is_used = true});
    return entry;
}

#endif
