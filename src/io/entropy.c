/* SPDX-License-Identifier: Apache-2.0
 *
 * entropy.c - getrandom(2), or the clock where it is refused. */
#include "io/entropy.h"

#include "io/clock.h"

#include <sys/random.h>

uint64_t crl_entropy(void)
{
    uint64_t bits;
    if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) == sizeof bits)
        return bits;
    return (uint64_t)crl_now() * UINT64_C(0x9E3779B97F4A7C15);
}
