/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what is asked of a storm is understood, and what cannot be is refused with the reason.
 * Method: a table of command lines. */
#include "storm/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 8

static int parse(const char *const *words, struct crl_storm_options *ret_options,
                 char why[CRL_OPTIONS_WHY_MAX])
{
    char *argv[WORDS_MAX + 2] = {(char *)"storm"};
    int argc = 1;
    while (words[argc - 1] != NULL) {
        argv[argc] = (char *)words[argc - 1];
        argc++;
    }
    why[0] = 0;
    return crl_storm_options_read(argc, argv, ret_options, why);
}

static void defaults(void **state)
{
    (void)state;
    struct crl_storm_options options;
    char why[CRL_OPTIONS_WHY_MAX];
    assert_int_equal(parse((const char *[]){NULL}, &options, why), 0);
    assert_int_equal(options.clients, 1000);
    assert_int_equal(options.duration_us, CORRAL_SECONDS(3));
    assert_int_equal(options.ttl_us, CORRAL_MS(500));
    assert_int_equal(options.delay_us, CORRAL_MS(100));
    assert_int_equal(options.scenarios, 1u << CRL_STORM_COLD | 1u << CRL_STORM_EXPIRY);
    assert_int_equal(options.strategies, 1u << CRL_STORM_NONE | 1u << CRL_STORM_COALESCING);
    assert_null(options.target);
    assert_false(options.json || options.allow_remote);
}

static void all_options(void **state)
{
    (void)state;
    struct crl_storm_options options;
    char why[CRL_OPTIONS_WHY_MAX];
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
    assert_int_equal(parse((const char *[]){"--help", "a", "b", NULL}, &options, why),
                     CRL_OPTIONS_HELP);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *words[WORDS_MAX];
        const char *why; /* a part of it */
    } rows[] = {
        {"no client", {"--clients=0"}, "--clients: '0' is out of range, 1 to 20000"},
        {"too many clients", {"--clients=20001"}, "'20001' is out of range, 1 to 20000"},
        {"duration without unit", {"--duration=5"}, "--duration: '5' needs a unit, such as"},
        {"duration too long", {"--duration=11m"}, "'11m' is out of range, 1ms to 10m"},
        {"duration zero", {"--duration=0s"}, "'0s' is out of range, 1ms to 10m"},
        {"think too long", {"--think=3s"}, "'3s' is out of range, 0s to 2s"},
        {"a strategy of later",
         {"--strategies=none,layered"},
         "--strategies: there is no strategy 'layered' (available: none, coalescing)"},
        {"a slip in a strategy",
         {"--strategies=coalesing"},
         "there is no strategy 'coalesing'; did you mean 'coalescing'? (available: none, "},
        {"a slip in a scenario", {"--scenarios=expirry"}, "'expirry'; did you mean 'expiry'?"},
        {"configured is no choice",
         {"--strategies=configured"},
         "--strategies: 'configured' cannot be asked for by name (available: none, coalescing)"},
        {"a scenario of later",
         {"--scenarios=outage"},
         "--scenarios: there is no scenario 'outage' (available: cold, expiry)"},
        {"two targets", {"http://a", "http://b"}, "'http://b' is one argument too many"},
        {"a path alone", {"/x"}, "needs --config"},
        {"URL and configuration",
         {"http://a", "--config=f"},
         "a path that begins with '/', not 'http://a'"},
        {"URL and strategies", {"http://a", "--strategies=none"}, "does not go with a URL"},
        {"URL and ttl", {"http://a", "--ttl=1s"}, "belong to the built-in demo"},
        {"configuration and delay", {"--config=f", "--delay=1s"}, "belong to the built-in demo"},
        {"seed", {"--seed=x"}, "--seed: 'x' is not a number"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct crl_storm_options options;
        char why[CRL_OPTIONS_WHY_MAX];
        if (parse(rows[i].words, &options, why) != CORRAL_EINVAL ||
            strstr(why, rows[i].why) == NULL)
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
