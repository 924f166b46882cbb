/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   every origin keeps O1 to O9 of src/origin/origin.h.
 * Method: one suite, each case run on each origin. A subject says which space, or which key, makes
 *         a load do what; the test plays the engine. Loads are held at a gate that nothing
 *         interrupts, or run for ever until they are cancelled: nothing sleeps. Drafts come from an
 *         allocator that counts, and after each case nothing of it is left. The sanitizers are part
 *         of the method. */
#include "origin/callback.h"
#include "origin/sqlite.h"

#include "../helper/loop_origin.h"
#include "../helper/scratch.h"

#define VALUE_MAX   1000
#define CONCURRENCY 2

/* What a load does. */
enum kind {
    VALUE,   /* answers 42 */
    ABSENT,  /* answers "not found" */
    FAILING, /* answers an error, with a text */
    LARGE,   /* answers more than VALUE_MAX */
    ENDLESS, /* goes on until it is cancelled, and is not stuck */
    GATED,   /* as VALUE, when the gate opens; cancelling does not help */
    KEYED,   /* as VALUE, and the key is not empty */
    KINDS,
};

/* The memory of drafts. The case's own reference is the cache's. */
static struct {
    struct crl_allocator base;
    _Atomic int refs, blocks;
    _Atomic bool is_full;
    _Atomic bool is_gated; /* who asks for a block passes the gate first */
} memory;

struct subject {
    struct crl_origin *origin;
    const char *value;       /* how it says 42 */
    bool has_loop;           /* and no workers, which could be stuck */
    bool has_mates;          /* loads that are started together are one call */
    const char *keys[KINDS]; /* NULL: the empty one */
    void *space_args[KINDS];
    struct scratch scratch;
    uint32_t threads_before; /* of the process: it had none then */
};

/* --------------------------------------------------------------------------------------- memory */

static void *memory_alloc(struct crl_allocator *allocator, size_t bytes)
{
    (void)allocator;
    crl_assert(memory.refs > 0); /* else it would be gone */
    if (memory.is_gated)
        gate_pass();
    if (memory.is_full)
        return NULL;
    memory.blocks++;
    return malloc(bytes);
}

static void memory_free(struct crl_allocator *allocator, void *block, size_t bytes)
{
    (void)allocator;
    (void)bytes;
    crl_assert(memory.blocks > 0);
    memory.blocks--;
    free(block);
}

static void memory_ref(struct crl_allocator *allocator)
{
    (void)allocator;
    crl_assert(memory.refs > 0);
    memory.refs++;
}

static void memory_unref(struct crl_allocator *allocator)
{
    (void)allocator;
    crl_assert(memory.refs > 0);
    memory.refs--;
}

static void memory_open(void)
{
    memory.base = (struct crl_allocator){
        .alloc = memory_alloc, .free = memory_free, .ref = memory_ref, .unref = memory_unref};
    memory.refs = 1;
    memory.is_full = memory.is_gated = false;
    probe_allocator = &memory.base;
}

/* ------------------------------------------------------------------------------------- subjects */

static const enum kind kinds[] = {VALUE, ABSENT, FAILING, LARGE, ENDLESS, GATED, KEYED};

static void loader(void *arg, struct corral_load *load)
{
    static const char large[VALUE_MAX + 1];
    (void)arg;
    switch (*(const enum kind *)corral_load_space_arg(load)) {
    case GATED:
        gate_pass();
        (void)corral_load_value(load, corral_str("42"));
        return;
    case VALUE:
    case KEYED:
        (void)corral_load_value(load, corral_str("42"));
        return;
    case ABSENT:
        corral_load_not_found(load);
        return;
    case FAILING:
        corral_load_fail(load, "it failed");
        return;
    case LARGE:
        assert_int_equal(corral_load_value(load, crl_bytes(large, sizeof large)), CORRAL_EVALUE);
        return;
    case ENDLESS:
        gate_enter();
        while (!corral_load_cancelled(load))
            ;
        return;
    case KINDS:
        break;
    }
    crl_unreachable();
}

