/* SPDX-License-Identifier: Apache-2.0
 *
 * listen.h - sockets that wait for clients. */
#ifndef CRL_HTTP_LISTEN_H
#define CRL_HTTP_LISTEN_H

#include "yaml/address.h"

/* crl_listen - open a socket that listens at an address and does not block.
 * ret_port  the real one, where the address has 0
 * Returns the descriptor; or ESYSTEM, and errno says why. */
int crl_listen(const struct crl_address *address, uint16_t *ret_port);

/* crl_address_url - "http://127.0.0.1:8080", with the given port. Returns `text`. */
enum { CRL_URL_MAX = 80 };
const char *crl_address_url(const struct crl_address *address, uint16_t port,
                            char text[CRL_URL_MAX]);

/* crl_address_host - the host as a number, without brackets. Returns `text`. */
const char *crl_address_host(const struct crl_address *address, char text[CRL_URL_MAX]);

/* crl_raise_open_files - raise the limit of open files to its hard limit. Returns the limit
 * then. */
uint64_t crl_raise_open_files(void);

#endif
