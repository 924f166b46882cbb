/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.c - what drives the core: turns, two threads of its own, timers, errands, the end.
 *
 * Concept. Whoever has a letter for the core runs it himself if nobody else is in the core, and
 * what others bring meanwhile (turn.h). A batch of letters is a turn's unit: the time is sampled
 * once for it, each letter becomes an event whose actions are carried out before the next one, then
 * what is due is done (batch_settle). So a miss changes threads twice, from the reader to a worker
 * of the origin and back.
 *
 * Two more threads have what must not be done on a thread that only came to get a value. The own
 * thread waits for the core's next instant, waits for readers of the table before memory is freed,
 * and goes on with turns that became too long for others. The callback thread runs the callbacks of
 * the program; if they take long, others of them are late, and nothing else.
 *
 *     any thread                    own thread
 *     ----------                    ----------
 *     turn ── hand_over ──────────► resume: the turn goes on here
 *          ── wind ───────────────► the timer is set to alarm_at
 *     tick ◄─────────────────────── it fires
 *     turn ── reclaim ────────────► a grace period
 *          ◄─ reclaimed ─────────── is over
 *
 *                                   callback thread
 *                                   ---------------
 *          ── call_back ──────────► callback of the program
 *
 * Invariants:
 *   G1  `now` never goes back, whatever thread has the turn.
 *   G2  alarm_at <= crl_core_next_at() whenever nobody has the turn, and the own thread ticks at
 *       alarm_at, or later by what the loop is late; or a tick is on its way. An alarm that is too
 *       early does no harm: the tick finds nothing due, and sets it anew.
 *   G3  `wind` and `tick` are posted only by who has changed their flag from false to true, and the
 *       flag is changed back before what they are for is read. So none is posted twice at a time,
 *       and no change of alarm_at is missed.
 *   G4  No callback of the program runs in the turn, and no turn in a read section.
 *
 * Threads: said for each function; "in the turn" is asserted. */
#include "io/cancel.h"
#include "io/clock.h"
#include "lib/private.h"
#include "lib/rcu.h"

#include <pthread.h>

/* Answers that a thread gives which only came with a letter; the own thread gives the rest. */
#define TOLD_MAX 64

/* Timers that such a thread runs; the rest is left to the next tick. Not among them is what the
 * letters of its own batch have left to do at once, up to one load for each place that an origin
 * can have: loads that are gathered begin in the turn that wanted them. */
#define TIMERS_MAX  64
#define AT_ONCE_MAX (1u << CRL_PLACE_BITS)

/* ------------------------------------------------------------------------------------ the alarm */

/* On the own thread. The loop is late by up to a millisecond. What became due meanwhile has that
 * moment more, so that answers which have come in time are heard first. */
static void timer_fires(uv_timer_t *timer)
{
    struct crl_engine *engine = timer->data;
    if (!atomic_exchange(&engine->ticks, true))
        crl_turn_post(&engine->turn, &engine->tick.letter);
}

static void timer_open(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct crl_engine *engine = caa_container_of(call, struct crl_engine, timer_opened);
    uv_timer_init(&loop->uv, &engine->timer);
    engine->timer.data = engine;
}

/* On the own thread. */
static void wind_run(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct crl_engine *engine = caa_container_of(call, struct crl_engine, wind);
    crl_assert(crl_loop_is_here(loop));
    (void)atomic_exchange(&engine->winds, false); /* G3 */
    corral_us alarm_at = atomic_load(&engine->alarm_at);
    if (alarm_at == CRL_NEVER || uv_is_closing((uv_handle_t *)&engine->timer))
        return;
    uv_update_time(&loop->uv);
    if (alarm_at == CRL_AT_ONCE) {
        uv_timer_start(&engine->timer, timer_fires, 0, 0);
        return;
    }
    corral_us left = alarm_at - crl_now();
    uv_timer_start(&engine->timer, timer_fires, left > 0 ? (uint64_t)(left + 999) / 1000 : 1, 0);
}

/* The alarm has rung: the end of this batch sets it anew. */
static void tick_run(struct crl_engine *engine, struct engine_call *call)
{
    (void)call;
    (void)atomic_exchange(&engine->ticks, false);
    atomic_store(&engine->alarm_at, CRL_NEVER);
}

/* Keep G2. Most events need nothing here: what they wait for is later than what others wait for. */
static void alarm_set(struct crl_engine *engine)
{
    corral_us next_at = crl_core_next_at(engine->core);
    if (next_at >= atomic_load_explicit(&engine->alarm_at, memory_order_relaxed))
        return;
    atomic_store(&engine->alarm_at, next_at);
    if (!atomic_exchange(&engine->winds, true))
        crl_loop_post(&engine->loop, &engine->wind);
}

