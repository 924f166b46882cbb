/* SPDX-License-Identifier: Apache-2.0
 *
 * admin.h - what the `admin` address answers: PURGE of a route's key.
 *
 * Who may: with a token configured, whoever sends it ("Authorization: Bearer ..."). Without one the
 * address is on loopback (the configuration sees to it), and what must be kept out are web pages in
 * a browser on this machine: PURGE is no method that a page may send to a foreign host unasked, and
 * the Host header must name loopback or the address itself, so that a page cannot make its own name
 * point here (DNS rebinding).
 *
 * Threads: handlers on fronts. */
#ifndef CRL_SERVER_ADMIN_H
#define CRL_SERVER_ADMIN_H

#include "server/routes.h"

struct crl_admin {
    const struct crl_routes *routes;
    const char *token; /* NULL: none */
    char host[64];     /* the address itself, as a number without port, IPv6 without brackets */
};

/* crl_admin_handle - answer a request of the `admin` address. arg: struct crl_admin */
crl_front_handler crl_admin_handle;

/* crl_admin_host_is_ours - does a Host header name this machine's loopback, or `host`? Pure. */
bool crl_admin_host_is_ours(struct corral_bytes header, const char *host);

/* crl_admin_token_is_right - is the Authorization header "Bearer " and the token? The time it takes
 * does not tell how much of the token was right. Pure. */
bool crl_admin_token_is_right(struct corral_bytes header, const char *token);

#endif
