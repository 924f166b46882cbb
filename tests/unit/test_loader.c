/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what a loader may say and have beyond a value: its TTL, its worker's number.
 * Method: the public interface alone, on the real engine. Loaders do what the key says, or stand at
 *         a gate until the test has seen what it waits for; nothing sleeps. Whether something was
 *         kept is asked of corral_read(), which never loads. */
#include "base/bytes.h"
#include "io/clock.h"

#include <corral/corral.h>

#include "../helper/policy.h"

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

#define LONG CORRAL_SECONDS(60)

/* Wait for something, giving way to the threads that bring it about. */
#define wait_until(condition)                                \
    do {                                                     \
        for (uint64_t tries = 0; !(condition); tries++) {    \
            if (tries > 200000000)                           \
                fail_msg("never came true: %s", #condition); \
            sched_yield();                                   \
        }                                                    \
    } while (0)

struct house {
    struct corral_cache *cache;
    struct corral_origin *origin;
    struct corral_space *space;
    atomic_bool gate_is_open;
    _Atomic uint32_t begun;
};

static struct house *house_open(corral_loader_fn *loader, uint32_t concurrency,
                                const struct corral_policy *policy)
{
    struct house *house = calloc(1, sizeof *house);
    assert_int_equal(corral_open(NULL, &house->cache), 0);
    const struct corral_origin_options origin = {.size = sizeof origin,
                                                 .name = "db",
                                                 .loader = loader,
                                                 .arg = house,
                                                 .concurrency = concurrency,
                                                 .deadline_us = LONG};
    assert_int_equal(corral_origin_add(house->cache, &origin, &house->origin), 0);
    const struct corral_space_options space = {
        .size = sizeof space, .name = "users", .policy = policy, .origin = house->origin};
    assert_int_equal(corral_space_add(house->cache, &space, &house->space), 0);
    return house;
}

static void house_close(struct house *house)
{
    assert_int_equal(corral_close(house->cache), 0);
    free(house);
}

static int get(struct house *house, const char *key, struct corral_value *ret_value)
{
    return corral_get(house->space, corral_str(key), LONG, ret_value);
}

static bool is_kept(struct house *house, const char *key)
{
    size_t size;
    return corral_read(house->space, corral_str(key), NULL, 0, &size) >= 0;
}

static bool key_begins(const struct corral_load *load, const char *text)
{
    struct corral_bytes key = corral_load_key(load);
    return key.size >= strlen(text) && memcmp(key.data, text, strlen(text)) == 0;
}

/* ------------------------------------------------------------------------------------------ TTL */

/* The key: "absent" or "value", a comma, and what it says: microseconds, "twice" (takes it back) or
 * nothing. */
static void say_ttl(void *arg, struct corral_load *load)
{
    struct house *house = arg;
    struct corral_bytes key = corral_load_key(load);
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)key.size, (const char *)key.data);
    const char *said = strchr(text, ',') + 1;
    atomic_fetch_add(&house->begun, 1);
    if (strcmp(said, "twice") == 0) {
        corral_load_set_ttl(load, 0);
        corral_load_set_ttl(load, CORRAL_TTL_OF_POLICY);
    } else if (*said != '\0') {
        corral_load_set_ttl(load, strtoll(said, NULL, 10));
    }
    if (text[0] == 'a')
        corral_load_not_found(load);
    else
        (void)corral_load_value(load, corral_str("v"));
}

static void a_loader_says_how_long_its_answer_lives(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        corral_us ttl_us;
    } rows[] = {
        {"value,", CORRAL_SECONDS(1000)},
        {"absent,", CORRAL_SECONDS(100)},
        {"value,7000000", CORRAL_SECONDS(7)},
        {"absent,7000000", CORRAL_SECONDS(7)},
        {"value,70000000000", CORRAL_SECONDS(70000)},
        {"value,0", 0},
        {"absent,0", 0},
        {"value,twice", CORRAL_SECONDS(1000)},
        {"absent,twice", CORRAL_SECONDS(100)},
        {"value,-77", CORRAL_SECONDS(1000)},
        {"value,9223372036854775807", CORRAL_SECONDS(100LL * 365 * 86400)}, /* a hundred years */
    };
    struct house *house = house_open(
        say_ttl, 2, POLICY(.ttl_us = CORRAL_SECONDS(1000), .negative_ttl_us = CORRAL_SECONDS(100)));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct corral_value value;
        assert_int_equal(get(house, rows[i].key, &value), CORRAL_LOADED);
        assert_int_equal(value.data == NULL, rows[i].key[0] == 'a');
        if (value.fresh_us != rows[i].ttl_us)
            fail_msg("%s: fresh for %lld us", rows[i].key, (long long)value.fresh_us);
        corral_value_release(&value);
        assert_int_equal(is_kept(house, rows[i].key), rows[i].ttl_us > 0);
    }
    house_close(house);
}

