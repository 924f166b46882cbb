/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   jobs run once and in order, on no more threads than needed and allowed; free ends them
 * all or leaves behind what is stuck, without harm. Method: jobs held at a gate until the test has
 * seen what it wants. Nothing sleeps; every wait has a generous limit, and exceeding it fails. */
#include "base/assert.h"
#include "io/clock.h"
#include "io/pool.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define LIMIT CORRAL_SECONDS(600)

/* Counts what happened; a job blocks in it until the gate is open. */
struct hall {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    uint32_t inside; /* jobs in run() */
    uint32_t left;   /* jobs through */
    uint32_t order[64];
    bool workers[64]; /* numbers seen */
};

struct job {
    struct crl_job job; /* first */
    struct hall *hall;
    uint32_t number;
};

static void hall_init(struct hall *hall, bool open)
{
    *hall = (struct hall){.open = open};
    pthread_mutex_init(&hall->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&hall->changed, &monotonic);
}

static void run(struct crl_job *base, uint32_t worker)
{
    struct job *job = (struct job *)base;
    struct hall *hall = job->hall;
    pthread_mutex_lock(&hall->lock);
    crl_assert(worker < 64 && !hall->workers[worker]); /* one job at a time for each number */
    hall->workers[worker] = true;
    hall->order[hall->left + hall->inside++] = job->number;
    pthread_cond_broadcast(&hall->changed);
    while (!hall->open)
        pthread_cond_wait(&hall->changed, &hall->lock);
    hall->workers[worker] = false;
    hall->inside--;
    hall->left++;
    pthread_cond_broadcast(&hall->changed);
    pthread_mutex_unlock(&hall->lock);
}

static void hall_open(struct hall *hall)
{
    pthread_mutex_lock(&hall->lock);
    hall->open = true;
    pthread_cond_broadcast(&hall->changed);
    pthread_mutex_unlock(&hall->lock);
}

/* Wait until so many are inside and so many are through. */
static void hall_await(struct hall *hall, uint32_t inside, uint32_t left)
{
    corral_us until = crl_now() + LIMIT;
    struct timespec at = {.tv_sec = until / 1000000};
    pthread_mutex_lock(&hall->lock);
    while (hall->inside != inside || hall->left != left) {
        if (pthread_cond_timedwait(&hall->changed, &hall->lock, &at) != 0)
            fail_msg("waited for %u inside, %u through; saw %u, %u", inside, left, hall->inside,
                     hall->left);
    }
    pthread_mutex_unlock(&hall->lock);
}

static void post(struct crl_pool *pool, struct hall *hall, struct job *jobs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        jobs[i] = (struct job){.job.run = run, .hall = hall, .number = i};
        crl_pool_post(pool, &jobs[i].job);
    }
}

static struct crl_pool *pool_new(uint32_t threads_max)
{
    struct crl_pool *pool = NULL;
    assert_int_equal(crl_pool_new("test-pool", threads_max, &pool), 0);
    return pool;
}

static void test_free_without_a_job(void **state)
{
    (void)state;
    assert_int_equal(crl_pool_free(pool_new(4), 0), 0);
}

static void test_never_more_threads_than_allowed(void **state)
{
    (void)state;
    struct hall hall;
    struct job jobs[10];
    hall_init(&hall, false);
    struct crl_pool *pool = pool_new(3);
    post(pool, &hall, jobs, 10);
    hall_await(&hall, 3, 0);
    for (uint32_t worker = 0; worker < 64; worker++)
        assert_int_equal(hall.workers[worker], worker < 3);
    hall_open(&hall);
    hall_await(&hall, 0, 10);
    assert_int_equal(crl_pool_free(pool, LIMIT), 0);
}

/* Every waiting job gets a thread of its own while there are threads to be had: none is stuck
 * behind another one that blocks. */
static void test_a_job_never_waits_for_a_free_thread(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 50; round++) {
        struct hall hall;
        struct job first[2], jobs[8];
        hall_init(&hall, true);
        struct crl_pool *pool = pool_new(8);
        post(pool, &hall, first, 2); /* leaves up to two idle workers */
        hall_await(&hall, 0, 2);
        pthread_mutex_lock(&hall.lock);
        hall.open = false;
        pthread_mutex_unlock(&hall.lock);
        post(pool, &hall, jobs, 8);
        hall_await(&hall, 8, 2);
        hall_open(&hall);
        assert_int_equal(crl_pool_free(pool, LIMIT), 0);
        assert_int_equal(hall.left, 10);
    }
}

struct pong {
    struct crl_job job; /* first */
    struct crl_pool *pool;
    struct hall *hall;
    uint32_t left;
    uint32_t worker_max;
};

