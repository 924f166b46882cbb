/* SPDX-License-Identifier: Apache-2.0
 *
 * answer.c - see answer.h.
 *
 * A hit is the case that must be fast: its headers are spelled without printf into one piece of the
 * pool, and their names are constants that nothing copies. */
#include "server/answer.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/rc.h"
#include "http/etag.h"
#include "http/json_text.h"
#include "io/clock.h"

#include <stdio.h>
#include <string.h>

enum {
    PROBLEM_MAX = 1024,
    DIGITS_MAX = 20, /* of a uint64_t */
};

#define TEXT(literal) ((struct corral_bytes){.data = (literal), .size = sizeof(literal) - 1})

static const h2o_iovec_t cache_status_name = {(char *)"cache-status", sizeof "cache-status" - 1};

/* ------------------------------------------------------------------------------------ exchanges */

static enum crl_method method_of(h2o_iovec_t method)
{
    if (method.len == 3 && memcmp(method.base, "GET", 3) == 0)
        return CRL_METHOD_GET;
    if (method.len == 4 && memcmp(method.base, "HEAD", 4) == 0)
        return CRL_METHOD_HEAD;
    if (method.len == 5 && memcmp(method.base, "PURGE", 5) == 0)
        return CRL_METHOD_PURGE;
    return CRL_METHOD_OTHER;
}

/* A target in absolute form, "http://host/path", as clients send it to a proxy: its host replaces
 * the Host header. libh2o takes it for a path, and knows schemes in lower case only. Sources: RFC
 * 9112, 3.2.2; RFC 3986, 3.1. */
static void target_settle(h2o_req_t *req)
{
    h2o_url_t url;
    if (req->path.len == 0 || req->path.base[0] == '/')
        return;
    const char *scheme_end = memchr(req->path.base, ':', req->path.len);
    if (scheme_end == NULL)
        return;
    h2o_iovec_t target = h2o_strdup(&req->pool, req->path.base, req->path.len);
    h2o_strtolower(target.base, (size_t)(scheme_end - req->path.base));
    if (h2o_url_parse(target.base, target.len, &url) != 0)
        return;
    req->authority = url.authority;
    req->path = url.path;
    req->path_normalized = h2o_url_normalize_path(&req->pool, url.path.base, url.path.len,
                                                  &req->query_at, &req->norm_indexes);
}

/* Where this front counts. */
static struct crl_http_sheet *sheet_of(const struct crl_front *front)
{
    return crl_front_own(front);
}

struct crl_exchange crl_exchange_begin(struct crl_front *front, h2o_req_t *req)
{
    crl_counter_add(&sheet_of(front)->in_flight, 1);
    target_settle(req);
    return (struct crl_exchange){
        .front = front,
        .req = req,
        .begun_at = crl_now(),
        .path = CRL_PATH_OTHER,
        .method = method_of(req->method),
    };
}

static bool has_encoded_slash(struct corral_bytes path)
{
    const char *at = path.data, *end = at + path.size;
    while ((at = memchr(at, '%', (size_t)(end - at))) != NULL) {
        if (end - at >= 3 && at[1] == '2' && (at[2] == 'f' || at[2] == 'F'))
            return true;
        at++;
    }
    return false;
}

/* libh2o's normal form, but where that says more than the client did: it decodes "%2F", which is
 * data and divides nothing (RFC 3986, 2.2), and it begins with a slash what does not. */
struct corral_bytes crl_exchange_path(const struct crl_exchange *exchange)
{
    const h2o_req_t *req = exchange->req;
    size_t size = req->query_at < req->path.len ? req->query_at : req->path.len;
    struct corral_bytes path = crl_bytes(req->path.base, size);
    bool is_changed = req->norm_indexes != NULL;
    if (size == 0 || *req->path.base != '/' || (is_changed && has_encoded_slash(path)))
        return path;
    return crl_bytes(req->path_normalized.base, req->path_normalized.len);
}

struct corral_bytes crl_exchange_query(const struct crl_exchange *exchange)
{
    const h2o_req_t *req = exchange->req;
    if (req->query_at == SIZE_MAX)
        return crl_bytes("", 0);
    size_t from = req->query_at + 1;
    return crl_bytes(req->path.base + from, req->path.len - from);
}

void crl_exchange_abandon(struct crl_front *front)
{
    crl_counter_add(&sheet_of(front)->in_flight, UINT64_MAX);
}

