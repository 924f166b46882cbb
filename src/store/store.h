/* SPDX-License-Identifier: Apache-2.0
 *
 * store.h - the port to the store that the processes of a fleet share (L2), and its contract.
 *
 * The words: a *lease* lets one process load a key; its *token* fences it, so that who lost the
 * lease can no longer fill. A process speaks to the store by requests, each of which has one reply
 * at most; client.h is the half of the protocol that a process keeps. The contract, which
 * tests/contract/ runs on every implementation:
 *
 *   S1  ASK: a value that is fresh and younger than `age_us`; or how long a shared failure still
 *       lasts; or else a new lease under the token that came with the request; or how long the
 *       present lease still runs. Never two leases of one key at a time (P2). Asked again with the
 *       token that holds the lease, it says so: the lease is that asker's own.
 *   S2  FILL: writes only while the token holds the lease, and ends the lease. Says whether it
 *       wrote. The value is as old as it must be: it was answered `since_us` after the process
 *       heard of the lease, so no earlier than that after the store granted it, and not later than
 *       now.
 *   S3  RELEASE: ends the lease only if the token holds it.
 *   S4  INVALIDATE: value, failure and lease go in one step; a load under way can't fill any more
 *       (P4).
 *   S5  a lease ends by itself when its time is over. RENEW gives it its full time again, only if
 *       the token holds it, and says whether it does.
 *   S6  changes (S2, S4, and S3 for who waits) are pushed to every process but the one that made
 *       them.
 *   S7  a RELEASE that carries a failure makes it known: until its time is over, whoever asks is
 *       told it, and no lease is granted; so all who wait hear of one failure, and nobody loads in
 *       turn (P10).
 *
 * Instants are the store's own clock; processes exchange spans with it only. */
#ifndef CRL_STORE_STORE_H
#define CRL_STORE_STORE_H

#include "core/core.h"

/* No lease is shorter: a third of it is the time between renewals. */
#define CRL_STORE_LEASE_MIN CORRAL_MS(1)

enum crl_store_op {
    CRL_STORE_ASK,
    CRL_STORE_RENEW,
    CRL_STORE_FILL,
    CRL_STORE_RELEASE,
    CRL_STORE_INVALIDATE,
};

struct crl_store_request {
    enum crl_store_op op;
    uint64_t number; /* of the request, for its reply; grows on each connection */
    uint32_t space;
    struct corral_bytes key; /* borrowed until the call returns, as is `entry` */
    struct crl_token token;
    corral_us lease_us;      /* ASK, RENEW: for how long; >= CRL_STORE_LEASE_MIN */
    corral_us age_us;        /* ASK: a value that is not younger is no answer */
    struct crl_entry *entry; /* FILL: the value, or that there is none */
    corral_us since_us;      /* FILL: see S2 */
    corral_us ttl_us;        /* FILL: fresh for so long since it was answered */
    int rc;                  /* RELEASE: a failure to be made known; 0: none */
    corral_us retry_us;      /* RELEASE: ... for so long */
};

struct crl_store_reply {
    enum crl_store_answer answer; /* ASK; never DOWN: that is for who waits for a reply */
    bool is_done;                 /* RENEW: it holds; FILL: it wrote; INVALIDATE: always */
    struct crl_token token;       /* LEASED */
    corral_us lease_us;      /* LEASED: >= CRL_STORE_LEASE_MIN; BUSY, FAILED: what is left, > 0 */
    int rc;                  /* FAILED; < 0 */
    struct crl_entry *draft; /* VALUE: the receiver's; NULL: there is no such thing */
    corral_us age_us, fresh_us; /* VALUE */
};

#endif
