/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   loads, places and limits are three things (P1, P6), told as stories at virtual time:
 *         several loads in one place, fewer places than there are, and two loads of one key.
 * Method: as in test_flight.c. The observer counts queries, cancelled ones until they have ended;
 *         a batch is one query. A single key of a batch may fail (sim_break()). */
#include "story.h"

#define MS CORRAL_MS
#define S  CORRAL_SECONDS

static const struct corral_policy usual = {.ttl_us = S(30), .negative_ttl_us = S(5)};

static uint64_t errors_of(struct sim *sim, enum crl_load_error error)
{
    return crl_counter_get(&crl_core_origin_counts(sim_core(sim, 0), 0)->errors[error]);
}

static uint64_t active_peak_of(struct sim *sim)
{
    return crl_counter_get(&crl_core_origin_counts(sim_core(sim, 0), 0)->active_peak);
}

/* -------------------------------------------------------------------------------------- batches */

static void get_each(struct sim *sim, corral_us at, const char *keys, corral_us wait_us)
{
    for (; *keys != '\0'; keys++)
        sim_gets(sim, at, 0, (const char[]){*keys, '\0'}, wait_us, 1);
}

static void plot_batch(struct sim *sim)
{
    get_each(sim, MS(0), "a", S(5));      /* alone: nothing else is queued */
    get_each(sim, MS(10), "bcdef", S(5)); /* three, then two */
}

