/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h - the half of the store's protocol that a process keeps.
 *
 * Concept. The core says what it wants of the store by actions, and hears of it by events; a
 * connection carries requests and replies. This module stands between: it numbers requests, knows
 * which reply belongs to which, gives up on a reply that takes too long, says an invalidation again
 * until it was confirmed, and knows when the store was out of sight. It is a function of time and
 * of what arrives: no clock, no I/O. The engine drives it with a real connection, the simulator
 * with a false one.
 *
 * Invariants:
 *   L1  Each ASK_STORE of the core is answered by exactly one STORE_ANSWERED with its number, at
 *       the latest by crl_client_timer() at the time-out. A reply that comes after that is told to
 *       the core all the same, until the request is forgotten (L5): it may be a lease, which the
 *       core gives back.
 *   L2  An invalidation is said again on each new connection, before anything else, until the store
 *       has confirmed it: a reply that says that it was not done does not. Of one key at most one
 *       is unsaid.
 *   L3  What remains of a value's or an own lease's time is counted from when the request was sent,
 *       so nothing is fresh for longer than was agreed (P3), and a renewal is not too late; and no
 *       lease is believed to be longer than the configuration allows, should the store's clock
 *       step.
 *   L4  When the store is heard of again after it was out of sight (the connection broke, or was
 *       not there yet when the core already wanted something, or a reply timed out while nothing
 *       came since it was asked for), STORE_LINKED begins a new epoch, before what is heard.
 *   L5  At most requests_max ASKs, FILLs and RENEWs are without a reply; beyond, an ASK is answered
 *       as if the store were down, and a FILL or RENEW is not sent. A request is forgotten when its
 *       reply has not come by its time-out, nor for the time of a lease after that; of a FILL the
 *       core is told that it was refused. So a connection that lives, but loses replies, is not
 *       full for ever. Unsaid invalidations are at most as many as there are different keys that
 *       were invalidated while the store was out of sight.
 *   L6  Whatever a store replies is told so that the core may rely on it. An answer to an ASK that
 *       breaks the contract (store.h) is told as DOWN, and counted: a lease under another token
 *       than the ask's or of less than CRL_STORE_LEASE_MIN, a failure without an error, a lease or
 *       failure of others that is over, a draft for a key of another size, a value larger than
 *       value_max, a draft with anything but a value, DOWN, and what is no answer at all. Spans are
 *       at least 0, and CRL_SPAN_MAX at most.
 *   L7  The host's functions do not call back: send() no function of the client's, happen() none
 *       but crl_client_tell() and the questions (next_at, unsaid, breaches). A host whose
 *       connection breaks in send() says so after the client has returned. This is asserted.
 *
 * The host's functions are called from within the functions here. crl_client_tell() calls send()
 * alone: what answers an action at once comes by crl_client_timer(), which is then due at once.
 *
 * Threads: one at a time. */
#ifndef CRL_STORE_CLIENT_H
#define CRL_STORE_CLIENT_H

#include "store/store.h"

struct crl_store_client;

struct crl_client_host {
    /* Put a request on the connection. Not called while there is none. */
    void (*send)(void *arg, const struct crl_store_request *request);
    /* An event for the core; its time is filled in. What it carries is borrowed, a draft taken. */
    void (*happen)(void *arg, struct crl_event *event);
};

struct crl_client_config {
    corral_us timeout_us;  /* of a reply; > 0 */
    corral_us lease_us;    /* to ask for; >= CRL_STORE_LEASE_MIN */
    uint32_t requests_max; /* L5; >= 1 */
    size_t value_max;      /* in bytes, as the core's; > 0 */
    const struct crl_client_host *host;
    void *arg; /* of its functions */
};

/* crl_client_new - a client without a connection. NULL: no memory. */
struct crl_store_client *crl_client_new(const struct crl_client_config *config);
void crl_client_free(struct crl_store_client *client);

/* crl_client_linked - there is a connection from now on: what is unsaid is said. */
void crl_client_linked(struct crl_store_client *client, corral_us now);

/* crl_client_unlinked - the connection is gone, and every reply that was to come. */
void crl_client_unlinked(struct crl_store_client *client, corral_us now);

/* crl_client_tell - carry out an action of the core for the store. Takes the entry of a FILL_STORE,
 * which is given back to `allocator`. Calls no event.
 * Errors: ENOMEM, of ASK_STORE (the caller is to tell the core that the store is down) and of
 * INVALIDATE_STORE (nothing was said of it). Without memory for a RENEW_LEASE or FILL_STORE the
 * lease ends by itself. */
int crl_client_tell(struct crl_store_client *client, corral_us now, const struct crl_action *action,
                    struct crl_allocator *allocator);

/* crl_client_replied - a reply has arrived on the present connection. Takes its draft, which is
 * given to the core, or back to `allocator` if nobody wants it. */
void crl_client_replied(struct crl_store_client *client, corral_us now, uint64_t number,
                        const struct crl_store_reply *reply, struct crl_allocator *allocator);

/* crl_client_pushed - the store says that somebody has changed a key. */
void crl_client_pushed(struct crl_store_client *client, corral_us now, uint32_t space,
                       struct corral_bytes key);

/* crl_client_timer - the time has come: one thing that is due. crl_client_next_at() says when:
 * CRL_AT_ONCE, an instant, or CRL_NEVER. */
void crl_client_timer(struct crl_store_client *client, corral_us now);
corral_us crl_client_next_at(const struct crl_store_client *client);

/* crl_client_unsaid - invalidations that the store has not confirmed. */
uint32_t crl_client_unsaid(const struct crl_store_client *client);

/* crl_client_breaches - replies that broke the contract: L6, and an invalidation that was not
 * done. */
uint64_t crl_client_breaches(const struct crl_store_client *client);

#endif
