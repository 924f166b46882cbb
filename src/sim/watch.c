/* SPDX-License-Identifier: Apache-2.0
 *
 * watch.c - the observer. It knows what readers asked and got, and what the origin was asked; it
 * knows nothing of the core's insides. What it finds broken it writes down, the first one for
 * good. */
#include "sim/private.h"

#include <stdarg.h>
#include <stdio.h>

void watch_break(struct sim *sim, const char *format, ...)
{
    if (sim->broken[0] != '\0')
        return;
    va_list args;
    va_start(args, format);
    int head = snprintf(sim->broken, sizeof sim->broken, "at %lld us: ", (long long)sim->now);
    vsnprintf(sim->broken + head, sizeof sim->broken - (size_t)head, format, args);
    va_end(args);
}

void watch_load(struct sim *sim, uint32_t node, struct sim_key *key)
{
    if (!sim->config.policy.no_coalescing && key->live[node] > 1)
        watch_break(sim, "P1: %u live loads of %s on node %u", key->live[node], key->name, node);
    uint32_t limit = sim->config.limits.concurrency * sim->config.nodes;
    if (sim->loads_at_once > limit)
        watch_break(sim, "P6: %u loads at the origin, the limit is %u", sim->loads_at_once, limit);
}

/* The version that a value carries, written by the origin's model. */
static uint64_t version_of(const struct crl_entry *entry)
{
    uint64_t version;
    struct corral_bytes value = crl_entry_value(entry);
    crl_assert(value.size >= sizeof version);
    memcpy(&version, value.data, sizeof version);
    return version;
}

static void watch_value(struct sim *sim, const struct sim_reader *reader, int result,
                        const struct crl_entry *entry)
{
    const struct corral_policy *policy = &sim->config.policy;
    double stretch = 1.0 + policy->jitter;
    corral_us ttl_us = entry->negative ? policy->negative_ttl_us : policy->ttl_us;
    corral_us age_us = sim->now - entry->answered_at;
    bool from_cache = result == CORRAL_HIT || result == CORRAL_NEGATIVE;
    if (from_cache && (double)age_us > (double)ttl_us * stretch)
        watch_break(sim, "P3: reader %u got a value %lld us old", reader->number,
                    (long long)age_us);
    if (!entry->negative && version_of(entry) < reader->version_min)
        watch_break(sim, "P4: reader %u came after the invalidation and got version %llu < %llu",
                    reader->number, (unsigned long long)version_of(entry),
                    (unsigned long long)reader->version_min);
}

void watch_answer(struct sim *sim, struct sim_reader *reader, int result,
                  const struct crl_entry *entry)
{
    if (reader->answered)
        watch_break(sim, "P5: reader %u was answered twice", reader->number);
    if (sim->now > reader->wait_until)
        watch_break(sim, "P5: reader %u was answered %lld us late", reader->number,
                    (long long)(sim->now - reader->wait_until));
    if ((result >= 0) != (entry != NULL))
        watch_break(sim, "P5: reader %u got result %d and %s entry", reader->number, result,
                    entry != NULL ? "an" : "no");
    reader->answered = true;
    sim->last_answer_at = sim->now;
    if (result + 16 >= 0 && result + 16 < 32)
        sim->answers[result + 16]++;
    if (entry != NULL)
        watch_value(sim, reader, result, entry);
}

void watch_end(struct sim *sim)
{
    for (const struct sim_reader *r = sim->readers; r != NULL; r = r->next) {
        if (!r->answered && !r->forgotten)
            watch_break(sim, "P5: reader %u was never answered", r->number);
    }
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        struct crl_core *core = sim->nodes[i].core;
        if (core == NULL)
            continue;
        struct crl_table_counts counts = crl_table_counts(crl_core_table(core));
        if (counts.bytes > sim->config.memory_bytes)
            watch_break(sim, "P8: %llu bytes of %zu", (unsigned long long)counts.bytes,
                        sim->config.memory_bytes);
    }
}
