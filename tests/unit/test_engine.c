/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   which thread does what: the program's callbacks run on the callback thread and nowhere
 *         else, whoever drives the core, and hold up nothing but each other; whoever has a letter
 *         drives it himself, for a bounded time; nobody waits for the turn, and a wait limit holds
 *         whoever has it.
 * Method: the real library; errands that hold the turn until the test has seen what it waits for.
 *         Nothing sleeps. */
#include "base/bytes.h"
#include "io/clock.h"
#include "lib/cache.h"
#include "lib/private.h"

#include "../helper/policy.h"
#include "../helper/wait.h"

#include <corral/corral.h>

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WAITERS_MAX 2000

struct house {
    struct corral_cache *cache;
    struct corral_origin *origin;
    struct corral_space *space;
    atomic_bool gate_is_open, fails;
    atomic_bool callbacks_stop; /* the program is stuck in one */
    _Atomic uint32_t begun, reports, reports_elsewhere;
};

static bool is_own_thread(const struct house *house)
{
    return crl_loop_is_here(&house->cache->engine.loop);
}

static bool is_callback_thread(const struct house *house)
{
    return crl_engine_calls_back(&house->cache->engine);
}

static void loader(void *arg, struct corral_load *load)
{
    struct house *house = arg;
    atomic_fetch_add(&house->begun, 1);
    wait_until(house->gate_is_open || corral_load_cancelled(load));
    if (house->fails)
        corral_load_fail(load, "the table is on fire");
    else
        (void)corral_load_value(load, corral_load_key(load));
}

static void failed(void *arg, const char *space, struct corral_bytes key, int rc, const char *why)
{
    struct house *house = arg;
    (void)space, (void)key, (void)rc, (void)why;
    atomic_fetch_add(&house->reports_elsewhere, !is_callback_thread(house));
    atomic_fetch_add(&house->reports, 1);
    wait_until(!house->callbacks_stop);
}

static struct house *house_open(bool gate_is_open)
{
    struct house *house = calloc(1, sizeof *house);
    house->gate_is_open = gate_is_open;
    struct corral_options options = {.size = sizeof options,
                                     .on_failure = failed,
                                     .on_failure_arg = house,
                                     .waiters_max = WAITERS_MAX,
                                     .close_wait_us = LONG};
    assert_int_equal(corral_open(&options, &house->cache), 0);
    struct corral_origin_options origin = {
        .size = sizeof origin, .name = "db", .loader = loader, .arg = house, .deadline_us = LONG};
    assert_int_equal(corral_origin_add(house->cache, &origin, &house->origin), 0);
    struct corral_space_options space = {.size = sizeof space,
                                         .name = "users",
                                         .policy = POLICY(.ttl_us = LONG),
                                         .origin = house->origin};
    assert_int_equal(corral_space_add(house->cache, &space, &house->space), 0);
    return house;
}

static void house_close(struct house *house)
{
    house->gate_is_open = true;
    assert_int_equal(corral_close(house->cache), 0);
    free(house);
}

static uint64_t waiters(const struct house *house)
{
    struct crl_cache_stats stats;
    crl_cache_stats(house->cache, &stats);
    return stats.waiters;
}

/* What many callbacks saw. */
struct tally {
    struct house *house;
    _Atomic uint32_t calls, own, called_back, in_turn, odd;
    int expected;
};

static void take_note(void *arg, int result, struct corral_value *value)
{
    struct tally *tally = arg;
    corral_value_release(value);
    atomic_fetch_add(&tally->own, is_own_thread(tally->house));
    atomic_fetch_add(&tally->called_back, is_callback_thread(tally->house));
    atomic_fetch_add(&tally->in_turn, crl_turn_is_mine(&tally->house->cache->engine.turn));
    atomic_fetch_add(&tally->odd, result != tally->expected);
    atomic_fetch_add(&tally->calls, 1);
}

/* ------------------------------------------------------------------------------------- the turn */

