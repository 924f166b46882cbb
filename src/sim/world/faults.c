/* SPDX-License-Identifier: Apache-2.0
 *
 * faults.c - see faults.h. */
#include "sim/world/faults.h"

#include "sim/watch/watch.h"
#include "sim/world/fleet.h"
#include "sim/world/node.h"
#include "sim/world/trace.h"
#include "sim/world/wire.h"

static void store_switch(struct sim *sim, bool up)
{
    sim->store_is_up = up;
    for (uint32_t node = 0; node < sim->plan.nodes; node++) {
        if (up)
            wire_mend(sim, node);
        else
            wire_break(sim, node);
    }
}

static void store_wipe(struct sim *sim)
{
    if (sim->store == NULL)
        return;
    crl_store_memory_wipe(sim->store);
    for (uint32_t key = 0; key < sim->keys_n; key++)
        watch_leases_void(sim, key);
}

static void node_kill(struct sim *sim, uint32_t node)
{
    if (sim->nodes[node].down)
        return;
    trace_line(sim, node, "is killed");
    fleet_stop(sim, node);
}

static void node_restart(struct sim *sim, uint32_t node)
{
    if (!sim->nodes[node].down)
        return;
    trace_line(sim, node, "starts, cold");
    crl_assert(fleet_start(sim, node) == 0);
}

static void node_pause(struct sim *sim, uint32_t node, corral_us lasts_us)
{
    corral_us until = sim->now + lasts_us;
    if (sim->nodes[node].down || until <= sim->nodes[node].paused_until)
        return; /* it stands still for longer than that already */
    sim->nodes[node].paused_until = until;
    sim->nodes[node].resumed_at = until;
    node_rearm(sim, node);
}

static void origin_suffers(struct sim_db *db, const struct sim_fault *fault, bool begins)
{
    if (fault->kind == SIM_FAULT_DATABASE_SLOW)
        db->factor = begins ? fault->factor : 1.0;
    else if (fault->kind == SIM_FAULT_DATABASE_FAILS)
        db->fails = begins;
    else
        db->hangs = begins;
}

static void origins_suffer(struct sim *sim, const struct sim_fault *fault, bool begins)
{
    for (uint32_t i = 0; i < sim->plan.origins_n; i++) {
        if (fault->origin == i || fault->origin == SIM_ALL_ORIGINS)
            origin_suffers(&sim->origins[i].db, fault, begins);
    }
}

static void fault_begins(struct sim *sim, struct sim_event *event)
{
    const struct sim_fault *fault = &sim->plan.faults[event->number];
    uint32_t node = event->node;
    switch (fault->kind) {
    case SIM_FAULT_STORE_DOWN:
        store_switch(sim, false);
        break;
    case SIM_FAULT_STORE_WIPED:
        store_wipe(sim);
        break;
    case SIM_FAULT_DATABASE_SLOW:
    case SIM_FAULT_DATABASE_FAILS:
    case SIM_FAULT_DATABASE_HANGS:
        origins_suffer(sim, fault, true);
        break;
    case SIM_FAULT_NODE_KILLED:
        node_kill(sim, node);
        break;
    case SIM_FAULT_NODE_PAUSED:
        node_pause(sim, node, fault->lasts_us);
        break;
    case SIM_FAULT_NODE_PARTITIONED:
        sim->nodes[node].cut_off = true;
        wire_break(sim, node);
        break;
    case SIM_FAULT_NODE_CLOCK_STEPPED:
        sim->nodes[node].clock_ahead_us += fault->step_us;
        if (!sim->nodes[node].down)
            node_rearm(sim, node);
        break;
    }
}

static void fault_ends(struct sim *sim, struct sim_event *event)
{
    const struct sim_fault *fault = &sim->plan.faults[event->number];
    uint32_t node = event->node;
    switch (fault->kind) {
    case SIM_FAULT_STORE_DOWN:
        store_switch(sim, true);
        break;
    case SIM_FAULT_DATABASE_SLOW:
    case SIM_FAULT_DATABASE_FAILS:
    case SIM_FAULT_DATABASE_HANGS:
        origins_suffer(sim, fault, false);
        break;
    case SIM_FAULT_NODE_KILLED:
        node_restart(sim, node);
        break;
    case SIM_FAULT_NODE_PARTITIONED:
        sim->nodes[node].cut_off = false;
        wire_mend(sim, node);
        break;
    case SIM_FAULT_STORE_WIPED:
    case SIM_FAULT_NODE_PAUSED: /* its events have waited for the instant */
    case SIM_FAULT_NODE_CLOCK_STEPPED:
        break;
    }
}

static bool fault_is_of_nodes(const struct sim_fault *fault)
{
    switch (fault->kind) {
    case SIM_FAULT_NODE_KILLED:
    case SIM_FAULT_NODE_PAUSED:
    case SIM_FAULT_NODE_PARTITIONED:
    case SIM_FAULT_NODE_CLOCK_STEPPED:
        return true;
    case SIM_FAULT_STORE_DOWN:
    case SIM_FAULT_STORE_WIPED:
    case SIM_FAULT_DATABASE_SLOW:
    case SIM_FAULT_DATABASE_FAILS:
    case SIM_FAULT_DATABASE_HANGS:
        return false;
    }
    crl_unreachable();
}

static void schedule(struct sim *sim, uint32_t number, uint32_t node, corral_us at)
{
    const struct sim_fault *fault = &sim->plan.faults[number];
    event_add_alone(sim, at, fault_begins, node)->number = number;
    if (fault->lasts_us > 0)
        event_add_alone(sim, at + fault->lasts_us, fault_ends, node)->number = number;
}

void faults_schedule(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.faults_n; i++) {
        const struct sim_fault *fault = &sim->plan.faults[i];
        if (!fault_is_of_nodes(fault)) {
            schedule(sim, i, SIM_NO_NODE, fault->at);
            continue;
        }
        corral_us at = fault->at;
        for (uint32_t node = fault->node_from; node <= fault->node_to && node < sim->plan.nodes;
             node++, at += fault->stagger_us)
            schedule(sim, i, node, at);
    }
}
