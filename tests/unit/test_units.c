/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a quantity means one thing, and what it writes it reads.
 * Method: texts and their values or faults; then formatting and reading back, drawn at random. */
#include "base/rng.h"
#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void reads(void **state)
{
    (void)state;
    static const struct {
        enum crl_quantity kind;
        const char *text;
        enum crl_units_fault fault;
        int64_t value;
    } rows[] = {
        {CRL_QUANTITY_RATE, "10000/s", CRL_UNITS_NONE, 600000},
        {CRL_QUANTITY_RATE, "30/m", CRL_UNITS_NONE, 30},
        {CRL_QUANTITY_RATE, "0/s", CRL_UNITS_NONE, 0},
        {CRL_QUANTITY_RATE, "100", CRL_UNITS_NO_UNIT, 0},
        {CRL_QUANTITY_RATE, "100/h", CRL_UNITS_UNKNOWN_UNIT, 0},
        {CRL_QUANTITY_RATE, "0.5/s", CRL_UNITS_FRACTION, 0},
        {CRL_QUANTITY_RATE, "-1/s", CRL_UNITS_NEGATIVE, 0},
        {CRL_QUANTITY_RATE, "9223372036854775807/s", CRL_UNITS_TOO_LARGE, 0},
        {CRL_QUANTITY_DECIMAL, "1", CRL_UNITS_NONE, 1000},
        {CRL_QUANTITY_DECIMAL, "0.99", CRL_UNITS_NONE, 990},
        {CRL_QUANTITY_DECIMAL, "12.345", CRL_UNITS_NONE, 12345},
        {CRL_QUANTITY_DECIMAL, "0.005", CRL_UNITS_NONE, 5},
        {CRL_QUANTITY_DECIMAL, "1.0000", CRL_UNITS_TOO_FINE, 0},
        {CRL_QUANTITY_DECIMAL, "1.", CRL_UNITS_NOT_A_NUMBER, 0},
        {CRL_QUANTITY_DECIMAL, ".5", CRL_UNITS_NOT_A_NUMBER, 0},
        {CRL_QUANTITY_DECIMAL, "1,5", CRL_UNITS_FRACTION, 0},
        {CRL_QUANTITY_DECIMAL, "1.5x", CRL_UNITS_NOT_A_NUMBER, 0},
        {CRL_QUANTITY_DECIMAL, "-1.5", CRL_UNITS_NEGATIVE, 0},
        {CRL_QUANTITY_DECIMAL, "9223372036854775807", CRL_UNITS_TOO_LARGE, 0},
        {CRL_QUANTITY_COUNT, "1.5", CRL_UNITS_FRACTION, 0},
        {CRL_QUANTITY_DURATION, "250ms", CRL_UNITS_NONE, 250000},
        {CRL_QUANTITY_SIZE, "64KiB", CRL_UNITS_NONE, 65536},
        {CRL_QUANTITY_PERCENT, "10%", CRL_UNITS_NONE, 10},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t value = -7;
        print_message("%s\n", rows[i].text);
        assert_int_equal(crl_units_parse(rows[i].kind, rows[i].text, &value), rows[i].fault);
        assert_int_equal(value, rows[i].fault == CRL_UNITS_NONE ? rows[i].value : -7);
    }
}

static void writes(void **state)
{
    (void)state;
    static const struct {
        enum crl_quantity kind;
        int64_t value;
        const char *text;
    } rows[] = {
        {CRL_QUANTITY_RATE, 0, "0/s"},        {CRL_QUANTITY_RATE, 90, "90/m"},
        {CRL_QUANTITY_RATE, 120, "2/s"},      {CRL_QUANTITY_DECIMAL, 0, "0"},
        {CRL_QUANTITY_DECIMAL, 1000, "1"},    {CRL_QUANTITY_DECIMAL, 1500, "1.5"},
        {CRL_QUANTITY_DECIMAL, 10, "0.01"},   {CRL_QUANTITY_DECIMAL, 12345, "12.345"},
        {CRL_QUANTITY_DURATION, 0, "0s"},     {CRL_QUANTITY_DURATION, 60000000, "1m"},
        {CRL_QUANTITY_SIZE, 1 << 20, "1MiB"}, {CRL_QUANTITY_COUNT, 20, "20"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[CRL_UNITS_FORMAT_MAX];
        crl_units_format(rows[i].kind, rows[i].value, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        struct crl_rng rng = crl_rng_split(seed, "units");
        enum crl_quantity kind = (enum crl_quantity)(crl_rng_next(&rng) % 6);
        int64_t value = (int64_t)(crl_rng_next(&rng) >> (crl_rng_next(&rng) % 40 + 24));
        int64_t read = -1;
        char text[CRL_UNITS_FORMAT_MAX];
        crl_units_format(kind, value, text);
        if (crl_units_parse(kind, text, &read) != CRL_UNITS_NONE || read != value)
            fail_msg("seed %llu: %s", (unsigned long long)seed, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(writes),
        cmocka_unit_test(what_is_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
