/* SPDX-License-Identifier: Apache-2.0
 *
 * loop.h - a libuv loop on a thread of its own, which runs calls that any thread posts.
 *
 * It is for what waits for sockets and instants without blocking: an origin that speaks to a
 * database over the network has one, with a uv_poll_t for each connection and a uv_timer_t for each
 * wait. Its handles are made, used and closed on the loop's thread alone, on `loop->uv`; other
 * threads reach them by calls.
 *
 * The order of stopping:
 *   1. The owner sees to it that nobody posts any more.
 *   2. A last call closes all handles of the owner (uv_close).
 *   3. crl_loop_stop() runs what was posted, ends the thread and joins it. From then on the close
 *      callbacks of all handles have been called, and the memory of the handles is the owner's.
 * A handle that was forgotten is a bug and aborts in step 3: the thread would never end.
 *
 * Threads: the thread is named, and blocks all signals, which belong to the program. A call must
 * not block: all else on the loop would wait for it. */
#ifndef CRL_IO_LOOP_H
#define CRL_IO_LOOP_H

#include "io/mailbox.h"

#include <pthread.h>
#include <stdbool.h>

struct crl_loop {
    struct crl_mailbox mailbox; /* first */
    uv_loop_t uv;               /* the loop's thread alone */
    pthread_t thread;
};

/* What is to run on the loop; embedded in what it works on. `run` is called once and may free
 * it. */
struct crl_loop_call {
    struct crl_letter letter; /* first; the loop's, until run() begins */
    void (*run)(struct crl_loop *loop, struct crl_loop_call *call);
};

/* crl_loop_start - start the thread, with a loop that waits for calls.
 * name  of the thread, at most 15 characters; copied
 * Errors: ESYSTEM no thread, or no descriptor; then there is nothing to stop. */
int crl_loop_start(struct crl_loop *loop, const char *name);

/* crl_loop_post - run a call on the loop, after all that was posted before it. Any thread, the
 * loop's own too, until crl_loop_stop() is called. Does not block. */
void crl_loop_post(struct crl_loop *loop, struct crl_loop_call *call);

/* crl_loop_is_here - is this the loop's own thread? For assertions. */
bool crl_loop_is_here(const struct crl_loop *loop);

/* crl_loop_stop - end the loop, in the order above. Not on its own thread. Blocks until the calls
 * that were posted have run. */
void crl_loop_stop(struct crl_loop *loop);

#endif
