/* SPDX-License-Identifier: Apache-2.0
 *
 * corral.h - a read-through cache that cannot stampede: the public interface of libcorral.
 *
 * Open a cache, add an origin (where values come from) and a space (keys that share a policy), then
 * get. A value that is not in memory is loaded through the origin exactly once, however many
 * callers ask for it at the same time; they all share the one result.
 *
 * Threads:  every function may be called from any thread, unless its comment says otherwise.
 * Time:     spans are microseconds (corral_us). A span of 0 means "none" unless said otherwise; one
 *           of more than a hundred years counts as a hundred years.
 * Bytes:    keys and values are plain bytes; they need no terminator and may hold NUL.
 * Results:  a result >= 0 is a success, and for the get calls one of enum corral_outcome; a result
 *           < 0 is one of enum corral_rc. Parameters named ret_... are untouched on failure, but
 *           for a struct corral_value, which is cleared: it may be released whatever the result.
 * Sizes:    structs of options and figures begin with their size. The caller sets it to the sizeof
 *           of the struct, as in {.size = sizeof options, ...}. So a program that was compiled with
 *           an older header runs with a newer library. The other way round, a member that the
 *           library does not know must be zero.
 */
#ifndef CORRAL_CORRAL_H
#define CORRAL_CORRAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CORRAL_API __attribute__((visibility("default")))

/* A span or an instant in microseconds. Instants are of the monotonic clock. */
typedef int64_t corral_us;

/* Spans from milliseconds and seconds, whole or not: CORRAL_SECONDS(0.5). */
#define CORRAL_MS(n)      ((corral_us)((n)*INT64_C(1000)))
#define CORRAL_SECONDS(n) ((corral_us)((n)*INT64_C(1000000)))

/* Bytes somewhere in memory. Always borrowed: who passes it keeps it valid until the call
 * returns. */
struct corral_bytes {
    const void *data;
    size_t size;
};

/* corral_str - the bytes of a string, without its terminator. */
CORRAL_API struct corral_bytes corral_str(const char *text);

/* Errors: name, value, HTTP status of the daemon, text. */
#define CORRAL_RC_TABLE(X)                                                                         \
    X(EINVAL, -1, 400, "an argument is not valid, or a struct does not say its size")              \
    X(ENOMEM, -2, 503, "out of memory")                                                            \
    X(ETIMEDOUT, -3, 504, "the wait limit of this get passed before there was a value")            \
    X(EDEADLINE, -4, 504, "the origin did not answer before its deadline; the load was cancelled") \
    X(EORIGIN, -5, 502, "the origin failed")                                                       \
    X(EQUEUE, -6, 503, "the origin's queue is full")                                               \
    X(ELIMIT, -7, 503, "the cache's limit of flights or waiters is reached")                       \
    X(ECLOSED, -8, 503, "the cache is closed")                                                     \
    X(EKEY, -9, 414, "the key is empty or longer than the cache's limit")                          \
    X(EVALUE, -10, 502, "the value is larger than the cache's limit")                              \
    X(EDEADLOCK, -11, 500, "this call would wait for itself")                                      \
    X(ECANCELED, -12, 503, "the get was cancelled")                                                \
    X(EEXIST, -13, 409, "the name is taken")                                                       \
    X(EABSENT, -14, 404, "the key is not in memory")                                               \
    X(ESYSTEM, -15, 500, "the operating system refused")                                           \
    X(ECOUNT, -16, 500, "the cache has as many origins or spaces as it can have")                  \
    X(ECHANGED, -17, 409, "the key was changed since the mark was taken")

enum corral_rc {
    CORRAL_OK = 0,
#define CORRAL_RC_MEMBER(name, value, status, text) CORRAL_##name = (value),
    CORRAL_RC_TABLE(CORRAL_RC_MEMBER)
#undef CORRAL_RC_MEMBER
};

/* Outcomes of a get: name, its word in metrics, text. Each successful get has exactly one. STALE
 * and DEGRADED belong to policies that a later version brings; this version never returns them. */
