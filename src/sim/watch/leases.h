/* SPDX-License-Identifier: Apache-2.0
 *
 * leases.h - the rules of P2, and of P7 about leases: see watch.h. */
#ifndef CRL_SIM_WATCH_LEASES_H
#define CRL_SIM_WATCH_LEASES_H

#include "sim/watch/known.h"

/* watch_told - a node wants something of the store: ASK_STORE, RENEW_LEASE, FILL_STORE,
 * RELEASE_LEASE. */
void watch_told(struct sim *sim, uint32_t node, const struct crl_action *action);

/* watch_reply, watch_renewed - what a node hears of it, STORE_ANSWERED and STORE_RENEWED, before
 * its core does. */
void watch_reply(struct sim *sim, uint32_t node, uint32_t key, const struct crl_event *event);
void watch_renewed(struct sim *sim, uint32_t node, uint32_t key, const struct crl_event *event);

/* watch_granted, watch_prolonged, watch_leases_void - the store gives a lease to a node, gives it
 * its time again, and takes all of a key back. */
void watch_granted(struct sim *sim, uint32_t node, uint32_t key, struct crl_token token);
void watch_prolonged(struct sim *sim, uint32_t key, struct crl_token token);
void watch_leases_void(struct sim *sim, uint32_t key);

/* watch_lease - a load begins: under which lease? */
void watch_lease(struct sim *sim, struct sim_load *load);

/* watch_leases - what a node holds, after each of its steps. */
void watch_leases(struct sim *sim, uint32_t node);

#endif
