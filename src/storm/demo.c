/* SPDX-License-Identifier: Apache-2.0
 *
 * demo.c - see demo.h. */
#include "storm/demo.h"

#include "base/assert.h"
#include "base/units.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MAX_US CORRAL_SECONDS(300) /* the configuration's limit of `wait` */

static int database_fill(const char *path, char *why, size_t why_size)
{
    sqlite3 *database = NULL;
    int rc = sqlite3_open(path, &database);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(database,
                          "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
                          "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n"
                          "                         WHERE id < 100) "
                          "INSERT INTO items SELECT id, 'item ' || id FROM n;",
                          NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        (void)snprintf(why, why_size, "cannot make the demo database in %.200s: %s", path,
                       sqlite3_errmsg(database));
    (void)sqlite3_close(database); /* nothing is open in it */
    return rc == SQLITE_OK ? 0 : CORRAL_ESYSTEM;
}

int crl_storm_demo_open(struct crl_storm_demo *demo, char *why, size_t why_size)
{
    const char *parent = getenv("TMPDIR");
    memset(demo, 0, sizeof(*demo));
    bool is_told = parent != NULL && *parent != '\0';
    parent = is_told ? parent : "/tmp";
    int size = snprintf(demo->directory, sizeof(demo->directory), "%s/corral-storm-XXXXXX", parent);
    bool is_long = size < 0 || (size_t)size >= sizeof(demo->directory);
    if (is_long || mkdtemp(demo->directory) == NULL) {
        (void)snprintf(why, why_size, "cannot make a temporary directory in %.200s%s: %s", parent,
                       is_told ? ", which TMPDIR names" : "; TMPDIR can name another place",
                       strerror(is_long ? ENAMETOOLONG : errno));
        demo->directory[0] = 0;
        return CORRAL_ESYSTEM;
    }
    (void)snprintf(demo->database, sizeof(demo->database), "%s/demo.db", demo->directory);
    int rc = database_fill(demo->database, why, why_size);
    if (rc)
        crl_storm_demo_close(demo);
    return rc;
}

void crl_storm_demo_close(struct crl_storm_demo *demo)
{
    if (!demo->directory[0])
        return;
    (void)unlink(demo->database); /* it may not exist yet */
    (void)rmdir(demo->directory); /* somebody else's file in it keeps it */
    demo->directory[0] = 0;
}

corral_us crl_storm_demo_wait_us(const struct crl_storm_options *options)
{
    corral_us rounds = options->clients / CRL_STORM_DEMO_CONCURRENCY + 1;
    corral_us wait_us = 2 * rounds * options->delay_us + CORRAL_SECONDS(10);
    return wait_us < WAIT_MAX_US ? wait_us : WAIT_MAX_US;
}

/* Writes text as a single-quoted YAML scalar. */
static void quote(const char *text, char *to, size_t room)
{
    size_t used = 0;
    to[used++] = '\'';
    for (; *text && used + 4 < room; text++) {
        if (*text == '\'')
            to[used++] = '\'';
        to[used++] = *text;
    }
    to[used++] = '\'';
    to[used] = 0;
}

void crl_storm_demo_yaml(const struct crl_storm_demo *demo, const struct crl_storm_options *options,
                         enum crl_storm_strategy strategy, char yaml[CRL_STORM_YAML_MAX])
{
    char database[PATH_MAX + 64], deadline[CRL_UNITS_FORMAT_MAX], delay[CRL_UNITS_FORMAT_MAX],
        ttl[CRL_UNITS_FORMAT_MAX], wait[CRL_UNITS_FORMAT_MAX];
    crl_units_format(CRL_QUANTITY_DURATION, options->delay_us + CORRAL_SECONDS(5), deadline);
    crl_units_format(CRL_QUANTITY_DURATION, options->delay_us, delay);
    crl_units_format(CRL_QUANTITY_DURATION, options->ttl_us, ttl);
    crl_units_format(CRL_QUANTITY_DURATION, crl_storm_demo_wait_us(options), wait);
    quote(demo->database, database, sizeof(database));
    int size = snprintf(yaml, CRL_STORM_YAML_MAX,
                        "listen: 127.0.0.1:0\n"
                        "admin: 127.0.0.1:0\n"
                        "threads: 2\n"
                        "origins:\n"
                        "  - name: demo\n"
                        "    sqlite: %s\n"
                        "    concurrency: %d\n"
                        "    queue: %d\n"
                        "    deadline: %s\n"
                        "    delay: %s\n"
                        "routes:\n"
                        "  - path: " CRL_STORM_DEMO_ROUTE "\n"
                        "    origin: demo\n"
                        "    query: SELECT id, name FROM items WHERE id = :id\n"
                        "    params:\n"
                        "      - { name: id, type: integer }\n"
                        "    result: row\n"
                        "    strategy: %s\n"
                        "    ttl: %s\n"
                        "    jitter: 0%%\n"
                        "    wait: %s\n"
                        "log: { level: error }\n",
                        database, CRL_STORM_DEMO_CONCURRENCY, CRL_STORM_CLIENTS_MAX, deadline,
                        delay, crl_storm_strategy_name(strategy), ttl, wait);
    crl_assert(size > 0 && size < CRL_STORM_YAML_MAX);
}
