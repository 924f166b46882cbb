/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_large.c - what large values cost those who do not ask for them.
 *
 * Misses, timers and invalidations of a cache are all served in its turn, which one thread has at a
 * time. Whatever is done in it for a value of 8 MiB, the misses of small values wait for.
 *
 * The turn: the CPU time of whoever has it, over loads of 8 MiB, one at a time, and beside it over
 * loads of 100 bytes. Both the first loads of a cache count, whose memory the kernel still has to
 * give, and those into full memory, where room has to be made. Each round has a cache of its
 * own. The linker puts a clock around the turn (--wrap=crl_turn_init); all else goes through the
 * public interface.
 *
 * The small misses: one client asks for new keys in a closed loop and notes how long each get
 * takes. In each round it does so three times: alone; beside a stream, which is a thread that loads
 * values of 8 MiB back to back, from an origin of its own with one worker; and beside a control.
 * The p99 beside the stream, divided by the p99 alone in the same round, is what has a goal.
 *
 * What is fair: filling 8 MiB is the loader's business, so it answers from a buffer that is ready,
 * and the stream costs what Corral does with the value: the copy, the memory for it, and the
 * freeing. A thread that copies 8 MiB uses up a CPU and the bandwidth of the memory, whoever does
 * it. The control shows how much of the damage that alone does: a plain thread that allocates and
 * copies as much, as often in a second as the stream did in that round, keeps as many values, and
 * frees the oldest. One small client, not several: with its chain of wake-ups it occupies about one
 * CPU, and a machine of two has just one more, for the stream. A closed loop asks less often while
 * it is slow, so the p99 flatters; the misses in a second stand beside it. */
#include "corral/corral.h"
#include "figures.h"
#include "lib/turn.h"

#include "../tests/helper/policy.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LARGE_BYTES  (8u << 20)
#define SMALL_BYTES  100
#define MEMORY_BYTES (256u << 20)
#define KEEP_MAX     29 /* values of 8 MiB that the control keeps; as many fit into the memory */
#define TURN_ROUNDS  7
#define FRESH_N      24 /* loads of a round of the turn that find free memory */
#define FULL_N       50 /* and those that do not */
#define ROUNDS       11
#define WINDOW_US    600e3  /* of the small client, three times a round */
#define SAMPLES_MAX  200000 /* a window ends early after so many */
#define TTL_US       CORRAL_SECONDS(3600)
#define WAIT_US      CORRAL_SECONDS(30)

struct source {
    struct corral_bytes answer; /* always the same, ready */
    struct corral_space *space;
    uint64_t next; /* number of the next key */
};

struct bench {
    struct corral_cache *cache;
    struct source small, large;
    double *samples_us;
};

static void fail(const char *why)
{
    fprintf(stderr, "bench_large: %s\n", why);
    exit(1);
}

/* ------------------------------------------------------------------------------------ the cache */

static void load(void *arg, struct corral_load *load)
{
    struct source *source = arg;
    must_succeed(corral_load_value(load, source->answer));
}

static void source_init(struct source *source, size_t answer_bytes)
{
    void *answer = must(malloc(answer_bytes));
    memset(answer, 'x', answer_bytes);
    *source = (struct source){.answer = {answer, answer_bytes}};
}

static void source_fini(struct source *source)
{
    free((void *)source->answer.data);
}

static void source_add(struct source *source, struct corral_cache *cache, const char *name,
                       uint32_t workers_n)
{
    struct corral_origin_options asks = {.size = sizeof asks,
                                         .name = name,
                                         .loader = load,
                                         .arg = source,
                                         .concurrency = workers_n,
                                         .deadline_us = WAIT_US};
    struct corral_space_options keeps = {
        .size = sizeof keeps, .name = name, .policy = POLICY(.ttl_us = TTL_US)};
    must_succeed(corral_origin_add(cache, &asks, &keeps.origin));
    must_succeed(corral_space_add(cache, &keeps, &source->space));
}

static void cache_open(struct bench *bench)
{
    struct corral_options options = {
        .size = sizeof options, .memory_bytes = MEMORY_BYTES, .value_max = 2 * LARGE_BYTES};
    must_succeed(corral_open(&options, &bench->cache));
    source_add(&bench->small, bench->cache, "small", 8);
    source_add(&bench->large, bench->cache, "large", 1);
}

static void cache_close(struct bench *bench)
{
    must_succeed(corral_close(bench->cache));
}

