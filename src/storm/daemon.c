/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon.c - see daemon.h. */
#include "storm/daemon.h"

#include "base/assert.h"
#include "config/config.h"
#include "server/serve.h"

#include <stdlib.h>
#include <string.h>

#define SPARE_CONNECTIONS 64 /* beyond the clients: the one that warms the key, and /metrics */

struct crl_storm_daemon {
    struct crl_config *config;
    struct crl_server *server;
    char path[2048];
};

/* Takes a free port of this machine instead of what is configured. */
static void address_free(struct crl_config_address *address)
{
    const char *fault = crl_address_parse("127.0.0.1:0", &address->is);
    crl_assert(fault == NULL);
}

static void strategy_set(struct crl_config *config, enum crl_storm_strategy strategy)
{
    if (strategy == CRL_STORM_CONFIGURED)
        return;
    for (size_t i = 0; i < config->routes_n; i++)
        config->routes[i].strategy =
            strategy == CRL_STORM_NONE ? CRL_STRATEGY_NONE : CRL_STRATEGY_COALESCING;
}

/* The first route with 1, or true, for every parameter that needs a value. What does not fit is cut
 * off, and answered by the daemon with 400. */
static void path_make(const struct crl_config *config, char *path, size_t room)
{
    const struct crl_config_route *route = &config->routes[0];
    size_t used = (size_t)snprintf(path, room, "%s", route->path);
    char mark = '?';
    for (size_t i = 0; i < route->params_n && used < room; i++) {
        const struct crl_config_param *param = &route->params[i];
        if (param->default_text != NULL)
            continue;
        used += (size_t)snprintf(path + used, room - used, "%c%s=%s", mark, param->name,
                                 param->type == CRL_PARAM_BOOLEAN ? "true" : "1");
        mark = '&';
    }
}

static int start(const struct crl_storm_daemon_options *options, struct crl_problems *problems,
                 struct crl_storm_daemon *daemon)
{
    const struct crl_server_options server_options = {
        .connections_max = options->clients + SPARE_CONNECTIONS,
        .request_limit_us = CORRAL_SECONDS(600), /* thinking clients are no slow clients */
        .drain_limit_us = CORRAL_MS(100),        /* nobody is waiting any more */
    };
    int rc = options->yaml != NULL ? crl_config_parse(options->name, corral_str(options->yaml),
                                                      problems, &daemon->config)
                                   : crl_config_load(options->name, problems, &daemon->config);
    if (rc)
        return rc;
    address_free(&daemon->config->listen);
    address_free(&daemon->config->admin);
    strategy_set(daemon->config, options->strategy);
    path_make(daemon->config, daemon->path, sizeof(daemon->path));
    return crl_server_start(daemon->config, &server_options, problems, &daemon->server);
}

int crl_storm_daemon_start(const struct crl_storm_daemon_options *options,
                           struct crl_storm_daemon **ret_daemon, char *why, size_t why_size)
{
    struct crl_problems problems = {0};
    struct crl_storm_daemon *daemon = calloc(1, sizeof(*daemon));
    int rc = daemon != NULL ? start(options, &problems, daemon) : CORRAL_ENOMEM;
    if (rc == 0) {
        *ret_daemon = daemon;
    } else {
        crl_problems_print(&problems, options->name, stderr);
        (void)snprintf(why, why_size, "the daemon does not start: %s",
                       rc == CORRAL_EINVAL ? "its configuration has problems"
                                           : corral_strerror(rc));
        crl_storm_daemon_stop(daemon);
    }
    crl_problems_fini(&problems);
    return rc;
}

uint16_t crl_storm_daemon_port(const struct crl_storm_daemon *daemon)
{
    return crl_server_port(daemon->server);
}

struct crl_storm_counts crl_storm_daemon_counts(const struct crl_storm_daemon *daemon)
{
    struct crl_server_figures figures;
    crl_server_figures(daemon->server, &figures);
    return (struct crl_storm_counts){
        .known = true,
        .loads = crl_space_stats_loads(&figures.spaces),
        .needed = figures.spaces.needed,
        .peak_known = true,
        .peak = figures.origins.active_peak,
    };
}

const char *crl_storm_daemon_path(const struct crl_storm_daemon *daemon)
{
    return daemon->path;
}

void crl_storm_daemon_stop(struct crl_storm_daemon *daemon)
{
    if (daemon == NULL)
        return;
    if (daemon->server != NULL)
        (void)crl_server_stop(daemon->server); /* what is cut off was not waited for */
    crl_config_free(daemon->config);
    free(daemon);
}
