/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.h - what a daemon's /metrics say about one route's origin loads. Pure.
 *
 * So that a daemon in this process and one elsewhere are measured in the same way. */
#ifndef CRL_STORM_METRICS_H
#define CRL_STORM_METRICS_H

#include "storm/report.h"

/* crl_storm_metrics_read - the counters so far, out of the Prometheus text format.
 * space   the route; samples of others are skipped
 * ret_counts  `known` if the text has Corral's figures at all; a route that was never asked has
 *             0 */
void crl_storm_metrics_read(const char *text, const char *space,
                            struct crl_storm_counts *ret_counts);

/* crl_storm_metrics_since - what was added between two readings. The peak is that of `after`. It is
 * known only if it rose, or if no route had loaded before: the daemon keeps one for each origin,
 * for all its life. */
struct crl_storm_counts crl_storm_metrics_since(const struct crl_storm_counts *before,
                                                const struct crl_storm_counts *after);

#endif
