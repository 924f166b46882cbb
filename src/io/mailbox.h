/* SPDX-License-Identifier: Apache-2.0
 *
 * mailbox.h - letters from any thread to one loop, in order.
 *
 * A letter is intrusive: posting never allocates and never fails. The loop is woken once for each
 * batch, not for each letter. There is no limit: whoever posts has one.
 *
 * Threads: posting from any; the rest on the loop's. A poster is done with the mailbox before its
 * letter is delivered, so the mailbox may be closed as soon as no more letters are expected. */
#ifndef CRL_IO_MAILBOX_H
#define CRL_IO_MAILBOX_H

#include <uv.h>

struct crl_letter {
    struct crl_letter *next;
};

struct crl_mailbox {
    uv_mutex_t lock;
    struct crl_letter *head; /* oldest */
    struct crl_letter **tail;
    uv_async_t async;
    void (*deliver)(struct crl_mailbox *mailbox, struct crl_letter *batch);
};

/* crl_mailbox_open - attach to a loop. `deliver` gets each batch on the loop's thread, oldest
 * first, linked by ->next; it owns the letters. Errors: ESYSTEM */
int crl_mailbox_open(struct crl_mailbox *mailbox, uv_loop_t *loop,
                     void (*deliver)(struct crl_mailbox *mailbox, struct crl_letter *batch));

/* crl_mailbox_post - add a letter. Any thread, until the mailbox is closed. Does not block. */
void crl_mailbox_post(struct crl_mailbox *mailbox, struct crl_letter *letter);

/* crl_mailbox_close - detach, on the loop's thread, also from within deliver(). The struct must
 * stay until the loop has turned once more. Letters still inside are returned, oldest first. */
struct crl_letter *crl_mailbox_close(struct crl_mailbox *mailbox);

#endif
