/* SPDX-License-Identifier: Apache-2.0
 *
 * html.c - the report as a page; see report.h and text/page.h. */
#include "scenario/chart.h"
#include "text/chart.h"
#include "text/page.h"

#include <string.h>

static void head_write(const struct crl_sim_result *result, FILE *out)
{
    const struct crl_sim_scenario *scenario = result->scenario;
    char text[CRL_MORAL_MAX], facts[CRL_SIM_FACTS_MAX];
    const struct crl_page_head head = {
        .name = scenario->name,
        .verb = "corral sim",
        .about = scenario->about,
        .facts = crl_sim_facts(result, facts),
        .command = result->command,
        .shows = scenario->shows,
    };
    crl_page_begin(&head, out);
    fputs("<h2>What came of it</h2>\n", out);
    for (uint32_t i = result->runs_n > 1 ? 1 : 0; i < result->runs_n; i++)
        crl_html_paragraph("moral", crl_sim_moral(result, i, text), out);
    for (uint32_t i = 0; i < result->runs_n; i++) {
        if (result->runs[i]->report.broken[0] != '\0')
            crl_html_paragraph("broken", result->runs[i]->report.broken, out);
    }
}

/* --------------------------------------------------------------------------------------- tables */

static void names_write(const struct crl_sim_result *result, FILE *out)
{
    fputs("<thead><tr><th></th>", out);
    for (uint32_t i = 0; i < result->runs_n; i++) {
        fputs("<th>", out);
        crl_html_write(result->runs[i]->column.name, out);
        fputs("</th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
}

static void figures_write(const struct crl_sim_result *result, FILE *out)
{
    fputs("<div class=\"card scroll\">\n<h3>Figures</h3>\n<table>\n", out);
    names_write(result, out);
    for (uint32_t row = 0; row < crl_sim_figures_n; row++) {
        const struct crl_sim_figure *figure = &crl_sim_figures[row];
        char text[CRL_FIGURE_MAX];
        if (!crl_sim_figure_shown(figure, result))
            continue;
        fprintf(out, "<tr><th>%s</th>", figure->label);
        for (uint32_t i = 0; i < result->runs_n; i++)
            fprintf(out, "<td>%s</td>",
                    crl_sim_figure_format(figure, &result->runs[i]->report, text));
        fputs("</tr>\n", out);
    }
    fputs("</tbody>\n</table>\n</div>\n", out);
}

/* A row of counts; nothing if all are zero. at: where the count is in a report. */
static void counts_write(const struct crl_sim_result *result, const char *label, const char *note,
                         size_t at, FILE *out)
{
    uint64_t any = 0, n;
    for (uint32_t i = 0; i < result->runs_n; i++) {
        memcpy(&n, (const char *)&result->runs[i]->report + at, sizeof n);
        any |= n;
    }
    if (any == 0)
        return;
    fprintf(out, "<tr><th title=\"%s\">%s</th>", note, label);
    for (uint32_t i = 0; i < result->runs_n; i++) {
        char text[CRL_FIGURE_MAX];
        memcpy(&n, (const char *)&result->runs[i]->report + at, sizeof n);
        fprintf(out, "<td>%s</td>", crl_figure_count(n, text, sizeof text));
    }
    fputs("</tr>\n", out);
}

static void answers_write(const struct crl_sim_result *result, FILE *out)
{
    fputs("<div class=\"card scroll\">\n<h3>What readers got</h3>\n<table>\n", out);
    names_write(result, out);
#define X(name, word, text) \
    counts_write(result, word, text, offsetof(struct sim_report, answers[CORRAL_##name]), out);
    CORRAL_OUTCOME_TABLE(X)
#undef X
#define X(name, value, status, text) \
    counts_write(result, text, #name, offsetof(struct sim_report, errors[-(value)]), out);
    CORRAL_RC_TABLE(X)
#undef X
    counts_write(result, "cut off", "their node was killed under them",
                 offsetof(struct sim_report, forgotten), out);
    fputs("</tbody>\n</table>\n</div>\n", out);
}

/* The numbers behind the plots of one run. */
static void slices_write(const struct crl_sim_run *run, FILE *out)
{
    char text[CRL_FIGURE_MAX];
    fputs("<details><summary>Numbers over time: ", out);
    crl_html_write(run->column.name, out);
    fputs("</summary>\n<div class=\"scroll\"><table class=\"small\">\n<thead><tr><th>from</th>",
          out);
    for (uint32_t row = 0; row < crl_sim_lines_n; row++)
        fprintf(out, "<th>%s</th>", crl_sim_lines[row].label);
    fputs("</tr></thead>\n<tbody>\n", out);
    for (uint32_t i = 0; i < run->report.slices_n; i++) {
        corral_us at = run->report.slice_us * (corral_us)i;
        fprintf(out, "<tr><th>%.6g s</th>", (double)at / 1e6);
        for (uint32_t row = 0; row < crl_sim_lines_n; row++) {
            const struct crl_sim_line *line = &crl_sim_lines[row];
            uint64_t value = line->of(&run->report.slices[i]);
            fprintf(out, "<td>%s</td>",
                    line->is_time ? crl_figure_us((corral_us)value, text, sizeof text)
                                  : crl_figure_count(value, text, sizeof text));
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody>\n</table></div></details>\n", out);
}

/* ---------------------------------------------------------------------------------------- plots */

static void bars_write(const struct crl_sim_result *result, FILE *out)
{
    static const char *const chosen[] = {"origin loads",        "peak loads at once",
                                         "peak database queue", "errors",
                                         "latency p99.9",       "latency max"};
    fputs("<h2>Side by side</h2>\n<div class=\"cards\">\n", out);
    for (size_t i = 0; i < sizeof chosen / sizeof chosen[0]; i++) {
        for (uint32_t row = 0; row < crl_sim_figures_n; row++) {
            if (strcmp(crl_sim_figures[row].label, chosen[i]) != 0 ||
                !crl_sim_figure_any(&crl_sim_figures[row], result))
                continue;
            fprintf(out, "<div class=\"card\">\n<h3>%s</h3>\n", chosen[i]);
            crl_sim_chart_bars(result, &crl_sim_figures[row], out);
            fputs("</div>\n", out);
        }
    }
    fputs("</div>\n<div class=\"cards wide\">\n", out);
    figures_write(result, out);
    answers_write(result, out);
    fputs("</div>\n", out);
}

static void key_write(const struct crl_sim_result *result, FILE *out)
{
    const char *names[CRL_SIM_RUNS_MAX];
    for (uint32_t i = 0; i < result->runs_n; i++)
        names[i] = result->runs[i]->column.name;
    crl_chart_key(names, NULL, result->runs_n, out);
}

static void lines_write(const struct crl_sim_result *result, FILE *out)
{
    static const struct {
        const char *json, *title, *note;
    } chosen[] = {
        {"loads", "Loads begun", "a second"},
        {"max_latency_us", "Latency", "the slowest answer"},
        {"peak_database_queue", "Database queue", "queries that wait there"},
        {"peak_loads", "Queries at the database", "at once, those that wait included"},
        {"errors", "Errors", "a second"},
    };
    fputs("<h2>Over time</h2>\n", out);
    key_write(result, out);
    fputs("<div class=\"cards wide\">\n", out);
    for (size_t i = 0; i < sizeof chosen / sizeof chosen[0]; i++) {
        for (uint32_t row = 0; row < crl_sim_lines_n; row++) {
            const struct crl_sim_line *line = &crl_sim_lines[row];
            if (strcmp(line->json, chosen[i].json) != 0 || !crl_sim_line_shown(line, result))
                continue;
            fprintf(out, "<div class=\"card\">\n<h3>%s <small>%s</small></h3>\n", chosen[i].title,
                    chosen[i].note);
            crl_sim_chart_line(result, line, out);
            fputs("</div>\n", out);
        }
    }
    fputs("</div>\n", out);
}

static void requests_write(const struct crl_sim_result *result, FILE *out)
{
    fputs("<h2>Answers over time</h2>\n", out);
    crl_chart_key(crl_sim_layer_names, crl_sim_layer_classes, CRL_SIM_LAYERS, out);
    fputs("<div class=\"cards wide\">\n", out);
    for (uint32_t i = 0; i < result->runs_n; i++) {
        fputs("<div class=\"card\">\n<h3>", out);
        crl_html_write(result->runs[i]->column.name, out);
        fputs(" <small>answers a second</small></h3>\n", out);
        crl_sim_chart_answers(result, i, out);
        fputs("</div>\n", out);
    }
    fputs("</div>\n", out);
}

void crl_sim_report_html(const struct crl_sim_result *result, FILE *out)
{
    head_write(result, out);
    bars_write(result, out);
    lines_write(result, out);
    requests_write(result, out);
    fputs("<h2>Numbers</h2>\n", out);
    for (uint32_t i = 0; i < result->runs_n; i++)
        slices_write(result->runs[i], out);
    crl_page_end("Simulated in virtual time by Corral " CORRAL_VERSION
                 ": the same scenario and seed give the same page.",
                 out);
}
