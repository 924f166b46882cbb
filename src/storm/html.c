/* SPDX-License-Identifier: Apache-2.0
 *
 * html.c - the report as a page; see report.h and text/page.h. */
#include "base/units.h"
#include "storm/report.h"
#include "text/chart.h"
#include "text/page.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    FACTS_MAX = 256,
    COMMAND_MAX = 8192,
    POINTS = 120, /* of a curve of latencies */
};

/* ------------------------------------------------------------------------------------- the head */

static void duration_add(char *command, const char *option, corral_us us)
{
    char text[CRL_UNITS_FORMAT_MAX];
    crl_units_format(CRL_QUANTITY_DURATION, us, text);
    crl_append(command, COMMAND_MAX, " --%s %s", option, text);
}

/* The chosen words of an option, with commas between them. */
static void words_add(char *command, const char *option, uint32_t chosen, uint32_t n,
                      const char *(*name)(uint32_t))
{
    bool is_first = true;
    for (uint32_t i = 0; i < n; i++) {
        if (!(chosen >> i & 1))
            continue;
        if (is_first)
            crl_append(command, COMMAND_MAX, " --%s %s", option, name(i));
        else
            crl_append(command, COMMAND_MAX, ",%s", name(i));
        is_first = false;
    }
}

/* All that decides what a storm does, also what was left to its default. */
static void command_make(const struct crl_storm_options *options, char command[COMMAND_MAX])
{
    (void)snprintf(command, COMMAND_MAX, "corral storm --clients %" PRIu32, options->clients);
    words_add(command, "scenarios", options->scenarios, CRL_STORM_SCENARIOS,
              crl_storm_scenario_name);
    words_add(command, "strategies", options->strategies, CRL_STORM_CONFIGURED,
              crl_storm_strategy_name);
    duration_add(command, "duration", options->duration_us);
    duration_add(command, "think", options->think_us);
    if (options->config == NULL && options->target == NULL) {
        duration_add(command, "ttl", options->ttl_us);
        duration_add(command, "delay", options->delay_us);
    }
    crl_append(command, COMMAND_MAX, " --seed %" PRIu64, options->seed);
    if (options->allow_remote)
        crl_append(command, COMMAND_MAX, " --allow-remote");
    if (options->config != NULL) {
        crl_append(command, COMMAND_MAX, " --config");
        crl_append_word(command, COMMAND_MAX, options->config);
    }
    if (options->target != NULL)
        crl_append_word(command, COMMAND_MAX, options->target);
}

static void facts_make(const struct crl_storm_report *report, char facts[FACTS_MAX])
{
    const struct crl_storm_options *options = report->options;
    char ttl[CRL_FIGURE_MAX], lasts[CRL_FIGURE_MAX], think[CRL_FIGURE_MAX];
    facts[0] = '\0';
    if (report->concurrency)
        crl_append(facts, FACTS_MAX, "fresh for %s; ",
                   crl_figure_us(options->ttl_us, ttl, sizeof ttl));
    if (options->scenarios >> CRL_STORM_EXPIRY & 1)
        crl_append(facts, FACTS_MAX, "expiry lasts %s, with pauses of %s on average; ",
                   crl_figure_us(options->duration_us, lasts, sizeof lasts),
                   crl_figure_us(options->think_us, think, sizeof think));
    crl_append(facts, FACTS_MAX, "seed %" PRIu64, options->seed);
}

/* --------------------------------------------------------------------------------------- tables */

static void names_write(struct crl_storm_run *const *runs, uint32_t n, FILE *out)
{
    fputs("<thead><tr><th></th>", out);
    for (uint32_t i = 0; i < n; i++)
        fprintf(out, "<th>%s%s</th>", crl_storm_strategy_name(runs[i]->strategy),
                runs[i]->stopped ? " (stopped early)" : "");
    fputs("</tr></thead>\n<tbody>\n", out);
}

static void figures_write(struct crl_storm_run *const *runs, uint32_t n, FILE *out)
{
    char cells[CRL_STORM_STRATEGIES][CRL_STORM_CELLS][CRL_FIGURE_MAX];
    fputs("<h3>Figures</h3>\n<table>\n", out);
    names_write(runs, n, out);
    for (uint32_t i = 0; i < n; i++)
        crl_storm_cells(runs[i], cells[i]);
    for (uint32_t row = 0; row < CRL_STORM_CELLS; row++) {
        fprintf(out, "<tr><th>%s</th>", crl_storm_cell_labels[row]);
        for (uint32_t i = 0; i < n; i++)
            fprintf(out, "<td>%s</td>", cells[i][row]);
        fputs("</tr>\n", out);
    }
    fputs("</tbody>\n</table>\n", out);
}

static void answers_write(struct crl_storm_run *const *runs, uint32_t n, FILE *out)
{
    char list[CRL_STORM_ANSWERS_MAX];
    fputs("<h3 class=\"next\">What clients got</h3>\n<table>\n<tbody>\n", out);
    for (uint32_t i = 0; i < n; i++)
        fprintf(out, "<tr><th>%s</th><td class=\"words\">%s</td></tr>\n",
                crl_storm_strategy_name(runs[i]->strategy), crl_storm_answers(runs[i], list));
    fputs("</tbody>\n</table>\n", out);
}

/* ---------------------------------------------------------------------------------------- plots */

