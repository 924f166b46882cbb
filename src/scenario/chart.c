/* SPDX-License-Identifier: Apache-2.0
 *
 * chart.c - see chart.h.
 *
 * A plot has its frame first (a grid with round numbers, and a band for each fault), then what is
 * drawn in it. Quantities that add up are shown a second, so that the length of a slice does not
 * matter. */
#include "scenario/chart.h"

#include <math.h>
#include <string.h>

/* The plot within its picture, in its own units. */
enum {
    WIDTH = 560,
    HEIGHT = 190,
    LEFT = 58,
    RIGHT = 552,
    TOP = 22,
    BOTTOM = 164,
};

/* What a plot's axes span. */
struct axes {
    double most;           /* at the top */
    double step;           /* between the lines of the grid */
    corral_us from, until; /* at the left and the right */
    bool is_time;          /* of what is at the left: microseconds */
};

static double x_of(const struct axes *axes, corral_us at)
{
    double part = (double)(at - axes->from) / (double)(axes->until - axes->from);
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    return LEFT + (RIGHT - LEFT) * part;
}

static double y_of(const struct axes *axes, double value)
{
    return BOTTOM - (BOTTOM - TOP) * value / axes->most;
}

/* ----------------------------------------------------------------------------------------- axes */

/* 1, 2 or 5 times a power of ten, so that about `parts` of them make `most`. */
static double round_step(double most, int parts)
{
    double raw = most / parts;
    double power = pow(10, floor(log10(raw)));
    double lead = raw / power;
    return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

/* The same for spans of time, where from a minute on sixties count. */
static corral_us time_step(corral_us span)
{
    static const corral_us steps[] = {5,   10,   15,   30,   60,    120,   300,   600,
                                      900, 1800, 3600, 7200, 14400, 21600, 43200, 86400};
    if (span <= CORRAL_SECONDS(20))
        return (corral_us)ceil(round_step((double)span, 6));
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (CORRAL_SECONDS(steps[i]) * 8 >= span)
            return CORRAL_SECONDS(steps[i]);
    }
    return CORRAL_SECONDS(86400);
}

