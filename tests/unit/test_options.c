/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   every kind of option is read in both spellings, and what is wrong is refused with what to
 *         do instead, the same for all verbs.
 * Method: rows of command lines, on one table of options. */
#include "text/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 8

struct values {
    bool json, all;
    const char *report, *operand;
    int64_t clients, duration_us, memory;
    uint32_t colours;
};

/* argv is put in order by the reading, so it is made anew. */
static int read_words(const char *const *words, bool has_operand, struct values *values, char *why)
{
    static const char *const colours[] = {"red", "green", "blue", "grey"};
    const struct crl_option rows[] = {
        {"json", .flag = &values->json},
        {"all", .flag = &values->all},
        {"report", .text = &values->report},
        {"clients", .quantity = &values->clients, .range = {CRL_QUANTITY_COUNT, 1, 20}},
        {"duration", .quantity = &values->duration_us,
         .range = {CRL_QUANTITY_DURATION, CORRAL_MS(1), CORRAL_SECONDS(60)}},
        {"memory", .quantity = &values->memory, .range = {CRL_QUANTITY_SIZE, 1, INT64_MAX}},
        {"colours", .chosen = &values->colours, .noun = "colour", .words = colours, .words_n = 3,
         .unasked_n = 1},
        {NULL},
    };
    char *argv[WORDS_MAX + 2] = {(char *)"verb"};
    int argc = 1;
    for (; argc <= WORDS_MAX && words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    why[0] = '\0';
    return crl_options_read(argc, argv, rows, has_operand ? &values->operand : NULL, why);
}

static bool texts_equal(const char *a, const char *b)
{
    return a != NULL && b != NULL ? strcmp(a, b) == 0 : a == b;
}

static bool values_equal(const struct values *a, const struct values *b)
{
    return a->json == b->json && a->all == b->all && texts_equal(a->report, b->report) &&
           texts_equal(a->operand, b->operand) && a->clients == b->clients &&
           a->duration_us == b->duration_us && a->memory == b->memory && a->colours == b->colours;
}

static void what_is_right(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *words[WORDS_MAX];
        struct values values;
    } rows[] = {
        {"nothing", {NULL}, {0}},
        {"a flag", {"--json"}, {.json = true}},
        {"two flags", {"--json", "--all"}, {.json = true, .all = true}},
        {"the value in the same word", {"--report=a=b"}, {.report = "a=b"}},
        {"the value behind", {"--report", "a"}, {.report = "a"}},
        {"a value that begins with a dash", {"--report", "-"}, {.report = "-"}},
        {"one with two, in the same word", {"--report=--json"}, {.report = "--json"}},
        {"least and greatest",
         {"--clients=1", "--duration=1m"},
         {.clients = 1, .duration_us = CORRAL_SECONDS(60)}},
        {"a size", {"--memory", "64KiB"}, {.memory = 65536}},
        {"a word", {"--colours", "green"}, {.colours = 2}},
        {"words in any order, twice too", {"--colours=blue,red,blue"}, {.colours = 5}},
        {"an operand", {"x"}, {.operand = "x"}},
        {"before and behind",
         {"--json", "x", "--all"},
         {.json = true, .all = true, .operand = "x"}},
        {"an operand like an option",
         {"--json", "--", "--all"},
         {.json = true, .operand = "--all"}},
        {"the beginning of a name", {"--rep=x"}, {.report = "x"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct values values = {0};
        char why[CRL_OPTIONS_WHY_MAX];
        int rc = read_words(rows[i].words, true, &values, why);
        if (rc != 0 || why[0] != '\0' || !values_equal(&values, &rows[i].values))
            fail_msg("%s: %d, '%s'", rows[i].name, rc, why);
    }
}

static void what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *words[WORDS_MAX];
        const char *why;
    } rows[] = {
        {"a stranger", {"--frobnicate"}, "unknown option '--frobnicate'"},
        {"a slip", {"--cleints", "5"}, "unknown option '--cleints'; did you mean '--clients'?"},
        {"a slip with a value",
         {"--durtion=5s"},
         "unknown option '--durtion'; did you mean '--duration'?"},
        {"several names begin so", {"--c=1"}, "unknown option '--c'"},
        {"a short one", {"-x"}, "unknown option '-x'"},
        {"a short one behind others", {"--json", "-xh", "y"}, "unknown option '-x'"},
        {"a flag with a value", {"--json=yes"}, "--json takes no value"},
        {"help with a value", {"--help=all"}, "--help takes no value"},
        {"no value at the end", {"--json", "--report"}, "--report wants a value"},
        {"an empty value", {"--clients="}, "--clients wants a value"},
        {"an empty word", {"--report", ""}, "--report wants a value"},
        {"an option instead of a value",
         {"--report", "--json"},
         "--report wants a value, but '--json' follows"},
        {"no number",
         {"--clients=5x"},
         "--clients: '5x' is not a number, such as 20, without a unit"},
        {"too small", {"--clients", "0"}, "--clients: '0' is out of range, 1 to 20"},
        {"negative", {"--clients", "-5"}, "--clients: '-5' is out of range, 1 to 20"},
        {"too large",
         {"--clients=99999999999999999999999"},
         "--clients: '99999999999999999999999' is out of range, 1 to 20"},
        {"no unit",
         {"--duration=5"},
         "--duration: '5' needs a unit, such as 30s or 250ms (units: us ms s m)"},
        {"a unit of another kind",
         {"--memory=5s"},
         "--memory: '5s' has an unknown unit; write it like 64KiB or 8MiB (units: B KiB MiB GiB)"},
        {"too long", {"--duration=61s"}, "--duration: '61s' is out of range, 1ms to 1m"},
        {"a word that is not there",
         {"--colours=red,pink"},
         "--colours: there is no colour 'pink' (available: red, green, blue)"},
        {"a slip in a word",
         {"--colours=blue,geren"},
         "--colours: there is no colour 'geren'; did you mean 'green'? (available: red, green, "
         "blue)"},
        {"a word that is not for choice",
         {"--colours=grey"},
         "--colours: 'grey' cannot be asked for by name (available: red, green, blue)"},
        {"the beginning of a word",
         {"--colours=re"},
         "--colours: there is no colour 're'; did you mean 'red'? (available: red, green, blue)"},
        {"an empty one",
         {"--colours=red,,blue"},
         "--colours: there is no colour '' (available: red, green, blue)"},
        {"twice", {"--clients=1", "--json", "--clients=1"}, "--clients is given twice"},
        {"a flag twice", {"--json", "--json"}, "--json is given twice"},
        {"two operands", {"x", "--json", "y"}, "'y' is one argument too many"},
        {"the first fault counts",
         {"--clients=0", "--wat"},
         "--clients: '0' is out of range, 1 to 20"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct values values = {0};
        char why[CRL_OPTIONS_WHY_MAX];
        int rc = read_words(rows[i].words, true, &values, why);
        if (rc != CORRAL_EINVAL || strcmp(why, rows[i].why) != 0)
            fail_msg("%s: %d, '%s'", rows[i].name, rc, why);
    }
}

static void help_comes_first(void **state)
{
    (void)state;
    struct values values = {0};
    char why[CRL_OPTIONS_WHY_MAX];
    const char *const help[] = {"x", "--help", "--wat", NULL}, *const h[] = {"-h", "y", "z", NULL};
    const char *const late[] = {"--wat", "--help", NULL};
    assert_int_equal(read_words(help, false, &values, why), CRL_OPTIONS_HELP);
    assert_int_equal(read_words(h, false, &values, why), CRL_OPTIONS_HELP);
    assert_int_equal(read_words(late, false, &values, why), CORRAL_EINVAL);
}

static void no_operand_is_taken(void **state)
{
    (void)state;
    struct values values = {0};
    char why[CRL_OPTIONS_WHY_MAX];
    assert_int_equal(read_words((const char *[]){"x", NULL}, false, &values, why), CORRAL_EINVAL);
    assert_string_equal(why, "'x' is one argument too many");
}

/* Whatever comes, the sentence ends within its room. */
static void long_words_are_cut(void **state)
{
    (void)state;
    static const char *const before[] = {"",           "--",         "-",      "--report",
                                         "--clients=", "--colours=", "--json="};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        struct values values = {0};
        char word[4096], why[CRL_OPTIONS_WHY_MAX];
        (void)snprintf(word, sizeof word, "%s%4000s", before[i], "!");
        for (char *space = word; (space = strchr(space, ' ')) != NULL; space++)
            *space = 'y';
        int rc = read_words((const char *[]){word, NULL}, false, &values, why);
        assert_int_equal(rc, CORRAL_EINVAL);
        assert_in_range(strlen(why), 1, sizeof why - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right),      cmocka_unit_test(what_is_wrong),
        cmocka_unit_test(help_comes_first),   cmocka_unit_test(no_operand_is_taken),
        cmocka_unit_test(long_words_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
