/* SPDX-License-Identifier: Apache-2.0
 *
 * private.h - what the files of lib/ share. Each calls only those below it:
 *
 *   cache.c   open, shut, close, origins and spaces
 *   get.c     gets, from the first look at the table to the answer
 *   change.c  invalidations and puts
 *   figures.c what there is to be counted of all these
 *   engine.c  what drives the core: its turns, its own thread, timers, errands, the end
 *   loads.c   events to the core, its actions carried out, loads on their way
 *   stuck.c   what is told of a loader that would have waited for itself
 *   turn.c    whose turn it is
 *   stats.c   who got what, counted by each thread for itself
 *
 * process.c stands beside them: what is to be done when the process forks or unloads the library.
 *
 * "In the turn" below means: on the thread that has the engine's turn (turn.h), which is asserted.
 * The cache has two threads of its own, both outside of turns. The own thread never runs code of
 * the program and is never late for it; on the callback thread the program's callbacks run. */
#ifndef CRL_LIB_PRIVATE_H
#define CRL_LIB_PRIVATE_H

#include "base/assert.h"
#include "base/forks.h"
#include "core/core.h"
#include "io/loop.h"
#include "lib/cache.h"
#include "lib/stats.h"
#include "lib/turn.h"

struct crl_engine;

/* Loads that one event may begin, with those that begin in place of others for which there was no
 * memory: each of these frees a place for at most one. */
#define CRL_REFUSED_MAX (4 << CRL_BATCH_BITS)

/* Failures on their way to the program. */
#define CRL_REPORTS_MAX 1024

/* A letter to the engine: run this in the turn. */
struct engine_call {
    struct crl_letter letter;
    void (*run)(struct crl_engine *engine, struct engine_call *call);
};

/* Who waits for an answer of the core, and what is to be done with the answer. */
struct engine_waiter {
    struct crl_waiter waiter; /* first */
    /* In the turn, once. `entry` is borrowed, and NULL where result < 0.
     * cached   whether the entry is in the table */
    void (*answered)(struct crl_engine *engine, struct engine_waiter *waiter, int result,
                     struct crl_entry *entry, bool cached);
};

struct corral_space {
    /* What a hit reads, together; copies of what the cache has. */
    struct crl_table_view table;
    uint64_t hash_seed;
    const struct crl_space_view *view; /* the core's */
    size_t key_max;
    uint32_t forks;  /* as the cache's */
    uint32_t number; /* in the core */
    uint64_t stats_id;
    struct crl_stats *stats;

    struct corral_cache *cache;
    struct corral_origin *origin;
    const struct crl_core_space_counts *counts;
    void *arg;
    char *name;
};

/* A load on its way, from ASK_ORIGIN to the ORIGIN_ANSWERED event. */
struct engine_load {
    struct crl_load load; /* what the origin sees; its key is ours, at the end */
    struct crl_engine *engine;
    struct corral_space *space;
    struct corral_origin *origin;
    struct engine_call answered;   /* of the first of those answered together, by load.next */
    struct crl_load_result result; /* once answered; its text is `why` */
    char *why;
    struct crl_loop_call reported; /* of its failure, to the program */
    int reported_rc;               /* ... why it failed; 0: it is not reported */
    const char *reported_why;      /* ... static, or `why` */
    _Atomic uint32_t refs;         /* L2: of its way, and of its report */
    unsigned char key[];
};

struct corral_origin {
    struct corral_cache *cache;
    uint32_t number; /* in the core */
    const struct crl_core_origin_counts *counts;
    char *name;
    struct crl_origin *impl;

    /* In the turn. */
    struct crl_load *starting;           /* loads of this batch, by ->next; oldest first */
    struct crl_load **starting_tail;     /* where the next one goes */
    struct corral_origin *next_to_start; /* of those that have any */
    uint32_t batch_max;
    struct engine_load *loads[]; /* by place and index there */
};

/* What drives one core. A cache has one; with keys split by hash there could be several. */
struct crl_engine {
    struct corral_cache *cache; /* it belongs to it; set before the start, with core and table */
    struct crl_core *core;
    struct crl_table *table; /* the core's */

    struct crl_turn turn;
    struct crl_loop loop;      /* the own thread */
    struct crl_loop callbacks; /* the callback thread */

    /* In the turn. */
    corral_us now; /* of this batch */
    struct crl_actions actions;
    struct corral_origin *to_start; /* origins with loads that wait for the end of the batch */
    crl_load_id refused[CRL_REFUSED_MAX]; /* loads for which there was no memory; in one feed */
    uint32_t refused_n;
    struct crl_letter *told; /* crl_engine_tell(), for the end of the turn; oldest first */
    struct crl_letter **told_tail;
    uint32_t told_left;           /* so many more in this batch */
    struct engine_call *on_quiet; /* close waits for it */
    struct crl_limbo *limbo;      /* what waits for readers, or NULL */
    bool draining;                /* a CLOSE is under way */

    /* From the turn to the own thread, and back. */
    struct crl_loop_call resume;       /* go on with a turn */
    struct crl_loop_call wind;         /* set the timer to alarm_at */
    struct crl_loop_call reclaim;      /* wait for readers */
    struct engine_call reclaimed;      /* they have left */
    struct engine_call tick;           /* the timer has fired */
    _Atomic bool winds, ticks;         /* these two are on their way */
    _Atomic corral_us alarm_at;        /* when the own thread ticks, at the latest */
    uv_timer_t timer;                  /* the own thread's */
    struct crl_loop_call timer_opened; /* what makes it */

    _Atomic uint32_t reports; /* of failures, on their way to the program */

    struct {
        struct crl_counter entries, bytes, evictions;
    } counts; /* of the table, after each batch; any thread reads them */
};

