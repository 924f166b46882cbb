/* SPDX-License-Identifier: Apache-2.0
 *
 * routes.h - what the `listen` address answers: the routes, /metrics, /healthz and /readyz.
 *
 * A route matches its path exactly. GET and HEAD turn the query string into a key (params.h) and
 * ask the cache: a fresh hit is answered on the spot, all else when the engine's answer has come
 * back to the front's thread. A request whose client has gone gives its get up; the load goes on
 * for others (P7).
 *
 * A get that ends in 503 or 504 is logged, of each route and error one in a second, with the number
 * of those that were not. (What becomes of a load is the cache's to tell, and logged in serve.c.)
 *
 * A fresh hit takes no lock and no memory but the request's own pool. Values of up to 16 KiB are
 * copied; larger ones are held by reference until they are sent.
 *
 * Threads: handlers on fronts; a table of routes is constant while fronts run. */
#ifndef CRL_SERVER_ROUTES_H
#define CRL_SERVER_ROUTES_H

#include "base/rc.h"
#include "server/answer.h"
#include "server/log.h"
#include "server/params.h"

struct crl_route {
    struct corral_bytes path;
    struct crl_params params;
    struct corral_space *space;
    corral_us wait_us;
    struct crl_log *log;         /* may be NULL */
    struct crl_log_pace *failed; /* CRL_RC_MAX + 1; how often each error may be told */
};

struct crl_routes {
    const struct crl_route *rows; /* in the order of the configuration */
    uint32_t n;
    size_t key_max;
    struct crl_metrics *metrics;
    const atomic_bool *draining;
};

/* crl_routes_handle - answer a request of the `listen` address. arg: struct crl_routes */
crl_front_handler crl_routes_handle;

/* crl_routes_find - the route of a path, or NULL. Its number is its place in rows. */
const struct crl_route *crl_routes_find(const struct crl_routes *routes, struct corral_bytes path);

/* The key of a request. It stays valid until this thread asks for the next one. */
struct crl_route_key {
    struct corral_bytes key;
    char why[CRL_PARAMS_WHY_MAX]; /* on failure */
};

/* crl_routes_key - the key that the query string of a request stands for. Errors: EINVAL, EKEY */
int crl_routes_key(const struct crl_routes *routes, const struct crl_route *route,
                   const struct crl_exchange *exchange, struct crl_route_key *ret_key);

#endif