/* Load keys that nobody asked for before, one after the other. */
static void load_some(struct source *source, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint64_t number = source->next++;
        struct corral_bytes key = {&number, sizeof number};
        struct corral_value value;
        int rc = corral_get(source->space, key, WAIT_US, &value);
        must_succeed(rc);
        if (rc != CORRAL_LOADED || value.size != source->answer.size)
            fail("a get was not answered as it should be");
        corral_value_release(&value);
    }
}

/* ------------------------------------------------------------------------------------- the turn */

/* CPU time spent in turns. One cache at a time is open, so one thread at a time adds to it. */
static _Atomic uint64_t turn_ns;
static const struct crl_turn_ops *turn_ops; /* the real ones, of all caches */

static uint64_t thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct crl_letter *run_by_the_clock(struct crl_turn *turn, struct crl_letter *batch)
{
    uint64_t begin = thread_ns();
    struct crl_letter *after = turn_ops->run(turn, batch);
    atomic_fetch_add(&turn_ns, thread_ns() - begin);
    return after;
}

void __real_crl_turn_init(struct crl_turn *turn, const struct crl_turn_ops *ops);
void __wrap_crl_turn_init(struct crl_turn *turn, const struct crl_turn_ops *ops);

void __wrap_crl_turn_init(struct crl_turn *turn, const struct crl_turn_ops *ops)
{
    static struct crl_turn_ops by_the_clock;
    turn_ops = ops;
    by_the_clock = *ops;
    by_the_clock.run = run_by_the_clock;
    __real_crl_turn_init(turn, &by_the_clock);
}

/* CPU milliseconds of each load; what the clock itself adds is in that of the small loads, too. */
static double turn_load_ms(struct source *source, uint32_t n)
{
    uint64_t begin = atomic_load(&turn_ns);
    load_some(source, n);
    return (double)(atomic_load(&turn_ns) - begin) / n / 1e6;
}

static void bench_turn(struct bench *bench, struct figures *figures)
{
    struct rounds small = {0}, fresh = {0}, full = {0};
    struct goal goal = {-1, 0.1};
    for (uint32_t i = 0; i < TURN_ROUNDS; i++) {
        cache_open(bench);
        rounds_add(&fresh, turn_load_ms(&bench->large, FRESH_N));
        load_some(&bench->large, KEEP_MAX + 1); /* fills the memory */
        rounds_add(&small, turn_load_ms(&bench->small, FULL_N));
        rounds_add(&full, turn_load_ms(&bench->large, FULL_N));
        cache_close(bench);
    }
    figure_print(figures, "turn", "CPU ms a load of 100 bytes", &small, (struct goal){0});
    figure_print(figures, "turn", "CPU ms a load of 8 MiB, free memory", &fresh, goal);
    figure_print(figures, "turn", "CPU ms a load of 8 MiB, full memory", &full, goal);
}

/* ------------------------------------------------------------------- what runs beside the small */

/* A thread that loads or copies 8 MiB again and again. */
struct beside {
    pthread_t thread;
    struct bench *bench;
    double interval_us; /* of the control: from one copy to the next */
    atomic_bool stops;
    _Atomic uint32_t done_n; /* loads or copies */
};

static void *stream_run(void *arg)
{
    struct beside *stream = arg;
    while (!atomic_load(&stream->stops)) {
        load_some(&stream->bench->large, 1);
        atomic_fetch_add(&stream->done_n, 1);
    }
    return NULL;
}

