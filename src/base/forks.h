/* SPDX-License-Identifier: Apache-2.0
 *
 * forks.h - does a thing belong to this process, or to one that this is a child of?
 *
 * Who makes something with a lock or a thread notes the number; where it is another one later, the
 * threads are not here, and the locks may be held by them for ever. */
#ifndef CRL_BASE_FORKS_H
#define CRL_BASE_FORKS_H

#include <stdint.h>

/* How many forks lie between this process and the one that loaded the library. Written in a child
 * before fork() returns there (lib/process.c). */
extern uint32_t crl_forks __attribute__((visibility("hidden")));

#endif
