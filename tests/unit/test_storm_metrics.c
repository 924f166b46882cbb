/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   one route's figures are found in /metrics, and nothing else is taken for them.
 * Method: texts. */
#include "storm/metrics.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void ours_are_added_up(void **state)
{
    (void)state;
    struct crl_storm_counts counts;
    crl_storm_metrics_read(
        "# HELP corral_origin_loads_total loads\n"
        "# TYPE corral_origin_loads_total counter\n"
        "corral_origin_loads_total{origin=\"o\",space=\"/a\",reason=\"miss\"} 7\n"
        "corral_origin_loads_total{origin=\"o\",space=\"/a\",reason=\"refresh\"} 2\n"
        "corral_origin_loads_total{origin=\"o\",space=\"/ab\",reason=\"miss\"} 100\n"
        "corral_origin_loads_total{origin=\"o\",space=\"/\",reason=\"miss\"} 100\n"
        "corral_origin_loads_total_created{origin=\"o\",space=\"/a\",reason=\"miss\"} 100\n"
        "corral_loads_needed_total{space=\"/a\"} 3\n"
        "corral_loads_needed_total{space=\"/b\"} 50\n"
        "corral_origin_active_peak{origin=\"o\"} 5\n"
        "corral_origin_active_peak{origin=\"p\"} 20\n"
        "corral_entries 1",
        "/a", &counts);
    assert_true(counts.known && counts.peak_known);
    assert_int_equal(counts.loads, 9);
    assert_int_equal(counts.needed, 3);
    assert_int_equal(counts.peak, 20);
}

static void strange_texts_are_skipped(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n\n",
        "<html><body>It works!</body></html>",
        "corral_origin_loads_total",
        "corral_origin_loads_total{space=\"/a\" 7\n",
        "corral_origin_loads_total{space=\"/a} 7\n",
        "corral_origin_loads_total{space=\"/a\"}",
        "corral_origin_loads_total{space=\"/a\"}7\n",
        "http_requests_total 5\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct crl_storm_counts counts;
        crl_storm_metrics_read(texts[i], "/a", &counts);
        if (counts.known || counts.peak_known)
            fail_msg("'%s'", texts[i]);
    }
}

static void differences(void **state)
{
    (void)state;
    struct crl_storm_counts fresh = {.known = true, .peak_known = true};
    struct crl_storm_counts of_others = {.known = true, .peak_known = true, .peak = 7};
    struct crl_storm_counts risen = {
        .known = true, .loads = 20, .needed = 1, .peak_known = true, .peak = 20};
    struct crl_storm_counts used = {
        .known = true, .loads = 10, .needed = 4, .peak_known = true, .peak = 7};
    struct crl_storm_counts more = {
        .known = true, .loads = 15, .needed = 5, .peak_known = true, .peak = 7};
    struct crl_storm_counts since = crl_storm_metrics_since(&fresh, &used);
    assert_true(since.known && since.peak_known);
    assert_int_equal(since.loads, 10);
    assert_int_equal(since.needed, 4);
    since = crl_storm_metrics_since(&used, &more);
    assert_true(since.known && !since.peak_known); /* it may be from before */
    assert_int_equal(since.loads, 5);
    assert_int_equal(since.needed, 1);
    since = crl_storm_metrics_since(&of_others, &used); /* it may be another route's */
    assert_true(since.known && !since.peak_known);
    since = crl_storm_metrics_since(&of_others, &risen); /* it was reached in between */
    assert_true(since.known && since.peak_known);
    assert_int_equal(since.peak, 20);
    since = crl_storm_metrics_since(&more, &used); /* started anew in between */
    assert_false(since.known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_are_added_up),
        cmocka_unit_test(strange_texts_are_skipped),
        cmocka_unit_test(differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
