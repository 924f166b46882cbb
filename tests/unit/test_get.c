/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   gets with a handle, many gets at a time, and gets from memory only, as a program sees
 *         them: each is answered once, and no use of them can hurt.
 * Method: the public interface over a loader with a gate. */
#include "../helper/house.h"
#include "../helper/policy.h"

#include <pthread.h>

/* -------------------------------------------------------------------------------- with a handle */

struct note {
    _Atomic int result;
    _Atomic uint32_t calls;
    pthread_t thread;
};

static void take_note(void *arg, int result, struct corral_value *value)
{
    struct note *note = arg;
    note->result = result;
    note->thread = pthread_self();
    corral_value_release(value);
    atomic_fetch_add(&note->calls, 1);
}

static int start(struct house *house, const char *key, struct note *note,
                 struct corral_get_handle **ret_handle)
{
    return corral_get_async(house->space, corral_str(key), LONG, take_note, note, ret_handle);
}

static void a_cancelled_get_is_answered_once_and_the_load_goes_on(void **state)
{
    (void)state;
    struct house house = {.gate_is_shut = true};
    struct note note = {0}, other = {0};
    struct corral_get_handle *handle = NULL;
    house_open(&house, NULL, NULL);
    assert_int_equal(start(&house, "7", &note, &handle), 0);
    assert_non_null(handle);
    assert_int_equal(start(&house, "7", &other, NULL), 0);
    wait_until(house.begun == 1);
    corral_get_cancel(handle);
    corral_get_cancel(handle);
    wait_until(note.calls == 1);
    assert_int_equal(note.result, CORRAL_ECANCELED);
    corral_get_drop(handle);
    house.gate_is_shut = false;
    wait_until(other.calls == 1);
    assert_int_equal(other.result, CORRAL_COALESCED);
    assert_int_equal(note.calls, 1);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_HIT);
    house_close(&house);
}

static void handles_may_outlive_what_they_are_of(void **state)
{
    (void)state;
    struct house house = {.gate_is_shut = true};
    struct note notes[3] = {0};
    struct corral_get_handle *handles[3], *none = (struct corral_get_handle *)1;
    house_open(&house, NULL, NULL);
    assert_int_equal(corral_put(house.space, corral_str("here"), corral_str("x")), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(start(&house, "7", &notes[i], &handles[i]), 0);
    corral_get_drop(handles[0]); /* the get goes on */
    house.gate_is_shut = false;
    wait_until(notes[0].calls == 1 && notes[1].calls == 1);
    corral_get_cancel(handles[1]); /* too late */

    assert_int_equal(start(&house, "here", &notes[2], &none), 0);
    assert_null(none); /* answered at once */
    corral_get_cancel(none);
    corral_get_drop(none);
    house.gate_is_shut = true;
    assert_int_equal(start(&house, "8", &notes[2], &handles[2]), 0);
    house_close(&house);
    assert_int_equal(notes[2].calls, 2);
    corral_get_cancel(handles[2]); /* the cache is gone, and the get was answered */
    corral_get_drop(handles[2]);
    corral_get_drop(handles[1]);
}

/* Each asks for the next, in its callback. */
struct chain {
    struct house *house;
    _Atomic uint32_t left;
    atomic_bool is_over;
    _Atomic uint32_t depth_max, refused;
};

static _Thread_local uint32_t depth;

static void ask_next(void *arg, int result, struct corral_value *value)
{
    struct chain *chain = arg;
    assert_true(result == CORRAL_HIT);
    corral_value_release(value);
    if (++depth > chain->depth_max)
        chain->depth_max = depth;
    if (chain->left-- == 0)
        chain->is_over = true;
    else
        chain->refused += corral_get_async(chain->house->space, corral_str("here"), LONG, ask_next,
                                           chain, NULL) < 0;
    depth--;
}

static void hits_in_callbacks_do_not_nest_without_end(void **state)
{
    (void)state;
    struct house house = {0};
    house_open(&house, NULL, NULL);
    assert_int_equal(corral_put(house.space, corral_str("here"), corral_str("x")), 0);
    struct chain chain = {.house = &house, .left = 100000};
    assert_int_equal(
        corral_get_async(house.space, corral_str("here"), LONG, ask_next, &chain, NULL), 0);
    wait_until(chain.is_over);
    assert_in_range(chain.depth_max, 1, 16);
    assert_int_equal(chain.refused, 0);
    assert_int_equal(house_figures(&house).hits, 100001);
    house_close(&house);
}

/* --------------------------------------------------------------------------------- many at once */

enum { MANY = 300 };

static void each_key_has_its_own_result(void **state)
{
    (void)state;
    struct house house = {0};
    struct corral_bytes keys[] = {corral_str("here"), corral_str("new"),  corral_str("none"),
                                  corral_str("bad"),  corral_str("new"),  corral_str(""),
                                  corral_str("none"), corral_str("here"), corral_str("late")};
    static const int expected[] = {CORRAL_HIT,       CORRAL_LOADED,    CORRAL_LOADED,
                                   CORRAL_EORIGIN,   CORRAL_COALESCED, CORRAL_EKEY,
                                   CORRAL_COALESCED, CORRAL_HIT,       CORRAL_LOADED};
    enum { N = sizeof keys / sizeof keys[0] };
    struct corral_result results[N];
    house_open(&house, NULL, NULL);
    assert_int_equal(corral_put(house.space, corral_str("here"), corral_str("x")), 0);
    assert_int_equal(corral_get_many(house.space, keys, N, LONG, results), 0);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(results[i].result, expected[i]);
        bool is_absent = expected[i] < 0 || (keys[i].size == 4 && !memcmp(keys[i].data, "none", 4));
        assert_int_equal(results[i].value.data == NULL, is_absent);
        corral_value_release(&results[i].value); /* whatever the result */
    }
    assert_int_equal(house.begun, 4);
    assert_int_equal(corral_get_many(house.space, NULL, 0, LONG, NULL), 0);
    house_close(&house);
}

