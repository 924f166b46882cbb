/* SPDX-License-Identifier: Apache-2.0
 *
 * callback.h - the origin whose loads run a function of the embedding program.
 *
 * It also implements what corral.h lets a loader do with a load: the functions corral_load_...().
 */
#ifndef CRL_ORIGIN_CALLBACK_H
#define CRL_ORIGIN_CALLBACK_H

#include "origin/origin.h"

/* crl_origin_callback_new - an origin that calls `fn` on worker threads of its own.
 *
 * arg          handed to `fn`; not looked at
 * concurrency  worker threads, 1 to 1024, started as they are needed. The core runs as many loads
 *              at once; so a load waits for a worker only while loaders that have answered, or
 *              whose load was cancelled, do not return
 * value_max    the largest value in bytes; a larger one is answered with EVALUE
 *
 * Errors: ENOMEM */
int crl_origin_callback_new(corral_loader_fn *fn, void *arg, uint32_t concurrency, size_t value_max,
                            struct crl_origin **ret_origin);

/* A loader function that runs: for a load of this cache, by its names. */
struct crl_running {
    uint64_t cache; /* 0: none runs */
    uint64_t load;  /* may have ended; of several in one call, any */
};

/* crl_running_here - what runs on this thread. */
struct crl_running crl_running_here(void);

#endif
