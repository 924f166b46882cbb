/* SPDX-License-Identifier: Apache-2.0
 *
 * loads.c - see loads.h. */
#include "sim/world/loads.h"

#include "base/rc.h"
#include "sim/watch/watch.h"
#include "sim/world/node.h"
#include "sim/world/record.h"

#include <string.h>

void loads_free(struct sim_load *head)
{
    while (head != NULL) {
        struct sim_load *load = head;
        head = load->mate;
        free(load);
    }
}

static struct sim_load *load_new(struct sim *sim, uint32_t node, const struct crl_action *action,
                                 const struct crl_load_order *order)
{
    struct sim_load *load = calloc(1, sizeof *load);
    crl_assert(load != NULL);
    load->number = ++sim->loads_n;
    load->id = order->id;
    load->node = node;
    load->incarnation = sim->nodes[node].incarnation;
    load->key = key_number(sim, action->space, order->key);
    load->origin = action->origin;
    load->reason = order->reason;
    load->version = sim->keys[load->key].version;
    load->began_at = sim->now;
    load->deadline_at = order->deadline_at;
    load->live = true;
    sim->keys[load->key].loads++;
    cds_list_add_tail(&load->link, &sim->nodes[node].loads);
    cds_list_add_tail(&load->in_key, &sim->keys[load->key].live);
    return load;
}

void loads_begin(struct sim *sim, uint32_t node, struct crl_action *action)
{
    struct sim_load *head = NULL, **link = &head;
    struct crl_load_order *order;
    cds_list_for_each_entry(order, &action->ask_origin.loads, link) {
        struct sim_load *load = load_new(sim, node, action, order);
        *link = load;
        link = &load->mate;
        load->head = head;
        head->live_n++;
    }
    queue_reserve(sim);
    sim_db_arrive(&sim->origins[head->origin].db, &head->query, sim->now);
    for (struct sim_load *load = head; load != NULL; load = load->mate) {
        record_load(sim);
        watch_load(sim, load);
    }
}

static void load_stops_living(struct sim_load *load)
{
    if (!load->live)
        return;
    cds_list_del(&load->in_key);
    load->live = false;
    load->head->live_n--;
}

/* Does the origin know nothing of the key? */
static bool load_finds_nothing(const struct sim *sim, const struct sim_load *load)
{
    const struct sim_origin *origin = &sim->origins[load->origin];
    if (origin->is_empty)
        return true;
    /* A fixed part of the keys, the same in every run of a seed. */
    return origin->model.absent > 0 &&
           (double)(sim->keys[load->key].hash >> 11) * 0x1.0p-53 < origin->model.absent;
}

static struct sim_value value_of(const struct sim *sim, const struct sim_load *load)
{
    return (struct sim_value){.key = load->key,
                              .version = (uint32_t)load->version,
                              .load = load->number,
                              .loaded_at = sim->now};
}

static struct crl_entry *draft_of(struct sim *sim, const struct sim_load *load)
{
    struct sim_value value = value_of(sim, load);
    struct crl_entry *draft =
        crl_entry_draft(sim->allocator, sim->keys[load->key].size, sizeof value, 0);
    crl_assert(draft != NULL);
    memcpy(crl_entry_value_room(draft), &value, sizeof value);
    return draft;
}

/* Each key fails with a code of its own, so that a reader who is told another key's is seen. */
static int failure_of(const struct sim_load *load)
{
    return crl_rc_of_code((int)load->key + 1);
}

static int rc_of(const struct sim *sim, const struct sim_load *load, enum sim_query_end end)
{
    if (load->live && sim->keys[load->key].is_broken)
        return failure_of(load);
    if (end == SIM_QUERY_WORKED && load->live)
        return 0;
    return end == SIM_QUERY_FAILED ? failure_of(load) : CORRAL_EDEADLINE;
}

