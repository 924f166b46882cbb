/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   whatever a program's loader does (answers late, twice, after the end, never), its load
 *         ends once, and memory is neither touched too late nor lost.
 * Method: loaders that do one of these each; the test holds the handles and acts for them.
 *         What the port promises of every origin is in tests/contract/test_origin.c. */
#include "origin/callback.h"

#include "../helper/probe.h"

#include <sched.h>

#define VALUE_MAX 100

/* What the loader did last, and what it waits for. */
struct stage {
    struct corral_load *handle; /* of the last load */
    uint32_t begun, returned;
    bool gate_open;
};

static struct stage stage;

static struct crl_origin *origin_new(corral_loader_fn *fn, void *arg)
{
    const struct crl_origin_callback_options options = {
        .loader = fn, .arg = arg, .concurrency = 2, .value_max = VALUE_MAX};
    struct crl_origin *origin = NULL;
    stage = (struct stage){.handle = NULL};
    assert_int_equal(crl_origin_callback_new(&options, &origin), 0);
    return origin;
}

static void origin_free(struct crl_origin *origin)
{
    assert_int_equal(crl_origin_close(origin, PROBE_LIMIT), 0);
}

/* Leaves the answer to the test. */
static void keep(void *arg, struct corral_load *load)
{
    (void)arg;
    probe_do((stage.handle = load, stage.begun++));
}

/* Start a load whose loader has returned without an answer. */
static struct corral_load *start_kept(struct probe *probe, struct crl_origin *origin)
{
    static int space;
    uint32_t before = stage.begun;
    probe_start(probe, origin, "key", &space);
    probe_await(stage.begun > before);
    return stage.handle;
}

static void test_a_loader_sees_its_load(void **state)
{
    (void)state;
    struct probe probe;
    struct crl_origin *origin = origin_new(keep, NULL);
    struct corral_load *load = start_kept(&probe, origin);
    assert_true(crl_bytes_equal(corral_load_key(load), corral_str("key")));
    assert_ptr_equal(corral_load_space_arg(load), probe.load.space_arg);
    assert_in_range(corral_load_remaining(load), 1, PROBE_LIMIT);
    assert_false(corral_load_cancelled(load));
    corral_load_not_found(load);
    probe_expect(&probe, 0, NULL);
    assert_int_equal(corral_load_key(load).size, 0);
    assert_null(corral_load_space_arg(load));
    assert_true(corral_load_remaining(load) <= 0);
    assert_true(corral_load_cancelled(load));
    origin_free(origin);
}

static void test_values_are_copied_up_to_their_limit(void **state)
{
    (void)state;
    char bytes[VALUE_MAX + 1];
    struct probe probe;
    struct crl_origin *origin = origin_new(keep, NULL);
    for (size_t size = 0; size <= VALUE_MAX + 1; size++) {
        int rc = size <= VALUE_MAX ? 0 : CORRAL_EVALUE;
        struct corral_load *load = start_kept(&probe, origin);
        memset(bytes, 'x', sizeof bytes);
        assert_int_equal(corral_load_value(load, crl_bytes(bytes, size)), rc);
        memset(bytes, 'y', sizeof bytes);
        probe_await(probe.answers > 0);
        assert_int_equal(probe.rc, rc);
        assert_int_equal(probe.draft != NULL, rc == 0); /* an empty value is one */
        struct corral_bytes value = probe_value(&probe);
        assert_true(rc != 0 || value.size == size);
        assert_true(value.size == 0 || *(const char *)value.data == 'x');
        probe_expect_end(&probe);
    }
    struct corral_load *load = start_kept(&probe, origin);
    assert_int_equal(corral_load_value(load, crl_bytes(NULL, 0)), 0);
    probe_expect(&probe, 0, "");
    origin_free(origin);
}

static void test_failures_carry_their_text(void **state)
{
    (void)state;
    struct probe probe;
    char why[] = "no such host";
    struct crl_origin *origin = origin_new(keep, NULL);
    corral_load_fail(start_kept(&probe, origin), why);
    probe_expect(&probe, CORRAL_EORIGIN, NULL);
    assert_string_equal(probe.why, "no such host");
    corral_load_fail(start_kept(&probe, origin), NULL);
    probe_expect(&probe, CORRAL_EORIGIN, NULL);
    assert_false(probe.has_why);
    origin_free(origin);
}