/* ------------------------------------------------------------------------------------- the turn */

/* On the own thread. What the table has unlinked is freed after a grace period, when there is
 * enough of it to be worth one. The wait is microseconds, unless the kernel has put a reader aside
 * in the middle of a hit. */
static void reclaim_run(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct crl_engine *engine = caa_container_of(call, struct crl_engine, reclaim);
    crl_assert(crl_loop_is_here(loop));
    crl_rcu_wait();
    crl_turn_post(&engine->turn, &engine->reclaimed.letter);
}

static void reclaimed_run(struct crl_engine *engine, struct engine_call *call)
{
    (void)call;
    crl_table_limbo_drop(engine->table, engine->limbo);
    engine->limbo = NULL;
}

/* Once the end has begun, the table is freed soon, with all that waits. */
static void limbo_reclaim(struct crl_engine *engine)
{
    if (engine->draining || !crl_table_limbo_is_due(engine->table))
        return;
    crl_assert(engine->limbo == NULL);
    engine->limbo = crl_table_limbo_take(engine->table);
    if (engine->limbo != NULL)
        crl_loop_post(&engine->loop, &engine->reclaim);
}

static void counts_publish(struct crl_engine *engine)
{
    struct crl_table_counts counts = crl_table_counts(engine->table);
    crl_counter_set(&engine->counts.entries, counts.entries);
    crl_counter_set(&engine->counts.bytes, counts.held_bytes);
    crl_counter_set(&engine->counts.evictions, counts.evictions);
}

static void timers_run(struct crl_engine *engine)
{
    bool is_own = crl_loop_is_here(&engine->loop);
    uint32_t left = is_own ? UINT32_MAX : TIMERS_MAX;
    uint32_t at_once_left = is_own ? UINT32_MAX : AT_ONCE_MAX;
    corral_us next_at;
    while ((next_at = crl_core_next_at(engine->core)) <= engine->now &&
           (next_at == CRL_AT_ONCE ? at_once_left-- : left--) > 0)
        crl_engine_feed(engine, &(struct crl_event){.kind = CRL_TIMER});
}

/* After each batch: due timers, loads, the next alarm, what is to be freed, who waits for quiet. */
static void batch_settle(struct crl_engine *engine)
{
    timers_run(engine);
    crl_loads_start(engine);
    alarm_set(engine);
    limbo_reclaim(engine);
    counts_publish(engine);
    if (engine->on_quiet != NULL && crl_core_is_idle(engine->core)) {
        struct engine_call *call = engine->on_quiet;
        engine->on_quiet = NULL;
        call->run(engine, call);
    }
}

static struct crl_letter *batch_run(struct crl_turn *turn, struct crl_letter *batch)
{
    struct crl_engine *engine = caa_container_of(turn, struct crl_engine, turn);
    corral_us now = crl_now();
    engine->now = now > engine->now ? now : engine->now; /* G1 */
    engine->told = NULL;
    engine->told_tail = &engine->told;
    engine->told_left = TOLD_MAX;
    while (batch != NULL) {
        struct engine_call *call = caa_container_of(batch, struct engine_call, letter);
        batch = batch->next; /* the call may free itself */
        call->run(engine, call);
    }
    batch_settle(engine);
    return engine->told;
}

/* What was told, when the turn is over: the engine may be gone. */
static void after_turn(struct crl_letter *told)
{
    while (told != NULL) {
        struct crl_loop_call *call = caa_container_of(told, struct crl_loop_call, letter);
        told = told->next; /* the call may free itself */
        call->run(NULL, call);
    }
}

static void hand_over(struct crl_turn *turn)
{
    struct crl_engine *engine = caa_container_of(turn, struct crl_engine, turn);
    crl_loop_post(&engine->loop, &engine->resume);
}

static void resume_run(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct crl_engine *engine = caa_container_of(call, struct crl_engine, resume);
    crl_assert(crl_loop_is_here(loop));
    crl_turn_resume(&engine->turn);
}

/* ------------------------------------------------------------------------------- start and stop */

static int threads_start(struct crl_engine *engine)
{
    int rc = crl_loop_start(&engine->loop, "corral");
    if (rc < 0)
        return rc;
    rc = crl_loop_start(&engine->callbacks, "corral-calls");
    if (rc < 0)
        crl_loop_stop(&engine->loop);
    return rc;
}

