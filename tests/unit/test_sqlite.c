/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what a query answers is what the database holds, as JSON, whatever the key and the data;
 *         what is wrong with a query is said in plain words.
 * Method: rows of queries, keys and answers on a real file. What becomes of files is in
 *         test_sqlite_files.c, what the port promises of every origin in
 *         tests/contract/test_origin.c. */
#include "base/form.h"
#include "base/rng.h"

#include "../helper/sqlite_case.h"

#include <jansson.h>

static const struct crl_sql_param id_param = {"id", CRL_SQL_TEXT};

/* --------------------------------------------------------------------------------------- values */

static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *json;
    } cases[] = {
        {"SELECT 1 AS b, 2 AS a", "{\"b\":1,\"a\":2}"},
        {"SELECT 9223372036854775807 AS n", "{\"n\":9223372036854775807}"},
        {"SELECT -9223372036854775807 - 1 AS n", "{\"n\":-9223372036854775808}"},
        {"SELECT NULL AS n", "{\"n\":null}"},
        {"SELECT 0.1 AS n", "{\"n\":0.1}"},
        {"SELECT 0.1 + 0.2 AS n", "{\"n\":0.30000000000000004}"},
        {"SELECT 2.0 AS n", "{\"n\":2.0}"},
        {"SELECT 1e300 AS n", "{\"n\":1e300}"},
        {"SELECT '' AS n", "{\"n\":\"\"}"},
        {"SELECT 'a\"b\\c' AS n", "{\"n\":\"a\\\"b\\\\c\"}"},
        {"SELECT char(10, 0, 31) AS n", "{\"n\":\"\\n\\u0000\\u001F\"}"},
        {"SELECT char(233, 128512) AS n", "{\"n\":\"\xC3\xA9\xF0\x9F\x98\x80\"}"},
        {"SELECT 1 AS \"a\"\"b\"", "{\"a\\\"b\":1}"},
        {"SELECT 1 AS \"\"", "{\"\":1}"},
        {"SELECT hex(x'00ff') AS n", "{\"n\":\"00FF\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        probe_load(origin, "", row(cases[i].sql), 0, cases[i].json);
}

/* A double survives: SQLite's own digits are not trusted, the JSON is read back. */
static void test_reals_read_back_the_same(void **state)
{
    (void)state;
    void *statement = typed("SELECT :id AS n", CRL_SQL_ROW, CRL_SQL_NUMBER);
    struct crl_rng rng = crl_rng_split(7, "reals");
    for (int i = 0; i < 2000; i++) {
        char key[64];
        struct probe probe;
        double drawn =
            crl_rng_uniform(&rng) * (double)(crl_rng_next(&rng) >> crl_rng_below(&rng, 64));
        snprintf(key, sizeof key, "id=%.17g", drawn);
        for (char *plus = strchr(key, '+'); plus != NULL; plus = NULL)
            memmove(plus, plus + 1, strlen(plus)); /* would be a space */
        probe_start(&probe, origin, key, statement);
        probe_await(probe.answers > 0);
        assert_int_equal(probe.rc, 0);
        struct corral_bytes value = probe_value(&probe);
        json_t *json = json_loadb(value.data, value.size, 0, NULL);
        double read = json_number_value(json_object_get(json, "n"));
        if (read < drawn || read > drawn)
            fail_msg("%s became %.*s", key, (int)value.size, (const char *)value.data);
        json_decref(json);
        probe_expect_end(&probe);
    }
}

/* What JSON has no word for has a form of its own, and the rest of the answer is there. */
static void test_what_json_has_no_word_for(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *json;
    } cases[] = {
        {"SELECT x'' AS pic", "{\"pic\":\"\"}"},
        {"SELECT x'01' AS pic", "{\"pic\":\"AQ==\"}"},
        {"SELECT x'0102' AS pic", "{\"pic\":\"AQI=\"}"},
        {"SELECT x'fbff00' AS pic", "{\"pic\":\"+/8A\"}"},
        {"SELECT zeroblob(3) AS pic", "{\"pic\":\"AAAA\"}"},
        {"SELECT 9e999 AS n, -9e999 AS m", "{\"n\":null,\"m\":null}"},
        {"SELECT 9e999 - 9e999 AS n", "{\"n\":null}"},
        {"SELECT -0.0 AS n, 0.0 AS m", "{\"n\":-0.0,\"m\":0.0}"},
        {"SELECT CAST(x'c0af' AS TEXT) AS n", "{\"n\":\"\xEF\xBF\xBD\xEF\xBF\xBD\"}"},
        {"SELECT CAST(x'eda080' AS TEXT) AS n", "{\"n\":\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"}"},
        {"SELECT CAST(x'61e282' AS TEXT) AS n", "{\"n\":\"a\xEF\xBF\xBD\"}"},
        {"SELECT CAST(x'61ff2200c3a9' AS TEXT) AS n",
         "{\"n\":\"a\xEF\xBF\xBD\\\"\\u0000\xC3\xA9\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        probe_load(origin, "", row(cases[i].sql), 0, cases[i].json);
    probe_load(origin, "", rows("SELECT 1 AS n UNION ALL SELECT x'01' UNION ALL SELECT 9e999"), 0,
               "[{\"n\":1},{\"n\":\"AQ==\"},{\"n\":null}]");
}

/* A database that keeps its text as UTF-16 may hold half a pair of surrogates. */
static void test_half_a_character_of_utf16(void **state)
{
    (void)state;
    char path[160];
    snprintf(path, sizeof path, "%s/utf16.db", scratch.folder);
    scratch_exec(path, "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (id, name);"
                       "INSERT INTO t VALUES (1, CAST(x'6100' AS TEXT)),"
                       "(2, CAST(x'610000d8' AS TEXT))");
    struct crl_origin *before = origin;
    origin = open_with(&(struct crl_origin_sqlite_options){
        .path = path,
        .concurrency = 1,
        .value_max = VALUE_MAX,
    });
    probe_load(origin, "", row("SELECT name FROM t WHERE id = 1"), 0, "{\"name\":\"a\"}");
    probe_load(origin, "", row("SELECT substr(name, 1, 1) AS name FROM t WHERE id = 2"), 0,
               "{\"name\":\"a\"}");
    struct probe half;
    probe_start(&half, origin, "", row("SELECT name FROM t WHERE id = 2"));
    probe_await(half.answers > 0);
    json_t *json = json_loadb(probe_value(&half).data, probe_value(&half).size, 0, NULL);
    assert_non_null(json); /* so it is UTF-8, whatever SQLite made of the half */
    json_decref(json);
    probe_expect_end(&half);
    assert_int_equal(crl_origin_close(origin, PROBE_LIMIT), 0);
    origin = before;
}

static void test_forms_of_result(void **state)
{
    (void)state;
    probe_load(origin, "id=1", row("SELECT id, name FROM t WHERE id = :id"), 0,
               "{\"id\":\"1\",\"name\":\"one\"}");
    probe_load(origin, "id=9", row("SELECT id, name FROM t WHERE id = :id"), 0, NULL);
    probe_load(origin, "", row("SELECT id FROM t ORDER BY id DESC"), 0, "{\"id\":\"a b&c\"}");
    probe_load(origin, "id=9", rows("SELECT id FROM t WHERE id = :id"), 0, "[]");
    probe_load(origin, "id=1", rows("SELECT id FROM t WHERE id = :id"), 0, "[{\"id\":\"1\"}]");
    probe_load(origin, "", rows("SELECT size FROM t ORDER BY id"), 0,
               "[{\"size\":1},{\"size\":2.5},{\"size\":null}]");
}

/* --------------------------------------------------------------------------------------- limits */

static void test_values_up_to_their_limit(void **state)
{
    (void)state;
    /* {"n":"..."} is 8 bytes more than the text */
    void *one =
        typed("SELECT substr(hex(zeroblob(1000)), 1, :id) AS n", CRL_SQL_ROW, CRL_SQL_INTEGER);
    struct probe probe;
    probe_start(&probe, origin, "id=992", one);
    probe_await(probe.answers > 0);
    assert_int_equal(probe.rc, 0);
    assert_int_equal(probe_value(&probe).size, VALUE_MAX);
    probe_expect_end(&probe);
    expect_failure(one, "id=993", CORRAL_EVALUE, "larger than 1000 bytes");
    expect_failure(one, "id=2000", CORRAL_EVALUE, "larger than 1000 bytes");
}

/* So are those whose JSON is longer than what the database holds. */
static void test_long_spellings_up_to_the_limit(void **state)
{
    (void)state;
    void *blob = typed("SELECT zeroblob(:id) AS n", CRL_SQL_ROW, CRL_SQL_INTEGER);
    void *text =
        typed("SELECT CAST(zeroblob(:id) || x'ff' AS TEXT) AS n", CRL_SQL_ROW, CRL_SQL_INTEGER);
    struct probe probe;
    probe_start(&probe, origin, "id=744", blob); /* 992 bytes of base64 */
    probe_await(probe.answers > 0);
    assert_int_equal(probe.rc, 0);
    assert_int_equal(probe_value(&probe).size, VALUE_MAX);
    probe_expect_end(&probe);
    expect_failure(blob, "id=745", CORRAL_EVALUE, "larger than 1000 bytes");
    expect_failure(blob, "id=100000000", CORRAL_EVALUE, "larger than 1000 bytes");
    probe_start(&probe, origin, "id=164", text); /* six bytes for each NUL, three for the last */
    probe_await(probe.answers > 0);
    assert_int_equal(probe.rc, 0);
    assert_int_equal(probe_value(&probe).size, 8 + 164 * 6 + 3);
    probe_expect_end(&probe);
    expect_failure(text, "id=165", CORRAL_EVALUE, "larger than 1000 bytes");
}

/* Reading stops at the limit: of a thousand million rows few are made. */
static void test_reading_stops_at_the_limit(void **state)
{
    (void)state;
    void *statement = rows("WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) "
                           "SELECT i FROM r LIMIT 1000000000");
    expect_failure(statement, "", CORRAL_EVALUE, "larger than 1000 bytes");
    expect_failure(row("SELECT hex(zeroblob(2000000)) AS n"), "", CORRAL_EVALUE, "larger");
    expect_failure(row("SELECT zeroblob(2000000000) AS n"), "", CORRAL_EVALUE, "too big");
}

static int open_delayed(void **state)
{
    setup(state);
    assert_int_equal(crl_origin_close(origin, PROBE_LIMIT), 0);
    origin = open_with(&(struct crl_origin_sqlite_options){
        .path = scratch.db,
        .concurrency = 1,
        .delay_us = CORRAL_MS(30),
        .value_max = VALUE_MAX,
    });
    return 0;
}

static void test_a_load_takes_its_delay(void **state)
{
    (void)state;
    corral_us before = crl_now();
    probe_load(origin, "", row("SELECT 1 AS n"), 0, "{\"n\":1}");
    assert_in_range(crl_now() - before, CORRAL_MS(30), PROBE_LIMIT);
}

/* A delay that would never end is over at once, where it has begun as where it has not. */
static void test_a_delay_can_be_cancelled(void **state)
{
    (void)state;
    struct crl_origin *slow = open_with(&(struct crl_origin_sqlite_options){
        .path = scratch.db,
        .concurrency = 1,
        .delay_us = CORRAL_SECONDS(1000000),
        .value_max = VALUE_MAX,
    });
    struct crl_origin *other = origin;
    origin = slow;
    void *statement = row("SELECT 1 AS n");
    for (int i = 0; i < 100; i++) {
        struct probe probe;
        probe_start(&probe, slow, "", statement);
        for (volatile int spin = 0; spin < i * 1000; spin++)
            ;
        probe_cancel(&probe, slow);
        probe_expect(&probe, CORRAL_EDEADLINE, NULL);
    }
    struct probe last;
    probe_start(&last, slow, "", statement);
    assert_int_equal(crl_origin_close(slow, PROBE_LIMIT), 0);
    probe_expect(&last, CORRAL_EDEADLINE, NULL);
    origin = other;
}

/* ----------------------------------------------------------------------------------- parameters */

static void test_parameters_by_type(void **state)
{
    (void)state;
    static const struct {
        enum crl_sql_type type;
        const char *key, *json; /* json NULL: not of the type */
    } cases[] = {
        {CRL_SQL_TEXT, "id=12", "{\"t\":\"text\",\"v\":\"12\"}"},
        {CRL_SQL_TEXT, "id=", "{\"t\":\"text\",\"v\":\"\"}"},
        {CRL_SQL_TEXT, "id=%C3%A9%26", "{\"t\":\"text\",\"v\":\"\xC3\xA9&\"}"},
        {CRL_SQL_TEXT, "", "{\"t\":\"null\",\"v\":null}"},
        {CRL_SQL_INTEGER, "", "{\"t\":\"null\",\"v\":null}"},
        {CRL_SQL_INTEGER, "id=12", "{\"t\":\"integer\",\"v\":12}"},
        {CRL_SQL_INTEGER, "id=-9223372036854775808",
         "{\"t\":\"integer\",\"v\":-9223372036854775808}"},
        {CRL_SQL_INTEGER, "id=9223372036854775807",
         "{\"t\":\"integer\",\"v\":9223372036854775807}"},
        {CRL_SQL_INTEGER, "id=9223372036854775808", NULL},
        {CRL_SQL_INTEGER, "id=", NULL},
        {CRL_SQL_INTEGER, "id=-", NULL},
        {CRL_SQL_INTEGER, "id=%2B1", NULL},
        {CRL_SQL_INTEGER, "id=1.0", NULL},
        {CRL_SQL_INTEGER, "id=0x10", NULL},
        {CRL_SQL_INTEGER, "id=1%20", NULL},
        {CRL_SQL_INTEGER, "id=%201", NULL},
        {CRL_SQL_NUMBER, "id=12", "{\"t\":\"real\",\"v\":12.0}"},
        {CRL_SQL_NUMBER, "id=-0", "{\"t\":\"real\",\"v\":-0.0}"},
        {CRL_SQL_NUMBER, "id=9007199254740992", "{\"t\":\"real\",\"v\":9007199254740992.0}"},
        {CRL_SQL_NUMBER, "id=9007199254740993", "{\"t\":\"integer\",\"v\":9007199254740993}"},
        {CRL_SQL_NUMBER, "id=-9007199254740993", "{\"t\":\"integer\",\"v\":-9007199254740993}"},
        {CRL_SQL_NUMBER, "id=9223372036854775807", "{\"t\":\"integer\",\"v\":9223372036854775807}"},
        {CRL_SQL_NUMBER, "id=-9223372036854775808", "{\"t\":\"real\",\"v\":-9.223372036854776e18}"},
        {CRL_SQL_NUMBER, "id=-1.5e3", "{\"t\":\"real\",\"v\":-1500.0}"},
        {CRL_SQL_NUMBER, "id=9223372036854775808", "{\"t\":\"real\",\"v\":9.223372036854776e18}"},
        {CRL_SQL_NUMBER, "id=1e999", NULL},
        {CRL_SQL_NUMBER, "id=nan", NULL},
        {CRL_SQL_NUMBER, "id=inf", NULL},
        {CRL_SQL_NUMBER, "id=0x1p3", NULL},
        {CRL_SQL_NUMBER, "id=1e", NULL},
        {CRL_SQL_NUMBER, "id=", NULL},
        {CRL_SQL_BOOLEAN, "id=true", "{\"t\":\"integer\",\"v\":1}"},
        {CRL_SQL_BOOLEAN, "id=false", "{\"t\":\"integer\",\"v\":0}"},
        {CRL_SQL_BOOLEAN, "id=yes", NULL},
        {CRL_SQL_BOOLEAN, "id=1", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        void *statement = typed("SELECT typeof(:id) AS t, :id AS v", CRL_SQL_ROW, cases[i].type);
        if (cases[i].json != NULL)
            probe_load(origin, cases[i].key, statement, 0, cases[i].json);
        else
            expect_failure(statement, cases[i].key, CORRAL_EORIGIN, "not of its type");
    }
}

/* A number is a number however it is written: it divides like one, and still finds whole
 * numbers. */
static void test_a_number_stays_a_number(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *json;
    } cases[] = {
        {"SELECT :id / 2 AS n", "{\"n\":2.5}"},
        {"SELECT :id / 2.0 AS n", "{\"n\":2.5}"},
        {"SELECT :id AS n", "{\"n\":5.0}"},
        {"SELECT 1 AS n WHERE 5 = :id", "{\"n\":1}"},
        {"SELECT n FROM whole WHERE n = :id", "{\"n\":5}"},
        {"SELECT n FROM plain WHERE n = :id", "{\"n\":5}"},
        {"SELECT n FROM whole ORDER BY n LIMIT :id", "{\"n\":5}"},
        {"SELECT substr('abcdefg', :id) AS n", "{\"n\":\"efg\"}"},
    };
    scratch_exec(scratch.db, "CREATE TABLE whole (n INTEGER PRIMARY KEY); CREATE TABLE plain (n);"
                             "INSERT INTO whole VALUES (5); INSERT INTO plain VALUES (5)");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        void *statement = typed(cases[i].sql, CRL_SQL_ROW, CRL_SQL_NUMBER);
        probe_load(origin, "id=5", statement, 0, cases[i].json);
        probe_load(origin, "id=5.0", statement, 0, cases[i].json);
        probe_load(origin, "id=50e-1", statement, 0, cases[i].json);
    }
    /* One that a REAL would round finds its own row, not its neighbour's. */
    scratch_exec(scratch.db, "INSERT INTO whole VALUES (9007199254740992), (9007199254740993)");
    void *find = typed("SELECT n FROM whole WHERE n = :id", CRL_SQL_ROW, CRL_SQL_NUMBER);
    probe_load(origin, "id=9007199254740993", find, 0, "{\"n\":9007199254740993}");
    probe_load(origin, "id=9007199254740992", find, 0, "{\"n\":9007199254740992}");
}

static void test_malformed_keys(void **state)
{
    (void)state;
    void *statement = row("SELECT :id AS v");
    expect_failure(statement, "other=1", CORRAL_EORIGIN, "no parameter \"other\"");
    expect_failure(statement, "id=%", CORRAL_EORIGIN, "malformed");
    expect_failure(statement, "id=%FF", CORRAL_EORIGIN, "UTF-8");
    probe_load(origin, "id=1", statement, 0, "{\"v\":\"1\"}"); /* and nothing is left of it */
    probe_load(origin, "", statement, 0, "{\"v\":null}");
}

/* Text of a key is data, whatever it looks like. */
static void test_injections_are_data(void **state)
{
    (void)state;
    static const char *const attempts[] = {
        "1; DROP TABLE t",
        "1; DROP TABLE t; --",
        "' OR 1=1 --",
        "1' UNION SELECT word FROM secrets --",
        "'; ATTACH DATABASE '/tmp/x' AS x; --",
        "1\" OR \"1\"=\"1",
        ":id",
        "?1",
        "/*",
        "\\' OR 1=1",
        "%",
    };
    void *find = rows("SELECT id FROM t WHERE id = :id");
    void *echo = row("SELECT :id AS v");
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        char data[256], expected[256];
        struct crl_form_writer writer;
        crl_form_writer_init(&writer, data, sizeof data - 1);
        assert_int_equal(crl_form_put(&writer, corral_str("id"), corral_str(attempts[i])), 0);
        data[writer.size] = '\0';
        probe_load(origin, data, find, 0, "[]");
        json_t *object = json_pack("{s:s}", "v", attempts[i]);
        size_t size = json_dumpb(object, expected, sizeof expected - 1, JSON_COMPACT);
        expected[size] = '\0';
        probe_load(origin, data, echo, 0, expected);
        json_decref(object);
    }
    probe_load(origin, "", row("SELECT count(*) AS n FROM t"), 0, "{\"n\":3}");
    probe_load(origin, "id=a%20b%26c", find, 0, "[{\"id\":\"a b&c\"}]");
}