/* Every pair of answers, and others' loads are not hurt, even where they got the same memory. */
static void test_the_second_answer_is_dropped(void **state)
{
    (void)state;
    struct crl_origin *origin = origin_new(keep, NULL);
    for (int pair = 0; pair < 9; pair++) {
        struct probe probe, other;
        struct corral_load *load = start_kept(&probe, origin);
        for (int i = 0, form = pair % 3; i < 2; i++, form = pair / 3) {
            if (form == 0)
                assert_int_equal(corral_load_value(load, corral_str("a")), 0);
            else if (form == 1)
                corral_load_not_found(load);
            else
                corral_load_fail(load, "why");
        }
        probe_expect(&probe, pair % 3 == 2 ? CORRAL_EORIGIN : 0, pair % 3 == 0 ? "a" : NULL);

        struct corral_load *other_load = start_kept(&other, origin);
        corral_load_fail(load, "a third one");
        assert_int_equal(probe_answers(&other), 0);
        assert_int_equal(corral_load_value(other_load, corral_str("b")), 0);
        probe_expect(&other, 0, "b");
    }
    origin_free(origin);
}

static void answer_twice(void *arg, struct corral_load *load)
{
    (void)arg;
    assert_int_equal(corral_load_value(load, corral_str("first")), 0);
    assert_int_equal(corral_load_value(load, corral_str("second")), 0);
}

static void test_the_second_answer_before_return_is_dropped(void **state)
{
    (void)state;
    struct crl_origin *origin = origin_new(answer_twice, NULL);
    for (int i = 0; i < 100; i++)
        probe_load(origin, "key", NULL, 0, "first");
    origin_free(origin);
}

static void *answer_from_thread(void *load)
{
    (void)corral_load_value(load, corral_str("mine"));
    return NULL;
}

static void test_answers_race(void **state)
{
    (void)state;
    struct crl_origin *origin = origin_new(keep, NULL);
    for (int i = 0; i < 500; i++) {
        struct probe probe;
        pthread_t threads[2];
        struct corral_load *load = start_kept(&probe, origin);
        for (int t = 0; t < 2; t++)
            assert_int_equal(pthread_create(&threads[t], NULL, answer_from_thread, load), 0);
        for (int t = 0; t < 2; t++)
            pthread_join(threads[t], NULL);
        probe_expect(&probe, 0, "mine");
    }
    origin_free(origin);
}

/* The deadline ends it at once; the loader may look on, and its answer goes nowhere. */
static void test_an_answer_after_the_deadline_is_dropped(void **state)
{
    (void)state;
    struct probe probe;
    struct crl_origin *origin = origin_new(keep, NULL);
    struct corral_load *load = start_kept(&probe, origin);
    probe_cancel(&probe, origin);
    probe_expect(&probe, CORRAL_EDEADLINE, NULL);
    assert_true(corral_load_cancelled(load));
    assert_true(crl_bytes_equal(corral_load_key(load), corral_str("key")));
    assert_int_equal(corral_load_value(load, corral_str("late")), 0);
    assert_int_equal(probe_answers(&probe), 1);
    origin_free(origin);
}

static void test_an_answer_after_the_end_is_dropped(void **state)
{
    (void)state;
    struct probe probes[2];
    struct crl_origin *origin = origin_new(keep, NULL);
    struct corral_load *unanswered = start_kept(&probes[0], origin);
    struct corral_load *answered = start_kept(&probes[1], origin);
    corral_load_not_found(answered);
    origin_free(origin);
    probe_expect(&probes[0], CORRAL_EDEADLINE, NULL);
    probe_expect(&probes[1], 0, NULL);
    assert_true(corral_load_cancelled(unanswered));
    assert_true(crl_bytes_equal(corral_load_key(unanswered), corral_str("key")));
    corral_load_fail(unanswered, "late"); /* frees it: the leak check sees */
    corral_load_fail(unanswered, "later");
    corral_load_fail(answered, "late");
    assert_int_equal(probe_answers(&probes[0]), 1);
    assert_int_equal(probe_answers(&probes[1]), 1);
}

