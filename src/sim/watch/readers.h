/* SPDX-License-Identifier: Apache-2.0
 *
 * readers.h - the rules of P5 and P8: see watch.h. */
#ifndef CRL_SIM_WATCH_READERS_H
#define CRL_SIM_WATCH_READERS_H

#include "sim/watch/known.h"

/* watch_answer - a reader is answered; entry is NULL if it gets no value. */
void watch_answer(struct sim *sim, const struct sim_reader *reader, int result,
                  const struct crl_entry *entry);

/* watch_load_over - a load has ended while it was live, and the core has heard of it. */
void watch_load_over(struct sim *sim, const struct sim_load *load);

/* watch_limits, watch_readers - how much a node keeps, and who waits there, after each of its
 * steps. */
void watch_limits(struct sim *sim, uint32_t node);
void watch_readers(struct sim *sim, uint32_t node);

/* watch_forgotten - in the end nobody waits. */
void watch_forgotten(struct sim *sim, uint32_t node);

#endif
