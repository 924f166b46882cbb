/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what the processes of a fleet owe each other through their store (P2, P4, P9, P10), told
 *         as stories at virtual time: one failure for all, leases that outlive queues but not their
 *         holders, values that nobody vouches for any more, and answers that come too late.
 * Method: worlds of several nodes with one store, as in test_flight.c. The observer knows what each
 *         node was told of each key and lease; what a story is about is checked by figures or by
 *         its whole narration. */
#include "story.h"

#define MS CORRAL_MS
#define S  CORRAL_SECONDS

static const struct corral_policy usual = {.ttl_us = S(30), .negative_ttl_us = S(5)};

/* -------------------------------------------------------------------------- S7: a failure (P10) */

static uint32_t fleet_n; /* nodes of the stories that are told of fleets of several sizes */

static void all_get(struct sim *sim, corral_us at, const char *key, uint32_t readers)
{
    for (uint32_t node = 0; node < fleet_n; node++)
        sim_gets(sim, at, node, key, S(5), readers);
}

static void plot_failures(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_FAILS, MS(100));
    all_get(sim, MS(0), "ill", 3);
    all_get(sim, MS(200), "ill", 2); /* within the back-off: told at once */
    all_get(sim, MS(400), "ill", 3); /* after it: one more load */
    sim_origin(sim, MS(550), SIM_ORIGIN_WORKS, MS(100));
    all_get(sim, MS(600), "ill", 2);
    all_get(sim, MS(800), "ill", 3);
}

static void a_failure_costs_one_load_however_many_nodes(void **state)
{
    (void)state;
    static const struct {
        uint32_t nodes;
        bool has_store;
    } rows[] = {{1, false}, {1, true}, {4, true}, {16, true}};
    for (int i = 0; i < 4; i++) {
        fleet_n = rows[i].nodes;
        struct story story = {{.policy = usual,
                               .nodes = fleet_n,
                               .has_store = rows[i].has_store,
                               .failure_us = MS(250)},
                              plot_failures};
        struct sim *sim = story_told(&story);
        assert_int_equal(sim_origin_loads(sim, "ill"), 3);
        assert_int_equal(sim_answered(sim, CORRAL_EORIGIN), fleet_n * 10);
        assert_int_equal(sim_answered(sim, CORRAL_LOADED), 1);
        assert_int_equal(sim_answered_all(sim), fleet_n * 13);
        sim_free(sim);
        story_swept(&story);
    }
}

static void plot_overrun(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_HANGS, MS(100));
    all_get(sim, MS(0), "stuck", 3);
    sim_origin(sim, MS(320), SIM_ORIGIN_WORKS, MS(100));
    all_get(sim, MS(400), "stuck", 2);
    all_get(sim, MS(600), "stuck", 1);
}

static void an_overrun_is_shared_too(void **state)
{
    (void)state;
    fleet_n = 4;
    struct story story = {{.policy = usual,
                           .nodes = 4,
                           .has_store = true,
                           .deadline_us = MS(300),
                           .failure_us = MS(250)},
                          plot_overrun};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "stuck"), 2);
    assert_int_equal(sim_answered(sim, CORRAL_EDEADLINE), 4 * 5);
    assert_int_equal(sim_answered_all(sim), 4 * 6);
    sim_free(sim);
    story_swept(&story);
}

/* ------------------------------------------------------ what is one process's own is not shared */

static void plot_queue_full(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1); /* loads */
    sim_gets(sim, MS(1), 0, "b", S(5), 1); /* queues */
    sim_gets(sim, MS(2), 0, "c", S(5), 2); /* has the lease, and is refused */
    sim_gets(sim, MS(3), 1, "c", S(5), 3); /* waits for it */
}

