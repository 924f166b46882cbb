/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a scenario that is wrong is refused with every problem and its place; one that is right
 *         becomes the plans that it says.
 * Method: texts and their problems, as printed; then plans, field by field. */
#include "base/bytes.h"
#include "scenario/plan.h"
#include "scenario/ready.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The least that a scenario needs, on 4 lines; what follows begins on line 5. */
#define LEAST                   \
    "name: x\n"                 \
    "duration: 60s\n"           \
    "readers: { rate: 10/s }\n" \
    "database: { mean: 100ms }\n"

static struct crl_sim_scenario *parse(const char *text, char **ret_problems)
{
    struct crl_problems problems = {0};
    struct crl_sim_scenario *scenario = NULL;
    size_t size;
    FILE *out = open_memstream(ret_problems, &size);
    int rc = crl_sim_scenario_parse(crl_bytes(text, strlen(text)), &problems, &scenario);
    assert_int_equal(rc, crl_problems_rc(&problems));
    crl_problems_print(&problems, "f", out);
    crl_problems_fini(&problems);
    fclose(out);
    return scenario;
}

/* A scenario without problems. */
static struct crl_sim_scenario *parse_well(const char *text)
{
    char *problems;
    struct crl_sim_scenario *scenario = parse(text, &problems);
    assert_string_equal(problems, "");
    assert_non_null(scenario);
    free(problems);
    return scenario;
}

