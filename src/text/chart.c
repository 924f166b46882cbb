/* SPDX-License-Identifier: Apache-2.0
 *
 * chart.c - see chart.h.
 *
 * A plot is laid out for a wide page and for a narrow one, which are told apart by the style sheet
 * (page.c): a narrow one has larger letters, because the whole is scaled down, and leaves out the
 * names at the ends of the lines; they stand in a key below instead. Letters
 * are taken to be as wide as those of the widest usual font, DejaVu Sans. */
#include "text/chart.h"

#include "text/page.h"

#include <math.h>
#include <string.h>

/* The plot within its picture, in its own units. */
enum {
    WIDTH = 520,
    LEFT = 60,
    RIGHT = 362, /* behind it the names of the lines */
    TALL = 140,
    ROW = 17,  /* of text */
    GLYPH = 9, /* the width of a letter on a narrow page */
    NAME_MAX = 16,
    NAMED_MAX = 8,  /* lines that have a name at their end */
    BANDS_MAX = 80, /* bands that have a name */
};

/* What a plot's axes span, and where it is. */
struct axes {
    double top, bottom;
    double until, most; /* at the right, at the top */
    double step;        /* between the lines of the grid */
    bool is_time;       /* of what is at the left: microseconds */
};

static double x_of(const struct axes *axes, double at)
{
    double part = at / axes->until;
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    return LEFT + (RIGHT - LEFT) * part;
}

static double y_of(const struct axes *axes, double value)
{
    return axes->bottom - TALL * value / axes->most;
}

/* ----------------------------------------------------------------------------------------- axes */

/* 1, 2 or 5 times a power of ten, so that about `parts` of them make `most`. */
static double round_step(double most, int parts)
{
    double raw = most / parts;
    double power = pow(10, floor(log10(raw)));
    double lead = raw / power;
    return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

/* The same for spans of time, where from a minute on sixties count. */
static corral_us time_step(corral_us span)
{
    static const corral_us steps[] = {5,   10,   15,   30,   60,    120,   300,   600,
                                      900, 1800, 3600, 7200, 14400, 21600, 43200, 86400};
    if (span <= CORRAL_SECONDS(20))
        return (corral_us)ceil(round_step((double)span, 5));
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (CORRAL_SECONDS(steps[i]) * 5 >= span)
            return CORRAL_SECONDS(steps[i]);
    }
    return CORRAL_SECONDS(86400);
}

static void time_format(corral_us at, corral_us step, char text[CRL_FIGURE_MAX])
{
    long long seconds = at / CORRAL_SECONDS(1);
    if (step < CORRAL_MS(1))
        (void)crl_figure_us(at, text, CRL_FIGURE_MAX);
    else if (step < CORRAL_SECONDS(1))
        (void)snprintf(text, CRL_FIGURE_MAX, "%g s", (double)at / 1e6);
    else if (seconds >= 3600)
        (void)snprintf(text, CRL_FIGURE_MAX, "%lld:%02lld:%02lld", seconds / 3600,
                       seconds / 60 % 60, seconds % 60);
    else if (seconds >= 60)
        (void)snprintf(text, CRL_FIGURE_MAX, "%lld:%02lld", seconds / 60, seconds % 60);
    else
        (void)snprintf(text, CRL_FIGURE_MAX, "%lld s", seconds);
}

void crl_chart_time_ticks(struct crl_chart *chart)
{
    corral_us step = time_step((corral_us)chart->until);
    chart->ticks_n = 0;
    for (corral_us at = 0; at <= (corral_us)chart->until; at += step) {
        if (chart->ticks_n == CRL_CHART_TICKS_MAX)
            return; /* longer than a fortnight */
        struct crl_chart_tick *tick = &chart->ticks[chart->ticks_n++];
        tick->at = (double)at;
        time_format(at, step, tick->text);
    }
}

/* Short, for the little room at the left: "25k". */
static void value_format(const struct axes *axes, double value, char text[CRL_FIGURE_MAX])
{
    if (axes->is_time && value >= 1e6)
        (void)snprintf(text, CRL_FIGURE_MAX, "%g s", value / 1e6);
    else if (axes->is_time && value >= 1e3)
        (void)snprintf(text, CRL_FIGURE_MAX, "%g ms", value / 1e3);
    else if (axes->is_time && value > 0)
        (void)snprintf(text, CRL_FIGURE_MAX, "%g us", value);
    else if (value >= 1e6)
        (void)snprintf(text, CRL_FIGURE_MAX, "%gM", value / 1e6);
    else if (value >= 1e4)
        (void)snprintf(text, CRL_FIGURE_MAX, "%gk", value / 1e3);
    else if (axes->step < 1)
        (void)snprintf(text, CRL_FIGURE_MAX, "%g", value);
    else
        (void)crl_figure_count((uint64_t)(value + 0.5), text, CRL_FIGURE_MAX);
}

