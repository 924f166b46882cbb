/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - which verb is it? */
#include "base/edit_distance.h"
#include "cli/sim.h"
#include "cli/storm.h"
#include "cli/verbs.h"
#include "text/exit.h"
#include "text/options.h"

#include <corral/corral.h>

#include <fcntl.h>
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

/* Have descriptors 0 to 2, if only to nowhere: else a socket or a database becomes standard
 * error, the log is written to it, and libuv aborts. Standard output goes where writing fails, so
 * that what should be there is not lost without a word. */
static void standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", fd == 1 ? O_RDONLY : O_RDWR); /* the lowest that is free: fd */
    }
}

static int verb_run(int argc, char **argv)
{
    struct crl_edit_meant meant = {0};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(argv[0], verbs[i].name) == 0)
            return verbs[i].run(argc, argv);
        crl_edit_consider(&meant, argv[0], verbs[i].name);
    }
    crl_edit_consider(&meant, argv[0],
                      "--help"); /* without its dashes, as other programs have it */
    crl_edit_consider(&meant, argv[0], "--version");
    if (meant.word != NULL)
        return crl_exit_usage("corral", "there is no verb '%.64s'; did you mean '%s'?", argv[0],
                              meant.word);
    return crl_exit_usage("corral", "there is no verb '%.64s'", argv[0]);
}

static int run(int argc, char **argv)
{
    bool version = false;
    const struct crl_option options[] = {{"version", .flag = &version}, {NULL}};
    char why[CRL_OPTIONS_WHY_MAX];
    if (argc > 1 && argv[1][0] != '-')
        return verb_run(argc - 1, argv + 1);
    int rc = crl_options_read(argc, argv, options, NULL, why);
    if (rc < 0)
        return crl_exit_usage("corral", "%s", why);
    if (rc == CRL_OPTIONS_HELP && argc > 2)
        return crl_exit_usage("corral", "'%.64s' is one argument too many", argv[2]);
    if (version)
        printf("corral %s\n", corral_version());
    else
        help(rc == CRL_OPTIONS_HELP ? stdout : stderr);
    return version || rc == CRL_OPTIONS_HELP ? CRL_EXIT_DONE : CRL_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    standard_descriptors();
    return crl_exit_written("corral", run(argc, argv));
}
