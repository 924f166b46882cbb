/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   the engine's side of the port of origins: answers given by one call reach all their
 *         waiters, in order; a load for which there is no memory costs its get and nothing else;
 *         origins close at the same time; and of what is not said the defaults hold.
 * Method: the real library on an origin that does nothing by itself: the test answers what was
 *         started, when it likes. The linker sends calloc() through the test, which refuses what
 *         the engine needs for a load of one key. */
#include "lib/cache.h"
#include "lib/private.h"

#include "../helper/policy.h"
#include "../helper/probe.h"

#define LOADS_MAX 8
#define HELD_MAX  32

struct holder {
    struct crl_origin origin;         /* first */
    struct crl_load *loads[HELD_MAX]; /* started and not ended; the rest under the probe's lock */
    uint32_t n;
    struct holder *other; /* closes with this one; may be NULL */
    bool close_has_begun, was_alone;
    corral_us stuck_us; /* its close takes so long, and gives up */
    corral_us wait_us;  /* that its close was given */
};

static void start(struct crl_origin *origin, struct crl_load *list)
{
    struct holder *holder = (struct holder *)origin;
    while (list != NULL) {
        struct crl_load *load = list;
        list = load->next; /* before the test can end the load */
        crl_assert(holder->n < HELD_MAX);
        probe_do(holder->loads[holder->n++] = load);
    }
}

static void cancel(struct crl_origin *origin, struct crl_load *load)
{
    (void)origin;
    (void)load; /* ends at the close */
}

static void close_begin(struct crl_origin *origin)
{
    struct holder *holder = (struct holder *)origin;
    for (uint32_t i = 0; i < holder->n; i++)
        crl_load_answer(holder->loads[i], crl_load_failed(CORRAL_EDEADLINE, NULL));
    holder->n = 0;
    holder->close_has_begun = true;
}

static int close_wait(struct crl_origin *origin, corral_us wait_us)
{
    struct holder *holder = (struct holder *)origin;
    holder->wait_us = wait_us;
    holder->was_alone = holder->other == NULL || !holder->other->close_has_begun;
    for (corral_us until = crl_now() + holder->stuck_us; crl_now() < until;)
        ;
    if (holder->stuck_us == 0)
        return 0;
    origin->gone(origin->gone_arg); /* O6 */
    return CORRAL_ETIMEDOUT;
}

static const struct crl_origin_ops ops = {
    .kind = "holder",
    .start = start,
    .cancel = cancel,
    .close_begin = close_begin,
    .close_wait = close_wait,
};

static struct corral_space *add_space(struct corral_cache *cache, const char *name,
                                      struct holder *holder)
{
    struct corral_origin *origin;
    struct corral_space *space;
    *holder = (struct holder){.origin = {&ops}};
    const struct corral_origin_options options = {
        .size = sizeof options, .name = name, .concurrency = LOADS_MAX, .deadline_us = PROBE_LIMIT};
    assert_int_equal(crl_origin_attach(cache, &options, &holder->origin, &origin), 0);
    const struct corral_space_options space_options = {
        .size = sizeof space_options,
        .name = name,
        .policy = POLICY(.ttl_us = CORRAL_SECONDS(60), .negative_ttl_us = CORRAL_SECONDS(60)),
        .origin = origin,
    };
    assert_int_equal(corral_space_add(cache, &space_options, &space), 0);
    return space;
}

/* End what it holds, or close would wait for that. */
static void answer_held(struct holder *holder)
{
    struct crl_load *loads[HELD_MAX];
    uint32_t n;
    probe_do((n = holder->n, memcpy(loads, holder->loads, n * sizeof *loads), holder->n = 0));
    for (uint32_t i = 0; i < n; i++)
        crl_load_answer(loads[i], crl_load_absent());
}

static uint64_t gets_of(struct corral_space *space, int class)
{
    struct crl_space_stats stats;
    crl_space_stats(space, &stats);
    return stats.gets[class];
}

