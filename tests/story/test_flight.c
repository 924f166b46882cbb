/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   the life of a flight and the promises P1, P3 to P8, told as stories at virtual time.
 * Method: each story is a plot in a false world (sim/script.h) with an observer who judges the
 *         promises by what readers and the origin see, and the core's own audit after every step.
 *         What a story is about is checked by figures or by its whole narration. Each also runs as
 *         a sweep of allocation faults. That the observer and the audit can see is shown by
 *         tests/canary. */
#include "story.h"

#define MS CORRAL_MS
#define S  CORRAL_SECONDS

static const struct corral_policy usual = {.ttl_us = S(30), .negative_ttl_us = S(5)};

/* --------------------------------------------------------------------------------------- P1, P5 */

static void plot_stampede(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "user:7", S(5), 1);
    sim_gets(sim, MS(1), 0, "user:7", S(5), 999);
    sim_gets(sim, MS(200), 0, "user:7", S(5), 10);
}

static void stampede(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_stampede};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim,
        "[    0 ms] 0 user:7   idle     wanted alone -> queued   ask_admission, 1 waiting\n"
        "[    0 ms] 0 user:7   queued   admitted     -> loading  begin_load, 1 waiting\n"
        "[  100 ms] 0 user:7   loading  loaded       -> idle     answer_loaded, 1000 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "user:7"), 1);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 1);
    assert_int_equal(sim_answered(sim, CORRAL_COALESCED), 999);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 10);
    sim_free(sim);
    story_swept(&story);
}

static void plot_stampede_unprotected(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "user:7", S(10), 1000);
}

static void plot_few_unprotected(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "user:7", S(10), 30);
}

static void no_coalescing_is_the_stampede(void **state)
{
    (void)state;
    struct story story = {{.policy = {.ttl_us = S(30), .no_coalescing = true}},
                          plot_stampede_unprotected};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "user:7"), 1000);
    assert_int_equal(sim_origin_peak(sim), 20);
    const struct crl_core_space_counts *counts = crl_core_space_counts(sim_core(sim, 0), 0);
    assert_int_equal(crl_counter_get(&counts->loads[CRL_LOAD_MISS]), 1000);
    assert_int_equal(crl_counter_get(&counts->needed), 1);
    sim_free(sim);
    /* A thousand audited flights for each of their allocations would take minutes. */
    story.plot = plot_few_unprotected;
    story_swept(&story);
}

/* ------------------------------------------------------------------------------------------- P3 */

static void plot_expiry(struct sim *sim)
{
    for (int i = 0; i < 100; i++)
        sim_gets(sim, MS(50) * i, 0, "page", S(5), 3);
}

static void nothing_is_older_than_its_ttl(void **state)
{
    (void)state;
    /* The observer checks each answer's age. 5 s, TTL 1 s, load 0.1 s: loads at 0, 1.1, 2.2, ... */
    struct story story = {{.policy = {.ttl_us = S(1)}}, plot_expiry};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "page"), 5);
    const struct crl_core_space_counts *counts = crl_core_space_counts(sim_core(sim, 0), 0);
    assert_int_equal(crl_counter_get(&counts->needed), 5);
    sim_free(sim);
    story_swept(&story);
}

static void jitter_stays_within_its_bounds(void **state)
{
    (void)state;
    struct story story = {{.policy = {.ttl_us = S(1), .jitter = 0.1}}, plot_expiry};
    for (uint64_t seed = 1; seed <= 50; seed++) {
        story.config.seed = seed;
        struct sim *sim = story_told(&story);
        assert_in_range(sim_origin_loads(sim, "page"), 4, 6);
        sim_free(sim);
    }
    story_swept(&story);
}

static void plot_ttl_zero(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "live", S(5), 10);
    sim_gets(sim, MS(50), 0, "live", S(5), 10);
    sim_gets(sim, MS(101), 0, "live", S(5), 10);
    sim_put(sim, MS(300), 0, "put", 100);
}

static void ttl_zero_shares_the_flight_and_keeps_nothing(void **state)
{
    (void)state;
    struct story story = {{.policy = {.ttl_us = 0}}, plot_ttl_zero};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "live"), 2);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 0);
    assert_int_equal(crl_table_counts(crl_core_table(sim_core(sim, 0))).entries, 0);
    sim_free(sim);
    story_swept(&story);
}

