/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_connection.c - see sqlite_connection.h.
 *
 *     take: idle, and the file is as it was ─────────────────────────────────► in use
 *     take: idle, and it is not ──► closed ─┐
 *     take: none is idle ───────────────────┴─► N2, N1 ──► being opened ─────► in use
 *     give_back: not spoilt, and the file is as it was ──► idle, else closed
 *
 * What is being opened and what is about to be closed counts as in use, and is in the list of busy
 * ones. No file of a database is opened here but by SQLite: closing a second descriptor of it would
 * drop SQLite's own POSIX locks. */
#include "origin/sqlite_connection.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Opcodes between two looks at whether the load is still wanted: some 10 us. */
#define PROGRESS_OPS 1000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* N3 */
static pthread_cond_t retired = PTHREAD_COND_INITIALIZER;
static CDS_LIST_HEAD(shelves);

int crl_sqlite_invalid(struct crl_sql_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    error->sql_offset = -1;
    return CORRAL_EINVAL;
}

/* ---------------------------------------------------------------------------------------- files */

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Look at the files. The kernel stamps them with its coarse clock: a file that was written in the
 * tick that is running may be written again without a new stamp, and is not settled. */
static int look(const char *path, const char *shm_path, struct crl_sqlite_files *ret_files)
{
    struct timespec now;
    struct crl_sqlite_files files = {.is_settled = false};
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (stat(path, &files.file) != 0)
        return CORRAL_EINVAL;
    files.is_settled = is_before(&files.file.st_ctim, &now);
    if (stat(shm_path, &files.shm) != 0)
        files.shm = (struct stat){.st_ino = 0};
    *ret_files = files;
    return 0;
}

/* The same shared memory, and all of it. It grows, and does not shrink while it is in use. */
static bool has_its_shm(const struct crl_sqlite_files *kept, const struct crl_sqlite_files *now)
{
    return is_same_file(&kept->shm, &now->shm) && now->shm.st_size >= kept->shm.st_size;
}

/* Size and times tell what SQLite's own change counter does not: a copy over the file may bring
 * the same counter. The time of the last change of the inode cannot be set back. */
static bool is_as_it_was(const struct crl_sqlite_files *kept, const struct crl_sqlite_files *now)
{
    const struct stat *a = &kept->file, *b = &now->file;
    return is_same_file(a, b) && a->st_size == b->st_size &&
           is_same_time(&a->st_mtim, &b->st_mtim) && is_same_time(&a->st_ctim, &b->st_ctim) &&
           has_its_shm(kept, now);
}

static bool is_current(const struct crl_sqlite_connection *connection,
                       const struct crl_sqlite_files *now)
{
    return connection->files.is_settled && is_as_it_was(&connection->files, now);
}

/* -------------------------------------------------------------------------------------- closing */

static void connection_free(struct crl_sqlite_connection *connection)
{
    free(connection->compiled);
    free(connection->path);
    free(connection->shm_path);
    free(connection);
}

/* Close one of the busy ones. */
static void retire(struct crl_sqlite_connection *connection)
{
    for (uint32_t i = 0; i < connection->compiled_n; i++)
        (void)sqlite3_finalize(connection->compiled[i]);
    int rc = sqlite3_close(connection->db);
    crl_assert(rc == SQLITE_OK); /* else a statement was forgotten */
    pthread_mutex_lock(&lock);
    cds_list_del(&connection->link);
    pthread_cond_broadcast(&retired);
    pthread_mutex_unlock(&lock);
    connection_free(connection);
}

static void retire_all(struct crl_sqlite_connection *list)
{
    while (list != NULL) {
        struct crl_sqlite_connection *connection = list;
        list = connection->next;
        retire(connection);
    }
}

/* Take the idle ones of a shelf that are to be closed; of another shelf only those to the same
 * file. fresh NULL: there is no file. Under the lock. */
static struct crl_sqlite_connection *collect(struct crl_sqlite_shelf *shelf, bool is_own,
                                             const struct crl_sqlite_connection *fresh,
                                             struct crl_sqlite_connection *list)
{
    struct crl_sqlite_connection *at, *next;
    cds_list_for_each_entry_safe(at, next, &shelf->idle, link) {
        if (!is_own && (fresh == NULL || strcmp(at->path, fresh->path) != 0))
            continue;
        if (fresh != NULL && is_current(at, &fresh->files))
            continue;
        cds_list_move(&at->link, &shelf->busy);
        at->next = list;
        list = at;
    }
    return list;
}

