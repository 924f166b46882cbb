/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.h - the only place that asks what time it is. */
#ifndef CRL_IO_CLOCK_H
#define CRL_IO_CLOCK_H

#include <corral/corral.h>

#include <time.h>

/* crl_now - monotonic microseconds, exact. Costs a reading of the cycle counter, no system call. */
static inline corral_us crl_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (corral_us)t.tv_sec * 1000000 + (uint32_t)t.tv_nsec / 1000;
}

/* crl_clock_read - clock_gettime(), where possible without the C library's wrapper: a third of what
 * reading the coarse clock costs. Set before main(). */
extern int (*crl_clock_read)(clockid_t clock, struct timespec *t)
    __attribute__((visibility("hidden")));

/* crl_now_coarse - the same clock as of one of the kernel's last ticks, and several times cheaper.
 * For the freshness of hits, whose TTLs are much longer.
 *
 * The kernel does not say how far behind it may be. Linux 6.18 at 250 Hz, where clock_getres() says
 * 4 ms: between 4 and 8, now and then 12; and a virtual machine's ticks may come late. */
#define CRL_COARSE_LAG_MAX CORRAL_MS(250) /* what we take for certain */
static inline corral_us crl_now_coarse(void)
{
    struct timespec t;
    crl_clock_read(CLOCK_MONOTONIC_COARSE, &t);
    return (corral_us)t.tv_sec * 1000000 + (uint32_t)t.tv_nsec / 1000;
}

#endif