static struct axes axes_of(const struct crl_chart *chart, uint32_t band_rows)
{
    double most = chart->most > 0 ? chart->most : 1;
    struct axes axes = {.top = 10 + (double)(band_rows * ROW),
                        .until = chart->until > 0 ? chart->until : 1,
                        .is_time = chart->is_time};
    axes.bottom = axes.top + TALL;
    axes.step = round_step(most, 4);
    axes.most = axes.step * ceil(most / axes.step - 1e-9);
    return axes;
}

static void grid_write(const struct crl_chart *chart, const struct axes *axes, FILE *out)
{
    char text[CRL_FIGURE_MAX];
    for (double value = 0; value <= axes->most * 1.001; value += axes->step) {
        double y = y_of(axes, value);
        value_format(axes, value, text);
        fprintf(out,
                "<path class=\"grid\" d=\"M%d %.1fH%d\"/>"
                "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                LEFT, y, RIGHT, LEFT - 5, y + 4, text);
    }
    double taken = 0;
    for (uint32_t i = 0; i < chart->ticks_n; i++) {
        const struct crl_chart_tick *tick = &chart->ticks[i];
        double half = GLYPH / 2.0 * (double)strlen(tick->text);
        if (x_of(axes, tick->at) - half < taken)
            continue; /* on the one before it */
        taken = x_of(axes, tick->at) + half;
        fprintf(out,
                "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
                x_of(axes, tick->at), axes->bottom + 18, tick->text);
    }
}

/* ---------------------------------------------------------------------------------------- bands */

/* The name of a band above the plot. */
struct band_name {
    double left, right;
    uint32_t row;
};

/* Does name i stand on one before it? */
static bool name_collides(const struct band_name *names, uint32_t i)
{
    for (uint32_t j = 0; j < i; j++) {
        if (names[j].row == names[i].row && names[j].right + GLYPH > names[i].left &&
            names[i].right + GLYPH > names[j].left)
            return true;
    }
    return false;
}

/* Gives each name a row in which there is room for it. Returns how many rows. */
static uint32_t bands_place(const struct crl_chart *chart, const struct axes *axes,
                            struct band_name *names)
{
    uint32_t rows = 0, n = chart->bands_n < BANDS_MAX ? chart->bands_n : BANDS_MAX;
    for (uint32_t i = 0; i < n; i++) {
        const struct crl_chart_band *band = &chart->bands[i];
        double from = x_of(axes, band->from), until = x_of(axes, band->until);
        double width = (double)(GLYPH * strlen(band->name));
        bool is_late = from > (LEFT + RIGHT) / 2.0;
        names[i].left = is_late ? until - width : from;
        names[i].right = names[i].left + width;
        while (name_collides(names, i))
            names[i].row++;
        rows = names[i].row + 1 > rows ? names[i].row + 1 : rows;
    }
    return rows;
}

static void bands_write(const struct crl_chart *chart, const struct axes *axes,
                        const struct band_name *names, FILE *out)
{
    for (uint32_t i = 0; i < chart->bands_n; i++) {
        const struct crl_chart_band *band = &chart->bands[i];
        double left = x_of(axes, band->from), right = x_of(axes, band->until);
        fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>",
                band->class, left, axes->top, right - left > 1.5 ? right - left : 1.5, TALL);
        if (i >= BANDS_MAX)
            continue;
        bool is_late = names[i].left < left;
        fprintf(out, "<text class=\"band-name\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">",
                is_late ? right : left, axes->top - 5 - (double)(names[i].row * ROW),
                is_late ? "end" : "start");
        crl_html_write(band->name, out);
        fputs("</text>\n", out);
    }
}

/* ---------------------------------------------------------------------------------------- lines */

/* The class of a line, as it stands in the page. */
static const char *class_of(const struct crl_chart_line *line, uint32_t i)
{
    static const char *const looks[CRL_CHART_LOOKS] = {"c0", "c1", "c2", "c3",
                                                       "c4", "c5", "c6", "c7"};
    return line->class != NULL ? line->class : looks[i % CRL_CHART_LOOKS];
}

