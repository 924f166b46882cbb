/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   on_failure is told of each load that fails, once, when it fails, and of nothing else; and
 *         readers, on_failure and the figures agree on the reason, whatever kind of origin it is.
 * Method: the real library on each kind of origin; the key, or the space, says what a load does.
 *         What hangs does so at a gate that nothing interrupts, until the test has seen its report.
 *         Deadlines are short where they are to pass; nothing sleeps. */
#include "lib/cache.h"
#include "origin/callback.h"
#include "origin/sqlite.h"

#include "../helper/loop_origin.h"
#include "../helper/policy.h"
#include "../helper/scratch.h"

#define VALUE_MAX   1000
#define CONCURRENCY 2

enum kind {
    FAILING, /* answers an error, with a text */
    LARGE,   /* answers more than VALUE_MAX */
    ENDLESS, /* goes on until it is cancelled */
    GATED,   /* answers when the gate opens; cancelling does not help */
    LOCKED,  /* SQLite: needs a lock that another connection has */
    KINDS,
};

struct house {
    const struct row *row;
    struct corral_cache *cache;
    struct corral_origin *origin;
    struct corral_space *spaces[KINDS];
    const char *keys[KINDS];
    struct scratch scratch;
    /* Under the probe's lock: what on_failure was told. */
    uint32_t reports;
    int rc;
    char why[256], space[16], key[16];
};

static void on_failure(void *arg, const char *space, struct corral_bytes key, int rc,
                       const char *why)
{
    struct house *house = arg;
    pthread_mutex_lock(&probe_lock);
    house->reports++;
    house->rc = rc;
    snprintf(house->why, sizeof house->why, "%s", why);
    snprintf(house->space, sizeof house->space, "%s", space);
    snprintf(house->key, sizeof house->key, "%.*s", (int)key.size, (const char *)key.data);
    pthread_cond_broadcast(&probe_changed);
    pthread_mutex_unlock(&probe_lock);
}

/* -------------------------------------------------------------------------------------- origins */

static const enum kind kinds[] = {FAILING, LARGE, ENDLESS, GATED, LOCKED};

static void loader(void *arg, struct corral_load *load)
{
    static const char large[VALUE_MAX + 1];
    (void)arg;
    switch (*(const enum kind *)corral_load_space_arg(load)) {
    case FAILING:
        corral_load_fail(load, "it failed");
        return;
    case LARGE:
        (void)corral_load_value(load, crl_bytes(large, sizeof large));
        return;
    case ENDLESS:
        gate_enter();
        while (!corral_load_cancelled(load))
            ;
        corral_load_fail(load, "it was cancelled");
        return;
    case GATED:
        gate_pass();
        corral_load_fail(load, "it was late");
        return;
    case LOCKED:
    case KINDS:
        break;
    }
    crl_unreachable();
}

static struct crl_origin *callback_open(struct house *house, void *space_args[KINDS])
{
    const struct crl_origin_callback_options options = {
        .loader = loader, .concurrency = CONCURRENCY, .value_max = VALUE_MAX};
    struct crl_origin *origin = NULL;
    for (int i = 0; i < KINDS; i++) {
        space_args[i] = (void *)&kinds[i];
        house->keys[i] = "key";
    }
    assert_int_equal(crl_origin_callback_new(&options, &origin), 0);
    return origin;
}

static struct crl_origin *sqlite_open(struct house *house, void *space_args[KINDS])
{
    static const char *const queries[KINDS] = {
        [FAILING] = "SELECT abs(-9223372036854775808) AS n WHERE :id = '1'",
        [LARGE] = "SELECT hex(zeroblob(1000)) AS n WHERE :id = '1'",
        [ENDLESS] = ("WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT 1 FROM r) "
                     "SELECT max(i) n FROM r WHERE :id = '1'"),
        [GATED] = "SELECT gate(42) AS n WHERE :id = '1'",
        [LOCKED] = "SELECT n FROM t WHERE :id = '1'",
    };
    static const struct crl_sql_param id = {"id", CRL_SQL_TEXT};
    struct crl_origin *origin = NULL;
    struct crl_sql_error error;
    scratch_open(&house->scratch, "CREATE TABLE t (n)");
    const struct crl_origin_sqlite_options options = {
        .path = house->scratch.db, .concurrency = CONCURRENCY, .value_max = VALUE_MAX};
    assert_int_equal(crl_origin_sqlite_new(&options, &origin, &error), 0);
    for (int i = 0; i < KINDS; i++) {
        const struct crl_sql_query query = {queries[i], &id, 1, CRL_SQL_ROW};
        if (crl_sql_prepare(origin, &query, &space_args[i], &error) < 0)
            fail_msg("%s: %s", queries[i], error.text);
        house->keys[i] = "id=1";
    }
    return origin;
}

