/* SPDX-License-Identifier: Apache-2.0
 *
 * figures.c - the two tables of report.h: which figures and which time lines there are. */
#include "scenario/report.h"

#include "base/assert.h"
#include "text/moral.h"

double crl_sim_amplification(const struct sim_report *report)
{
    if (report->needed == 0)
        return -1;
    return (double)report->loads / (double)report->needed;
}

/* -------------------------------------------------------------------------------------- figures */

/* Name, label, value in a report `r`, and the rest of the row. */
#define FIGURES(X)                                                                             \
    X(requests, "requests", r->requests, CRL_SIM_ONES)                                         \
    X(loads, "origin loads", r->loads, CRL_SIM_ONES)                                           \
    X(factor, "amplification", crl_sim_amplification(r), CRL_SIM_FACTOR, .if_any = true,       \
      .is_goal = true)                                                                         \
    X(peak, "peak loads at once", r->loads_at_once_max, CRL_SIM_ONES)                          \
    X(queue, "peak database queue", r->database_queue_max, CRL_SIM_ONES)                       \
    X(timeouts, "database time-outs", r->database_timeouts, CRL_SIM_ONES, .if_any = true)      \
    X(leases, "leases granted", r->leases, CRL_SIM_ONES, .if_any = true)                       \
    X(lost, "leases refused", r->leases_lost, CRL_SIM_ONES, .if_any = true)                    \
    X(errors, "errors", r->errors_all, CRL_SIM_ONES)                                           \
    X(forgotten, "readers cut off", r->forgotten, CRL_SIM_ONES, .if_any = true)                \
    X(stale, "stale answers", r->answers[CORRAL_STALE], CRL_SIM_ONES, .if_any = true)          \
    X(degraded, "degraded answers", r->answers[CORRAL_DEGRADED], CRL_SIM_ONES, .if_any = true) \
    X(p50, "latency p50", crl_quantiles_at(&r->latency, 0.5), CRL_SIM_US)                      \
    X(p99, "latency p99", crl_quantiles_at(&r->latency, 0.99), CRL_SIM_US)                     \
    X(p999, "latency p99.9", crl_quantiles_at(&r->latency, 0.999), CRL_SIM_US)                 \
    X(max, "latency max", r->latency.max_us, CRL_SIM_US)                                       \
    X(age_p50, "age served p50", crl_quantiles_at(&r->age, 0.5), CRL_SIM_US)                   \
    X(age_max, "age served max", r->age.max_us, CRL_SIM_US)

#define X(name, label, value, ...)                          \
    static double figure_##name(const struct sim_report *r) \
    {                                                       \
        return (double)(value);                             \
    }
FIGURES(X)
#undef X

const struct crl_sim_figure crl_sim_figures[] = {
#define X(name, label, value, ...) {label, figure_##name, __VA_ARGS__},
    FIGURES(X)
#undef X
};

const uint32_t crl_sim_figures_n = sizeof(crl_sim_figures) / sizeof(crl_sim_figures[0]);

char *crl_sim_figure_format(const struct crl_sim_figure *figure, const struct sim_report *report,
                            char text[CRL_FIGURE_MAX])
{
    double value = figure->of(report);
    switch (figure->unit) {
    case CRL_SIM_ONES:
        return crl_figure_count((uint64_t)value, text, CRL_FIGURE_MAX);
    case CRL_SIM_US:
        return crl_figure_us((corral_us)value, text, CRL_FIGURE_MAX);
    case CRL_SIM_FACTOR:
        return crl_figure_factor(value, text, CRL_FIGURE_MAX);
    }
    crl_unreachable();
}

bool crl_sim_figure_any(const struct crl_sim_figure *figure, const struct crl_sim_result *result)
{
    for (uint32_t i = 0; i < result->runs_n; i++) {
        if (figure->of(&result->runs[i]->report) > 0)
            return true;
    }
    return false;
}

