/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c - the text and the JSON; see report.h. The page is in html.c. */
#include "storm/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define TEXT CRL_FIGURE_MAX
#define BAR  58 /* columns of the longest bar, of 80 */

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

void crl_storm_cells(const struct crl_storm_run *run,
                     char ret_cells[CRL_STORM_CELLS][CRL_FIGURE_MAX])
{
    const struct crl_storm_counts *counts = &run->counts;
    static const double fractions[] = {0.50, 0.99, 1};
    crl_figure_count(run->tally.requests, ret_cells[0], TEXT);
    crl_storm_format_loads(counts, ret_cells[1]);
    crl_figure_factor(crl_storm_amplification(counts), ret_cells[2], TEXT);
    known_format(counts->peak_known, counts->peak, ret_cells[3]);
    crl_figure_count(crl_storm_tally_errors(&run->tally), ret_cells[4], TEXT);
    for (int i = 0; i < 3; i++)
        crl_figure_us(latency_at(run, fractions[i]), ret_cells[5 + i], TEXT);
}

/* -------------------------------------------------------------------------------- what happened */

/* Was the run over before the key expired? Then every reader hit, and the one load at most was that
 * which brought the key into memory, before the readers came. */
static bool run_never_expired(const struct crl_storm_run *run)
{
    const struct crl_storm_tally *tally = &run->tally;
    return run->scenario == CRL_STORM_EXPIRY && tally->requests > 0 &&
           tally->ok[CRL_STORM_HIT] == tally->requests &&
           (!run->counts.known || run->counts.loads <= 1);
}

const char *crl_storm_runs_text(struct crl_storm_run *const *runs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!run_never_expired(runs[i]))
            return crl_storm_scenario_text(runs[0]->scenario);
    }
    return "all clients keep asking for one key, which never expired in the run";
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
    static const char *const labels[CRL_STORM_CELLS] = {
        "requests", "origin loads", "amplification", "peak loads", "errors", "p50", "p99", "max"};
    char cells[CRL_STORM_STRATEGIES][CRL_STORM_CELLS][CRL_FIGURE_MAX];
    fprintf(out, "%-13s", "");
    for (uint32_t i = 0; i < n; i++) {
        fprintf(out, "%13s", crl_storm_strategy_name(runs[i]->strategy));
        crl_storm_cells(runs[i], cells[i]);
    }
    for (uint32_t row = 0; row < CRL_STORM_CELLS; row++) {
        fprintf(out, "\n%-13s", labels[row]);
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
        fprintf(out, "%-12s%s", crl_storm_strategy_name(runs[i]->strategy),
                run_is_bad(runs[i]) ? paint.bad : paint.good);
        bar_write(mine && !eighths ? 1 : eighths, room, style.unicode, out);
        fprintf(out, "%s%10s\n", paint.plain, crl_storm_format_loads(&runs[i]->counts, loads));
    }
}

/* One part of a list: ", 12 stale"; nothing for 0. */
static void part_write(uint64_t n, const char *word, bool *first, FILE *out)
{
    char text[TEXT];
    if (n == 0)
        return;
    fprintf(out, "%s%s %s", *first ? "" : ", ", crl_figure_count(n, text, TEXT), word);
    *first = false;
}

static void answers_write(const struct crl_storm_run *run, FILE *out)
{
    const struct crl_storm_tally *tally = &run->tally;
    bool first = true;
    fprintf(out, "%-12s", crl_storm_strategy_name(run->strategy));
    for (uint32_t i = 0; i < CRL_STORM_OUTCOMES; i++)
        part_write(tally->ok[i],
                   i == CRL_STORM_UNKNOWN ? "without Cache-Status" : crl_storm_outcome_name(i),
                   &first, out);
    for (uint32_t i = 0; i < CRL_STORM_STATUSES; i++) {
        char status[32] = "other errors";
        if (tally->errors[i].status)
            (void)snprintf(status, sizeof(status), "with status %d", tally->errors[i].status);
        part_write(tally->errors[i].n, status, &first, out);
    }
    part_write(tally->broken, "broken connections", &first, out);
    part_write(tally->timeouts, "timed out", &first, out);
    part_write(tally->unanswered, "unanswered when stopped", &first, out);
    fputs(first ? "no answer yet\n" : "\n", out);
}