static void a_full_queue_is_not_the_fleets_failure(void **state)
{
    (void)state;
    struct story story = {{.policy = usual,
                           .nodes = 2,
                           .has_store = true,
                           .limits = {1, 1},
                           .store_us = MS(2),
                           .failure_us = S(1)},
                          plot_queue_full};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    1 ms] 0 b        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    2 ms] 0 c        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    2 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    2 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    3 ms] 1 c        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    3 ms] 0 b        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    4 ms] 0 c        leasing  lease won    -> queued   ask_admission, 2 waiting\n"
             "[    4 ms] 0 c        queued   refused      -> idle     answer_refused, 2 waiting\n"
             "[    5 ms] 1 c        leasing  lease lost   -> waiting  wait_for_it, 3 waiting\n"
             "[    6 ms] 1 c        waiting  again        -> leasing  ask_store, 3 waiting\n"
             "[    8 ms] 1 c        leasing  lease won    -> queued   ask_admission, 3 waiting\n"
             "[    8 ms] 1 c        queued   admitted     -> loading  begin_load, 3 waiting\n"
             "[  102 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  102 ms] 0 b        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  108 ms] 1 c        loading  loaded       -> idle     answer_loaded, 3 waiting\n"
             "[  202 ms] 0 b        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(sim_answered(sim, CORRAL_EQUEUE), 2);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 3);
    sim_free(sim);
    story_swept(&story);
}

static void plot_close(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 2);
    sim_gets(sim, MS(1), 1, "a", S(5), 3);
    sim_close(sim, MS(50), 0);
}

static void a_process_that_closes_hands_its_load_on(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 2, .has_store = true, .failure_us = S(1)},
                          plot_close};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_ECLOSED), 2);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 1);
    assert_int_equal(sim_answered(sim, CORRAL_COALESCED), 2);
    assert_int_equal(sim_last_answer_at(sim), MS(152));
    sim_free(sim);
    story_swept(&story);
}

static void plot_all_left(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, MS(500));
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(1), 0, "b", MS(49), 2); /* queue, and leave at 50 */
    sim_gets(sim, MS(3), 1, "b", S(5), 3);
}

static void who_leaves_the_queue_leaves_the_lease(void **state)
{
    (void)state;
    struct story story = {
        {.policy = usual, .nodes = 2, .has_store = true, .limits = {1, 10}, .failure_us = S(1)},
        plot_all_left};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_ETIMEDOUT), 2);
    assert_int_equal(sim_origin_loads(sim, "b"), 1);
    assert_int_equal(sim_last_answer_at(sim), MS(552));
    sim_free(sim);
    story_swept(&story);
}

/* ---------------------------------------------------------------------------------- leases live */

static void plot_long_queue(struct sim *sim)
{
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f"};
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, MS(400));
    for (uint32_t i = 0; i < 6; i++) {
        for (uint32_t node = 0; node < 3; node++)
            sim_gets(sim, MS(i), node, keys[i], S(5), 2);
    }
}

static void a_queue_does_not_eat_its_leases(void **state)
{
    (void)state;
    struct story story = {
        {.policy = usual, .nodes = 3, .has_store = true, .limits = {1, 10}, .lease_us = MS(500)},
        plot_long_queue};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_report(sim)->loads, 6);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 6);
    assert_int_equal(sim_answered(sim, CORRAL_COALESCED), 6);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 24);
    assert_true(sim_store_requests(sim, CRL_STORE_RENEW) > 10);
    sim_free(sim);
    story_swept(&story);
}

static void plot_holder_dies(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, S(10));
    sim_gets(sim, MS(0), 0, "a", S(30), 1);
    sim_gets(sim, MS(10), 1, "a", S(30), 1);
    sim_kill(sim, MS(700), 0);
}

