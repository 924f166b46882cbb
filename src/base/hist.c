/* SPDX-License-Identifier: Apache-2.0
 *
 * hist.c - see hist.h. */
#include "base/hist.h"

#define MS INT64_C(1000)
#define S  INT64_C(1000000)

const struct crl_hist_bounds crl_hist_latency = {
    .n = 16,
    .upper_us = {100, 250, 500, 1 * MS, 2500, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS,
                 500 * MS, 1 * S, 2500 * MS, 5 * S, 10 * S},
};

const struct crl_hist_bounds crl_hist_age = {
    .n = 12,
    .upper_us = {100 * MS, 500 * MS, 1 * S, 5 * S, 15 * S, 30 * S, 60 * S, 300 * S, 900 * S,
                 3600 * S, 6 * 3600 * S, 24 * 3600 * S},
};

uint32_t crl_hist_bucket(const struct crl_hist_bounds *bounds, corral_us value_us)
{
    uint32_t low = 0, high = bounds->n;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (value_us <= bounds->upper_us[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void crl_hist_add(struct crl_hist *hist, const struct crl_hist_bounds *bounds, corral_us value_us)
{
    crl_counter_add(&hist->buckets[crl_hist_bucket(bounds, value_us)], 1);
    crl_counter_add(&hist->sum_us, value_us > 0 ? (uint64_t)value_us : 0);
}

void crl_hist_merge(struct crl_hist *to, const struct crl_hist *from)
{
    for (uint32_t i = 0; i <= CRL_HIST_BOUNDS_MAX; i++)
        crl_counter_add(&to->buckets[i], crl_counter_get(&from->buckets[i]));
    crl_counter_add(&to->sum_us, crl_counter_get(&from->sum_us));
}