#define CORRAL_OUTCOME_TABLE(X)                                                           \
    X(HIT, "hit", "fresh, from memory")                                                   \
    X(STALE, "stale", "past its soft TTL, from memory, while a refresh runs")             \
    X(COALESCED, "coalesced", "shared the result of a load that another get had started") \
    X(LOADED, "miss", "loaded from the origin by this get")                               \
    X(NEGATIVE, "negative", "known not to exist, from memory")                            \
    X(DEGRADED, "degraded", "the last good value, because the load failed")

enum corral_outcome {
#define CORRAL_OUTCOME_MEMBER(name, word, text) CORRAL_##name,
    CORRAL_OUTCOME_TABLE(CORRAL_OUTCOME_MEMBER)
#undef CORRAL_OUTCOME_MEMBER
};

/* corral_strerror - the text of a result < 0, one sentence without a full stop. Static memory. */
CORRAL_API const char *corral_strerror(int rc);

/* corral_outcome_name - the word of a result >= 0 of a get, such as "hit". Static memory. */
CORRAL_API const char *corral_outcome_name(int outcome);

/* corral_version - the version of the library, such as "0.2.0". Static memory. */
CORRAL_API const char *corral_version(void);

struct corral_cache;
struct corral_get_handle;
struct corral_origin;
struct corral_space;
struct corral_load;

/* ------------------------------------------------------------------------------------ the cache */

/* Why a load failed, for the program's log: once for each that fails, with what its readers are
 * told. One that takes longer than its deadline has failed then, with CORRAL_EDEADLINE, also while
 * its loader hangs; what becomes of it later is not told, nor what becomes of one that the cache
 * has cancelled at its close. Or why a get of a loader would have waited for itself: then `rc` is
 * CORRAL_EDEADLOCK, and the key is the one that was asked for. Called on the cache's callback
 * thread: it must not call a blocking function of this library, and while it runs other callbacks
 * wait. At most 1024 failures wait to be told; what is more is not told, nor is a load that could
 * not begin for lack of memory. The strings are borrowed until it returns; `why` is never NULL, and
 * where nobody said more it is the text of `rc`. */
typedef void corral_failure_fn(void *arg, const char *space, struct corral_bytes key, int rc,
                               const char *why);

/* Settings of a cache. Set everything but `size` to zero for the defaults. */
struct corral_options {
    size_t size;                   /* sizeof(struct corral_options) */
    size_t memory_bytes;           /* budget of what is kept, with all overhead; 0: 64 MiB */
    size_t key_max;                /* longest key in bytes, at most 65535; 0: 1024 */
    size_t value_max;              /* largest value in bytes, at most 1 GiB; 0: 8 MiB */
    uint32_t flights_max;          /* keys being loaded at once; 0: 65536 */
    uint32_t waiters_max;          /* gets waiting at once; likewise callbacks and asynchronous
                                    * changes that are due; 0: 131072 */
    corral_us close_wait_us;       /* how long corral_close() waits for loaders; 0: 5 s */
    corral_failure_fn *on_failure; /* may be NULL */
    void *on_failure_arg;
};

/* corral_open - start a cache and its two threads.
 *
 * options   NULL for the defaults
 * Errors: EINVAL a setting is out of range, ENOMEM, ESYSTEM no thread or no event loop. */
CORRAL_API int corral_open(const struct corral_options *options, struct corral_cache **ret_cache);

/* corral_shut - the first half of corral_close(): refuse all calls from now on, and free nothing.
 *
 * Gets that wait are answered with CORRAL_ECLOSED, loads are cancelled. Loaders that are still
 * running are waited for, up to close_wait_us; one that has not returned by then is left behind:
 * its answer will be dropped and its memory freed when it returns. Other threads may go on calling
 * while this runs and afterwards: their calls return CORRAL_ECLOSED, hits too. Figures may still be
 * read. So a program shuts the cache, lets its threads come to their end, and then closes. Blocks.
 *
 * Returns 0; or CORRAL_ETIMEDOUT if a loader was left behind (the cache is shut all the same): also
 * to whoever shuts it once more, or at the same time, which waits for the first; or
 * CORRAL_EDEADLOCK on the callback thread and in a loader of the cache, or CORRAL_ECLOSED in a
 * child of fork() where the cache is the parent's (nothing is done). NULL is allowed and
 * returns 0. */
