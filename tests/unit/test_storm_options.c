/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what is asked of a storm is understood, and what cannot be is refused with the reason.
 * Method: a table of command lines. */
#include "cli/storm_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 8

static int parse(const char *const *words, struct crl_storm_options *ret_options, char why[256])
{
    char *argv[WORDS_MAX + 2] = {(char *)"storm"};
    int argc = 1;
    while (words[argc - 1]) {
        argv[argc] = (char *)words[argc - 1];
        argc++;
    }
    why[0] = 0;
    return crl_storm_options_parse(argc, argv, ret_options, why, 256);
}

static void defaults(void **state)
{
    (void)state;
    struct crl_storm_options options;
    char why[256];
    assert_int_equal(parse((const char *[]){NULL}, &options, why), 0);
    assert_int_equal(options.clients, 1000);
    assert_int_equal(options.duration_us, CORRAL_SECONDS(3));
    assert_int_equal(options.ttl_us, CORRAL_MS(500));
    assert_int_equal(options.delay_us, CORRAL_MS(100));
    assert_int_equal(options.scenarios, 1u << CRL_STORM_COLD | 1u << CRL_STORM_EXPIRY);
    assert_int_equal(options.strategies, 1u << CRL_STORM_NONE | 1u << CRL_STORM_COALESCING);
    assert_null(options.target);
    assert_false(options.json || options.allow_remote || options.help);
}

static void all_options(void **state)
{
    (void)state;
    struct crl_storm_options options;
    char why[256];
    assert_int_equal(
        parse((const char *[]){"--clients", "20000", "--duration=10m", "--ttl=2s", "--delay=0ms",
                               "--think=5ms", "--seed=7", "--json", NULL},
              &options, why),
        0);
    assert_int_equal(options.clients, 20000);
    assert_int_equal(options.duration_us, CRL_STORM_DURATION_MAX_US);
    assert_int_equal(options.ttl_us, CORRAL_SECONDS(2));
    assert_int_equal(options.delay_us, 0);
    assert_int_equal(options.think_us, CORRAL_MS(5));
    assert_int_equal(options.seed, 7);
    assert_true(options.json);
    assert_int_equal(parse((const char *[]){"--config", "f.yaml", "/a?b=1", "--strategies=none",
                                            "--scenarios=expiry", "--report=r.html", NULL},
                           &options, why),
                     0);
    assert_string_equal(options.config, "f.yaml");
    assert_string_equal(options.target, "/a?b=1");
    assert_string_equal(options.report, "r.html");
    assert_int_equal(options.strategies, 1u << CRL_STORM_NONE);
    assert_int_equal(options.scenarios, 1u << CRL_STORM_EXPIRY);
    assert_int_equal(parse((const char *[]){"http://localhost/", NULL}, &options, why), 0);
    assert_int_equal(options.strategies, 1u << CRL_STORM_CONFIGURED);
    assert_int_equal(parse((const char *[]){"--help", "a", "b", NULL}, &options, why), 0);
    assert_true(options.help);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *words[WORDS_MAX];
        const char *why; /* a part of it */
    } rows[] = {
        {"no client", {"--clients=0"}, "--clients wants a number from 1 to 20000, not '0'"},
        {"too many clients", {"--clients=20001"}, "from 1 to 20000"},
        {"clients with a tail", {"--clients=5x"}, "not '5x'"},
        {"negative clients", {"--clients=-5"}, "not '-5'"},
        {"empty clients", {"--clients="}, "not ''"},
        {"huge clients", {"--clients=99999999999999999999999"}, "from 1"},
        {"duration without unit", {"--duration=5"}, "--duration: '5' needs a unit, such as"},
        {"duration of another unit", {"--duration=5w"}, "has an unknown unit"},
        {"duration too long", {"--duration=11m"}, "'11m' is out of range, 1ms to 10m"},
        {"duration zero", {"--duration=0s"}, "'0s' is out of range, 1ms to 10m"},
        {"duration overflow", {"--duration=99999999999999m"}, "is out of range"},
        {"think too long", {"--think=3s"}, "'3s' is out of range, 0s to 2s"},
        {"a value is missing", {"--ttl"}, "--ttl wants a value"},
        {"unknown option", {"--frobnicate"}, "unknown option '--frobnicate'"},
        {"unknown short option", {"-x"}, "unknown option '-x'"},
        {"a strategy of later",
         {"--strategies=none,layered"},
         "strategy 'layered' is not available in this version (available: none, coalescing)"},
        {"configured is no strategy", {"--strategies=configured"}, "'configured' is not available"},
        {"a scenario of later",
         {"--scenarios=outage"},
         "scenario 'outage' is not available in this version (available: cold, expiry)"},
        {"an empty name", {"--strategies=none,,coalescing"}, "--strategies wants names"},
        {"an empty list", {"--scenarios="}, "--scenarios wants names"},
        {"two targets", {"http://a", "http://b"}, "also 'http://b'"},
        {"a path alone", {"/x"}, "needs --config"},
        {"URL and configuration", {"http://a", "--config=f"}, "exclude each other"},
        {"URL and strategies", {"http://a", "--strategies=none"}, "does not go with a URL"},
        {"URL and ttl", {"http://a", "--ttl=1s"}, "belong to the built-in demo"},
        {"configuration and delay", {"--config=f", "--delay=1s"}, "belong to the built-in demo"},
        {"seed", {"--seed=x"}, "--seed wants a number"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct crl_storm_options options;
        char why[256];
        if (parse(rows[i].words, &options, why) != CORRAL_EINVAL || !strstr(why, rows[i].why))
            fail_msg("%s: '%s'", rows[i].name, why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(all_options),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
