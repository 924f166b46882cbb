/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet.h - a whole world: its beginning and its end, processes that start and stop, and one event
 * after the other. */
#ifndef CRL_SIM_WORLD_FLEET_H
#define CRL_SIM_WORLD_FLEET_H

#include "sim/world/world.h"

/* fleet_init - a world of a plan, at time 0, in which no node has started. It must be ended by
 * fleet_fini(), also after an error.
 * report  borrowed; large
 * Errors: ENOMEM */
int fleet_init(struct sim *sim, const struct sim_plan *plan, const struct sim_run_options *options,
               struct sim_report *report, uint32_t keys_room);
void fleet_fini(struct sim *sim);

/* fleet_start - a node that is down starts, cold. Errors: ENOMEM, EINVAL of the core */
int fleet_start(struct sim *sim, uint32_t node);

/* fleet_stop - its process ends without a word: its readers are forgotten, its memory is given back
 * quietly, its queries are cancelled by the database, which sees the connections close. */
void fleet_stop(struct sim *sim, uint32_t node);

/* fleet_next_at - when the next thing happens, or CRL_NEVER. */
corral_us fleet_next_at(const struct sim *sim);

/* fleet_next - the next thing happens. Returns false if there is none. */
bool fleet_next(struct sim *sim);

#endif