/* ----------------------------------------------------------------------------------- statements */

static void test_queries_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *says;
    } cases[] = {
        {"", "empty"},
        {"  -- nothing\n", "empty"},
        {"SELEC 1", "syntax error"},
        {"SELECT nope FROM t", "no such column: nope"},
        {"SELECT 1 FROM nowhere", "no such table: nowhere"},
        {"SELECT 1; SELECT 2", "more than one statement"},
        {"SELECT 1; DROP TABLE t", "more than one statement"},
        {"SELECT 1; bogus", "more than one statement"},
        {"DELETE FROM t RETURNING id", "would write"},
        {"INSERT INTO t VALUES (1, 2, 3)", "would write"},
        {"PRAGMA user_version = 5", "PRAGMA user_version may change the connection"},
        {"PRAGMA query_only = 0", "PRAGMA query_only may change the connection"},
        {"PRAGMA query_only", "PRAGMA query_only may"},
        {"EXPLAIN PRAGMA query_only = 0", "PRAGMA query_only may"},
        {" /* one */ pragma main.BUSY_TIMEOUT(0);", "may change the connection"},
        {"PRAGMA locking_mode = exclusive", "may change the connection"},
        {"PRAGMA mmap_size = 1000000", "may change the connection"},
        {"PRAGMA journal_mode = off", "may change the connection"},
        {"PRAGMA wal_checkpoint", "may change the connection"},
        {"PRAGMA optimize", "may change the connection"},
        {"PRAGMA nonsense", "may change the connection"},
        {"SELECT 1 AS n; PRAGMA query_only = 0", "more than one statement"},
        {"BEGIN", "no columns"},
        {"ATTACH DATABASE 'x' AS x", "no columns"},
        {"SELECT id, name AS id FROM t", "two columns are named \"id\""},
        {"SELECT * FROM t AS a, t AS b", "two columns are named \"id\""},
        {"SELECT 1 AS n WHERE :nope", ":nope, which no parameter declares"},
        {"SELECT :id AS n, ?", "write it as :name"},
        {"SELECT :id AS n, @id", "write it as :name"},
        {"SELECT :id AS n, $id", "write it as :name"},
        {"SELECT :id AS n, ?5", "write it as :name"},
        {"SELECT 1 AS n", "does not use the parameter :id"},
        {"SELECT ':id' AS n", "does not use the parameter :id"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct crl_sql_error error;
        void *statement = NULL;
        const struct crl_sql_query query = {.sql = cases[i].sql, &id_param, 1};
        assert_int_equal(crl_sql_prepare(origin, &query, &statement, &error), CORRAL_EINVAL);
        assert_null(statement);
        if (strstr(error.text, cases[i].says) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].sql, error.text, cases[i].says);
    }
}

