/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite.c - loads as queries on worker threads, each with a connection of its own.
 *
 * Owns: the statements, and a shelf of connections (sqlite_connection.h), of which each load takes
 * one. Queries are checked on one that is closed again, and so is the one that opens the origin.
 *
 * How a load is cancelled. interrupt() runs under the lock of works, while run() of this very load
 * is on its worker (K3 of work.h), and three things make it return: the cond ends the waiting for
 * the delay or for a lock of the database; sqlite3_interrupt() ends a running statement at its next
 * opcode that looks; the progress handler, which reads the load's flag, ends a statement that began
 * just after. None of them can hit another load: the worker's connection and its current load are
 * set and cleared under the same lock, and SQLite forgets an interrupt when the next statement
 * begins on an idle connection.
 *
 * Invariants:
 *   Q1  A connection is touched by the worker that has taken it alone, but for sqlite3_interrupt(),
 *       which is under the lock, as is changing a worker's connection.
 *   Q2  Between loads no statement is in the middle of its rows: so no read transaction stays open,
 *       writers can checkpoint, and the next load sees what is committed.
 *   Q3  Statements are never freed before the origin: a load may use one until its run() returns.
 *   Q4  A database that is locked is tried again until the load is cancelled or its deadline has
 *       come, whatever SQLite was doing when it found the lock; then the error is EDEADLINE.
 *
 * Sources: sqlite.org, "Interrupt A Long-Running Query", "Query Progress Callbacks". */
#include "origin/sqlite.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/form.h"
#include "io/clock.h"
#include "origin/sqlite_connection.h"
#include "origin/sqlite_json.h"
#include "origin/work.h"

#include <sqlite3.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Between two tries of a database that is locked. */
#define BUSY_PAUSE_US CORRAL_MS(2)

struct statement {
    struct statement *next;
    uint32_t index; /* in the workers' arrays of compiled statements */
    enum crl_sql_form form;
    char *sql;
    size_t params_n;
    struct crl_sql_param params[]; /* names are own copies */
};

struct sqlite_load {
    struct crl_work work; /* first */
    const struct statement *statement;
    struct worker *worker; /* while it runs; under the lock */
    corral_us deadline_at;
    struct crl_sql_error error;
    size_t key_size;
    char bytes[]; /* key, then room for its decoded pairs */
};

struct worker {
    struct sqlite_origin *origin;
    pthread_cond_t woken;
    struct sqlite_load *load;                 /* what it runs; under the lock */
    struct crl_sqlite_connection *connection; /* with which; NULL: none yet; under the lock */
};

struct sqlite_origin {
    struct crl_works works; /* first */
    struct crl_sqlite_shelf shelf;
    corral_us delay_us, deadline_us;
    size_t value_max;
    pthread_mutex_t statements_lock;
    struct statement *statements;
    uint32_t statements_n;
    uint32_t workers_n;
    struct worker workers[];
};

/* ----------------------------------------------------------------------------- a worker's waits */

/* Wait until an instant, or the load is cancelled. Under the lock. */
static void wait_until(struct worker *worker, corral_us until)
{
    pthread_mutex_t *lock = &worker->origin->works.lock;
    struct timespec at = {.tv_sec = until / 1000000, .tv_nsec = until % 1000000 * 1000};
    while (!crl_work_is_cancelled(&worker->load->work) && crl_now() < until)
        (void)pthread_cond_timedwait(&worker->woken, lock, &at); /* the loop looks */
}

/* Returns whether to go on: the load is not cancelled. */
static bool pause_load(struct worker *worker, corral_us wait_us)
{
    pthread_mutex_lock(&worker->origin->works.lock);
    wait_until(worker, crl_now() + wait_us);
    pthread_mutex_unlock(&worker->origin->works.lock);
    return !crl_work_is_cancelled(&worker->load->work);
}

/* For a worker's connection. */
static bool wait_for_lock(void *arg)
{
    struct worker *worker = arg;
    return crl_now() < worker->load->deadline_at && pause_load(worker, BUSY_PAUSE_US);
}

static bool is_over(void *arg)
{
    const struct worker *worker = arg;
    return crl_work_is_cancelled(&worker->load->work);
}