static void loader_open(struct subject *subject, corral_loader_fn *one, corral_load_many_fn *many)
{
    const struct crl_origin_callback_options options = {
        .loader = one,
        .load_many = many,
        .concurrency = CONCURRENCY,
        .value_max = VALUE_MAX,
    };
    subject->value = "42";
    for (int i = 0; i < KINDS; i++)
        subject->space_args[i] = (void *)&kinds[i];
    subject->keys[KEYED] = "id=1";
    assert_int_equal(crl_origin_callback_new(&options, &subject->origin), 0);
}

static void callback_open(struct subject *subject)
{
    loader_open(subject, loader, NULL);
}

/* One after the other. */
static void many_loader(void *arg, struct corral_load *const *loads, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        loader(arg, loads[i]);
}

static void many_open(struct subject *subject)
{
    subject->has_mates = true;
    loader_open(subject, NULL, many_loader);
}

/* enter(x) is x, and counts itself in. */
static const char *const queries[KINDS] = {
    [VALUE] = "SELECT 42 AS n",
    [ABSENT] = "SELECT 42 AS n WHERE 0",
    [FAILING] = "SELECT abs(-9223372036854775808) AS n",
    [LARGE] = "SELECT hex(zeroblob(1000)) AS n",
    [ENDLESS] =
        "WITH RECURSIVE r(i) AS (SELECT enter(1) UNION ALL SELECT 1 FROM r) SELECT max(i) n FROM r",
    [GATED] = "SELECT gate(42) AS n",
    [KEYED] = "SELECT 42 AS n WHERE :id = '1'",
};

static void enter_fn(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    gate_enter();
    sqlite3_result_value(context, argv[0]);
}

static int enter_register(sqlite3 *db, const char **error, const void *api)
{
    (void)error;
    (void)api;
    return sqlite3_create_function(db, "enter", 1, SQLITE_UTF8, NULL, enter_fn, NULL, NULL);
}

static void sqlite_open(struct subject *subject)
{
    static const struct crl_sql_param id = {"id", CRL_SQL_TEXT};
    struct crl_sql_error error;
    scratch_open(&subject->scratch, "CREATE TABLE t (n)");
    sqlite3_auto_extension((void (*)(void))enter_register);
    const struct crl_origin_sqlite_options options = {
        .path = subject->scratch.db,
        .concurrency = CONCURRENCY,
        .value_max = VALUE_MAX,
    };
    subject->value = "{\"n\":42}";
    subject->keys[KEYED] = "id=1";
    assert_int_equal(crl_origin_sqlite_new(&options, &subject->origin, &error), 0);
    for (int i = 0; i < KINDS; i++) {
        void *statement;
        const struct crl_sql_query query = {queries[i], &id, i == KEYED ? 1 : 0, CRL_SQL_ROW};
        if (crl_sql_prepare(subject->origin, &query, &statement, &error) < 0)
            fail_msg("%s: %s", queries[i], error.text);
        subject->space_args[i] = statement;
    }
}

static void loop_open(struct subject *subject)
{
    static const char *const keys[KINDS] = {
        [VALUE] = "=42",   [ABSENT] = "absent",   [FAILING] = "nothing", [LARGE] = "size=1001",
        [GATED] = "gated", [ENDLESS] = "endless", [KEYED] = "=42",
    };
    const struct loop_origin_options options = {
        .connections = CONCURRENCY,
        .value_max = VALUE_MAX,
    };
    subject->value = "42";
    subject->has_loop = true;
    memcpy(subject->keys, keys, sizeof keys);
    assert_int_equal(loop_origin_new(&options, &subject->origin), 0);
}

static const struct row {
    const char *name;
    void (*open)(struct subject *subject);
} rows[] = {
    {"callback", callback_open}, {"sqlite", sqlite_open}, {"loop", loop_open}, {"many", many_open}};

/* A fresh subject for each case. The cases close the origin: when is part of what they test. */
static int subject_setup(void **state)
{
    const struct row *row = *state;
    struct subject *subject = calloc(1, sizeof *subject);
    gate_close();
    memory_open();
    subject->threads_before = probe_threads();
    row->open(subject);
    *state = subject;
    return 0;
}

static int subject_teardown(void **state)
{
    struct subject *subject = *state;
    if (subject->scratch.folder[0] != '\0')
        scratch_close(&subject->scratch);
    free(subject);
    assert_int_equal(memory.refs, 1);
    assert_int_equal(memory.blocks, 0);
    return 0;
}

