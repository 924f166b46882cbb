/* SPDX-License-Identifier: Apache-2.0
 *
 * loads.c - see loads.h. */
#include "sim/watch/loads.h"

#include "sim/watch/leases.h"

static void watch_need(struct sim *sim, const struct sim_load *load, const struct sim_known *known)
{
    struct sim_node *node = &sim->nodes[load->node];
    corral_us now = node_now(sim, load->node);
    const char *text = sim->keys[load->key].name;
    struct crl_table *table = crl_core_table(node->core);
    struct crl_entry *entry = crl_table_find(table, sim->keys[load->key].hash,
                                             sim->keys[load->key].space, key_bytes(sim, load->key));
    const struct crl_space_view *view = crl_core_view(node->core, sim->keys[load->key].space);
    bool has_one = crl_entry_judge(entry, now, view, UINT32_MAX).outcome != CRL_VERDICT_NOTHING;
    if (load->reason != CRL_LOAD_MISS)
        return; /* a refresh is to load what is fresh */
    bool is_of_step = sim->stepping_key == key_bytes(sim, load->key).data;
    if (sim->stepping == CRL_WANTED && is_of_step && has_one)
        watch_break(sim, load->key, "P9: node %u loads %s, of which it has a fresh value",
                    load->node, text);
    if (known == NULL || key_space(sim, load->key)->policy.no_coalescing ||
        now >= known->fresh_until || crl_table_counts(table).evictions > 0)
        return;
    watch_break(sim, load->key,
                "P9: node %u loads %s, of which it got a value that is fresh for %lld us",
                load->node, text, (long long)(known->fresh_until - now));
}

/* What a load may be by the limits of its origin. */
static void watch_bulkhead(struct sim *sim, const struct sim_load *load)
{
    const struct sim_origin_plan *origin = key_origin(sim, load->key);
    const char *text = sim->keys[load->key].name;
    corral_us left_us = load->deadline_at - node_now(sim, load->node);
    if (load->origin != key_space(sim, load->key)->origin)
        watch_break(sim, load->key, "P6: node %u loads %s at origin %u", load->node, text,
                    load->origin);
    if (left_us != origin->deadline_us)
        watch_break(sim, load->key, "P6: node %u loads %s with a deadline in %lld us", load->node,
                    text, (long long)left_us);
    if (!sim->options.audits && sim->plan.nodes > 1)
        return;
    uint32_t loads = watch_loads_of(sim, load->node, load->origin);
    uint32_t limit = sim->nodes[load->node].limits[load->origin];
    if (load->head == load && loads > limit)
        watch_break(sim, load->key, "P6: node %u has %u loads at origin %u, its limit is %u",
                    load->node, loads, load->origin, limit);
}

void watch_load(struct sim *sim, struct sim_load *load)
{
    const struct sim_key *key = &sim->keys[load->key];
    const struct sim_known *known = known_of(sim, load->node, load->key);
    uint32_t live_n = watch_live_of(sim, load->node, load->key);
    uint32_t live_max = key_origin(sim, load->key)->hedge_us > 0 ? 2 : 1;
    if (!key_space(sim, load->key)->policy.no_coalescing && live_n > live_max)
        watch_break(sim, load->key, "P1: node %u has %u live loads of %s", load->node, live_n,
                    key->name);
    watch_bulkhead(sim, load);
    load->readers_before = sim->readers_n;
    load->changes = known != NULL ? known->changes : 0;
    watch_need(sim, load, known);
    watch_lease(sim, load);
}

void watch_loaded(struct sim *sim, const struct sim_load *load, bool has_value, bool negative)
{
    struct sim_known *known = known_of(sim, load->node, load->key);
    const struct corral_policy *policy = &key_space(sim, load->key)->policy;
    /* A tiny memory may have no place for the value, and a story may take its memory away. */
    if (known == NULL || !has_value || known->changes != load->changes ||
        sim->plan.memory_bytes < 1u << 20 || sim->allocator != &crl_allocator_malloc)
        return;
    corral_us ttl_us = key_ttl(sim, load->key, negative);
    known->fresh_until =
        node_now(sim, load->node) + (corral_us)((double)ttl_us * (1.0 - policy->jitter)) - 1;
}

void watch_cancel(struct sim *sim, const struct sim_load *load)
{
    bool has_lost = key_origin(sim, load->key)->hedge_us > 0 && /* to the other attempt */
                    sim->stepping == CRL_ORIGIN_ANSWERED;
    if (sim->stepping != CRL_CLOSE && !has_lost && node_now(sim, load->node) < load->deadline_at)
        watch_break(sim, load->key, "P7: node %u cancels its load of %s %lld us too early",
                    load->node, sim->keys[load->key].name,
                    (long long)(load->deadline_at - node_now(sim, load->node)));
}

void watch_loads(struct sim *sim, uint32_t number)
{
    struct sim_node *node = &sim->nodes[number];
    struct sim_load *load;
    cds_list_for_each_entry(load, &node->loads, link) {
        if (load->live && sim->now > load->began_at + key_origin(sim, load->key)->deadline_us &&
            sim->now > node->resumed_at)
            watch_break(sim, load->key, "P6: the load of %s at node %u goes on past its deadline",
                        sim->keys[load->key].name, number);
    }
}

void watch_queues(struct sim *sim, uint32_t number)
{
    const struct crl_core *core = sim->nodes[number].core;
    for (uint32_t i = 0; i < sim->plan.origins_n; i++) {
        uint64_t queued = crl_counter_get(&crl_core_origin_counts(core, i)->queued);
        if (queued > sim->plan.origins[i].limits.queue)
            watch_break(sim, 0, "P6: node %u has %llu flights queued at origin %u, its limit is %u",
                        number, (unsigned long long)queued, i, sim->plan.origins[i].limits.queue);
    }
}
