/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   the report says what was measured, lines up, and fits 80 columns.
 * Method: made-up figures; the texts, whole. */
#include "storm/report.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct crl_storm_run none, coalescing, expiry;
static struct crl_storm_run *const all_runs[] = {&none, &coalescing, &expiry};
static struct crl_storm_options options = {.clients = 1000, .delay_us = CORRAL_MS(100), .seed = 42};

static void latencies_add(struct crl_storm_run *run, int n, corral_us first_us, corral_us step_us)
{
    for (int i = 0; i < n; i++)
        crl_quantiles_add(&run->tally.latency, first_us + i * step_us);
}

static int make_up(void **state)
{
    (void)state;
    memset(&none, 0, sizeof(none));
    memset(&coalescing, 0, sizeof(coalescing));
    memset(&expiry, 0, sizeof(expiry));
    none.scenario = CRL_STORM_COLD;
    none.strategy = CRL_STORM_NONE;
    none.counts = (struct crl_storm_counts){
        .known = true, .loads = 1000, .needed = 1, .peak_known = true, .peak = 20};
    none.tally.requests = 1000;
    none.tally.ok[CRL_STORM_MISS] = 1000;
    none.tally.took_us = 5062000;
    latencies_add(&none, 1000, 100000, 4960);
    coalescing.scenario = CRL_STORM_COLD;
    coalescing.strategy = CRL_STORM_COALESCING;
    coalescing.counts = (struct crl_storm_counts){
        .known = true, .loads = 1, .needed = 1, .peak_known = true, .peak = 1};
    coalescing.tally.requests = 1000;
    coalescing.tally.ok[CRL_STORM_MISS] = 1;
    coalescing.tally.ok[CRL_STORM_COALESCED] = 999;
    coalescing.tally.took_us = 106000;
    latencies_add(&coalescing, 1000, 100000, 4);
    expiry.scenario = CRL_STORM_EXPIRY;
    expiry.strategy = CRL_STORM_COALESCING;
    expiry.tally.requests = 1234567;
    expiry.tally.ok[CRL_STORM_UNKNOWN] = 1234550;
    expiry.tally.errors[0] = (struct crl_storm_status_count){503, 12};
    expiry.tally.broken = 2;
    expiry.tally.timeouts = 1;
    expiry.tally.unanswered = 2;
    expiry.stopped = true;
    latencies_add(&expiry, 100, 200, 90);
    return 0;
}

static struct crl_storm_report report_of(uint32_t first, uint32_t n)
{
    return (struct crl_storm_report){.options = &options,
                                     .target = "the demo",
                                     .concurrency = 20,
                                     .runs = all_runs + first,
                                     .runs_n = n};
}

static void expect_text(const struct crl_storm_report *report, struct crl_style style,
                        const char *expected)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    crl_storm_report_text(report, style, out);
    fclose(out);
    if (strcmp(text, expected) != 0)
        fail_msg("the report is\n%s\n--- and should be\n%s", text, expected);
    free(text);
}

static void two_strategies(void **state)
{
    (void)state;
    struct crl_storm_report report = report_of(0, 2);
    expect_text(&report, (struct crl_style){.unicode = true},
                "corral storm: 1,000 clients, one key, a query of 100 ms, at most 20 at once\n"
                "\n"
                "cold: all clients ask for one absent key at once\n"
                "\n"
                "                       origin    ampli-  peak\n"
                "strategy    requests    loads  fication loads  errors      p50      p99      max\n"
                "none           1,000    1,000     1,000    20       0   2.58 s   5.01 s   5.06 s\n"
                "coalescing     1,000        1       1.0     1       0   102 ms   104 ms   104 ms\n"
                "\n"
                "origin loads\n"
                "none        ██████████████████████████████████████████████████████████     1,000\n"
                "coalescing  ▏                                                                  1\n"
                "\n"
                "answers\n"
                "none        1,000 miss\n"
                "coalescing  999 coalesced, 1 miss\n"
                "\n"
                "coalescing: 1 query instead of 1,000; all answered in 106 ms instead of 5.06 s\n");
}

static void a_narrow_terminal(void **state)
{
    (void)state;
    struct crl_storm_report report = report_of(0, 2);
    expect_text(&report, (struct crl_style){.narrower = 20},
                "corral storm: 1,000 clients, one key, a query of 100 ms, at most 20 at once\n"
                "\n"
                "cold: all clients ask for one absent key at once\n"
                "\n"
                "                      none   coalescing\n"
                "requests             1,000        1,000\n"
                "origin loads         1,000            1\n"
                "amplification        1,000          1.0\n"
                "peak loads              20            1\n"
                "errors                   0            0\n"
                "p50                 2.58 s       102 ms\n"
                "p99                 5.01 s       104 ms\n"
                "max                 5.06 s       104 ms\n"
                "\n"
                "origin loads\n"
                "none        ######################################     1,000\n"
                "coalescing  #                                              1\n"
                "\n"
                "answers\n"
                "none        1,000 miss\n"
                "coalescing  999 coalesced, 1 miss\n"
                "\n"
                "coalescing: 1 query instead of 1,000; all answered in 106 ms instead of 5.06 s\n");
}

