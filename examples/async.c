/* SPDX-License-Identifier: Apache-2.0
 *
 * async.c - gets with callbacks, and a loader that answers later.
 *
 * The values come from a service that is asked by message: the loader only sends the question and
 * returns; another thread answers when the service has. So few worker threads carry many loads.
 *
 *     cc async.c $(pkg-config --cflags --libs corral) -pthread -o async && ./async
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep, threads */

#include <corral/corral.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void must(int rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, corral_strerror(rc));
    exit(EXIT_FAILURE);
}

/* ---------------------------------------------------------------------------------- the service */

/* A question that has been sent. The load is ours until we answer it, which we must do: who never
 * answers leaks it. */
struct question {
    struct question *next;
    struct corral_load *load;
};

struct service {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct question *asked; /* the newest first */
    bool ends;
};

/* The loader. It may not wait for the answer here: it has one of two threads, as main() says. */
static void ask_service(void *arg, struct corral_load *load)
{
    struct service *service = arg;
    struct question *question = malloc(sizeof *question);
    if (question == NULL) {
        corral_load_fail(load, "out of memory");
        return;
    }
    question->load = load;
    pthread_mutex_lock(&service->lock);
    question->next = service->asked;
    service->asked = question;
    pthread_cond_signal(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

static void answer(struct corral_load *load)
{
    char text[64];
    struct corral_bytes city = corral_load_key(load); /* ours until the load is answered */
    if (corral_load_cancelled(load)) /* past the deadline: spare the work, but do answer */
        corral_load_fail(load, "cancelled");
    else if (city.size == 8 && memcmp(city.data, "Atlantis", 8) == 0)
        corral_load_fail(load, "the sensor is under water");
    else {
        int size =
            snprintf(text, sizeof text, "sunny in %.*s", (int)city.size, (const char *)city.data);
        (void)corral_load_value(load, (struct corral_bytes){text, (size_t)size});
    }
}

/* Answers all questions that have come in, 50 ms after they came. */
static void *service_main(void *arg)
{
    struct service *service = arg;
    struct timespec delay = {.tv_nsec = 50 * 1000 * 1000};
    pthread_mutex_lock(&service->lock);
    while (!service->ends || service->asked != NULL) {
        struct question *batch = service->asked;
        service->asked = NULL;
        if (batch == NULL) {
            pthread_cond_wait(&service->changed, &service->lock);
            continue;
        }
        pthread_mutex_unlock(&service->lock);
        nanosleep(&delay, NULL);
        while (batch != NULL) {
            struct question *question = batch;
            batch = question->next;
            answer(question->load);
            free(question);
        }
        pthread_mutex_lock(&service->lock);
    }
    pthread_mutex_unlock(&service->lock);
    return NULL;
}

static void service_end(struct service *service)
{
    pthread_mutex_lock(&service->lock);
    service->ends = true;
    pthread_cond_signal(&service->changed);
    pthread_mutex_unlock(&service->lock);
    (void)pthread_join(service->thread, NULL);
}

/* ------------------------------------------------------------------------------------- the gets */

/* Counts answers, so that main() knows when all are there. */
struct tally {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int answers, loads, failures;
};

/* Called exactly once for each get that was accepted. Mostly on the cache's own thread, which all
 * readers share: be short here, and never block. */
static void received(void *arg, int result, struct corral_value *value)
{
    struct tally *tally = arg;
    pthread_mutex_lock(&tally->lock);
    if (result >= 0)
        printf("%-10s %.*s\n", corral_outcome_name(result), (int)value->size,
               (const char *)value->data);
    else
        printf("%-10s %s\n", "error", corral_strerror(result));
    tally->answers++;
    tally->loads += result == CORRAL_LOADED;
    tally->failures += result == CORRAL_EORIGIN;
    pthread_cond_signal(&tally->changed);
    pthread_mutex_unlock(&tally->lock);
    corral_value_release(value); /* our own reference; harmless where there is no value */
}

static void wait_for_answers(struct tally *tally, int wanted)
{
    pthread_mutex_lock(&tally->lock);
    while (tally->answers < wanted)
        pthread_cond_wait(&tally->changed, &tally->lock);
    pthread_mutex_unlock(&tally->lock);
}

/* The reason of a failure is for the program's log; readers are only told that there was one. */
static void log_failure(void *arg, const char *space, struct corral_bytes key, int rc,
                        const char *why)
{
    (void)arg;
    printf("log: %s/%.*s: %s: %s\n", space, (int)key.size, (const char *)key.data,
           corral_strerror(rc), why);
}

int main(void)
{
    struct service service = {.lock = PTHREAD_MUTEX_INITIALIZER,
                              .changed = PTHREAD_COND_INITIALIZER};
    struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    if (pthread_create(&service.thread, NULL, service_main, &service) != 0)
        return EXIT_FAILURE;

    struct corral_options options = {.size = sizeof options, .on_failure = log_failure};
    struct corral_cache *cache;
    must(corral_open(&options, &cache), "corral_open");
    struct corral_origin_options asks = {.size = sizeof asks,
                                         .name = "service",
                                         .loader = ask_service,
                                         .arg = &service,
                                         .concurrency = 2, /* questions at once */
                                         .deadline_us = CORRAL_SECONDS(5)};
    struct corral_origin *origin;
    must(corral_origin_add(cache, &asks, &origin), "corral_origin_add");
    struct corral_policy fresh = {.size = sizeof fresh, .ttl_us = CORRAL_SECONDS(60)};
    struct corral_space_options kept = {
        .size = sizeof kept, .name = "weather", .policy = &fresh, .origin = origin};
    struct corral_space *weather;
    must(corral_space_add(cache, &kept, &weather), "corral_space_add");

    /* Nine gets for three cities, none of which waits: three loads, one of which fails. */
    static const char *const cities[] = {"Lisbon", "Oslo", "Atlantis"};
    for (int i = 0; i < 9; i++)
        must(corral_get_async(weather, corral_str(cities[i % 3]), CORRAL_SECONDS(30), received,
                              &tally, NULL),
             "corral_get_async");
    puts("nine gets are on their way");
    wait_for_answers(&tally, 9);

    must(corral_close(cache), "corral_close"); /* first: it may still ask the service */
    service_end(&service);
    printf("%d answers, %d values loaded, %d gets failed\n", tally.answers, tally.loads,
           tally.failures);
    return tally.loads == 2 && tally.failures >= 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
