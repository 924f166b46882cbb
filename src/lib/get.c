/* SPDX-License-Identifier: Apache-2.0
 *
 * get.c - gets, from the first look at the table to the answer; and changes.
 *
 * A fresh hit is answered on the calling thread, under the RCU read lock: it takes no lock,
 * allocates nothing and makes no system call. One that copies (corral_read(), most hits of the
 * daemon) writes no shared cache line either; one that hands out a reference counts it in the
 * entry. Everything else becomes a struct miss that waits in the core for its answer: on the stack
 * of a caller who blocks, or in a struct crl_get, which comes back as one call of its function. */
#include "base/hash.h"
#include "io/cancel.h"
#include "io/clock.h"
#include "lib/private.h"
#include "lib/rcu.h"

#include <stdlib.h>

/* A get that memory does not answer. */
struct miss {
    struct engine_call wanted;
    struct engine_waiter waiter;
    struct crl_loop_call told; /* once it is answered */
    struct corral_space *space;
    struct corral_bytes key; /* valid until it is answered */
    corral_us wait_until;
    bool is_callback; /* of the program: told on the callback thread */
    bool is_answered; /* in the turn */
    int result;
    struct corral_value value; /* a reference, owned by the receiver of the answer */
};

/* A get whose caller does not wait. References: the engine's until the function was called, and the
 * caller's. */
struct crl_get {
    struct miss miss;
    struct engine_call gave_up;
    corral_get_fn *fn;
    void *arg;
    _Atomic uint32_t refs;
    atomic_bool is_cancelled; /* gave_up is on its way, or was */
    unsigned char key[];
};

/* --------------------------------------------------------------------------------------- values */

/* By the clock of hits, which is behind, a value may be younger than nothing. */
static struct corral_value value_make(struct corral_cache *cache, struct crl_entry *entry,
                                      bool cached, corral_us clock)
{
    corral_us now = clock > entry->answered_at ? clock : entry->answered_at;
    struct corral_value value = {
        .age_us = now - entry->answered_at,
        .fresh_us = cached && entry->fresh_until > now ? entry->fresh_until - now : 0,
        .private_owner = cache->arena,
        .private_entry = entry,
    };
    if (!crl_entry_is_absent(entry)) {
        struct corral_bytes bytes = crl_entry_value(entry);
        value.data = bytes.data;
        value.size = bytes.size;
    }
    return value;
}

struct corral_value corral_value_ref(const struct corral_value *value)
{
    if (value->private_entry != NULL)
        crl_entry_ref(value->private_entry);
    return *value;
}

void corral_value_release(struct corral_value *value)
{
    if (value->private_entry != NULL)
        crl_entry_unref(value->private_owner, value->private_entry);
    *value = (struct corral_value){0};
}

/* ----------------------------------------------------------------------------------------- hits */

static int key_check(const struct corral_space *space, struct corral_bytes key)
{
    if (key.size == 0 || key.size > space->key_max)
        return CORRAL_EKEY;
    return 0;
}

/* An entry that needs a thought: judged by the exact clock, for the one of hits is behind, so that
 * nothing is served past its TTL (P3). Returns whether it may be served. */
__attribute__((noinline, cold)) static bool entry_serves(struct corral_space *space,
                                                         struct crl_entry *entry)
{
    corral_us now = crl_now();
    switch (crl_entry_judge(entry, now, space->view, UINT32_MAX).outcome) {
    case CRL_VERDICT_FRESH:
    case CRL_VERDICT_ABSENT:
        if (crl_entry_use(entry, now, space->view))
            crl_stats_count_needed(space->stats, space->number);
        return true;
    case CRL_VERDICT_NOTHING:
    case CRL_VERDICT_STALE:
    case CRL_VERDICT_FAILED:
        return false; /* the engine's to answer */
    }
    crl_unreachable();
}

/* The entry of a key, marked as hit, if it may be served; else NULL. Without a call, see
 * crl_bucket_find(). */
