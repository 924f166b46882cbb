/* SPDX-License-Identifier: Apache-2.0
 *
 * http.c - see http.h. */
#include "storm/http.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "io/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/time.h>
#include <unistd.h>

#define HEADERS_MAX 64

/* picohttpparser, exported by libh2o since its first release. Debian ships no header for it. */
struct phr_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};

int phr_parse_response(const char *data, size_t size, int *ret_minor, int *ret_status,
                       const char **ret_text, size_t *ret_text_size, struct phr_header *headers,
                       size_t *headers_n, size_t last_size);

/* -------------------------------------------------------------------------------------- targets */

static bool address_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
        return ntohl(four->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

/* Copies host and port out of "HOST[:PORT]" or "[V6][:PORT]"; false if it is not that. */
static bool authority_split(struct corral_bytes authority, char host[256], char port[8])
{
    const char *text = authority.data;
    const char *end = text + authority.size;
    bool bracket = authority.size > 0 && text[0] == '[';
    const char *host_end = memchr(text, bracket ? ']' : ':', authority.size);
    if (bracket && host_end == NULL)
        return false;
    const char *host_at = bracket ? text + 1 : text;
    size_t host_size = (size_t)((host_end != NULL ? host_end : end) - host_at);
    const char *rest = host_end != NULL ? host_end + bracket : end;
    size_t port_size = rest < end ? (size_t)(end - rest) - 1 : 0;
    if (host_size == 0 || host_size > 255 || port_size > 5 ||
        (rest < end && (*rest != ':' || port_size == 0)))
        return false;
    memcpy(host, host_at, host_size);
    host[host_size] = 0;
    memcpy(port, rest < end ? rest + 1 : "80", rest < end ? port_size : 2);
    port[rest < end ? port_size : 2] = 0;
    return strspn(port, "0123456789") == strlen(port) && atoi(port) > 0 && atoi(port) < 65536;
}

static bool path_is_sendable(const char *path)
{
    for (const char *at = path; *at; at++)
        if (*at <= ' ' || *at == 0x7f || *at == '#')
            return false;
    return strlen(path) < sizeof(((struct crl_storm_target *)NULL)->path);
}

static int address_resolve(const char *host, const char *port, struct crl_storm_target *target,
                           char *why, size_t why_size)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error) {
        (void)snprintf(why, why_size, "cannot find %.200s: %s", host, gai_strerror(error));
        return CORRAL_ESYSTEM;
    }
    memcpy(&target->address, found->ai_addr, found->ai_addrlen);
    target->address_size = found->ai_addrlen;
    target->loopback = address_is_loopback(found->ai_addr);
    freeaddrinfo(found);
    return 0;
}

int crl_storm_target_from_url(const char *url, struct crl_storm_target *ret_target, char *why,
                              size_t why_size)
{
    struct crl_storm_target target = {0};
    char host[256], port[8];
    if (strncasecmp(url, "http://", 7) != 0) {
        (void)snprintf(why, why_size, "'%.200s' is not a URL of the form http://HOST:PORT/PATH",
                       url);
        return CORRAL_EINVAL;
    }
    const char *authority = url + 7;
    size_t authority_size = strcspn(authority, "/?#");
    const char *path = authority + authority_size;
    bool bare = *path != '/';
    if (!authority_split(crl_bytes(authority, authority_size), host, port)) {
        (void)snprintf(why, why_size, "the URL has no valid host and port");
        return CORRAL_EINVAL;
    }
    if (!path_is_sendable(path)) {
        (void)snprintf(why, why_size,
                       "the URL's path is too long, or holds a space, a control "
                       "character or a '#'");
        return CORRAL_EINVAL;
    }
    (void)snprintf(target.path, sizeof(target.path), "%s%.2046s", bare ? "/" : "", path);
    (void)snprintf(target.host, sizeof(target.host), "%.*s", (int)authority_size, authority);
    int rc = address_resolve(host, port, &target, why, why_size);
    if (rc == 0)
        *ret_target = target;
    return rc;
}