/* Something that takes the engine's time. */
struct errand {
    struct engine_call call;
    struct house *house;
    atomic_bool has_begun;
    _Atomic corral_us until, over_at;
};

static void errand_run(struct crl_engine *engine, struct engine_call *call)
{
    struct errand *errand = (struct errand *)call;
    (void)engine;
    errand->has_begun = true;
    while (crl_now() < errand->until) {
        sched_yield();
        pthread_testcancel();
    }
    errand->over_at = crl_now();
}

/* Who posts it has the turn until it is over. */
static void *errand_post(void *arg)
{
    struct errand *errand = arg;
    assert_int_equal(crl_engine_post(&errand->house->cache->engine, &errand->call), 0);
    return NULL;
}

static void turn_hold(struct errand *errand, struct house *house, pthread_t *ret_holder)
{
    *errand = (struct errand){.call.run = errand_run, .house = house, .until = INT64_MAX};
    assert_int_equal(pthread_create(ret_holder, NULL, errand_post, errand), 0);
    wait_until(errand->has_begun);
}

struct whereabouts {
    struct engine_call call;
    pthread_t thread;
    _Atomic bool is_known;
};

static void whereabouts_take(struct crl_engine *engine, struct engine_call *call)
{
    struct whereabouts *where = (struct whereabouts *)call;
    assert_true(crl_turn_is_mine(&engine->turn));
    where->thread = pthread_self();
    where->is_known = true;
}

static int where_am_i(struct crl_engine *engine, void *arg)
{
    whereabouts_take(engine, arg);
    return 0;
}

/* The cache is idle: what a caller wants done, it does itself. */
static void who_comes_alone_needs_no_other_thread(void **state)
{
    (void)state;
    struct house *house = house_open(true);
    struct whereabouts where = {0};
    assert_int_equal(crl_engine_do(&house->cache->engine, where_am_i, &where), 0);
    assert_true(pthread_equal(where.thread, pthread_self()));
    house_close(house);
}

/* Calls that come while the turn is taken do not wait; who has it runs as many as its share is, and
 * the own thread the rest. */
static void turn_is_handed_over(struct house *house)
{
    enum { CALLS = 3 * CRL_TURN_LETTERS };
    struct errand errand;
    struct whereabouts where[CALLS] = {0};
    pthread_t holder;
    turn_hold(&errand, house, &holder);
    for (int i = 0; i < CALLS; i++) {
        where[i].call.run = whereabouts_take;
        assert_int_equal(crl_engine_post(&house->cache->engine, &where[i].call), 0);
        assert_false(where[i].is_known);
    }
    errand.until = 0;
    wait_until(where[CALLS - 1].is_known);
    for (int i = 0; i < CALLS; i++) {
        bool is_of_holder = pthread_equal(where[i].thread, holder);
        assert_int_equal(is_of_holder, i < CRL_TURN_LETTERS - 1);
    }
    pthread_join(holder, NULL);
}

static void a_long_turn_goes_on_on_the_own_thread(void **state)
{
    (void)state;
    struct house *house = house_open(true);
    turn_is_handed_over(house);
    house_close(house);
}

/* -------------------------------------------------------------------------- the callback thread */

static void *get_many(void *arg)
{
    struct tally *tally = arg;
    for (int i = 0; i < 500; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        assert_int_equal(
            corral_get_async(tally->house->space, corral_str(key), LONG, take_note, tally, NULL),
            0);
        struct corral_value value = {0};
        (void)corral_get(tally->house->space, corral_str(key), LONG, &value);
        corral_value_release(&value);
    }
    return NULL;
}

/* Readers and workers drive the core all the time, and call nobody. */
static void callbacks_run_on_a_thread_of_their_own(void **state)
{
    (void)state;
    struct house *house = house_open(true);
    house->fails = true; /* so nothing is ever answered from memory, on the caller's thread */
    struct tally tally = {.house = house, .expected = CORRAL_EORIGIN};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, get_many, &tally), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    wait_until(tally.calls == 1500);
    assert_int_equal(tally.called_back, 1500);
    assert_int_equal(tally.in_turn, 0);
    assert_int_equal(tally.odd, 0);
    assert_in_range(house->reports, 1, 3000);
    assert_int_equal(house->reports_elsewhere, 0);
    house_close(house);
}

