/* SPDX-License-Identifier: Apache-2.0
 *
 * singleflight.h - what Corral's misses are compared with: a read-through cache that shares loads,
 * of one mutex and condition variables, as one writes it in an afternoon.
 *
 * It gives those who wait what Corral gives them: one load for a key at a time, shared by all who
 * ask meanwhile; a reference to an immutable copy of the value; a result; a limit to the wait; a
 * limit to the queue; values that expire; a bound on what is kept. It has no invalidation, no
 * deadline for a load, no figures, no callbacks, and a hit takes the mutex. */
#ifndef CRL_BENCH_SINGLEFLIGHT_H
#define CRL_BENCH_SINGLEFLIGHT_H

#include "corral/corral.h"

#include <stdatomic.h>

/* An immutable value, counted by reference. */
struct shared_value {
    _Atomic uint32_t refs;
    size_t size;
    unsigned char data[];
};

/* shared_value_new - a copy with one reference, the caller's; NULL: out of memory. */
struct shared_value *shared_value_new(struct corral_bytes bytes);

/* shared_value_unref - give one reference back; the last one frees. NULL is allowed. */
void shared_value_unref(struct shared_value *value);

struct singleflight;

/* Brings the value of a key, on a worker. Returns 0, and the caller's reference; or an error. */
typedef int singleflight_loader_fn(void *arg, struct corral_bytes key,
                                   struct shared_value **ret_value);

struct singleflight_options {
    singleflight_loader_fn *loader;
    void *arg;
    uint32_t workers_n;
    uint32_t queue_max;   /* loads that wait for a worker */
    uint32_t entries_max; /* values that are kept, the oldest leaves first; 0: none */
    corral_us ttl_us;
};

/* singleflight_new - start one and its workers. Errors: ENOMEM, ESYSTEM. */
int singleflight_new(const struct singleflight_options *options, struct singleflight **ret_sf);

/* singleflight_free - end the workers and free all; no get may be under way. Blocks. */
void singleflight_free(struct singleflight *sf);

/* singleflight_get - the value of a key, loaded if need be. Any thread; blocks.
 * Returns CORRAL_HIT, CORRAL_LOADED or CORRAL_COALESCED and the caller's reference; or ETIMEDOUT,
 * EQUEUE, ENOMEM, or the loader's error. */
int singleflight_get(struct singleflight *sf, struct corral_bytes key, corral_us wait_us,
                     struct shared_value **ret_value);

#endif
