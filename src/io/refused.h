/* SPDX-License-Identifier: Apache-2.0
 *
 * refused.h - what the operating system refused, and why: for people.
 *
 * CORRAL_ESYSTEM says only that it did. A function that returns it notes here the call that failed
 * and its error; whoever has to tell somebody asks for them, on the same thread, before anything
 * else fails there. */
#ifndef CRL_IO_REFUSED_H
#define CRL_IO_REFUSED_H

/* crl_refused - note that a call failed. Returns CORRAL_ESYSTEM.
 * call   a constant, such as "pthread_create"
 * error  of errno.h; libuv's negative ones are taken as well */
int crl_refused(const char *call, int error);

/* crl_refused_why - "pthread_create: Resource temporarily unavailable": of the last call that was
 * noted on this thread. Valid until the next; "" if there was none. */
const char *crl_refused_why(void);

#endif
