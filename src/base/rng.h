/* SPDX-License-Identifier: Apache-2.0
 *
 * rng.h - streams of random numbers, split from one seed by name: the same seed, the same numbers.
 *
 * Not for secrets. Source: G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number
 * Generators", OOPSLA 2014 (SplitMix64). */
#ifndef CRL_BASE_RNG_H
#define CRL_BASE_RNG_H

#include <stdint.h>

struct crl_rng {
    uint64_t state;
};

/* crl_rng_split - a stream of its own for each name. Pure. */
struct crl_rng crl_rng_split(uint64_t seed, const char *name);

/* crl_rng_next - the next 64 random bits. */
uint64_t crl_rng_next(struct crl_rng *rng);

/* crl_rng_uniform - a double, uniform on (0, 1]. Never 0, so that its logarithm exists. */
double crl_rng_uniform(struct crl_rng *rng);

/* crl_rng_below - a whole number, uniform on [0, limit). limit > 0 */
uint64_t crl_rng_below(struct crl_rng *rng, uint64_t limit);

#endif
