/* SPDX-License-Identifier: Apache-2.0
 *
 * html.c - the report as a page; see report.h.
 *
 * Everything is in the one file: no script, no font, no picture from elsewhere. All text that did
 * not grow here is escaped. */
#include "storm/report.h"

#include "text/page.h"

#include <inttypes.h>

#define TEXT CRL_FIGURE_MAX

static const char page_head[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>corral storm</title>\n"
    "<style>\n"
    ":root { color-scheme: light dark }\n"
    "body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;"
    " padding: 0 1rem }\n"
    "table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }\n"
    "th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #8884 }\n"
    "th:first-child, td:first-child { text-align: left }\n"
    ".bar { height: 1.2rem; min-width: 2px; border-radius: 3px; background: #2a9d5c }\n"
    ".bad { background: #d1495b }\n"
    "dl { display: grid; grid-template-columns: 8rem 1fr 6rem; gap: .4rem .6rem;"
    " align-items: center }\n"
    "dt, dd { margin: 0 } dd:last-of-type, .n { text-align: right;"
    " font-variant-numeric: tabular-nums }\n"
    "</style>\n";

static void row_write(const struct crl_storm_run *run, FILE *out)
{
    char cells[CRL_STORM_CELLS][CRL_FIGURE_MAX];
    crl_storm_cells(run, cells);
    fprintf(out, "<tr><td>%s%s</td>", crl_storm_strategy_name(run->strategy),
            run->stopped ? " (stopped early)" : "");
    for (int i = 0; i < CRL_STORM_CELLS; i++)
        fprintf(out, "<td>%s</td>", cells[i]);
    fputs("</tr>\n", out);
}

static void bars_write(struct crl_storm_run *const *runs, uint32_t n, FILE *out)
{
    uint64_t most = 1;
    for (uint32_t i = 0; i < n; i++)
        most = runs[i]->counts.known && runs[i]->counts.loads > most ? runs[i]->counts.loads : most;
    fputs("<h3>Origin loads</h3>\n<dl>\n", out);
    for (uint32_t i = 0; i < n; i++) {
        const struct crl_storm_counts *counts = &runs[i]->counts;
        char text[TEXT];
        fprintf(out,
                "<dt>%s</dt><dd><div class=\"bar%s\" style=\"width:%.2f%%\"></div></dd>"
                "<dd class=\"n\">%s</dd>\n",
                crl_storm_strategy_name(runs[i]->strategy),
                crl_storm_amplification(counts) > 2 ? " bad" : "",
                counts->known ? 100.0 * (double)counts->loads / (double)most : 0.0,
                crl_storm_format_loads(counts, text));
    }
    fputs("</dl>\n", out);
}

void crl_storm_report_html(const struct crl_storm_report *report, FILE *out)
{
    char text[TEXT];
    fputs(page_head, out);
    fprintf(out, "<h1>corral storm</h1>\n<p>%s clients, ",
            crl_figure_count(report->options->clients, text, TEXT));
    crl_html_write(report->target, out);
    if (report->concurrency)
        fprintf(out, "; a query takes %s, at most %u run at once",
                crl_figure_us(report->options->delay_us, text, TEXT), report->concurrency);
    fprintf(out, ". Seed %" PRIu64 ", Corral %s.</p>\n", report->options->seed, CORRAL_VERSION);
    for (uint32_t at = 0, n = 1; at < report->runs_n; at += n, n = 1) {
        enum crl_storm_scenario scenario = report->runs[at]->scenario;
        while (at + n < report->runs_n && report->runs[at + n]->scenario == scenario)
            n++;
        fprintf(out, "<h2>%s: %s</h2>\n<table>\n<tr><th>strategy<th>requests<th>origin loads",
                crl_storm_scenario_name(scenario), crl_storm_runs_text(report->runs + at, n));
        fputs("<th>amplification<th>peak loads<th>errors<th>p50<th>p99<th>max</tr>\n", out);
        for (uint32_t i = 0; i < n; i++)
            row_write(report->runs[at + i], out);
        fputs("</table>\n", out);
        bars_write(report->runs + at, n, out);
    }
    fputs("</html>\n", out);
}