static struct crl_origin *loop_open(struct house *house, void *space_args[KINDS])
{
    static const char *const keys[KINDS] = {
        [FAILING] = "nothing", [LARGE] = "size=1001", [ENDLESS] = "endless", [GATED] = "gated"};
    const struct loop_origin_options options = {.connections = CONCURRENCY, .value_max = VALUE_MAX};
    struct crl_origin *origin = NULL;
    (void)space_args;
    memcpy(house->keys, keys, sizeof keys);
    assert_int_equal(loop_origin_new(&options, &origin), 0);
    return origin;
}

static const struct row {
    const char *name;
    struct crl_origin *(*open)(struct house *house, void *space_args[KINDS]);
} rows[] = {{"callback", callback_open}, {"sqlite", sqlite_open}, {"loop", loop_open}};

static int house_setup(void **state)
{
    struct house *house = calloc(1, sizeof *house);
    gate_close();
    house->row = *state;
    *state = house;
    return 0;
}

/* value_max  of the cache; the origin has its own */
static void house_open(struct house *house, corral_us deadline_us, size_t value_max)
{
    static const char *const names[KINDS] = {"failing", "large", "endless", "gated", "locked"};
    void *space_args[KINDS] = {NULL};
    const struct corral_options options = {
        .size = sizeof options,
        .value_max = value_max,
        .on_failure = on_failure,
        .on_failure_arg = house,
    };
    assert_int_equal(corral_open(&options, &house->cache), 0);
    const struct corral_origin_options limits = {
        .size = sizeof limits,
        .name = "db",
        .concurrency = CONCURRENCY,
        .deadline_us = deadline_us,
    };
    struct crl_origin *origin = house->row->open(house, space_args);
    assert_int_equal(crl_origin_attach(house->cache, &limits, origin, &house->origin), 0);
    for (int i = 0; i < KINDS; i++) {
        const struct corral_space_options space = {
            .size = sizeof space,
            .name = names[i],
            .policy = POLICY(.ttl_us = PROBE_LIMIT),
            .origin = house->origin,
            .arg = space_args[i],
        };
        assert_int_equal(corral_space_add(house->cache, &space, &house->spaces[i]), 0);
    }
}

/* Close the cache; all that is to be reported has been when this returns. */
static void house_close(struct house *house)
{
    assert_int_equal(corral_close(house->cache), 0);
}

/* End a cache that was not good for the test. */
static void house_end(struct house *house)
{
    gate_open(); /* it may have come to it by now */
    house_close(house);
    gate_close();
    house->reports = 0;
    if (house->scratch.folder[0] != '\0')
        scratch_close(&house->scratch);
}

static int house_teardown(void **state)
{
    struct house *house = *state;
    if (house->scratch.folder[0] != '\0')
        scratch_close(&house->scratch);
    free(house);
    return 0;
}

/* What a reader is told, at the same time as on_failure and the figures. */
static void expect_failure(struct house *house, enum kind kind, int rc, enum crl_load_error error)
{
    struct corral_value value;
    const char *key = house->keys[kind];
    assert_int_equal(corral_get(house->spaces[kind], corral_str(key), PROBE_LIMIT, &value), rc);
    probe_await(house->reports > 0);
    if (house->rc != rc)
        fail_msg("%s was reported: %s", corral_strerror(house->rc), house->why);
    assert_string_equal(house->key, key);
    struct crl_origin_stats stats;
    crl_origin_stats(house->origin, &stats);
    for (int i = 0; i < CRL_LOAD_LATE; i++)
        assert_int_equal(stats.errors[i], i == (int)error);
}

static uint64_t late(const struct house *house)
{
    struct crl_origin_stats stats;
    crl_origin_stats(house->origin, &stats);
    return stats.errors[CRL_LOAD_LATE];
}

/* ---------------------------------------------------------------------------------------- cases */

static void a_failure_is_reported_with_its_reason(void **state)
{
    struct house *house = *state;
    house_open(house, PROBE_LIMIT, VALUE_MAX);
    expect_failure(house, FAILING, CORRAL_EORIGIN, CRL_LOAD_FAILED);
    assert_string_equal(house->space, "failing");
    assert_true(strlen(house->why) > 5);
    assert_string_not_equal(house->why, corral_strerror(CORRAL_EORIGIN));
    house_close(house);
    assert_int_equal(house->reports, 1);
}