static void prepare(struct probe *probe, struct subject *subject, enum kind kind)
{
    const char *key = subject->keys[kind];
    probe_init(probe, key != NULL ? key : "", subject->space_args[kind]);
}

/* Start loads that have been prepared, as one list, and as mates where there are any. */
static void begin_list(struct probe *probes, size_t n, struct subject *subject)
{
    for (size_t i = 1; i < n; i++)
        probes[i].load.is_mate = subject->has_mates;
    probe_start_list(probes, n, subject->origin);
}

static void begin(struct probe *probe, struct subject *subject, enum kind kind)
{
    prepare(probe, subject, kind);
    crl_origin_start(subject->origin, &probe->load);
}

static void begin_held(struct probe *probe, struct subject *subject, enum kind kind)
{
    uint32_t before;
    probe_do(before = gate.entered);
    begin(probe, subject, kind);
    probe_await(gate.entered > before);
}

static void origin_close(struct subject *subject)
{
    assert_int_equal(crl_origin_close(subject->origin, PROBE_LIMIT), 0);
}

/* ---------------------------------------------------------------------------------------- cases */

static void o1_start_does_not_block(void **state)
{
    struct subject *subject = *state;
    struct probe probes[3 * CONCURRENCY];
    for (int i = 0; i < 3 * CONCURRENCY; i++)
        begin(&probes[i], subject, GATED); /* more than there are workers; nobody opens the gate */
    probe_await(gate.entered >= CONCURRENCY);
    for (int i = 0; i < 3 * CONCURRENCY; i++)
        assert_int_equal(probe_answers(&probes[i]), 0);
    gate_open();
    for (int i = 0; i < 3 * CONCURRENCY; i++)
        probe_expect(&probes[i], 0, subject->value);
    origin_close(subject);
}

static void o1_start_takes_a_list(void **state)
{
    struct subject *subject = *state;
    static const enum kind of[] = {VALUE, ABSENT, FAILING, LARGE, VALUE, ENDLESS, VALUE, VALUE};
    enum { N = sizeof of / sizeof of[0], ENDLESS_ONE = 5 };
    struct probe probes[N];
    for (int i = 0; i < N; i++)
        prepare(&probes[i], subject, of[i]);
    begin_list(probes, N, subject);
    probe_await(gate.entered == 1);
    probe_cancel(&probes[ENDLESS_ONE], subject->origin);
    for (int i = 0; i < N; i++) {
        probe_await(probes[i].answers > 0);
        assert_int_equal(probes[i].rc == 0, of[i] == VALUE || of[i] == ABSENT);
        assert_int_equal(probes[i].draft != NULL, of[i] == VALUE);
    }
    origin_close(subject);
    for (int i = 0; i < N; i++)
        probe_expect_end(&probes[i]); /* still once */
}

static void o2_every_load_ends_once(void **state)
{
    struct subject *subject = *state;
    static struct probe probes[400];
    static const enum kind of[] = {VALUE, ABSENT, FAILING, LARGE};
    for (int i = 0; i < 400; i++)
        begin(&probes[i], subject, of[i % 4]);
    for (int i = 0; i < 400; i++)
        probe_await(probes[i].answers > 0);
    origin_close(subject);
    for (int i = 0; i < 400; i++)
        probe_expect_end(&probes[i]); /* still once */
}

static void o3_cancel_ends_what_runs(void **state)
{
    struct subject *subject = *state;
    struct probe probe;
    for (int i = 0; i < 20; i++) {
        begin_held(&probe, subject, ENDLESS);
        probe_cancel(&probe, subject->origin);
        probe_cancel(&probe, subject->origin);
        probe_expect(&probe, CORRAL_EDEADLINE, NULL);
    }
    origin_close(subject);
}

static void o3_cancel_ends_what_waits(void **state)
{
    struct subject *subject = *state;
    struct probe held[CONCURRENCY], waiting[3];
    for (int i = 0; i < CONCURRENCY; i++)
        begin_held(&held[i], subject, GATED);
    for (int i = 0; i < 3; i++)
        begin(&waiting[i], subject, VALUE);
    probe_cancel(&waiting[1], subject->origin);
    probe_expect(&waiting[1], CORRAL_EDEADLINE, NULL); /* with the gate still closed */
    assert_int_equal(probe_answers(&waiting[0]), 0);
    gate_open();
    probe_expect(&waiting[0], 0, subject->value);
    probe_expect(&waiting[2], 0, subject->value);
    for (int i = 0; i < CONCURRENCY; i++)
        probe_expect(&held[i], 0, subject->value);
    origin_close(subject);
}

