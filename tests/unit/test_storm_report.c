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
                "corral storm: 1,000 clients, one key, a query of 100 ms, at\n"
                "most 20 at once\n"
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
                "coalescing: 1 query instead of 1,000; all answered in 106 ms\n"
                "instead of 5.06 s\n");
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
                "coalescing  1,234,550 without Cache-Status, 12 with status 503, 2 broken\n"
                "            connections, 1 timed out, 2 unanswered when stopped\n"
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
                "expiry: the key never expired; let --duration be longer than its TTL\n");
    expiry.tally.ok[CRL_STORM_HIT] = 99;
    expiry.tally.ok[CRL_STORM_MISS] = 1; /* somebody met the expired key */
    assert_string_equal(crl_storm_runs_text(all_runs + 2, 1),
                        crl_storm_scenario_text(CRL_STORM_EXPIRY));
    assert_string_equal(crl_storm_runs_text(all_runs, 2), crl_storm_scenario_text(CRL_STORM_COLD));
}

/* In each of them the scenario cannot show anything, and the report says why. */
static void what_a_run_lacks(void **state)
{
    (void)state;
    static const struct {
        enum crl_storm_scenario scenario;
        uint32_t outcome;
        bool known;
        uint64_t loads;
        const char *begins; /* NULL: nothing is lacking */
    } rows[] = {
        {CRL_STORM_COLD, CRL_STORM_HIT, true, 0, "the key was in memory already"},
        {CRL_STORM_COLD, CRL_STORM_HIT, false, 0, "the key was in memory already"},
        {CRL_STORM_COLD, CRL_STORM_HIT, true, 1, NULL},
        {CRL_STORM_COLD, CRL_STORM_MISS, true, 1, NULL},
        {CRL_STORM_COLD, CRL_STORM_COALESCED, true, 0, NULL},
        {CRL_STORM_COLD, CRL_STORM_MISS, false, 0, "what the origin had to do is not known"},
        {CRL_STORM_COLD, CRL_STORM_UNKNOWN, false, 0, "what the origin had to do is not known"},
        {CRL_STORM_COLD, CRL_STORM_UNKNOWN, true, 0, "the origin had nothing to do"},
        {CRL_STORM_EXPIRY, CRL_STORM_HIT, true, 1, "the key never expired"},
        {CRL_STORM_EXPIRY, CRL_STORM_HIT, true, 0, "the key never expired"},
        {CRL_STORM_EXPIRY, CRL_STORM_HIT, false, 0, "the key never expired"},
        {CRL_STORM_EXPIRY, CRL_STORM_HIT, true, 2, NULL},
        {CRL_STORM_EXPIRY, CRL_STORM_STALE, true, 1, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct crl_storm_run run = {.scenario = rows[i].scenario};
        run.counts = (struct crl_storm_counts){.known = rows[i].known, .loads = rows[i].loads};
        run.tally.requests = run.tally.broken = 8;
        assert_null(crl_storm_run_lack(&run)); /* nobody was answered: that is another story */
        run.tally.ok[rows[i].outcome] = 7;
        run.tally.broken = 1;
        const char *lack = crl_storm_run_lack(&run);
        if ((lack != NULL) != (rows[i].begins != NULL) ||
            (lack != NULL && strncmp(lack, rows[i].begins, strlen(rows[i].begins)) != 0))
            fail_msg("row %zu: %s", i, lack != NULL ? lack : "nothing");
        run.stopped = true;
        assert_null(crl_storm_run_lack(&run));
    }
}

/* Not one answer is good, and the report says what to ask instead. */
static void what_is_wrong_with_the_requests(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum crl_storm_outcome outcome;
        bool known;
        uint64_t loads, broken;
        const char *lack; /* NULL: none */
    } rows[] = {
        {404, CRL_STORM_UNKNOWN, true, 0, 0,
         "the path is no route: every answer was 404; ask for the path of one"},
        {404, CRL_STORM_UNKNOWN, false, 0, 0,
         "every answer was 404; the target has nothing under this path"},
        {404, CRL_STORM_HIT, true, 0, 0,
         "every answer was 404; the target has nothing under this path"},
        {404, CRL_STORM_MISS, true, 1, 0, NULL}, /* no such row: the origin had to look */
        {404, CRL_STORM_UNKNOWN, true, 0, 1, NULL},
        {400, CRL_STORM_UNKNOWN, true, 0, 0,
         "every answer was 400; is a parameter missing, or of another type?"},
        {405, CRL_STORM_UNKNOWN, true, 0, 0, "every answer was 405; the path takes no GET"},
        {403, CRL_STORM_UNKNOWN, false, 0, 0,
         "every request was refused, with the status under 'answers'"},
        {503, CRL_STORM_UNKNOWN, true, 0, 0, NULL},
        {302, CRL_STORM_UNKNOWN, false, 0, 0, NULL},
        {0, CRL_STORM_UNKNOWN, true, 1, 0, "no request was sent; let --duration be longer"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct crl_storm_run run = {.counts = {.known = rows[i].known, .loads = rows[i].loads}};
        const struct crl_storm_head head = {.status = rows[i].status, .outcome = rows[i].outcome};
        for (int n = 0; n < 3 && rows[i].status != 0; n++, run.tally.requests++)
            crl_storm_tally_answer(&run.tally, &head, 1);
        run.tally.requests += rows[i].broken;
        run.tally.broken = rows[i].broken;
        const char *lack = crl_storm_run_lack(&run);
        if (lack != NULL && rows[i].lack != NULL)
            assert_string_equal(lack, rows[i].lack);
        else if (lack != rows[i].lack)
            fail_msg("row %zu: %s", i, lack != NULL ? lack : "nothing");
        run.stopped = true;
        assert_null(crl_storm_run_lack(&run));
    }
}

static void a_key_that_was_there(void **state)
{
    (void)state;
    struct crl_storm_report report = report_of(1, 1);
    coalescing.counts = (struct crl_storm_counts){.known = true};
    coalescing.tally.ok[CRL_STORM_HIT] = 1000;
    coalescing.tally.ok[CRL_STORM_MISS] = coalescing.tally.ok[CRL_STORM_COALESCED] = 0;
    expect_text(&report, (struct crl_style){.colour = true},
                "corral storm: 1,000 clients, one key, a query of 100 ms, at most 20 at once\n"
                "\n"
                "\033[1mcold\033[0m: all clients ask at once for one key, which was in memory "
                "already\n"
                "\n"
                "                       origin    ampli-  peak\n"
                "strategy    requests    loads  fication loads  errors      p50      p99      max\n"
                "coalescing     1,000        0         -     -       0   102 ms   104 ms   104 ms\n"
                "\n"
                "answers\n"
                "coalescing  1,000 hit\n"
                "\n"
                "\033[31mcold: the key was in memory already; purge it, or ask for another\n"
                "\033[0m");
}

static void expect_verdict(uint32_t first, uint32_t n, uint32_t i, const char *expected)
{
    char text[CRL_MORAL_MAX];
    const char *class;
    assert_true(crl_storm_verdict(all_runs + first, n, i, text, &class));
    assert_string_equal(text, expected);
    assert_string_equal(class, "moral");
}

/* Nothing is praised that is the same in both; an error more is told. */
static void what_is_the_same_is_not_said(void **state)
{
    (void)state;
    char text[CRL_MORAL_MAX];
    const char *class;
    none.tally = coalescing.tally;
    expect_verdict(0, 2, 1, "coalescing: 1 query instead of 1,000");
    assert_false(crl_storm_verdict(all_runs, 2, 0, text, &class));
    none.counts.loads = 1;
    coalescing.tally.errors[0] = (struct crl_storm_status_count){503, 1};
    coalescing.tally.took_us *= 2;
    expect_verdict(0, 2, 1,
                   "coalescing: 1 query at once instead of 20; but all over in 212 ms instead of "
                   "106 ms; 1 error instead of 0");
    expect_verdict(1, 1, 0, "coalescing: 1 query for 1,000 requests; all over in 212 ms; 1 error");
    none.stopped = true;
    assert_false(crl_storm_verdict(all_runs, 2, 0, text, &class));
    expect_verdict(0, 2, 1, "coalescing: 1 query for 1,000 requests; all over in 212 ms; 1 error");
}

/* Only one of two: it is told by its name, and the other stands alone. */
static void one_of_two_lacks_something(void **state)
{
    (void)state;
    char text[CRL_MORAL_MAX];
    const char *class;
    none.counts.known = false;
    assert_true(crl_storm_verdict(all_runs, 2, 0, text, &class));
    assert_string_equal(class, "lack");
    assert_memory_equal(text, "none: what the origin", 21);
    expect_verdict(0, 2, 1, "coalescing: 1 query for 1,000 requests; all answered in 106 ms");
}

static void every_line_fits(void **state)
{
    (void)state;
    struct crl_storm_report report = report_of(0, 3);
    for (int narrower = 0; narrower <= 40; narrower++) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        crl_storm_report_text(&report, (struct crl_style){.narrower = narrower}, out);
        fclose(out);
        for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
            if (strcspn(line, "\n") > (size_t)(80 - narrower))
                fail_msg("narrower by %d: %s", narrower, line);
        }
        free(text);
    }
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
    report.concurrency = 0;
    FILE *out = open_memstream(&text, &size);
    crl_storm_report_html(&report, out);
    fclose(out);
    assert_non_null(strstr(text, "http://localhost/?a=&lt;b>&amp;&quot;c&quot;"));
    assert_null(strstr(text, "<b>"));
    assert_non_null(strstr(text, "<tr><th>origin loads</th><td>1,000</td><td>1</td></tr>"));
    assert_non_null(strstr(text, "<p class=\"moral\">coalescing: 1 query instead of 1,000; "));
    assert_non_null(strstr(text, "<td class=\"words\">999 coalesced, 1 miss</td>"));
    assert_non_null(strstr(text, ">p99.9</text>"));
    static const char *const no_numbers[] = {"\"nan", "\"inf", "Mnan", "Hnan", "Vnan", "Lnan",
                                             "Minf",  "Hinf",  "Vinf", "Linf", " nan", " -nan"};
    for (size_t i = 0; i < sizeof(no_numbers) / sizeof(no_numbers[0]); i++)
        assert_null(strstr(text, no_numbers[i]));
    free(text);
}

