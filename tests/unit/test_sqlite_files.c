/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   whatever other processes do with the files of a database, a load reads what is there when
 *         it begins, waits for locks as long as it may, and nothing old is kept open; what cannot
 *         be read is refused in plain words.
 * Method: real files in a folder of the test's own; writers, and loads that are held where the test
 *         wants them; connections are counted as they are opened. */
#include "../helper/sqlite_case.h"

#include <fcntl.h>

/* -------------------------------------------------------------------------- databases and files */

static void test_databases_that_are_refused(void **state)
{
    (void)state;
    char text[160], fifo[160], missing[160];
    snprintf(text, sizeof text, "%s/text.db", scratch.folder);
    snprintf(fifo, sizeof fifo, "%s/fifo.db", scratch.folder);
    snprintf(missing, sizeof missing, "%s/missing.db", scratch.folder);
    FILE *file = fopen(text, "w");
    for (int i = 0; i < 200; i++)
        fputs("this is no database\n", file);
    fclose(file);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const struct {
        const char *path, *says;
    } cases[] = {
        {missing, "missing.db: No such file or directory"},
        {"", "No such file or directory"},
        {":memory:", "No such file or directory"},
        {"file::memory:?mode=rwc", "No such file or directory"},
        {scratch.folder, "is a directory"},
        {fifo, "is not a regular file"},
        {text, "text.db: file is not a database"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct crl_sql_error error;
        struct crl_origin *refused = NULL;
        const struct crl_origin_sqlite_options options = {cases[i].path, .concurrency = 1};
        assert_int_equal(crl_origin_sqlite_new(&options, &refused, &error), CORRAL_EINVAL);
        assert_null(refused);
        if (strstr(error.text, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].says);
    }
    assert_int_equal(access(missing, F_OK), -1); /* not created either */
}

/* Names that mean something else to SQLite. */
static void test_a_path_is_a_path(void **state)
{
    (void)state;
    static const char *const names[] = {":memory:", "file:x?mode=memory", "test.db"};
    struct crl_origin *before = origin;
    char *folder = getcwd(NULL, 0);
    assert_int_equal(chdir(scratch.folder), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (i < 2)
            assert_int_equal(link("test.db", names[i]), 0);
        origin = open_with(&(struct crl_origin_sqlite_options){
            .path = names[i],
            .concurrency = 1,
            .value_max = VALUE_MAX,
        });
        probe_load(origin, "", row("SELECT count(*) AS n FROM t"), 0, "{\"n\":3}");
        assert_int_equal(crl_origin_close(origin, PROBE_LIMIT), 0);
    }
    assert_int_equal(chdir(folder), 0);
    free(folder);
    origin = before;
}

static void test_an_unreadable_database_is_refused(void **state)
{
    (void)state;
    struct crl_sql_error error;
    struct crl_origin *refused;
    const struct crl_origin_sqlite_options options = {scratch.db, .concurrency = 1};
    uid_t user = geteuid();
    assert_int_equal(chmod(scratch.folder, 0755), 0);
    assert_int_equal(chmod(scratch.db, 0), 0);
    if (user == 0)
        assert_int_equal(seteuid(65534), 0); /* root reads everything */
    assert_int_equal(crl_origin_sqlite_new(&options, &refused, &error), CORRAL_EINVAL);
    assert_int_equal(seteuid(user), 0);
    assert_non_null(strstr(error.text, "Permission denied"));
}

static void test_the_schema_changes(void **state)
{
    (void)state;
    void *all = row("SELECT * FROM t WHERE id = :id");
    void *name = row("SELECT name FROM t WHERE id = :id");
    probe_load(origin, "id=1", all, 0, "{\"id\":\"1\",\"name\":\"one\",\"size\":1}");
    probe_load(origin, "id=1", name, 0, "{\"name\":\"one\"}");
    scratch_exec(scratch.db, "ALTER TABLE t ADD COLUMN extra DEFAULT 'x'");
    probe_load(origin, "id=1", all, 0,
               "{\"id\":\"1\",\"name\":\"one\",\"size\":1,\"extra\":\"x\"}");
    scratch_exec(scratch.db, "ALTER TABLE t RENAME TO u");
    expect_failure(name, "id=1", CORRAL_EORIGIN, "no such table: t");
    expect_failure(name, "id=1", CORRAL_EORIGIN, "no such table: t");
    scratch_exec(scratch.db, "ALTER TABLE u RENAME TO t");
    probe_load(origin, "id=1", name, 0, "{\"name\":\"one\"}");
}

static void replace_db(const char *sql)
{
    char fresh[160];
    snprintf(fresh, sizeof fresh, "%s/fresh.db", scratch.folder);
    scratch_exec(fresh, sql);
    assert_int_equal(rename(fresh, scratch.db), 0);
}

static void test_the_file_is_replaced(void **state)
{
    (void)state;
    void *statement = row("SELECT name FROM t WHERE id = :id");
    probe_load(origin, "id=1", statement, 0, "{\"name\":\"one\"}");
    replace_db("CREATE TABLE t (id, name); INSERT INTO t VALUES ('1', 'new')");
    probe_load(origin, "id=1", statement, 0, "{\"name\":\"new\"}");
    replace_db("CREATE TABLE u (id)");
    expect_failure(statement, "id=1", CORRAL_EORIGIN, "no such table: t");
    assert_int_equal(unlink(scratch.db), 0);
    expect_failure(statement, "id=1", CORRAL_EORIGIN, "No such file or directory");
    replace_db("CREATE TABLE t (id, name); INSERT INTO t VALUES ('1', 'back')");
    probe_load(origin, "id=1", statement, 0, "{\"name\":\"back\"}");
}

/* Write the bytes of another database over the file, without making a new one. */
static void overwrite_db(const char *sql)
{
    char fresh[160], bytes[65536];
    snprintf(fresh, sizeof fresh, "%s/fresh.db", scratch.folder);
    scratch_exec(fresh, sql);
    int from = open(fresh, O_RDONLY), to = open(scratch.db, O_WRONLY);
    ssize_t size = read(from, bytes, sizeof bytes);
    assert_in_range(size, 1, sizeof bytes - 1);
    assert_int_equal(pwrite(to, bytes, (size_t)size, 0), size);
    assert_int_equal(ftruncate(to, size), 0);
    assert_int_equal(close(from) | close(to) | unlink(fresh), 0);
}

/* cp and rsync --inplace leave the inode, and where the other database was made by the same steps,
 * size and change counter too. rsync sets the time back as well. */
static void test_the_file_is_overwritten_in_place(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *json;
        bool sets_time, same_size;
    } cases[] = {
        {"CREATE TABLE t (id, name); INSERT INTO t VALUES ('1', 'two')", "{\"name\":\"two\"}",
         false, true},
        {"CREATE TABLE t (id, name); INSERT INTO t VALUES ('1', 'six')", "{\"name\":\"six\"}", true,
         true},
        /* the same schema cookie, and the table is elsewhere */
        {"CREATE TABLE u (id, name); CREATE TABLE t (name, id); DROP TABLE u;"
         "INSERT INTO t VALUES ('ten', '1')",
         "{\"name\":\"ten\"}", false, false},
    };
    replace_db("CREATE TABLE t (id, name); INSERT INTO t VALUES ('1', 'old')");
    void *statement = row("SELECT name FROM t WHERE id = :id");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stat before, after;
        assert_int_equal(stat(scratch.db, &before), 0);
        overwrite_db(cases[i].sql);
        if (cases[i].sets_time) {
            const struct timespec times[] = {before.st_atim, before.st_mtim};
            assert_int_equal(utimensat(AT_FDCWD, scratch.db, times, 0), 0);
        }
        assert_int_equal(stat(scratch.db, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        if (cases[i].same_size)
            assert_int_equal(before.st_size, after.st_size);
        probe_load(origin, "id=1", statement, 0, cases[i].json);
        await_settled(); /* so that the second round is of a settled file */
        probe_load(origin, "id=1", statement, 0, cases[i].json);
    }
}

/* A file that stays is not opened again. */
static void test_connections_are_kept(void **state)
{
    (void)state;
    void *statement = row("SELECT name FROM t WHERE id = :id");
    for (int i = 0; i < 100; i++)
        probe_load(origin, "id=1", statement, 0, "{\"name\":\"one\"}");
    assert_int_equal(opened_n(), 1); /* the one that opened the origin */
}

/* The descriptors of this process that keep a deleted file. */
static uint32_t deleted_n(void)
{
    uint32_t n = 0;
    char path[300], target[512];
    struct dirent *entry;
    DIR *files = opendir("/proc/self/fd");
    while ((entry = readdir(files)) != NULL) {
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        ssize_t size = readlink(path, target, sizeof target - 1);
        target[size > 0 ? size : 0] = '\0';
        n += strstr(target, " (deleted)") != NULL && strstr(target, scratch.folder) != NULL;
    }
    closedir(files);
    return n;
}

/* Occupy as many connections as there may be, and let them go: they are all idle now. */
static void open_all_connections(void)
{
    struct probe held[3];
    void *statement = row("SELECT gate(1) AS n");
    gate_close();
    for (int i = 0; i < 3; i++)
        probe_start(&held[i], origin, "", statement);
    probe_await(gate.entered == 3);
    gate_open();
    for (int i = 0; i < 3; i++)
        probe_expect(&held[i], 0, "{\"n\":1}");
}

/* One load closes the connections of all, also those of another origin. */
static void test_a_replaced_file_is_let_go(void **state)
{
    (void)state;
    struct crl_origin *first = origin;
    struct crl_origin *other = open_with(&(struct crl_origin_sqlite_options){
        .path = scratch.db,
        .concurrency = 3,
        .value_max = VALUE_MAX,
    });
    open_all_connections();
    origin = other;
    open_all_connections();
    origin = first;
    void *statement = row("SELECT name FROM t WHERE id = :id");
    replace_db("CREATE TABLE t (id, name); INSERT INTO t VALUES ('1', 'new')");
    assert_true(deleted_n() >= 2 * 3);
    probe_load(origin, "id=1", statement, 0, "{\"name\":\"new\"}");
    assert_int_equal(deleted_n(), 0);

    open_all_connections();
    assert_int_equal(unlink(scratch.db), 0);
    expect_failure(statement, "id=1", CORRAL_EORIGIN, "No such file or directory");
    assert_int_equal(deleted_n(), 0);
    assert_int_equal(crl_origin_close(other, PROBE_LIMIT), 0);
    scratch_exec(scratch.db, schema);
}

/* One origin closes connections of another, which is being closed itself. */
static void test_an_origin_is_closed_while_another_lets_go(void **state)
{
    (void)state;
    struct crl_origin *first = origin;
    void *statement = row("SELECT name FROM t WHERE id = :id");
    for (mode_t i = 0; i < 200; i++) {
        struct probe probe;
        origin = open_with(&(struct crl_origin_sqlite_options){
            .path = scratch.db,
            .concurrency = 3,
            .value_max = VALUE_MAX,
        });
        struct crl_origin *other = origin;
        origin = first;
        assert_int_equal(chmod(scratch.db, 0600 + i % 2), 0); /* a change like others */
        probe_start(&probe, first, "id=1", statement);
        for (volatile mode_t spin = 0; spin < i * 500; spin++)
            ;
        assert_int_equal(crl_origin_close(other, PROBE_LIMIT), 0);
        probe_expect(&probe, 0, "{\"name\":\"one\"}");
    }
}

/* A load that runs while the file is replaced reads the old one to its end, and lets it go. */
static void test_a_load_outlives_its_file(void **state)
{
    (void)state;
    struct probe held;
    probe_start(&held, origin, "", row("SELECT gate(name) AS name FROM t WHERE id = '1'"));
    probe_await(gate.entered == 1);
    void *statement = row("SELECT name FROM t WHERE id = :id");
    replace_db("CREATE TABLE t (id, name); INSERT INTO t VALUES ('1', 'new')");
    probe_load(origin, "id=1", statement, 0, "{\"name\":\"new\"}");
    gate_open();
    probe_expect(&held, 0, "{\"name\":\"one\"}");
    probe_load(origin, "id=1", statement, 0, "{\"name\":\"new\"}");
    assert_int_equal(deleted_n(), 0); /* it was given back before its answer */
}

/* -------------------------------------------------------------------------------- shared memory */

/* A database in WAL mode whose rows are in the WAL, and a connection that keeps them there. */
static sqlite3 *fill_wal(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
                                  "CREATE TABLE big (n, fill);"
                                  "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r"
                                  " WHERE i < 500) INSERT INTO big SELECT i, zeroblob(2000) FROM r",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    return db;
}

static char *shm_path(void)
{
    static char path[160];
    snprintf(path, sizeof path, "%s-shm", scratch.db);
    return path;
}

/* Whoever shortens it takes the memory away on which SQLite's locks stand: who touches it then is
 * killed by SIGBUS. So nobody does. */
static void test_shortened_shared_memory(void **state)
{
    (void)state;
    sqlite3 *db = fill_wal(scratch.db);
    void *statement = row("SELECT sum(n) AS n FROM big");
    open_all_connections();
    probe_load(origin, "", statement, 0, "{\"n\":125250}");
    sqlite3_close(db); /* its own mapping is the same: nobody of this process may keep it */
    for (int i = 0; i < 3; i++) {
        static const off_t sizes[] = {0, 100, 0};
        assert_int_equal(truncate(shm_path(), sizes[i]), 0);
        probe_load(origin, "", statement, 0, "{\"n\":125250}");
        open_all_connections();
    }
    assert_int_equal(unlink(shm_path()), 0);
    probe_load(origin, "", statement, 0, "{\"n\":125250}");
}

/* While somebody still has it mapped, the file is not opened: a load waits, to its deadline. */
static void test_shortened_shared_memory_that_is_in_use(void **state)
{
    (void)state;
    struct probe held, late;
    sqlite3 *db = fill_wal(scratch.db);
    void *statement = row("SELECT sum(n) AS n FROM big");
    open_all_connections();
    sqlite3_close(db);
    gate_close();
    probe_start(&held, origin, "", row("SELECT gate(1) AS n"));
    probe_await(gate.entered == 1);
    assert_int_equal(truncate(shm_path(), 0), 0);
    probe_init(&late, "", statement);
    late.load.deadline_at = crl_now();
    crl_origin_start(origin, &late.load);
    probe_expect(&late, CORRAL_EDEADLINE, NULL);
    assert_non_null(strstr(late.why, "still in use as it was"));
    gate_open();
    probe_expect(&held, 0, "{\"n\":1}");
    probe_load(origin, "", statement, 0, "{\"n\":125250}");
}

/* A file that is renamed over one in WAL mode has the same shared memory. SQLite would begin it
 * anew for the new one, under those who read the old one. */
static void test_a_file_in_wal_mode_is_replaced_under_a_load(void **state)
{
    (void)state;
    struct probe held, late;
    char fresh[160];
    sqlite3 *db = fill_wal(scratch.db);
    void *statement = row("SELECT count(*) AS n FROM t");
    open_all_connections();
    sqlite3_close(db);
    gate_close();
    probe_start(&held, origin, "",
                row("SELECT sum(CASE n WHEN 1 THEN gate(n) ELSE n END) AS n FROM big"));
    probe_await(gate.entered == 1); /* it has most of its pages before it */
    snprintf(fresh, sizeof fresh, "%s/fresh.db", scratch.folder);
    scratch_exec(fresh, "PRAGMA journal_mode = WAL; CREATE TABLE t (n); INSERT INTO t VALUES (1)");
    assert_int_equal(rename(fresh, scratch.db), 0);
    char wal[160];
    snprintf(wal, sizeof wal, "%s-wal", scratch.db);
    assert_int_equal(unlink(wal), 0);
    probe_init(&late, "", statement);
    late.load.deadline_at = crl_now();
    crl_origin_start(origin, &late.load);
    probe_expect(&late, CORRAL_EDEADLINE, NULL);
    gate_open();
    probe_expect(&held, 0, "{\"n\":125250}");
    probe_load(origin, "", statement, 0, "{\"n\":1}");
    assert_int_equal(deleted_n(), 0);
}

/* SQLite says only "unable to open database file". */
static void test_a_wal_database_in_a_folder_that_cannot_be_written(void **state)
{
    (void)state;
    struct crl_sql_error error;
    struct crl_origin *refused;
    const struct crl_origin_sqlite_options options = {scratch.db, .concurrency = 1};
    uid_t user = geteuid();
    scratch_exec(scratch.db, "PRAGMA journal_mode = WAL");
    assert_int_equal(crl_origin_close(origin, PROBE_LIMIT), 0);
    scratch_exec(scratch.db, "SELECT * FROM t"); /* the last one: removes the files of the WAL */
    assert_int_equal(chmod(scratch.folder, 0555), 0);
    if (user == 0)
        assert_int_equal(seteuid(65534), 0); /* root writes everywhere */
    int rc = crl_origin_sqlite_new(&options, &refused, &error);
    assert_int_equal(seteuid(user), 0);
    assert_int_equal(chmod(scratch.folder, 0755), 0);
    assert_int_equal(rc, CORRAL_EINVAL);
    assert_non_null(strstr(error.text, "in WAL mode and its folder cannot be written"));
    assert_non_null(strstr(error.text, "test.db-shm"));
    origin = open_with(&(struct crl_origin_sqlite_options){
        .path = scratch.db,
        .concurrency = 1,
        .value_max = VALUE_MAX,
    });
}

/* --------------------------------------------------------------------------- spoilt connections */

/* What SQLite may get over only by beginning anew closes the connection; other errors do not. */
static void test_a_spoilt_connection_is_not_kept(void **state)
{
    (void)state;
    static const struct {
        int code;
        bool spoils;
    } cases[] = {
        {SQLITE_CORRUPT, true},          {SQLITE_NOTADB, true},   {SQLITE_IOERR, true},
        {SQLITE_IOERR_SHORT_READ, true}, {SQLITE_CANTOPEN, true}, {SQLITE_READONLY, true},
        {SQLITE_PROTOCOL, true},         {SQLITE_ERROR, false},   {SQLITE_CONSTRAINT, false},
        {SQLITE_MISMATCH, false},
    };
    void *fails = typed("SELECT fail(:id) AS n", CRL_SQL_ROW, CRL_SQL_INTEGER);
    void *list = typed("SELECT fail(:id) AS n", CRL_SQL_ROWS, CRL_SQL_INTEGER);
    void *works = row("SELECT name FROM t WHERE id = :id");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char key[32];
        snprintf(key, sizeof key, "id=%d", cases[i].code);
        uint32_t before = opened_n();
        probe_load(origin, key, i % 2 ? fails : list, CORRAL_EORIGIN, NULL);
        probe_load(origin, "id=1", works, 0, "{\"name\":\"one\"}");
        assert_int_equal(opened_n() - before, cases[i].spoils);
    }
}

