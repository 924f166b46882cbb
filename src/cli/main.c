/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - which verb is it? */
#include "cli/sim.h"
#include "cli/storm.h"
#include "cli/verbs.h"

#include <corral/corral.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct verb {
    const char *name;
    const char *line; /* for the help */
    crl_verb_fn *run;
} verbs[] = {
    {"serve", "run the daemon", crl_verb_serve},
    {"check", "check a configuration file", crl_verb_check},
    {"storm", "stampede on purpose, with and without protection", crl_verb_storm},
    {"sim", "simulate a stampede on a fleet, in virtual time", crl_verb_sim},
};

static void help(FILE *out)
{
    fputs("corral - a read-through cache that cannot stampede\n\n"
          "usage: corral VERB [ARGUMENTS]\n\n",
          out);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].line);
    fputs("\n'corral VERB --help' says more; 'corral --version' tells the version.\n", out);
}

int crl_usage_error(const char *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "corral%s%s: ", verb[0] == '\0' ? "" : " ", verb);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\ntry 'corral%s%s --help'\n", verb[0] == '\0' ? "" : " ", verb);
    va_end(arguments);
    return CRL_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return CRL_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        help(stdout);
        return CRL_EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("corral %s\n", corral_version());
        return CRL_EXIT_DONE;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    }
    return crl_usage_error("", "there is no verb '%.64s'", argv[1]);
}
