/* SPDX-License-Identifier: Apache-2.0
 *
 * callback.h - the origin whose loads run a function of the embedding program.
 *
 * It also implements what corral.h lets a loader do with a load: the functions corral_load_...().
 */
#ifndef CRL_ORIGIN_CALLBACK_H
#define CRL_ORIGIN_CALLBACK_H

#include "origin/origin.h"

struct crl_origin_callback_options {
    corral_loader_fn *loader;       /* brings one key; or NULL */
    corral_load_many_fn *load_many; /* brings a load and its mates (O1); exactly one of both */
    void *arg;                      /* handed to it; not looked at */
    uint32_t concurrency; /* worker threads, 1 to 1024, started as they are needed. The core takes
                           * as many places at once; so a load waits for a worker only while
                           * loaders that have answered, or whose load was cancelled, do not
                           * return */
    size_t value_max;     /* the largest value in bytes; a larger one is answered with EVALUE */
};

/* crl_origin_callback_new - an origin that calls a loader on worker threads of its own.
 * Errors: ENOMEM, ESYSTEM */
int crl_origin_callback_new(const struct crl_origin_callback_options *options,
                            struct crl_origin **ret_origin);

/* A loader function that runs: for a load of this cache, by its names. */
struct crl_running {
    uint64_t cache; /* 0: none runs */
    uint64_t load;  /* may have ended; of several in one call, any */
};

/* crl_running_here - what runs on this thread. */
struct crl_running crl_running_here(void);

#endif
