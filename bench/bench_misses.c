/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_misses.c - what a miss costs, next to a plain singleflight.
 *
 * Ours is corral_get() of keys that nobody asked for before, with a loader that answers at once, so
 * that what is measured is the way from the get to the loader and back. The reference is
 * singleflight.c: one mutex, a condition variable for each flight, the same number of workers. Both
 * call the same source, copy its value, keep it under a bound that is reached before the first
 * round, and hand out a reference, which the client looks at and gives back.
 *
 * Clients ask in a closed loop. Rounds of both sides alternate, and so does who begins. A ratio is
 * taken within a round and is given as the median of the rounds, with the least and the greatest.
 * The rate is of the wall's clock: what counts is also how long threads sleep until they are woken,
 * which CPU time would not show. CPU time, of the user and the kernel, is the whole process's.
 *
 * What the machine does beside shows in both. Threads are not pinned, because a program's are not
 * either. With more clients than CPUs it is the scheduler that decides who is awake when a lock is
 * given back; that is part of the comparison.
 *
 * With --keys N the clients ask for the same N keys and nothing is kept, so that gets share loads;
 * that has no goal. */
#include "figures.h"
#include "singleflight.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ROUNDS      15
#define WORKERS     8
#define QUEUE_MAX   1000
#define CLIENTS_MAX 64
#define KEEP_MAX    65536          /* values the reference keeps */
#define KEEP_BYTES  (8u << 20)     /* what ours may take for about as many */
#define FILL_N      (2 * KEEP_MAX) /* misses that fill both */
#define TTL_US      CORRAL_SECONDS(3600)
#define WAIT_US     CORRAL_SECONDS(30)

struct key {
    uint64_t number, complement;
};

struct bench {
    struct corral_cache *cache;
    struct corral_space *space;
    struct singleflight *reference;
    uint32_t hot_keys_n; /* 0: each key is new */
    uint64_t next;       /* number of the next key */
    _Atomic uint64_t loads;
    pthread_barrier_t barrier;
};

/* ----------------------------------------------------------------------------------- the source */

/* What both sides ask: the value of a key is its number. */
static uint64_t source_ask(struct bench *bench, struct corral_bytes key)
{
    struct key copy;
    if (key.size != sizeof copy)
        abort();
    memcpy(&copy, key.data, sizeof copy);
    atomic_fetch_add_explicit(&bench->loads, 1, memory_order_relaxed);
    return copy.number;
}

static void ours_load(void *arg, struct corral_load *load)
{
    uint64_t answer = source_ask(arg, corral_load_key(load));
    must_succeed(corral_load_value(load, (struct corral_bytes){&answer, sizeof answer}));
}

static int reference_load(void *arg, struct corral_bytes key, struct shared_value **ret_value)
{
    uint64_t answer = source_ask(arg, key);
    *ret_value = must(shared_value_new((struct corral_bytes){&answer, sizeof answer}));
    return 0;
}

/* -------------------------------------------------------------------------------- the two sides */

static void ours_open(struct bench *bench)
{
    struct corral_options options = {.size = sizeof options, .memory_bytes = KEEP_BYTES};
    struct corral_origin_options asks = {.size = sizeof asks,
                                         .name = "source",
                                         .loader = ours_load,
                                         .arg = bench,
                                         .concurrency = WORKERS,
                                         .queue = QUEUE_MAX,
                                         .deadline_us = WAIT_US};
    struct corral_policy policy = {.size = sizeof policy};
    struct corral_space_options keeps = {.size = sizeof keeps, .name = "bench", .policy = &policy};
    policy.ttl_us = bench->hot_keys_n > 0 ? 0 : TTL_US;
    must_succeed(corral_open(&options, &bench->cache));
    must_succeed(corral_origin_add(bench->cache, &asks, &keeps.origin));
    must_succeed(corral_space_add(bench->cache, &keeps, &bench->space));
}

static void reference_open(struct bench *bench)
{
    struct singleflight_options options = {.loader = reference_load,
                                           .arg = bench,
                                           .workers_n = WORKERS,
                                           .queue_max = QUEUE_MAX,
                                           .entries_max = bench->hot_keys_n > 0 ? 0 : KEEP_MAX,
                                           .ttl_us = TTL_US};
    must_succeed(singleflight_new(&options, &bench->reference));
}

static int ours_get(struct bench *bench, struct corral_bytes key, uint64_t *ret_answer)
{
    struct corral_value value;
    int rc = corral_get(bench->space, key, WAIT_US, &value);
    if (rc < 0)
        return rc;
    memcpy(ret_answer, value.data, sizeof *ret_answer);
    corral_value_release(&value);
    return rc;
}

static int reference_get(struct bench *bench, struct corral_bytes key, uint64_t *ret_answer)
{
    struct shared_value *value;
    int rc = singleflight_get(bench->reference, key, WAIT_US, &value);
    if (rc < 0)
        return rc;
    memcpy(ret_answer, value->data, sizeof *ret_answer);
    shared_value_unref(value);
    return rc;
}

/* --------------------------------------------------------------------------------------- rounds */

struct client {
    pthread_t thread;
    struct bench *bench;
    bool is_reference;
    uint64_t first; /* number of the first key */
    uint32_t n;
};

static void client_get(const struct client *client, uint64_t number)
{
    uint32_t hot_keys_n = client->bench->hot_keys_n;
    if (hot_keys_n > 0)
        number %= hot_keys_n;
    struct key key = {number, ~number};
    struct corral_bytes bytes = {&key, sizeof key};
    uint64_t answer = ~number;
    int rc = client->is_reference ? reference_get(client->bench, bytes, &answer)
                                  : ours_get(client->bench, bytes, &answer);
    must_succeed(rc);
    if (answer != number || (hot_keys_n == 0 && rc != CORRAL_LOADED)) {
        fprintf(stderr, "bench_misses: a get was not answered as it should be\n");
        exit(1);
    }
}

