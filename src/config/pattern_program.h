/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern_program.h - a regular expression as a program that is run on a text without backtracking.
 *
 * The program of an expression is constant once it is built: matching takes no lock, allocates
 * nothing and writes to nothing but its own stack, so any number of threads share one. All ways
 * through the expression are followed at once; the time is at most the bytes of the text times the
 * instructions, whatever the expression and the text are.
 *
 * What is read here is what glibc's regcomp() takes as a POSIX extended regular expression in the C
 * locale, with its \w \W \s \S \b \B \< \> \` \' and without back-references. It must have been
 * accepted by regcomp(): this module reads expressions, and does not check them.
 *
 * Threads: any.
 *
 * Sources: K. Thompson, "Regular Expression Search Algorithm", CACM 11(6), 1968; R. Cox, "Regular
 * Expression Matching: the Virtual Machine Approach", 2009; POSIX.1-2017, Base Definitions, 9.4. */
#ifndef CRL_CONFIG_PATTERN_PROGRAM_H
#define CRL_CONFIG_PATTERN_PROGRAM_H

#include <corral/corral.h>

enum { CRL_PATTERN_PROGRAM_MAX = 4096 }; /* instructions */

struct crl_pattern_program;

/* crl_pattern_program_new - write the program of an expression.
 * expression  at most CRL_PATTERN_BYTES_MAX bytes, valid
 * Errors: EINVAL it has more than CRL_PATTERN_PROGRAM_MAX instructions; ENOMEM. */
int crl_pattern_program_new(const char *expression, struct crl_pattern_program **ret_program);

/* crl_pattern_program_free - NULL is allowed. */
void crl_pattern_program_free(struct crl_pattern_program *program);

/* crl_pattern_program_matches - does the expression match the whole text? */
bool crl_pattern_program_matches(const struct crl_pattern_program *program, const char *text);

#endif
