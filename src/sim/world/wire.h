/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.h - what goes between the nodes and the store, and the store's end of it.
 *
 * A node has one connection, a TCP one: what is sent on it arrives in order, late or not at all. A
 * message that the network drops is sent again after a while and holds up what comes behind it;
 * messages of different nodes overtake each other freely. When the connection breaks (the store
 * dies, the node is cut off), all that is on it is lost. An invalidation is kept until the store
 * has confirmed it, and said again on the next connection, before anything else.
 *
 * Freshness loses what it spends on the way, so that nothing is fresh for longer than was agreed
 * (P3): a fill is shortened by its time on the wire (which a store can bound, since it granted the
 * lease), a reply by the time since the question. */
#ifndef CRL_SIM_WORLD_WIRE_H
#define CRL_SIM_WORLD_WIRE_H

#include "sim/world/world.h"

/* wire_ask - an ASK_STORE of a node. What comes of it, a reply or silence, reaches the node by
 * itself. */
void wire_ask(struct sim *sim, uint32_t node, uint32_t key, uint64_t ask);

/* wire_tell - a FILL_STORE, RELEASE_LEASE or INVALIDATE_STORE of a node. Takes the entry. */
void wire_tell(struct sim *sim, uint32_t node, uint32_t key, const struct crl_action *action);

/* wire_break - the node's connection is gone, and what was on it. */
void wire_break(struct sim *sim, uint32_t node);

/* wire_mend - there may be a connection again: if so, the node says what is still unsaid. */
void wire_mend(struct sim *sim, uint32_t node);

/* wire_forget - the node is gone, and what it had to say. */
void wire_forget(struct sim *sim, uint32_t node);

/* wire_push - the store pushes a change (S6), to those who asked for the key since the last time:
 * for others it would be no news. A crl_store_push_fn; arg is the world. */
void wire_push(void *arg, uint32_t by, uint32_t space, struct corral_bytes key);

#endif