/* Returns only when the gate is open. */
static void linger(void *arg, struct corral_load *load)
{
    const bool *answers_first = arg;
    if (*answers_first)
        corral_load_not_found(load);
    probe_do((stage.handle = load, stage.begun++));
    probe_await(stage.gate_open);
    if (!*answers_first)
        corral_load_not_found(load);
    probe_do(stage.returned++);
}

/* A worker that lingers after its answer keeps its thread only. Loads behind it can be cancelled,
 * and their loader is then never called. */
static void test_loads_behind_lingering_loaders(void **state)
{
    (void)state;
    bool answers_first = true;
    struct probe first[2], behind[3];
    struct crl_origin *origin = origin_new(linger, &answers_first);
    for (int i = 0; i < 2; i++) {
        probe_start(&first[i], origin, "key", NULL);
        probe_expect(&first[i], 0, NULL);
    }
    for (int i = 0; i < 3; i++)
        probe_start(&behind[i], origin, "key", NULL);
    probe_cancel(&behind[1], origin);
    probe_expect(&behind[1], CORRAL_EDEADLINE, NULL);
    assert_int_equal(probe_answers(&behind[0]), 0);
    probe_do(stage.gate_open = true);
    probe_expect(&behind[0], 0, NULL);
    probe_expect(&behind[2], 0, NULL);
    origin_free(origin);
    assert_int_equal(stage.begun, 4);
}

/* A cancelled load whose loader runs keeps its place until the loader is through. */
static void test_a_running_loader_is_told(void **state)
{
    (void)state;
    bool answers_first = false;
    struct probe probe;
    struct crl_origin *origin = origin_new(linger, &answers_first);
    probe_start(&probe, origin, "key", NULL);
    probe_await(stage.begun == 1);
    assert_false(corral_load_cancelled(stage.handle));
    probe_cancel(&probe, origin);
    probe_cancel(&probe, origin);
    assert_true(corral_load_cancelled(stage.handle));
    assert_int_equal(probe_answers(&probe), 0);
    probe_do(stage.gate_open = true);
    probe_expect_end(&probe);
    origin_free(origin);
}

static void test_a_stuck_loader_is_left_behind(void **state)
{
    (void)state;
    bool answers_first = false;
    struct probe probe;
    uint32_t threads = probe_threads();
    struct crl_origin *origin = origin_new(linger, &answers_first);
    probe_start(&probe, origin, "key", NULL);
    probe_await(stage.begun == 1);
    assert_int_equal(crl_origin_close(origin, CORRAL_MS(1)), CORRAL_ETIMEDOUT);
    assert_int_equal(probe_answers(&probe), 1);
    probe_do(stage.gate_open = true);
    probe_await(stage.returned == 1);
    probe_await_threads(threads);
    probe_expect(&probe, CORRAL_EDEADLINE, NULL);
}

/* ----------------------------------------------------------------------------------------- room */

/* What is committed is the draft itself, unless it is so short that another block is due. */
static void test_a_value_is_written_in_place(void **state)
{
    (void)state;
    struct crl_origin *origin = origin_new(keep, NULL);
    for (size_t room_size = 0; room_size <= VALUE_MAX; room_size += 7) {
        for (size_t size = 0; size <= room_size; size++) {
            struct probe probe;
            struct corral_load *load = start_kept(&probe, origin);
            char *room = corral_load_reserve(load, room_size);
            assert_non_null(room);
            for (size_t i = 0; i < room_size; i++)
                room[i] = (char)i;
            assert_int_equal(corral_load_commit(load, size), 0);
            probe_await(probe.answers > 0);
            assert_int_equal(probe.rc, 0);
            struct corral_bytes value = probe_value(&probe);
            assert_int_equal(value.size, size);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(((const char *)value.data)[i], (char)i);
            bool same_block = crl_entry_block_bytes(3, size) == crl_entry_block_bytes(3, room_size);
            assert_int_equal(probe.draft->value_size, size);
            assert_int_equal(value.data == room, same_block);
            probe_expect_end(&probe);
        }
    }
    origin_free(origin);
}

