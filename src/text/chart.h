/* SPDX-License-Identifier: Apache-2.0
 *
 * chart.h - plots as SVG elements within a page (page.h).
 *
 * They can be read at 400 px and in grey: lines differ by dashes and markers as well as by hue, and
 * each has its name at its end or, on a narrow page, in a key below the plot. No clock, no
 * globals. */
#ifndef CRL_TEXT_CHART_H
#define CRL_TEXT_CHART_H

#include "text/figures.h"

enum { CRL_CHART_LOOKS = 8 }; /* c0 to c7; then they repeat */

/* ----------------------------------------------------------------------------------------- bars */

struct crl_chart_bar {
    const char *name;
    double value;
    char text[CRL_FIGURE_MAX]; /* the value, as people read it */
};

/* crl_chart_bars - a bar for each run, in the order of the looks. */
void crl_chart_bars(const char *title, const struct crl_chart_bar *bars, uint32_t n, FILE *out);

/* ----------------------------------------------------------------------------------------- plot */

enum { CRL_CHART_TICKS_MAX = 16 };

struct crl_chart_tick {
    double at;
    char text[CRL_FIGURE_MAX];
};

/* A part of the width that stands out; its name is above the plot. */
struct crl_chart_band {
    double from, until;
    const char *class; /* "fault", "warm-up" */
    char name[CRL_FIGURE_MAX];
};

/* Axes and what is behind the lines. Both axes begin at 0. */
struct crl_chart {
    const char *title;
    double until;     /* at the right */
    double most;      /* the greatest value; the axis ends with the next round number */
    bool is_time;     /* values are in microseconds */
    bool is_stacked;  /* lines are the tops of layers, the highest first */
    uint32_t ticks_n; /* of the axis below */
    struct crl_chart_tick ticks[CRL_CHART_TICKS_MAX];
    const struct crl_chart_band *bands;
    uint32_t bands_n;
};

struct crl_chart_line {
    const char *name;
    const char *class; /* of a layer: "hit", "wait", "fail"; NULL: the look of its number */
    const double *x, *y;
    uint32_t n; /* of each; 0: nothing is drawn */
};

/* crl_chart_time_ticks - round times on an axis from 0 that ends at chart->until, microseconds. */
void crl_chart_time_ticks(struct crl_chart *chart);

/* crl_chart_plot - the whole element. */
void crl_chart_plot(const struct crl_chart *chart, const struct crl_chart_line *lines, uint32_t n,
                    FILE *out);

/* ------------------------------------------------------------------------------------------ key */

/* crl_chart_key - a list of names with a sample of the look of each, by its number or its class;
 * what has no name, NULL, is left out. */
void crl_chart_key(const char *const *names, const char *const *classes, uint32_t n, FILE *out);

#endif