static void plot_negative(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_EMPTY, MS(100));
    sim_gets(sim, MS(0), 0, "nobody", S(5), 10);
    sim_gets(sim, MS(200), 0, "nobody", S(5), 10);
    sim_gets(sim, S(6), 0, "nobody", S(5), 1);
}

static void not_found_is_cached_for_its_own_ttl(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_negative};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "nobody"), 2);
    assert_int_equal(sim_answered(sim, CORRAL_NEGATIVE), 10);
    sim_free(sim);
    story_swept(&story);
}

/* ------------------------------------------------------------------------------------------- P4 */

static void plot_invalidate_during_load(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "price", S(5), 5);
    sim_write(sim, MS(50), 0, "price");
    sim_gets(sim, MS(60), 0, "price", S(5), 7); /* must not be given what began at 0 */
    sim_gets(sim, MS(150), 0, "price", S(5), 1);
    sim_gets(sim, MS(300), 0, "price", S(5), 2);
}

static void invalidate_during_a_load(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_invalidate_during_load};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 price    idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 price    queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   50 ms] 0 price    is invalidated\n"
             "[  100 ms] 0 price    loading  loaded       -> idle     answer_loaded, 12 waiting\n"
             "[  100 ms] 0 price    idle     wanted alone -> queued   ask_admission, 7 waiting\n"
             "[  100 ms] 0 price    queued   admitted     -> loading  begin_load, 7 waiting\n"
             "[  200 ms] 0 price    loading  loaded       -> idle     answer_loaded, 8 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "price"), 2);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 2);
    assert_int_equal(sim_answered(sim, CORRAL_COALESCED), 11);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_invalidate_nobody_later(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "price", S(5), 1);
    sim_write(sim, MS(50), 0, "price");
    sim_gets(sim, MS(150), 0, "price", S(5), 1);
}

static void an_invalidated_load_is_not_cached(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_invalidate_nobody_later};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "price"), 2);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 0);
    sim_free(sim);
    story_swept(&story);
}

static void plot_invalidate_often(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "price", S(5), 1);
    for (int i = 1; i < 90; i++) {
        sim_write(sim, MS(i), 0, "price");
        sim_gets(sim, MS(i), 0, "price", S(5), 1);
    }
}

static void many_invalidations_cost_one_more_load(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_invalidate_often};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "price"), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_put(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "price", S(5), 3);
    sim_put(sim, MS(50), 0, "price", 100);
    sim_gets(sim, MS(60), 0, "price", S(5), 4);
    sim_gets(sim, MS(200), 0, "price", S(5), 4);
}

static void a_put_beats_the_load_under_way(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_put};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "price"), 1);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 8);
    sim_free(sim);
    story_swept(&story);
}

/* --------------------------------------------------------------------------------------- P5, P7 */

static void plot_impatient(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, MS(300));
    sim_gets(sim, MS(0), 0, "slow", MS(100), 1); /* the leader, gone at 100 */
    sim_gets(sim, MS(10), 0, "slow", S(1), 3);
    sim_give_up(sim, MS(20), 1);
}

static void who_gives_up_does_not_take_the_others_along(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_impatient};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_ETIMEDOUT), 1);
    assert_int_equal(sim_answered(sim, CORRAL_ECANCELED), 1);
    assert_int_equal(sim_answered(sim, CORRAL_COALESCED), 2);
    assert_int_equal(sim_origin_loads(sim, "slow"), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_deserted(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "slow", MS(10), 2);
    sim_gets(sim, MS(150), 0, "slow", MS(10), 1);
}

static void a_deserted_load_serves_who_comes_next(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_deserted};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_ETIMEDOUT), 2);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 1);
    assert_int_equal(sim_origin_loads(sim, "slow"), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_zero_wait(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "soon", 0, 1);
    sim_gets(sim, MS(150), 0, "soon", 0, 1);
}

static void a_get_without_patience_starts_the_load(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_zero_wait};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_ETIMEDOUT), 1);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_failure(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_FAILS, MS(100));
    sim_gets(sim, MS(0), 0, "broken", S(5), 500);
    sim_origin(sim, MS(150), SIM_ORIGIN_WORKS, MS(100));
    sim_gets(sim, MS(200), 0, "broken", S(5), 1);
}

