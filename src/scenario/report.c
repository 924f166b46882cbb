/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c - the text and the JSON; see report.h. The page is in html.c. */
#include "scenario/report.h"

#include "config/policy.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

enum {
    LABEL = 21,     /* columns of a row's label */
    CELL_MIN = 13,  /* columns of a figure */
    LINE_LABEL = 9, /* columns before a time line */
    LINE_PEAK = 11, /* and behind it */
};

/* What the text is written on. */
struct sheet {
    FILE *out;
    struct crl_paint paint;
    bool unicode;
    int width;      /* columns */
    uint32_t times; /* columns of a time line */
};

/* ---------------------------------------------------------------------------------------- words */

static void wrapped_write(const char *text, int used, const struct sheet *sheet)
{
    crl_lines_write(text, used, 0, sheet->width, sheet->out);
}

static void title_write(const struct crl_sim_result *result, const struct sheet *sheet)
{
    const struct crl_sim_scenario *scenario = result->scenario;
    char facts[CRL_SIM_FACTS_MAX];
    fprintf(sheet->out, "%s%s%s%s", sheet->paint.bold, scenario->name, sheet->paint.plain,
            scenario->about != NULL ? ":" : "\n");
    if (scenario->about != NULL)
        wrapped_write(scenario->about, (int)strlen(scenario->name) + 1, sheet);
    wrapped_write(crl_sim_facts(result, facts), 0, sheet);
    if (scenario->shows != NULL) {
        fputc('\n', sheet->out);
        wrapped_write(scenario->shows, 0, sheet);
    }
}

/* ---------------------------------------------------------------------------------------- table */

/* Columns that a run needs in the table. */
static int cell_width(const struct crl_sim_run *run)
{
    size_t width = CELL_MIN;
    char text[CRL_FIGURE_MAX];
    if (strlen(run->column.name) + 2 > width)
        width = strlen(run->column.name) + 2;
    for (uint32_t i = 0; i < crl_sim_figures_n; i++) {
        size_t size = strlen(crl_sim_figure_format(&crl_sim_figures[i], &run->report, text)) + 2;
        width = size > width ? size : width;
    }
    return (int)width;
}

static void cell_write(const struct crl_sim_figure *figure, const struct crl_sim_run *run,
                       const struct sheet *sheet)
{
    char text[CRL_FIGURE_MAX];
    const char *colour = figure->of(&run->report) > 2 ? sheet->paint.bad : sheet->paint.good;
    crl_sim_figure_format(figure, &run->report, text);
    fprintf(sheet->out, "%s%*s%s", figure->is_goal ? colour : "", cell_width(run), text,
            figure->is_goal ? sheet->paint.plain : "");
}

/* The runs from `first` up to `end`, side by side. */
static void table_write(const struct crl_sim_result *result, uint32_t first, uint32_t end,
                        const struct sheet *sheet)
{
    FILE *out = sheet->out;
    fprintf(out, "\n%*s", LABEL, "");
    for (uint32_t i = first; i < end; i++)
        fprintf(out, "%s%*s%s", sheet->paint.bold, cell_width(result->runs[i]),
                result->runs[i]->column.name, sheet->paint.plain);
    fputc('\n', out);
    for (uint32_t row = 0; row < crl_sim_figures_n; row++) {
        const struct crl_sim_figure *figure = &crl_sim_figures[row];
        if (!crl_sim_figure_shown(figure, result))
            continue;
        fprintf(out, "%-*s", LABEL, figure->label);
        for (uint32_t i = first; i < end; i++)
            cell_write(figure, result->runs[i], sheet);
        fputc('\n', out);
    }
}

static void tables_write(const struct crl_sim_result *result, const struct sheet *sheet)
{
    uint32_t first = 0;
    while (first < result->runs_n) {
        int used = LABEL + cell_width(result->runs[first]);
        uint32_t end = first + 1;
        while (end < result->runs_n && used + cell_width(result->runs[end]) <= sheet->width)
            used += cell_width(result->runs[end++]);
        table_write(result, first, end, sheet);
        first = end;
    }
}

/* ----------------------------------------------------------------------------------- time lines */

/* How many slices share a column. */
static uint32_t slices_a_column(const struct sim_report *report, const struct sheet *sheet)
{
    return (report->slices_n + sheet->times - 1) / sheet->times;
}

