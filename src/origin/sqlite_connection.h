/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_connection.h - read-only connections to the file that is at a path now.
 *
 * A shelf keeps the connections of one origin that nobody uses. A load takes one and gives it back;
 * there is a new one when none is there, or when the file is not what it was: replaced, or written
 * by whatever means. So however a file was overwritten, a load sees what is in it when it begins.
 *
 * The files of a database are the business of the whole process, because SQLite's are: connections
 * to one file share their locks and the mapping of its shared memory ("x-shm"), whose pages are
 * gone, and kill who touches them (SIGBUS), when that file is cut off. SQLite itself cuts it off
 * when it opens a database whose locks it sees free; those of the own process it does not see. So:
 *
 *   N1  A file is opened only while no connection of the process is in use, or about to be closed,
 *       to another file with the same "x-shm", or to the same file with an "x-shm" that is now
 *       shorter or another one. Who wants to open it waits for those.
 *   N2  Connections that nobody uses do not stand in the way: who finds a file changed closes all
 *       that are to the file as it was, also those of other origins.
 *   N3  A connection in use is its user's alone. The lists, and which connections are in them, are
 *       under one lock for the process, which is held for moments.
 *
 * What is left: somebody cuts "x-shm" off while a query runs. Nothing but a signal handler, which
 * is not a library's to install, could survive that; corral.yaml(5) warns.
 *
 * Sources: sqlite.org, "Write-Ahead Logging", "WAL-mode File Format", "How To Corrupt An SQLite
 * Database File". */
#ifndef CRL_ORIGIN_SQLITE_CONNECTION_H
#define CRL_ORIGIN_SQLITE_CONNECTION_H

#include "origin/sqlite_pragma.h"

#include <urcu/list.h>

#include <sys/stat.h>

/* What the files of a database are, as far as stat() tells. No inode: there is none. */
struct crl_sqlite_files {
    struct stat file, shm;
    bool is_settled; /* whoever writes the file from now on changes what stat() says */
};

/* Who uses a connection, as long as it does; called by that thread alone. */
struct crl_sqlite_user {
    bool (*wait)(void *arg); /* for a lock of the database, a moment; false: no longer */
    bool (*is_over)(void *arg);
    void *arg;
};

struct crl_sqlite_connection {
    struct cds_list_head link;
    struct crl_sqlite_connection *next; /* of those that are about to be closed */
    struct crl_sqlite_shelf *shelf;
    sqlite3 *db;                   /* NULL: being opened */
    char *path;                    /* without symbolic links */
    char *shm_path;                /* may not exist */
    struct crl_sqlite_files files; /* as they were opened; shm: as it was when last looked at */
    struct crl_sqlite_user user;
    struct crl_sqlite_refusal refusal;
    sqlite3_stmt **compiled; /* by the caller's numbers; NULL: not yet */
    uint32_t compiled_n;
};

struct crl_sqlite_shelf {
    struct cds_list_head link; /* all of the process */
    struct cds_list_head idle, busy;
    char *path;
};

/* crl_sqlite_shelf_init - an empty shelf for the database at a path, which is taken (malloc'd) and
 * is no name that means something else to SQLite. Any thread. */
void crl_sqlite_shelf_init(struct crl_sqlite_shelf *shelf, char *path);

/* crl_sqlite_shelf_fini - close what is on it. Nothing is in use. Any thread; waits for an origin
 * that is closing some of it. */
void crl_sqlite_shelf_fini(struct crl_sqlite_shelf *shelf);

/* crl_sqlite_take - a connection to the file that is at the path now.
 *
 * user        copied; its functions are called until the connection is given back
 * ret_error   text, on failure
 *
 * Any thread; blocks while the database is locked and `user` waits.
 * Errors: EINVAL it cannot be read; EDEADLINE it was locked, or in use as it was (N1), until `user`
 * waited no longer; ENOMEM */
int crl_sqlite_take(struct crl_sqlite_shelf *shelf, const struct crl_sqlite_user *user,
                    struct crl_sqlite_connection **ret_connection, struct crl_sql_error *ret_error);

/* crl_sqlite_give_back - done with it. No statement is in the middle of its rows.
 * sqlite_rc  the last result that SQLite gave: after those that a connection may not get over, it
 * is closed */
void crl_sqlite_give_back(struct crl_sqlite_connection *connection, int sqlite_rc);

/* crl_sqlite_compile - a statement on this connection, compiled once.
 * number  the caller's, from 0, without large gaps: always the same for the same SQL
 * Returns SQLite's result; the connection has its text. The statement is the connection's. */
int crl_sqlite_compile(struct crl_sqlite_connection *connection, uint32_t number, const char *sql,
                       sqlite3_stmt **ret_stmt);

/* crl_sqlite_invalid - say what is wrong, at no place in particular. Returns EINVAL. */
__attribute__((format(printf, 2, 3))) int crl_sqlite_invalid(struct crl_sql_error *error,
                                                             const char *format, ...);

#endif