static void one_failure_answers_all_its_waiters(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_failure};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_EORIGIN), 500);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 1);
    assert_int_equal(sim_origin_loads(sim, "broken"), 2);
    sim_free(sim);
    story_swept(&story);
}

/* ------------------------------------------------------------------------------------------- P6 */

static void plot_hang(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_HANGS, MS(100));
    sim_gets(sim, MS(0), 0, "stuck", S(5), 3);
    sim_origin(sim, S(1), SIM_ORIGIN_WORKS, MS(100));
    sim_gets(sim, MS(2001), 0, "stuck", S(5), 2);
}

static void an_overrun_load_is_cancelled(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {1, 10}}, plot_hang};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 stuck    idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 stuck    queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[ 2000 ms] 0 stuck    loading  overrun      -> idle     answer_failed, 3 waiting\n"
             "[ 2001 ms] 0 stuck    idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[ 2001 ms] 0 stuck    queued   admitted     -> loading  begin_load, 2 waiting\n"
             "[ 2101 ms] 0 stuck    loading  loaded       -> idle     answer_loaded, 2 waiting\n");
    assert_int_equal(sim_answered(sim, CORRAL_EDEADLINE), 3);
    assert_int_equal(sim_origin_peak(sim), 1); /* the place was free only when the load had ended */
    const struct crl_core_origin_counts *counts = crl_core_origin_counts(sim_core(sim, 0), 0);
    assert_int_equal(crl_counter_get(&counts->errors[CRL_LOAD_OVERRUN]), 1);
    assert_int_equal(crl_counter_get(&counts->errors[CRL_LOAD_LATE]), 1);
    sim_free(sim);
    story_swept(&story);
}

/* The answer comes first; but it says no more than that the time was over. */
static void plot_failure_at_the_deadline(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_FAILS, S(2));
    sim_gets(sim, MS(0), 0, "slow", S(5), 3);
}

static void a_failure_at_the_deadline_is_an_overrun(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_failure_at_the_deadline};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 slow     idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 slow     queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[ 2000 ms] 0 slow     loading  failed       -> idle     answer_failed, 3 waiting\n");
    assert_int_equal(sim_answered(sim, CORRAL_EDEADLINE), 3);
    const struct crl_core_origin_counts *counts = crl_core_origin_counts(sim_core(sim, 0), 0);
    assert_int_equal(crl_counter_get(&counts->errors[CRL_LOAD_OVERRUN]), 1);
    assert_int_equal(crl_counter_get(&counts->errors[CRL_LOAD_FAILED]), 0);
    sim_free(sim);
    story_swept(&story);
}

static void plot_crowd(struct sim *sim)
{
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (int i = 0; i < 8; i++)
        sim_gets(sim, MS(i), 0, keys[i], S(5), 2);
    sim_gets(sim, MS(20), 0, "b", S(5), 1);
}

static void the_bulkhead_holds(void **state)
{
    (void)state;
    /* Two at once, three in the queue: the keys a to e are loaded, f, g and h refused. */
    struct story story = {{.policy = usual, .limits = {2, 3}}, plot_crowd};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_peak(sim), 2);
    assert_int_equal(sim_answered(sim, CORRAL_EQUEUE), 6);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 5);
    const struct crl_core_origin_counts *counts = crl_core_origin_counts(sim_core(sim, 0), 0);
    assert_int_equal(crl_counter_get(&counts->errors[CRL_LOAD_REFUSED]),
                     6); /* each of the readers knocked */
    sim_free(sim);
    story_swept(&story);
}

static void plot_queue_deserted(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(1), 0, "b", MS(20), 2); /* leave the queue before their turn */
    sim_gets(sim, MS(2), 0, "c", S(5), 1);
}

static void nobody_loads_for_a_deserted_queue(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {1, 3}}, plot_queue_deserted};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "b"), 0);
    assert_int_equal(sim_origin_loads(sim, "c"), 1);
    assert_int_equal(sim_last_answer_at(sim), MS(200));
    sim_free(sim);
    story_swept(&story);
}

/* ------------------------------------------------------------------------------------------- P8 */

static void plot_waiters_limit(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 15);
    sim_gets(sim, MS(1), 0, "b", S(5), 1);
}

