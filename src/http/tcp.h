/* SPDX-License-Identifier: Apache-2.0
 *
 * tcp.h - what the kernel knows of a socket. Threads: any. */
#ifndef CRL_HTTP_TCP_H
#define CRL_HTTP_TCP_H

#include <stdint.h>

/* crl_tcp_waiting - clients that wait to be accepted by this listening socket; 0 if that is not
 * known. */
uint32_t crl_tcp_waiting(int listener);

/* crl_tcp_acknowledged - bytes that the other side has confirmed, since the connection began; 0 if
 * that is not known. */
uint64_t crl_tcp_acknowledged(int fd);

#endif
