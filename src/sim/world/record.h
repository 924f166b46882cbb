/* SPDX-License-Identifier: Apache-2.0
 *
 * record.h - the figures of a report, counted as things happen. */
#ifndef CRL_SIM_WORLD_RECORD_H
#define CRL_SIM_WORLD_RECORD_H

#include "sim/world/world.h"

/* record_arrival - a reader asks, or asked. */
void record_arrival(struct sim *sim, corral_us asked_at);

/* record_answer - it is answered, with an outcome or an error; entry may be NULL. */
void record_answer(struct sim *sim, corral_us asked_at, int result, const struct crl_entry *entry);

/* record_load - a query has come to its origin. is_needed: without it, no node would have had a
 * fresh value. */
void record_load(struct sim *sim, bool is_needed);

#endif
