/* SPDX-License-Identifier: Apache-2.0
 *
 * database.h - the database as a queue: a number of servers, and a line before them, first come,
 * first served.
 *
 * The time of a query is drawn when its service begins, and stretched by how many wait at that
 * instant: the familiar spiral, where a slow database collects waiting queries, and those make it
 * slower. A query that has been there for the time-out ends without a result, wherever it is. A
 * cancelled one leaves the line at once; one that is worked on needs a moment more.
 *
 * With exponential times, no slowdown and Poisson arrivals it is the M/M/c queue, and its mean
 * waiting time is Erlang's; a test compares.
 *
 * Time comes in; instants of endings go into a heap of timers that the caller owns. One thread.
 *
 * Source: A. K. Erlang, 1917; L. Kleinrock, "Queueing Systems", vol. 1, 1975. */
#ifndef CRL_SIM_MODEL_DATABASE_H
#define CRL_SIM_MODEL_DATABASE_H

#include "base/rng.h"
#include "core/timers.h"
#include "sim/plan.h"

#include <urcu/list.h>

enum sim_query_state {
    SIM_QUERY_WAITS,
    SIM_QUERY_RUNS,
    SIM_QUERY_CANCELLED, /* runs, but not for long */
    SIM_QUERY_DRAINS,    /* cancelled in the line; only its end has not been told yet */
    SIM_QUERY_ENDED,
};

enum sim_query_end {
    SIM_QUERY_WORKED,
    SIM_QUERY_FAILED,
    SIM_QUERY_TIMED_OUT,
    SIM_QUERY_WAS_CANCELLED,
};

/* A query; embedded in what the caller keeps of a load. */
struct sim_query {
    struct cds_list_head link; /* in the line */
    struct crl_timer timer;    /* the end of the service, the time-out, or of the cancelling */
    enum sim_query_state state;
    corral_us arrived_at, began_at;
    bool times_out; /* what the timer stands for while it runs */
};

struct sim_db {
    const struct sim_database *model;
    struct crl_timers *timers; /* borrowed; has room */
    uint32_t timer_kind;       /* of the queries' timers */
    struct crl_rng lots;
    struct cds_list_head line;
    uint32_t running, waiting;
    double factor; /* of a fault: 1 none */
    bool fails;    /* of a fault */
    bool hangs;
};

void sim_db_init(struct sim_db *db, const struct sim_database *model, struct crl_timers *timers,
                 uint32_t timer_kind, struct crl_rng lots);

/* sim_db_arrive - a query comes in. It ends by sim_db_timer() or sim_db_cancel(). */
void sim_db_arrive(struct sim_db *db, struct sim_query *query, corral_us now);

/* sim_db_cancel - nobody wants its result any more. Returns whether it has ended by that; else it
 * ends by sim_db_timer(). */
bool sim_db_cancel(struct sim_db *db, struct sim_query *query, corral_us now);

/* sim_db_end_at - one that has ended by sim_db_cancel() is to end by sim_db_timer() all the same,
 * later. */
void sim_db_end_at(struct sim_db *db, struct sim_query *query, corral_us at);

/* sim_db_timer - the timer of a query fired: it has ended, and the next one begins. */
enum sim_query_end sim_db_timer(struct sim_db *db, struct sim_query *query, corral_us now);

#endif