static void a_dead_holder_is_noticed_within_a_lease(void **state)
{
    (void)state;
    struct story story = {{.policy = usual,
                           .nodes = 2,
                           .has_store = true,
                           .deadline_us = S(20),
                           .lease_us = MS(500),
                           .store_us = MS(2)},
                          plot_holder_dies};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    2 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    2 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   10 ms] 1 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[   12 ms] 1 a        leasing  lease lost   -> waiting  wait_for_it, 1 waiting\n"
             "[  502 ms] 1 a        waiting  again        -> leasing  ask_store, 1 waiting\n"
             "[  504 ms] 1 a        leasing  lease lost   -> waiting  wait_for_it, 1 waiting\n"
             "[  700 ms] 0 is killed\n"
             "[ 1002 ms] 1 a        waiting  again        -> leasing  ask_store, 1 waiting\n"
             "[ 1004 ms] 1 a        leasing  lease lost   -> waiting  wait_for_it, 1 waiting\n"
             "[ 1168 ms] 1 a        waiting  again        -> leasing  ask_store, 1 waiting\n"
             "[ 1170 ms] 1 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[ 1170 ms] 1 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[11170 ms] 1 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    sim_free(sim);
    story_swept(&story);
}

/* ---------------------------------------------------------------------------------- leases lost */

static void plot_lost_in_the_queue(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, S(1));
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(1), 0, "b", S(5), 1); /* queues */
    sim_gets(sim, MS(10), 1, "b", S(5), 1);
    sim_write(sim, MS(100), 1, "b"); /* and takes the lease */
}

static void a_lease_lost_in_the_queue_is_asked_for_again(void **state)
{
    (void)state;
    struct story story = {{.policy = usual,
                           .nodes = 2,
                           .has_store = true,
                           .limits = {1, 10},
                           .lease_us = MS(600),
                           .store_us = MS(2)},
                          plot_lost_in_the_queue};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    1 ms] 0 b        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    2 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    2 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    3 ms] 0 b        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[   10 ms] 1 b        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[   12 ms] 1 b        leasing  lease lost   -> waiting  wait_for_it, 1 waiting\n"
             "[  100 ms] 1 b        is invalidated\n"
             "[  100 ms] 1 b        waiting  again        -> leasing  ask_store, 1 waiting\n"
             "[  102 ms] 1 b        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[  102 ms] 1 b        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  204 ms] 0 b        queued   lease gone   -> leasing  ask_again, 1 waiting\n"
             "[  206 ms] 0 b        leasing  lease lost   -> waiting  wait_for_it, 1 waiting\n"
             "[  702 ms] 0 b        waiting  again        -> leasing  ask_store, 1 waiting\n"
             "[  704 ms] 0 b        leasing  lease lost   -> waiting  wait_for_it, 1 waiting\n"
             "[ 1002 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[ 1102 ms] 1 b        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[ 1104 ms] 0 b        waiting  again        -> leasing  ask_store, 1 waiting\n"
             "[ 1106 ms] 0 b        leasing  store value  -> idle     answer_stored, 1 waiting\n");
    sim_free(sim);
    story_swept(&story);
}

static void plot_lost_while_loading(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, MS(1500));
    sim_gets(sim, MS(0), 0, "a", S(5), 2);
    sim_gets(sim, MS(10), 1, "a", S(5), 1);
    sim_pause(sim, MS(100), 0, S(1));         /* longer than its lease, which node 1 is given */
    sim_gets(sim, MS(1200), 0, "a", S(5), 1); /* not for what is fenced */
}

static void a_load_whose_lease_is_lost_is_fenced(void **state)
{
    (void)state;
    struct story story = {{.policy = usual,
                           .nodes = 2,
                           .has_store = true,
                           .deadline_us = S(5),
                           .lease_us = MS(600),
                           .store_us = MS(2)},
                          plot_lost_while_loading};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    2 ms] 0 a        leasing  lease won    -> queued   ask_admission, 2 waiting\n"
             "[    2 ms] 0 a        queued   admitted     -> loading  begin_load, 2 waiting\n"
             "[   10 ms] 1 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[   12 ms] 1 a        leasing  lease lost   -> waiting  wait_for_it, 1 waiting\n"
             "[  602 ms] 1 a        waiting  again        -> leasing  ask_store, 1 waiting\n"
             "[  604 ms] 1 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[  604 ms] 1 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[ 1502 ms] 0 a        loading  loaded       -> idle     answer_loaded, 3 waiting\n"
             "[ 1502 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[ 1504 ms] 0 a        leasing  lease lost   -> waiting  wait_for_it, 1 waiting\n"
             "[ 2003 ms] 0 a        waiting  again        -> leasing  ask_store, 1 waiting\n"
             "[ 2005 ms] 0 a        leasing  lease lost   -> waiting  wait_for_it, 1 waiting\n"
             "[ 2104 ms] 1 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[ 2106 ms] 0 a        waiting  again        -> leasing  ask_store, 1 waiting\n"
             "[ 2108 ms] 0 a        leasing  store value  -> idle     answer_stored, 1 waiting\n");
    sim_free(sim);
    story_swept(&story);
}

