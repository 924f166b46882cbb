/* SPDX-License-Identifier: Apache-2.0
 *
 * cache.h - what the daemon may ask of a cache beyond the public interface: gets that can be called
 * off, origins that are not callbacks, and figures. */
#ifndef CRL_LIB_CACHE_H
#define CRL_LIB_CACHE_H

#include "base/hist.h"
#include "core/counts.h"
#include "origin/origin.h"

#include <corral/corral.h>

/* ----------------------------------------------------------------------------------------- gets */

/* crl_get_start - corral_get_async() with a handle, whose answer needs no thread of its own.
 *
 * `fn` is called exactly once if 0 is returned, on any thread: that of a worker which brought the
 * value, another caller's, or the calling one, also before this call returns. It must be short, and
 * must not block or call into the cache; corral_value_release() is allowed.
 * Returns 0, or an error as corral_get_async(); then `fn` is not called and there is no handle. */
int crl_get_start(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
                  corral_get_fn *fn, void *arg, struct corral_get_handle **ret_handle);

/* crl_read_at - corral_read() that also tells the times, and takes the instant as an argument.
 *
 * now       as crl_now_coarse()
 * ret_meta  the meta bytes of the value, valid as long as it is
 *
 * Meta bytes and value are copied to `buffer`, the value directly behind the meta bytes. If they
 * are larger than `size`, nothing is copied and ret_value holds a reference to them. */
int crl_read_at(struct corral_space *space, struct corral_bytes key, corral_us now, void *buffer,
                size_t size, struct corral_value *ret_value, struct corral_bytes *ret_meta);

/* crl_value_meta - the meta bytes of a value that is held by reference, valid as long as it is. */
struct corral_bytes crl_value_meta(const struct corral_value *value);

/* crl_invalidate_async - corral_invalidate() without blocking; `fn` is called exactly once if 0 is
 * returned, on any thread, as that of crl_get_start(). result: 1 a value was cached, 0 it was not,
 * or an error.
 * Errors: EKEY, ENOMEM, ECLOSED; then `fn` is not called. */
int crl_invalidate_async(struct corral_space *space, struct corral_bytes key, corral_done_fn *fn,
                         void *arg);

/* -------------------------------------------------------------------------------------- origins */

/* crl_origin_attach - register an origin of any kind; the cache takes it, also on failure.
 * Limits as in corral_origin_options; `loader` and `arg` of it are not looked at. */
int crl_origin_attach(struct corral_cache *cache, const struct corral_origin_options *options,
                      struct crl_origin *origin, struct corral_origin **ret_origin);

/* -------------------------------------------------------------------------------------- figures */

/* What became of a get; each get in exactly one. The outcomes of corral.h, then two failures:
 * refused (limits, queue, closed) and failed (all the rest). */
enum crl_get_class {
    CRL_GET_REFUSED = CORRAL_DEGRADED + 1,
    CRL_GET_FAILED,
    CRL_GET_CLASSES,
};

/* crl_get_class_name - its word in metrics. */
const char *crl_get_class_name(int class);

/* What the core counts is written in core/counts.h, row by row. */
#define ONE(field, ...)        uint64_t field;
#define EACH(field, kind, ...) uint64_t field[CRL_##kind##S];
#define HIST(field, ...)       struct crl_hist field;

struct crl_space_stats {
    CRL_SPACE_COUNTS(ONE, EACH, HIST)
    uint64_t gets[CRL_GET_CLASSES];
    struct crl_hist age; /* of the values served, bounds crl_hist_age */
};

struct crl_origin_stats {
    CRL_ORIGIN_COUNTS(ONE, EACH, HIST)
};

struct crl_cache_stats {
    CRL_CACHE_COUNTS(ONE)
    CRL_CORE_COUNTS(ONE)
};

#undef ONE
#undef EACH
#undef HIST

/* crl_space_stats_add, crl_origin_stats_add - add all of one to a sum: numbers are added up; of
 * peaks the largest stays. The sum begins as all zeros. */
void crl_space_stats_add(struct crl_space_stats *sum, const struct crl_space_stats *stats);
void crl_origin_stats_add(struct crl_origin_stats *sum, const struct crl_origin_stats *stats);

/* crl_space_stats_loads - the loads begun, whatever the reason. Pure. */
uint64_t crl_space_stats_loads(const struct crl_space_stats *stats);

/* Snapshots; any thread, do not block. */
void crl_cache_stats(struct corral_cache *cache, struct crl_cache_stats *ret_stats);
void crl_space_stats(struct corral_space *space, struct crl_space_stats *ret_stats);
void crl_origin_stats(struct corral_origin *origin, struct crl_origin_stats *ret_stats);

#endif
