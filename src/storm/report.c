/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c - the text and the JSON; see report.h. The page is in html.c. */
#include "storm/report.h"

#include "base/assert.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#define TEXT CRL_FIGURE_MAX

enum {
    WIDTH = 80, /* columns of the text */
    NAME = 12,  /* of a strategy */
    BAR = 58,   /* of the longest bar */
};

/* -------------------------------------------------------------------------------------- figures */

double crl_storm_amplification(const struct crl_storm_counts *counts)
{
    if (!counts->known || counts->needed == 0)
        return -1;
    return (double)counts->loads / (double)counts->needed;
}

static char *known_format(bool known, uint64_t n, char text[TEXT])
{
    return known ? crl_figure_count(n, text, TEXT) : memcpy(text, "-", 2);
}

char *crl_storm_format_loads(const struct crl_storm_counts *counts, char text[CRL_FIGURE_MAX])
{
    return known_format(counts->known, counts->loads, text);
}

/* -1 if nothing was answered. */
static corral_us latency_at(const struct crl_storm_run *run, double fraction)
{
    const struct crl_quantiles *latency = &run->tally.latency;
    if (latency->n == 0)
        return -1;
    return fraction < 1 ? crl_quantiles_at(latency, fraction) : latency->max_us;
}

const char *const crl_storm_cell_labels[CRL_STORM_CELLS] = {
#define X(name, label) label,
    CRL_STORM_CELL_TABLE(X)
#undef X
};

double crl_storm_cell_value(const struct crl_storm_run *run, enum crl_storm_cell cell)
{
    const struct crl_storm_counts *counts = &run->counts;
    switch (cell) {
    case CRL_STORM_CELL_REQUESTS:
        return (double)run->tally.requests;
    case CRL_STORM_CELL_LOADS:
        return counts->known ? (double)counts->loads : -1;
    case CRL_STORM_CELL_AMPLIFICATION:
        return crl_storm_amplification(counts);
    case CRL_STORM_CELL_PEAK:
        return counts->peak_known ? (double)counts->peak : -1;
    case CRL_STORM_CELL_ERRORS:
        return (double)crl_storm_tally_errors(&run->tally);
    case CRL_STORM_CELL_P50:
        return (double)latency_at(run, 0.50);
    case CRL_STORM_CELL_P99:
        return (double)latency_at(run, 0.99);
    case CRL_STORM_CELL_MAX:
        return (double)latency_at(run, 1);
    case CRL_STORM_CELLS:
        break;
    }
    crl_unreachable();
}

void crl_storm_cells(const struct crl_storm_run *run,
                     char ret_cells[CRL_STORM_CELLS][CRL_FIGURE_MAX])
{
    for (uint32_t i = 0; i < CRL_STORM_CELLS; i++) {
        double value = crl_storm_cell_value(run, (enum crl_storm_cell)i);
        if (i == CRL_STORM_CELL_AMPLIFICATION)
            crl_figure_factor(value, ret_cells[i], TEXT);
        else if (i >= CRL_STORM_CELL_P50)
            crl_figure_us((corral_us)value, ret_cells[i], TEXT);
        else
            known_format(value >= 0, (uint64_t)fmax(value, 0), ret_cells[i]);
    }
}

/* -------------------------------------------------------------------------------- what happened */

static bool all_were_hits(const struct crl_storm_tally *tally)
{
    return tally->ok[CRL_STORM_HIT] > 0 && tally->ok[CRL_STORM_HIT] == crl_storm_tally_ok(tally);
}

/* Was the run over before the key expired? Then every reader hit, and the one load at most was that
 * which brought the key into memory, before the readers came. */
static bool run_never_expired(const struct crl_storm_run *run)
{
    return run->scenario == CRL_STORM_EXPIRY && all_were_hits(&run->tally) &&
           (!run->counts.known || run->counts.loads <= 1);
}

