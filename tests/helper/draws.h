/* SPDX-License-Identifier: Apache-2.0
 *
 * draws.h - how many times a law is tried. */
#ifndef CRL_TESTS_DRAWS_H
#define CRL_TESTS_DRAWS_H

/* Sanitizers are slow, and look for what shows in a few draws. */
#ifdef CRL_SANITIZED
#define DRAWS(n) ((n) / 8)
#else
#define DRAWS(n) (n)
#endif

#endif
