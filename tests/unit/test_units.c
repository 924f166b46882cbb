/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   quantities are read exactly as units.h says, and everything else is refused for the right
 *         reason.
 * Method: rows; then what is written is read back, on seeded draws. */
#include "base/rng.h"
#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct row {
    enum crl_quantity kind;
    const char *text;
    enum crl_units_fault fault;
    int64_t value;
};

#define COUNT    CRL_QUANTITY_COUNT
#define DURATION CRL_QUANTITY_DURATION
#define SIZE     CRL_QUANTITY_SIZE
#define PERCENT  CRL_QUANTITY_PERCENT
#define RATE     CRL_QUANTITY_RATE
#define DECIMAL  CRL_QUANTITY_DECIMAL

static const struct row rows[] = {
    {COUNT, "0", CRL_UNITS_NONE, 0},
    {COUNT, "20", CRL_UNITS_NONE, 20},
    {COUNT, "007", CRL_UNITS_NONE, 7},
    {COUNT, "9223372036854775807", CRL_UNITS_NONE, INT64_MAX},
    {COUNT, "9223372036854775808", CRL_UNITS_TOO_LARGE, 0},
    {COUNT, "99999999999999999999999999", CRL_UNITS_TOO_LARGE, 0},
    {COUNT, "", CRL_UNITS_NOT_A_NUMBER, 0},
    {COUNT, "-1", CRL_UNITS_NEGATIVE, 0},
    {COUNT, "-", CRL_UNITS_NOT_A_NUMBER, 0},
    {COUNT, "+1", CRL_UNITS_NOT_A_NUMBER, 0},
    {COUNT, "1.5", CRL_UNITS_FRACTION, 0},
    {COUNT, "1,5", CRL_UNITS_FRACTION, 0},
    {COUNT, "0x10", CRL_UNITS_NOT_A_NUMBER, 0},
    {COUNT, "1e3", CRL_UNITS_NOT_A_NUMBER, 0},
    {COUNT, "1_000", CRL_UNITS_NOT_A_NUMBER, 0},
    {COUNT, "20s", CRL_UNITS_NOT_A_NUMBER, 0},
    {COUNT, " 20", CRL_UNITS_NOT_A_NUMBER, 0},
    {DURATION, "0s", CRL_UNITS_NONE, 0},
    {DURATION, "1us", CRL_UNITS_NONE, 1},
    {DURATION, "250ms", CRL_UNITS_NONE, 250000},
    {DURATION, "30s", CRL_UNITS_NONE, 30000000},
    {DURATION, "5m", CRL_UNITS_NONE, 300000000},
    {DURATION, "2h", CRL_UNITS_NONE, INT64_C(7200000000)},
    {DURATION, "365d", CRL_UNITS_NONE, INT64_C(31536000000000)},
    {DURATION, "106751991d", CRL_UNITS_NONE, INT64_C(9223372022400000000)},
    {DURATION, "106751992d", CRL_UNITS_TOO_LARGE, 0},
    {DURATION, "30", CRL_UNITS_NO_UNIT, 0},
    {DURATION, "0", CRL_UNITS_NO_UNIT, 0},
    {DURATION, "30 s", CRL_UNITS_SPACE, 0},
    {DURATION, "30S", CRL_UNITS_UNKNOWN_UNIT, 0},
    {DURATION, "30sec", CRL_UNITS_UNKNOWN_UNIT, 0},
    {DURATION, "1m30s", CRL_UNITS_UNKNOWN_UNIT, 0},
    {DURATION, "1.5s", CRL_UNITS_FRACTION, 0},
    {DURATION, "-5s", CRL_UNITS_NEGATIVE, 0},
    {DURATION, "s", CRL_UNITS_NOT_A_NUMBER, 0},
    {DURATION, "10%", CRL_UNITS_UNKNOWN_UNIT, 0},
    {SIZE, "0B", CRL_UNITS_NONE, 0},
    {SIZE, "16B", CRL_UNITS_NONE, 16},
    {SIZE, "64KiB", CRL_UNITS_NONE, 65536},
    {SIZE, "256MiB", CRL_UNITS_NONE, INT64_C(268435456)},
    {SIZE, "1GiB", CRL_UNITS_NONE, INT64_C(1073741824)},
    {SIZE, "64KB", CRL_UNITS_UNKNOWN_UNIT, 0},
    {SIZE, "64kib", CRL_UNITS_UNKNOWN_UNIT, 0},
    {SIZE, "64", CRL_UNITS_NO_UNIT, 0},
    {SIZE, "8589934591GiB", CRL_UNITS_NONE, INT64_C(9223372035781033984)},
    {SIZE, "8589934592GiB", CRL_UNITS_TOO_LARGE, 0},
    {PERCENT, "10%", CRL_UNITS_NONE, 10},
    {PERCENT, "10", CRL_UNITS_NO_UNIT, 0},
    {PERCENT, "10 %", CRL_UNITS_SPACE, 0},
    {PERCENT, "0.1%", CRL_UNITS_FRACTION, 0},
    {RATE, "10000/s", CRL_UNITS_NONE, 600000},
    {RATE, "30/m", CRL_UNITS_NONE, 30},
    {RATE, "0/s", CRL_UNITS_NONE, 0},
    {RATE, "100", CRL_UNITS_NO_UNIT, 0},
    {RATE, "100/h", CRL_UNITS_UNKNOWN_UNIT, 0},
    {RATE, "0.5/s", CRL_UNITS_FRACTION, 0},
    {RATE, "-1/s", CRL_UNITS_NEGATIVE, 0},
    {RATE, "9223372036854775807/s", CRL_UNITS_TOO_LARGE, 0},
    {DECIMAL, "1", CRL_UNITS_NONE, 1000},
    {DECIMAL, "0.99", CRL_UNITS_NONE, 990},
    {DECIMAL, "12.345", CRL_UNITS_NONE, 12345},
    {DECIMAL, "0.005", CRL_UNITS_NONE, 5},
    {DECIMAL, "1.0000", CRL_UNITS_TOO_FINE, 0},
    {DECIMAL, "1.", CRL_UNITS_NOT_A_NUMBER, 0},
    {DECIMAL, ".5", CRL_UNITS_NOT_A_NUMBER, 0},
    {DECIMAL, "1,5", CRL_UNITS_FRACTION, 0},
    {DECIMAL, "1.5x", CRL_UNITS_NOT_A_NUMBER, 0},
    {DECIMAL, "-1.5", CRL_UNITS_NEGATIVE, 0},
    {DECIMAL, "9223372036854775807", CRL_UNITS_TOO_LARGE, 0},
    {DECIMAL, "9223372036854775.807", CRL_UNITS_NONE, INT64_MAX},
    {DECIMAL, "9223372036854775.808", CRL_UNITS_TOO_LARGE, 0},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t value = -7;
        enum crl_units_fault fault = crl_units_parse(rows[i].kind, rows[i].text, &value);
        int64_t expected = rows[i].fault == CRL_UNITS_NONE ? rows[i].value : -7;
        if (fault != rows[i].fault || value != expected)
            fail_msg("'%s': %s, %lld", rows[i].text, crl_units_fault_text(fault), (long long)value);
    }
}

