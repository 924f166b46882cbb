/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   the policy of a space says what the keys of its route say, and the daemon and the
 *         scenarios get the same one.
 * Method: rows; then sets of keys, read as the route of a scenario and as a route of a
 *         configuration. */
#include "config/policy.h"

#include "base/bytes.h"
#include "config/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool policies_are_equal(const struct corral_policy *a, const struct corral_policy *b)
{
    return a->ttl_us == b->ttl_us && a->negative_ttl_us == b->negative_ttl_us &&
           a->jitter == b->jitter && a->no_coalescing == b->no_coalescing;
}

static void keys_and_their_policy(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct crl_config_route route;
        struct corral_policy policy;
    } rows[] = {
        {"nothing is kept", {.ttl_us = 0}, {0}},
        {"a short TTL is that of what does not exist, too",
         {.ttl_us = CORRAL_SECONDS(4)},
         {.ttl_us = CORRAL_SECONDS(4), .negative_ttl_us = CORRAL_SECONDS(4)}},
        {"the longest that both have",
         {.ttl_us = CORRAL_SECONDS(5)},
         {.ttl_us = CORRAL_SECONDS(5), .negative_ttl_us = CORRAL_SECONDS(5)}},
        {"what does not exist is asked again after 5 s",
         {.ttl_us = CORRAL_SECONDS(6)},
         {.ttl_us = CORRAL_SECONDS(6), .negative_ttl_us = CORRAL_SECONDS(5)}},
        {"the most jitter", {.jitter = 0.5}, {.jitter = 0.5}},
        {"coalescing", {.strategy = CRL_STRATEGY_COALESCING}, {.no_coalescing = false}},
        {"none", {.strategy = CRL_STRATEGY_NONE}, {.no_coalescing = true}},
        {"how long a get waits is not the space's", {.wait_us = CORRAL_SECONDS(1)}, {0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct corral_policy policy = crl_config_policy(&rows[i].route);
        if (!policies_are_equal(&policy, &rows[i].policy))
            fail_msg("%s", rows[i].name);
    }
}

/* What the keys say, read by a part of the schema. */
static struct crl_config_route route_read(const char *text)
{
    struct crl_problems problems = {0};
    struct crl_config_route route = {0};
    struct crl_yaml yaml;
    assert_int_equal(crl_yaml_load(corral_str(text), &problems, &yaml), 0);
    crl_schema_read(&crl_config_policy_schema, &yaml, &route, &problems);
    assert_int_equal(problems.n, 0);
    crl_yaml_fini(&yaml);
    crl_problems_fini(&problems);
    return route;
}

static void the_schema_and_the_whole_configuration_agree(void **state)
{
    (void)state;
    static const char *const keys[] = {"", "ttl: 1m", "ttl: 2s, jitter: 0%", "strategy: none"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char part[64], whole[256];
        snprintf(part, sizeof part, "{%s}\n", keys[i]);
        snprintf(whole, sizeof whole,
                 "origins: [{name: o, sqlite: o.db}]\n"
                 "routes: [{path: /a, origin: o, query: SELECT 1%s%s}]\n",
                 keys[i][0] != '\0' ? ", " : "", keys[i]);
        struct crl_problems problems = {0};
        struct crl_config *config = NULL;
        assert_int_equal(crl_config_parse("c.yaml", corral_str(whole), &problems, &config), 0);
        struct crl_config_route route = route_read(part);
        struct corral_policy a = crl_config_policy(&route);
        struct corral_policy b = crl_config_policy(&config->routes[0]);
        if (!policies_are_equal(&a, &b))
            fail_msg("{%s}", keys[i]);
        crl_config_free(config);
        crl_problems_fini(&problems);
    }
}

static void words_of_strategies(void **state)
{
    (void)state;
    enum crl_config_strategy strategy = CRL_STRATEGY_COALESCING;
    assert_true(crl_config_strategy_find("none", &strategy));
    assert_int_equal(strategy, CRL_STRATEGY_NONE);
    assert_string_equal(crl_config_strategy_word(strategy), "none");
    assert_false(crl_config_strategy_find("layered", &strategy)); /* not in this version */
    assert_int_equal(strategy, CRL_STRATEGY_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_their_policy),
        cmocka_unit_test(words_of_strategies),
        cmocka_unit_test(the_schema_and_the_whole_configuration_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
