/* SPDX-License-Identifier: Apache-2.0
 *
 * readers.h - who comes to a node: readers, who may leave early, and who changes what stands in the
 * database. */
#ifndef CRL_SIM_WORLD_READERS_H
#define CRL_SIM_WORLD_READERS_H

#include "sim/world/world.h"

/* A get, of which many may come. */
struct sim_get {
    uint32_t node, key;
    corral_us asked_at; /* a paused node may take it later */
    corral_us wait_us;
    crl_load_id asker; /* the load whose loader gets it; 0: a reader does */
};

/* readers_get - a reader of a node: first a look at the table, as the library does, then the
 * core. */
void readers_get(struct sim *sim, const struct sim_get *get);

/* readers_leave - the reader with this number gives up, if it still waits at that node. Returns
 * whether it did. */
bool readers_leave(struct sim *sim, uint32_t node, uint32_t number);

/* readers_answer - an ANSWER of the core is given to all that it is for. */
void readers_answer(struct sim *sim, struct crl_action *action);

/* readers_write - a writer changes the database, invalidates the key at a node, and knows that the
 * change is done when the call returns. */
void readers_write(struct sim *sim, uint32_t node, uint32_t key);

/* readers_clear - a writer changes all keys of a space that has no store, and clears it at a
 * node. */
void readers_clear(struct sim *sim, uint32_t node, uint32_t space);

/* readers_put - as readers_write(), by one who has the new value at hand, padded to a size. */
void readers_put(struct sim *sim, uint32_t node, uint32_t key, size_t size);

/* readers_refresh - a load is asked for, for nobody who waits. */
void readers_refresh(struct sim *sim, uint32_t node, uint32_t key, enum crl_load_reason reason);

#endif
