/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   the models of the false world are what their theory says: the database is an M/M/c queue,
 *         the traffic follows its curve, the popularity Zipf's law; keys are shared out to spaces.
 * Method: long seeded runs, compared with closed formulas. The tolerances are those of the issue or
 *         several standard errors, and the runs are long enough for them. */
#include "base/rng.h"
#include "sim/model/database.h"
#include "sim/model/traffic.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ------------------------------------------------------------------------------------- database */

/* The mean waiting time of M/M/c, in units of the mean service time. Source: Erlang C. */
static double erlang_wait(uint32_t servers, double load)
{
    double sum = 0.0, term = 1.0;
    for (uint32_t k = 0; k < servers; k++) {
        sum += term;
        term *= load / (k + 1);
    }
    double queueing = term * servers / (servers - load);
    return queueing / (sum + queueing) / (servers - load);
}

/* A run of Poisson arrivals; returns the mean waiting time in units of the mean service time. */
static double simulated_wait(uint32_t servers, double load, uint64_t seed, int arrivals)
{
    const corral_us mean_us = 100000;
    struct sim_database model = {
        .service = SIM_SERVICE_EXPONENTIAL, .mean_us = mean_us, .servers = servers};
    struct crl_timers timers = {0};
    assert_int_equal(crl_timers_reserve(&timers, 100000), 0);
    struct sim_db db;
    sim_db_init(&db, &model, &timers, 0, crl_rng_split(seed, "database"));
    struct crl_rng rng = crl_rng_split(seed, "arrivals");
    double next = 0, waited = 0;
    int begun = 0;
    for (int i = 0; i < arrivals;) {
        if (crl_timers_next_at(&timers) <= (corral_us)next) {
            corral_us now = crl_timers_next_at(&timers);
            struct sim_query *query =
                caa_container_of(crl_timers_pop(&timers, now), struct sim_query, timer);
            assert_int_equal(sim_db_timer(&db, query, now), SIM_QUERY_WORKED);
            waited += (double)(query->began_at - query->arrived_at);
            begun++;
            free(query);
            continue;
        }
        sim_db_arrive(&db, malloc(sizeof(struct sim_query)), (corral_us)next);
        next += -log(crl_rng_uniform(&rng)) * (double)mean_us / load;
        i++;
    }
    while (timers.n > 0) {
        corral_us now = crl_timers_next_at(&timers);
        struct sim_query *query =
            caa_container_of(crl_timers_pop(&timers, now), struct sim_query, timer);
        (void)sim_db_timer(&db, query, now);
        free(query);
    }
    assert_int_equal(db.running + db.waiting, 0);
    crl_timers_fini(&timers);
    return waited / begun / (double)mean_us;
}

static void the_database_is_an_mmc_queue(void **state)
{
    (void)state;
    static const struct {
        uint32_t servers;
        double load; /* arrivals in a mean service time */
    } rows[] = {{1, 0.5}, {1, 0.8}, {2, 1.6}, {5, 4.0}, {20, 16.0}, {20, 18.0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double expected = erlang_wait(rows[i].servers, rows[i].load);
        double got = simulated_wait(rows[i].servers, rows[i].load, 1, 3000000);
        if (fabs(got / expected - 1.0) > 0.03)
            fail_msg("M/M/%u, load %.1f: waits %.4f, Erlang says %.4f", rows[i].servers,
                     rows[i].load, got, expected);
    }
}

static void a_query_ends_once_whatever_happens(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct crl_rng rng = crl_rng_split(seed, "queries");
        struct sim_database model = {
            .service = (enum sim_service)crl_rng_below(&rng, 3),
            .mean_us = 1000,
            .sigma = 1.0,
            .servers = 1 + (uint32_t)crl_rng_below(&rng, 4),
            .slowdown = crl_rng_below(&rng, 2) ? 0.1 : 0,
            .timeout_us = crl_rng_below(&rng, 2) ? 5000 : 0,
            .fails = 0.1,
            .cancel_us = 100,
        };
        struct crl_timers timers = {0};
        assert_int_equal(crl_timers_reserve(&timers, 200), 0);
        struct sim_db db;
        sim_db_init(&db, &model, &timers, 0, crl_rng_split(seed, "database"));
        struct sim_query queries[200] = {0};
        uint32_t ended = 0, arrived = 0;
        corral_us now = 0;
        while (ended < 200) {
            uint64_t lot = crl_rng_below(&rng, 3);
            if (lot == 0 && arrived < 200) {
                sim_db_arrive(&db, &queries[arrived++], now);
            } else if (lot == 1 && arrived > 0) {
                struct sim_query *query = &queries[crl_rng_below(&rng, arrived)];
                if (query->state == SIM_QUERY_WAITS || query->state == SIM_QUERY_RUNS)
                    ended += sim_db_cancel(&db, query, now);
            } else if (timers.n > 0) {
                now = crl_timers_next_at(&timers);
                struct sim_query *query =
                    caa_container_of(crl_timers_pop(&timers, now), struct sim_query, timer);
                (void)sim_db_timer(&db, query, now);
                ended++;
            }
            assert_true(db.running <= model.servers);
            assert_true(db.waiting == 0 || db.running == model.servers || timers.n > 0);
        }
        assert_int_equal(db.running + db.waiting, 0);
        crl_timers_fini(&timers);
    }
}

/* -------------------------------------------------------------------------------------- traffic */