/* The same where the statement cannot even be compiled: a table of a module that fails. */
static int module_rc;

static int module_connect(sqlite3 *db, void *arg, int argc, const char *const *argv,
                          sqlite3_vtab **ret_table, char **error)
{
    (void)arg;
    (void)argc;
    (void)argv;
    (void)error;
    int rc = module_rc;
    if (rc == SQLITE_OK)
        rc = sqlite3_declare_vtab(db, "CREATE TABLE x (n)");
    if (rc == SQLITE_OK)
        *ret_table = calloc(1, sizeof **ret_table);
    return rc;
}

static int module_disconnect(sqlite3_vtab *table)
{
    free(table);
    return SQLITE_OK;
}

static int module_plan(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    (void)info;
    return SQLITE_OK;
}

static int module_register(sqlite3 *db, const char **error, const void *api)
{
    static const sqlite3_module module = {
        .xCreate = module_connect,
        .xConnect = module_connect,
        .xBestIndex = module_plan,
        .xDisconnect = module_disconnect,
        .xDestroy = module_disconnect,
    };
    (void)error;
    (void)api;
    return sqlite3_create_module(db, "broken", &module, NULL);
}

static void test_a_connection_that_cannot_compile_is_not_kept(void **state)
{
    (void)state;
    sqlite3_auto_extension((void (*)(void))module_register);
    scratch_exec(scratch.db, "CREATE VIRTUAL TABLE far USING broken");
    await_settled();
    void *works = row("SELECT name FROM t WHERE id = :id");
    probe_load(origin, "id=1", works, 0, "{\"name\":\"one\"}");
    void *statement = row("SELECT n FROM far");
    replace_db("CREATE TABLE t (id, name); INSERT INTO t VALUES ('1', 'one');"
               "CREATE VIRTUAL TABLE far USING broken");
    await_settled();
    probe_load(origin, "id=1", works, 0, "{\"name\":\"one\"}"); /* has not compiled the other */
    uint32_t before = opened_n();
    module_rc = SQLITE_IOERR;
    probe_load(origin, "", statement, CORRAL_EORIGIN, NULL);
    probe_load(origin, "id=1", works, 0, "{\"name\":\"one\"}");
    assert_int_equal(opened_n() - before, 1);
    module_rc = SQLITE_OK;
    sqlite3_cancel_auto_extension((void (*)(void))module_register);
}

