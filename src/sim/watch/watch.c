/* SPDX-License-Identifier: Apache-2.0
 *
 * watch.c - see watch.h. */
#include "sim/watch/watch.h"

void watch_node(struct sim *sim, uint32_t node)
{
    watch_limits(sim, node);
    watch_queues(sim, node);
    if (sim->plan.nodes > 16 || watch_is_broken(sim))
        return; /* broken: the world stands still; its lists may be in any state */
    watch_loads(sim, node);
    watch_readers(sim, node);
    watch_leases(sim, node);
}

void watch_end(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.nodes; i++) {
        watch_forgotten(sim, i);
        if (sim->nodes[i].core != NULL && !crl_core_is_idle(sim->nodes[i].core))
            watch_break(sim, 0, "P7: node %u is not idle in the end", i);
    }
}