CORRAL_API int corral_shut(struct corral_cache *cache);

/* corral_close - stop the cache and free it.
 *
 * It begins with corral_shut(), if that was not called. Values that the program holds stay valid
 * until they are released. Callbacks that are due are called first, however long they take; so the
 * caller must not hold a lock that one of them takes. Blocks.
 *
 * No other call may be made on the cache, its spaces or its origins during or after this one, with
 * three exceptions. A load may be answered at any time. A handle of a get may be dropped at any
 * time. And callbacks, and loaders until they return, may go on calling: their calls are refused
 * with CORRAL_ECLOSED. (So the memory of a cache that has left a loader behind is freed when that
 * returns.)
 *
 * Returns as corral_shut(), of which CORRAL_ETIMEDOUT also means that the cache is closed. NULL is
 * allowed and returns 0. */
CORRAL_API int corral_close(struct corral_cache *cache);

/* ---------------------------------------------------------------------------- origins and loads */

/* A loader: brings the value of one key.
 *
 * Called on one of the origin's worker threads, so it may block. It answers by exactly one of
 * corral_load_value(), corral_load_commit(), corral_load_not_found(), corral_load_fail() and
 * corral_load_fail_code(), either before it returns or later, from any thread. `load` stays valid
 * until it is answered; a load that is never answered is a leak. An answer after the deadline or
 * after corral_close() is dropped, and so is every answer but the first. A load that has been
 * answered has an empty key and counts as cancelled; in a child of fork(), so has every load of
 * the parent's.
 *
 * A loader that returns without an answer gives its worker back and keeps its place in the origin's
 * concurrency until it answers or the deadline passes. A loader that does not return keeps both: no
 * one can take a thread away from it. Look at corral_load_cancelled() in long loops.
 *
 * A loader may get other keys of the cache. A get that would close a circle, in which loaders wait
 * for each other or for each other's places at an origin, returns CORRAL_EDEADLOCK at once; where
 * something else closes it later, one of the gets in it does. Until it has answered, a loader is
 * taken to wait itself for what it gets so. */
typedef void corral_loader_fn(void *arg, struct corral_load *load);

/* A loader of many keys: brings the values of `n` keys of one space, at least 1, at most
 * `batch_max` of the origin.
 *
 * All that corral_loader_fn says holds for each of the loads: it is answered on its own, before the
 * call returns or later, from any thread. A failure or a cancellation of one does not affect the
 * others. Readers of a key are answered with its load: they do not wait for the rest. The call
 * keeps its place in the origin's concurrency until all of its loads have been answered.
 * loads   the array is borrowed until the call returns. A load that was cancelled before is not in
 *         it */
typedef void corral_load_many_fn(void *arg, struct corral_load *const *loads, uint32_t n);

/* Settings of an origin. Set everything but size, name and one of loader and load_many to zero for
 * the defaults. */
struct corral_origin_options {
    size_t size;      /* sizeof(struct corral_origin_options) */
    const char *name; /* copied */
    corral_loader_fn *loader;
    void *arg; /* handed to the loader */
    uint32_t
        concurrency; /* loads at once, also the number of worker threads; 0: 20; at most 1024 */
    uint32_t queue;  /* loads that wait for a place; 0: 1000 */
    corral_us deadline_us;          /* a load that takes longer is cancelled; 0: 2 s */
    corral_load_many_fn *load_many; /* in place of `loader`. Loads of one space that wait in the
                                     * queue behind each other are handed to one call of it, and
                                     * take one place together */
    uint32_t batch_max;             /* loads for one call of load_many; 0: 100; at most 256 */
};

/* corral_origin_add - register where values come from. The origin lives as long as the cache.
 * Errors: EINVAL, EEXIST the name is taken, ECOUNT more than 64 origins, ENOMEM, ESYSTEM, ECLOSED.
 * Blocks shortly. */
