/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   patterns match whole values; those that would take the C library's compiler too long are
 * refused. Method: rows. */
#include "server/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_patterns_match_the_whole(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *text;
        bool matches;
    } rows[] = {
        {"[a-z]+", "abc", true},
        {"[a-z]+", "abc1", false},
        {"[a-z]+", "", false},
        {"a|b", "b", true},
        {"a|b", "ab", false},
        {"a|ab", "ab", true},
        {"^a$", "a", true},
        {"a*", "", true},
        {"[]a]+", "]a", true},
        {"a.c", "a\nc", true},
        {"a", "a\n", false},
        {"(x|y){2}", "xy", true},
        {"(a|bb?){0,300}", "abba", true},
        {"(a?)?", "", true},
        {"(a*b)*", "aab", true},
        {"(^a|b$)+", "a", true},
        {".{0,1000}", "abc", true},
        {"[)]", ")", true},
        {"[^)(]{3}", "abc", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char why[CRL_PATTERN_WHY_MAX];
        struct crl_pattern pattern;
        assert_int_equal(crl_pattern_compile(rows[i].expression, why, &pattern), CORRAL_OK);
        if (crl_pattern_matches(&pattern, rows[i].text) != rows[i].matches)
            fail_msg("'%s' on '%s'", rows[i].expression, rows[i].text);
        crl_pattern_fini(&pattern);
    }
    struct crl_pattern none = {0};
    assert_true(crl_pattern_matches(&none, "anything"));
}

static void test_patterns_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "(",
        ")",
        "a)(b",
        "[",
        "[a",
        "a{",
        "a{2",
        "a{2,1}",
        "*(",
        "\\",
        "[[:foo:]]",
        "(a)\\1",
        "a{1001}",
        "(a{40}){40}",
        "((a{255}){255}){255}",
        "(((a{255}){255}){255}){255}",
        "a++++++++++++",
        "((((((((((a+)+)+)+)+)+)+)+)+)+)+",
        "a{1,}{100}{100}",
        "(a{999}|b{999})",
        "a)",
        "(){40}{40}",
        "a{18446744073709551617}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char why[CRL_PATTERN_WHY_MAX] = "";
        struct crl_pattern pattern;
        if (crl_pattern_compile(rows[i], why, &pattern) != CORRAL_EINVAL || why[0] == '\0')
            fail_msg("'%s' was accepted", rows[i]);
    }
    char longest[CRL_PATTERN_BYTES_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[CRL_PATTERN_BYTES_MAX + 1] = '\0';
    char why[CRL_PATTERN_WHY_MAX];
    struct crl_pattern pattern;
    assert_int_equal(crl_pattern_compile(longest, why, &pattern), CORRAL_EINVAL);
    longest[CRL_PATTERN_BYTES_MAX] = '\0';
    assert_int_equal(crl_pattern_compile(longest, why, &pattern), CORRAL_OK);
    crl_pattern_fini(&pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_match_the_whole),
        cmocka_unit_test(test_patterns_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