static void get_next(void *arg, int result, struct corral_value *value)
{
    struct tally *tally = arg;
    take_note(arg, result, value);
    char key[16];
    snprintf(key, sizeof key, "%u", tally->calls);
    if (tally->calls < 1000)
        (void)corral_get_async(tally->house->space, corral_str(key), LONG, get_next, tally, NULL);
}

static void a_callback_may_get_again(void **state)
{
    (void)state;
    struct house *house = house_open(true);
    struct tally tally = {.house = house, .expected = CORRAL_LOADED};
    assert_int_equal(corral_get_async(house->space, corral_str("0"), LONG, get_next, &tally, NULL),
                     0);
    wait_until(tally.calls == 1000);
    assert_int_equal(tally.called_back, 1000);
    assert_int_equal(tally.in_turn + tally.odd, 0);
    house_close(house);
}

static void get_stuck(void *arg, int result, struct corral_value *value)
{
    struct tally *tally = arg;
    take_note(arg, result, value);
    wait_until(!tally->house->callbacks_stop);
}

/* Have the program stuck in a callback. */
static void callbacks_stop(struct tally *tally)
{
    struct house *house = tally->house;
    house->callbacks_stop = true;
    assert_int_equal(
        corral_get_async(house->space, corral_str("stuck"), LONG, get_stuck, tally, NULL), 0);
    wait_until(tally->calls == 1);
}

/* Nobody else waits for it: not a miss, not the end of a wait limit, not a turn that is handed
 * over, and not who waits for a load that failed and has yet to be reported. */
static void a_callback_holds_up_no_other_get(void **state)
{
    (void)state;
    struct house *house = house_open(true);
    struct tally stuck = {.house = house, .expected = CORRAL_LOADED};
    struct corral_value value;
    callbacks_stop(&stuck);
    house->fails = true;
    for (int i = 0; i < 3; i++)
        assert_int_equal(corral_get(house->space, corral_str("f"), LONG, &value), CORRAL_EORIGIN);
    house->fails = false;
    assert_int_equal(corral_get(house->space, corral_str("a"), LONG, &value), CORRAL_LOADED);
    corral_value_release(&value);
    house->gate_is_open = false;
    assert_int_equal(corral_get(house->space, corral_str("b"), CORRAL_MS(1), &value),
                     CORRAL_ETIMEDOUT);
    turn_is_handed_over(house);
    assert_int_equal(stuck.calls, 1);
    house->callbacks_stop = false;
    house_close(house);
}

/* P8: what has been answered and not been taken counts. */
static void gets_are_limited_until_they_are_called_back(void **state)
{
    (void)state;
    struct house *house = house_open(true);
    struct tally stuck = {.house = house, .expected = CORRAL_LOADED};
    callbacks_stop(&stuck);
    struct tally tally = {.house = house, .expected = CORRAL_EORIGIN};
    house->fails = true; /* so nothing is answered from memory */
    for (uint32_t i = 0; i < WAITERS_MAX; i++) {
        assert_int_equal(
            corral_get_async(house->space, corral_str("f"), LONG, take_note, &tally, NULL), 0);
        wait_until(waiters(house) == 0);
    }
    assert_int_equal(corral_get_async(house->space, corral_str("f"), LONG, take_note, &tally, NULL),
                     CORRAL_ELIMIT);
    assert_int_equal(tally.calls, 0);
    struct corral_value value; /* without a callback, one notices nothing */
    assert_int_equal(corral_get(house->space, corral_str("g"), LONG, &value), CORRAL_EORIGIN);
    house->callbacks_stop = false;
    wait_until(tally.calls == WAITERS_MAX);
    assert_int_equal(tally.odd, 0);
    house_close(house);
}

