/* SPDX-License-Identifier: Apache-2.0
 *
 * traffic.h - when the next reader comes, to which node, for which key: an open loop, which does
 * not slow down because answers do.
 *
 * One thread. The same seed gives the same traffic, whatever the fleet does with it. */
#ifndef CRL_SIM_MODEL_TRAFFIC_H
#define CRL_SIM_MODEL_TRAFFIC_H

#include "base/rng.h"
#include "core/timers.h"
#include "sim/plan.h"

/* Ranks drawn by Zipf's law in constant time, whatever the number of keys.
 * Source: W. Hoermann, G. Derflinger, "Rejection-inversion to generate variates from monotone
 * discrete distributions", ACM TOMACS 6(3), 1996. */
struct sim_zipf {
    double s, h_x1, h_n, shift;
    uint32_t n;
};

void sim_zipf_init(struct sim_zipf *zipf, uint32_t n, double s);

/* sim_zipf_draw - a rank from 1 to n; rank k has a probability in proportion to k^-s. */
uint32_t sim_zipf_draw(const struct sim_zipf *zipf, struct crl_rng *rng);

struct sim_traffic {
    const struct sim_readers *readers;
    uint32_t nodes;
    corral_us ends_at;
    struct crl_rng instants, targets;
    struct sim_zipf zipf;
    double next; /* of the curve, in microseconds */
    uint32_t burst, burst_sent;
};

void sim_traffic_init(struct sim_traffic *traffic, const struct sim_plan *plan);

/* sim_traffic_next_at - when the next reader comes, or CRL_NEVER. */
corral_us sim_traffic_next_at(const struct sim_traffic *traffic);

/* sim_traffic_take - the reader that comes at sim_traffic_next_at(): where, and for what. */
void sim_traffic_take(struct sim_traffic *traffic, uint32_t *ret_node, uint32_t *ret_key);

/* sim_traffic_rate - requests a second at an instant, bursts left out. Pure. */
double sim_traffic_rate(const struct sim_traffic *traffic, corral_us at);

#endif