static void run_pong(struct crl_job *base, uint32_t worker)
{
    struct pong *pong = (struct pong *)base;
    if (worker > pong->worker_max)
        pong->worker_max = worker;
    pthread_mutex_lock(&pong->hall->lock);
    pong->hall->left++;
    pthread_cond_broadcast(&pong->hall->changed);
    pthread_mutex_unlock(&pong->hall->lock);
}

/* One job after another, each posted when the last one's worker had all the time to be idle again,
 * need few threads. How many depends on the scheduler, but never one for each job. */
static void test_idle_threads_are_used_again(void **state)
{
    (void)state;
    struct hall hall;
    hall_init(&hall, true);
    struct pong pong = {.job.run = run_pong, .pool = pool_new(1024), .hall = &hall};
    for (uint32_t i = 1; i <= 1000; i++) {
        crl_pool_post(pong.pool, &pong.job);
        hall_await(&hall, 0, i);
    }
    assert_int_equal(crl_pool_free(pong.pool, LIMIT), 0);
    assert_in_range(pong.worker_max, 0, 500);
}

static void test_jobs_begin_in_order(void **state)
{
    (void)state;
    struct hall hall;
    struct job jobs[64];
    hall_init(&hall, true);
    struct crl_pool *pool = pool_new(1);
    post(pool, &hall, jobs, 64);
    assert_int_equal(crl_pool_free(pool, LIMIT), 0); /* runs what waits */
    assert_int_equal(hall.left, 64);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(hall.order[i], i);
}

static void test_take_back(void **state)
{
    (void)state;
    struct hall hall;
    struct job jobs[5];
    hall_init(&hall, false);
    struct crl_pool *pool = pool_new(1);
    post(pool, &hall, jobs, 4);
    hall_await(&hall, 1, 0);
    assert_false(crl_pool_take_back(pool, &jobs[0].job)); /* runs */
    assert_true(crl_pool_take_back(pool, &jobs[1].job));  /* the oldest that waits */
    assert_true(crl_pool_take_back(pool, &jobs[3].job));  /* the newest */
    assert_false(crl_pool_take_back(pool, &jobs[3].job)); /* once only */
    jobs[4] = (struct job){.job.run = run, .hall = &hall, .number = 4};
    crl_pool_post(pool, &jobs[4].job);
    hall_open(&hall);
    assert_int_equal(crl_pool_free(pool, LIMIT), 0);
    assert_int_equal(hall.left, 3);
    assert_int_equal(hall.order[1], 2);
    assert_int_equal(hall.order[2], 4);
}

/* The threads of this process. */
static uint32_t threads_now(void)
{
    uint32_t n = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (readdir(tasks) != NULL)
        n++;
    closedir(tasks);
    return n;
}

/* The stuck thread runs what still waits, then frees the pool: the sanitizers watch. */
static void test_stuck_threads_are_left_behind(void **state)
{
    (void)state;
    struct hall hall;
    struct job jobs[5];
    uint32_t threads_before = threads_now();
    hall_init(&hall, false);
    struct crl_pool *pool = pool_new(2);
    post(pool, &hall, jobs, 5);
    hall_await(&hall, 2, 0);
    assert_int_equal(crl_pool_free(pool, CORRAL_MS(1)), CORRAL_ETIMEDOUT);
    assert_int_equal(hall.inside, 2);
    hall_open(&hall);
    hall_await(&hall, 0, 5);
    corral_us until = crl_now() + LIMIT;
    while (threads_now() > threads_before)
        assert_true(crl_now() < until);
}

/* Where a thread of this process is: 'S' asleep, 'R' not, ... */
static char thread_state(pid_t thread)
{
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
    FILE *stat = fopen(path, "r");
    assert_non_null(stat);
    assert_int_equal(fscanf(stat, "%*d (test-pool) %c", &state), 1);
    fclose(stat);
    return state;
}

struct seen {
    struct crl_job job; /* first */
    _Atomic pid_t thread;
};

static void run_seen(struct crl_job *base, uint32_t worker)
{
    (void)worker;
    ((struct seen *)base)->thread = gettid();
}

/* A worker that only waits for jobs is not stuck, however little time there is. */
static void test_idle_threads_are_not_left_behind(void **state)
{
    (void)state;
    struct crl_pool *pool = pool_new(2);
    struct seen seen = {.job.run = run_seen};
    crl_pool_post(pool, &seen.job);
    corral_us until = crl_now() + LIMIT;
    while (seen.thread == 0 || thread_state(seen.thread) != 'S')
        assert_true(crl_now() < until);
    assert_int_equal(crl_pool_free(pool, 0), 0);
}

/* Stays on its thread until it may go. */
struct stay {
    struct seen seen; /* first */
    atomic_bool goes, is_gone;
};

