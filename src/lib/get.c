/* SPDX-License-Identifier: Apache-2.0
 *
 * get.c - gets, from the first look at the table to the answer.
 *
 * A fresh hit is answered on the calling thread, under the RCU read lock: it takes no lock,
 * allocates nothing and makes no system call. One that copies (corral_read(), most hits of the
 * daemon) writes no shared cache line either; one that hands out a reference counts it in the
 * entry. Everything else becomes a struct miss that waits in the core for its answer: on the stack
 * of a caller who blocks, or in a struct corral_get_handle, which comes back as one call of its
 * function. */
#include "base/hash.h"
#include "base/rc.h"
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
    crl_load_id asker; /* whose loader waits for it; 0: nobody's */
    bool is_callback;  /* of the program: told on the callback thread */
    bool is_answered;  /* in the turn */
    int result;
    struct corral_value value; /* a reference, owned by the receiver of the answer */
};

/* A get whose caller does not wait. References: the engine's until the function was called, the
 * handle's, and that of gave_up while it is on its way. */
struct corral_get_handle {
    struct miss miss;
    struct engine_call gave_up;
    corral_get_fn *fn;
    void *arg;
    _Atomic uint32_t refs;
    atomic_bool is_over; /* cancelled or told: the cache may be gone */
    unsigned char key[];
};

/* Callbacks on this thread's stack, one called by the get of another; and how many there may be. */
static _Thread_local uint32_t nested;
#define NESTED_MAX 8

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

struct corral_bytes crl_value_meta(const struct corral_value *value)
{
    crl_assert(value->private_entry != NULL);
    return crl_entry_meta(value->private_entry);
}

/* ----------------------------------------------------------------------------------------- hits */

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

/* What memory does not answer. Once the cache is shut it answers nothing any more. */
__attribute__((noinline, cold)) static int absent(const struct corral_space *space)
{
    return atomic_load_explicit(&space->cache->is_shut, memory_order_relaxed) ? CORRAL_ECLOSED
                                                                              : CORRAL_EABSENT;
}

int corral_read(struct corral_space *space, struct corral_bytes key, void *buffer, size_t size,
                size_t *ret_size)
{
    int rc = crl_key_check(space, key);
    if (rc < 0)
        return rc;
    crl_read_lock();
    uint64_t hash = crl_hash_seeded(space->hash_seed, key);
    const struct crl_bucket *bucket = crl_view_bucket(&space->table, hash);
    corral_us now = crl_now_coarse(); /* here, while the bucket comes from memory */
    struct crl_entry *entry = entry_take(space, bucket, hash, key, now);
    if (entry == NULL) {
        crl_read_unlock();
        return absent(space);
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

/* A copy of a value in place of a reference to it. Its meta bytes stand right before it, and are
 * copied along. */
static inline void hit_copy(const struct crl_entry *entry, char *buffer, struct corral_value *value)
{
    size_t meta_size = crl_entry_meta(entry).size;
    memcpy(buffer, (const char *)value->data - meta_size, meta_size + value->size);
    value->data = buffer + meta_size;
    value->private_entry = NULL;
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
    if (buffer == NULL || entry->value_size > size)
        crl_entry_ref(entry);
    else if (negative)
        ret_value->private_entry = NULL;
    else
        hit_copy(entry, buffer, ret_value);
    crl_read_unlock();
    hit_count(space, negative, ret_value->age_us);
    return hit_outcome(negative);
}

int crl_read_at(struct corral_space *space, struct corral_bytes key, corral_us now, void *buffer,
                size_t size, struct corral_value *ret_value, struct corral_bytes *ret_meta)
{
    int rc = crl_key_check(space, key);
    if (rc < 0)
        return rc;
    int outcome = hit_take(space, key, now, buffer, size, ret_value);
    if (outcome < 0 || ret_value->data == NULL)
        *ret_meta = crl_bytes(NULL, 0);
    else if (ret_value->private_entry != NULL)
        *ret_meta = crl_entry_meta(ret_value->private_entry);
    else
        *ret_meta = crl_bytes(buffer, (size_t)((const char *)ret_value->data - (char *)buffer));
    return outcome;
}

int corral_peek(struct corral_space *space, struct corral_bytes key, struct corral_value *ret_value)
{
    if (ret_value == NULL)
        return CORRAL_EINVAL;
    *ret_value = (struct corral_value){0};
    int rc = crl_key_check(space, key);
    if (rc < 0)
        return rc;
    int outcome = hit_take(space, key, crl_now_coarse(), NULL, 0, ret_value);
    return outcome == CORRAL_EABSENT ? absent(space) : outcome;
}

/* --------------------------------------------------------------------------------------- misses */

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
    miss->result = crl_rc_plain(result);
    miss->value.code = crl_rc_code(result);
    if (entry != NULL) {
        crl_entry_ref(entry);
        miss->value = value_make(cache, entry, cached, engine->now);
    }
    crl_stats_count(cache->stats, miss->space->number, class_of(miss->result),
                    result >= 0 ? miss->value.age_us : -1);
    if (waiter->waiter.stuck != CRL_STUCK_NOT)
        crl_stuck_report(engine, miss->space, miss->key, miss->asker, waiter->waiter.stuck);
    crl_leave(&cache->gets);
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
        .wanted = {.waiter = &miss->waiter.waiter,
                   .wait_until = miss->wait_until,
                   .asker = miss->asker},
    };
    crl_engine_feed(engine, &event);
}