static void what_is_not_known(void **state)
{
    (void)state;
    struct crl_storm_report report = report_of(2, 1);
    report.concurrency = 0;
    report.target = "http://localhost/";
    expect_text(&report, (struct crl_style){0},
                "corral storm: 1,000 clients, http://localhost/\n"
                "\n"
                "expiry: all clients keep asking for one key, which expires again and again\n"
                "\n"
                "                       origin    ampli-  peak\n"
                "strategy    requests    loads  fication loads  errors      p50      p99      max\n"
                "coalescing 1,234,567        -         -     -      15  4.61 ms  9.02 ms  9.11 ms\n"
                "\n"
                "answers\n"
                "coalescing  1,234,550 without Cache-Status, 12 with status 503, 2 broken "
                "connections, 1 timed out, 2 unanswered when stopped\n"
                "\n"
                "Stopped early: the last row is what was measured so far.\n");
}

static void plain_bars_and_colour(void **state)
{
    (void)state;
    struct crl_storm_report report = report_of(1, 1);
    coalescing.counts.needed = 0;
    expect_text(&report, (struct crl_style){.colour = true},
                "corral storm: 1,000 clients, one key, a query of 100 ms, at most 20 at once\n"
                "\n"
                "\033[1mcold\033[0m: all clients ask for one absent key at once\n"
                "\n"
                "                       origin    ampli-  peak\n"
                "strategy    requests    loads  fication loads  errors      p50      p99      max\n"
                "coalescing     1,000        1         -     1       0   102 ms   104 ms   104 ms\n"
                "\n"
                "origin loads\n"
                "coalescing  \033[32m##########################################################"
                "\033[0m         1\n"
                "\n"
                "answers\n"
                "coalescing  999 coalesced, 1 miss\n"
                "\n"
                "coalescing: 1 query for 1,000 requests; all answered in 106 ms\n");
}

static void a_key_that_never_expired(void **state)
{
    (void)state;
    struct crl_storm_report report = report_of(2, 1);
    expiry.stopped = false;
    expiry.counts = (struct crl_storm_counts){.known = true, .loads = 1, .needed = 1};
    expiry.tally.requests = expiry.tally.ok[CRL_STORM_HIT] = 100;
    expiry.tally.ok[CRL_STORM_UNKNOWN] = expiry.tally.errors[0].n = 0;
    expiry.tally.broken = expiry.tally.timeouts = expiry.tally.unanswered = 0;
    expect_text(&report, (struct crl_style){0},
                "corral storm: 1,000 clients, one key, a query of 100 ms, at most 20 at once\n"
                "\n"
                "expiry: all clients keep asking for one key, which never expired in the run\n"
                "\n"
                "                       origin    ampli-  peak\n"
                "strategy    requests    loads  fication loads  errors      p50      p99      max\n"
                "coalescing       100        1       1.0     -       0  4.61 ms  9.02 ms  9.11 ms\n"
                "\n"
                "origin loads\n"
                "coalescing  ##########################################################         1\n"
                "\n"
                "answers\n"
                "coalescing  100 hit\n"
                "\n"
                "coalescing: the key never expired; let --duration be longer than its TTL\n");
    expiry.tally.ok[CRL_STORM_HIT] = 99;
    expiry.tally.ok[CRL_STORM_MISS] = 1; /* somebody met the expired key */
    assert_string_equal(crl_storm_runs_text(all_runs + 2, 1),
                        crl_storm_scenario_text(CRL_STORM_EXPIRY));
    assert_string_equal(crl_storm_runs_text(all_runs, 2), crl_storm_scenario_text(CRL_STORM_COLD));
}

static void stopped_at_once(void **state)
{
    (void)state;
    struct crl_storm_report report = report_of(2, 1);
    memset(&expiry.tally, 0, sizeof expiry.tally);
    expect_text(&report, (struct crl_style){0},
                "corral storm: 1,000 clients, one key, a query of 100 ms, at most 20 at once\n"
                "\n"
                "expiry: all clients keep asking for one key, which expires again and again\n"
                "\n"
                "                       origin    ampli-  peak\n"
                "strategy    requests    loads  fication loads  errors      p50      p99      max\n"
                "coalescing         0        -         -     -       0        -        -        -\n"
                "\n"
                "answers\n"
                "coalescing  no answer yet\n"
                "\n"
                "Stopped early: the last row is what was measured so far.\n");
}

static void no_run_at_all(void **state)
{
    (void)state;
    struct crl_storm_report report = report_of(0, 0);
    expect_text(&report, (struct crl_style){0},
                "corral storm: 1,000 clients, one key, a query of 100 ms, at most 20 at once\n");
}

static json_t *json_of(const struct crl_storm_report *report)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(crl_storm_report_json(report, out), 0);
    fclose(out);
    json_t *all = json_loads(text, 0, NULL);
    assert_non_null(all);
    free(text);
    return all;
}

