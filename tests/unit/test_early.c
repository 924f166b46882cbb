/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   early refresh is due when its formula says so, and costs what its law says.
 * Method: rows; then many drawn cycles of a key, with readers of a Poisson process, compared with
 *         the laws of early.h within five standard errors. */
#include "base/rng.h"
#include "policy/early.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define MS    CORRAL_MS
#define EULER 0.57721566490153286

static void xfetch_rows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double beta;
        corral_us fresh_until, load_us, now;
        double u;
        bool expected;
    } rows[] = {
        {"the expiry itself", 1.0, MS(1000), MS(100), MS(1000), 1.0, true},
        {"just before it, the largest lot", 1.0, MS(1000), MS(100), MS(1000) - 1, 1.0, false},
        {"one load before it: 1/e is just enough", 1.0, MS(1000), MS(100), MS(900), 0.3678, true},
        {"one load before it: more is not", 1.0, MS(1000), MS(100), MS(900), 0.3679, false},
        {"twice as eager", 2.0, MS(1000), MS(100), MS(800), 0.3678, true},
        {"half as eager", 0.5, MS(1000), MS(100), MS(900), 0.3678, false},
        {"not eager at all", 0.0, MS(1000), MS(100), MS(1000) - 1, 1e-9, false},
        {"not eager, but expired", 0.0, MS(1000), MS(100), MS(1000), 1.0, true},
        {"a load that costs nothing can wait", 1.0, MS(1000), 0, MS(1000) - 1, 1e-9, false},
        {"long expired", 1.0, MS(1000), MS(100), MS(5000), 1.0, true},
        {"a year ahead does not overflow", 1.0, CORRAL_SECONDS(365LL * 86400), MS(100), 0, 1e-300,
         false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct crl_times times = {.fresh_until = rows[i].fresh_until, .load_us = rows[i].load_us};
        if (crl_xfetch_due(rows[i].beta, &times, rows[i].now, rows[i].u) != rows[i].expected)
            fail_msg("%s", rows[i].name);
    }
}

/* Law: for one lot, once due stays due; for one instant, a smaller lot is due if a larger one
 *      is. */
static void xfetch_is_monotonous(void **state)
{
    (void)state;
    struct crl_rng rng = crl_rng_split(3, "monotonous");
    for (int i = 0; i < 100000; i++) {
        struct crl_times times = {.fresh_until = (corral_us)crl_rng_below(&rng, 2000000),
                                  .load_us = (corral_us)crl_rng_below(&rng, 500000)};
        double beta = 3.0 * crl_rng_uniform(&rng), u = crl_rng_uniform(&rng);
        corral_us now = (corral_us)crl_rng_below(&rng, 2000000);
        if (!crl_xfetch_due(beta, &times, now, u))
            continue;
        assert_true(
            crl_xfetch_due(beta, &times, now + 1 + (corral_us)crl_rng_below(&rng, 1000), u));
        assert_true(crl_xfetch_due(beta, &times, now, u * crl_rng_uniform(&rng)));
    }
}

/* What came of one cycle. */
struct cycle {
    double lead;    /* of the first that was due, in loads */
    uint32_t loads; /* begun from then until it had ended, when each that is due begins one */
};

/* The last part of a cycle: earlier than this, one cycle in 1,000,000 would be due. */
static struct cycle cycle_drawn(struct crl_rng *rng, double beta, double n)
{
    const corral_us load_us = MS(100);
    double start = beta * (log(n * beta) + 14.0);
    struct crl_times times = {.fresh_until = (corral_us)(fmax(start, 0.0) * (double)load_us),
                              .load_us = load_us};
    struct cycle cycle = {0};
    double at = 0.0, until = INFINITY; /* microseconds */
    for (;;) {
        at += -log(crl_rng_uniform(rng)) / n * (double)load_us;
        if (at >= until)
            return cycle;
        if (!crl_xfetch_due(beta, &times, (corral_us)at, crl_rng_uniform(rng)))
            continue;
        if (cycle.loads++ > 0)
            continue;
        until = at + (double)load_us;
        cycle.lead = ((double)times.fresh_until - at) / (double)load_us;
    }
}

struct means {
    double loads, lead;
};

static struct means means_of(double beta, double n, uint32_t cycles)
{
    struct crl_rng rng = crl_rng_split((uint64_t)(beta * 1000 + n), "early");
    struct means means = {0};
    for (uint32_t i = 0; i < cycles; i++) {
        struct cycle cycle = cycle_drawn(&rng, beta, n);
        means.loads += cycle.loads;
        means.lead += cycle.lead;
    }
    means.loads /= cycles;
    means.lead /= cycles;
    return means;
}

/* Given the lead, the further loads are a Poisson number whose mean is (e^(1/beta) - 1) times an
 * exponential number; the lead is a Gumbel one. Hence the standard errors. */
static void the_laws_hold_at_any_high_rate(void **state)
{
    (void)state;
    static const struct {
        double beta, n;
        uint32_t cycles;
    } rows[] = {{1.0, 40, 20000}, {1.0, 200, 5000},  {1.0, 1000, 1000},
                {2.0, 40, 10000}, {0.5, 400, 10000}, {4.0, 20, 10000}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double beta = rows[i].beta, n = rows[i].n, further = exp(1.0 / beta) - 1.0;
        struct means means = means_of(beta, n, rows[i].cycles);
        double loads_error = sqrt((further + further * further) / rows[i].cycles);
        double lead_error = beta * 3.14159265358979 / sqrt(6.0 * rows[i].cycles);
        double lead = beta * (log(n * beta) + EULER);
        if (fabs(means.loads - 1.0 - further) > 5 * loads_error)
            fail_msg("beta %g, n %g: %g loads a cycle, not %g +- %g", beta, n, means.loads,
                     1.0 + further, loads_error);
        if (fabs(means.lead - lead) > 5 * lead_error)
            fail_msg("beta %g, n %g: a lead of %g loads, not %g +- %g", beta, n, means.lead, lead,
                     lead_error);
    }
}

/* Where readers are few, the bound holds and the equation does not. */
static void few_readers_load_less(void **state)
{
    (void)state;
    double before = 1.0;
    static const double rates[] = {0.05, 0.3, 1, 3};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        double loads = means_of(1.0, rates[i], 20000).loads;
        if (loads < before || loads > exp(1.0) - 0.1)
            fail_msg("n %g: %g loads a cycle", rates[i], loads);
        before = loads;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xfetch_rows),
        cmocka_unit_test(xfetch_is_monotonous),
        cmocka_unit_test(the_laws_hold_at_any_high_rate),
        cmocka_unit_test(few_readers_load_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
