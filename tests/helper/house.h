/* SPDX-License-Identifier: Apache-2.0
 *
 * house.h - a cache with one origin and one space, and a loader that a test chooses: for tests of
 * what programs see. Nothing sleeps: what is waited for is waited for by turns of other threads. */
#ifndef CRL_TESTS_HOUSE_H
#define CRL_TESTS_HOUSE_H

#include "wait.h"

#include <corral/corral.h>

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct house {
    struct corral_cache *cache;
    struct corral_origin *origin;
    struct corral_space *space;
    corral_loader_fn *loader; /* gets the house; NULL: house_echo() */
    atomic_bool gate_is_shut; /* loaders wait where they look at it */
    _Atomic uint32_t begun;   /* loads */
};

/* Answer with the key, when the gate is open; "none" does not exist, and "bad" fails. */
static inline void house_echo(struct house *house, struct corral_load *load)
{
    struct corral_bytes key = corral_load_key(load);
    wait_until(!house->gate_is_shut || corral_load_cancelled(load));
    if (key.size == 4 && memcmp(key.data, "none", 4) == 0)
        corral_load_not_found(load);
    else if (key.size == 3 && memcmp(key.data, "bad", 3) == 0)
        corral_load_fail(load, "it is bad");
    else
        (void)corral_load_value(load, key);
}

static inline void house_loader(void *arg, struct corral_load *load)
{
    struct house *house = arg;
    atomic_fetch_add(&house->begun, 1);
    if (house->loader != NULL)
        house->loader(house, load);
    else
        house_echo(house, load);
}

/* options, policy: NULL for the defaults, and for values that stay fresh. */
static inline void house_open(struct house *house, const struct corral_options *options,
                              const struct corral_policy *policy)
{
    static const struct corral_policy usual = {
        .size = sizeof usual, .ttl_us = LONG, .negative_ttl_us = LONG};
    struct corral_origin_options asks = {.size = sizeof asks,
                                         .name = "db",
                                         .loader = house_loader,
                                         .arg = house,
                                         .deadline_us = LONG};
    assert_int_equal(corral_open(options, &house->cache), 0);
    assert_int_equal(corral_origin_add(house->cache, &asks, &house->origin), 0);
    struct corral_space_options keeps = {.size = sizeof keeps,
                                         .name = "users",
                                         .policy = policy != NULL ? policy : &usual,
                                         .origin = house->origin};
    assert_int_equal(corral_space_add(house->cache, &keeps, &house->space), 0);
}

static inline void house_close(struct house *house)
{
    house->gate_is_shut = false;
    assert_int_equal(corral_close(house->cache), 0);
}

/* The result of a get; the value is compared with `expected` if that is not NULL. */
static inline int house_get(struct house *house, const char *key, const char *expected)
{
    struct corral_value value;
    int result = corral_get(house->space, corral_str(key), LONG, &value);
    if (expected != NULL) {
        assert_true(result >= 0);
        assert_int_equal(value.size, strlen(expected));
        assert_memory_equal(value.data, expected, value.size);
    }
    corral_value_release(&value);
    return result;
}

static inline struct corral_space_figures house_figures(struct house *house)
{
    struct corral_space_figures figures = {.size = sizeof figures};
    assert_int_equal(corral_space_figures(house->space, &figures), 0);
    return figures;
}

static inline uint64_t house_waiters(struct house *house)
{
    struct corral_cache_figures figures = {.size = sizeof figures};
    assert_int_equal(corral_cache_figures(house->cache, &figures), 0);
    return figures.waiters;
}

#endif
