/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a client is told "not modified" exactly when it has these bytes.
 * Method: rows of If-None-Match headers; a blank in them stands for the tag in question. */
#include "base/bytes.h"
#include "http/etag.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_tags(void **state)
{
    (void)state;
    char a[CRL_ETAG_SIZE], b[CRL_ETAG_SIZE], again[CRL_ETAG_SIZE];
    crl_etag(corral_str("one"), a);
    crl_etag(corral_str("two"), b);
    crl_etag(corral_str("one"), again);
    assert_memory_equal(a, again, CRL_ETAG_SIZE);
    assert_memory_not_equal(a, b, CRL_ETAG_SIZE);
    assert_true(a[0] == '"' && a[CRL_ETAG_SIZE - 1] == '"');
    for (int i = 1; i < CRL_ETAG_SIZE - 1; i++)
        assert_non_null(strchr("0123456789abcdef", a[i]));
}

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *header;
        bool matches;
    } rows[] = {
        {"nothing", "", false},
        {"it", "\"%s\"", true},
        {"weak", "W/\"%s\"", true},
        {"any", "*", true},
        {"another", "\"0000000000000000\"", false},
        {"in a list", "\"a\", W/\"b\",\"%s\"", true},
        {"first of a list", "\"%s\", \"a\"", true},
        {"a comma within a tag", "\"a,b\", \"%s\"", true},
        {"no quotation marks", "%s", false},
        {"no end", "\"%s", false},
        {"only W/", "W/", false},
        {"behind a mistake", "x, \"%s\"", false},
        {"a longer one", "\"%s0\"", false},
        {"empty pieces", ",, ,\"%s\"", true},
    };
    char etag[CRL_ETAG_SIZE], digits[17] = "", header[128];
    crl_etag(corral_str("value"), etag);
    memcpy(digits, etag + 1, 16);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *blank = strstr(rows[i].header, "%s");
        int before = blank != NULL ? (int)(blank - rows[i].header) : (int)strlen(rows[i].header);
        snprintf(header, sizeof header, "%.*s%s%s", before, rows[i].header,
                 blank != NULL ? digits : "", blank != NULL ? blank + 2 : "");
        char *exact = malloc(strlen(header) + 1); /* no terminator: a reader beyond it is seen */
        memcpy(exact, header, strlen(header));
        if (crl_etag_matches(crl_bytes(exact, strlen(header)), etag) != rows[i].matches)
            fail_msg("%s: %s", rows[i].name, header);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