static uint64_t arrivals_between(struct sim_plan *plan, corral_us from, corral_us to)
{
    struct sim_traffic traffic;
    sim_traffic_init(&traffic, plan);
    uint64_t n = 0;
    corral_us before = 0;
    for (corral_us at; (at = sim_traffic_next_at(&traffic)) != CRL_NEVER;) {
        uint32_t node, key;
        assert_true(at >= before);
        before = at;
        sim_traffic_take(&traffic, &node, &key);
        assert_true(node < plan->nodes && key < plan->readers.keys);
        n += at >= from && at < to;
    }
    return n;
}

static void arrivals_follow_the_curve(void **state)
{
    (void)state;
    struct sim_rate_piece pieces[] = {{CORRAL_SECONDS(10), 1000, 1000},
                                      {CORRAL_SECONDS(20), 1000, 3000},
                                      {CORRAL_SECONDS(30), 0, 0}};
    struct sim_burst bursts[] = {{CORRAL_SECONDS(40), 500, CORRAL_MS(3)}};
    struct sim_plan plan = {
        .seed = 5,
        .nodes = 7,
        .lasts_us = CORRAL_SECONDS(60),
        .readers = {.pieces = pieces, .pieces_n = 3, .bursts = bursts, .bursts_n = 1, .keys = 3}};
    for (int even = 0; even < 2; even++) {
        plan.readers.arrivals = even ? SIM_ARRIVALS_EVEN : SIM_ARRIVALS_POISSON;
        assert_int_equal(arrivals_between(&plan, 0, CORRAL_SECONDS(10)), 0);
        assert_in_range(arrivals_between(&plan, CORRAL_SECONDS(10), CORRAL_SECONDS(20)), 9500,
                        10500);
        assert_in_range(arrivals_between(&plan, CORRAL_SECONDS(20), CORRAL_SECONDS(30)), 19300,
                        20700);
        assert_int_equal(arrivals_between(&plan, CORRAL_SECONDS(30), CORRAL_SECONDS(40)), 0);
        assert_int_equal(
            arrivals_between(&plan, CORRAL_SECONDS(40), CORRAL_SECONDS(40) + CORRAL_MS(3)), 500);
        assert_int_equal(arrivals_between(&plan, CORRAL_SECONDS(41), CORRAL_SECONDS(60)), 0);
    }
}

/* The most that a scenario may say: a hundred million requests within a week. */
static void a_long_burst_is_even(void **state)
{
    (void)state;
    enum { REQUESTS = 100000000 };
    const corral_us week = CORRAL_SECONDS(7 * 86400);
    struct sim_burst bursts[] = {{CORRAL_SECONDS(1), REQUESTS, week}};
    struct sim_plan plan = {.nodes = 1,
                            .lasts_us = CORRAL_SECONDS(60),
                            .readers = {.bursts = bursts, .bursts_n = 1, .keys = 1}};
    struct sim_traffic traffic;
    sim_traffic_init(&traffic, &plan);
    for (uint32_t sent = 0; sent < REQUESTS; sent += REQUESTS / 4) {
        traffic.burst_sent = sent;
        assert_int_equal(sim_traffic_next_at(&traffic), CORRAL_SECONDS(1) + week / REQUESTS * sent);
    }
}

static void popularity_is_zipf(void **state)
{
    (void)state;
    static const double exponents[] = {0.5, 0.99, 1.0, 1.3};
    for (size_t e = 0; e < 4; e++) {
        enum { N = 1000, DRAWS = 2000000 };
        double s = exponents[e], sum = 0;
        for (int k = 1; k <= N; k++)
            sum += pow(k, -s);
        struct sim_zipf zipf;
        sim_zipf_init(&zipf, N, s);
        struct crl_rng rng = crl_rng_split(9, "zipf");
        static uint32_t seen[N + 1];
        memset(seen, 0, sizeof seen);
        for (int i = 0; i < DRAWS; i++) {
            uint32_t rank = sim_zipf_draw(&zipf, &rng);
            assert_in_range(rank, 1, N);
            seen[rank]++;
        }
        for (int k = 1; k <= N; k++) {
            double expected = DRAWS * pow(k, -s) / sum;
            if (fabs(seen[k] - expected) > 6.0 * sqrt(expected))
                fail_msg("s %.2f, rank %d: %u, not %.0f", s, k, seen[k], expected);
        }
    }
}

/* --------------------------------------------------------------------------------------- spaces */

static void every_key_lives_in_one_place(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct crl_rng rng = crl_rng_split(seed, "spaces");
        struct sim_plan plan = {.spaces_n = 1 + (uint32_t)crl_rng_below(&rng, SIM_SPACES_MAX)};
        uint32_t row = 0, next[SIM_SPACES_MAX] = {0};
        for (uint32_t i = 0; i < plan.spaces_n; i++)
            row += plan.spaces[i].share = 1 + (uint32_t)crl_rng_below(&rng, 5);
        for (uint32_t key = 0; key < 10 * row; key++) {
            struct sim_key_place place = sim_plan_locate(&plan, key);
            assert_true(place.space < plan.spaces_n);
            assert_int_equal(place.number, next[place.space]++);
            assert_int_equal(sim_plan_key(&plan, place), key);
        }
        for (uint32_t i = 0; i < plan.spaces_n; i++)
            assert_int_equal(next[i], 10 * plan.spaces[i].share);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_database_is_an_mmc_queue),
        cmocka_unit_test(a_query_ends_once_whatever_happens),
        cmocka_unit_test(arrivals_follow_the_curve),
        cmocka_unit_test(a_long_burst_is_even),
        cmocka_unit_test(popularity_is_zipf),
        cmocka_unit_test(every_key_lives_in_one_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
