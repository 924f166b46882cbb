/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a cache that was shut refuses every call, on whatever thread and at whatever moment, and
 *         frees nothing that a call could touch, until it is closed.
 * Method: threads that make all calls until each is refused, while the cache is shut; then a close
 *         when they have come to their end. */
#include "../helper/house.h"
#include "../helper/policy.h"

#include <pthread.h>

enum { CALLERS = 3 };

struct caller {
    struct house *house;
    pthread_t thread;
    _Atomic uint32_t rounds;
    _Atomic uint32_t started, answered;
};

static void count(void *arg, int result, struct corral_value *value)
{
    struct caller *caller = arg;
    (void)result;
    corral_value_release(value);
    atomic_fetch_add(&caller->answered, 1);
}

static void count_change(void *arg, int result)
{
    struct caller *caller = arg;
    (void)result;
    atomic_fetch_add(&caller->answered, 1);
}

/* One of each call. Returns whether all of them were refused. */
static bool calls_are_refused(struct caller *caller)
{
    struct corral_space *space = caller->house->space;
    struct corral_bytes here = corral_str("here"), absent = corral_str("absent");
    struct corral_value value;
    struct corral_result many;
    char buffer[8];
    size_t size;
    int refused = 0;
    refused += corral_read(space, here, buffer, sizeof buffer, &size) == CORRAL_ECLOSED;
    refused += corral_peek(space, here, &value) == CORRAL_ECLOSED;
    corral_value_release(&value);
    refused += corral_get(space, here, LONG, &value) == CORRAL_ECLOSED;
    corral_value_release(&value);
    refused += corral_get(space, absent, LONG, &value) == CORRAL_ECLOSED;
    corral_value_release(&value);
    assert_int_equal(corral_get_many(space, &here, 1, LONG, &many), 0);
    refused += many.result == CORRAL_ECLOSED;
    corral_value_release(&many.value);
    refused += corral_invalidate(space, absent) == CORRAL_ECLOSED;
    refused += corral_put(space, absent, here) == CORRAL_ECLOSED;
    refused += corral_space_clear(space) == CORRAL_ECLOSED;
    int async = corral_get_async(space, here, LONG, count, caller, NULL);
    int change = corral_invalidate_async(space, absent, count_change, caller);
    atomic_fetch_add(&caller->started, (uint32_t)(async == 0) + (uint32_t)(change == 0));
    return refused == 8 && async == CORRAL_ECLOSED && change == CORRAL_ECLOSED;
}

static void *call_until_refused(void *arg)
{
    struct caller *caller = arg;
    do
        atomic_fetch_add(&caller->rounds, 1);
    while (!calls_are_refused(caller));
    return NULL;
}

static void all_calls_are_refused_and_nothing_is_freed(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct house house = {0};
        struct caller callers[CALLERS] = {0};
        house_open(&house, NULL, NULL);
        assert_int_equal(corral_put(house.space, corral_str("here"), corral_str("x")), 0);
        for (int k = 0; k < CALLERS; k++) {
            callers[k].house = &house;
            assert_int_equal(
                pthread_create(&callers[k].thread, NULL, call_until_refused, &callers[k]), 0);
            wait_until(callers[k].rounds > 1); /* one is over, with its load */
        }
        assert_int_equal(corral_shut(house.cache), 0);
        for (int k = 0; k < CALLERS; k++)
            pthread_join(callers[k].thread, NULL);
        assert_int_equal(corral_shut(house.cache), 0);
        assert_int_equal(house_waiters(&house), 0);
        assert_true(house_figures(&house).loads > 0);
        house_close(&house);
        for (int k = 0; k < CALLERS; k++)
            assert_int_equal(callers[k].answered, callers[k].started);
    }
}

/* It outlives the cache, so it looks at nothing that may be gone. */
static atomic_bool is_stuck;
static _Atomic uint32_t returned;

static void stuck_loader(void *arg, struct corral_load *load)
{
    (void)arg;
    wait_until(!is_stuck);
    corral_load_fail(load, NULL);
    atomic_fetch_add(&returned, 1);
}