/* A card with a bar for each run; none if all are zero, or not known. */
static void bars_write(struct crl_storm_run *const *runs, uint32_t n, enum crl_storm_cell cell,
                       const char *title, FILE *out)
{
    char cells[CRL_STORM_CELLS][CRL_FIGURE_MAX];
    struct crl_chart_bar bars[CRL_STORM_STRATEGIES];
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        crl_storm_cells(runs[i], cells);
        bars[i] = (struct crl_chart_bar){.name = crl_storm_strategy_name(runs[i]->strategy),
                                         .value = crl_storm_cell_value(runs[i], cell)};
        memcpy(bars[i].text, cells[cell], sizeof bars[i].text);
        any = any || bars[i].value > 0;
    }
    if (!any)
        return;
    fprintf(out, "<div class=\"card\">\n<h3>%s</h3>\n", title);
    crl_chart_bars(title, bars, n, out);
    fputs("</div>\n", out);
}

/* Every nine in ten of those that are left are as far apart: p90, p99, p99.9. */
static double place_of(double fraction)
{
    return -log10(1 - fraction);
}

static void latency_ticks(struct crl_chart *chart)
{
    static const struct {
        double fraction;
        const char *text;
    } ticks[] = {{0.5, "p50"},     {0.9, "p90"},       {0.99, "p99"},
                 {0.999, "p99.9"}, {0.9999, "p99.99"}, {0.99999, "p99.999"}};
    for (size_t i = 0; i < sizeof ticks / sizeof ticks[0]; i++) {
        struct crl_chart_tick *tick = &chart->ticks[chart->ticks_n];
        tick->at = place_of(ticks[i].fraction);
        if (tick->at > chart->until + 1e-9)
            return;
        (void)snprintf(tick->text, sizeof tick->text, "%s", ticks[i].text);
        chart->ticks_n++;
    }
}

/* A run's latencies, from the fastest answer to the slowest. */
static void latencies_write(struct crl_storm_run *const *runs, uint32_t n, FILE *out)
{
    static double x[CRL_STORM_STRATEGIES][POINTS], y[CRL_STORM_STRATEGIES][POINTS];
    struct crl_chart_line lines[CRL_STORM_STRATEGIES];
    struct crl_chart chart = {.title = "latency by percentile", .is_time = true, .until = 1};
    for (uint32_t i = 0; i < n; i++) {
        const struct crl_quantiles *latency = &runs[i]->tally.latency;
        double end = latency->n > 1 ? log10((double)latency->n) : 1;
        for (uint32_t j = 0; j < POINTS; j++) {
            x[i][j] = end * j / (POINTS - 1);
            double fraction = j == POINTS - 1 ? 1 : 1 - pow(10, -x[i][j]);
            y[i][j] = (double)crl_quantiles_at(latency, fmax(fraction, 1e-9));
        }
        lines[i] = (struct crl_chart_line){.name = crl_storm_strategy_name(runs[i]->strategy),
                                           .x = x[i],
                                           .y = y[i],
                                           .n = latency->n > 0 ? POINTS : 0};
        chart.until = fmax(chart.until, end);
        chart.most = fmax(chart.most, (double)latency->max_us);
    }
    latency_ticks(&chart);
    fputs("<div class=\"card\">\n<h3>Latency <small>by percentile</small></h3>\n", out);
    crl_chart_plot(&chart, lines, n, out);
    fputs("</div>\n", out);
}

/* ---------------------------------------------------------------------------------------- whole */

static void morals_write(struct crl_storm_run *const *runs, uint32_t n, FILE *out)
{
    char text[CRL_MORAL_MAX];
    for (uint32_t i = 0; i < n; i++) {
        const char *class;
        if (crl_storm_verdict(runs, n, i, text, &class))
            crl_html_paragraph(class, text, out);
    }
}

static void scenario_write(struct crl_storm_run *const *runs, uint32_t n, FILE *out)
{
    fprintf(out, "<h2>%s: <small>%s</small></h2>\n", crl_storm_scenario_name(runs[0]->scenario),
            crl_storm_runs_text(runs, n));
    morals_write(runs, n, out);
    fputs("<div class=\"cards\">\n", out);
    bars_write(runs, n, CRL_STORM_CELL_LOADS, "origin loads", out);
    bars_write(runs, n, CRL_STORM_CELL_PEAK, "peak loads at once", out);
    bars_write(runs, n, CRL_STORM_CELL_P99, "latency p99", out);
    bars_write(runs, n, CRL_STORM_CELL_ERRORS, "errors", out);
    fputs("</div>\n<div class=\"cards wide\">\n<div class=\"card scroll\">\n", out);
    figures_write(runs, n, out);
    answers_write(runs, n, out);
    fputs("</div>\n", out);
    latencies_write(runs, n, out);
    fputs("</div>\n", out);
}

void crl_storm_report_html(const struct crl_storm_report *report, FILE *out)
{
    static char title[CRL_STORM_TITLE_MAX], command[COMMAND_MAX];
    char facts[FACTS_MAX];
    const struct crl_page_head head = {
        .name = "corral storm",
        .about = crl_storm_title(report, title),
        .facts = facts,
        .command = command,
        .shows = report->runs_n && report->runs[report->runs_n - 1]->stopped
                     ? "Stopped early: the last run is what was measured so far."
                     : NULL,
    };
    command_make(report->options, command);
    facts_make(report, facts);
    crl_page_begin(&head, out);
    for (uint32_t at = 0, n = 1; at < report->runs_n; at += n, n = 1) {
        while (at + n < report->runs_n &&
               report->runs[at + n]->scenario == report->runs[at]->scenario)
            n++;
        scenario_write(report->runs + at, n, out);
    }
    crl_page_end("Measured by Corral " CORRAL_VERSION ".", out);
}
