/* SPDX-License-Identifier: Apache-2.0
 *
 * exit.c - see exit.h. */
#include "text/exit.h"

#include "text/options.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

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

bool crl_stream_close(FILE *stream)
{
    bool was_lost = ferror(stream) != 0; /* the reason is forgotten, unless the rest is lost too */
    errno = 0;
    bool is_lost = fclose(stream) != 0 || was_lost;
    if (is_lost && errno == 0)
        errno = EIO;
    return !is_lost;
}

int crl_exit_written(const char *program, int code)
{
    if (crl_stream_close(stdout))
        return code;
    if (errno != EPIPE)
        fprintf(stderr, "%s: cannot write to standard output: %s\n", program, strerror(errno));
    return code == CRL_EXIT_DONE ? CRL_EXIT_PROBLEM : code;
}