/* What its own origin has refused, or what the core finds too large. */
static void too_large_a_value_is_named(void **state)
{
    struct house *house = *state;
    house_open(house, PROBE_LIMIT, VALUE_MAX);
    expect_failure(house, LARGE, CORRAL_EVALUE, CRL_LOAD_FAILED);
    assert_non_null(strstr(house->why, "large"));
    house_close(house);
    assert_int_equal(house->reports, 1);
}

/* It hangs, and nothing helps: everybody is told at the deadline. What becomes of it later is told
 * to nobody. */
static void a_load_that_hangs_is_reported_at_its_deadline(void **state)
{
    struct house *house = *state;
    uint32_t entered = 0;
    for (corral_us deadline_us = CORRAL_MS(20); entered == 0; deadline_us *= 2) {
        if (house->cache != NULL)
            house_end(house); /* it was not given the time to begin */
        house_open(house, deadline_us, VALUE_MAX);
        expect_failure(house, GATED, CORRAL_EDEADLINE, CRL_LOAD_OVERRUN);
        assert_string_equal(house->space, "gated");
        assert_string_equal(house->why, corral_strerror(CORRAL_EDEADLINE));
        probe_do(entered = gate.entered);
    }
    assert_int_equal(late(house), 0); /* it stands there still */
    gate_open();
    while (late(house) == 0)
        ;
    house_close(house);
    assert_int_equal(house->reports, 1);
}

/* The cancelling ends it; how, is told to nobody. */
static void a_load_that_is_cancelled_is_reported_once(void **state)
{
    struct house *house = *state;
    house_open(house, CORRAL_MS(20), VALUE_MAX);
    expect_failure(house, ENDLESS, CORRAL_EDEADLINE, CRL_LOAD_OVERRUN);
    while (late(house) == 0)
        ;
    house_close(house);
    assert_int_equal(house->reports, 1);
}

static void what_close_cancels_is_not_reported(void **state)
{
    struct house *house = *state;
    struct corral_value value;
    house_open(house, PROBE_LIMIT, VALUE_MAX);
    assert_int_equal(
        corral_get(house->spaces[ENDLESS], corral_str(house->keys[ENDLESS]), 0, &value),
        CORRAL_ETIMEDOUT);
    house_close(house);
    assert_int_equal(house->reports, 0);
}

/* SQLite gives up waiting for a lock at the deadline: whether the core hears of that first or of
 * the deadline, it is the same to everybody. */
static void a_lock_that_is_waited_for_too_long(void **state)
{
    struct house *house = *state;
    sqlite3 *db;
    house_open(house, CORRAL_MS(20), VALUE_MAX);
    assert_int_equal(sqlite3_open(house->scratch.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < 20; i++) {
        struct corral_value value;
        struct crl_origin_stats stats;
        char key[] = "id=1";
        assert_int_equal(corral_get(house->spaces[LOCKED], corral_str(key), PROBE_LIMIT, &value),
                         CORRAL_EDEADLINE);
        probe_await(house->reports > (uint32_t)i);
        assert_int_equal(house->rc, CORRAL_EDEADLINE);
        crl_origin_stats(house->origin, &stats);
        assert_int_equal(stats.errors[CRL_LOAD_OVERRUN], i + 1);
        assert_int_equal(stats.errors[CRL_LOAD_FAILED], 0);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    house_close(house);
    assert_int_equal(house->reports, 20);
}

/* The origin's limit is larger than the cache's: the core finds out. */
static void a_value_that_the_core_finds_too_large(void **state)
{
    struct house *house = *state;
    house_open(house, PROBE_LIMIT, 1);
    house->keys[FAILING] = "=42";
    expect_failure(house, FAILING, CORRAL_EVALUE, CRL_LOAD_FAILED);
    assert_string_equal(house->why, corral_strerror(CORRAL_EVALUE));
    house_close(house);
    assert_int_equal(house->reports, 1);
}

#define CASES(X)                                     \
    X(a_failure_is_reported_with_its_reason)         \
    X(too_large_a_value_is_named)                    \
    X(a_load_that_hangs_is_reported_at_its_deadline) \
    X(a_load_that_is_cancelled_is_reported_once)     \
    X(what_close_cancels_is_not_reported)

int main(void)
{
    const struct CMUnitTest tests[] = {
#define X(name) {"callback: " #name, name, house_setup, house_teardown, (void *)&rows[0]},
        CASES(X)
#undef X
#define X(name) {"sqlite: " #name, name, house_setup, house_teardown, (void *)&rows[1]},
            CASES(X) X(a_lock_that_is_waited_for_too_long)
#undef X
#define X(name) {"loop: " #name, name, house_setup, house_teardown, (void *)&rows[2]},
                CASES(X) X(a_value_that_the_core_finds_too_large)
#undef X
    };
    return cmocka_run_group_tests_name("reports", tests, NULL, NULL);
}