/* Of a list that waits, some are cancelled, or all; the others come. */
static void o3_cancel_ends_one_of_a_list(void **state)
{
    struct subject *subject = *state;
    enum { N = 4 };
    for (uint32_t cancelled = 0; cancelled < 1u << N; cancelled++) {
        struct probe held[CONCURRENCY], waiting[N];
        probe_do(gate.open = false);
        for (int i = 0; i < CONCURRENCY; i++)
            begin_held(&held[i], subject, GATED);
        for (int i = 0; i < N; i++)
            prepare(&waiting[i], subject, VALUE);
        begin_list(waiting, N, subject);
        for (int i = 0; i < N; i++) {
            if (!(cancelled >> i & 1))
                continue;
            probe_cancel(&waiting[i], subject->origin);
            probe_expect(&waiting[i], CORRAL_EDEADLINE, NULL); /* with the gate still closed */
        }
        gate_open();
        for (int i = 0; i < N; i++) {
            if (!(cancelled >> i & 1))
                probe_expect(&waiting[i], 0, subject->value);
        }
        for (int i = 0; i < CONCURRENCY; i++)
            probe_expect(&held[i], 0, subject->value);
    }
    origin_close(subject);
}

/* Wherever the list is between waiting and its end. */
static void o3_cancel_races_with_a_list(void **state)
{
    struct subject *subject = *state;
    enum { N = 4 };
    for (int i = 0; i < 1000; i++) {
        struct probe probes[N];
        for (int k = 0; k < N; k++)
            prepare(&probes[k], subject, k == 1 ? ENDLESS : VALUE);
        begin_list(probes, N, subject);
        for (volatile int spin = 0; spin < i % 50 * 100; spin++)
            ;
        probe_cancel(&probes[i % N], subject->origin);
        probe_cancel(&probes[1], subject->origin);
        for (int k = 0; k < N; k++)
            probe_expect_end(&probes[k]);
    }
    origin_close(subject);
}

static void o3_cancel_after_the_end_does_no_harm(void **state)
{
    struct subject *subject = *state;
    struct probe ended, running;
    begin(&ended, subject, VALUE);
    probe_expect(&ended, 0, subject->value);
    begin_held(&running, subject, GATED);
    probe_cancel(&ended, subject->origin);
    gate_open();
    probe_expect(&running, 0, subject->value);
    assert_int_equal(ended.answers, 1);
    origin_close(subject);
}

/* Wherever the load is between waiting and the middle of its work. */
static void o3_cancel_ends_what_begins(void **state)
{
    struct subject *subject = *state;
    struct probe probe;
    for (int i = 0; i < 2000; i++) {
        begin(&probe, subject, ENDLESS);
        for (volatile int spin = 0; spin < i % 100 * 100; spin++)
            ;
        probe_cancel(&probe, subject->origin);
        probe_expect(&probe, CORRAL_EDEADLINE, NULL);
    }
    origin_close(subject);
}

/* Whoever is first, the load ends once; and the cancelled one's interrupt never hits the other,
 * which runs on either worker just before, meanwhile or after. */
static void o3_cancel_races_with_the_answer(void **state)
{
    struct subject *subject = *state;
    struct probe probe, other, after;
    for (int i = 0; i < 2000; i++) {
        begin(&other, subject, VALUE);
        begin(&probe, subject, i % 2 ? VALUE : FAILING);
        for (volatile int spin = 0; spin < i % 50 * 100; spin++)
            ;
        probe_cancel(&probe, subject->origin);
        begin(&after, subject, VALUE);
        probe_expect(&other, 0, subject->value);
        probe_expect(&after, 0, subject->value);
        probe_expect_end(&probe);
    }
    origin_close(subject);
}

/* The probe frees the key with the answer; the origin must have what it needs, and not look again.
 * */
