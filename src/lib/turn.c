/* SPDX-License-Identifier: Apache-2.0
 *
 * turn.c - a list and a flag under a lock. */
#include "lib/turn.h"

#include "base/assert.h"
#include "io/cancel.h"

/* The turn that this thread has. There is never a second one: nothing that runs within a turn calls
 * into another cache. */
static __thread const struct crl_turn *turn_of_this_thread;

void crl_turn_init(struct crl_turn *turn, const struct crl_turn_ops *ops)
{
    *turn = (struct crl_turn){.ops = ops};
    turn->tail = &turn->head;
    pthread_mutex_init(&turn->lock, NULL); /* glibc's do not fail */
    pthread_cond_init(&turn->given_back, NULL);
}

void crl_turn_fini(struct crl_turn *turn)
{
    crl_assert(turn->head == NULL && !turn->is_taken);
    pthread_cond_destroy(&turn->given_back);
    pthread_mutex_destroy(&turn->lock);
}

bool crl_turn_is_mine(const struct crl_turn *turn)
{
    return turn_of_this_thread == turn;
}

/* ------------------------------------------------------------------------------------- the list */

/* All letters that wait; where there are none, the turn is given back, and NULL returned (N1). */
static struct crl_letter *take_or_give_back(struct crl_turn *turn, struct crl_letter ***ret_tail)
{
    pthread_mutex_lock(&turn->lock);
    crl_assert(turn->is_taken);
    struct crl_letter *batch = turn->head;
    *ret_tail = turn->tail;
    turn->head = NULL;
    turn->tail = &turn->head;
    if (batch == NULL) {
        turn->is_taken = false;
        if (turn->is_awaited)
            pthread_cond_signal(&turn->given_back);
    }
    pthread_mutex_unlock(&turn->lock);
    return batch;
}

/* What is too much for this holder goes back, before what has come meanwhile. */
static void put_back(struct crl_turn *turn, struct crl_letter *rest, struct crl_letter **tail)
{
    pthread_mutex_lock(&turn->lock);
    *tail = turn->head;
    if (turn->head == NULL)
        turn->tail = tail;
    turn->head = rest;
    pthread_mutex_unlock(&turn->lock);
}

/* Put a letter in. Returns whether the caller has the turn now, and with it the letter. Under the
 * lock. */
static bool put_in(struct crl_turn *turn, struct crl_letter *letter)
{
    letter->next = NULL;
    if (!turn->is_taken) {
        turn->is_taken = true; /* the list is empty (N1) */
        return true;
    }
    *turn->tail = letter;
    turn->tail = &letter->next;
    return false;
}

/* ------------------------------------------------------------------------------------- the turn */

/* Part a list after its first `left` letters, and count them off. Returns the rest. */
static struct crl_letter *split(struct crl_letter *batch, uint32_t *left)
{
    crl_assert(*left > 0);
    for (--*left; batch->next != NULL && *left > 0; --*left)
        batch = batch->next;
    struct crl_letter *rest = batch->next;
    batch->next = NULL;
    return rest;
}

/* Run letters, until there are none or it is enough (N6). The caller has the turn, and these. */
static void drive(struct crl_turn *turn, struct crl_letter *batch, struct crl_letter **tail)
{
    const struct crl_turn_ops *ops = turn->ops;
    uint32_t left = CRL_TURN_LETTERS;
    int held = crl_cancel_hold();
    while (batch != NULL) {
        struct crl_letter *rest = split(batch, &left);
        crl_assert(turn_of_this_thread == NULL);
        turn_of_this_thread = turn;
        struct crl_letter *after = ops->run(turn, batch);
        turn_of_this_thread = NULL;
        batch = rest != NULL ? rest : take_or_give_back(turn, &tail);
        if (batch != NULL && left == 0) {
            put_back(turn, batch, tail);
            ops->hand_over(turn);
            batch = NULL;
        }
        if (after != NULL)
            ops->after(after); /* the turn may be gone (N5) */
    }
    crl_cancel_let_go(held);
}

void crl_turn_post(struct crl_turn *turn, struct crl_letter *letter)
{
    pthread_mutex_lock(&turn->lock);
    bool is_mine = put_in(turn, letter);
    pthread_mutex_unlock(&turn->lock);
    if (is_mine)
        drive(turn, letter, NULL);
}

bool crl_turn_offer(struct crl_turn *turn, struct crl_letter *letter)
{
    pthread_mutex_lock(&turn->lock);
    bool is_taken = !turn->is_shut;
    bool is_mine = is_taken && put_in(turn, letter);
    pthread_mutex_unlock(&turn->lock);
    if (is_mine)
        drive(turn, letter, NULL);
    return is_taken;
}

void crl_turn_resume(struct crl_turn *turn)
{
    struct crl_letter **tail;
    struct crl_letter *batch = take_or_give_back(turn, &tail);
    drive(turn, batch, tail);
}

/* -------------------------------------------------------------------------------------- the end */

void crl_turn_shut(struct crl_turn *turn)
{
    pthread_mutex_lock(&turn->lock);
    turn->is_shut = true;
    pthread_mutex_unlock(&turn->lock);
}

void crl_turn_close(struct crl_turn *turn)
{
    crl_assert(!crl_turn_is_mine(turn));
    pthread_mutex_lock(&turn->lock);
    turn->is_shut = true;
    turn->is_awaited = true;
    while (turn->is_taken)
        pthread_cond_wait(&turn->given_back, &turn->lock);
    pthread_mutex_unlock(&turn->lock);
}
