/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.c - worker threads around one queue.
 *
 * Concept. Waking a thread costs more than a short job, so as few are woken as can be. Idle workers
 * are a stack: the one that slept last, whose memory is still in the caches, is woken first. Only
 * one worker is summoned at a time; when it comes to the queue and more than its own job waits
 * there, it summons the next one before it begins. If none is idle, it starts one. Meanwhile
 * workers that end a job take what waits. So n jobs that take long have their n workers after n
 * wake-ups, which is no more than without this, and n jobs that take a moment may be done by one or
 * two.
 *
 * Invariants, all under `lock`:
 *   W1  If a job waits, then a worker is summoned and has not come yet; or all threads that may be
 *       started are in a job (or could not be started). So no job waits for the end of another one
 *       while a worker could have it. For this a worker that begins a job leaves one behind that
 *       is idle or coming, while there may be more. (A start that failed is tried again when a
 *       worker next begins a job; who posts does not try, W6.)
 *   W2  A worker with number n exists if and only if n < started.
 *   W3  The memory of the pool is freed by who drops the last reference: its owner or a worker that
 *       was left behind. Each worker that runs holds one.
 *   W4  While the pool stops and no job waits, a worker that is not busy ends without anybody's
 *       help: waiting for it needs no limit.
 *   W5  A worker sleeps only while it is in the stack of idle ones; who takes it from there owes it
 *       one post of its semaphore, which is given outside of the lock.
 *   W6  Threads are started by who makes the pool, and by workers; never by who posts. A thread
 *       inherits much from the one that starts it (priority, processors, seccomp filters), and who
 *       posts is any thread.
 *
 * A job may fork. In the child it ends its thread: the pool is the parent's.
 *
 * A worker that was left behind is detached, all others are joined: when crl_pool_free() has
 * returned 0, not even the epilogue of a thread is running, and a program may unload the library.
 */
#include "io/pool.h"

#include "base/assert.h"
#include "base/forks.h"
#include "io/clock.h"
#include "io/refused.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_BYTES 16 /* what Linux allows, with the terminator */

struct worker {
    struct crl_pool *pool;
    pthread_t thread;
    uint32_t number;
    bool busy;
    sem_t wake;               /* W5 */
    struct worker *next_idle; /* slept earlier */
};

struct crl_pool {
    pthread_mutex_t lock;
    pthread_cond_t job_ended;
    struct crl_job *head; /* oldest */
    struct crl_job **tail;
    struct worker *idle; /* slept last */
    uint32_t coming;     /* workers summoned that have not come to the queue yet */
    uint32_t started;    /* workers ever started */
    uint32_t running;    /* of them, not ended */
    uint32_t busy;       /* of them, in a job */
    uint32_t refs;       /* W3 */
    bool stopping;
    bool is_full; /* no more threads: those that there are have been joined or left behind */
    void (*gone)(void *arg); /* to be called with the memory of the pool freed; or NULL */
    void *gone_arg;
    char name[NAME_MAX_BYTES];
    uint32_t threads_max;
    struct worker workers[];
};

/* Drop a reference; takes the lock with it. */
static void unlock_and_unref(struct crl_pool *pool)
{
    crl_assert(pool->refs > 0);
    bool is_last = --pool->refs == 0;
    pthread_mutex_unlock(&pool->lock);
    if (!is_last)
        return;
    crl_assert(pool->running == 0 && pool->head == NULL);
    void (*gone)(void *arg) = pool->gone;
    void *arg = pool->gone_arg;
    pthread_cond_destroy(&pool->job_ended);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    if (gone != NULL)
        gone(arg);
}

/* -------------------------------------------------------------------------------------- workers */

static void *work(void *arg);

/* Start one more worker, with every signal blocked. Under the lock. Returns whether it runs. */
static bool start_worker(struct crl_pool *pool)
{
    struct worker *worker = &pool->workers[pool->started];
    *worker = (struct worker){.pool = pool, .number = pool->started};
    (void)sem_init(&worker->wake, 0, 0); /* cannot fail for such values */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&worker->thread, NULL, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        (void)crl_refused("pthread_create", failed); /* told if there is no other thread */
        return false;
    }
    (void)pthread_setname_np(worker->thread, pool->name); /* only for people who look */
    pool->started++;
    pool->running++;
    pool->refs++;
    return true;
}

static struct worker *take_idle(struct crl_pool *pool)
{
    struct worker *worker = pool->idle;
    crl_assert(worker != NULL);
    pool->idle = worker->next_idle;
    pool->coming++;
    return worker;
}

/* Keep W1. Under the lock. Returns whom the caller has to wake() outside of it, or NULL. */
static struct worker *summon(struct crl_pool *pool)
{
    if (pool->head == NULL || pool->coming > 0)
        return NULL;
    return pool->idle != NULL ? take_idle(pool) : NULL;
}

