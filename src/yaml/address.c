/* SPDX-License-Identifier: Apache-2.0
 *
 * address.c - read and compare addresses. */
#include "yaml/address.h"

#include "base/units.h"

#include <arpa/inet.h>
#include <string.h>

static const char shape[] = "is not HOST:PORT, such as 127.0.0.1:8080 or \"[::1]:8080\"";

static bool host_parse(const char *host, struct crl_address *ret_address)
{
    struct crl_address a = {0};
    if (host[0] == '[') {
        char inner[INET6_ADDRSTRLEN];
        size_t size = strlen(host);
        if (size < 3 || host[size - 1] != ']' || size - 2 >= sizeof inner)
            return false;
        memcpy(inner, host + 1, size - 2);
        inner[size - 2] = '\0';
        a.socket.v6.sin6_family = AF_INET6;
        a.socket_size = sizeof a.socket.v6;
        if (inet_pton(AF_INET6, inner, &a.socket.v6.sin6_addr) != 1)
            return false;
    } else {
        a.socket.v4.sin_family = AF_INET;
        a.socket_size = sizeof a.socket.v4;
        const char *number = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
        if (inet_pton(AF_INET, number, &a.socket.v4.sin_addr) != 1)
            return false;
    }
    *ret_address = a;
    return true;
}

static void port_set(struct crl_address *address, uint16_t port)
{
    address->port = port;
    if (address->socket.any.sa_family == AF_INET)
        address->socket.v4.sin_port = htons(port);
    else
        address->socket.v6.sin6_port = htons(port);
}

const char *crl_address_parse(const char *text, struct crl_address *ret_address)
{
    char host[INET6_ADDRSTRLEN + 2]; /* with the brackets */
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        return shape;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';

    int64_t port = 0;
    switch (crl_units_parse(CRL_QUANTITY_COUNT, colon + 1, &port)) {
    case CRL_UNITS_NONE:
        if (port <= UINT16_MAX)
            break;
        return "has a port out of range, 0 to 65535";
    case CRL_UNITS_TOO_LARGE:
        return "has a port out of range, 0 to 65535";
    case CRL_UNITS_NOT_A_NUMBER:
    case CRL_UNITS_NEGATIVE:
    case CRL_UNITS_FRACTION:
    case CRL_UNITS_TOO_FINE:
    case CRL_UNITS_NO_UNIT:
    case CRL_UNITS_UNKNOWN_UNIT:
    case CRL_UNITS_SPACE:
        return shape;
    }
    struct crl_address address;
    if (host[0] == '\0' || (host[0] != '[' && strchr(host, ':') != NULL))
        return shape;
    if (!host_parse(host, &address))
        return "has a host that is not an IPv4 address, an IPv6 address in brackets, or localhost";
    port_set(&address, (uint16_t)port);
    *ret_address = address;
    return NULL;
}

/* The IPv4 address within, in host order; false if it is none. */
static bool ipv4_of(const struct crl_address *address, uint32_t *ret_ipv4)
{
    if (address->socket.any.sa_family == AF_INET) {
        *ret_ipv4 = ntohl(address->socket.v4.sin_addr.s_addr);
        return true;
    }
    const struct in6_addr *v6 = &address->socket.v6.sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(v6))
        return false;
    uint32_t last;
    memcpy(&last, v6->s6_addr + 12, sizeof last);
    *ret_ipv4 = ntohl(last);
    return true;
}

bool crl_address_is_loopback(const struct crl_address *address)
{
    uint32_t ipv4;
    if (ipv4_of(address, &ipv4))
        return ipv4 >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&address->socket.v6.sin6_addr);
}

static bool is_every_host(const struct crl_address *address)
{
    return address->socket.any.sa_family == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(&address->socket.v6.sin6_addr);
}

bool crl_address_clash(const struct crl_address *a, const struct crl_address *b)
{
    if (a->port == 0 || a->port != b->port)
        return false;
    if (is_every_host(a) || is_every_host(b))
        return true;
    uint32_t a4;
    uint32_t b4;
    bool a_is_4 = ipv4_of(a, &a4);
    bool b_is_4 = ipv4_of(b, &b4);
    if (a_is_4 && b_is_4)
        return a4 == b4 || a4 == INADDR_ANY || b4 == INADDR_ANY;
    return !a_is_4 && !b_is_4 &&
           memcmp(&a->socket.v6.sin6_addr, &b->socket.v6.sin6_addr, sizeof(struct in6_addr)) == 0;
}
