/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_scan.h - find the parameters of an SQL statement.
 *
 * It knows enough of SQL to skip what only looks like a parameter: 'strings', "identifiers",
 * [identifiers], `identifiers`, comments (both kinds) and casts (a::text). Whether the statement is
 * valid, the database says.
 *
 * Source: SQLite, "SQL As Understood By SQLite", tokens and "Parameters". */
#ifndef CRL_CONFIG_SQL_SCAN_H
#define CRL_CONFIG_SQL_SCAN_H

#include <stddef.h>

enum crl_sql_kind {
    CRL_SQL_END,    /* nothing more */
    CRL_SQL_PARAM,  /* :name */
    CRL_SQL_OTHER,  /* a parameter of a form that Corral does not bind: ? ?1 @name $name :1 */
    CRL_SQL_NO_END, /* a string, a quoted identifier or a comment that never ends */
};

/* What was found: its kind and the bytes of the statement that it takes, with its ':'. */
struct crl_sql_found {
    enum crl_sql_kind kind;
    size_t at;
    size_t size;
};

/* crl_sql_next - the first of them at or behind byte `from` (a byte between two tokens: 0, or at +
 * size of the one before). Pure. O(bytes skipped) */
struct crl_sql_found crl_sql_next(const char *statement, size_t from);

#endif
