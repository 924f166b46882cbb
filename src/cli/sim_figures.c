/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_figures.c - the two tables of sim_report.h: which figures and which time lines there are. */
#include "cli/sim_report.h"

double crl_sim_amplification(const struct sim_report *report)
{
    if (report->generations == 0)
        return -1;
    return (double)report->loads / (double)report->generations;
}

/* -------------------------------------------------------------------------------------- figures */

#define WRITES_COUNT(name, expression)                                               \
    static char *write_##name(const struct sim_report *r, char text[CRL_FIGURE_MAX]) \
    {                                                                                \
        return crl_figure_count((expression), text, CRL_FIGURE_MAX);                 \
    }                                                                                \
    static double judge_##name(const struct sim_report *r)                           \
    {                                                                                \
        return (double)(expression);                                                 \
    }

#define WRITES_US(name, expression)                                                  \
    static char *write_##name(const struct sim_report *r, char text[CRL_FIGURE_MAX]) \
    {                                                                                \
        return crl_figure_us((expression), text, CRL_FIGURE_MAX);                    \
    }                                                                                \
    static double judge_##name(const struct sim_report *r)                           \
    {                                                                                \
        return (double)(expression);                                                 \
    }

WRITES_COUNT(requests, r->requests)
WRITES_COUNT(loads, r->loads)
WRITES_COUNT(peak, r->loads_at_once_max)
WRITES_COUNT(queue, r->database_queue_max)
WRITES_COUNT(timeouts, r->database_timeouts)
WRITES_COUNT(leases, r->leases)
WRITES_COUNT(leases_lost, r->leases_lost)
WRITES_COUNT(errors, r->errors_all)
WRITES_COUNT(forgotten, r->forgotten)
WRITES_COUNT(stale, r->answers[CORRAL_STALE])
WRITES_COUNT(degraded, r->answers[CORRAL_DEGRADED])
WRITES_US(p50, crl_quantiles_at(&r->latency, 0.5))
WRITES_US(p99, crl_quantiles_at(&r->latency, 0.99))
WRITES_US(p999, crl_quantiles_at(&r->latency, 0.999))
WRITES_US(max, r->latency.max_us)
WRITES_US(age_p50, crl_quantiles_at(&r->age, 0.5))
WRITES_US(age_max, r->age.max_us)

static char *write_amplification(const struct sim_report *r, char text[CRL_FIGURE_MAX])
{
    return crl_figure_factor(crl_sim_amplification(r), text, CRL_FIGURE_MAX);
}

static double judge_amplification(const struct sim_report *r)
{
    return crl_sim_amplification(r);
}

const struct crl_sim_figure crl_sim_figures[] = {
    {"requests", write_requests, judge_requests},
    {"origin loads", write_loads, judge_loads},
    {"amplification", write_amplification, judge_amplification, .is_goal = true},
    {"peak loads at once", write_peak, judge_peak},
    {"peak database queue", write_queue, judge_queue},
    {"database time-outs", write_timeouts, judge_timeouts, .if_any = true},
    {"leases granted", write_leases, judge_leases, .if_any = true},
    {"leases refused", write_leases_lost, judge_leases_lost, .if_any = true},
    {"errors", write_errors, judge_errors},
    {"readers cut off", write_forgotten, judge_forgotten, .if_any = true},
    {"stale answers", write_stale, judge_stale},
    {"degraded answers", write_degraded, judge_degraded},
    {"latency p50", write_p50, judge_p50},
    {"latency p99", write_p99, judge_p99},
    {"latency p99.9", write_p999, judge_p999},
    {"latency max", write_max, judge_max},
    {"age served p50", write_age_p50, judge_age_p50},
    {"age served max", write_age_max, judge_age_max},
};

const uint32_t crl_sim_figures_n = sizeof(crl_sim_figures) / sizeof(crl_sim_figures[0]);

bool crl_sim_figure_shown(const struct crl_sim_figure *figure, const struct crl_sim_result *result)
{
    bool any = !figure->if_any;
    for (uint32_t i = 0; i < result->runs_n; i++)
        any = any || figure->judge(&result->runs[i]->report) > 0;
    return any;
}

/* ----------------------------------------------------------------------------------- time lines */

#define IS(name, expression)                                \
    static uint64_t slice_##name(const struct sim_slice *s) \
    {                                                       \
        return (uint64_t)(expression);                      \
    }