/* Was the key that should be absent there? */
static bool run_was_warm(const struct crl_storm_run *run)
{
    return run->scenario == CRL_STORM_COLD && all_were_hits(&run->tally) &&
           (!run->counts.known || run->counts.loads == 0);
}

const char *crl_storm_runs_text(struct crl_storm_run *const *runs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!run_never_expired(runs[i]) && !run_was_warm(runs[i]))
            return crl_storm_scenario_text(runs[0]->scenario);
    }
    return runs[0]->scenario == CRL_STORM_COLD
               ? "all clients ask at once for one key, which was in memory already"
               : "all clients keep asking for one key, which never expired in the run";
}

/* Why not one answer was good, if the requests themselves were the reason. */
static const char *refusal_lack(const struct crl_storm_run *run)
{
    const struct crl_storm_tally *tally = &run->tally;
    int status = tally->errors[0].status;
    if (tally->requests == 0)
        return "no request was sent; let --duration be longer";
    if (run->counts.known && run->counts.loads > 0)
        return NULL; /* the origin was asked: the figures tell of it */
    if (tally->errors[0].n != crl_storm_tally_errors(tally) || status < 400 || status >= 500)
        return NULL;
    if (tally->unrouted == tally->errors[0].n && run->counts.known)
        return "the path is no route: every answer was 404; ask for the path of one";
    switch (status) {
    case 400:
        return "every answer was 400; is a parameter missing, or of another type?";
    case 404:
        return "every answer was 404; the target has nothing under this path";
    case 405:
        return "every answer was 405; the path takes no GET";
    default:
        return "every request was refused, with the status under 'answers'";
    }
}

const char *crl_storm_run_lack(const struct crl_storm_run *run)
{
    uint64_t ok = crl_storm_tally_ok(&run->tally);
    if (run->stopped)
        return NULL;
    if (ok == 0)
        return refusal_lack(run);
    if (run_never_expired(run))
        return "the key never expired; let --duration be longer than its TTL";
    if (run_was_warm(run))
        return "the key was in memory already; purge it, or ask for another";
    if (!run->counts.known)
        return "what the origin had to do is not known; the target's /metrics do not tell";
    if (run->counts.loads == 0 && run->tally.ok[CRL_STORM_UNKNOWN] == ok)
        return "the origin had nothing to do; is it the path of a route?";
    return NULL;
}

/* What all runs of one scenario lack. */
static const char *runs_lack(struct crl_storm_run *const *runs, uint32_t n)
{
    const char *lack = crl_storm_run_lack(runs[0]);
    for (uint32_t i = 1; i < n; i++) {
        if (crl_storm_run_lack(runs[i]) != lack)
            return NULL;
    }
    return lack;
}

/* ------------------------------------------------------------------------------------ the moral */

/* How long it took: all of them in the cold storm, the unluckiest in the others. */
static corral_us run_longest(const struct crl_storm_run *run)
{
    return run->scenario == CRL_STORM_COLD ? run->tally.took_us : run->tally.latency.max_us;
}

static const char *longest_words(const struct crl_storm_run *run, const struct crl_storm_run *first)
{
    if (run->scenario != CRL_STORM_COLD)
        return "at worst ";
    return crl_storm_tally_errors(&run->tally) + crl_storm_tally_errors(&first->tally) > 0
               ? "all over in "
               : "all answered in ";
}

static char *moral_alone(const struct crl_storm_run *run, char text[CRL_MORAL_MAX])
{
    char loads[TEXT], requests[TEXT], wait[TEXT], errors[TEXT];
    uint64_t errors_n = crl_storm_tally_errors(&run->tally);
    (void)snprintf(text, CRL_MORAL_MAX, "%s: %s %s for %s %s; %s%s",
                   crl_storm_strategy_name(run->strategy),
                   crl_figure_count(run->counts.loads, loads, TEXT),
                   run->counts.loads == 1 ? "query" : "queries",
                   crl_figure_count(run->tally.requests, requests, TEXT),
                   run->tally.requests == 1 ? "request" : "requests", longest_words(run, run),
                   crl_figure_us(run_longest(run), wait, TEXT));
    if (errors_n > 0)
        crl_append(text, CRL_MORAL_MAX, "; %s %s", crl_figure_count(errors_n, errors, TEXT),
                   errors_n == 1 ? "error" : "errors");
    return text;
}

