/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon.h - the real server in a test's own process, on a database of its own (scratch.h); what
 * its clients are told, and what it says of itself in /metrics. One for a whole test program. */
#ifndef CRL_TESTS_DAEMON_H
#define CRL_TESTS_DAEMON_H

#include "config/config.h"
#include "server/serve.h"

#include "client.h"
#include "scratch.h"

static struct scratch scratch;
static struct crl_config *config;
static struct crl_server *server;

static inline struct crl_config *parse(const char *text)
{
    char name[256];
    struct crl_problems problems = {0};
    struct crl_config *parsed = NULL;
    snprintf(name, sizeof name, "%s/test.yaml", scratch.folder);
    if (crl_config_parse(name, corral_str(text), &problems, &parsed) < 0) {
        crl_problems_print(&problems, "yaml", stderr);
        fail_msg("the configuration has problems");
    }
    crl_problems_fini(&problems);
    return parsed;
}

static inline void start_with(const char *text, const struct crl_server_options *options)
{
    struct crl_problems problems = {0};
    config = parse(text);
    if (crl_server_start(config, options, &problems, &server) < 0) {
        crl_problems_print(&problems, "yaml", stderr);
        fail_msg("the server does not start");
    }
    crl_problems_fini(&problems);
}

/* A database for a test. */
static inline void daemon_open(const char *schema)
{
    gate_close();
    scratch_open(&scratch, schema);
}

static inline int stop(void)
{
    int rc = crl_server_stop(server);
    crl_config_free(config);
    server = NULL;
    config = NULL;
    return rc;
}

/* The end of the database, and of a server that is still there. */
static inline void daemon_close(void)
{
    gate_open();
    if (server != NULL)
        stop();
    scratch_close(&scratch);
}

/* The value of a metric, by its name with labels. */
static inline double metric(const char *series)
{
    struct client_answer answer = client_fetch(crl_server_port(server), "GET", "/metrics", "");
    char line[256];
    snprintf(line, sizeof line, "\n%s ", series);
    const char *at = strstr(answer.body, line);
    assert_non_null(at);
    double value = strtod(at + strlen(line), NULL);
    free(answer.body);
    return value;
}

/* Wait until the server itself reports it. */
static inline void await_metric(const char *series, double wanted)
{
    corral_us until = crl_now() + PROBE_LIMIT;
    double value;
    while ((value = metric(series)) != wanted) {
        if (crl_now() > until)
            fail_msg("%s is %g, not %g", series, value, wanted);
    }
}

/* Ask the server, and find these in its answer. */
static inline void expect(const char *method, const char *path, const char *headers, int status,
                          const char *in_head, const char *in_body)
{
    struct client_answer answer = client_fetch(crl_server_port(server), method, path, headers);
    if (answer.status != status || strstr(answer.head, in_head) == NULL ||
        strstr(answer.body, in_body) == NULL)
        fail_msg("%s %s: %s%s", method, path, answer.head, answer.body);
    free(answer.body);
}

#endif
