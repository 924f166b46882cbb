/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   early refresh is due when its formula says so, and costs what its law says.
 * Method: rows; then lots and times drawn by thousands, the extreme lots among them; then many
 *         drawn cycles of a key, with readers of a Poisson process, compared with the laws of
 *         early.h within five standard errors. */
#include "base/rng.h"
#include "policy/early.h"

#include "../helper/draws.h"

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

/* ------------------------------------------------------------------------------ window and lots */

static void lead_max_rows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct crl_early early;
        corral_us answered_at, fresh_until, load_us, expected;
    } rows[] = {
        {"the window is the shorter", {1.0, 0.2}, 0, MS(10000), MS(100), MS(2000)},
        {"the least lot is the shorter: 22.2 loads", {1.0, 0.2}, 0, MS(10000), MS(10), MS(222)},
        {"twice as eager", {2.0, 0.2}, 0, MS(10000), MS(10), MS(444)},
        {"the window is of the TTL, wherever that began",
         {1.0, 0.5},
         MS(8000),
         MS(10000),
         MS(5000),
         MS(1000)},
        {"all of the TTL, and no more", {4.0, 1.0}, MS(8000), MS(10000), MS(60000), MS(2000)},
        {"not eager at all", {0.0, 0.2}, 0, MS(10000), MS(100), 0},
        {"no window", {1.0, 0.0}, 0, MS(10000), MS(100), 0},
        {"a load that cost nothing", {1.0, 0.2}, 0, MS(10000), 0, 0},
        {"no TTL", {1.0, 0.2}, MS(10000), MS(10000), MS(100), 0},
        {"expired on the way from the store", {1.0, 0.2}, MS(10000), MS(9000), MS(100), 0},
        {"a hundred years do not overflow",
         {1.0, 1.0},
         0,
         CORRAL_SECONDS(100LL * 365 * 86400),
         MS(100),
         2220000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct crl_times times = {.answered_at = rows[i].answered_at,
                                  .fresh_until = rows[i].fresh_until,
                                  .load_us = rows[i].load_us};
        corral_us lead_us = crl_early_lead_max(&rows[i].early, &times);
        if (lead_us != rows[i].expected)
            fail_msg("%s: %lld us", rows[i].name, (long long)lead_us);
    }
}

/* TTL 10 s, load 100 ms: the window begins at 8 s; a lot of 2^32/e is worth one load. */
static void is_due_rows(void **state)
{
    (void)state;
    const uint32_t most = UINT32_MAX, one_in_e = 1580030168;
    static const struct crl_early usual = {1.0, 0.2}, wide = {1.0, 1.0}, none = {0.0, 0.2},
                                  closed = {1.0, 0.0};
    const struct {
        const char *name;
        const struct crl_early *early;
        corral_us now;
        uint32_t lot;
        bool expected;
    } rows[] = {
        {"before the window the least lot is not due", &usual, MS(8000) - 1, 0, false},
        {"in the window it is", &usual, MS(8000), 0, true},
        {"in the window the largest is not", &usual, MS(8000), most, false},
        {"the least lot is worth 22.18 loads, without a window", &wide, MS(7782), 0, true},
        {"and no more", &wide, MS(7781), 0, false},
        {"one load before the expiry, one in e", &usual, MS(9900), one_in_e - 1000, true},
        {"one load before the expiry, one more", &usual, MS(9900), one_in_e + 1000, false},
        {"the largest lot, just before", &usual, MS(10000) - 1, most, false},
        {"the largest lot, at the expiry", &usual, MS(10000), most, true},
        {"not eager, just before", &none, MS(10000) - 1, 0, false},
        {"not eager, at the expiry", &none, MS(10000), 0, false},
        {"no window, just before", &closed, MS(10000) - 1, 0, false},
        {"no window, at the expiry", &closed, MS(10000), 0, true},
    };
    struct crl_times times = {.fresh_until = MS(10000), .load_us = MS(100)};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (crl_early_is_due(rows[i].early, &times, rows[i].now, rows[i].lot) != rows[i].expected)
            fail_msg("%s", rows[i].name);
    }
}

/* A pair of policy and times, as far apart as they may be. */
struct drawn {
    struct crl_early early;
    struct crl_times times;
};

static corral_us span_drawn(struct crl_rng *rng)
{
    return (corral_us)(crl_rng_next(rng) >> (64 - crl_rng_below(rng, 42) - 1)) - 1;
}

