/* SPDX-License-Identifier: Apache-2.0
 *
 * private.h - what the files of lib/ share.
 *
 *   cache.c   open, close, origins and spaces
 *   get.c     gets, from the first look at the table to the answer; changes
 *   engine.c  the thread that owns the core: letters in, events to the core, actions carried out
 *   stats.c   who got what, counted by each thread for itself
 */
#ifndef CRL_LIB_PRIVATE_H
#define CRL_LIB_PRIVATE_H

#include "base/assert.h"
#include "core/core.h"
#include "io/mailbox.h"
#include "lib/cache.h"
#include "lib/stats.h"

#include <pthread.h>

/* A letter to the engine: run this on its thread. */
struct engine_call {
    struct crl_letter letter;
    void (*run)(struct corral_cache *cache, struct engine_call *call);
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
    struct corral_cache *cache;
    struct corral_space *space;
    uint32_t origin;
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
    uint32_t places;
    struct engine_load *loads[]; /* by place; the engine's */
};

/* How many forks lie between this process and the first that opened a cache. */
extern uint32_t crl_forks;

struct corral_cache {
    uint32_t forks; /* at the opening: where there are more, the threads and locks are not ours */
    struct crl_core *core;
    struct crl_table *table;       /* the core's */
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

    /* the engine */
    uv_loop_t loop;
    uv_timer_t timer;
    struct crl_mailbox mailbox;
    pthread_t thread;
    struct crl_actions actions;
    corral_us now;                /* of this turn of the engine */
    struct engine_call *on_quiet; /* close waits for it */
    bool draining;                /* a CLOSE is under way */
    struct {
        struct crl_counter entries, bytes, evictions;
    } counts; /* of the table, after each batch */

    /* These only grow, on the engine's thread. */
    uint32_t origins_n, spaces_n;
    struct corral_origin *origins[CRL_ORIGINS_MAX];
    struct corral_space *spaces[CRL_SPACES_MAX];
};

/* engine.c */

/* crl_engine_start - start the thread; cache->core exists. Errors: ESYSTEM */
int crl_engine_start(struct corral_cache *cache);

/* crl_engine_stop - let the thread end, when no load is on its way any more; join it. */
void crl_engine_stop(struct corral_cache *cache);

/* crl_engine_post - run a call on the engine's thread. Any thread. After success the cache must not
 * be looked at any more: it may be closed. Errors: ECLOSED close has begun, or the cache is that of
 * a process of which this one is a child; then the call is still the caller's. */
int crl_engine_post(struct corral_cache *cache, struct engine_call *call);

/* crl_engine_is_here - is this the engine's own thread? */
bool crl_engine_is_here(const struct corral_cache *cache);

/* crl_engine_do - run a function on the engine's thread and wait for its result.
 * Errors: EDEADLOCK on the engine's thread, ECLOSED, ESYSTEM, and what the function returns. */
int crl_engine_do(struct corral_cache *cache, int (*run)(struct corral_cache *cache, void *arg),
                  void *arg);

/* crl_engine_feed - give the core an event and carry out its actions. The engine's thread. The time
 * and the result of the actions are filled in. */
int crl_engine_feed(struct corral_cache *cache, struct crl_event *event);

/* crl_engine_drain - take no more calls, end all flights and cancel all loads; wait until the
 * origins have confirmed, at most `wait_us`. Blocks; not on the engine's thread. */
void crl_engine_drain(struct corral_cache *cache, corral_us wait_us);

/* get.c */
void crl_get_answered(struct corral_cache *cache, struct crl_action *answer);

#endif
