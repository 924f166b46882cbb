/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a plot can be read: all is within its picture, no text stands on another, and lines
 *         that lie on each other still differ.
 * Method: plots of made-up lines; the places of their texts, read back, on a wide and on a narrow
 *         page, as wide as DejaVu Sans makes them. */
#include "text/chart.h"

#include "text/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEIGHT = 12, LINES = 10 };

static const double x[] = {0, 50, 100}, flat[] = {7, 7, 7};

static char *plot_of(const struct crl_chart *chart, const struct crl_chart_line *lines, uint32_t n)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    crl_chart_plot(chart, lines, n, out);
    fclose(out);
    return text;
}

static uint32_t occurrences(const char *text, const char *what)
{
    uint32_t n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

/* What the style sheet makes of a plot. */
struct look {
    double size;  /* of letters */
    double right; /* where it ends */
    bool has_ends;
};

/* A number of the style sheet. */
static double style_number(const char *css, const char *behind)
{
    const char *at = strstr(css, behind);
    assert_non_null(at);
    return strtod(at + strlen(behind), NULL);
}

static void looks_read(const char *plot, struct look looks[2])
{
    char *css = NULL;
    size_t size;
    FILE *out = open_memstream(&css, &size);
    crl_page_begin(&(struct crl_page_head){.name = "a page"}, out);
    fclose(out);
    const char *narrow = strstr(css, "@media (max-width");
    assert_non_null(narrow);
    assert_non_null(strstr(narrow, ".ends { display: none }"));
    double width = style_number(plot, "viewBox=\"0 0 ");
    looks[0] = (struct look){style_number(css, "svg text { fill: var(--ink); font: "), width, true};
    looks[1] = (struct look){style_number(narrow, "svg.plot text { font-size: "),
                             width * 100 / style_number(narrow, "svg.plot { width: "), false};
    free(css);
}

/* A text of a plot, and where it is. */
struct label {
    double left, right, y;
    char text[64];
};

/* Those that a page of this look shows. */
static uint32_t labels_read(const char *plot, const struct look *look, struct label labels[64])
{
    uint32_t n = 0;
    for (const char *at = plot; (at = strstr(at, "<text ")) != NULL; at++) {
        const char *end = strchr(at, '>'), *close = strstr(at, "</text>");
        bool is_end = strncmp(at, "<text class=\"line-name\"", 23) == 0;
        if (is_end && !look->has_ends)
            continue;
        assert_true(n < 64 && end != NULL && close != NULL && close - end < 64);
        struct label *label = &labels[n++];
        double place = strtod(strstr(at, " x=\"") + 4, NULL);
        label->y = strtod(strstr(at, " y=\"") + 4, NULL);
        (void)snprintf(label->text, sizeof label->text, "%.*s", (int)(close - end - 1), end + 1);
        double width = 0;
        for (const char *c = label->text; *c; c++)
            if (((unsigned char)*c & 0xc0) != 0x80)          /* bytes of one letter */
                width += look->size * (is_end ? 0.7 : 0.64); /* names are bold */
        const char *anchor = strstr(at, "text-anchor=\"");
        char which = anchor != NULL && anchor < end ? anchor[13] : 's';
        label->left = which == 'e' ? place - width : which == 'm' ? place - width / 2 : place;
        label->right = label->left + width;
    }
    return n;
}

static void expect_room(const char *plot, const struct look *look)
{
    struct label labels[64];
    uint32_t n = labels_read(plot, look, labels);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < i; j++) {
            bool apart = labels[i].right <= labels[j].left || labels[j].right <= labels[i].left ||
                         labels[i].y - labels[j].y >= HEIGHT || labels[j].y - labels[i].y >= HEIGHT;
            if (!apart)
                fail_msg("'%s' stands on '%s' in\n%s", labels[i].text, labels[j].text, plot);
        }
        if (labels[i].y < HEIGHT || labels[i].left < 0 || labels[i].right > look->right)
            fail_msg("'%s' is outside of\n%s", labels[i].text, plot);
    }
}

static void expect_no_overlap(const char *plot)
{
    struct look looks[2];
    looks_read(plot, looks);
    expect_room(plot, &looks[0]);
    expect_room(plot, &looks[1]);
}

static struct crl_chart chart_of(double until, double most)
{
    struct crl_chart chart = {.title = "a <title>", .until = until, .most = most};
    crl_chart_time_ticks(&chart);
    return chart;
}