static void who_waits_is_answered_and_a_stuck_loader_is_told(void **state)
{
    (void)state;
    struct house house = {.loader = stuck_loader};
    struct corral_options options = {.size = sizeof options, .close_wait_us = CORRAL_MS(1)};
    struct caller caller = {.house = &house};
    is_stuck = true;
    house_open(&house, &options, NULL);
    assert_int_equal(corral_get_async(house.space, corral_str("7"), LONG, count, &caller, NULL), 0);
    wait_until(house.begun == 1);
    assert_int_equal(corral_shut(house.cache), CORRAL_ETIMEDOUT);
    assert_int_equal(corral_shut(house.cache), CORRAL_ETIMEDOUT);
    wait_until(caller.answered == 1);
    assert_int_equal(corral_close(house.cache), CORRAL_ETIMEDOUT);
    is_stuck = false;
    wait_until(returned == 1);
}

/* It calls whatever becomes of the cache, and is left behind. */
static _Atomic uint32_t refusals;

static void calling_loader(void *arg, struct corral_load *load)
{
    struct house *house = arg;
    struct corral_space *space = house->space;
    struct corral_value value;
    while (is_stuck || refusals == 0) {
        int rc = corral_get(space, corral_str("here"), 0, &value);
        corral_value_release(&value);
        (void)corral_put(space, corral_str("there"), corral_str("x"));
        (void)corral_mark_take(space, corral_str("there"));
        if (rc == CORRAL_ECLOSED)
            atomic_fetch_add(&refusals, 1);
    }
    corral_load_fail(load, NULL);
    atomic_fetch_add(&returned, 1);
}

static void a_loader_that_is_left_behind_is_refused(void **state)
{
    (void)state;
    struct house house = {.loader = calling_loader};
    struct corral_options options = {.size = sizeof options, .close_wait_us = 1};
    struct caller caller = {.house = &house};
    is_stuck = true;
    returned = refusals = 0;
    house_open(&house, &options, NULL);
    assert_int_equal(corral_put(house.space, corral_str("here"), corral_str("x")), 0);
    assert_int_equal(corral_get_async(house.space, corral_str("7"), LONG, count, &caller, NULL), 0);
    wait_until(house.begun == 1);
    assert_int_equal(corral_close(house.cache), CORRAL_ETIMEDOUT);
    uint32_t before = refusals;
    wait_until(refusals > before + 100);
    is_stuck = false;
    wait_until(returned == 1);
}

static void *shut_it(void *arg)
{
    struct house *house = arg;
    return corral_shut(house->cache) == 0 && house->begun == returned ? house : NULL;
}

/* Who shuts a cache that is being shut waits for the same things. */
static void two_shut_at_the_same_time(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct house house = {.loader = stuck_loader};
        struct caller caller = {.house = &house};
        pthread_t threads[2];
        is_stuck = true;
        returned = 0;
        house_open(&house, NULL, NULL);
        assert_int_equal(corral_get_async(house.space, corral_str("7"), LONG, count, &caller, NULL),
                         0);
        wait_until(house.begun == 1);
        for (int k = 0; k < 2; k++)
            assert_int_equal(pthread_create(&threads[k], NULL, shut_it, &house), 0);
        is_stuck = false;
        for (int k = 0; k < 2; k++) {
            void *was_right;
            pthread_join(threads[k], &was_right);
            assert_non_null(was_right);
        }
        house_close(&house);
    }
}

static void there_need_be_nothing_to_shut(void **state)
{
    (void)state;
    struct house house = {0};
    assert_int_equal(corral_shut(NULL), 0);
    house_open(&house, NULL, NULL);
    struct corral_origin *origin;
    struct corral_space *space;
    struct corral_origin_options asks = {.size = sizeof asks, .name = "x", .loader = stuck_loader};
    struct corral_space_options keeps = {.size = sizeof keeps, .name = "x", .origin = house.origin};
    assert_int_equal(corral_shut(house.cache), 0);
    assert_int_equal(corral_origin_add(house.cache, &asks, &origin), CORRAL_ECLOSED);
    assert_int_equal(corral_space_add(house.cache, &keeps, &space), CORRAL_ECLOSED);
    house_close(&house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_calls_are_refused_and_nothing_is_freed),
        cmocka_unit_test(who_waits_is_answered_and_a_stuck_loader_is_told),
        cmocka_unit_test(a_loader_that_is_left_behind_is_refused),
        cmocka_unit_test(two_shut_at_the_same_time),
        cmocka_unit_test(there_need_be_nothing_to_shut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
