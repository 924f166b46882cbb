/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_pragma.h - of PRAGMAs, queries get those that read the database.
 *
 * The others set something on the connection that runs them, on which other queries run afterwards,
 * and many do so while they are compiled, even behind EXPLAIN. So they are refused by SQLite's
 * authorizer, before they do anything; also without a database, crl_origin_sqlite_check(). PRAGMAs
 * as tables (pragma_table_info('t')) pass it too.
 *
 * Source: sqlite.org, "PRAGMA Statements", "Compile-Time Authorization Callbacks". */
#ifndef CRL_ORIGIN_SQLITE_PRAGMA_H
#define CRL_ORIGIN_SQLITE_PRAGMA_H

#include "origin/sql.h"

#include <sqlite3.h>

/* The PRAGMA that was refused last; "" for none. */
struct crl_sqlite_refusal {
    char pragma[64];
};

/* crl_sqlite_refuse_pragmas - from now on this connection refuses them: compiling such a statement
 * fails with SQLITE_AUTH.
 * refusal  notes what was refused; borrowed until the connection is closed */
void crl_sqlite_refuse_pragmas(sqlite3 *db, struct crl_sqlite_refusal *refusal);

/* crl_sqlite_refusal_text - say it to people, if something was refused. Returns whether it was. */
bool crl_sqlite_refusal_text(const struct crl_sqlite_refusal *refusal,
                             struct crl_sql_error *ret_error);

#endif
