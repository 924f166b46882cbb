/* SPDX-License-Identifier: Apache-2.0
 *
 * bulkhead.h - may one more load begin at an origin?
 *
 * Source: M. Nygard, "Release It!", 2nd ed. 2018, ch. 5 (Bulkheads). */
#ifndef CRL_POLICY_BULKHEAD_H
#define CRL_POLICY_BULKHEAD_H

#include <stdint.h>

struct crl_bulkhead_limits {
    uint32_t concurrency; /* places taken at once, at least 1 */
    uint32_t queue;       /* flights that wait for a place */
};

enum crl_bulkhead_verdict {
    CRL_BULKHEAD_ADMIT,
    CRL_BULKHEAD_QUEUE,
    CRL_BULKHEAD_REFUSE,
};

/* crl_bulkhead_judge - the verdict for one more load. Pure.
 *
 * Who comes while others wait joins the queue, even if a place has just become free: first come,
 * first served. Law: starting from empty, obeying it keeps active <= concurrency, queued <=
 * queue. */
enum crl_bulkhead_verdict crl_bulkhead_judge(const struct crl_bulkhead_limits *limits,
                                             uint32_t active, uint32_t queued);

#endif