static char *moral_compared(const struct crl_storm_run *run, const struct crl_storm_run *first,
                            char text[CRL_MORAL_MAX])
{
    bool peaks_known = run->counts.peak_known && first->counts.peak_known;
    struct crl_moral_part parts[] = {
        crl_moral_part_count(run->counts.loads, first->counts.loads, " query", " queries"),
        crl_moral_part_count(peaks_known ? run->counts.peak : 0,
                             peaks_known ? first->counts.peak : 0, " query at once",
                             " queries at once"),
        crl_moral_part_us(run_longest(run), run_longest(first), longest_words(run, first)),
        crl_moral_part_us(latency_at(run, 0.99), latency_at(first, 0.99), "p99 "),
        crl_moral_part_count(crl_storm_tally_errors(&run->tally),
                             crl_storm_tally_errors(&first->tally), " error", " errors"),
    };
    parts[1].is_substitute = parts[3].is_substitute = true;
    return crl_moral(crl_storm_strategy_name(run->strategy), parts, sizeof parts / sizeof parts[0],
                     text);
}

/* A run has figures to speak of. */
static bool run_tells(const struct crl_storm_run *run)
{
    return run->counts.known && !run->stopped && run->tally.latency.n > 0 &&
           crl_storm_run_lack(run) == NULL;
}

bool crl_storm_verdict(struct crl_storm_run *const *runs, uint32_t n, uint32_t i,
                       char text[CRL_MORAL_MAX], const char **ret_class)
{
    const struct crl_storm_run *run = runs[i];
    const char *common = runs_lack(runs, n), *lack = crl_storm_run_lack(run);
    bool is_compared = runs[0]->strategy == CRL_STORM_NONE && run_tells(runs[0]);
    if (common != NULL ? i > 0 : lack == NULL && !run_tells(run))
        return false;
    if (common == NULL && i == 0 && n > 1 && is_compared)
        return false; /* the others are compared with it */
    if (lack != NULL)
        (void)snprintf(text, CRL_MORAL_MAX, "%s: %s",
                       common != NULL ? crl_storm_scenario_name(run->scenario)
                                      : crl_storm_strategy_name(run->strategy),
                       lack);
    else if (i > 0 && is_compared)
        moral_compared(run, runs[0], text);
    else
        moral_alone(run, text);
    *ret_class = lack != NULL ? "lack" : "moral";
    return true;
}

/* ------------------------------------------------------------------------------------- the text */

static bool run_is_bad(const struct crl_storm_run *run)
{
    return crl_storm_amplification(&run->counts) > 2;
}

static void row_write(const struct crl_storm_run *run, FILE *out)
{
    static const int widths[CRL_STORM_CELLS] = {10, 9, 10, 6, 8, 9, 9, 9};
    char cells[CRL_STORM_CELLS][CRL_FIGURE_MAX];
    crl_storm_cells(run, cells);
    fprintf(out, "%-10s", crl_storm_strategy_name(run->strategy));
    for (int i = 0; i < CRL_STORM_CELLS; i++)
        fprintf(out, "%*s", widths[i], cells[i]);
    fputc('\n', out);
}

static void table_write(struct crl_storm_run *const *runs, uint32_t n, FILE *out)
{
    fprintf(out, "%29s%10s%6s\n", "origin", "ampli-", "peak");
    fprintf(out, "%-10s%10s%9s%10s%6s%8s%9s%9s%9s\n", "strategy", "requests", "loads", "fication",
            "loads", "errors", "p50", "p99", "max");
    for (uint32_t i = 0; i < n; i++)
        row_write(runs[i], out);
}