bool crl_sim_figure_shown(const struct crl_sim_figure *figure, const struct crl_sim_result *result)
{
    return !figure->if_any || crl_sim_figure_any(figure, result);
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
static char *moral_alone(const struct crl_sim_run *run, char text[CRL_MORAL_MAX])
{
    const struct sim_report *mine = &run->report;
    char loads[CRL_FIGURE_MAX], requests[CRL_FIGURE_MAX], max[CRL_FIGURE_MAX],
        errors[CRL_FIGURE_MAX];
    (void)snprintf(text, CRL_MORAL_MAX, "%s: %s %s for %s %s; at worst %s; %s %s", run->column.name,
                   crl_figure_count(mine->loads, loads, sizeof loads),
                   mine->loads == 1 ? "load" : "loads",
                   crl_figure_count(mine->requests, requests, sizeof requests),
                   mine->requests == 1 ? "request" : "requests",
                   crl_figure_us(mine->latency.max_us, max, sizeof max),
                   crl_figure_count(mine->errors_all, errors, sizeof errors),
                   mine->errors_all == 1 ? "error" : "errors");
    return text;
}

/* A quantile of the latency, for where the one before it says nothing. */
static struct crl_moral_part quantile_part(const struct sim_report *mine,
                                           const struct sim_report *theirs, double fraction,
                                           const char *before)
{
    struct crl_moral_part part =
        crl_moral_part_us(crl_quantiles_at(&mine->latency, fraction),
                          crl_quantiles_at(&theirs->latency, fraction), before);
    part.is_substitute = true;
    return part;
}

char *crl_sim_moral(const struct crl_sim_result *result, uint32_t i, char text[CRL_MORAL_MAX])
{
    const struct sim_report *mine = &result->runs[i]->report, *first = &result->runs[0]->report;
    if (i == 0)
        return moral_alone(result->runs[i], text);
    struct crl_moral_part parts[] = {
        crl_moral_part_count(mine->loads, first->loads, " load", " loads"),
        crl_moral_part_count(mine->loads_at_once_max, first->loads_at_once_max, " load at once",
                             " loads at once"),
        crl_moral_part_us(mine->latency.max_us, first->latency.max_us, "at worst "),
        quantile_part(mine, first, 0.999, "latency p99.9 "),
        quantile_part(mine, first, 0.99, "latency p99 "),
        crl_moral_part_count(mine->errors_all, first->errors_all, " error", " errors"),
        crl_moral_part_count(mine->forgotten, first->forgotten, " reader cut off",
                             " readers cut off"),
    };
    parts[1].is_substitute = true;
    return crl_moral(result->runs[i]->column.name, parts, sizeof parts / sizeof parts[0], text);
}

char *crl_sim_facts(const struct crl_sim_result *result, char text[CRL_SIM_FACTS_MAX])
{
    const struct crl_sim_scenario *scenario = result->scenario;
    char nodes[CRL_FIGURE_MAX], keys[CRL_FIGURE_MAX];
    char lasts[CRL_FIGURE_MAX], from[CRL_FIGURE_MAX];
    (void)snprintf(text, CRL_SIM_FACTS_MAX, "%s %s, %s %s, %s",
                   crl_figure_count(scenario->nodes, nodes, sizeof nodes),
                   scenario->nodes == 1 ? "node" : "nodes",
                   crl_figure_count(scenario->keys.count, keys, sizeof keys),
                   scenario->keys.count == 1 ? "key" : "keys",
                   crl_figure_us(scenario->lasts_us, lasts, sizeof lasts));
    if (scenario->measure_us > 0)
        crl_append(text, CRL_SIM_FACTS_MAX, " (measured from %s on)",
                   crl_figure_us(scenario->measure_us, from, sizeof from));
    crl_append(text, CRL_SIM_FACTS_MAX, ", seed %llu", (unsigned long long)result->seed);
    return text;
}

char *crl_sim_fault_name(enum sim_fault_kind kind, char text[CRL_SIM_FAULT_MAX])
{
    static const char *const words[] = {
#define X(name, word) word,
        SIM_FAULTS(X)
#undef X
    };
    (void)snprintf(text, CRL_SIM_FAULT_MAX, "%s", words[kind]);
    for (char *c = text; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    return text;
}

corral_us crl_sim_fault_until(const struct crl_sim_fault *fault)
{
    return fault->at_us + fault->stagger_us * (fault->node_to - fault->node_from) + fault->lasts_us;
}