static void run_stay(struct crl_job *base, uint32_t worker)
{
    struct stay *stay = (struct stay *)base;
    run_seen(base, worker);
    while (!stay->goes)
        sched_yield();
    stay->is_gone = true;
}

static void stay_begin(struct stay *stay, struct crl_pool *pool)
{
    *stay = (struct stay){.seen.job.run = run_stay};
    crl_pool_post(pool, &stay->seen.job);
    while (stay->seen.thread == 0)
        sched_yield();
}

/* And seems to sleep then; it may as well wait for a lock on its way to bed. */
static void stay_end(struct stay *stay)
{
    stay->goes = true;
    while (!stay->is_gone || thread_state(stay->seen.thread) != 'S')
        sched_yield();
}

/* Its memory is still in the caches. Who was not yet asleep cannot be woken: so not each time. */
static void test_who_slept_last_is_woken_first(void **state)
{
    (void)state;
    struct crl_pool *pool = pool_new(2);
    bool was_last = false;
    for (int i = 0; i < 1000 && !was_last; i++) {
        struct stay first, last, third;
        stay_begin(&first, pool);
        stay_begin(&last, pool);
        stay_end(&first);
        stay_end(&last);
        stay_begin(&third, pool);
        was_last = third.seen.thread == last.seen.thread;
        stay_end(&third);
    }
    assert_true(was_last);
    assert_int_equal(crl_pool_free(pool, LIMIT), 0);
}

struct masked {
    struct crl_job job; /* first */
    sigset_t mask;
    char name[16];
};

static void run_masked(struct crl_job *base, uint32_t worker)
{
    struct masked *masked = (struct masked *)base;
    (void)worker;
    pthread_sigmask(SIG_SETMASK, NULL, &masked->mask);
    pthread_getname_np(pthread_self(), masked->name, sizeof masked->name);
}

static void test_signals_belong_to_the_program(void **state)
{
    (void)state;
    struct masked masked = {.job.run = run_masked};
    struct crl_pool *pool = pool_new(1);
    crl_pool_post(pool, &masked.job);
    assert_int_equal(crl_pool_free(pool, LIMIT), 0);
    assert_int_equal(sigismember(&masked.mask, SIGTERM), 1);
    assert_int_equal(sigismember(&masked.mask, SIGHUP), 1);
    sigset_t own;
    pthread_sigmask(SIG_SETMASK, NULL, &own);
    assert_int_equal(sigismember(&own, SIGTERM), 0); /* the caller's is as before */
}

struct inherited {
    struct job job; /* first */
    int nice;
};

static void run_inherited(struct crl_job *base, uint32_t worker)
{
    struct inherited *seen = (struct inherited *)base;
    seen->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
    run(base, worker);
}

struct poster {
    struct crl_pool *pool;
    struct inherited jobs[8];
};

static void *post_nicely(void *arg)
{
    struct poster *poster = arg;
    assert_int_equal(setpriority(PRIO_PROCESS, (id_t)gettid(), 19), 0);
    for (uint32_t i = 0; i < 8; i++)
        crl_pool_post(poster->pool, &poster->jobs[i].job.job);
    return NULL;
}

/* Who posts may be a thread of lowest priority; its jobs serve others too. */
static void test_workers_inherit_nothing_of_who_posts(void **state)
{
    (void)state;
    struct hall hall;
    struct poster poster = {.pool = pool_new(8)};
    pthread_t nice;
    int own = getpriority(PRIO_PROCESS, (id_t)gettid());
    assert_true(own < 19);
    hall_init(&hall, false);
    for (uint32_t i = 0; i < 8; i++)
        poster.jobs[i].job = (struct job){.job.run = run_inherited, .hall = &hall, .number = i};
    assert_int_equal(pthread_create(&nice, NULL, post_nicely, &poster), 0);
    pthread_join(nice, NULL);
    hall_await(&hall, 8, 0);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(poster.jobs[i].nice, own);
    hall_open(&hall);
    assert_int_equal(crl_pool_free(poster.pool, LIMIT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_free_without_a_job),
        cmocka_unit_test(test_never_more_threads_than_allowed),
        cmocka_unit_test(test_a_job_never_waits_for_a_free_thread),
        cmocka_unit_test(test_idle_threads_are_used_again),
        cmocka_unit_test(test_jobs_begin_in_order),
        cmocka_unit_test(test_take_back),
        cmocka_unit_test(test_stuck_threads_are_left_behind),
        cmocka_unit_test(test_idle_threads_are_not_left_behind),
        cmocka_unit_test(test_who_slept_last_is_woken_first),
        cmocka_unit_test(test_signals_belong_to_the_program),
        cmocka_unit_test(test_workers_inherit_nothing_of_who_posts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