/* A form around a point, another one for each look. */
static void marker_write(uint32_t look, double x, double y, const char *class, FILE *out)
{
    static const char *const forms[CRL_CHART_LOOKS] = {"m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
                                                       "m-3.5 -3.5h7v7h-7z",
                                                       "m0 -4.5l4.5 8h-9z",
                                                       "m0 -5l4.5 5l-4.5 5l-4.5 -5z",
                                                       "m0 4.5l4.5 -8h-9z",
                                                       "m-4.5 -1.5h9v3h-9z",
                                                       "m-1.5 -4.5h3v9h-3z",
                                                       "m-4 -4l8 8l0 -8l-8 8z"};
    fprintf(out, "<path class=\"%s\" d=\"M%.1f %.1f%s\"/>", class, x, y,
            forms[look % CRL_CHART_LOOKS]);
}

/* The corners of a line, as an SVG path has them. */
static void corners_write(const struct axes *axes, const struct crl_chart_line *line, FILE *out)
{
    for (uint32_t i = 0; i < line->n; i++) {
        double x = x_of(axes, line->x[i]), y = y_of(axes, line->y[i]);
        if (i == 0)
            fprintf(out, "M%.1f %.1f", x, y);
        else if (line->y[i] == line->y[i - 1])
            fprintf(out, "H%.1f", x);
        else if (line->x[i] == line->x[i - 1])
            fprintf(out, "V%.1f", y);
        else
            fprintf(out, "L%.1f %.1f", x, y);
    }
}

/* The plane below a line. */
static void plane_write(const struct axes *axes, const struct crl_chart_line *line,
                        const char *class, bool is_faint, FILE *out)
{
    fprintf(out, "<path class=\"plane %s%s\" d=\"", class, is_faint ? " faint" : "");
    corners_write(axes, line, out);
    fprintf(out, "V%.1fH%.1fZ\"/>\n", axes->bottom, x_of(axes, line->x[0]));
}

/* Markers stand at other places on each line, so that equal lines show both. */
static void curve_write(const struct axes *axes, const struct crl_chart_line *line, uint32_t look,
                        FILE *out)
{
    enum { MARKERS = 4 };
    const char *class = class_of(line, look);
    fprintf(out, "<path class=\"curve %s\" d=\"", class);
    corners_write(axes, line, out);
    fputs("\"/>", out);
    for (uint32_t i = 0; i < MARKERS; i++) {
        double part = (i + (double)(look % CRL_CHART_LOOKS + 1) / (CRL_CHART_LOOKS + 1)) / MARKERS;
        uint32_t at = (uint32_t)(part * (line->n - 1));
        marker_write(look, x_of(axes, line->x[at]), y_of(axes, line->y[at]), class, out);
    }
    fputc('\n', out);
}

/* ---------------------------------------------------------------------------------------- names */