/* --------------------------------------------------------------------------------------- values */

static void plot_absent(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_EMPTY, MS(100));
    sim_gets(sim, MS(0), 0, "nobody", S(5), 2);
    sim_gets(sim, MS(200), 1, "nobody", S(5), 3);
    sim_gets(sim, MS(300), 1, "nobody", S(5), 4);
    sim_gets(sim, MS(5200), 1, "nobody", S(5), 1); /* its time is that of the first process */
}

static void an_absence_is_answered_from_the_store(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 2, .has_store = true}, plot_absent};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_NEGATIVE), 7);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 2);
    assert_int_equal(sim_origin_loads(sim, "nobody"), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_fill_refused(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    /* It is absent in the store, and the fill is on its way when another process says that. */
    sim_write(sim, MS(107), 1, "a");
    sim_gets(sim, MS(110), 0, "a", S(5), 1); /* nobody knows of it yet */
    sim_gets(sim, MS(120), 0, "a", S(5), 2);
    sim_gets(sim, MS(120), 1, "a", S(5), 2);
}

static void a_refused_fill_withdraws_the_value(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 2, .has_store = true, .store_us = MS(8)},
                          plot_fill_refused};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    8 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    8 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  107 ms] 1 a        is invalidated\n"
             "[  108 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  120 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  120 ms] 1 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  128 ms] 0 a        leasing  lease won    -> queued   ask_admission, 2 waiting\n"
             "[  128 ms] 0 a        queued   admitted     -> loading  begin_load, 2 waiting\n"
             "[  128 ms] 1 a        leasing  lease lost   -> waiting  wait_for_it, 2 waiting\n"
             "[  228 ms] 0 a        loading  loaded       -> idle     answer_loaded, 2 waiting\n"
             "[  236 ms] 1 a        waiting  again        -> leasing  ask_store, 2 waiting\n"
             "[  244 ms] 1 a        leasing  store value  -> idle     answer_stored, 2 waiting\n");
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 1 + 2);
    assert_int_equal(sim_store_requests(sim, CRL_STORE_FILL), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_fill_too_late(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 2);
    sim_pause(sim, MS(50), 0, S(1));          /* what it loads waits, and its lease ends */
    sim_gets(sim, MS(1051), 0, "a", S(5), 1); /* a hit, of what the store is about to refuse */
    sim_gets(sim, MS(1100), 0, "a", S(5), 2);
}

static void a_fill_after_the_lease_withdraws_the_value(void **state)
{
    (void)state;
    struct story story = {
        {.policy = usual, .nodes = 1, .has_store = true, .lease_us = MS(600), .store_us = MS(4)},
        plot_fill_too_late};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    4 ms] 0 a        leasing  lease won    -> queued   ask_admission, 2 waiting\n"
             "[    4 ms] 0 a        queued   admitted     -> loading  begin_load, 2 waiting\n"
             "[ 1050 ms] 0 a        loading  loaded       -> idle     answer_loaded, 2 waiting\n"
             "[ 1100 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[ 1104 ms] 0 a        leasing  lease won    -> queued   ask_admission, 2 waiting\n"
             "[ 1104 ms] 0 a        queued   admitted     -> loading  begin_load, 2 waiting\n"
             "[ 1204 ms] 0 a        loading  loaded       -> idle     answer_loaded, 2 waiting\n");
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 1);
    sim_free(sim);
    story_swept(&story);
}