/* Tells the core, and frees the load. */
static void load_answer(struct sim *sim, struct sim_load *load, enum sim_query_end end)
{
    uint32_t node = load->node;
    bool is_for_somebody = load->incarnation == sim->nodes[node].incarnation;
    struct crl_event answer = {
        .kind = CRL_ORIGIN_ANSWERED,
        .origin = {.load = load->id, .rc = rc_of(sim, load, end), .ttl_us = CRL_TTL_OF_POLICY}};
    bool works = answer.origin.rc == 0, was_live = load->live;
    bool is_absent = works && load_finds_nothing(sim, load);
    sim->keys[load->key].was_absent |= is_absent;
    if (works && was_live)
        sim->keys[load->key].last = value_of(sim, load);
    if (is_for_somebody && was_live)
        watch_loaded(sim, load, works, is_absent);
    load_stops_living(load);
    if (is_for_somebody) {
        answer.origin.draft = works && !is_absent ? draft_of(sim, load) : NULL;
        if (!is_absent && key_origin(sim, load->key)->ttl_us > 0)
            answer.origin.ttl_us = key_origin(sim, load->key)->ttl_us;
        cds_list_del(&load->link);
        node_step(sim, node, &answer);
        if (was_live && (works || watch_live_of(sim, node, load->key) == 0))
            watch_load_over(sim, load);
    }
    free(load);
}

/* The query has ended: so have its loads, one after the other. */
static void loads_answer(struct sim *sim, struct sim_load *head, enum sim_query_end end)
{
    sim->report->database_timeouts += end == SIM_QUERY_TIMED_OUT;
    while (head != NULL && !watch_is_broken(sim)) {
        struct sim_load *load = head;
        head = load->mate;
        uint32_t live_n = load->live_n - load->live;
        for (struct sim_load *rest = head; rest != NULL; rest = rest->mate)
            rest->head = head;
        if (head != NULL) {
            head->live_n = live_n;
            head->query.state = SIM_QUERY_ENDED;
        }
        load_answer(sim, load, end);
    }
}

void loads_end(struct sim *sim, struct sim_query *query)
{
    struct sim_load *head = caa_container_of(query, struct sim_load, query);
    enum sim_query_end end = sim_db_timer(&sim->origins[head->origin].db, query, sim->now);
    if (head->is_late)
        end = head->end; /* it ended long ago */
    bool is_paused =
        head->incarnation == sim->nodes[head->node].incarnation && node_is_paused(sim, head->node);
    if (!is_paused) {
        loads_answer(sim, head, end);
        return;
    }
    /* The database is done with it; the process hears of it when it goes on. */
    head->is_late = true;
    head->end = end;
    queue_reserve(sim);
    sim_db_end_at(&sim->origins[head->origin].db, query, sim->nodes[head->node].paused_until);
}

static struct sim_load *load_find(struct sim *sim, uint32_t node, crl_load_id id)
{
    struct sim_load *load;
    cds_list_for_each_entry(load, &sim->nodes[node].loads, link) {
        if (load->id == id)
            return load;
    }
    return NULL;
}

/* A query ends early when none of its loads is wanted any more. */
void loads_cancel(struct sim *sim, uint32_t node, const struct crl_action *action)
{
    struct sim_load *load = load_find(sim, node, action->cancel.load);
    crl_assert(load != NULL);
    watch_cancel(sim, load);
    load_stops_living(load);
    struct sim_load *head = load->head;
    enum sim_query_state state = head->query.state;
    if (head->live_n > 0 || state == SIM_QUERY_DRAINS || state == SIM_QUERY_ENDED)
        return; /* or it has ended, and the word of it is on its way */
    struct sim_origin *origin = &sim->origins[load->origin];
    if (sim_db_cancel(&origin->db, &head->query, sim->now)) {
        /* It was still in line. The core hears of it as of any end: by an event of its own. */
        queue_reserve(sim);
        sim_db_end_at(&origin->db, &head->query, sim->now + origin->model.cancel_us);
    }
}

void loads_forget(struct sim *sim, struct sim_load *load)
{
    load_stops_living(load);
    cds_list_del(&load->link);
    load->incarnation = UINT32_MAX;
    if (load->head != load)
        return; /* it goes with the head */
    enum sim_query_state state = load->query.state;
    if (state == SIM_QUERY_CANCELLED || state == SIM_QUERY_DRAINS)
        return;
    if (state == SIM_QUERY_ENDED ||
        sim_db_cancel(&sim->origins[load->origin].db, &load->query, sim->now))
        loads_free(load);
}
