/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what a loader may say and have beyond a value: its TTL, a code of
 *         its failure, many keys at
 *         once, its worker's number.
 * Method: the public interface alone, on the real engine. Loaders do what the key says, or stand at
 *         a gate until the test has seen what it waits for; nothing sleeps. Whether something was
 *         kept is asked of corral_read(), which never loads. */
#include "base/bytes.h"
#include "io/clock.h"

#include <corral/corral.h>

#include "../helper/policy.h"
#include "../helper/wait.h"

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

struct house {
    struct corral_cache *cache;
    struct corral_origin *origin;
    struct corral_space *space;
    atomic_bool gate_is_open;
    _Atomic uint32_t begun;
    _Atomic int own_get; /* the result of a get of the loader's */
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
        {"value,-1", 0}, /* it expired a moment ago */
        {"absent,-77", 0},
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

/* ---------------------------------------------------------------------------------------- codes */

/* The key is the code; "none" fails without, "value" does not fail. */
static void fail_with_code(void *arg, struct corral_load *load)
{
    struct house *house = arg;
    struct corral_bytes key = corral_load_key(load);
    char text[32];
    snprintf(text, sizeof text, "%.*s", (int)key.size, (const char *)key.data);
    atomic_fetch_add(&house->begun, 1);
    wait_until(house->gate_is_open);
    if (text[0] == 'v')
        (void)corral_load_value(load, key);
    else if (text[0] == 'n')
        corral_load_fail(load, "without");
    else
        corral_load_fail_code(load, (int)strtoll(text, NULL, 10), "with");
}

static const struct {
    const char *key;
    int result, code;
} code_rows[] = {
    {"1", CORRAL_EORIGIN, 1},
    {"404", CORRAL_EORIGIN, 404},
    {"1073741823", CORRAL_EORIGIN, CORRAL_CODE_MAX - 1},
    {"1073741824", CORRAL_EORIGIN, CORRAL_CODE_MAX},
    {"1073741825", CORRAL_EORIGIN, 0},
    {"2147483647", CORRAL_EORIGIN, 0},
    {"0", CORRAL_EORIGIN, 0},
    {"-1", CORRAL_EORIGIN, 0},
    {"-2147483648", CORRAL_EORIGIN, 0},
    {"none", CORRAL_EORIGIN, 0},
    {"value", CORRAL_LOADED, 0},
};
enum { CODE_ROWS = sizeof code_rows / sizeof code_rows[0] };

/* What a reader is told who has nothing of a value but its code. */
static void expect_code(size_t row, int result, struct corral_value *value)
{
    if (result != code_rows[row].result || value->code != code_rows[row].code)
        fail_msg("%s: %s, code %d", code_rows[row].key, corral_strerror(result), value->code);
    if (result < 0) {
        assert_null(value->data);
        assert_int_equal(value->size, 0);
        struct corral_value second = corral_value_ref(value); /* does no harm */
        corral_value_release(&second);
    }
    corral_value_release(value);
    assert_int_equal(value->code, 0);
}

static void readers_are_told_the_code_of_a_failure(void **state)
{
    (void)state;
    struct house *house = house_open(fail_with_code, 2, POLICY(.ttl_us = LONG));
    house->gate_is_open = true;
    for (size_t i = 0; i < CODE_ROWS; i++) {
        struct corral_value value;
        memset(&value, 'x', sizeof value);
        int result = get(house, code_rows[i].key, &value);
        expect_code(i, result, &value);
    }
    struct corral_bytes keys[CODE_ROWS];
    struct corral_result results[CODE_ROWS];
    for (size_t i = 0; i < CODE_ROWS; i++)
        keys[i] = corral_str(code_rows[i].key);
    assert_int_equal(corral_invalidate(house->space, corral_str("value")), 0);
    assert_int_equal(corral_get_many(house->space, keys, CODE_ROWS, LONG, results), 0);
    for (size_t i = 0; i < CODE_ROWS; i++)
        expect_code(i, results[i].result, &results[i].value);
    house_close(house);
}

struct coded {
    _Atomic int answers, odd;
};

static void take_code(void *arg, int result, struct corral_value *value)
{
    struct coded *coded = arg;
    atomic_fetch_add(&coded->odd, result != CORRAL_EORIGIN || value->code != 42);
    corral_value_release(value);
    atomic_fetch_add(&coded->answers, 1);
}

/* All who share a load share its code. */
static void a_code_is_shared(void **state)
{
    (void)state;
    enum { READERS = 5 };
    struct coded coded = {0};
    struct house *house = house_open(fail_with_code, 2, POLICY(.ttl_us = LONG));
    for (int i = 0; i < READERS; i++)
        assert_int_equal(
            corral_get_async(house->space, corral_str("42"), LONG, take_code, &coded, NULL), 0);
    wait_until(house->begun == 1);
    house->gate_is_open = true;
    wait_until(coded.answers == READERS);
    assert_int_equal(coded.odd, 0);
    assert_int_equal(house->begun, 1);
    house_close(house);
}

/* ------------------------------------------------------------------------------------ many keys */

/* Values are the keys; "fail..." fails, "absent..." is not found, "gate..." waits. What a call was
 * given is noted: "n:" and the keys. */
static struct {
    char text[1024];
    _Atomic uint32_t calls, loads, mixed;
} seen;

static void bring_many(void *arg, struct corral_load *const *loads, uint32_t n)
{
    struct house *house = arg;
    size_t size = strlen(seen.text);
    atomic_fetch_add(&seen.loads, n);
    atomic_fetch_add(&house->begun, 1);
    snprintf(seen.text + size, sizeof seen.text - size, "%u ", n);
    const void *space = corral_load_space_arg(loads[0]);
    for (uint32_t i = 0; i < n; i++) {
        struct corral_bytes key = corral_load_key(loads[i]);
        seen.mixed += corral_load_space_arg(loads[i]) != space;
        if (key_begins(loads[i], "gate"))
            wait_until(house->gate_is_open);
        if (key_begins(loads[i], "fail"))
            corral_load_fail(loads[i], "it failed");
        else if (key_begins(loads[i], "absent"))
            corral_load_not_found(loads[i]);
        else
            (void)corral_load_value(loads[i], key);
    }
}

struct answer {
    _Atomic int result; /* 1000: not yet */
    char value[16];
};

static void take_answer(void *arg, int result, struct corral_value *value)
{
    struct answer *answer = arg;
    if (value->data != NULL)
        snprintf(answer->value, sizeof answer->value, "%.*s", (int)value->size,
                 (const char *)value->data);
    corral_value_release(value);
    answer->result = result;
}

static void ask(struct corral_space *space, const char *key, struct answer *answer)
{
    answer->result = 1000;
    assert_int_equal(corral_get_async(space, corral_str(key), LONG, take_answer, answer, NULL), 0);
}

static void expect_answer(const struct answer *answer, int result, const char *value)
{
    wait_until(answer->result != 1000);
    assert_int_equal(answer->result, result);
    assert_string_equal(answer->value, value);
}

/* One place, which is taken until the test has asked for all; what waits comes together, by space
 * and up to the limit. */
static void what_waits_is_loaded_by_one_call(void **state)
{
    (void)state;
    struct house *house = calloc(1, sizeof *house);
    struct corral_space *other;
    int arg = 0;
    memset(&seen, 0, sizeof seen);
    assert_int_equal(corral_open(NULL, &house->cache), 0);
    const struct corral_origin_options origin = {.size = sizeof origin,
                                                 .name = "db",
                                                 .load_many = bring_many,
                                                 .arg = house,
                                                 .concurrency = 1,
                                                 .deadline_us = LONG,
                                                 .batch_max = 4};
    assert_int_equal(corral_origin_add(house->cache, &origin, &house->origin), 0);
    struct corral_space_options space = {.size = sizeof space,
                                         .name = "users",
                                         .policy = POLICY(.ttl_us = LONG, .negative_ttl_us = LONG),
                                         .origin = house->origin};
    assert_int_equal(corral_space_add(house->cache, &space, &house->space), 0);
    space.name = "others";
    space.arg = &arg;
    assert_int_equal(corral_space_add(house->cache, &space, &other), 0);

    static const char *const keys[] = {"gate", "a", "fail b", "absent c", "d", "e", "f"};
    enum { N = sizeof keys / sizeof keys[0] };
    struct answer answers[N] = {{.result = 0}}, others[2] = {{.result = 0}};
    for (int i = 0; i < N; i++) {
        ask(house->space, keys[i], &answers[i]);
        wait_until(house->begun == 1); /* the first one has the place */
    }
    ask(other, "g", &others[0]);
    ask(other, "h", &others[1]);
    house->gate_is_open = true;
    expect_answer(&answers[0], CORRAL_LOADED, "gate");
    expect_answer(&answers[1], CORRAL_LOADED, "a");
    expect_answer(&answers[2], CORRAL_EORIGIN, "");
    expect_answer(&answers[3], CORRAL_LOADED, "");
    expect_answer(&answers[4], CORRAL_LOADED, "d");
    expect_answer(&answers[5], CORRAL_LOADED, "e");
    expect_answer(&answers[6], CORRAL_LOADED, "f");
    expect_answer(&others[0], CORRAL_LOADED, "g");
    expect_answer(&others[1], CORRAL_LOADED, "h");
    assert_string_equal(seen.text, "1 4 2 2 ");
    assert_int_equal(seen.mixed, 0);
    assert_true(is_kept(house, "absent c"));
    assert_false(is_kept(house, "fail b"));
    house_close(house);
}

enum { MANY = 300, GROUPS = 5 }; /* keys; letters to the engine that bring them: of 64 each */

/* Though all places are free, the keys of a letter go to as few calls as they can. */
static void what_is_wanted_at_once_is_loaded_by_few_calls(void **state)
{
    (void)state;
    struct house *house = calloc(1, sizeof *house);
    static struct corral_bytes keys[MANY];
    static struct corral_result results[MANY];
    static char names[MANY][12];
    memset(&seen, 0, sizeof seen);
    assert_int_equal(corral_open(NULL, &house->cache), 0);
    const struct corral_origin_options origin = {.size = sizeof origin,
                                                 .name = "db",
                                                 .load_many = bring_many,
                                                 .arg = house,
                                                 .deadline_us = LONG};
    assert_int_equal(corral_origin_add(house->cache, &origin, &house->origin), 0);
    const struct corral_space_options space = {.size = sizeof space,
                                               .name = "users",
                                               .policy = POLICY(.ttl_us = LONG),
                                               .origin = house->origin};
    assert_int_equal(corral_space_add(house->cache, &space, &house->space), 0);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        keys[i] = corral_str(names[i]);
    }
    assert_int_equal(corral_get_many(house->space, keys, MANY, LONG, results), 0);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(results[i].result, CORRAL_LOADED);
        corral_value_release(&results[i].value);
    }
    assert_int_equal(seen.loads, MANY);
    assert_in_range(house->begun, 3, GROUPS);
    house_close(house);
}

