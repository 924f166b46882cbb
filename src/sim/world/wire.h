/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.h - what goes between the nodes and the store, and the store's end of it.
 *
 * A node has one connection, a TCP one: what is sent on it arrives in order, late or not at all. A
 * message that the network drops is sent again after a while and holds up what comes behind it;
 * messages of different nodes overtake each other freely. When the connection breaks (the store
 * dies, the node is cut off), all that is on it is lost, and the node learns of it at once, or when
 * it goes on. What a node keeps of the protocol is the real one's: store/client.h. */
#ifndef CRL_SIM_WORLD_WIRE_H
#define CRL_SIM_WORLD_WIRE_H

#include "sim/world/world.h"

/* wire_open - a node that has just started gets its connection, where there is a store. Errors:
 * ENOMEM */
int wire_open(struct sim *sim, uint32_t node);

/* wire_close - the node is gone, and what it had to say. */
void wire_close(struct sim *sim, uint32_t node);

/* wire_tell - an action of a node for the store. Takes its entry. */
void wire_tell(struct sim *sim, uint32_t node, const struct crl_action *action);

/* wire_break - the node's connection is gone, and what was on it. */
void wire_break(struct sim *sim, uint32_t node);

/* wire_mend - there may be a connection again. */
void wire_mend(struct sim *sim, uint32_t node);

/* wire_push - the store pushes a change (S6), to those who asked for the key since the last time:
 * for others it would be no news. A crl_store_push_fn; arg is the world. */
void wire_push(void *arg, uint32_t by, uint32_t space, struct corral_bytes key);

#endif
