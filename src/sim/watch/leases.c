/* SPDX-License-Identifier: Apache-2.0
 *
 * leases.c - see leases.h. */
#include "sim/watch/leases.h"

static void watch_ask(struct sim *sim, uint32_t node, uint32_t key, uint64_t ask)
{
    struct sim_known *known = known_of(sim, node, key);
    if (!crl_token_is_none(known->token))
        watch_break(sim, key, "P7: node %u asks for the lease of %s, which it holds", node,
                    sim->keys[key].name);
    known->ask = ask;
    known->asks = true;
    known->may_load = known->waits = false;
}

void watch_reply(struct sim *sim, uint32_t node, uint32_t key, const struct crl_event *event)
{
    struct sim_known *known = known_of(sim, node, key);
    if (known == NULL)
        return;
    bool leased = event->store.answer == CRL_STORE_LEASED;
    const struct crl_token none = {0};
    if (!known->asks || known->ask != event->store.ask) {
        bool is_held = crl_token_equal(event->store.token, known->token); /* it was told twice */
        known->late_token = leased && !is_held ? event->store.token : none;
        return;
    }
    known->asks = false;
    if (event->store.answer == CRL_STORE_DOWN)
        known->linked_min = 0;
    known->may_load = leased || event->store.answer == CRL_STORE_DOWN;
    known->waits = event->store.answer == CRL_STORE_BUSY;
    known->waits_until = sim->now + event->store.lease_us;
    known->given = known->token = leased ? event->store.token : none;
}

static void watch_lease_told(struct sim *sim, uint32_t node, uint32_t key,
                             const struct crl_action *action)
{
    struct sim_known *known = known_of(sim, node, key);
    struct crl_token token = action->lease.token;
    bool is_fenced = !crl_token_is_none(token) && crl_token_equal(token, known->token);
    if (action->kind != CRL_RELEASE_LEASE && !is_fenced)
        watch_break(sim, key, "P2: node %u %s %s without the token of its lease", node,
                    action->kind == CRL_FILL_STORE ? "fills" : "renews", sim->keys[key].name);
    if (action->kind == CRL_RENEW_LEASE)
        return;
    if (crl_token_equal(token, known->token))
        known->token = (struct crl_token){0};
    if (crl_token_equal(token, known->late_token))
        known->late_token = (struct crl_token){0};
}

void watch_told(struct sim *sim, uint32_t node, const struct crl_action *action)
{
    if (sim->known == NULL || action->kind == CRL_INVALIDATE_STORE)
        return;
    uint32_t key = key_number(sim, action->space, action->key);
    if (action->kind == CRL_ASK_STORE)
        watch_ask(sim, node, key, action->ask_store.ask);
    else
        watch_lease_told(sim, node, key, action);
}

void watch_renewed(struct sim *sim, uint32_t node, uint32_t key, const struct crl_event *event)
{
    struct sim_known *known = known_of(sim, node, key);
    if (known == NULL || event->renewed.is_held ||
        !crl_token_equal(event->renewed.token, known->token))
        return;
    known->token = (struct crl_token){0};
    known->may_load = false;
    known->changes++; /* what its load brings is not to be kept */
}

void watch_granted(struct sim *sim, uint32_t node, uint32_t number, struct crl_token token)
{
    struct sim_key *key = &sim->keys[number];
    struct sim_load *load;
    cds_list_for_each_entry(load, &key->live, in_key) {
        bool is_held = !crl_token_is_none(load->lease_token) && sim->now < load->lease_until;
        if (is_held && !crl_token_equal(load->lease_token, token))
            watch_break(sim, number, "P2: the store leases %s to node %u while node %u loads it",
                        key->name, node, load->node);
    }
    key->lease_token = token;
    key->lease_until = sim->now + sim->plan.store.lease_us;
}

void watch_prolonged(struct sim *sim, uint32_t number, struct crl_token token)
{
    struct sim_key *key = &sim->keys[number];
    key->lease_until = sim->now + sim->plan.store.lease_us;
    struct sim_load *load;
    cds_list_for_each_entry(load, &key->live, in_key) {
        if (crl_token_equal(load->lease_token, token))
            load->lease_until = key->lease_until;
    }
}

void watch_leases_void(struct sim *sim, uint32_t number)
{
    struct sim_key *key = &sim->keys[number];
    struct sim_load *load;
    cds_list_for_each_entry(load, &key->live, in_key)
        load->lease_token = (struct crl_token){0};
    key->lease_token = (struct crl_token){0};
}

void watch_lease(struct sim *sim, struct sim_load *load)
{
    struct sim_known *known = known_of(sim, load->node, load->key);
    const struct sim_key *key = &sim->keys[load->key];
    const struct sim_space_plan *space = key_space(sim, load->key);
    if (known == NULL || !space->has_store || space->policy.no_coalescing)
        return;
    bool hedges = watch_live_of(sim, load->node, load->key) > 1; /* under the first one's lease */
    if (!known->may_load && !hedges)
        watch_break(sim, load->key, "P2: node %u loads %s without the lease", load->node,
                    key->name);
    known->may_load = false;
    if (crl_token_is_none(known->given) || !crl_token_equal(known->given, key->lease_token))
        return;
    load->lease_token = known->given;
    load->lease_until = key->lease_until;
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

void watch_leases(struct sim *sim, uint32_t number)
{
    if (sim->known == NULL)
        return;
    for (uint32_t key = 0; key < sim->keys_n; key++) {
        const struct sim_known *known = known_of(sim, number, key);
        bool idle = !crl_token_is_none(known->token) && !watch_is_worked_on(sim, number, key) &&
                    !key_has_readers(sim, number, key);
        if (idle || !crl_token_is_none(known->late_token))
            watch_break(sim, key, "P7: node %u keeps the lease of %s and does nothing", number,
                        sim->keys[key].name);
    }
}
