/* SPDX-License-Identifier: Apache-2.0
 *
 * bulkhead.c - see bulkhead.h. */
#include "policy/bulkhead.h"

enum crl_bulkhead_verdict crl_bulkhead_judge(const struct crl_bulkhead_limits *limits,
                                             uint32_t active, uint32_t queued)
{
    if (active < limits->concurrency && queued == 0)
        return CRL_BULKHEAD_ADMIT;
    return queued < limits->queue ? CRL_BULKHEAD_QUEUE : CRL_BULKHEAD_REFUSE;
}
