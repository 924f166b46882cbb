/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   loads for a reason without a reader (P1, P2, P6, P7), told as stories at virtual time: in
 *         every state of a flight, in line behind those whom somebody waits for, and in a fleet.
 * Method: as in test_flight.c. Which load was asked for why is told by the core's figures, the
 *         order of the queue by the narration. */
#include "story.h"

#define MS CORRAL_MS
#define S  CORRAL_SECONDS

static const struct corral_policy usual = {.ttl_us = S(30), .negative_ttl_us = S(5)};

static uint64_t loads_of(struct sim *sim, uint32_t node, enum crl_load_reason reason)
{
    return crl_counter_get(&crl_core_space_counts(sim_core(sim, node), 0)->loads[reason]);
}

static uint64_t refused_by(struct sim *sim, uint32_t node)
{
    const struct crl_core_origin_counts *counts = crl_core_origin_counts(sim_core(sim, node), 0);
    return crl_counter_get(&counts->errors[CRL_LOAD_REFUSED]);
}

/* ------------------------------------------------------------------------------- in every state */

static void plot_nobody_waits(struct sim *sim)
{
    sim_refresh(sim, MS(0), 0, "a", CRL_LOAD_WARM);
    sim_gets(sim, MS(150), 0, "a", S(5), 3);
    sim_refresh(sim, MS(200), 0, "a", CRL_LOAD_SCHEDULED);
}

static void a_refresh_needs_no_reader(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_nobody_waits};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  100 ms] 0 a        loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  200 ms] 0 a        idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[  200 ms] 0 a        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  300 ms] 0 a        loading  loaded       -> idle     answer_loaded, 0 waiting\n");
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 3);
    assert_int_equal(loads_of(sim, 0, CRL_LOAD_WARM), 1);
    assert_int_equal(loads_of(sim, 0, CRL_LOAD_SCHEDULED), 1);
    assert_int_equal(loads_of(sim, 0, CRL_LOAD_MISS), 0);
    sim_free(sim);
    story_swept(&story);
}

static void a_refresh_asks_the_store_as_readers_do(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .has_store = true, .store_us = MS(2)},
                          plot_nobody_waits};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     refresh      -> leasing  ask_store, 0 waiting\n"
             "[    2 ms] 0 a        leasing  lease won    -> queued   ask_admission, 0 waiting\n"
             "[    2 ms] 0 a        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  102 ms] 0 a        loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  200 ms] 0 a        idle     refresh      -> leasing  ask_store, 0 waiting\n"
             "[  202 ms] 0 a        leasing  lease won    -> queued   ask_admission, 0 waiting\n"
             "[  202 ms] 0 a        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  302 ms] 0 a        loading  loaded       -> idle     answer_loaded, 0 waiting\n");
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 3);
    assert_int_equal(sim_store_requests(sim, CRL_STORE_FILL), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_joins(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "busy", S(5), 1);
    sim_gets(sim, MS(0), 0, "a", S(5), 2);
    sim_refresh(sim, MS(1), 0, "a", CRL_LOAD_REFRESH);    /* the store is being asked */
    sim_refresh(sim, MS(50), 0, "a", CRL_LOAD_SCHEDULED); /* it is queued */
    sim_refresh(sim, MS(150), 0, "a", CRL_LOAD_EARLY);    /* it loads */
    sim_gets(sim, MS(160), 0, "a", S(5), 2);
}

static void a_refresh_joins_what_is_under_way(void **state)
{
    (void)state;
    struct story story = {
        {.policy = usual, .has_store = true, .limits = {1, 10}, .store_us = MS(4)}, plot_joins};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 busy     idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    4 ms] 0 busy     leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    4 ms] 0 busy     queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    4 ms] 0 a        leasing  lease won    -> queued   ask_admission, 2 waiting\n"
             "[  104 ms] 0 busy     loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  104 ms] 0 a        queued   admitted     -> loading  begin_load, 2 waiting\n"
             "[  204 ms] 0 a        loading  loaded       -> idle     answer_loaded, 4 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "a"), 1);
    assert_int_equal(loads_of(sim, 0, CRL_LOAD_MISS), 2);
    assert_int_equal(sim_answered(sim, CORRAL_COALESCED), 3);
    sim_free(sim);
    story_swept(&story);
}

