/* SPDX-License-Identifier: Apache-2.0
 *
 * watch.c - see watch.h. */
#include "sim/watch/watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct sim_known *known_of(struct sim *sim, uint32_t node, uint32_t key)
{
    return sim->known != NULL ? &sim->known[(size_t)node * sim->keys_room + key] : NULL;
}

__attribute__((format(printf, 3, 4))) static void watch_break(struct sim *sim, uint32_t key,
                                                              const char *format, ...)
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

uint64_t watch_version_min(struct sim *sim, uint32_t node, uint32_t key)
{
    const struct sim_known *known = known_of(sim, node, key);
    return known != NULL ? known->version_min : 0;
}

void watch_node_gone(struct sim *sim, uint32_t node)
{
    for (uint32_t key = 0; sim->known != NULL && key < sim->keys_n; key++)
        *known_of(sim, node, key) = (struct sim_known){0};
}

/* ---------------------------------------------------------------------------------------- loads */

static uint32_t live_on_node(const struct sim_load *load, struct sim_key *key)
{
    uint32_t n = 0;
    struct sim_load *other;
    cds_list_for_each_entry(other, &key->live, in_key)
        n += other->node == load->node;
    return n;
}

static uint32_t loads_of_node(struct sim_node *node)
{
    uint32_t n = 0;
    struct sim_load *load;
    cds_list_for_each_entry(load, &node->loads, link)
        n++;
    return n;
}

static void watch_lease(struct sim *sim, struct sim_load *load, struct sim_known *known)
{
    const struct sim_key *key = &sim->keys[load->key];
    if (!sim->plan.store.exists || sim->plan.policy.no_coalescing)
        return;
    if (!known->may_load)
        watch_break(sim, load->key, "P2: node %u loads %s without the lease", load->node,
                    key->text);
    known->may_load = false;
    if (known->given != 0 && known->given == key->lease_token)
        load->lease_until = key->lease_until;
}

static void watch_need(struct sim *sim, const struct sim_load *load, const struct sim_known *known)
{
    struct sim_node *node = &sim->nodes[load->node];
    corral_us now = node_now(sim, load->node);
    const char *text = sim->keys[load->key].text;
    struct crl_table *table = crl_core_table(node->core);
    struct crl_entry *entry =
        crl_table_find(table, sim->keys[load->key].hash, node->space, key_bytes(sim, load->key));
    if (sim->stepping == CRL_WANTED && entry != NULL && crl_entry_is_fresh(entry, now))
        watch_break(sim, load->key, "P9: node %u loads %s, of which it has a fresh value",
                    load->node, text);
    if (known == NULL || sim->plan.policy.no_coalescing || now >= known->fresh_until ||
        crl_table_counts(table).evictions > 0)
        return;
    watch_break(sim, load->key,
                "P9: node %u loads %s, of which it got a value that is fresh for %lld us",
                load->node, text, (long long)(known->fresh_until - now));
}

void watch_load(struct sim *sim, struct sim_load *load)
{
    struct sim_key *key = &sim->keys[load->key];
    struct sim_known *known = known_of(sim, load->node, load->key);
    if (!sim->plan.policy.no_coalescing && live_on_node(load, key) > 1)
        watch_break(sim, load->key, "P1: node %u has %u live loads of %s", load->node,
                    live_on_node(load, key), key->text);
    if (load->deadline_at != node_now(sim, load->node) + sim->plan.deadline_us)
        watch_break(sim, load->key, "P6: node %u loads %s with a deadline in %lld us", load->node,
                    key->text, (long long)(load->deadline_at - node_now(sim, load->node)));
    if (sim->options.audits || sim->plan.nodes == 1) {
        uint32_t loads = loads_of_node(&sim->nodes[load->node]);
        if (loads > sim->plan.limits.concurrency)
            watch_break(sim, load->key, "P6: node %u has %u loads, its limit is %u", load->node,
                        loads, sim->plan.limits.concurrency);
    }
    load->readers_before = sim->readers_n;
    watch_need(sim, load, known);
    if (known == NULL)
        return;
    load->changes = known->changes;
    watch_lease(sim, load, known);
}

