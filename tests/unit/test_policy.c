/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   the arithmetic of policy/ and the numbers of base/ it rests on.
 * Method: rows in tables, then the laws that a table cannot show, on thousands of seeded draws. */
#include "base/hist.h"
#include "base/rc.h"
#include "base/rng.h"
#include "policy/bulkhead.h"
#include "policy/ttl.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void ttl_rows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        corral_us ttl_us;
        double jitter, u;
        corral_us expected;
    } rows[] = {
        {"no jitter", CORRAL_SECONDS(30), 0.0, 0.3, CORRAL_SECONDS(30)},
        {"the middle lot changes nothing", CORRAL_SECONDS(30), 0.1, 0.5, CORRAL_SECONDS(30)},
        {"the largest lot", CORRAL_SECONDS(30), 0.1, 1.0, CORRAL_SECONDS(33)},
        {"nearly the least lot", CORRAL_SECONDS(30), 0.1, 1e-12, CORRAL_SECONDS(27) + 1},
        {"nothing stays nothing", 0, 0.5, 1.0, 0},
        {"a year does not overflow", CORRAL_SECONDS(365LL * 86400), 0.5, 1.0,
         CORRAL_SECONDS(365LL * 86400) / 2 * 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        corral_us got = crl_ttl_jittered(rows[i].ttl_us, rows[i].jitter, rows[i].u);
        if (got != rows[i].expected)
            fail_msg("%s: %lld, not %lld", rows[i].name, (long long)got,
                     (long long)rows[i].expected);
    }
}

/* Law: within the bounds, and the mean is the TTL. */
static void ttl_law(void **state)
{
    (void)state;
    struct crl_rng rng = crl_rng_split(7, "ttl law");
    double sum = 0;
    const int n = 100000;
    for (int i = 0; i < n; i++) {
        corral_us got = crl_ttl_jittered(1000000, 0.1, crl_rng_uniform(&rng));
        assert_in_range(got, 900000, 1100000);
        sum += (double)got;
    }
    /* The standard error of the mean is 100000 * 2 / sqrt(12 n) = 183. */
    assert_true(fabs(sum / n - 1000000.0) < 5 * 183.0);
}

static void bulkhead_rows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct crl_bulkhead_limits limits;
        uint32_t active, queued;
        enum crl_bulkhead_verdict expected;
    } rows[] = {
        {"empty", {2, 3}, 0, 0, CRL_BULKHEAD_ADMIT},
        {"one place left", {2, 3}, 1, 0, CRL_BULKHEAD_ADMIT},
        {"full, the queue is empty", {2, 3}, 2, 0, CRL_BULKHEAD_QUEUE},
        {"full, one place in the queue", {2, 3}, 2, 2, CRL_BULKHEAD_QUEUE},
        {"full, the queue is full", {2, 3}, 2, 3, CRL_BULKHEAD_REFUSE},
        {"a free place belongs to the queue", {2, 3}, 1, 1, CRL_BULKHEAD_QUEUE},
        {"no queue", {1, 0}, 1, 0, CRL_BULKHEAD_REFUSE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (crl_bulkhead_judge(&rows[i].limits, rows[i].active, rows[i].queued) != rows[i].expected)
            fail_msg("%s", rows[i].name);
    }
}

static void uniform_law(void **state)
{
    (void)state;
    struct crl_rng rng = crl_rng_split(1, "uniform"), twin = crl_rng_split(1, "uniform");
    struct crl_rng other = crl_rng_split(1, "another name");
    double sum = 0;
    uint32_t same = 0;
    for (int i = 0; i < 100000; i++) {
        double u = crl_rng_uniform(&rng);
        assert_true(u > 0.0 && u <= 1.0);
        assert_true(crl_rng_uniform(&twin) == u);
        same += crl_rng_uniform(&other) == u;
        sum += u;
    }
    assert_true(fabs(sum / 100000 - 0.5) < 0.005);
    assert_int_equal(same, 0);
    for (uint64_t limit = 1; limit < 100; limit++)
        assert_true(crl_rng_below(&rng, limit) < limit);
}

/* Law: every value is in the one bucket whose bounds enclose it. */
static void hist_law(void **state)
{
    (void)state;
    struct crl_rng rng = crl_rng_split(3, "hist");
    for (int i = 0; i < 20000; i++) {
        corral_us value = (corral_us)(crl_rng_next(&rng) >> (20 + crl_rng_below(&rng, 44)));
        struct crl_hist hist = {0}, sum = {0};
        crl_hist_add(&hist, &crl_hist_latency, value);
        crl_hist_merge(&sum, &hist);
        uint32_t bucket = 0;
        while (crl_counter_get(&sum.buckets[bucket]) == 0)
            bucket++;
        assert_true(bucket == crl_hist_latency.n || value <= crl_hist_latency.upper_us[bucket]);
        assert_true(bucket == 0 || value > crl_hist_latency.upper_us[bucket - 1]);
        assert_int_equal(crl_counter_get(&sum.sum_us), value);
    }
}

static void errors_have_texts(void **state)
{
    (void)state;
    assert_string_equal(corral_strerror(CORRAL_EQUEUE), "the origin's queue is full");
    assert_string_equal(crl_rc_name(CORRAL_EDEADLINE), "EDEADLINE");
    assert_int_equal(crl_rc_http_status(CORRAL_EDEADLINE), 504);
    assert_int_equal(crl_rc_http_status(CORRAL_EQUEUE), 503);
    assert_int_equal(crl_rc_http_status(-999), 500);
    assert_string_equal(corral_strerror(-999), "unknown error");
    assert_string_equal(corral_strerror(0), "success");
    assert_string_equal(corral_outcome_name(CORRAL_LOADED), "miss");
    assert_string_equal(corral_outcome_name(99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ttl_rows),      cmocka_unit_test(ttl_law),
        cmocka_unit_test(bulkhead_rows), cmocka_unit_test(uniform_law),
        cmocka_unit_test(hist_law),      cmocka_unit_test(errors_have_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