static void plot_waiting(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(10), 1, "a", MS(40), 2); /* waits for node 0's load, until 50 */
    sim_refresh(sim, MS(30), 1, "a", CRL_LOAD_REFRESH);
    sim_gets(sim, MS(200), 1, "a", S(5), 3);
}

static void a_refresh_waits_on_for_who_has_left(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 2, .has_store = true, .store_us = MS(2)},
                          plot_waiting};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    2 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    2 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   10 ms] 1 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[   12 ms] 1 a        leasing  lease lost   -> waiting  wait_for_it, 2 waiting\n"
             "[  102 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  104 ms] 1 a        waiting  again        -> leasing  ask_store, 0 waiting\n"
             "[  106 ms] 1 a        leasing  store value  -> idle     answer_stored, 0 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "a"), 1);
    assert_int_equal(sim_answered(sim, CORRAL_ETIMEDOUT), 2);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 3);
    sim_free(sim);
    story_swept(&story);
}

static void plot_queued_on(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "busy", S(5), 1);
    sim_gets(sim, MS(10), 0, "a", MS(40), 2); /* leave at 50 ... */
    sim_refresh(sim, MS(30), 0, "a", CRL_LOAD_SCHEDULED);
    sim_gets(sim, MS(10), 0, "b", MS(40), 2); /* ... and nobody wants this then */
}

static void a_refresh_keeps_the_place_in_line(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {1, 10}}, plot_queued_on};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "a"), 1);
    assert_int_equal(sim_origin_loads(sim, "b"), 0);
    assert_int_equal(loads_of(sim, 0, CRL_LOAD_SCHEDULED), 1);
    sim_free(sim);
    story_swept(&story);
}

/* ------------------------------------------------------------------------------------ the queue */

static void plot_priorities(struct sim *sim)
{
    static const struct {
        const char *keys[2];
        enum crl_load_reason reason;
    } rows[] = {
        {{"warm 1", "warm 2"}, CRL_LOAD_WARM},    {{"sched 1", "sched 2"}, CRL_LOAD_SCHEDULED},
        {{"early 1", "early 2"}, CRL_LOAD_EARLY}, {{"fresh 1", "fresh 2"}, CRL_LOAD_REFRESH},
        {{"miss 1", "miss 2"}, CRL_LOAD_MISS},
    };
    sim_gets(sim, MS(0), 0, "busy", S(5), 1);
    for (int i = 0; i < 10; i++) {
        const char *key = rows[i / 2].keys[i % 2];
        if (rows[i / 2].reason == CRL_LOAD_MISS)
            sim_gets(sim, MS(1 + i), 0, key, S(5), 1);
        else
            sim_refresh(sim, MS(1 + i), 0, key, rows[i / 2].reason);
    }
}

