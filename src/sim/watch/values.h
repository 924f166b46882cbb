/* SPDX-License-Identifier: Apache-2.0
 *
 * values.h - the rules of P3, P4 and P10: see watch.h. */
#ifndef CRL_SIM_WATCH_VALUES_H
#define CRL_SIM_WATCH_VALUES_H

#include "sim/watch/known.h"

/* watch_value - a reader gets a value, or that there is none. */
void watch_value(struct sim *sim, const struct sim_reader *reader, int result,
                 const struct crl_entry *entry);

/* watch_stored - the store has accepted a fill. */
void watch_stored(struct sim *sim, uint32_t key, const struct crl_entry *entry);

#endif