CORRAL_API int corral_origin_add(struct corral_cache *cache,
                                 const struct corral_origin_options *options,
                                 struct corral_origin **ret_origin);

/* corral_load_key - the key to load. Borrowed until the load is answered. */
CORRAL_API struct corral_bytes corral_load_key(const struct corral_load *load);

/* corral_load_space_arg - the `arg` of the space that the key belongs to. */
CORRAL_API void *corral_load_space_arg(const struct corral_load *load);

/* corral_load_remaining - microseconds until the deadline of this load; <= 0 when it has passed. */
CORRAL_API corral_us corral_load_remaining(const struct corral_load *load);

/* corral_load_cancelled - has nobody a use for the answer any more? */
CORRAL_API bool corral_load_cancelled(const struct corral_load *load);

/* corral_load_worker - the number of the worker thread that runs the loader, from 0, below the
 * origin's concurrency; 0 for a load that has been answered. No two calls of loaders that run at
 * the same time have the same number: so a program can keep a connection to its database for each.
 * That of a loader which has returned may be another one's by now. */
CORRAL_API uint32_t corral_load_worker(const struct corral_load *load);

/* What corral_load_set_ttl() takes for the TTL of the space's policy. */
#define CORRAL_TTL_OF_POLICY INT64_MIN

/* corral_load_set_ttl - say how long the answer of this load lives, value or "not found", in place
 * of the TTL of the space's policy; still with the policy's jitter. To be called before the answer;
 * the last call counts. A failure has no TTL.
 * ttl_us   0, and below (it has expired already): only those who wait for this load are given it,
 *          nothing is kept; CORRAL_TTL_OF_POLICY takes back what was said before */
CORRAL_API void corral_load_set_ttl(struct corral_load *load, corral_us ttl_us);

/* corral_load_value - answer with a value, which is copied. Frees the load.
 * Returns 0; or ENOMEM or EVALUE, then the readers are told so: the load is answered all the
 * same. */
CORRAL_API int corral_load_value(struct corral_load *load, struct corral_bytes value);

/* corral_load_reserve - room for a value that the loader writes itself, so that nobody copies it.
 *
 * Returns the address of `size` bytes, with no particular alignment, which belong to the load:
 * until it is answered, even if it is cancelled meanwhile or the cache closed. Another call
 * replaces the room, without what was written. NULL: `size` is larger than the cache's value_max,
 * there is no memory, or nobody wants the value any more; nothing changes then, and the load is to
 * be answered by any of the functions below. For one load not on two threads at a time, and not
 * while another thread answers it. */
CORRAL_API void *corral_load_reserve(struct corral_load *load, size_t size);

/* corral_load_commit - answer with the first `size` bytes of the room. Frees the load. The value is
 * copied only if it is much shorter than the room.
 * Returns 0, or ENOMEM, as corral_load_value() does; or EINVAL where no such room was reserved:
 * then the load is not answered. */
CORRAL_API int corral_load_commit(struct corral_load *load, size_t size);

/* corral_load_not_found - answer that there is no such thing; cached for the negative TTL. */
CORRAL_API void corral_load_not_found(struct corral_load *load);

/* corral_load_fail - answer that the load failed; every reader gets CORRAL_EORIGIN.
 * why   for the program's log (see corral_failure_fn); copied; may be NULL */
CORRAL_API void corral_load_fail(struct corral_load *load, const char *why);

/* The largest code of corral_load_fail_code(). */
#define CORRAL_CODE_MAX (1 << 30)

/* corral_load_fail_code - the same, and each reader is told a code of the program's: in `code` of
 * its struct corral_value, which holds no value then.
 * code   1 to CORRAL_CODE_MAX; any other: none, as corral_load_fail() */
CORRAL_API void corral_load_fail_code(struct corral_load *load, int code, const char *why);

/* --------------------------------------------------------------------------------------- spaces */

