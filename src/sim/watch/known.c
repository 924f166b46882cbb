/* SPDX-License-Identifier: Apache-2.0
 *
 * known.c - see known.h. */
#include "sim/watch/known.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Beyond this many pairs of node and key the observer does without the rules that need them. */
#define KNOWN_MAX (1u << 16)

void watch_init(struct sim *sim)
{
    if ((uint64_t)sim->plan.nodes * sim->keys_room <= KNOWN_MAX)
        sim->known = calloc((size_t)sim->plan.nodes * sim->keys_room, sizeof *sim->known);
}

void watch_fini(struct sim *sim)
{
    free(sim->known);
}

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

void watch_linked(struct sim *sim, uint32_t node)
{
    for (uint32_t key = 0; sim->known != NULL && key < sim->keys_n; key++) {
        if (!key_space(sim, key)->has_store || key_space(sim, key)->policy.no_coalescing)
            continue;
        watch_changed(sim, node, key, 0);
        known_of(sim, node, key)->linked_min = sim->keys[key].stored_min;
    }
}

void watch_filled(struct sim *sim, uint32_t node, uint32_t key, const struct crl_event *event)
{
    struct sim_known *known = known_of(sim, node, key);
    if (event->filled.is_accepted || known == NULL)
        return;
    known->changes++;
    known->fresh_until = 0;
    known->has_refused = true;
    known->refused_at = event->filled.answered_at;
}

void watch_comes(const struct sim *sim, struct sim_reader *reader)
{
    const struct sim_known *known = known_of(sim, reader->node, reader->key);
    if (known == NULL)
        return;
    reader->version_min = known->version_min;
    reader->linked_min = known->linked_min;
}

uint64_t watch_version_min(const struct sim *sim, const struct sim_reader *reader)
{
    const struct sim_known *known = known_of(sim, reader->node, reader->key);
    bool is_in_touch = known != NULL && known->linked_min > 0;
    return is_in_touch && reader->linked_min > reader->version_min ? reader->linked_min
                                                                   : reader->version_min;
}

void watch_node_gone(struct sim *sim, uint32_t node)
{
    for (uint32_t key = 0; sim->known != NULL && key < sim->keys_n; key++)
        *known_of(sim, node, key) = (struct sim_known){0};
}

uint32_t watch_loads_of(const struct sim *sim, uint32_t number, uint32_t origin)
{
    const struct sim_node *node = &sim->nodes[number];
    uint32_t n = 0;
    struct sim_load *load;
    cds_list_for_each_entry(load, &node->loads, link)
        n += load->origin == origin && load->head == load;
    return n;
}

uint32_t watch_live_of(const struct sim *sim, uint32_t node, uint32_t key)
{
    uint32_t n = 0;
    struct sim_load *load;
    cds_list_for_each_entry(load, &sim->keys[key].live, in_key)
        n += load->node == node;
    return n;
}

bool watch_is_worked_on(struct sim *sim, uint32_t number, uint32_t key)
{
    const struct sim_node *node = &sim->nodes[number];
    const struct sim_known *known = known_of(sim, number, key);
    bool waits = known->waits && (sim->now <= known->waits_until || sim->now <= node->resumed_at);
    uint32_t loads = watch_loads_of(sim, number, key_space(sim, key)->origin);
    if (known->asks || waits || loads >= node->limits[key_space(sim, key)->origin] ||
        crl_core_next_at(node->core) == CRL_AT_ONCE)
        return true;
    return watch_live_of(sim, number, key) > 0;
}