static void loads_of_many_run_side_by_side(void **state)
{
    (void)state;
    struct house house = {.gate_is_shut = true};
    char names[MANY][8];
    struct corral_bytes keys[MANY];
    struct corral_result results[MANY];
    house_open(&house, NULL, NULL);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "%d", i % 250);
        keys[i] = corral_str(names[i]);
    }
    assert_int_equal(corral_get_many(house.space, keys, MANY, 0, results), 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(results[i].result, CORRAL_ETIMEDOUT);
    wait_until(house.begun == 20); /* the origin's places */
    house.gate_is_shut = false;
    assert_int_equal(corral_get_many(house.space, keys, MANY, LONG, results), 0);
    for (int i = 0; i < MANY; i++) {
        assert_true(results[i].result >= 0);
        assert_int_equal(results[i].value.size, keys[i].size);
        assert_memory_equal(results[i].value.data, keys[i].data, keys[i].size);
        corral_value_release(&results[i].value);
    }
    house_close(&house);
}

static void many_are_limited_as_single_ones_are(void **state)
{
    (void)state;
    struct house house = {.gate_is_shut = true};
    struct corral_options options = {.size = sizeof options, .waiters_max = 3};
    struct corral_bytes keys[] = {corral_str("a"), corral_str("b"), corral_str("c"),
                                  corral_str("d"), corral_str("e")};
    struct corral_result results[5];
    struct note note = {0};
    house_open(&house, &options, NULL);
    assert_int_equal(start(&house, "x", &note, NULL), 0);
    assert_int_equal(corral_get_many(house.space, keys, 5, 1, results), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(results[i].result, i < 2 ? CORRAL_ETIMEDOUT : CORRAL_ELIMIT);
    assert_int_equal(house_figures(&house).refused, 3);
    memset(results, 0xAA, sizeof results);
    assert_int_equal(corral_get_many(house.space, keys, 5, -1, results), CORRAL_EINVAL);
    for (int i = 0; i < 5; i++)
        corral_value_release(&results[i].value);
    house_close(&house);
    assert_int_equal(note.calls, 1);
}

/* A get that the core turns away, because there are too many flights, has not failed. */
static void what_the_core_turns_away_is_refused(void **state)
{
    (void)state;
    struct house house = {.gate_is_shut = true};
    struct corral_options options = {.size = sizeof options, .flights_max = 1};
    struct note note = {0};
    house_open(&house, &options, NULL);
    assert_int_equal(start(&house, "x", &note, NULL), 0);
    assert_int_equal(house_get(&house, "y", NULL), CORRAL_ELIMIT);
    assert_int_equal(house_figures(&house).refused, 1);
    assert_int_equal(house_figures(&house).failed, 0);
    house_close(&house);
    assert_int_equal(note.calls, 1);
}

/* ---------------------------------------------------------------------------------- from memory */

static void peek_brings_what_is_there_and_nothing_else(void **state)
{
    (void)state;
    struct house house = {0};
    struct corral_value value;
    house_open(&house, NULL, NULL);
    assert_int_equal(corral_peek(house.space, corral_str("7"), &value), CORRAL_EABSENT);
    corral_value_release(&value);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_LOADED);
    assert_int_equal(house_get(&house, "none", NULL), CORRAL_LOADED);
    assert_int_equal(corral_peek(house.space, corral_str("7"), &value), CORRAL_HIT);
    assert_int_equal(corral_invalidate(house.space, corral_str("7")), 0);
    assert_memory_equal(value.data, "7", 1);
    corral_value_release(&value);
    assert_int_equal(corral_peek(house.space, corral_str("none"), &value), CORRAL_NEGATIVE);
    assert_null(value.data);
    corral_value_release(&value);
    assert_int_equal(corral_peek(house.space, corral_str(""), &value), CORRAL_EKEY);
    assert_int_equal(corral_peek(house.space, corral_str("7"), NULL), CORRAL_EINVAL);
    assert_int_equal(house.begun, 2);
    assert_int_equal(house_figures(&house).hits, 1);
    house_close(&house);
}

