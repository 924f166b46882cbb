/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a load was needed if a reader used what it brought when without it there would have been
 *         nothing fresh (docs/decisions/0013), told as stories at virtual time.
 * Method: as in test_flight.c. What a process counts, in its core and by its hits, is compared with
 *         what the world counts for the fleet, which follows each value to its readers; they are
 *         the same where there is one process. The core counts when a waiter is served or a get
 *         comes to it; crl_entry_use() tells the rest, on a hit. */
#include "story.h"

#define MS CORRAL_MS
#define S  CORRAL_SECONDS

static const struct corral_policy one_second = {.ttl_us = S(1), .negative_ttl_us = S(1)};

/* What a story comes to. */
struct figures {
    uint32_t loads[CRL_LOAD_REASONS];
    uint32_t needed;         /* all ... */
    uint32_t needed_by_core; /* ... and those that the core has seen */
};

static void expect_figures(struct sim *sim, const struct figures *expected)
{
    const struct crl_core_space_counts *counts = crl_core_space_counts(sim_core(sim, 0), 0);
    uint32_t loads = 0;
    for (int i = 0; i < CRL_LOAD_REASONS; i++) {
        assert_int_equal(crl_counter_get(&counts->loads[i]), expected->loads[i]);
        loads += expected->loads[i];
    }
    assert_int_equal(crl_counter_get(&counts->needed), expected->needed_by_core);
    assert_int_equal(sim_needed(sim, 0), expected->needed);
    assert_int_equal(sim_report(sim)->needed, expected->needed);
    assert_int_equal(sim_report(sim)->loads, loads);
}

static void tell(const struct story *story, const struct figures *expected)
{
    struct sim *sim = story_told(story);
    expect_figures(sim, expected);
    sim_free(sim);
    story_swept(story);
}

/* -------------------------------------------------------------------------------------- readers */

static void plot_coalesced(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1000);
    sim_gets(sim, MS(50), 0, "a", S(5), 10);
    sim_gets(sim, MS(500), 0, "a", S(5), 10);
}

static void coalesced_readers_need_one_load(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second}, plot_coalesced};
    tell(&story, &(struct figures){{[CRL_LOAD_MISS] = 1}, .needed = 1, .needed_by_core = 1});
}

static void plot_apart(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);    /* fresh until 1100 */
    sim_gets(sim, MS(50), 0, "a", S(5), 1);   /* until 1150 */
    sim_gets(sim, MS(90), 0, "a", S(5), 1);   /* until 1190 */
    sim_gets(sim, MS(1120), 0, "a", S(5), 1); /* when the second would have served */
    sim_gets(sim, MS(1160), 0, "a", S(5), 1); /* and only the third does */
}

/* Each loads for itself; the first value serves all, as long as it is fresh. */
static void readers_apart_need_what_outlives_the_others(void **state)
{
    (void)state;
    const struct story story = {{.policy = {.ttl_us = S(1), .no_coalescing = true}}, plot_apart};
    tell(&story, &(struct figures){{[CRL_LOAD_MISS] = 3}, .needed = 2, .needed_by_core = 1});
}

static void plot_all_left(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "read", MS(10), 3);
    sim_gets(sim, MS(500), 0, "read", S(5), 4);
    sim_gets(sim, MS(0), 0, "not read", MS(10), 3);
}

static void what_its_readers_left_is_needed_when_it_is_read(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second}, plot_all_left};
    tell(&story, &(struct figures){{[CRL_LOAD_MISS] = 2}, .needed = 1, .needed_by_core = 0});
}

static void plot_expiries(struct sim *sim)
{
    for (int i = 0; i < 6; i++)
        sim_gets(sim, MS(600) * i, 0, "a", S(5), 2);
}

static void each_load_of_an_expired_key_is_needed(void **state)
{
    (void)state;
    /* Loads at 0, 1200 and 2400. */
    const struct story story = {{.policy = one_second}, plot_expiries};
    tell(&story, &(struct figures){{[CRL_LOAD_MISS] = 3}, .needed = 3, .needed_by_core = 3});
}

