/* SPDX-License-Identifier: Apache-2.0
 *
 * counter.h - a number that one thread writes and any thread may read.
 *
 * Neither side uses a locked instruction; a reader sees some recent value. */
#ifndef CRL_BASE_COUNTER_H
#define CRL_BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

struct crl_counter {
    _Atomic uint64_t value;
};

/* crl_counter_add - only by the thread that owns the counter. Gauges add and subtract. */
static inline void crl_counter_add(struct crl_counter *counter, uint64_t n)
{
#if defined(__x86_64__) && !defined(CRL_SANITIZED)
    /* What the lines below mean, in one instruction; compilers make three of them. */
    __asm__("addq %1, %0" : "+m"(counter->value) : "er"(n) : "cc");
    return;
#endif
    uint64_t value = atomic_load_explicit(&counter->value, memory_order_relaxed);
    atomic_store_explicit(&counter->value, value + n, memory_order_relaxed);
}

static inline void crl_counter_set(struct crl_counter *counter, uint64_t n)
{
    atomic_store_explicit(&counter->value, n, memory_order_relaxed);
}

static inline uint64_t crl_counter_get(const struct crl_counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

#endif
