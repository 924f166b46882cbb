/* SPDX-License-Identifier: Apache-2.0
 *
 * exit.c - see exit.h. */
#include "cli/exit.h"

#include "cli/options.h"

#include <stdarg.h>
#include <stdio.h>

int crl_exit_usage(const char *program, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\ntry '%s --help'\n", program);
    va_end(arguments);
    return CRL_EXIT_USAGE;
}

int crl_exit_unread(const char *program, int rc, const char *help, const char *why)
{
    if (rc != CRL_OPTIONS_HELP)
        return crl_exit_usage(program, "%s", why);
    fputs(help, stdout);
    return CRL_EXIT_DONE;
}
