/* SPDX-License-Identifier: Apache-2.0
 *
 * exit.h - how a program ends: its exit codes, its last words, and whether what it wrote has
 * arrived. */
#ifndef CRL_TEXT_EXIT_H
#define CRL_TEXT_EXIT_H

#include <stdbool.h>
#include <stdio.h>

/* Exit codes. */
enum {
    CRL_EXIT_DONE = 0,
    CRL_EXIT_PROBLEM = 1, /* it ran and found a problem */
    CRL_EXIT_USAGE = 2,
};

/* In what follows, a program is called as it is typed, with its verb: "corral sim". */

/* crl_exit_usage - say on standard error what is wrong with the command line and where help is.
 * Returns CRL_EXIT_USAGE. */
int crl_exit_usage(const char *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* crl_exit_unread - end where crl_options_read() returned another `rc` than 0: with the help that
 * was asked for, on standard output, or with what is wrong. Returns the exit code. */
int crl_exit_unread(const char *program, int rc, const char *help, const char *why);

/* crl_stream_close - close it. Returns false if anything that was written is lost, now or before;
 * errno says why, EIO if that is not known any more. */
bool crl_stream_close(FILE *stream);

/* crl_exit_written - close standard output, the last thing that main() does: what was written must
 * have arrived, or standard error says that it did not. If only nobody reads any more (EPIPE), it
 * is silent.
 * code  the exit code so far
 * Returns it, or CRL_EXIT_PROBLEM if it was CRL_EXIT_DONE and something is lost. */
int crl_exit_written(const char *program, int code);

#endif