static void what_is_queued_together_is_one_query(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {1, 10}, .batch_max = 3}, plot_batch};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   10 ms] 0 b        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   10 ms] 0 c        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   10 ms] 0 d        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   10 ms] 0 e        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   10 ms] 0 f        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  100 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 b        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 c        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 d        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  200 ms] 0 b        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  200 ms] 0 c        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  200 ms] 0 d        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  200 ms] 0 e        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  200 ms] 0 f        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  300 ms] 0 e        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  300 ms] 0 f        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(sim_origin_peak(sim), 1);
    assert_int_equal(active_peak_of(sim), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_member_fails(struct sim *sim)
{
    sim_break(sim, 0, "c", true);
    get_each(sim, MS(0), "a", S(5));
    get_each(sim, MS(10), "bcd", S(5));
    get_each(sim, MS(20), "e", S(5));
    sim_break(sim, MS(250), "c", false);
    get_each(sim, MS(400), "bcd", S(5));
}

static void a_member_that_fails_fails_alone(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {1, 10}, .batch_max = 3}, plot_member_fails};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   10 ms] 0 b        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   10 ms] 0 c        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   10 ms] 0 d        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   20 ms] 0 e        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  100 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 b        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 c        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 d        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  200 ms] 0 b        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  200 ms] 0 c        loading  failed       -> idle     answer_failed, 1 waiting\n"
             "[  200 ms] 0 d        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  200 ms] 0 e        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  300 ms] 0 e        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  400 ms] 0 c        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  400 ms] 0 c        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  500 ms] 0 c        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(sim_answered(sim, CORRAL_EORIGIN), 1);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 2);
    assert_int_equal(errors_of(sim, CRL_LOAD_FAILED), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_member_cancelled(struct sim *sim)
{
    get_each(sim, MS(0), "a", S(5)); /* take both places until 100 */
    get_each(sim, MS(1), "y", S(5));
    get_each(sim, MS(10), "bc", S(5)); /* one query from then on, of 400 ms */
    sim_origin(sim, MS(90), SIM_ORIGIN_WORKS, MS(400));
    sim_origin(sim, MS(110), SIM_ORIGIN_WORKS, MS(20));
    /* At 150 the second attempt of b takes the other place, and wins; there is none for c. */
    sim_origin(sim, MS(175), SIM_ORIGIN_WORKS, MS(100));
    get_each(sim, MS(180), "d", S(5)); /* one after the other, beside the query for c */
    get_each(sim, MS(181), "e", S(5));
}

static void a_member_that_is_cancelled_keeps_the_place(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {2, 10}, .batch_max = 2, .hedge_us = MS(50)},
                          plot_member_cancelled};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    1 ms] 0 y        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    1 ms] 0 y        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   10 ms] 0 b        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   10 ms] 0 c        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  100 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 b        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 c        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  101 ms] 0 y        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  170 ms] 0 b        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  180 ms] 0 d        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  180 ms] 0 d        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  181 ms] 0 e        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  280 ms] 0 d        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  280 ms] 0 e        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  380 ms] 0 e        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  500 ms] 0 c        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "b"), 2);
    assert_int_equal(sim_origin_loads(sim, "c"), 1);
    assert_int_equal(sim_origin_peak(sim), 2);
    assert_int_equal(errors_of(sim, CRL_LOAD_LATE), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_batch_overruns(struct sim *sim)
{
    get_each(sim, MS(0), "a", S(5));
    get_each(sim, MS(10), "bcd", S(5));
    sim_origin(sim, MS(50), SIM_ORIGIN_HANGS, MS(100));
    get_each(sim, MS(120), "e", S(5));
    sim_origin(sim, MS(200), SIM_ORIGIN_WORKS, MS(100));
}

static void a_batch_has_one_deadline(void **state)
{
    (void)state;
    struct story story = {{.policy = usual,
                           .limits = {1, 10},
                           .batch_max = 3,
                           .deadline_us = MS(500),
                           .cancel_us = MS(40)},
                          plot_batch_overruns};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   10 ms] 0 b        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   10 ms] 0 c        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   10 ms] 0 d        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  100 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 b        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 c        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 d        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  120 ms] 0 e        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  600 ms] 0 b        loading  overrun      -> idle     answer_failed, 1 waiting\n"
             "[  600 ms] 0 c        loading  overrun      -> idle     answer_failed, 1 waiting\n"
             "[  600 ms] 0 d        loading  overrun      -> idle     answer_failed, 1 waiting\n"
             "[  640 ms] 0 e        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  740 ms] 0 e        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(sim_answered(sim, CORRAL_EDEADLINE), 3);
    assert_int_equal(errors_of(sim, CRL_LOAD_OVERRUN), 3);
    assert_int_equal(errors_of(sim, CRL_LOAD_LATE), 3);
    assert_int_equal(sim_origin_peak(sim), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_two_spaces(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(1), 0, "b", S(5), 1);
    sim_gets(sim, MS(2), 0, "c", S(5), 1);
    sim_gets(sim, MS(3), 0, "1/x", S(5), 1); /* ends the batch of b and c: d may not overtake it */
    sim_gets(sim, MS(4), 0, "d", S(5), 1);
    sim_gets(sim, MS(5), 0, "1/y", S(5), 1);
    sim_gets(sim, MS(6), 0, "1/z", S(5), 1);
}

static void a_batch_is_of_one_space_and_overtakes_nobody(void **state)
{
    (void)state;
    const struct sim_space_plan other = {.policy = usual};
    struct story story = {{.policy = usual,
                           .limits = {1, 10},
                           .batch_max = 8,
                           .more_spaces = &other,
                           .more_spaces_n = 1},
                          plot_two_spaces};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    1 ms] 0 b        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    2 ms] 0 c        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    3 ms] 0 1/x      idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    4 ms] 0 d        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    5 ms] 0 1/y      idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    6 ms] 0 1/z      idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  100 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 b        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 c        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  200 ms] 0 b        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  200 ms] 0 c        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  200 ms] 0 1/x      queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  300 ms] 0 1/x      loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  300 ms] 0 d        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  400 ms] 0 d        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  400 ms] 0 1/y      queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  400 ms] 0 1/z      queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  500 ms] 0 1/y      loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  500 ms] 0 1/z      loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    sim_free(sim);
    story_swept(&story);
}

static void plot_leaves_the_batch(struct sim *sim)
{
    get_each(sim, MS(0), "a", S(5));
    get_each(sim, MS(10), "b", S(5));
    get_each(sim, MS(11), "c", MS(50));  /* gone before its turn */
    get_each(sim, MS(12), "d", MS(120)); /* gone while it loads */
    get_each(sim, MS(13), "e", S(5));
    get_each(sim, MS(250), "d", S(5));
}