/* A statement that is refused has done nothing, though many PRAGMAs act while they are compiled. */
static void test_refused_pragmas_do_nothing(void **state)
{
    (void)state;
    static const char *const attempts[] = {
        "PRAGMA busy_timeout = 1234",
        "EXPLAIN PRAGMA busy_timeout = 1234",
        "SELECT 1 AS n; PRAGMA busy_timeout = 1234",
        "PRAGMA cache_size = 77",
        "SELECT 1 AS n; PRAGMA cache_size = 77",
    };
    sqlite3 *last = NULL;
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        struct crl_sql_error error;
        void *statement = NULL;
        const struct crl_sql_query query = {.sql = attempts[i]};
        assert_int_equal(crl_sql_prepare(origin, &query, &statement, &error), CORRAL_EINVAL);
        last = opened.last;
    }
    assert_int_equal(opened.n, 1); /* on this connection they were all refused */
    assert_int_equal(setting(last, "PRAGMA busy_timeout"), 0);
    assert_int_equal(setting(last, "PRAGMA cache_size"), -2000);
}

/* Those that read the database are served. */
static void test_pragmas_that_are_served(void **state)
{
    (void)state;
    probe_load(origin, "", rows("PRAGMA table_info(secrets)"), 0,
               "[{\"cid\":0,\"name\":\"word\",\"type\":\"\",\"notnull\":0,"
               "\"dflt_value\":null,\"pk\":0}]");
    probe_load(origin, "", row("PRAGMA user_version"), 0, "{\"user_version\":0}");
    probe_load(origin, "", row("PRAGMA quick_check(1)"), 0, "{\"quick_check\":\"ok\"}");
    probe_load(origin, "id=secrets", rows("SELECT name FROM pragma_table_info(:id)"), 0,
               "[{\"name\":\"word\"}]");
}

