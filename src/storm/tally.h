/* SPDX-License-Identifier: Apache-2.0
 *
 * tally.h - what became of the requests of one run.
 *
 * T1  Each request that was sent is counted in exactly one of: ok by outcome, error by status,
 *     broken, timed out, unanswered.
 * One thread owns it. */
#ifndef CRL_STORM_TALLY_H
#define CRL_STORM_TALLY_H

#include "base/quantiles.h"
#include "storm/http.h"

#define CRL_STORM_STATUSES 16 /* different ones that are told apart */

struct crl_storm_status_count {
    int status; /* 0: free; in the last row: all that found no row of their own */
    uint64_t n;
};

/* Set to zero to begin. */
struct crl_storm_tally {
    uint64_t requests;
    uint64_t ok[CRL_STORM_OUTCOMES]; /* status 200 */
    struct crl_storm_status_count errors[CRL_STORM_STATUSES];
    uint64_t unrouted;   /* status 404 without Cache-Status: of no route. Among the errors */
    uint64_t broken;     /* the connection ended, could not be opened, or spoke no HTTP */
    uint64_t timeouts;   /* no answer within the limit */
    uint64_t unanswered; /* still waiting when the run was stopped by Ctrl-C */
    corral_us took_us;   /* from the first request to the last answer */
    struct crl_quantiles
        latency; /* of the answered, and of those that timed out: how long they waited */
};

/* crl_storm_tally_answer - count an answer. */
void crl_storm_tally_answer(struct crl_storm_tally *tally, const struct crl_storm_head *head,
                            corral_us latency_us);

/* crl_storm_tally_ok - all with status 200. */
uint64_t crl_storm_tally_ok(const struct crl_storm_tally *tally);

/* crl_storm_tally_errors - all others, but the unanswered. */
uint64_t crl_storm_tally_errors(const struct crl_storm_tally *tally);

#endif
