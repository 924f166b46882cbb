/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   no loader waits for itself (C7): a wait that would close a circle is told so at once, and
 *         whoever else waits is not touched.
 * Method: stories at virtual time. A loader asks for a key at an instant; its load takes as long as
 *         the mood of the origin says, all the same: mostly until its deadline. Random graphs are
 *         in tests/unit/test_circles.c. */
#include "story.h"

#define MS CORRAL_MS
#define S  CORRAL_SECONDS

static const struct corral_policy usual = {.ttl_us = S(30), .negative_ttl_us = S(5)};

static uint32_t deadlocks(const struct sim *sim)
{
    return sim_answered(sim, CORRAL_EDEADLOCK);
}

/* ------------------------------------------------------------------------------- of two loaders */

static void plot_own_key(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 3);
    sim_asks(sim, MS(10), 0, "a", "a", S(5));
}

static void a_loader_that_asks_for_its_own_key_is_told(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_own_key};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 a        loading  loaded       -> idle     answer_loaded, 3 waiting\n");
    assert_int_equal(deadlocks(sim), 1);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 1);
    assert_int_equal(sim_answered(sim, CORRAL_COALESCED), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_alone(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", MS(5), 1); /* has left when the loader asks */
    sim_asks(sim, MS(10), 0, "a", "a", S(5));
}

static void a_load_that_nobody_waits_for_goes_on(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_alone};
    struct sim *sim = story_told(&story);
    assert_int_equal(deadlocks(sim), 1);
    assert_non_null(sim_entry(sim, 0, "a"));
    sim_free(sim);
    story_swept(&story);
}

static void plot_chain(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, MS(500));
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_asks(sim, MS(10), 0, "a", "1/b", S(5));
    sim_asks(sim, MS(20), 0, "1/b", "c", S(5));
    sim_asks(sim, MS(30), 0, "c", "1/b", S(5)); /* ends there ... */
    sim_asks(sim, MS(40), 0, "c", "a", S(5));   /* ... and here */
    sim_asks(sim, MS(50), 0, "c", "1/d", S(5)); /* this is none */
}

static void a_chain_that_ends_at_its_beginning_is_told(void **state)
{
    (void)state;
    const struct sim_space_plan other = {.policy = usual};
    struct story story = {{.policy = usual, .more_spaces = &other, .more_spaces_n = 1}, plot_chain};
    struct sim *sim = story_told(&story);
    assert_int_equal(deadlocks(sim), 2);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 4);
    sim_free(sim);
    story_swept(&story);
}

static void plot_does_not_wait(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_asks(sim, MS(10), 0, "a", "a", 0);
}

static void who_does_not_wait_is_not_stuck(void **state)
{
    (void)state;
    struct story story = {{.policy = usual}, plot_does_not_wait};
    struct sim *sim = story_told(&story);
    assert_int_equal(deadlocks(sim), 0);
    assert_int_equal(sim_answered(sim, CORRAL_ETIMEDOUT), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_mates(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(0), 0, "b", S(5), 1);
    sim_asks(sim, MS(10), 0, "a", "b", S(5)); /* one query is to bring both */
}

static void plot_mates_in_a_chain(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(0), 0, "b", S(5), 1);
    sim_asks(sim, MS(10), 0, "b", "c", S(5));
    sim_asks(sim, MS(20), 0, "c", "a", S(5));
}

static void loads_of_one_place_are_one(void **state)
{
    (void)state;
    void (*const plots[])(struct sim * sim) = {plot_mates, plot_mates_in_a_chain};
    for (uint32_t i = 0; i < 2; i++) {
        struct story story = {{.policy = usual, .batch_max = 2}, plots[i]};
        struct sim *sim = story_told(&story);
        assert_int_equal(deadlocks(sim), 1);
        sim_free(sim);
        story_swept(&story);
        story.config.batch_max = 1;
        sim = story_told(&story);
        assert_int_equal(deadlocks(sim), 0);
        sim_free(sim);
    }
}

/* ------------------------------------------------------------------------------------ of places */

static void plot_one_place(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_asks(sim, MS(10), 0, "a", "b", S(5));
    sim_gets(sim, MS(20), 0, "c", S(5), 1);
    sim_asks(sim, MS(30), 0, "a", "c", S(5));
}

