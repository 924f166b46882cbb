/* SPDX-License-Identifier: Apache-2.0
 *
 * leases.c - see leases.h. */
#include "sim/watch/leases.h"

void watch_ask(struct sim *sim, uint32_t node, uint32_t key, uint64_t ask)
{
    struct sim_known *known = known_of(sim, node, key);
    if (known == NULL)
        return;
    if (known->token != 0)
        watch_break(sim, key, "P7: node %u asks for the lease of %s, which it holds", node,
                    sim->keys[key].name);
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

void watch_told(struct sim *sim, uint32_t node, uint32_t key, const struct crl_action *action)
{
    struct sim_known *known = known_of(sim, node, key);
    if (known == NULL)
        return;
    bool fenced = action->lease.token != 0 && action->lease.token == known->token;
    if (action->kind == CRL_FILL_STORE && !fenced)
        watch_break(sim, key, "P2: node %u fills %s without the token of its lease", node,
                    sim->keys[key].name);
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
                        key->name, node, load->node);
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

void watch_lease(struct sim *sim, struct sim_load *load)
{
    struct sim_known *known = known_of(sim, load->node, load->key);
    const struct sim_key *key = &sim->keys[load->key];
    const struct sim_space_plan *space = key_space(sim, load->key);
    if (known == NULL || !space->has_store || space->policy.no_coalescing)
        return;
    if (!known->may_load)
        watch_break(sim, load->key, "P2: node %u loads %s without the lease", load->node,
                    key->name);
    known->may_load = false;
    if (known->given != 0 && known->given == key->lease_token)
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
        bool idle = known->token != 0 && !watch_is_worked_on(sim, number, key) &&
                    !key_has_readers(sim, number, key);
        if (idle || known->late_token != 0)
            watch_break(sim, key, "P7: node %u keeps the lease of %s and does nothing", number,
                        sim->keys[key].name);
    }
}
