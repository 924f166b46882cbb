/* SPDX-License-Identifier: Apache-2.0
 *
 * rng.c - SplitMix64. */
#include "base/rng.h"

#include "base/assert.h"
#include "base/hash.h"

struct crl_rng crl_rng_split(uint64_t seed, const char *name)
{
    return (struct crl_rng){.state = crl_hash(seed, 0, corral_str(name))};
}

uint64_t crl_rng_next(struct crl_rng *rng)
{
    uint64_t z = (rng->state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

double crl_rng_uniform(struct crl_rng *rng)
{
    return ((double)(crl_rng_next(rng) >> 11) + 1.0) * 0x1.0p-53;
}

uint64_t crl_rng_below(struct crl_rng *rng, uint64_t limit)
{
    crl_assert(limit > 0);
    return (uint64_t)(((__uint128_t)crl_rng_next(rng) * limit) >> 64);
}
