/* SPDX-License-Identifier: Apache-2.0
 *
 * node.h - one step of a node's core: an event goes in, and what the core asks for is carried out,
 * by what the fleet has put into sim->carry_out. After every step it may audit the core
 * (crl_core_check), and the observer looks. */
#ifndef CRL_SIM_WORLD_NODE_H
#define CRL_SIM_WORLD_NODE_H

#include "sim/world/world.h"

/* node_step - an event happens to a node that is up. Its time is set here. */
void node_step(struct sim *sim, uint32_t node, struct crl_event *event);

/* node_step_key - the same, of an event about a key, which is set here. */
void node_step_key(struct sim *sim, uint32_t node, uint32_t key, struct crl_event *event);

/* node_timer - the node's timer fired: its client or its core does one thing that is due. */
void node_timer(struct sim *sim, uint32_t node);

/* node_rearm - the node's timer, in the world's time; not before the node goes on. */
void node_rearm(struct sim *sim, uint32_t node);

#endif
