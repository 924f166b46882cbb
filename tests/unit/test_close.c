/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   close comes to its end and everybody has a defined answer, whatever callbacks and loaders
 *         ask of the cache meanwhile.
 * Method: the real library. Loaders go on until they see that they are cancelled, so that what they
 *         do then is done during the close; nothing sleeps. */
#include "base/assert.h"
#include "base/bytes.h"
#include "lib/cache.h"

#include "../helper/policy.h"

#include <corral/corral.h>

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define LONG CORRAL_SECONDS(600)

struct house {
    struct corral_cache *cache;
    struct corral_origin *origin;
    struct corral_space *space;
    void (*visit)(struct house *house, struct corral_load *load); /* what a loader does */
    _Atomic uint32_t begun;
};

static void loader(void *arg, struct corral_load *load)
{
    struct house *house = arg;
    atomic_fetch_add(&house->begun, 1);
    house->visit(house, load);
    corral_load_fail(load, "the house is empty");
}

static void house_open(struct house *house,
                       void (*visit)(struct house *house, struct corral_load *load))
{
    *house = (struct house){.visit = visit};
    assert_int_equal(corral_open(&(struct corral_options){.size = sizeof(struct corral_options),
                                                          .close_wait_us = LONG},
                                 &house->cache),
                     0);
    struct corral_origin_options origin = {
        .size = sizeof origin, .name = "db", .loader = loader, .arg = house, .deadline_us = LONG};
    assert_int_equal(corral_origin_add(house->cache, &origin, &house->origin), 0);
    struct corral_space_options space = {.size = sizeof space,
                                         .name = "users",
                                         .policy = POLICY(.ttl_us = LONG),
                                         .origin = house->origin};
    assert_int_equal(corral_space_add(house->cache, &space, &house->space), 0);
}

static void until_cancelled(struct house *house, struct corral_load *load)
{
    (void)house;
    while (!corral_load_cancelled(load))
        sched_yield();
}

static void house_await(const struct house *house, uint32_t begun)
{
    while (house->begun < begun)
        sched_yield();
}

/* ------------------------------------------------------------------------------------ callbacks */

/* What a callback saw; written on the callback thread, read when that has ended. */
struct caller {
    struct house *house;
    int calls, result;
    int again, start, get, invalidate, purge, hit;
    int hits;
};

static void take_hit(void *arg, int result, struct corral_value *value)
{
    struct caller *caller = arg;
    caller->hits += result == CORRAL_HIT;
    corral_value_release(value);
}

static void not_purged(void *arg, int result)
{
    (void)arg;
    (void)result;
    crl_unreachable();
}

static void ask_again(void *arg, int result, struct corral_value *value)
{
    struct caller *caller = arg;
    struct corral_space *space = caller->house->space;
    struct corral_get_handle *handle = NULL;
    caller->calls++;
    caller->result = result;
    caller->again = corral_get_async(space, corral_str("7"), LONG, ask_again, caller, NULL);
    caller->start = crl_get_start(space, corral_str("7"), LONG, ask_again, caller, &handle);
    assert_null(handle);
    caller->get = corral_get(space, corral_str("7"), LONG, value);
    caller->invalidate = corral_invalidate(space, corral_str("7"));
    caller->purge = crl_invalidate_async(space, corral_str("7"), not_purged, caller);
    caller->hit = corral_get_async(space, corral_str("known"), LONG, take_hit, caller, NULL);
}

static void a_callback_that_gets_again_is_refused(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, until_cancelled);
    struct caller caller = {.house = &house};
    assert_int_equal(corral_put(house.space, corral_str("known"), corral_str("x")), 0);
    assert_int_equal(corral_get_async(house.space, corral_str("7"), LONG, ask_again, &caller, NULL),
                     0);
    house_await(&house, 1);
    assert_int_equal(corral_close(house.cache), 0);
    assert_int_equal(caller.calls, 1);
    assert_int_equal(caller.result, CORRAL_ECLOSED);
    assert_int_equal(caller.again, CORRAL_ECLOSED);
    assert_int_equal(caller.start, CORRAL_ECLOSED);
    assert_int_equal(caller.get, CORRAL_EDEADLOCK); /* as ever on that thread */
    assert_int_equal(caller.invalidate, CORRAL_ECLOSED);
    assert_int_equal(caller.purge, CORRAL_ECLOSED);
    assert_int_equal(caller.hit, CORRAL_ECLOSED);
    assert_int_equal(caller.hits, 0);
    assert_int_equal(house.begun, 1);
}

