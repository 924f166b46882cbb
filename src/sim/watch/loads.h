/* SPDX-License-Identifier: Apache-2.0
 *
 * loads.h - the rules of P1, P6 and P9, and of P7 about loads: see watch.h. */
#ifndef CRL_SIM_WATCH_LOADS_H
#define CRL_SIM_WATCH_LOADS_H

#include "sim/watch/known.h"

/* watch_load - a load begins, and is among those of its node and its key already. */
void watch_load(struct sim *sim, struct sim_load *load);

/* watch_loaded - a live one brings its node a value or none, before the core hears of it. */
void watch_loaded(struct sim *sim, const struct sim_load *load, bool has_value, bool negative);

/* watch_cancel - the core cancels one. */
void watch_cancel(struct sim *sim, const struct sim_load *load);

/* watch_loads, watch_queues - what a node has at its origins, and before them, after each of its
 * steps. */
void watch_loads(struct sim *sim, uint32_t node);
void watch_queues(struct sim *sim, uint32_t node);

#endif
