/* SPDX-License-Identifier: Apache-2.0
 *
 * answer.h - from a result to an HTTP answer: headers, bodies, problems; and the counting of it.
 *
 * An exchange is a request with what is needed to answer it. Everything here runs on the front's
 * thread; memory comes from the request's own pool, and goes with it.
 *
 * Sources: RFC 9110 (HTTP), RFC 9211 (Cache-Status), RFC 9457 (problems). */
#ifndef CRL_SERVER_ANSWER_H
#define CRL_SERVER_ANSWER_H

#include "http/front.h"
#include "server/metrics.h"

struct crl_exchange {
    struct crl_front *front;
    h2o_req_t *req;
    corral_us begun_at;
    uint32_t path; /* for the metrics */
    enum crl_method method;
};

/* crl_exchange_begin - a request has arrived. Path is CRL_PATH_OTHER until somebody knows
 * better. */
struct crl_exchange crl_exchange_begin(struct crl_front *front, h2o_req_t *req);

/* crl_exchange_path - the path of the request, "." and ".." resolved, percent-encoding decoded,
 * without the query. One with an encoded slash, or that begins with none, stays as it is; such a
 * path is no route's. */
struct corral_bytes crl_exchange_path(const struct crl_exchange *exchange);

/* crl_exchange_query - the query string without '?', empty if there is none. */
struct corral_bytes crl_exchange_query(const struct crl_exchange *exchange);

/* crl_exchange_abandon - the request ended without an answer: its client is gone. */
void crl_exchange_abandon(struct crl_front *front);

/* crl_answer_nobody - the client is gone: end the request, which is not counted as answered. */
void crl_answer_nobody(const struct crl_exchange *exchange);

/* crl_answer_meta - the meta bytes that values answered by crl_answer_value() must have: the ETag.
 * Made once for each value and not for each answer, for it takes a look at all of its bytes. */
extern const struct crl_value_meta crl_answer_meta;

/* What a client is told of a value. Cache-Status is spelled from it. */
struct crl_answer_cached {
    int outcome;      /* enum corral_outcome */
    corral_us age_us; /* as in struct corral_value */
    corral_us fresh_us;
    struct corral_bytes meta; /* of a value: crl_answer_meta */
};

/* crl_answer_sends_value - will crl_answer_value() send the value's bytes? Not to HEAD, and not
 * where the client has them. meta: the value's */
bool crl_answer_sends_value(const struct crl_exchange *exchange, struct corral_bytes meta);

/* crl_answer_value - answer with a value of the cache: 200, or 304 where the client has it.
 * cached->meta   valid until the request's pool is cleared
 * value          the same if it is sent; if not, its size counts and its bytes are not read */
void crl_answer_value(const struct crl_exchange *exchange, const struct crl_answer_cached *cached,
                      struct corral_bytes value);

/* crl_answer_absent - answer that there is no such thing: 404, which the cache knows or has
 * learned. */
void crl_answer_absent(const struct crl_exchange *exchange, const struct crl_answer_cached *cached);

/* crl_answer_problem - answer with application/problem+json. 429 and 503 say Retry-After.
 * detail   one sentence that says what to do; NULL: none. Copied. */
void crl_answer_problem(const struct crl_exchange *exchange, enum crl_status status,
                        const char *detail);

/* crl_answer_error - the problem of a failed get; says so in Cache-Status. rc: an error of
 * corral.h */
void crl_answer_error(const struct crl_exchange *exchange, int rc);

/* crl_answer_refused - the problem of a request of a route that the cache was not asked for; says
 * so in Cache-Status. rc: EINVAL or EKEY. detail: as above */
void crl_answer_refused(const struct crl_exchange *exchange, int rc, const char *detail);

/* crl_answer_method - 405, with the methods that are allowed, such as "GET, HEAD". Static text. */
void crl_answer_method(const struct crl_exchange *exchange, const char *allow);

/* crl_answer_route_method - 405 of a route; says so in Cache-Status. */
void crl_answer_route_method(const struct crl_exchange *exchange);

/* crl_answer_refusal - make a problem of libh2o's own answer, and count it. Its path is "other":
 * nobody has looked at it. */
crl_front_refusal crl_answer_refusal;

/* crl_answer_text - answer with a body of any type, not to be stored by anyone. The body is copied.
 * type   static */
void crl_answer_text(const struct crl_exchange *exchange, enum crl_status status, const char *type,
                     struct corral_bytes body);

/* crl_answer_header - add a header to the coming answer. Both are static, or from the request's
 * pool. */
void crl_answer_header(const struct crl_exchange *exchange, const h2o_iovec_t *name,
                       struct corral_bytes value);

#endif
