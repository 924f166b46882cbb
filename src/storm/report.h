/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - what a storm found, for people, for programs and for a browser.
 *
 * Three forms of the same figures: a text that fits 80 columns, JSON, and a page of HTML that needs
 * nothing from elsewhere. No clock, no globals; all is written to the given stream, whose errors
 * are the caller's to look at. */
#ifndef CRL_STORM_REPORT_H
#define CRL_STORM_REPORT_H

#include "storm/options.h"
#include "storm/tally.h"
#include "text/figures.h"
#include "text/moral.h"
#include "text/report.h"

#include <stdio.h>

/* What the origin had to do during a run. */
struct crl_storm_counts {
    bool known; /* false: the target tells no such figures */
    uint64_t loads;
    uint64_t needed; /* of them */
    bool peak_known;
    uint64_t peak; /* the most places taken at once, of any origin */
};

struct crl_storm_run {
    enum crl_storm_scenario scenario;
    enum crl_storm_strategy strategy;
    bool stopped; /* by Ctrl-C, before its end */
    struct crl_storm_counts counts;
    struct crl_storm_tally tally;
};

struct crl_storm_report {
    const struct crl_storm_options *options;
    const char *target;                /* URL or path that was asked for */
    uint32_t concurrency;              /* of the demo's origin; 0: the target is not the demo */
    struct crl_storm_run *const *runs; /* those of one scenario follow each other */
    uint32_t runs_n;
};

enum { CRL_STORM_TITLE_MAX = 4300 };

/* crl_storm_report_text - tables, bars, and what they mean. */
void crl_storm_report_text(const struct crl_storm_report *report, struct crl_style style,
                           FILE *out);

/* crl_storm_report_json - one object. Returns 0, or ENOMEM. */
int crl_storm_report_json(const struct crl_storm_report *report, FILE *out);

/* crl_storm_report_html - one page. */
void crl_storm_report_html(const struct crl_storm_report *report, FILE *out);

/* crl_storm_runs_text - what happened in the runs of one scenario; n > 0. Static memory. */
const char *crl_storm_runs_text(struct crl_storm_run *const *runs, uint32_t n);

/* crl_storm_run_lack - why a run does not show what its scenario is about, and what to do; a clause
 * in static memory. NULL: it does. */
const char *crl_storm_run_lack(const struct crl_storm_run *run);

/* crl_storm_verdict - what is to be said of run i of the n runs of one scenario: what it has over
 * the first or came to by itself, or why it shows nothing; what all lack is said once.
 * ret_class  "moral" or "lack"
 * Returns false if there is nothing to say. */
bool crl_storm_verdict(struct crl_storm_run *const *runs, uint32_t n, uint32_t i,
                       char text[CRL_MORAL_MAX], const char **ret_class);

/* crl_storm_title - who asked whom, in one line. Returns `text`. */
char *crl_storm_title(const struct crl_storm_report *report, char text[CRL_STORM_TITLE_MAX]);

/* crl_storm_amplification - loads for each one that was needed; < 0 if that is not known. */
double crl_storm_amplification(const struct crl_storm_counts *counts);

/* crl_storm_format_loads - the loads as a figure; "-" if they are not known. */
char *crl_storm_format_loads(const struct crl_storm_counts *counts, char text[CRL_FIGURE_MAX]);

/* Figures of a run, in the order of the tables: name, label. */
#define CRL_STORM_CELL_TABLE(X)       \
    X(REQUESTS, "requests")           \
    X(LOADS, "origin loads")          \
    X(AMPLIFICATION, "amplification") \
    X(PEAK, "peak loads")             \
    X(ERRORS, "errors")               \
    X(P50, "p50")                     \
    X(P99, "p99")                     \
    X(MAX, "max")

enum crl_storm_cell {
#define X(name, label) CRL_STORM_CELL_##name,
    CRL_STORM_CELL_TABLE(X)
#undef X
        CRL_STORM_CELLS,
};

extern const char *const crl_storm_cell_labels[CRL_STORM_CELLS];

/* crl_storm_cells - the figures of a run. What is not known is "-". */
void crl_storm_cells(const struct crl_storm_run *run,
                     char ret_cells[CRL_STORM_CELLS][CRL_FIGURE_MAX]);

/* crl_storm_cell_value - one of them as a number, latencies in microseconds; < 0 if it is not
 * known. */
double crl_storm_cell_value(const struct crl_storm_run *run, enum crl_storm_cell cell);

enum { CRL_STORM_ANSWERS_MAX = 1024 };

/* crl_storm_answers - what became of the requests, as a list in words. Returns `list`. */
const char *crl_storm_answers(const struct crl_storm_run *run, char list[CRL_STORM_ANSWERS_MAX]);

#endif
