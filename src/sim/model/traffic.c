/* SPDX-License-Identifier: Apache-2.0
 *
 * traffic.c - see traffic.h.
 *
 * Arrivals on the curve: by thinning. Candidates come at the greatest rate of the piece; each is
 * taken with the probability that the rate at its instant is of that. Even arrivals step by 1/rate,
 * as the rate is where the step begins.
 * Source: P. Lewis, G. Shedler, "Simulation of nonhomogeneous Poisson processes by thinning",
 * 1979. */
#include "sim/model/traffic.h"

#include "base/assert.h"

#include <math.h>

/* ----------------------------------------------------------------------------------------- zipf */

/* The integral of x^-s from 1 to x. */
static double zipf_h(double x, double s)
{
    return s == 1.0 ? log(x) : (pow(x, 1.0 - s) - 1.0) / (1.0 - s);
}

static double zipf_h_inverse(double y, double s)
{
    return s == 1.0 ? exp(y) : pow(1.0 + y * (1.0 - s), 1.0 / (1.0 - s));
}

void sim_zipf_init(struct sim_zipf *zipf, uint32_t n, double s)
{
    crl_assert(n >= 1 && s > 0.0);
    *zipf = (struct sim_zipf){.s = s, .n = n};
    zipf->h_x1 = zipf_h(1.5, s) - 1.0;
    zipf->h_n = zipf_h((double)n + 0.5, s);
    zipf->shift = 2.0 - zipf_h_inverse(zipf_h(2.5, s) - pow(2.0, -s), s);
}

uint32_t sim_zipf_draw(const struct sim_zipf *zipf, struct crl_rng *rng)
{
    for (;;) {
        double u = zipf->h_n + crl_rng_uniform(rng) * (zipf->h_x1 - zipf->h_n);
        double x = zipf_h_inverse(u, zipf->s);
        double k = floor(x + 0.5);
        k = k < 1.0 ? 1.0 : k > (double)zipf->n ? (double)zipf->n : k;
        if (k - x <= zipf->shift || u >= zipf_h(k + 0.5, zipf->s) - pow(k, -zipf->s))
            return (uint32_t)k;
    }
}

/* ------------------------------------------------------------------------------------ the curve */

static corral_us piece_end(const struct sim_traffic *traffic, uint32_t i)
{
    const struct sim_readers *readers = traffic->readers;
    return i + 1 < readers->pieces_n ? readers->pieces[i + 1].from_at : traffic->ends_at;
}

/* The piece that an instant lies in; pieces_n: before the first or after the end. */
static uint32_t piece_at(const struct sim_traffic *traffic, double at)
{
    for (uint32_t i = traffic->readers->pieces_n; i-- > 0;) {
        if (at >= (double)traffic->readers->pieces[i].from_at)
            return at < (double)piece_end(traffic, i) ? i : traffic->readers->pieces_n;
    }
    return traffic->readers->pieces_n;
}

static double piece_rate(const struct sim_traffic *traffic, uint32_t i, double at)
{
    const struct sim_rate_piece *piece = &traffic->readers->pieces[i];
    double from = (double)piece->from_at, to = (double)piece_end(traffic, i);
    return piece->rate_from + (piece->rate_to - piece->rate_from) * (at - from) / (to - from);
}

double sim_traffic_rate(const struct sim_traffic *traffic, corral_us at)
{
    uint32_t i = piece_at(traffic, (double)at);
    return i == traffic->readers->pieces_n ? 0.0 : piece_rate(traffic, i, (double)at);
}

/* One candidate after `at` within piece i; its end if there is none. Returns whether it is
 * taken. */
static bool piece_candidate(struct sim_traffic *traffic, uint32_t i, double *at)
{
    const struct sim_rate_piece *piece = &traffic->readers->pieces[i];
    double end = (double)piece_end(traffic, i);
    double most = fmax(piece->rate_from, piece->rate_to) / 1e6;
    bool even = traffic->readers->arrivals == SIM_ARRIVALS_EVEN;
    double rate = even ? piece_rate(traffic, i, *at) / 1e6 : most;
    if (rate <= 0.0 && even)
        rate = most * 1e-3; /* a ramp from nothing must begin */
    double step = most <= 0.0 ? end
                  : even      ? 1.0 / rate
                              : -log(crl_rng_uniform(&traffic->instants)) / rate;
    *at += step;
    if (*at >= end) {
        *at = end;
        return false;
    }
    return even || piece_rate(traffic, i, *at) / 1e6 >= most * crl_rng_uniform(&traffic->instants);
}

static void curve_advance(struct sim_traffic *traffic)
{
    const struct sim_readers *readers = traffic->readers;
    double at = traffic->next;
    if (readers->pieces_n > 0 && at < (double)readers->pieces[0].from_at)
        at = (double)readers->pieces[0].from_at;
    while (at < (double)traffic->ends_at) {
        uint32_t i = piece_at(traffic, at);
        if (i == readers->pieces_n)
            break;
        if (piece_candidate(traffic, i, &at)) {
            traffic->next = at;
            return;
        }
    }
    traffic->next = INFINITY;
}

void sim_traffic_init(struct sim_traffic *traffic, const struct sim_plan *plan)
{
    *traffic = (struct sim_traffic){
        .readers = &plan->readers,
        .nodes = plan->nodes,
        .ends_at = plan->lasts_us,
        .instants = crl_rng_split(plan->seed, "instants"),
        .targets = crl_rng_split(plan->seed, "targets"),
    };
    if (plan->readers.popularity == SIM_POPULARITY_ZIPF)
        sim_zipf_init(&traffic->zipf, plan->readers.keys, plan->readers.zipf_s);
    curve_advance(traffic);
}

/* -------------------------------------------------------------------------------------- readers */

static corral_us burst_next_at(const struct sim_traffic *traffic)
{
    if (traffic->burst == traffic->readers->bursts_n)
        return CRL_NEVER;
    const struct sim_burst *burst = &traffic->readers->bursts[traffic->burst];
    corral_us whole = burst->within_us / burst->requests * traffic->burst_sent;
    corral_us rest = burst->within_us % burst->requests * traffic->burst_sent / burst->requests;
    return burst->at + whole + rest; /* within * sent / requests, which may not fit */
}

static corral_us curve_next_at(const struct sim_traffic *traffic)
{
    return isinf(traffic->next) ? CRL_NEVER : (corral_us)traffic->next;
}

corral_us sim_traffic_next_at(const struct sim_traffic *traffic)
{
    corral_us curve_at = curve_next_at(traffic), burst_at = burst_next_at(traffic);
    return curve_at < burst_at ? curve_at : burst_at;
}

static void burst_advance(struct sim_traffic *traffic)
{
    if (++traffic->burst_sent == traffic->readers->bursts[traffic->burst].requests) {
        traffic->burst++;
        traffic->burst_sent = 0;
    }
}

void sim_traffic_take(struct sim_traffic *traffic, uint32_t *ret_node, uint32_t *ret_key)
{
    const struct sim_readers *readers = traffic->readers;
    if (burst_next_at(traffic) <= curve_next_at(traffic))
        burst_advance(traffic);
    else
        curve_advance(traffic);
    *ret_node =
        traffic->nodes == 1 ? 0 : (uint32_t)crl_rng_below(&traffic->targets, traffic->nodes);
    if (readers->popularity == SIM_POPULARITY_ZIPF)
        *ret_key = sim_zipf_draw(&traffic->zipf, &traffic->targets) - 1;
    else
        *ret_key =
            readers->keys == 1 ? 0 : (uint32_t)crl_rng_below(&traffic->targets, readers->keys);
}
