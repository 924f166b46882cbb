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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_answer_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
