/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a duration is counted in the bucket whose bounds it lies in, and the bounds are those
 *         that dashboards know.
 * Method: the bounds as a table, in the units of Prometheus; then, for each of them, the durations
 *         around it. */
#include "base/hist.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* In seconds. Whoever changes one changes what others compute from it. */
static const double latency[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                 0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
static const double age[] = {0.1, 0.5, 1, 5, 15, 30, 60, 300, 900, 3600, 21600, 86400};

static const struct {
    const struct crl_hist_bounds *bounds;
    const double *seconds;
    uint32_t n;
} rows[] = {
    {&crl_hist_latency, latency, sizeof latency / sizeof *latency},
    {&crl_hist_age, age, sizeof age / sizeof *age},
};

static void the_bounds_are_those(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(rows[i].bounds->n, rows[i].n);
        assert_in_range(rows[i].n, 1, CRL_HIST_BOUNDS_MAX);
        for (uint32_t k = 0; k < rows[i].n; k++)
            assert_int_equal(rows[i].bounds->upper_us[k], llround(rows[i].seconds[k] * 1e6));
    }
}

/* Each bound is in its bucket, what is above in the next; below zero is zero. */
static void a_duration_is_counted_within_its_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct crl_hist_bounds *bounds = rows[i].bounds;
        for (uint32_t k = 0; k < bounds->n; k++) {
            struct crl_hist hist = {0};
            crl_hist_add(&hist, bounds, bounds->upper_us[k]);
            crl_hist_add(&hist, bounds, bounds->upper_us[k] + 1);
            assert_int_equal(crl_counter_get(&hist.buckets[k]), 1);
            assert_int_equal(crl_counter_get(&hist.buckets[k + 1]), 1);
            assert_int_equal(crl_counter_get(&hist.sum_us), 2 * bounds->upper_us[k] + 1);
        }
        assert_int_equal(crl_hist_bucket(bounds, INT64_MIN), 0);
        assert_int_equal(crl_hist_bucket(bounds, INT64_MAX), bounds->n);
    }
}

static void all_of_it_is_merged(void **state)
{
    (void)state;
    struct crl_hist to = {0}, from = {0};
    for (uint32_t i = 0; i <= CRL_HIST_BOUNDS_MAX; i++) {
        crl_counter_add(&from.buckets[i], i + 1);
        crl_counter_add(&to.buckets[i], 100);
    }
    crl_counter_add(&from.sum_us, 7);
    crl_hist_merge(&to, &from);
    crl_hist_merge(&to, &from);
    for (uint32_t i = 0; i <= CRL_HIST_BOUNDS_MAX; i++)
        assert_int_equal(crl_counter_get(&to.buckets[i]), 100 + 2 * (i + 1));
    assert_int_equal(crl_counter_get(&to.sum_us), 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bounds_are_those),
        cmocka_unit_test(a_duration_is_counted_within_its_bounds),
        cmocka_unit_test(all_of_it_is_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