static void sleep_until(double us)
{
    struct timespec until = {.tv_sec = (time_t)(us / 1e6)};
    until.tv_nsec = (long)((us - (double)until.tv_sec * 1e6) * 1e3);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void *control_run(void *arg)
{
    struct beside *control = arg;
    struct corral_bytes answer = control->bench->large.answer;
    void *kept[KEEP_MAX] = {0};
    uint32_t n = 0;
    for (double at = monotonic_us(); !atomic_load(&control->stops); n++) {
        void **place = &kept[n % KEEP_MAX];
        free(*place);
        *place = must(malloc(answer.size));
        memcpy(*place, answer.data, answer.size);
        atomic_fetch_add(&control->done_n, 1);
        sleep_until(at += control->interval_us);
    }
    for (uint32_t i = 0; i < KEEP_MAX; i++)
        free(kept[i]);
    return NULL;
}

/* Returns when the thread has done its first piece. */
static void beside_start(struct beside *beside, void *run(void *))
{
    if (pthread_create(&beside->thread, NULL, run, beside) != 0)
        must_succeed(CORRAL_ESYSTEM);
    while (atomic_load(&beside->done_n) == 0)
        sched_yield();
}

static void beside_stop(struct beside *beside)
{
    atomic_store(&beside->stops, true);
    pthread_join(beside->thread, NULL);
}

/* ----------------------------------------------------------------------------- the small misses */

struct window {
    double p99_us, rate; /* of the small misses */
    double beside_rate;  /* pieces of what ran beside, in a second */
};

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct window watch(struct bench *bench, struct beside *beside)
{
    uint32_t n = 0, done_before = beside != NULL ? atomic_load(&beside->done_n) : 0;
    double begin = monotonic_us(), now = begin;
    while (now < begin + WINDOW_US && n < SAMPLES_MAX) {
        load_some(&bench->small, 1);
        double end = monotonic_us();
        bench->samples_us[n++] = end - now;
        now = end;
    }
    uint32_t done = beside != NULL ? atomic_load(&beside->done_n) - done_before : 0;
    qsort(bench->samples_us, n, sizeof *bench->samples_us, compare_doubles);
    double seconds = (now - begin) / 1e6;
    return (struct window){bench->samples_us[(uint64_t)n * 99 / 100], n / seconds, done / seconds};
}

static struct window watch_beside(struct bench *bench, void *run(void *), double interval_us)
{
    struct beside beside = {.bench = bench, .interval_us = interval_us};
    beside_start(&beside, run);
    struct window window = watch(bench, &beside);
    beside_stop(&beside);
    return window;
}

/* What the rounds gave for one kind of window. */
struct kind {
    struct rounds p99_us, rate, beside_rate, ratio;
};

static void kind_add(struct kind *kind, struct window window, double alone_p99_us)
{
    rounds_add(&kind->p99_us, window.p99_us);
    rounds_add(&kind->rate, window.rate);
    rounds_add(&kind->beside_rate, window.beside_rate);
    rounds_add(&kind->ratio, window.p99_us / alone_p99_us);
}

static void kind_print(struct figures *figures, const char *about, const struct kind *kind)
{
    figure_print(figures, about, "small misses a second", &kind->rate, (struct goal){0});
    figure_print(figures, about, "p99 of a small miss, us", &kind->p99_us, (struct goal){0});
}

static void bench_small(struct bench *bench, struct figures *figures)
{
    struct kind alone = {0}, stream = {0}, control = {0};
    struct goal none = {0}, goal = {-1, 2};
    cache_open(bench);
    load_some(&bench->large, KEEP_MAX + 1); /* fills the memory */
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct window by_itself = watch(bench, NULL);
        struct window beside = watch_beside(bench, stream_run, 0);
        double interval_us = 1e6 / (beside.beside_rate > 1 ? beside.beside_rate : 1);
        kind_add(&alone, by_itself, by_itself.p99_us);
        kind_add(&stream, beside, by_itself.p99_us);
        kind_add(&control, watch_beside(bench, control_run, interval_us), by_itself.p99_us);
    }
    cache_close(bench);
    kind_print(figures, "alone", &alone);
    kind_print(figures, "stream", &stream);
    figure_print(figures, "stream", "loads of 8 MiB a second", &stream.beside_rate, none);
    kind_print(figures, "control", &control);
    figure_print(figures, "control", "copies of 8 MiB a second", &control.beside_rate, none);
    figure_print(figures, "control", "p99, control / alone", &control.ratio, none);
    figure_print(figures, "stream", "p99, stream / alone", &stream.ratio, goal);
}

int main(int argc, char **argv)
{
    struct figures figures = {.as_json = argc == 2 && strcmp(argv[1], "--json") == 0};
    if (argc > 1 && !figures.as_json) {
        fprintf(stderr, "usage: bench_large [--json]\n");
        return 2;
    }
    struct bench bench = {.samples_us = must(malloc(SAMPLES_MAX * sizeof(double)))};
    source_init(&bench.small, SMALL_BYTES);
    source_init(&bench.large, LARGE_BYTES);
    bench_turn(&bench, &figures);
    bench_small(&bench, &figures);
    source_fini(&bench.small);
    source_fini(&bench.large);
    free(bench.samples_us);
    return figures.missed > 0;
}