static void test_errors_have_a_place(void **state)
{
    (void)state;
    struct crl_sql_error error;
    void *statement;
    struct crl_sql_query query = {.sql = "SELECT id, nope FROM t"};
    assert_int_equal(crl_sql_prepare(origin, &query, &statement, &error), CORRAL_EINVAL);
    assert_int_equal(error.sql_offset, 11);
    query.sql = "SELECT 1; DROP TABLE t";
    assert_int_equal(crl_sql_prepare(origin, &query, &statement, &error), CORRAL_EINVAL);
    assert_int_equal(error.sql_offset, 9);
}

static void test_queries_that_are_taken(void **state)
{
    (void)state;
    probe_load(origin, "", row("SELECT 1 AS n;"), 0, "{\"n\":1}");
    probe_load(origin, "", row("SELECT 1 AS n; -- the end\n ; /* indeed */ ;"), 0, "{\"n\":1}");
    probe_load(origin, "id=x", row("SELECT :id AS n, :id AS m"), 0, "{\"n\":\"x\",\"m\":\"x\"}");
    probe_load(origin, "", row("WITH x(n) AS (VALUES (1)) SELECT n FROM x"), 0, "{\"n\":1}");
}

static void test_views_over_virtual_tables(void **state)
{
    (void)state;
    scratch_exec(scratch.db, "CREATE VIRTUAL TABLE notes USING fts5(body);"
                             "CREATE VIRTUAL TABLE places USING rtree(id, low, high);"
                             "INSERT INTO notes VALUES ('a red fox'), ('a blue hen');"
                             "INSERT INTO places VALUES (7, 1, 2);"
                             "CREATE VIEW red AS SELECT body FROM notes WHERE notes MATCH 'red';"
                             "CREATE VIEW near AS SELECT id FROM places WHERE low < 2;"
                             "CREATE VIEW parts AS SELECT value FROM json_each('[1,2]')");
    probe_load(origin, "", rows("SELECT body FROM red"), 0, "[{\"body\":\"a red fox\"}]");
    probe_load(origin, "", rows("SELECT id FROM near"), 0, "[{\"id\":7}]");
    probe_load(origin, "", rows("SELECT value FROM parts"), 0, "[{\"value\":1},{\"value\":2}]");
}