/* What happens to the keys of a space. */
struct corral_policy {
    size_t size;      /* sizeof(struct corral_policy) */
    corral_us ttl_us; /* how long a value is fresh; 0: share the load in flight, keep nothing */
    corral_us negative_ttl_us; /* the same for "not found"; 0: keep nothing */
    double jitter;             /* every TTL is spread by this fraction, 0 to 0.5 (0.1: +-10 %) */
    bool no_coalescing;        /* plain cache-aside, every miss loads; for comparisons only */
};

/* Settings of a space. */
struct corral_space_options {
    size_t size;                        /* sizeof(struct corral_space_options) */
    const char *name;                   /* copied */
    const struct corral_policy *policy; /* copied; NULL: everything in it is 0 */
    struct corral_origin *origin;
    void *arg; /* for corral_load_space_arg(); not looked at */
};

/* corral_space_add - add a space. It lives as long as the cache.
 * Errors: EINVAL, EEXIST the name is taken, ECOUNT more than 256 spaces, ENOMEM, ESYSTEM, ECLOSED.
 * Blocks shortly. */
CORRAL_API int corral_space_add(struct corral_cache *cache,
                                const struct corral_space_options *options,
                                struct corral_space **ret_space);

/* ----------------------------------------------------------------------------------------- gets */

/* A value in the caller's hands: a reference to immutable bytes that stay valid until
 * corral_value_release(), even after the cache is closed. */
struct corral_value {
    const void *data;   /* NULL: there is no such thing (negative) */
    size_t size;        /* bytes at data */
    corral_us age_us;   /* time since the origin answered, when this get was answered */
    corral_us fresh_us; /* time it stays fresh from then on; 0 for a value that is not cached */
    int code; /* of a get that failed with CORRAL_EORIGIN: corral_load_fail_code(); else 0 */
    void *private_owner;
    void *private_entry;
};

/* corral_value_ref - a second reference to the same bytes, to be released on its own. */
CORRAL_API struct corral_value corral_value_ref(const struct corral_value *value);

/* corral_value_release - give a reference back and clear the struct. A cleared one is allowed. */
CORRAL_API void corral_value_release(struct corral_value *value);

/* corral_get - the value of a key, loaded through the origin if need be. Blocks.
 *
 * wait_us     the longest this call may wait, at least 0; 0: answer from memory, or start the load
 *             if there is a free place at the origin, and return CORRAL_ETIMEDOUT. A load that has
 *             begun goes on when the wait ends; one that nobody waits for any more does not begin
 * ret_value   to be released by the caller; ->data is NULL if there is no such thing
 *
 * Returns an enum corral_outcome; or ETIMEDOUT, EDEADLINE, EORIGIN, EQUEUE, ELIMIT, ENOMEM, EKEY,
 * EVALUE, ECLOSED, EINVAL, ESYSTEM, EDEADLOCK (with a wait_us above 0, for what is not in memory:
 * on the callback thread; and in a loader that would wait for itself). */
CORRAL_API int corral_get(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
                          struct corral_value *ret_value);

/* Receives the answer of an asynchronous get. result: as corral_get() returns. value: the
 * receiver's own reference, which it must release; cleared if result < 0. The struct itself is
 * borrowed. */
typedef void corral_get_fn(void *arg, int result, struct corral_value *value);

/* corral_get_async - the same without blocking.
 *
 * `fn` is called exactly once, if and only if 0 is returned: before this call returns, on the
 * calling thread, where the answer is in memory; else on the cache's callback thread, where it must
 * not block. A callback may get again. Where such hits would nest more than a few levels deep, the
 * next one is answered on the callback thread, so that no stack comes to its end.
 *
 * ret_handle   by which the get can be cancelled; written before `fn` can be called. NULL: none is
 *              wanted. *ret_handle is NULL where `fn` was called before this returned, and on
 *              failure.
 *
 * Returns 0; or EKEY, EINVAL, ENOMEM, ELIMIT, ECLOSED, and then `fn` is not called. (So a callback
 * that always gets again ends when the cache closes: that get is refused.) */
CORRAL_API int corral_get_async(struct corral_space *space, struct corral_bytes key,
                                corral_us wait_us, corral_get_fn *fn, void *arg,
                                struct corral_get_handle **ret_handle);