/* A row for each figure: few runs are narrower than many figures. */
static void narrow_table_write(struct crl_storm_run *const *runs, uint32_t n, FILE *out)
{
    char cells[CRL_STORM_STRATEGIES][CRL_STORM_CELLS][CRL_FIGURE_MAX];
    fprintf(out, "%-13s", "");
    for (uint32_t i = 0; i < n; i++) {
        fprintf(out, "%13s", crl_storm_strategy_name(runs[i]->strategy));
        crl_storm_cells(runs[i], cells[i]);
    }
    for (uint32_t row = 0; row < CRL_STORM_CELLS; row++) {
        fprintf(out, "\n%-13s", crl_storm_cell_labels[row]);
        for (uint32_t i = 0; i < n; i++)
            fprintf(out, "%13s", cells[i][row]);
    }
    fputc('\n', out);
}

/* A bar of `eighths` eighths of a column, in `room` columns. */
static void bar_write(uint64_t eighths, uint64_t room, bool unicode, FILE *out)
{
    static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    uint64_t columns = unicode ? eighths / 8 : (eighths + 7) / 8;
    for (uint64_t i = 0; i < columns; i++)
        fputs(unicode ? "█" : "#", out);
    if (unicode)
        fputs(parts[eighths % 8], out);
    uint64_t used = columns + (unicode && eighths % 8 ? 1 : 0);
    fprintf(out, "%*s", (int)(room - used), "");
}

static void bars_write(struct crl_storm_run *const *runs, uint32_t n, struct crl_style style,
                       FILE *out)
{
    struct crl_paint paint = crl_paint_of(style);
    uint64_t most = 0, room = (uint64_t)(BAR - style.narrower);
    for (uint32_t i = 0; i < n; i++)
        most = runs[i]->counts.known && runs[i]->counts.loads > most ? runs[i]->counts.loads : most;
    if (most == 0)
        return;
    fputs("\norigin loads\n", out);
    for (uint32_t i = 0; i < n; i++) {
        char loads[TEXT];
        uint64_t mine = runs[i]->counts.known ? runs[i]->counts.loads : 0;
        uint64_t eighths = mine * room * 8 / most;
        fprintf(out, "%-*s%s", NAME, crl_storm_strategy_name(runs[i]->strategy),
                run_is_bad(runs[i]) ? paint.bad : paint.good);
        bar_write(mine && !eighths ? 1 : eighths, room, style.unicode, out);
        fprintf(out, "%s%10s\n", paint.plain, crl_storm_format_loads(&runs[i]->counts, loads));
    }
}

/* One part of a list: ", 12 stale"; nothing for 0. */
static void part_add(uint64_t n, const char *word, char list[CRL_STORM_ANSWERS_MAX])
{
    char text[TEXT];
    if (n > 0)
        crl_append(list, CRL_STORM_ANSWERS_MAX, "%s%s %s", *list ? ", " : "",
                   crl_figure_count(n, text, TEXT), word);
}

const char *crl_storm_answers(const struct crl_storm_run *run, char list[CRL_STORM_ANSWERS_MAX])
{
    const struct crl_storm_tally *tally = &run->tally;
    list[0] = '\0';
    for (uint32_t i = 0; i < CRL_STORM_OUTCOMES; i++)
        part_add(tally->ok[i],
                 i == CRL_STORM_UNKNOWN ? "without Cache-Status" : crl_storm_outcome_name(i), list);
    for (uint32_t i = 0; i < CRL_STORM_STATUSES; i++) {
        char status[32] = "other errors";
        if (tally->errors[i].status)
            (void)snprintf(status, sizeof(status), "with status %d", tally->errors[i].status);
        part_add(tally->errors[i].n, status, list);
    }
    part_add(tally->broken, tally->broken == 1 ? "broken connection" : "broken connections", list);
    part_add(tally->timeouts, "timed out", list);
    part_add(tally->unanswered, "unanswered when stopped", list);
    if (*list)
        return list;
    return run->stopped ? "no answer yet" : "no request was sent";
}

