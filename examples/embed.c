/* SPDX-License-Identifier: Apache-2.0
 *
 * embed.c - a program with a cache inside.
 *
 * Two threads ask for the same user at the same time. The database is slow, but it is asked only
 * once: the second thread shares the load that the first one began.
 *
 *     cc embed.c $(pkg-config --cflags --libs corral) -pthread -o embed && ./embed
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep, threads */

#include <corral/corral.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The database: one row, and 100 ms to find it. It counts how often it was asked. */
struct database {
    pthread_mutex_t lock;
    int queries;
};

static const char *database_query(struct database *database, struct corral_bytes id)
{
    struct timespec delay = {.tv_nsec = 100 * 1000 * 1000};
    nanosleep(&delay, NULL);
    pthread_mutex_lock(&database->lock);
    database->queries++;
    pthread_mutex_unlock(&database->lock);
    return id.size == 6 && memcmp(id.data, "user:7", 6) == 0 ? "Ada" : NULL;
}

/* The loader: Corral calls it, on a thread of its own, for a key that is not in memory. */
static void load_user(void *arg, struct corral_load *load)
{
    const char *name = database_query(arg, corral_load_key(load));
    if (name == NULL)
        corral_load_not_found(load);
    else
        (void)corral_load_value(load, corral_str(name)); /* if it fails, the readers are told */
}

/* Most calls return 0 or more when all is well, and less than 0 for an error. */
static int must(int rc, const char *what)
{
    if (rc >= 0)
        return rc;
    fprintf(stderr, "%s: %s\n", what, corral_strerror(rc));
    exit(EXIT_FAILURE);
}

static void print(const char *who, int outcome, const struct corral_value *value)
{
    int size = value->data == NULL ? 0 : (int)value->size;
    const char *name = value->data == NULL ? "" : (const char *)value->data;
    printf("%-12s %-10s '%.*s'\n", who, corral_outcome_name(outcome), size, name);
}

struct reader {
    pthread_t thread;
    struct corral_space *users;
    struct corral_value value;
    int outcome;
};

static void *read_user(void *arg)
{
    struct reader *reader = arg;
    reader->outcome =
        must(corral_get(reader->users, corral_str("user:7"), CORRAL_SECONDS(5), &reader->value),
             "corral_get");
    return NULL;
}

static void ask_at_the_same_time(struct corral_space *users)
{
    struct reader readers[2];
    for (int i = 0; i < 2; i++) {
        readers[i].users = users;
        if (pthread_create(&readers[i].thread, NULL, read_user, &readers[i]) != 0) {
            fputs("there is no second thread\n", stderr);
            exit(EXIT_FAILURE);
        }
    }
    for (int i = 0; i < 2; i++) {
        (void)pthread_join(readers[i].thread, NULL);
        print("a reader", readers[i].outcome, &readers[i].value);
        corral_value_release(&readers[i].value); /* the bytes are gone with the last reference */
    }
}

int main(void)
{
    struct database database = {.lock = PTHREAD_MUTEX_INITIALIZER};

    struct corral_cache *cache;
    must(corral_open(NULL, &cache), "corral_open");

    struct corral_origin *origin;
    struct corral_origin_options asks = {
        .size = sizeof asks, .name = "database", .loader = load_user, .arg = &database};
    must(corral_origin_add(cache, &asks, &origin), "corral_origin_add");

    struct corral_space *users;
    struct corral_policy fresh = {
        .size = sizeof fresh, .ttl_us = CORRAL_SECONDS(30), .jitter = 0.1}; /* 27 to 33 seconds */
    struct corral_space_options keeps = {
        .size = sizeof keeps,
        .name = "users",
        .policy = &fresh,
        .origin = origin,
    };
    must(corral_space_add(cache, &keeps, &users), "corral_space_add");

    ask_at_the_same_time(users);
    printf("queries so far: %d\n", database.queries);

    struct corral_value value;
    int outcome = must(corral_get(users, corral_str("user:7"), CORRAL_SECONDS(5), &value), "get");
    print("once more", outcome, &value);
    corral_value_release(&value);

    outcome = must(corral_get(users, corral_str("user:8"), CORRAL_SECONDS(5), &value), "get");
    print("a stranger", outcome, &value); /* no such user: a success, and value.data is NULL */
    corral_value_release(&value);

    must(corral_invalidate(users, corral_str("user:7")), "invalidate"); /* the row has changed */
    outcome = must(corral_get(users, corral_str("user:7"), CORRAL_SECONDS(5), &value), "get");
    print("after that", outcome, &value);

    must(corral_close(cache), "corral_close"); /* `value` stays valid all the same */
    corral_value_release(&value);
    printf("queries in all: %d\n", database.queries);
    return database.queries == 3 ? EXIT_SUCCESS : EXIT_FAILURE;
}