static void the_jitter_of_the_policy_is_kept(void **state)
{
    (void)state;
    enum { LOADS = 200 };
    struct house *house =
        house_open(say_ttl, 2, POLICY(.ttl_us = CORRAL_SECONDS(1000), .jitter = 0.1));
    corral_us least = INT64_MAX, most = 0;
    for (int i = 0; i < LOADS; i++) {
        struct corral_value value;
        assert_int_equal(corral_invalidate(house->space, corral_str("value,10000000")), 0);
        assert_int_equal(get(house, "value,10000000", &value), CORRAL_LOADED);
        least = value.fresh_us < least ? value.fresh_us : least;
        most = value.fresh_us > most ? value.fresh_us : most;
        corral_value_release(&value);
    }
    assert_in_range(least, CORRAL_MS(9000), CORRAL_MS(9500));
    assert_in_range(most, CORRAL_MS(10500), CORRAL_MS(11000));
    house_close(house);
}

/* Those who wait for the load share what is not kept. */
static void hold_and_keep_nothing(void *arg, struct corral_load *load)
{
    struct house *house = arg;
    corral_load_set_ttl(load, 0);
    atomic_fetch_add(&house->begun, 1);
    wait_until(house->gate_is_open);
    (void)corral_load_value(load, corral_str("v"));
}

static void count_answer(void *arg, int result, struct corral_value *value)
{
    _Atomic uint32_t *answers = arg;
    if (result == CORRAL_LOADED || result == CORRAL_COALESCED)
        atomic_fetch_add(answers, value->size == 1 && value->fresh_us == 0);
    corral_value_release(value);
}

static void what_is_not_kept_is_shared(void **state)
{
    (void)state;
    enum { READERS = 5 };
    _Atomic uint32_t answers = 0;
    struct house *house = house_open(hold_and_keep_nothing, 2, POLICY(.ttl_us = LONG));
    for (int i = 0; i < READERS; i++)
        assert_int_equal(
            corral_get_async(house->space, corral_str("k"), LONG, count_answer, &answers, NULL), 0);
    wait_until(house->begun == 1);
    house->gate_is_open = true;
    wait_until(answers == READERS);
    assert_int_equal(house->begun, 1);
    assert_false(is_kept(house, "k"));
    house_close(house);
}

/* An answered load has no TTL any more; another one that has its memory is not changed. */
static struct corral_load *kept;

static void keep(void *arg, struct corral_load *load)
{
    struct house *house = arg;
    kept = load;
    atomic_fetch_add(&house->begun, 1);
}

static void a_load_that_was_answered_is_left_alone(void **state)
{
    (void)state;
    _Atomic uint32_t answers = 0;
    struct house *house = house_open(keep, 2, POLICY(.ttl_us = LONG));
    assert_int_equal(
        corral_get_async(house->space, corral_str("a"), LONG, count_answer, &answers, NULL), 0);
    wait_until(house->begun == 1);
    struct corral_load *first = kept;
    corral_load_not_found(first);
    assert_int_equal(
        corral_get_async(house->space, corral_str("b"), LONG, count_answer, &answers, NULL), 0);
    wait_until(house->begun == 2);
    corral_load_set_ttl(first, 0);
    assert_int_equal(corral_load_worker(first), 0);
    assert_int_equal(corral_load_value(kept, corral_str("v")), 0);
    struct corral_value value;
    assert_true(get(house, "b", &value) >= 0);
    assert_true(value.fresh_us > 0);
    corral_value_release(&value);
    house_close(house);
}

/* -------------------------------------------------------------------------------------- workers */

enum { WORKERS = 4 };

static _Atomic uint32_t at_work[WORKERS], workers_seen, odd_workers;

/* Two at once with one number would be seen here. */
static void use_worker(void *arg, struct corral_load *load)
{
    struct house *house = arg;
    uint32_t worker = corral_load_worker(load);
    odd_workers += worker >= WORKERS || atomic_fetch_add(&at_work[worker], 1) != 0;
    workers_seen |= 1u << worker;
    atomic_fetch_add(&house->begun, 1);
    if (key_begins(load, "gate"))
        wait_until(house->gate_is_open);
    sched_yield();
    odd_workers += corral_load_worker(load) != worker;
    atomic_fetch_sub(&at_work[worker], 1);
    (void)corral_load_value(load, corral_str("v"));
}

static void no_two_loaders_have_one_worker(void **state)
{
    (void)state;
    enum { LOADS = 400 };
    _Atomic uint32_t answers = 0;
    struct house *house = house_open(use_worker, WORKERS, POLICY(.ttl_us = 0));
    char key[16];
    for (int i = 0; i < WORKERS + LOADS; i++) {
        snprintf(key, sizeof key, i < WORKERS ? "gate%d" : "%d", i);
        assert_int_equal(
            corral_get_async(house->space, corral_str(key), LONG, count_answer, &answers, NULL), 0);
    }
    wait_until(house->begun == WORKERS); /* all at once: each has its number */
    assert_int_equal(workers_seen, (1u << WORKERS) - 1);
    house->gate_is_open = true;
    wait_until(answers == WORKERS + LOADS);
    assert_int_equal(odd_workers, 0);
    house_close(house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loader_says_how_long_its_answer_lives),
        cmocka_unit_test(the_jitter_of_the_policy_is_kept),
        cmocka_unit_test(what_is_not_kept_is_shared),
        cmocka_unit_test(a_load_that_was_answered_is_left_alone),
        cmocka_unit_test(no_two_loaders_have_one_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