/* ------------------------------------------------------------------------------------ refreshes */

static void plot_early_read(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1); /* fresh until 1100 */
    sim_refresh(sim, MS(800), 0, "a", CRL_LOAD_EARLY);
    sim_gets(sim, MS(1000), 0, "a", S(5), 5); /* the old one would still serve */
    sim_gets(sim, MS(1101), 0, "a", S(5), 5); /* it would not */
    sim_gets(sim, MS(1800), 0, "a", S(5), 5); /* and it is counted once */
}

static void an_early_refresh_that_is_read_was_needed(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second}, plot_early_read};
    tell(&story, &(struct figures){{[CRL_LOAD_MISS] = 1, [CRL_LOAD_EARLY] = 1},
                                   .needed = 2,
                                   .needed_by_core = 1});
}

static void plot_early_unread(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_refresh(sim, MS(800), 0, "a", CRL_LOAD_EARLY);
    sim_gets(sim, MS(1099), 0, "a", S(5), 5); /* the last instant of the old one */
}

static void a_refresh_that_nobody_reads_was_not(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second}, plot_early_unread};
    tell(&story, &(struct figures){{[CRL_LOAD_MISS] = 1, [CRL_LOAD_EARLY] = 1},
                                   .needed = 1,
                                   .needed_by_core = 1});
}

static void plot_refreshed_twice(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);                 /* fresh until 1100 */
    sim_refresh(sim, MS(200), 0, "a", CRL_LOAD_EARLY);     /* until 1300 */
    sim_refresh(sim, MS(400), 0, "a", CRL_LOAD_SCHEDULED); /* until 1500 */
    sim_gets(sim, MS(1200), 0, "a", S(5), 5);              /* the second would have served */
    sim_gets(sim, MS(1400), 0, "a", S(5), 5);              /* now the third is needed */
}

static void of_two_refreshes_the_one_that_outlives_is_needed(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second}, plot_refreshed_twice};
    tell(&story,
         &(struct figures){{[CRL_LOAD_MISS] = 1, [CRL_LOAD_EARLY] = 1, [CRL_LOAD_SCHEDULED] = 1},
                           .needed = 2,
                           .needed_by_core = 1});
}

static void plot_overtaken(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1); /* fresh until 1100 */
    for (corral_us at = MS(400); at < MS(2400); at += MS(400))
        sim_refresh(sim, at, 0, "a", CRL_LOAD_REFRESH); /* until 1500, 1900, 2300, 2700, 3100 */
    sim_gets(sim, MS(1150), 0, "a", S(5), 2); /* without the third, the second would serve */
    sim_gets(sim, MS(2500), 0, "a", S(5), 2);
}

/* Each is replaced before the one before it has expired: there is always another one. */
static void refreshes_that_overtake_each_other_are_not_needed(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second}, plot_overtaken};
    tell(&story, &(struct figures){{[CRL_LOAD_MISS] = 1, [CRL_LOAD_REFRESH] = 5},
                                   .needed = 1,
                                   .needed_by_core = 1});
}

static void plot_fleet_overtaken(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);    /* fresh until 1100 */
    sim_gets(sim, MS(500), 1, "a", S(5), 1);  /* until 1600 */
    sim_gets(sim, MS(900), 2, "a", S(5), 1);  /* until 2000 */
    sim_gets(sim, MS(1150), 1, "a", S(5), 3); /* needed: the first has expired */
    sim_gets(sim, MS(1200), 0, "a", S(5), 1); /* until 2300 */
    sim_gets(sim, MS(1400), 2, "a", S(5), 3); /* the second would have served */
    sim_gets(sim, MS(1700), 2, "a", S(5), 3); /* needed, if the second was */
    sim_gets(sim, MS(1900), 0, "a", S(5), 3);
}

