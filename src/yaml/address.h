/* SPDX-License-Identifier: Apache-2.0
 *
 * address.h - where a server listens: a host as a number, and a port.
 *
 * Names are not looked up, so that a start never waits for a name server; "localhost" is
 * 127.0.0.1. */
#ifndef CRL_YAML_ADDRESS_H
#define CRL_YAML_ADDRESS_H

#include <corral/corral.h>

#include <netinet/in.h>
#include <sys/socket.h>

struct crl_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } socket;
    socklen_t socket_size; /* bytes of the member of `socket` that is used */
    uint16_t port;         /* 0: a free one is picked at the start */
};

/* crl_address_parse - read HOST:PORT. HOST is an IPv4 address, an IPv6 address in brackets, or
 * "localhost". Pure.
 * Returns NULL, or what is wrong, to be put behind the quoted text. Static memory. */
const char *crl_address_parse(const char *text, struct crl_address *ret_address);

/* crl_address_is_loopback - can only programs of this machine reach it? Pure. */
bool crl_address_is_loopback(const struct crl_address *address);

/* crl_address_clash - would both want the same port of the same host? "Every host" clashes with
 * each host of its kind, and [::] with IPv4 as well. Port 0 never clashes. Pure. */
bool crl_address_clash(const struct crl_address *a, const struct crl_address *b);

#endif
