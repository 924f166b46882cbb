/* SPDX-License-Identifier: Apache-2.0
 *
 * routes.c - see routes.h.
 *
 * A get that waits is a struct waiting, which belongs to both the request and the engine's answer:
 *
 *     request ──owns── anchor (in its pool) ──► waiting ◄── engine's callback, then a letter
 *
 *   R1  The letter comes exactly once (P5), and frees the waiting.
 *   R2  While the request lives, anchor->waiting is set until the letter has come; the letter
 *       answers.
 *   R3  A request that is disposed before clears waiting->anchor and cancels the get; the letter
 *       then only frees.
 *   R4  Of a client that has gone the get is cancelled, too; the letter then ends the request. */
#include "server/routes.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/rc.h"
#include "io/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COPY_MAX = 16 << 10, /* larger values are held by reference */
    SCRATCH_STACK = 2048,
};

struct anchor;

struct waiting {
    struct crl_front_letter letter;
    struct crl_exchange exchange;
    const struct crl_route *route;
    struct anchor *anchor; /* NULL: the request was disposed of (R3). The front's */
    bool is_unwanted;      /* the client has gone (R4). The front's */
    struct corral_get_handle *get;
    int result;
    struct corral_value value;
};

struct anchor {
    struct waiting *waiting; /* NULL: answered */
};

/* --------------------------------------------------------------------------------------- values */

/* A reference to a value, kept until the request's pool is cleared. */
struct held_value {
    struct crl_held held;
    struct crl_front *front;
    struct corral_value value;
};

static void value_dispose(void *arg)
{
    struct held_value *held = arg;
    crl_front_let_go(held->front, &held->held);
    corral_value_release(&held->value);
}

static struct corral_bytes pool_copy(h2o_mem_pool_t *pool, struct corral_bytes bytes)
{
    return crl_bytes(memcpy(h2o_mem_alloc_pool(pool, bytes.size), bytes.data, bytes.size),
                     bytes.size);
}

static void value_hold(const struct crl_exchange *exchange, const struct corral_value *value)
{
    struct held_value *held =
        h2o_mem_alloc_shared(&exchange->req->pool, sizeof *held, value_dispose);
    *held = (struct held_value){
        .held = {.data = value->data, .size = value->size},
        .front = exchange->front,
        .value = *value,
    };
    if (value->size > 0)
        crl_front_hold(exchange->front, &held->held, exchange->req);
}

/* Take over a value that came by reference: hold it, or let go of it at once where its bytes are
 * not sent. Returns its meta bytes, which the request keeps. */
static struct corral_bytes value_take(const struct crl_exchange *exchange,
                                      const struct corral_value *value)
{
    struct corral_bytes meta = crl_value_meta(value);
    if (value->data == NULL || crl_answer_sends_value(exchange, meta)) {
        value_hold(exchange, value);
        return meta;
    }
    meta = pool_copy(&exchange->req->pool, meta);
    struct corral_value gone = *value; /* what is left of it is its size */
    corral_value_release(&gone);
    return meta;
}

/* Answer with what the cache gave. The value has been taken, or lives in the pool; so do its meta
 * bytes. */
static void answer_outcome(const struct crl_exchange *exchange, int outcome,
                           const struct corral_value *value, struct corral_bytes meta)
{
    struct crl_answer_cached cached = {
        .outcome = outcome,
        .age_us = value->age_us,
        .fresh_us = value->fresh_us,
        .meta = meta,
    };
    if (value->data == NULL)
        crl_answer_absent(exchange, &cached);
    else
        crl_answer_value(exchange, &cached, crl_bytes(value->data, value->size));
}

/* ----------------------------------------------------------------------------------------- hits */

/* Answer from memory if there is a fresh value. */
static bool answer_hit(const struct crl_exchange *exchange, struct corral_space *space,
                       struct corral_bytes key)
{
    static _Thread_local char copy[COPY_MAX];
    struct corral_value value;
    struct corral_bytes meta;
    int outcome = crl_read_at(space, key, exchange->begun_at, copy, sizeof copy, &value, &meta);
    if (outcome < 0)
        return false;
    if (value.private_entry != NULL) {
        meta = value_take(exchange, &value);
    } else if (value.data != NULL) {
        char *both = h2o_mem_alloc_pool(&exchange->req->pool, meta.size + value.size);
        meta.data = memcpy(both, meta.data, meta.size + value.size);
        value.data = both + meta.size;
    }
    answer_outcome(exchange, outcome, &value, meta);
    return true;
}

/* --------------------------------------------------------------------------------------- misses */

