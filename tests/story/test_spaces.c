/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   spaces do not mix, and origins do not stand in for each other (P1, P3, P4, P6), told as
 *         stories at virtual time.
 * Method: worlds of two spaces and two origins, as in test_flight.c. The same text is a key in both
 *         spaces; one origin is ill while the other is well. */
#include "story.h"

#include <stdio.h>

#define MS CORRAL_MS
#define S  CORRAL_SECONDS

static const struct corral_policy usual = {.ttl_us = S(30), .negative_ttl_us = S(5)};

/* --------------------------------------------------------------------------------------- spaces */

static const struct sim_space_plan short_lived = {.policy = {.ttl_us = S(1)}};

static void plot_namesakes(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "user:7", S(5), 2);
    sim_gets(sim, MS(10), 0, "1/user:7", S(5), 3);
    sim_gets(sim, S(2), 0, "user:7", S(5), 4);
    sim_gets(sim, S(2), 0, "1/user:7", S(5), 5);
}

static void a_text_is_a_key_in_each_space(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .more_spaces = &short_lived, .more_spaces_n = 1},
                          plot_namesakes};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 user:7   idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 user:7   queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[   10 ms] 0 1/user:7 idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[   10 ms] 0 1/user:7 queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 user:7   loading  loaded       -> idle     answer_loaded, 2 waiting\n"
             "[  110 ms] 0 1/user:7 loading  loaded       -> idle     answer_loaded, 3 waiting\n"
             "[ 2000 ms] 0 1/user:7 idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[ 2000 ms] 0 1/user:7 queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[ 2100 ms] 0 1/user:7 loading  loaded       -> idle     answer_loaded, 5 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "user:7"), 1);
    assert_int_equal(sim_origin_loads(sim, "1/user:7"), 2);
    assert_int_equal(sim_answered(sim, CORRAL_HIT), 4);
    sim_free(sim);
    story_swept(&story);
}

static void plot_clear(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "user:7", S(5), 1);
    sim_gets(sim, MS(0), 0, "1/user:7", S(5), 1);
    sim_gets(sim, MS(200), 0, "1/user:8", S(5), 1);
    sim_clear(sim, MS(250), 0, 1);
    for (int i = 0; i < 2; i++) {
        sim_gets(sim, MS(260) + MS(200) * i, 0, "1/user:7", S(5), 1);
        sim_gets(sim, MS(260) + MS(200) * i, 0, "1/user:8", S(5), 1);
    }
    sim_gets(sim, MS(270), 0, "user:7", S(5), 1);
}

/* P4: what was there goes; the load under way serves who waits, and nobody who comes later. */
static void a_space_is_cleared_for_itself(void **state)
{
    (void)state;
    struct story story = {{.policy = usual, .more_spaces = &short_lived, .more_spaces_n = 1},
                          plot_clear};
    struct sim *sim = story_told(&story);
    expect_trace(
        sim, "[    0 ms] 0 user:7   idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 user:7   queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[    0 ms] 0 1/user:7 idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[    0 ms] 0 1/user:7 queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  100 ms] 0 user:7   loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  100 ms] 0 1/user:7 loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  200 ms] 0 1/user:8 idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  200 ms] 0 1/user:8 queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  250 ms] 0 space 1  is cleared\n"
             "[  260 ms] 0 1/user:7 idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  260 ms] 0 1/user:7 queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  300 ms] 0 1/user:8 loading  loaded       -> idle     answer_loaded, 2 waiting\n"
             "[  300 ms] 0 1/user:8 idle     wanted alone -> queued   ask_admission, 1 waiting\n"
             "[  300 ms] 0 1/user:8 queued   admitted     -> loading  begin_load, 1 waiting\n"
             "[  360 ms] 0 1/user:7 loading  loaded       -> idle     answer_loaded, 1 waiting\n"
             "[  400 ms] 0 1/user:8 loading  loaded       -> idle     answer_loaded, 1 waiting\n");
    assert_int_equal(sim_origin_loads(sim, "user:7"), 1);
    assert_int_equal(sim_origin_loads(sim, "1/user:7"), 2);
    assert_int_equal(sim_origin_loads(sim, "1/user:8"), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_write_to_one(struct sim *sim)
{
    for (int i = 0; i < 2; i++) {
        sim_gets(sim, MS(200) * i, 0, "price", S(5), 1);
        sim_gets(sim, MS(200) * i, 0, "1/price", S(5), 1);
    }
    sim_write(sim, MS(150), 0, "1/price");
}

static void an_invalidation_is_of_one_space(void **state)
{
    (void)state;
    const struct sim_space_plan other = {.policy = usual};
    struct story story = {{.policy = usual, .more_spaces = &other, .more_spaces_n = 1},
                          plot_write_to_one};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "price"), 1);
    assert_int_equal(sim_origin_loads(sim, "1/price"), 2);
    sim_free(sim);
    story_swept(&story);
}