static void waiters_have_a_limit(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .waiters_max = 10}, plot_waiters_limit};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_ELIMIT), 6);
    assert_int_equal(sim_answered(sim, CORRAL_COALESCED), 9);
    sim_free(sim);
    story_swept(&story);
}

static void plot_flights_limit(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(0), 0, "b", S(5), 1);
    sim_gets(sim, MS(0), 0, "c", S(5), 1);
    sim_gets(sim, MS(1), 0, "a", S(5), 1);
}

static void flights_have_a_limit(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .flights_max = 2}, plot_flights_limit};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_ELIMIT), 1);
    assert_int_equal(sim_answered(sim, CORRAL_COALESCED), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_large(struct sim *sim)
{
    for (int i = 0; i < 20; i++)
        sim_put(sim, MS(i), 0, i % 2 ? "odd" : "even", 30000);
    sim_put(sim, MS(50), 0, "whale", 200000); /* larger than the budget: answered, never cached */
    sim_gets(sim, MS(60), 0, "whale", S(5), 1);
    sim_gets(sim, MS(200), 0, "odd", S(5), 1);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .memory_bytes = 100000}, plot_large};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "whale"), 1);
    assert_in_range(crl_table_counts(crl_core_table(sim_core(sim, 0))).bytes, 1, 100000);
    sim_free(sim);
    story_swept(&story);
}

/* ---------------------------------------------------------------------------------------- close */

static void plot_close(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 3);
    sim_gets(sim, MS(0), 0, "b", S(5), 3); /* in the queue */
    sim_write(sim, MS(10), 0, "a");
    sim_gets(sim, MS(20), 0, "a", S(5), 3); /* waits for the next load */
    sim_close(sim, MS(50), 0);
    sim_gets(sim, MS(60), 0, "a", S(5), 1);
}

static void close_answers_everyone(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {1, 10}}, plot_close};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_ECLOSED), 10);
    assert_int_equal(sim_answered_all(sim), 10);
    assert_true(crl_core_is_idle(sim_core(sim, 0)));
    sim_free(sim);
    story_swept(&story);
}

/* -------------------------------------------------------------------------------------- a store */

static void plot_fleet(struct sim *sim)
{
    for (uint32_t node = 0; node < 10; node++)
        sim_gets(sim, MS(0), node, "user:7", S(5), 100);
}

static void a_lease_makes_it_one_load_for_the_fleet(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 10, .has_store = true}, plot_fleet};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "user:7"), 1);
    assert_int_equal(sim_answered_all(sim), 1000);
    sim_free(sim);
    story_swept(&story);
}

static void plot_leader_dies(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "user:7", S(5), 100);
    sim_gets(sim, MS(1), 1, "user:7", S(5), 100);
    sim_kill(sim, MS(50), 0);
}

static void a_leader_that_dies_delays_the_herd_by_one_lease(void **state)
{
    (void)state;
    struct story story = {
        {.policy = usual, .nodes = 2, .has_store = true, .lease_us = S(2), .store_us = MS(2)},
        plot_leader_dies};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim,
        "[    0 ms] 0 user:7   idle     wanted       -> leasing  ask_store, 1 waiting\n"
        "[    1 ms] 1 user:7   idle     wanted       -> leasing  ask_store, 1 waiting\n"
        "[    2 ms] 0 user:7   leasing  lease won    -> queued   ask_admission, 100 waiting\n"
        "[    2 ms] 0 user:7   queued   admitted     -> loading  begin_load, 100 waiting\n"
        "[    3 ms] 1 user:7   leasing  lease lost   -> waiting  wait_for_it, 100 waiting\n"
        "[   50 ms] 0 is killed\n"
        "[ 2002 ms] 1 user:7   waiting  again        -> leasing  ask_store, 100 waiting\n"
        "[ 2004 ms] 1 user:7   leasing  lease won    -> queued   ask_admission, 100 waiting\n"
        "[ 2004 ms] 1 user:7   queued   admitted     -> loading  begin_load, 100 waiting\n"
        "[ 2104 ms] 1 user:7   loading  loaded       -> idle     answer_loaded, 100 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "user:7"), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_store_down(struct sim *sim)
{
    sim_store(sim, 0, false);
    for (uint32_t node = 0; node < 5; node++)
        sim_gets(sim, MS(1), node, "user:7", S(5), 100);
}

static void without_the_store_each_process_loads_once(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 5, .has_store = true}, plot_store_down};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "user:7"), 5);
    assert_int_equal(sim_answered_all(sim), 500);
    sim_free(sim);
    story_swept(&story);
}