static void the_queue_is_served_by_priority_then_in_order(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {1, 20}}, plot_priorities};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 busy     idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 busy     queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    1 ms] 0 warm 1   idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[    2 ms] 0 warm 2   idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[    3 ms] 0 sched 1  idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[    4 ms] 0 sched 2  idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[    5 ms] 0 early 1  idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[    6 ms] 0 early 2  idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[    7 ms] 0 fresh 1  idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[    8 ms] 0 fresh 2  idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[    9 ms] 0 miss 1   idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   10 ms] 0 miss 2   idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  100 ms] 0 busy     loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 miss 1   queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  200 ms] 0 miss 1   loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  200 ms] 0 miss 2   queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  300 ms] 0 miss 2   loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  300 ms] 0 fresh 1  queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  400 ms] 0 fresh 1  loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  400 ms] 0 fresh 2  queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  500 ms] 0 fresh 2  loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  500 ms] 0 early 1  queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  600 ms] 0 early 1  loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  600 ms] 0 early 2  queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  700 ms] 0 early 2  loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  700 ms] 0 sched 1  queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  800 ms] 0 sched 1  loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  800 ms] 0 sched 2  queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  900 ms] 0 sched 2  loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  900 ms] 0 warm 1   queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[ 1000 ms] 0 warm 1   loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[ 1000 ms] 0 warm 2   queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[ 1100 ms] 0 warm 2   loading  loaded       -> idle     answer_loaded, 0 waiting\n");
    sim_free(sim);
    story_swept(&story);
}

static void plot_upgraded(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "busy", S(5), 1);
    sim_refresh(sim, MS(1), 0, "a", CRL_LOAD_WARM);
    sim_refresh(sim, MS(2), 0, "b", CRL_LOAD_WARM);
    sim_refresh(sim, MS(3), 0, "c", CRL_LOAD_REFRESH);
    sim_gets(sim, MS(4), 0, "d", S(5), 1);
    sim_gets(sim, MS(5), 0, "b", S(5), 1); /* somebody waits for it now: behind d, before c */
}

static void a_reader_moves_a_refresh_up(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {1, 20}}, plot_upgraded};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 busy     idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 busy     queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    1 ms] 0 a        idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[    2 ms] 0 b        idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[    3 ms] 0 c        idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[    4 ms] 0 d        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  100 ms] 0 busy     loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 d        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  200 ms] 0 d        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  200 ms] 0 b        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  300 ms] 0 b        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  300 ms] 0 c        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  400 ms] 0 c        loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  400 ms] 0 a        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  500 ms] 0 a        loading  loaded       -> idle     answer_loaded, 0 waiting\n");
    assert_int_equal(loads_of(sim, 0, CRL_LOAD_MISS), 3);
    sim_free(sim);
    story_swept(&story);
}

static void plot_stronger_reason(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "busy", S(5), 1);
    sim_refresh(sim, MS(1), 0, "a", CRL_LOAD_SCHEDULED);
    sim_refresh(sim, MS(2), 0, "b", CRL_LOAD_WARM);
    sim_refresh(sim, MS(3), 0, "b", CRL_LOAD_EARLY); /* before what is scheduled */
    sim_refresh(sim, MS(4), 0, "a", CRL_LOAD_WARM);  /* a weaker one changes nothing */
}

static void a_stronger_reason_moves_a_refresh_up(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {1, 20}}, plot_stronger_reason};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 busy     idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 busy     queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    1 ms] 0 a        idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[    2 ms] 0 b        idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[  100 ms] 0 busy     loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 b        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  200 ms] 0 b        loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  200 ms] 0 a        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  300 ms] 0 a        loading  loaded       -> idle     answer_loaded, 0 waiting\n");
    assert_int_equal(loads_of(sim, 0, CRL_LOAD_EARLY), 1);
    assert_int_equal(loads_of(sim, 0, CRL_LOAD_SCHEDULED), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_refused(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(10), 0, "b", S(5), 1);
    sim_refresh(sim, MS(20), 0, "c", CRL_LOAD_REFRESH); /* no room: nobody hears of it */
    sim_gets(sim, MS(30), 1, "c", S(5), 1);             /* and the lease is free at once */
    sim_gets(sim, MS(300), 0, "c", S(5), 1);
}