/* What the gets were told, in order; under the probe's lock. */
static struct {
    int results[LOADS_MAX];
    char bytes[LOADS_MAX];
    uint32_t n;
} told;

static void on_answer(void *arg, int result, struct corral_value *value)
{
    (void)arg;
    probe_do((told.results[told.n] = result, told.bytes[told.n++] = value != NULL && value->size > 0
                                                                        ? *(const char *)value->data
                                                                        : '-'));
    if (value != NULL)
        corral_value_release(value);
}

static struct crl_load_answered value(struct crl_load *load, char byte)
{
    struct crl_entry *draft = crl_load_draft(load, 1, 0);
    assert_non_null(draft);
    *(char *)crl_entry_value_room(draft) = byte;
    return (struct crl_load_answered){load, crl_load_value(draft)};
}

#define VALUE_MAX 1000

/* Whatever an origin does: no origin of ours answers with more. */
static void a_value_at_and_over_its_limit(void **state)
{
    (void)state;
    struct corral_cache *cache;
    struct holder holder;
    assert_int_equal(corral_open(&(struct corral_options){.size = sizeof(struct corral_options),
                                                          .value_max = VALUE_MAX},
                                 &cache),
                     0);
    struct corral_space *space = add_space(cache, "held", &holder);
    for (uint32_t i = 0; i < 2; i++) {
        told.n = 0;
        assert_int_equal(
            corral_get_async(space, corral_str("7"), PROBE_LIMIT, on_answer, NULL, NULL), 0);
        probe_await(holder.n == 1);
        struct crl_load *load = holder.loads[0];
        struct crl_entry *draft = crl_load_draft(load, VALUE_MAX + 1 - i, 0);
        memset(crl_entry_value_room(draft), 'v', VALUE_MAX + 1 - i);
        holder.n = 0;
        crl_load_answer(load, crl_load_value(draft));
        probe_await(told.n == 1);
        assert_int_equal(told.results[0], i == 0 ? CORRAL_EVALUE : CORRAL_LOADED);
    }
    assert_int_equal(corral_close(cache), 0);
}

static void answers_of_one_call_arrive_in_order(void **state)
{
    (void)state;
    struct corral_cache *cache;
    struct holder holder;
    assert_int_equal(corral_open(NULL, &cache), 0);
    struct corral_space *space = add_space(cache, "held", &holder);
    told.n = 0;
    static const char *const keys[] = {"a", "b", "c", "d"};
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(
            corral_get_async(space, corral_str(keys[i]), PROBE_LIMIT, on_answer, NULL, NULL), 0);
        probe_await(holder.n == i + 1);
    }
    const struct crl_load_answered answered[] = {
        value(holder.loads[2], 'c'),
        {holder.loads[0], crl_load_failed(CORRAL_EORIGIN, "why not")},
        value(holder.loads[3], 'd'),
        {holder.loads[1], crl_load_absent()},
    };
    holder.n = 0;
    crl_load_answer_list(answered, 4);
    probe_await(told.n == 4);
    static const int results[] = {CORRAL_LOADED, CORRAL_EORIGIN, CORRAL_LOADED, CORRAL_LOADED};
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(told.results[i], results[i]);
    assert_memory_equal(told.bytes, "c-d-", 4);
    assert_int_equal(corral_close(cache), 0);
}

static void on_told(struct crl_engine *engine, struct engine_waiter *waiter, int result,
                    struct crl_entry *entry, bool cached)
{
    (void)engine, (void)waiter, (void)result, (void)entry, (void)cached;
}

struct batch {
    struct corral_space *space;
    struct engine_waiter waiters[LOADS_MAX];
};

/* In the turn: all within one batch. */
static int want_each(struct crl_engine *engine, void *arg)
{
    struct batch *batch = arg;
    for (uint32_t i = 0; i < LOADS_MAX; i++) {
        batch->waiters[i].answered = on_told;
        crl_engine_feed(engine,
                        &(struct crl_event){.kind = CRL_WANTED,
                                            .space = batch->space->number,
                                            .key = crl_bytes(&"abcdefgh"[i], 1),
                                            .wanted = {.waiter = &batch->waiters[i].waiter,
                                                       .wait_until = engine->now + PROBE_LIMIT}});
    }
    return 0;
}

