/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   changes, waited for or not: an old value never stays where the program wanted another,
 *         and two writers at a time do not leave the cache behind the origin (P4).
 * Method: the public interface over a loader with a gate; then writers against each other. */
#include "../helper/house.h"
#include "../helper/policy.h"

#include <pthread.h>

static int put(struct house *house, const char *key, const char *value)
{
    return corral_put(house->space, corral_str(key), corral_str(value));
}

/* -------------------------------------------------------------------------- what cannot be kept */

static void a_put_that_is_too_large_takes_the_old_value_away(void **state)
{
    (void)state;
    struct house house = {0};
    struct corral_options options = {.size = sizeof options, .value_max = 8};
    house_open(&house, &options, NULL);
    assert_int_equal(put(&house, "7", "old"), 0);
    assert_int_equal(put(&house, "7", "much too large"), CORRAL_EVALUE);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_LOADED);
    house_close(&house);
}

static void with_a_ttl_of_0_a_put_keeps_nothing(void **state)
{
    (void)state;
    struct house house = {0};
    house_open(&house, NULL, POLICY(.ttl_us = 0));
    assert_int_equal(put(&house, "7", "new"), 0);
    struct corral_cache_figures figures = {.size = sizeof figures};
    assert_int_equal(corral_cache_figures(house.cache, &figures), 0);
    assert_int_equal(figures.entries, 0);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_LOADED);
    house_close(&house);
}

/* ------------------------------------------------------------------------------- not waited for */

struct done {
    _Atomic uint32_t n;
    _Atomic int last;
    _Atomic uint32_t failures;
};

static void note_done(void *arg, int result)
{
    struct done *done = arg;
    done->last = result;
    done->failures += result < 0;
    atomic_fetch_add(&done->n, 1);
}

static void changes_that_nobody_waits_for_happen_in_their_order(void **state)
{
    (void)state;
    struct house house = {0};
    struct done done = {0};
    char text[16];
    house_open(&house, NULL, NULL);
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(
            corral_put_async(house.space, corral_str("7"), corral_str(text), note_done, &done), 0);
    }
    wait_until(done.n == 1000);
    assert_int_equal(done.failures, 0);
    assert_int_equal(house_get(&house, "7", "999"), CORRAL_HIT);
    assert_int_equal(corral_invalidate_async(house.space, corral_str("7"), note_done, &done), 0);
    wait_until(done.n == 1001);
    assert_int_equal(done.last, 0);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_LOADED);
    assert_int_equal(corral_put_async(house.space, corral_str("7"), corral_str("x"), NULL, NULL),
                     0);
    assert_int_equal(corral_invalidate(house.space, corral_str("other")), 0); /* behind it */
    assert_int_equal(house_get(&house, "7", "x"), CORRAL_HIT);
    house_close(&house);
}

static void what_fails_without_waiting_is_told(void **state)
{
    (void)state;
    struct house house = {0};
    struct done done = {0};
    struct corral_options options = {.size = sizeof options, .value_max = 8, .key_max = 4};
    struct corral_bytes large = corral_str("much too large");
    house_open(&house, &options, NULL);
    assert_int_equal(put(&house, "7", "old"), 0);
    assert_int_equal(corral_put_async(house.space, corral_str("7"), large, note_done, &done), 0);
    wait_until(done.n == 1);
    assert_int_equal(done.last, CORRAL_EVALUE);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_LOADED);
    assert_int_equal(corral_put_async(house.space, large, large, note_done, &done), CORRAL_EKEY);
    assert_int_equal(corral_invalidate_async(house.space, large, note_done, &done), CORRAL_EKEY);
    assert_int_equal(corral_shut(house.cache), 0);
    assert_int_equal(corral_invalidate_async(house.space, corral_str("7"), note_done, &done),
                     CORRAL_ECLOSED);
    assert_int_equal(
        corral_put_async(house.space, corral_str("7"), corral_str("x"), note_done, &done),
        CORRAL_ECLOSED);
    house_close(&house);
    assert_int_equal(done.n, 1);
}

struct slow {
    atomic_bool entered, may_go;
};

static void be_slow(void *arg, int result)
{
    struct slow *slow = arg;
    (void)result;
    slow->entered = true;
    wait_until(slow->may_go);
}