/* Without a store each node loads for itself. With one, three loads would have done. */
static void of_a_fleets_loads_those_are_needed_that_it_could_not_do_without(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second, .nodes = 3}, plot_fleet_overtaken};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_report(sim)->loads, 4);
    assert_int_equal(sim_report(sim)->needed, 3);
    sim_free(sim);
    story_swept(&story);
}

static void plot_old_values(struct sim *sim)
{
    sim_gets(sim, MS(0), 1, "a", S(5), 1);
    sim_gets(sim, MS(10), 2, "a", S(5), 1);
    for (uint32_t node = 0; node < 3; node++)
        sim_gets(sim, MS(0), node, "b", S(5), 1); /* one of these was needed */
    sim_write(sim, MS(500), 0, "a");              /* of which the others do not hear */
    for (corral_us at = MS(600); at < MS(700); at += MS(10)) {
        sim_gets(sim, at, 1, "a", S(5), 1);
        sim_gets(sim, at, 2, "a", S(5), 1);
    }
}

static void no_load_is_needed_twice(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second, .nodes = 3}, plot_old_values};
    struct sim *sim = story_told(&story);
    assert_int_equal(sim_report(sim)->loads, 5);
    assert_int_equal(sim_report(sim)->needed, 3);
    sim_free(sim);
    story_swept(&story);
}

static void plot_warmed(struct sim *sim)
{
    sim_refresh(sim, MS(0), 0, "read", CRL_LOAD_WARM);
    sim_refresh(sim, MS(0), 0, "not read", CRL_LOAD_WARM);
    sim_gets(sim, MS(300), 0, "read", S(5), 3);
    sim_refresh(sim, MS(400), 0, "joined", CRL_LOAD_WARM);
    sim_gets(sim, MS(450), 0, "joined", S(5), 2); /* counted as what it began for, and needed */
}

static void what_was_warmed_is_needed_if_it_is_read(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second}, plot_warmed};
    tell(&story, &(struct figures){{[CRL_LOAD_WARM] = 3}, .needed = 2, .needed_by_core = 1});
}

static void plot_reasons(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "busy", S(5), 1); /* takes the one place */
    sim_refresh(sim, MS(1), 0, "a", CRL_LOAD_WARM);
    sim_refresh(sim, MS(2), 0, "a", CRL_LOAD_EARLY); /* the stronger reason counts */
    sim_refresh(sim, MS(3), 0, "b", CRL_LOAD_REFRESH);
    sim_refresh(sim, MS(4), 0, "b", CRL_LOAD_SCHEDULED);
    sim_refresh(sim, MS(5), 0, "c", CRL_LOAD_SCHEDULED);
    sim_gets(sim, MS(6), 0, "d", S(5), 1);
    sim_refresh(sim, MS(7), 0, "d", CRL_LOAD_REFRESH);
}

static void a_load_counts_for_its_strongest_reason(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second, .limits = {1, 10}}, plot_reasons};
    tell(&story, &(struct figures){{[CRL_LOAD_MISS] = 2,
                                    [CRL_LOAD_REFRESH] = 1,
                                    [CRL_LOAD_EARLY] = 1,
                                    [CRL_LOAD_SCHEDULED] = 1},
                                   .needed = 2,
                                   .needed_by_core = 2});
}

/* --------------------------------------------------------------------------- failures, absences */

static void plot_failures(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_FAILS, MS(100));
    sim_gets(sim, MS(0), 0, "a", S(5), 5);
    sim_refresh(sim, MS(200), 0, "a", CRL_LOAD_WARM);
    sim_origin(sim, MS(400), SIM_ORIGIN_HANGS, MS(100));
    sim_gets(sim, MS(500), 0, "a", S(5), 5); /* until its deadline */
}

static void a_failed_load_was_not_needed(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second, .deadline_us = MS(300)}, plot_failures};
    tell(&story, &(struct figures){{[CRL_LOAD_MISS] = 2, [CRL_LOAD_WARM] = 1}, .needed = 0});
}