static void o4_the_key_is_gone_after_the_end(void **state)
{
    struct subject *subject = *state;
    struct probe probes[2];
    for (int i = 0; i < 50; i++) {
        probe_do(gate.open = false);
        begin_held(&probes[0], subject, GATED);
        begin_held(&probes[1], subject, ENDLESS);
        probe_cancel(&probes[0], subject->origin);
        probe_cancel(&probes[1], subject->origin);
        probe_expect_end(&probes[1]);
        gate_open();
        probe_expect_end(&probes[0]);
    }
    origin_close(subject);
}

static void o5_an_answer_has_one_of_three_forms(void **state)
{
    struct subject *subject = *state;
    struct probe probe;
    begin(&probe, subject, VALUE);
    probe_expect(&probe, 0, subject->value);
    begin(&probe, subject, ABSENT);
    probe_expect(&probe, 0, NULL);
    begin(&probe, subject, LARGE);
    probe_expect(&probe, CORRAL_EVALUE, NULL);
    begin(&probe, subject, FAILING);
    probe_expect(&probe, CORRAL_EORIGIN, NULL);
    assert_true(strlen(probe.why) > 5);
    begin_held(&probe, subject, ENDLESS);
    probe_cancel(&probe, subject->origin);
    probe_expect(&probe, CORRAL_EDEADLINE, NULL);
    origin_close(subject);
}

static void o6_close_of_an_idle_origin(void **state)
{
    struct subject *subject = *state;
    origin_close(subject);
}

/* Running and waiting loads alike end before close_wait() returns. */
static void o6_close_ends_every_load(void **state)
{
    struct subject *subject = *state;
    struct probe probes[2 * CONCURRENCY];
    for (int i = 0; i < CONCURRENCY; i++)
        begin_held(&probes[i], subject, ENDLESS);
    for (int i = CONCURRENCY; i < 2 * CONCURRENCY; i++)
        begin(&probes[i], subject, VALUE);
    origin_close(subject);
    for (int i = 0; i < 2 * CONCURRENCY; i++) {
        assert_int_equal(probe_answers(&probes[i]), 1);
        probe_expect(&probes[i], CORRAL_EDEADLINE, NULL);
    }
}

/* A list that is in the middle, and one that waits. */
static void o6_close_ends_lists(void **state)
{
    struct subject *subject = *state;
    enum { N = 3 };
    static const enum kind of[N] = {VALUE, ENDLESS, VALUE};
    struct probe lists[CONCURRENCY + 1][N];
    for (int i = 0; i <= CONCURRENCY; i++) {
        for (int k = 0; k < N; k++)
            prepare(&lists[i][k], subject, of[k]);
        begin_list(lists[i], N, subject);
    }
    probe_await(gate.entered >= CONCURRENCY);
    origin_close(subject);
    for (int i = 0; i <= CONCURRENCY; i++) {
        for (int k = 0; k < N; k++) {
            assert_int_equal(probe_answers(&lists[i][k]), 1);
            probe_expect_end(&lists[i][k]);
        }
    }
}

static void o6_close_leaves_behind_a_list(void **state)
{
    struct subject *subject = *state;
    enum { N = 3 };
    static const enum kind of[N] = {VALUE, GATED, VALUE};
    struct probe lists[CONCURRENCY + 1][N];
    for (int i = 0; i <= CONCURRENCY; i++) {
        for (int k = 0; k < N; k++)
            prepare(&lists[i][k], subject, of[k]);
        begin_list(lists[i], N, subject);
    }
    probe_await(gate.entered >= CONCURRENCY);
    assert_int_equal(crl_origin_close(subject->origin, CORRAL_MS(5)), CORRAL_ETIMEDOUT);
    for (int i = 0; i <= CONCURRENCY; i++) {
        for (int k = 0; k < N; k++)
            assert_int_equal(probe_answers(&lists[i][k]), 1);
    }
    gate_open();
    probe_await_threads(subject->threads_before);
    for (int i = 0; i <= CONCURRENCY; i++) {
        for (int k = 0; k < N; k++)
            probe_expect_end(&lists[i][k]);
    }
}