/* P8. */
static void changes_on_their_way_are_limited(void **state)
{
    (void)state;
    struct house house = {0};
    struct slow slow = {0};
    struct done done = {0};
    struct corral_options options = {.size = sizeof options, .waiters_max = 4};
    house_open(&house, &options, NULL);
    assert_int_equal(corral_invalidate_async(house.space, corral_str("1"), be_slow, &slow), 0);
    wait_until(slow.entered);
    for (int i = 0; i < 4; i++)
        assert_int_equal(corral_invalidate_async(house.space, corral_str("1"), note_done, &done),
                         0);
    assert_int_equal(corral_invalidate_async(house.space, corral_str("1"), note_done, &done),
                     CORRAL_ELIMIT);
    slow.may_go = true;
    wait_until(done.n == 4);
    house_close(&house);
}

/* --------------------------------------------------------------------------------- whole spaces */

static void a_cleared_space_has_nothing_of_before(void **state)
{
    (void)state;
    struct house house = {0};
    struct corral_mark mark;
    house_open(&house, NULL, NULL);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_LOADED);
    assert_int_equal(house_get(&house, "none", NULL), CORRAL_LOADED);
    mark = corral_mark_take(house.space, corral_str("7"));
    assert_int_equal(corral_space_clear(house.space), 0);
    assert_int_equal(house_get(&house, "none", NULL), CORRAL_LOADED);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_LOADED);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_HIT);
    assert_int_equal(corral_put_if(house.space, corral_str("7"), corral_str("x"), mark),
                     CORRAL_ECHANGED);
    house_close(&house);
}

static void other_spaces_keep_what_they_have(void **state)
{
    (void)state;
    struct house house = {0};
    struct corral_space *other;
    house_open(&house, NULL, NULL);
    struct corral_space_options options = {.size = sizeof options,
                                           .name = "other",
                                           .policy = POLICY(.ttl_us = LONG),
                                           .origin = house.origin};
    assert_int_equal(corral_space_add(house.cache, &options, &other), 0);
    assert_int_equal(corral_put(other, corral_str("7"), corral_str("x")), 0);
    for (int i = 0; i < 70000; i++) /* more epochs than their 16 bits can tell apart */
        assert_int_equal(corral_space_clear(house.space), 0);
    struct corral_value value;
    assert_int_equal(corral_peek(other, corral_str("7"), &value), CORRAL_HIT);
    corral_value_release(&value);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_LOADED);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_HIT);
    house_close(&house);
}

/* A reader on a thread of its own, and what it was given. */
struct reader {
    struct house *house;
    pthread_t thread;
    int result;
    corral_us fresh_us;
};

static void *get_7(void *arg)
{
    struct reader *reader = arg;
    struct corral_value value;
    reader->result = corral_get(reader->house->space, corral_str("7"), LONG, &value);
    reader->fresh_us = value.fresh_us;
    corral_value_release(&value);
    return NULL;
}

static void a_load_under_way_is_not_kept_by_a_cleared_space(void **state)
{
    (void)state;
    struct house house = {.gate_is_shut = true};
    struct reader early = {.house = &house}, late = {.house = &house};
    house_open(&house, NULL, NULL);
    assert_int_equal(pthread_create(&early.thread, NULL, get_7, &early), 0);
    wait_until(house.begun == 1);
    assert_int_equal(corral_space_clear(house.space), 0);
    assert_int_equal(pthread_create(&late.thread, NULL, get_7, &late), 0);
    wait_until(house_waiters(&house) == 2);
    house.gate_is_shut = false;
    pthread_join(early.thread, NULL);
    pthread_join(late.thread, NULL);
    assert_int_equal(early.result, CORRAL_LOADED);
    assert_int_equal(late.result, CORRAL_LOADED);
    assert_int_equal(early.fresh_us, 0); /* not kept */
    assert_true(late.fresh_us > 0);
    assert_int_equal(house.begun, 2); /* who came after it had a load of his own */
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_HIT);
    house_close(&house);
}

/* ---------------------------------------------------------------------------------------- marks */

