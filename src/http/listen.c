/* SPDX-License-Identifier: Apache-2.0
 *
 * listen.c - see listen.h. */
#include "http/listen.h"

#include "base/assert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* The kernel caps it at net.core.somaxconn: as many clients as may wait to be accepted. */
enum { BACKLOG = 65535 };

static bool is_internet(const struct crl_address *address)
{
    sa_family_t family = address->socket.any.sa_family;
    return family == AF_INET || family == AF_INET6;
}

static int socket_set_up(int fd, const struct crl_address *address)
{
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->socket.any.sa_family == AF_INET6 &&
        !IN6_IS_ADDR_UNSPECIFIED(&address->socket.v6.sin6_addr))
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, &address->socket.any, address->socket_size) != 0)
        return -1;
    return listen(fd, BACKLOG);
}

static uint16_t port_of(int fd)
{
    struct crl_address real = {0};
    socklen_t size = sizeof real.socket;
    if (getsockname(fd, &real.socket.any, &size) != 0)
        return 0;
    return ntohs(real.socket.any.sa_family == AF_INET6 ? real.socket.v6.sin6_port
                                                       : real.socket.v4.sin_port);
}

int crl_listen(const struct crl_address *address, uint16_t *ret_port)
{
    crl_assert(is_internet(address));
    crl_assert(address->socket_size > 0 && address->socket_size <= sizeof address->socket);
    int fd = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return CORRAL_ESYSTEM;
    if (socket_set_up(fd, address) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return CORRAL_ESYSTEM;
    }
    *ret_port = port_of(fd);
    return fd;
}

const char *crl_address_host(const struct crl_address *address, char text[CRL_URL_MAX])
{
    crl_assert(is_internet(address));
    const void *number = address->socket.any.sa_family == AF_INET6
                             ? (const void *)&address->socket.v6.sin6_addr
                             : (const void *)&address->socket.v4.sin_addr;
    crl_assert(inet_ntop(address->socket.any.sa_family, number, text, CRL_URL_MAX) == text);
    return text;
}

const char *crl_address_url(const struct crl_address *address, uint16_t port,
                            char text[CRL_URL_MAX])
{
    char host[CRL_URL_MAX];
    bool v6 = address->socket.any.sa_family == AF_INET6;
    int size = snprintf(text, CRL_URL_MAX, "http://%s%.45s%s:%u", v6 ? "[" : "",
                        crl_address_host(address, host), v6 ? "]" : "", port);
    crl_assert(size > 0 && size < CRL_URL_MAX);
    return text;
}

uint64_t crl_raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    crl_assert(limit.rlim_cur <= limit.rlim_max);
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}