int crl_engine_start(struct crl_engine *engine)
{
    static const struct crl_turn_ops ops = {
        .run = batch_run, .after = after_turn, .hand_over = hand_over};
    crl_assert(engine->cache != NULL && engine->core != NULL && engine->table != NULL);
    engine->resume.run = resume_run;
    engine->wind.run = wind_run;
    engine->reclaim.run = reclaim_run;
    engine->reclaimed.run = reclaimed_run;
    engine->tick.run = tick_run;
    engine->timer_opened.run = timer_open;
    atomic_init(&engine->alarm_at, CRL_NEVER);
    crl_turn_init(&engine->turn, &ops);
    int rc = threads_start(engine);
    if (rc < 0) {
        crl_turn_fini(&engine->turn);
        return rc;
    }
    crl_loop_post(&engine->loop, &engine->timer_opened);
    return 0;
}

/* The end of the timer, and somebody who waits for it. */
struct timer_end {
    struct crl_loop_call call;
    struct crl_engine *engine;
    uv_sem_t done;
};

static void timer_close(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct timer_end *end = caa_container_of(call, struct timer_end, call);
    (void)loop;
    uv_close((uv_handle_t *)&end->engine->timer, NULL);
    uv_sem_post(&end->done);
}

/* First what posts to the turn from the own thread (a grace period that is waited for was begun
 * before the drain, so it is over when the timer is closed); then the turn; then the own thread,
 * which may have had to go on with the turn until then; then the callbacks, which may look whether
 * the turn is shut. */
void crl_engine_stop(struct crl_engine *engine)
{
    crl_assert(engine->draining && !crl_engine_calls_back(engine));
    struct timer_end end = {.call.run = timer_close, .engine = engine};
    int failed = uv_sem_init(&end.done, 0);
    crl_assert(!failed); /* glibc's fails for no such value */
    crl_loop_post(&engine->loop, &end.call);
    uv_sem_wait(&end.done);
    uv_sem_destroy(&end.done);
    crl_turn_close(&engine->turn);
    crl_loop_stop(&engine->loop);
    crl_loop_stop(&engine->callbacks);
}

void crl_engine_fini(struct crl_engine *engine)
{
    crl_turn_fini(&engine->turn);
}

/* ----------------------------------------------------------------------------- letters, errands */

int crl_engine_post(struct crl_engine *engine, struct engine_call *call)
{
    crl_assert(call->run != NULL);
    bool taken = engine->cache->forks == crl_forks && crl_turn_offer(&engine->turn, &call->letter);
    return taken ? 0 : CORRAL_ECLOSED;
}

bool crl_engine_calls_back(const struct crl_engine *engine)
{
    return engine->cache->forks == crl_forks && crl_loop_is_here(&engine->callbacks);
}

struct engine_errand {
    struct engine_call call;
    struct crl_loop_call told;
    int (*run)(struct crl_engine *engine, void *arg);
    void *arg;
    int result;
    uv_sem_t done;
};

static void errand_done(struct crl_loop *loop, struct crl_loop_call *call)
{
    (void)loop;
    uv_sem_post(&caa_container_of(call, struct engine_errand, told)->done);
}

static void errand_run(struct crl_engine *engine, struct engine_call *call)
{
    struct engine_errand *errand = caa_container_of(call, struct engine_errand, call);
    errand->result = errand->run(engine, errand->arg);
    crl_engine_tell(engine, &errand->told);
}

/* is_close: it is close's own, and not turned away by it. */
static int errand_do(struct crl_engine *engine, int (*run)(struct crl_engine *engine, void *arg),
                     void *arg, bool is_close)
{
    struct engine_errand errand = {
        .call = {.run = errand_run}, .told = {.run = errand_done}, .run = run, .arg = arg};
    if (uv_sem_init(&errand.done, 0) != 0)
        return CORRAL_ESYSTEM;
    int rc = 0, held = crl_cancel_hold();
    if (is_close)
        crl_turn_post(&engine->turn, &errand.call.letter);
    else
        rc = crl_engine_post(engine, &errand.call);
    if (rc == 0) {
        uv_sem_wait(&errand.done);
        rc = errand.result;
    }
    uv_sem_destroy(&errand.done);
    crl_cancel_let_go(held);
    return rc;
}

int crl_engine_do(struct crl_engine *engine, int (*run)(struct crl_engine *engine, void *arg),
                  void *arg)
{
    crl_assert(run != NULL && !crl_turn_is_mine(&engine->turn));
    return errand_do(engine, run, arg, false);
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

    crl_assert(!crl_engine_calls_back(engine));
    crl_turn_shut(&engine->turn);
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
