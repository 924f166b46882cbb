/* SPDX-License-Identifier: Apache-2.0
 *
 * loads.c - see loads.h. */
#include "sim/world/loads.h"

#include "sim/watch/watch.h"
#include "sim/world/node.h"
#include "sim/world/record.h"

void loads_begin(struct sim *sim, uint32_t node, const struct crl_action *action)
{
    struct sim_load *load = calloc(1, sizeof *load);
    crl_assert(load != NULL);
    load->id = action->load.load;
    load->node = node;
    load->incarnation = sim->nodes[node].incarnation;
    load->key = key_number(sim, action);
    load->origin = action->origin;
    struct sim_key *key = &sim->keys[load->key];
    load->version = key->version;
    load->deadline_at = action->load.deadline_at;
    load->live = true;
    bool is_needed = !key->is_wanted && sim->now >= key->fresh_until;
    key->is_wanted |= is_needed;
    key->loads++;
    cds_list_add_tail(&load->link, &sim->nodes[node].loads);
    cds_list_add_tail(&load->in_key, &key->live);
    queue_reserve(sim);
    sim_db_arrive(&sim->origins[load->origin].db, &load->query, sim->now);
    record_load(sim, is_needed);
    watch_load(sim, load);
}

static void load_stops_living(struct sim_load *load)
{
    if (load->live)
        cds_list_del(&load->in_key);
    load->live = false;
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

/* A value stays fresh for at least so long: a load of its key, anywhere in the fleet, is not needed
 * before. */
static void key_is_fresh_again(struct sim *sim, uint32_t key, bool negative)
{
    const struct corral_policy *policy = &key_space(sim, key)->policy;
    corral_us ttl_us = negative ? policy->negative_ttl_us : policy->ttl_us;
    sim->keys[key].fresh_until = sim->now + (corral_us)((double)ttl_us * (1.0 - policy->jitter));
    sim->keys[key].is_wanted = false;
}

/* Tells the core, and frees the load. */
static void load_answer(struct sim *sim, struct sim_load *load, enum sim_query_end end)
{
    uint32_t node = load->node;
    struct sim_value value = {
        .key = load->key, .version = (uint32_t)load->version, .loaded_at = sim->now};
    struct crl_event answer = {.kind = CRL_ORIGIN_ANSWERED, .origin = {.load = load->id}};
    if (end == SIM_QUERY_WORKED && load->live) {
        answer.origin.negative = load_finds_nothing(sim, load);
        if (!answer.origin.negative)
            answer.origin.value = crl_bytes(&value, sizeof value);
    } else {
        answer.origin.rc = end == SIM_QUERY_FAILED ? CORRAL_EORIGIN : CORRAL_EDEADLINE;
    }
    sim->report->database_timeouts += end == SIM_QUERY_TIMED_OUT;
    bool is_for_somebody = load->incarnation == sim->nodes[node].incarnation;
    if (is_for_somebody && load->live)
        watch_loaded(sim, load, answer.origin.rc == 0, answer.origin.negative);
    bool was_live = load->live;
    if (was_live && answer.origin.rc == 0)
        key_is_fresh_again(sim, load->key, answer.origin.negative);
    load_stops_living(load);
    if (is_for_somebody) {
        cds_list_del(&load->link);
        node_step(sim, node, &answer);
        if (was_live)
            watch_load_over(sim, load);
    }
    free(load);
}

void loads_end(struct sim *sim, struct sim_query *query)
{
    struct sim_load *load = caa_container_of(query, struct sim_load, query);
    enum sim_query_end end = sim_db_timer(&sim->origins[load->origin].db, query, sim->now);
    if (load->is_late)
        end = load->end; /* it ended long ago */
    bool is_paused =
        load->incarnation == sim->nodes[load->node].incarnation && node_is_paused(sim, load->node);
    if (!is_paused) {
        load_answer(sim, load, end);
        return;
    }
    /* The database is done with it; the process hears of it when it goes on. */
    load->is_late = true;
    load->end = end;
    queue_reserve(sim);
    sim_db_end_at(&sim->origins[load->origin].db, query, sim->nodes[load->node].paused_until);
}

void loads_cancel(struct sim *sim, uint32_t node, const struct crl_action *action)
{
    struct sim_load *load;
    cds_list_for_each_entry(load, &sim->nodes[node].loads, link) {
        if (load->id != action->load.load)
            continue;
        watch_cancel(sim, load);
        load_stops_living(load);
        if (load->query.state == SIM_QUERY_DRAINS)
            return; /* it has ended; the word of it is on its way */
        struct sim_origin *origin = &sim->origins[load->origin];
        if (sim_db_cancel(&origin->db, &load->query, sim->now)) {
            /* It was still in line. The core hears of it as of any end: by an event of its own. */
            queue_reserve(sim);
            sim_db_end_at(&origin->db, &load->query, sim->now + origin->model.cancel_us);
        }
        return;
    }
}

void loads_forget(struct sim *sim, struct sim_load *load)
{
    load_stops_living(load);
    cds_list_del(&load->link);
    load->incarnation = UINT32_MAX;
    if (load->query.state == SIM_QUERY_CANCELLED || load->query.state == SIM_QUERY_DRAINS)
        return;
    if (sim_db_cancel(&sim->origins[load->origin].db, &load->query, sim->now))
        free(load);
}