static void plot_deserted_asks(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "user:7", MS(1), 1);   /* leaves before it has the lease */
    sim_gets(sim, MS(10), 0, "user:7", S(5), 1);   /* loads */
    sim_gets(sim, MS(20), 1, "user:7", MS(1), 1);  /* leaves before it hears that another loads */
    sim_gets(sim, MS(200), 1, "user:7", MS(1), 1); /* leaves before it has the value */
    sim_gets(sim, MS(210), 1, "user:7", S(5), 1);  /* finds it */
}

/* Found by the swarm: such flights went on to wait and to queue for nobody. */
static void who_leaves_while_the_store_is_asked_holds_nothing_up(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 2, .has_store = true, .store_us = MS(4)},
                          plot_deserted_asks};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 user:7   idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    1 ms] 0 user:7   leasing  deserted     -> leasing  carry_on, 0 waiting\n"
             "[    4 ms] 0 user:7   leasing  unwanted     -> idle     give_up, 0 waiting\n"
             "[   10 ms] 0 user:7   idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[   14 ms] 0 user:7   leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[   14 ms] 0 user:7   queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   20 ms] 1 user:7   idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[   21 ms] 1 user:7   leasing  deserted     -> leasing  carry_on, 0 waiting\n"
             "[   24 ms] 1 user:7   leasing  unwanted     -> idle     give_up, 0 waiting\n"
             "[  114 ms] 0 user:7   loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  200 ms] 1 user:7   idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  201 ms] 1 user:7   leasing  deserted     -> leasing  carry_on, 0 waiting\n"
             "[  204 ms] 1 user:7   leasing  store value  -> idle     answer_stored, 0 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "user:7"), 1);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_invalidate_while_waiting(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "user:7", S(5), 1);
    sim_gets(sim, MS(1), 1, "user:7", S(5), 1);
    sim_kill(sim, MS(50), 0);
    sim_write(sim, MS(60), 1, "user:7");
}

/* Found by the swarm: the reader waited on for a lease that his own process had taken away. */
static void who_invalidates_does_not_wait_for_the_lease(void **state)
{
    (void)state;
    struct story story = {
        {.policy = usual, .nodes = 2, .has_store = true, .lease_us = S(2), .store_us = MS(2)},
        plot_invalidate_while_waiting};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 user:7   idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    1 ms] 1 user:7   idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    2 ms] 0 user:7   leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    2 ms] 0 user:7   queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    3 ms] 1 user:7   leasing  lease lost   -> waiting  wait_for_it, 1 waiting\n"
             "[   50 ms] 0 is killed\n"
             "[   60 ms] 1 user:7   is invalidated\n"
             "[   60 ms] 1 user:7   waiting  again        -> leasing  ask_store, 1 waiting\n"
             "[   62 ms] 1 user:7   leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[   62 ms] 1 user:7   queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  162 ms] 1 user:7   loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    sim_free(sim);
    story_swept(&story);
}

/* Found by the swarm: the store's answer was for the flight that readers share, and there is
 * none. */
static void who_shares_nothing_does_not_wait_for_the_store(void **state)
{
    (void)state;
    struct story story = {
        {.policy = {.ttl_us = S(30), .no_coalescing = true}, .nodes = 2, .has_store = true},
        plot_few_unprotected};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "user:7"), 30);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 30);
    sim_free(sim);
    story_swept(&story);
}

/* ------------------------------------------------------------------------------- any day at all */

/* A thousand random days: readers, writes, puts, quitters and moods of the origin. Whatever
 * happens, the observer and the audit have nothing to complain of. */
