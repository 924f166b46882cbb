/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   the text, the JSON and the page say what the reports say, and look as they should.
 * Method: made-up reports; golden texts. */
#include "base/bytes.h"
#include "scenario/options.h"
#include "scenario/report.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct crl_sim_run none, shared;
static struct crl_sim_run *const runs[] = {&none, &shared};
static struct crl_sim_scenario scenario;
static struct crl_sim_fault fault;

static void slices_make(struct sim_report *report, uint64_t loads)
{
    report->slice_us = CORRAL_MS(500);
    report->slices_n = SIM_SLICES;
    for (uint32_t i = 0; i < SIM_SLICES; i++) {
        struct sim_slice *slice = &report->slices[i];
        bool expires = i % 60 == 30;
        *slice = (struct sim_slice){.requests = 500, .hits = 500};
        if (expires)
            *slice = (struct sim_slice){.requests = 500,
                                        .hits = 400,
                                        .waited = 100,
                                        .loads = loads,
                                        .active_max = (uint32_t)loads,
                                        .latency_max_us = (corral_us)loads * 1000};
    }
}

static int make_up(void **state)
{
    (void)state;
    scenario = (struct crl_sim_scenario){
        .name = (char *)"home & <away>",
        .about = (char *)"one key that expires",
        .shows =
            (char *)"With coalescing one query instead of a hundred, and nobody waits for more than"
                    " one query takes.",
        .nodes = 1000,
        .lasts_us = CORRAL_SECONDS(60),
        .measure_us = CORRAL_SECONDS(5),
        .keys = {.count = 1},
        .faults = &fault,
        .faults_n = 1,
    };
    fault = (struct crl_sim_fault){.kind = SIM_FAULT_DATABASE_HANGS,
                                   .at_us = CORRAL_SECONDS(50),
                                   .lasts_us = CORRAL_SECONDS(99)};
    none = (struct crl_sim_run){.column = {.name = "none", .route.strategy = CRL_STRATEGY_NONE}};
    shared = (struct crl_sim_run){.column = {.name = "with \"store\"", .has_store = true}};
    none.report = (struct sim_report){.requests = 60000,
                                      .loads = 200,
                                      .needed = 2,
                                      .loads_at_once_max = 100,
                                      .database_queue_max = 80,
                                      .errors_all = 3,
                                      .events = 7};
    none.report.answers[CORRAL_HIT] = 59797;
    none.report.answers[CORRAL_LOADED] = 200;
    none.report.errors[-CORRAL_EQUEUE] = 3;
    shared.report = (struct sim_report){
        .requests = 60000, .loads = 2, .needed = 2, .loads_at_once_max = 1, .leases = 2};
    shared.report.answers[CORRAL_HIT] = 59998;
    shared.report.answers[CORRAL_LOADED] = 2;
    for (int i = 0; i < 100; i++) {
        crl_quantiles_add(&none.report.latency, i < 98 ? 0 : 1500000);
        crl_quantiles_add(&shared.report.latency, i < 98 ? 0 : 2000);
        crl_quantiles_add(&shared.report.age, CORRAL_SECONDS(i));
    }
    slices_make(&none.report, 100);
    slices_make(&shared.report, 1);
    return 0;
}

static struct crl_sim_result result_of(uint32_t n)
{
    return (struct crl_sim_result){.scenario = &scenario, .seed = 42, .runs = runs, .runs_n = n};
}

static void expect_text(const struct crl_sim_result *result, struct crl_style style,
                        const char *wanted)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    crl_sim_report_text(result, style, out);
    fclose(out);
    assert_string_equal(text, wanted);
    free(text);
}