static const struct {
    const char *name, *text, *problems; /* NULL: whatever they are */
} wrong[] = {
    {"empty", "{}",
     "f:1:1: the scenario needs the key 'name'\n"
     "f:1:1: the scenario needs the key 'duration'\n"
     "f:1:1: 'database' needs the key 'mean'\n"
     "f:1:1: 'readers' needs a rate, a curve or bursts\n"},
    {"unknown keys", LEAST "node: 3\nreader: {}\n",
     "f:5:1: unknown key 'node'; did you mean 'nodes'?\n"
     "f:6:1: unknown key 'reader'; did you mean 'readers'?\n"},
    {"keys of later versions", LEAST "route: { stale: 60s, ttl: 1s }\norigin: { breaker: {} }\n",
     "f:5:10: 'stale' is not available in this version\n"
     "f:6:11: 'breaker' is not available in this version\n"},
    {"strategies of later versions",
     LEAST "compare: [ { name: a, route: { strategy: locking } } ]\n",
     "f:5:42: strategy: 'locking' is not available in this version; write coalescing or none\n"},
    {"limits of a route",
     LEAST "route: { jitter: 51% }\ncompare: [ { name: a, route: { ttl: 5 } } ]\n",
     "f:5:18: jitter: '51%' is out of range, 0% to 50%\n"
     "f:6:37: ttl: '5' needs a unit, such as 30s or 250ms (units: us ms s m h d)\n"},
    {"no part of a route that is not its policy", LEAST "route: { path: /x }\n",
     "f:5:10: unknown key 'path'; 'route' has strategy ttl jitter wait\n"},
    {"impossible numbers", LEAST "nodes: 0\nkeys: { count: 20000000 }\nmemory: 1KiB\n",
     "f:5:8: nodes: '0' is out of range, 1 to 65536\n"
     "f:6:16: count: '20000000' is out of range, 1 to 16777216\n"
     "f:7:9: memory: '1KiB' is out of range, 64KiB to 64GiB\n"},
    {"measured from behind the end", LEAST "measure_from: 2m\n",
     "f:5:15: measure_from: 2m is not before the end, 1m\n"},
    {"nobody asks", "name: x\nduration: 60s\nreaders: { rate: 0/s }\ndatabase: { mean: 1ms }\n",
     "f:3:10: nobody asks anything in this scenario\n"},
    {"too many ask",
     "name: x\nduration: 7d\nreaders: { rate: 1000000/s }\ndatabase: { mean: 1ms }\n",
     "f:3:10: these are 604800000000 requests; at most 10000000000 can be simulated\n"},
    {"rate and curve",
     "name: x\nduration: 60s\ndatabase: { mean: 1ms }\n"
     "readers: { rate: 1/s, curve: [ { at: 0s, rate: 1/s } ] }\n",
     "f:4:30: curve: there is a rate already, on line 4\n"},
    {"a curve out of order",
     "name: x\nduration: 60s\ndatabase: { mean: 1ms }\n"
     "readers:\n  curve:\n  - { at: 1s, rate: 1/s }\n  - { at: 0s, rate: 1/s }\n"
     "  - { at: 0s, rate: 2/s }\n  - { at: 0s, rate: 3/s }\n  - { at: 61s, rate: 3/s }\n"
     "  bursts: [ { at: 61s, requests: 0 } ]\n",
     "f:6:5: curve: the first point must be at 0s\n"
     "f:7:5: curve: 0s is before 1s, the point above it\n"
     "f:9:5: curve: a third point at 0s; two of them are a jump\n"
     "f:10:5: curve: 61s is behind the end, 1m\n"
     "f:11:13: bursts: 61s is not before the end, 1m\n"
     "f:11:34: requests: '0' is out of range, 1 to 100000000\n"},
    {"bursts over each other",
     "name: x\nduration: 60s\ndatabase: { mean: 1ms }\n"
     "readers:\n  bursts:\n  - { at: 9s, requests: 5, within: 2s }\n  - { at: 11s, requests: 1 }\n"
     "  - { at: 11s, requests: 1 }\n  - { at: 8s, requests: 1, within: 1100ms }\n"
     "  - { at: 11s, requests: 1, within: 1us }\n",
     "f:9:5: bursts: this one overlaps with the one on line 6\n"
     "f:10:5: bursts: this one overlaps with the one on line 7\n"},
    {"keys that contradict each other",
     LEAST "keys: { count: 10, popularity: single, exponent: 1 }\n",
     "f:5:32: popularity: is single, but there are 10 keys; write uniform or zipf\n"
     "f:5:50: exponent: is for popularity zipf alone\n"},
    {"a refused word brings no second problem",
     LEAST "keys: { count: 10, popularity: single-ish }\nfaults: [ { at: 1s, kind: quake } ]\n",
     "f:5:32: popularity: 'single-ish' is not one of single, uniform or zipf\n"
     "f:6:27: kind: 'quake' is not one of store_down, store_wiped, database_slow, database_fails,"
     " database_hangs, node_killed, node_paused, node_partitioned or node_clock_stepped\n"},
    {"faults without their keys",
     LEAST
     "faults:\n- { at: 1s, kind: database_slow }\n- { at: 2s, kind: node_clock_stepped, for: 1s }\n"
     "- { at: 3s, kind: database_fails, for: 1s, nodes: 0, stagger: 1s }\n"
     "- { kind: node_killed, factor: 2 }\n",
     "f:6:3: a fault of kind database_slow needs the key 'for'\n"
     "f:6:3: a fault of kind database_slow needs the key 'factor'\n"
     "f:7:3: a fault of kind node_clock_stepped needs the key 'step'\n"
     "f:7:44: for: a fault of kind node_clock_stepped has none\n"
     "f:8:51: nodes: a fault of kind database_fails has none\n"
     "f:8:63: stagger: a fault of kind database_fails has none\n"
     "f:9:3: a fault needs the key 'at'\n"
     "f:9:32: factor: a fault of kind node_killed has none\n"},
    {"nodes that are not there",
     LEAST
     "nodes: 5\nfaults:\n- { at: 1s, kind: node_killed, nodes: 0..5 }\n"
     "- { at: 1s, kind: node_killed, nodes: 3..2 }\n- { at: 1s, kind: node_killed, nodes: 1-2 }\n",
     "f:7:39: nodes: there is no node 5; the last one is 4\n"
     "f:8:39: nodes: '3..2' is backwards\n"
     "f:9:39: nodes: '1-2' is not a node or a range of nodes, such as 7 or 0..9\n"},
    {"faults of a store that is not there",
     LEAST "faults: [ { at: 1s, kind: store_down, for: 1s } ]\n",
     "f:5:27: kind: store_down, but no store is there\n"},
    {"faults over each other",
     LEAST
     "nodes: 10\nfaults:\n- { at: 1s, kind: node_paused, for: 5s, nodes: 0..4, stagger: 1s }\n"
     "- { at: 9s, kind: node_paused, for: 5s, nodes: 4 }\n"
     "- { at: 12s, kind: node_killed, nodes: 4 }\n"
     "- { at: 40s, kind: node_killed, for: 1s }\n"
     "- { at: 14s, kind: node_paused, for: 5s, nodes: 4 }\n",
     "f:8:3: this node_paused overlaps with the one on line 7\n"
     "f:10:3: this node_killed overlaps with the one on line 9\n"},
    {"times that leave no chance",
     "name: x\nduration: 60s\nreaders: { rate: 10/s }\ndatabase: { mean: 3s, timeout: 2s }\n"
     "store: { timeout: 1ms, latency: 1ms }\n",
     "f:4:19: mean: every query takes 3s, but the origin's deadline is 2s: no load would succeed\n"
     "f:4:32: timeout: 2s, but every query takes 3s: none would succeed\n"
     "f:5:19: timeout: no answer of the store can come within 1ms: there and back it takes 2ms\n"},
    {"a variant that contradicts the scenario",
     LEAST
     "store: { timeout: 2ms }\ncompare:\n- { name: a }\n- { name: b, store: { latency: 1ms } }\n"
     "- { name: a, database: { sigma: 1 } }\n- { name: 'c,d' }\n- {}\n",
     "f:5:19: timeout: no answer of the store can come within 2ms: there and back it takes 2ms\n"
     "f:9:11: name: there is a 'a' already, on line 7\n"
     "f:9:33: sigma: is for service lognormal alone\n"
     "f:10:11: name: 'c,d' may hold only ASCII characters, and no commas\n"
     "f:11:3: an entry of 'compare' needs the key 'name'\n"},
    {"one problem of all columns is said once",
     "name: x\nduration: 60s\nreaders: { rate: 10/s }\ndatabase: { mean: 3s }\n"
     "compare: [ { name: a }, { name: b } ]\n",
     "f:4:19: mean: every query takes 3s, but the origin's deadline is 2s: no load "
     "would succeed\n"},
    {"not YAML", "name: [\n", NULL},
    {"a list", "- 1\n", "f:1:1: the scenario must be a mapping ('key: value'), found a list\n"},
};