static void interrupt(struct crl_work *work)
{
    struct worker *worker = ((struct sqlite_load *)work)->worker;
    if (worker == NULL)
        return; /* run() has just begun and will see the flag */
    pthread_cond_signal(&worker->woken);
    if (worker->connection != NULL)
        sqlite3_interrupt(worker->connection->db);
}

/* Make the load the worker's, or NULL when it is done. */
static void worker_take(struct worker *worker, struct sqlite_load *load)
{
    pthread_mutex_lock(&worker->origin->works.lock);
    if (worker->load != NULL)
        worker->load->worker = NULL;
    worker->load = load;
    if (load != NULL)
        load->worker = worker;
    pthread_mutex_unlock(&worker->origin->works.lock);
}

/* Make the connection the worker's, or NULL before it is given back. */
static void worker_connect(struct worker *worker, struct crl_sqlite_connection *connection)
{
    pthread_mutex_lock(&worker->origin->works.lock); /* Q1 */
    worker->connection = connection;
    pthread_mutex_unlock(&worker->origin->works.lock);
}

/* -------------------------------------------------------------------------------------- binding */

static bool is_integer(const char *text, int64_t *ret_value)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return false;
    errno = 0;
    *ret_value = strtoll(text, NULL, 10);
    return errno == 0;
}

