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

/* crl_storm_report_text - tables, bars, and what they mean. */
void crl_storm_report_text(const struct crl_storm_report *report, struct crl_style style,
                           FILE *out);

/* crl_storm_report_json - one object. Returns 0, or ENOMEM. */
int crl_storm_report_json(const struct crl_storm_report *report, FILE *out);

/* crl_storm_report_html - one page. */
void crl_storm_report_html(const struct crl_storm_report *report, FILE *out);

/* crl_storm_runs_text - what happened in the runs of one scenario; n > 0. Static memory. */
const char *crl_storm_runs_text(struct crl_storm_run *const *runs, uint32_t n);

/* crl_storm_amplification - loads for each one that was needed; < 0 if that is not known. */
double crl_storm_amplification(const struct crl_storm_counts *counts);

/* crl_storm_format_loads - the loads as a figure; "-" if they are not known. */
char *crl_storm_format_loads(const struct crl_storm_counts *counts, char text[CRL_FIGURE_MAX]);

enum { CRL_STORM_CELLS = 8 };

/* crl_storm_cells - the figures of a run, in the order of the tables: requests, loads,
 * amplification, peak, errors, and the latencies p50, p99 and max. What is not known is "-". */
void crl_storm_cells(const struct crl_storm_run *run,
                     char ret_cells[CRL_STORM_CELLS][CRL_FIGURE_MAX]);

#endif
