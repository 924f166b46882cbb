/* SPDX-License-Identifier: Apache-2.0
 *
 * cancel.h - stretches of code in which pthread_cancel() has to wait.
 *
 * A thread of the program that waits for us, or does our work, has given away what must not be lost
 * with it: a place on its stack, or the turn. */
#ifndef CRL_IO_CANCEL_H
#define CRL_IO_CANCEL_H

#include <pthread.h>

/* crl_cancel_hold - this thread is not cancelled from here on. Returns what to let go with. */
static inline int crl_cancel_hold(void)
{
    int before = PTHREAD_CANCEL_ENABLE;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

/* crl_cancel_let_go - as before; a request that has come meanwhile is heard at the next point of
 * cancellation. */
static inline void crl_cancel_let_go(int before)
{
    int ours;
    pthread_setcancelstate(before, &ours);
}

#endif