static void who_left_the_queue_is_not_in_the_batch(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {1, 10}, .batch_max = 3},
                          plot_leaves_the_batch};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "c"), 0);
    assert_int_equal(sim_origin_loads(sim, "d"), 1);
    assert_int_equal(sim_answered(sim, CORRAL_ETIMEDOUT), 2);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 1);
    assert_int_equal(sim_last_answer_at(sim), MS(250));
    sim_free(sim);
    story_swept(&story);
}

/* ----------------------------------------------------------------------- what is wanted at once */

static void plot_wanted_at_once(struct sim *sim)
{
    get_each(sim, MS(0), "abcdefgh", S(5));
}

/* A full place loads at once; the rest does when all that came along has been heard. */
static void what_is_wanted_at_once_shares_places(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {8, 10}, .batch_max = 3},
                          plot_wanted_at_once};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 b        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 c        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 b        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 c        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 d        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 e        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 f        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 d        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 e        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 f        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 g        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 h        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 g        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 h        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 b        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 c        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 d        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 e        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 f        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 g        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 h        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(active_peak_of(sim), 3);
    sim_free(sim);
    story_swept(&story);
}

static void plot_queue_overflows(struct sim *sim)
{
    get_each(sim, MS(0), "abcdefg", S(5));
}

/* Two places and a queue of two: the queue is emptied into the places, then it is full. */
static void nobody_is_refused_while_a_place_is_free(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {2, 2}, .batch_max = 4},
                          plot_queue_overflows};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 b        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 c        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 b        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 d        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 e        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 c        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 d        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 f        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 g        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 g        queued   refused      -> idle     answer_refused, 1 waiting\n"
             "[  100 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 b        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 c        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 d        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 e        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 f        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  200 ms] 0 e        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  200 ms] 0 f        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(errors_of(sim, CRL_LOAD_REFUSED), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_raised_with_a_full_queue(struct sim *sim)
{
    sim_limit(sim, MS(0), 0, 1);
    get_each(sim, MS(1), "abc", S(5)); /* one place, and a full queue */
    sim_limit(sim, MS(50), 0, 5);      /* b loads; c is to, at the next TIMER */
    get_each(sim, MS(50), "de", S(5)); /* d fills the queue again */
    get_each(sim, MS(60), "f", S(5));
}

/* The same where loads have their places alone. */
static void nobody_is_refused_when_the_limit_has_risen(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {5, 2}}, plot_raised_with_a_full_queue};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 6);
    assert_int_equal(errors_of(sim, CRL_LOAD_REFUSED), 0);
    sim_free(sim);
    story.config.batch_max = 2;
    sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 6);
    assert_int_equal(errors_of(sim, CRL_LOAD_REFUSED), 0);
    sim_free(sim);
    story_swept(&story);
}

static void plot_cannot_wait(struct sim *sim)
{
    get_each(sim, MS(0), "ab", 0);
    get_each(sim, MS(10), "c", 0);
    get_each(sim, MS(200), "abc", S(5));
}

/* Who does not wait has started the load all the same. */
static void a_get_that_does_not_wait_begins_its_load(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {8, 10}, .batch_max = 3}, plot_cannot_wait};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_ETIMEDOUT), 3);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 3);
    assert_int_equal(active_peak_of(sim), 2);
    sim_free(sim);
    story_swept(&story);
}

/* --------------------------------------------------------------------------------------- limits */

static void get_many(struct sim *sim, corral_us at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const char key[] = {'k', (char)('0' + i / 10), (char)('0' + i % 10), '\0'};
        sim_gets(sim, at, 0, key, S(5), 1);
    }
}

static void plot_lowered(struct sim *sim)
{
    get_each(sim, MS(0), "abcd", S(5)); /* four load until 100 */
    sim_limit(sim, MS(10), 0, 2);
    get_each(sim, MS(20), "efg", S(5)); /* none begins before three have ended */
}