/* What is typed to have the same again, also where the shell would take it apart. */
static void the_page_has_the_command(void **state)
{
    (void)state;
    struct crl_storm_report report = report_of(0, 2);
    static const struct {
        struct crl_storm_options options;
        const char *command;
    } rows[] = {
        {{.clients = 9, .ttl_us = CORRAL_MS(500), .delay_us = CORRAL_SECONDS(60)},
         "corral storm --clients 9 --scenarios cold,expiry --strategies none,coalescing --duration "
         "3s --think 0s --ttl 500ms --delay 1m --seed 7</p>"},
        {{.clients = 9, .config = "my file.yaml", .target = "/x?a=1&b='2'"},
         "corral storm --clients 9 --scenarios cold,expiry --strategies none,coalescing --duration "
         "3s --think 0s --seed 7 --config 'my file.yaml' '/x?a=1&amp;b='\\''2'\\'''</p>"},
        {{.clients = 9, .target = "http://[::1]/", .allow_remote = true},
         " --allow-remote 'http://[::1]/'</p>"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct crl_storm_options mine = rows[i].options;
        char *text = NULL;
        size_t size;
        mine.scenarios = 1u << CRL_STORM_COLD | 1u << CRL_STORM_EXPIRY;
        mine.strategies = 1u << CRL_STORM_NONE | 1u << CRL_STORM_COALESCING;
        mine.duration_us = CORRAL_SECONDS(3);
        mine.seed = 7;
        report.options = &mine;
        FILE *out = open_memstream(&text, &size);
        crl_storm_report_html(&report, out);
        fclose(out);
        const char *command = strstr(text, "<p class=\"command\">");
        assert_non_null(command);
        const char *end = strstr(command, "</p>");
        size_t wanted = strlen(rows[i].command);
        if (memcmp(end + 4 - wanted, rows[i].command, wanted) != 0)
            fail_msg("%.*s", (int)(end - command), command);
        free(text);
    }
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
        cmocka_unit_test_setup(what_a_run_lacks, make_up),
        cmocka_unit_test(what_is_wrong_with_the_requests),
        cmocka_unit_test_setup(a_key_that_was_there, make_up),
        cmocka_unit_test_setup(what_is_the_same_is_not_said, make_up),
        cmocka_unit_test_setup(one_of_two_lacks_something, make_up),
        cmocka_unit_test_setup(every_line_fits, make_up),
        cmocka_unit_test_setup(stopped_at_once, make_up),
        cmocka_unit_test_setup(no_run_at_all, make_up),
        cmocka_unit_test_setup(nobody_was_answered, make_up),
        cmocka_unit_test_setup(json, make_up),
        cmocka_unit_test_setup(html_escapes, make_up),
        cmocka_unit_test_setup(the_page_has_the_command, make_up),
        cmocka_unit_test(figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