/* ----------------------------------------------------------------------- the store out of sight */

static void plot_in_sight_again(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_store(sim, MS(200), false);
    sim_gets(sim, MS(250), 0, "a", S(5), 10); /* hits */
    sim_store(sim, MS(300), true);
    sim_gets(sim, MS(310), 0, "a", S(5), 50); /* suspect: one ask for all */
    sim_gets(sim, MS(320), 0, "a", S(5), 10); /* hits again */
}

static void what_the_store_vouched_for_is_confirmed_once(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .has_store = true, .store_us = MS(2)},
                          plot_in_sight_again};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    2 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    2 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  102 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  310 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  312 ms] 0 a        leasing  store value  -> idle     answer_stored, 50 waiting\n");
    assert_int_equal(sim_store_requests(sim, CRL_STORE_ASK), 2);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 70);
    assert_int_equal(sim_origin_loads(sim, "a"), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_unconfirmed(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_origin(sim, MS(150), SIM_ORIGIN_EMPTY, MS(100));
    sim_gets(sim, MS(150), 0, "nobody", S(5), 1);
    sim_store(sim, MS(300), false);
    sim_store(sim, MS(310), true);  /* what is there is suspect from now on ... */
    sim_store(sim, MS(320), false); /* ... and nobody can be asked */
    sim_origin(sim, MS(320), SIM_ORIGIN_WORKS, MS(100));
    sim_gets(sim, MS(400), 0, "a", S(5), 20);
    sim_gets(sim, MS(400), 0, "nobody", S(5), 20);
    sim_gets(sim, MS(410), 0, "a", S(5), 10);
    sim_gets(sim, MS(410), 0, "nobody", S(5), 10);
    sim_gets(sim, MS(1200), 0, "a", S(5), 1); /* its time is over: then it is loaded */
}

static void what_cannot_be_confirmed_serves_its_time(void **state)
{
    (void)state;
    struct story story = {{.policy = {.ttl_us = S(1), .negative_ttl_us = S(1)}, .has_store = true},
                          plot_unconfirmed};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim,
        "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
        "[    1 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
        "[    1 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
        "[  101 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
        "[  150 ms] 0 nobody   idle     wanted       -> leasing  ask_store, 1 waiting\n"
        "[  151 ms] 0 nobody   leasing  lease won    -> queued   ask_admission, 1 waiting\n"
        "[  151 ms] 0 nobody   queued   admitted     -> loading  begin_load, 1 waiting\n"
        "[  251 ms] 0 nobody   loading  loaded       -> idle     answer_loaded, 1 waiting\n"
        "[  400 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
        "[  400 ms] 0 nobody   idle     wanted       -> leasing  ask_store, 1 waiting\n"
        "[  400 ms] 0 a        leasing  unconfirmed  -> idle     answer_unconfirmed, 20 waiting\n"
        "[  400 ms] 0 nobody   leasing  unconfirmed  -> idle     answer_unconfirmed, 20 waiting\n"
        "[ 1200 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
        "[ 1200 ms] 0 a        leasing  store down   -> queued   ask_admission, 1 waiting\n"
        "[ 1200 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
        "[ 1300 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 30);
    assert_int_equal(sim_answered(sim, CORRAL_NEGATIVE), 30);
    sim_free(sim);
    story_swept(&story);
}

static void plot_load_of_before(struct sim *sim)
{
    sim_store(sim, 0, false);
    sim_gets(sim, MS(10), 0, "a", S(5), 2);
    sim_store(sim, MS(50), true);
    sim_gets(sim, MS(60), 0, "a", S(5), 3); /* the store may know better than the load under way */
    sim_gets(sim, MS(300), 0, "a", S(5), 4);
}

static void a_load_of_before_is_not_for_who_comes_after(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .has_store = true, .store_us = MS(2)},
                          plot_load_of_before};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[   10 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[   10 ms] 0 a        leasing  store down   -> queued   ask_admission, 2 waiting\n"
             "[   10 ms] 0 a        queued   admitted     -> loading  begin_load, 2 waiting\n"
             "[  110 ms] 0 a        loading  loaded       -> idle     answer_loaded, 5 waiting\n"
             "[  110 ms] 0 a        idle     wanted       -> leasing  ask_store, 3 waiting\n"
             "[  112 ms] 0 a        leasing  lease won    -> queued   ask_admission, 3 waiting\n"
             "[  112 ms] 0 a        queued   admitted     -> loading  begin_load, 3 waiting\n"
             "[  212 ms] 0 a        loading  loaded       -> idle     answer_loaded, 3 waiting\n");
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 4);
    sim_free(sim);
    story_swept(&story);
}