static void test_format(void **state)
{
    (void)state;
    static const struct row shown[] = {
        {COUNT, "20", 0, 20},
        {DURATION, "0s", 0, 0},
        {DURATION, "1m", 0, 60000000},
        {DURATION, "90s", 0, 90000000},
        {SIZE, "0B", 0, 0},
        {SIZE, "65535B", 0, 65535},
        {SIZE, "1024GiB", 0, INT64_C(1) << 40},
        {PERCENT, "50%", 0, 50},
        {PERCENT, "0%", 0, 0},
        {RATE, "0/s", 0, 0},
        {RATE, "2/s", 0, 120},
        {RATE, "90/m", 0, 90},
        {DECIMAL, "0", 0, 0},
        {DECIMAL, "1", 0, 1000},
        {DECIMAL, "1.5", 0, 1500},
        {DECIMAL, "0.01", 0, 10},
        {DECIMAL, "12.345", 0, 12345},
    };
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        char text[CRL_UNITS_FORMAT_MAX];
        crl_units_format(shown[i].kind, shown[i].value, text);
        assert_string_equal(text, shown[i].text);
    }
}

/* The law: what is written is read back to the same value. */
static void test_round_trip(void **state)
{
    (void)state;
    uint64_t seed = 42;
    struct crl_rng rng = crl_rng_split(seed, "units");
    for (int i = 0; i < 20000; i++) {
        enum crl_quantity kind = (enum crl_quantity)crl_rng_below(&rng, 6);
        int64_t value = (int64_t)(crl_rng_next(&rng) >> (1 + crl_rng_below(&rng, 63)));
        char text[CRL_UNITS_FORMAT_MAX];
        int64_t back = -1;
        crl_units_format(kind, value, text);
        enum crl_units_fault fault = crl_units_parse(kind, text, &back);
        if (fault != CRL_UNITS_NONE || back != value)
            fail_msg("seed %llu, draw %d: '%s'", (unsigned long long)seed, i, text);
    }
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        struct crl_units_range range;
        const char *text;
        const char *why; /* NULL: it is right */
    } asked[] = {
        {{COUNT, 1, 20}, "1", NULL},
        {{COUNT, 1, 20}, "20", NULL},
        {{COUNT, 1, 20}, "0", "is out of range, 1 to 20"},
        {{COUNT, 1, 20}, "21", "is out of range, 1 to 20"},
        {{COUNT, 1, 20}, "-5", "is out of range, 1 to 20"},
        {{COUNT, 1, 20}, "99999999999999999999", "is out of range, 1 to 20"},
        {{COUNT, 1, 20}, "5x", "is not a number, such as 20, without a unit"},
        {{COUNT, 0, INT64_MAX}, "-1", "is out of range, 0 to 9223372036854775807"},
        {{DURATION, 1000, 60000000}, "250ms", NULL},
        {{DURATION, 1000, 60000000}, "0s", "is out of range, 1ms to 1m"},
        {{PERCENT, 0, 50}, "10", "needs a unit, such as 10%"},
        {{PERCENT, 0, 50}, "10 %", "has a space before its unit; write it like 10%"},
        {{DURATION, 0, INT64_MAX},
         "100 ms",
         "has a space before its unit; write it like 30s or 250ms (units: us ms s m h d)"},
        {{DURATION, 0, INT64_MAX},
         "100 sec",
         "has an unknown unit; write it like 30s or 250ms (units: us ms s m h d)"},
        {{DURATION, 0, INT64_MAX},
         "100 ",
         "has an unknown unit; write it like 30s or 250ms (units: us ms s m h d)"},
        {{DURATION, 0, 600000000}, "5", "needs a unit, such as 30s or 250ms (units: us ms s m)"},
        {{DURATION, 0, 2000000}, "5", "needs a unit, such as 250ms (units: us ms s)"},
        {{SIZE, 0, 1 << 20}, "5", "needs a unit, such as 64KiB (units: B KiB MiB)"},
    };
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        int64_t value = -7;
        char why[CRL_UNITS_WHY_MAX] = "";
        bool is_right = crl_units_read(&asked[i].range, asked[i].text, &value, why);
        assert_int_equal(is_right, asked[i].why == NULL);
        assert_string_equal(why, is_right ? "" : asked[i].why);
        assert_int_equal(value >= asked[i].range.min, is_right);
    }
}

/* Whatever is wrong with whatever kind, the text ends within its room. */
static void test_texts_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct crl_units_range range = {rows[i].kind, INT64_MAX, INT64_MAX};
        int64_t value;
        char why[CRL_UNITS_WHY_MAX] = "";
        if (!crl_units_read(&range, rows[i].text, &value, why))
            assert_in_range(strlen(why), 1, CRL_UNITS_WHY_MAX - 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),       cmocka_unit_test(test_format),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_texts_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