/* The value of a line in one column of the time line. */
static uint64_t column_value(const struct crl_sim_line *line, const struct sim_report *report,
                             uint32_t column, const struct sheet *sheet)
{
    uint32_t each = slices_a_column(report, sheet);
    uint64_t value = 0;
    for (uint32_t i = column * each; i < (column + 1) * each && i < report->slices_n; i++) {
        uint64_t mine = line->of(&report->slices[i]);
        value = line->adds_up ? value + mine : mine > value ? mine : value;
    }
    return value;
}

static uint64_t line_peak(const struct crl_sim_line *line, const struct sim_report *report,
                          const struct sheet *sheet)
{
    uint64_t peak = 0;
    for (uint32_t column = 0; column < sheet->times; column++) {
        uint64_t value = column_value(line, report, column, sheet);
        peak = value > peak ? value : peak;
    }
    return peak;
}

/* One line on a scale that all runs share, so that they can be compared by eye. */
static void line_write(const struct crl_sim_line *line, const struct crl_sim_result *result,
                       const struct sim_report *report, const struct sheet *sheet)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const signs[] = {" ", ".", ":", "-", "=", "+", "*", "#", "@"};
    uint64_t most = 1, peak = line_peak(line, report, sheet);
    char text[CRL_FIGURE_MAX];
    for (uint32_t i = 0; i < result->runs_n; i++) {
        uint64_t theirs = line_peak(line, &result->runs[i]->report, sheet);
        most = theirs > most ? theirs : most;
    }
    fprintf(sheet->out, "%-*s", LINE_LABEL, line->label);
    for (uint32_t column = 0; column < sheet->times; column++) {
        double height = (double)column_value(line, report, column, sheet) / (double)most;
        uint32_t level = height > 0 ? 1 + (uint32_t)(height * 7.999) : 0;
        level = level > 8 ? 8 : level;
        fputs(sheet->unicode ? blocks[level] : signs[level], sheet->out);
    }
    if (line->is_time)
        crl_figure_us((corral_us)peak, text, sizeof text);
    else
        crl_figure_count(peak, text, sizeof text);
    fprintf(sheet->out, "%*s\n", LINE_PEAK, text);
}

/* A span of time below the lines, with its name behind it, or before it if there is more room. */
static void span_write(const char *label, const char *name, corral_us from, corral_us until,
                       const struct sim_report *report, const struct sheet *sheet)
{
    FILE *out = sheet->out;
    corral_us each = report->slice_us * slices_a_column(report, sheet);
    int end = (int)((report->slices_n * report->slice_us + each - 1) / each);
    int first = (int)(from / each), last = (int)((until + each - 1) / each);
    if (first >= end)
        return;
    last = last > end ? end : last;
    last = last > first ? last : first + 1;
    int behind = (int)sheet->times + LINE_PEAK - last - 1, before = first - 1;
    bool is_behind = behind >= before || behind >= (int)strlen(name);
    int size = (int)strlen(name), room = is_behind ? behind : before;
    size = size < room ? size : room;
    fprintf(out, "%-*s%*s", LINE_LABEL, label, is_behind ? first : first - 1 - size, "");
    if (!is_behind)
        fprintf(out, "%.*s ", size, name);
    for (int i = first; i < last; i++)
        fputs(sheet->unicode ? "░" : "~", out);
    if (is_behind)
        fprintf(out, " %.*s", size, name);
    fputc('\n', out);
}

/* What is not in the figures, and what goes wrong. */
static void spans_write(const struct crl_sim_result *result, const struct sim_report *report,
                        const struct sheet *sheet)
{
    const struct crl_sim_scenario *scenario = result->scenario;
    char name[CRL_SIM_FAULT_MAX];
    if (scenario->measure_us > 0)
        span_write("warm-up", "not counted", 0, scenario->measure_us, report, sheet);
    for (size_t i = 0; i < scenario->faults_n; i++) {
        const struct crl_sim_fault *fault = &scenario->faults[i];
        span_write("fault", crl_sim_fault_name(fault->kind, name), fault->at_us,
                   crl_sim_fault_until(fault), report, sheet);
    }
}

