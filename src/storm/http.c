/* SPDX-License-Identifier: Apache-2.0
 *
 * http.c - see http.h. */
#include "storm/http.h"

#include "base/assert.h"
#include "base/bytes.h"

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
#define FETCH_MAX   ((size_t)16 << 20)

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

/* What is fetched, and how long that may take. */
struct fetch {
    const struct crl_storm_target *target;
    corral_us wait_us; /* of each step */
    int stop_fd;
};

/* Until the socket is ready; false with errno, EINTR if it is to stop. */
static bool fetch_await(const struct fetch *fetch, int fd, short events)
{
    struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = fetch->stop_fd, .events = POLLIN}};
    int n = poll(fds, 2, (int)(fetch->wait_us / 1000));
    if (n > 0 && fds[1].revents == 0)
        return true;
    if (n >= 0)
        errno = n == 0 ? ETIMEDOUT : EINTR;
    return false;
}

static bool fetch_connect(const struct fetch *fetch, int fd)
{
    const struct sockaddr *address = (const struct sockaddr *)(const void *)&fetch->target->address;
    int error = 0;
    if (connect(fd, address, fetch->target->address_size) == 0)
        return true;
    if (errno != EINPROGRESS || !fetch_await(fetch, fd, POLLOUT))
        return false;
    (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof(error)});
    errno = error;
    return error == 0;
}

/* Reads to the end of the connection. *data is terminated, and the caller's also on failure.
 * Returns false with errno. */
static bool fetch_read(const struct fetch *fetch, int fd, char **data, size_t *ret_size)
{
    size_t size = 0, room = 0;
    for (;;) {
        if (room - size < 4096) {
            room += 65536;
            char *larger = room <= FETCH_MAX ? realloc(*data, room) : NULL;
            if (larger == NULL) {
                errno = ENOMEM;
                return false;
            }
            *data = larger;
        }
        ssize_t n =
            fetch_await(fetch, fd, POLLIN) ? recv(fd, *data + size, room - size - 1, 0) : -1;
        if (n < 0)
            return false;
        size += (size_t)n;
        (*data)[size] = 0;
        if (n == 0)
            break;
    }
    *ret_size = size;
    return true;
}

/* Sends the request and reads the whole answer; false with errno. */
static bool fetch_talk(const struct fetch *fetch, const char *path, char **data, size_t *ret_size)
{
    char request[CRL_STORM_REQUEST_MAX];
    /* 1.0, so that the end of the connection is the end of the answer and nothing is chunked. */
    int size = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path,
                        fetch->target->host);
    crl_assert(size > 0 && size < CRL_STORM_REQUEST_MAX);
    int fd =
        socket(fetch->target->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool done = fetch_connect(fetch, fd) && send(fd, request, (size_t)size, MSG_NOSIGNAL) == size &&
                fetch_read(fetch, fd, data, ret_size);
    int error = errno;
    close(fd);
    errno = error;
    return done;
}

int crl_storm_fetch(const struct crl_storm_target *target, const char *path, corral_us wait_us,
                    int stop_fd, char **ret_body, int *ret_status, char *why, size_t why_size)
{
    char *data = NULL, *body = NULL;
    const char *problem = "the answer is not HTTP";
    size_t size = 0;
    int status = 0;
    const struct fetch fetch = {.target = target, .wait_us = wait_us, .stop_fd = stop_fd};
    if (!fetch_talk(&fetch, path, &data, &size))
        problem = strerror(errno);
    else if (sscanf(data, "HTTP/1.%*1[01] %3d", &status) == 1)
        body = strstr(data, "\r\n\r\n");
    if (body == NULL) {
        (void)snprintf(why, why_size, "cannot get %.100s from %.200s: %s", path, target->host,
                       problem);
        free(data);
        return CORRAL_ESYSTEM;
    }
    memmove(data, body + 4, size - (size_t)(body + 4 - data) + 1);
    *ret_body = data;
    *ret_status = status;
    return 0;
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

int crl_storm_head_parse(struct corral_bytes data, struct crl_storm_head *ret_head)
{
    struct phr_header headers[HEADERS_MAX];
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
        .size = (size_t)size,
        .status = status,
        .outcome = CRL_STORM_UNKNOWN,
        .closes = minor == 0,
    };
    bool sized = false;
    for (size_t i = 0; i < n; i++) {
        const struct phr_header *header = &headers[i];
        if (header_is(header, "content-length")) {
            if (sized || !length_parse(header, &head.body_size))
                return CORRAL_EINVAL;
            sized = true;
        } else if (header_is(header, "cache-status")) {
            head.outcome = crl_storm_cache_status(crl_bytes(header->value, header->value_len));
        } else if (header_is(header, "connection")) {
            head.closes = header->value_len == 5 && strncasecmp(header->value, "close", 5) == 0;
        }
    }
    if (!sized)
        return CORRAL_EINVAL;
    *ret_head = head;
    return 1;
}
