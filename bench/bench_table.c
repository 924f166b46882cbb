/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_table.c - what a hit costs in process, next to a floor: how fast can it be at all?
 *
 * The floor is a single-threaded, read-only table with open addressing (linear probing, at most
 * half full, hash and pointer in each slot) of the same malloc'd entries: hash, compare, copy. It
 * knows no TTL, no locks, no eviction. Ours is corral_read(), as a program calls it. Both copy the
 * value out.
 *
 * Keys of 16 bytes, values of 100, popularity by Zipf's law (exponent 0.99), scattered over memory.
 * The keys to ask for lie in the order of asking, so that they cost both sides no cache miss.
 * Rounds alternate, threads are pinned to a core each, and time is the thread's own CPU time: so
 * that what else runs on the machine disturbs little. Figures are medians over the rounds. */
#include "base/hash.h"
#include "base/rng.h"
#include "core/table.h"
#include "io/clock.h"
#include "lib/rcu.h"
#include "memory/arena.h"

#include "../tests/helper/policy.h"

#include <stdalign.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_BYTES   16
#define VALUE_BYTES 100
#define ROUNDS      31
#define THREADS_MAX 2
#define SEED        42

struct key {
    char text[KEY_BYTES];
};

/* Enough memory is taken for granted. */
static void *must(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "bench_table: out of memory\n");
        exit(1);
    }
    return memory;
}

static struct key make_key(uint32_t number)
{
    char text[KEY_BYTES + 1];
    struct key key;
    snprintf(text, sizeof text, "user:%011u", number);
    memcpy(key.text, text, KEY_BYTES);
    return key;
}

/* --------------------------------------------------------------------------------- the sequence */

/* Which keys are asked for, in order. */
struct sequence {
    struct key *keys;
    size_t n;
};