static void axis_write(const struct sim_report *report, const struct sheet *sheet)
{
    FILE *out = sheet->out;
    char end[CRL_FIGURE_MAX];
    uint32_t each = slices_a_column(report, sheet);
    int columns = (int)((report->slices_n + each - 1) / each);
    int head = fprintf(out, "%*s0 s", LINE_LABEL, "");
    crl_figure_us(report->slice_us * report->slices_n, end, sizeof end);
    int space = LINE_LABEL + columns - head;
    fprintf(out, "%*s\n", space > (int)strlen(end) + 1 ? space : (int)strlen(end) + 1, end);
}

static void times_write(const struct crl_sim_result *result, const struct sheet *sheet)
{
    char span[CRL_FIGURE_MAX], text[128];
    const struct sim_report *first = &result->runs[0]->report;
    if (first->slices_n == 0)
        return;
    crl_figure_us(first->slice_us * slices_a_column(first, sheet), span, sizeof span);
    (void)snprintf(text, sizeof text,
                   "\nover time: %s a column, the highest one at the right; one scale for all",
                   span);
    wrapped_write(text, 0, sheet);
    for (uint32_t i = 0; i < result->runs_n; i++) {
        const struct crl_sim_run *run = result->runs[i];
        fprintf(sheet->out, "\n%s%s%s\n", sheet->paint.bold, run->column.name, sheet->paint.plain);
        for (uint32_t row = 0; row < crl_sim_lines_n && run->report.slices_n > 0; row++) {
            const struct crl_sim_line *line = &crl_sim_lines[row];
            if (!line->is_detail && crl_sim_line_shown(line, result))
                line_write(line, result, &run->report, sheet);
        }
        if (run->report.slices_n == 0)
            continue;
        spans_write(result, &run->report, sheet);
        axis_write(&run->report, sheet);
    }
}

/* ---------------------------------------------------------------------------------------- whole */

static void morals_write(const struct crl_sim_result *result, const struct sheet *sheet)
{
    fputc('\n', sheet->out);
    for (uint32_t i = result->runs_n > 1 ? 1 : 0; i < result->runs_n; i++) {
        char moral[CRL_MORAL_MAX];
        wrapped_write(crl_sim_moral(result, i, moral), 0, sheet);
    }
    for (uint32_t i = 0; i < result->runs_n; i++) {
        const struct crl_sim_run *run = result->runs[i];
        char text[CRL_MORAL_MAX];
        if (run->report.broken[0] == '\0')
            continue;
        (void)snprintf(text, sizeof text, "%s: A PROMISE BROKE, key %u: %s", run->column.name,
                       run->report.broken_key, run->report.broken);
        fputs(sheet->paint.bad, sheet->out);
        wrapped_write(text, 0, sheet);
        fputs(sheet->paint.plain, sheet->out);
    }
}

void crl_sim_report_text(const struct crl_sim_result *result, struct crl_style style, FILE *out)
{
    int width = 80 - style.narrower;
    const struct sheet sheet = {.out = out,
                                .paint = crl_paint_of(style),
                                .unicode = style.unicode,
                                .width = width,
                                .times = (uint32_t)(width - LINE_LABEL - LINE_PEAK)};
    title_write(result, &sheet);
    if (result->runs_n == 0)
        return;
    tables_write(result, &sheet);
    times_write(result, &sheet);
    morals_write(result, &sheet);
}

/* ----------------------------------------------------------------------------------------- JSON */