static void a_refused_refresh_ends_without_a_word(void **state)
{
    (void)state;
    struct story story = {{.policy = usual,
                           .nodes = 2,
                           .has_store = true,
                           .limits = {1, 1},
                           .store_us = MS(2),
                           .failure_us = S(1)},
                          plot_refused};
    struct sim *sim = story_told(&story);
    assert_int_equal(refused_by(sim, 0), 1);
    assert_int_equal(sim_answered(sim, CORRAL_EQUEUE), 0);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 3);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 1);
    assert_int_equal(sim_origin_loads(sim, "c"), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_no_room_to_fly(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(0), 0, "b", S(5), 1);
    sim_refresh(sim, MS(10), 0, "c", CRL_LOAD_REFRESH);
    sim_refresh(sim, MS(20), 0, "a", CRL_LOAD_REFRESH); /* joins */
}

static void a_refresh_beyond_the_flights_is_forgotten(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .flights_max = 2}, plot_no_room_to_fly};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "c"), 0);
    assert_int_equal(sim_report(sim)->loads, 2);
    sim_free(sim);
    story_swept(&story);
}

/* ---------------------------------------------------------------------------- invalidations, P4 */

static void plot_later(struct sim *sim)
{
    sim_refresh(sim, MS(0), 0, "a", CRL_LOAD_REFRESH);
    sim_write(sim, MS(50), 0, "a");
    sim_refresh(sim, MS(60), 0, "a", CRL_LOAD_SCHEDULED); /* what is under way is of the past */
    sim_refresh(sim, MS(70), 0, "a", CRL_LOAD_WARM);
    sim_gets(sim, MS(250), 0, "a", S(5), 1);
}

static void a_refresh_after_an_invalidation_loads_anew(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_later};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[   50 ms] 0 a        is invalidated\n"
             "[  100 ms] 0 a        loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  100 ms] 0 a        idle     refresh alone -> queued   ask_admission, 0 waiting\n"
             "[  100 ms] 0 a        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  200 ms] 0 a        loading  loaded       -> idle     answer_loaded, 0 waiting\n");
    assert_int_equal(loads_of(sim, 0, CRL_LOAD_REFRESH), 1);
    assert_int_equal(loads_of(sim, 0, CRL_LOAD_SCHEDULED), 1);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_later_at_the_store(struct sim *sim)
{
    sim_refresh(sim, MS(0), 0, "a", CRL_LOAD_REFRESH);
    sim_write(sim, MS(3), 0, "a");
    sim_refresh(sim, MS(4), 0, "a", CRL_LOAD_SCHEDULED); /* the answer will be of the past */
    sim_gets(sim, MS(300), 0, "a", S(5), 1);
}

/* The lease that comes has been taken back by the invalidation, which was behind the ask on its
 * way. So the store refuses what is loaded under it, and whoever comes then loads once more. */
static void a_lease_that_was_taken_back_keeps_nothing(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .has_store = true, .store_us = MS(8)},
                          plot_later_at_the_store};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     refresh      -> leasing  ask_store, 0 waiting\n"
             "[    3 ms] 0 a        is invalidated\n"
             "[    8 ms] 0 a        leasing  lease won    -> queued   ask_admission, 0 waiting\n"
             "[    8 ms] 0 a        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  108 ms] 0 a        loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  300 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  308 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[  308 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  408 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    sim_free(sim);
    story_swept(&story);
}

/* ---------------------------------------------------------------------------------------- marks */

static void plot_asked_fails(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "fails", S(5), 1);
    sim_gets(sim, MS(0), 0, "loads", S(5), 1);
    sim_gets(sim, MS(0), 0, "refused", S(5), 1);
    sim_asked(sim, MS(200), 0, "fails");
    sim_break(sim, MS(200), "fails", true);
    sim_refresh(sim, MS(200), 0, "fails", CRL_LOAD_EARLY);
    sim_asked(sim, MS(200), 0, "loads");
    sim_refresh(sim, MS(200), 0, "loads", CRL_LOAD_EARLY);
    sim_gets(sim, MS(201), 0, "third", S(5), 1);  /* takes the last place */
    sim_gets(sim, MS(201), 0, "queued", S(5), 1); /* and this the queue */
    sim_asked(sim, MS(202), 0, "refused");
    sim_refresh(sim, MS(202), 0, "refused", CRL_LOAD_EARLY);
}

