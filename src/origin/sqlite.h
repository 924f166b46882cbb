/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite.h - the origin that runs queries on an SQLite database and answers with JSON.
 *
 * A statement is a query with its parameters and the form of its result; it is the `space_arg` of a
 * load. The key of a load is the canonical form of base/form.h ("id=1&name=a%20b"): its pairs are
 * bound to the parameters of the query (always bound, never pasted), and a parameter that the key
 * does not have is bound to NULL.
 *
 * The value is compact JSON in UTF-8: {"column":value, ...} in the order of the columns, or an
 * array of such objects. INTEGER becomes a number with all of its 64 bits, REAL the shortest number
 * that reads back the same, TEXT a string, NULL null. What JSON cannot say is an error that names
 * the column: a BLOB (the query can use hex()), text that is not UTF-8, an infinite number.
 *
 * The database is opened read-only and may be written, also in WAL mode, by others; a lock is
 * waited for until the load is cancelled. Its schema may change: statements are compiled again. A
 * file that is replaced (renamed over) is noticed at the next load. */
#ifndef CRL_ORIGIN_SQLITE_H
#define CRL_ORIGIN_SQLITE_H

#include "origin/origin.h"

/* What is wrong, for people. Written on failure only, or not meaningful after success. */
struct crl_sqlite_error {
    char text[512];
    int sql_offset; /* where in the SQL, in bytes; -1: unknown */
};

struct crl_origin_sqlite_options {
    const char *path;     /* of a file that exists; copied */
    uint32_t concurrency; /* connections and worker threads, opened as they are needed; 1 to 1024 */
    corral_us delay_us;   /* added to each load; for demonstrations and tests */
    size_t value_max;     /* the largest value in bytes; a larger one is answered with EVALUE */
};

/* crl_origin_sqlite_new - open a database. Reads its schema, so that what is not one is found now.
 * Blocks: up to a second if another process has locked it.
 * Errors: EINVAL it cannot be read, ret_error says why; ENOMEM */
int crl_origin_sqlite_new(const struct crl_origin_sqlite_options *options,
                          struct crl_origin **ret_origin, struct crl_sqlite_error *ret_error);

enum crl_sqlite_type {
    CRL_SQLITE_TEXT,
    CRL_SQLITE_INTEGER, /* 64 bits, decimal */
    CRL_SQLITE_NUMBER,  /* an integer, or a finite decimal fraction with or without exponent */
    CRL_SQLITE_BOOLEAN, /* true or false; bound as 1 or 0 */
};

enum crl_sqlite_result {
    CRL_SQLITE_ROW,  /* the first row as an object; not found if there is none */
    CRL_SQLITE_ROWS, /* all rows as an array, which may be empty */
};

struct crl_sqlite_param {
    const char *name; /* without the colon */
    enum crl_sqlite_type type;
};

struct crl_sqlite_query {
    const char *sql; /* one statement; parameters as :name */
    const struct crl_sqlite_param *params;
    size_t params_n;
    enum crl_sqlite_result result;
};

struct crl_sqlite_statement;

/* crl_sqlite_statement_new - check a query and make it the space argument of loads at this origin.
 *
 * Everything is copied. The statement lives as long as the origin. Any thread; blocks shortly.
 *
 * Errors: EINVAL with ret_error: the SQL does not compile, is empty or more than one statement,
 * would write, returns no columns or two of one name; or its parameters and `params` are not the
 * same set; ENOMEM */
int crl_sqlite_statement_new(struct crl_origin *origin, const struct crl_sqlite_query *query,
                             struct crl_sqlite_statement **ret_statement,
                             struct crl_sqlite_error *ret_error);

#endif
