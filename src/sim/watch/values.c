/* SPDX-License-Identifier: Apache-2.0
 *
 * values.c - see values.h. */
#include "sim/watch/values.h"

#include <string.h>

void watch_value(struct sim *sim, const struct sim_reader *reader, int result,
                 const struct crl_entry *entry)
{
    const struct corral_policy *policy = &key_space(sim, reader->key)->policy;
    const char *text = sim->keys[reader->key].name;
    bool from_memory = result == CORRAL_HIT || result == CORRAL_NEGATIVE;
    corral_us ttl_us = key_ttl(sim, reader->key, crl_entry_is_absent(entry));
    if (!crl_entry_is_absent(entry) && policy->ttl_us > ttl_us)
        ttl_us = policy->ttl_us; /* of one that was put */
    struct sim_value value = {.key = reader->key,
                              .loaded_at =
                                  entry->answered_at - sim->nodes[reader->node].clock_ahead_us};
    bool is_whole = crl_entry_is_absent(entry) ? sim->keys[reader->key].was_absent
                                               : entry->value_size >= sizeof value;
    if (is_whole && !crl_entry_is_absent(entry))
        memcpy(&value, crl_entry_value(entry).data, sizeof value);
    if (!is_whole || value.key != reader->key) {
        watch_break(sim, reader->key, "P10: reader %u got a value of %s that no load brought",
                    reader->number, text);
        return;
    }
    corral_us age_us = sim->now - value.loaded_at;
    if (sim->stepping == CRL_STORE_ANSWERED)
        age_us -= sim->plan.store.timeout_us; /* it was fresh when the store gave it */
    if (from_memory && (double)age_us > (double)ttl_us * (1.0 + policy->jitter) + 1.0)
        watch_break(sim, reader->key, "P3: reader %u got %s, %lld us old", reader->number, text,
                    (long long)age_us);
    const struct sim_known *known = known_of(sim, reader->node, reader->key);
    bool is_hit = from_memory && sim->stepping == CRL_WANTED;
    if (is_hit && known != NULL && known->has_refused && known->refused_at == entry->answered_at)
        watch_break(sim, reader->key, "P4: reader %u got %s, which the store had refused",
                    reader->number, text);
    uint64_t version_min = watch_version_min(sim, reader);
    if (!crl_entry_is_absent(entry) && value.version < version_min)
        watch_break(sim, reader->key,
                    "P4: reader %u came when version %llu of %s was known, and got %llu",
                    reader->number, (unsigned long long)version_min, text,
                    (unsigned long long)value.version);
}

void watch_stored(struct sim *sim, uint32_t number, const struct crl_entry *entry)
{
    const struct sim_key *key = &sim->keys[number];
    struct sim_value value;
    if (crl_entry_is_absent(entry))
        return;
    memcpy(&value, crl_entry_value(entry).data, sizeof value);
    if (value.version < key->stored_min)
        watch_break(sim, number, "P4: the store was told of version %llu of %s and keeps %llu",
                    (unsigned long long)key->stored_min, key->name,
                    (unsigned long long)value.version);
}
