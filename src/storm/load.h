/* SPDX-License-Identifier: Apache-2.0
 *
 * load.h - the load generator: N keep-alive connections driven by one thread.
 *
 * All connections are opened, and each has had one answer (to /healthz), before the first measured
 * request: so what is measured is the cache and not the accept queue. Then either every client asks
 * once, all at the same instant, or each asks again and again, with pauses, for a while.
 *
 *   L1  A client has at most one request under way.
 *   L2  Every request ends: by an answer, a broken connection, the timeout, or the stop.
 *   L3  After the end of the duration no request is sent; those under way are waited for.
 *
 * A connection that ends is opened again for the client's next request. The requests of the opening
 * are not counted. Latency is measured from just before the request is sent to when its last byte
 * was read.
 *
 * Plain epoll, one system call for each request and one for each answer: the generator shares two
 * cores with what it measures (docs/decisions/). */
#ifndef CRL_STORM_LOAD_H
#define CRL_STORM_LOAD_H

#include "storm/tally.h"

/* Called about twenty times a second while requests are under way. */
typedef void crl_storm_progress_fn(void *arg, const struct crl_storm_tally *tally);

struct crl_storm_load {
    const struct crl_storm_target *target;
    uint32_t clients;
    corral_us duration_us; /* 0: each client asks once, all at the same instant */
    corral_us think_us; /* the mean pause, at most 2 s; pauses are uniform from 0 to twice that */
    corral_us timeout_us;
    uint64_t seed;                   /* of the pauses */
    int stop_fd;                     /* readable: stop now; not read. -1: none */
    crl_storm_progress_fn *progress; /* may be NULL */
    void *progress_arg;
};

/* crl_storm_load_run - run it. Blocks.
 * ret_tally  set to zero by the caller; on failure as far as it went
 * ret_stopped  true if stop_fd ended it
 * why   on failure, a clause for people
 * Errors: ESYSTEM the connections could not be opened, ENOMEM. */
int crl_storm_load_run(const struct crl_storm_load *load, struct crl_storm_tally *ret_tally,
                       bool *ret_stopped, char *why, size_t why_size);

/* crl_storm_files_allow - raise the limit of open files to `n` if need be.
 * Errors: ESYSTEM the hard limit is lower; it is in *ret_limit. */
int crl_storm_files_allow(uint64_t n, uint64_t *ret_limit);

#endif