/* corral_get_cancel - nobody waits for this answer any more. If it is not answered yet, its `fn` is
 * called soon with CORRAL_ECANCELED, or with CORRAL_ECLOSED where the close comes first. The load
 * goes on for the others. Does not block. A handle of NULL is allowed. */
CORRAL_API void corral_get_cancel(struct corral_get_handle *handle);

/* corral_get_drop - give a handle back, once. The get goes on. At any time, also after
 * corral_close(). A handle of NULL is allowed. */
CORRAL_API void corral_get_drop(struct corral_get_handle *handle);

/* One of many results: as corral_get() returns it, and its value, which is to be released. */
struct corral_result {
    int result;
    struct corral_value value;
};

/* corral_get_many - the values of many keys of a space, each as corral_get() would bring it. They
 * are all asked for at once: loads run side by side, and go together to an origin that takes
 * several. Blocks until each is answered, at most `wait_us` in all.
 *
 * n             keys; one may stand there more than once
 * ret_results   n of them, one for each key in its order. Each must be looked at, and its value
 *               released, if 0 is returned.
 * Returns 0; or EINVAL, ENOMEM, ESYSTEM, EDEADLOCK (on the callback thread, as corral_get()), and
 * then no result holds a value. A loader that would wait for itself is told so in the result of
 * that key; the others are waited for. */
CORRAL_API int corral_get_many(struct corral_space *space, const struct corral_bytes *keys,
                               size_t n, corral_us wait_us, struct corral_result *ret_results);

/* corral_peek - a reference to a fresh value in memory; as corral_read(), never loads or waits.
 * Returns CORRAL_HIT or CORRAL_NEGATIVE, counted as a get; EABSENT (not counted); EKEY, EINVAL,
 * ECLOSED. */
CORRAL_API int corral_peek(struct corral_space *space, struct corral_bytes key,
                           struct corral_value *ret_value);

/* corral_read - copy a fresh value out of memory; never loads or waits, and, but for the first call
 * of a thread, never locks or allocates.
 *
 * The fastest way to a hit, above all where many threads read one key: no shared memory is written.
 * At most `size` bytes are copied to `buffer`; *ret_size is the size of the whole value (0 if
 * negative), so a result larger than `size` says that it did not fit.
 * Returns CORRAL_HIT or CORRAL_NEGATIVE, counted as a get; EABSENT (not counted: a get follows);
 * EKEY, ECLOSED. */
CORRAL_API int corral_read(struct corral_space *space, struct corral_bytes key, void *buffer,
                           size_t size, size_t *ret_size);

/* -------------------------------------------------------------------------------------- changes */

/* corral_invalidate - forget a key. When this returns, no reader that comes later is given a value
 * whose load began earlier. A load under way goes on for those who wait for it, uncached. Blocks
 * shortly. Errors: EKEY, ESYSTEM, ECLOSED. */
CORRAL_API int corral_invalidate(struct corral_space *space, struct corral_bytes key);

/* corral_space_clear - forget all keys of a space, as corral_invalidate() does one. O(1): the
 * memory of what was forgotten is used again as room is needed. Blocks shortly. Errors: ESYSTEM,
 * ECLOSED. */
CORRAL_API int corral_space_clear(struct corral_space *space);

/* corral_put - set the value of a key, as if the origin had answered with it now. It is an
 * invalidation as well, also where it fails with EVALUE or ENOMEM. Blocks shortly.
 *
 * Two writers that first write to the origin and then put can put in another order than they wrote
 * in, and then the cache stays behind the origin until the TTL ends. Either invalidate after a
 * write instead, or use corral_put_if().
 *
 * Errors: EKEY, EVALUE, ENOMEM, ESYSTEM, ECLOSED. */
CORRAL_API int corral_put(struct corral_space *space, struct corral_bytes key,
                          struct corral_bytes value);

/* What a key's changes are compared with. Copied as one likes; nothing is to be freed. */
struct corral_mark {
    uint64_t private_changes;
};

/* corral_mark_take - a mark of how often a key was changed by invalidations and puts so far. To be
 * taken before the program reads from the origin or writes there what it will put. Does not
 * block. */