/* P8: see crl_enter(). */
static int admit(struct corral_space *space, _Atomic uint32_t *n)
{
    int rc = crl_enter(space->cache, n);
    if (rc < 0)
        crl_stats_count(space->cache->stats, space->number, CRL_GET_REFUSED, -1);
    return rc;
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
        crl_leave(&cache->gets);
    return rc;
}

static int get_check(struct corral_space *space, struct corral_bytes key, corral_us wait_us)
{
    if (wait_us < 0)
        return CORRAL_EINVAL;
    return crl_key_check(space, key);
}

/* ------------------------------------------------------------------------- gets with a function */

static void get_unref(struct corral_get_handle *get)
{
    uint32_t before = atomic_fetch_sub_explicit(&get->refs, 1, memory_order_acq_rel);
    crl_assert(before > 0);
    if (before == 1)
        free(get);
}

static void call_back(corral_get_fn *fn, void *arg, int result, struct corral_value *value)
{
    nested++;
    fn(arg, result, value);
    nested--;
}

static void get_told(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct corral_get_handle *get = caa_container_of(call, struct corral_get_handle, miss.told);
    (void)loop;
    atomic_store_explicit(&get->is_over, true, memory_order_relaxed);
    if (get->miss.is_callback)
        crl_leave(&get->miss.space->cache->callbacks);
    call_back(get->fn, get->arg, get->miss.result, &get->miss.value);
    get_unref(get);
}

static void gave_up_run(struct crl_engine *engine, struct engine_call *call)
{
    struct corral_get_handle *get = caa_container_of(call, struct corral_get_handle, gave_up);
    struct crl_event event = {.kind = CRL_GAVE_UP, .gave_up = {.waiter = &get->miss.waiter.waiter}};
    if (!get->miss.is_answered)
        crl_engine_feed(engine, &event);
    get_unref(get);
}

