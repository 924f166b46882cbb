/* SPDX-License-Identifier: Apache-2.0
 *
 * work.h - loads as work for a pool: what all origins that block have in common.
 *
 * It keeps the contract of origin.h, so that an origin has only to say how one load runs, or how
 * several mates run together. It makes no use of O9: each load is answered alone.
 *
 *     start        the pool has a worker            ops->run() returns
 *      |                    |                               |
 *      v                    v                               v
 *    QUEUED ------------> RUNNING ----------------------> RETURNED ------> release()
 *      |                    |                               |
 *      | cancel: ends       | crl_work_end() ends the load  | ended: nothing is left to do
 *      | at once, never     | cancel: sets the flag, calls  | cancelled: ends now
 *      | runs               | ops->interrupt()              | neither: ends when crl_work_end()
 *      v                                                    | is called, or at once when cancelled
 *    release()                                              v
 *
 * Whether the load has ended is apart from these states: `load` is then NULL.
 *
 * Mates, works that are started together, are one job of the pool: that of the first of them, their
 * leader. They run by one call of ops->run(), but for those that were cancelled before; each ends,
 * and is cancelled, on its own. A work that is started alone is its own leader, without mates.
 *
 * Invariants:
 *   K1  `load` is set to NULL once, under the lock. The thread that sets it to NULL gives the
 *       answer; no other thread does.
 *   K2  A load points to its work (origin_private) exactly as long as the work points to the load,
 *       and the work is in the list of its origin.
 *   K3  interrupt() is called between the begin and the return of run() of this very work, and
 *       release() never at the same time.
 *   K4  After crl_works_close_wait() no load of the origin is touched: it waits for answers under
 *       way.
 *   K5  The origin's memory is counted by reference: its owner holds one, and each work from its
 *       start until crl_work_fini().
 *   K6  The allocator of drafts is asked for a draft only while `load` is set, and with a reference
 *       that was taken under the lock (O8): the load may end meanwhile, and the cache with it. From
 *       then on the draft itself keeps the allocator. No work holds a lasting reference: a loader
 *       that never answers keeps its work for ever, and must not keep a cache's memory too.
 *   K7  `leader` is set, for all mates, from their start until their job is over: it has run, or
 *       was taken back from the pool. Until then none of them is released, and `mate` links them
 *       all from the leader on. Then it is NULL for all, at once, and each is released on its own.
 *   K8  `open_n` of a leader is the number of its mates, itself included, whose load has not ended.
 *       A job that waits in the pool is taken back by who cancels the last of them.
 *
 * Threads: as the port says. Lock order: works, then pool. */
#ifndef CRL_ORIGIN_WORK_H
#define CRL_ORIGIN_WORK_H

#include "io/pool.h"
#include "origin/origin.h"

#include <pthread.h>
#include <stdatomic.h>

struct crl_work;
struct crl_works;

struct crl_works_ops {
    /* Run a load and its mates, on worker number 0 <= worker < concurrency. All of them that run
     * are found by crl_work_running(). May end them by crl_work_end(). Those that it does not end,
     * someone else ends later; a cancelled one ends by itself on return. */
    void (*run)(struct crl_work *leader, uint32_t worker);
    /* Make run() return soon. Called once at most, under the lock: must not block. May be NULL. */
    void (*interrupt)(struct crl_work *work);
    /* The pool is done with the work. has_run: whether run() was ever called with it. */
    void (*release)(struct crl_work *work, bool has_run);
    /* The last reference to the origin is gone: free it. Any thread. */
    void (*destroy)(struct crl_works *works);
};

/* The common part of an origin; first in it, so that an origin can be cast. */
struct crl_works {
    struct crl_origin origin;
    const struct crl_works_ops *ops;
    const struct crl_value_meta *meta; /* of every value; NULL: there is none */
    struct crl_pool *pool;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct crl_work *open; /* works whose load has not ended */
    uint32_t answering;    /* answers that are being given right now */
    _Atomic uint32_t refs; /* K5 */
};

enum crl_work_state { CRL_WORK_QUEUED, CRL_WORK_RUNNING, CRL_WORK_RETURNED };

/* The common part of what an origin keeps of a load. */
struct crl_work {
    struct crl_job job;
    struct crl_works *works;
    struct crl_load *load; /* NULL: has ended (K1) */
    struct crl_work *next; /* open works */
    struct crl_work **link;
    struct crl_work *leader;         /* of its mates; K7 */
    struct crl_work *mate;           /* the next one; NULL: the last */
    uint32_t open_n;                 /* K8; of a leader */
    struct crl_allocator *allocator; /* of the load; K6 */
    size_t key_size;
    enum crl_work_state state;
    _Atomic bool cancelled; /* may be read without the lock; never goes back */
};

/* crl_works_init - the common part, with its pool. Errors: ENOMEM, ESYSTEM no thread */
int crl_works_init(struct crl_works *works, const struct crl_origin_ops *origin_ops,
                   const struct crl_works_ops *ops, const char *name, uint32_t concurrency);

/* crl_works_fini - the end of the common part; for destroy(), and for who gives up before the
 * origin was handed out (then also frees the pool). */
void crl_works_fini(struct crl_works *works);

/* crl_works_unref - drop a reference. */
void crl_works_unref(struct crl_works *works);

/* crl_work_init - make the work of a load, which is not started yet. In the turn. */
void crl_work_init(struct crl_works *works, struct crl_work *work, struct crl_load *load);

/* crl_work_start - O1: hand the loads of a work and its mates, linked by ->mate, to the pool as one
 * job. Neither loads nor works may be touched afterwards. */
void crl_work_start(struct crl_work *leader);

/* crl_work_running - the first work from this one on that runs, by ->mate; NULL: there is none.
 * For ops->run(). */
struct crl_work *crl_work_running(struct crl_work *work);

/* crl_work_fini - nothing needs the work any more: drop its reference to the origin (which may go
 * with it). Its load has ended. */
void crl_work_fini(struct crl_work *work);

/* crl_work_is_cancelled - has nobody a use for the answer any more? Any thread. */
static inline bool crl_work_is_cancelled(const struct crl_work *work)
{
    return atomic_load_explicit(&work->cancelled, memory_order_relaxed);
}

/* crl_work_draft - O7: a draft for the value of the work's load. Any thread that keeps the work
 * alive. Returns NULL without memory, and if the load has ended: then nobody wants the value. */
struct crl_entry *crl_work_draft(struct crl_work *work, size_t value_bytes, size_t meta_bytes);

/* crl_work_value - crl_work_draft() with a value in it, which is copied, and its meta bytes. */
struct crl_entry *crl_work_value(struct crl_work *work, struct corral_bytes value);

/* crl_work_end - O2: answer, unless the load has ended already. Any thread that keeps the work
 * alive. The draft is taken either way. Returns whether the answer was given. */
bool crl_work_end(struct crl_work *work, struct crl_load_result result);

/* crl_works_cancel and the next two - the operations of the port, as they are. */
void crl_works_cancel(struct crl_origin *origin, struct crl_load *load);
void crl_works_close_begin(struct crl_origin *origin);
int crl_works_close_wait(struct crl_origin *origin, corral_us wait_us);

#endif
