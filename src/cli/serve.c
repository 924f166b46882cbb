/* SPDX-License-Identifier: Apache-2.0
 *
 * serve.c - the verbs that take a configuration: serve and check. */
#include "cli/verbs.h"
#include "config/config.h"
#include "server/serve.h"
#include "text/exit.h"
#include "text/options.h"

#include <stdio.h>

/* Read a configuration; problems go to `out`. Returns NULL if there are any. */
static struct crl_config *config_read(const char *file, FILE *out)
{
    struct crl_problems problems = {0};
    struct crl_config *config = NULL;
    int rc = crl_config_load(file, &problems, &config);
    if (rc == 0)
        rc = crl_server_check(config, &problems);
    if (rc < 0) {
        crl_problems_tell(&problems, file, rc, out);
        crl_config_free(config);
        config = NULL;
    }
    crl_problems_fini(&problems);
    return config;
}

int crl_verb_serve(int argc, char **argv)
{
    static const char help[] =
        "usage: corral serve --config FILE\n\n"
        "Runs the daemon in the foreground and logs to standard error. SIGTERM and\n"
        "SIGINT answer what is under way, then end it (exit code 0); a second one ends\n"
        "it at once. Exit code 1: it could not start. See corral.yaml(5).\n";
    const char *file = NULL, *bare = NULL;
    const struct crl_option options[] = {{"config", .text = &file}, {NULL}};
    char why[CRL_OPTIONS_WHY_MAX];
    int rc = crl_options_read(argc, argv, options, &bare, why);
    if (rc == 0 && file != NULL && bare != NULL)
        rc = crl_options_refuse(why, "'%.64s' is one argument too many", bare);
    else if (rc == 0 && file == NULL)
        rc = crl_options_refuse(why, "write --config %.64s",
                                bare != NULL && *bare != '\0' ? bare : "FILE");
    if (rc != 0)
        return crl_exit_unread("corral serve", rc, help, why);
    struct crl_config *config = config_read(file, stderr);
    if (config == NULL)
        return CRL_EXIT_PROBLEM;
    int code = crl_serve(config, file);
    crl_config_free(config);
    return code;
}

int crl_verb_check(int argc, char **argv)
{
    static const char help[] =
        "usage: corral check FILE\n\n"
        "Prints every problem of a configuration file as FILE:LINE:COLUMN: text, and\n"
        "exits with 1 if there is any. Databases and ports are not tried.\n";
    const char *file = NULL;
    char why[CRL_OPTIONS_WHY_MAX];
    int rc = crl_options_read(argc, argv, (const struct crl_option[]){{NULL}}, &file, why);
    if (rc == 0 && file == NULL)
        rc = crl_options_refuse(why, "FILE is missing");
    else if (rc == 0 && *file == '\0')
        rc = crl_options_refuse(why, "the file name is empty");
    if (rc != 0)
        return crl_exit_unread("corral check", rc, help, why);
    struct crl_config *config = config_read(file, stdout);
    if (config == NULL)
        return CRL_EXIT_PROBLEM;
    crl_config_free(config);
    printf("%s: no problems\n", file);
    return CRL_EXIT_DONE;
}
