/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.c - the keys that flights are about, in a chained hash table of fixed size.
 *
 * The table has one bucket for every four flights that there may be, so chains stay short. */
#include "core/machine.h"

#include <stdlib.h>

struct active_key *crl_key_find(struct crl_core *core, uint64_t hash, uint32_t space,
                                struct corral_bytes key)
{
    struct active_key *found = core->keys[hash & core->keys_mask];
    while (found != NULL && !(found->hash == hash && found->space == space &&
                              crl_bytes_equal(crl_key_bytes(found), key)))
        found = found->next;
    return found;
}

struct active_key *crl_key_new(struct crl_core *core, uint64_t hash, uint32_t space,
                               struct corral_bytes key)
{
    struct active_key *made = calloc(1, sizeof *made + key.size);
    if (made == NULL)
        return NULL;
    made->hash = hash;
    made->space = space;
    made->size = (uint32_t)key.size;
    memcpy(made->bytes, key.data, key.size);
    struct active_key **bucket = &core->keys[hash & core->keys_mask];
    made->next = *bucket;
    *bucket = made;
    return made;
}

void crl_key_retire(struct crl_core *core, struct active_key *key)
{
    crl_assert(key->flights == 0 && key->loads_live == 0 && key->shared == NULL);
    struct active_key **link = &core->keys[key->hash & core->keys_mask];
    while (*link != key)
        link = &(*link)->next;
    *link = key->next;
    key->next = core->retired_keys;
    core->retired_keys = key;
}

void crl_keys_reap(struct crl_core *core)
{
    while (core->retired_keys != NULL) {
        struct active_key *key = core->retired_keys;
        core->retired_keys = key->next;
        free(key);
    }
}