static void time_label_write(corral_us at, corral_us step, FILE *out)
{
    char text[CRL_FIGURE_MAX];
    long long seconds = at / CORRAL_SECONDS(1);
    if (step < CORRAL_MS(1))
        fputs(crl_figure_us(at, text, sizeof text), out);
    else if (step < CORRAL_SECONDS(1))
        fprintf(out, "%g s", (double)at / 1e6);
    else if (seconds >= 3600)
        fprintf(out, "%lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60, seconds % 60);
    else if (seconds >= 60)
        fprintf(out, "%lld:%02lld", seconds / 60, seconds % 60);
    else
        fprintf(out, "%lld s", seconds);
}

static void value_label_write(const struct axes *axes, double value, FILE *out)
{
    char text[CRL_FIGURE_MAX];
    if (axes->is_time)
        fputs(value == 0 ? "0" : crl_figure_us((corral_us)value, text, sizeof text), out);
    else if (axes->step < 1)
        fprintf(out, "%g", value);
    else
        fputs(crl_figure_count((uint64_t)(value + 0.5), text, sizeof text), out);
}

/* most: what is to be shown; the axis ends with the next round number. */
static struct axes axes_of(const struct crl_sim_result *result, double most, bool is_time)
{
    struct axes axes = {.from = 0, .is_time = is_time};
    axes.until = axes.from + 1;
    for (uint32_t i = 0; i < result->runs_n; i++) {
        const struct sim_report *report = &result->runs[i]->report;
        corral_us until = axes.from + report->slice_us * report->slices_n;
        axes.until = until > axes.until ? until : axes.until;
    }
    axes.step = round_step(most > 0 ? most : 1, 4);
    axes.most = axes.step * ceil((most > 0 ? most : 1) / axes.step - 1e-9);
    return axes;
}

static void grid_write(const struct axes *axes, FILE *out)
{
    for (double value = 0; value <= axes->most * 1.001; value += axes->step) {
        double y = y_of(axes, value);
        fprintf(out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", LEFT, y, RIGHT);
        fprintf(out, "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 6,
                y + 4);
        value_label_write(axes, value, out);
        fputs("</text>\n", out);
    }
    corral_us step = time_step(axes->until - axes->from);
    corral_us first = (axes->from + step - 1) / step * step;
    for (corral_us at = first; at <= axes->until; at += step) {
        fprintf(out, "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">", x_of(axes, at),
                BOTTOM + 17, x_of(axes, at) > RIGHT - 14 ? "end" : "middle");
        time_label_write(at, step, out);
        fputs("</text>\n", out);
    }
}

/* A band from the beginning of a fault to its end at the last node; its name stands above the
 * plot. */
static void faults_write(const struct crl_sim_result *result, const struct axes *axes, FILE *out)
{
    for (size_t i = 0; i < result->scenario->faults_n; i++) {
        const struct crl_sim_fault *fault = &result->scenario->faults[i];
        corral_us until = crl_sim_fault_until(fault);
        double left = x_of(axes, fault->at_us), right = x_of(axes, until);
        char name[CRL_SIM_FAULT_MAX];
        bool is_late = left > (LEFT + RIGHT) / 2.0;
        if (until < axes->from || fault->at_us > axes->until)
            continue;
        fprintf(out, "<rect class=\"fault\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>",
                left, TOP, right - left > 1.5 ? right - left : 1.5, BOTTOM - TOP);
        fprintf(out, "<text class=\"fault-name\" x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">",
                is_late ? right : left, TOP - 8, is_late ? "end" : "start");
        fprintf(out, "%s</text>\n", crl_sim_fault_name(fault->kind, name));
    }
}

/* What is not in the figures: the time before measure_from. */
static void warm_up_write(const struct crl_sim_result *result, const struct axes *axes, FILE *out)
{
    corral_us until = result->scenario->measure_us;
    if (until == 0)
        return;
    fprintf(out, "<rect class=\"warm-up\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>", LEFT,
            TOP, x_of(axes, until) - LEFT, BOTTOM - TOP);
    fprintf(out, "<text class=\"fault-name\" x=\"%d\" y=\"%d\">not counted</text>\n", LEFT,
            TOP - 8);
}

static void frame_begin(const struct crl_sim_result *result, const struct axes *axes,
                        const char *title, FILE *out)
{
    fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\">\n<title>", WIDTH, HEIGHT);
    crl_html_write(title, out);
    fputs("</title>\n", out);
    warm_up_write(result, axes, out);
    faults_write(result, axes, out);
    grid_write(axes, out);
}

/* ---------------------------------------------------------------------------------------- lines */

/* What a slice shows of a line: a second, if it adds up. */
static double shown(const struct crl_sim_line *line, const struct sim_report *report, uint32_t i)
{
    double value = (double)line->of(&report->slices[i]);
    return line->adds_up ? value * 1e6 / (double)report->slice_us : value;
}

static double line_most(const struct crl_sim_result *result, const struct crl_sim_line *line)
{
    double most = 0;
    for (uint32_t i = 0; i < result->runs_n; i++) {
        const struct sim_report *report = &result->runs[i]->report;
        for (uint32_t j = 0; j < report->slices_n; j++)
            most = fmax(most, shown(line, report, j));
    }
    return most;
}

/* Steps through the values of all slices: each holds for the whole of its slice. */
static void steps_write(const struct axes *axes, const struct sim_report *report,
                        const double *values, FILE *out)
{
    for (uint32_t i = 0; i < report->slices_n; i++) {
        corral_us at = axes->from + report->slice_us * (corral_us)i;
        fprintf(out, "%s%.1f %.1fH%.1f", i == 0 ? "M" : "L", x_of(axes, at), y_of(axes, values[i]),
                x_of(axes, at + report->slice_us));
    }
}

/* The plane between the steps and the bottom. */
static void plane_write(const struct axes *axes, const struct sim_report *report,
                        const double *values, const char *colour, FILE *out)
{
    if (report->slices_n == 0)
        return;
    fprintf(out, "<path class=\"plane %s\" d=\"", colour);
    steps_write(axes, report, values, out);
    fprintf(out, "V%dH%.1fZ\"/>\n", BOTTOM, x_of(axes, axes->from));
}

static void curve_write(const struct axes *axes, const struct sim_report *report,
                        const double *values, const char *colour, FILE *out)
{
    if (report->slices_n == 0)
        return;
    fprintf(out, "<path class=\"curve %s\" d=\"", colour);
    steps_write(axes, report, values, out);
    fputs("\"/>\n", out);
}

void crl_sim_chart_line(const struct crl_sim_result *result, const struct crl_sim_line *line,
                        FILE *out)
{
    struct axes axes = axes_of(result, line_most(result, line), line->is_time);
    frame_begin(result, &axes, line->label, out);
    for (uint32_t i = 0; i < result->runs_n; i++) {
        const struct sim_report *report = &result->runs[i]->report;
        double values[SIM_SLICES];
        char colour[8];
        (void)snprintf(colour, sizeof colour, "c%u", i % 8);
        for (uint32_t j = 0; j < report->slices_n; j++)
            values[j] = shown(line, report, j);
        plane_write(&axes, report, values, colour, out);
        curve_write(&axes, report, values, colour, out);
    }
    fputs("</svg>\n", out);
}

/* -------------------------------------------------------------------------------------- answers */

/* Layers of the answers, from the bottom: the sum of the lines up to it. */
static double layer(const struct sim_report *report, uint32_t slice, uint32_t upto)
{
    const struct sim_slice *s = &report->slices[slice];
    const uint64_t parts[] = {s->hits, s->waited, s->errors};
    double sum = 0;
    for (uint32_t i = 0; i <= upto; i++)
        sum += (double)parts[i];
    return sum * 1e6 / (double)report->slice_us;
}

void crl_sim_chart_answers(const struct crl_sim_result *result, uint32_t i, FILE *out)
{
    static const char *const colours[] = {"hit", "wait", "fail"};
    double most = 0, values[SIM_SLICES];
    for (uint32_t j = 0; j < result->runs_n; j++) {
        const struct sim_report *report = &result->runs[j]->report;
        for (uint32_t k = 0; k < report->slices_n; k++)
            most = fmax(most, layer(report, k, 2));
    }
    struct axes axes = axes_of(result, most, false);
    const struct sim_report *report = &result->runs[i]->report;
    frame_begin(result, &axes, result->runs[i]->column.name, out);
    for (uint32_t upto = 3; upto-- > 0;) {
        for (uint32_t j = 0; j < report->slices_n; j++)
            values[j] = layer(report, j, upto);
        plane_write(&axes, report, values, colours[upto], out);
    }
    fputs("</svg>\n", out);
}

/* ----------------------------------------------------------------------------------------- bars */

void crl_sim_chart_bars(const struct crl_sim_result *result, const struct crl_sim_figure *figure,
                        FILE *out)
{
    enum { ROW = 40, ROOM = 320, TEXT = 90 };
    double most = 0;
    for (uint32_t i = 0; i < result->runs_n; i++)
        most = fmax(most, figure->of(&result->runs[i]->report));
    fprintf(out, "<svg class=\"bars\" viewBox=\"0 0 %d %u\" role=\"img\">\n<title>", ROOM,
            result->runs_n * ROW);
    crl_html_write(figure->label, out);
    fputs("</title>\n", out);
    for (uint32_t i = 0; i < result->runs_n; i++) {
        const struct crl_sim_run *run = result->runs[i];
        char text[CRL_FIGURE_MAX];
        double mine = figure->of(&run->report);
        double width = most > 0 && mine > 0 ? (ROOM - TEXT) * mine / most : 0;
        width = mine > 0 && width < 2 ? 2 : width;
        fprintf(out, "<text class=\"bar-name\" x=\"0\" y=\"%u\">", i * ROW + 13);
        crl_html_write(run->column.name, out);
        fprintf(out,
                "</text><rect class=\"bar c%u\" x=\"0\" y=\"%u\" width=\"%.1f\" height=\"14\" "
                "rx=\"2\"/>",
                i % 8, i * ROW + 19, width);
        fprintf(out, "<text class=\"bar-value\" x=\"%.1f\" y=\"%u\">%s</text>\n",
                width > 0 ? width + 6 : 0, i * ROW + 31,
                crl_sim_figure_format(figure, &run->report, text));
    }
    fputs("</svg>\n", out);
}