IS(requests, s->requests)
IS(hits, s->hits)
IS(waited, s->waited)
IS(errors, s->errors)
IS(loads, s->loads)
IS(active, s->active_max)
IS(queued, s->queued_max)
IS(latency, s->latency_max_us)

const struct crl_sim_line crl_sim_lines[] = {
    {"requests", "requests", slice_requests, .adds_up = true},
    {"hits", "hits", slice_hits, .adds_up = true, .is_detail = true},
    {"waited", "waited", slice_waited, .adds_up = true, .is_detail = true},
    {"errors", "errors", slice_errors, .adds_up = true, .if_any = true},
    {"loads", "loads", slice_loads, .adds_up = true},
    {"at once", "peak_loads", slice_active},
    {"queue", "peak_database_queue", slice_queued, .if_any = true},
    {"latency", "max_latency_us", slice_latency, .is_time = true},
};

const uint32_t crl_sim_lines_n = sizeof(crl_sim_lines) / sizeof(crl_sim_lines[0]);

bool crl_sim_line_shown(const struct crl_sim_line *line, const struct crl_sim_result *result)
{
    bool any = !line->if_any;
    for (uint32_t i = 0; i < result->runs_n; i++) {
        const struct sim_report *report = &result->runs[i]->report;
        for (uint32_t j = 0; j < report->slices_n; j++)
            any = any || line->of(&report->slices[j]) > 0;
    }
    return any;
}

/* ---------------------------------------------------------------------------------------- words */

/* Run i on its own. */
static void moral_alone(const struct crl_sim_run *run, char text[CRL_SIM_MORAL_MAX])
{
    const struct sim_report *mine = &run->report;
    char loads[CRL_FIGURE_MAX], requests[CRL_FIGURE_MAX], max[CRL_FIGURE_MAX],
        errors[CRL_FIGURE_MAX];
    (void)snprintf(text, CRL_SIM_MORAL_MAX, "%s: %s %s for %s requests; at worst %s; %s errors",
                   run->column.name, write_loads(mine, loads), mine->loads == 1 ? "load" : "loads",
                   write_requests(mine, requests), write_max(mine, max),
                   write_errors(mine, errors));
}

char *crl_sim_moral(const struct crl_sim_result *result, uint32_t i, char text[CRL_SIM_MORAL_MAX])
{
    const struct sim_report *mine = &result->runs[i]->report, *first = &result->runs[0]->report;
    char a[CRL_FIGURE_MAX], b[CRL_FIGURE_MAX], c[CRL_FIGURE_MAX], d[CRL_FIGURE_MAX];
    if (i == 0) {
        moral_alone(result->runs[i], text);
        return text;
    }
    int used = snprintf(
        text, CRL_SIM_MORAL_MAX, "%s: %s %s instead of %s; at worst %s instead of %s",
        result->runs[i]->column.name, write_loads(mine, a), mine->loads == 1 ? "load" : "loads",
        write_loads(first, b), write_max(mine, c), write_max(first, d));
    if (mine->errors_all > 0 || first->errors_all > 0)
        (void)snprintf(text + used, CRL_SIM_MORAL_MAX - (size_t)used, "; %s errors instead of %s",
                       write_errors(mine, a), write_errors(first, b));
    return text;
}

void crl_sim_facts_write(const struct crl_sim_result *result, FILE *out)
{
    const struct crl_sim_scenario *scenario = result->scenario;
    char nodes[CRL_FIGURE_MAX], keys[CRL_FIGURE_MAX];
    char lasts[CRL_FIGURE_MAX], from[CRL_FIGURE_MAX];
    fprintf(out, "%s %s, %s %s, %s", crl_figure_count(scenario->nodes, nodes, sizeof nodes),
            scenario->nodes == 1 ? "node" : "nodes",
            crl_figure_count(scenario->keys.count, keys, sizeof keys),
            scenario->keys.count == 1 ? "key" : "keys",
            crl_figure_us(scenario->lasts_us, lasts, sizeof lasts));
    if (scenario->measure_us > 0)
        fprintf(out, " (measured from %s on)",
                crl_figure_us(scenario->measure_us, from, sizeof from));
    fprintf(out, ", seed %llu", (unsigned long long)result->seed);
}