/* Wait until all callbacks have been called that are due by now: they are called in order. */
static void callbacks_await(struct house *house, const char *key)
{
    bool fails = house->fails;
    struct tally last = {.house = house, .expected = CORRAL_LOADED};
    house->fails = false;
    assert_int_equal(corral_get_async(house->space, corral_str(key), LONG, take_note, &last, NULL),
                     0);
    wait_until(last.calls == 1);
    house->fails = fails;
}

static void reports_that_nobody_takes_are_limited(void **state)
{
    (void)state;
    enum { REPORTS_MAX = 1024, FAILURES = REPORTS_MAX + 100 };
    struct house *house = house_open(true);
    struct tally stuck = {.house = house, .expected = CORRAL_LOADED};
    struct corral_value value;
    callbacks_stop(&stuck);
    house->fails = true;
    for (int i = 0; i < FAILURES; i++)
        assert_int_equal(corral_get(house->space, corral_str("f"), LONG, &value), CORRAL_EORIGIN);
    assert_int_equal(house->reports, 0);
    house->callbacks_stop = false;
    callbacks_await(house, "b");
    assert_int_equal(house->reports, REPORTS_MAX);
    assert_int_equal(corral_get(house->space, corral_str("f"), LONG, &value), CORRAL_EORIGIN);
    callbacks_await(house, "c"); /* those that were taken count no more */
    assert_int_equal(house->reports, REPORTS_MAX + 1);
    house_close(house);
}

/* It is no failure of the origin, and the program is about to end. */
static void what_close_cancels_is_not_reported(void **state)
{
    (void)state;
    struct house *house = house_open(false);
    struct tally tally = {.house = house, .expected = CORRAL_ECLOSED};
    assert_int_equal(corral_get_async(house->space, corral_str("7"), LONG, take_note, &tally, NULL),
                     0);
    wait_until(house->begun == 1);
    assert_int_equal(corral_close(house->cache), 0);
    assert_int_equal(tally.calls, 1);
    assert_int_equal(tally.odd, 0);
    assert_int_equal(house->reports, 0);
    free(house);
}

/* A worker that brings the value of a herd wakes a few of it; the rest is the own thread's. */
static void a_herd_is_answered_by_two(void **state)
{
    (void)state;
    enum { HERD = 1000 };
    struct house *house = house_open(false);
    struct tally tally = {.house = house, .expected = CORRAL_COALESCED};
    struct corral_get_handle *gets[HERD];
    for (int i = 0; i < HERD; i++)
        assert_int_equal(
            crl_get_start(house->space, corral_str("7"), LONG, take_note, &tally, &gets[i]), 0);
    wait_until(house->begun == 1 && waiters(house) == HERD);
    house->gate_is_open = true;
    wait_until(tally.calls == HERD);
    assert_int_equal(tally.odd, 1); /* the one that led */
    assert_int_equal(tally.in_turn, 0);
    assert_in_range(tally.own, HERD - CRL_TURN_LETTERS, HERD - 1);
    for (int i = 0; i < HERD; i++)
        corral_get_drop(gets[i]);
    house_close(house);
}

/* ----------------------------------------------------------------------------------- the limits */

/* More timers become due at once than a holder runs: the rest is ticked off by the own thread. */
static void many_limits_pass_at_once(void **state)
{
    (void)state;
    enum { READERS = 500 };
    struct house *house = house_open(false);
    struct tally tally = {.house = house, .expected = CORRAL_ETIMEDOUT};
    struct errand errand;
    pthread_t holder;
    turn_hold(&errand, house, &holder);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(
            corral_get_async(house->space, corral_str("7"), 1, take_note, &tally, NULL), 0);
    errand.until = crl_now() + 2; /* by then all have passed */
    wait_until(tally.calls == READERS);
    assert_int_equal(tally.called_back, READERS);
    assert_int_equal(tally.odd, 0);
    pthread_join(holder, NULL);
    house_close(house);
}