static void loads_of_one_batch_start_in_order(void **state)
{
    (void)state;
    struct corral_cache *cache;
    struct holder holder;
    assert_int_equal(corral_open(NULL, &cache), 0);
    struct batch batch = {.space = add_space(cache, "held", &holder)};
    assert_int_equal(crl_engine_do(&cache->engine, want_each, &batch), 0);
    probe_await(holder.n == LOADS_MAX);
    for (uint32_t i = 0; i < LOADS_MAX; i++)
        assert_int_equal(*(const char *)holder.loads[i]->key.data, "abcdefgh"[i]);
    answer_held(&holder);
    assert_int_equal(corral_close(cache), 0);
}

/* ------------------------------------------------------------------------------------ no memory */

/* A key of a size that is in no other block. */
#define LARGE_KEY 777

static atomic_bool refuses;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
    if (refuses && n * size == sizeof(struct engine_load) + LARGE_KEY)
        return NULL;
    return __real_calloc(n, size);
}

/* More often than there are places: were one not given back, the next load would find none. */
static void a_load_without_memory_takes_no_place(void **state)
{
    (void)state;
    struct corral_cache *cache;
    struct holder holder;
    char large[LARGE_KEY] = {'k'};
    struct corral_bytes key = crl_bytes(large, sizeof large);
    assert_int_equal(corral_open(NULL, &cache), 0);
    struct corral_space *space = add_space(cache, "held", &holder);
    refuses = true;
    for (int i = 0; i < 2 * LOADS_MAX; i++) {
        struct corral_value value;
        assert_int_equal(corral_get(space, key, 0, &value), CORRAL_ENOMEM);
    }
    refuses = false;
    assert_int_equal(holder.n, 0);
    struct crl_origin_stats stats;
    crl_origin_stats(space->origin, &stats);
    assert_int_equal(stats.active, 0);
    assert_int_equal(gets_of(space, CRL_GET_REFUSED), 2 * LOADS_MAX);
    told.n = 0;
    assert_int_equal(corral_get_async(space, key, PROBE_LIMIT, on_answer, NULL, NULL), 0);
    probe_await(holder.n == 1);
    struct crl_load_answered answered = value(holder.loads[0], 'v');
    holder.n = 0;
    crl_load_answer_list(&answered, 1);
    probe_await(told.n == 1);
    assert_int_equal(told.results[0], CORRAL_LOADED);
    assert_int_equal(corral_close(cache), 0);
}

/* -------------------------------------------------------------------------------------- the end */

static void count_answer(void *arg, int result, struct corral_value *value)
{
    uint32_t *answers = arg;
    (void)result;
    if (value != NULL)
        corral_value_release(value);
    probe_do(++*answers);
}

/* Neither the origin nor the get itself has failed. */
static void whom_close_answers_is_refused(void **state)
{
    (void)state;
    struct corral_cache *cache;
    struct holder holder;
    uint32_t answers = 0;
    assert_int_equal(corral_open(NULL, &cache), 0);
    struct corral_space *space = add_space(cache, "held", &holder);
    assert_int_equal(
        corral_get_async(space, corral_str("7"), PROBE_LIMIT, count_answer, &answers, NULL), 0);
    probe_await(holder.n == 1);
    crl_engine_drain(&cache->engine, 0); /* what corral_close() begins with */
    assert_int_equal(gets_of(space, CRL_GET_REFUSED), 1);
    assert_int_equal(gets_of(space, CRL_GET_FAILED), 0);
    answer_held(&holder);
    assert_int_equal(corral_close(cache), 0);
    assert_int_equal(answers, 1);
}

/* --------------------------------------------------------------------------------- the defaults */

