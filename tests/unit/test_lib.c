/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   the public interface keeps its word on the real engine, with real threads: every kind of
 *         loader, reader and end that corral.h speaks of has its defined answer.
 * Method: loaders stand at a gate until the test has seen what it waits for (that N readers are
 *         parked, that a load has begun); nothing sleeps. Waits have a generous limit, so that a
 *         lost wake-up fails instead of hanging. */
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

/* ----------------------------------------------------------------------------- what tests share */

enum manner {
    ANSWERS, /* "value of KEY #n" at once, when the gate is open */
    FINDS_NONE,
    FAILS,
    KEEPS_IT, /* returns without an answer; the test answers */
    STUCK,    /* looks at nothing until the gate opens */
    ANSWERS_TWICE,
};

struct house {
    struct corral_cache *cache;
    struct corral_origin *origin;
    struct corral_space *space;
    _Atomic int manner;
    atomic_bool gate_is_open;
    _Atomic uint32_t begun, returned;
    struct corral_load *_Atomic kept;
    _Atomic uint32_t failures;
    char why[64];
    size_t value_size; /* 0: a text */
};

static void loader(void *arg, struct corral_load *load)
{
    struct house *house = arg;
    int manner = house->manner;
    uint32_t n = atomic_fetch_add(&house->begun, 1) + 1;
    wait_until(house->gate_is_open || (manner != STUCK && corral_load_cancelled(load)));
    struct corral_bytes key = corral_load_key(load);
    char text[1200];
    int size =
        snprintf(text, sizeof text, "value of %.*s #%u", (int)key.size, (const char *)key.data, n);
    struct corral_bytes value = {text, (size_t)size};
    switch ((enum manner)manner) {
    case ANSWERS:
    case STUCK:
        if (house->value_size > 0) {
            void *large = calloc(1, house->value_size);
            corral_load_value(load, crl_bytes(large, house->value_size));
            free(large);
        } else {
            corral_load_value(load, value);
        }
        break;
    case FINDS_NONE:
        corral_load_not_found(load);
        break;
    case FAILS:
        corral_load_fail(load, "the table is on fire");
        break;
    case KEEPS_IT:
        house->kept = load;
        break;
    case ANSWERS_TWICE:
        corral_load_value(load, value);
        corral_load_fail(load, "second thoughts");
        corral_load_value(load, corral_str("third thoughts"));
        break;
    }
    atomic_fetch_add(&house->returned, 1);
}

static void failed(void *arg, const char *space, struct corral_bytes key, int rc, const char *why)
{
    struct house *house = arg;
    (void)space, (void)key, (void)rc;
    snprintf(house->why, sizeof house->why, "%s", why);
    atomic_fetch_add(&house->failures, 1);
}

struct plan {
    struct corral_options options;
    struct corral_policy policy;
    uint32_t concurrency;
    uint32_t queue;
    corral_us deadline_us;
};

static struct house *house_open(const struct plan *plan)
{
    struct house *house = calloc(1, sizeof *house);
    house->gate_is_open = true;
    struct corral_options options = plan->options;
    options.size = sizeof options;
    options.on_failure = failed;
    options.on_failure_arg = house;
    options.close_wait_us = options.close_wait_us > 0 ? options.close_wait_us : LONG;
    assert_int_equal(corral_open(&options, &house->cache), 0);
    struct corral_origin_options origin = {.size = sizeof origin,
                                           .name = "db",
                                           .loader = loader,
                                           .arg = house,
                                           .concurrency = plan->concurrency,
                                           .queue = plan->queue,
                                           .deadline_us =
                                               plan->deadline_us > 0 ? plan->deadline_us : LONG};
    assert_int_equal(corral_origin_add(house->cache, &origin, &house->origin), 0);
    struct corral_policy policy = plan->policy;
    policy.size = sizeof policy;
    if (policy.ttl_us == 0)
        policy.ttl_us = LONG;
    struct corral_space_options space = {
        .size = sizeof space, .name = "users", .policy = &policy, .origin = house->origin};
    assert_int_equal(corral_space_add(house->cache, &space, &house->space), 0);
    return house;
}

static void house_close(struct house *house)
{
    house->gate_is_open = true;
    assert_int_equal(corral_close(house->cache), 0);
    free(house);
}

/* A reader on a thread of its own. */
struct reader {
    pthread_t thread;
    struct house *house;
    const char *key;
    corral_us wait_us;
    int result;
    char text[64];
    atomic_bool done;
};