static void problems(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char *found;
        print_message("%s\n", wrong[i].name);
        assert_null(parse(wrong[i].text, &found));
        if (wrong[i].problems != NULL)
            assert_string_equal(found, wrong[i].problems);
        assert_int_not_equal(strlen(found), 0);
        free(found);
    }
}

static void every_ready_scenario_is_right(void **state)
{
    (void)state;
    static struct crl_sim_made made;
    size_t n = 0;
    for (const struct crl_sim_ready *ready = crl_sim_ready; ready->name != NULL; ready++, n++) {
        print_message("%s\n", ready->name);
        struct crl_sim_scenario *scenario = parse_well(ready->text);
        assert_string_equal(scenario->name, ready->name);
        assert_non_null(scenario->about);
        assert_true(strlen(scenario->about) < 80 - 16);
        assert_non_null(scenario->shows);
        assert_true(crl_sim_columns(scenario) >= 2);
        for (size_t i = 0; i < crl_sim_columns(scenario); i++) {
            struct crl_sim_column column = crl_sim_column(scenario, i);
            crl_sim_plan_make(scenario, &column, 7, &made);
            assert_int_equal(made.plan.seed, 7);
            assert_int_equal(made.plan.nodes, scenario->nodes);
        }
        assert_ptr_equal(crl_sim_ready_find(ready->name), ready);
        crl_sim_scenario_free(scenario);
    }
    assert_int_equal(n, 8);
    assert_null(crl_sim_ready_find("none"));
}

static void defaults(void **state)
{
    (void)state;
    static struct crl_sim_made made;
    struct crl_sim_scenario *scenario = parse_well(LEAST);
    struct crl_sim_column column = crl_sim_column(scenario, 0);
    assert_int_equal(crl_sim_columns(scenario), 1);
    assert_string_equal(column.name, "coalescing");
    crl_sim_plan_make(scenario, &column, scenario->seed, &made);
    const struct sim_plan *plan = &made.plan;
    assert_int_equal(plan->seed, 1);
    assert_int_equal(plan->nodes, 1);
    assert_int_equal(plan->lasts_us, CORRAL_SECONDS(60));
    assert_int_equal(plan->measure_at, 0);
    assert_int_equal(plan->readers.pieces_n, 1);
    assert_true(plan->readers.pieces[0].rate_from == 10.0);
    assert_true(plan->readers.pieces[0].rate_to == 10.0);
    assert_int_equal(plan->readers.keys, 1);
    assert_int_equal(plan->readers.wait_us, CORRAL_SECONDS(5));
    assert_int_equal(plan->spaces[0].policy.ttl_us, CORRAL_SECONDS(30));
    assert_int_equal(plan->spaces[0].policy.negative_ttl_us, CORRAL_SECONDS(5));
    assert_true(plan->spaces[0].policy.jitter == 0.1);
    assert_false(plan->spaces[0].policy.no_coalescing);
    assert_int_equal(plan->origins[0].limits.concurrency, 20);
    assert_int_equal(plan->origins[0].limits.queue, 1000);
    assert_int_equal(plan->origins[0].deadline_us, CORRAL_SECONDS(2));
    assert_int_equal(plan->origins[0].database.servers, 20);
    assert_int_equal(plan->origins[0].database.mean_us, CORRAL_MS(100));
    assert_false(plan->spaces[0].has_store);
    assert_int_equal(plan->faults_n, 0);
    crl_sim_scenario_free(scenario);
}