void watch_loaded(struct sim *sim, const struct sim_load *load, bool has_value, bool negative)
{
    struct sim_known *known = known_of(sim, load->node, load->key);
    const struct corral_policy *policy = &sim->plan.policy;
    /* A tiny memory may have no place for the value, and a story may take its memory away. */
    if (known == NULL || !has_value || known->changes != load->changes ||
        sim->plan.memory_bytes < 1u << 20 || sim->allocator != &crl_allocator_malloc)
        return;
    corral_us ttl_us = negative ? policy->negative_ttl_us : policy->ttl_us;
    known->fresh_until =
        node_now(sim, load->node) + (corral_us)((double)ttl_us * (1.0 - policy->jitter)) - 1;
}

void watch_load_over(struct sim *sim, const struct sim_load *load)
{
    if (sim->plan.policy.no_coalescing || watch_is_broken(sim) || !sim->options.audits)
        return;
    struct sim_reader *reader;
    cds_list_for_each_entry(reader, &sim->nodes[load->node].readers, link) {
        if (reader->key == load->key && reader->number < load->readers_before)
            watch_break(sim, load->key,
                        "P5: reader %u came before the load of %s began and was not answered by it",
                        reader->number, sim->keys[load->key].text);
    }
}

void watch_cancel(struct sim *sim, const struct sim_load *load)
{
    if (sim->stepping != CRL_CLOSE && node_now(sim, load->node) < load->deadline_at)
        watch_break(sim, load->key, "P7: node %u cancels its load of %s %lld us too early",
                    load->node, sim->keys[load->key].text,
                    (long long)(load->deadline_at - node_now(sim, load->node)));
}

/* ---------------------------------------------------------------------------------------- store */

void watch_ask(struct sim *sim, uint32_t node, uint32_t key, uint64_t ask)
{
    struct sim_known *known = known_of(sim, node, key);
    if (known == NULL)
        return;
    if (known->token != 0)
        watch_break(sim, key, "P7: node %u asks for the lease of %s, which it holds", node,
                    sim->keys[key].text);
    known->ask = ask;
    known->asks = true;
    known->may_load = known->waits = false;
}

void watch_reply(struct sim *sim, uint32_t node, uint32_t key, uint64_t ask,
                 const struct crl_store_reply *reply)
{
    struct sim_known *known = known_of(sim, node, key);
    if (known == NULL)
        return;
    bool leased = reply->answer == CRL_STORE_LEASED;
    if (!known->asks || known->ask != ask) {
        known->late_token = leased ? reply->token : 0;
        return;
    }
    known->asks = false;
    known->may_load = leased || reply->answer == CRL_STORE_DOWN;
    known->waits = reply->answer == CRL_STORE_BUSY;
    known->waits_until = sim->now + reply->lease_us;
    known->given = known->token = leased ? reply->token : 0;
}

/* A node is told that its value is not good any more. What it may do about it comes after. */
void watch_changed(struct sim *sim, uint32_t node, uint32_t key, uint64_t version)
{
    struct sim_known *known = known_of(sim, node, key);
    if (known == NULL)
        return;
    known->changes++;
    known->fresh_until = 0;
    known->waits = false;
    if (version > known->version_min)
        known->version_min = version;
}

void watch_told(struct sim *sim, uint32_t node, uint32_t key, const struct crl_action *action)
{
    struct sim_known *known = known_of(sim, node, key);
    if (known == NULL)
        return;
    bool fenced = action->lease.token != 0 && action->lease.token == known->token;
    if (action->kind == CRL_FILL_STORE && !fenced)
        watch_break(sim, key, "P2: node %u fills %s without the token of its lease", node,
                    sim->keys[key].text);
    if (action->lease.token == known->token)
        known->token = 0;
    if (action->lease.token == known->late_token)
        known->late_token = 0;
}