/* Statements are made while others run. */
static void test_statements_while_loads_run(void **state)
{
    (void)state;
    struct probe held;
    probe_start(&held, origin, "", row("SELECT gate(1) AS n"));
    probe_await(gate.entered == 1);
    for (int i = 0; i < 50; i++) {
        char sql[64], json[64];
        snprintf(sql, sizeof sql, "SELECT %d AS n", i);
        snprintf(json, sizeof json, "{\"n\":%d}", i);
        probe_load(origin, "", row(sql), 0, json);
    }
    gate_open();
    probe_expect(&held, 0, "{\"n\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_types),
        TEST(test_reals_read_back_the_same),
        TEST(test_what_json_has_no_word_for),
        TEST(test_half_a_character_of_utf16),
        TEST(test_forms_of_result),
        TEST(test_values_up_to_their_limit),
        TEST(test_long_spellings_up_to_the_limit),
        TEST(test_reading_stops_at_the_limit),
        cmocka_unit_test_setup_teardown(test_a_load_takes_its_delay, open_delayed, teardown),
        TEST(test_a_delay_can_be_cancelled),
        TEST(test_parameters_by_type),
        TEST(test_a_number_stays_a_number),
        TEST(test_malformed_keys),
        TEST(test_injections_are_data),
        TEST(test_queries_that_are_refused),
        TEST(test_refused_pragmas_do_nothing),
        TEST(test_pragmas_that_are_served),
        TEST(test_views_over_virtual_tables),
        TEST(test_errors_have_a_place),
        TEST(test_queries_that_are_taken),
        TEST(test_statements_while_loads_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