static struct drawn drawn(struct crl_rng *rng)
{
    struct drawn drawn = {
        .early = {.beta = crl_rng_below(rng, 4) == 0 ? 0.0 : 10.0 * crl_rng_uniform(rng),
                  .window = crl_rng_below(rng, 4) == 0 ? 1.0 : crl_rng_uniform(rng)},
        .times = {.answered_at = (corral_us)crl_rng_below(rng, 1u << 30)}};
    corral_us ttl_us = span_drawn(rng), load_us = span_drawn(rng);
    drawn.times.fresh_until = drawn.times.answered_at + (ttl_us > 0 ? ttl_us : 0);
    drawn.times.load_us = load_us > 0 ? load_us : 0;
    return drawn;
}

/* Law: at a lead of more than crl_early_lead_max() nothing is due, for any of the 2^32 lots. A
 * smaller lot is due if a larger one is (above), so the least stands for all; others are drawn all
 * the same. */
static void before_the_longest_lead_no_lot_is_due(void **state)
{
    (void)state;
    struct crl_rng rng = crl_rng_split(4, "longest lead");
    uint32_t due_at_once = 0;
    for (int i = 0; i < DRAWS(200000); i++) {
        struct drawn d = drawn(&rng);
        corral_us from = d.times.fresh_until - crl_early_lead_max(&d.early, &d.times);
        const corral_us befores[] = {1, 2, 1 + span_drawn(&rng) / 2};
        const uint32_t lots[] = {0, 1, UINT32_MAX, (uint32_t)crl_rng_next(&rng)};
        for (size_t k = 0; k < 12; k++) {
            corral_us before_us = befores[k % 3] > 0 ? befores[k % 3] : 1;
            if (crl_early_is_due(&d.early, &d.times, from - before_us, lots[k / 3]))
                fail_msg("draw %d: lot %u is due %lld us before", i, lots[k / 3],
                         (long long)before_us);
        }
        due_at_once += crl_early_is_due(&d.early, &d.times, from, 0);
    }
    assert_in_range(due_at_once, DRAWS(20000), DRAWS(200000)); /* it is no longer than it need be */
}

/* Laws: between 0 and the TTL; within the window; nothing where beta or the window is 0. */
static void the_longest_lead_is_within_the_window(void **state)
{
    (void)state;
    struct crl_rng rng = crl_rng_split(5, "window");
    for (int i = 0; i < DRAWS(200000); i++) {
        struct drawn d = drawn(&rng);
        corral_us lead_us = crl_early_lead_max(&d.early, &d.times);
        corral_us ttl_us = d.times.fresh_until - d.times.answered_at;
        assert_true(lead_us >= 0 && lead_us <= ttl_us);
        assert_true((double)lead_us <= d.early.window * (double)ttl_us);
        if (d.early.beta == 0.0)
            assert_int_equal(lead_us, 0);
        d.early.window = 0.0;
        assert_int_equal(crl_early_lead_max(&d.early, &d.times), 0);
    }
}

/* Law: for one lot, once due stays due, in the window too; and beta 0 is never due. */
static void due_is_monotonous(void **state)
{
    (void)state;
    struct crl_rng rng = crl_rng_split(6, "due");
    for (int i = 0; i < DRAWS(200000); i++) {
        struct drawn d = drawn(&rng);
        corral_us ttl_us = d.times.fresh_until - d.times.answered_at;
        corral_us now = d.times.answered_at + (corral_us)crl_rng_below(&rng, (uint64_t)ttl_us + 1);
        uint32_t lot = (uint32_t)crl_rng_next(&rng);
        if (!crl_early_is_due(&d.early, &d.times, now, lot))
            continue;
        assert_true(d.early.beta > 0.0);
        assert_true(crl_early_is_due(&d.early, &d.times, now + 1, lot));
        assert_true(crl_early_is_due(&d.early, &d.times, now, lot / 2));
    }
}

/* --------------------------------------------------------------------------------- whole cycles */

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
        cmocka_unit_test(lead_max_rows),
        cmocka_unit_test(is_due_rows),
        cmocka_unit_test(before_the_longest_lead_no_lot_is_due),
        cmocka_unit_test(the_longest_lead_is_within_the_window),
        cmocka_unit_test(due_is_monotonous),
        cmocka_unit_test(the_laws_hold_at_any_high_rate),
        cmocka_unit_test(few_readers_load_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