/* A get with one reference, admitted. */
static int get_new(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
                   corral_get_fn *fn, void *arg, struct corral_get_handle **ret_get)
{
    crl_assert(fn != NULL);
    int rc = admit(space, &space->cache->gets);
    if (rc < 0)
        return rc;
    struct corral_get_handle *get = malloc(sizeof *get + key.size);
    if (get == NULL) {
        crl_leave(&space->cache->gets);
        crl_stats_count(space->cache->stats, space->number, CRL_GET_REFUSED, -1);
        return CORRAL_ENOMEM;
    }
    *get = (struct corral_get_handle){
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

/* Let it go on its way. ret_handle: as of corral_get_async(). Frees it on failure. */
static int get_send(struct corral_get_handle *get, struct corral_get_handle **ret_handle)
{
    if (ret_handle != NULL) {
        atomic_store_explicit(&get->refs, 2, memory_order_relaxed);
        *ret_handle = get; /* now: it may be told before it is sent */
    }
    int rc = miss_send(&get->miss);
    if (rc == 0)
        return 0;
    if (ret_handle != NULL)
        *ret_handle = NULL;
    free(get);
    return rc;
}

int crl_get_start(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
                  corral_get_fn *fn, void *arg, struct corral_get_handle **ret_handle)
{
    struct corral_get_handle *get;
    crl_assert(fn != NULL && ret_handle != NULL);
    int rc = get_check(space, key, wait_us);
    if (rc == 0)
        rc = get_new(space, key, wait_us, fn, arg, &get);
    return rc < 0 ? rc : get_send(get, ret_handle);
}

void corral_get_cancel(struct corral_get_handle *get)
{
    if (get == NULL || atomic_exchange_explicit(&get->is_over, true, memory_order_relaxed))
        return;
    atomic_fetch_add_explicit(&get->refs, 1, memory_order_relaxed);
    if (crl_engine_post(&get->miss.space->cache->engine, &get->gave_up) < 0)
        get_unref(get); /* close answers it */
}

void corral_get_drop(struct corral_get_handle *get)
{
    if (get != NULL)
        get_unref(get);
}

static int get_async(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
                     corral_get_fn *fn, void *arg, struct corral_get_handle **ret_handle)
{
    _Atomic uint32_t *callbacks = &space->cache->callbacks;
    struct corral_get_handle *get;
    int rc = admit(space, callbacks);
    if (rc < 0)
        return rc;
    rc = get_new(space, key, wait_us, fn, arg, &get);
    if (rc == 0) {
        get->miss.is_callback = true;
        rc = get_send(get, ret_handle);
    }
    if (rc < 0)
        crl_leave(callbacks);
    return rc;
}

int corral_get_async(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
                     corral_get_fn *fn, void *arg, struct corral_get_handle **ret_handle)
{
    if (ret_handle != NULL)
        *ret_handle = NULL;
    int rc = get_check(space, key, wait_us);
    if (rc < 0 || fn == NULL)
        return rc < 0 ? rc : CORRAL_EINVAL;
    struct corral_value value;
    int outcome = CORRAL_EABSENT;
    if (nested < NESTED_MAX)
        outcome = hit_take(space, key, crl_now_coarse(), NULL, 0, &value);
    if (outcome < 0)
        return get_async(space, key, wait_us, fn, arg, ret_handle);
    call_back(fn, arg, outcome, &value);
    return 0;
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
    blocking.miss.asker = crl_stuck_asker(space->cache);
    if (uv_sem_init(&blocking.done, 0) != 0) {
        crl_leave(&space->cache->gets);
        return CORRAL_ESYSTEM;
    }
    int held = crl_cancel_hold();
    rc = blocking_wait(&blocking);
    uv_sem_destroy(&blocking.done);
    crl_cancel_let_go(held);
    *ret_value = blocking.miss.value; /* of a failure its code */
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
    if (wait_us > 0 && crl_engine_calls_back(&space->cache->engine))
        return CORRAL_EDEADLOCK;
    return get_blocking(space, key, wait_us, ret_value);
}

/* ------------------------------------------------------------------------------- many at a time */

/* Misses that go to the core by one letter, so that loads that they begin come to their origin
 * together. Others' letters come between two groups, so that nobody waits for a long list. */
#define GROUP_MAX (1u << CRL_BATCH_BITS)

struct many_miss {
    struct miss miss;
    struct many *many;
    struct corral_result *result;
};

/* What memory did not answer of corral_get_many(), whose caller sleeps until all of it is told. */
struct many {
    _Atomic size_t left; /* that are not told, and one more until all have been sent */
    uv_sem_t done;
    size_t n;
    struct many_miss misses[];
};

/* The last one ends the sleep; then `many` may be gone. */
static void many_leave(struct many *many, size_t n)
{
    if (atomic_fetch_sub_explicit(&many->left, n, memory_order_acq_rel) == n)
        uv_sem_post(&many->done);
}

static void many_told(struct crl_loop *loop, struct crl_loop_call *call)
{
    (void)loop;
    many_leave(caa_container_of(call, struct many_miss, miss.told)->many, 1);
}

static size_t group_size(const struct many *many, const struct many_miss *first)
{
    size_t left = many->n - (size_t)(first - many->misses);
    return left < GROUP_MAX ? left : GROUP_MAX;
}

/* The letter of a group is that of its first miss, and sends the next one. */
static void group_wanted_run(struct crl_engine *engine, struct engine_call *call)
{
    struct many_miss *first = caa_container_of(call, struct many_miss, miss.wanted);
    struct many *many = first->many;
    size_t n = group_size(many, first);
    struct many_miss *next = first + n < many->misses + many->n ? first + n : NULL;
    for (size_t i = 0; i < n; i++)
        wanted_run(engine, &first[i].miss.wanted);
    if (next == NULL)
        return; /* all may have been told by now, and `many` be gone */
    next->miss.wanted.run = group_wanted_run;
    crl_turn_post(&engine->turn, &next->miss.wanted.letter); /* answered also where it closes */
}

/* Send the first group, and with it all. If close has begun there is none. */
static void groups_send(struct many *many, struct corral_cache *cache)
{
    struct many_miss *first = &many->misses[0];
    first->miss.wanted.run = group_wanted_run;
    int rc = crl_engine_post(&cache->engine, &first->miss.wanted);
    if (rc == 0)
        return;
    for (size_t i = 0; i < many->n; i++) {
        crl_leave(&cache->gets);
        first[i].miss.result = rc;
    }
    many_leave(many, many->n);
}

/* Take in the keys that are absent. A limit refuses each on its own. */
static void many_fill(struct many *many, struct corral_space *space,
                      const struct corral_bytes *keys, size_t keys_n, corral_us wait_us,
                      struct corral_result *results)
{
    crl_load_id asker = crl_stuck_asker(space->cache);
    for (size_t i = 0; i < keys_n; i++) {
        if (results[i].result != CORRAL_EABSENT)
            continue;
        results[i].result = admit(space, &space->cache->gets);
        if (results[i].result < 0)
            continue;
        struct many_miss *one = &many->misses[many->n++];
        *one = (struct many_miss){
            .miss = miss_make(space, keys[i], wait_us), .many = many, .result = &results[i]};
        one->miss.told.run = many_told;
        one->miss.asker = asker;
    }
}

static void many_wait(struct many *many, struct corral_cache *cache)
{
    atomic_init(&many->left, many->n + 1);
    if (many->n > 0)
        groups_send(many, cache);
    many_leave(many, 1);
    uv_sem_wait(&many->done);
    for (size_t i = 0; i < many->n; i++) {
        struct many_miss *one = &many->misses[i];
        *one->result = (struct corral_result){one->miss.result, one->miss.value};
    }
}

static int many_load(struct corral_space *space, const struct corral_bytes *keys, size_t keys_n,
                     size_t absent_n, corral_us wait_us, struct corral_result *results)
{
    struct many *many = malloc(sizeof *many + absent_n * sizeof many->misses[0]);
    if (many == NULL)
        return CORRAL_ENOMEM;
    if (uv_sem_init(&many->done, 0) != 0) {
        free(many);
        return CORRAL_ESYSTEM;
    }
    many->n = 0;
    int held = crl_cancel_hold();
    many_fill(many, space, keys, keys_n, wait_us, results);
    many_wait(many, space->cache);
    uv_sem_destroy(&many->done);
    free(many);
    crl_cancel_let_go(held);
    return 0;
}

/* What memory has. Returns how many keys it has nothing of. */
static size_t many_look(struct corral_space *space, const struct corral_bytes *keys, size_t n,
                        struct corral_result *ret_results)
{
    size_t absent_n = 0;
    corral_us now = crl_now_coarse();
    for (size_t i = 0; i < n; i++) {
        ret_results[i] = (struct corral_result){.result = crl_key_check(space, keys[i])};
        if (ret_results[i].result < 0)
            continue;
        ret_results[i].result = hit_take(space, keys[i], now, NULL, 0, &ret_results[i].value);
        absent_n += ret_results[i].result == CORRAL_EABSENT;
    }
    return absent_n;
}

int corral_get_many(struct corral_space *space, const struct corral_bytes *keys, size_t n,
                    corral_us wait_us, struct corral_result *ret_results)
{
    if (wait_us < 0 || (n > 0 && (keys == NULL || ret_results == NULL))) {
        if (ret_results != NULL)
            memset(ret_results, 0, n * sizeof *ret_results);
        return CORRAL_EINVAL;
    }
    size_t absent_n = many_look(space, keys, n, ret_results);
    if (absent_n == 0)
        return 0;
    int rc = CORRAL_EDEADLOCK;
    if (wait_us == 0 || !crl_engine_calls_back(&space->cache->engine))
        rc = many_load(space, keys, n, absent_n, wait_us, ret_results);
    for (size_t i = 0; i < n && rc < 0; i++) {
        corral_value_release(&ret_results[i].value);
        ret_results[i].result = rc;
    }
    return rc;
}
