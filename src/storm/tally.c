/* SPDX-License-Identifier: Apache-2.0
 *
 * tally.c - see tally.h. */
#include "storm/tally.h"

void crl_storm_tally_answer(struct crl_storm_tally *tally, const struct crl_storm_head *head,
                            corral_us latency_us)
{
    crl_quantiles_add(&tally->latency, latency_us);
    if (head->status == 200) {
        tally->ok[head->outcome]++;
        return;
    }
    if (head->status == 404 && head->outcome == CRL_STORM_UNKNOWN)
        tally->unrouted++;
    uint32_t i = 0;
    while (i < CRL_STORM_STATUSES - 1 && tally->errors[i].n &&
           tally->errors[i].status != head->status)
        i++;
    tally->errors[i].status = i == CRL_STORM_STATUSES - 1 ? 0 : head->status;
    tally->errors[i].n++;
}

uint64_t crl_storm_tally_ok(const struct crl_storm_tally *tally)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < CRL_STORM_OUTCOMES; i++)
        n += tally->ok[i];
    return n;
}

uint64_t crl_storm_tally_errors(const struct crl_storm_tally *tally)
{
    uint64_t n = tally->broken + tally->timeouts;
    for (uint32_t i = 0; i < CRL_STORM_STATUSES; i++)
        n += tally->errors[i].n;
    return n;
}