/* One whose limit is an instant, and when the engine told it so. */
struct punctual {
    struct engine_waiter waiter; /* first */
    int result;
    corral_us told_at; /* by the clock of the batch */
};

struct appointment {
    struct house *house;
    struct punctual *readers;
    uint32_t n;
};

static void punctual_told(struct crl_engine *engine, struct engine_waiter *waiter, int result,
                          struct crl_entry *entry, bool cached)
{
    struct punctual *punctual = (struct punctual *)waiter;
    (void)entry, (void)cached;
    punctual->result = result;
    punctual->told_at = engine->now;
}

static int meet(struct crl_engine *engine, void *arg)
{
    struct appointment *appointment = arg;
    for (uint32_t i = 0; i < appointment->n; i++) {
        appointment->readers[i].waiter.answered = punctual_told;
        crl_engine_feed(
            engine, &(struct crl_event){.kind = CRL_WANTED,
                                        .space = appointment->house->space->number,
                                        .key = corral_str("7"),
                                        .wanted = {.waiter = &appointment->readers[i].waiter.waiter,
                                                   .wait_until = engine->now + CORRAL_MS(5)}});
    }
    return 0;
}

static int rest(struct crl_engine *engine, void *arg)
{
    (void)engine, (void)arg;
    return 0;
}

/* Each batch has one instant. So many are few enough for whoever has the turn then. */
static void limits_of_one_instant_pass_in_one_batch(void **state)
{
    (void)state;
    enum { READERS = 50 };
    struct house *house = house_open(false);
    struct punctual readers[READERS] = {0};
    struct appointment appointment = {.house = house, .readers = readers, .n = READERS};
    assert_int_equal(crl_engine_do(&house->cache->engine, meet, &appointment), 0);
    wait_until(waiters(house) == 0);
    assert_int_equal(crl_engine_do(&house->cache->engine, rest, NULL), 0); /* that batch is over */
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].result, CORRAL_ETIMEDOUT);
        assert_int_equal(readers[i].told_at, readers[0].told_at);
    }
    house_close(house);
}

/* Never too early, and not a thousand times too late: which a machine that does much else may be,
 * but not each time. */
static void a_wait_limit_is_of_the_unit_that_is_said(void **state)
{
    (void)state;
    struct house *house = house_open(false);
    corral_us least = INT64_MAX, wait_us = CORRAL_MS(20);
    for (int i = 0; i < 5 && least >= 500 * wait_us; i++) {
        struct corral_value value;
        corral_us begun_at = crl_now();
        assert_int_equal(corral_get(house->space, corral_str("7"), wait_us, &value),
                         CORRAL_ETIMEDOUT);
        corral_us took_us = crl_now() - begun_at;
        least = took_us < least ? took_us : least;
    }
    assert_in_range(least, wait_us, 500 * wait_us);
    house_close(house);
}

/* The engine hears of a get, and is busy until its limit has passed. How long the answer takes from
 * there. */
static corral_us overtime(struct house *house, corral_us wait_us)
{
    struct errand first, second = {.call.run = errand_run, .house = house};
    struct tally tally = {.house = house, .expected = CORRAL_ETIMEDOUT};
    pthread_t busy;
    turn_hold(&first, house, &busy);
    assert_int_equal(
        corral_get_async(house->space, corral_str("7"), wait_us, take_note, &tally, NULL), 0);
    second.until = crl_now() + wait_us;
    errand_post(&second);
    first.until = 0; /* from here on one batch */
    wait_until(tally.calls == 1);
    corral_us at = crl_now();
    assert_int_equal(tally.odd, 0);
    pthread_join(busy, NULL);
    return at - second.over_at;
}