/* -------------------------------------------------------------------------------- other writers */

struct writer {
    pthread_t thread;
    bool stop; /* both under the probe's lock */
    uint32_t commits;
};

/* Moves one from one row to the other, over and over: the sum never changes. */
static void *write_on(void *arg)
{
    struct writer *writer = arg;
    sqlite3 *db;
    bool stop = false;
    crl_assert(sqlite3_open(scratch.db, &db) == SQLITE_OK);
    sqlite3_busy_timeout(db, 30000);
    crl_assert(sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL) == SQLITE_OK);
    while (!stop) {
        int rc = sqlite3_exec(db,
                              "BEGIN IMMEDIATE; UPDATE pair SET n = n - 1 WHERE id = 1;"
                              "UPDATE pair SET n = n + 1 WHERE id = 2; COMMIT",
                              NULL, NULL, NULL);
        crl_assert(rc == SQLITE_OK);
        probe_do((writer->commits++, stop = writer->stop));
    }
    sqlite3_close(db);
    return NULL;
}

/* Nobody reads, so the WAL can be emptied. */
static void expect_empty_wal(void)
{
    sqlite3 *db;
    int frames, written;
    char wal[160];
    struct stat file = {.st_size = 0};
    snprintf(wal, sizeof wal, "%s-wal", scratch.db);
    assert_int_equal(sqlite3_open(scratch.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "SELECT * FROM sqlite_schema", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &frames, &written),
        SQLITE_OK);
    assert_int_equal(frames, 0); /* and not -1: there is a WAL */
    (void)stat(wal, &file);
    assert_int_equal(file.st_size, 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void check_concurrent_writer(const char *mode)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "PRAGMA journal_mode = %s;"
             "CREATE TABLE pair (id, n); INSERT INTO pair VALUES (1, 50), (2, 50)",
             mode);
    scratch_exec(scratch.db, sql);
    void *sum = row("SELECT sum(n) AS n FROM pair");
    struct writer writer = {.stop = false};
    assert_int_equal(pthread_create(&writer.thread, NULL, write_on, &writer), 0);
    for (uint32_t i = 0, commits = 0; i < 300 || commits < 300; i++) {
        probe_load(origin, "", sum, 0, "{\"n\":100}");
        probe_do(commits = writer.commits);
    }
    probe_do(writer.stop = true);
    pthread_join(writer.thread, NULL);
    /* What is committed is seen: no read transaction has stayed open. */
    scratch_exec(scratch.db, "UPDATE pair SET n = 7");
    probe_load(origin, "", sum, 0, "{\"n\":14}");
}