static void equal_lines_differ(void **state)
{
    (void)state;
    struct crl_chart chart = chart_of(100, 7);
    const struct crl_chart_line lines[] = {{"one", NULL, x, flat, 3}, {"two", NULL, x, flat, 3}};
    char *plot = plot_of(&chart, lines, 2);
    expect_no_overlap(plot);
    assert_non_null(strstr(plot, "<title>a &lt;title></title>"));
    assert_int_equal(occurrences(plot, "class=\"curve c0\""), 2);
    assert_int_equal(occurrences(plot, "class=\"curve c1\""), 2);
    assert_int_equal(occurrences(plot, "a4 4 0"), 2 * 6);   /* four circles, and at the names */
    assert_int_equal(occurrences(plot, "h7v7h-7z"), 1 * 6); /* squares */
    free(plot);
}

static void names_have_room(void **state)
{
    (void)state;
    static const char *const names[LINES] = {"coalescing",
                                             "a name that is long",
                                             "with store, much",
                                             "größe größe größe",
                                             "e",
                                             "f",
                                             "g",
                                             "h",
                                             "i",
                                             "j"};
    struct crl_chart_line lines[LINES];
    struct crl_chart chart = chart_of(100, 7);
    for (uint32_t i = 0; i < LINES; i++)
        lines[i] = (struct crl_chart_line){names[i], NULL, x, flat, 3};
    for (uint32_t n = 1; n <= LINES; n++) {
        char *plot = plot_of(&chart, lines, n);
        expect_no_overlap(plot);
        assert_int_equal(occurrences(plot, "line-name"), n <= 8 ? n : 0);
        free(plot);
    }
    char *plot = plot_of(&chart, lines, 4);
    assert_non_null(strstr(plot, ">a name that is …</text>"));
    assert_non_null(strstr(plot, ">größe größe…</text>")); /* no half of a letter */
    free(plot);
}

static void bands_have_names_in_rows(void **state)
{
    (void)state;
    struct crl_chart chart = chart_of(100, 7);
    const struct crl_chart_band bands[] = {{0, 10, "warm-up", "not counted"},
                                           {12, 30, "fault", "database slow"},
                                           {15, 20, "fault", "store down"},
                                           {80, 300, "fault", "node clock stepped"}};
    chart.bands = bands;
    chart.bands_n = 4;
    char *plot = plot_of(&chart, NULL, 0);
    expect_no_overlap(plot);
    assert_int_equal(occurrences(plot, "<rect class=\"fault\""), 3);
    free(plot);
}

static void any_scale(void **state)
{
    (void)state;
    static const double sizes[] = {0, 1, 7, 99, 1e3, 25264, 1e5, 1.5e6, 1e8};
    static const corral_us spans[] = {0,
                                      900,
                                      CORRAL_MS(3),
                                      CORRAL_SECONDS(5),
                                      CORRAL_SECONDS(19),
                                      CORRAL_SECONDS(100),
                                      CORRAL_SECONDS(660),
                                      CORRAL_SECONDS(36000),
                                      CORRAL_SECONDS(9000000)};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t j = 0; j < sizeof(spans) / sizeof(spans[0]); j++) {
            struct crl_chart chart = chart_of((double)spans[j], sizes[i]);
            chart.is_time = (i + j) % 2 == 0;
            char *plot = plot_of(&chart, NULL, 0);
            expect_no_overlap(plot);
            assert_null(strstr(plot, "nan"));
            assert_null(strstr(plot, "inf"));
            free(plot);
        }
    }
}

static void layers_have_no_markers(void **state)
{
    (void)state;
    struct crl_chart chart = chart_of(100, 7);
    const struct crl_chart_line lines[] = {{"error", "fail", x, flat, 0},
                                           {"hit", "hit", x, flat, 3}};
    chart.is_stacked = true;
    char *plot = plot_of(&chart, lines, 2);
    expect_no_overlap(plot);
    assert_int_equal(occurrences(plot, "fail"), 0); /* nothing of it */
    assert_int_equal(occurrences(plot, "class=\"plane hit\""), 1);
    assert_int_equal(occurrences(plot, "curve"), 0);
    assert_non_null(strstr(plot, "</svg>hit</li></ul>")); /* the key of a narrow page */
    free(plot);
}

static void bars(void **state)
{
    (void)state;
    const struct crl_chart_bar rows[] = {{"a&b", 100, "100"}, {"c", 0.01, "few"}, {"d", -1, "-"}};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    crl_chart_bars("loads", rows, 3, out);
    fclose(out);
    assert_non_null(strstr(text, ">a&amp;b</text>"));
    assert_non_null(strstr(text, "c0\" x=\"0\" y=\"19\" width=\"230.0\""));
    assert_non_null(strstr(text, "c1\" x=\"0\" y=\"59\" width=\"2.0\"")); /* can be seen */
    assert_non_null(strstr(text, "c2\" x=\"0\" y=\"99\" width=\"0.0\""));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_lines_differ),       cmocka_unit_test(names_have_room),
        cmocka_unit_test(bands_have_names_in_rows), cmocka_unit_test(any_scale),
        cmocka_unit_test(layers_have_no_markers),   cmocka_unit_test(bars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
