/* SPDX-License-Identifier: Apache-2.0
 *
 * get.c - gets, from the first look at the table to the answer; and changes.
 *
 * A fresh hit is answered on the calling thread, under the RCU read lock: it takes no lock,
 * allocates nothing and makes no system call. One that copies (corral_read(), most hits of the
 * daemon) writes no shared cache line either; one that hands out a reference counts it in the
 * entry. Everything else becomes a struct crl_get that travels to the engine and comes back as one
 * call of its function. */
#include "base/hash.h"
#include "io/clock.h"
#include "lib/private.h"
#include "lib/rcu.h"

#include <stdlib.h>

/* A get that waits. References: the engine's until it is answered, and the caller's. */
struct crl_get {
    struct engine_call wanted;
    struct engine_call gave_up;
    struct engine_waiter waiter;
    struct corral_space *space;
    corral_get_fn *fn;
    void *arg;
    corral_us wait_until;
    _Atomic uint32_t refs;
    atomic_bool cancelled; /* gave_up is on its way, or was */
    bool answered;         /* the engine's */
    size_t key_size;
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
    if (!entry->negative) {
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

/* The clock of hits is behind: a value that might have expired meanwhile is judged by the exact
 * one, so that nothing is served past its TTL (P3). */
__attribute__((noinline, cold)) static bool entry_is_fresh_exactly(const struct crl_entry *entry)
{
    return crl_entry_is_fresh(entry, crl_now());
}

static inline bool entry_is_fresh_now(const struct crl_entry *entry, corral_us coarse_now)
{
    return crl_entry_is_fresh(entry, coarse_now + CRL_COARSE_LAG_MAX) ||
           entry_is_fresh_exactly(entry);
}

/* An entry, marked as hit, if it is fresh; else NULL. */
static inline struct crl_entry *entry_take_fresh(struct crl_entry *entry, corral_us coarse_now)
{
    if (entry == NULL || !entry_is_fresh_now(entry, coarse_now))
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
    struct crl_entry *entry = bucket ? crl_bucket_find(bucket, hash, space->number, key) : NULL;
    entry = entry_take_fresh(entry, now);
    if (entry == NULL) {
        crl_read_unlock();
        return CORRAL_EABSENT;
    }
    struct corral_bytes value = crl_entry_value_of(entry, key);
    bool negative = entry->negative;
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
    struct crl_entry *entry = bucket ? crl_bucket_find(bucket, hash, space->number, key) : NULL;
    entry = entry_take_fresh(entry, now);
    if (entry == NULL) {
        crl_read_unlock();
        return CORRAL_EABSENT;
    }
    bool negative = entry->negative;
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

/* ------------------------------------------------------------------------------- gets that wait */

static void get_unref(struct crl_get *get)
{
    if (atomic_fetch_sub_explicit(&get->refs, 1, memory_order_acq_rel) == 1)
        free(get);
}

static void get_leave(struct corral_cache *cache)
{
    atomic_fetch_sub_explicit(&cache->gets, 1, memory_order_relaxed);
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

/* The reference that goes with the value is the receiver's. */
static void get_answered(struct crl_engine *engine, struct engine_waiter *waiter, int result,
                         struct crl_entry *entry, bool cached)
{
    struct crl_get *get = caa_container_of(waiter, struct crl_get, waiter);
    struct corral_cache *cache = engine->cache;
    struct corral_value value = {0};
    crl_promise(P5, !get->answered);
    get->answered = true;
    if (entry != NULL) {
        crl_entry_ref(entry);
        value = value_make(cache, entry, cached, engine->now);
    }
    get_leave(cache);
    crl_stats_count(cache->stats, get->space->number, class_of(result),
                    result >= 0 ? value.age_us : -1);
    get->fn(get->arg, result, &value);
    get_unref(get);
}

static void wanted_run(struct crl_engine *engine, struct engine_call *call)
{
    struct crl_get *get = caa_container_of(call, struct crl_get, wanted);
    struct crl_event event = {
        .kind = CRL_WANTED,
        .space = get->space->number,
        .key = crl_bytes(get->key, get->key_size),
        .wanted = {.waiter = &get->waiter.waiter, .wait_until = get->wait_until},
    };
    crl_engine_feed(engine, &event);
}

static void gave_up_run(struct crl_engine *engine, struct engine_call *call)
{
    struct crl_get *get = caa_container_of(call, struct crl_get, gave_up);
    if (!get->answered)
        crl_engine_feed(engine, &(struct crl_event){.kind = CRL_GAVE_UP,
                                                    .gave_up = {.waiter = &get->waiter.waiter}});
    get_unref(get);
}

/* P8: gets on their way to the engine, and waiting there, are limited in all: a letter costs memory
 * before the core has seen it. */
static int get_admit(struct corral_space *space)
{
    struct corral_cache *cache = space->cache;
    if (atomic_fetch_add_explicit(&cache->gets, 1, memory_order_relaxed) < cache->waiters_max)
        return 0;
    get_leave(cache);
    crl_stats_count(cache->stats, space->number, CRL_GET_REFUSED, -1);
    return CORRAL_ELIMIT;
}

static int get_new(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
                   corral_get_fn *fn, void *arg, uint32_t refs, struct crl_get **ret_get)
{
    int rc = get_admit(space);
    if (rc < 0)
        return rc;
    struct crl_get *get = calloc(1, sizeof *get + key.size);
    if (get == NULL) {
        get_leave(space->cache);
        return CORRAL_ENOMEM;
    }
    get->wanted.run = wanted_run;
    get->gave_up.run = gave_up_run;
    get->waiter.answered = get_answered;
    get->space = space;
    get->fn = fn;
    get->arg = arg;
    get->wait_until = crl_now() + crl_span(wait_us);
    atomic_init(&get->refs, refs);
    get->key_size = key.size;
    memcpy(get->key, key.data, key.size);
    *ret_get = get;
    return 0;
}

static int get_check(struct corral_space *space, struct corral_bytes key, corral_us wait_us)
{
    if (wait_us < 0)
        return CORRAL_EINVAL;
    return key_check(space, key);
}

/* Let a get go on its way. If close has begun there is none, and the get is freed; nobody asks for
 * figures any more, so it is not counted. */
static int get_send(struct crl_get *get)
{
    struct corral_cache *cache = get->space->cache;
    int rc = crl_engine_post(&cache->engine, &get->wanted);
    if (rc < 0) {
        get_leave(cache);
        free(get);
    }
    return rc;
}

int crl_get_start(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
                  corral_get_fn *fn, void *arg, struct crl_get **ret_get)
{
    int rc = get_check(space, key, wait_us);
    struct crl_get *get;
    if (rc == 0)
        rc = get_new(space, key, wait_us, fn, arg, 2, &get);
    if (rc == 0)
        rc = get_send(get);
    if (rc == 0)
        *ret_get = get;
    return rc;
}

void crl_get_cancel(struct crl_get *get)
{
    if (atomic_exchange_explicit(&get->cancelled, true, memory_order_relaxed))
        return;
    atomic_fetch_add_explicit(&get->refs, 1, memory_order_relaxed);
    if (crl_engine_post(&get->space->cache->engine, &get->gave_up) < 0)
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
    struct crl_get *get;
    rc = get_new(space, key, wait_us, fn, arg, 1, &get);
    return rc < 0 ? rc : get_send(get);
}

/* A get whose caller sleeps until it is answered. */
struct blocking_get {
    uv_sem_t done;
    int result;
    struct corral_value *value;
};

static void blocking_done(void *arg, int result, struct corral_value *value)
{
    struct blocking_get *blocking = arg;
    blocking->result = result;
    if (result >= 0)
        *blocking->value = *value;
    uv_sem_post(&blocking->done);
}

int corral_get(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
               struct corral_value *ret_value)
{
    int rc = get_check(space, key, wait_us);
    if (rc < 0 || ret_value == NULL)
        return rc < 0 ? rc : CORRAL_EINVAL;
    int outcome = hit_take(space, key, crl_now_coarse(), NULL, 0, ret_value);
    if (outcome >= 0)
        return outcome;
    if (crl_engine_is_here(&space->cache->engine))
        return CORRAL_EDEADLOCK;
    struct blocking_get blocking = {.value = ret_value};
    if (uv_sem_init(&blocking.done, 0) != 0)
        return CORRAL_ESYSTEM;
    struct crl_get *get;
    rc = get_new(space, key, wait_us, blocking_done, &blocking, 1, &get);
    if (rc == 0)
        rc = get_send(get);
    if (rc == 0) {
        uv_sem_wait(&blocking.done);
        rc = blocking.result;
    }
    uv_sem_destroy(&blocking.done);
    return rc;
}

/* -------------------------------------------------------------------------------------- changes */

struct change {
    struct corral_space *space;
    struct corral_bytes key;
    struct corral_bytes value;
    enum crl_event_kind kind;
};

static int change_run(struct crl_engine *engine, void *arg)
{
    struct change *change = arg;
    struct crl_event event = {
        .kind = change->kind,
        .space = change->space->number,
        .key = change->key,
        .put = {.value = change->value},
    };
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
    if (key_check(space, key) < 0)
        return CORRAL_EKEY;
    if (value.size > space->cache->value_max)
        return CORRAL_EVALUE;
    struct change change = {.space = space, .key = key, .value = value, .kind = CRL_PUT};
    return crl_engine_do(&space->cache->engine, change_run, &change);
}

struct async_change {
    struct engine_call call;
    struct change change;
    crl_done_fn *fn;
    void *arg;
    unsigned char key[];
};

static void async_change_run(struct crl_engine *engine, struct engine_call *call)
{
    struct async_change *async = caa_container_of(call, struct async_change, call);
    async->fn(async->arg, change_run(engine, &async->change));
    free(async);
}

int crl_invalidate_async(struct corral_space *space, struct corral_bytes key, crl_done_fn *fn,
                         void *arg)
{
    if (key_check(space, key) < 0)
        return CORRAL_EKEY;
    struct async_change *async = calloc(1, sizeof *async + key.size);
    if (async == NULL)
        return CORRAL_ENOMEM;
    memcpy(async->key, key.data, key.size);
    async->call.run = async_change_run;
    async->change = (struct change){
        .space = space, .key = crl_bytes(async->key, key.size), .kind = CRL_INVALIDATE};
    async->fn = fn;
    async->arg = arg;
    int rc = crl_engine_post(&space->cache->engine, &async->call);
    if (rc < 0)
        free(async);
    return rc;
}