static void nobody_was_answered(void **state)
{
    (void)state;
    char cells[CRL_STORM_CELLS][CRL_FIGURE_MAX];
    memset(&expiry.tally.latency, 0, sizeof expiry.tally.latency);
    crl_storm_cells(&expiry, cells);
    for (int i = 5; i < CRL_STORM_CELLS; i++)
        assert_string_equal(cells[i], "-");
    struct crl_storm_report report = report_of(2, 1);
    json_t *all = json_of(&report), *run = json_array_get(json_object_get(all, "runs"), 0);
    assert_true(json_is_null(json_object_get(run, "p50_us")));
    assert_true(json_is_null(json_object_get(run, "max_us")));
    json_decref(all);
}

static void json(void **state)
{
    (void)state;
    struct crl_storm_report report = report_of(0, 3);
    json_t *all = json_of(&report);
    assert_int_equal(json_integer_value(json_object_get(all, "clients")), 1000);
    assert_int_equal(json_integer_value(json_object_get(all, "seed")), 42);
    assert_true(json_is_true(json_object_get(all, "stopped")));
    json_t *runs = json_object_get(all, "runs");
    assert_int_equal(json_array_size(runs), 3);
    json_t *run = json_array_get(runs, 1);
    assert_string_equal(json_string_value(json_object_get(run, "scenario")), "cold");
    assert_string_equal(json_string_value(json_object_get(run, "strategy")), "coalescing");
    assert_int_equal(json_integer_value(json_object_get(run, "requests")), 1000);
    assert_int_equal(json_integer_value(json_object_get(run, "ok")), 1000);
    assert_int_equal(json_integer_value(json_object_get(run, "origin_loads")), 1);
    assert_int_equal(json_integer_value(json_object_get(run, "took_us")), 106000);
    assert_true(json_real_value(json_object_get(run, "amplification")) == 1.0);
    json_t *answers = json_object_get(run, "answers");
    assert_int_equal(json_integer_value(json_object_get(answers, "coalesced")), 999);
    run = json_array_get(runs, 2);
    assert_true(json_is_null(json_object_get(run, "origin_loads")));
    assert_true(json_is_null(json_object_get(run, "amplification")));
    json_t *errors = json_object_get(run, "errors_by_kind");
    assert_int_equal(json_integer_value(json_object_get(errors, "503")), 12);
    assert_int_equal(json_integer_value(json_object_get(errors, "timeout")), 1);
    json_decref(all);
}

static void html_escapes(void **state)
{
    (void)state;
    struct crl_storm_report report = report_of(0, 3);
    char *text = NULL;
    size_t size;
    report.target = "http://localhost/?a=<b>&\"c\"";
    FILE *out = open_memstream(&text, &size);
    crl_storm_report_html(&report, out);
    fclose(out);
    assert_non_null(strstr(text, "http://localhost/?a=&lt;b>&amp;&quot;c&quot;"));
    assert_null(strstr(text, "<b>"));
    assert_non_null(strstr(text, "<tr><td>none</td><td>1,000</td><td>1,000</td><td>1,000</td>"));
    assert_non_null(strstr(text, "style=\"width:0.10%\""));
    free(text);
}

static void figures(void **state)
{
    (void)state;
    static const struct {
        corral_us us;
        const char *text;
    } rows[] = {
        {0, "0 us"},        {999, "999 us"},     {1000, "1.00 ms"},    {9994, "9.99 ms"},
        {9996, "10.0 ms"},  {99949, "99.9 ms"},  {99951, "100 ms"},    {999499, "999 ms"},
        {999500, "1.00 s"}, {5060000, "5.06 s"}, {12345678, "12.3 s"}, {600000000, "600 s"},
    };
    char text[32];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(crl_figure_us(rows[i].us, text, sizeof(text)), rows[i].text);
    assert_string_equal(crl_figure_count(0, text, sizeof(text)), "0");
    assert_string_equal(crl_figure_count(999, text, sizeof(text)), "999");
    assert_string_equal(crl_figure_count(1000, text, sizeof(text)), "1,000");
    assert_string_equal(crl_figure_count(UINT64_MAX, text, sizeof(text)),
                        "18,446,744,073,709,551,615");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(two_strategies, make_up),
        cmocka_unit_test_setup(a_narrow_terminal, make_up),
        cmocka_unit_test_setup(what_is_not_known, make_up),
        cmocka_unit_test_setup(plain_bars_and_colour, make_up),
        cmocka_unit_test_setup(a_key_that_never_expired, make_up),
        cmocka_unit_test_setup(stopped_at_once, make_up),
        cmocka_unit_test_setup(no_run_at_all, make_up),
        cmocka_unit_test_setup(nobody_was_answered, make_up),
        cmocka_unit_test_setup(json, make_up),
        cmocka_unit_test_setup(html_escapes, make_up),
        cmocka_unit_test(figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