static void who_asked_in_vain_may_ask_again(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {3, 1}}, plot_asked_fails};
    struct sim *sim = story_told(&story);
    assert_int_equal(refused_by(sim, 0), 1);
    assert_false(crl_entry_has(sim_entry(sim, 0, "fails"), CRL_MARK_ASKED));
    assert_false(crl_entry_has(sim_entry(sim, 0, "loads"), CRL_MARK_ASKED));
    assert_false(crl_entry_has(sim_entry(sim, 0, "refused"), CRL_MARK_ASKED));
    assert_int_equal(sim_origin_loads(sim, "fails"), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_asked_elsewhere(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(150), 1, "a", S(5), 1); /* has it from the store */
    sim_refresh(sim, MS(200), 0, "a", CRL_LOAD_EARLY);
    sim_asked(sim, MS(210), 1, "a");
    sim_refresh(sim, MS(210), 1, "a", CRL_LOAD_EARLY); /* node 0 is at it */
    sim_kill(sim, MS(220), 0);                         /* but dies, and nobody says so */
}

static void what_another_process_refreshes_may_be_asked_for_again(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 2, .has_store = true, .store_us = MS(2)},
                          plot_asked_elsewhere};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    2 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    2 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  102 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  150 ms] 1 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  152 ms] 1 a        leasing  store value  -> idle     answer_stored, 1 waiting\n"
             "[  200 ms] 0 a        idle     refresh      -> leasing  ask_store, 0 waiting\n"
             "[  202 ms] 0 a        leasing  lease won    -> queued   ask_admission, 0 waiting\n"
             "[  202 ms] 0 a        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  210 ms] 1 a        idle     refresh      -> leasing  ask_store, 0 waiting\n"
             "[  212 ms] 1 a        leasing  unwanted     -> idle     give_up, 0 waiting\n"
             "[  220 ms] 0 is killed\n");
    assert_non_null(sim_entry(sim, 1, "a"));
    assert_false(crl_entry_has(sim_entry(sim, 1, "a"), CRL_MARK_ASKED));
    sim_free(sim);
    story_swept(&story);
}

/* -------------------------------------------------------------------------------------- a fleet */

static void plot_not_younger(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(200), 1, "a", S(5), 1);             /* the store's is node 0's */
    sim_refresh(sim, MS(300), 1, "a", CRL_LOAD_REFRESH); /* and no younger: it takes the lease */
    sim_gets(sim, MS(350), 0, "a", S(5), 2);             /* hits meanwhile */
    sim_gets(sim, MS(450), 0, "a", S(5), 1);             /* the new one */
}

static void a_refresh_takes_the_lease_rather_than_what_it_has(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 2, .has_store = true, .store_us = MS(2)},
                          plot_not_younger};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    2 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    2 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  102 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  200 ms] 1 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  202 ms] 1 a        leasing  store value  -> idle     answer_stored, 1 waiting\n"
             "[  300 ms] 1 a        idle     refresh      -> leasing  ask_store, 0 waiting\n"
             "[  302 ms] 1 a        leasing  lease won    -> queued   ask_admission, 0 waiting\n"
             "[  302 ms] 1 a        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  402 ms] 1 a        loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  450 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  452 ms] 0 a        leasing  store value  -> idle     answer_stored, 1 waiting\n");
    assert_int_equal(loads_of(sim, 1, CRL_LOAD_REFRESH), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_younger(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(150), 1, "a", S(5), 1);
    sim_cut(sim, MS(200), 1, true);
    sim_refresh(sim, MS(300), 0, "a", CRL_LOAD_SCHEDULED); /* node 1 does not hear of it */
    sim_cut(sim, MS(500), 1, false);
    sim_refresh(sim, MS(510), 1, "a", CRL_LOAD_REFRESH); /* the store's is younger: that will do */
    sim_gets(sim, MS(550), 1, "a", S(5), 2);
}

