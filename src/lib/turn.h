/* SPDX-License-Identifier: Apache-2.0
 *
 * turn.h - the right to drive something that only one thread at a time may drive, which goes to
 * whoever has a letter for it.
 *
 * Concept (flat combining). A letter is put into a list. The thread that put a letter in takes the
 * turn if it is free, and runs letters until none is left. A thread that finds the turn taken
 * leaves its letter and goes on. The holder looks again before it gives the turn back. So a letter
 * costs no change of thread, and no thread ever waits for the turn. A holder runs a bounded number
 * of letters. Then it hands the turn over, with the letters that are left, to a thread whose work
 * that is.
 *
 * Work that need not be done in the turn, such as waking readers, is done by the holder after the
 * turn or between two batches.
 *
 * Invariants:
 *   N1  The list and `is_taken` change under one lock. The turn is given back only while the list
 *       is empty, and a letter that is put in while the turn is free takes it, under that lock. So
 *       while a letter waits, somebody has the turn: none is forgotten.
 *   N2  One thread at a time has the turn. The next holder sees what the previous holder did,
 *       because the lock lies between them. Where the turn is handed over, whatever wakes the other
 *       thread lies there as well.
 *   N3  Letters are run once and in the order of being put in, each sender's thus in its own order.
 *   N4  A letter that is put in by who has the turn is run later in that turn, not inside the
 *       letter that put it in.
 *   N5  From the end of its turn on a holder does not touch the struct any more: it may be gone.
 *   N6  A holder runs at most CRL_TURN_LETTERS letters, and is held up by no other thread's.
 *
 * Threads: any, but for crl_turn_resume(). run() is called by one thread at a time. A signal
 * handler may not put letters in.
 *
 * Source: D. Hendler, I. Incze, N. Shavit, M. Tzafrir, "Flat Combining and the
 * Synchronization-Parallelism Tradeoff", SPAA 2010. */
#ifndef CRL_LIB_TURN_H
#define CRL_LIB_TURN_H

#include "io/mailbox.h"

#include <pthread.h>
#include <stdbool.h>

/* How many letters a thread runs that came with one of its own. */
#define CRL_TURN_LETTERS 64

struct crl_turn;

struct crl_turn_ops {
    /* Run these letters, oldest first, linked by ->next; at least one. Returns what is to be done
     * outside of the turn, as a list for after(); or NULL. */
    struct crl_letter *(*run)(struct crl_turn *turn, struct crl_letter *batch);
    /* The rest of run(), on the same thread. The struct may be gone already. */
    void (*after)(struct crl_letter *list);
    /* Have another thread call crl_turn_resume(), soon. Within the turn; must not block. */
    void (*hand_over)(struct crl_turn *turn);
};

struct crl_turn {
    const struct crl_turn_ops *ops;
    pthread_mutex_t lock;
    pthread_cond_t given_back;
    struct crl_letter *head; /* oldest */
    struct crl_letter **tail;
    bool is_taken;
    bool is_shut;    /* to offers */
    bool is_awaited; /* crl_turn_close() waits */
};

/* crl_turn_init - nobody has it. The struct stays where it is. */
void crl_turn_init(struct crl_turn *turn, const struct crl_turn_ops *ops);

/* crl_turn_fini - the end, after crl_turn_close(), or where no letter was ever put in. */
void crl_turn_fini(struct crl_turn *turn);

/* crl_turn_post - put a letter in, and run it if nobody has the turn. Takes the letter. Does not
 * wait for other threads. */
void crl_turn_post(struct crl_turn *turn, struct crl_letter *letter);

/* crl_turn_offer - the same, unless the turn is shut. Returns whether the letter was taken; if not,
 * it is still the caller's. */
bool crl_turn_offer(struct crl_turn *turn, struct crl_letter *letter);

/* crl_turn_resume - go on with a turn that was handed over to this thread. */
void crl_turn_resume(struct crl_turn *turn);

/* crl_turn_shut - take no more offers. What was taken before is run before whatever the caller
 * posts next. */
void crl_turn_shut(struct crl_turn *turn);

/* crl_turn_close - wait until all letters have been run and the turn has been given back. Nobody
 * puts letters in any more. Blocks; not within the turn, and not on a thread that has to resume. */
void crl_turn_close(struct crl_turn *turn);

/* crl_turn_is_mine - has this thread the turn? For assertions. */
bool crl_turn_is_mine(const struct crl_turn *turn);

#endif