static void *reader_main(void *arg)
{
    struct reader *reader = arg;
    struct corral_value value = {0};
    reader->result =
        corral_get(reader->house->space, corral_str(reader->key), reader->wait_us, &value);
    if (reader->result >= 0 && value.data != NULL)
        snprintf(reader->text, sizeof reader->text, "%.*s", (int)value.size,
                 (const char *)value.data);
    corral_value_release(&value);
    reader->done = true;
    return NULL;
}

static void reader_start(struct reader *reader, struct house *house, const char *key)
{
    *reader = (struct reader){.house = house, .key = key, .wait_us = LONG};
    assert_int_equal(pthread_create(&reader->thread, NULL, reader_main, reader), 0);
}

static void reader_join(struct reader *reader)
{
    pthread_join(reader->thread, NULL);
}

static uint64_t waiters(struct house *house)
{
    struct crl_cache_stats stats;
    crl_cache_stats(house->cache, &stats);
    return stats.waiters;
}

static struct crl_origin_stats origin_stats(struct house *house)
{
    struct crl_origin_stats stats;
    crl_origin_stats(house->origin, &stats);
    return stats;
}

static struct crl_space_stats space_stats(struct house *house)
{
    struct crl_space_stats stats;
    crl_space_stats(house->space, &stats);
    return stats;
}

static int get(struct house *house, const char *key, corral_us wait_us)
{
    struct corral_value value = {0};
    int result = corral_get(house->space, corral_str(key), wait_us, &value);
    corral_value_release(&value);
    return result;
}

/* -------------------------------------------------------------------------------------- readers */

static void a_herd_makes_one_load(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    struct reader herd[50];
    house->gate_is_open = false;
    for (int i = 0; i < 50; i++)
        reader_start(&herd[i], house, "7");
    wait_until(waiters(house) == 50);
    house->gate_is_open = true;
    int loaded = 0, coalesced = 0;
    for (int i = 0; i < 50; i++) {
        reader_join(&herd[i]);
        loaded += herd[i].result == CORRAL_LOADED;
        coalesced += herd[i].result == CORRAL_COALESCED;
        assert_string_equal(herd[i].text, "value of 7 #1");
    }
    assert_int_equal(loaded, 1);
    assert_int_equal(coalesced, 49);
    assert_int_equal(get(house, "7", 0), CORRAL_HIT);
    struct crl_space_stats stats = space_stats(house);
    assert_int_equal(stats.loads[CRL_LOAD_MISS], 1);
    assert_int_equal(stats.needed, crl_space_stats_loads(&stats));
    assert_int_equal(stats.gets[CORRAL_LOADED], 1);
    assert_int_equal(stats.gets[CORRAL_COALESCED], 49);
    assert_int_equal(stats.gets[CORRAL_HIT], 1);
    house_close(house);
}

static void a_reader_that_gives_up_leaves_the_load_to_the_others(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    struct reader patient;
    house->gate_is_open = false;
    reader_start(&patient, house, "7");
    wait_until(waiters(house) == 1);
    assert_int_equal(get(house, "7", CORRAL_MS(1)), CORRAL_ETIMEDOUT);
    assert_int_equal(waiters(house), 1);
    house->gate_is_open = true;
    reader_join(&patient);
    assert_int_equal(patient.result, CORRAL_LOADED);
    assert_int_equal(house->begun, 1);
    house_close(house);
}

struct note {
    _Atomic int calls;
    int result;
    corral_us at;
    char text[64];
};

static void take_note(void *arg, int result, struct corral_value *value)
{
    struct note *note = arg;
    note->result = result;
    note->at = crl_now();
    if (result >= 0 && value->data != NULL)
        snprintf(note->text, sizeof note->text, "%.*s", (int)value->size,
                 (const char *)value->data);
    corral_value_release(value);
    atomic_fetch_add(&note->calls, 1);
}

static void a_get_is_answered_by_callback_once(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    struct note miss = {0}, hit = {0};
    assert_int_equal(corral_get_async(house->space, corral_str("7"), LONG, take_note, &miss, NULL),
                     0);
    wait_until(miss.calls == 1);
    assert_int_equal(miss.result, CORRAL_LOADED);
    assert_string_equal(miss.text, "value of 7 #1");
    assert_int_equal(corral_get_async(house->space, corral_str("7"), LONG, take_note, &hit, NULL),
                     0);
    assert_int_equal(hit.calls, 1); /* before the call returned */
    assert_int_equal(hit.result, CORRAL_HIT);
    assert_int_equal(corral_get_async(house->space, corral_str(""), LONG, take_note, &hit, NULL),
                     CORRAL_EKEY);
    assert_int_equal(corral_get_async(house->space, corral_str("7"), -1, take_note, &hit, NULL),
                     CORRAL_EINVAL);
    assert_int_equal(hit.calls, 1);
    house_close(house);
    assert_int_equal(miss.calls, 1);
}