/* What all engines of a cache share. */
struct corral_cache {
    uint64_t number;             /* in the process, from 1; unlike an address, never used again */
    uint32_t forks;              /* at the opening: where there are more, the cache is a parent's */
    struct crl_allocator *arena; /* of entries */
    struct crl_allocator *buckets; /* of the rest of the table */
    uint64_t seed;
    size_t key_max, value_max;
    uint32_t waiters_max;
    _Atomic uint32_t gets;      /* on their way to the engine, or waiting there */
    _Atomic uint32_t callbacks; /* of gets and changes, not called yet */
    pthread_mutex_t shut_lock;
    atomic_bool is_shut;
    bool left_behind;      /* a loader, when it was shut */
    _Atomic uint32_t refs; /* until the close; and of each origin that has loaders left behind */
    corral_us close_wait_us;
    corral_failure_fn *on_failure;
    void *on_failure_arg;
    struct crl_stats *stats;

    /* These only grow, in the turn. */
    uint32_t origins_n, spaces_n;
    struct corral_origin *origins[CRL_ORIGINS_MAX];
    struct corral_space *spaces[CRL_SPACES_MAX];

    struct crl_engine engine;
};

/* crl_key_check - before all else: whether the cache is this process's, and the key one for it.
 * Errors: ECLOSED, EKEY */
static inline int crl_key_check(const struct corral_space *space, struct corral_bytes key)
{
    if (space->forks != crl_forks)
        return CORRAL_ECLOSED;
    return key.size - 1 >= space->key_max ? CORRAL_EKEY : 0; /* an empty one wraps round */
}

/* crl_enter, crl_leave - P8: gets on their way to the engine, and waiting there, are limited in
 * all, since a letter costs memory before the core has seen it; so are callbacks, from then until
 * they are called. Of a program that is slow in these, gets without a callback see nothing.
 * n   cache->gets or cache->callbacks
 * Errors: ELIMIT */
static inline void crl_leave(_Atomic uint32_t *n)
{
    uint32_t before = atomic_fetch_sub_explicit(n, 1, memory_order_relaxed);
    crl_assert(before > 0);
}

static inline int crl_enter(struct corral_cache *cache, _Atomic uint32_t *n)
{
    if (atomic_fetch_add_explicit(n, 1, memory_order_relaxed) < cache->waiters_max)
        return 0;
    crl_leave(n);
    return CORRAL_ELIMIT;
}

/* ------------------------------------------------------------------------------------- engine.c */

/* crl_engine_start - start both threads; cache, core and table are set. Errors: ESYSTEM */
int crl_engine_start(struct crl_engine *engine);

/* crl_engine_stop - after crl_engine_drain(), when no load is on its way any more: wait until
 * nobody has the turn, and end both threads; callbacks that wait are called first. Blocks. Calls
 * are refused as before, until crl_engine_fini(). */
void crl_engine_stop(struct crl_engine *engine);
void crl_engine_fini(struct crl_engine *engine);

/* crl_engine_post - run a call in the turn: at once if nobody has it, along with what else has
 * come (a bounded number), or else by who has it. Any thread. Does not block. After success the
 * engine must not be looked at any more: it may be gone. Errors: ECLOSED close has begun, or the
 * cache is that of a process of which this one is a child; then the call is still the caller's. */
int crl_engine_post(struct crl_engine *engine, struct engine_call *call);

/* crl_engine_calls_back - is this the callback thread? There nobody may wait for the cache. */
bool crl_engine_calls_back(const struct crl_engine *engine);

/* crl_engine_do - run a function in the turn and wait for its result.
 * Errors: ECLOSED, ESYSTEM, and what the function returns. Any thread but in the turn: who waits is
 * woken by whoever has the turn, or by the own thread. */
int crl_engine_do(struct crl_engine *engine, int (*run)(struct crl_engine *engine, void *arg),
                  void *arg);

/* crl_engine_drain - take no more calls, end all flights and cancel all loads; wait until the
 * origins have confirmed, at most `wait_us`. Blocks; not on the callback thread. */
void crl_engine_drain(struct crl_engine *engine, corral_us wait_us);

/* -------------------------------------------------------------------------------------- stuck.c */

/* crl_stuck_asker - the load whose loader runs on this thread, if it is one of this cache; or 0. */
crl_load_id crl_stuck_asker(const struct corral_cache *cache);

/* crl_stuck_report - tell the program of a get of a loader that was refused with EDEADLOCK, as of a
 * load that failed. In the turn.
 * key   borrowed for the call
 * asker, stuck   who asked, and why it would have waited for itself */
void crl_stuck_report(struct crl_engine *engine, const struct corral_space *space,
                      struct corral_bytes key, crl_load_id asker, enum crl_stuck stuck);

/* -------------------------------------------------------------------------------------- loads.c */

/* crl_engine_feed - give the core an event and carry out its actions; loads begin when the batch
 * ends (crl_loads_start). The time of the event and the result of the actions are filled in.
 * In the turn. Returns the result. */
int crl_engine_feed(struct crl_engine *engine, struct crl_event *event);

/* crl_loads_start - hand the loads of this batch to their origins, each origin its own in one call.
 * In the turn. */
void crl_loads_start(struct crl_engine *engine);

/* crl_engine_tell - run a call after the turn: on whatever thread has it now, so it must be short
 * and must not call into the cache. If there are too many for one thread, the own thread runs the
 * rest. In the turn. */
void crl_engine_tell(struct crl_engine *engine, struct crl_loop_call *call);

/* crl_engine_call_back - run a call on the callback thread, after all that it was given before. In
 * the turn. */
void crl_engine_call_back(struct crl_engine *engine, struct crl_loop_call *call);

#endif
