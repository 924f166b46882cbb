/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.c - the thread that owns the core.
 *
 * Concept. Letters arrive in the mailbox in order; each becomes an event for the core, whose
 * actions are carried out before the next one (loads.c). One libuv timer stands for all the core's
 * timers. The time is sampled once for each batch. What the table has unlinked is freed after an
 * RCU grace period.
 *
 * Threads: everything here runs on the engine's thread, but crl_engine_start, crl_engine_stop,
 * crl_engine_post, crl_engine_do and crl_engine_drain. */
#include "io/clock.h"
#include "lib/private.h"
#include "lib/rcu.h"

#include <signal.h>
#include <stdlib.h>

static __thread const struct crl_engine *engine_of_this_thread;

/* ------------------------------------------------------------------------------------ the batch */

/* What the table has unlinked is freed when there is enough of it to be worth a grace period. The
 * wait is microseconds, unless the kernel has put a reader aside in the middle of a hit. */
static void limbo_reclaim(struct crl_engine *engine)
{
    if (!crl_table_limbo_is_due(engine->table))
        return;
    struct crl_limbo *limbo = crl_table_limbo_take(engine->table);
    if (limbo == NULL)
        return;
    crl_rcu_wait();
    crl_table_limbo_drop(engine->table, limbo);
}

static void counts_publish(struct crl_engine *engine)
{
    struct crl_table_counts counts = crl_table_counts(engine->table);
    crl_counter_set(&engine->counts.entries, counts.entries);
    crl_counter_set(&engine->counts.bytes, counts.held_bytes);
    crl_counter_set(&engine->counts.evictions, counts.evictions);
}

static void timer_fires(uv_timer_t *timer);

/* Wake up when the core's next timer is due, counted from the end of the batch. What became due
 * meanwhile has a moment more, so that answers which have come in time are heard first. */
static void timer_set(struct crl_engine *engine, corral_us next_at)
{
    if (next_at == CRL_NEVER) {
        uv_timer_stop(&engine->timer);
        return;
    }
    corral_us left = next_at - crl_now();
    uv_update_time(&engine->loop);
    uv_timer_start(&engine->timer, timer_fires, left > 0 ? (uint64_t)(left + 999) / 1000 : 1, 0);
}

/* After each batch: due timers, the next wake-up, what is to be freed, who waits for quiet. */
static void engine_settle(struct crl_engine *engine)
{
    while (crl_core_next_at(engine->core) <= engine->now)
        crl_engine_feed(engine, &(struct crl_event){.kind = CRL_TIMER});
    crl_loads_start(engine);
    limbo_reclaim(engine);
    timer_set(engine, crl_core_next_at(engine->core));
    counts_publish(engine);
    if (engine->on_quiet != NULL && crl_core_is_idle(engine->core)) {
        struct engine_call *call = engine->on_quiet;
        engine->on_quiet = NULL;
        call->run(engine, call);
    }
}

static void timer_fires(uv_timer_t *timer)
{
    struct crl_engine *engine = timer->data;
    engine->now = crl_now();
    engine_settle(engine);
}

static void deliver(struct crl_mailbox *mailbox, struct crl_letter *batch)
{
    struct crl_engine *engine = caa_container_of(mailbox, struct crl_engine, mailbox);
    engine->now = crl_now();
    while (batch != NULL) {
        struct engine_call *call = caa_container_of(batch, struct engine_call, letter);
        batch = batch->next; /* the call may free itself */
        call->run(engine, call);
    }
    if (crl_engine_is_here(engine))
        engine_settle(engine);
}

/* ------------------------------------------------------------------------------- start and stop */

static void *engine_main(void *arg)
{
    struct crl_engine *engine = arg;
    engine_of_this_thread = engine;
    uv_run(&engine->loop, UV_RUN_DEFAULT);
    return NULL;
}

static int thread_start(struct crl_engine *engine)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the program's */
    int failed = pthread_create(&engine->thread, NULL, engine_main, engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return CORRAL_ESYSTEM;
    (void)pthread_setname_np(engine->thread, "corral");
    return 0;
}

/* Nobody posts any more: calls are turned away since the close began, loads have ended. */
static void handles_close(struct crl_engine *engine)
{
    struct crl_letter *rest = crl_mailbox_close(&engine->mailbox);
    crl_assert(rest == NULL);
    uv_close((uv_handle_t *)&engine->timer, NULL);
}

