/* SPDX-License-Identifier: Apache-2.0
 *
 * record.h - the figures of a report, counted as things happen. */
#ifndef CRL_SIM_WORLD_RECORD_H
#define CRL_SIM_WORLD_RECORD_H

#include "sim/world/world.h"

/* record_arrival - a reader asks, or asked. */
void record_arrival(struct sim *sim, corral_us asked_at);

/* record_answer - it is answered, with an outcome or an error; entry may be NULL. Who is served by
 * what a load brought, when without it no node would have had anything fresh, makes it a needed
 * one. */
void record_answer(struct sim *sim, const struct sim_reader *reader, int result,
                   const struct crl_entry *entry);

/* record_load - a load has begun. */
void record_load(struct sim *sim);

#endif