__attribute__((always_inline)) static inline struct crl_entry *entry_take(
    struct corral_space *space, const struct crl_bucket *bucket, uint64_t hash,
    struct corral_bytes key, corral_us coarse_now)
{
    if (bucket == NULL)
        return NULL;
    uint32_t home = atomic_load_explicit(&space->view->home, memory_order_relaxed);
    struct crl_entry *entry = crl_bucket_find(bucket, hash, home, key);
    if (entry == NULL || (!crl_entry_is_quiet(entry, coarse_now + CRL_COARSE_LAG_MAX) &&
                          !entry_serves(space, entry)))
        return NULL;
    crl_table_touch(entry);
    return entry;
}

__attribute__((noinline, cold)) static void hit_count_anew(struct corral_space *space,
                                                           bool negative, corral_us age_us)
{
    crl_stats_count_hit_anew(space->stats, space->number, negative, age_us);
}

static inline void hit_count(struct corral_space *space, bool negative, corral_us age_us)
{
    if (!crl_stats_count_hit_again(space->stats_id, negative, age_us))
        hit_count_anew(space, negative, age_us);
}

static inline int hit_outcome(bool negative)
{
    return negative ? CORRAL_NEGATIVE : CORRAL_HIT;
}

int corral_read(struct corral_space *space, struct corral_bytes key, void *buffer, size_t size,
                size_t *ret_size)
{
    if (key_check(space, key) < 0)
        return CORRAL_EKEY;
    crl_read_lock();
    uint64_t hash = crl_hash_seeded(space->hash_seed, key);
    const struct crl_bucket *bucket = crl_view_bucket(&space->table, hash);
    corral_us now = crl_now_coarse(); /* here, while the bucket comes from memory */
    struct crl_entry *entry = entry_take(space, bucket, hash, key, now);
    if (entry == NULL) {
        crl_read_unlock();
        return CORRAL_EABSENT;
    }
    struct corral_bytes value = crl_entry_value_of(entry, key);
    bool negative = crl_entry_is_absent(entry);
    corral_us age_us = now - entry->answered_at;
    if (size > 0)
        memcpy(buffer, value.data, value.size < size ? value.size : size);
    crl_read_unlock();
    *ret_size = value.size;
    hit_count(space, negative, age_us);
    return hit_outcome(negative);
}

/* A hit in the caller's hands: a copy where it fits into the buffer, else a reference. */
static int hit_take(struct corral_space *space, struct corral_bytes key, corral_us now,
                    void *buffer, size_t size, struct corral_value *ret_value)
{
    uint64_t hash = crl_hash_seeded(space->hash_seed, key);
    crl_read_lock();
    const struct crl_bucket *bucket = crl_view_bucket(&space->table, hash);
    struct crl_entry *entry = entry_take(space, bucket, hash, key, now);
    if (entry == NULL) {
        crl_read_unlock();
        return CORRAL_EABSENT;
    }
    bool negative = crl_entry_is_absent(entry);
    *ret_value = value_make(space->cache, entry, true, now);
    if (buffer != NULL && entry->value_size <= size) {
        if (!negative)
            ret_value->data = memcpy(buffer, ret_value->data, ret_value->size);
        ret_value->private_entry = NULL;
    } else {
        crl_entry_ref(entry);
    }
    crl_read_unlock();
    hit_count(space, negative, ret_value->age_us);
    return hit_outcome(negative);
}

int crl_read_at(struct corral_space *space, struct corral_bytes key, corral_us now, void *buffer,
                size_t size, struct corral_value *ret_value)
{
    if (key_check(space, key) < 0)
        return CORRAL_EKEY;
    return hit_take(space, key, now, buffer, size, ret_value);
}

/* --------------------------------------------------------------------------------------- misses */

static void leave(_Atomic uint32_t *n)
{
    uint32_t before = atomic_fetch_sub_explicit(n, 1, memory_order_relaxed);
    crl_assert(before > 0);
}

static int class_of(int result)
{
    switch (result) {
    case CORRAL_EQUEUE:
    case CORRAL_ELIMIT:
    case CORRAL_ECLOSED:
    case CORRAL_ENOMEM:
        return CRL_GET_REFUSED;
    default:
        return result < 0 ? CRL_GET_FAILED : result;
    }
}