static json_t *answers_json(const struct sim_report *report, bool *lost)
{
    json_t *answers = json_object();
#define X(name, word, text) \
    crl_json_add(answers, word, crl_json_count(report->answers[CORRAL_##name]), lost);
    CORRAL_OUTCOME_TABLE(X)
#undef X
    return answers;
}

static json_t *errors_json(const struct sim_report *report, bool *lost)
{
    json_t *errors = json_object();
#define X(name, value, status, text)  \
    if (report->errors[-(value)] > 0) \
        crl_json_add(errors, #name, crl_json_count(report->errors[-(value)]), lost);
    CORRAL_RC_TABLE(X)
#undef X
    return errors;
}

static json_t *quantiles_json(const struct crl_quantiles *quantiles, bool *lost)
{
    json_t *o = json_object();
    crl_json_add(o, "p50", json_integer(crl_quantiles_at(quantiles, 0.5)), lost);
    crl_json_add(o, "p99", json_integer(crl_quantiles_at(quantiles, 0.99)), lost);
    crl_json_add(o, "p999", json_integer(crl_quantiles_at(quantiles, 0.999)), lost);
    crl_json_add(o, "max", json_integer(quantiles->max_us), lost);
    return o;
}

/* A list for each line, all of the same length. */
static json_t *times_json(const struct sim_report *report, bool *lost)
{
    json_t *o = json_object();
    for (uint32_t row = 0; row < crl_sim_lines_n; row++) {
        const struct crl_sim_line *line = &crl_sim_lines[row];
        json_t *values = json_array();
        for (uint32_t i = 0; i < report->slices_n; i++) {
            crl_json_append(values, crl_json_count(line->of(&report->slices[i])), lost);
        }
        crl_json_add(o, line->json, values, lost);
    }
    crl_json_add(o, "slice_us", json_integer(report->slice_us), lost);
    return o;
}

static json_t *trace_json(const char *trace, bool *lost)
{
    json_t *lines = json_array();
    while (*trace) {
        size_t size = strcspn(trace, "\n");
        crl_json_append(lines, json_stringn(trace, size), lost);
        trace += size + (trace[size] == '\n');
    }
    return lines;
}

static json_t *run_json(const struct crl_sim_run *run, bool *lost)
{
    const struct sim_report *report = &run->report;
    double factor = crl_sim_amplification(report);
    json_t *o = json_object();
    crl_json_add(o, "name", json_string(run->column.name), lost);
    crl_json_add(o, "strategy", json_string(crl_config_strategy_word(run->column.route.strategy)),
                 lost);
    crl_json_add(o, "store", json_boolean(run->column.has_store), lost);
    crl_json_add(o, "requests", crl_json_count(report->requests), lost);
    crl_json_add(o, "answers", answers_json(report, lost), lost);
    crl_json_add(o, "errors", crl_json_count(report->errors_all), lost);
    crl_json_add(o, "errors_by_kind", errors_json(report, lost), lost);
    crl_json_add(o, "forgotten", crl_json_count(report->forgotten), lost);
    crl_json_add(o, "origin_loads", crl_json_count(report->loads), lost);
    crl_json_add(o, "needed", crl_json_count(report->needed), lost);
    crl_json_add(o, "amplification", factor < 0 ? json_null() : json_real(factor), lost);
    crl_json_add(o, "peak_loads", crl_json_count(report->loads_at_once_max), lost);
    crl_json_add(o, "peak_database_queue", crl_json_count(report->database_queue_max), lost);
    crl_json_add(o, "database_timeouts", crl_json_count(report->database_timeouts), lost);
    crl_json_add(o, "leases", crl_json_count(report->leases), lost);
    crl_json_add(o, "leases_lost", crl_json_count(report->leases_lost), lost);
    crl_json_add(o, "latency_us", quantiles_json(&report->latency, lost), lost);
    crl_json_add(o, "age_us", quantiles_json(&report->age, lost), lost);
    crl_json_add(o, "events", crl_json_count(report->events), lost);
    crl_json_add(o, "timeline", times_json(report, lost), lost);
    crl_json_add(o, "broken", report->broken[0] ? json_string(report->broken) : json_null(), lost);
    if (run->trace != NULL)
        crl_json_add(o, "trace", trace_json(run->trace, lost), lost);
    return o;
}

int crl_sim_report_json(const struct crl_sim_result *result, FILE *out)
{
    bool lost = false;
    json_t *runs = json_array(), *all = json_object();
    for (uint32_t i = 0; i < result->runs_n; i++) {
        crl_json_append(runs, run_json(result->runs[i], &lost), &lost);
    }
    crl_json_add(all, "version", json_string(CORRAL_VERSION), &lost);
    crl_json_add(all, "scenario", json_string(result->scenario->name), &lost);
    crl_json_add(all, "seed", crl_json_count(result->seed), &lost);
    crl_json_add(all, "nodes", crl_json_count(result->scenario->nodes), &lost);
    crl_json_add(all, "keys", crl_json_count(result->scenario->keys.count), &lost);
    crl_json_add(all, "duration_us", json_integer(result->scenario->lasts_us), &lost);
    crl_json_add(all, "measured_from_us", json_integer(result->scenario->measure_us), &lost);
    crl_json_add(all, "runs", runs, &lost);
    return crl_json_print(all, lost, out);
}