static void answers_write(const struct crl_storm_run *run, int width, FILE *out)
{
    char list[CRL_STORM_ANSWERS_MAX];
    fprintf(out, "%-*s", NAME, crl_storm_strategy_name(run->strategy));
    crl_lines_write(crl_storm_answers(run, list), NAME, NAME, width, out);
}

/* What the scenario teaches, and what keeps it from doing so. */
static void verdicts_write(struct crl_storm_run *const *runs, uint32_t n, struct crl_style style,
                           FILE *out)
{
    struct crl_paint paint = crl_paint_of(style);
    char text[CRL_MORAL_MAX];
    const char *class;
    for (uint32_t i = 0; i < n; i++) {
        if (!crl_storm_verdict(runs, n, i, text, &class))
            continue;
        bool is_lack = strcmp(class, "lack") == 0;
        fprintf(out, "\n%s", is_lack ? paint.bad : "");
        crl_lines_write(text, 0, 0, WIDTH - style.narrower, out);
        fputs(is_lack ? paint.plain : "", out);
    }
}

static void scenario_write(struct crl_storm_run *const *runs, uint32_t n, struct crl_style style,
                           FILE *out)
{
    struct crl_paint paint = crl_paint_of(style);
    int width = WIDTH - style.narrower;
    const char *name = crl_storm_scenario_name(runs[0]->scenario);
    fprintf(out, "\n%s%s%s:", paint.bold, name, paint.plain);
    crl_lines_write(crl_storm_runs_text(runs, n), (int)strlen(name) + 1, 0, width, out);
    fputc('\n', out);
    (style.narrower ? narrow_table_write : table_write)(runs, n, out);
    bars_write(runs, n, style, out);
    fputs("\nanswers\n", out);
    for (uint32_t i = 0; i < n; i++)
        answers_write(runs[i], width, out);
    verdicts_write(runs, n, style, out);
}

char *crl_storm_title(const struct crl_storm_report *report, char text[CRL_STORM_TITLE_MAX])
{
    char clients[TEXT], delay[TEXT];
    (void)snprintf(text, CRL_STORM_TITLE_MAX, "%s %s, ",
                   crl_figure_count(report->options->clients, clients, TEXT),
                   report->options->clients == 1 ? "client" : "clients");
    if (report->concurrency)
        crl_append(text, CRL_STORM_TITLE_MAX, "one key, a query of %s, at most %u at once",
                   crl_figure_us(report->options->delay_us, delay, TEXT), report->concurrency);
    else
        crl_append(text, CRL_STORM_TITLE_MAX, "%s", report->target);
    return text;
}

void crl_storm_report_text(const struct crl_storm_report *report, struct crl_style style, FILE *out)
{
    static const char name[] = "corral storm:";
    char title[CRL_STORM_TITLE_MAX];
    int width = WIDTH - style.narrower;
    fputs(name, out);
    crl_lines_write(crl_storm_title(report, title), sizeof name - 1, 0, width, out);
    for (uint32_t at = 0, n = 1; at < report->runs_n; at += n, n = 1) {
        while (at + n < report->runs_n &&
               report->runs[at + n]->scenario == report->runs[at]->scenario)
            n++;
        scenario_write(report->runs + at, n, style, out);
    }
    if (report->runs_n && report->runs[report->runs_n - 1]->stopped)
        crl_lines_write("\nStopped early: the last row is what was measured so far.", 0, 0, width,
                        out);
}

/* ------------------------------------------------------------------------------------- the JSON */

