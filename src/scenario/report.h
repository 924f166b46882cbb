/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - what a simulation found, for people, for programs and for a browser.
 *
 * Three forms of the same figures: a text of at most 80 columns, JSON, and a page of HTML that
 * needs nothing from elsewhere. What is shown stands in two tables, one of figures and one of time
 * lines, from which the text and the page are made. No clock, no globals; all is written to the
 * given stream, whose errors are the caller's to look at. */
#ifndef CRL_SCENARIO_REPORT_H
#define CRL_SCENARIO_REPORT_H

#include "scenario/column.h"
#include "sim/report.h"
#include "text/figures.h"
#include "text/moral.h"
#include "text/report.h"

enum { CRL_SIM_RUNS_MAX = 16 };

/* A column that was run. */
struct crl_sim_run {
    struct crl_sim_column column;
    struct sim_report report;
    char *trace; /* NULL: none was asked for */
};

struct crl_sim_result {
    const struct crl_sim_scenario *scenario;
    uint64_t seed;
    const char *command; /* that makes this again, for the page; NULL: it is not told */
    struct crl_sim_run *const *runs;
    uint32_t runs_n; /* at most CRL_SIM_RUNS_MAX */
};

/* What a figure counts. */
enum crl_sim_unit { CRL_SIM_ONES, CRL_SIM_US, CRL_SIM_FACTOR };

/* A figure of a run: a row of the table. The less the better. */
struct crl_sim_figure {
    const char *label;
    double (*of)(const struct sim_report *report);
    enum crl_sim_unit unit;
    bool if_any;  /* the row is left out where it is zero in all runs */
    bool is_goal; /* what a run is judged by: up to 2 is good */
};

extern const struct crl_sim_figure crl_sim_figures[];
extern const uint32_t crl_sim_figures_n;

/* crl_sim_figure_format - as people read it. Returns the text. */
char *crl_sim_figure_format(const struct crl_sim_figure *figure, const struct sim_report *report,
                            char text[CRL_FIGURE_MAX]);

/* crl_sim_figure_shown - has any run something to show in this row? */
bool crl_sim_figure_shown(const struct crl_sim_figure *figure, const struct crl_sim_result *result);

/* crl_sim_figure_any - is it more than zero in any run? */
bool crl_sim_figure_any(const struct crl_sim_figure *figure, const struct crl_sim_result *result);

/* A quantity over time. */
struct crl_sim_line {
    const char *label;
    const char *json;
    uint64_t (*of)(const struct sim_slice *slice);
    bool adds_up; /* over several slices it is the sum, else the greatest */
    bool is_time; /* in microseconds */
    bool if_any;
    bool is_detail; /* not in the text */
};

extern const struct crl_sim_line crl_sim_lines[];
extern const uint32_t crl_sim_lines_n;

/* crl_sim_line_shown - has any run something to show in this line? */
bool crl_sim_line_shown(const struct crl_sim_line *line, const struct crl_sim_result *result);

/* crl_sim_amplification - loads for each one that was needed; < 0 if none was. */
double crl_sim_amplification(const struct sim_report *report);

/* crl_sim_moral - what run i has over the first; of the first alone, what came of it. Returns
 * `text`. */
char *crl_sim_moral(const struct crl_sim_result *result, uint32_t i, char text[CRL_MORAL_MAX]);

enum { CRL_SIM_FACTS_MAX = 256 };

/* crl_sim_facts - the scenario's size in one line. Returns `text`. */
char *crl_sim_facts(const struct crl_sim_result *result, char text[CRL_SIM_FACTS_MAX]);

enum { CRL_SIM_FAULT_MAX = 32 };

/* crl_sim_fault_name - a kind of fault as people say it: "store down". Returns `text`. */
char *crl_sim_fault_name(enum sim_fault_kind kind, char text[CRL_SIM_FAULT_MAX]);

/* crl_sim_fault_until - the end of a fault at the last node that it concerns. */
corral_us crl_sim_fault_until(const struct crl_sim_fault *fault);

/* crl_sim_report_text - what it is about, the table, the time lines, and what they mean. */
void crl_sim_report_text(const struct crl_sim_result *result, struct crl_style style, FILE *out);

/* crl_sim_report_json - one object. Returns 0, or ENOMEM. */
int crl_sim_report_json(const struct crl_sim_result *result, FILE *out);

/* crl_sim_report_html - one page. */
void crl_sim_report_html(const struct crl_sim_result *result, FILE *out);

#endif