static bool origin_is_busy(struct corral_origin *origin)
{
    struct crl_origin_stats stats;
    crl_origin_stats(origin, &stats);
    return stats.active > 0 || stats.queued > 0;
}

/* What corral.h promises for zeros. */
static void zeros_are_the_defaults_that_are_written(void **state)
{
    (void)state;
    enum { CONCURRENCY = 20, QUEUE = 1000 };
    struct corral_cache *cache;
    struct holder holder = {.origin = {&ops}};
    struct corral_origin *origin;
    struct corral_space_options options = {.size = sizeof options, .name = "held"};
    struct corral_space *space;
    uint32_t answers = 0;
    assert_int_equal(corral_open(NULL, &cache), 0);
    assert_int_equal(cache->key_max, 1024);
    assert_int_equal(cache->value_max, 8 << 20);
    assert_int_equal(cache->waiters_max, 131072);
    assert_int_equal(cache->close_wait_us, CORRAL_SECONDS(5));
    assert_int_equal(
        crl_origin_attach(cache,
                          &(struct corral_origin_options){
                              .size = sizeof(struct corral_origin_options), .name = "held"},
                          &holder.origin, &origin),
        0);
    options.origin = origin;
    assert_int_equal(corral_space_add(cache, &options, &space), 0);
    corral_us begun_at = crl_now();
    for (uint32_t i = 0; i < CONCURRENCY + QUEUE; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        assert_int_equal(
            corral_get_async(space, corral_str(key), PROBE_LIMIT, count_answer, &answers, NULL), 0);
    }
    probe_await(holder.n == CONCURRENCY);
    struct corral_value value;
    assert_int_equal(corral_get(space, corral_str("one too many"), PROBE_LIMIT, &value),
                     CORRAL_EQUEUE);
    assert_int_equal(gets_of(space, CRL_GET_REFUSED), 1);
    assert_in_range(holder.loads[0]->deadline_at, begun_at + CORRAL_SECONDS(2),
                    crl_now() + CORRAL_SECONDS(2));
    while (origin_is_busy(origin))
        answer_held(&holder);
    assert_int_equal(corral_close(cache), 0);
    assert_int_equal(answers, CONCURRENCY + QUEUE);
}

static void origins_close_at_the_same_time(void **state)
{
    (void)state;
    struct corral_cache *cache;
    struct holder first, second;
    assert_int_equal(corral_open(NULL, &cache), 0);
    (void)add_space(cache, "first", &first);
    (void)add_space(cache, "second", &second);
    first.other = &second;
    second.other = &first;
    assert_int_equal(corral_close(cache), 0);
    assert_false(first.was_alone);
    assert_false(second.was_alone);
}

/* That one was stuck is told, and the next one has what is left of the time. */
static void a_stuck_origin_is_told_and_is_not_waited_for_twice(void **state)
{
    (void)state;
    struct corral_cache *cache;
    struct holder first, second;
    const struct corral_options options = {.size = sizeof options,
                                           .close_wait_us = CORRAL_SECONDS(60)};
    assert_int_equal(corral_open(&options, &cache), 0);
    (void)add_space(cache, "first", &first);
    (void)add_space(cache, "second", &second);
    first.stuck_us = CORRAL_MS(5);
    assert_int_equal(corral_close(cache), CORRAL_ETIMEDOUT);
    assert_in_range(first.wait_us, 0, options.close_wait_us);
    assert_in_range(second.wait_us, 0, options.close_wait_us - first.stuck_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_one_call_arrive_in_order),
        cmocka_unit_test(loads_of_one_batch_start_in_order),
        cmocka_unit_test(a_value_at_and_over_its_limit),
        cmocka_unit_test(a_load_without_memory_takes_no_place),
        cmocka_unit_test(whom_close_answers_is_refused),
        cmocka_unit_test(zeros_are_the_defaults_that_are_written),
        cmocka_unit_test(origins_close_at_the_same_time),
        cmocka_unit_test(a_stuck_origin_is_told_and_is_not_waited_for_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
