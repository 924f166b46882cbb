/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   "did you mean" finds slips and leaves strangers alone.
 * Method: rows. */
#include "base/edit_distance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_rows(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance;
        bool is_near;
    } rows[] = {
        {"ttl", "ttl", 0, true},
        {"tll", "ttl", 1, true},
        {"tttl", "ttl", 1, true},
        {"orgin", "origin", 1, true},
        {"oirgin", "origin", 1, true},
        {"qurey", "query", 1, true},
        {"max_lenght", "max_length", 1, true},
        {"", "ttl", 3, false},
        {"path", "ttl", 3, false},
        {"stal", "wait", 4, false},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a", SIZE_MAX, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(crl_edit_distance(rows[i].a, rows[i].b), rows[i].distance);
        assert_int_equal(crl_edit_distance(rows[i].b, rows[i].a), rows[i].distance);
        assert_int_equal(crl_edit_is_near(rows[i].b, rows[i].distance), rows[i].is_near);
    }
}

static void test_what_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *meant;
    } rows[] = {
        {"tti", "ttl"}, /* the first of equals */
        {"qurey", "query"}, {"tt", "ttl"},
        {"ttx", "ttl"},     {"ttt1", "tttl"}, /* the nearest, though another is near */
        {"stranger", NULL}, {"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct crl_edit_meant meant = {0};
        for (const char *const *word = (const char *[]){"ttl", "query", "tta", "tttl", NULL};
             *word != NULL; word++)
            crl_edit_consider(&meant, rows[i].typed, *word);
        if (rows[i].meant != NULL)
            assert_string_equal(meant.word, rows[i].meant);
        else
            assert_null(meant.word);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_what_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
