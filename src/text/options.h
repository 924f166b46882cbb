/* SPDX-License-Identifier: Apache-2.0
 *
 * options.h - the options of a command line, by a table: the one wording of all verbs.
 *
 * Every option is a long one, "--name value" or "--name=value", given at most once; there are
 * always --help and -h as well. The first fault ends the reading, with a sentence that says what to
 * do instead. Pure but for getopt's own variables, so not thread-safe. */
#ifndef CRL_TEXT_OPTIONS_H
#define CRL_TEXT_OPTIONS_H

#include "base/units.h"

#include <corral/corral.h>

enum {
    CRL_OPTIONS_HELP = 1,      /* what crl_options_read() returns besides 0 and EINVAL */
    CRL_OPTIONS_MAX = 32,      /* rows of a table */
    CRL_OPTIONS_WHY_MAX = 256, /* bytes of a sentence, with its terminator; the rest is cut off */
};

/* A row has a name and one place for its value, which is untouched if the option is not given. A
 * row without a name ends the table. */
struct crl_option {
    const char *name;  /* without the dashes */
    bool *flag;        /* takes no value */
    const char **text; /* borrowed from argv; never empty */
    int64_t *quantity;
    struct crl_units_range range; /* of the quantity */
    uint32_t *chosen;             /* bits 1 << the index of each chosen word */
    const char *noun;             /* what a word is the name of: "strategy" */
    const char *const *words;     /* that may be chosen, with commas between them */
    uint32_t words_n;
    uint32_t unasked_n; /* words behind them that exist, but cannot be asked for */
};

/* crl_options_read - read a command line; argv[0] is not looked at, the rest is put in order.
 * ret_operand  what is not an option, borrowed from argv; untouched if there is none. NULL: there
 *              must be none. More than one is a fault.
 * why  on failure, a sentence for people
 * Returns 0, EINVAL, or CRL_OPTIONS_HELP as soon as that is asked for: what follows is not read. */
int crl_options_read(int argc, char **argv, const struct crl_option *options,
                     const char **ret_operand, char why[CRL_OPTIONS_WHY_MAX]);

/* crl_options_refuse - write such a sentence. Returns EINVAL. */
int crl_options_refuse(char why[CRL_OPTIONS_WHY_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