static void plot_failed_refresh(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_origin(sim, MS(200), SIM_ORIGIN_FAILS, MS(100));
    sim_refresh(sim, MS(800), 0, "a", CRL_LOAD_EARLY); /* leaves the old one as it was */
    sim_gets(sim, MS(1000), 0, "a", S(5), 3);
}

static void a_failed_refresh_leaves_the_value(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second, .failure_us = S(1)}, plot_failed_refresh};
    tell(&story, &(struct figures){{[CRL_LOAD_MISS] = 1, [CRL_LOAD_EARLY] = 1},
                                   .needed = 1,
                                   .needed_by_core = 1});
}

static void plot_absent(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_EMPTY, MS(100));
    sim_gets(sim, MS(0), 0, "waited for", S(5), 2);
    sim_gets(sim, MS(200), 0, "waited for", S(5), 2);
    sim_gets(sim, MS(0), 0, "read later", MS(10), 2);
    sim_gets(sim, MS(200), 0, "read later", S(5), 2);
    sim_refresh(sim, MS(0), 0, "never read", CRL_LOAD_WARM);
    sim_refresh(sim, MS(900), 0, "waited for", CRL_LOAD_EARLY);
    sim_gets(sim, MS(1101), 0, "waited for", S(5), 2); /* past the first one's time */
}

static void an_absence_that_is_read_was_needed(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second}, plot_absent};
    tell(&story, &(struct figures){{[CRL_LOAD_MISS] = 2, [CRL_LOAD_WARM] = 1, [CRL_LOAD_EARLY] = 1},
                                   .needed = 3,
                                   .needed_by_core = 1});
}

/* ------------------------------------------------------------------------ hedges, puts, changes */

static void plot_hedge(struct sim *sim)
{
    sim_origin(sim, 0, SIM_ORIGIN_WORKS, MS(400));
    sim_gets(sim, MS(0), 0, "second wins", S(5), 3);
    sim_origin(sim, MS(10), SIM_ORIGIN_WORKS, MS(20));
    sim_origin(sim, MS(500), SIM_ORIGIN_WORKS, MS(100));
    sim_gets(sim, MS(500), 0, "first wins", S(5), 3);
}

static void the_loser_of_a_hedge_was_not_needed(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second, .hedge_us = MS(50)}, plot_hedge};
    tell(&story, &(struct figures){{[CRL_LOAD_MISS] = 4}, .needed = 2, .needed_by_core = 2});
}

static void plot_put(struct sim *sim)
{
    sim_put(sim, MS(0), 0, "a", 100);
    sim_gets(sim, MS(10), 0, "a", S(5), 5);
    sim_gets(sim, MS(20), 0, "b", S(5), 2); /* is answered by its load */
    sim_put(sim, MS(50), 0, "b", 100);      /* and whoever comes later by this */
    sim_gets(sim, MS(60), 0, "b", S(5), 5);
    sim_gets(sim, MS(500), 0, "b", S(5), 5);
}

static void a_put_is_no_load(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second}, plot_put};
    /* Whoever waited for the load could have had what was put. */
    tell(&story, &(struct figures){{[CRL_LOAD_MISS] = 1}, .needed = 0});
}

static void plot_write(struct sim *sim)
{
    sim_gets(sim, MS(0), 0, "a", S(5), 1);
    sim_write(sim, MS(200), 0, "a");
    sim_gets(sim, MS(300), 0, "a", S(5), 2); /* needed: there was nothing any more */
    sim_refresh(sim, MS(500), 0, "a", CRL_LOAD_REFRESH);
    sim_write(sim, MS(550), 0, "a"); /* what it brings is not kept */
    sim_gets(sim, MS(700), 0, "a", S(5), 2);
}

static void an_invalidation_makes_the_next_load_needed(void **state)
{
    (void)state;
    const struct story story = {{.policy = one_second}, plot_write};
    tell(&story, &(struct figures){{[CRL_LOAD_MISS] = 3, [CRL_LOAD_REFRESH] = 1},
                                   .needed = 3,
                                   .needed_by_core = 3});
}