int crl_storm_target_on_loopback(uint16_t port, const char *path,
                                 struct crl_storm_target *ret_target)
{
    struct crl_storm_target target = {.address_size = sizeof(struct sockaddr_in), .loopback = true};
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)&target.address;
    if (path[0] != '/' || !path_is_sendable(path))
        return CORRAL_EINVAL;
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)snprintf(target.path, sizeof(target.path), "%s", path);
    (void)snprintf(target.host, sizeof(target.host), "127.0.0.1:%u", port);
    *ret_target = target;
    return 0;
}

size_t crl_storm_request(const struct crl_storm_target *target, const char *path,
                         char buffer[CRL_STORM_REQUEST_MAX])
{
    int size = snprintf(buffer, CRL_STORM_REQUEST_MAX,
                        "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: corral-storm/%s\r\n\r\n",
                        path != NULL ? path : target->path, target->host, CORRAL_VERSION);
    crl_assert(size > 0 && size < CRL_STORM_REQUEST_MAX);
    return (size_t)size;
}

/* ------------------------------------------------------------------------------------- fetching */

/* A fetch under way. `data` is terminated behind what has come. */
struct fetch {
    const struct crl_storm_target *target;
    const char *path;
    corral_us until;
    int stop_fd, fd;
    char *data;
    size_t size, room;
    bool has_ended; /* the connection, from the other side */
    struct crl_storm_head head;
    const char *problem; /* what went wrong, as a clause */
};

static int fetch_fail(struct fetch *fetch, int rc, const char *problem)
{
    fetch->problem = problem;
    return rc;
}

static int fetch_await(struct fetch *fetch, short events)
{
    struct pollfd fds[] = {{.fd = fetch->fd, .events = events},
                           {.fd = fetch->stop_fd, .events = POLLIN}};
    corral_us left = fetch->until - crl_now();
    int n = poll(fds, 2, left > 0 ? (int)(left / 1000) + 1 : 0);
    if (n < 0)
        return fetch_fail(fetch, CORRAL_ESYSTEM, strerror(errno));
    if (n == 0)
        return fetch_fail(fetch, CORRAL_ESYSTEM, "it did not come in time");
    if (fds[1].revents != 0)
        return fetch_fail(fetch, CORRAL_ESYSTEM, strerror(EINTR));
    return CORRAL_OK;
}

static int fetch_connect(struct fetch *fetch)
{
    const struct sockaddr *address = (const struct sockaddr *)(const void *)&fetch->target->address;
    int error = 0;
    fetch->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fetch->fd < 0)
        return fetch_fail(fetch, CORRAL_ESYSTEM, strerror(errno));
    if (connect(fetch->fd, address, fetch->target->address_size) == 0)
        return CORRAL_OK;
    if (errno != EINPROGRESS)
        return fetch_fail(fetch, CORRAL_ESYSTEM, strerror(errno));
    int rc = fetch_await(fetch, POLLOUT);
    if (rc == 0)
        (void)getsockopt(fetch->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof(error)});
    return error ? fetch_fail(fetch, CORRAL_ESYSTEM, strerror(error)) : rc;
}

static int fetch_ask(struct fetch *fetch)
{
    char request[CRL_STORM_REQUEST_MAX];
    /* 1.0, so that nothing is chunked. A server may keep the connection open nevertheless. */
    int size = snprintf(request, sizeof(request),
                        "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n", fetch->path,
                        fetch->target->host);
    crl_assert(size > 0 && size < CRL_STORM_REQUEST_MAX);
    if (send(fetch->fd, request, (size_t)size, MSG_NOSIGNAL) != size)
        return fetch_fail(fetch, CORRAL_ESYSTEM, strerror(errno));
    return CORRAL_OK;
}