/* Readers do not wait for the rest of the call; and while one of its loads is not answered, no
 * other call begins. */
static void a_key_does_not_wait_for_the_others(void **state)
{
    (void)state;
    struct house *house = calloc(1, sizeof *house);
    memset(&seen, 0, sizeof seen);
    assert_int_equal(corral_open(NULL, &house->cache), 0);
    const struct corral_origin_options origin = {.size = sizeof origin,
                                                 .name = "db",
                                                 .load_many = bring_many,
                                                 .arg = house,
                                                 .concurrency = 1,
                                                 .deadline_us = LONG};
    assert_int_equal(corral_origin_add(house->cache, &origin, &house->origin), 0);
    const struct corral_space_options space = {.size = sizeof space,
                                               .name = "users",
                                               .policy = POLICY(.ttl_us = LONG),
                                               .origin = house->origin};
    assert_int_equal(corral_space_add(house->cache, &space, &house->space), 0);
    struct answer answers[5] = {{.result = 0}};
    house->gate_is_open = true;
    ask(house->space, "z", &answers[4]);
    expect_answer(&answers[4], CORRAL_LOADED, "z");
    house->gate_is_open = false;
    ask(house->space, "gate 1", &answers[0]);
    wait_until(house->begun == 2);
    ask(house->space, "a", &answers[1]);
    ask(house->space, "gate 2", &answers[2]);
    house->gate_is_open = true;
    expect_answer(&answers[0], CORRAL_LOADED, "gate 1");
    expect_answer(&answers[1], CORRAL_LOADED, "a");
    expect_answer(&answers[2], CORRAL_LOADED, "gate 2");
    assert_string_equal(seen.text, "1 1 2 ");
    house_close(house);
}

