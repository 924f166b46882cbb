/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   the public header leaves the program's names alone, and its macros mean what they say.
 * Method: a macro of the program's that a careless header would define or undefine; spans. */
#define X 17

#include <corral/corral.h>

#include <setjmp.h>
#include <stdarg.h>

#include <stddef.h>
#include <cmocka.h>

static const corral_us in_an_initialiser = CORRAL_SECONDS(0.5);

static void macros_of_the_program_stay(void **state)
{
    (void)state;
    assert_int_equal(X, 17);
}

static void spans_may_be_fractions_and_long(void **state)
{
    (void)state;
    int day = 86400;
    assert_int_equal(in_an_initialiser, 500000);
    assert_int_equal(CORRAL_MS(0.25), 250);
    assert_int_equal(CORRAL_SECONDS(1 + 1), 2000000);
    assert_int_equal(CORRAL_SECONDS(day), INT64_C(86400000000));
    assert_int_equal(CORRAL_MS(-3), -3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(macros_of_the_program_stay),
        cmocka_unit_test(spans_may_be_fractions_and_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