static void a_get_can_be_called_off(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    struct note note = {0};
    struct corral_get_handle *handle;
    house->gate_is_open = false;
    assert_int_equal(crl_get_start(house->space, corral_str("7"), LONG, take_note, &note, &handle),
                     0);
    wait_until(waiters(house) == 1);
    corral_get_cancel(handle);
    corral_get_cancel(handle);
    wait_until(note.calls == 1);
    assert_int_equal(note.result, CORRAL_ECANCELED);
    assert_int_equal(waiters(house), 0);
    corral_get_drop(handle);
    house->gate_is_open = true;
    wait_until(house->returned == 1); /* the load went on */
    wait_until(origin_stats(house).active == 0);
    assert_int_equal(get(house, "7", 0), CORRAL_HIT);

    /* After the answer it is without effect. */
    struct note late = {0};
    assert_int_equal(crl_get_start(house->space, corral_str("7"), LONG, take_note, &late, &handle),
                     0);
    wait_until(late.calls == 1);
    corral_get_cancel(handle);
    corral_get_drop(handle);
    house_close(house);
    assert_int_equal(late.calls, 1);
    assert_int_equal(late.result, CORRAL_HIT);
}

static void read_copies_and_never_loads(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    char buffer[8] = "";
    size_t size = 99;
    assert_int_equal(corral_read(house->space, corral_str("7"), buffer, 8, &size), CORRAL_EABSENT);
    assert_int_equal(size, 99);
    assert_int_equal(house->begun, 0);
    assert_int_equal(corral_put(house->space, corral_str("7"), corral_str("0123456789")), 0);
    assert_int_equal(corral_read(house->space, corral_str("7"), buffer, 8, &size), CORRAL_HIT);
    assert_int_equal(size, 10);
    assert_memory_equal(buffer, "01234567", 8);
    assert_int_equal(corral_read(house->space, corral_str("7"), NULL, 0, &size), CORRAL_HIT);
    assert_int_equal(space_stats(house).gets[CORRAL_HIT], 2);
    house_close(house);
}

/* -------------------------------------------------------------------------------------- loaders */

/* The coarse clock of a kernel whose ticks come late, as they do in a virtual machine. */
static int late_clock(clockid_t clock, struct timespec *t)
{
    (void)clock;
    corral_us now = crl_now() - CORRAL_MS(50);
    *t = (struct timespec){.tv_sec = now / 1000000, .tv_nsec = now % 1000000 * 1000};
    return 0;
}

/* P3. Linux promises no more for its coarse clock than a resolution; 6.18 is two of them behind. */
static void nothing_is_fresh_past_its_ttl_when_ticks_come_late(void **state)
{
    (void)state;
    int (*clock_read)(clockid_t, struct timespec *) = crl_clock_read;
    crl_clock_read = late_clock;
    struct house *house = house_open(&(struct plan){.policy = {.ttl_us = CORRAL_MS(60)}});
    assert_int_equal(corral_put(house->space, corral_str("7"), corral_str("x")), 0);
    corral_us over_at = crl_now() + CORRAL_MS(60); /* at the latest */
    wait_until(crl_now() >= over_at);
    size_t size;
    assert_int_equal(corral_read(house->space, corral_str("7"), NULL, 0, &size), CORRAL_EABSENT);
    struct corral_value value; /* to that clock, it comes from the future */
    assert_int_equal(corral_put(house->space, corral_str("7"), corral_str("x")), 0);
    assert_true(corral_get(house->space, corral_str("7"), LONG, &value) >= 0);
    assert_true(value.age_us + value.fresh_us <= CORRAL_MS(60));
    corral_value_release(&value);
    house_close(house);
    crl_clock_read = clock_read;
}

static void not_found_is_an_outcome(void **state)
{
    (void)state;
    struct house *house =
        house_open(&(struct plan){.policy = {.ttl_us = LONG, .negative_ttl_us = LONG}});
    house->manner = FINDS_NONE;
    struct corral_value value;
    assert_int_equal(corral_get(house->space, corral_str("7"), LONG, &value), CORRAL_LOADED);
    assert_null(value.data);
    corral_value_release(&value);
    assert_int_equal(corral_get(house->space, corral_str("7"), LONG, &value), CORRAL_NEGATIVE);
    assert_null(value.data);
    corral_value_release(&value);
    char byte;
    size_t size;
    assert_int_equal(corral_read(house->space, corral_str("7"), &byte, 1, &size), CORRAL_NEGATIVE);
    assert_int_equal(house->begun, 1);
    house_close(house);
}

