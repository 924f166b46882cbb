/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a type accepts exactly what param.h says.
 * Method: rows. */
#include "config/param.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_types(void **state)
{
    (void)state;
    static const struct {
        enum crl_param_type type;
        const char *text;
        bool accepts;
    } rows[] = {
        {CRL_PARAM_TEXT, "", true},
        {CRL_PARAM_TEXT, "any thing", true},
        {CRL_PARAM_INTEGER, "0", true},
        {CRL_PARAM_INTEGER, "-12", true},
        {CRL_PARAM_INTEGER, "9223372036854775807", true},
        {CRL_PARAM_INTEGER, "-9223372036854775808", true},
        {CRL_PARAM_INTEGER, "9223372036854775808", false},
        {CRL_PARAM_INTEGER, "", false},
        {CRL_PARAM_INTEGER, "-", false},
        {CRL_PARAM_INTEGER, "+1", false},
        {CRL_PARAM_INTEGER, " 1", false},
        {CRL_PARAM_INTEGER, "1 ", false},
        {CRL_PARAM_INTEGER, "1.0", false},
        {CRL_PARAM_NUMBER, "1", true},
        {CRL_PARAM_NUMBER, "-1.5e3", true},
        {CRL_PARAM_NUMBER, "0.5E-3", true},
        {CRL_PARAM_NUMBER, "01", false},
        {CRL_PARAM_NUMBER, ".5", false},
        {CRL_PARAM_NUMBER, "5.", false},
        {CRL_PARAM_NUMBER, "1e", false},
        {CRL_PARAM_NUMBER, "1e400", false},
        {CRL_PARAM_NUMBER, "nan", false},
        {CRL_PARAM_NUMBER, "0x10", false},
        {CRL_PARAM_NUMBER, "1e5x", false},
        {CRL_PARAM_BOOLEAN, "true", true},
        {CRL_PARAM_BOOLEAN, "false", true},
        {CRL_PARAM_BOOLEAN, "True", false},
        {CRL_PARAM_BOOLEAN, "1", false},
        {CRL_PARAM_BOOLEAN, "", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (crl_param_type_accepts(rows[i].type, rows[i].text) != rows[i].accepts)
            fail_msg("%s '%s'", crl_param_type_word(rows[i].type), rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