static const char *queries(uint64_t n)
{
    return n == 1 ? "query" : "queries";
}

/* How long it took: all of them in the cold storm, the unluckiest in the others. */
static corral_us run_longest(const struct crl_storm_run *run)
{
    return run->scenario == CRL_STORM_COLD ? run->tally.took_us : run->tally.latency.max_us;
}

/* What a scenario teaches, in one sentence for each strategy but the first. Where the key did not
 * expire there is nothing to compare. */
static void moral_write(struct crl_storm_run *const *runs, uint32_t n, FILE *out)
{
    const struct crl_storm_run *none = runs[0];
    bool compares =
        n > 1 && none->strategy == CRL_STORM_NONE && none->counts.known && !run_never_expired(none);
    const char *longest = none->scenario == CRL_STORM_COLD ? "all answered in" : "at worst";
    for (uint32_t i = compares ? 1 : 0; i < n; i++) {
        const struct crl_storm_run *run = runs[i];
        char mine[TEXT], theirs[TEXT], wait[TEXT], their_wait[TEXT];
        if (!run->counts.known || run->stopped || run->tally.requests == 0)
            continue;
        if (run_never_expired(run)) {
            fprintf(out, "\n%s: the key never expired; let --duration be longer than its TTL\n",
                    crl_storm_strategy_name(run->strategy));
            continue;
        }
        fprintf(out, "\n%s: %s %s", crl_storm_strategy_name(run->strategy),
                crl_figure_count(run->counts.loads, mine, TEXT), queries(run->counts.loads));
        crl_figure_us(run_longest(run), wait, TEXT);
        if (compares)
            fprintf(out, " instead of %s; %s %s instead of %s\n",
                    crl_figure_count(none->counts.loads, theirs, TEXT), longest, wait,
                    crl_figure_us(run_longest(none), their_wait, TEXT));
        else
            fprintf(out, " for %s requests; %s %s\n",
                    crl_figure_count(run->tally.requests, theirs, TEXT), longest, wait);
    }
}

static void scenario_write(struct crl_storm_run *const *runs, uint32_t n, struct crl_style style,
                           FILE *out)
{
    struct crl_paint paint = crl_paint_of(style);
    fprintf(out, "\n%s%s%s: %s\n\n", paint.bold, crl_storm_scenario_name(runs[0]->scenario),
            paint.plain, crl_storm_runs_text(runs, n));
    (style.narrower ? narrow_table_write : table_write)(runs, n, out);
    bars_write(runs, n, style, out);
    fputs("\nanswers\n", out);
    for (uint32_t i = 0; i < n; i++)
        answers_write(runs[i], out);
    moral_write(runs, n, out);
}

static void title_write(const struct crl_storm_report *report, FILE *out)
{
    char clients[TEXT], delay[TEXT];
    crl_figure_count(report->options->clients, clients, TEXT);
    const char *noun = report->options->clients == 1 ? "client" : "clients";
    if (report->concurrency)
        fprintf(out, "corral storm: %s %s, one key, a query of %s, at most %u at once\n", clients,
                noun, crl_figure_us(report->options->delay_us, delay, TEXT), report->concurrency);
    else
        fprintf(out, "corral storm: %s %s, %s\n", clients, noun, report->target);
}

void crl_storm_report_text(const struct crl_storm_report *report, struct crl_style style, FILE *out)
{
    title_write(report, out);
    for (uint32_t at = 0, n = 1; at < report->runs_n; at += n, n = 1) {
        while (at + n < report->runs_n &&
               report->runs[at + n]->scenario == report->runs[at]->scenario)
            n++;
        scenario_write(report->runs + at, n, style, out);
    }
    if (report->runs_n && report->runs[report->runs_n - 1]->stopped)
        fputs("\nStopped early: the last row is what was measured so far.\n", out);
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
