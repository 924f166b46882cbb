/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_pragma.c - see sqlite_pragma.h. */
#include "origin/sqlite_pragma.h"

#include "origin/sqlite.h"

#include <stdio.h>
#include <strings.h>

/* Those that only read, and read the database. SQLite's own modules use some of them too. */
static const struct {
    const char *name;
    bool takes_argument; /* and still only reads */
} reading[] = {
    {"application_id", false},  {"auto_vacuum", false},     {"collation_list", false},
    {"compile_options", false}, {"data_version", false},    {"database_list", false},
    {"encoding", false},        {"foreign_key_list", true}, {"foreign_key_check", true},
    {"freelist_count", false},  {"function_list", false},   {"index_info", true},
    {"index_list", true},       {"index_xinfo", true},      {"integrity_check", true},
    {"journal_mode", false},    {"module_list", false},     {"page_count", false},
    {"page_size", false},       {"pragma_list", false},     {"quick_check", true},
    {"schema_version", false},  {"table_info", true},       {"table_list", true},
    {"table_xinfo", true},      {"user_version", false},
};

static bool only_reads(const char *name, const char *argument)
{
    for (size_t i = 0; i < sizeof reading / sizeof reading[0]; i++) {
        if (strcasecmp(reading[i].name, name) == 0)
            return argument == NULL || reading[i].takes_argument;
    }
    return false;
}

static int authorize(void *arg, int action, const char *name, const char *argument,
                     const char *database, const char *from)
{
    struct crl_sqlite_refusal *refusal = arg;
    (void)database;
    (void)from;
    if (action != SQLITE_PRAGMA || only_reads(name, argument))
        return SQLITE_OK;
    snprintf(refusal->pragma, sizeof refusal->pragma, "%s", name);
    return SQLITE_DENY;
}

void crl_sqlite_refuse_pragmas(sqlite3 *db, struct crl_sqlite_refusal *refusal)
{
    refusal->pragma[0] = '\0';
    (void)sqlite3_set_authorizer(db, authorize, refusal); /* cannot fail */
}

bool crl_sqlite_refusal_text(const struct crl_sqlite_refusal *refusal,
                             struct crl_sql_error *ret_error)
{
    if (refusal->pragma[0] == '\0')
        return false;
    snprintf(ret_error->text, sizeof ret_error->text,
             "PRAGMA %s may change the connection: only those that read the database are served,"
             " such as PRAGMA table_info(x)",
             refusal->pragma);
    ret_error->sql_offset = -1;
    return true;
}

int crl_origin_sqlite_check(const char *sql, struct crl_sql_error *ret_error)
{
    struct crl_sqlite_refusal refusal;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        (void)sqlite3_close(db);
        return CORRAL_ENOMEM;
    }
    crl_sqlite_refuse_pragmas(db, &refusal);
    (void)sqlite3_prepare_v3(db, sql, -1, 0, &stmt, NULL); /* it may lack its tables */
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return crl_sqlite_refusal_text(&refusal, ret_error) ? CORRAL_EINVAL : 0;
}