/* The flight of b has nobody but the loader; that of c goes on. */
static void a_place_is_not_waited_for_by_who_holds_it(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {1, 10}}, plot_one_place};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   10 ms] 0 b        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   10 ms] 0 b        queued   deserted     -> idle     give_up, 0 waiting\n"
             "[   20 ms] 0 c        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  100 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 c        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  200 ms] 0 c        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(deadlocks(sim), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_all_places(struct sim *sim)
{
    static const char *const loaders[] = {"a", "b", "c", "d", "e"};
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, MS(500));
    for (uint32_t i = 0; i < 5; i++)
        sim_gets(sim, MS(0), 0, loaders[i], S(5), 1);
    for (uint32_t i = 0; i < 5; i++) /* the last one is told */
        sim_asks(sim, MS(10) * (i + 1), 0, loaders[i], i % 2 == 0 ? "x" : "y", S(5));
}

static void the_last_place_does_not_wait_for_the_others(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {5, 10}}, plot_all_places};
    struct sim *sim = story_told(&story);
    assert_int_equal(deadlocks(sim), 1);
    sim_free(sim);
    story.config.limits.concurrency = 6; /* x loads in the sixth place, then y does */
    sim = story_told(&story);
    assert_int_equal(deadlocks(sim), 0);
    sim_free(sim);
    story_swept(&story);
}

static void plot_cancelled(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_HANGS, MS(100));
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_asks(sim, MS(600), 0, "a", "a", S(5)); /* a new load of it would need its place */
    sim_asks(sim, MS(610), 0, "a", "b", S(5));
    sim_origin(sim, MS(620), SIM_ORIGIN_WORKS, MS(100));
}

/* The load is over, and its loader goes on in its place. */
static void a_cancelled_loader_holds_its_place(void **state)
{
    (void)state;
    struct story story = {
        {.policy = usual, .limits = {1, 10}, .deadline_us = MS(500), .cancel_us = S(1)},
        plot_cancelled};
    struct sim *sim = story_told(&story);
    assert_int_equal(deadlocks(sim), 2);
    sim_free(sim);
    story.config.limits.concurrency = 2;
    sim = story_told(&story);
    assert_int_equal(deadlocks(sim), 0);
    sim_free(sim);
    story_swept(&story);
}

/* -------------------------------------------------------------------- circles that others close */

static void plot_limit_falls(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, S(1));
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(0), 0, "b", S(5), 1);
    sim_gets(sim, MS(0), 0, "c", S(5), 1);
    sim_asks(sim, MS(10), 0, "a", "x", S(5)); /* it waits for c */
    sim_asks(sim, MS(20), 0, "b", "y", S(5));
    sim_limit(sim, MS(50), 0, 2); /* that c ends makes no room: one of a and b is to go on */
}

static void a_limit_that_falls_may_close_a_circle(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .limits = {3, 10}}, plot_limit_falls};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 b        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 b        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 c        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 c        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   10 ms] 0 x        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   20 ms] 0 y        idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   50 ms] 0 y        queued   deserted     -> idle     give_up, 0 waiting\n"
             "[ 1000 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[ 1000 ms] 0 b        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[ 1000 ms] 0 x        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[ 1000 ms] 0 c        loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[ 2000 ms] 0 x        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(deadlocks(sim), 1);
    sim_free(sim);
    story_swept(&story);
}

/* Began to wait last, and nobody waits for it. */
static void plot_bystander(struct sim *sim)
{
    plot_limit_falls(sim);
    sim_gets(sim, MS(30), 0, "1/s", S(5), 1);
    sim_asks(sim, MS(40), 0, "1/s", "a", S(5));
}

/* ... when the circle has closed already, in the same turn. */
static void plot_late_bystander(struct sim *sim)
{
    plot_limit_falls(sim);
    sim_gets(sim, MS(30), 0, "1/s", S(5), 1);
    sim_asks(sim, MS(50), 0, "1/s", "a", S(5));
}

static void who_is_no_part_of_the_circle_is_not_told(void **state)
{
    (void)state;
    const struct sim_origin_plan second = {.limits = {1, 10}};
    const struct sim_space_plan other = {.policy = usual, .origin = 1};
    void (*const plots[])(struct sim * sim) = {plot_bystander, plot_late_bystander};
    for (uint32_t i = 0; i < 2; i++) {
        struct story story = {{.policy = usual,
                               .limits = {3, 10},
                               .more_origins = &second,
                               .more_origins_n = 1,
                               .more_spaces = &other,
                               .more_spaces_n = 1},
                              plots[i]};
        struct sim *sim = story_told(&story);
        assert_int_equal(deadlocks(sim), 1);
        assert_int_equal(sim_answered(sim, CORRAL_LOADED), 5);
        assert_int_equal(sim_answered(sim, CORRAL_COALESCED), 1); /* that of s */
        sim_free(sim);
        story_swept(&story);
    }
}

