/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what the library says of values and of itself is so.
 * Method: the real library; values are put, so nothing loads and nobody waits. For time to pass,
 *         the clock of hits is set ahead. */
#include "base/bytes.h"
#include "io/clock.h"
#include "lib/cache.h"

#include <corral/corral.h>

#include "../helper/policy.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define LONG CORRAL_SECONDS(600)

struct house {
    struct corral_cache *cache;
    struct corral_space *space;
};

static void no_loader(void *arg, struct corral_load *load)
{
    (void)arg;
    corral_load_fail(load, "nobody asks for one");
}

static struct house house_open(size_t memory_bytes)
{
    struct house house;
    struct corral_options options = {.size = sizeof options, .memory_bytes = memory_bytes};
    assert_int_equal(corral_open(&options, &house.cache), 0);
    struct corral_origin_options origin = {
        .size = sizeof origin, .name = "db", .loader = no_loader};
    struct corral_space_options space = {
        .size = sizeof space, .name = "users", .policy = POLICY(.ttl_us = LONG)};
    assert_int_equal(corral_origin_add(house.cache, &origin, &space.origin), 0);
    assert_int_equal(corral_space_add(house.cache, &space, &house.space), 0);
    return house;
}

static void house_close(struct house *house)
{
    assert_int_equal(corral_close(house->cache), 0);
}

static struct crl_space_stats space_stats(struct house *house)
{
    struct crl_space_stats stats;
    crl_space_stats(house->space, &stats);
    return stats;
}

/* A clock of hits by which five seconds more have passed. */
static int later_clock(clockid_t clock, struct timespec *t)
{
    (void)clock;
    corral_us now = crl_now() + CORRAL_SECONDS(5);
    *t = (struct timespec){.tv_sec = now / 1000000, .tv_nsec = now % 1000000 * 1000};
    return 0;
}

static void a_hit_tells_the_age_of_its_value(void **state)
{
    (void)state;
    int (*clock_read)(clockid_t, struct timespec *) = crl_clock_read;
    struct house house = house_open(0);
    corral_us put_at = crl_now();
    assert_int_equal(corral_put(house.space, corral_str("7"), corral_str("x")), 0);
    crl_clock_read = later_clock;
    struct corral_value value;
    size_t size;
    assert_int_equal(corral_get(house.space, corral_str("7"), 0, &value), CORRAL_HIT);
    assert_in_range(value.age_us, CORRAL_SECONDS(5), crl_now() - put_at + CORRAL_SECONDS(5));
    assert_true(value.age_us + value.fresh_us == LONG);
    corral_value_release(&value);
    assert_int_equal(corral_read(house.space, corral_str("7"), NULL, 0, &size), CORRAL_HIT);
    crl_clock_read = clock_read;
    struct crl_space_stats stats = space_stats(&house);
    assert_in_range(crl_counter_get(&stats.age.sum_us), 2 * CORRAL_SECONDS(5),
                    2 * (crl_now() - put_at + CORRAL_SECONDS(5)));
    house_close(&house);
}

/* Whatever was put is there or was evicted. */
static void a_full_budget_is_told(void **state)
{
    (void)state;
    enum { BUDGET = 1 << 20, PUTS = 300 };
    struct house house = house_open(BUDGET);
    struct crl_cache_stats stats;
    char value[10000] = {0};
    for (int i = 0; i < PUTS; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        assert_int_equal(corral_put(house.space, corral_str(key), crl_bytes(value, sizeof value)),
                         0);
    }
    crl_cache_stats(house.cache, &stats);
    assert_in_range(stats.entries, 1, BUDGET / sizeof value);
    assert_int_equal(stats.entries + stats.evictions, PUTS);
    assert_in_range(stats.bytes, stats.entries * sizeof value, BUDGET);
    house_close(&house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hit_tells_the_age_of_its_value),
        cmocka_unit_test(a_full_budget_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
