/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   the demo leaves nothing behind, and its configuration says what was asked for.
 * Method: open and close under a directory of our own; the text, whole. */
#include "storm/demo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void nothing_is_left(void **state)
{
    (void)state;
    char parent[] = "/tmp/test-storm-demo-XXXXXX", why[256] = "";
    struct crl_storm_demo demo = {0};
    crl_storm_demo_close(&demo);
    assert_non_null(mkdtemp(parent));
    setenv("TMPDIR", parent, 1);
    assert_int_equal(crl_storm_demo_open(&demo, why, sizeof(why)), 0);
    assert_int_equal(access(demo.database, R_OK), 0);
    crl_storm_demo_close(&demo);
    crl_storm_demo_close(&demo);
    assert_int_equal(rmdir(parent), 0); /* so it is empty */
}

static void a_missing_directory_is_told(void **state)
{
    (void)state;
    struct crl_storm_demo demo;
    char why[256] = "";
    setenv("TMPDIR", "/nonexistent", 1);
    assert_int_equal(crl_storm_demo_open(&demo, why, sizeof(why)), CORRAL_ESYSTEM);
    assert_string_equal(
        why, "cannot make a temporary directory in /nonexistent, which TMPDIR names: No such "
             "file or directory");
}

static void the_configuration(void **state)
{
    (void)state;
    static char yaml[CRL_STORM_YAML_MAX];
    struct crl_storm_demo demo = {.database = "/tmp/it's/demo.db"};
    struct crl_storm_options options = {
        .clients = 1000, .delay_us = CORRAL_MS(100), .ttl_us = CORRAL_MS(500)};
    crl_storm_demo_yaml(&demo, &options, CRL_STORM_NONE, yaml);
    assert_string_equal(yaml, "listen: 127.0.0.1:0\n"
                              "admin: 127.0.0.1:0\n"
                              "threads: 2\n"
                              "origins:\n"
                              "  - name: demo\n"
                              "    sqlite: '/tmp/it''s/demo.db'\n"
                              "    concurrency: 20\n"
                              "    queue: 20000\n"
                              "    deadline: 5100ms\n"
                              "    delay: 100ms\n"
                              "routes:\n"
                              "  - path: /item\n"
                              "    origin: demo\n"
                              "    query: SELECT id, name FROM items WHERE id = :id\n"
                              "    params:\n"
                              "      - { name: id, type: integer }\n"
                              "    result: row\n"
                              "    strategy: none\n"
                              "    ttl: 500ms\n"
                              "    jitter: 0%\n"
                              "    wait: 20200ms\n"
                              "log: { level: error }\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left),
        cmocka_unit_test(a_missing_directory_is_told),
        cmocka_unit_test(the_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