/* Releasing the value of a get that failed crashed, where it had been left as it was. */
static void a_value_may_be_released_whatever_the_result(void **state)
{
    (void)state;
    struct house house = {0};
    struct corral_value value;
    house_open(&house, NULL, NULL);
    static const char *const keys[] = {"bad", "", "none"};
    for (int i = 0; i < 3; i++) {
        memset(&value, 0xAA, sizeof value);
        (void)corral_get(house.space, corral_str(keys[i]), LONG, &value);
        corral_value_release(&value);
        memset(&value, 0xAA, sizeof value);
        (void)corral_get(house.space, corral_str(keys[i]), -1, &value);
        corral_value_release(&value);
    }
    house_close(&house);
}

/* -------------------------------------------------------------------------------------- figures */

static void figures_tell_what_happened(void **state)
{
    (void)state;
    struct house house = {0};
    house_open(&house, NULL, NULL);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_LOADED);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_HIT);
    assert_int_equal(house_get(&house, "bad", NULL), CORRAL_EORIGIN);
    assert_int_equal(house_get(&house, "none", NULL), CORRAL_LOADED);
    assert_int_equal(house_get(&house, "none", NULL), CORRAL_NEGATIVE);
    struct corral_space_figures space = house_figures(&house);
    assert_int_equal(space.hits, 1);
    assert_int_equal(space.misses, 2);
    assert_int_equal(space.negatives, 1);
    assert_int_equal(space.failed, 1);
    assert_int_equal(space.refused + space.stale + space.degraded + space.coalesced, 0);
    assert_int_equal(space.loads, 3);
    assert_int_equal(space.loads_miss, 3);
    assert_int_equal(space.needed, 2);
    struct corral_origin_figures origin = {.size = sizeof origin};
    assert_int_equal(corral_origin_figures(house.origin, &origin), 0);
    assert_int_equal(origin.loads, 3);
    assert_int_equal(origin.failed, 1);
    assert_int_equal(origin.overruns + origin.refused + origin.late, 0);
    assert_int_equal(origin.active_peak, 1);
    assert_int_equal(origin.active + origin.queued, 0);
    struct corral_cache_figures cache = {.size = sizeof cache};
    assert_int_equal(corral_cache_figures(house.cache, &cache), 0);
    assert_int_equal(cache.entries, 2);
    assert_true(cache.memory_bytes > 0);
    assert_int_equal(cache.flights + cache.waiters + cache.evictions, 0);
    assert_int_equal(corral_cache_figures(NULL, &cache), CORRAL_EINVAL);
    assert_int_equal(corral_space_figures(house.space, NULL), CORRAL_EINVAL);
    struct corral_cache_figures unsized = {0};
    assert_int_equal(corral_cache_figures(house.cache, &unsized), CORRAL_EINVAL);
    house_close(&house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancelled_get_is_answered_once_and_the_load_goes_on),
        cmocka_unit_test(handles_may_outlive_what_they_are_of),
        cmocka_unit_test(hits_in_callbacks_do_not_nest_without_end),
        cmocka_unit_test(each_key_has_its_own_result),
        cmocka_unit_test(loads_of_many_run_side_by_side),
        cmocka_unit_test(many_are_limited_as_single_ones_are),
        cmocka_unit_test(what_the_core_turns_away_is_refused),
        cmocka_unit_test(peek_brings_what_is_there_and_nothing_else),
        cmocka_unit_test(a_value_may_be_released_whatever_the_result),
        cmocka_unit_test(figures_tell_what_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