int crl_engine_start(struct crl_engine *engine)
{
    if (uv_loop_init(&engine->loop) != 0)
        return CORRAL_ESYSTEM;
    uv_timer_init(&engine->loop, &engine->timer);
    engine->timer.data = engine;
    int rc = crl_mailbox_open(&engine->mailbox, &engine->loop, deliver);
    if (rc == 0) {
        rc = thread_start(engine);
        if (rc == 0)
            return 0;
        handles_close(engine);
    } else {
        uv_close((uv_handle_t *)&engine->timer, NULL);
    }
    uv_run(&engine->loop, UV_RUN_DEFAULT);
    uv_loop_close(&engine->loop);
    return rc;
}

static void stop_run(struct crl_engine *engine, struct engine_call *call)
{
    (void)call;
    uv_timer_stop(&engine->timer);
    engine_of_this_thread = NULL; /* deliver() does not settle any more */
    handles_close(engine);
}

void crl_engine_stop(struct crl_engine *engine)
{
    struct engine_call stop = {.run = stop_run};
    crl_mailbox_post(&engine->mailbox, &stop.letter);
    pthread_join(engine->thread, NULL);
    int busy = uv_loop_close(&engine->loop);
    crl_assert(busy == 0);
}

int crl_engine_post(struct crl_engine *engine, struct engine_call *call)
{
    bool taken =
        engine->cache->forks == crl_forks && crl_mailbox_offer(&engine->mailbox, &call->letter);
    return taken ? 0 : CORRAL_ECLOSED;
}

bool crl_engine_is_here(const struct crl_engine *engine)
{
    return engine_of_this_thread == engine;
}

struct engine_errand {
    struct engine_call call;
    int (*run)(struct crl_engine *engine, void *arg);
    void *arg;
    int result;
    uv_sem_t done;
};

static void errand_run(struct crl_engine *engine, struct engine_call *call)
{
    struct engine_errand *errand = caa_container_of(call, struct engine_errand, call);
    errand->result = errand->run(engine, errand->arg);
    uv_sem_post(&errand->done);
}

/* is_close: it is close's own, and not turned away by it. */
static int errand_do(struct crl_engine *engine, int (*run)(struct crl_engine *engine, void *arg),
                     void *arg, bool is_close)
{
    struct engine_errand errand = {.call = {.run = errand_run}, .run = run, .arg = arg};
    if (uv_sem_init(&errand.done, 0) != 0)
        return CORRAL_ESYSTEM;
    int rc = 0;
    if (is_close)
        crl_mailbox_post(&engine->mailbox, &errand.call.letter);
    else
        rc = crl_engine_post(engine, &errand.call);
    if (rc == 0) {
        uv_sem_wait(&errand.done);
        rc = errand.result;
    }
    uv_sem_destroy(&errand.done);
    return rc;
}

int crl_engine_do(struct crl_engine *engine, int (*run)(struct crl_engine *engine, void *arg),
                  void *arg)
{
    return crl_engine_is_here(engine) ? CORRAL_EDEADLOCK : errand_do(engine, run, arg, false);
}

/* ---------------------------------------------------------------------------------------- drain */

struct engine_quiet {
    struct engine_call call;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool reached;
};

static void quiet_reached(struct crl_engine *engine, struct engine_call *call)
{
    (void)engine;
    struct engine_quiet *quiet = caa_container_of(call, struct engine_quiet, call);
    pthread_mutex_lock(&quiet->lock);
    quiet->reached = true;
    pthread_cond_signal(&quiet->changed);
    pthread_mutex_unlock(&quiet->lock);
}

static int drain_begin(struct crl_engine *engine, void *arg)
{
    engine->draining = true;
    do /* at least once: the core begins no flight after it */
        crl_engine_feed(engine, &(struct crl_event){.kind = CRL_CLOSE});
    while (crl_counter_get(&crl_core_counts(engine->core)->flights) > 0);
    engine->on_quiet = arg;
    return 0;
}

static int drain_give_up(struct crl_engine *engine, void *arg)
{
    (void)arg;
    engine->on_quiet = NULL;
    return 0;
}

void crl_engine_drain(struct crl_engine *engine, corral_us wait_us)
{
    struct engine_quiet quiet = {.call = {.run = quiet_reached}};
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&quiet.changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&quiet.lock, NULL);
    corral_us until = crl_now() + wait_us;
    struct timespec limit = {.tv_sec = until / 1000000, .tv_nsec = until % 1000000 * 1000};

    crl_mailbox_shut(&engine->mailbox);
    (void)errand_do(engine, drain_begin, &quiet.call, true);
    pthread_mutex_lock(&quiet.lock);
    while (!quiet.reached &&
           pthread_cond_timedwait(&quiet.changed, &quiet.lock, &limit) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&quiet.lock);
    (void)errand_do(engine, drain_give_up, NULL, true);
    pthread_cond_destroy(&quiet.changed);
    pthread_mutex_destroy(&quiet.lock);
}