/* Where the names at the ends stand: at the ends, but not on each other. */
static void names_place(const struct axes *axes, const struct crl_chart_line *lines, uint32_t n,
                        double *ys)
{
    uint32_t order[NAMED_MAX], used = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (lines[i].n == 0)
            continue;
        ys[i] = y_of(axes, lines[i].y[lines[i].n - 1]);
        uint32_t at = used++;
        for (; at > 0 && ys[order[at - 1]] > ys[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    for (uint32_t i = 1; i < used; i++)
        ys[order[i]] = fmax(ys[order[i]], ys[order[i - 1]] + ROW);
    double lowest = axes->bottom;
    for (uint32_t i = used; i-- > 0; lowest -= ROW) {
        ys[order[i]] = fmin(ys[order[i]], lowest);
        lowest = ys[order[i]];
    }
}

static void names_write(const struct axes *axes, const struct crl_chart_line *lines, uint32_t n,
                        FILE *out)
{
    double ys[NAMED_MAX];
    if (n > NAMED_MAX)
        return;
    names_place(axes, lines, n, ys);
    fputs("<g class=\"ends\">\n", out);
    for (uint32_t i = 0; i < n; i++) {
        char name[NAME_MAX + 1];
        bool is_short = strlen(lines[i].name) <= NAME_MAX;
        size_t size = is_short ? strlen(lines[i].name) : NAME_MAX - 1;
        if (lines[i].n == 0)
            continue;
        if (lines[i].class == NULL)
            marker_write(i, RIGHT + 8, ys[i], class_of(&lines[i], i), out);
        else
            fprintf(out, "<rect class=\"%s\" x=\"%d\" y=\"%.1f\" width=\"8\" height=\"8\"/>",
                    lines[i].class, RIGHT + 4, ys[i] - 4);
        while (!is_short && size > 0 && ((unsigned char)lines[i].name[size] & 0xc0) == 0x80)
            size--; /* a whole letter or none */
        (void)snprintf(name, sizeof name, "%.*s", (int)size, lines[i].name);
        fprintf(out, "<text class=\"line-name\" x=\"%d\" y=\"%.1f\">", RIGHT + 16, ys[i] + 4);
        crl_html_write(name, out);
        fprintf(out, "%s</text>\n", is_short ? "" : "…");
    }
    fputs("</g>\n", out);
}

/* The names again, for a narrow page. */
static void plot_key_write(const struct crl_chart_line *lines, uint32_t n, FILE *out)
{
    const char *names[NAMED_MAX], *classes[NAMED_MAX];
    if (n == 0 || n > NAMED_MAX)
        return;
    for (uint32_t i = 0; i < n; i++) {
        names[i] = lines[i].n > 0 ? lines[i].name : NULL;
        classes[i] = lines[i].class;
    }
    crl_chart_key(names, classes[0] != NULL ? classes : NULL, n, out);
}

void crl_chart_plot(const struct crl_chart *chart, const struct crl_chart_line *lines, uint32_t n,
                    FILE *out)
{
    struct band_name names[BANDS_MAX] = {0};
    struct axes axes = axes_of(chart, 0);
    axes = axes_of(chart, bands_place(chart, &axes, names));
    fprintf(
        out,
        "<div class=\"chart\"><svg class=\"plot\" viewBox=\"0 0 %d %.0f\" role=\"img\">\n<title>",
        WIDTH, axes.bottom + 26);
    crl_html_write(chart->title, out);
    fputs("</title>\n", out);
    bands_write(chart, &axes, names, out);
    grid_write(chart, &axes, out);
    for (uint32_t i = 0; i < n; i++) {
        if (lines[i].n > 0)
            plane_write(&axes, &lines[i], class_of(&lines[i], i), !chart->is_stacked, out);
    }
    for (uint32_t i = 0; i < n && !chart->is_stacked; i++) {
        if (lines[i].n > 0)
            curve_write(&axes, &lines[i], i, out);
    }
    names_write(&axes, lines, n, out);
    fputs("</svg>", out);
    plot_key_write(lines, n, out);
    fputs("</div>\n", out);
}

/* ----------------------------------------------------------------------------------------- bars */

void crl_chart_bars(const char *title, const struct crl_chart_bar *bars, uint32_t n, FILE *out)
{
    enum { HIGH = 40, ROOM = 320, TEXT = 90 };
    double most = 0;
    for (uint32_t i = 0; i < n; i++)
        most = fmax(most, bars[i].value);
    fprintf(out, "<svg class=\"bars\" viewBox=\"0 0 %d %u\" role=\"img\">\n<title>", ROOM,
            n * HIGH);
    crl_html_write(title, out);
    fputs("</title>\n", out);
    for (uint32_t i = 0; i < n; i++) {
        double mine = bars[i].value;
        double width = most > 0 && mine > 0 ? (ROOM - TEXT) * mine / most : 0;
        width = mine > 0 && width < 2 ? 2 : width;
        fprintf(out, "<text class=\"bar-name\" x=\"0\" y=\"%u\">", i * HIGH + 13);
        crl_html_write(bars[i].name, out);
        fprintf(out,
                "</text><rect class=\"bar c%u\" x=\"0\" y=\"%u\" width=\"%.1f\" height=\"14\" "
                "rx=\"2\"/><text class=\"bar-value\" x=\"%.1f\" y=\"%u\">%s</text>\n",
                i % CRL_CHART_LOOKS, i * HIGH + 19, width, width > 0 ? width + 6 : 0, i * HIGH + 31,
                bars[i].text);
    }
    fputs("</svg>\n", out);
}

/* ------------------------------------------------------------------------------------------ key */

void crl_chart_key(const char *const *names, const char *const *classes, uint32_t n, FILE *out)
{
    fputs("<ul class=\"key\">", out);
    for (uint32_t i = 0; i < n; i++) {
        if (names[i] == NULL)
            continue;
        fputs("<li><svg viewBox=\"0 0 40 16\">", out);
        if (classes != NULL) {
            fprintf(out, "<rect class=\"%s\" x=\"0\" y=\"1\" width=\"40\" height=\"14\"/>",
                    classes[i]);
        } else {
            const struct crl_chart_line line = {.name = names[i]};
            fprintf(out, "<path class=\"curve %s\" d=\"M0 8H40\"/>", class_of(&line, i));
            marker_write(i, 20, 8, class_of(&line, i), out);
        }
        fputs("</svg>", out);
        crl_html_write(names[i], out);
        fputs("</li>", out);
    }
    fputs("</ul>\n", out);
}
