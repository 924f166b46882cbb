/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_case.h - what the tests of the SQLite origin share: a database in a folder of its own, an
 * origin on it, and loads of it. Every connection of the process has gate(x) (scratch.h) and
 * fail(x), which ends a query with SQLite's result x; and they are counted. */
#ifndef CRL_TESTS_SQLITE_CASE_H
#define CRL_TESTS_SQLITE_CASE_H

#include "origin/sqlite.h"

#include "scratch.h"

#include <sys/stat.h>

#define VALUE_MAX 1000

static struct scratch scratch;
static struct crl_origin *origin;

static inline struct crl_origin *open_with(const struct crl_origin_sqlite_options *options)
{
    struct crl_sql_error error;
    struct crl_origin *opened = NULL;
    if (crl_origin_sqlite_new(options, &opened, &error) < 0)
        fail_msg("%s", error.text);
    return opened;
}

static const char schema[] =
    "CREATE TABLE t (id TEXT PRIMARY KEY, name, size);"
    "INSERT INTO t VALUES ('1', 'one', 1), ('2', 'two', 2.5), ('a b&c', 'odd', NULL);"
    "CREATE TABLE secrets (word); INSERT INTO secrets VALUES ('hidden');";

/* Connections of the process, since the case began; under the probe's lock. */
static struct {
    uint32_t n;
    sqlite3 *last;
} opened;

static inline void fail_fn(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    sqlite3_result_error_code(context, sqlite3_value_int(argv[0]));
}

static inline int on_open(sqlite3 *db, const char **error, const void *api)
{
    (void)error;
    (void)api;
    probe_do((opened.n++, opened.last = db));
    return sqlite3_create_function(db, "fail", 1, SQLITE_UTF8, NULL, fail_fn, NULL, NULL);
}

static inline uint32_t opened_n(void)
{
    uint32_t n;
    probe_do(n = opened.n);
    return n;
}

/* What a connection that nobody uses says of itself. */
static inline int setting(sqlite3 *db, const char *pragma)
{
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_set_authorizer(db, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, pragma, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int value = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

/* Until the kernel's clock, which stamps files, has passed the file's stamp: what was written
 * before is now known not to be written again with the same one. */
static inline void await_settled(void)
{
    struct timespec now;
    struct stat file;
    assert_int_equal(stat(scratch.db, &file), 0);
    do
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
    while (now.tv_sec < file.st_ctim.tv_sec ||
           (now.tv_sec == file.st_ctim.tv_sec && now.tv_nsec <= file.st_ctim.tv_nsec));
}

static inline int setup(void **state)
{
    (void)state;
    gate_close();
    scratch_open(&scratch, schema);
    sqlite3_auto_extension((void (*)(void))on_open);
    await_settled();
    opened.n = 0;
    origin = open_with(&(struct crl_origin_sqlite_options){
        .path = scratch.db,
        .concurrency = 3,
        .value_max = VALUE_MAX,
    });
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    assert_int_equal(crl_origin_close(origin, PROBE_LIMIT), 0);
    scratch_close(&scratch);
    return 0;
}

/* A statement with at most the one parameter :id of a type. */
static inline void *typed(const char *sql, enum crl_sql_form form, enum crl_sql_type type)
{
    struct crl_sql_error error;
    void *statement = NULL;
    const struct crl_sql_param param = {"id", type};
    const struct crl_sql_query query = {
        .sql = sql,
        .params = &param,
        .params_n = strstr(sql, ":id") != NULL ? 1 : 0,
        .form = form,
    };
    if (crl_sql_prepare(origin, &query, &statement, &error) < 0)
        fail_msg("%s: %s", sql, error.text);
    return statement;
}

static inline void *row(const char *sql)
{
    return typed(sql, CRL_SQL_ROW, CRL_SQL_TEXT);
}

static inline void *rows(const char *sql)
{
    return typed(sql, CRL_SQL_ROWS, CRL_SQL_TEXT);
}

/* A load fails with a text that says this. */
static inline void expect_failure(void *statement, const char *key, int rc, const char *says)
{
    struct probe probe;
    probe_start(&probe, origin, key, statement);
    probe_expect(&probe, rc, NULL);
    if (strstr(probe.why, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", probe.why, says);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