static void exchange_count(const struct crl_exchange *exchange, enum crl_status status)
{
    struct crl_http_sheet *sheet = sheet_of(exchange->front);
    crl_counter_add(&sheet->in_flight, UINT64_MAX); /* one less */
    crl_http_count(sheet, exchange->path, exchange->method, status, crl_now() - exchange->begun_at);
}

/* -------------------------------------------------------------------------------------- sending */

void crl_answer_header(const struct crl_exchange *exchange, const h2o_iovec_t *name,
                       struct corral_bytes value)
{
    h2o_headers_t *headers = &exchange->req->res.headers;
    h2o_vector_reserve(&exchange->req->pool, headers, headers->size + 1);
    headers->entries[headers->size++] = (h2o_header_t){
        .name = (h2o_iovec_t *)name, /* libh2o does not write to it */
        .value = h2o_iovec_init(value.data, value.size),
    };
}

/* libh2o would ask for more of an answer, or stop it. It has all of it from the start. */
static h2o_generator_t no_more = {NULL, NULL};

/* Headers are set. body.data NULL: an answer that has no body by its nature. */
static void send_answer(const struct crl_exchange *exchange, enum crl_status status,
                        struct corral_bytes body)
{
    h2o_req_t *req = exchange->req;
    req->res.status = crl_status_code(status);
    req->res.reason = crl_status_phrase(status);
    req->res.content_length = body.data == NULL ? SIZE_MAX : body.size;
    exchange_count(exchange, status);
    h2o_iovec_t piece = h2o_iovec_init(body.data, body.size);
    bool has_body = body.size > 0 && exchange->method != CRL_METHOD_HEAD;
    h2o_start_response(req, &no_more);
    h2o_send(req, &piece, has_body ? 1 : 0, H2O_SEND_STATE_FINAL);
}

/* libh2o frees a request when its answer could not be written. */
void crl_answer_nobody(const struct crl_exchange *exchange)
{
    h2o_req_t *req = exchange->req;
    crl_exchange_abandon(exchange->front);
    req->http1_is_persistent = 0;
    req->res.status = crl_status_code(CRL_STATUS_503);
    h2o_start_response(req, &no_more);
    h2o_send(req, NULL, 0, H2O_SEND_STATE_ERROR);
}

/* ------------------------------------------------------------------------------- cached answers */

static char *put(char *at, struct corral_bytes text)
{
    memcpy(at, text.data, text.size);
    return at + text.size;
}

