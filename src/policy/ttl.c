/* SPDX-License-Identifier: Apache-2.0
 *
 * ttl.c - see ttl.h. */
#include "policy/ttl.h"

#include "base/assert.h"

corral_us crl_ttl_jittered(corral_us ttl_us, double jitter, double u)
{
    crl_assert(ttl_us >= 0);
    crl_assert(jitter >= 0.0 && jitter <= 0.5);
    crl_assert(u > 0.0 && u <= 1.0);
    return ttl_us + (corral_us)((double)ttl_us * jitter * (2.0 * u - 1.0));
}
