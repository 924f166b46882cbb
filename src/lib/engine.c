/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.c - the thread that owns the core.
 *
 * Concept. Letters arrive in the mailbox in order; each becomes an event for the core, whose
 * actions are carried out before the next one. One libuv timer stands for all the core's timers.
 * The time is sampled once for each batch. What the table has unlinked is freed after an RCU grace
 * period.
 *
 * Threads: everything here runs on the engine's thread, but crl_engine_start, crl_engine_stop,
 * crl_engine_post, crl_engine_do, crl_engine_drain and loads_answer. */
#include "io/clock.h"
#include "lib/private.h"
#include "lib/rcu.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MAX 256

static __thread struct corral_cache *engine_of_this_thread;

/* ---------------------------------------------------------------------------------------- loads */

static void load_free(struct corral_cache *cache, struct engine_load *load)
{
    if (load->result.draft != NULL)
        crl_entry_unref(cache->arena, load->result.draft);
    free(load->why);
    free(load);
}

static void load_report(struct corral_cache *cache, const struct engine_load *load)
{
    int rc = load->result.rc;
    if (rc < 0 && cache->on_failure != NULL && !cache->draining)
        cache->on_failure(cache->on_failure_arg, load->space->name, load->load.key, rc,
                          load->why != NULL ? load->why : corral_strerror(rc));
}

static void load_arrive(struct corral_cache *cache, struct engine_load *load)
{
    const struct crl_entry *draft = load->result.draft;
    load_report(cache, load);
    struct crl_event event = {
        .kind = CRL_ORIGIN_ANSWERED,
        .origin = {.load = load->load.id,
                   .rc = load->result.rc,
                   .negative = load->result.rc == 0 && draft == NULL,
                   .value = draft != NULL ? crl_entry_value(draft) : crl_bytes(NULL, 0)},
    };
    struct corral_origin *origin = cache->origins[load->origin];
    origin->loads[crl_load_place(load->load.id)] = NULL; /* before the place is taken again */
    crl_engine_feed(cache, &event);
    load_free(cache, load);
}

/* The letter: all that was answered by one call. */
static void loads_arrive(struct corral_cache *cache, struct engine_call *call)
{
    struct crl_load *load = &caa_container_of(call, struct engine_load, answered)->load;
    while (load != NULL) {
        struct crl_load *next = load->next;
        load_arrive(cache, caa_container_of(load, struct engine_load, load));
        load = next;
    }
}

/* The origin's answers; any thread. They are linked, and the first one is the letter of all. */
static void loads_answer(const struct crl_load_answered *answered, size_t n)
{
    struct engine_load *first = caa_container_of(answered[0].load, struct engine_load, load);
    for (size_t i = 0; i < n; i++) {
        struct engine_load *load = caa_container_of(answered[i].load, struct engine_load, load);
        load->load.next = i + 1 < n ? answered[i + 1].load : NULL;
        load->result = answered[i].result;
        if (load->result.rc < 0 && load->result.why != NULL)
            load->why = strndup(load->result.why, WHY_MAX);
    }
    crl_mailbox_post(&first->cache->mailbox, &first->answered.letter);
}

/* Returns false where there is no memory. */
static bool load_start(struct corral_cache *cache, const struct crl_action *action)
{
    struct engine_load *load = calloc(1, sizeof *load + action->key.size);
    if (load == NULL)
        return false;
    memcpy(load->key, action->key.data, action->key.size);
    load->cache = cache;
    load->space = cache->spaces[action->space];
    load->origin = action->origin;
    load->answered.run = loads_arrive;
    load->load = (struct crl_load){
        .id = action->load.load,
        .key = crl_bytes(load->key, action->key.size),
        .space_arg = load->space->arg,
        .deadline_at = action->load.deadline_at,
        .allocator = cache->arena,
        .answer = loads_answer,
    };
    struct corral_origin *origin = cache->origins[action->origin];
    origin->loads[crl_load_place(load->load.id)] = load;
    crl_origin_start(origin->impl, &load->load);
    return true;
}

static void load_cancel(struct corral_cache *cache, const struct crl_action *action)
{
    struct corral_origin *origin = cache->origins[action->origin];
    struct engine_load *load = origin->loads[crl_load_place(action->load.load)];
    if (load != NULL && load->load.id == action->load.load)
        crl_origin_cancel(origin->impl, &load->load);
}

/* ------------------------------------------------------------------------------ the core's turn */