static void a_refresh_takes_what_the_store_has_younger(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 2, .has_store = true, .store_us = MS(2)},
                          plot_younger};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    2 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    2 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  102 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  150 ms] 1 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  152 ms] 1 a        leasing  store value  -> idle     answer_stored, 1 waiting\n"
             "[  300 ms] 0 a        idle     refresh      -> leasing  ask_store, 0 waiting\n"
             "[  302 ms] 0 a        leasing  lease won    -> queued   ask_admission, 0 waiting\n"
             "[  302 ms] 0 a        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  402 ms] 0 a        loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  510 ms] 1 a        idle     refresh      -> leasing  ask_store, 0 waiting\n"
             "[  512 ms] 1 a        leasing  store value  -> idle     answer_stored, 0 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "a"), 2);
    assert_int_equal(sim_report(sim)->needed, 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_refreshed_elsewhere(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(150), 1, "a", S(5), 1);
    sim_refresh(sim, MS(200), 0, "a", CRL_LOAD_EARLY);
    sim_refresh(sim, MS(210), 1, "a", CRL_LOAD_EARLY); /* need not */
    sim_gets(sim, MS(250), 1, "a", S(5), 2);           /* is served meanwhile */
    sim_gets(sim, MS(350), 1, "a", S(5), 1);
}

static void what_another_process_refreshes_need_not_be_refreshed(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .nodes = 2, .has_store = true, .store_us = MS(2)},
                          plot_refreshed_elsewhere};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    2 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    2 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  102 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  150 ms] 1 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  152 ms] 1 a        leasing  store value  -> idle     answer_stored, 1 waiting\n"
             "[  200 ms] 0 a        idle     refresh      -> leasing  ask_store, 0 waiting\n"
             "[  202 ms] 0 a        leasing  lease won    -> queued   ask_admission, 0 waiting\n"
             "[  202 ms] 0 a        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[  210 ms] 1 a        idle     refresh      -> leasing  ask_store, 0 waiting\n"
             "[  212 ms] 1 a        leasing  unwanted     -> idle     give_up, 0 waiting\n"
             "[  302 ms] 0 a        loading  loaded       -> idle     answer_loaded, 0 waiting\n"
             "[  350 ms] 1 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[  352 ms] 1 a        leasing  store value  -> idle     answer_stored, 1 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "a"), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_store_down(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_store(sim, MS(200), false);
    sim_asked(sim, MS(210), 0, "a");
    sim_refresh(sim, MS(210), 0, "a", CRL_LOAD_EARLY); /* there is a value: it is not loaded (P9) */
    sim_refresh(sim, MS(220), 0, "b", CRL_LOAD_WARM);  /* there is none: it is */
    sim_gets(sim, MS(350), 0, "a", S(5), 1);
    sim_gets(sim, MS(350), 0, "b", S(5), 1);
}

static void without_the_store_a_refresh_leaves_what_serves(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .has_store = true}, plot_store_down};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim,
        "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
        "[    1 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
        "[    1 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
        "[  101 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
        "[  210 ms] 0 a        idle     refresh      -> leasing  ask_store, 0 waiting\n"
        "[  210 ms] 0 a        leasing  unconfirmed  -> idle     answer_unconfirmed, 0 waiting\n"
        "[  220 ms] 0 b        idle     refresh      -> leasing  ask_store, 0 waiting\n"
        "[  220 ms] 0 b        leasing  store down   -> queued   ask_admission, 0 waiting\n"
        "[  220 ms] 0 b        queued   admitted     -> loading  begin_load, 0 waiting\n"
        "[  320 ms] 0 b        loading  loaded       -> idle     answer_loaded, 0 waiting\n");
    assert_false(crl_entry_has(sim_entry(sim, 0, "a"), CRL_MARK_ASKED));
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 2);
    sim_free(sim);
    story_swept(&story);
}