static void side_by_side(void **state)
{
    (void)state;
    struct crl_sim_result result = result_of(2);
    expect_text(&result, (struct crl_style){0},
                "home & <away>: one key that expires\n"
                "1,000 nodes, 1 key, 60.0 s (measured from 5.00 s on), seed 42\n"
                "\n"
                "With coalescing one query instead of a hundred, and nobody waits for more than\n"
                "one query takes.\n"
                "\n"
                "                              none  with \"store\"\n"
                "requests                    60,000        60,000\n"
                "origin loads                   200             2\n"
                "amplification                  100           1.0\n"
                "peak loads at once             100             1\n"
                "peak database queue             80             0\n"
                "leases granted                   0             2\n"
                "errors                           3             0\n"
                "latency p50                   0 us          0 us\n"
                "latency p99                 1.50 s       2.00 ms\n"
                "latency p99.9               1.50 s       2.00 ms\n"
                "latency max                 1.50 s       2.00 ms\n"
                "age served p50                0 us        49.0 s\n"
                "age served max                0 us        99.0 s\n"
                "\n"
                "over time: 1.00 s a column, the highest one at the right; one scale for all\n"
                "\n"
                "none\n"
                "requests @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@      1,000\n"
                "loads                   @                             @                      100\n"
                "at once                 @                             @                      100\n"
                "latency                 @                             @                   100 ms\n"
                "warm-up  ~~~~~ not counted\n"
                "fault                                       database hangs ~~~~~~~~~~\n"
                "         0 s                                                   60.0 s\n"
                "\n"
                "with \"store\"\n"
                "requests @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@      1,000\n"
                "loads                   .                             .                        1\n"
                "at once                 .                             .                        1\n"
                "latency                 .                             .                  1.00 ms\n"
                "warm-up  ~~~~~ not counted\n"
                "fault                                       database hangs ~~~~~~~~~~\n"
                "         0 s                                                   60.0 s\n"
                "\n"
                "with \"store\": 2 loads instead of 200; at worst 2.00 ms instead of 1.50 s; 0\n"
                "errors instead of 3\n");
}

static void a_narrow_terminal(void **state)
{
    (void)state;
    struct crl_sim_result result = result_of(2);
    for (int narrower = 1; narrower <= 40; narrower++) {
        char *text = NULL;
        size_t size, longest = 0;
        FILE *out = open_memstream(&text, &size);
        crl_sim_report_text(&result, (struct crl_style){.narrower = narrower}, out);
        fclose(out);
        for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
            size_t columns = strcspn(line, "\n");
            longest = columns > longest ? columns : longest;
        }
        if (longest > (size_t)(80 - narrower))
            fail_msg("narrower by %d: %zu columns\n%s", narrower, longest, text);
        free(text);
    }
}

static void one_alone_broken(void **state)
{
    (void)state;
    struct crl_sim_result result = result_of(1);
    none.report.slices_n = 0;
    snprintf(none.report.broken, sizeof none.report.broken, "P1: two loads at once");
    scenario.shows = NULL;
    scenario.measure_us = 0;
    expect_text(&result, (struct crl_style){.unicode = true, .colour = true},
                "\033[1mhome & <away>\033[0m: one key that expires\n"
                "1,000 nodes, 1 key, 60.0 s, seed 42\n"
                "\n"
                "                     \033[1m         none\033[0m\n"
                "requests                    60,000\n"
                "origin loads                   200\n"
                "amplification        \033[31m          100\033[0m\n"
                "peak loads at once             100\n"
                "peak database queue             80\n"
                "errors                           3\n"
                "latency p50                   0 us\n"
                "latency p99                 1.50 s\n"
                "latency p99.9               1.50 s\n"
                "latency max                 1.50 s\n"
                "age served p50                0 us\n"
                "age served max                0 us\n"
                "\n"
                "none: 200 loads for 60,000 requests; at worst 1.50 s; 3 errors\n"
                "\033[31mnone: A PROMISE BROKE, key 0: P1: two loads at once\n"
                "\033[0m");
}

/* A fleet that always had something fresh needed no load: there is nothing to divide by. */
static void amplification_is_left_out_where_no_run_knows_it(void **state)
{
    (void)state;
    struct crl_sim_result result = result_of(2);
    for (int known = 0; known <= 1; known++) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        none.report.needed = 0;
        shared.report.needed = known ? 1 : 0;
        crl_sim_report_text(&result, (struct crl_style){0}, out);
        crl_sim_report_html(&result, out);
        fclose(out);
        assert_true((strstr(text, "amplification                    -           2.0\n") != NULL) ==
                    (known == 1));
        assert_true((strstr(text, "amplification") != NULL) == (known == 1));
        free(text);
    }
}

static void many_runs_wrap(void **state)
{
    (void)state;
    static struct crl_sim_run *const many[] = {&none, &shared, &none, &shared, &none, &shared};
    struct crl_sim_result result = result_of(2);
    char *text = NULL, *rest = NULL;
    size_t size, heads = 0;
    FILE *out = open_memstream(&text, &size);
    result.runs = many;
    result.runs_n = 6;
    crl_sim_report_text(&result, (struct crl_style){0}, out);
    fclose(out);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        assert_true(strlen(line) <= 80);
        heads += strncmp(line, "requests   ", 11) == 0 && strchr(line, '@') == NULL;
    }
    assert_int_equal(heads, 2);
    free(text);
}