static void plot_lease(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_asks(sim, MS(50), 0, "a", "b", S(5)); /* asks the store first */
}

static void from_the_store_into_the_queue(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .has_store = true, .limits = {1, 10}}, plot_lease};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 a        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[    1 ms] 0 a        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[    1 ms] 0 a        queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   50 ms] 0 b        idle     wanted       -> leasing  ask_store, 1 waiting\n"
             "[   51 ms] 0 b        leasing  lease won    -> queued   ask_admission, 1 waiting\n"
             "[   51 ms] 0 b        queued   deserted     -> idle     give_up, 0 waiting\n"
             "[  101 ms] 0 a        loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(deadlocks(sim), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_hedge_ends(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, MS(400));
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_gets(sim, MS(0), 0, "1/b", S(5), 1);
    sim_origin_of(sim, MS(40), 0, SIM_ORIGIN_FAILS, MS(10)); /* the second attempt, 50 to 60 */
    sim_asks(sim, MS(45), 0, "a", "1/b", S(5));
    sim_asks(sim, MS(55), 0, "1/b", "a", S(5)); /* that may come of the second attempt */
    sim_origin_of(sim, MS(70), 0, SIM_ORIGIN_WORKS, MS(400));
}

static void the_last_attempt_may_close_a_circle(void **state)
{
    (void)state;
    const struct sim_origin_plan second = {.limits = {1, 10}, .database = {.mean_us = MS(400)}};
    const struct sim_space_plan other = {.policy = usual, .origin = 1};
    struct story story = {{.policy = usual,
                           .hedge_us = MS(50),
                           .more_origins = &second,
                           .more_origins_n = 1,
                           .more_spaces = &other,
                           .more_spaces_n = 1},
                          plot_hedge_ends};
    struct sim *sim = story_told(&story);
    assert_int_equal(deadlocks(sim), 1);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 2);
    assert_int_equal(sim_origin_loads(sim, "a"), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_restart(struct sim *sim)
{
    sim_origin_of(sim, 0, 0, SIM_ORIGIN_WORKS, MS(200));
    sim_origin_of(sim, 0, 1, SIM_ORIGIN_WORKS, S(1));
    sim_gets(sim, MS(0), 0, "b", S(5), 1);
    sim_origin_of(sim, MS(1), 0, SIM_ORIGIN_WORKS, S(1));
    sim_gets(sim, MS(2), 0, "c", S(5), 1);
    sim_gets(sim, MS(2), 0, "1/a", S(5), 1);
    sim_write(sim, MS(10), 0, "b");
    sim_asks(sim, MS(20), 0, "1/a", "b", S(5)); /* waits for its next load ... */
    sim_asks(sim, MS(30), 0, "c", "1/a", S(5));
    sim_limit(sim, MS(100), 0, 1); /* ... which needs the place of c, from 200 on */
}

static void what_begins_anew_may_close_a_circle(void **state)
{
    (void)state;
    const struct sim_origin_plan second = {.limits = {1, 10}};
    const struct sim_space_plan other = {.policy = usual, .origin = 1};
    struct story story = {{.policy = usual,
                           .limits = {2, 10},
                           .more_origins = &second,
                           .more_origins_n = 1,
                           .more_spaces = &other,
                           .more_spaces_n = 1},
                          plot_restart};
    struct sim *sim = story_told(&story);
    assert_int_equal(deadlocks(sim), 1);
    sim_free(sim);
    story_swept(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loader_that_asks_for_its_own_key_is_told),
        cmocka_unit_test(a_load_that_nobody_waits_for_goes_on),
        cmocka_unit_test(a_chain_that_ends_at_its_beginning_is_told),
        cmocka_unit_test(who_does_not_wait_is_not_stuck),
        cmocka_unit_test(loads_of_one_place_are_one),
        cmocka_unit_test(a_place_is_not_waited_for_by_who_holds_it),
        cmocka_unit_test(the_last_place_does_not_wait_for_the_others),
        cmocka_unit_test(a_cancelled_loader_holds_its_place),
        cmocka_unit_test(a_limit_that_falls_may_close_a_circle),
        cmocka_unit_test(who_is_no_part_of_the_circle_is_not_told),
        cmocka_unit_test(from_the_store_into_the_queue),
        cmocka_unit_test(the_last_attempt_may_close_a_circle),
        cmocka_unit_test(what_begins_anew_may_close_a_circle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
