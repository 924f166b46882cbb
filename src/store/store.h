/* SPDX-License-Identifier: Apache-2.0
 *
 * store.h - the port to the store that the processes of a fleet share (L2), and its contract.
 *
 * The words: a *lease* lets one process load a key; its *token* fences it, so that who lost the
 * lease can no longer fill. The contract, which tests/contract/ runs on every implementation:
 *
 *   S1  get_or_lease: a fresh value; or else a new lease with a token that was never given before,
 *       not even by a store that has lost everything since: a load of then may still want to fill;
 *       or else how long the present lease still runs. Never two leases of one key at a time (P2).
 *   S2  fill: writes only while the token holds the lease, and ends the lease. Says whether it
 *       wrote.
 *   S3  release: ends the lease only if the token holds it.
 *   S4  invalidate: value and lease go in one step; a load under way can't fill any more (P4).
 *   S5  a lease ends by itself when its time is over.
 *   S6  changes (S2, S4, and S3 for who waits) are pushed to every process but the one that made
 *       them.
 *
 * Instants are the store's own clock; processes exchange spans with it only. */
#ifndef CRL_STORE_STORE_H
#define CRL_STORE_STORE_H

#include "core/core.h"

struct crl_store_value {
    bool negative;
    struct corral_bytes bytes; /* borrowed until the next call */
    corral_us age_us, fresh_us;
};

struct crl_store_reply {
    enum crl_store_answer answer; /* never DOWN: that is for who asks over a network */
    uint64_t token;               /* LEASED */
    corral_us lease_us;           /* BUSY: what is left of it */
    struct crl_store_value value; /* VALUE */
};

#endif
