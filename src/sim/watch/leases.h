/* SPDX-License-Identifier: Apache-2.0
 *
 * leases.h - the rules of P2, and of P7 about leases: see watch.h. */
#ifndef CRL_SIM_WATCH_LEASES_H
#define CRL_SIM_WATCH_LEASES_H

#include "sim/watch/known.h"

/* watch_ask, watch_reply - a node asks the store for the lease of a key, and gets an answer or
 * gives up on it. */
void watch_ask(struct sim *sim, uint32_t node, uint32_t key, uint64_t ask);
void watch_reply(struct sim *sim, uint32_t node, uint32_t key, uint64_t ask,
                 const struct crl_store_reply *reply);

/* watch_told - a node sends a FILL_STORE or RELEASE_LEASE. */
void watch_told(struct sim *sim, uint32_t node, uint32_t key, const struct crl_action *action);

/* watch_granted, watch_leases_void - the store gives a lease to a node, and takes all of a key
 * back. */
void watch_granted(struct sim *sim, uint32_t node, uint32_t key, uint64_t token);
void watch_leases_void(struct sim *sim, uint32_t key);

/* watch_lease - a load begins: under which lease? */
void watch_lease(struct sim *sim, struct sim_load *load);

/* watch_leases - what a node holds, after each of its steps. */
void watch_leases(struct sim *sim, uint32_t node);

#endif