/* A statement of which only the first row is read does not stay in the middle: it would see the
 * past on and on, and keep the WAL from shrinking. */
static void test_no_load_pins_the_past(void **state)
{
    (void)state;
    void *statement = row("SELECT gate(name) AS name FROM t ORDER BY id");
    scratch_exec(scratch.db, "PRAGMA journal_mode = WAL");
    for (int round = 0; round < 3; round++) {
        static const char *const expected[] = {"{\"name\":\"0\"}", "{\"name\":\"1\"}",
                                               "{\"name\":\"2\"}"};
        char sql[64];
        struct probe probes[3];
        snprintf(sql, sizeof sql, "UPDATE t SET name = '%d'", round);
        scratch_exec(scratch.db, sql);
        gate_close();
        for (int i = 0; i < 3; i++)
            probe_start(&probes[i], origin, "", statement);
        probe_await(gate.entered == 3); /* one on each connection */
        gate_open();
        for (int i = 0; i < 3; i++)
            probe_expect(&probes[i], 0, expected[round]);
    }
    expect_empty_wal();
}

static void test_a_writer_in_wal_mode(void **state)
{
    (void)state;
    check_concurrent_writer("WAL");
    expect_empty_wal();
}

static void test_a_writer_in_rollback_mode(void **state)
{
    (void)state;
    check_concurrent_writer("DELETE");
}

