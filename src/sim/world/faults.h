/* SPDX-License-Identifier: Apache-2.0
 *
 * faults.h - what befalls the fleet, at the times of the plan. */
#ifndef CRL_SIM_WORLD_FAULTS_H
#define CRL_SIM_WORLD_FAULTS_H

#include "sim/world/world.h"

/* faults_schedule - all faults of the plan are to happen. */
void faults_schedule(struct sim *sim);

#endif