/* Carries out the actions of one event. Loads that could not begin are named in `ret_failed`. */
static uint32_t actions_run(struct corral_cache *cache, crl_load_id ret_failed[CRL_ACTIONS_MAX])
{
    uint32_t failed = 0;
    for (uint32_t i = 0; i < cache->actions.n; i++) {
        struct crl_action *action = &cache->actions.v[i];
        switch (action->kind) {
        case CRL_ANSWER:
            crl_get_answered(cache, action);
            break;
        case CRL_ASK_ORIGIN:
            if (!load_start(cache, action))
                ret_failed[failed++] = action->load.load;
            break;
        case CRL_CANCEL_LOAD:
            load_cancel(cache, action);
            break;
        case CRL_ASK_STORE:
        case CRL_FILL_STORE:
        case CRL_RELEASE_LEASE:
        case CRL_INVALIDATE_STORE:
            crl_unreachable(); /* no space of the library has a store yet */
            break;
        }
    }
    return failed;
}

/* What the table has unlinked is freed when there is enough of it to be worth a grace period. The
 * wait is microseconds, unless the kernel has put a reader aside in the middle of a hit. */
static void limbo_reclaim(struct corral_cache *cache)
{
    if (!crl_table_limbo_is_due(cache->table))
        return;
    struct crl_limbo *limbo = crl_table_limbo_take(cache->table);
    if (limbo == NULL)
        return;
    crl_rcu_wait();
    crl_table_limbo_drop(cache->table, limbo);
}

int crl_engine_feed(struct corral_cache *cache, struct crl_event *event)
{
    crl_load_id failed[2 * CRL_ACTIONS_MAX];
    event->now = cache->now;
    crl_core_step(cache->core, event, &cache->actions);
    int result = cache->actions.result;
    uint32_t n = actions_run(cache, failed);
    while (n > 0) {
        struct crl_event no_memory = {
            .kind = CRL_ORIGIN_ANSWERED,
            .now = cache->now,
            .origin = {.load = failed[--n], .rc = CORRAL_ENOMEM},
        };
        crl_core_step(cache->core, &no_memory, &cache->actions);
        n += actions_run(cache, failed + n);
        crl_assert(n <= CRL_ACTIONS_MAX);
    }
    limbo_reclaim(cache);
    return result;
}

static void counts_publish(struct corral_cache *cache)
{
    struct crl_table_counts counts = crl_table_counts(cache->table);
    crl_counter_set(&cache->counts.entries, counts.entries);
    crl_counter_set(&cache->counts.bytes, counts.held_bytes);
    crl_counter_set(&cache->counts.evictions, counts.evictions);
}

static void timer_fires(uv_timer_t *timer);

/* Wake up when the core's next timer is due, counted from the end of the batch. What became due
 * meanwhile has a moment more, so that answers which have come in time are heard first. */
static void timer_set(struct corral_cache *cache, corral_us next_at)
{
    if (next_at == CRL_NEVER) {
        uv_timer_stop(&cache->timer);
        return;
    }
    corral_us left = next_at - crl_now();
    uv_update_time(&cache->loop);
    uv_timer_start(&cache->timer, timer_fires, left > 0 ? (uint64_t)(left + 999) / 1000 : 1, 0);
}

/* After each batch: due timers, the next wake-up, what is to be freed, who waits for quiet. */
static void engine_settle(struct corral_cache *cache)
{
    while (crl_core_next_at(cache->core) <= cache->now)
        crl_engine_feed(cache, &(struct crl_event){.kind = CRL_TIMER});
    timer_set(cache, crl_core_next_at(cache->core));
    counts_publish(cache);
    if (cache->on_quiet != NULL && crl_core_is_idle(cache->core)) {
        struct engine_call *call = cache->on_quiet;
        cache->on_quiet = NULL;
        call->run(cache, call);
    }
}

static void timer_fires(uv_timer_t *timer)
{
    struct corral_cache *cache = timer->data;
    cache->now = crl_now();
    engine_settle(cache);
}

static void deliver(struct crl_mailbox *mailbox, struct crl_letter *batch)
{
    struct corral_cache *cache = caa_container_of(mailbox, struct corral_cache, mailbox);
    cache->now = crl_now();
    while (batch != NULL) {
        struct engine_call *call = caa_container_of(batch, struct engine_call, letter);
        batch = batch->next; /* the call may free itself */
        call->run(cache, call);
    }
    if (crl_engine_is_here(cache))
        engine_settle(cache);
}

/* ------------------------------------------------------------------------------- start and stop */

static void *engine_main(void *arg)
{
    struct corral_cache *cache = arg;
    engine_of_this_thread = cache;
    uv_run(&cache->loop, UV_RUN_DEFAULT);
    return NULL;
}

static int thread_start(struct corral_cache *cache)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the program's */
    int failed = pthread_create(&cache->thread, NULL, engine_main, cache);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return CORRAL_ESYSTEM;
    (void)pthread_setname_np(cache->thread, "corral");
    return 0;
}

/* Nobody posts any more: calls are turned away since the close began, loads have ended. */
static void handles_close(struct corral_cache *cache)
{
    struct crl_letter *rest = crl_mailbox_close(&cache->mailbox);
    crl_assert(rest == NULL);
    uv_close((uv_handle_t *)&cache->timer, NULL);
}

