/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - what came of a simulation.
 *
 * The same plan and seed give the same report, to the last digit. */
#ifndef CRL_SIM_REPORT_H
#define CRL_SIM_REPORT_H

#include "base/quantiles.h"
#include "core/flight.h"
#include "sim/plan.h"

#define SIM_SLICES 120 /* of the time line */

/* What happened in one slice of time. */
struct sim_slice {
    uint64_t requests;   /* that arrived */
    uint64_t hits;       /* answered from memory, stale ones and negatives too */
    uint64_t waited;     /* answered after a wait: led, shared */
    uint64_t errors;     /* answered with an error */
    uint64_t loads;      /* begun at the database */
    uint32_t active_max; /* queries at the database at once, those that wait there included */
    uint32_t queued_max; /* of them, waiting */
    corral_us latency_max_us;
};

struct sim_report {
    uint64_t requests;
    uint64_t answers[16]; /* by enum corral_outcome */
    uint64_t errors[20];  /* by -enum corral_rc */
    uint64_t errors_all;
    uint64_t forgotten;         /* readers whose node was killed under them */
    uint64_t loads;             /* origin loads; amplification is loads / needed */
    uint64_t needed;            /* of them, those that were used when no node had the key fresh */
    uint32_t loads_at_once_max; /* at the database, queued there included */
    uint32_t database_queue_max;
    uint64_t database_timeouts;
    uint64_t leases, leases_lost; /* granted by the store; refused because another held it */
    struct crl_quantiles latency; /* of all answers, errors too, from asking to answering */
    struct crl_quantiles age;     /* of the values served */
    corral_us slice_us;
    uint32_t slices_n;
    struct sim_slice slices[SIM_SLICES];
    uint64_t events;     /* that the simulator worked through */
    char broken[256];    /* the first promise that broke, and how; empty: none */
    uint32_t broken_key; /* the key it concerns, for a traced run */
};

/* What else a run may do. All zeros: nothing. */
struct sim_run_options {
    bool audits;                     /* crl_core_check after every step, on the node concerned */
    struct crl_allocator *allocator; /* of entries; NULL: malloc */
    const uint32_t *traced_key;      /* narrate what happens to this key */
    void (*trace)(void *arg,
                  const char *line); /* gets the narration, a line each, without newline */
    void *trace_arg;
    uint64_t (*edges)
        [CRL_FLIGHT_SIGNALS_N]; /* counts of CRL_FLIGHT_STATES_N rows, added to; may be NULL */
};

/* sim_run_plan - run a plan to its end, or to the first broken promise.
 *
 * Promises are watched throughout (watch/): by what readers and the database see.
 * ret_report  large; the caller's
 * Errors: ENOMEM (the real memory is not enough), EINVAL the plan is beyond the limits of
 *         plan.h. */
int sim_run_plan(const struct sim_plan *plan, const struct sim_run_options *options,
                 struct sim_report *ret_report);

#endif