static void a_curve_becomes_pieces(void **state)
{
    (void)state;
    static struct crl_sim_made made;
    struct crl_sim_scenario *scenario =
        parse_well("name: x\nduration: 60s\ndatabase: { mean: 100ms }\nreaders:\n  curve:\n"
                   "  - { at: 0s, rate: 60/m }\n  - { at: 10s, rate: 3/s }\n"
                   "  - { at: 10s, rate: 5/s }\n  - { at: 20s, rate: 0/s }\n"
                   "  - { at: 60s, rate: 4/s }\n"
                   "  bursts:\n  - { at: 9s, requests: 2, within: 1ms }\n"
                   "  - { at: 1s, requests: 1 }\n");
    struct crl_sim_column column = crl_sim_column(scenario, 0);
    crl_sim_plan_make(scenario, &column, 1, &made);
    static const struct sim_rate_piece wanted[] = {
        {0, 1, 3}, {CORRAL_SECONDS(10), 5, 0}, {CORRAL_SECONDS(20), 0, 4}};
    assert_int_equal(made.plan.readers.pieces_n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(made.pieces[i].from_at, wanted[i].from_at);
        assert_true(made.pieces[i].rate_from == wanted[i].rate_from);
        assert_true(made.pieces[i].rate_to == wanted[i].rate_to);
    }
    assert_int_equal(made.plan.readers.bursts_n, 2);
    assert_int_equal(made.bursts[0].at, CORRAL_SECONDS(1));
    assert_int_equal(made.bursts[1].within_us, 1000);
    crl_sim_scenario_free(scenario);
}

static void variants_replace_what_they_give(void **state)
{
    (void)state;
    struct crl_sim_column column;
    static struct crl_sim_made made;
    struct crl_sim_scenario *scenario = parse_well(
        LEAST
        "route: { ttl: 7s, jitter: 20% }\ncompare:\n"
        "- { name: plain, route: { strategy: none, jitter: 0% } }\n"
        "- { name: shared, store: { lease: 9s }, origin: { queue: 0 }, database: { servers: 3 } }\n");
    assert_int_equal(crl_sim_columns(scenario), 2);
    column = crl_sim_column(scenario, 0);
    crl_sim_plan_make(scenario, &column, 1, &made);
    assert_true(made.plan.spaces[0].policy.no_coalescing);
    assert_true(made.plan.spaces[0].policy.jitter == 0);
    assert_int_equal(made.plan.spaces[0].policy.ttl_us, CORRAL_SECONDS(7));
    assert_false(made.plan.spaces[0].has_store);
    column = crl_sim_column(scenario, 1);
    crl_sim_plan_make(scenario, &column, 1, &made);
    assert_false(made.plan.spaces[0].policy.no_coalescing);
    assert_true(made.plan.spaces[0].policy.jitter == 0.2);
    assert_true(made.plan.spaces[0].has_store);
    assert_int_equal(made.plan.store.lease_us, CORRAL_SECONDS(9));
    assert_int_equal(made.plan.store.timeout_us, CORRAL_MS(100));
    assert_int_equal(made.plan.origins[0].limits.queue, 0);
    assert_int_equal(made.plan.origins[0].limits.concurrency, 20);
    assert_int_equal(made.plan.origins[0].database.servers, 3);

    assert_int_equal(crl_sim_column_find(scenario, "shared", &column), 0);
    assert_true(column.has_store);
    assert_int_equal(crl_sim_column_find(scenario, "none", &column), 0);
    assert_int_equal(column.route.strategy, CRL_STRATEGY_NONE);
    assert_true(column.route.jitter == 0.2);
    assert_int_equal(crl_sim_column_find(scenario, "locking", &column), CORRAL_EINVAL);
    crl_sim_scenario_free(scenario);
}

