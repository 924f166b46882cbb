/* SPDX-License-Identifier: Apache-2.0
 *
 * watch.h - the observer. It knows what readers asked and got, what the database and the store were
 * asked, and the core's figures that all can read; it knows nothing else of the core's insides.
 * What it finds broken it writes down, the first one for good, and the world stands still.
 *
 * The rules, by promise:
 *   P1  a load begins while the node has a live one of the key
 *   P2  a load begins in a fleet with a store, and the store has neither given the lease nor been
 *       silent; a fill that does not carry the token of the lease last given; the store gives a
 *       lease while a load under the one before is live, and that one has neither expired nor been
 *       taken back by an invalidation
 *   P3  a value from memory is older than its TTL, with jitter, since the database answered; one
 *       that the store gave may be older by what the node waits for the store, since it was fresh
 *       when it left
 *   P4  a reader gets an older version than its process knew to be written when it came; the store
 *       keeps an older one than it was told of
 *   P5  an answer that is late, comes twice, or never; a value without success, success without
 *       one; a reader waits while nobody works for him; a reader who came before a load began is
 *       not answered by it
 *   P6  more loads of one node at the database than its concurrency allows; more flights queued
 *       than its queue allows; a load that goes on after its deadline
 *   P7  a load that is cancelled before its deadline; a lease that is kept when nothing is done
 *       under it
 *   P8  memory over the budget; more readers waiting, or more flights, than the limits allow; a
 *       reader who is refused though the limits are not reached
 *   P9  a load begins though the node has a fresh value: by what its table says when a reader's own
 *       get led to it, and by what it loaded before when nothing has changed or was evicted since
 *   P10 a failed load is given out as a value
 *
 * Some rules need to know what each node was told of each key; large worlds do without them. */
#ifndef CRL_SIM_WATCH_WATCH_H
#define CRL_SIM_WATCH_WATCH_H

#include "sim/world/world.h"

/* What the world tells the observer, before the core of the node hears of it. */
void watch_ask(struct sim *sim, uint32_t node, uint32_t key, uint64_t ask);
void watch_reply(struct sim *sim, uint32_t node, uint32_t key, uint64_t ask,
                 const struct crl_store_reply *reply);
void watch_changed(struct sim *sim, uint32_t node, uint32_t key, uint64_t version);
void watch_told(struct sim *sim, uint32_t node, uint32_t key, const struct crl_action *action);
void watch_granted(struct sim *sim, uint32_t node, uint32_t key, uint64_t token);
void watch_stored(struct sim *sim, uint32_t key, const struct crl_entry *entry);
void watch_leases_void(struct sim *sim, uint32_t key);
void watch_load(struct sim *sim, struct sim_load *load);
void watch_loaded(struct sim *sim, const struct sim_load *load, bool has_value, bool negative);
void watch_load_over(struct sim *sim, const struct sim_load *load);
void watch_cancel(struct sim *sim, const struct sim_load *load);
void watch_answer(struct sim *sim, const struct sim_reader *reader, int result,
                  const struct crl_entry *entry);
void watch_node(struct sim *sim, uint32_t node);
void watch_end(struct sim *sim);

/* watch_version_min - the least version that a reader who comes now may get of that node. */
uint64_t watch_version_min(struct sim *sim, uint32_t node, uint32_t key);

/* watch_node_gone - its process has ended, and with it all that it knew. */
void watch_node_gone(struct sim *sim, uint32_t node);

/* watch_is_broken - a promise is, and the world stands still: its lists may be in any state. */
static inline bool watch_is_broken(const struct sim *sim)
{
    return sim->report->broken[0] != '\0';
}

#endif