/* Answers the first load, and then gets the key of the last one, which it is to bring itself. */
static void bring_and_get(void *arg, struct corral_load *const *loads, uint32_t n)
{
    struct house *house = arg;
    char last[16];
    struct corral_bytes key = corral_load_key(loads[n - 1]);
    struct corral_value value;
    snprintf(last, sizeof last, "%.*s", (int)key.size, (const char *)key.data);
    (void)corral_load_value(loads[0], corral_load_key(loads[0]));
    if (n > 1) {
        house->own_get = get(house, last, &value);
        corral_value_release(&value);
    }
    for (uint32_t i = 1; i < n; i++)
        (void)corral_load_value(loads[i], corral_load_key(loads[i]));
}

static void a_loader_of_many_does_not_wait_for_itself(void **state)
{
    (void)state;
    struct house *house = calloc(1, sizeof *house);
    assert_int_equal(corral_open(NULL, &house->cache), 0);
    const struct corral_origin_options origin = {.size = sizeof origin,
                                                 .name = "db",
                                                 .load_many = bring_and_get,
                                                 .arg = house,
                                                 .concurrency = 1,
                                                 .deadline_us = LONG};
    assert_int_equal(corral_origin_add(house->cache, &origin, &house->origin), 0);
    const struct corral_space_options space = {.size = sizeof space,
                                               .name = "users",
                                               .policy = POLICY(.ttl_us = LONG),
                                               .origin = house->origin};
    assert_int_equal(corral_space_add(house->cache, &space, &house->space), 0);
    const struct corral_bytes keys[] = {corral_str("a"), corral_str("b"), corral_str("c")};
    struct corral_result results[3];
    assert_int_equal(corral_get_many(house->space, keys, 3, LONG, results), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(results[i].result, CORRAL_LOADED);
        assert_true(
            crl_bytes_equal(crl_bytes(results[i].value.data, results[i].value.size), keys[i]));
        corral_value_release(&results[i].value);
    }
    assert_int_equal(house->own_get, CORRAL_EDEADLOCK);
    house_close(house);
}