/* N2 */
static void close_stale(struct crl_sqlite_shelf *own, const struct crl_sqlite_connection *fresh)
{
    struct crl_sqlite_connection *list = NULL;
    struct crl_sqlite_shelf *shelf;
    pthread_mutex_lock(&lock);
    cds_list_for_each_entry(shelf, &shelves, link)
        list = collect(shelf, shelf == own, fresh, list);
    pthread_mutex_unlock(&lock);
    retire_all(list);
}

/* -------------------------------------------------------------------------------------- opening */

/* What can be said about a path before SQLite says only "unable to open database file". */
static int check_path(const char *path, struct crl_sql_error *error)
{
    struct stat file;
    if (stat(path, &file) != 0)
        return crl_sqlite_invalid(error, "%s: %s", path, strerror(errno));
    if (S_ISDIR(file.st_mode))
        return crl_sqlite_invalid(error, "%s: is a directory", path);
    if (!S_ISREG(file.st_mode))
        return crl_sqlite_invalid(error, "%s: is not a regular file", path);
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
        return crl_sqlite_invalid(error, "%s: %s", path, strerror(errno));
    return 0;
}

/* Find the file and look at it. */
static int find(struct crl_sqlite_connection *connection, const char *path,
                struct crl_sql_error *error)
{
    free(connection->path);
    free(connection->shm_path);
    connection->path = connection->shm_path = NULL;
    int rc = check_path(path, error);
    if (rc < 0)
        return rc;
    connection->path = realpath(path, NULL);
    if (connection->path == NULL)
        return errno == ENOMEM ? CORRAL_ENOMEM
                               : crl_sqlite_invalid(error, "%s: %s", path, strerror(errno));
    if (asprintf(&connection->shm_path, "%s-shm", connection->path) < 0) {
        connection->shm_path = NULL;
        return CORRAL_ENOMEM;
    }
    rc = look(connection->path, connection->shm_path, &connection->files);
    return rc < 0 ? crl_sqlite_invalid(error, "%s: %s", path, strerror(errno)) : 0;
}

/* N1: does this one, in use, stand in the way of opening another? Under the lock. */
static bool stands_in_the_way(const struct crl_sqlite_connection *used,
                              const struct crl_sqlite_connection *fresh)
{
    bool is_same = is_same_file(&used->files.file, &fresh->files.file);
    if (strcmp(used->path, fresh->path) != 0)
        return false;
    if (used->db == NULL) /* its shared memory is not known yet */
        return !is_same;
    if (used->files.shm.st_ino == 0)
        return false; /* it has none */
    return is_same ? !has_its_shm(&used->files, &fresh->files)
                   : is_same_file(&used->files.shm, &fresh->files.shm);
}

/* Make the connection one that is being opened, unless it has to wait (N1). */
static bool enter(struct crl_sqlite_connection *fresh)
{
    bool is_free = true;
    struct crl_sqlite_shelf *shelf;
    struct crl_sqlite_connection *used;
    pthread_mutex_lock(&lock);
    cds_list_for_each_entry(shelf, &shelves, link) {
        cds_list_for_each_entry(used, &shelf->busy, link)
            is_free = is_free && !stands_in_the_way(used, fresh);
    }
    if (is_free)
        cds_list_add(&fresh->link, &fresh->shelf->busy);
    pthread_mutex_unlock(&lock);
    return is_free;
}

static int on_busy(void *arg, int tries)
{
    const struct crl_sqlite_user *user = &((struct crl_sqlite_connection *)arg)->user;
    (void)tries;
    return user->wait(user->arg);
}

static int on_progress(void *arg)
{
    const struct crl_sqlite_user *user = &((struct crl_sqlite_connection *)arg)->user;
    return user->is_over(user->arg);
}

/* Settings of a connection, and the first real look at the file.
 *
 * The schema is trusted: else no view over a virtual table could be read. What a schema could do
 * with that trust, it cannot here: nothing is written, extensions are not loaded, and the program
 * adds no functions.
 *
 * Without mmap_size a file that is cut off while it is read is an error, and not a SIGBUS. */
