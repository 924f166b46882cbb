/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a percentile is never too low and at most 0.1 % too high; below 2,048 us it is exact.
 * Method: small rows with known answers, then seeded draws against a sorted array. */
#include "base/quantiles.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct crl_quantiles quantiles;

static int reset(void **state)
{
    (void)state;
    memset(&quantiles, 0, sizeof(quantiles));
    return 0;
}

static void nothing_is_zero(void **state)
{
    (void)state;
    assert_int_equal(crl_quantiles_at(&quantiles, 0.5), 0);
    assert_int_equal(crl_quantiles_at(&quantiles, 1), 0);
}

static void small_ones_are_exact(void **state)
{
    (void)state;
    for (corral_us us = 100; us >= 1; us--)
        crl_quantiles_add(&quantiles, us);
    assert_int_equal(crl_quantiles_at(&quantiles, 0.01), 1);
    assert_int_equal(crl_quantiles_at(&quantiles, 0.50), 50);
    assert_int_equal(crl_quantiles_at(&quantiles, 0.99), 99);
    assert_int_equal(crl_quantiles_at(&quantiles, 1), 100);
    assert_int_equal(quantiles.n, 100);
}

static void ends_are_clamped(void **state)
{
    (void)state;
    crl_quantiles_add(&quantiles, -5);
    crl_quantiles_add(&quantiles, INT64_MAX);
    assert_int_equal(crl_quantiles_at(&quantiles, 0.5), 0);
    assert_int_equal(crl_quantiles_at(&quantiles, 1), CRL_QUANTILES_MAX_US);
}

static void one_is_itself(void **state)
{
    (void)state;
    crl_quantiles_add(&quantiles, 5012345);
    assert_int_equal(crl_quantiles_at(&quantiles, 0.5), 5012345);
    assert_int_equal(crl_quantiles_at(&quantiles, 1), 5012345);
}

static int compare_us(const void *a, const void *b)
{
    corral_us x = *(const corral_us *)a, y = *(const corral_us *)b;
    return (x > y) - (x < y);
}

/* The law, for values of every magnitude. */
static void never_low_never_far(void **state)
{
    (void)state;
    enum { N = 20000 };
    static corral_us all[N];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct crl_rng rng = crl_rng_split(seed, "quantiles");
        memset(&quantiles, 0, sizeof(quantiles));
        for (int i = 0; i < N; i++) {
            all[i] = (corral_us)(crl_rng_next(&rng) >> (33 + crl_rng_below(&rng, 30)));
            crl_quantiles_add(&quantiles, all[i]);
        }
        qsort(all, N, sizeof(all[0]), compare_us);
        for (int i = 1; i <= 1000; i++) {
            double fraction = i / 1000.0;
            corral_us truth = all[(int)ceil(N * fraction) - 1];
            corral_us told = crl_quantiles_at(&quantiles, fraction);
            if (told < truth || told > truth + truth / 1024 || (truth < 2048 && told != truth))
                fail_msg("seed %lu: at %f told %ld, not %ld", (unsigned long)seed, fraction,
                         (long)told, (long)truth);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_zero, reset),
        cmocka_unit_test_setup(small_ones_are_exact, reset),
        cmocka_unit_test_setup(ends_are_clamped, reset),
        cmocka_unit_test_setup(one_is_itself, reset),
        cmocka_unit_test_setup(never_low_never_far, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
