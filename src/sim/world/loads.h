/* SPDX-License-Identifier: Apache-2.0
 *
 * loads.h - loads of the nodes, which are queries at the database: begun, cancelled, ended. */
#ifndef CRL_SIM_WORLD_LOADS_H
#define CRL_SIM_WORLD_LOADS_H

#include "sim/world/world.h"

/* loads_begin, loads_cancel - an ASK_ORIGIN or CANCEL_LOAD of a node. */
void loads_begin(struct sim *sim, uint32_t node, struct crl_action *action);
void loads_cancel(struct sim *sim, uint32_t node, const struct crl_action *action);

/* loads_end - the timer of a load's query fired. */
void loads_end(struct sim *sim, struct sim_query *query);

/* loads_forget - the node of a load is gone; the database ends the query. To be called for the last
 * load of a node first. Frees the loads of a query with its head, at once or when it has ended. */
void loads_forget(struct sim *sim, struct sim_load *load);

/* loads_free - free the loads of a query that the world has no use for any more. */
void loads_free(struct sim_load *head);

#endif
