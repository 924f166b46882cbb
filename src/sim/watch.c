/* SPDX-License-Identifier: Apache-2.0
 *
 * watch.c - the observer. It knows what readers asked and got, what the database and the store were asked; it
 * knows nothing of the core's insides. What it finds broken it writes down, the first one for good, and the
 * world stands still.
 *
 * The rules, by promise:
 *   P1  a load begins while the node has a live one of the key
 *   P2  a load begins in a fleet with a store, and the store has neither given the lease nor been silent;
 *       a fill that does not carry the token of the lease last given
 *   P3  a value from memory is older than its TTL, with jitter, since the database answered; one that the
 *       store gave may be older by what the node waits for the store, since it was fresh when it left
 *   P4  a reader gets an older version than its process knew to be written when it came
 *   P5  an answer that is late, comes twice, or never; a value without success, success without one
 *   P6  more loads of one node at the database than its concurrency allows
 *   P8  memory over the budget
 *   P9  a reader's own load begins though its node has a fresh value: with or without a store */
#include "sim/private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void watch_break(struct sim *sim, uint32_t key, const char *format, ...)
{
    if (watch_is_broken(sim))
        return;
    char *text = sim->report->broken;
    size_t room = sizeof sim->report->broken;
    va_list args;
    va_start(args, format);
    vsnprintf(text, room, format, args);
    va_end(args);
    size_t size = strlen(text);
    snprintf(text + size, room - size, ", at %lld us", (long long)sim->now);
    sim->report->broken_key = key;
}

/* ------------------------------------------------------------------------------------------- loads */

static uint32_t live_on_node(const struct sim_load *load, struct sim_key *key)
{
    uint32_t n = 0;
    struct sim_load *other;
    cds_list_for_each_entry(other, &key->live, in_key) n += other->node == load->node;
    return n;
}

static uint32_t loads_of_node(struct sim_node *node)
{
    uint32_t n = 0;
    struct sim_load *load;
    cds_list_for_each_entry(load, &node->loads, link) n++;
    return n;
}

static void watch_lease(struct sim *sim, const struct sim_load *load)
{
    struct sim_known *known = known_of(sim, load->node, load->key);
    if (!sim->plan.store.exists || known == NULL || sim->plan.policy.no_coalescing)
        return;
    if (known->reply != 1 + CRL_STORE_LEASED && known->reply != 1 + CRL_STORE_DOWN)
        watch_break(sim, load->key, "P2: node %u loads %s without the lease", load->node,
                    sim->keys[load->key].text);
    known->reply = 0;
}

static void watch_need(struct sim *sim, const struct sim_load *load)
{
    struct sim_node *node = &sim->nodes[load->node];
    if (sim->stepping != CRL_WANTED)
        return;
    struct crl_entry *entry =
        crl_table_find(crl_core_table(node->core), sim->keys[load->key].hash, node->space,
                       key_bytes(sim, load->key));
    if (entry != NULL && crl_entry_is_fresh(entry, node_now(sim, load->node)))
        watch_break(sim, load->key, "P9: node %u loads %s, of which it has a fresh value", load->node,
                    sim->keys[load->key].text);
}

void watch_load(struct sim *sim, const struct sim_load *load)
{
    struct sim_key *key = &sim->keys[load->key];
    if (!sim->plan.policy.no_coalescing && live_on_node(load, key) > 1)
        watch_break(sim, load->key, "P1: node %u has %u live loads of %s", load->node,
                    live_on_node(load, key), key->text);
    if (sim->options.audits || sim->plan.nodes == 1) {
        uint32_t loads = loads_of_node(&sim->nodes[load->node]);
        if (loads > sim->plan.limits.concurrency)
            watch_break(sim, load->key, "P6: node %u has %u loads, its limit is %u", load->node, loads,
                        sim->plan.limits.concurrency);
    }
    watch_lease(sim, load);
    watch_need(sim, load);
}

void watch_fill(struct sim *sim, uint32_t node, uint32_t key, uint64_t token)
{
    const struct sim_known *known = known_of(sim, node, key);
    if (known != NULL && token != known->token)
        watch_break(sim, key, "P2: node %u fills %s without the token of its lease", node,
                    sim->keys[key].text);
}

/* ----------------------------------------------------------------------------------------- answers */

static void watch_value(struct sim *sim, const struct sim_reader *reader, int result,
                        const struct crl_entry *entry)
{
    const struct corral_policy *policy = &sim->plan.policy;
    const char *text = sim->keys[reader->key].text;
    bool from_memory = result == CORRAL_HIT || result == CORRAL_NEGATIVE;
    corral_us ttl_us = entry->negative ? policy->negative_ttl_us : policy->ttl_us;
    struct sim_value value = {.loaded_at = entry->answered_at - sim->nodes[reader->node].clock_ahead_us};
    if (!entry->negative)
        memcpy(&value, crl_entry_value(entry).data, sizeof value);
    corral_us age_us = sim->now - value.loaded_at;
    if (sim->stepping == CRL_STORE_ANSWERED)
        age_us -= sim->plan.store.timeout_us; /* it was fresh when the store gave it */
    if (from_memory && (double)age_us > (double)ttl_us * (1.0 + policy->jitter) + 1.0)
        watch_break(sim, reader->key, "P3: reader %u got %s, %lld us old", reader->number, text,
                    (long long)age_us);
    if (!entry->negative && value.version < reader->version_min)
        watch_break(sim, reader->key,
                    "P4: reader %u came when version %llu of %s was known, and got %llu",
                    reader->number, (unsigned long long)reader->version_min, text,
                    (unsigned long long)value.version);
}

void watch_answer(struct sim *sim, const struct sim_reader *reader, int result,
                  const struct crl_entry *entry)
{
    corral_us until = reader->wait_until;
    if (sim->nodes[reader->node].resumed_at > until)
        until = sim->nodes[reader->node].resumed_at; /* the whole process stood still */
    if (sim->now > until)
        watch_break(sim, reader->key, "P5: reader %u was answered %lld us late", reader->number,
                    (long long)(sim->now - until));
    if ((result >= 0) != (entry != NULL))
        watch_break(sim, reader->key, "P5: reader %u got result %d and %s value", reader->number,
                    result, entry != NULL ? "a" : "no");
    else if (entry != NULL)
        watch_value(sim, reader, result, entry);
}

/* ------------------------------------------------------------------------------------------ always */

void watch_node(struct sim *sim, uint32_t number)
{
    struct sim_node *node = &sim->nodes[number];
    struct crl_table_counts counts = crl_table_counts(crl_core_table(node->core));
    if (counts.bytes > sim->plan.memory_bytes)
        watch_break(sim, 0, "P8: node %u keeps %llu bytes of %zu", number,
                    (unsigned long long)counts.bytes, sim->plan.memory_bytes);
    if (sim->plan.nodes > 16)
        return;
    struct sim_reader *reader;
    cds_list_for_each_entry(reader, &node->readers, link) {
        if (sim->now > reader->wait_until && sim->now > node->resumed_at)
            watch_break(sim, reader->key, "P5: reader %u is still waiting %lld us past its limit",
                        reader->number, (long long)(sim->now - reader->wait_until));
    }
}

void watch_end(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.nodes; i++) {
        struct sim_reader *reader;
        cds_list_for_each_entry(reader, &sim->nodes[i].readers, link)
            watch_break(sim, reader->key, "P5: reader %u was never answered", reader->number);
        if (sim->nodes[i].core != NULL && !crl_core_is_idle(sim->nodes[i].core))
            watch_break(sim, 0, "P7: node %u is not idle in the end", i);
    }
}