void watch_granted(struct sim *sim, uint32_t node, uint32_t number, uint64_t token)
{
    struct sim_key *key = &sim->keys[number];
    struct sim_load *load;
    cds_list_for_each_entry(load, &key->live, in_key) {
        if (sim->now < load->lease_until)
            watch_break(sim, number, "P2: the store leases %s to node %u while node %u loads it",
                        key->text, node, load->node);
    }
    key->lease_token = token;
    key->lease_until = sim->now + sim->plan.store.lease_us;
}

void watch_leases_void(struct sim *sim, uint32_t number)
{
    struct sim_key *key = &sim->keys[number];
    struct sim_load *load;
    cds_list_for_each_entry(load, &key->live, in_key)
        load->lease_until = 0;
    key->lease_token = 0;
}

void watch_stored(struct sim *sim, uint32_t number, const struct crl_entry *entry)
{
    const struct sim_key *key = &sim->keys[number];
    struct sim_value value;
    if (entry->negative)
        return;
    memcpy(&value, crl_entry_value(entry).data, sizeof value);
    if (value.version < key->stored_min)
        watch_break(sim, number, "P4: the store was told of version %llu of %s and keeps %llu",
                    (unsigned long long)key->stored_min, key->text,
                    (unsigned long long)value.version);
}

/* -------------------------------------------------------------------------------------- answers */

