/* SPDX-License-Identifier: Apache-2.0
 *
 * scratch.h - a folder of a test's own with SQLite databases in it, and the SQL function gate(x).
 *
 * gate(x) is x, but on the way it waits at the gate (gate.h); nothing interrupts it. So a test can
 * hold a query where it wants. Every connection of the process has it. */
#ifndef CRL_TESTS_SCRATCH_H
#define CRL_TESTS_SCRATCH_H

#include "gate.h"

#include <sqlite3.h>
#include <unistd.h>

static inline void gate_fn(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    gate_pass();
    sqlite3_result_value(context, argv[0]);
}

static inline int gate_register(sqlite3 *db, const char **error, const void *api)
{
    (void)error;
    (void)api;
    return sqlite3_create_function(db, "gate", 1, SQLITE_UTF8, NULL, gate_fn, NULL, NULL);
}

struct scratch {
    char folder[64];
    char db[96]; /* path of the database */
};

/* Run SQL on a database by a connection of the test's. */
static inline void scratch_exec(const char *path, const char *sql)
{
    sqlite3 *db;
    char *error = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 30000);
    sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL); /* only to be quick */
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static inline void scratch_open(struct scratch *scratch, const char *sql)
{
    snprintf(scratch->folder, sizeof scratch->folder, "/tmp/corral-test-XXXXXX");
    assert_non_null(mkdtemp(scratch->folder));
    snprintf(scratch->db, sizeof scratch->db, "%s/test.db", scratch->folder);
    sqlite3_auto_extension((void (*)(void))gate_register);
    scratch_exec(scratch->db, sql);
}

static inline void scratch_close(struct scratch *scratch)
{
    char path[512];
    struct dirent *entry;
    DIR *folder = opendir(scratch->folder);
    while ((entry = readdir(folder)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", scratch->folder, entry->d_name);
        (void)unlink(path); /* not "." and ".." */
    }
    closedir(folder);
    assert_int_equal(rmdir(scratch->folder), 0);
}

#endif