static void a_failure_is_told_with_its_reason(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    house->manner = FAILS;
    assert_int_equal(get(house, "7", LONG), CORRAL_EORIGIN);
    wait_until(house->failures == 1); /* maybe a moment after the get */
    assert_string_equal(house->why, "the table is on fire");
    assert_int_equal(origin_stats(house).errors[CRL_LOAD_FAILED], 1);
    assert_int_equal(space_stats(house).gets[CRL_GET_FAILED], 1);
    house->manner = ANSWERS;
    assert_int_equal(get(house, "7", LONG), CORRAL_LOADED);
    house_close(house);
}

static void the_second_answer_is_dropped(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    house->manner = ANSWERS_TWICE;
    struct reader reader;
    reader_start(&reader, house, "7");
    reader_join(&reader);
    assert_int_equal(reader.result, CORRAL_LOADED);
    assert_string_equal(reader.text, "value of 7 #1");
    assert_int_equal(get(house, "7", 0), CORRAL_HIT);
    assert_int_equal(house->failures, 0);
    house_close(house);
}

static void a_loader_that_never_answers_meets_its_deadline(void **state)
{
    (void)state;
    struct house *house =
        house_open(&(struct plan){.deadline_us = CORRAL_MS(20), .concurrency = 1});
    house->manner = KEEPS_IT;
    assert_int_equal(get(house, "7", LONG), CORRAL_EDEADLINE);
    assert_int_equal(origin_stats(house).errors[CRL_LOAD_OVERRUN], 1);
    /* Its key and its place are free again. */
    struct corral_load *kept = house->kept;
    house->manner = ANSWERS;
    assert_int_equal(get(house, "7", LONG), CORRAL_LOADED);
    assert_true(corral_load_cancelled(kept));
    corral_load_value(kept, corral_str("much too late"));
    struct reader reader;
    reader_start(&reader, house, "7");
    reader_join(&reader);
    assert_int_equal(reader.result, CORRAL_HIT);
    assert_string_equal(reader.text, "value of 7 #2");
    house_close(house);
}

static void a_loader_may_answer_later_from_any_thread(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    house->manner = KEEPS_IT;
    struct reader reader;
    reader_start(&reader, house, "7");
    wait_until(house->kept != NULL);
    assert_int_equal(corral_load_value(house->kept, corral_str("by and by")), 0);
    reader_join(&reader);
    assert_int_equal(reader.result, CORRAL_LOADED);
    assert_string_equal(reader.text, "by and by");
    house_close(house);
}

static void a_loader_may_answer_after_the_close(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    house->manner = KEEPS_IT;
    struct reader reader;
    reader_start(&reader, house, "7");
    wait_until(house->kept != NULL);
    struct corral_load *kept = house->kept;
    assert_int_equal(corral_close(house->cache), 0);
    reader_join(&reader);
    assert_int_equal(reader.result, CORRAL_ECLOSED);
    assert_true(corral_load_cancelled(kept));
    assert_int_equal(corral_load_key(kept).size, 1);
    corral_load_value(kept, corral_str("anybody there?"));
    free(house);
}

static void close_does_not_wait_for_ever(void **state)
{
    (void)state;
    struct plan plan = {.options = {.close_wait_us = CORRAL_MS(20)}};
    struct house *house = house_open(&plan);
    house->manner = STUCK;
    house->gate_is_open = false;
    struct reader reader;
    reader_start(&reader, house, "7");
    wait_until(house->begun == 1);
    assert_int_equal(corral_close(house->cache), CORRAL_ETIMEDOUT);
    reader_join(&reader);
    assert_int_equal(reader.result, CORRAL_ECLOSED);
    house->gate_is_open = true;
    wait_until(house->returned == 1); /* it comes back to nobody, and nothing breaks */
    free(house);
}

static void the_bulkhead_holds(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){.concurrency = 1, .queue = 1});
    struct reader loading, queued;
    house->gate_is_open = false;
    reader_start(&loading, house, "a");
    wait_until(house->begun == 1);
    reader_start(&queued, house, "b");
    wait_until(origin_stats(house).queued == 1);
    assert_int_equal(get(house, "c", LONG), CORRAL_EQUEUE);
    assert_int_equal(house->begun, 1);
    house->gate_is_open = true;
    reader_join(&loading);
    reader_join(&queued);
    assert_int_equal(loading.result, CORRAL_LOADED);
    assert_int_equal(queued.result, CORRAL_LOADED);
    assert_int_equal(origin_stats(house).active_peak, 1);
    assert_int_equal(space_stats(house).gets[CRL_GET_REFUSED], 1);
    house_close(house);
}

/* -------------------------------------------------------------------------------------- changes */