/* Keep W1, as far as it takes a thread. Under the lock. */
static void keep_one_spare(struct crl_pool *pool)
{
    if (pool->idle == NULL && pool->coming == 0 && pool->started < pool->threads_max &&
        !pool->is_full && start_worker(pool))
        pool->coming++;
}

static void wake(struct worker *worker)
{
    if (worker != NULL)
        sem_post(&worker->wake);
}

/* Sleep until somebody takes this worker from the stack. Under the lock, which is given up. */
static void sleep_idle(struct crl_pool *pool, struct worker *worker)
{
    worker->next_idle = pool->idle;
    pool->idle = worker;
    pthread_mutex_unlock(&pool->lock);
    while (sem_wait(&worker->wake) != 0)
        ; /* a debugger interrupts it: all signals are blocked */
    pthread_mutex_lock(&pool->lock);
    crl_assert(pool->coming > 0);
    pool->coming--;
}

/* The next job, or NULL when the pool stops. Under the lock, which it gives up while it waits. */
static struct crl_job *next_job(struct crl_pool *pool, struct worker *worker)
{
    while (pool->head == NULL && !pool->stopping)
        sleep_idle(pool, worker);
    struct crl_job *job = pool->head;
    if (job == NULL)
        return NULL;
    pool->head = job->next;
    if (pool->head == NULL)
        pool->tail = &pool->head;
    return job;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct crl_pool *pool = worker->pool;
    struct crl_job *job;
    pthread_mutex_lock(&pool->lock);
    pool->coming--;
    while ((job = next_job(pool, worker)) != NULL) {
        worker->busy = true;
        pool->busy++;
        struct worker *next = summon(pool);
        keep_one_spare(pool);
        pthread_mutex_unlock(&pool->lock);
        wake(next);
        uint32_t forks = crl_forks;
        job->run(job, worker->number);
        if (forks != crl_forks)
            return NULL;
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

/* ------------------------------------------------------------------------------------ beginning */

int crl_pool_new(const char *name, uint32_t threads_max, struct crl_pool **ret_pool)
{
    crl_assert(threads_max >= 1 && threads_max <= 1024);
    struct crl_pool *pool = calloc(1, sizeof *pool + threads_max * sizeof pool->workers[0]);
    if (pool == NULL)
        return CORRAL_ENOMEM;
    /* These only fail for lack of resources that glibc does not use for them. */
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->job_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pool->tail = &pool->head;
    pool->refs = 1;
    pool->threads_max = threads_max;
    snprintf(pool->name, sizeof pool->name, "%s", name);
    pthread_mutex_lock(&pool->lock);
    keep_one_spare(pool);
    bool is_hopeless = pool->started == 0;
    if (is_hopeless) {
        unlock_and_unref(pool);
        return CORRAL_ESYSTEM;
    }
    pthread_mutex_unlock(&pool->lock);
    *ret_pool = pool;
    return 0;
}

/* ----------------------------------------------------------------------------------------- jobs */

void crl_pool_post(struct crl_pool *pool, struct crl_job *job)
{
    crl_assert(job->run != NULL);
    job->next = NULL;
    pthread_mutex_lock(&pool->lock);
    crl_assert(!pool->stopping);
    *pool->tail = job;
    pool->tail = &job->next;
    struct worker *worker = summon(pool);
    pthread_mutex_unlock(&pool->lock);
    wake(worker);
}

bool crl_pool_take_back(struct crl_pool *pool, struct crl_job *job)
{
    pthread_mutex_lock(&pool->lock);
    struct crl_job **at = &pool->head;
    while (*at != NULL && *at != job)
        at = &(*at)->next;
    bool waits = *at != NULL;
    if (waits) {
        *at = job->next;
        if (*at == NULL)
            pool->tail = at;
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
    while ((pool->busy > 0 || pool->head != NULL) && crl_now() < until)
        (void)pthread_cond_timedwait(&pool->job_ended, &pool->lock, &at); /* the loop looks */
}

int crl_pool_free(struct crl_pool *pool, corral_us wait_us)
{
    return crl_pool_free_then(pool, wait_us, NULL, NULL);
}

int crl_pool_free_then(struct crl_pool *pool, corral_us wait_us, void (*gone)(void *arg), void *arg)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    while (pool->idle != NULL)
        wake(take_idle(pool));
    await_jobs(pool, wait_us);
    pool->is_full = true;
    int rc = 0;
    for (uint32_t i = 0; i < pool->started; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->busy || pool->head != NULL) {
            pthread_detach(worker->thread);
            rc = CORRAL_ETIMEDOUT;
            continue;
        }
        /* It ends now (W4), and needs the lock for that. */
        pthread_mutex_unlock(&pool->lock);
        pthread_join(worker->thread, NULL);
        pthread_mutex_lock(&pool->lock);
    }
    if (rc < 0) {
        pool->gone = gone;
        pool->gone_arg = arg;
    }
    unlock_and_unref(pool);
    return rc;
}
