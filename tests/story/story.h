/* SPDX-License-Identifier: Apache-2.0
 *
 * story.h - the frame of the stories: golden traces, each told once as it should be and then again
 * with the n-th allocation failing, n = 1, 2, ... until nothing fails any more. */
#ifndef CRL_TESTS_STORY_H
#define CRL_TESTS_STORY_H

#include "base/rng.h"
#include "sim/script.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* A story: what is to happen in a world. */
struct story {
    struct sim_config config;
    void (*plot)(struct sim *sim);
};

/* story_told - run it and hand the world back; fails the test if a promise broke. */
struct sim *story_told(const struct story *story);

/* story_swept - run it with every single allocation of the core failing in turn; the promises hold
 * all the same, everyone is answered, nothing leaks. */
void story_swept(const struct story *story);

/* expect_trace - the narration is this text, to the letter. */
void expect_trace(const struct sim *sim, const char *expected);

#endif