static void plot_any_day(struct sim *sim, struct crl_rng *rng)
{
    static const char *const keys[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 120; i++) {
        corral_us at = (corral_us)crl_rng_below(rng, (uint64_t)S(4));
        const char *key = keys[crl_rng_below(rng, 4)];
        switch (crl_rng_below(rng, 8)) {
        case 0:
            sim_write(sim, at, 0, key);
            break;
        case 1:
            sim_put(sim, at, 0, key, 24 + crl_rng_below(rng, 3000));
            break;
        case 2:
            sim_give_up(sim, at, (uint32_t)crl_rng_below(rng, 200));
            break;
        case 3:
            sim_origin(sim, at, (enum sim_origin_mode)crl_rng_below(rng, 4),
                       (corral_us)crl_rng_below(rng, (uint64_t)MS(500)));
            break;
        default:
            sim_gets(sim, at, 0, key, (corral_us)crl_rng_below(rng, (uint64_t)S(1)),
                     1 + (uint32_t)crl_rng_below(rng, 5));
        }
    }
    if (crl_rng_below(rng, 4) == 0)
        sim_close(sim, (corral_us)crl_rng_below(rng, (uint64_t)S(4)), 0);
}

static void any_day_keeps_the_promises(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct crl_rng rng = crl_rng_split(seed, "any day");
        struct sim_config config = {
            .seed = seed,
            .audits = true,
            .policy = {.ttl_us = (corral_us)crl_rng_below(&rng, (uint64_t)S(2)),
                       .negative_ttl_us = (corral_us)crl_rng_below(&rng, (uint64_t)S(1)),
                       .jitter = crl_rng_below(&rng, 2) == 0 ? 0.0 : 0.3,
                       .no_coalescing = crl_rng_below(&rng, 8) == 0},
            .limits = {1 + (uint32_t)crl_rng_below(&rng, 3), (uint32_t)crl_rng_below(&rng, 4) + 1},
            .deadline_us = MS(50) + (corral_us)crl_rng_below(&rng, (uint64_t)MS(500)),
            .memory_bytes = 2000 + crl_rng_below(&rng, 40000),
            .flights_max = 1 + (uint32_t)crl_rng_below(&rng, 8),
            .waiters_max = 1 + (uint32_t)crl_rng_below(&rng, 40),
        };
        struct sim *sim = sim_new(&config);
        assert_non_null(sim);
        plot_any_day(sim, &rng);
        sim_run(sim);
        if (sim_broken(sim) != NULL)
            fail_msg("seed %llu: %s\n%s", (unsigned long long)seed, sim_broken(sim),
                     sim_trace(sim));
        sim_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stampede),
        cmocka_unit_test(no_coalescing_is_the_stampede),
        cmocka_unit_test(nothing_is_older_than_its_ttl),
        cmocka_unit_test(jitter_stays_within_its_bounds),
        cmocka_unit_test(ttl_zero_shares_the_flight_and_keeps_nothing),
        cmocka_unit_test(not_found_is_cached_for_its_own_ttl),
        cmocka_unit_test(invalidate_during_a_load),
        cmocka_unit_test(an_invalidated_load_is_not_cached),
        cmocka_unit_test(many_invalidations_cost_one_more_load),
        cmocka_unit_test(a_put_beats_the_load_under_way),
        cmocka_unit_test(who_gives_up_does_not_take_the_others_along),
        cmocka_unit_test(a_deserted_load_serves_who_comes_next),
        cmocka_unit_test(a_get_without_patience_starts_the_load),
        cmocka_unit_test(one_failure_answers_all_its_waiters),
        cmocka_unit_test(an_overrun_load_is_cancelled),
        cmocka_unit_test(a_failure_at_the_deadline_is_an_overrun),
        cmocka_unit_test(the_bulkhead_holds),
        cmocka_unit_test(nobody_loads_for_a_deserted_queue),
        cmocka_unit_test(waiters_have_a_limit),
        cmocka_unit_test(flights_have_a_limit),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(close_answers_everyone),
        cmocka_unit_test(a_lease_makes_it_one_load_for_the_fleet),
        cmocka_unit_test(a_leader_that_dies_delays_the_herd_by_one_lease),
        cmocka_unit_test(without_the_store_each_process_loads_once),
        cmocka_unit_test(who_leaves_while_the_store_is_asked_holds_nothing_up),
        cmocka_unit_test(who_invalidates_does_not_wait_for_the_lease),
        cmocka_unit_test(who_shares_nothing_does_not_wait_for_the_store),
        cmocka_unit_test(any_day_keeps_the_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