static json_t *answers_json(const struct crl_storm_tally *tally, bool *lost)
{
    json_t *answers = json_object();
    for (uint32_t i = 0; i < CRL_STORM_OUTCOMES; i++)
        crl_json_add(answers, crl_storm_outcome_name(i), crl_json_count(tally->ok[i]), lost);
    return answers;
}

static json_t *errors_json(const struct crl_storm_tally *tally, bool *lost)
{
    json_t *errors = json_object();
    for (uint32_t i = 0; i < CRL_STORM_STATUSES; i++) {
        char status[16] = "other";
        if (tally->errors[i].n == 0)
            continue;
        if (tally->errors[i].status)
            (void)snprintf(status, sizeof(status), "%d", tally->errors[i].status);
        crl_json_add(errors, status, crl_json_count(tally->errors[i].n), lost);
    }
    crl_json_add(errors, "broken", crl_json_count(tally->broken), lost);
    crl_json_add(errors, "timeout", crl_json_count(tally->timeouts), lost);
    return errors;
}

static json_t *known_json(bool known, uint64_t n)
{
    return known ? crl_json_count(n) : json_null();
}

static json_t *us_json(corral_us us)
{
    return us < 0 ? json_null() : json_integer(us);
}

static json_t *run_json(const struct crl_storm_run *run, bool *lost)
{
    const struct crl_storm_tally *tally = &run->tally;
    const struct crl_storm_counts *counts = &run->counts;
    double amplification = crl_storm_amplification(counts);
    json_t *o = json_object();
    crl_json_add(o, "scenario", json_string(crl_storm_scenario_name(run->scenario)), lost);
    crl_json_add(o, "strategy", json_string(crl_storm_strategy_name(run->strategy)), lost);
    crl_json_add(o, "stopped", json_boolean(run->stopped), lost);
    crl_json_add(o, "requests", crl_json_count(tally->requests), lost);
    crl_json_add(o, "ok", crl_json_count(crl_storm_tally_ok(tally)), lost);
    crl_json_add(o, "answers", answers_json(tally, lost), lost);
    crl_json_add(o, "errors", crl_json_count(crl_storm_tally_errors(tally)), lost);
    crl_json_add(o, "errors_by_kind", errors_json(tally, lost), lost);
    crl_json_add(o, "unanswered", crl_json_count(tally->unanswered), lost);
    crl_json_add(o, "origin_loads", known_json(counts->known, counts->loads), lost);
    crl_json_add(o, "needed", known_json(counts->known, counts->needed), lost);
    crl_json_add(o, "amplification", amplification < 0 ? json_null() : json_real(amplification),
                 lost);
    crl_json_add(o, "peak_loads", known_json(counts->peak_known, counts->peak), lost);
    crl_json_add(o, "p50_us", us_json(latency_at(run, 0.50)), lost);
    crl_json_add(o, "p99_us", us_json(latency_at(run, 0.99)), lost);
    crl_json_add(o, "max_us", us_json(latency_at(run, 1)), lost);
    crl_json_add(o, "took_us", json_integer(tally->took_us), lost);
    return o;
}

int crl_storm_report_json(const struct crl_storm_report *report, FILE *out)
{
    bool stopped = report->runs_n > 0 && report->runs[report->runs_n - 1]->stopped;
    bool lost = false;
    json_t *runs = json_array(), *all = json_object();
    for (uint32_t i = 0; i < report->runs_n; i++)
        crl_json_append(runs, run_json(report->runs[i], &lost), &lost);
    crl_json_add(all, "version", json_string(CORRAL_VERSION), &lost);
    crl_json_add(all, "target", json_string(report->target), &lost);
    crl_json_add(all, "clients", json_integer(report->options->clients), &lost);
    crl_json_add(all, "seed", crl_json_count(report->options->seed), &lost);
    crl_json_add(all, "stopped", json_boolean(stopped), &lost);
    crl_json_add(all, "runs", runs, &lost);
    return crl_json_print(all, lost, out);
}