int crl_engine_start(struct corral_cache *cache)
{
    if (uv_loop_init(&cache->loop) != 0)
        return CORRAL_ESYSTEM;
    uv_timer_init(&cache->loop, &cache->timer);
    cache->timer.data = cache;
    int rc = crl_mailbox_open(&cache->mailbox, &cache->loop, deliver);
    if (rc == 0) {
        rc = thread_start(cache);
        if (rc == 0)
            return 0;
        handles_close(cache);
    } else {
        uv_close((uv_handle_t *)&cache->timer, NULL);
    }
    uv_run(&cache->loop, UV_RUN_DEFAULT);
    uv_loop_close(&cache->loop);
    return rc;
}

static void stop_run(struct corral_cache *cache, struct engine_call *call)
{
    (void)call;
    uv_timer_stop(&cache->timer);
    engine_of_this_thread = NULL; /* deliver() does not settle any more */
    handles_close(cache);
}

void crl_engine_stop(struct corral_cache *cache)
{
    struct engine_call stop = {.run = stop_run};
    crl_mailbox_post(&cache->mailbox, &stop.letter);
    pthread_join(cache->thread, NULL);
    int busy = uv_loop_close(&cache->loop);
    crl_assert(busy == 0);
}

int crl_engine_post(struct corral_cache *cache, struct engine_call *call)
{
    bool taken = cache->forks == crl_forks && crl_mailbox_offer(&cache->mailbox, &call->letter);
    return taken ? 0 : CORRAL_ECLOSED;
}

bool crl_engine_is_here(const struct corral_cache *cache)
{
    return engine_of_this_thread == cache;
}

struct engine_errand {
    struct engine_call call;
    int (*run)(struct corral_cache *cache, void *arg);
    void *arg;
    int result;
    uv_sem_t done;
};

static void errand_run(struct corral_cache *cache, struct engine_call *call)
{
    struct engine_errand *errand = caa_container_of(call, struct engine_errand, call);
    errand->result = errand->run(cache, errand->arg);
    uv_sem_post(&errand->done);
}

/* is_close: it is close's own, and not turned away by it. */
static int errand_do(struct corral_cache *cache, int (*run)(struct corral_cache *cache, void *arg),
                     void *arg, bool is_close)
{
    struct engine_errand errand = {.call = {.run = errand_run}, .run = run, .arg = arg};
    if (uv_sem_init(&errand.done, 0) != 0)
        return CORRAL_ESYSTEM;
    int rc = 0;
    if (is_close)
        crl_mailbox_post(&cache->mailbox, &errand.call.letter);
    else
        rc = crl_engine_post(cache, &errand.call);
    if (rc == 0) {
        uv_sem_wait(&errand.done);
        rc = errand.result;
    }
    uv_sem_destroy(&errand.done);
    return rc;
}

int crl_engine_do(struct corral_cache *cache, int (*run)(struct corral_cache *cache, void *arg),
                  void *arg)
{
    return crl_engine_is_here(cache) ? CORRAL_EDEADLOCK : errand_do(cache, run, arg, false);
}

/* ---------------------------------------------------------------------------------------- drain */

struct engine_quiet {
    struct engine_call call;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool reached;
};

static void quiet_reached(struct corral_cache *cache, struct engine_call *call)
{
    (void)cache;
    struct engine_quiet *quiet = caa_container_of(call, struct engine_quiet, call);
    pthread_mutex_lock(&quiet->lock);
    quiet->reached = true;
    pthread_cond_signal(&quiet->changed);
    pthread_mutex_unlock(&quiet->lock);
}

static int drain_begin(struct corral_cache *cache, void *arg)
{
    cache->draining = true;
    do /* at least once: the core begins no flight after it */
        crl_engine_feed(cache, &(struct crl_event){.kind = CRL_CLOSE});
    while (crl_counter_get(&crl_core_counts(cache->core)->flights) > 0);
    cache->on_quiet = arg;
    return 0;
}

static int drain_give_up(struct corral_cache *cache, void *arg)
{
    (void)arg;
    cache->on_quiet = NULL;
    return 0;
}

void crl_engine_drain(struct corral_cache *cache, corral_us wait_us)
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

    crl_mailbox_shut(&cache->mailbox);
    (void)errand_do(cache, drain_begin, &quiet.call, true);
    pthread_mutex_lock(&quiet.lock);
    while (!quiet.reached &&
           pthread_cond_timedwait(&quiet.changed, &quiet.lock, &limit) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&quiet.lock);
    (void)errand_do(cache, drain_give_up, NULL, true);
    pthread_cond_destroy(&quiet.changed);
    pthread_mutex_destroy(&quiet.lock);
}
