/* SPDX-License-Identifier: Apache-2.0
 *
 * early.c - see early.h. */
#include "policy/early.h"

#include "base/assert.h"

#include <math.h>

bool crl_xfetch_due(double beta, const struct crl_times *times, corral_us now, double u)
{
    crl_assert(beta >= 0.0);
    crl_assert(times->load_us >= 0);
    crl_assert(u > 0.0 && u <= 1.0);
    return (double)times->load_us * beta * -log(u) >= (double)(times->fresh_until - now);
}

/* The logarithm of the least lot, with something to spare for rounding: ln(2^32) = 22.18. */
#define LOG_OF_LOTS 22.2

corral_us crl_early_lead_max(const struct crl_early *early, const struct crl_times *times)
{
    crl_assert(early->beta >= 0.0 && early->window >= 0.0 && early->window <= 1.0);
    if (early->beta == 0.0)
        return 0;
    double window_us = early->window * (double)(times->fresh_until - times->answered_at);
    double lead_us = (double)times->load_us * early->beta * LOG_OF_LOTS;
    double least_us = window_us < lead_us ? window_us : lead_us;
    return least_us > 0.0 ? (corral_us)least_us : 0;
}

bool crl_early_is_due(const struct crl_early *early, const struct crl_times *times, corral_us now,
                      uint32_t lot)
{
    if (times->fresh_until - now > crl_early_lead_max(early, times))
        return false;
    return early->beta > 0.0 &&
           crl_xfetch_due(early->beta, times, now, ((double)lot + 1.0) * 0x1.0p-32);
}
