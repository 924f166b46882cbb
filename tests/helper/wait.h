/* SPDX-License-Identifier: Apache-2.0
 *
 * wait.h - waiting for what other threads bring about, without sleeping. */
#ifndef CRL_TESTS_WAIT_H
#define CRL_TESTS_WAIT_H

#include <corral/corral.h>

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A limit that only a hang reaches. */
#define LONG CORRAL_SECONDS(600)

/* Wait for something, giving way to the threads that bring it about. */
#define wait_until(condition)                                \
    do {                                                     \
        for (uint64_t tries = 0; !(condition); tries++) {    \
            if (tries > 200000000)                           \
                fail_msg("never came true: %s", #condition); \
            sched_yield();                                   \
        }                                                    \
    } while (0)

#endif