/* Waits for more, or for the end of the connection. */
static int fetch_more(struct fetch *fetch)
{
    if (fetch->room - fetch->size < 4096) {
        char *larger = realloc(fetch->data, fetch->room + 65536);
        if (larger == NULL)
            return fetch_fail(fetch, CORRAL_ENOMEM, corral_strerror(CORRAL_ENOMEM));
        fetch->data = larger;
        fetch->room += 65536;
    }
    int rc = fetch_await(fetch, POLLIN);
    if (rc)
        return rc;
    ssize_t n = recv(fetch->fd, fetch->data + fetch->size, fetch->room - fetch->size - 1, 0);
    if (n < 0)
        return fetch_fail(fetch, CORRAL_ESYSTEM, strerror(errno));
    fetch->has_ended = n == 0;
    fetch->size += (size_t)n;
    fetch->data[fetch->size] = 0;
    return CORRAL_OK;
}

static int fetch_head(struct fetch *fetch)
{
    int rc = 0, found = 0;
    while (rc == 0 && found == 0 && !fetch->has_ended) {
        rc = fetch_more(fetch);
        if (rc == 0)
            found = crl_storm_head_parse(crl_bytes(fetch->data, fetch->size), &fetch->head);
    }
    if (rc == 0 && found <= 0)
        return fetch_fail(fetch, CORRAL_EVALUE,
                          found == 0 ? "the connection ended within the answer"
                                     : "the answer is not HTTP, or it is chunked");
    return rc;
}

/* Reads the body, and leaves nothing else in `data`. */
static int fetch_body(struct fetch *fetch)
{
    const struct crl_storm_head *head = &fetch->head;
    int rc = 0;
    for (;;) {
        size_t size = fetch->size - head->size;
        if (head->body_size > CRL_STORM_FETCH_MAX || size > CRL_STORM_FETCH_MAX)
            return fetch_fail(fetch, CORRAL_EVALUE, "it is larger than 16 MiB");
        if (fetch->has_ended || (!head->is_unsized && size >= head->body_size))
            break;
        rc = fetch_more(fetch);
        if (rc)
            return rc;
    }
    size_t size = fetch->size - head->size;
    if (!head->is_unsized && size < head->body_size)
        return fetch_fail(fetch, CORRAL_EVALUE, "the connection ended within the answer");
    fetch->size = head->is_unsized ? size : (size_t)head->body_size;
    memmove(fetch->data, fetch->data + head->size, fetch->size);
    fetch->data[fetch->size] = 0;
    if (strlen(fetch->data) != fetch->size)
        return fetch_fail(fetch, CORRAL_EVALUE, "it is not text");
    return CORRAL_OK;
}

int crl_storm_fetch(const struct crl_storm_target *target, const char *path, corral_us wait_us,
                    int stop_fd, char **ret_body, int *ret_status, char *why, size_t why_size)
{
    struct fetch fetch = {
        .target = target, .path = path, .until = crl_now() + wait_us, .stop_fd = stop_fd, .fd = -1};
    int rc = fetch_connect(&fetch);
    if (rc == 0)
        rc = fetch_ask(&fetch);
    if (rc == 0)
        rc = fetch_head(&fetch);
    if (rc == 0)
        rc = fetch_body(&fetch);
    if (fetch.fd >= 0)
        close(fetch.fd);
    if (rc == 0) {
        *ret_body = fetch.data;
        *ret_status = fetch.head.status;
        return CORRAL_OK;
    }
    (void)snprintf(why, why_size, "cannot get %.100s from %.200s: %s", path, target->host,
                   fetch.problem);
    free(fetch.data);
    return rc;
}

/* -------------------------------------------------------------------------------------- answers */

const char *crl_storm_outcome_name(uint32_t outcome)
{
    static const char *const names[] = {
#define X(name, word) word,
        CRL_STORM_OUTCOME_TABLE(X)
#undef X
    };
    crl_assert(outcome < CRL_STORM_OUTCOMES);
    return names[outcome];
}

