/* SPDX-License-Identifier: Apache-2.0
 *
 * figures.h - figures for people, and the look of what is printed: the one style of all reports.
 *
 * No clock, no globals, but for crl_style_of(), which asks about the terminal. */
#ifndef CRL_TEXT_FIGURES_H
#define CRL_TEXT_FIGURES_H

#include <corral/corral.h>

#include <stdio.h>

enum { CRL_FIGURE_MAX = 32 }; /* bytes of a figure, with its terminator */

/* Each writes into `text`, of `room` >= CRL_FIGURE_MAX bytes, and returns it. */
char *crl_figure_count(uint64_t n, char *text, size_t room); /* "1,000" */
char *crl_figure_us(corral_us us, char *text, size_t room);  /* three digits: "5.06 s"; < 0: "-" */
char *crl_figure_factor(double factor, char *text, size_t room); /* "1.0", "1,000"; < 0: "-" */

struct crl_style {
    bool colour;
    bool unicode; /* bars of blocks instead of plain signs */
    int narrower; /* by how many columns than the 80 that reports are made for; at most 40 */
};

/* crl_style_of - what fits where this descriptor leads to. Colour only on a terminal, and not if
 * NO_COLOR is set and not empty; unicode if the locale, which must be set, has it; narrower only
 * if a terminal is. */
struct crl_style crl_style_of(int fd);

/* crl_is_terminal - is there a terminal that can move its cursor? */
bool crl_is_terminal(int fd);

/* Escape sequences, or nothing. */
struct crl_paint {
    const char *bold, *faint, *good, *bad, *plain;
};

struct crl_paint crl_paint_of(struct crl_style style);

#endif
