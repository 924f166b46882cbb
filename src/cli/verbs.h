/* SPDX-License-Identifier: Apache-2.0
 *
 * verbs.h - the verbs of the program: one row each in main.c, one function each here. */
#ifndef CRL_CLI_VERBS_H
#define CRL_CLI_VERBS_H

/* Exit codes. */
enum {
    CRL_EXIT_DONE = 0,
    CRL_EXIT_PROBLEM = 1, /* it ran and found a problem */
    CRL_EXIT_USAGE = 2,
};

/* A verb gets the arguments behind its own name, which is argv[0], and returns an exit code. */
typedef int crl_verb_fn(int argc, char **argv);

crl_verb_fn crl_verb_serve;
crl_verb_fn crl_verb_check;

/* crl_usage_error - say on standard error what is wrong and where help is. Returns
 * CRL_EXIT_USAGE. */
int crl_usage_error(const char *verb, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
