/* SPDX-License-Identifier: Apache-2.0
 *
 * swarm.h - plans drawn from seeds: the seed first draws the kind of run, then the run.
 *
 * A run in which everything happens at once finds less than many runs in which most things are off:
 * what is there all the time hides what needs quiet to happen. So each feature of a plan is off in
 * a good part of the seeds, and what is on may be mild or absurd: TTLs of a microsecond, leases
 * shorter than the deadline, a memory that holds nothing, a store behind a network that loses every
 * third message.
 *
 * Pure: the same seed, the same plan.
 *
 * Source: A. Groce, C. Zhang, E. Eide, Y. Chen, J. Regehr, "Swarm Testing", ISSTA 2012. */
#ifndef CRL_SIM_SWARM_H
#define CRL_SIM_SWARM_H

#include "sim/plan.h"

#include <stddef.h>

#define SIM_SWARM_PIECES  3
#define SIM_SWARM_BURSTS  4
#define SIM_SWARM_FAULTS  10
#define SIM_SWARM_SPACES  3
#define SIM_SWARM_ORIGINS 3

/* A plan and what it borrows. It points into itself: it must not be copied. */
struct sim_drawn {
    struct sim_plan plan;
    struct sim_rate_piece pieces[SIM_SWARM_PIECES];
    struct sim_burst bursts[SIM_SWARM_BURSTS];
    struct sim_fault faults[SIM_SWARM_FAULTS];
};

/* sim_swarm_draw - the plan of a seed: at most 8 nodes, 9 keys, 3 spaces, 3 origins and
 * some thousand readers. */
void sim_swarm_draw(uint64_t seed, struct sim_drawn *ret_drawn);

/* sim_swarm_describe - a plan in one line without newline, cut off where the room ends. Left out is
 * what is off. */
void sim_swarm_describe(const struct sim_plan *plan, char *ret_text, size_t room);

#endif
