/* SPDX-License-Identifier: Apache-2.0
 *
 * chart.h - plots of a simulation, by text/chart.h. No clock, no globals. */
#ifndef CRL_SCENARIO_CHART_H
#define CRL_SCENARIO_CHART_H

#include "scenario/report.h"

/* crl_sim_chart_line - one quantity over time, all runs over each other. */
void crl_sim_chart_line(const struct crl_sim_result *result, const struct crl_sim_line *line,
                        FILE *out);

/* Layers of the answers, the highest first, and the class and name of each. */
enum { CRL_SIM_LAYERS = 3 };
extern const char *const crl_sim_layer_names[CRL_SIM_LAYERS];
extern const char *const crl_sim_layer_classes[CRL_SIM_LAYERS];

/* crl_sim_chart_answers - what became of run i's requests over time: answered at once, after a
 * wait, with an error, on top of each other. The scale is the same for all runs. */
void crl_sim_chart_answers(const struct crl_sim_result *result, uint32_t i, FILE *out);

/* crl_sim_chart_bars - one figure, a bar for each run. */
void crl_sim_chart_bars(const struct crl_sim_result *result, const struct crl_sim_figure *figure,
                        FILE *out);

#endif