/* The system may put the engine aside, but not each time. */
static void a_wait_limit_is_not_counted_from_the_end_of_work(void **state)
{
    (void)state;
    struct house *house = house_open(false);
    corral_us least = INT64_MAX;
    for (int i = 0; i < 1000 && least >= CORRAL_MS(50); i++) {
        corral_us over = overtime(house, CORRAL_MS(100));
        least = over < least ? over : least;
    }
    assert_in_range(least, 0, CORRAL_MS(50));
    house_close(house);
}

/* ----------------------------------------------------------------------------------- cancelling */

__attribute__((noinline)) static void get_seven(struct house *house)
{
    struct corral_value value = {0};
    (void)corral_get(house->space, corral_str("7"), LONG, &value);
    corral_value_release(&value);
}

/* Nothing lies in the frame that is unwound: sanitizers do not see it go. */
static void *get_and_end(void *arg)
{
    get_seven(arg);
    pthread_testcancel();
    return NULL; /* not reached */
}

/* Where a thread waits for us, or runs a turn, pthread_cancel() waits for it. */
static void a_thread_is_not_cancelled_in_a_call(void **state)
{
    (void)state;
    struct house *house = house_open(false);
    pthread_t reader, holder;
    struct errand errand;
    void *ended;
    assert_int_equal(pthread_create(&reader, NULL, get_and_end, house), 0);
    wait_until(house->begun == 1 && waiters(house) == 1);
    assert_int_equal(pthread_cancel(reader), 0);
    turn_hold(&errand, house, &holder); /* waiting, its thread comes to points of cancellation */
    assert_int_equal(pthread_cancel(holder), 0);
    struct whereabouts after = {.call.run = whereabouts_take};
    assert_int_equal(crl_engine_post(&house->cache->engine, &after.call), 0);
    house->gate_is_open = true;
    errand.until = 0;
    wait_until(after.is_known);
    assert_int_equal(pthread_join(reader, &ended), 0);
    assert_ptr_equal(ended, PTHREAD_CANCELED);
    assert_int_equal(pthread_join(holder, NULL), 0);
    house_close(house);
}

/* -------------------------------------------------------------------------------------- the end */

static atomic_bool is_over;

static void *change_until_over(void *arg)
{
    struct house *house = arg;
    while (!is_over) {
        (void)corral_put(house->space, corral_str("7"), corral_str("x"));
        (void)corral_invalidate(house->space, corral_str("7"));
    }
    return NULL;
}

/* The close comes right behind other threads' last letters, and waits for who still has the turn:
 * the sanitizers see who touches what was freed. */
static void close_follows_the_last_holder(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct house *house = house_open(true);
        pthread_t threads[2];
        is_over = false;
        for (int t = 0; t < 2; t++)
            assert_int_equal(pthread_create(&threads[t], NULL, change_until_over, house), 0);
        struct corral_value value = {0};
        (void)corral_get(house->space, corral_str("8"), LONG, &value);
        corral_value_release(&value);
        is_over = true;
        for (int t = 0; t < 2; t++)
            pthread_join(threads[t], NULL);
        house_close(house);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callbacks_run_on_a_thread_of_their_own),
        cmocka_unit_test(a_callback_may_get_again),
        cmocka_unit_test(a_callback_holds_up_no_other_get),
        cmocka_unit_test(gets_are_limited_until_they_are_called_back),
        cmocka_unit_test(reports_that_nobody_takes_are_limited),
        cmocka_unit_test(a_herd_is_answered_by_two),
        cmocka_unit_test(what_close_cancels_is_not_reported),
        cmocka_unit_test(who_comes_alone_needs_no_other_thread),
        cmocka_unit_test(a_long_turn_goes_on_on_the_own_thread),
        cmocka_unit_test(many_limits_pass_at_once),
        cmocka_unit_test(limits_of_one_instant_pass_in_one_batch),
        cmocka_unit_test(a_wait_limit_is_of_the_unit_that_is_said),
        cmocka_unit_test(a_wait_limit_is_not_counted_from_the_end_of_work),
        cmocka_unit_test(a_thread_is_not_cancelled_in_a_call),
        cmocka_unit_test(close_follows_the_last_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
