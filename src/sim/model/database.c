/* SPDX-License-Identifier: Apache-2.0
 *
 * database.c - see database.h. */
#include "sim/model/database.h"

#include "base/assert.h"

#include <math.h>

/* What never comes, as seen from a run that ends: a century. */
#define NEVER_US CORRAL_SECONDS(INT64_C(3155760000))

void sim_db_init(struct sim_db *db, const struct sim_database *model, struct crl_timers *timers,
                 uint32_t timer_kind, struct crl_rng lots)
{
    *db = (struct sim_db){
        .model = model,
        .timers = timers,
        .timer_kind = timer_kind,
        .lots = lots,
        .factor = 1.0,
    };
    CDS_INIT_LIST_HEAD(&db->line);
}

/* A standard normal number. Source: G. Box, M. Muller, 1958. */
static double normal(struct crl_rng *rng)
{
    double u = crl_rng_uniform(rng), v = crl_rng_uniform(rng);
    return sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v);
}

/* The time of a query on an idle database. The lognormal one has its mean where the model says. */
static double draw_service(struct sim_db *db)
{
    double mean = (double)db->model->mean_us;
    double sigma = db->model->sigma;
    switch (db->model->service) {
    case SIM_SERVICE_FIXED:
        return mean;
    case SIM_SERVICE_EXPONENTIAL:
        return -mean * log(crl_rng_uniform(&db->lots));
    case SIM_SERVICE_LOGNORMAL:
        return mean * exp(sigma * normal(&db->lots) - sigma * sigma / 2.0);
    }
    crl_unreachable();
}

static corral_us service_time(struct sim_db *db)
{
    double stretch = db->factor * (1.0 + db->model->slowdown * (double)db->waiting);
    double time_us = draw_service(db) * stretch;
    if (db->hangs || time_us > (double)NEVER_US)
        return NEVER_US;
    return time_us < 1.0 ? 1 : (corral_us)time_us;
}

static void query_begin(struct sim_db *db, struct sim_query *query, corral_us now)
{
    corral_us ends_at = now + service_time(db);
    corral_us times_out_at = query->arrived_at + db->model->timeout_us;
    query->times_out = db->model->timeout_us > 0 && times_out_at < ends_at;
    query->state = SIM_QUERY_RUNS;
    query->began_at = now;
    db->running++;
    crl_timer_arm(db->timers, &query->timer, query->times_out ? times_out_at : ends_at);
}

static void line_leave(struct sim_db *db, struct sim_query *query)
{
    cds_list_del(&query->link);
    db->waiting--;
}

static void line_advance(struct sim_db *db, corral_us now)
{
    while (db->running < db->model->servers && db->waiting > 0) {
        struct sim_query *next = cds_list_first_entry(&db->line, struct sim_query, link);
        line_leave(db, next);
        query_begin(db, next, now);
    }
}

void sim_db_arrive(struct sim_db *db, struct sim_query *query, corral_us now)
{
    *query = (struct sim_query){.timer = {.kind = db->timer_kind}, .arrived_at = now};
    if (db->running < db->model->servers) {
        query_begin(db, query, now);
        return;
    }
    query->state = SIM_QUERY_WAITS;
    cds_list_add_tail(&query->link, &db->line);
    db->waiting++;
    if (db->model->timeout_us > 0)
        crl_timer_arm(db->timers, &query->timer, now + db->model->timeout_us);
}

bool sim_db_cancel(struct sim_db *db, struct sim_query *query, corral_us now)
{
    if (query->state == SIM_QUERY_WAITS) {
        crl_timer_disarm(db->timers, &query->timer);
        line_leave(db, query);
        query->state = SIM_QUERY_ENDED;
        return true;
    }
    crl_assert(query->state == SIM_QUERY_RUNS);
    query->state = SIM_QUERY_CANCELLED;
    corral_us ends_at = now + db->model->cancel_us;
    if (ends_at < query->timer.at)
        crl_timer_arm(db->timers, &query->timer, ends_at);
    return false;
}

void sim_db_end_at(struct sim_db *db, struct sim_query *query, corral_us at)
{
    crl_assert(query->state == SIM_QUERY_ENDED);
    query->state = SIM_QUERY_DRAINS;
    crl_timer_arm(db->timers, &query->timer, at);
}

enum sim_query_end sim_db_timer(struct sim_db *db, struct sim_query *query, corral_us now)
{
    enum sim_query_state was = query->state;
    crl_assert(was != SIM_QUERY_ENDED);
    query->state = SIM_QUERY_ENDED;
    if (was == SIM_QUERY_DRAINS)
        return SIM_QUERY_WAS_CANCELLED;
    if (was == SIM_QUERY_WAITS) {
        line_leave(db, query);
        return SIM_QUERY_TIMED_OUT;
    }
    db->running--;
    line_advance(db, now);
    if (was == SIM_QUERY_CANCELLED)
        return SIM_QUERY_WAS_CANCELLED;
    if (query->times_out)
        return SIM_QUERY_TIMED_OUT;
    bool fails =
        db->fails || (db->model->fails > 0 && crl_rng_uniform(&db->lots) <= db->model->fails);
    return fails ? SIM_QUERY_FAILED : SIM_QUERY_WORKED;
}
