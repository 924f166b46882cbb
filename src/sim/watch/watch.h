/* SPDX-License-Identifier: Apache-2.0
 *
 * watch.h - the observer. It knows what readers asked and got, what the database and the store were
 * asked, and the core's figures that all can read; it knows nothing else of the core's insides.
 * What it finds broken it writes down, the first one for good, and the world stands still.
 *
 * The rules, by promise:
 *   P1  a load begins while the node has a live one of the key; one goes on when the other attempt
 *       of a hedge has brought what was wanted
 *   P2  a load begins in a fleet with a store, and the store has neither given the lease nor been
 *       silent; a fill that does not carry the token of the lease last given; the store gives a
 *       lease while a load under the one before is live, and that one has neither expired nor been
 *       taken back by an invalidation
 *   P3  a value from memory is older than its TTL, with jitter, since the database answered; one
 *       that the store gave may be older by what the node waits for the store, since it was fresh
 *       when it left
 *   P4  a reader gets an older version than its process knew to be written when it came, or than
 *       the store knew when its process was in touch with it again; a value stays in memory though
 *       the store has refused it; the store keeps an older one than it was told of
 *   P5  an answer that is late, comes twice, or never; a value without success, success without
 *       one; a reader waits while nobody works for him; a reader who came before a load began is
 *       not answered by it
 *   P6  more queries of one node at an origin than its limit allows; more flights queued there than
 *       its queue allows; a load at another origin than its space's, or with another deadline than
 *       that origin's; a load that goes on after its deadline
 *   P7  a load that is cancelled before its deadline; a lease that is kept when nothing is done
 *       under it
 *   P8  memory over the budget; more readers waiting, or more flights, than the limits allow; a
 *       reader who is refused though the limits are not reached
 *   P9  a load begins though the node has a fresh value: by what its table says when a reader's own
 *       get led to it, and by what it loaded before when nothing has changed or was evicted since
 *   P10 a failed load is given out as a value or an absence, or the value of another key, or the
 *       failure of another key or without its code
 *
 * Some rules need to know what each node was told of each key; large worlds do without them.
 *
 * They are kept by promise: loads.h has P1, P6, P9 and the loads of P7; leases.h P2 and the leases
 * of P7; values.h P3, P4 and P10; readers.h P5, P8 and the failures
 * of P10. What they need to know is in known.h. The
 * world calls them by this header. */
#ifndef CRL_SIM_WATCH_WATCH_H
#define CRL_SIM_WATCH_WATCH_H

#include "sim/watch/known.h"
#include "sim/watch/leases.h"
#include "sim/watch/loads.h"
#include "sim/watch/readers.h"
#include "sim/watch/values.h"

/* watch_node - a look at a node after each of its steps. O(all that is under way there) */
void watch_node(struct sim *sim, uint32_t node);

/* watch_end - nothing more will happen. */
void watch_end(struct sim *sim);

#endif
