/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_json.h - the rows of a statement as JSON, as sql.h and sqlite.h describe it.
 *
 * Never holds more than `value_max` bytes of JSON and one value of SQLite: rows are written as they
 * come, and reading stops at the limit. Threads: the one that has the connection. */
#ifndef CRL_ORIGIN_SQLITE_JSON_H
#define CRL_ORIGIN_SQLITE_JSON_H

#include "origin/sql.h"

#include <sqlite3.h>

/* crl_sqlite_json_check - are the columns fit for an object: at least one, no name twice, all
 * UTF-8?
 * Returns 0, or EINVAL with the error's text. */
int crl_sqlite_json_check(sqlite3_stmt *stmt, struct crl_sql_error *ret_error);

/* crl_sqlite_json_read - step through a bound statement. The caller resets it.
 *
 * ret_result   0 with data or without (not found); or EORIGIN, EVALUE, ENOMEM, with `why` in
 *              ret_error, which must live as long
 * Returns SQLite's own result, SQLITE_OK where it is not SQLite that failed. */
int crl_sqlite_json_read(sqlite3_stmt *stmt, enum crl_sql_form form, size_t value_max,
                         struct crl_load_result *ret_result, struct crl_sql_error *ret_error);

#endif
