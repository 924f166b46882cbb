/* SPDX-License-Identifier: Apache-2.0
 *
 * quantiles.c - see quantiles.h.
 *
 * Bucket numbers. With s step bits, durations below 2^(s+1) are their own bucket. Above, a duration
 * whose top bit is b > s is shifted right by b - s, which leaves s + 1 bits, the first of them 1;
 * the doublings follow each other without a gap:
 *
 *     bucket = ((b - s) << s) + (value >> (b - s)) */
#include "base/quantiles.h"

#include "base/assert.h"

#include <math.h>

static uint32_t bucket_of(uint64_t value)
{
    if (value < UINT64_C(2) << CRL_QUANTILES_STEP_BITS)
        return (uint32_t)value;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(value) - CRL_QUANTILES_STEP_BITS;
    return (shift << CRL_QUANTILES_STEP_BITS) + (uint32_t)(value >> shift);
}

/* The greatest value of a bucket. */
static uint64_t bucket_top(uint32_t bucket)
{
    if (bucket < 2u << CRL_QUANTILES_STEP_BITS)
        return bucket;
    uint32_t shift = (bucket >> CRL_QUANTILES_STEP_BITS) - 1;
    uint64_t steps = bucket - (shift << CRL_QUANTILES_STEP_BITS);
    return ((steps + 1) << shift) - 1;
}

void crl_quantiles_add(struct crl_quantiles *quantiles, corral_us value_us)
{
    if (value_us < 0)
        value_us = 0;
    if (value_us > CRL_QUANTILES_MAX_US)
        value_us = CRL_QUANTILES_MAX_US;
    uint32_t bucket = bucket_of((uint64_t)value_us);
    crl_assert(bucket < CRL_QUANTILES_BUCKETS);
    quantiles->buckets[bucket]++;
    quantiles->n++;
    if (value_us > quantiles->max_us)
        quantiles->max_us = value_us;
}

corral_us crl_quantiles_at(const struct crl_quantiles *quantiles, double fraction)
{
    crl_assert(fraction > 0 && fraction <= 1);
    uint64_t rank = (uint64_t)ceil((double)quantiles->n * fraction);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < CRL_QUANTILES_BUCKETS && rank > 0; i++) {
        seen += quantiles->buckets[i];
        if (seen < rank)
            continue;
        corral_us top = (corral_us)bucket_top(i);
        return top < quantiles->max_us ? top : quantiles->max_us;
    }
    return quantiles->max_us;
}