static void test_what_has_no_room_is_not_committed(void **state)
{
    (void)state;
    struct probe probe;
    struct crl_origin *origin = origin_new(keep, NULL);
    struct corral_load *load = start_kept(&probe, origin);
    assert_int_equal(corral_load_commit(load, 0), CORRAL_EINVAL);
    assert_null(corral_load_reserve(load, VALUE_MAX + 1));
    assert_null(corral_load_reserve(load, SIZE_MAX));
    assert_int_equal(corral_load_commit(load, 0), CORRAL_EINVAL);
    memset(corral_load_reserve(load, 10), 'a', 10);
    assert_int_equal(corral_load_commit(load, 11), CORRAL_EINVAL);
    char *room = corral_load_reserve(load, 20); /* in place of the other */
    memset(room, 'b', 20);
    assert_null(corral_load_reserve(load, VALUE_MAX + 1)); /* changes nothing */
    assert_int_equal(probe_answers(&probe), 0);
    assert_int_equal(corral_load_commit(load, 2), 0);
    probe_expect(&probe, 0, "bb");
    assert_null(corral_load_reserve(load, 1));
    assert_int_equal(corral_load_commit(load, 1), 0); /* dropped, as any second answer */
    assert_int_equal(probe.answers, 1);
    origin_free(origin);
}

/* The room goes with another answer, also one that is made of it. The leak check sees the rest. */
static void test_other_answers_free_the_room(void **state)
{
    (void)state;
    struct probe probe;
    struct crl_origin *origin = origin_new(keep, NULL);
    struct corral_load *load = start_kept(&probe, origin);
    memcpy(corral_load_reserve(load, 5), "hello", 5);
    corral_load_not_found(load);
    probe_expect(&probe, 0, NULL);
    load = start_kept(&probe, origin);
    assert_non_null(corral_load_reserve(load, 5));
    corral_load_fail(load, "why");
    probe_expect(&probe, CORRAL_EORIGIN, NULL);
    load = start_kept(&probe, origin);
    void *room = memcpy(corral_load_reserve(load, 5), "hello", 5);
    assert_int_equal(corral_load_value(load, crl_bytes(room, 4)), 0);
    probe_expect(&probe, 0, "hell");
    origin_free(origin);
}

/* A loader does not know when it is cancelled: it writes on. */
static void test_the_room_outlives_the_end(void **state)
{
    (void)state;
    struct probe probes[2];
    struct crl_origin *origin = origin_new(keep, NULL);
    struct corral_load *cancelled = start_kept(&probes[0], origin);
    struct corral_load *closed = start_kept(&probes[1], origin);
    char *rooms[2] = {corral_load_reserve(cancelled, 50), corral_load_reserve(closed, 50)};
    probe_cancel(&probes[0], origin);
    probe_expect(&probes[0], CORRAL_EDEADLINE, NULL);
    memset(rooms[0], 'x', 50);
    assert_null(corral_load_reserve(cancelled, 5)); /* nobody wants it */
    memset(rooms[0], 'x', 50);
    assert_int_equal(corral_load_commit(cancelled, 50), 0);
    origin_free(origin);
    probe_expect(&probes[1], CORRAL_EDEADLINE, NULL);
    memset(rooms[1], 'x', 50);
    assert_int_equal(corral_load_commit(closed, 5), 0);
    assert_int_equal(probes[0].answers, 1);
    assert_int_equal(probes[1].answers, 1);
}

static void *commit_from_thread(void *load)
{
    (void)corral_load_commit(load, 4);
    return NULL;
}

static void test_a_commit_races_with_an_answer(void **state)
{
    (void)state;
    struct crl_origin *origin = origin_new(keep, NULL);
    for (int i = 0; i < 500; i++) {
        struct probe probe;
        pthread_t threads[2];
        struct corral_load *load = start_kept(&probe, origin);
        memcpy(corral_load_reserve(load, 4), "mine", 4);
        assert_int_equal(pthread_create(&threads[0], NULL, commit_from_thread, load), 0);
        assert_int_equal(pthread_create(&threads[1], NULL, answer_from_thread, load), 0);
        for (int t = 0; t < 2; t++)
            pthread_join(threads[t], NULL);
        probe_expect(&probe, 0, "mine");
    }
    origin_free(origin);
}

/* ---------------------------------------------------------------------------------------- mates */

enum { MATES = 5 };

/* What a loader of many was given last. */
static struct {
    struct corral_load *loads[MATES];
    uint32_t n, calls;
    uint32_t passes; /* so many calls may return */
} many;

