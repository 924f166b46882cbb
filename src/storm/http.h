/* SPDX-License-Identifier: Apache-2.0
 *
 * http.h - as much of an HTTP/1.1 client as a load generator needs.
 *
 * Requests are GETs without a body, built once. The body of an answer has a Content-Length
 * (Corral's all do) or goes to the end of the connection, as HTTP/1.0 does it; chunked ones are
 * refused as broken. Bodies are counted, not kept.
 *
 * The head of an answer is parsed by picohttpparser, which libh2o exports (docs/decisions/). */
#ifndef CRL_STORM_HTTP_H
#define CRL_STORM_HTTP_H

#include <corral/corral.h>

#include <netinet/in.h>
#include <sys/socket.h>

#define CRL_STORM_REQUEST_MAX 4096  /* fits into any socket's send buffer */
#define CRL_STORM_HEAD_MAX    16384 /* the head of an answer */

/* -------------------------------------------------------------------------------------- targets */

/* Who is asked for what. */
struct crl_storm_target {
    struct sockaddr_storage address;
    socklen_t address_size;
    bool loopback;
    char host[272];  /* as the Host header says it, with the port */
    char path[2048]; /* with the query */
};

/* crl_storm_target_from_url - "http://HOST[:PORT][/PATH[?QUERY]]"; a fragment is not allowed.
 * Resolves the name, so it may block.
 * why   on failure, a clause for people
 * Errors: EINVAL not such a URL, ESYSTEM the name does not resolve. */
int crl_storm_target_from_url(const char *url, struct crl_storm_target *ret_target, char *why,
                              size_t why_size);

/* crl_storm_target_on_loopback - a port of 127.0.0.1. The path begins with '/'. Errors: EINVAL */
int crl_storm_target_on_loopback(uint16_t port, const char *path,
                                 struct crl_storm_target *ret_target);

/* crl_storm_request - write "GET `path`" to the target's host, NULL for its own path.
 * Returns the size, less than CRL_STORM_REQUEST_MAX. */
size_t crl_storm_request(const struct crl_storm_target *target, const char *path,
                         char buffer[CRL_STORM_REQUEST_MAX]);

#define CRL_STORM_FETCH_MAX ((size_t)16 << 20) /* bytes of a body that is fetched */

/* crl_storm_fetch - GET a text, blocking, on a connection of its own. It is whole: what cannot be
 * read to its end, or is longer than CRL_STORM_FETCH_MAX, is an error.
 * wait_us    for all of it
 * stop_fd    readable: give up at once. -1: none
 * ret_body   malloc'd and terminated; the caller frees it
 * ret_status the HTTP status
 * why   on failure, a sentence for people, without its full stop
 * Errors: ESYSTEM no connection, not in time, or stopped; EVALUE an answer came, but it is not
 *         HTTP, not whole, not text or too long; ENOMEM. */
int crl_storm_fetch(const struct crl_storm_target *target, const char *path, corral_us wait_us,
                    int stop_fd, char **ret_body, int *ret_status, char *why, size_t why_size);

/* -------------------------------------------------------------------------------------- answers */

/* What became of an answered request, by its Cache-Status (RFC 9211): name, word. */
#define CRL_STORM_OUTCOME_TABLE(X) \
    X(HIT, "hit")                  \
    X(STALE, "stale")              \
    X(COALESCED, "coalesced")      \
    X(MISS, "miss")                \
    X(NEGATIVE, "negative")        \
    X(DEGRADED, "degraded")        \
    X(UNKNOWN, "unknown")

enum crl_storm_outcome {
#define X(name, word) CRL_STORM_##name,
    CRL_STORM_OUTCOME_TABLE(X)
#undef X
        CRL_STORM_OUTCOMES,
};

const char *crl_storm_outcome_name(uint32_t outcome);

/* crl_storm_cache_status - the outcome that a Cache-Status header tells; UNKNOWN if none. Pure. */
enum crl_storm_outcome crl_storm_cache_status(struct corral_bytes header);

/* The head of an answer. */
struct crl_storm_head {
    size_t size; /* of the head itself, in bytes */
    int status;
    uint64_t body_size;
    enum crl_storm_outcome outcome;
    bool closes;     /* the connection ends after it, or is to be ended */
    bool is_unsized; /* the body goes to the end of the connection; body_size is 0 */
};

/* crl_storm_head_parse - look at what has arrived of an answer. Pure.
 * Returns 1 the head is complete, 0 more is needed, EINVAL it is not an answer we understand. */
int crl_storm_head_parse(struct corral_bytes data, struct crl_storm_head *ret_head);

#endif
