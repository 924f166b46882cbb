/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   the sentence names what is better, then what is worse, and nothing that is the same;
 *         lines fit.
 * Method: tables; lines also over all widths. */
#include "text/moral.h"
#include "text/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void what_is_said(void **state)
{
    (void)state;
    static const struct {
        uint64_t loads[2], at_once[2]; /* mine, theirs */
        corral_us worst[2], p99[2];
        uint64_t errors[2];
        const char *text;
    } rows[] = {
        {{1, 1000},
         {1, 1000},
         {100, 5000},
         {99, 4000},
         {0, 0},
         "x: 1 load instead of 1,000; at worst 100 us instead of 5.00 ms"},
        {{1, 1000},
         {9, 9},
         {100, 100},
         {50, 100},
         {0, 0},
         "x: 1 load instead of 1,000; p99 50 us instead of 100 us"},
        {{1, 1000}, {9, 9}, {102, 100}, {99, 100}, {0, 0}, "x: 1 load instead of 1,000"},
        {{60, 28},
         {50, 4882},
         {200, 500},
         {1, 500},
         {3, 200},
         "x: 50 at once instead of 4,882; at worst 200 us instead of 500 us; 3 errors instead of "
         "200; but 60 loads instead of 28"},
        {{0, 7},
         {0, 7},
         {0, 0},
         {0, 0},
         {1, 0},
         "x: 0 loads instead of 7; but 1 error instead of 0"},
        {{9, 8},
         {9, 8},
         {9, 8},
         {8, 9},
         {0, 0},
         "x: p99 8 us instead of 9 us; but 9 loads instead of 8; at worst 9 us instead of 8 us"},
        {{8, 7}, {8, 7}, {8, 8}, {8, 8}, {0, 0}, "x: worse: 8 loads instead of 7"},
        {{95, 100},
         {105, 100},
         {91, 100},
         {100, 100},
         {0, 0},
         "x: nothing is better or worse by a tenth"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[CRL_MORAL_MAX];
        struct crl_moral_part parts[] = {
            crl_moral_part_count(rows[i].loads[0], rows[i].loads[1], " load", " loads"),
            crl_moral_part_count(rows[i].at_once[0], rows[i].at_once[1], " at once", " at once"),
            crl_moral_part_us(rows[i].worst[0], rows[i].worst[1], "at worst "),
            crl_moral_part_us(rows[i].p99[0], rows[i].p99[1], "p99 "),
            crl_moral_part_count(rows[i].errors[0], rows[i].errors[1], " error", " errors"),
        };
        parts[1].is_substitute = parts[3].is_substitute = true;
        assert_string_equal(crl_moral("x", parts, 5, text), rows[i].text);
    }
}

static void what_does_not_fit_is_cut(void **state)
{
    (void)state;
    char name[2 * CRL_MORAL_MAX], text[CRL_MORAL_MAX];
    struct crl_moral_part part = crl_moral_part_us(1, 2, "at worst ");
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    crl_moral(name, &part, 1, text);
    assert_int_equal(strlen(text), CRL_MORAL_MAX - 1);
    name[CRL_MORAL_MAX - 5] = 0;
    crl_moral(name, &part, 1, text);
    assert_int_equal(strlen(text), CRL_MORAL_MAX - 1);
}

static char *lines_of(const char *text, int used, int indent, int width)
{
    char *lines = NULL;
    size_t size;
    FILE *out = open_memstream(&lines, &size);
    crl_lines_write(text, used, indent, width, out);
    fclose(out);
    return lines;
}

static void lines(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int used, indent, width;
        const char *lines;
    } rows[] = {
        {"", 0, 0, 9, ""},
        {"one two three", 0, 0, 9, "one two\nthree\n"},
        {"one two three", 4, 0, 9, " one\ntwo three\n"},
        {"one two three", 4, 4, 9, "one\n    two\n    three\n"},
        {"unbreakable it is", 0, 0, 9, "unbreakable\nit is\n"},
        {"one\ntwo\n\nthree", 0, 2, 9, "one\ntwo\n\nthree\n"},
        {"one two", 7, 0, 9, "\none two\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *got = lines_of(rows[i].text, rows[i].used, rows[i].indent, rows[i].width);
        assert_string_equal(got, rows[i].lines);
        free(got);
    }
}

static void lines_fit_any_width(void **state)
{
    (void)state;
    static const char text[] = "a bb ccc dddd eeeee ffffff ggggggg a bb ccc dddd eeeee ffffff";
    for (int width = 10; width < 80; width++) {
        for (int indent = 0; indent <= 3; indent++) {
            char *got = lines_of(text, indent, indent, width);
            for (const char *line = got; *line; line += strcspn(line, "\n") + 1) {
                /* The caller has written what stands in front of the first. */
                size_t front = line == got ? (size_t)indent : 0;
                assert_true(front + strcspn(line, "\n") <= (size_t)width);
            }
            free(got);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said),
        cmocka_unit_test(what_does_not_fit_is_cut),
        cmocka_unit_test(lines),
        cmocka_unit_test(lines_fit_any_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