static void keep_many(void *arg, struct corral_load *const *loads, uint32_t n)
{
    (void)arg;
    assert_in_range(n, 1, MATES);
    uint32_t call;
    probe_do((memcpy(many.loads, loads, n * sizeof *loads), many.n = n, call = ++many.calls));
    probe_await(many.passes >= call);
}

static struct crl_origin *many_new(uint32_t concurrency)
{
    const struct crl_origin_callback_options options = {
        .load_many = keep_many, .concurrency = concurrency, .value_max = VALUE_MAX};
    struct crl_origin *origin = NULL;
    memset(&many, 0, sizeof many);
    many.passes = UINT32_MAX;
    assert_int_equal(crl_origin_callback_new(&options, &origin), 0);
    return origin;
}

static void start_mates(struct probe *probes, size_t n, struct crl_origin *origin)
{
    static const char *const keys[MATES] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < n; i++) {
        probe_init(&probes[i], keys[i], NULL);
        probes[i].load.is_mate = i > 0;
    }
    probe_start_list(probes, n, origin);
}

static void test_mates_are_one_call(void **state)
{
    (void)state;
    static const char *const keys[MATES] = {"a", "b", "c", "d", "e"};
    struct crl_origin *origin = many_new(2);
    struct probe probes[MATES];
    start_mates(probes, MATES, origin);
    probe_await(many.calls == 1);
    assert_int_equal(many.n, MATES);
    for (int i = 0; i < MATES; i++) {
        assert_true(crl_bytes_equal(corral_load_key(many.loads[i]), corral_str(keys[i])));
        assert_int_equal(corral_load_worker(many.loads[i]), corral_load_worker(many.loads[0]));
    }
    /* Each has its own answer, in its own time, whatever becomes of the others. */
    assert_int_equal(corral_load_value(many.loads[3], corral_str("d")), 0);
    probe_expect(&probes[3], 0, "d");
    corral_load_fail(many.loads[0], "why");
    probe_expect(&probes[0], CORRAL_EORIGIN, NULL);
    probe_cancel(&probes[1], origin);
    probe_expect(&probes[1], CORRAL_EDEADLINE, NULL);
    assert_true(corral_load_cancelled(many.loads[1]));
    assert_false(corral_load_cancelled(many.loads[2]));
    assert_int_equal(probe_answers(&probes[2]), 0);
    corral_load_not_found(many.loads[2]);
    probe_expect(&probes[2], 0, NULL);
    origin_free(origin);
    probe_expect(&probes[4], CORRAL_EDEADLINE, NULL);
    corral_load_fail(many.loads[1], "late"); /* frees it */
    corral_load_fail(many.loads[4], "late");
}

static void test_mates_that_were_cancelled_are_left_out(void **state)
{
    (void)state;
    struct crl_origin *origin = many_new(1);
    struct probe first, probes[MATES], gone[2];
    many.passes = 0;
    probe_start(&first, origin, "first", NULL);
    probe_await(many.calls == 1);
    struct corral_load *first_load = many.loads[0];
    start_mates(gone, 2, origin);
    start_mates(probes, MATES, origin);
    for (int i = 0; i < 2; i++)
        probe_cancel(&gone[i], origin);
    probe_cancel(&probes[0], origin); /* whose the job is */
    probe_cancel(&probes[3], origin);
    probe_do(many.passes = 2);
    probe_await(many.calls == 2);
    assert_int_equal(many.n, 3);
    static const char *const keys[] = {"b", "c", "e"};
    for (int i = 0; i < 3; i++) {
        assert_true(crl_bytes_equal(corral_load_key(many.loads[i]), corral_str(keys[i])));
        corral_load_not_found(many.loads[i]);
    }
    corral_load_not_found(first_load);
    origin_free(origin);
    assert_int_equal(many.calls, 2); /* the first two were never told of */
    probe_expect(&first, 0, NULL);
    for (int i = 0; i < 2; i++)
        probe_expect(&gone[i], CORRAL_EDEADLINE, NULL);
    for (int i = 0; i < MATES; i++)
        probe_expect(&probes[i], i == 0 || i == 3 ? CORRAL_EDEADLINE : 0, NULL);
}