static void plot_load_of_before_alone(struct sim *sim)
{
    sim_cut(sim, 0, 0, true);
    sim_gets(sim, MS(10), 0, "a", S(5), 1);
    sim_write(sim, MS(30), 1, "a"); /* of which node 0 is not told */
    sim_cut(sim, MS(50), 0, false);
    sim_gets(sim, MS(120), 0, "a", S(5), 1);
}

/* It began under the epoch before, and is published as of that one. */
static void a_load_of_before_is_confirmed_when_it_is_read(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 2, .has_store = true, .store_us = MS(2)},
                          plot_load_of_before_alone};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "a"), 2);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_unsaid(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(150), 1, "a", S(5), 1);
    sim_cut(sim, MS(200), 1, true);
    for (int i = 0; i < 5; i++)
        sim_write(sim, MS(210 + i), 1, "a"); /* one that is unsaid, however often */
    sim_cut(sim, MS(300), 1, false);
    sim_gets(sim, MS(300) + 1, 1, "a", S(5), 1); /* asks behind it */
    sim_gets(sim, MS(310), 0, "a", S(5), 1);     /* was told of it */
}

static void an_invalidation_is_said_first_of_all(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 2, .has_store = true, .store_us = MS(4)},
                          plot_unsaid};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    4 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    4 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  104 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  150 ms] 1 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  154 ms] 1 a        leasing  store value  -> idle     answer_stored, 1 waiting\n"
             "[  210 ms] 1 a        is invalidated\n"
             "[  211 ms] 1 a        is invalidated\n"
             "[  212 ms] 1 a        is invalidated\n"
             "[  213 ms] 1 a        is invalidated\n"
             "[  214 ms] 1 a        is invalidated\n"
             "[  300 ms] 1 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  304 ms] 1 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[  304 ms] 1 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  310 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  314 ms] 0 a        leasing  lease lost   -> waiting  wait_for_it, 1 waiting\n"
             "[  404 ms] 1 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  408 ms] 0 a        waiting  again        -> leasing  ask_store, 1 waiting\n"
             "[  412 ms] 0 a        leasing  store value  -> idle     answer_stored, 1 waiting\n");
    assert_int_equal(sim_store_requests(sim, CRL_STORE_INVALIDATE), 1);
    sim_free(sim);
    story_swept(&story);
}

/* ------------------------------------------------------------------------------------- too late */

static void plot_late_grant(struct sim *sim)
{
    sim_store_latency(sim, 0, MS(300));
    sim_gets(sim, MS(0), 0, "a", S(5), 1); /* its ask is at the store at 150 */
    sim_store_latency(sim, MS(10), MS(2));
    sim_gets(sim, MS(155), 1, "a", S(5), 1);
}

/* Trap 1 of the fleet: what timed out has happened all the same. */
static void a_late_grant_is_given_back_at_once(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 2, .has_store = true}, plot_late_grant};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  100 ms] 0 a        leasing  store down   -> queued   ask_admission, 1 waiting\n"
             "[  100 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  155 ms] 1 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  157 ms] 1 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[  157 ms] 1 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  200 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  257 ms] 1 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(sim_store_requests(sim, CRL_STORE_RELEASE), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_answers_twice(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_lease_again(sim, MS(50), 0, "a"); /* while it loads under it */
    sim_gets(sim, MS(60), 1, "a", S(5), 1);
    sim_lease_again(sim, MS(150), 0, "a"); /* when it has ended */
    sim_gets(sim, MS(160), 0, "a", S(5), 1);
}