static void json(void **state)
{
    (void)state;
    struct crl_sim_result result = result_of(2);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    none.trace = (char *)"a\nb\n";
    assert_int_equal(crl_sim_report_json(&result, out), 0);
    fclose(out);
    json_t *all = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(all);
    const char *name, *store_name;
    json_int_t seed, loads, p50, p99, hits, queue_errors, slice_us, latency;
    double factor;
    json_t *trace, *times, *broken;
    assert_int_equal(
        json_unpack(
            all,
            "{s:I, s:[{s:s, s:I, s:F, s:{s:I}, s:{s:I}, s:{s:I, s:I}, s:{s:o, s:I}, s:o, s:o},"
            "{s:s}!]}",
            "seed", &seed, "runs", "name", &name, "origin_loads", &loads, "amplification", &factor,
            "answers", "hit", &hits, "errors_by_kind", "EQUEUE", &queue_errors, "latency_us", "p50",
            &p50, "p99", &p99, "timeline", "max_latency_us", &times, "slice_us", &slice_us,
            "broken", &broken, "trace", &trace, "name", &store_name),
        0);
    latency = json_integer_value(json_array_get(times, 30));
    assert_int_equal(seed, 42);
    assert_string_equal(name, "none");
    assert_string_equal(store_name, "with \"store\"");
    assert_int_equal(loads, 200);
    assert_true(factor == 100.0);
    assert_int_equal(hits, 59797);
    assert_int_equal(queue_errors, 3);
    assert_int_equal(p50, 0);
    assert_in_range(p99, 1500000, 1502000);
    assert_int_equal(json_array_size(times), SIM_SLICES);
    assert_int_equal(latency, 100000);
    assert_int_equal(slice_us, 500000);
    assert_true(json_is_null(broken));
    assert_int_equal(json_array_size(trace), 2);
    json_decref(all);
    free(text);
}

static void the_page_escapes(void **state)
{
    (void)state;
    struct crl_sim_result result = result_of(2);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    crl_sim_report_html(&result, out);
    fclose(out);
    assert_null(strstr(text, "<away"));
    assert_non_null(strstr(text, "<h1>home &amp; &lt;away"));
    assert_non_null(strstr(text, "<th>with &quot;store&quot;</th>"));
    assert_non_null(strstr(text, "<tr><th>origin loads</th><td>200</td><td>2</td></tr>"));
    assert_null(strstr(text, "nan"));
    free(text);
}

static void options(void **state)
{
    (void)state;
    static const struct {
        const char *argv[6];
        const char *why; /* NULL: fine */
    } rows[] = {
        {{"homepage"}, NULL},
        {{"--list"}, NULL},
        {{"x", "--json", "--seed", "9223372036854775807"}, NULL},
        {{"x", "--seed", "9223372036854775808"},
         "--seed: '9223372036854775808' is out of range, 0 to 9223372036854775807"},
        {{"x", "--trace", "key:1"}, "--trace: 'key:1' is not a number, such as 20, without a unit"},
        {{NULL}, "which scenario? --list names those that are ready"},
        {{"a", "b"}, "'b' is one argument too many"},
        {{"a", "--list"}, "--list takes no scenario"},
        {{"--list", "--show"}, "--list and --show exclude each other"},
        {{"a", "--show", "--report", "f"}, "--show runs nothing: it goes with no other option"},
        {{"a", "--show", "--json"}, "--show prints YAML, not JSON"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *argv[8] = {(char *)"sim"}, why[CRL_OPTIONS_WHY_MAX] = "";
        int argc = 1;
        for (; argc <= 6 && rows[i].argv[argc - 1] != NULL; argc++)
            argv[argc] = (char *)(uintptr_t)rows[i].argv[argc - 1];
        struct crl_sim_options parsed;
        int rc = crl_sim_options_read(argc, argv, &parsed, why);
        assert_int_equal(rc, rows[i].why != NULL ? CORRAL_EINVAL : 0);
        assert_string_equal(why, rows[i].why != NULL ? rows[i].why : "");
    }
    assert_true(crl_sim_target_is_file("a.yaml"));
    assert_true(crl_sim_target_is_file("./homepage"));
    assert_true(crl_sim_target_is_file("x.yml"));
    assert_false(crl_sim_target_is_file("homepage"));
    assert_false(crl_sim_target_is_file(".yaml"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(side_by_side, make_up),
        cmocka_unit_test_setup(a_narrow_terminal, make_up),
        cmocka_unit_test_setup(one_alone_broken, make_up),
        cmocka_unit_test_setup(amplification_is_left_out_where_no_run_knows_it, make_up),
        cmocka_unit_test_setup(many_runs_wrap, make_up),
        cmocka_unit_test_setup(json, make_up),
        cmocka_unit_test_setup(the_page_escapes, make_up),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