static int configure(sqlite3 *db)
{
    (void)sqlite3_extended_result_codes(db, 0);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, NULL);
    int rc = sqlite3_exec(db, "PRAGMA query_only = 1; PRAGMA mmap_size = 0", NULL, NULL, NULL);
    return rc == SQLITE_OK
               ? sqlite3_exec(db, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL)
               : rc;
}

/* Says the file's header that it is in WAL mode? Read by SQLite's own descriptor. */
static bool is_in_wal_mode(sqlite3 *db)
{
    unsigned char versions[2] = {0, 0}; /* to write and to read it; 2: WAL */
    sqlite3_file *file = NULL;
    (void)sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    return file != NULL && file->pMethods != NULL &&
           file->pMethods->xRead(file, versions, 2, 18) == SQLITE_OK && versions[1] == 2;
}

static bool has_writable_folder(const char *path)
{
    char *folder = strdup(path);
    if (folder == NULL)
        return true; /* not known */
    *strrchr(folder, '/') = '\0';
    bool is_writable = faccessat(AT_FDCWD, folder[0] != '\0' ? folder : "/", W_OK, AT_EACCESS) == 0;
    free(folder);
    return is_writable;
}

/* Why SQLite did not open it, in its own words where there are no better ones. */
static int explain(const struct crl_sqlite_connection *connection, int sqlite_rc,
                   struct crl_sql_error *error)
{
    sqlite3 *db = connection->db;
    int primary = sqlite_rc & 0xFF;
    if (primary == SQLITE_NOMEM)
        return CORRAL_ENOMEM;
    if ((primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY) && is_in_wal_mode(db) &&
        !has_writable_folder(connection->path))
        return crl_sqlite_invalid(
            error,
            "%s: the database is in WAL mode and its folder cannot be written, where"
            " SQLite has to make %s",
            connection->shelf->path, strrchr(connection->shm_path, '/') + 1);
    (void)crl_sqlite_invalid(error, "%s: %s", connection->shelf->path,
                             db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(sqlite_rc));
    return primary == SQLITE_BUSY ? CORRAL_EDEADLINE : CORRAL_EINVAL;
}

/* Open what has been entered; closed again on failure. */
static int open_entered(struct crl_sqlite_connection *connection, struct crl_sql_error *error)
{
    struct crl_sqlite_files now;
    sqlite3 *db = NULL;
    int failed = sqlite3_open_v2(connection->shelf->path, &db,
                                 SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (failed == SQLITE_OK)
        failed = sqlite3_busy_handler(db, on_busy, connection);
    if (failed == SQLITE_OK) {
        sqlite3_progress_handler(db, PROGRESS_OPS, on_progress, connection);
        failed = configure(db);
    }
    if (failed == SQLITE_OK)
        crl_sqlite_refuse_pragmas(db, &connection->refusal);
    bool has_looked = look(connection->path, connection->shm_path, &now) == 0;
    pthread_mutex_lock(&lock);
    connection->db = db;
    if (has_looked)
        connection->files.shm = now.shm; /* SQLite may have made it just now */
    pthread_mutex_unlock(&lock);
    if (failed == SQLITE_OK)
        return 0;
    int rc = explain(connection, failed, error);
    retire(connection);
    return rc;
}

static int open_new(struct crl_sqlite_shelf *shelf, const struct crl_sqlite_user *user,
                    struct crl_sqlite_connection **ret_connection, struct crl_sql_error *error)
{
    struct crl_sqlite_connection *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL)
        return CORRAL_ENOMEM;
    fresh->shelf = shelf;
    fresh->user = *user;
    for (;;) {
        int rc = find(fresh, shelf->path, error);
        close_stale(shelf, rc == 0 ? fresh : NULL);
        if (rc == 0 && enter(fresh))
            break;
        if (rc == 0 && user->wait(user->arg))
            continue;
        connection_free(fresh);
        if (rc == 0)
            (void)crl_sqlite_invalid(error, "%s: was replaced, and is still in use as it was",
                                     shelf->path);
        return rc < 0 ? rc : CORRAL_EDEADLINE;
    }
    int rc = open_entered(fresh, error);
    if (rc == 0)
        *ret_connection = fresh;
    return rc;
}

/* ----------------------------------------------------------------------- taking and giving back */

