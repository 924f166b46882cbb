/* SPDX-License-Identifier: Apache-2.0
 *
 * mailbox.c - a list under a lock, and a wake-up.
 *
 * The wake-up is sent inside the lock. So the loop, which takes the lock to fetch the batch, cannot
 * deliver a letter, and close the mailbox, while its poster is still about to wake it. */
#include "io/mailbox.h"
#include "io/refused.h"

#include <corral/corral.h>

static struct crl_letter *take_all(struct crl_mailbox *mailbox)
{
    uv_mutex_lock(&mailbox->lock);
    struct crl_letter *batch = mailbox->head;
    mailbox->head = NULL;
    mailbox->tail = &mailbox->head;
    uv_mutex_unlock(&mailbox->lock);
    return batch;
}

static void on_wake(uv_async_t *async)
{
    struct crl_mailbox *mailbox = async->data;
    struct crl_letter *batch = take_all(mailbox);
    if (batch != NULL)
        mailbox->deliver(mailbox, batch);
}

int crl_mailbox_open(struct crl_mailbox *mailbox, uv_loop_t *loop,
                     void (*deliver)(struct crl_mailbox *mailbox, struct crl_letter *batch))
{
    *mailbox = (struct crl_mailbox){.deliver = deliver};
    mailbox->tail = &mailbox->head;
    int failed = uv_mutex_init(&mailbox->lock);
    if (failed != 0)
        return crl_refused("pthread_mutex_init", failed);
    failed = uv_async_init(loop, &mailbox->async, on_wake);
    if (failed != 0) {
        uv_mutex_destroy(&mailbox->lock);
        return crl_refused("uv_async_init", failed);
    }
    mailbox->async.data = mailbox;
    return 0;
}

void crl_mailbox_post(struct crl_mailbox *mailbox, struct crl_letter *letter)
{
    letter->next = NULL;
    uv_mutex_lock(&mailbox->lock);
    bool was_empty = mailbox->head == NULL;
    *mailbox->tail = letter;
    mailbox->tail = &letter->next;
    if (was_empty)
        uv_async_send(&mailbox->async); /* fails only for a handle of another type */
    uv_mutex_unlock(&mailbox->lock);
}

struct crl_letter *crl_mailbox_close(struct crl_mailbox *mailbox)
{
    struct crl_letter *rest = take_all(mailbox);
    uv_close((uv_handle_t *)&mailbox->async, NULL);
    uv_mutex_destroy(&mailbox->lock);
    return rest;
}
