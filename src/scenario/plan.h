/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.h - the plan of a column, which is all that the simulator sees of a scenario. */
#ifndef CRL_SCENARIO_PLAN_H
#define CRL_SCENARIO_PLAN_H

#include "scenario/column.h"
#include "sim/plan.h"

/* A plan with what it points to. */
struct crl_sim_made {
    struct sim_plan plan;
    struct sim_rate_piece pieces[CRL_SIM_POINTS_MAX];
    struct sim_burst bursts[CRL_SIM_BURSTS_MAX];
    struct sim_fault faults[CRL_SIM_FAULTS_MAX];
};

/* crl_sim_plan_make - fill in the plan of a column. It points into itself: do not copy it. */
void crl_sim_plan_make(const struct crl_sim_scenario *scenario, const struct crl_sim_column *column,
                       uint64_t seed, struct crl_sim_made *ret_made);

#endif
