/* SPDX-License-Identifier: Apache-2.0
 *
 * serve.c - the verbs that take a configuration: serve and check. */
#include "cli/verbs.h"
#include "server/config.h"
#include "server/serve.h"

#include <getopt.h>
#include <stdio.h>

/* Read a configuration; problems go to `out`. Returns NULL if there are any. */
static struct crl_config *config_read(const char *file, FILE *out)
{
    struct crl_problems problems = {0};
    struct crl_config *config = NULL;
    int rc = crl_config_load(file, &problems, &config);
    if (rc < 0) {
        crl_problems_print(&problems, file, out);
        if (problems.n == 0)
            fprintf(out, "%s: %s\n", file, corral_strerror(rc));
    }
    crl_problems_fini(&problems);
    return rc < 0 ? NULL : config;
}

int crl_verb_serve(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    const char *file = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            file = optarg;
            break;
        case 'h':
            fputs(
                "usage: corral serve --config FILE\n\n"
                "Runs the daemon in the foreground and logs to standard error. SIGTERM and SIGINT\n"
                "answer what is under way, then end it (exit code 0); a second one ends it at\n"
                "once. Exit code 1: it could not start. See corral.yaml(5).\n",
                stdout);
            return CRL_EXIT_DONE;
        default:
            return crl_usage_error("serve", "wrong usage");
        }
    }
    if (optind < argc)
        return crl_usage_error("serve", "'%.64s' is one argument too many", argv[optind]);
    if (file == NULL)
        return crl_usage_error("serve", "--config FILE is missing");
    struct crl_config *config = config_read(file, stderr);
    if (config == NULL)
        return CRL_EXIT_PROBLEM;
    int code = crl_serve(config, file);
    crl_config_free(config);
    return code;
}

int crl_verb_check(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option != 'h')
            return crl_usage_error("check", "wrong usage");
        fputs("usage: corral check FILE\n\n"
              "Prints every problem of a configuration file as FILE:LINE:COLUMN: text, and exits\n"
              "with 1 if there is any. Databases and ports are not tried.\n",
              stdout);
        return CRL_EXIT_DONE;
    }
    if (argc - optind != 1)
        return crl_usage_error("check", "give one FILE");
    struct crl_config *config = config_read(argv[optind], stdout);
    if (config == NULL)
        return CRL_EXIT_PROBLEM;
    crl_config_free(config);
    printf("%s: no problems\n", argv[optind]);
    return CRL_EXIT_DONE;
}
