/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   hits are counted exactly, whatever ends first, thread or cache, and as fast with many
 *         caches as with few; what threads and caches leave behind is bounded, and so is the damage
 *         where the system has nothing to count in.
 * Method: the heap is asked what is in use; few and many caches take turns, so that what else the
 *         machine does befalls both; what would go wrong for the rest of a process happens in a
 *         child. */
#include "lib/stats.h"

#include "base/assert.h"

#include "../helper/draws.h"

#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

/* A cache's life, as its statistics see it: this thread counts one hit. */
static void live(void)
{
    struct crl_stats *stats = crl_stats_new();
    assert_non_null(stats);
    crl_stats_count(stats, 0, CORRAL_HIT, 0);
    struct crl_space_sheet sum = {0};
    crl_stats_sum(stats, 0, &sum);
    assert_int_equal(crl_counter_get(&sum.gets[CORRAL_HIT]), 1);
    crl_stats_release(stats);
}

static void closed_caches_are_forgotten(void **state)
{
    (void)state;
#ifdef CRL_SANITIZED
    skip(); /* their heaps do not tell */
#endif
    live();
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 1000; i++)
        live();
    assert_in_range(mallinfo2().uordblks, 0, before + 65536);
}

/* ----------------------------------------------------------------------- threads and caches end */

static uint64_t hits_of(struct crl_stats *stats, uint32_t space)
{
    struct crl_space_sheet sum = {0};
    crl_stats_sum(stats, space, &sum);
    return crl_counter_get(&sum.gets[CORRAL_HIT]);
}

/* One hit in one space of a cache, two in another, and one whose age is as the last one's. */
static void *count_four(void *arg)
{
    struct crl_stats *stats = arg;
    crl_stats_count(stats, 0, CORRAL_HIT, 7);
    crl_stats_count_hit_anew(stats, 255, false, 100);
    crl_assert(crl_stats_count_hit_again(crl_stats_space_id(stats, 255), false, 101));
    crl_stats_count_needed(stats, 0);
    return NULL;
}

static void count_on_threads(struct crl_stats *stats, int n)
{
    pthread_t threads[8];
    for (int i = 0; i < n; i += 8) {
        for (int k = 0; k < 8; k++)
            assert_int_equal(pthread_create(&threads[k], NULL, count_four, stats), 0);
        for (int k = 0; k < 8; k++)
            pthread_join(threads[k], NULL);
    }
}

static void ended_threads_leave_their_counts_only(void **state)
{
    (void)state;
    const int n = DRAWS(10000) / 8 * 8;
    struct crl_stats *stats = crl_stats_new();
    count_on_threads(stats, 8);
    size_t before = mallinfo2().uordblks;
    count_on_threads(stats, n);
#ifndef CRL_SANITIZED
    assert_in_range(mallinfo2().uordblks, 0, before + 65536);
#else
    (void)before; /* their heaps do not tell */
#endif
    struct crl_space_sheet sum = {0};
    crl_stats_sum(stats, 255, &sum);
    assert_int_equal(crl_counter_get(&sum.age.sum_us), 201 * (uint64_t)(n + 8));
    assert_int_equal(hits_of(stats, 255), 2 * (uint64_t)(n + 8));
    assert_int_equal(hits_of(stats, 0), n + 8);
    sum = (struct crl_space_sheet){0};
    crl_stats_sum(stats, 0, &sum);
    assert_int_equal(crl_counter_get(&sum.needed), n + 8);
    crl_stats_release(stats);
}

/* A crowd that ends takes less than before it came, not as much as it had at its height. */
static void *count_and_stay(void *arg)
{
    void **stay = arg;
    count_four(stay[0]);
    pthread_barrier_wait(stay[1]);
    return NULL;
}

static void a_crowd_gives_its_memory_back(void **state)
{
    (void)state;
#ifdef CRL_SANITIZED
    skip(); /* their heaps do not tell */
#endif
    enum { CROWD = 200 };
    pthread_t threads[CROWD];
    pthread_barrier_t all_counted;
    struct crl_stats *stats = crl_stats_new();
    void *stay[] = {stats, &all_counted};
    count_on_threads(stats, 8);
    size_t before = mallinfo2().uordblks;
    pthread_barrier_init(&all_counted, NULL, CROWD);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_and_stay, stay), 0);
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&all_counted);
    assert_in_range(mallinfo2().uordblks, 0, before + 65536);
    assert_int_equal(hits_of(stats, 0), CROWD + 8);
    crl_stats_release(stats);
}

struct guest {
    struct crl_stats *stats[3];
    pthread_barrier_t turn;
};

/* Uses two caches; the first is closed and a third one opened, which it does not use. */
static void *outlive_a_cache(void *arg)
{
    struct guest *guest = arg;
    count_four(guest->stats[0]);
    count_four(guest->stats[1]);
    pthread_barrier_wait(&guest->turn);
    pthread_barrier_wait(&guest->turn);
    count_four(guest->stats[1]);
    return NULL;
}

static void thread_and_cache_end_in_any_order(void **state)
{
    (void)state;
    struct guest guest = {.stats = {crl_stats_new(), crl_stats_new()}};
    pthread_t thread;
    pthread_barrier_init(&guest.turn, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, outlive_a_cache, &guest), 0);
    pthread_barrier_wait(&guest.turn);
    assert_int_equal(hits_of(guest.stats[0], 255), 2);
    crl_stats_release(guest.stats[0]);
    guest.stats[2] = crl_stats_new();
    crl_stats_count(guest.stats[2], 255, CORRAL_HIT, 7); /* in the place of the first, maybe */
    pthread_barrier_wait(&guest.turn);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&guest.turn);
    assert_int_equal(hits_of(guest.stats[1], 255), 4);
    assert_int_equal(hits_of(guest.stats[2], 255), 1);
    crl_stats_release(guest.stats[1]);
    crl_stats_release(guest.stats[2]);
}

