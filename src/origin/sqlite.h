/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite.h - the origin that runs queries on an SQLite database; it speaks SQL (sql.h).
 *
 * In JSON, INTEGER becomes a number with all of its 64 bits; REAL the shortest number that reads
 * back the same, always with a fraction or an exponent; TEXT a string; NULL null. What JSON has no
 * word for takes no answer away: a BLOB becomes a string in base64, an infinite number null, and
 * what is not UTF-8 in a text U+FFFD.
 *
 * A boolean parameter is bound as 1 or 0, a number as a REAL; but as an INTEGER where it is a whole
 * number of 64 bits that a REAL would round.
 *
 * The database is opened read-only and may be written, also in WAL mode, by others; a lock is
 * waited for until the load's deadline, and is EDEADLINE then. Its schema may change: statements
 * are compiled again. A file that is replaced (renamed over, or written over in place) is noticed
 * at the next load, which also closes all connections to the file as it was. */
#ifndef CRL_ORIGIN_SQLITE_H
#define CRL_ORIGIN_SQLITE_H

#include "origin/sql.h"

struct crl_origin_sqlite_options {
    const char *path;     /* of a file that exists; copied */
    uint32_t concurrency; /* connections and worker threads, opened as they are needed; 1 to 1024 */
    corral_us deadline_us; /* how long a locked database is waited for, outside of loads */
    corral_us delay_us;    /* added to each load; for demonstrations and tests */
    size_t value_max;      /* the largest value in bytes; a larger one is answered with EVALUE */
    const struct crl_value_meta *meta; /* of each value; static; NULL: there is none */
};

/* crl_origin_sqlite_new - open a database. Reads its schema, so that what is not one is found now.
 * Blocks: as long as another process has locked it, at most for `deadline_us`.
 * Errors: EINVAL it cannot be read, ret_error says why; ENOMEM, ESYSTEM no thread */
int crl_origin_sqlite_new(const struct crl_origin_sqlite_options *options,
                          struct crl_origin **ret_origin, struct crl_sql_error *ret_error);

/* crl_origin_sqlite_check - what can be said of a query without its database: that it is a PRAGMA
 * that may change its connection. Pure, but for memory; any thread.
 * Errors: EINVAL with ret_error; ENOMEM */
int crl_origin_sqlite_check(const char *sql, struct crl_sql_error *ret_error);

#endif