static char *put_number(char *at, uint64_t number)
{
    char digits[DIGITS_MAX];
    size_t n = 0;
    do {
        digits[DIGITS_MAX - ++n] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return put(at, crl_bytes(digits + DIGITS_MAX - n, n));
}

static uint64_t seconds(corral_us span_us)
{
    return span_us > 0 ? (uint64_t)span_us / 1000000 : 0;
}

/* What happened, in the words of RFC 9211. */
static char *put_cache_status(char *at, const struct crl_answer_cached *cached, bool negative)
{
    switch (cached->outcome) {
    case CORRAL_HIT:
        at = put(at, TEXT("corral; hit; ttl="));
        return put_number(at, seconds(cached->fresh_us));
    case CORRAL_NEGATIVE:
        return put(at, TEXT("corral; hit; detail=negative"));
    case CORRAL_STALE:
        return put(at, TEXT("corral; hit; detail=stale"));
    case CORRAL_DEGRADED:
        return put(at, TEXT("corral; hit; detail=stale-if-error"));
    case CORRAL_COALESCED:
        at = put(at, TEXT("corral; fwd=miss; collapsed"));
        break;
    default:
        at = put(at, cached->fresh_us > 0 ? TEXT("corral; fwd=miss; stored")
                                          : TEXT("corral; fwd=miss"));
        break;
    }
    return negative ? put(at, TEXT("; detail=negative")) : at;
}

/* How long a cache behind this one may keep the answer, as it reckons: it takes Age off. Both are
 * rounded down, so what it is left with is never more than what is left here. */
static uint64_t max_age(const struct crl_answer_cached *cached)
{
    return cached->fresh_us > 0 ? seconds(cached->age_us) + seconds(cached->fresh_us) : 0;
}

/* Age, Cache-Control and Cache-Status. */
static void cached_headers(const struct crl_exchange *exchange,
                           const struct crl_answer_cached *cached, bool negative)
{
    enum { ROOM = 2 * DIGITS_MAX + sizeof "max-age=" + 64 };
    char *at = h2o_mem_alloc_pool(&exchange->req->pool, ROOM), *from = at;
    at = put_number(at, seconds(cached->age_us));
    crl_answer_header(exchange, &H2O_TOKEN_AGE->buf, crl_bytes(from, (size_t)(at - from)));
    from = at;
    at = put_number(put(at, TEXT("max-age=")), max_age(cached));
    crl_answer_header(exchange, &H2O_TOKEN_CACHE_CONTROL->buf,
                      crl_bytes(from, (size_t)(at - from)));
    from = at;
    at = put_cache_status(at, cached, negative);
    crl_answer_header(exchange, &cache_status_name, crl_bytes(from, (size_t)(at - from)));
}

static bool client_has(const struct crl_exchange *exchange, const char etag[CRL_ETAG_SIZE])
{
    const h2o_headers_t *headers = &exchange->req->headers;
    ssize_t at = -1;
    while ((at = h2o_find_header(headers, H2O_TOKEN_IF_NONE_MATCH, at)) != -1) {
        const h2o_iovec_t *value = &headers->entries[at].value;
        if (crl_etag_matches(crl_bytes(value->base, value->len), etag))
            return true;
    }
    return false;
}

bool crl_answer_sends_value(const struct crl_exchange *exchange, struct corral_bytes meta)
{
    crl_assert(meta.size == CRL_ETAG_SIZE);
    return exchange->method != CRL_METHOD_HEAD && !client_has(exchange, meta.data);
}

static void meta_make(struct corral_bytes value, void *ret_meta)
{
    crl_etag(value, ret_meta);
}

const struct crl_value_meta crl_answer_meta = {.bytes = CRL_ETAG_SIZE, .make = meta_make};

void crl_answer_value(const struct crl_exchange *exchange, const struct crl_answer_cached *cached,
                      struct corral_bytes value)
{
    h2o_req_t *req = exchange->req;
    crl_assert(cached->meta.size == CRL_ETAG_SIZE);
    h2o_vector_reserve(&req->pool, &req->res.headers, 5);
    bool has = client_has(exchange, cached->meta.data);
    if (!has)
        crl_answer_header(exchange, &H2O_TOKEN_CONTENT_TYPE->buf, TEXT("application/json"));
    crl_answer_header(exchange, &H2O_TOKEN_ETAG->buf, cached->meta);
    cached_headers(exchange, cached, false);
    if (has)
        send_answer(exchange, CRL_STATUS_304, crl_bytes(NULL, 0));
    else
        send_answer(exchange, CRL_STATUS_200, value);
}

/* ------------------------------------------------------------------------------------- problems */

static struct corral_bytes problem_body(h2o_mem_pool_t *pool, enum crl_status status,
                                        const char *detail)
{
    char *body = h2o_mem_alloc_pool(pool, PROBLEM_MAX);
    size_t size = (size_t)snprintf(body, PROBLEM_MAX, "{\"title\":\"%s\",\"status\":%d",
                                   crl_status_phrase(status), crl_status_code(status));
    if (detail != NULL) {
        char *at = put(body + size, TEXT(",\"detail\":\""));
        at += crl_json_text(corral_str(detail), at, (size_t)(body + PROBLEM_MAX - 3 - at));
        at = put(at, TEXT("\""));
        size = (size_t)(at - body);
    }
    return crl_bytes(body, (size_t)(put(body + size, TEXT("}\n")) - body));
}

/* The headers that are common to problems are set here; others by the caller, before. */
static void send_problem(const struct crl_exchange *exchange, enum crl_status status,
                         const char *detail)
{
    struct corral_bytes body = problem_body(&exchange->req->pool, status, detail);
    crl_answer_header(exchange, &H2O_TOKEN_CONTENT_TYPE->buf, TEXT("application/problem+json"));
    if (status == CRL_STATUS_503 || status == CRL_STATUS_429)
        crl_answer_header(exchange, &H2O_TOKEN_RETRY_AFTER->buf, TEXT("1"));
    send_answer(exchange, status, body);
}

void crl_answer_problem(const struct crl_exchange *exchange, enum crl_status status,
                        const char *detail)
{
    crl_answer_header(exchange, &H2O_TOKEN_CACHE_CONTROL->buf, TEXT("no-store"));
    send_problem(exchange, status, detail);
}

void crl_answer_absent(const struct crl_exchange *exchange, const struct crl_answer_cached *cached)
{
    cached_headers(exchange, cached, true);
    send_problem(exchange, CRL_STATUS_404, "There is no such row.");
}

/* Cache-Status of a failure: its error as a token. */
static void error_header(const struct crl_exchange *exchange, const char *before, int rc)
{
    char *text = h2o_mem_alloc_pool(&exchange->req->pool, 64);
    int size = snprintf(text, 64, "corral; %sdetail=%s", before, crl_rc_name(rc));
    crl_answer_header(exchange, &cache_status_name, crl_bytes(text, (size_t)size));
}

void crl_answer_error(const struct crl_exchange *exchange, int rc)
{
    char detail[160];
    snprintf(detail, sizeof detail, "The value could not be had: %s.", corral_strerror(rc));
    error_header(exchange, "fwd=miss; ", rc);
    crl_answer_problem(exchange, crl_status_of(crl_rc_http_status(rc)), detail);
}

void crl_answer_refused(const struct crl_exchange *exchange, int rc, const char *detail)
{
    error_header(exchange, "", rc);
    crl_answer_problem(exchange, crl_status_of(crl_rc_http_status(rc)), detail);
}

void crl_answer_route_method(const struct crl_exchange *exchange)
{
    crl_answer_header(exchange, &cache_status_name, TEXT("corral; detail=method"));
    crl_answer_method(exchange, "GET, HEAD");
}

void crl_answer_method(const struct crl_exchange *exchange, const char *allow)
{
    char detail[96];
    snprintf(detail, sizeof detail, "This method is not supported here; use %s.", allow);
    crl_answer_header(exchange, &H2O_TOKEN_ALLOW->buf, corral_str(allow));
    crl_answer_problem(exchange, CRL_STATUS_405, detail);
}

static const char *refusal_detail(enum crl_status status)
{
    if (status == CRL_STATUS_413)
        return "Requests must have no body.";
    if (status == CRL_STATUS_417)
        return "Expect may only ask for 100-continue.";
    return "Content-Length or Transfer-Encoding is not well formed, or one too many; "
           "requests must have no body.";
}

struct corral_bytes crl_answer_refusal(struct crl_front *front, h2o_req_t *req)
{
    struct crl_exchange exchange = {.front = front, .req = req};
    enum crl_status status = crl_status_of(req->res.status);
    struct corral_bytes body = problem_body(&req->pool, status, refusal_detail(status));
    req->res.reason = crl_status_phrase(status);
    req->res.content_length = body.size;
    req->res.headers.size = 0;
    crl_answer_header(&exchange, &H2O_TOKEN_CONTENT_TYPE->buf, TEXT("application/problem+json"));
    crl_answer_header(&exchange, &H2O_TOKEN_CACHE_CONTROL->buf, TEXT("no-store"));
    crl_http_count(sheet_of(front), CRL_PATH_OTHER, method_of(req->input.method), status, 0);
    return body;
}

/* A text that was made for one request, kept until its pool is cleared. */
struct held_text {
    struct crl_held held;
    struct crl_front *front;
    char text[];
};

static void text_dispose(void *arg)
{
    struct held_text *held = arg;
    crl_front_let_go(held->front, &held->held);
}

static const char *text_hold(const struct crl_exchange *exchange, struct corral_bytes text)
{
    struct held_text *held =
        h2o_mem_alloc_shared(&exchange->req->pool, sizeof *held + text.size, text_dispose);
    *held = (struct held_text){
        .held = {.data = held->text, .size = text.size},
        .front = exchange->front,
    };
    memcpy(held->text, text.data, text.size);
    crl_front_hold(exchange->front, &held->held, exchange->req);
    return held->text;
}

void crl_answer_text(const struct crl_exchange *exchange, enum crl_status status, const char *type,
                     struct corral_bytes body)
{
    if (exchange->method != CRL_METHOD_HEAD)
        body.data = text_hold(exchange, body);
    crl_answer_header(exchange, &H2O_TOKEN_CONTENT_TYPE->buf, corral_str(type));
    crl_answer_header(exchange, &H2O_TOKEN_CACHE_CONTROL->buf, TEXT("no-store"));
    send_answer(exchange, status, body);
}