static void a_lease_may_be_shorter_than_a_load(void **state)
{
    (void)state;
    static struct crl_sim_made made;
    struct crl_sim_scenario *scenario =
        parse_well(LEAST "store: { lease: 1s }\norigin: { deadline: 10s }\n");
    struct crl_sim_column column = crl_sim_column(scenario, 0);
    crl_sim_plan_make(scenario, &column, 1, &made);
    assert_int_equal(made.plan.store.lease_us, CORRAL_SECONDS(1));
    assert_int_equal(made.plan.origins[0].deadline_us, CORRAL_SECONDS(10));
    crl_sim_scenario_free(scenario);
}

static void faults_know_their_nodes(void **state)
{
    (void)state;
    static struct crl_sim_made made;
    struct crl_sim_scenario *scenario =
        parse_well(LEAST "nodes: 10\nstore: {}\nfaults:\n"
                         "- { at: 1s, kind: node_killed, nodes: 2..4, stagger: 1s, for: 500ms }\n"
                         "- { at: 9s, kind: node_paused, for: 1s, nodes: 7 }\n"
                         "- { at: 9s, kind: node_clock_stepped, step: 1h }\n"
                         "- { at: 9s, kind: database_slow, for: 1s, factor: 1.5 }\n");
    struct crl_sim_column column = crl_sim_column(scenario, 0);
    crl_sim_plan_make(scenario, &column, 1, &made);
    assert_int_equal(made.plan.faults_n, 4);
    assert_int_equal(made.faults[0].kind, SIM_FAULT_NODE_KILLED);
    assert_int_equal(made.faults[0].node_from, 2);
    assert_int_equal(made.faults[0].node_to, 4);
    assert_int_equal(made.faults[0].stagger_us, CORRAL_SECONDS(1));
    assert_int_equal(made.faults[1].node_from, 7);
    assert_int_equal(made.faults[1].node_to, 7);
    assert_int_equal(made.faults[2].node_from, 0);
    assert_int_equal(made.faults[2].node_to, 9);
    assert_int_equal(made.faults[2].step_us, CORRAL_SECONDS(3600));
    assert_true(made.faults[3].factor == 1.5);
    crl_sim_scenario_free(scenario);
}

/* Every key and every default of a schema, and of those below it. */
static void expect_documented(const struct crl_schema *schema, const char *manual)
{
    for (size_t i = 0; i < schema->fields_n; i++) {
        const struct crl_schema_field *field = &schema->fields[i];
        bool is_of_config =
            schema == &crl_config_policy_schema || schema == &crl_config_guard_schema;
        char wanted[64];
        if (field->kind == CRL_SCHEMA_LATER)
            continue;
        snprintf(wanted, sizeof wanted, is_of_config ? " %s " : "Ic %s ", field->key);
        if (strstr(manual, wanted) == NULL)
            fail_msg("the manual lacks the key '%s' of %s", field->key, schema->noun);
        snprintf(wanted, sizeof wanted, "efault: %s", field->fallback);
        if (field->fallback != NULL && !is_of_config && strstr(manual, wanted) == NULL)
            fail_msg("the manual lacks '%s' of '%s'", wanted, field->key);
        if (field->below != NULL && !field->below->given_offset) /* overlays have the same keys */
            expect_documented(field->below, manual);
    }
}

static void the_manual_has_all(void **state)
{
    (void)state;
    static char manual[65536];
    FILE *file = fopen("docs/man/corral-scenario.5", "r");
    assert_non_null(file);
    assert_in_range(fread(manual, 1, sizeof manual - 1, file), 1, sizeof manual - 2);
    fclose(file);
    for (char *c = manual; *c; c++) /* so that a key at the end of a line is a word */
        *c = *c == '\n' ? ' ' : *c;
    expect_documented(&crl_sim_scenario_schema, manual);
    static const char *const faults[] = {
#define X(name, word) word,
        SIM_FAULTS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        assert_non_null(strstr(manual, faults[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems),
        cmocka_unit_test(every_ready_scenario_is_right),
        cmocka_unit_test(defaults),
        cmocka_unit_test(a_curve_becomes_pieces),
        cmocka_unit_test(variants_replace_what_they_give),
        cmocka_unit_test(a_lease_may_be_shorter_than_a_load),
        cmocka_unit_test(faults_know_their_nodes),
        cmocka_unit_test(the_manual_has_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
