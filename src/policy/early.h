/* SPDX-License-Identifier: Apache-2.0
 *
 * early.h - should a value be refreshed before it expires?
 *
 * Concept. Each hit draws a lot; the nearer the expiry, the likelier it says yes. So the refresh
 * of a key that is read often happens somewhere before its expiry, and nobody has to wait. Who
 * reads seldom pays nothing. */
#ifndef CRL_POLICY_EARLY_H
#define CRL_POLICY_EARLY_H

#include <corral/corral.h>

/* What is known of a value's times. */
struct crl_times {
    corral_us answered_at; /* when its load ended */
    corral_us fresh_until;
    corral_us load_us; /* what its load cost, >= 0 */
};

/* How eagerly the values of a space are refreshed. */
struct crl_early {
    double beta;   /* of crl_xfetch_due(); 0: never before the expiry */
    double window; /* no draw counts before the last part of the TTL; 0 to 1 */
};

/* crl_early_lead_max - the longest time before the expiry at which an early refresh can be due. 0:
 * never. Pure.
 *
 *     min(window * (fresh_until - answered_at), load_us * beta * ln(2^32))
 *
 * A hit before that needs no lot and no logarithm: with a lot of 32 bits, nothing can be due. */
corral_us crl_early_lead_max(const struct crl_early *early, const struct crl_times *times);

/* crl_early_is_due - should a reader with this lot refresh a value that is still fresh? Pure.
 *
 *   lot   uniform over all 32 bits
 *
 * Law: at a lead of more than crl_early_lead_max() never. */
bool crl_early_is_due(const struct crl_early *early, const struct crl_times *times, corral_us now,
                      uint32_t lot);

/* crl_xfetch_due - should this reader refresh a value that is still fresh?
 *
 *     due  <=>  now + load_us * beta * -ln(u)  >=  fresh_until
 *
 *   beta   >= 0: how eager; 1 is the paper's. 0: not before the expiry
 *   u      the lot, uniform on (0, 1]; drawn by the caller, so that this stays a function
 *
 * Pure. For one u, once due stays due.
 *
 * Laws, for readers who come independently of each other (Poisson), n of them in the time of a
 * load, a load time D that does not change, and a TTL that is long beside the lead:
 *
 *   - The first of them is due at a lead (time before the expiry) of beta * D * (ln(n * beta) +
 *     0.577) on average: Gumbel's distribution. It needs n * beta large beside 1, or many a cycle
 *     runs to its expiry.
 *   - Where each reader that is due begins a load, those that are due while the first one still
 *     loads do so too: e^(1/beta) loads a cycle are expected, at any rate of readers that is high
 *     enough: n * beta large beside e^(1/beta), so that the first load ends before the expiry.
 *     Below, it is less, never more.
 *   - Where a flight is shared, as in Corral, all of those join the first one: one load a cycle in
 *     each process, and one in the fleet with a lease. Then e^(1/beta) bounds what a fleet without
 *     a lease loads.
 *
 * Source: Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention",
 * PVLDB 8(8), 2015. */
bool crl_xfetch_due(double beta, const struct crl_times *times, corral_us now, double u);

#endif