static void a_lowered_limit_waits_until_it_is_kept(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {4, 10}}, plot_lowered};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 b        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 b        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 c        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 c        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 d        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 d        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   20 ms] 0 e        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   20 ms] 0 f        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   20 ms] 0 g        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  100 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 b        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 c        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 e        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 d        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 f        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  200 ms] 0 e        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  200 ms] 0 g        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  200 ms] 0 f        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  300 ms] 0 g        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    sim_free(sim);
    story_swept(&story);
}

static void plot_raised(struct sim *sim)
{
    sim_limit(sim, MS(0), 0, 1);
    get_many(sim, MS(1), 51);
    sim_limit(sim, MS(50), 0, 60); /* more than there are */
}

/* One event starts one load: the others are left to TIMERs, all at that instant. */
static void a_raised_limit_admits_all_one_by_one(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {55, 100}}, plot_raised};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_peak(sim), 51);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 51);
    assert_int_equal(sim_last_answer_at(sim), MS(150));
    /* Gets come and are wanted, loads are answered, limits are told; and the TIMERs. */
    assert_int_equal(sim_report(sim)->events, 51 + 51 + 51 + 2 + 49);
    sim_free(sim);
    story_swept(&story);
}

static void plot_raised_for_batches(struct sim *sim)
{
    sim_limit(sim, MS(0), 0, 1);
    get_many(sim, MS(1), 51);
    sim_limit(sim, MS(50), 0, 4); /* three batches, of ten */
    sim_limit(sim, MS(60), 0, 1);
}

static void a_raised_limit_is_of_places_not_of_loads(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {55, 100}, .batch_max = 10},
                          plot_raised_for_batches};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_peak(sim), 4);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 51);
    /* 1 + 30 begin by 50; the last of them end at 150; then one batch after the other. */
    assert_int_equal(sim_last_answer_at(sim), MS(150) + 2 * MS(100));
    sim_free(sim);
    story_swept(&story);
}

/* --------------------------------------------------------------------------------------- hedges */

static void plot_first_wins(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 3); /* the second attempt would take until 150 */
    sim_gets(sim, MS(60), 0, "a", S(5), 2);
}

static void the_first_answer_cancels_the_other(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .hedge_us = MS(50)}, plot_first_wins};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 a        loading  loaded       -> idle     answer_loaded, 5 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "a"), 2);
    assert_int_equal(sim_origin_peak(sim), 2);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 1);
    assert_int_equal(sim_answered(sim, CORRAL_COALESCED), 4);
    assert_int_equal(errors_of(sim, CRL_LOAD_LATE), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_second_wins(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, MS(400));
    sim_gets(sim, MS(0), 0, "a", S(5), 3);
    sim_origin(sim, MS(10), SIM_ORIGIN_WORKS, MS(20));
}

static void the_second_attempt_may_win(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .hedge_us = MS(50)}, plot_second_wins};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "a"), 2);
    assert_int_equal(sim_last_answer_at(sim), MS(70));
    assert_int_equal(errors_of(sim, CRL_LOAD_LATE), 1);
    assert_int_equal(errors_of(sim, CRL_LOAD_FAILED), 0);
    sim_free(sim);
    story_swept(&story);
}

static void plot_hedge_fails(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, MS(400));
    sim_gets(sim, MS(0), 0, "a", S(5), 3);
    sim_origin(sim, MS(40), SIM_ORIGIN_FAILS, MS(1)); /* such as: connection refused */
    sim_origin(sim, MS(60), SIM_ORIGIN_WORKS, MS(400));
    sim_gets(sim, MS(410), 0, "a", S(5), 2); /* and its key does not back off */
}

/* G9: the first answer wins, not the first event. */
static void a_hedge_that_fails_leaves_the_first_attempt(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .hedge_us = MS(50), .failure_us = S(1)},
                          plot_hedge_fails};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  400 ms] 0 a        loading  loaded       -> idle     answer_loaded, 3 waiting\n");
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 1);
    assert_int_equal(sim_answered(sim, CORRAL_COALESCED), 2);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 2);
    assert_int_equal(errors_of(sim, CRL_LOAD_FAILED), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_first_fails(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 3);
    sim_break(sim, MS(90), "a", true); /* as the first attempt ends */
    sim_break(sim, MS(110), "a", false);
}