static void a_put_is_refused_where_the_key_was_changed(void **state)
{
    (void)state;
    struct house house = {0};
    struct corral_bytes key = corral_str("7");
    struct done done = {0};
    house_open(&house, NULL, NULL);
    struct corral_mark mark = corral_mark_take(house.space, key);
    assert_int_equal(corral_put_if(house.space, key, corral_str("first"), mark), 0);
    assert_int_equal(house_get(&house, "7", "first"), CORRAL_HIT);
    assert_int_equal(corral_put_if(house.space, key, corral_str("second"), mark), CORRAL_ECHANGED);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_LOADED); /* neither is believed */
    mark = corral_mark_take(house.space, key);
    assert_int_equal(corral_invalidate(house.space, key), 0);
    assert_int_equal(
        corral_put_if_async(house.space, key, corral_str("third"), mark, note_done, &done), 0);
    wait_until(done.n == 1);
    assert_int_equal(done.last, CORRAL_ECHANGED);
    mark = corral_mark_take(house.space, key);
    assert_int_equal(house_get(&house, "7", "7"), CORRAL_LOADED); /* a load is no change */
    assert_int_equal(
        corral_put_if_async(house.space, key, corral_str("fourth"), mark, note_done, &done), 0);
    wait_until(done.n == 2);
    assert_int_equal(done.last, 0);
    assert_int_equal(house_get(&house, "7", "fourth"), CORRAL_HIT);
    house_close(&house);
}

/* Two writers, each of which writes to the origin and then puts; and readers who load. */
struct rivals {
    struct house house;
    _Atomic uint64_t origin_value;
    _Atomic uint32_t odd; /* results of puts */
    pthread_barrier_t begin, end;
    uint32_t rounds;
};

static void load_of_rivals(void *arg, struct corral_load *load)
{
    struct rivals *rivals = arg;
    uint64_t value = rivals->origin_value;
    (void)corral_load_value(load, (struct corral_bytes){&value, sizeof value});
}

static void *write_as_a_rival(void *arg)
{
    struct rivals *rivals = arg;
    for (uint32_t i = 0; i < rivals->rounds; i++) {
        pthread_barrier_wait(&rivals->begin);
        struct corral_mark mark = corral_mark_take(rivals->house.space, corral_str("7"));
        uint64_t value = atomic_fetch_add(&rivals->origin_value, 1) + 1;
        if (i % 3 == 0)
            sched_yield();
        int rc = corral_put_if(rivals->house.space, corral_str("7"),
                               (struct corral_bytes){&value, sizeof value}, mark);
        rivals->odd += rc != 0 && rc != CORRAL_ECHANGED;
        pthread_barrier_wait(&rivals->end);
    }
    return NULL;
}

/* A plain put left the cache behind the origin in one of three rounds. */
static void two_writers_never_leave_the_cache_behind(void **state)
{
    (void)state;
    struct rivals rivals = {.house = {.loader = load_of_rivals}, .rounds = 3000};
    pthread_t threads[2];
    pthread_barrier_init(&rivals.begin, NULL, 3);
    pthread_barrier_init(&rivals.end, NULL, 3);
    house_open(&rivals.house, NULL, NULL);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_as_a_rival, &rivals), 0);
    uint32_t behind = 0;
    for (uint32_t i = 0; i < rivals.rounds; i++) {
        struct corral_value value;
        pthread_barrier_wait(&rivals.begin);
        pthread_barrier_wait(&rivals.end);
        assert_true(corral_get(rivals.house.space, corral_str("7"), LONG, &value) >= 0);
        behind += memcmp(value.data, &(uint64_t){rivals.origin_value}, sizeof(uint64_t)) != 0;
        corral_value_release(&value);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(behind, 0);
    assert_int_equal(rivals.odd, 0);
    house_close(&rivals.house);
    pthread_barrier_destroy(&rivals.begin);
    pthread_barrier_destroy(&rivals.end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_put_that_is_too_large_takes_the_old_value_away),
        cmocka_unit_test(with_a_ttl_of_0_a_put_keeps_nothing),
        cmocka_unit_test(changes_that_nobody_waits_for_happen_in_their_order),
        cmocka_unit_test(what_fails_without_waiting_is_told),
        cmocka_unit_test(changes_on_their_way_are_limited),
        cmocka_unit_test(a_cleared_space_has_nothing_of_before),
        cmocka_unit_test(other_spaces_keep_what_they_have),
        cmocka_unit_test(a_load_under_way_is_not_kept_by_a_cleared_space),
        cmocka_unit_test(a_put_is_refused_where_the_key_was_changed),
        cmocka_unit_test(two_writers_never_leave_the_cache_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
