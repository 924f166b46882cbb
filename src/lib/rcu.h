/* SPDX-License-Identifier: Apache-2.0
 *
 * rcu.h - read sections of the table: RCU of liburcu ("bulletproof": threads register by
 * themselves).
 *
 * Inside a section everything that was linked when it began stays valid. Entering and leaving costs
 * two stores to the thread's own cache line. Sections nest; one must not block for long, for the
 * writer's memory waits for it.
 *
 * ThreadSanitizer can't see into liburcu, so it is told what a grace period means: what a reader
 * did before it left its section happens before what the writer does after the grace period.
 *
 * The functions of liburcu used here are inlined; they are small, as its licence (LGPL 2.1) asks
 * for where they go into other code. */
#ifndef CRL_LIB_RCU_H
#define CRL_LIB_RCU_H

#if defined(__SANITIZE_THREAD__)
#define CRL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CRL_TSAN 1
#endif
#endif

#if !defined(_LGPL_SOURCE) && (!defined(CRL_SANITIZED) || defined(CRL_TSAN))
#define _LGPL_SOURCE
#endif
#include <urcu/urcu-bp.h>

#ifdef CRL_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#endif

/* crl_read_lock - begin a read section. Never waits. */
static inline void crl_read_lock(void)
{
    urcu_bp_read_lock();
}

/* crl_read_unlock - end it: what was borrowed inside may go away. */
static inline void crl_read_unlock(void)
{
#ifdef CRL_TSAN
    __tsan_release(&urcu_bp_gp);
#endif
    urcu_bp_read_unlock();
}

/* crl_rcu_after_grace - to be called after a grace period, however it was waited for, before memory
 * is given back. */
static inline void crl_rcu_after_grace(void)
{
#ifdef CRL_TSAN
    __tsan_acquire(&urcu_bp_gp);
#endif
}

/* crl_rcu_wait - wait until every read section that runs now has ended. Not inside of one. */
static inline void crl_rcu_wait(void)
{
    urcu_bp_synchronize_rcu();
    crl_rcu_after_grace();
}

#endif