enum crl_storm_outcome crl_storm_cache_status(struct corral_bytes header)
{
    /* The first row whose text occurs decides; more special rows stand first. */
    static const struct {
        const char *text;
        enum crl_storm_outcome outcome;
    } rows[] = {
        {"detail=stale-if-error", CRL_STORM_DEGRADED},
        {"detail=stale", CRL_STORM_STALE},
        {"detail=negative", CRL_STORM_NEGATIVE},
        {"collapsed", CRL_STORM_COALESCED},
        {"fwd=", CRL_STORM_MISS},
        {"hit", CRL_STORM_HIT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (header.size &&
            memmem(header.data, header.size, rows[i].text, strlen(rows[i].text)) != NULL)
            return rows[i].outcome;
    return CRL_STORM_UNKNOWN;
}

static bool header_is(const struct phr_header *header, const char *name)
{
    return header->name_len == strlen(name) &&
           strncasecmp(header->name, name, header->name_len) == 0;
}

/* A Content-Length; false if it is not a number below 2^53. */
static bool length_parse(const struct phr_header *header, uint64_t *ret_length)
{
    uint64_t length = 0;
    for (size_t i = 0; i < header->value_len; i++) {
        if (header->value[i] < '0' || header->value[i] > '9' || length >= UINT64_C(1) << 53)
            return false;
        length = length * 10 + (uint64_t)(header->value[i] - '0');
    }
    *ret_length = length;
    return header->value_len > 0;
}

/* Is it among the words of a list with commas between them? */
static bool header_lists(const struct phr_header *header, const char *word)
{
    const char *at = header->value, *end = at + header->value_len;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *last = comma != NULL ? comma : end;
        while (at < last && (*at == ' ' || *at == '\t'))
            at++;
        size_t size = (size_t)(last - at);
        while (size > 0 && (at[size - 1] == ' ' || at[size - 1] == '\t'))
            size--;
        if (size == strlen(word) && strncasecmp(at, word, size) == 0)
            return true;
        at = comma != NULL ? comma + 1 : end;
    }
    return false;
}

/* What the headers say of how long the body is, and of the connection. */
struct framing {
    bool is_sized, is_coded; /* Content-Length; Transfer-Encoding */
    bool closes, stays;      /* Connection: close; keep-alive */
};

/* Takes one header; false if the answer cannot be understood with it. */
static bool header_take(const struct phr_header *header, struct framing *framing,
                        struct crl_storm_head *head)
{
    if (header_is(header, "content-length")) {
        if (framing->is_sized || !length_parse(header, &head->body_size))
            return false;
        framing->is_sized = true;
    } else if (header_is(header, "transfer-encoding")) {
        framing->is_coded = true;
    } else if (header_is(header, "cache-status")) {
        head->outcome = crl_storm_cache_status(crl_bytes(header->value, header->value_len));
    } else if (header_is(header, "connection")) {
        framing->closes = framing->closes || header_lists(header, "close");
        framing->stays = framing->stays || header_lists(header, "keep-alive");
    }
    return true;
}

int crl_storm_head_parse(struct corral_bytes data, struct crl_storm_head *ret_head)
{
    struct phr_header headers[HEADERS_MAX];
    struct framing framing = {0};
    size_t n = HEADERS_MAX, text_size;
    const char *text;
    int minor, status;
    int size = phr_parse_response(data.data, data.size, &minor, &status, &text, &text_size, headers,
                                  &n, 0);
    if (size == -2 && data.size < CRL_STORM_HEAD_MAX)
        return 0;
    if (size < 0)
        return CORRAL_EINVAL;
    struct crl_storm_head head = {
        .size = (size_t)size, .status = status, .outcome = CRL_STORM_UNKNOWN};
    for (size_t i = 0; i < n; i++) {
        if (!header_take(&headers[i], &framing, &head))
            return CORRAL_EINVAL;
    }
    if (framing.is_coded || status < 200)
        return CORRAL_EINVAL;
    /* RFC 9112, 6.3 and 9.3: a body without a length ends with its connection; HTTP/1.0 keeps a
     * connection only if it says so. */
    bool is_empty = status == 204 || status == 304;
    head.body_size = is_empty ? 0 : head.body_size;
    head.is_unsized = !framing.is_sized && !is_empty;
    head.closes = head.is_unsized || framing.closes || (minor == 0 && !framing.stays);
    *ret_head = head;
    return 1;
}