static void invalidate_during_a_load(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    struct reader before, after;
    house->gate_is_open = false;
    reader_start(&before, house, "7");
    wait_until(house->begun == 1);
    assert_int_equal(corral_invalidate(house->space, corral_str("7")), 0);
    reader_start(&after, house, "7");
    wait_until(waiters(house) == 2);
    house->gate_is_open = true;
    reader_join(&before);
    reader_join(&after);
    assert_string_equal(before.text, "value of 7 #1");
    assert_string_equal(after.text, "value of 7 #2");
    assert_int_equal(house->begun, 2);
    house_close(house);
}

static void invalidate_forgets(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    assert_int_equal(get(house, "7", LONG), CORRAL_LOADED);
    assert_int_equal(corral_invalidate(house->space, corral_str("7")), 0);
    assert_int_equal(corral_invalidate(house->space, corral_str("never seen")), 0);
    assert_int_equal(get(house, "7", LONG), CORRAL_LOADED);
    house_close(house);
}

static void close_during_loads_answers_everyone(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){.concurrency = 2});
    struct reader readers[12];
    static const char *const keys[] = {"a", "b", "c", "d"};
    house->gate_is_open = false;
    for (int i = 0; i < 12; i++)
        reader_start(&readers[i], house, keys[i % 4]);
    wait_until(waiters(house) == 12);
    assert_int_equal(corral_close(house->cache), 0); /* the loaders see that they are cancelled */
    for (int i = 0; i < 12; i++) {
        reader_join(&readers[i]);
        assert_int_equal(readers[i].result, CORRAL_ECLOSED);
    }
    free(house);
}

/* --------------------------------------------------------------------------------------- limits */

static void keys_at_and_over_their_limit(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){.options = {.key_max = 16}});
    char key[18] = "0123456789abcdef";
    struct corral_value value;
    size_t size;
    assert_int_equal(get(house, key, LONG), CORRAL_LOADED);
    assert_int_equal(get(house, key, 0), CORRAL_HIT);
    key[16] = 'g';
    assert_int_equal(corral_get(house->space, corral_str(key), LONG, &value), CORRAL_EKEY);
    assert_int_equal(corral_read(house->space, corral_str(key), NULL, 0, &size), CORRAL_EKEY);
    assert_int_equal(corral_put(house->space, corral_str(key), corral_str("x")), CORRAL_EKEY);
    assert_int_equal(corral_invalidate(house->space, corral_str(key)), CORRAL_EKEY);
    assert_int_equal(corral_get(house->space, corral_str(""), LONG, &value), CORRAL_EKEY);
    house_close(house);
}

static void values_at_and_over_their_limit(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){.options = {.value_max = 1000}});
    house->value_size = 1000;
    assert_int_equal(get(house, "at", LONG), CORRAL_LOADED);
    assert_int_equal(get(house, "at", 0), CORRAL_HIT);
    house->value_size = 1001;
    assert_int_equal(get(house, "over", LONG), CORRAL_EVALUE);
    char large[1001] = {0};
    assert_int_equal(corral_put(house->space, corral_str("p"), crl_bytes(large, 1001)),
                     CORRAL_EVALUE);
    assert_int_equal(corral_put(house->space, corral_str("p"), crl_bytes(large, 1000)), 0);
    assert_int_equal(corral_put(house->space, corral_str("p"), crl_bytes(large, 0)), 0);
    struct corral_value value;
    assert_int_equal(corral_get(house->space, corral_str("p"), 0, &value), CORRAL_HIT);
    assert_non_null(value.data); /* empty is not absent */
    assert_int_equal(value.size, 0);
    corral_value_release(&value);
    house_close(house);
}

static void a_value_larger_than_the_budget_is_answered_and_not_kept(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){.options = {.memory_bytes = 20000}});
    house->value_size = 50000;
    struct corral_value value;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(corral_get(house->space, corral_str("7"), LONG, &value), CORRAL_LOADED);
        assert_int_equal(value.size, 50000);
        assert_int_equal(value.fresh_us, 0); /* says that it is not cached */
        corral_value_release(&value);
    }
    struct crl_cache_stats stats;
    crl_cache_stats(house->cache, &stats);
    assert_int_equal(stats.entries, 0);
    house_close(house);
}

/* A budget that holds a few values keeps the latest, however often they change. */
static void a_small_budget_is_used(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){.options = {.memory_bytes = 1 << 20}});
    size_t size = 200 * 1024;
    char *value = calloc(1, size);
    for (int i = 0; i < 20; i++) {
        value[0] = (char)i;
        assert_int_equal(corral_put(house->space, corral_str("7"), crl_bytes(value, size)), 0);
        char first;
        size_t whole;
        assert_int_equal(corral_read(house->space, corral_str("7"), &first, 1, &whole), CORRAL_HIT);
        assert_int_equal(first, (char)i);
    }
    free(value);
    house_close(house);
}