static void a_first_attempt_that_fails_leaves_the_hedge(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .hedge_us = MS(50)}, plot_first_fails};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 1);
    assert_int_equal(sim_answered(sim, CORRAL_COALESCED), 2);
    assert_int_equal(sim_last_answer_at(sim), MS(150));
    sim_free(sim);
    story_swept(&story);
}

static void plot_both_fail(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_FAILS, MS(100));
    sim_gets(sim, MS(0), 0, "a", S(5), 3);
    sim_gets(sim, MS(120), 0, "a", S(5), 2); /* the first has failed, the second has not */
    sim_gets(sim, MS(200), 0, "a", S(5), 1); /* backs off, once */
}

static void two_attempts_that_fail_are_one_error(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .hedge_us = MS(50), .failure_us = S(1)},
                          plot_both_fail};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  150 ms] 0 a        loading  failed       -> idle     answer_failed, 5 waiting\n");
    assert_int_equal(sim_answered(sim, CORRAL_EORIGIN), 6);
    assert_int_equal(errors_of(sim, CRL_LOAD_FAILED), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_both_overrun(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_HANGS, MS(100));
    sim_gets(sim, MS(0), 0, "a", S(5), 3);
    sim_origin(sim, MS(500), SIM_ORIGIN_WORKS, MS(100));
    sim_gets(sim, MS(600), 0, "a", S(5), 1);
}

static void each_attempt_has_its_own_deadline(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .deadline_us = MS(300), .hedge_us = MS(50)},
                          plot_both_overrun};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  350 ms] 0 a        loading  overrun      -> idle     answer_failed, 3 waiting\n"
             "[  600 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  600 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  700 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(sim_answered(sim, CORRAL_EDEADLINE), 3);
    assert_int_equal(errors_of(sim, CRL_LOAD_OVERRUN), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_no_place(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, MS(400));
    get_each(sim, MS(0), "a", S(5));
    get_each(sim, MS(10), "b", S(5)); /* takes the other place */
    get_each(sim, MS(300), "c", S(5));
}

static void without_a_free_place_there_is_no_hedge(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {2, 10}, .hedge_us = MS(50)}, plot_no_place};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "a"), 1);
    assert_int_equal(sim_origin_loads(sim, "b"), 1);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 3);
    assert_int_equal(active_peak_of(sim), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_no_place_by_the_limit(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, MS(400));
    get_each(sim, MS(0), "ab", S(5));
    sim_limit(sim, MS(10), 0, 2); /* there are more places, but they may not be taken */
    sim_limit(sim, MS(410), 0, 3);
    get_each(sim, MS(420), "c", S(5)); /* this may have another attempt */
}

static void a_hedge_keeps_the_limit(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {4, 10}, .hedge_us = MS(50)},
                          plot_no_place_by_the_limit};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "a"), 1);
    assert_int_equal(sim_origin_loads(sim, "b"), 1);
    assert_int_equal(sim_origin_loads(sim, "c"), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_hedge_outdated(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, MS(400));
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_write(sim, MS(20), 0, "a"); /* a second attempt would bring what may not be kept */
    sim_gets(sim, MS(30), 0, "a", S(5), 1);
}

static void what_is_outdated_is_not_hedged(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .hedge_us = MS(50)}, plot_hedge_outdated};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   20 ms] 0 a        is invalidated\n"
             "[  400 ms] 0 a        loading  loaded       -> idle     answer_loaded, 2 waiting\n"
             "[  400 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  400 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  800 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "a"), 3); /* the second load has its own hedge */
    sim_free(sim);
    story_swept(&story);
}

/* ------------------------------------------------------------------ what a load says of its TTL */

static void plot_said_ttl(struct sim *sim)
{
    for (int i = 0; i < 40; i++)
        sim_gets(sim, MS(250) * i, 0, "a", S(5), 1);
}

