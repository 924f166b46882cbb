/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.c - worker threads around one queue.
 *
 * Invariants, all under `lock`:
 *   W1  queued <= idle, or every thread that may be started is (or could not be): no job waits
 *       while a worker could have it.
 *   W2  A worker with number n exists if and only if n < started.
 *   W3  The memory of the pool is freed by who drops the last reference: its owner or a worker that
 *       was left behind. Each worker that runs holds one.
 *   W4  While the pool stops and no job waits, a worker that is not busy ends without anybody's
 *       help: waiting for it needs no limit.
 *
 * A worker that was left behind is detached, all others are joined: when crl_pool_free() has
 * returned 0, not even the epilogue of a thread is running, and a program may unload the library.
 */
#include "io/pool.h"

#include "base/assert.h"
#include "io/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_BYTES 16 /* what Linux allows, with the terminator */

struct worker {
    struct crl_pool *pool;
    pthread_t thread;
    uint32_t number;
    bool busy;
};

struct crl_pool {
    pthread_mutex_t lock;
    pthread_cond_t job_came;
    pthread_cond_t job_ended;
    struct crl_job *head; /* oldest */
    struct crl_job **tail;
    uint32_t queued;
    uint32_t idle;    /* workers that wait for a job */
    uint32_t started; /* workers ever started */
    uint32_t running; /* of them, not ended */
    uint32_t busy;    /* of them, in a job */
    uint32_t refs;    /* W3 */
    bool stopping;
    char name[NAME_MAX_BYTES];
    uint32_t threads_max;
    struct worker workers[];
};

int crl_pool_new(const char *name, uint32_t threads_max, struct crl_pool **ret_pool)
{
    crl_assert(threads_max >= 1 && threads_max <= 1024);
    struct crl_pool *pool = calloc(1, sizeof *pool + threads_max * sizeof pool->workers[0]);
    if (!pool)
        return CORRAL_ENOMEM;
    /* These only fail for lack of resources that glibc does not use for them. */
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->job_came, NULL);
    pthread_cond_init(&pool->job_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pool->tail = &pool->head;
    pool->refs = 1;
    pool->threads_max = threads_max;
    snprintf(pool->name, sizeof pool->name, "%s", name);
    *ret_pool = pool;
    return 0;
}

/* Drop a reference; takes the lock with it. */
static void unlock_and_unref(struct crl_pool *pool)
{
    crl_assert(pool->refs > 0);
    bool is_last = --pool->refs == 0;
    pthread_mutex_unlock(&pool->lock);
    if (!is_last)
        return;
    crl_assert(pool->running == 0 && !pool->head);
    pthread_cond_destroy(&pool->job_ended);
    pthread_cond_destroy(&pool->job_came);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* -------------------------------------------------------------------------------------- workers */

/* The next job, or NULL when the pool stops. Under the lock, which it gives up while it waits. */
static struct crl_job *next_job(struct crl_pool *pool)
{
    while (!pool->head && !pool->stopping) {
        pool->idle++;
        pthread_cond_wait(&pool->job_came, &pool->lock);
        pool->idle--;
    }
    struct crl_job *job = pool->head;
    if (!job)
        return NULL;
    pool->head = job->next;
    if (!pool->head)
        pool->tail = &pool->head;
    pool->queued--;
    return job;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct crl_pool *pool = worker->pool;
    struct crl_job *job;
    pthread_mutex_lock(&pool->lock);
    while ((job = next_job(pool))) {
        worker->busy = true;
        pool->busy++;
        pthread_mutex_unlock(&pool->lock);
        job->run(job, worker->number);
        pthread_mutex_lock(&pool->lock);
        worker->busy = false;
        pool->busy--;
        if (pool->stopping)
            pthread_cond_signal(&pool->job_ended);
    }
    pool->running--;
    unlock_and_unref(pool);
    return NULL;
}

/* Start one more worker, with every signal blocked. Under the lock. Returns whether it runs. */
static bool start_worker(struct crl_pool *pool)
{
    struct worker *worker = &pool->workers[pool->started];
    *worker = (struct worker){.pool = pool, .number = pool->started};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&worker->thread, NULL, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return false;
    (void)pthread_setname_np(worker->thread, pool->name); /* only for people who look */
    pool->started++;
    pool->running++;
    pool->refs++;
    return true;
}

/* ----------------------------------------------------------------------------------------- jobs */

int crl_pool_post(struct crl_pool *pool, struct crl_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&pool->lock);
    crl_assert(!pool->stopping);
    /* W1. A failed start is forgiven while any worker runs: it comes to the job in time. */
    if (pool->queued + 1 > pool->idle && pool->started < pool->threads_max && !start_worker(pool) &&
        pool->started == 0) {
        pthread_mutex_unlock(&pool->lock);
        return CORRAL_ESYSTEM;
    }
    *pool->tail = job;
    pool->tail = &job->next;
    pool->queued++;
    pthread_cond_signal(&pool->job_came);
    pthread_mutex_unlock(&pool->lock);
    return 0;
}

bool crl_pool_take_back(struct crl_pool *pool, struct crl_job *job)
{
    pthread_mutex_lock(&pool->lock);
    struct crl_job **at = &pool->head;
    while (*at && *at != job)
        at = &(*at)->next;
    bool waits = *at != NULL;
    if (waits) {
        *at = job->next;
        if (!*at)
            pool->tail = at;
        pool->queued--;
    }
    pthread_mutex_unlock(&pool->lock);
    return waits;
}

/* ------------------------------------------------------------------------------------------ end */

/* Wait until no job is left, or until the instant. Under the lock. */
static void await_jobs(struct crl_pool *pool, corral_us wait_us)
{
    const corral_us longest = CORRAL_SECONDS(1000000);
    corral_us until = crl_now() + (wait_us < longest ? wait_us : longest);
    struct timespec at = {.tv_sec = until / 1000000, .tv_nsec = until % 1000000 * 1000};
    while ((pool->busy > 0 || pool->head) && crl_now() < until)
        (void)pthread_cond_timedwait(&pool->job_ended, &pool->lock, &at); /* the loop looks */
}

int crl_pool_free(struct crl_pool *pool, corral_us wait_us)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->job_came);
    await_jobs(pool, wait_us);
    int rc = 0;
    for (uint32_t i = 0; i < pool->started; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->busy || pool->head) {
            pthread_detach(worker->thread);
            rc = CORRAL_ETIMEDOUT;
            continue;
        }
        /* It ends now (W4), and needs the lock for that. */
        pthread_mutex_unlock(&pool->lock);
        pthread_join(worker->thread, NULL);
        pthread_mutex_lock(&pool->lock);
    }
    unlock_and_unref(pool);
    return rc;
}
