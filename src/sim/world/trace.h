/* SPDX-License-Identifier: Apache-2.0
 *
 * trace.h - the narration: one line for each thing that happened, at virtual time: when, at which
 * node, and what. Of a flight: the key, the state before, the signal, the state after, the edge's
 * action, and how many readers waited when the signal came.
 *
 *     [  100 ms] 0 user:7   loading  loaded       -> idle     answer_loaded, 5 waiting
 *     [  100 ms] 0 user:7   is invalidated */
#ifndef CRL_SIM_WORLD_TRACE_H
#define CRL_SIM_WORLD_TRACE_H

#include "sim/world/world.h"

/* trace_steps - what the flights of a node did in the last step; trace_edges() counts it only. */
void trace_steps(struct sim *sim, uint32_t node);
void trace_edges(struct sim *sim);

/* trace_line - anything else that happened at a node. */
void trace_line(struct sim *sim, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
