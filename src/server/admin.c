/* SPDX-License-Identifier: Apache-2.0
 *
 * admin.c - see admin.h. A purge that waits for the engine belongs to its request and to the
 * engine's letter in the same way as a get does; see routes.c. */
#include "server/admin.h"

#include "base/bytes.h"
#include "base/rc.h"
#include "http/json_text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* -------------------------------------------------------------------------------------- who may */

/* The host of a Host header, without port and brackets, as a string. Empty: it is not one. */
static void host_of(struct corral_bytes header, char *host, size_t room)
{
    const char *from = header.data, *end = from + header.size;
    host[0] = '\0';
    if (header.size > 0 && *from == '[') {
        from++;
        const char *close = memchr(from, ']', (size_t)(end - from));
        if (close == NULL)
            return;
        end = close;
    } else {
        const char *colon = memchr(from, ':', header.size);
        if (colon != NULL)
            end = colon;
    }
    if ((size_t)(end - from) >= room)
        return;
    memcpy(host, from, (size_t)(end - from));
    host[end - from] = '\0';
}

static bool host_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool crl_admin_host_is_ours(struct corral_bytes header, const char *host)
{
    char asked[64];
    host_of(header, asked, sizeof asked);
    return asked[0] != '\0' && (host_is_loopback(asked) || strcasecmp(asked, host) == 0);
}

bool crl_admin_token_is_right(struct corral_bytes header, const char *token)
{
    static const char scheme[] = "Bearer ";
    size_t scheme_size = sizeof scheme - 1;
    if (header.size < scheme_size || strncasecmp(header.data, scheme, scheme_size) != 0)
        return false;
    const unsigned char *given = (const unsigned char *)header.data + scheme_size;
    size_t given_size = header.size - scheme_size, token_size = strlen(token);
    unsigned wrong = given_size != token_size;
    for (size_t i = 0; i < given_size; i++)
        wrong |= (unsigned)given[i] ^ (unsigned char)token[token_size > 0 ? i % token_size : 0];
    return wrong == 0;
}

static bool token_is_right(const struct crl_admin *admin, const h2o_req_t *req)
{
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_AUTHORIZATION, -1);
    if (at == -1)
        return false;
    const h2o_iovec_t *value = &req->headers.entries[at].value;
    return crl_admin_token_is_right(crl_bytes(value->base, value->len), admin->token);
}

/* Refuse who may not. Returns whether the request was answered. */
static bool refused(const struct crl_admin *admin, const struct crl_exchange *exchange)
{
    const h2o_req_t *req = exchange->req;
    if (admin->token != NULL) {
        if (token_is_right(admin, req))
            return false;
        crl_answer_header(exchange, &H2O_TOKEN_WWW_AUTHENTICATE->buf,
                          corral_str("Bearer realm=\"corral\""));
        crl_answer_problem(
            exchange, CRL_STATUS_401,
            "Send the admin_token of the configuration: Authorization: Bearer TOKEN.");
        return true;
    }
    if (crl_admin_host_is_ours(crl_bytes(req->authority.base, req->authority.len), admin->host))
        return false;
    crl_answer_problem(exchange, CRL_STATUS_403,
                       "The Host header must name this machine; use 127.0.0.1 or localhost.");
    return true;
}

/* -------------------------------------------------------------------------------------- purging */

struct purge_anchor;

struct purge {
    struct crl_front_letter letter;
    struct crl_exchange exchange;
    struct purge_anchor *anchor; /* NULL: the client has gone */
    int result;
    size_t key_size;
    char key[];
};

struct purge_anchor {
    struct purge *purge; /* NULL: answered */
};

static void purge_tell(const struct crl_exchange *exchange, const struct purge *purge)
{
    static const char format[] = "{\"purged\":%s,\"key\":\"";
    size_t room = sizeof format + 8 + 6 * purge->key_size + 4;
    char *text = h2o_mem_alloc_pool(&exchange->req->pool, room);
    size_t size = (size_t)snprintf(text, room, format, purge->result > 0 ? "true" : "false");
    size += crl_json_text(crl_bytes(purge->key, purge->key_size), text + size, room - size - 4);
    memcpy(text + size, "\"}\n", 3);
    crl_answer_text(exchange, CRL_STATUS_200, "application/json", crl_bytes(text, size + 3));
}

static void purge_answer(struct crl_front *front, struct crl_front_letter *letter)
{
    (void)front;
    struct purge *purge = H2O_STRUCT_FROM_MEMBER(struct purge, letter, letter);
    if (purge->anchor != NULL) {
        purge->anchor->purge = NULL;
        if (purge->result < 0)
            crl_answer_error(&purge->exchange, purge->result);
        else
            purge_tell(&purge->exchange, purge);
    }
    free(purge);
}

/* On any thread. */
static void on_purged(void *arg, int result)
{
    struct purge *purge = arg;
    purge->result = result;
    crl_front_post(purge->exchange.front, &purge->letter);
}

static void purge_anchor_dispose(void *arg)
{
    struct purge_anchor *anchor = arg;
    if (anchor->purge == NULL)
        return;
    anchor->purge->anchor = NULL;
    crl_exchange_abandon(anchor->purge->exchange.front);
}

static void purge_start(const struct crl_exchange *exchange, const struct crl_route *route,
                        struct corral_bytes key)
{
    struct purge *purge = calloc(1, sizeof *purge + key.size);
    if (purge == NULL) {
        crl_answer_error(exchange, CORRAL_ENOMEM);
        return;
    }
    purge->exchange = *exchange;
    purge->letter.run = purge_answer;
    purge->key_size = key.size;
    memcpy(purge->key, key.data, key.size);
    purge->anchor =
        h2o_mem_alloc_shared(&exchange->req->pool, sizeof *purge->anchor, purge_anchor_dispose);
    purge->anchor->purge = purge;
    crl_front_expect(exchange->front, &purge->letter);
    int rc = crl_invalidate_async(route->space, key, on_purged, purge);
    if (rc < 0)
        on_purged(purge, rc);
}

static bool wants_soft(const h2o_req_t *req)
{
    ssize_t at = h2o_find_header_by_str(&req->headers, H2O_STRLIT("corral-purge"), -1);
    return at != -1;
}

static void purge_request(const struct crl_admin *admin, struct crl_exchange *exchange,
                          const struct crl_route *route)
{
    struct crl_route_key key;
    if (wants_soft(exchange->req)) {
        crl_answer_problem(exchange, CRL_STATUS_501,
                           "Corral-Purge is not available in this version; leave it out to purge.");
        return;
    }
    int rc = crl_routes_key(admin->routes, route, exchange, &key);
    if (rc < 0)
        crl_answer_problem(exchange, crl_status_of(crl_rc_http_status(rc)), key.why);
    else
        purge_start(exchange, route, key.key);
}

void crl_admin_handle(struct crl_front *front, void *arg, h2o_req_t *req)
{
    const struct crl_admin *admin = arg;
    struct crl_exchange exchange = crl_exchange_begin(front, req);
    if (refused(admin, &exchange))
        return;
    const struct crl_route *route = crl_routes_find(admin->routes, crl_exchange_path(&exchange));
    if (route == NULL) {
        crl_answer_problem(&exchange, CRL_STATUS_404,
                           "There is no such route; this address answers PURGE /route?params.");
        return;
    }
    exchange.path = CRL_PATHS_FIXED + (uint32_t)(route - admin->routes->rows);
    if (exchange.method == CRL_METHOD_PURGE)
        purge_request(admin, &exchange, route);
    else
        crl_answer_method(&exchange, "PURGE");
}