/* The first get is not counted: a new thread has things to set up. */
static void *client_run(void *arg)
{
    struct client *client = arg;
    client_get(client, client->first);
    pthread_barrier_wait(&client->bench->barrier);
    pthread_barrier_wait(&client->bench->barrier);
    for (uint32_t i = 1; i <= client->n; i++)
        client_get(client, client->first + i);
    pthread_barrier_wait(&client->bench->barrier);
    return NULL;
}

static double cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* What a round gave; each for one get. */
struct cost {
    double wall_us, cpu_us, loads;
};

/* What the clock, the CPUs and the source say between two barriers. */
static struct cost cost_now(struct bench *bench)
{
    return (struct cost){monotonic_us(), cpu_us(), (double)atomic_load(&bench->loads)};
}

static struct cost run(struct bench *bench, bool is_reference, uint32_t clients_n, uint32_t gets_n)
{
    struct client clients[CLIENTS_MAX];
    uint32_t each = gets_n / clients_n;
    pthread_barrier_init(&bench->barrier, NULL, clients_n + 1);
    for (uint32_t i = 0; i < clients_n; i++) {
        clients[i] = (struct client){.bench = bench, .is_reference = is_reference, .n = each};
        clients[i].first = bench->next;
        bench->next += bench->hot_keys_n > 0 ? 0 : each + 1; /* hot: all walk the same way */
        if (pthread_create(&clients[i].thread, NULL, client_run, &clients[i]) != 0)
            must_succeed(CORRAL_ESYSTEM);
    }
    pthread_barrier_wait(&bench->barrier);
    struct cost begin = cost_now(bench);
    pthread_barrier_wait(&bench->barrier);
    pthread_barrier_wait(&bench->barrier);
    struct cost end = cost_now(bench);
    for (uint32_t i = 0; i < clients_n; i++)
        pthread_join(clients[i].thread, NULL);
    pthread_barrier_destroy(&bench->barrier);
    double n = (double)each * clients_n;
    return (struct cost){(end.wall_us - begin.wall_us) / n, (end.cpu_us - begin.cpu_us) / n,
                         (end.loads - begin.loads) / n};
}

/* -------------------------------------------------------------------------------------- figures */

struct sides {
    struct rounds rate, cpu_us, loads;
};

static void sides_add(struct sides *side, struct cost cost)
{
    rounds_add(&side->rate, 1e6 / cost.wall_us);
    rounds_add(&side->cpu_us, cost.cpu_us);
    rounds_add(&side->loads, cost.loads);
}

static void print(struct figures *figures, uint32_t clients_n, const struct sides *ours,
                  const struct sides *reference, bool is_hot)
{
    struct rounds rate = {0}, cpu = {0};
    struct goal none = {0}, rate_goal = {is_hot ? 0 : +1, 1.0}, cpu_goal = {is_hot ? 0 : -1, 1.2};
    char about[32];
    for (uint32_t i = 0; i < ROUNDS; i++) {
        rounds_add(&rate, ours->rate.values[i] / reference->rate.values[i]);
        rounds_add(&cpu, ours->cpu_us.values[i] / reference->cpu_us.values[i]);
    }
    snprintf(about, sizeof about, "%u thread%s", clients_n, clients_n == 1 ? "" : "s");
    figure_print(figures, about, "corral, gets a second", &ours->rate, none);
    figure_print(figures, about, "singleflight, gets a second", &reference->rate, none);
    figure_print(figures, about, "corral, CPU us a get", &ours->cpu_us, none);
    figure_print(figures, about, "singleflight, CPU us a get", &reference->cpu_us, none);
    if (is_hot) {
        figure_print(figures, about, "corral, loads a get", &ours->loads, none);
        figure_print(figures, about, "singleflight, loads a get", &reference->loads, none);
    }
    figure_print(figures, about, "throughput, corral / singleflight", &rate, rate_goal);
    figure_print(figures, about, "CPU a get, corral / singleflight", &cpu, cpu_goal);
}

static void bench_clients(struct bench *bench, struct figures *figures, uint32_t clients_n,
                          uint32_t gets_n)
{
    struct sides ours = {0}, reference = {0};
    for (uint32_t i = 0; i < ROUNDS; i++) {
        bool reference_begins = i % 2;
        for (uint32_t j = 0; j < 2; j++) {
            bool is_reference = (j == 0) == reference_begins;
            sides_add(is_reference ? &reference : &ours,
                      run(bench, is_reference, clients_n, gets_n));
        }
    }
    print(figures, clients_n, &ours, &reference, bench->hot_keys_n > 0);
}

static bool arguments_read(int argc, char **argv, struct figures *figures, struct bench *bench)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            figures->as_json = true;
        else if (strcmp(argv[i], "--keys") == 0 && i + 1 < argc)
            bench->hot_keys_n = (uint32_t)strtoul(argv[++i], NULL, 10);
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct figures figures = {0};
    struct bench bench = {0};
    if (!arguments_read(argc, argv, &figures, &bench)) {
        fprintf(stderr, "usage: bench_misses [--json] [--keys N]\n");
        return 2;
    }
    ours_open(&bench);
    reference_open(&bench);
    (void)run(&bench, false, WORKERS, FILL_N);
    (void)run(&bench, true, WORKERS, FILL_N);
    bench_clients(&bench, &figures, 1, 8000);
    bench_clients(&bench, &figures, 8, 24000);
    bench_clients(&bench, &figures, CLIENTS_MAX, 32000);
    must_succeed(corral_close(bench.cache));
    singleflight_free(bench.reference);
    return figures.missed > 0;
}