/* A load waits for the lock as long as it may, and is cancelled out of the wait. */
static void test_a_locked_database_is_waited_for(void **state)
{
    (void)state;
    sqlite3 *db;
    struct probe waits;
    void *statement = row("SELECT name FROM t WHERE id = :id");
    assert_int_equal(sqlite3_open(scratch.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    probe_start(&waits, origin, "id=1", statement);
    for (int i = 0; i < 200; i++) {
        struct probe cancelled;
        probe_start(&cancelled, origin, "id=1", statement);
        for (volatile int spin = 0; spin < i * 1000; spin++)
            ;
        probe_cancel(&cancelled, origin);
        probe_expect(&cancelled, CORRAL_EDEADLINE, NULL);
    }
    assert_int_equal(probe_answers(&waits), 0);
    assert_int_equal(sqlite3_exec(db, "UPDATE t SET name = 'locked'; COMMIT", NULL, NULL, NULL),
                     SQLITE_OK);
    probe_expect(&waits, 0, "{\"name\":\"locked\"}");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Whether the lock is met by a connection that is there or by one that is being opened. */
static void test_a_deadline_ends_the_waiting_for_a_lock(void **state)
{
    (void)state;
    sqlite3 *db;
    void *statement = row("SELECT name FROM t");
    assert_int_equal(sqlite3_open(scratch.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < 20; i++) {
        struct probe probe;
        if (i % 2)
            assert_int_equal(chmod(scratch.db, i % 4 ? 0600 : 0644), 0); /* to be opened again */
        probe_init(&probe, "", statement);
        probe.load.deadline_at = crl_now() + i % 3 * CORRAL_MS(2);
        crl_origin_start(origin, &probe.load);
        probe_expect(&probe, CORRAL_EDEADLINE, NULL);
        assert_non_null(strstr(probe.why, "database is locked"));
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

struct opener {
    pthread_t thread;
    struct crl_origin_sqlite_options options;
    _Atomic pid_t id;
    struct crl_origin *origin;
    struct crl_sql_error error;
    _Atomic int rc; /* above 0: not yet */
};

static void *open_origin(void *arg)
{
    struct opener *opener = arg;
    opener->id = gettid();
    opener->rc = crl_origin_sqlite_new(&opener->options, &opener->origin, &opener->error);
    return NULL;
}

/* How often a thread has gone to sleep by itself. */
static long sleeps_of(pid_t thread)
{
    char path[64], line[128];
    long n = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/status", thread);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1)
            break;
    }
    if (file != NULL)
        fclose(file);
    return n;
}

/* As long as its deadline says, which is more often than a fixed second had room for. */
static void test_a_database_that_is_locked_at_the_start(void **state)
{
    (void)state;
    sqlite3 *db;
    struct opener opener = {
        .options = {.path = scratch.db, .concurrency = 1, .deadline_us = PROBE_LIMIT},
        .rc = 1,
    };
    assert_int_equal(sqlite3_open(scratch.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(pthread_create(&opener.thread, NULL, open_origin, &opener), 0);
    while (opener.id == 0 || sleeps_of(opener.id) < 700)
        assert_int_equal(opener.rc, 1);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    pthread_join(opener.thread, NULL);
    assert_int_equal(opener.rc, 0);
    assert_int_equal(crl_origin_close(opener.origin, PROBE_LIMIT), 0);

    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    opener.options.deadline_us = CORRAL_MS(5);
    (void)open_origin(&opener);
    assert_int_equal(opener.rc, CORRAL_EINVAL);
    assert_non_null(strstr(opener.error.text, "database is locked"));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_databases_that_are_refused),
        TEST(test_a_path_is_a_path),
        TEST(test_an_unreadable_database_is_refused),
        TEST(test_the_schema_changes),
        TEST(test_the_file_is_replaced),
        TEST(test_the_file_is_overwritten_in_place),
        TEST(test_connections_are_kept),
        TEST(test_a_replaced_file_is_let_go),
        TEST(test_an_origin_is_closed_while_another_lets_go),
        TEST(test_a_load_outlives_its_file),
        TEST(test_shortened_shared_memory),
        TEST(test_shortened_shared_memory_that_is_in_use),
        TEST(test_a_file_in_wal_mode_is_replaced_under_a_load),
        TEST(test_a_wal_database_in_a_folder_that_cannot_be_written),
        TEST(test_a_spoilt_connection_is_not_kept),
        TEST(test_a_connection_that_cannot_compile_is_not_kept),
        TEST(test_no_load_pins_the_past),
        TEST(test_a_writer_in_wal_mode),
        TEST(test_a_writer_in_rollback_mode),
        TEST(test_a_locked_database_is_waited_for),
        TEST(test_a_deadline_ends_the_waiting_for_a_lock),
        TEST(test_a_database_that_is_locked_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