static void watch_value(struct sim *sim, const struct sim_reader *reader, int result,
                        const struct crl_entry *entry)
{
    const struct corral_policy *policy = &sim->plan.policy;
    const char *text = sim->keys[reader->key].text;
    bool from_memory = result == CORRAL_HIT || result == CORRAL_NEGATIVE;
    corral_us ttl_us = entry->negative ? policy->negative_ttl_us : policy->ttl_us;
    struct sim_value value = {.loaded_at =
                                  entry->answered_at - sim->nodes[reader->node].clock_ahead_us};
    if (!entry->negative && entry->value_size < sizeof value) {
        watch_break(sim, reader->key, "P10: reader %u got a value of %s that no load brought",
                    reader->number, text);
        return;
    }
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

/* Who is refused because of a limit came to one. The reader himself is among those who wait. */
static void watch_refusal(struct sim *sim, const struct sim_reader *reader)
{
    struct sim_node *node = &sim->nodes[reader->node];
    uint32_t waiting = 0;
    struct sim_reader *other;
    cds_list_for_each_entry(other, &node->readers, link)
        waiting++;
    uint64_t flights = crl_counter_get(&crl_core_counts(node->core)->flights);
    if (waiting <= sim->plan.waiters_max && flights < sim->plan.flights_max)
        watch_break(sim, reader->key, "P8: reader %u was refused; %u wait and %llu fly at node %u",
                    reader->number, waiting - 1, (unsigned long long)flights, reader->node);
}

void watch_answer(struct sim *sim, const struct sim_reader *reader, int result,
                  const struct crl_entry *entry)
{
    corral_us until = reader->wait_until;
    if (reader->answered)
        watch_break(sim, reader->key, "P5: reader %u was answered twice", reader->number);
    if (sim->nodes[reader->node].resumed_at > until)
        until = sim->nodes[reader->node].resumed_at; /* the whole process stood still */
    if (sim->now > until)
        watch_break(sim, reader->key, "P5: reader %u was answered %lld us late", reader->number,
                    (long long)(sim->now - until));
    if (result == CORRAL_ELIMIT && sim->options.audits)
        watch_refusal(sim, reader);
    if ((result >= 0) != (entry != NULL))
        watch_break(sim, reader->key, "P5: reader %u got result %d and %s value", reader->number,
                    result, entry != NULL ? "a" : "no");
    else if (entry != NULL)
        watch_value(sim, reader, result, entry);
}

/* --------------------------------------------------------------------------------------- always */

/* Is anything under way that will bring this key's readers their answer? */
static bool key_is_worked_on(struct sim *sim, uint32_t number, uint32_t key)
{
    struct sim_node *node = &sim->nodes[number];
    const struct sim_known *known = known_of(sim, number, key);
    bool waits = known->waits && (sim->now <= known->waits_until || sim->now <= node->resumed_at);
    if (known->asks || waits || loads_of_node(node) >= sim->plan.limits.concurrency)
        return true;
    struct sim_load *load;
    cds_list_for_each_entry(load, &sim->keys[key].live, in_key) {
        if (load->node == number)
            return true;
    }
    return false;
}

static void watch_readers(struct sim *sim, uint32_t number)
{
    struct sim_node *node = &sim->nodes[number];
    uint32_t n = 0, worked_on = UINT32_MAX;
    struct sim_reader *reader;
    cds_list_for_each_entry(reader, &node->readers, link) {
        n++;
        if (sim->now > reader->wait_until && sim->now > node->resumed_at)
            watch_break(sim, reader->key, "P5: reader %u is still waiting %lld us past its limit",
                        reader->number, (long long)(sim->now - reader->wait_until));
        if (sim->known == NULL || reader->key == worked_on || sim->stepping == CRL_CLOSE)
            continue;
        if (!key_is_worked_on(sim, number, reader->key))
            watch_break(sim, reader->key, "P5: reader %u waits for %s, for which nobody works",
                        reader->number, sim->keys[reader->key].text);
        worked_on = reader->key;
    }
    if (n > sim->plan.waiters_max)
        watch_break(sim, 0, "P8: at node %u %u readers wait, its limit is %u", number, n,
                    sim->plan.waiters_max);
}

static bool key_has_readers(struct sim *sim, uint32_t number, uint32_t key)
{
    struct sim_reader *reader;
    cds_list_for_each_entry(reader, &sim->nodes[number].readers, link) {
        if (reader->key == key)
            return true;
    }
    return false;
}

static void watch_leases(struct sim *sim, uint32_t number)
{
    for (uint32_t key = 0; key < sim->keys_n; key++) {
        const struct sim_known *known = known_of(sim, number, key);
        bool idle = known->token != 0 && !key_is_worked_on(sim, number, key) &&
                    !key_has_readers(sim, number, key);
        if (idle || known->late_token != 0)
            watch_break(sim, key, "P7: node %u keeps the lease of %s and does nothing", number,
                        sim->keys[key].text);
    }
}

static void watch_loads(struct sim *sim, uint32_t number)
{
    struct sim_node *node = &sim->nodes[number];
    struct sim_load *load;
    cds_list_for_each_entry(load, &node->loads, link) {
        if (load->live && sim->now > load->query.arrived_at + sim->plan.deadline_us &&
            sim->now > node->resumed_at)
            watch_break(sim, load->key, "P6: the load of %s at node %u goes on past its deadline",
                        sim->keys[load->key].text, number);
    }
}

static void watch_limits(struct sim *sim, uint32_t number)
{
    const struct crl_core *core = sim->nodes[number].core;
    struct crl_table_counts table = crl_table_counts(crl_core_table(sim->nodes[number].core));
    uint64_t flights = crl_counter_get(&crl_core_counts(core)->flights);
    uint64_t queued = crl_counter_get(&crl_core_origin_counts(core, 0)->queued);
    if (table.bytes > sim->plan.memory_bytes)
        watch_break(sim, 0, "P8: node %u keeps %llu bytes of %zu", number,
                    (unsigned long long)table.bytes, sim->plan.memory_bytes);
    if (flights > sim->plan.flights_max)
        watch_break(sim, 0, "P8: node %u has %llu flights, its limit is %u", number,
                    (unsigned long long)flights, sim->plan.flights_max);
    if (queued > sim->plan.limits.queue)
        watch_break(sim, 0, "P6: node %u has %llu flights queued, its limit is %u", number,
                    (unsigned long long)queued, sim->plan.limits.queue);
}

void watch_node(struct sim *sim, uint32_t number)
{
    watch_limits(sim, number);
    if (sim->plan.nodes > 16 || watch_is_broken(sim))
        return; /* broken: the world stands still; its lists may be in any state */
    watch_loads(sim, number);
    watch_readers(sim, number);
    if (sim->known != NULL)
        watch_leases(sim, number);
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