static void plot_one_in_the_store(struct sim *sim)
{
    for (uint32_t node = 0; node < 3; node++) {
        sim_gets(sim, MS(0), node, "user:7", S(5), 10);
        sim_gets(sim, MS(0), node, "1/user:7", S(5), 10);
    }
}

static void a_space_without_the_store_asks_for_no_lease(void **state)
{
    (void)state;
    const struct sim_space_plan alone = {.policy = usual};
    struct story story = {
        {.policy = usual, .nodes = 3, .has_store = true, .more_spaces = &alone, .more_spaces_n = 1},
        plot_one_in_the_store};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_origin_loads(sim, "user:7"), 1);
    assert_int_equal(sim_origin_loads(sim, "1/user:7"), 3);
    assert_int_equal(sim_answered_all(sim), 60);
    sim_free(sim);
    story_swept(&story);
}

/* -------------------------------------------------------------------------------------- origins */

static const struct sim_space_plan elsewhere = {.policy = {.ttl_us = S(30)}, .origin = 1};
static const struct sim_origin_plan narrow = {.limits = {.concurrency = 1, .queue = 2}};

static void plot_one_hangs(struct sim *sim)
{
    sim_origin_of(sim, MS(0), 0, SIM_ORIGIN_HANGS, MS(100));
    for (int i = 0; i < 6; i++) {
        char key[8] = {'a', (char)('0' + i)};
        sim_gets(sim, MS(1), 0, key, MS(500), 1);
    }
    for (int i = 0; i < 3; i++) {
        char key[8] = {'1', '/', 'b', (char)('0' + i)};
        sim_gets(sim, MS(2), 0, key, S(5), 1);
    }
}

static void an_origin_that_hangs_leaves_the_others_alone(void **state)
{
    (void)state;
    struct story story = {{.policy = usual,
                           .limits = {.concurrency = 2, .queue = 4},
                           .more_spaces = &elsewhere,
                           .more_spaces_n = 1,
                           .more_origins = &narrow,
                           .more_origins_n = 1},
                          plot_one_hangs};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 3);
    assert_int_equal(sim_answered(sim, CORRAL_ETIMEDOUT), 6);
    const struct crl_core *core = sim_core(sim, 0);
    assert_int_equal(crl_counter_get(&crl_core_origin_counts(core, 0)->active_peak), 2);
    assert_int_equal(crl_counter_get(&crl_core_origin_counts(core, 1)->active_peak), 1);
    sim_free(sim);
    story_swept(&story);
}

static void plot_narrow(struct sim *sim)
{
    for (int i = 0; i < 8; i++) {
        char key[8] = {'1', '/', 'b', (char)('0' + i)};
        sim_gets(sim, MS(i), 0, key, S(5), 1);
        sim_gets(sim, MS(i), 0, key + 2, S(5), 1);
    }
}

