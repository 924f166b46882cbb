/* SPDX-License-Identifier: Apache-2.0
 *
 * readers.c - see readers.h. */
#include "sim/world/readers.h"

#include "base/rc.h"
#include "sim/watch/watch.h"
#include "sim/world/node.h"
#include "sim/world/record.h"
#include "sim/world/trace.h"

#include <string.h>

static struct sim_reader reader_of(struct sim *sim, const struct sim_get *get)
{
    struct sim_reader reader = {
        .number = sim->readers_n - 1,
        .node = get->node,
        .key = get->key,
        .asked_at = get->asked_at,
        .wait_until = sim->now + get->wait_us, /* a process that stood still asks when it goes on */
    };
    watch_comes(sim, &reader);
    return reader;
}

static void get_hits(struct sim *sim, const struct sim_get *get, struct crl_entry *entry)
{
    struct sim_reader passing = reader_of(sim, get);
    int outcome = crl_entry_is_absent(entry) ? CORRAL_NEGATIVE : CORRAL_HIT;
    crl_table_touch(entry);
    sim->stepping = CRL_WANTED;
    watch_answer(sim, &passing, outcome, entry);
    record_answer(sim, &passing, outcome, entry);
    if (sim->on_answer != NULL)
        sim->on_answer(sim, passing.number, outcome);
}

static void reader_loses_patience(struct sim *sim, struct sim_event *event)
{
    readers_leave(sim, event->node, event->number);
}

static void get_waits(struct sim *sim, const struct sim_get *get)
{
    struct sim_reader *reader = malloc(sizeof *reader);
    crl_assert(reader != NULL);
    *reader = reader_of(sim, get);
    cds_list_add_tail(&reader->link, &sim->nodes[get->node].readers);
    if (sim->plan.readers.give_up > 0 &&
        crl_rng_uniform(&sim->reader_lots) <= sim->plan.readers.give_up) {
        corral_us after = (corral_us)(crl_rng_uniform(&sim->reader_lots) * (double)get->wait_us);
        event_add(sim, sim->now + after, reader_loses_patience, get->node)->number = reader->number;
    }
    struct crl_event wanted = {.kind = CRL_WANTED,
                               .wanted = {.waiter = &reader->waiter,
                                          .wait_until = node_now(sim, get->node) + get->wait_us,
                                          .asker = get->asker}};
    node_step_key(sim, get->node, get->key, &wanted);
}

void readers_get(struct sim *sim, const struct sim_get *get)
{
    struct sim_node *node = &sim->nodes[get->node];
    sim->readers_n++;
    record_arrival(sim, get->asked_at);
    struct crl_entry *entry = crl_table_find(crl_core_table(node->core), sim->keys[get->key].hash,
                                             sim->keys[get->key].space, key_bytes(sim, get->key));
    const struct crl_space_view *view = crl_core_view(node->core, sim->keys[get->key].space);
    corral_us now = node_now(sim, get->node);
    switch (crl_entry_judge(entry, now, view, UINT32_MAX).outcome) {
    case CRL_VERDICT_FRESH:
    case CRL_VERDICT_ABSENT:
        node->needed_by_hits += crl_entry_use(entry, now, view);
        get_hits(sim, get, entry);
        break;
    case CRL_VERDICT_NOTHING:
    case CRL_VERDICT_STALE:
    case CRL_VERDICT_FAILED:
        get_waits(sim, get);
        break;
    }
}

bool readers_leave(struct sim *sim, uint32_t node, uint32_t number)
{
    struct sim_reader *reader;
    cds_list_for_each_entry(reader, &sim->nodes[node].readers, link) {
        if (reader->number != number)
            continue;
        struct crl_event event = {.kind = CRL_GAVE_UP, .gave_up = {.waiter = &reader->waiter}};
        node_step(sim, node, &event);
        return true;
    }
    return false;
}

void readers_answer(struct sim *sim, struct crl_action *action)
{
    struct crl_waiter *waiter, *next;
    cds_list_for_each_entry_safe(waiter, next, &action->answer.waiters, link) {
        struct sim_reader *reader = caa_container_of(waiter, struct sim_reader, waiter);
        int told = crl_waiter_result(action, waiter), result = crl_rc_plain(told);
        watch_answer(sim, reader, told, action->answer.entry);
        if (watch_is_broken(sim))
            break; /* the world stands still; its lists may be in any state */
        record_answer(sim, reader, result, action->answer.entry);
        if (sim->on_answer != NULL)
            sim->on_answer(sim, reader->number, result);
        cds_list_del(&reader->link);
        reader->answered = true;
        if (sim->options.audits)
            cds_list_add(&reader->link, &sim->answered);
        else
            free(reader);
    }
    if (action->answer.entry != NULL)
        crl_entry_unref(sim->allocator, action->answer.entry);
}

void readers_write(struct sim *sim, uint32_t node, uint32_t key)
{
    struct sim_key *written = &sim->keys[key];
    written->version++;
    written->needed_until = 0;
    trace_line(sim, node, "%-8s is invalidated", written->name);
    watch_changed(sim, node, key, written->version);
    node_step_key(sim, node, key, &(struct crl_event){.kind = CRL_INVALIDATE});
}

void readers_clear(struct sim *sim, uint32_t node, uint32_t space)
{
    trace_line(sim, node, "space %-2u is cleared", space);
    for (uint32_t key = 0; key < sim->keys_n; key++) {
        struct sim_key *written = &sim->keys[key];
        if (written->space != space)
            continue;
        written->version++;
        written->needed_until = 0;
        watch_changed(sim, node, key, written->version);
    }
    node_step(sim, node, &(struct crl_event){.kind = CRL_CLEAR, .space = space});
}

void readers_put(struct sim *sim, uint32_t node, uint32_t key, size_t size)
{
    struct sim_key *written = &sim->keys[key];
    struct sim_value value = {
        .key = key, .version = (uint32_t)++written->version, .loaded_at = sim->now};
    struct crl_entry *draft = crl_entry_draft(sim->allocator, written->size, size, 0);
    crl_assert(draft != NULL && size >= sizeof value);
    memset(crl_entry_value_room(draft), 0, size);
    memcpy(crl_entry_value_room(draft), &value, sizeof value);
    written->needed_until = sim->now + key_fresh_us(sim, key, key_space(sim, key)->policy.ttl_us);
    trace_line(sim, node, "%-8s is put", written->name);
    watch_changed(sim, node, key, written->version);
    node_step_key(sim, node, key, &(struct crl_event){.kind = CRL_PUT, .put = {.draft = draft}});
}

void readers_refresh(struct sim *sim, uint32_t node, uint32_t key, enum crl_load_reason reason)
{
    node_step_key(sim, node, key,
                  &(struct crl_event){.kind = CRL_REFRESH, .refresh = {.reason = reason}});
}