/* In the turn. Whom it is told, is told outside of it. */
static void miss_answered(struct crl_engine *engine, struct engine_waiter *waiter, int result,
                          struct crl_entry *entry, bool cached)
{
    struct miss *miss = caa_container_of(waiter, struct miss, waiter);
    struct corral_cache *cache = engine->cache;
    crl_promise(P5, !miss->is_answered);
    miss->is_answered = true;
    miss->result = result;
    if (entry != NULL) {
        crl_entry_ref(entry);
        miss->value = value_make(cache, entry, cached, engine->now);
    }
    crl_stats_count(cache->stats, miss->space->number, class_of(result),
                    result >= 0 ? miss->value.age_us : -1);
    leave(&cache->gets);
    if (miss->is_callback)
        crl_engine_call_back(engine, &miss->told); /* leaves those when it is called */
    else
        crl_engine_tell(engine, &miss->told);
}

static void wanted_run(struct crl_engine *engine, struct engine_call *call)
{
    struct miss *miss = caa_container_of(call, struct miss, wanted);
    struct crl_event event = {
        .kind = CRL_WANTED,
        .space = miss->space->number,
        .key = miss->key,
        .wanted = {.waiter = &miss->waiter.waiter, .wait_until = miss->wait_until},
    };
    crl_engine_feed(engine, &event);
}

/* P8: gets on their way to the engine, and waiting there, are limited in all, since a letter costs
 * memory before the core has seen it; so are callbacks, from then until they are called. Of a
 * program that is slow in these, gets without a callback see nothing. */
static int admit(struct corral_space *space, _Atomic uint32_t *n)
{
    struct corral_cache *cache = space->cache;
    if (atomic_fetch_add_explicit(n, 1, memory_order_relaxed) < cache->waiters_max)
        return 0;
    leave(n);
    crl_stats_count(cache->stats, space->number, CRL_GET_REFUSED, -1);
    return CORRAL_ELIMIT;
}

/* What a miss begins as, its `told` excepted. */
static struct miss miss_make(struct corral_space *space, struct corral_bytes key, corral_us wait_us)
{
    crl_assert(wait_us >= 0 && key.size > 0);
    return (struct miss){
        .wanted = {.run = wanted_run},
        .waiter = {.answered = miss_answered},
        .space = space,
        .key = key,
        .wait_until = crl_now() + crl_span(wait_us),
    };
}

/* Let an admitted miss go on its way. If close has begun there is none; nobody asks for figures any
 * more, so it is not counted. */
static int miss_send(struct miss *miss)
{
    struct corral_cache *cache = miss->space->cache;
    int rc = crl_engine_post(&cache->engine, &miss->wanted);
    if (rc < 0)
        leave(&cache->gets);
    return rc;
}

static int get_check(struct corral_space *space, struct corral_bytes key, corral_us wait_us)
{
    if (wait_us < 0)
        return CORRAL_EINVAL;
    return key_check(space, key);
}

/* ------------------------------------------------------------------------- gets with a function */

static void get_unref(struct crl_get *get)
{
    uint32_t before = atomic_fetch_sub_explicit(&get->refs, 1, memory_order_acq_rel);
    crl_assert(before > 0);
    if (before == 1)
        free(get);
}

static void get_told(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct crl_get *get = caa_container_of(call, struct crl_get, miss.told);
    (void)loop;
    if (get->miss.is_callback)
        leave(&get->miss.space->cache->callbacks);
    get->fn(get->arg, get->miss.result, &get->miss.value);
    get_unref(get);
}

static void gave_up_run(struct crl_engine *engine, struct engine_call *call)
{
    struct crl_get *get = caa_container_of(call, struct crl_get, gave_up);
    struct crl_event event = {.kind = CRL_GAVE_UP, .gave_up = {.waiter = &get->miss.waiter.waiter}};
    if (!get->miss.is_answered)
        crl_engine_feed(engine, &event);
    get_unref(get);
}

