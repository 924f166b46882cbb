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
