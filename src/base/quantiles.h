/* SPDX-License-Identifier: Apache-2.0
 *
 * quantiles.h - counts of durations, from which any percentile can be read.
 *
 * Log-linear: exact below 2,048 us, from there on 1,024 steps per doubling, so that a percentile is
 * at most 0.1 % too high and never too low. The greatest duration is kept exactly. What is above
 * CRL_QUANTILES_MAX_US (71 minutes) counts as that.
 *
 * About 190 KB each, no allocation. Not for metrics: see hist.h. One thread owns it.
 *
 * Source: G. Tene, HdrHistogram. */
#ifndef CRL_BASE_QUANTILES_H
#define CRL_BASE_QUANTILES_H

#include <corral/corral.h>

#define CRL_QUANTILES_STEP_BITS 10 /* steps per doubling, as a power of two */
#define CRL_QUANTILES_TOP_BIT   31 /* of the greatest duration */
#define CRL_QUANTILES_MAX_US    ((INT64_C(1) << (CRL_QUANTILES_TOP_BIT + 1)) - 1)
#define CRL_QUANTILES_BUCKETS \
    ((CRL_QUANTILES_TOP_BIT - CRL_QUANTILES_STEP_BITS + 2) << CRL_QUANTILES_STEP_BITS)

/* Set to zero to begin. */
struct crl_quantiles {
    uint64_t n;
    corral_us max_us;
    uint64_t buckets[CRL_QUANTILES_BUCKETS];
};

/* crl_quantiles_add - count one duration. Below 0 counts as 0. */
void crl_quantiles_add(struct crl_quantiles *quantiles, corral_us value_us);

/* crl_quantiles_at - the smallest duration that at least this fraction of all do not exceed.
 * fraction   0 < fraction <= 1; 0.99 for p99, 1 for the greatest
 * Returns 0 if nothing has been counted. O(buckets). */
corral_us crl_quantiles_at(const struct crl_quantiles *quantiles, double fraction);

#endif
