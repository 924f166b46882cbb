/* SPDX-License-Identifier: Apache-2.0
 *
 * verbs.h - the verbs of the program: one row each in main.c, one function each here. */
#ifndef CRL_CLI_VERBS_H
#define CRL_CLI_VERBS_H

/* A verb gets the arguments behind its own name, which is argv[0], and returns an exit code. */
typedef int crl_verb_fn(int argc, char **argv);

crl_verb_fn crl_verb_serve;
crl_verb_fn crl_verb_check;

#endif
