/* SPDX-License-Identifier: Apache-2.0
 *
 * chart.c - see chart.h.
 *
 * Quantities that add up are shown a second, so that the length of a slice does not matter. */
#include "scenario/chart.h"

#include "base/assert.h"
#include "text/chart.h"

#include <math.h>

enum {
    CORNERS = 2 * SIM_SLICES, /* of a line: each slice has its beginning and its end */
    BANDS_MAX = CRL_SIM_FAULTS_MAX + 1,
};

/* What the lines are made of. */
struct points {
    double x[CORNERS], y[CORNERS];
};

/* ---------------------------------------------------------------------------------------- bands */

/* The warm-up, and each fault from its beginning to its end at the last node. */
static uint32_t bands_make(const struct crl_sim_result *result, double until,
                           struct crl_chart_band *bands)
{
    const struct crl_sim_scenario *scenario = result->scenario;
    uint32_t n = 0;
    if (scenario->measure_us > 0)
        bands[n++] = (struct crl_chart_band){
            .until = (double)scenario->measure_us, .class = "warm-up", .name = "not counted"};
    for (size_t i = 0; i < scenario->faults_n && n < BANDS_MAX; i++) {
        const struct crl_sim_fault *fault = &scenario->faults[i];
        if ((double)fault->at_us > until)
            continue;
        bands[n] = (struct crl_chart_band){.from = (double)fault->at_us,
                                           .until = (double)crl_sim_fault_until(fault),
                                           .class = "fault"};
        (void)crl_sim_fault_name(fault->kind, bands[n++].name);
    }
    return n;
}

/* Axes as long as the longest run. */
static struct crl_chart chart_of(const struct crl_sim_result *result, const char *title,
                                 struct crl_chart_band *bands)
{
    struct crl_chart chart = {.title = title, .bands = bands};
    for (uint32_t i = 0; i < result->runs_n; i++) {
        const struct sim_report *report = &result->runs[i]->report;
        chart.until = fmax(chart.until, (double)(report->slice_us * report->slices_n));
    }
    chart.bands_n = bands_make(result, chart.until, bands);
    crl_chart_time_ticks(&chart);
    return chart;
}

/* ---------------------------------------------------------------------------------------- lines */

/* Each value holds for the whole of its slice. */
static void point_add(struct points *points, const struct sim_report *report, uint32_t slice,
                      double value)
{
    points->x[2 * slice] = (double)(report->slice_us * slice);
    points->x[2 * slice + 1] = (double)(report->slice_us * (slice + 1));
    points->y[2 * slice] = points->y[2 * slice + 1] = value;
}

static struct crl_chart_line line_of(const struct points *points, const struct sim_report *report,
                                     const char *name, const char *class)
{
    return (struct crl_chart_line){
        .name = name, .class = class, .x = points->x, .y = points->y, .n = 2 * report->slices_n};
}

/* What a slice shows of a line: a second, if it adds up. */
static double shown(const struct crl_sim_line *line, const struct sim_report *report, uint32_t i)
{
    double value = (double)line->of(&report->slices[i]);
    return line->adds_up ? value * 1e6 / (double)report->slice_us : value;
}

void crl_sim_chart_line(const struct crl_sim_result *result, const struct crl_sim_line *line,
                        FILE *out)
{
    static struct points points[CRL_SIM_RUNS_MAX];
    struct crl_chart_band bands[BANDS_MAX];
    struct crl_chart_line lines[CRL_SIM_RUNS_MAX];
    struct crl_chart chart = chart_of(result, line->label, bands);
    uint32_t n = result->runs_n;
    crl_assert(n <= CRL_SIM_RUNS_MAX);
    chart.is_time = line->is_time;
    for (uint32_t i = 0; i < n; i++) {
        const struct sim_report *report = &result->runs[i]->report;
        for (uint32_t j = 0; j < report->slices_n; j++) {
            double value = shown(line, report, j);
            chart.most = fmax(chart.most, value);
            point_add(&points[i], report, j, value);
        }
        lines[i] = line_of(&points[i], report, result->runs[i]->column.name, NULL);
    }
    crl_chart_plot(&chart, lines, n, out);
}

/* -------------------------------------------------------------------------------------- answers */

const char *const crl_sim_layer_names[CRL_SIM_LAYERS] = {"with an error", "after a wait",
                                                         "at once, from memory"};
const char *const crl_sim_layer_classes[CRL_SIM_LAYERS] = {"fail", "wait", "hit"};

/* What a slice has of a layer. */
static uint64_t layer_part(const struct sim_slice *slice, uint32_t i)
{
    const uint64_t parts[CRL_SIM_LAYERS] = {slice->errors, slice->waited, slice->hits};
    return parts[i];
}

/* The sum of a layer and those below it, a second. */
static double layer_top(const struct sim_report *report, uint32_t slice, uint32_t from)
{
    double sum = 0;
    for (uint32_t i = from; i < CRL_SIM_LAYERS; i++)
        sum += (double)layer_part(&report->slices[slice], i);
    return sum * 1e6 / (double)report->slice_us;
}

/* A layer that has nothing in it is not drawn. */
static struct crl_chart_line layer_make(const struct sim_report *report, uint32_t i,
                                        struct points *points)
{
    static const char *const names[CRL_SIM_LAYERS] = {"error", "wait", "at once"};
    uint64_t any = 0;
    for (uint32_t k = 0; k < report->slices_n; k++) {
        any += layer_part(&report->slices[k], i);
        point_add(points, report, k, layer_top(report, k, i));
    }
    struct crl_chart_line line = line_of(points, report, names[i], crl_sim_layer_classes[i]);
    line.n = any > 0 ? line.n : 0;
    return line;
}

void crl_sim_chart_answers(const struct crl_sim_result *result, uint32_t i, FILE *out)
{
    const struct sim_report *report = &result->runs[i]->report;
    struct points points[CRL_SIM_LAYERS];
    struct crl_chart_band bands[BANDS_MAX];
    struct crl_chart_line lines[CRL_SIM_LAYERS];
    struct crl_chart chart = chart_of(result, result->runs[i]->column.name, bands);
    chart.is_stacked = true;
    for (uint32_t j = 0; j < result->runs_n; j++) {
        for (uint32_t k = 0; k < result->runs[j]->report.slices_n; k++)
            chart.most = fmax(chart.most, layer_top(&result->runs[j]->report, k, 0));
    }
    for (uint32_t j = 0; j < CRL_SIM_LAYERS; j++)
        lines[j] = layer_make(report, j, &points[j]);
    crl_chart_plot(&chart, lines, CRL_SIM_LAYERS, out);
}

/* ----------------------------------------------------------------------------------------- bars */

void crl_sim_chart_bars(const struct crl_sim_result *result, const struct crl_sim_figure *figure,
                        FILE *out)
{
    struct crl_chart_bar bars[CRL_SIM_RUNS_MAX];
    uint32_t n = result->runs_n;
    crl_assert(n <= CRL_SIM_RUNS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        const struct crl_sim_run *run = result->runs[i];
        bars[i].name = run->column.name;
        bars[i].value = figure->of(&run->report);
        crl_sim_figure_format(figure, &run->report, bars[i].text);
    }
    crl_chart_bars(figure->label, bars, n, out);
}
