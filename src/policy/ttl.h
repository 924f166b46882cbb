/* SPDX-License-Identifier: Apache-2.0
 *
 * ttl.h - how long a value is fresh. */
#ifndef CRL_POLICY_TTL_H
#define CRL_POLICY_TTL_H

#include <corral/corral.h>

/* crl_ttl_jittered - a TTL, spread so that what was loaded together does not expire together.
 *
 *     ttl * (1 + jitter * (2u - 1))
 *
 *   ttl_us   >= 0
 *   jitter   the fraction, 0 to 0.5
 *   u        the lot, uniform on (0, 1]; drawn by the caller, so that this stays a function
 *
 * Pure. The result lies within ttl * (1 +- jitter), and its mean is ttl. */
corral_us crl_ttl_jittered(corral_us ttl_us, double jitter, double u);

#endif
