/* SPDX-License-Identifier: Apache-2.0
 *
 * hash.h - the one hash of keys: XXH3, seeded at start-up so that nobody outside can make keys
 * collide.
 *
 * Source: Y. Collet, xxHash, XXH3 64 bits. */
#ifndef CRL_BASE_HASH_H
#define CRL_BASE_HASH_H

#include <corral/corral.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* crl_hash_seeded - the hash of a key, under the seed of its space. Pure.
 *
 * XXH3_64bits_withSeed(), whose part for 9 to 16 bytes, which many keys have, is reached without a
 * call (a unit test compares them). */
static inline uint64_t crl_hash_seeded(uint64_t space_seed, struct corral_bytes key)
{
    if (key.size - 9 < 8) /* unsigned */
        return XXH3_len_9to16_64b(key.data, key.size, XXH3_kSecret, space_seed);
    return XXH3_64bits_withSeed(key.data, key.size, space_seed);
}

/* crl_hash_space_seed - what the keys of a space are hashed under. Pure. */
static inline uint64_t crl_hash_space_seed(uint64_t seed, uint32_t space)
{
    return seed ^ (space * UINT64_C(0x9E3779B97F4A7C15));
}

/* crl_hash - the hash of a key of a space. Pure. */
static inline uint64_t crl_hash(uint64_t seed, uint32_t space, struct corral_bytes key)
{
    return crl_hash_seeded(crl_hash_space_seed(seed, space), key);
}

/* crl_hash_content - a hash of a value that is the same in every process, for ETags. Pure. */
static inline uint64_t crl_hash_content(struct corral_bytes value)
{
    return XXH3_64bits(value.data, value.size);
}

#endif