/* Loads that do not belong together are not put together. */
static void test_only_mates_are_one_call(void **state)
{
    (void)state;
    struct crl_origin *origin = many_new(1);
    struct probe probes[MATES];
    uint32_t seen = 0;
    many.passes = 0;
    for (int i = 0; i < MATES; i++) {
        probe_init(&probes[i], "key", NULL);
        probes[i].load.is_mate = i == 2 || i == 3;
    }
    probe_start_list(probes, MATES, origin);
    static const uint32_t calls[] = {1, 3, 1};
    for (uint32_t i = 0; i < 3; i++) {
        probe_await(many.calls == i + 1);
        assert_int_equal(many.n, calls[i]);
        struct corral_load *loads[MATES];
        memcpy(loads, many.loads, sizeof loads);
        for (uint32_t k = 0; k < calls[i]; k++, seen++)
            corral_load_not_found(loads[k]);
        probe_do(many.passes++);
    }
    assert_int_equal(seen, MATES);
    for (int i = 0; i < MATES; i++)
        probe_expect(&probes[i], 0, NULL);
    origin_free(origin);
}

static struct {
    char keys[8]; /* one byte of each */
    uint32_t n;
    int rc;
} noted;

static void note_key(void *arg, struct corral_load *load)
{
    (void)arg;
    probe_do(noted.keys[noted.n++] = *(const char *)corral_load_key(load).data);
    corral_load_not_found(load);
}

static void test_loads_of_one_list_begin_in_its_order(void **state)
{
    (void)state;
    const struct crl_origin_callback_options options = {
        .loader = note_key, .concurrency = 1, .value_max = VALUE_MAX};
    struct probe probes[4];
    struct crl_origin *origin = NULL;
    noted.n = 0;
    assert_int_equal(crl_origin_callback_new(&options, &origin), 0);
    for (int i = 0; i < 4; i++)
        probe_init(&probes[i], (const char[]){"abcd"[i], '\0'}, NULL);
    probe_start_list(probes, 4, origin);
    for (int i = 0; i < 4; i++)
        probe_expect(&probes[i], 0, NULL);
    assert_memory_equal(noted.keys, "abcd", 4);
    origin_free(origin);
}

static void answer_once_cancelled(void *arg, struct corral_load *load)
{
    (void)arg;
    probe_do(stage.begun++);
    while (!corral_load_cancelled(load))
        sched_yield();
    noted.rc = corral_load_value(load, corral_str("late"));
}

static void test_a_value_that_nobody_wants_is_no_fault(void **state)
{
    (void)state;
    struct probe probe;
    struct crl_origin *origin = origin_new(answer_once_cancelled, NULL);
    noted.rc = 1;
    probe_start(&probe, origin, "key", NULL);
    probe_await(stage.begun == 1);
    probe_cancel(&probe, origin);
    probe_expect(&probe, CORRAL_EDEADLINE, NULL);
    origin_free(origin); /* the loader has returned */
    assert_int_equal(noted.rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_loader_sees_its_load),
        cmocka_unit_test(test_values_are_copied_up_to_their_limit),
        cmocka_unit_test(test_failures_carry_their_text),
        cmocka_unit_test(test_the_second_answer_is_dropped),
        cmocka_unit_test(test_the_second_answer_before_return_is_dropped),
        cmocka_unit_test(test_answers_race),
        cmocka_unit_test(test_an_answer_after_the_deadline_is_dropped),
        cmocka_unit_test(test_an_answer_after_the_end_is_dropped),
        cmocka_unit_test(test_loads_behind_lingering_loaders),
        cmocka_unit_test(test_a_running_loader_is_told),
        cmocka_unit_test(test_a_stuck_loader_is_left_behind),
        cmocka_unit_test(test_a_value_is_written_in_place),
        cmocka_unit_test(test_what_has_no_room_is_not_committed),
        cmocka_unit_test(test_other_answers_free_the_room),
        cmocka_unit_test(test_the_room_outlives_the_end),
        cmocka_unit_test(test_a_commit_races_with_an_answer),
        cmocka_unit_test(test_mates_are_one_call),
        cmocka_unit_test(test_mates_that_were_cancelled_are_left_out),
        cmocka_unit_test(test_only_mates_are_one_call),
        cmocka_unit_test(test_loads_of_one_list_begin_in_its_order),
        cmocka_unit_test(test_a_value_that_nobody_wants_is_no_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
