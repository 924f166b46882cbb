/* SPDX-License-Identifier: Apache-2.0
 *
 * timers.h - a heap of instants. Ties go by the order of arming, so that the same input gives the
 * same order.
 *
 * Timers are embedded in what they wake. One thread. */
#ifndef CRL_CORE_TIMERS_H
#define CRL_CORE_TIMERS_H

#include <corral/corral.h>

#include <stdbool.h>

#define CRL_NEVER INT64_MAX

struct crl_timer {
    corral_us at;
    uint64_t order; /* of arming */
    uint32_t slot;  /* in the heap, from 1; 0: not armed */
    uint32_t kind;  /* the owner's: what it wakes */
};

struct crl_timers {
    struct crl_timer **heap; /* heap[0] is the least */
    uint32_t n, capacity;
    uint64_t orders;
};

static inline bool crl_timer_is_armed(const struct crl_timer *timer)
{
    return timer->slot != 0;
}

void crl_timers_fini(struct crl_timers *timers);

/* crl_timers_reserve - make room for n armed timers in all. Errors: ENOMEM */
int crl_timers_reserve(struct crl_timers *timers, uint32_t n);

/* crl_timer_arm - (re)arm for an instant. There must be room. O(log n) */
void crl_timer_arm(struct crl_timers *timers, struct crl_timer *timer, corral_us at);

/* crl_timer_disarm - forget it; allowed when it is not armed. O(log n) */
void crl_timer_disarm(struct crl_timers *timers, struct crl_timer *timer);

/* crl_timers_next_at - the earliest instant, or CRL_NEVER. */
corral_us crl_timers_next_at(const struct crl_timers *timers);

/* crl_timers_pop - disarm and return the earliest timer that is due at `now`, or NULL. */
struct crl_timer *crl_timers_pop(struct crl_timers *timers, corral_us now);

#endif