static void a_second_answer_changes_nothing(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 2, .has_store = true, .store_us = MS(2)},
                          plot_answers_twice};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    2 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    2 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   60 ms] 1 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[   62 ms] 1 a        leasing  lease lost   -> waiting  wait_for_it, 1 waiting\n"
             "[  102 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  104 ms] 1 a        waiting  again        -> leasing  ask_store, 1 waiting\n"
             "[  106 ms] 1 a        leasing  store value  -> idle     answer_stored, 1 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "a"), 1);
    assert_int_equal(sim_store_requests(sim, CRL_STORE_RELEASE), 1); /* of the second time */
    sim_free(sim);
    story_swept(&story);
}

/* --------------------------------------------------------------------------------------- storms */

static void plot_purge_storm(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, MS(200));
    for (int i = 0; i < 200; i++) {
        sim_write(sim, MS(50) * i, 1, "hot");
        sim_gets(sim, MS(50) * i + MS(10), 0, "hot", S(5), 3);
        sim_gets(sim, MS(50) * i + MS(30), 2, "hot", S(5), 3);
    }
}

/* Trap 8 of the fleet: purges come faster than loads. */
static void a_storm_of_purges_is_bounded(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 3, .has_store = true}, plot_purge_storm};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered_all(sim), 1200);
    assert_int_equal(sim_answered(sim, CORRAL_ETIMEDOUT), 0);
    /* Each purge takes the lease of the load under way. So both processes that have readers load,
     * one load after the other, which is 10 s / 200 ms each and the last; never two of one. */
    assert_in_range(sim_origin_loads(sim, "hot"), 51, 2 * 51);
    assert_int_equal(sim_origin_peak(sim), 2);
    /* An ask, a fill or release, and a few renewals for each load, and the purges themselves. */
    assert_int_equal(sim_store_requests(sim, CRL_STORE_INVALIDATE), 200);
    assert_in_range(sim_store_requests(sim, CRL_STORE_ASK), 51, 2 * 2 * 51);
    assert_in_range(sim_last_answer_at(sim), S(10), S(10) + MS(400));
    sim_free(sim);
    story_swept(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_costs_one_load_however_many_nodes),
        cmocka_unit_test(an_overrun_is_shared_too),
        cmocka_unit_test(a_full_queue_is_not_the_fleets_failure),
        cmocka_unit_test(a_process_that_closes_hands_its_load_on),
        cmocka_unit_test(who_leaves_the_queue_leaves_the_lease),
        cmocka_unit_test(a_queue_does_not_eat_its_leases),
        cmocka_unit_test(a_dead_holder_is_noticed_within_a_lease),
        cmocka_unit_test(a_lease_lost_in_the_queue_is_asked_for_again),
        cmocka_unit_test(a_load_whose_lease_is_lost_is_fenced),
        cmocka_unit_test(an_absence_is_answered_from_the_store),
        cmocka_unit_test(a_refused_fill_withdraws_the_value),
        cmocka_unit_test(a_fill_after_the_lease_withdraws_the_value),
        cmocka_unit_test(what_the_store_vouched_for_is_confirmed_once),
        cmocka_unit_test(what_cannot_be_confirmed_serves_its_time),
        cmocka_unit_test(a_load_of_before_is_not_for_who_comes_after),
        cmocka_unit_test(a_load_of_before_is_confirmed_when_it_is_read),
        cmocka_unit_test(an_invalidation_is_said_first_of_all),
        cmocka_unit_test(a_late_grant_is_given_back_at_once),
        cmocka_unit_test(a_second_answer_changes_nothing),
        cmocka_unit_test(a_storm_of_purges_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