/* That a get was refused, or took too long, and why: for whoever watches. */
static void failure_log(const struct crl_exchange *exchange, const struct crl_route *route, int rc)
{
    uint64_t suppressed;
    int status = crl_rc_http_status(rc);
    crl_assert(rc < 0 && -rc <= CRL_RC_MAX);
    if ((status != 503 && status != 504) ||
        !crl_log_pace_allows(&route->failed[-rc], CORRAL_SECONDS(1), crl_now_coarse(), &suppressed))
        return;
    char code[8], number[24];
    snprintf(code, sizeof code, "%d", status);
    snprintf(number, sizeof number, "%" PRIu64, suppressed);
    const h2o_iovec_t *target = &exchange->req->path;
    CRL_LOG(route->log, CRL_LOG_WARN, "request failed", {"route", route->path},
            {"status", corral_str(code)}, {"error", corral_str(corral_strerror(rc))},
            {"suppressed", corral_str(number)}, {"target", crl_bytes(target->base, target->len)});
}

static void answer_failure(const struct crl_exchange *exchange, const struct crl_route *route,
                           int rc)
{
    failure_log(exchange, route, rc);
    crl_answer_error(exchange, rc);
}

/* R3. The request's pool is being cleared. */
static void anchor_dispose(void *arg)
{
    struct anchor *anchor = arg;
    struct waiting *waiting = anchor->waiting;
    if (waiting == NULL)
        return;
    waiting->anchor = NULL;
    waiting->letter.req = NULL;
    crl_exchange_abandon(waiting->exchange.front);
    corral_get_cancel(waiting->get);
}

/* The answer has come back to the front's thread. */
static void waiting_answer(struct crl_front *front, struct crl_front_letter *letter)
{
    (void)front;
    struct waiting *waiting = H2O_STRUCT_FROM_MEMBER(struct waiting, letter, letter);
    struct anchor *anchor = waiting->anchor;
    corral_get_drop(waiting->get);
    if (anchor == NULL) {
        corral_value_release(&waiting->value);
        free(waiting);
        return;
    }
    struct crl_exchange exchange = waiting->exchange;
    const struct crl_route *route = waiting->route;
    struct corral_value value = waiting->value;
    int result = waiting->result;
    bool is_unwanted = waiting->is_unwanted;
    anchor->waiting = NULL;
    free(waiting);
    if (is_unwanted) {
        corral_value_release(&value);
        crl_answer_nobody(&exchange);
        return;
    }
    if (result < 0) {
        answer_failure(&exchange, route, result);
        return;
    }
    struct corral_bytes meta = value_take(&exchange, &value);
    answer_outcome(&exchange, result, &value, meta);
}

/* On any thread. */
static void on_get(void *arg, int result, struct corral_value *value)
{
    struct waiting *waiting = arg;
    waiting->result = result;
    waiting->value = *value;
    crl_front_post(waiting->exchange.front, &waiting->letter);
}

static void waiting_hurry(struct crl_front_letter *letter)
{
    corral_get_cancel(H2O_STRUCT_FROM_MEMBER(struct waiting, letter, letter)->get);
}

/* R4 */
static void waiting_gone(struct crl_front_letter *letter)
{
    struct waiting *waiting = H2O_STRUCT_FROM_MEMBER(struct waiting, letter, letter);
    waiting->is_unwanted = true;
    corral_get_cancel(waiting->get);
}

static void answer_later(const struct crl_exchange *exchange, const struct crl_route *route,
                         struct corral_bytes key)
{
    struct waiting *waiting = calloc(1, sizeof *waiting);
    if (waiting == NULL) {
        answer_failure(exchange, route, CORRAL_ENOMEM);
        return;
    }
    waiting->exchange = *exchange;
    waiting->route = route;
    waiting->letter.run = waiting_answer;
    waiting->letter.hurry = waiting_hurry;
    waiting->letter.gone = waiting_gone;
    waiting->letter.req = exchange->req;
    int rc = crl_get_start(route->space, key, route->wait_us, on_get, waiting, &waiting->get);
    if (rc < 0) {
        free(waiting);
        answer_failure(exchange, route, rc);
        return;
    }
    crl_front_expect(exchange->front, &waiting->letter);
    waiting->anchor =
        h2o_mem_alloc_shared(&exchange->req->pool, sizeof *waiting->anchor, anchor_dispose);
    waiting->anchor->waiting = waiting;
}

/* --------------------------------------------------------------------------------------- routes */