void crl_sqlite_shelf_init(struct crl_sqlite_shelf *shelf, char *path)
{
    shelf->path = path;
    CDS_INIT_LIST_HEAD(&shelf->idle);
    CDS_INIT_LIST_HEAD(&shelf->busy);
    pthread_mutex_lock(&lock);
    cds_list_add(&shelf->link, &shelves);
    pthread_mutex_unlock(&lock);
}

void crl_sqlite_shelf_fini(struct crl_sqlite_shelf *shelf)
{
    close_stale(shelf, NULL);
    pthread_mutex_lock(&lock);
    while (!cds_list_empty(&shelf->busy)) /* another origin is closing them (N2) */
        (void)pthread_cond_wait(&retired, &lock);
    crl_assert(cds_list_empty(&shelf->idle));
    cds_list_del(&shelf->link);
    pthread_mutex_unlock(&lock);
    free(shelf->path);
}

/* The one that was used last, whose pages are still in its cache; NULL: none is idle. */
static struct crl_sqlite_connection *take_idle(struct crl_sqlite_shelf *shelf)
{
    struct crl_sqlite_connection *connection = NULL;
    pthread_mutex_lock(&lock);
    if (!cds_list_empty(&shelf->idle)) {
        connection = cds_list_first_entry(&shelf->idle, struct crl_sqlite_connection, link);
        cds_list_move(&connection->link, &shelf->busy);
    }
    pthread_mutex_unlock(&lock);
    return connection;
}

int crl_sqlite_take(struct crl_sqlite_shelf *shelf, const struct crl_sqlite_user *user,
                    struct crl_sqlite_connection **ret_connection, struct crl_sql_error *ret_error)
{
    struct crl_sqlite_files now;
    struct crl_sqlite_connection *connection = take_idle(shelf);
    if (connection != NULL && look(shelf->path, connection->shm_path, &now) == 0 &&
        is_current(connection, &now)) {
        connection->user = *user;
        *ret_connection = connection;
        return 0;
    }
    if (connection != NULL)
        retire(connection);
    return open_new(shelf, user, ret_connection, ret_error);
}

/* After these a connection is as good as before. After all others SQLite may have to begin anew:
 * what it knows of the file may be wrong, or the file may be at another place. */
static bool leaves_whole(int sqlite_rc)
{
    switch (sqlite_rc & 0xFF) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
    case SQLITE_ERROR:
    case SQLITE_ABORT:
    case SQLITE_AUTH:
    case SQLITE_BUSY:
    case SQLITE_CONSTRAINT:
    case SQLITE_INTERRUPT:
    case SQLITE_LOCKED:
    case SQLITE_MISMATCH:
    case SQLITE_NOMEM:
    case SQLITE_RANGE:
    case SQLITE_SCHEMA:
    case SQLITE_TOOBIG:
        return true;
    default:
        return false;
    }
}

void crl_sqlite_give_back(struct crl_sqlite_connection *connection, int sqlite_rc)
{
    struct crl_sqlite_shelf *shelf = connection->shelf;
    struct crl_sqlite_files now;
    if (!leaves_whole(sqlite_rc) || look(shelf->path, connection->shm_path, &now) < 0 ||
        !is_as_it_was(&connection->files, &now)) {
        retire(connection);
        return;
    }
    pthread_mutex_lock(&lock);
    connection->files.shm = now.shm; /* it may have grown */
    cds_list_move(&connection->link, &shelf->idle);
    pthread_mutex_unlock(&lock);
}

/* ----------------------------------------------------------------------------------- statements */

static int make_room(struct crl_sqlite_connection *connection, uint32_t number)
{
    if (number < connection->compiled_n)
        return SQLITE_OK;
    uint32_t n = number + 8;
    sqlite3_stmt **compiled = realloc(connection->compiled, n * sizeof(sqlite3_stmt *));
    if (compiled == NULL)
        return SQLITE_NOMEM;
    for (uint32_t i = connection->compiled_n; i < n; i++)
        compiled[i] = NULL;
    connection->compiled = compiled;
    connection->compiled_n = n;
    return SQLITE_OK;
}

int crl_sqlite_compile(struct crl_sqlite_connection *connection, uint32_t number, const char *sql,
                       sqlite3_stmt **ret_stmt)
{
    int rc = make_room(connection, number);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_stmt **stmt = &connection->compiled[number];
    if (*stmt == NULL)
        rc = sqlite3_prepare_v3(connection->db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
    if (rc == SQLITE_OK)
        *ret_stmt = *stmt;
    return rc;
}