static void a_loader_is_given_one_way(void **state)
{
    (void)state;
    static const struct {
        corral_loader_fn *loader;
        corral_load_many_fn *load_many;
        uint32_t batch_max;
        int rc;
    } rows[] = {
        {NULL, NULL, 0, CORRAL_EINVAL},    {say_ttl, bring_many, 0, CORRAL_EINVAL},
        {say_ttl, NULL, 2, CORRAL_EINVAL}, {NULL, bring_many, 257, CORRAL_EINVAL},
        {NULL, bring_many, 256, 0},        {NULL, bring_many, 1, 0},
        {NULL, bring_many, 0, 0},
    };
    struct corral_cache *cache;
    assert_int_equal(corral_open(NULL, &cache), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[8];
        struct corral_origin *made;
        snprintf(name, sizeof name, "%zu", i);
        const struct corral_origin_options options = {.size = sizeof options,
                                                      .name = name,
                                                      .loader = rows[i].loader,
                                                      .load_many = rows[i].load_many,
                                                      .batch_max = rows[i].batch_max};
        assert_int_equal(corral_origin_add(cache, &options, &made), rows[i].rc);
    }
    assert_int_equal(corral_close(cache), 0);
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
        cmocka_unit_test(readers_are_told_the_code_of_a_failure),
        cmocka_unit_test(a_code_is_shared),
        cmocka_unit_test(what_waits_is_loaded_by_one_call),
        cmocka_unit_test(what_is_wanted_at_once_is_loaded_by_few_calls),
        cmocka_unit_test(a_key_does_not_wait_for_the_others),
        cmocka_unit_test(a_loader_of_many_does_not_wait_for_itself),
        cmocka_unit_test(a_loader_is_given_one_way),
        cmocka_unit_test(no_two_loaders_have_one_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
