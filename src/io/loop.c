/* SPDX-License-Identifier: Apache-2.0
 *
 * loop.c - a thread, a libuv loop and a mailbox. */
#include "io/loop.h"

#include "base/assert.h"
#include "base/forks.h"
#include "io/refused.h"

#include <corral/corral.h>

#include <signal.h>
#include <string.h>

#define NAME_MAX_BYTES 16 /* what Linux allows, with the terminator */

static __thread const struct crl_loop *loop_of_this_thread;

static void deliver(struct crl_mailbox *mailbox, struct crl_letter *batch)
{
    struct crl_loop *loop = (struct crl_loop *)mailbox;
    while (batch != NULL) {
        struct crl_loop_call *call = (struct crl_loop_call *)batch;
        batch = batch->next; /* the call may free itself */
        uint32_t forks = crl_forks;
        call->run(loop, call);
        if (forks != crl_forks) {
            uv_stop(&loop->uv); /* this is the parent's, with all that it waits for */
            return;
        }
    }
}

static void *loop_main(void *arg)
{
    struct crl_loop *loop = arg;
    loop_of_this_thread = loop;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    return NULL;
}

static int thread_start(struct crl_loop *loop, const char *name)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&loop->thread, NULL, loop_main, loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return crl_refused("pthread_create", failed);
    (void)pthread_setname_np(loop->thread, name); /* only for people who look */
    return 0;
}

/* Nobody posts any more. */
static void mailbox_close(struct crl_loop *loop)
{
    struct crl_letter *rest = crl_mailbox_close(&loop->mailbox);
    crl_assert(rest == NULL);
}

int crl_loop_start(struct crl_loop *loop, const char *name)
{
    crl_assert(strlen(name) < NAME_MAX_BYTES);
    int failed = uv_loop_init(&loop->uv);
    if (failed != 0)
        return crl_refused("uv_loop_init", failed);
    int rc = crl_mailbox_open(&loop->mailbox, &loop->uv, deliver);
    if (rc == 0) {
        rc = thread_start(loop, name);
        if (rc == 0)
            return 0;
        mailbox_close(loop);
    }
    uv_run(&loop->uv, UV_RUN_DEFAULT); /* what is closing, closes */
    uv_loop_close(&loop->uv);
    return rc;
}

void crl_loop_post(struct crl_loop *loop, struct crl_loop_call *call)
{
    crl_assert(call->run != NULL);
    crl_mailbox_post(&loop->mailbox, &call->letter);
}

bool crl_loop_is_here(const struct crl_loop *loop)
{
    return loop_of_this_thread == loop;
}

static void expect_closing(uv_handle_t *handle, void *arg)
{
    (void)arg;
    crl_assert(uv_is_closing(handle)); /* else its owner has forgotten it */
}

static void stop_run(struct crl_loop *loop, struct crl_loop_call *call)
{
    (void)call;
    mailbox_close(loop);
    uv_walk(&loop->uv, expect_closing, NULL);
}

void crl_loop_stop(struct crl_loop *loop)
{
    crl_assert(!crl_loop_is_here(loop));
    struct crl_loop_call stop = {.run = stop_run};
    crl_loop_post(loop, &stop);
    pthread_join(loop->thread, NULL);
    int busy = uv_loop_close(&loop->uv);
    crl_assert(busy == 0);
}
