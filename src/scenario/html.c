/* SPDX-License-Identifier: Apache-2.0
 *
 * html.c - the report as a page; see report.h.
 *
 * Everything is in the one file: no script, no font, no picture from elsewhere. It is also
 * well-formed XML, so that programs can read it. All text that did not grow here is escaped. */
#include "scenario/chart.h"

#include <string.h>

static const char page_head[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\"/>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n";

static const char page_style[] =
    "<style>\n"
    ":root { color-scheme: light dark; --paper: #faf9f7; --card: #fff; --ink: #1c1e21;\n"
    "  --dim: #666b73; --rule: #e4e1db; --fault: #e9b44c33; --hit: #9db4c0; --wait: #e9a03b;\n"
    "  --fail: #c8324a;\n"
    "  --c0: #d1495b; --c1: #178a6e; --c2: #2c6fbb; --c3: #a86a12; --c4: #7a4fb3; --c5: #0e8a9a;\n"
    "  --c6: #b3478f; --c7: #5c6b2f }\n"
    "@media (prefers-color-scheme: dark) { :root { --paper: #15171a; --card: #1d2024;\n"
    "  --ink: #e8e6e3; --dim: #9aa0a8; --rule: #33373d; --fault: #e9b44c26; --hit: #4d6573;\n"
    "  --wait: #d9922e; --fail: #f0566e;\n"
    "  --c0: #f0717f; --c1: #3fc29f; --c2: #6aa6ee; --c3: #dda448; --c4: #b48bea; --c5: #45c4d4;\n"
    "  --c6: #e585c3; --c7: #a5b66b } }\n"
    "body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);\n"
    "  max-width: 70rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem }\n"
    "h1 { font-size: 2.1rem; line-height: 1.15; margin: 0; letter-spacing: -.01em }\n"
    "h2 { font-size: 1.2rem; margin: 2.6rem 0 .9rem }\n"
    "h3 { font-size: .95rem; margin: 0 0 .5rem; font-weight: 600 }\n"
    "h3 small { font-weight: 400; color: var(--dim) }\n"
    ".about { font-size: 1.15rem; margin: .4rem 0 0 }\n"
    ".facts { color: var(--dim); margin: .2rem 0 0 }\n"
    ".shows { max-width: 46rem; border-left: 3px solid var(--rule); padding-left: 1rem;\n"
    "  margin: 1.5rem 0 0 }\n"
    ".moral { font-size: 1.15rem; font-weight: 600; margin: .3rem 0 }\n"
    ".broken { background: var(--fail); color: #fff; padding: .7rem 1rem; border-radius: 6px }\n"
    ".cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill,\n"
    "  minmax(min(100%, 20rem), 1fr)) }\n"
    ".wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 31rem), 1fr)) }\n"
    ".card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px;\n"
    "  padding: .9rem 1rem }\n"
    ".scroll { overflow-x: auto; align-self: start }\n"
    "svg { display: block; width: 100%; height: auto }\n"
    "svg.bars { max-width: 22rem }\n"
    "svg text { fill: var(--ink); font: 12px system-ui, sans-serif;\n"
    "  font-variant-numeric: tabular-nums }\n"
    "svg .tick { fill: var(--dim); font-size: 11px }\n"
    "svg .fault-name { fill: var(--dim); font-size: 11px }\n"
    "svg .bar-value { font-weight: 600 }\n"
    ".grid { stroke: var(--rule); stroke-width: 1; fill: none }\n"
    ".fault { fill: var(--fault) } .warm-up { fill: var(--rule); opacity: .45 }\n"
    ".curve { fill: none; stroke-width: 1.6; stroke-linejoin: round }\n"
    ".plane { stroke: none; opacity: .14 }\n"
    ".hit, .wait, .fail { opacity: 1 }\n"
    ".hit { fill: var(--hit) } .wait { fill: var(--wait) } .fail { fill: var(--fail) }\n"
    "table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }\n"
    "th, td { text-align: right; padding: .3rem 0 .3rem 1.1rem;\n"
    "  border-bottom: 1px solid var(--rule); white-space: nowrap }\n"
    "th:first-child { text-align: left; font-weight: 400; padding-left: 0 }\n"
    "tbody th { white-space: normal }\n"
    "tbody tr:last-child > * { border-bottom: 0 }\n"
    "thead th { font-weight: 600 }\n"
    ".small { font-size: .85rem }\n"
    ".key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: 0 0 .9rem; padding: 0;\n"
    "  list-style: none }\n"
    ".key i { display: inline-block; width: .8em; height: .8em; border-radius: 2px;\n"
    "  margin-right: .4em }\n"
    "details { margin: .4rem 0 } summary { cursor: pointer; color: var(--dim) }\n"
    "footer { margin-top: 3rem; color: var(--dim); font-size: .9rem }\n";

static void colours_write(FILE *out)
{
    for (uint32_t i = 0; i < 8; i++)
        fprintf(out, ".c%u { fill: var(--c%u); stroke: var(--c%u) }\n", i, i, i);
    fputs(".curve { fill: none } .plane, .bar { stroke: none }\n</style>\n", out);
}

static void paragraph_write(const char *class, const char *text, FILE *out)
{
    if (text == NULL)
        return;
    fprintf(out, "<p class=\"%s\">", class);
    crl_html_write(text, out);
    fputs("</p>\n", out);
}

static void head_write(const struct crl_sim_result *result, FILE *out)
{
    const struct crl_sim_scenario *scenario = result->scenario;
    char text[CRL_MORAL_MAX], facts[CRL_SIM_FACTS_MAX];
    fputs(page_head, out);
    fputs("<title>", out);
    crl_html_write(scenario->name, out);
    fputs(" - corral sim</title>\n", out);
    fputs(page_style, out);
    colours_write(out);
    fputs("</head>\n<body>\n<header>\n<h1>", out);
    crl_html_write(scenario->name, out);
    fputs("</h1>\n", out);
    paragraph_write("about", scenario->about, out);
    fputs("<p class=\"facts\">", out);
    crl_html_write(crl_sim_facts(result, facts), out);
    fputs("</p>\n", out);
    paragraph_write("shows", scenario->shows, out);
    fputs("</header>\n<main>\n<h2>What came of it</h2>\n", out);
    for (uint32_t i = result->runs_n > 1 ? 1 : 0; i < result->runs_n; i++)
        paragraph_write("moral", crl_sim_moral(result, i, text), out);
    for (uint32_t i = 0; i < result->runs_n; i++) {
        if (result->runs[i]->report.broken[0] != '\0')
            paragraph_write("broken", result->runs[i]->report.broken, out);
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
            if (strcmp(crl_sim_figures[row].label, chosen[i]) != 0)
                continue;
            fprintf(out, "<div class=\"card\">\n<h3>%s</h3>\n", chosen[i]);
            crl_sim_chart_bars(result, &crl_sim_figures[row], out);
            fputs("</div>\n", out);
        }
    }
    fputs("</div>\n<div class=\"cards wide\" style=\"margin-top: 1rem\">\n", out);
    figures_write(result, out);
    answers_write(result, out);
    fputs("</div>\n", out);
}

static void key_write(const struct crl_sim_result *result, FILE *out)
{
    fputs("<ul class=\"key\">", out);
    for (uint32_t i = 0; i < result->runs_n; i++) {
        fprintf(out, "<li><i style=\"background: var(--c%u)\"></i>", i % 8);
        crl_html_write(result->runs[i]->column.name, out);
        fputs("</li>", out);
    }
    fputs("</ul>\n", out);
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
    fputs("<h2>Answers over time</h2>\n<ul class=\"key\">"
          "<li><i style=\"background: var(--hit)\"></i>at once, from memory</li>"
          "<li><i style=\"background: var(--wait)\"></i>after a wait</li>"
          "<li><i style=\"background: var(--fail)\"></i>with an error</li></ul>\n"
          "<div class=\"cards wide\">\n",
          out);
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
    fputs("</main>\n<footer>Simulated in virtual time by Corral " CORRAL_VERSION
          ": the same scenario and seed give the same page.</footer>\n</body>\n</html>\n",
          out);
}