static void o6_close_leaves_behind_what_is_stuck(void **state)
{
    struct subject *subject = *state;
    struct probe probes[CONCURRENCY + 1];
    for (int i = 0; i < CONCURRENCY; i++)
        begin_held(&probes[i], subject, GATED);
    begin(&probes[CONCURRENCY], subject, VALUE); /* waits behind them */
    assert_int_equal(crl_origin_close(subject->origin, CORRAL_MS(5)), CORRAL_ETIMEDOUT);
    for (int i = 0; i <= CONCURRENCY; i++)
        assert_int_equal(probe_answers(&probes[i]), 1);
    gate_open();
    probe_await_threads(
        subject->threads_before); /* and with them all memory, as the leak check sees */
    for (int i = 0; i <= CONCURRENCY; i++)
        probe_expect(&probes[i], CORRAL_EDEADLINE, NULL);
}

/* The stuck ones come back at the very moment that close_wait() gives up on them. */
static void o6_no_answer_after_the_close(void **state)
{
    struct subject *subject = *state;
    struct probe probes[CONCURRENCY];
    for (int i = 0; i < CONCURRENCY; i++)
        begin_held(&probes[i], subject, GATED);
    gate_open();
    (void)crl_origin_close(subject->origin, 0);
    for (int i = 0; i < CONCURRENCY; i++)
        assert_int_equal(probe_answers(&probes[i]), 1);
    probe_await_threads(subject->threads_before);
    for (int i = 0; i < CONCURRENCY; i++)
        probe_expect_end(&probes[i]);
}

/* An answer that takes its time: the engine's part may be blocked for a moment. */
static struct {
    bool entered, open;
} slow;

static void slow_answer(const struct crl_load_answered *answered, size_t n)
{
    probe_do(slow.entered = true);
    probe_await(slow.open);
    probe_answer(answered, n);
}

static void o7_a_value_is_in_a_draft_of_the_load(void **state)
{
    struct subject *subject = *state;
    struct probe probe;
    begin(&probe, subject, KEYED);
    probe_await(probe.answers > 0);
    assert_int_equal(probe.rc, 0);
    assert_int_equal(memory.blocks, 1);
    assert_int_equal(probe.draft->refs, 1);
    assert_int_equal(probe.draft->key_size, strlen(subject->keys[KEYED]));
    probe_expect(&probe, 0, subject->value);
    origin_close(subject);
}

static void o7_no_memory_for_a_draft(void **state)
{
    struct subject *subject = *state;
    struct probe probe;
    memory.is_full = true;
    begin(&probe, subject, VALUE);
    probe_expect(&probe, CORRAL_ENOMEM, NULL);
    begin(&probe, subject, ABSENT); /* needs none */
    probe_expect(&probe, 0, NULL);
    memory.is_full = false;
    begin(&probe, subject, VALUE);
    probe_expect(&probe, 0, subject->value);
    origin_close(subject);
}

/* A worker that was left behind comes back when the cache, and with it the allocator, is gone. */
static void o8_no_draft_for_a_load_that_was_given_up(void **state)
{
    struct subject *subject = *state;
    struct probe probe;
    begin_held(&probe, subject, GATED);
    assert_int_equal(crl_origin_close(subject->origin, 0), CORRAL_ETIMEDOUT);
    crl_allocator_unref(&memory.base);
    gate_open();
    probe_await_threads(subject->threads_before);
    assert_int_equal(memory.refs, 0);
    memory.refs = 1;
    probe_expect(&probe, CORRAL_EDEADLINE, NULL);
}

/* The same in the middle of making the draft: now the worker's reference is all that keeps the
 * allocator, and then the draft is. */
static void o8_a_draft_of_a_load_that_was_given_up(void **state)
{
    struct subject *subject = *state;
    struct probe probe;
    if (subject->has_loop) { /* ends its loads itself: never in the middle of something */
        origin_close(subject);
        return;
    }
    memory.is_gated = true;
    begin_held(&probe, subject, VALUE);
    assert_int_equal(crl_origin_close(subject->origin, 0), CORRAL_ETIMEDOUT);
    crl_allocator_unref(&memory.base);
    assert_int_equal(memory.refs, 1);
    gate_open();
    probe_await_threads(subject->threads_before);
    assert_int_equal(memory.refs, 0);
    memory.refs = 1;
    probe_expect(&probe, CORRAL_EDEADLINE, NULL);
}