CORRAL_API struct corral_mark corral_mark_take(struct corral_space *space, struct corral_bytes key);

/* corral_put_if - the same as corral_put(), if the key was not changed since the mark was taken. If
 * it was, this is an invalidation, and returns CORRAL_ECHANGED: so whoever comes next loads what
 * the origin has. It may happen, rarely, that the change of another key is taken for one of this
 * key's. */
CORRAL_API int corral_put_if(struct corral_space *space, struct corral_bytes key,
                             struct corral_bytes value, struct corral_mark mark);

/* Is told how an asynchronous change has ended: 0 or an error of the blocking form. On the cache's
 * callback thread, where it must not block. */
typedef void corral_done_fn(void *arg, int result);

/* corral_invalidate_async, corral_put_async, corral_put_if_async - the same without blocking: the
 * change is done when `fn` is called, at the latest. Changes by one thread happen in their order.
 *
 * fn   called exactly once, if 0 is returned; NULL: nobody wants to know
 * Returns 0; or EKEY, ENOMEM, ELIMIT (waiters_max changes and callbacks are on their way), ECLOSED,
 * and then nothing was changed. */
CORRAL_API int corral_invalidate_async(struct corral_space *space, struct corral_bytes key,
                                       corral_done_fn *fn, void *arg);
CORRAL_API int corral_put_async(struct corral_space *space, struct corral_bytes key,
                                struct corral_bytes value, corral_done_fn *fn, void *arg);
CORRAL_API int corral_put_if_async(struct corral_space *space, struct corral_bytes key,
                                   struct corral_bytes value, struct corral_mark mark,
                                   corral_done_fn *fn, void *arg);

/* -------------------------------------------------------------------------------------- figures */

/* Numbers since the cache was opened, but for those that say "now". To be read by any thread, at
 * any time until corral_close(). The caller sets `size`. */
struct corral_cache_figures {
    size_t size;
    uint64_t entries;      /* in memory now */
    uint64_t memory_bytes; /* that the table has taken of the system now, but for a large value
                            * for which room is being made */
    uint64_t evictions;    /* entries pushed out to make room */
    uint64_t flights;      /* keys being loaded now */
    uint64_t waiters;      /* gets waiting for a load now */
};

struct corral_space_figures {
    size_t size;
    /* What became of gets. Each is counted in exactly one; but one with an argument that is not
     * valid, or on the callback thread with a wait, or after the cache was shut, is no get. */
    uint64_t hits, stale, coalesced, misses, negatives, degraded; /* the outcomes, in their order */
    uint64_t refused;                                             /* by a limit, or as it closed */
    uint64_t failed;
    /* Loads begun, by why. */
    uint64_t loads; /* in all */
    uint64_t loads_miss, loads_refresh, loads_early, loads_scheduled, loads_warm;
    uint64_t needed; /* loads without which a reader would have had nothing fresh; `loads` divided
                      * by this is the amplification */
};

struct corral_origin_figures {
    size_t size;
    uint64_t loads;       /* that have ended */
    uint64_t load_us;     /* how long these took, together */
    uint64_t failed;      /* of these: the loader said so */
    uint64_t overruns;    /* loads cancelled at their deadline */
    uint64_t refused;     /* loads that did not begin, as the queue was full */
    uint64_t late;        /* cancelled ones that were answered after all */
    uint64_t active;      /* running now, cancelled ones too until they have ended */
    uint64_t active_peak; /* the most there ever were */
    uint64_t queued;      /* waiting for a place now */
};

/* Errors: EINVAL no size. Do not block. O(threads that have used the cache) for a space. */
CORRAL_API int corral_cache_figures(struct corral_cache *cache,
                                    struct corral_cache_figures *ret_figures);
CORRAL_API int corral_space_figures(struct corral_space *space,
                                    struct corral_space_figures *ret_figures);
CORRAL_API int corral_origin_figures(struct corral_origin *origin,
                                     struct corral_origin_figures *ret_figures);

#ifdef __cplusplus
}
#endif
#endif