/* ---------------------------------------------------------------------------------------- close */

static void plot_close(struct sim *sim)
{
    sim_refresh(sim, MS(0), 0, "a", CRL_LOAD_REFRESH); /* loads */
    sim_refresh(sim, MS(5), 0, "b", CRL_LOAD_WARM);    /* is queued */
    sim_write(sim, MS(20), 0, "a");
    sim_refresh(sim, MS(30), 0, "a", CRL_LOAD_EARLY); /* for the next one */
    sim_refresh(sim, MS(49), 0, "c", CRL_LOAD_WARM);  /* asks the store */
    sim_close(sim, MS(50), 0);
    sim_refresh(sim, MS(60), 0, "d", CRL_LOAD_WARM); /* is forgotten */
    sim_gets(sim, MS(70), 1, "b", S(5), 1);          /* no lease is left behind */
}

static void a_close_ends_refreshes_too(void **state)
{
    (void)state;
    struct story story = {
        {.policy = usual, .nodes = 2, .has_store = true, .limits = {1, 10}, .store_us = MS(2)},
        plot_close};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     refresh      -> leasing  ask_store, 0 waiting\n"
             "[    2 ms] 0 a        leasing  lease won    -> queued   ask_admission, 0 waiting\n"
             "[    2 ms] 0 a        queued   admitted     -> loading  begin_load, 0 waiting\n"
             "[    5 ms] 0 b        idle     refresh      -> leasing  ask_store, 0 waiting\n"
             "[    7 ms] 0 b        leasing  lease won    -> queued   ask_admission, 0 waiting\n"
             "[   20 ms] 0 a        is invalidated\n"
             "[   49 ms] 0 c        idle     refresh      -> leasing  ask_store, 0 waiting\n"
             "[   50 ms] 0 a        loading  closed       -> idle     answer_closed, 0 waiting\n"
             "[   50 ms] 0 b        queued   closed       -> idle     answer_closed, 0 waiting\n"
             "[   50 ms] 0 c        leasing  closed       -> idle     answer_closed, 0 waiting\n"
             "[   70 ms] 1 b        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[   72 ms] 1 b        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[   72 ms] 1 b        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  172 ms] 1 b        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "d"), 0);
    assert_true(crl_core_is_idle(sim_core(sim, 0)));
    sim_free(sim);
    story_swept(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refresh_needs_no_reader),
        cmocka_unit_test(a_refresh_asks_the_store_as_readers_do),
        cmocka_unit_test(a_refresh_joins_what_is_under_way),
        cmocka_unit_test(a_refresh_waits_on_for_who_has_left),
        cmocka_unit_test(a_refresh_keeps_the_place_in_line),
        cmocka_unit_test(the_queue_is_served_by_priority_then_in_order),
        cmocka_unit_test(a_reader_moves_a_refresh_up),
        cmocka_unit_test(a_stronger_reason_moves_a_refresh_up),
        cmocka_unit_test(a_refused_refresh_ends_without_a_word),
        cmocka_unit_test(a_refresh_beyond_the_flights_is_forgotten),
        cmocka_unit_test(a_refresh_after_an_invalidation_loads_anew),
        cmocka_unit_test(a_lease_that_was_taken_back_keeps_nothing),
        cmocka_unit_test(who_asked_in_vain_may_ask_again),
        cmocka_unit_test(what_another_process_refreshes_may_be_asked_for_again),
        cmocka_unit_test(a_refresh_takes_the_lease_rather_than_what_it_has),
        cmocka_unit_test(a_refresh_takes_what_the_store_has_younger),
        cmocka_unit_test(what_another_process_refreshes_need_not_be_refreshed),
        cmocka_unit_test(without_the_store_a_refresh_leaves_what_serves),
        cmocka_unit_test(a_close_ends_refreshes_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
