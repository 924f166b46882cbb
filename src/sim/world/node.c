/* SPDX-License-Identifier: Apache-2.0
 *
 * node.c - see node.h. */
#include "sim/world/node.h"

#include "sim/watch/watch.h"
#include "sim/world/trace.h"

static corral_us next_at(const struct sim_node *node)
{
    corral_us core_at = crl_core_next_at(node->core);
    corral_us client_at = node->client != NULL ? crl_client_next_at(node->client) : CRL_NEVER;
    return core_at < client_at ? core_at : client_at;
}

void node_timer(struct sim *sim, uint32_t number)
{
    struct sim_node *node = &sim->nodes[number];
    if (node->client != NULL && crl_client_next_at(node->client) <= node_now(sim, number)) {
        crl_client_timer(node->client, node_now(sim, number));
        node_rearm(sim, number);
        return;
    }
    node_step(sim, number, &(struct crl_event){.kind = CRL_TIMER});
}

void node_rearm(struct sim *sim, uint32_t number)
{
    struct sim_node *node = &sim->nodes[number];
    corral_us at = next_at(node);
    if (at == CRL_NEVER) {
        crl_timer_disarm(&sim->queue, &node->timer);
        return;
    }
    at = at == CRL_AT_ONCE ? sim->now : at - node->clock_ahead_us;
    at = at > node->paused_until ? at : node->paused_until;
    at = at > sim->now ? at : sim->now;
    if (crl_timer_is_armed(&node->timer) && node->timer.at == at)
        return;
    queue_reserve(sim);
    crl_timer_arm(&sim->queue, &node->timer, at);
}

void node_step(struct sim *sim, uint32_t number, struct crl_event *event)
{
    struct sim_node *node = &sim->nodes[number];
    event->now = node_now(sim, number);
    sim->stepping = event->kind;
    sim->stepping_key = event->key.data;
    sim->report->events++;
    crl_core_step(node->core, event, &sim->actions);
    trace_steps(sim, number);
    sim->carry_out(sim, number);
    /* No reader runs beside the world, so a grace period passes at once. */
    struct crl_limbo *limbo = crl_table_limbo_take(crl_core_table(node->core));
    if (limbo != NULL)
        crl_table_limbo_drop(crl_core_table(node->core), limbo);
    node_rearm(sim, number);
    if (sim->options.audits) {
        crl_core_check(node->core);
        watch_node(sim, number);
    }
}

void node_step_key(struct sim *sim, uint32_t node, uint32_t key, struct crl_event *event)
{
    event->space = sim->keys[key].space;
    event->key = key_bytes(sim, key);
    node_step(sim, node, event);
}