static void each_origin_has_its_own_bulkhead(void **state)
{
    (void)state;
    struct story story = {{.policy = usual,
                           .more_spaces = &elsewhere,
                           .more_spaces_n = 1,
                           .more_origins = &narrow,
                           .more_origins_n = 1},
                          plot_narrow};
    struct sim *sim = story_told(&story);
    /* One loads, two wait, five are refused; at the other origin there is room for all. */
    assert_int_equal(sim_answered(sim, CORRAL_EQUEUE), 5);
    assert_int_equal(sim_answered(sim, CORRAL_LOADED), 3 + 8);
    const struct crl_core *core = sim_core(sim, 0);
    assert_int_equal(crl_counter_get(&crl_core_origin_counts(core, 0)->active_peak), 8);
    assert_int_equal(crl_counter_get(&crl_core_origin_counts(core, 1)->active_peak), 1);
    sim_free(sim);
    story_swept(&story);
}

/* ---------------------------------------------------------------------------------------- spans */

#define KEYS_N 8 /* of a kind: each draws its jitter */

static const char *key_of(const char *kind, int n)
{
    static char key[16];
    snprintf(key, sizeof key, "%s%d", kind, n);
    return key;
}

static void get_all(struct sim *sim, corral_us at, const char *kind)
{
    for (int i = 0; i < KEYS_N; i++)
        sim_gets(sim, at, 0, key_of(kind, i), S(5), 1);
}

static void plot_for_ever(struct sim *sim)
{
    get_all(sim, S(0), "value");
    get_all(sim, S(0), "1/value");
    sim_origin(sim, S(1), SIM_ORIGIN_EMPTY, MS(100));
    get_all(sim, S(2), "nothing");
    sim_origin(sim, S(3), SIM_ORIGIN_FAILS, MS(100));
    get_all(sim, S(4), "broken");
    for (int i = 1; i <= 2; i++) {
        corral_us years_later = i * S(365 * 86400);
        get_all(sim, years_later, "value");
        get_all(sim, years_later, "1/value");
        get_all(sim, years_later, "nothing");
        get_all(sim, years_later, "broken");
    }
}

/* Whoever means "for ever" gives the largest number there is. */
static void the_longest_spans_do_not_wrap_round(void **state)
{
    (void)state;
    const struct corral_policy for_ever = {
        .ttl_us = INT64_MAX, .negative_ttl_us = INT64_MAX, .jitter = 0.5};
    const struct sim_space_plan other = {.policy = {.ttl_us = MS(1), .jitter = 0.5}, .origin = 1};
    const struct sim_origin_plan says_for_ever = {.ttl_us = INT64_MAX};
    struct story story = {{.policy = for_ever,
                           .failure_us = INT64_MAX,
                           .more_spaces = &other,
                           .more_spaces_n = 1,
                           .more_origins = &says_for_ever,
                           .more_origins_n = 1},
                          plot_for_ever};
    struct sim *sim = story_told(&story);
    for (int i = 0; i < KEYS_N; i++) {
        assert_int_equal(sim_origin_loads(sim, key_of("value", i)), 1);
        assert_int_equal(sim_origin_loads(sim, key_of("1/value", i)), 1);
        assert_int_equal(sim_origin_loads(sim, key_of("nothing", i)), 1);
        assert_int_equal(sim_origin_loads(sim, key_of("broken", i)), 1);
    }
    sim_free(sim);
    story_swept(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_a_key_in_each_space),
        cmocka_unit_test(a_space_is_cleared_for_itself),
        cmocka_unit_test(an_invalidation_is_of_one_space),
        cmocka_unit_test(a_space_without_the_store_asks_for_no_lease),
        cmocka_unit_test(an_origin_that_hangs_leaves_the_others_alone),
        cmocka_unit_test(each_origin_has_its_own_bulkhead),
        cmocka_unit_test(the_longest_spans_do_not_wrap_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