/* Numbers 0 to n - 1 in random order. */
static uint32_t *permutation(struct crl_rng *rng, uint32_t n)
{
    uint32_t *order = must(malloc(n * sizeof *order));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = (uint32_t)crl_rng_below(rng, i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    return order;
}

static double *zipf_sums(uint32_t n)
{
    double *sums = must(malloc(n * sizeof *sums)), sum = 0;
    for (uint32_t rank = 0; rank < n; rank++)
        sums[rank] = sum += pow(rank + 1, -0.99);
    return sums;
}

/* The first rank whose sum reaches the lot. */
static uint32_t zipf_draw(const double *sums, uint32_t n, double u)
{
    uint32_t low = 0, high = n - 1;
    double lot = u * sums[n - 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sums[middle] < lot)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct sequence sequence_new(uint32_t keys_n, size_t n)
{
    struct sequence sequence = {.keys = must(malloc(n * sizeof(struct key))), .n = n};
    struct crl_rng rng = crl_rng_split(SEED, "zipf");
    uint32_t *order = permutation(&rng, keys_n);
    double *sums = zipf_sums(keys_n);
    for (size_t i = 0; i < n; i++)
        sequence.keys[i] = make_key(order[zipf_draw(sums, keys_n, crl_rng_uniform(&rng))]);
    free(sums);
    free(order);
    return sequence;
}

/* -------------------------------------------------------------------------------------- entries */

static struct crl_entry *make_entry(struct crl_allocator *allocator, uint32_t number)
{
    char value[VALUE_BYTES];
    struct key key = make_key(number);
    memset(value, (int)number, sizeof value);
    struct crl_entry *entry = must(crl_entry_draft(allocator, KEY_BYTES, VALUE_BYTES, 0));
    memcpy(crl_entry_value_room(entry), value, VALUE_BYTES);
    corral_us now = crl_now(), until = now + CORRAL_SECONDS(86400);
    crl_entry_stamp(entry, &(struct crl_entry_stamp){.home = crl_home(0, 0),
                                                     .kind = CRL_ENTRY_VALUE,
                                                     .key = crl_bytes(key.text, KEY_BYTES),
                                                     .answered_at = now,
                                                     .quiet_until = until,
                                                     .fresh_until = until,
                                                     .is_used = true});
    return entry;
}

/* ------------------------------------------------------------------------------------ the floor */

struct floor_slot {
    uint64_t hash;
    struct crl_entry *entry;
};

struct floor {
    struct floor_slot *slots;
    size_t mask;
};

static struct floor floor_new(uint32_t n)
{
    size_t size = 1;
    while (size < 2 * (size_t)n)
        size *= 2;
    struct floor floor = {.slots = must(calloc(size, sizeof *floor.slots)), .mask = size - 1};
    for (uint32_t i = 0; i < n; i++) {
        struct crl_entry *entry = make_entry(&crl_allocator_malloc, i);
        uint64_t hash = crl_hash(SEED, 0, crl_entry_key(entry));
        size_t at = hash & floor.mask;
        while (floor.slots[at].entry != NULL)
            at = (at + 1) & floor.mask;
        floor.slots[at] = (struct floor_slot){hash, entry};
    }
    return floor;
}

static void floor_free(struct floor *floor)
{
    for (size_t i = 0; i <= floor->mask; i++)
        if (floor->slots[i].entry != NULL)
            crl_entry_unref(&crl_allocator_malloc, floor->slots[i].entry);
    free(floor->slots);
}

static bool keys_equal(struct corral_bytes a, struct corral_bytes b)
{
    return crl_bytes_equal_short(a, b) || crl_bytes_equal(a, b);
}

static bool floor_read(const struct floor *floor, struct corral_bytes key, void *buffer)
{
    uint64_t hash = crl_hash(SEED, 0, key);
    for (size_t at = hash & floor->mask; floor->slots[at].entry != NULL;
         at = (at + 1) & floor->mask) {
        const struct crl_entry *entry = floor->slots[at].entry;
        if (floor->slots[at].hash != hash || !keys_equal(crl_entry_key(entry), key))
            continue;
        struct corral_bytes value = crl_entry_value(entry);
        memcpy(buffer, value.data, value.size);
        return true;
    }
    return false;
}

/* ----------------------------------------------------------------------------------------- ours */

struct ours {
    struct corral_cache *cache;
    struct corral_space *space;
    double accounted, worst, mapped; /* overhead in bytes for each entry */
};

static void reclaim(struct crl_table *table)
{
    struct crl_limbo *limbo = crl_table_limbo_take(table);
    if (limbo == NULL)
        return;
    crl_rcu_wait();
    crl_table_limbo_drop(table, limbo);
}

static double overhead(double bytes, double entries)
{
    return bytes / entries - KEY_BYTES - VALUE_BYTES;
}

static double accounted_overhead(const struct crl_table *table)
{
    struct crl_table_counts counts = crl_table_counts(table);
    return overhead((double)(counts.bytes - counts.limbo_bytes), (double)counts.entries);
}

/* What an entry costs: a table of its own is filled and looked at after each entry. */
static void measure_overhead(struct ours *ours, uint32_t n)
{
    struct crl_allocator *arena = NULL, *buckets = NULL;
    struct crl_table *table;
    struct crl_table_config config = {.memory_bytes = (size_t)n * 400 + (1u << 20),
                                      .hashing = {.seed = SEED}};
    if (crl_arena_new(config.memory_bytes, CRL_ARENA_ENTRIES, &arena) != 0 ||
        crl_arena_new(config.memory_bytes, CRL_ARENA_BUCKETS, &buckets) != 0)
        must(NULL);
    config.allocator = arena;
    config.bucket_allocator = buckets;
    if (crl_table_new(&config, &table) != 0)
        must(NULL);
    for (uint32_t i = 0; i < n; i++) {
        struct crl_entry *entry = make_entry(arena, i);
        if (!crl_table_insert(table, entry))
            must(NULL);
        crl_entry_unref(arena, entry);
        if (crl_table_limbo_is_due(table))
            reclaim(table);
        if (i >= n / 2)
            ours->worst = fmax(ours->worst, accounted_overhead(table));
    }
    reclaim(table);
    ours->accounted = accounted_overhead(table);
    ours->mapped = overhead((double)crl_table_counts(table).held_bytes, n);
    crl_table_free(table);
    crl_arena_release(arena);
    crl_arena_release(buckets);
}

static void no_loader(void *arg, struct corral_load *load)
{
    (void)arg;
    corral_load_fail(load, "every key is in memory");
}

static void check(int rc)
{
    if (rc < 0) {
        fprintf(stderr, "bench_table: %s\n", corral_strerror(rc));
        exit(1);
    }
}

static struct ours ours_new(uint32_t n)
{
    struct ours ours = {0};
    measure_overhead(&ours, n);
    struct corral_options options = {.size = sizeof options,
                                     .memory_bytes = (size_t)n * 400 + (64u << 20)};
    struct corral_origin *origin;
    struct corral_origin_options asks = {.size = sizeof asks, .name = "none", .loader = no_loader};
    struct corral_space_options keeps = {
        .size = sizeof keeps, .name = "bench", .policy = POLICY(.ttl_us = CORRAL_SECONDS(86400))};
    check(corral_open(&options, &ours.cache));
    check(corral_origin_add(ours.cache, &asks, &origin));
    keeps.origin = origin;
    check(corral_space_add(ours.cache, &keeps, &ours.space));
    char value[VALUE_BYTES] = {0};
    for (uint32_t i = 0; i < n; i++) {
        struct key key = make_key(i);
        check(
            corral_put(ours.space, crl_bytes(key.text, KEY_BYTES), crl_bytes(value, sizeof value)));
    }
    return ours;
}

static void ours_free(struct ours *ours)
{
    check(corral_close(ours->cache));
}

/* What a program does for a hit. */
static bool ours_read(const struct ours *ours, struct corral_bytes key, void *buffer)
{
    size_t size;
    return corral_read(ours->space, key, buffer, VALUE_BYTES, &size) == CORRAL_HIT;
}

/* ----------------------------------------------------------------------------------------- runs */

struct bench {
    struct sequence sequence;
    struct floor floor;
    struct ours ours;
    size_t hits_n; /* in a round, on each thread */
    pthread_barrier_t barrier;
};

struct worker {
    pthread_t thread;
    struct bench *bench;
    bool is_floor;
    uint32_t core;
    size_t begin;           /* where in the sequence */
    alignas(128) double ns; /* for each hit; far from what another thread reads */
};

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t read_some(struct worker *worker, size_t n)
{
    struct bench *bench = worker->bench;
    const struct sequence *sequence = &bench->sequence;
    char buffer[VALUE_BYTES];
    size_t key_bytes = KEY_BYTES; /* not known to the compiler: a table takes keys of any size */
    __asm__ volatile("" : "+r"(key_bytes));
    size_t found = 0, at = worker->begin;
    for (size_t i = 0; i < n; i++) {
        struct corral_bytes key = crl_bytes(sequence->keys[at].text, key_bytes);
        found += worker->is_floor ? floor_read(&bench->floor, key, buffer)
                                  : ours_read(&bench->ours, key, buffer);
        __asm__ volatile("" : : "r"(buffer) : "memory"); /* the copy is wanted */
        at = at + 1 < sequence->n ? at + 1 : 0;
    }
    worker->begin = at;
    return found;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(worker->core, &cores);
    (void)sched_setaffinity(0, sizeof cores, &cores); /* a wish; fewer cores make worse figures */
    pthread_barrier_wait(&worker->bench->barrier);
    size_t n = worker->bench->hits_n;
    (void)read_some(worker, n / 4); /* the other side's round has cooled the caches */
    double begin = cpu_ns();
    size_t found = read_some(worker, n);
    worker->ns = (cpu_ns() - begin) / (double)n;
    if (found != n) {
        fprintf(stderr, "bench_table: %zu keys were not found\n", n - found);
        exit(1);
    }
    return NULL;
}

/* Returns hits a second, of all threads. */
static double run(struct bench *bench, bool is_floor, uint32_t threads, uint32_t round)
{
    struct worker workers[THREADS_MAX];
    double rate = 0;
    size_t n = bench->sequence.n;
    pthread_barrier_init(&bench->barrier, NULL, threads);
    for (uint32_t i = 0; i < threads; i++) {
        size_t begin = (n / ROUNDS * round + n / 2 * i) % n;
        workers[i] =
            (struct worker){.bench = bench, .is_floor = is_floor, .core = i, .begin = begin};
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    for (uint32_t i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        rate += 1e9 / workers[i].ns;
    }
    pthread_barrier_destroy(&bench->barrier);
    return rate;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, compare_doubles);
    return values[ROUNDS / 2];
}

/* -------------------------------------------------------------------------------------- figures */

struct figures {
    double floor_ns, one_ns, two_ns; /* for each hit; of two threads, on each */
    double ratio, scaling;           /* medians of what each round gave */
};

static struct figures measure(struct bench *bench)
{
    double floor_ns[ROUNDS], one_ns[ROUNDS], two_ns[ROUNDS], ratio[ROUNDS], scaling[ROUNDS];
    for (uint32_t i = 0; i < ROUNDS; i++) {
        double floor = run(bench, true, 1, i);
        double one = run(bench, false, 1, i);
        double two = run(bench, false, 2, i);
        floor_ns[i] = 1e9 / floor;
        one_ns[i] = 1e9 / one;
        two_ns[i] = 2e9 / two;
        ratio[i] = one / floor;
        scaling[i] = two / one;
    }
    return (struct figures){median(floor_ns), median(one_ns), median(two_ns), median(ratio),
                            median(scaling)};
}

static bool as_json;
static int missed;

/* One figure: what it is, how much, and what it should be. sign: +1 at least, -1 at most, 0 no
 * goal. */
static void report(uint32_t keys_n, const char *what, double value, int sign, double goal)
{
    bool is_met = sign == 0 || sign * value >= sign * goal;
    missed += !is_met;
    if (as_json) {
        printf("{\"keys\": %u, \"figure\": \"%s\", \"value\": %.3f", keys_n, what, value);
        if (sign != 0)
            printf(", \"goal\": %.3f, \"met\": %s", goal, is_met ? "true" : "false");
        printf("}\n");
        return;
    }
    printf("%9u  %-44s %9.2f", keys_n, what, value);
    if (sign != 0)
        printf("   %s %5.2f  %s", sign > 0 ? ">=" : "<=", goal, is_met ? "met" : "MISSED");
    printf("\n");
}

static void bench_keys(uint32_t keys_n, size_t hits_n)
{
    struct bench bench = {.sequence = sequence_new(keys_n, 4000000), .hits_n = hits_n};
    bench.floor = floor_new(keys_n);
    bench.ours = ours_new(keys_n);
    struct figures figures = measure(&bench);
    report(keys_n, "floor, ns a hit", figures.floor_ns, 0, 0);
    report(keys_n, "one thread, ns a hit", figures.one_ns, 0, 0);
    report(keys_n, "two threads, ns a hit on each", figures.two_ns, 0, 0);
    report(keys_n, "one thread / floor, throughput", figures.ratio, +1, keys_n > 1 ? 0.8 : 0);
    report(keys_n, "two threads / one, throughput", figures.scaling, +1, 1.8);
    if (keys_n > 1) {
        report(keys_n, "overhead of an entry, bytes, mapped memory", bench.ours.mapped, -1, 96);
        report(keys_n, "overhead of an entry, bytes, accounted", bench.ours.accounted, -1, 96);
        report(keys_n, "the same, worst while growing from half", bench.ours.worst, -1, 96);
    }
    floor_free(&bench.floor);
    ours_free(&bench.ours);
    free(bench.sequence.keys);
}

int main(int argc, char **argv)
{
    as_json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !as_json) {
        fprintf(stderr, "usage: bench_table [--json]\n");
        return 2;
    }
    bench_keys(1, 2000000);
    bench_keys(100000, 1000000);
    bench_keys(1000000, 1000000);
    return missed > 0;
}