const struct crl_route *crl_routes_find(const struct crl_routes *routes, struct corral_bytes path)
{
    for (uint32_t i = 0; i < routes->n; i++) {
        if (crl_bytes_equal(routes->rows[i].path, path))
            return &routes->rows[i];
    }
    return NULL;
}

int crl_routes_key(const struct crl_routes *routes, const struct crl_route *route,
                   const struct crl_exchange *exchange, struct crl_route_key *ret_key)
{
    static _Thread_local char key[UINT16_MAX]; /* corral.h: key_max is at most this */
    crl_assert(routes->key_max <= sizeof key);
    struct corral_bytes query = crl_exchange_query(exchange);
    char stack[SCRATCH_STACK];
    char *scratch = CRL_FORM_ROOM(query.size) <= sizeof stack
                        ? stack
                        : h2o_mem_alloc_pool(&exchange->req->pool, CRL_FORM_ROOM(query.size));
    size_t size = 0;
    int rc =
        crl_params_key(&route->params, query, scratch, key, routes->key_max, &size, ret_key->why);
    ret_key->key = crl_bytes(key, size);
    return rc;
}

static void route_answer(const struct crl_routes *routes, const struct crl_route *route,
                         struct crl_exchange *exchange)
{
    exchange->path = CRL_PATHS_FIXED + (uint32_t)(route - routes->rows);
    if (exchange->method != CRL_METHOD_GET && exchange->method != CRL_METHOD_HEAD) {
        crl_answer_route_method(exchange);
        return;
    }
    struct crl_route_key key;
    int rc = crl_routes_key(routes, route, exchange, &key);
    if (rc < 0)
        crl_answer_refused(exchange, rc, key.why);
    else if (!answer_hit(exchange, route->space, key.key))
        answer_later(exchange, route, key.key);
}

/* ---------------------------------------------------------------------------------- fixed paths */

static void metrics_answer(const struct crl_routes *routes, const struct crl_exchange *exchange)
{
    char *text;
    size_t size;
    int rc = crl_metrics_text(routes->metrics, &text, &size);
    if (rc < 0) {
        crl_answer_error(exchange, rc);
        return;
    }
    crl_answer_text(exchange, CRL_STATUS_200, CRL_METRICS_CONTENT_TYPE, crl_bytes(text, size));
    free(text);
}

static void healthz_answer(const struct crl_routes *routes, const struct crl_exchange *exchange)
{
    (void)routes;
    crl_answer_text(exchange, CRL_STATUS_200, "text/plain; charset=utf-8", corral_str("ok\n"));
}

static void readyz_answer(const struct crl_routes *routes, const struct crl_exchange *exchange)
{
    if (atomic_load_explicit(routes->draining, memory_order_relaxed))
        crl_answer_problem(exchange, CRL_STATUS_503, "The server is shutting down.");
    else
        crl_answer_text(exchange, CRL_STATUS_200, "text/plain; charset=utf-8",
                        corral_str("ready\n"));
}

static const struct fixed_path {
    const char *path;
    enum crl_path number;
    void (*answer)(const struct crl_routes *routes, const struct crl_exchange *exchange);
} fixed_paths[] = {
    {"/metrics", CRL_PATH_METRICS, metrics_answer},
    {"/healthz", CRL_PATH_HEALTHZ, healthz_answer},
    {"/readyz", CRL_PATH_READYZ, readyz_answer},
};

static bool fixed_answer(const struct crl_routes *routes, struct crl_exchange *exchange,
                         struct corral_bytes path)
{
    for (size_t i = 0; i < sizeof fixed_paths / sizeof fixed_paths[0]; i++) {
        const struct fixed_path *fixed = &fixed_paths[i];
        if (!crl_bytes_equal(corral_str(fixed->path), path))
            continue;
        exchange->path = fixed->number;
        if (exchange->method == CRL_METHOD_GET || exchange->method == CRL_METHOD_HEAD)
            fixed->answer(routes, exchange);
        else
            crl_answer_method(exchange, "GET, HEAD");
        return true;
    }
    return false;
}

void crl_routes_handle(struct crl_front *front, void *arg, h2o_req_t *req)
{
    const struct crl_routes *routes = arg;
    struct crl_exchange exchange = crl_exchange_begin(front, req);
    struct corral_bytes path = crl_exchange_path(&exchange);
    const struct crl_route *route = crl_routes_find(routes, path);
    if (route != NULL)
        route_answer(routes, route, &exchange);
    else if (!fixed_answer(routes, &exchange, path))
        crl_answer_problem(&exchange, CRL_STATUS_404,
                           "There is no such route; paths must match exactly.");
}