/* ------------------------------------------------------------------------------- any day at all */

static void plot_any_day(struct sim *sim, struct crl_rng *rng)
{
    static const char *const keys[] = {"a", "b", "c"};
    for (int i = 0; i < 60; i++) {
        corral_us at = MS(1) * (corral_us)crl_rng_below(rng, 6000);
        const char *key = keys[crl_rng_below(rng, 3)];
        switch (crl_rng_below(rng, 7)) {
        case 0:
        case 1:
            sim_refresh(sim, at, 0, key,
                        (enum crl_load_reason)(1 + crl_rng_below(rng, CRL_LOAD_REASONS - 1)));
            break;
        case 2:
            sim_origin(sim, at, (enum sim_origin_mode)crl_rng_below(rng, 4),
                       MS(1) + (corral_us)crl_rng_below(rng, (uint64_t)MS(300)));
            break;
        case 3:
            if (crl_rng_below(rng, 3) == 0)
                sim_write(sim, at, 0, key);
            else if (crl_rng_below(rng, 2) == 0)
                sim_put(sim, at, 0, key, 100);
            break;
        default:
            sim_gets(sim, at, 0, key, (corral_us)crl_rng_below(rng, (uint64_t)S(1)), 2);
        }
    }
}

/* A thousand random days: the process and the world count the same. */
static void any_day_process_and_fleet_agree(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct crl_rng rng = crl_rng_split(seed, "any day");
        const struct sim_config config = {
            .seed = seed,
            .policy = one_second,
            .deadline_us = MS(400),
            .hedge_us = crl_rng_below(&rng, 2) == 0 ? 0 : MS(100),
            .limits = {1 + (uint32_t)crl_rng_below(&rng, 3), 10},
        };
        struct sim *sim = sim_new(&config);
        assert_non_null(sim);
        plot_any_day(sim, &rng);
        sim_run(sim);
        if (sim_broken(sim) != NULL || sim_needed(sim, 0) != sim_report(sim)->needed)
            fail_msg("seed %llu: the process counts %llu needed loads, the world %llu; %s\n%s",
                     (unsigned long long)seed, (unsigned long long)sim_needed(sim, 0),
                     (unsigned long long)sim_report(sim)->needed,
                     sim_broken(sim) != NULL ? sim_broken(sim) : "", sim_trace(sim));
        sim_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coalesced_readers_need_one_load),
        cmocka_unit_test(readers_apart_need_what_outlives_the_others),
        cmocka_unit_test(what_its_readers_left_is_needed_when_it_is_read),
        cmocka_unit_test(each_load_of_an_expired_key_is_needed),
        cmocka_unit_test(an_early_refresh_that_is_read_was_needed),
        cmocka_unit_test(a_refresh_that_nobody_reads_was_not),
        cmocka_unit_test(of_two_refreshes_the_one_that_outlives_is_needed),
        cmocka_unit_test(refreshes_that_overtake_each_other_are_not_needed),
        cmocka_unit_test(of_a_fleets_loads_those_are_needed_that_it_could_not_do_without),
        cmocka_unit_test(no_load_is_needed_twice),
        cmocka_unit_test(what_was_warmed_is_needed_if_it_is_read),
        cmocka_unit_test(a_load_counts_for_its_strongest_reason),
        cmocka_unit_test(a_failed_load_was_not_needed),
        cmocka_unit_test(a_failed_refresh_leaves_the_value),
        cmocka_unit_test(an_absence_that_is_read_was_needed),
        cmocka_unit_test(the_loser_of_a_hedge_was_not_needed),
        cmocka_unit_test(a_put_is_no_load),
        cmocka_unit_test(an_invalidation_makes_the_next_load_needed),
        cmocka_unit_test(any_day_process_and_fleet_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
