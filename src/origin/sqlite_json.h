/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_json.h - the rows of a statement as JSON, as sql.h and sqlite.h describe it.
 *
 * Never holds more than `value_max` bytes of JSON, one value of SQLite and a repaired copy of it:
 * rows are written as they come, and reading stops at the limit.
 *
 * The text grows in a buffer of malloc's, and sqlite.c copies it into a draft of the exact size, on
 * the worker. To reserve a draft of `value_max` bytes and shrink it was rejected: blocks of the
 * cache's memory have size classes, and a draft counts against the cache's budget.
 *
 * Threads: the one that has the connection. */
#ifndef CRL_ORIGIN_SQLITE_JSON_H
#define CRL_ORIGIN_SQLITE_JSON_H

#include "origin/sql.h"

#include <sqlite3.h>

/* crl_sqlite_json_check - are the columns fit for an object: at least one, no name twice, all
 * UTF-8?
 * Returns 0, or EINVAL with the error's text. */
int crl_sqlite_json_check(sqlite3_stmt *stmt, struct crl_sql_error *ret_error);

/* What came of reading. */
struct crl_sqlite_json {
    int rc;     /* 0; or EORIGIN, EVALUE, ENOMEM */
    char *data; /* malloc'd, the caller's; NULL: there was no row, or an error */
    size_t size;
};

/* crl_sqlite_json_read - step through a bound statement. The caller resets it.
 * ret_error  text, where ret_json->rc < 0
 * Returns SQLite's own result, SQLITE_OK where it is not SQLite that failed. */
int crl_sqlite_json_read(sqlite3_stmt *stmt, enum crl_sql_form form, size_t value_max,
                         struct crl_sqlite_json *ret_json, struct crl_sql_error *ret_error);

#endif