/* A program may say "for ever" with the largest number there is. */
static void the_longest_spans_do_not_wrap_round(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){
        .options = {.close_wait_us = INT64_MAX},
        .policy = {.ttl_us = INT64_MAX, .jitter = 0.5},
        .deadline_us = INT64_MAX,
    });
    char key[16];
    for (int i = 0; i < 20; i++) { /* each draws its jitter */
        snprintf(key, sizeof key, "%d", i);
        assert_int_equal(get(house, key, INT64_MAX), CORRAL_LOADED);
        assert_int_equal(get(house, key, 0), CORRAL_HIT);
        assert_int_equal(corral_put(house->space, corral_str(key), corral_str("x")), 0);
        assert_int_equal(get(house, key, 0), CORRAL_HIT);
    }
    house->gate_is_open = false; /* close cancels this one, and waits for it */
    house->manner = ANSWERS;
    assert_int_equal(get(house, "slow", 0), CORRAL_ETIMEDOUT);
    assert_int_equal(corral_close(house->cache), 0);
    free(house);
}

static void waiters_at_and_over_their_limit(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){.options = {.waiters_max = 3}});
    struct note notes[4] = {0};
    house->gate_is_open = false;
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            corral_get_async(house->space, corral_str("7"), LONG, take_note, &notes[i], NULL), 0);
    assert_int_equal(
        corral_get_async(house->space, corral_str("7"), LONG, take_note, &notes[3], NULL),
        CORRAL_ELIMIT);
    assert_int_equal(get(house, "8", LONG), CORRAL_ELIMIT);
    house->gate_is_open = true;
    for (int i = 0; i < 3; i++)
        wait_until(notes[i].calls == 1);
    assert_int_equal(notes[3].calls, 0);
    assert_int_equal(space_stats(house).gets[CRL_GET_REFUSED], 2);
    assert_int_equal(get(house, "8", LONG), CORRAL_LOADED);
    house_close(house);
}

static void values_outlive_the_cache(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    struct corral_value value;
    assert_int_equal(corral_get(house->space, corral_str("7"), LONG, &value), CORRAL_LOADED);
    struct corral_value second = corral_value_ref(&value);
    corral_value_release(&value);
    corral_value_release(&value); /* a cleared one is allowed */
    house_close(house);
    assert_memory_equal(second.data, "value of 7 #1", 13);
    corral_value_release(&second);
}

/* A callback may still get, while close has begun and nothing was under way. */
static void an_idle_cache_that_closes_starts_nothing(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    crl_engine_drain(&house->cache->engine, LONG); /* what corral_close() begins with */
    assert_int_equal(get(house, "7", LONG), CORRAL_ECLOSED);
    assert_int_equal(house->begun, 0);
    house_close(house);
}

/* -------------------------------------------------------------------------------------- figures */

struct watcher {
    struct house *house;
    atomic_bool has_looked, is_wrong, is_over;
};

static void *watch_figures(void *arg)
{
    struct watcher *watcher = arg;
    do {
        struct crl_space_stats stats = space_stats(watcher->house);
        watcher->is_wrong |= stats.needed != 1 || origin_stats(watcher->house).active_peak != 1;
        watcher->has_looked = true;
    } while (!watcher->is_over);
    return NULL;
}

/* Whether that is a race is ThreadSanitizer's to say. */
static void figures_may_be_read_while_spaces_are_added(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    assert_int_equal(get(house, "7", LONG), CORRAL_LOADED);
    struct watcher watcher = {.house = house};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, watch_figures, &watcher), 0);
    wait_until(watcher.has_looked);
    for (int i = 1; i < CRL_ORIGINS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        struct corral_origin_options origin_options = {
            .size = sizeof origin_options, .name = name, .loader = loader};
        struct corral_space_options space_options = {.size = sizeof space_options, .name = name};
        struct corral_space *space;
        assert_int_equal(corral_origin_add(house->cache, &origin_options, &space_options.origin),
                         0);
        assert_int_equal(corral_space_add(house->cache, &space_options, &space), 0);
    }
    struct corral_origin_options one_more = {
        .size = sizeof one_more, .name = "one more", .loader = loader};
    struct corral_origin *origin;
    assert_int_equal(corral_origin_add(house->cache, &one_more, &origin), CORRAL_ECOUNT);
    watcher.is_over = true;
    pthread_join(thread, NULL);
    assert_false(watcher.is_wrong);
    house_close(house);
}

/* ------------------------------------------------------------------------------ wrong arguments */

