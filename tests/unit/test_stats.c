/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   hits are counted exactly; what a thread keeps of the caches that it has used is bounded,
 *         and so is the damage where the system has nothing to keep it in.
 * Method: the heap is asked what is in use; what would go wrong for the rest of a process happens
 *         in a child. */
#include "lib/stats.h"

#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
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

/* Ages at the edges of their buckets, in an order that goes on in one bucket and changes it. */
static void hits_are_counted_by_age(void **state)
{
    (void)state;
    static const corral_us ages[] = {0,      -5,     1,      99999,       100000,      100001,
                                     100001, 500000, 500001, 86400000000, 86400000001, 1};
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
