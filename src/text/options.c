/* SPDX-License-Identifier: Apache-2.0
 *
 * options.c - see options.h. getopt_long() takes the words apart; here are the values, and what to
 * say. */
#include "text/options.h"

#include "base/assert.h"
#include "base/edit_distance.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_CODE 256 /* getopt's code of the first row: behind those that are characters */
#define SHOWN      64  /* bytes of a word that are repeated to people */

int crl_options_refuse(char why[CRL_OPTIONS_WHY_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(why, CRL_OPTIONS_WHY_MAX, format, arguments); /* cut short is fine */
    va_end(arguments);
    return CORRAL_EINVAL;
}

/* --------------------------------------------------------------------------------------- values */

static int quantity_take(const struct crl_option *option, const char *value, char *why)
{
    char fault[CRL_UNITS_WHY_MAX];
    if (crl_units_read(&option->range, value, option->quantity, fault))
        return 0;
    return crl_options_refuse(why, "--%s: '%.*s' %s", option->name, SHOWN, value, fault);
}

/* The index of a word among the first `n`; `n`: it is not there. */
static uint32_t word_find(const struct crl_option *option, uint32_t n, const char *word,
                          size_t size)
{
    uint32_t i = 0;
    while (i < n &&
           (strlen(option->words[i]) != size || strncmp(option->words[i], word, size) != 0))
        i++;
    return i;
}

static int word_refuse(const struct crl_option *option, const char *word, size_t size, char *why)
{
    uint32_t all_n = option->words_n + option->unasked_n;
    struct crl_edit_meant meant = {0};
    char words[128] = "", typed[SHOWN + 1];
    (void)snprintf(typed, sizeof typed, "%.*s", (int)(size < SHOWN ? size : SHOWN), word);
    for (uint32_t i = 0; i < option->words_n; i++) {
        size_t used = strlen(words);
        (void)snprintf(words + used, sizeof words - used, "%s%s", i ? ", " : "", option->words[i]);
        crl_edit_consider(&meant, typed, option->words[i]);
    }
    if (word_find(option, all_n, word, size) < all_n)
        return crl_options_refuse(why, "--%s: '%s' cannot be asked for by name (available: %s)",
                                  option->name, typed, words);
    if (meant.word != NULL)
        return crl_options_refuse(why,
                                  "--%s: there is no %s '%s'; did you mean '%s'? (available: %s)",
                                  option->name, option->noun, typed, meant.word, words);
    return crl_options_refuse(why, "--%s: there is no %s '%s' (available: %s)", option->name,
                              option->noun, typed, words);
}

static int words_take(const struct crl_option *option, const char *list, char *why)
{
    uint32_t bits = 0;
    for (;;) {
        size_t size = strcspn(list, ",");
        uint32_t i = word_find(option, option->words_n, list, size);
        if (i == option->words_n)
            return word_refuse(option, list, size, why);
        bits |= 1u << i;
        if (list[size] == '\0')
            break;
        list += size + 1;
    }
    *option->chosen = bits;
    return 0;
}

/* is_apart: the value is a word of its own */
static int value_take(const struct crl_option *option, const char *value, bool is_apart, char *why)
{
    if (option->flag != NULL) {
        *option->flag = true;
        return 0;
    }
    if (*value == '\0')
        return crl_options_refuse(why, "--%s wants a value", option->name);
    if (is_apart && strncmp(value, "--", 2) == 0)
        return crl_options_refuse(why, "--%s wants a value, but '%.*s' follows", option->name,
                                  SHOWN, value);
    if (option->quantity != NULL)
        return quantity_take(option, value, why);
    if (option->chosen != NULL)
        return words_take(option, value, why);
    *option->text = value;
    return 0;
}

/* ---------------------------------------------------------------------------------------- words */

/* A word that is no option as it stands; `code` is what getopt makes of it. */
static int word_is_wrong(const struct crl_option *options, int code, const char *word, char *why)
{
    struct crl_edit_meant meant = {0};
    char typed[SHOWN];
    if (code == 'h' || code >= FIRST_CODE)
        return crl_options_refuse(why, "--%s takes no value",
                                  code == 'h' ? "help" : options[code - FIRST_CODE].name);
    if (code != 0)
        return crl_options_refuse(why, "unknown option '-%c'", code);
    (void)snprintf(typed, sizeof typed, "%.*s", (int)strcspn(word, "="), word);
    for (const struct crl_option *option = options; option->name != NULL; option++)
        crl_edit_consider(&meant, typed + 2, option->name);
    if (meant.word != NULL)
        return crl_options_refuse(why, "unknown option '%s'; did you mean '--%s'?", typed,
                                  meant.word);
    return crl_options_refuse(why, "unknown option '%s'", typed);
}

static int operand_take(int n, char **words, const char **ret_operand, char *why)
{
    int n_max = ret_operand != NULL ? 1 : 0;
    if (n > n_max)
        return crl_options_refuse(why, "'%.*s' is one argument too many", SHOWN, words[n_max]);
    if (n == 1)
        *ret_operand = words[0];
    return 0;
}

static void names_make(const struct crl_option *options, struct option *ret_names)
{
    int n = 0;
    for (; options[n].name != NULL; n++) {
        crl_assert(n < CRL_OPTIONS_MAX);
        ret_names[n] = (struct option){options[n].name,
                                       options[n].flag != NULL ? no_argument : required_argument,
                                       NULL, FIRST_CODE + n};
    }
    ret_names[n] = (struct option){"help", no_argument, NULL, 'h'};
    ret_names[n + 1] = (struct option){0};
}

int crl_options_read(int argc, char **argv, const struct crl_option *options,
                     const char **ret_operand, char why[CRL_OPTIONS_WHY_MAX])
{
    struct option names[CRL_OPTIONS_MAX + 2];
    bool is_given[CRL_OPTIONS_MAX] = {false};
    int code, rc = 0;
    names_make(options, names);
    optind = 0; /* start anew, whoever used getopt before */
    opterr = 0;
    while (rc == 0 && (code = getopt_long(argc, argv, ":h", names, NULL)) != -1) {
        if (code == 'h')
            return CRL_OPTIONS_HELP;
        if (code == '?')
            return word_is_wrong(options, optopt, argv[optind - 1], why);
        int i = (code == ':' ? optopt : code) - FIRST_CODE;
        if (is_given[i])
            return crl_options_refuse(why, "--%s is given twice", options[i].name);
        is_given[i] = true;
        rc = value_take(&options[i], code == ':' ? "" : optarg, optarg == argv[optind - 1], why);
    }
    return rc ? rc : operand_take(argc - optind, argv + optind, ret_operand, why);
}