static void misuse_is_told(void **state)
{
    (void)state;
    struct corral_cache *cache;
    assert_int_equal(corral_open(&(struct corral_options){.size = sizeof(struct corral_options),
                                                          .key_max = 70000},
                                 &cache),
                     CORRAL_EINVAL);
    assert_int_equal(corral_open(&(struct corral_options){.size = sizeof(struct corral_options),
                                                          .value_max = (size_t)2 << 30},
                                 &cache),
                     CORRAL_EINVAL);
    assert_int_equal(corral_open(NULL, NULL), CORRAL_EINVAL);
    assert_int_equal(corral_close(NULL), 0);
    struct house *house = house_open(&(struct plan){0});
    struct corral_origin *origin;
    struct corral_origin_options taken = {.size = sizeof taken, .name = "db", .loader = loader};
    assert_int_equal(corral_origin_add(house->cache, &taken, &origin), CORRAL_EEXIST);
    assert_int_equal(
        corral_origin_add(house->cache,
                          &(struct corral_origin_options){
                              .size = sizeof(struct corral_origin_options), .name = "x"},
                          &origin),
        CORRAL_EINVAL);
    struct corral_space *space;
    struct corral_space_options again = {
        .size = sizeof again, .name = "users", .origin = house->origin};
    assert_int_equal(corral_space_add(house->cache, &again, &space), CORRAL_EEXIST);
    struct corral_space_options odd = {.size = sizeof odd,
                                       .name = "odd",
                                       .origin = house->origin,
                                       .policy = POLICY(.jitter = 0.7)};
    assert_int_equal(corral_space_add(house->cache, &odd, &space), CORRAL_EINVAL);
    assert_int_equal(corral_origin_add(NULL, &taken, &origin), CORRAL_EINVAL);
    assert_int_equal(corral_space_add(NULL, &again, &space), CORRAL_EINVAL);
    assert_int_equal(corral_get(house->space, corral_str("7"), LONG, NULL), CORRAL_EINVAL);
    assert_int_equal(space_stats(house).loads[CRL_LOAD_MISS], 0);
    house_close(house);
}

struct nested {
    struct house *house;
    int get, get_at_once, get_many, invalidate, put, clear, space_add, shut, close;
    atomic_bool done;
};

static void call_from_the_engine(void *arg, int result, struct corral_value *value)
{
    struct nested *nested = arg;
    (void)result;
    corral_value_release(value);
    struct house *house = nested->house;
    struct corral_bytes keys[] = {corral_str("a third"), corral_str("7")};
    struct corral_result results[2];
    struct corral_space_options more = {
        .size = sizeof more, .name = "more", .origin = house->origin};
    struct corral_space *space;
    nested->get = get(house, "another", LONG);
    nested->get_at_once = get(house, "another", 0);
    nested->get_many = corral_get_many(house->space, keys, 2, LONG, results);
    nested->invalidate = corral_invalidate(house->space, corral_str("7"));
    nested->put = corral_put(house->space, corral_str("7"), corral_str("seven"));
    nested->clear = corral_space_clear(house->space);
    nested->space_add = corral_space_add(house->cache, &more, &space);
    nested->shut = corral_shut(house->cache);
    nested->close = corral_close(house->cache);
    nested->done = true;
}

/* What would wait for a load or for the end is refused; what is over as soon as the turn is free is
 * not. */
static void waiting_on_the_callback_thread_is_refused(void **state)
{
    (void)state;
    struct house *house = house_open(&(struct plan){0});
    struct nested nested = {.house = house};
    assert_int_equal(
        corral_get_async(house->space, corral_str("7"), LONG, call_from_the_engine, &nested, NULL),
        0);
    wait_until(nested.done);
    assert_int_equal(nested.get, CORRAL_EDEADLOCK);
    assert_int_equal(nested.get_at_once, CORRAL_ETIMEDOUT);
    assert_int_equal(nested.get_many, CORRAL_EDEADLOCK);
    assert_int_equal(nested.invalidate, 0);
    assert_int_equal(nested.put, 0);
    assert_int_equal(nested.clear, 0);
    assert_int_equal(nested.space_add, 0);
    assert_int_equal(nested.shut, CORRAL_EDEADLOCK);
    assert_int_equal(nested.close, CORRAL_EDEADLOCK);
    house_close(house);
}

/* ---------------------------------------------------------------------------------- all at once */

struct storm {
    struct house *house;
    _Atomic uint32_t wrong;
    _Atomic uint64_t gets;
};

/* Each key's value is a number that only grows; no reader may see it go back behind an invalidation
 * that it made itself (P4). */
static _Atomic uint64_t versions[16];