static bool is_number(const char *text, double *ret_value)
{
    char *end;
    if (text[0] == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
        return false; /* so no "inf", "nan", "0x1p3", " 1" */
    *ret_value = strtod(text, &end);
    return *end == '\0' && isfinite(*ret_value);
}

/* A REAL, so that 5 divides like 5.5 does. A whole number that a REAL would round stays exact: it
 * would find the row of another number. */
static int bind_number(sqlite3_stmt *stmt, int i, const char *text)
{
    int64_t integer;
    double number;
    if (is_integer(text, &integer)) {
        number = (double)integer;
        if (number >= 0x1p63 || (int64_t)number != integer)
            return sqlite3_bind_int64(stmt, i, integer);
    }
    return is_number(text, &number) ? sqlite3_bind_double(stmt, i, number) : SQLITE_MISMATCH;
}

/* Bind a value of the key; its text stays until the statement is reset. Returns SQLite's result,
 * SQLITE_MISMATCH if the text is not of the type. */
static int bind_value(sqlite3_stmt *stmt, int i, enum crl_sql_type type, struct corral_bytes value)
{
    const char *text = value.data;
    int64_t integer;
    switch (type) {
    case CRL_SQL_TEXT:
        return sqlite3_bind_text64(stmt, i, text, value.size, SQLITE_STATIC, SQLITE_UTF8);
    case CRL_SQL_INTEGER:
        return is_integer(text, &integer) ? sqlite3_bind_int64(stmt, i, integer) : SQLITE_MISMATCH;
    case CRL_SQL_NUMBER:
        return bind_number(stmt, i, text);
    case CRL_SQL_BOOLEAN:
        if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
            return sqlite3_bind_int(stmt, i, text[0] == 't');
        return SQLITE_MISMATCH;
    }
    crl_unreachable();
}

static const struct crl_sql_param *find_param(const struct statement *statement, const char *name)
{
    for (size_t i = 0; i < statement->params_n; i++) {
        if (strcmp(statement->params[i].name, name) == 0)
            return &statement->params[i];
    }
    return NULL;
}

static int bind_pair(sqlite3_stmt *stmt, const struct statement *statement,
                     const struct crl_form_pair *pair, struct crl_sql_error *error)
{
    char colon_name[256];
    const char *name = pair->name.data;
    const struct crl_sql_param *param = find_param(statement, name);
    if (param == NULL) {
        (void)crl_sqlite_invalid(error, "the query has no parameter \"%s\"", name);
        return CORRAL_EORIGIN;
    }
    snprintf(colon_name, sizeof colon_name, ":%s", name);
    int i = sqlite3_bind_parameter_index(stmt, colon_name);
    int rc = bind_value(stmt, i, param->type, pair->value);
    if (rc == SQLITE_OK)
        return 0;
    (void)crl_sqlite_invalid(error, "parameter \"%s\": %s", name,
                             rc == SQLITE_MISMATCH ? "the value is not of its type"
                                                   : sqlite3_errstr(rc));
    return rc == SQLITE_NOMEM ? CORRAL_ENOMEM : CORRAL_EORIGIN;
}

/* Bind every pair of the key; what it does not have stays NULL. */
static int bind_key(sqlite3_stmt *stmt, struct sqlite_load *load)
{
    struct crl_form_reader reader;
    struct crl_form_pair pair;
    int next, rc = 0;
    crl_form_reader_init(&reader, crl_bytes(load->bytes, load->key_size),
                         load->bytes + load->key_size, CRL_FORM_ROOM(load->key_size));
    (void)sqlite3_clear_bindings(stmt);
    while ((next = crl_form_next(&reader, &pair)) == CRL_FORM_PAIR && rc == 0)
        rc = bind_pair(stmt, load->statement, &pair, &load->error);
    if (rc == 0 && next < 0) {
        (void)crl_sqlite_invalid(&load->error, "the key is malformed: %s", crl_form_strerror(next));
        rc = CORRAL_EORIGIN;
    }
    return rc;
}

/* --------------------------------------------------------------------------------------- a load */

static struct crl_load_result failed(const struct sqlite_load *load, int rc)
{
    return crl_load_failed(rc, load->error.text[0] != '\0' ? load->error.text : NULL);
}

/* The JSON text, which is taken, as the load's result. */
static struct crl_load_result result_of(struct sqlite_load *load, struct crl_sqlite_json json)
{
    if (json.rc < 0)
        return failed(load, json.rc);
    if (json.data == NULL)
        return crl_load_absent();
    struct crl_entry *draft = crl_work_value(&load->work, crl_bytes(json.data, json.size));
    free(json.data);
    return draft != NULL ? crl_load_value(draft) : crl_load_failed(CORRAL_ENOMEM, "out of memory");
}

/* Bind, step, write JSON, and leave the statement idle again (Q2). Returns SQLite's result. */
static int execute(const struct sqlite_origin *origin, struct sqlite_load *load, sqlite3_stmt *stmt,
                   struct crl_load_result *ret_result)
{
    struct crl_sqlite_json json = {.rc = bind_key(stmt, load)};
    int sqlite_rc = SQLITE_OK;
    if (json.rc == 0)
        sqlite_rc = crl_sqlite_json_read(stmt, load->statement->form, origin->value_max, &json,
                                         &load->error);
    (void)sqlite3_reset(stmt);          /* says again what the step said */
    (void)sqlite3_clear_bindings(stmt); /* they point into the load */
    *ret_result = result_of(load, json);
    return sqlite_rc;
}

/* The query on a connection. Returns SQLite's result. */
static int query(struct crl_sqlite_connection *connection, struct sqlite_load *load,
                 struct crl_load_result *ret_result)
{
    const struct statement *statement = load->statement;
    const struct sqlite_origin *origin = (struct sqlite_origin *)load->work.works;
    sqlite3_stmt *stmt;
    int sqlite_rc = crl_sqlite_compile(connection, statement->index, statement->sql, &stmt);
    if (sqlite_rc == SQLITE_OK)
        return execute(origin, load, stmt, ret_result);
    (void)crl_sqlite_invalid(&load->error, "%s", sqlite3_errmsg(connection->db));
    *ret_result = failed(load, sqlite_rc == SQLITE_NOMEM ? CORRAL_ENOMEM : CORRAL_EORIGIN);
    return sqlite_rc;
}

/* Returns whether the database was locked, and the load may try again. */
static bool attempt(struct worker *worker, struct sqlite_load *load,
                    struct crl_load_result *ret_result)
{
    const struct crl_sqlite_user user = {wait_for_lock, is_over, worker};
    struct crl_sqlite_connection *connection;
    int rc = crl_sqlite_take(&worker->origin->shelf, &user, &connection, &load->error);
    if (rc < 0) {
        *ret_result = failed(load, rc == CORRAL_EINVAL ? CORRAL_EORIGIN : rc);
        return rc == CORRAL_EDEADLINE;
    }
    worker_connect(worker, connection);
    int sqlite_rc = query(connection, load, ret_result);
    worker_connect(worker, NULL);
    crl_sqlite_give_back(connection, sqlite_rc);
    if ((sqlite_rc & 0xFF) != SQLITE_BUSY)
        return false;
    *ret_result = failed(load, CORRAL_EDEADLINE);
    return true;
}

static struct crl_load_result load_result(struct worker *worker, struct sqlite_load *load)
{
    struct crl_load_result result;
    if (worker->origin->delay_us > 0 && !pause_load(worker, worker->origin->delay_us))
        return crl_load_failed(CORRAL_EDEADLINE, NULL);
    while (attempt(worker, load, &result)) { /* Q4 */
        if (!wait_for_lock(worker))
            break;
    }
    return result;
}

static void run(struct crl_work *work, uint32_t number)
{
    struct sqlite_load *load = (struct sqlite_load *)work;
    struct sqlite_origin *origin = (struct sqlite_origin *)work->works;
    struct worker *worker = &origin->workers[number];

    worker_take(worker, load);
    struct crl_load_result result = load_result(worker, load);
    worker_take(worker, NULL);
    if (result.rc < 0 && crl_work_is_cancelled(work))
        result = crl_load_failed(CORRAL_EDEADLINE, "the load was cancelled");
    (void)crl_work_end(work, result); /* given up meanwhile: nobody wants it */
}

static void release(struct crl_work *work, bool has_run)
{
    (void)has_run;
    crl_work_fini(work);
    free(work);
}

/* ------------------------------------------------------------------------------------- the port */

static void start_one(struct sqlite_origin *origin, struct crl_load *engine_load)
{
    struct corral_bytes key = engine_load->key;
    struct sqlite_load *load = malloc(sizeof *load + key.size + CRL_FORM_ROOM(key.size));
    if (load == NULL) {
        crl_load_answer(engine_load, crl_load_failed(CORRAL_ENOMEM, NULL));
        return;
    }
    load->statement = engine_load->space_arg;
    load->worker = NULL;
    load->deadline_at = engine_load->deadline_at;
    load->error.text[0] = '\0';
    load->key_size = key.size;
    if (key.size > 0)
        memcpy(load->bytes, key.data, key.size);
    crl_work_init(&origin->works, &load->work, engine_load);
    crl_work_start(&load->work);
}

static void start(struct crl_origin *port, struct crl_load *list)
{
    while (list != NULL) {
        struct crl_load *load = list;
        list = load->next; /* before the load can end */
        start_one((struct sqlite_origin *)port, load);
    }
}

static void statement_free(struct statement *statement)
{
    for (size_t i = 0; i < statement->params_n; i++)
        free((char *)statement->params[i].name);
    free(statement->sql);
    free(statement);
}

static void destroy(struct crl_works *works)
{
    struct sqlite_origin *origin = (struct sqlite_origin *)works;
    for (uint32_t i = 0; i < origin->workers_n; i++)
        pthread_cond_destroy(&origin->workers[i].woken);
    crl_sqlite_shelf_fini(&origin->shelf);
    while (origin->statements != NULL) {
        struct statement *statement = origin->statements;
        origin->statements = statement->next;
        statement_free(statement);
    }
    pthread_mutex_destroy(&origin->statements_lock);
    crl_works_fini(works);
    free(origin);
}

/* ----------------------------------------------------------------------------------- statements */

/* Is there nothing after the first statement but space, comments and semicolons? SQLite knows best:
 * it compiles those to nothing. */
static bool is_last_statement(sqlite3 *db, const char *tail)
{
    while (*tail != '\0') {
        sqlite3_stmt *stmt = NULL;
        const char *rest = tail;
        int rc = sqlite3_prepare_v3(db, tail, -1, 0, &stmt, &rest);
        (void)sqlite3_finalize(stmt);
        if (rc != SQLITE_OK || stmt != NULL || rest == tail)
            return false;
        tail = rest;
    }
    return true;
}

/* Why a query does not compile. */
static int not_compiled(const struct crl_sqlite_connection *connection, int sqlite_rc,
                        struct crl_sql_error *error)
{
    if (sqlite_rc == SQLITE_AUTH && crl_sqlite_refusal_text(&connection->refusal, error))
        return CORRAL_EINVAL;
    (void)crl_sqlite_invalid(error, "%s", sqlite3_errmsg(connection->db));
    error->sql_offset = sqlite3_error_offset(connection->db);
    return CORRAL_EINVAL;
}

/* Compile, and see that it is one statement that only reads. */
static int compile_checked(const struct crl_sqlite_connection *connection, const char *sql,
                           sqlite3_stmt **ret_stmt, struct crl_sql_error *error)
{
    sqlite3 *db = connection->db;
    sqlite3_stmt *stmt;
    const char *tail;
    int sqlite_rc = sqlite3_prepare_v3(db, sql, -1, 0, &stmt, &tail);
    if (sqlite_rc != SQLITE_OK)
        return not_compiled(connection, sqlite_rc, error);
    int rc = 0;
    if (stmt == NULL)
        rc = crl_sqlite_invalid(error, "the query is empty");
    else if (!is_last_statement(db, tail)) {
        rc = crl_sqlite_invalid(error, "the query is more than one statement");
        error->sql_offset = (int)(tail - sql);
    } else if (!sqlite3_stmt_readonly(stmt))
        rc = crl_sqlite_invalid(error, "the query would write");
    else
        rc = crl_sqlite_json_check(stmt, error);
    if (rc < 0) {
        (void)sqlite3_finalize(stmt);
        return rc;
    }
    *ret_stmt = stmt;
    return 0;
}

static bool declares(const struct crl_sql_query *query, const char *name)
{
    for (size_t i = 0; i < query->params_n; i++) {
        if (strcmp(query->params[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Are the parameters of the SQL and those declared the same set? */
static int check_params(sqlite3_stmt *stmt, const struct crl_sql_query *query,
                        struct crl_sql_error *error)
{
    char colon_name[256];
    for (int i = 1; i <= sqlite3_bind_parameter_count(stmt); i++) {
        const char *name = sqlite3_bind_parameter_name(stmt, i);
        if (name == NULL || name[0] != ':')
            return crl_sqlite_invalid(error, "the query has a parameter \"%s\": write it as :name",
                                      name != NULL ? name : "?");
        if (!declares(query, name + 1))
            return crl_sqlite_invalid(error, "the query uses :%s, which no parameter declares",
                                      name + 1);
    }
    for (size_t i = 0; i < query->params_n; i++) {
        int size = snprintf(colon_name, sizeof colon_name, ":%s", query->params[i].name);
        if ((size_t)size >= sizeof colon_name)
            return crl_sqlite_invalid(error, "the name of parameter \"%.20s...\" is too long",
                                      colon_name + 1);
        if (sqlite3_bind_parameter_index(stmt, colon_name) == 0)
            return crl_sqlite_invalid(error, "the query does not use the parameter :%s",
                                      query->params[i].name);
    }
    return 0;
}

static struct statement *statement_copy(const struct crl_sql_query *query)
{
    struct statement *statement =
        calloc(1, sizeof *statement + query->params_n * sizeof statement->params[0]);
    if (statement == NULL)
        return NULL;
    statement->form = query->form;
    statement->sql = strdup(query->sql);
    bool is_whole = statement->sql != NULL;
    for (size_t i = 0; i < query->params_n; i++) {
        statement->params[i].type = query->params[i].type;
        statement->params[i].name = strdup(query->params[i].name);
        is_whole = is_whole && statement->params[i].name != NULL;
    }
    statement->params_n = query->params_n;
    if (is_whole)
        return statement;
    statement_free(statement);
    return NULL;
}

/* Until when who checks waits for a lock of the database: there is no load to be cancelled. */
static bool wait_for_checker(void *arg)
{
    if (crl_now() >= *(const corral_us *)arg)
        return false;
    (void)usleep((useconds_t)BUSY_PAUSE_US);
    return true;
}

static bool is_never_over(void *arg)
{
    (void)arg;
    return false;
}

/* A connection to check with. until  borrowed until it is given back. */
static int take_checker(struct sqlite_origin *origin, corral_us *until,
                        struct crl_sqlite_connection **ret_connection, struct crl_sql_error *error)
{
    const struct crl_sqlite_user user = {wait_for_checker, is_never_over, until};
    *until = crl_now() + origin->deadline_us;
    int rc = crl_sqlite_take(&origin->shelf, &user, ret_connection, error);
    return rc == CORRAL_EDEADLINE ? CORRAL_EINVAL : rc; /* the text says that it is locked */
}

static int check_query(struct sqlite_origin *origin, const struct crl_sql_query *query,
                       struct crl_sql_error *error)
{
    corral_us until;
    struct crl_sqlite_connection *connection;
    sqlite3_stmt *stmt;
    int rc = take_checker(origin, &until, &connection, error);
    if (rc < 0)
        return rc;
    rc = compile_checked(connection, query->sql, &stmt, error);
    if (rc == 0) {
        rc = check_params(stmt, query, error);
        (void)sqlite3_finalize(stmt);
    }
    crl_sqlite_give_back(connection, SQLITE_OK);
    return rc;
}

static int prepare(struct crl_origin *port, const struct crl_sql_query *query, void **ret_statement,
                   struct crl_sql_error *ret_error)
{
    struct sqlite_origin *origin = (struct sqlite_origin *)port;
    crl_assert(port->ops->start == start);
    (void)crl_sqlite_invalid(ret_error, "out of memory"); /* unless something else is wrong */
    int rc = check_query(origin, query, ret_error);
    struct statement *statement = rc == 0 ? statement_copy(query) : NULL;
    pthread_mutex_lock(&origin->statements_lock);
    if (statement != NULL) {
        statement->index = origin->statements_n++;
        statement->next = origin->statements;
        origin->statements = statement;
        *ret_statement = statement;
    } else if (rc == 0) {
        rc = CORRAL_ENOMEM;
    }
    pthread_mutex_unlock(&origin->statements_lock);
    return rc;
}

/* -------------------------------------------------------------------------------------- opening */

static void worker_init(struct worker *worker, struct sqlite_origin *origin)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    *worker = (struct worker){.origin = origin};
    pthread_cond_init(&worker->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

/* A path that SQLite cannot take for anything but a path (":memory:", "file:x?mode=rwc"). */
static char *plain_path(const char *path)
{
    char *plain = NULL;
    int size = asprintf(&plain, "%s%s", path[0] == '/' || path[0] == '\0' ? "" : "./", path);
    return size < 0 ? NULL : plain;
}

/* The origin without its connections. Errors: ENOMEM, ESYSTEM */
static int origin_new(const struct crl_origin_sqlite_options *options,
                      struct sqlite_origin **ret_origin)
{
    static const struct crl_sql_ops sql_ops = {.prepare = prepare};
    static const struct crl_origin_ops origin_ops = {
        .kind = "sqlite",
        .start = start,
        .cancel = crl_works_cancel,
        .close_begin = crl_works_close_begin,
        .close_wait = crl_works_close_wait,
        .sql = &sql_ops,
    };
    static const struct crl_works_ops works_ops = {
        .run = run,
        .interrupt = interrupt,
        .release = release,
        .destroy = destroy,
    };
    uint32_t workers_n = options->concurrency;
    struct sqlite_origin *origin =
        calloc(1, sizeof *origin + workers_n * sizeof origin->workers[0]);
    if (origin == NULL)
        return CORRAL_ENOMEM;
    char *path = plain_path(options->path);
    int rc = CORRAL_ENOMEM;
    if (path != NULL)
        rc = crl_works_init(&origin->works, &origin_ops, &works_ops, "corral-sqlite", workers_n);
    if (rc < 0) {
        free(path);
        free(origin);
        return rc;
    }
    crl_sqlite_shelf_init(&origin->shelf, path);
    origin->deadline_us = options->deadline_us;
    origin->delay_us = options->delay_us;
    origin->value_max = options->value_max;
    origin->works.meta = options->meta;
    pthread_mutex_init(&origin->statements_lock, NULL);
    origin->workers_n = workers_n;
    for (uint32_t i = 0; i < workers_n; i++)
        worker_init(&origin->workers[i], origin);
    *ret_origin = origin;
    return 0;
}

int crl_origin_sqlite_new(const struct crl_origin_sqlite_options *options,
                          struct crl_origin **ret_origin, struct crl_sql_error *ret_error)
{
    crl_assert(options->path != NULL && options->concurrency >= 1 && options->delay_us >= 0);
    struct sqlite_origin *origin = NULL;
    int rc = origin_new(options, &origin);
    if (rc < 0) {
        (void)crl_sqlite_invalid(ret_error, "%s", corral_strerror(rc));
        return rc;
    }
    corral_us until;
    struct crl_sqlite_connection *connection;
    rc = take_checker(origin, &until, &connection, ret_error);
    if (rc < 0) {
        crl_works_unref(&origin->works);
        return rc;
    }
    crl_sqlite_give_back(connection, SQLITE_OK);
    *ret_origin = &origin->works.origin;
    return 0;
}