/* -------------------------------------------------------------------------------------- loaders */

static void not_answered(void *arg, int result, struct corral_value *value)
{
    (void)arg;
    (void)result;
    (void)value;
    crl_unreachable();
}

static _Atomic int results[6];

static void call_everything(struct house *house, struct corral_load *load)
{
    until_cancelled(house, load);
    struct corral_value value;
    results[0] = corral_get(house->space, corral_str("other"), LONG, &value);
    results[1] =
        corral_get_async(house->space, corral_str("other"), LONG, not_answered, NULL, NULL);
    results[2] = corral_put(house->space, corral_str("other"), corral_str("x"));
    results[3] = corral_invalidate(house->space, corral_str("other"));
    struct corral_origin *origin;
    struct corral_origin_options origin_options = {
        .size = sizeof origin_options, .name = "new", .loader = loader};
    results[4] = corral_origin_add(house->cache, &origin_options, &origin);
    struct corral_space *space;
    struct corral_space_options space_options = {
        .size = sizeof space_options, .name = "new", .origin = house->origin};
    results[5] = corral_space_add(house->cache, &space_options, &space);
}

static void a_loader_is_refused_once_it_is_cancelled(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, call_everything);
    struct corral_value value;
    assert_int_equal(corral_get(house.space, corral_str("7"), 0, &value), CORRAL_ETIMEDOUT);
    house_await(&house, 1);
    assert_int_equal(corral_close(house.cache), 0);
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        assert_int_equal(results[i], CORRAL_ECLOSED);
    assert_int_equal(house.begun, 1);
}

/* One waits for the load of the other, which ends when it is cancelled. */
static void get_the_other(struct house *house, struct corral_load *load)
{
    struct corral_bytes key = corral_load_key(load), other = corral_str("other");
    if (crl_bytes_equal(key, other)) {
        until_cancelled(house, load);
        return;
    }
    struct corral_value value;
    results[0] = corral_get(house->space, other, LONG, &value);
}

static void a_loader_that_waits_for_another_is_released(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, get_the_other);
    struct corral_value value;
    assert_int_equal(corral_get(house.space, corral_str("7"), 0, &value), CORRAL_ETIMEDOUT);
    house_await(&house, 2);
    assert_int_equal(corral_close(house.cache), 0);
    assert_int_equal(results[0], CORRAL_ECLOSED);
}

/* ---------------------------------------------------------------------------------- all at once */

static _Atomic uint32_t started, answered, odd;

static void count_answer(void *arg, int result, struct corral_value *value)
{
    (void)arg;
    corral_value_release(value);
    atomic_fetch_add(&answered, 1);
    if (result < 0 && result != CORRAL_ECLOSED && result != CORRAL_EORIGIN)
        atomic_fetch_add(&odd, 1);
}

/* Calls of every kind, until each is refused. Those that it leads to fail at once. */
static void call_until_refused(struct house *house, struct corral_load *load)
{
    if (!crl_bytes_equal(corral_load_key(load), corral_str("caller")))
        return;
    int get, async, put, invalidate;
    do {
        struct corral_value value = {0};
        get = corral_get(house->space, corral_str("a"), LONG, &value);
        corral_value_release(&value);
        async = corral_get_async(house->space, corral_str("b"), LONG, count_answer, NULL, NULL);
        if (async == 0)
            atomic_fetch_add(&started, 1);
        put = corral_put(house->space, corral_str("c"), corral_str("x"));
        invalidate = corral_invalidate(house->space, corral_str("c"));
    } while (get != CORRAL_ECLOSED || async != CORRAL_ECLOSED || put != CORRAL_ECLOSED ||
             invalidate != CORRAL_ECLOSED);
}

static void close_in_the_midst_of_calls(void **state)
{
    (void)state;
    started = answered = odd = 0;
    for (int i = 0; i < 100; i++) {
        struct house house;
        house_open(&house, call_until_refused);
        struct corral_value value;
        int rc = corral_get(house.space, corral_str("caller"), 0, &value);
        assert_int_equal(rc, CORRAL_ETIMEDOUT);
        house_await(&house, 1 + (uint32_t)i % 5);
        assert_int_equal(corral_close(house.cache), 0);
    }
    assert_int_equal(answered, started);
    assert_int_equal(odd, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_callback_that_gets_again_is_refused),
        cmocka_unit_test(a_loader_is_refused_once_it_is_cancelled),
        cmocka_unit_test(a_loader_that_waits_for_another_is_released),
        cmocka_unit_test(close_in_the_midst_of_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
