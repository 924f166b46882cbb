/* SPDX-License-Identifier: Apache-2.0
 *
 * hist.h - counts of durations in buckets with fixed bounds, as Prometheus wants them.
 *
 * One thread writes, any thread may read. The bounds are a table that the histograms of one metric
 * share. */
#ifndef CRL_BASE_HIST_H
#define CRL_BASE_HIST_H

#include "base/counter.h"

#include <corral/corral.h>

#define CRL_HIST_BOUNDS_MAX 20

/* Upper bounds, ascending; one more bucket takes what is above the last. */
struct crl_hist_bounds {
    uint32_t n;
    corral_us upper_us[CRL_HIST_BOUNDS_MAX];
};

extern const struct crl_hist_bounds crl_hist_latency; /* 100 us to 10 s */
extern const struct crl_hist_bounds crl_hist_age;     /* 100 ms to 1 day */

struct crl_hist {
    struct crl_counter buckets[CRL_HIST_BOUNDS_MAX + 1]; /* not cumulative */
    struct crl_counter sum_us;
};

/* crl_hist_bucket - the bucket that a duration belongs to. Pure. O(log n). */
uint32_t crl_hist_bucket(const struct crl_hist_bounds *bounds, corral_us value_us);

/* crl_hist_add - count one duration. Below 0 counts as 0. Only by the owning thread. O(log n). */
void crl_hist_add(struct crl_hist *hist, const struct crl_hist_bounds *bounds, corral_us value_us);

/* crl_hist_merge - add all of `from` to `to`, which the calling thread owns. */
void crl_hist_merge(struct crl_hist *to, const struct crl_hist *from);

#endif
