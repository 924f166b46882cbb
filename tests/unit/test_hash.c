/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   keys are hashed by XXH3, whatever way a size takes; each space hashes in its own way.
 * Method: every size up to past the last special one, seeded bytes and seeds, next to the library's
 *         own function. */
#include "base/hash.h"
#include "base/rng.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#define SIZES 300
#define LOTS  50

static void every_size_is_xxh3(void **state)
{
    (void)state;
    struct crl_rng rng = crl_rng_split(7, "hash");
    unsigned char bytes[SIZES];
    for (uint32_t lot = 0; lot < LOTS; lot++) {
        uint64_t seed = crl_rng_next(&rng);
        for (size_t i = 0; i < SIZES; i++)
            bytes[i] = (unsigned char)crl_rng_next(&rng);
        for (size_t size = 0; size <= SIZES; size++) {
            struct corral_bytes key = {.data = bytes, .size = size};
            if (crl_hash_seeded(seed, key) != XXH3_64bits_withSeed(bytes, size, seed))
                fail_msg("%zu bytes, lot %u of seed 7: another hash", size, lot);
        }
    }
}

static void spaces_hash_apart(void **state)
{
    (void)state;
    struct corral_bytes key = corral_str("user:7");
    assert_true(crl_hash(1, 0, key) != crl_hash(1, 1, key));
    assert_true(crl_hash(1, 0, key) != crl_hash(2, 0, key));
    assert_true(crl_hash(1, 3, key) == crl_hash_seeded(crl_hash_space_seed(1, 3), key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_xxh3),
        cmocka_unit_test(spaces_hash_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
