/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   of an SQL statement exactly the parameters are found, and nothing that only looks like
 *         one.
 * Method: rows of a statement and what is found in it: "P" parameter, "O" other form, "N" no end,
 *         each with its text. */
#include "config/sql_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const rows[][2] = {
    {"", ""},
    {"SELECT 1", ""},
    {"SELECT * FROM t WHERE id = :id", "P:id "},
    {":a:b", "P:a P:b "},
    {"x=:a OR y=:a_1", "P:a P:a_1 "},
    {"SELECT ':no', ':it''s :no' || :yes", "P:yes "},
    {"SELECT \":no\", \"a\"\":no\", [:no], `:no`", ""},
    {"-- :no\n:yes", "P:yes "},
    {"-- :no", ""},
    {"/* :no -- ' */ :yes /* \n */", "P:yes "},
    {"a - -:b", "P:b "},
    {"a / :b * :c", "P:b P:c "},
    {"a::text, :b::text, '1'::int", "P:b "},
    {"::a ::: b", ""},
    {"a ? b", "O? "},
    {"?1", "O?1 "},
    {"@x $y :1", "O@x O$y O:1 "},
    {"a$b, 1e5, x'00ff', _a, price$", ""},
    {"@ $ :", ""},
    {"'abc", "N'abc "},
    {"\"abc", "N\"abc "},
    {"[abc", "N[abc "},
    {"`", "N` "},
    {"/* abc *", "N/* abc * "},
    {"/*/ :a", "N/*/ :a "},
    {":h\xC3\xA4user", "P:h\xC3\xA4user "},
    {"'\n:no\n' -- '\n :yes", "P:yes "},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char found[256] = "";
        struct crl_sql_found f = crl_sql_next(rows[i][0], 0);
        for (; f.kind != CRL_SQL_END; f = crl_sql_next(rows[i][0], f.at + f.size)) {
            size_t n = strlen(found);
            snprintf(found + n, sizeof found - n, "%c%.*s ", " PON"[f.kind], (int)f.size,
                     rows[i][0] + f.at);
        }
        assert_string_equal(found, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