static void version_loader(void *arg, struct corral_load *load)
{
    (void)arg;
    uint64_t version = versions[*(const unsigned char *)corral_load_key(load).data % 16];
    sched_yield();
    corral_load_value(load, crl_bytes(&version, sizeof version));
}

static void *storm_main(void *arg)
{
    struct storm *storm = arg;
    unsigned char key = 0;
    unsigned lot = (unsigned)(uintptr_t)&key;
    for (int i = 0; i < 3000; i++) {
        key = (unsigned char)(rand_r(&lot) % 16);
        struct corral_bytes bytes = crl_bytes(&key, 1);
        uint64_t least = 0, seen = 0;
        if (rand_r(&lot) % 8 == 0) {
            least = atomic_fetch_add(&versions[key], 1) + 1;
            if (corral_invalidate(storm->house->space, bytes) < 0)
                storm->wrong++;
        }
        size_t size;
        if (corral_read(storm->house->space, bytes, &seen, sizeof seen, &size) < 0) {
            struct corral_value value;
            if (corral_get(storm->house->space, bytes, LONG, &value) < 0 || value.size != 8) {
                storm->wrong++;
                continue;
            }
            memcpy(&seen, value.data, sizeof seen);
            corral_value_release(&value);
        }
        if (seen < least)
            storm->wrong++;
        storm->gets++;
    }
    return NULL;
}

static void many_threads_readers_and_writers(void **state)
{
    (void)state;
    struct storm storm = {.house = calloc(1, sizeof(struct house))};
    struct corral_options options = {
        .size = sizeof options, .memory_bytes = 16384, .close_wait_us = LONG};
    assert_int_equal(corral_open(&options, &storm.house->cache), 0);
    struct corral_origin_options origin = {
        .size = sizeof origin, .name = "db", .loader = version_loader, .deadline_us = LONG};
    assert_int_equal(corral_origin_add(storm.house->cache, &origin, &storm.house->origin), 0);
    struct corral_space_options space = {.size = sizeof space,
                                         .name = "s",
                                         .origin = storm.house->origin,
                                         .policy = POLICY(.ttl_us = CORRAL_MS(5))};
    assert_int_equal(corral_space_add(storm.house->cache, &space, &storm.house->space), 0);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, storm_main, &storm);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(storm.wrong, 0);
    struct crl_space_stats stats = space_stats(storm.house);
    uint64_t counted = 0;
    for (int i = 0; i < CRL_GET_CLASSES; i++)
        counted += stats.gets[i];
    assert_int_equal(counted, storm.gets); /* each get in exactly one class */
    assert_int_equal(stats.gets[CORRAL_LOADED], stats.loads[CRL_LOAD_MISS]);
    assert_int_equal(corral_close(storm.house->cache), 0);
    free(storm.house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_herd_makes_one_load),
        cmocka_unit_test(a_reader_that_gives_up_leaves_the_load_to_the_others),
        cmocka_unit_test(a_get_is_answered_by_callback_once),
        cmocka_unit_test(a_get_can_be_called_off),
        cmocka_unit_test(read_copies_and_never_loads),
        cmocka_unit_test(nothing_is_fresh_past_its_ttl_when_ticks_come_late),
        cmocka_unit_test(not_found_is_an_outcome),
        cmocka_unit_test(a_failure_is_told_with_its_reason),
        cmocka_unit_test(the_second_answer_is_dropped),
        cmocka_unit_test(a_loader_that_never_answers_meets_its_deadline),
        cmocka_unit_test(a_loader_may_answer_later_from_any_thread),
        cmocka_unit_test(a_loader_may_answer_after_the_close),
        cmocka_unit_test(close_does_not_wait_for_ever),
        cmocka_unit_test(the_bulkhead_holds),
        cmocka_unit_test(invalidate_during_a_load),
        cmocka_unit_test(invalidate_forgets),
        cmocka_unit_test(close_during_loads_answers_everyone),
        cmocka_unit_test(keys_at_and_over_their_limit),
        cmocka_unit_test(values_at_and_over_their_limit),
        cmocka_unit_test(a_value_larger_than_the_budget_is_answered_and_not_kept),
        cmocka_unit_test(a_small_budget_is_used),
        cmocka_unit_test(the_longest_spans_do_not_wrap_round),
        cmocka_unit_test(waiters_at_and_over_their_limit),
        cmocka_unit_test(values_outlive_the_cache),
        cmocka_unit_test(an_idle_cache_that_closes_starts_nothing),
        cmocka_unit_test(figures_may_be_read_while_spaces_are_added),
        cmocka_unit_test(misuse_is_told),
        cmocka_unit_test(waiting_on_the_callback_thread_is_refused),
        cmocka_unit_test(many_threads_readers_and_writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
