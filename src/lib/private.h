/* SPDX-License-Identifier: Apache-2.0
 *
 * private.h - what the files of lib/ share. Each calls only those below it:
 *
 *   cache.c   open, close, origins and spaces
 *   get.c     gets, from the first look at the table to the answer; changes
 *   engine.c  the thread that owns the core: letters, timers, errands, the end
 *   loads.c   events to the core, its actions carried out, loads on their way
 *   stats.c   who got what, counted by each thread for itself */
#ifndef CRL_LIB_PRIVATE_H
#define CRL_LIB_PRIVATE_H

#include "base/assert.h"
#include "core/core.h"
#include "io/mailbox.h"
#include "lib/cache.h"
#include "lib/stats.h"

#include <pthread.h>

struct crl_engine;

/* A letter to the engine: run this on its thread. */
struct engine_call {
    struct crl_letter letter;
    void (*run)(struct crl_engine *engine, struct engine_call *call);
};

/* Who waits for an answer of the core, and what is to be done with the answer. */
struct engine_waiter {
    struct crl_waiter waiter; /* first */
    /* On the engine's thread, once. `entry` is borrowed, and NULL where result < 0.
     * cached   whether the entry is in the table */
    void (*answered)(struct crl_engine *engine, struct engine_waiter *waiter, int result,
                     struct crl_entry *entry, bool cached);
};

struct corral_space {
    /* What a hit reads, together; copies of what the cache has. */
    struct crl_table_view table;
    uint64_t hash_seed;
    size_t key_max;
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
    unsigned char key[];
};

struct corral_origin {
    struct corral_cache *cache;
    uint32_t number; /* in the core */
    const struct crl_core_origin_counts *counts;
    char *name;
    struct crl_origin *impl;

    /* The engine's. */
    struct crl_load *starting;           /* loads of this batch, by ->next; oldest first */
    struct crl_load **starting_tail;     /* where the next one goes */
    struct corral_origin *next_to_start; /* of those that have any */
    uint32_t places;
    struct engine_load *loads[]; /* by place */
};

/* What drives one core. A cache has one; with keys split by hash there could be several. */
struct crl_engine {
    struct corral_cache *cache; /* it belongs to it; set before the start, with core and table */
    struct crl_core *core;
    struct crl_table *table; /* the core's */

    uv_loop_t loop;
    uv_timer_t timer;
    struct crl_mailbox mailbox;
    pthread_t thread;

    /* The engine's thread alone. */
    corral_us now; /* of this batch */
    struct crl_actions actions;
    struct corral_origin *to_start; /* origins with loads that wait for the end of the batch */
    struct engine_call *on_quiet;   /* close waits for it */
    bool draining;                  /* a CLOSE is under way */
    struct {
        struct crl_counter entries, bytes, evictions;
    } counts; /* of the table, after each batch; any thread reads them */
};

/* How many forks lie between this process and the first that opened a cache. */
extern uint32_t crl_forks;

/* What all engines of a cache share. */
struct corral_cache {
    uint32_t forks; /* at the opening: where there are more, the threads and locks are not ours */
    struct crl_allocator *arena;   /* of entries */
    struct crl_allocator *buckets; /* of the rest of the table */
    uint64_t seed;
    size_t key_max, value_max;
    uint32_t waiters_max;
    _Atomic uint32_t gets; /* on their way to the engine, or waiting there */
    corral_us close_wait_us;
    corral_failure_fn *on_failure;
    void *on_failure_arg;
    struct crl_stats *stats;

    /* These only grow, on the engine's thread. */
    uint32_t origins_n, spaces_n;
    struct corral_origin *origins[CRL_ORIGINS_MAX];
    struct corral_space *spaces[CRL_SPACES_MAX];

    struct crl_engine engine;
};

/* ------------------------------------------------------------------------------------- engine.c */

/* crl_engine_start - start the thread; cache, core and table are set. Errors: ESYSTEM */
int crl_engine_start(struct crl_engine *engine);

/* crl_engine_stop - let the thread end, when no load is on its way any more; join it. */
void crl_engine_stop(struct crl_engine *engine);

/* crl_engine_post - run a call on the engine's thread. Any thread. After success the engine must
 * not be looked at any more: it may be gone. Errors: ECLOSED close has begun, or the cache is that
 * of a process of which this one is a child; then the call is still the caller's. */
int crl_engine_post(struct crl_engine *engine, struct engine_call *call);

/* crl_engine_is_here - is this the engine's own thread? */
bool crl_engine_is_here(const struct crl_engine *engine);

/* crl_engine_do - run a function on the engine's thread and wait for its result.
 * Errors: EDEADLOCK on the engine's thread, ECLOSED, ESYSTEM, and what the function returns. */
int crl_engine_do(struct crl_engine *engine, int (*run)(struct crl_engine *engine, void *arg),
                  void *arg);

/* crl_engine_drain - take no more calls, end all flights and cancel all loads; wait until the
 * origins have confirmed, at most `wait_us`. Blocks; not on the engine's thread. */
void crl_engine_drain(struct crl_engine *engine, corral_us wait_us);

/* -------------------------------------------------------------------------------------- loads.c */

/* crl_engine_feed - give the core an event and carry out its actions; loads begin when the batch
 * ends (crl_loads_start). The time of the event and the result of the actions are filled in.
 * The engine's thread. Returns the result. */
int crl_engine_feed(struct crl_engine *engine, struct crl_event *event);

/* crl_loads_start - hand the loads of this batch to their origins, each origin its own in one call.
 * The engine's thread. */
void crl_loads_start(struct crl_engine *engine);

#endif
