/* SPDX-License-Identifier: Apache-2.0
 *
 * tcp.c - see tcp.h. The kernel's own header, because glibc's has an older struct. */
#include "http/tcp.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

static struct tcp_info info_of(int fd)
{
    struct tcp_info info = {0}; /* an older kernel fills the beginning */
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return (struct tcp_info){0};
    return info;
}

uint32_t crl_tcp_waiting(int listener)
{
    return info_of(listener).tcpi_unacked; /* of a listening socket: the length of its queue */
}

uint64_t crl_tcp_acknowledged(int fd)
{
    return info_of(fd).tcpi_bytes_acked;
}