/* A get with one reference, admitted. */
static int get_new(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
                   corral_get_fn *fn, void *arg, struct crl_get **ret_get)
{
    crl_assert(fn != NULL);
    int rc = admit(space, &space->cache->gets);
    if (rc < 0)
        return rc;
    struct crl_get *get = malloc(sizeof *get + key.size);
    if (get == NULL) {
        leave(&space->cache->gets);
        return CORRAL_ENOMEM;
    }
    *get = (struct crl_get){
        .miss = miss_make(space, crl_bytes(get->key, key.size), wait_us),
        .gave_up = {.run = gave_up_run},
        .fn = fn,
        .arg = arg,
    };
    memcpy(get->key, key.data, key.size); /* after the assignment, which may write padding */
    get->miss.told.run = get_told;
    atomic_init(&get->refs, 1);
    *ret_get = get;
    return 0;
}

int crl_get_start(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
                  corral_get_fn *fn, void *arg, struct crl_get **ret_get)
{
    struct crl_get *get;
    crl_assert(fn != NULL && ret_get != NULL);
    int rc = get_check(space, key, wait_us);
    if (rc == 0)
        rc = get_new(space, key, wait_us, fn, arg, &get);
    if (rc < 0)
        return rc;
    atomic_init(&get->refs, 2);
    rc = miss_send(&get->miss);
    if (rc < 0)
        free(get);
    else
        *ret_get = get;
    return rc;
}

void crl_get_cancel(struct crl_get *get)
{
    if (atomic_exchange_explicit(&get->is_cancelled, true, memory_order_relaxed))
        return;
    atomic_fetch_add_explicit(&get->refs, 1, memory_order_relaxed);
    if (crl_engine_post(&get->miss.space->cache->engine, &get->gave_up) < 0)
        get_unref(get); /* close answers it */
}

void crl_get_drop(struct crl_get *get)
{
    get_unref(get);
}

int corral_get_async(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
                     corral_get_fn *fn, void *arg)
{
    int rc = get_check(space, key, wait_us);
    if (rc < 0 || fn == NULL)
        return rc < 0 ? rc : CORRAL_EINVAL;
    struct corral_value value;
    int outcome = hit_take(space, key, crl_now_coarse(), NULL, 0, &value);
    if (outcome >= 0) {
        fn(arg, outcome, &value);
        return 0;
    }
    _Atomic uint32_t *callbacks = &space->cache->callbacks;
    struct crl_get *get = NULL;
    rc = admit(space, callbacks);
    if (rc < 0)
        return rc;
    rc = get_new(space, key, wait_us, fn, arg, &get);
    if (rc == 0) {
        get->miss.is_callback = true;
        rc = miss_send(&get->miss);
    }
    if (rc < 0) {
        leave(callbacks);
        free(get);
    }
    return rc;
}

/* ------------------------------------------------------------------------------ gets that block */

/* On the stack of its caller, who sleeps until it is answered. */
struct blocking_get {
    struct miss miss;
    uv_sem_t done;
};

static void blocking_told(struct crl_loop *loop, struct crl_loop_call *call)
{
    (void)loop;
    uv_sem_post(&caa_container_of(call, struct blocking_get, miss.told)->done);
}

/* Send it and sleep. The result is this call's or the get's. */
static int blocking_wait(struct blocking_get *blocking)
{
    int rc = miss_send(&blocking->miss);
    if (rc < 0)
        return rc;
    uv_sem_wait(&blocking->done);
    return blocking->miss.result;
}

__attribute__((noinline)) static int get_blocking(struct corral_space *space,
                                                  struct corral_bytes key, corral_us wait_us,
                                                  struct corral_value *ret_value)
{
    int rc = admit(space, &space->cache->gets);
    if (rc < 0)
        return rc;
    struct blocking_get blocking = {.miss = miss_make(space, key, wait_us)};
    blocking.miss.told.run = blocking_told;
    if (uv_sem_init(&blocking.done, 0) != 0) {
        leave(&space->cache->gets);
        return CORRAL_ESYSTEM;
    }
    int held = crl_cancel_hold();
    rc = blocking_wait(&blocking);
    uv_sem_destroy(&blocking.done);
    crl_cancel_let_go(held);
    if (rc >= 0)
        *ret_value = blocking.miss.value;
    return rc;
}