/* Who can answer several loads by one call, does so; the others answer one by one. */
static void o9_a_list_may_be_answered_by_one_call(void **state)
{
    struct subject *subject = *state;
    struct probe probes[5];
    for (int i = 0; i < 5; i++)
        prepare(&probes[i], subject, i == 2 ? ABSENT : VALUE);
    begin_list(probes, 5, subject);
    for (int i = 0; i < 5; i++) {
        probe_expect(&probes[i], 0, i == 2 ? NULL : subject->value);
        assert_int_equal(probes[i].together, subject->has_loop ? 5 : 1);
    }
    origin_close(subject);
}

struct closer {
    struct subject *subject;
    _Atomic pid_t thread; /* 0: not there yet */
    _Atomic bool is_done;
};

static void *close_at_once(void *arg)
{
    struct closer *closer = arg;
    closer->thread = gettid();
    (void)crl_origin_close(closer->subject->origin, 0);
    closer->is_done = true;
    return NULL;
}

/* Does the thread wait for something? */
static bool is_asleep(pid_t thread)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    (void)!fgets(line, sizeof line, file);
    fclose(file);
    const char *name_end = strrchr(line, ')');
    return name_end != NULL && name_end[2] == 'S';
}

/* close_wait() does not wait for the worker, which is stuck, but for the answer that the worker is
 * giving: the engine takes the load's memory back as soon as close_wait() has returned. */
static void o6_close_waits_for_an_answer_under_way(void **state)
{
    struct subject *subject = *state;
    struct closer closer = {.subject = subject};
    struct probe probe;
    pthread_t thread;
    slow.entered = slow.open = false;
    begin_held(&probe, subject, GATED);
    probe.load.answer = slow_answer; /* the loader is at the gate: nobody looks at it */
    gate_open();
    probe_await(slow.entered);
    assert_int_equal(pthread_create(&thread, NULL, close_at_once, &closer), 0);
    while (!closer.is_done && !(closer.thread && is_asleep(closer.thread)))
        ;
    bool was_done = closer.is_done;
    probe_do(slow.open = true);
    pthread_join(thread, NULL);
    assert_false(was_done);
    probe_await_threads(subject->threads_before);
    probe_expect(&probe, 0, subject->value);
}

#define CASES(X)                                \
    X(o1_start_does_not_block)                  \
    X(o1_start_takes_a_list)                    \
    X(o2_every_load_ends_once)                  \
    X(o3_cancel_ends_what_runs)                 \
    X(o3_cancel_ends_what_waits)                \
    X(o3_cancel_ends_what_begins)               \
    X(o3_cancel_after_the_end_does_no_harm)     \
    X(o3_cancel_races_with_the_answer)          \
    X(o3_cancel_ends_one_of_a_list)             \
    X(o3_cancel_races_with_a_list)              \
    X(o4_the_key_is_gone_after_the_end)         \
    X(o5_an_answer_has_one_of_three_forms)      \
    X(o6_close_of_an_idle_origin)               \
    X(o6_close_ends_every_load)                 \
    X(o6_close_leaves_behind_what_is_stuck)     \
    X(o6_close_ends_lists)                      \
    X(o6_close_leaves_behind_a_list)            \
    X(o6_no_answer_after_the_close)             \
    X(o6_close_waits_for_an_answer_under_way)   \
    X(o7_a_value_is_in_a_draft_of_the_load)     \
    X(o7_no_memory_for_a_draft)                 \
    X(o8_no_draft_for_a_load_that_was_given_up) \
    X(o8_a_draft_of_a_load_that_was_given_up)   \
    X(o9_a_list_may_be_answered_by_one_call)

int main(void)
{
    struct CMUnitTest tests[] = {
#define X(name) {"callback: " #name, name, subject_setup, subject_teardown, (void *)&rows[0]},
        CASES(X)
#undef X
#define X(name) {"sqlite: " #name, name, subject_setup, subject_teardown, (void *)&rows[1]},
            CASES(X)
#undef X
#define X(name) {"loop: " #name, name, subject_setup, subject_teardown, (void *)&rows[2]},
                CASES(X)
#undef X
#define X(name) {"many: " #name, name, subject_setup, subject_teardown, (void *)&rows[3]},
                    CASES(X)
#undef X
    };
    return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
