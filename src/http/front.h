/* SPDX-License-Identifier: Apache-2.0
 *
 * front.h - a thread that speaks HTTP: a loop, the clients it accepted, and a handler.
 *
 * Concept. libh2o does the protocol, HTTP/1.1 (why not HTTP/2: docs/decisions/0004); a front adds
 * what a server needs around it: a limit of connections, limits of time, letters from other
 * threads, and draining. Fronts share one listening socket and none of their state. One socket, not
 * one for each (SO_REUSEPORT), because then a thread that pauses at the limit or has stopped leaves
 * no client stranded in a queue of its own; what it costs is that several threads may wake up for
 * one client.
 *
 * Limits:
 *   connections  counted by the gate, which several fronts may share. At the limit they stop to
 *                accept; clients wait in the kernel's backlog, and for each of them a client that
 *                has no request is let go: whoever is idle for longest, or has not got its head
 *                together for a second. Whoever waits for an answer stays
 *   requests     must have arrived `request_limit_us` after the connection was ready for them,
 *                however the bytes dribble; so an idle connection is closed then, too
 *   answers      must have left after the same time and one second for each 16 KiB of body: who
 *                does not read is cut off
 *   memory       what answers hold while they are sent is limited for all fronts (held.h): beyond
 *                the limit the slowest is cut off
 *   turns        of requests that a client sends in a row, CRL_FRONT_SHARE are answered before the
 *                front looks at the other clients again
 *   bodies       none. No request needs one, and two servers that disagree about where a body ends
 *                can be made to smuggle a request: libh2o 2.2 reads the chunk size 0x34 as 0. So a
 *                request with a body is refused, its connection is closed, and nothing behind its
 *                head is read as a request. What its client still sends is thrown away, up to 16
 *                MiB and 3 s, so that the refusal arrives
 *
 * Some requests libh2o refuses by itself: 413, 417, and 400 where it does not understand the length
 * of the body. What a client is told then is the refusal's; and so it is where the length is given
 * twice or may go on in a folded line, which libh2o would let pass. Only what it cannot read as a
 * request at all, or has too large a head (417,792 bytes, 100 headers), it answers without anyone:
 * 400, in plain text, straight to the socket.
 *
 * Clients that go away while they wait: libh2o does not read ahead, so the front looks once
 * a second whose connection is broken (a reset). One that was closed in order looks like a client
 * that will send no more and still wants its answer, so it gets it; that it has gone is noticed
 * when the answer is written.
 *
 * Threads: start, drain and join belong to one thread, crl_front_post() to any, all else to the
 * front.
 *
 * libh2o measures time limits by the wall clock: when that jumps, they do. */
#ifndef CRL_HTTP_FRONT_H
#define CRL_HTTP_FRONT_H

#include "http/door.h"
#include "http/held.h"

#include <corral/corral.h>

#include <stdatomic.h>

#define CRL_FRONT_FILES 4 /* open files of a front: a listener, a loop, a pipe for letters */

/* Requests of one connection that are answered before other connections get their turn. */
#define CRL_FRONT_SHARE 16

struct crl_front;

/* Answers a request, now or later but within a time of its own, on the front's thread. */
typedef void crl_front_handler(struct crl_front *front, void *arg, h2o_req_t *req);

/* libh2o refuses a request by itself: req->res has its status and headers, which may be changed.
 * Returns the body, valid until the request's pool is cleared. */
typedef struct corral_bytes crl_front_refusal(struct crl_front *front, h2o_req_t *req);

struct crl_front_options {
    const char *name;      /* of the thread, at most 15 characters */
    int listener;          /* a listening socket that does not block; borrowed for the call */
    struct crl_gate *gate; /* borrowed, as all below */
    crl_front_handler *handler;
    void *arg;
    crl_front_refusal *refusal;
    struct crl_held_total *held; /* the limit of what answers hold */
    void *own; /* what the handler has for this front alone, as counters; handed through */
    corral_us request_limit_us;
    corral_us drain_limit_us;
    corral_us notice_us; /* how long the drained front goes on to accept, while there are clients */
};

/* crl_front_start - start a thread that accepts and serves. Errors: ENOMEM, ESYSTEM (refused.h) */
int crl_front_start(const struct crl_front_options *options, struct crl_front **ret_front);

/* crl_front_drain - give notice: every answer is the last of its connection from now on. When no
 * client is left at the gate, or after notice_us, accept no more, close idle connections, answer
 * what is under way, then end; at the drain limit hurry the letters that are still expected, then
 * cut off what is left. Does not block. */
void crl_front_drain(struct crl_front *front);

/* crl_front_join - wait until a drained front has ended, and free it.
 * Returns 0, or ETIMEDOUT if requests were cut off. Blocks. */
int crl_front_join(struct crl_front *front);

/* crl_front_own - the `own` of the options. */
void *crl_front_own(const struct crl_front *front);

/* --------------------------------------------------------------------------------- what is held */

/* crl_front_hold - the answer to this request holds memory until it is sent: `data` and `size` of
 * `held` say which. Whoever holds lets go when the request's pool is cleared, and keeps `held`
 * until then. Beyond the limit the slowest are cut off. The front's thread, as the next. */
void crl_front_hold(struct crl_front *front, struct crl_held *held, h2o_req_t *req);

/* crl_front_let_go - it has been sent, or never will be. */
void crl_front_let_go(struct crl_front *front, struct crl_held *held);

/* -------------------------------------------------------------------------------------- letters */

/* A letter to a front, intrusive: posting neither allocates nor fails. Zeros before it is expected,
 * but for the functions. */
struct crl_front_letter {
    void (*run)(struct crl_front *front, struct crl_front_letter *letter);
    void (*hurry)(struct crl_front_letter *letter); /* make it come soon; may be NULL */
    h2o_req_t *req; /* whose answer it brings, while that lives; NULL: nobody's */
    void (*gone)(struct crl_front_letter *letter); /* and the client has gone; may be NULL */
    h2o_multithread_message_t message;
    h2o_linklist_t expected;
};

/* crl_front_expect - this letter will come; the front does not end before. At the drain limit it is
 * asked to hurry. The front's thread. */
void crl_front_expect(struct crl_front *front, struct crl_front_letter *letter);

/* crl_front_post - run an expected letter on the front's thread; the letter is run()'s then. Any
 * thread, also before it is expected, if that is done in the same round of the front's loop. */
void crl_front_post(struct crl_front *front, struct crl_front_letter *letter);

#endif