int corral_get(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
               struct corral_value *ret_value)
{
    int rc = get_check(space, key, wait_us);
    if (ret_value == NULL)
        return CORRAL_EINVAL;
    *ret_value = (struct corral_value){0};
    if (rc < 0)
        return rc;
    int outcome = hit_take(space, key, crl_now_coarse(), NULL, 0, ret_value);
    if (outcome >= 0)
        return outcome;
    if (crl_engine_calls_back(&space->cache->engine))
        return CORRAL_EDEADLOCK;
    return get_blocking(space, key, wait_us, ret_value);
}

/* -------------------------------------------------------------------------------------- changes */

struct change {
    struct corral_space *space;
    struct corral_bytes key;
    struct crl_entry *draft; /* PUT: taken */
    enum crl_event_kind kind;
};

static int change_run(struct crl_engine *engine, void *arg)
{
    struct change *change = arg;
    crl_assert(change->kind == CRL_INVALIDATE || change->kind == CRL_PUT);
    struct crl_event event = {
        .kind = change->kind,
        .space = change->space->number,
        .key = change->key,
        .put = {.draft = change->draft},
    };
    change->draft = NULL;
    return crl_engine_feed(engine, &event);
}

int corral_invalidate(struct corral_space *space, struct corral_bytes key)
{
    if (key_check(space, key) < 0)
        return CORRAL_EKEY;
    struct change change = {.space = space, .key = key, .kind = CRL_INVALIDATE};
    int rc = crl_engine_do(&space->cache->engine, change_run, &change);
    return rc < 0 ? rc : 0;
}

int corral_put(struct corral_space *space, struct corral_bytes key, struct corral_bytes value)
{
    struct corral_cache *cache = space->cache;
    if (key_check(space, key) < 0)
        return CORRAL_EKEY;
    if (value.size > cache->value_max)
        return CORRAL_EVALUE;
    if (cache->forks != crl_forks)
        return CORRAL_ECLOSED; /* the arena's lock may be held by a thread that is not here */
    struct change change = {.space = space, .key = key, .kind = CRL_PUT};
    change.draft = crl_entry_draft(cache->arena, key.size, value.size, 0);
    if (change.draft == NULL) {
        int rc = corral_invalidate(space, key); /* the old value must not stay */
        return rc < 0 ? rc : CORRAL_ENOMEM;
    }
    if (value.size > 0)
        memcpy(crl_entry_value_room(change.draft), value.data, value.size);
    int rc = crl_engine_do(&cache->engine, change_run, &change);
    if (change.draft != NULL)
        crl_entry_unref(cache->arena, change.draft);
    return rc;
}

struct async_change {
    struct engine_call call;
    struct crl_loop_call told;
    struct change change;
    int result;
    crl_done_fn *fn;
    void *arg;
    unsigned char key[];
};

static void async_change_told(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct async_change *async = caa_container_of(call, struct async_change, told);
    (void)loop;
    async->fn(async->arg, async->result);
    free(async);
}

static void async_change_run(struct crl_engine *engine, struct engine_call *call)
{
    struct async_change *async = caa_container_of(call, struct async_change, call);
    async->result = change_run(engine, &async->change);
    crl_engine_tell(engine, &async->told);
}

int crl_invalidate_async(struct corral_space *space, struct corral_bytes key, crl_done_fn *fn,
                         void *arg)
{
    crl_assert(fn != NULL);
    if (key_check(space, key) < 0)
        return CORRAL_EKEY;
    struct async_change *async = calloc(1, sizeof *async + key.size);
    if (async == NULL)
        return CORRAL_ENOMEM;
    memcpy(async->key, key.data, key.size);
    async->call.run = async_change_run;
    async->told.run = async_change_told;
    async->change = (struct change){
        .space = space, .key = crl_bytes(async->key, key.size), .kind = CRL_INVALIDATE};
    async->fn = fn;
    async->arg = arg;
    int rc = crl_engine_post(&space->cache->engine, &async->call);
    if (rc < 0)
        free(async);
    return rc;
}
