/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what a thread keeps of the caches that it has used is bounded, and so is the damage where
 *         the system has nothing to keep it in.
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
        cmocka_unit_test(closed_caches_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