/* ---------------------------------------------------------------------------------- many caches */

#define FEW    20
#define MANY   1000
#define HITS   20000
#define ROUNDS 10

struct round {
    struct crl_stats **stats;
    int n;
    int64_t took_ns; /* of CPU */
};

/* Hits that go round the caches, on a thread that has used these and no others. */
static void *go_round(void *arg)
{
    struct round *round = arg;
    struct timespec begin, end;
    for (int i = 0; i < round->n; i++)
        crl_stats_count(round->stats[i], 0, CORRAL_HIT, 7);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    for (int i = 0, k = 0; i < HITS; i++, k = k + 1 < round->n ? k + 1 : 0) {
        struct crl_stats *stats = round->stats[k];
        if (!crl_stats_count_hit_again(crl_stats_space_id(stats, 0), false, 7))
            crl_stats_count_hit_anew(stats, 0, false, 7);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    round->took_ns =
        (int64_t)(end.tv_sec - begin.tv_sec) * 1000000000 + end.tv_nsec - begin.tv_nsec;
    return NULL;
}

static int64_t round_takes(struct crl_stats **stats, int n)
{
    struct round round = {.stats = stats, .n = n};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, go_round, &round), 0);
    pthread_join(thread, NULL);
    return round.took_ns;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void many_caches_are_as_fast_as_few(void **state)
{
    (void)state;
    static struct crl_stats *stats[MANY];
    for (int i = 0; i < MANY; i++) {
        stats[i] = crl_stats_new();
        assert_non_null(stats[i]);
    }
    int64_t few = INT64_MAX, many = INT64_MAX;
    for (int i = 0; i < ROUNDS; i++) {
        few = least(few, round_takes(stats, FEW));
        many = least(many, round_takes(stats, MANY));
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(hits_of(stats[i], 0),
                         ROUNDS * (1 + HITS / MANY) + (i < FEW ? ROUNDS * (1 + HITS / FEW) : 0));
        crl_stats_release(stats[i]);
    }
    if (many >= 4 * few)
        fail_msg("a hit: %ld ns with %d caches, %ld ns with %d", (long)(many / HITS), MANY,
                 (long)(few / HITS), FEW);
}

/* ----------------------------------------------------------------------------------- the counts */

/* Ages at the edges of their buckets, in an order that goes on in one bucket and changes it. */
static void hits_are_counted_by_age(void **state)
{
    (void)state;
    static const corral_us ages[] = {0,      -5,     1,      99999,       100000,      100001,
                                     100000, 500000, 500001, 86400000000, 86400000001, 1};
    struct crl_stats *stats = crl_stats_new();
    struct crl_hist expected[2] = {0};
    for (uint32_t round = 0; round < 1000; round++) {
        for (size_t i = 0; i < sizeof ages / sizeof *ages; i++) {
            uint32_t space = round % 3 == 0;
            uint64_t id = crl_stats_space_id(stats, space);
            if (!crl_stats_count_hit_again(id, i % 4 == 0, ages[i]))
                crl_stats_count_hit_anew(stats, space, i % 4 == 0, ages[i]);
            crl_hist_add(&expected[space], &crl_hist_age, ages[i]);
        }
    }
    crl_stats_count(stats, 0, CORRAL_HIT, 7); /* one that the engine answered */
    crl_hist_add(&expected[0], &crl_hist_age, 7);
    for (uint32_t space = 0; space < 2; space++) {
        struct crl_space_sheet sum = {0};
        crl_stats_sum(stats, space, &sum);
        uint64_t n = space == 0 ? 666 : 334;
        assert_int_equal(crl_counter_get(&sum.gets[CORRAL_HIT]), n * 9 + (space == 0));
        assert_int_equal(crl_counter_get(&sum.gets[CORRAL_NEGATIVE]), n * 3);
        assert_int_equal(crl_counter_get(&sum.age.sum_us),
                         crl_counter_get(&expected[space].sum_us));
        for (uint32_t i = 0; i <= CRL_HIST_BOUNDS_MAX; i++)
            assert_int_equal(crl_counter_get(&sum.age.buckets[i]),
                             crl_counter_get(&expected[space].buckets[i]));
    }
    crl_stats_release(stats);
}

/* All of the process's keys are taken: what is in them is not ours. */
static _Noreturn void count_without_a_key(void)
{
    pthread_key_t keys[2000];
    size_t n = 0;
    while (n < 2000 && pthread_key_create(&keys[n], NULL) == 0)
        n++;
    struct crl_stats *stats = crl_stats_new();
    crl_stats_count(stats, 0, CORRAL_HIT, 0);
    while (n > 0) {
        if (pthread_getspecific(keys[--n]) != NULL)
            _exit(1);
    }
    crl_stats_release(stats);
    _exit(0);
}

static void no_other_key_is_written(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        count_without_a_key();
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_other_key_is_written), /* before there is one of ours */
        cmocka_unit_test(hits_are_counted_by_age),
        cmocka_unit_test(closed_caches_are_forgotten),
        cmocka_unit_test(ended_threads_leave_their_counts_only),
        cmocka_unit_test(a_crowd_gives_its_memory_back),
        cmocka_unit_test(thread_and_cache_end_in_any_order),
        cmocka_unit_test(many_caches_are_as_fast_as_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