static void a_shorter_ttl_that_is_said_is_kept(void **state)
{
    (void)state;
    /* Loads at 0, 1250, 2500, ...: fresh for 1 s from 100 ms on. */
    struct story story = {{.policy = usual, .origin_ttl_us = S(1)}, plot_said_ttl};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "a"), 8);
    sim_free(sim);
    story_swept(&story);
}

static void a_longer_ttl_that_is_said_is_kept(void **state)
{
    (void)state;
    struct story story = {{.policy = {.ttl_us = S(1)}, .origin_ttl_us = S(3600)}, plot_said_ttl};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "a"), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_said_ttl_absent(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_EMPTY, MS(100));
    plot_said_ttl(sim);
}

/* The simulator's loads say nothing of what is absent: its time is the policy's. */
static void an_absence_keeps_the_policys_time(void **state)
{
    (void)state;
    struct story story = {
        {.policy = {.ttl_us = S(30), .negative_ttl_us = S(1)}, .origin_ttl_us = S(3600)},
        plot_said_ttl_absent};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "a"), 8);
    sim_free(sim);
    story_swept(&story);
}

static void plot_jitter(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1); /* fresh until between 900 and 1300 */
    sim_gets(sim, MS(1000), 0, "a", S(5), 1);
    sim_gets(sim, MS(1200), 0, "a", S(5), 1);
}

/* The observer knows the bounds: P3 and P9. */
static void jitter_is_of_what_is_said(void **state)
{
    (void)state;
    struct story story = {{.policy = {.ttl_us = S(30), .jitter = 0.2}, .origin_ttl_us = S(1)},
                          plot_jitter};
    uint32_t before_1000 = 0, between = 0, after_1200 = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        story.config.seed = seed;
        struct sim *sim = story_told(&story);
        bool is_one = sim_origin_loads(sim, "a") == 1,
             is_late = sim_last_answer_at(sim) == MS(1300);
        after_1200 += is_one;
        between += !is_one && is_late;
        before_1000 += !is_one && !is_late;
        sim_free(sim);
    }
    assert_true(before_1000 > 0 && between > 0 && after_1200 > 0);
    story_swept(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_queued_together_is_one_query),
        cmocka_unit_test(a_member_that_fails_fails_alone),
        cmocka_unit_test(a_member_that_is_cancelled_keeps_the_place),
        cmocka_unit_test(a_batch_has_one_deadline),
        cmocka_unit_test(a_batch_is_of_one_space_and_overtakes_nobody),
        cmocka_unit_test(who_left_the_queue_is_not_in_the_batch),
        cmocka_unit_test(what_is_wanted_at_once_shares_places),
        cmocka_unit_test(nobody_is_refused_while_a_place_is_free),
        cmocka_unit_test(nobody_is_refused_when_the_limit_has_risen),
        cmocka_unit_test(a_get_that_does_not_wait_begins_its_load),
        cmocka_unit_test(a_lowered_limit_waits_until_it_is_kept),
        cmocka_unit_test(a_raised_limit_admits_all_one_by_one),
        cmocka_unit_test(a_raised_limit_is_of_places_not_of_loads),
        cmocka_unit_test(the_first_answer_cancels_the_other),
        cmocka_unit_test(the_second_attempt_may_win),
        cmocka_unit_test(a_hedge_that_fails_leaves_the_first_attempt),
        cmocka_unit_test(a_first_attempt_that_fails_leaves_the_hedge),
        cmocka_unit_test(two_attempts_that_fail_are_one_error),
        cmocka_unit_test(each_attempt_has_its_own_deadline),
        cmocka_unit_test(without_a_free_place_there_is_no_hedge),
        cmocka_unit_test(a_hedge_keeps_the_limit),
        cmocka_unit_test(what_is_outdated_is_not_hedged),
        cmocka_unit_test(a_shorter_ttl_that_is_said_is_kept),
        cmocka_unit_test(a_longer_ttl_that_is_said_is_kept),
        cmocka_unit_test(an_absence_keeps_the_policys_time),
        cmocka_unit_test(jitter_is_of_what_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
