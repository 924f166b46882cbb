/* SPDX-License-Identifier: Apache-2.0
 *
 * serve.c - the daemon as one object; see serve.h.
 *
 * It is built in the order in which things depend on each other, and taken down in the reverse one:
 * cache, origins, statements and spaces, metrics, listening sockets, fronts. */
#include "server/serve.h"

#include "base/assert.h"
#include "config/policy.h"
#include "http/listen.h"
#include "io/clock.h"
#include "io/refused.h"
#include "origin/sqlite.h" /* for its row in the table of kinds alone */
#include "server/admin.h"
#include "server/answer.h"
#include "server/log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CONNECTIONS_DEFAULT_MAX = 100000,
    CONNECTIONS_MIN = 16, /* with fewer a server makes no sense */
    CONNECTIONS_ADMIN_MAX = 64,
    FILES_RESERVED = 128, /* for all but clients, fronts and databases */
    FRONTS_MAX = 256,
    HELD_VALUES_MIN = 4, /* of the largest, that answers may hold at once whatever the budget */
};

struct crl_server {
    const struct crl_config *config;
    struct crl_server_options options;
    struct corral_cache *cache;
    atomic_bool draining;

    struct crl_metrics_origin *origins; /* config->origins_n */
    struct crl_origin **origin_impls;
    struct crl_metrics_space *spaces; /* config->routes_n */
    struct crl_route *route_rows;
    struct crl_log_pace (*failed)[CRL_RC_MAX + 1]; /* config->routes_n */
    struct crl_log_limit *loads_failed; /* config->routes_n; the cache's callback thread's */
    struct crl_routes routes;
    struct crl_admin admin;
    struct crl_metrics *metrics;

    int listener, admin_listener; /* -1: closed */
    uint16_t port, admin_port;
    struct crl_gate gate, admin_gate;
    struct crl_held_total held;
    uint64_t files; /* the limit of open ones */
    uint32_t fronts_n;
    struct crl_front *fronts[FRONTS_MAX + 1]; /* the last one is the admin's */
};

/* ---------------------------------------------------------------------------------------- cache */

/* A load failed. The cache's callback thread. Each route has a limit of its own, for who can make
 * one fail could hide the failures of the others. */
static void on_failure(void *arg, const char *space, struct corral_bytes key, int rc,
                       const char *why)
{
    struct crl_server *server = arg;
    const struct crl_route *route = crl_routes_find(&server->routes, corral_str(space));
    crl_assert(route != NULL); /* its handlers asked */
    struct crl_log_limit *limit = &server->loads_failed[route - server->routes.rows];
    uint64_t suppressed;
    if (!crl_log_limit_allows(limit, crl_now_coarse(), &suppressed))
        return;
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, suppressed);
    CRL_LOG(server->options.log, CRL_LOG_WARN, "load failed", {"route", corral_str(space)},
            {"key", key}, {"error", corral_str(corral_strerror(rc))},
            {"why", corral_str(why != NULL ? why : "")}, {"suppressed", corral_str(number)});
}

static int cache_open(struct crl_server *server)
{
    const struct crl_config *config = server->config;
    struct corral_options options = {
        .size = sizeof options,
        .memory_bytes = config->cache.memory_bytes,
        .key_max = config->cache.key_max,
        .value_max = config->cache.value_max,
        .on_failure = on_failure,
        .on_failure_arg = server,
    };
    return corral_open(&options, &server->cache);
}

/* --------------------------------------------------------------------------- origins and routes */

static int sqlite_open(const struct crl_config *config, const struct crl_config_origin *given,
                       struct crl_origin **ret_origin, struct crl_sql_error *ret_error)
{
    struct crl_origin_sqlite_options options = {
        .path = given->sqlite,
        .concurrency = given->concurrency,
        .deadline_us = given->deadline_us,
        .delay_us = given->delay_us,
        .value_max = config->cache.value_max,
        .meta = &crl_answer_meta,
    };
    return crl_origin_sqlite_new(&options, ret_origin, ret_error);
}

/* The kinds of origin. Each is named in the configuration by a key of its own, a text that says
 * where the database is; nothing else in the daemon knows the kinds. */
static const struct origin_kind {
    size_t given; /* in struct crl_config_origin: the text, NULL if it is another kind; and where */
    size_t given_at;
    int (*open)(const struct crl_config *config, const struct crl_config_origin *given,
                struct crl_origin **ret_origin, struct crl_sql_error *ret_error);
    int (*check_query)(const char *sql, struct crl_sql_error *ret_error);
    uint32_t files_per_load;
} origin_kinds[] = {
    {
        .given = offsetof(struct crl_config_origin, sqlite),
        .given_at = offsetof(struct crl_config_origin, sqlite_at),
        .open = sqlite_open,
        .check_query = crl_origin_sqlite_check,
        .files_per_load = 3, /* database, WAL, shared memory */
    },
};

/* The configuration demands that an origin is of one kind. */
static const struct origin_kind *kind_of(const struct crl_config_origin *given)
{
    for (size_t i = 0; i < sizeof origin_kinds / sizeof origin_kinds[0]; i++) {
        if (*(char *const *)((const char *)given + origin_kinds[i].given) != NULL)
            return &origin_kinds[i];
    }
    crl_unreachable();
}

static int origin_open(struct crl_server *server, size_t i, struct crl_problems *problems)
{
    const struct crl_config_origin *given = &server->config->origins[i];
    const struct origin_kind *kind = kind_of(given);
    struct crl_sql_error error;
    int rc = kind->open(server->config, given, &server->origin_impls[i], &error);
    if (rc == CORRAL_EINVAL) {
        const void *at = (const char *)given + kind->given_at;
        crl_problems_add(problems, *(const struct crl_place *)at, "the database cannot be read: %s",
                         error.text);
    }
    if (rc < 0)
        return rc;
    struct corral_origin_options options = {
        .size = sizeof options,
        .name = given->name,
        .concurrency = given->concurrency,
        .queue = given->queue,
        .deadline_us = given->deadline_us,
    };
    server->origins[i].name = given->name;
    return crl_origin_attach(server->cache, &options, server->origin_impls[i],
                             &server->origins[i].origin);
}

static enum crl_sql_type sql_type(enum crl_param_type type)
{
    switch (type) {
    case CRL_PARAM_TEXT:
        return CRL_SQL_TEXT;
    case CRL_PARAM_INTEGER:
        return CRL_SQL_INTEGER;
    case CRL_PARAM_NUMBER:
        return CRL_SQL_NUMBER;
    case CRL_PARAM_BOOLEAN:
        return CRL_SQL_BOOLEAN;
    }
    return CRL_SQL_TEXT;
}

static void query_problem(const struct crl_config_route *route, const struct crl_sql_error *error,
                          struct crl_problems *problems)
{
    size_t offset = error->sql_offset > 0 ? (size_t)error->sql_offset : 0;
    crl_problems_add(problems, crl_text_map_place(&route->query_map, route->query, offset),
                     "the query does not work: %s", error->text);
}

int crl_server_check(const struct crl_config *config, struct crl_problems *problems)
{
    int result = 0;
    for (size_t i = 0; i < config->routes_n; i++) {
        const struct crl_config_route *route = &config->routes[i];
        const struct origin_kind *kind = kind_of(&config->origins[route->origin]);
        struct crl_sql_error error;
        int rc = kind->check_query(route->query, &error);
        if (rc == CORRAL_EINVAL)
            query_problem(route, &error, problems);
        else if (rc < 0)
            return rc;
        result = rc < 0 ? rc : result;
    }
    return result;
}

/* Compile a route's query. */
static int statement_open(struct crl_server *server, const struct crl_config_route *given,
                          struct crl_problems *problems, void **ret_statement)
{
    struct crl_sql_param params[CRL_CONFIG_PARAMS_MAX];
    for (size_t i = 0; i < given->params_n; i++)
        params[i] = (struct crl_sql_param){given->params[i].name, sql_type(given->params[i].type)};
    struct crl_sql_query query = {
        .sql = given->query,
        .params = params,
        .params_n = given->params_n,
        .form = given->result == CRL_RESULT_ROWS ? CRL_SQL_ROWS : CRL_SQL_ROW,
    };
    struct crl_sql_error error;
    int rc = crl_sql_prepare(server->origin_impls[given->origin], &query, ret_statement, &error);
    if (rc == CORRAL_EINVAL)
        query_problem(given, &error, problems);
    return rc;
}

static int route_open(struct crl_server *server, size_t i, struct crl_problems *problems)
{
    const struct crl_config_route *given = &server->config->routes[i];
    void *statement;
    if (server->origins[given->origin].origin == NULL)
        return CORRAL_EINVAL; /* that has been told */
    int rc = statement_open(server, given, problems, &statement);
    if (rc < 0)
        return rc;
    struct corral_policy policy = crl_config_policy(given);
    struct corral_space_options options = {
        .size = sizeof options,
        .name = given->path,
        .policy = &policy,
        .origin = server->origins[given->origin].origin,
        .arg = statement,
    };
    struct crl_route *route = &server->route_rows[i];
    rc = corral_space_add(server->cache, &options, &route->space);
    if (rc < 0)
        return rc;
    route->path = corral_str(given->path);
    route->params = (struct crl_params){given->params, given->params_n};
    route->wait_us = given->wait_us;
    route->log = server->options.log;
    route->failed = server->failed[i];
    server->loads_failed[i] = (struct crl_log_limit){.burst = 10, .span_us = CORRAL_SECONDS(10)};
    server->spaces[i] = (struct crl_metrics_space){
        given->path, server->config->origins[given->origin].name, route->space};
    return 0;
}

/* Open each; go on after a problem, so that all of them are told. */
static int each_open(struct crl_server *server, size_t n, struct crl_problems *problems,
                     int (*open)(struct crl_server *, size_t, struct crl_problems *))
{
    int result = 0;
    for (size_t i = 0; i < n; i++) {
        int rc = open(server, i, problems);
        if (rc < 0 && rc != CORRAL_EINVAL)
            return rc;
        if (rc < 0)
            result = rc;
    }
    return result;
}

/* ------------------------------------------------------------------------------------ listening */

static int listener_open(const struct crl_config_address *given, const char *key,
                         struct crl_problems *problems, int *ret_fd, uint16_t *ret_port)
{
    int fd = crl_listen(&given->is, ret_port);
    if (fd >= 0) {
        *ret_fd = fd;
        return 0;
    }
    int why = errno;
    char url[CRL_URL_MAX];
    crl_address_url(&given->is, given->is.port, url);
    crl_problems_add(problems, given->at, "%s: cannot listen at %s: %s", key,
                     url + sizeof "http://" - 1,
                     why == EADDRINUSE ? "the port is in use by another program" : strerror(why));
    return CORRAL_EINVAL;
}

static uint32_t fronts_wanted(const struct crl_config *config)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t n = config->threads > 0 ? config->threads : cpus > 0 ? (uint32_t)cpus : 1;
    return n < FRONTS_MAX ? n : FRONTS_MAX;
}

/* The open files that all but the clients may need. */
static uint64_t files_reserved(const struct crl_config *config)
{
    uint64_t files = FILES_RESERVED + CONNECTIONS_ADMIN_MAX;
    files += (uint64_t)CRL_FRONT_FILES * (fronts_wanted(config) + 1);
    for (size_t i = 0; i < config->origins_n; i++)
        files +=
            (uint64_t)kind_of(&config->origins[i])->files_per_load * config->origins[i].concurrency;
    return files;
}

/* Find out how many clients the limit of open files leaves room for. */
static int limits_grant(struct crl_server *server, struct crl_problems *problems)
{
    uint64_t files = crl_raise_open_files(), reserved = files_reserved(server->config);
    if (files < reserved + CONNECTIONS_MIN) {
        crl_problems_add(problems, (struct crl_place){0},
                         "the limit of open files is %" PRIu64 ", but %" PRIu64
                         " are needed for %u threads, the queries of all origins at once and %d "
                         "clients: raise it (ulimit -n, LimitNOFILE=), or lower threads or "
                         "concurrency",
                         files, reserved + CONNECTIONS_MIN, fronts_wanted(server->config),
                         CONNECTIONS_MIN);
        return CORRAL_EINVAL;
    }
    uint64_t left = files - reserved;
    if (left > CONNECTIONS_DEFAULT_MAX)
        left = CONNECTIONS_DEFAULT_MAX;
    uint32_t asked = server->options.connections_max;
    server->gate.max = asked > 0 ? asked : (uint32_t)left;
    server->admin_gate.max = CONNECTIONS_ADMIN_MAX;
    server->files = files;
    return 0;
}

static int listeners_open(struct crl_server *server, struct crl_problems *problems)
{
    const struct crl_config *config = server->config;
    int first =
        listener_open(&config->listen, "listen", problems, &server->listener, &server->port);
    int second = listener_open(&config->admin, "admin", problems, &server->admin_listener,
                               &server->admin_port);
    return first < 0 ? first : second;
}

/* --------------------------------------------------------------------------------------- fronts */

static int metrics_open(struct crl_server *server)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct crl_metrics_sources sources = {
        .cache = server->cache,
        .spaces = server->spaces,
        .spaces_n = (uint32_t)server->config->routes_n,
        .origins = server->origins,
        .origins_n = (uint32_t)server->config->origins_n,
        .sheets_n = fronts_wanted(server->config) + 1,
        .connections = &server->gate.open,
        .started_at = (double)now.tv_sec + (double)now.tv_nsec / 1e9,
    };
    return crl_metrics_new(&sources, &server->metrics);
}

static void handlers_prepare(struct crl_server *server)
{
    server->routes = (struct crl_routes){
        .rows = server->route_rows,
        .n = (uint32_t)server->config->routes_n,
        .key_max = server->config->cache.key_max,
        .metrics = server->metrics,
        .draining = &server->draining,
    };
    char host[CRL_URL_MAX];
    crl_address_host(&server->config->admin.is, host);
    server->admin.routes = &server->routes;
    server->admin.token = server->config->admin_token;
    snprintf(server->admin.host, sizeof server->admin.host, "%.63s", host);
}

static int front_open(struct crl_server *server, bool is_admin)
{
    char name[16] = "corral-admin";
    if (!is_admin)
        snprintf(name, sizeof name, "corral-http-%u", server->fronts_n % 1000);
    struct crl_front_options options = {
        .name = name,
        .listener = is_admin ? server->admin_listener : server->listener,
        .gate = is_admin ? &server->admin_gate : &server->gate,
        .handler = is_admin ? crl_admin_handle : crl_routes_handle,
        .arg = is_admin ? (void *)&server->admin : (void *)&server->routes,
        .refusal = crl_answer_refusal,
        .held = &server->held,
        .own = crl_metrics_sheet(server->metrics, server->fronts_n),
        .request_limit_us = server->options.request_limit_us,
        .drain_limit_us = server->options.drain_limit_us,
        .notice_us = server->options.notice_us,
    };
    int rc = crl_front_start(&options, &server->fronts[server->fronts_n]);
    if (rc == 0)
        server->fronts_n++;
    return rc;
}

/* Half as much again as the values in memory, or a few of the largest. */
static struct crl_held_total held_limit(const struct crl_config *config)
{
    uint64_t half = config->cache.memory_bytes / 2;
    uint64_t least = (uint64_t)HELD_VALUES_MIN * config->cache.value_max;
    return (struct crl_held_total){.max = half > least ? half : least,
                                   .books = fronts_wanted(config) + 1};
}

static int fronts_open(struct crl_server *server, struct crl_problems *problems)
{
    handlers_prepare(server);
    server->held = held_limit(server->config);
    int rc = 0;
    uint32_t wanted = fronts_wanted(server->config);
    for (uint32_t left = wanted; left > 0 && rc == 0; left--)
        rc = front_open(server, false);
    if (rc == 0)
        rc = front_open(server, true);
    if (rc == CORRAL_ESYSTEM)
        crl_problems_add(problems, (struct crl_place){0},
                         "of %u threads that serve, only %u can be started: %s", wanted + 1,
                         server->fronts_n, crl_refused_why());
    return rc;
}

static void listeners_close(struct crl_server *server)
{
    if (server->listener >= 0)
        close(server->listener);
    if (server->admin_listener >= 0)
        close(server->admin_listener);
    server->listener = server->admin_listener = -1;
}

/* ------------------------------------------------------------------------------- start and stop */

static int server_new(const struct crl_config *config, const struct crl_server_options *options,
                      struct crl_server **ret_server)
{
    struct crl_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return CORRAL_ENOMEM;
    server->config = config;
    if (options != NULL)
        server->options = *options;
    if (server->options.request_limit_us == 0)
        server->options.request_limit_us = CORRAL_SECONDS(10);
    if (server->options.drain_limit_us == 0)
        server->options.drain_limit_us = CORRAL_SECONDS(10);
    server->listener = server->admin_listener = -1;
    server->origins = calloc(config->origins_n + 1, sizeof *server->origins);
    server->origin_impls = calloc(config->origins_n + 1, sizeof(struct crl_origin *));
    server->spaces = calloc(config->routes_n + 1, sizeof *server->spaces);
    server->route_rows = calloc(config->routes_n + 1, sizeof *server->route_rows);
    server->failed = calloc(config->routes_n + 1, sizeof *server->failed);
    server->loads_failed = calloc(config->routes_n + 1, sizeof *server->loads_failed);
    *ret_server = server;
    bool ok = server->origins != NULL && server->origin_impls != NULL && server->spaces != NULL &&
              server->route_rows != NULL && server->failed != NULL && server->loads_failed != NULL;
    return ok ? 0 : CORRAL_ENOMEM;
}

/* Of two results: what is no mistake of the configuration, then a mistake, then 0. */
static int worse(int rc, int other)
{
    return other == 0 || (other == CORRAL_EINVAL && rc < 0) ? rc : other;
}

/* All that fronts need. */
static int house_open(struct crl_server *server, struct crl_problems *problems)
{
    const struct crl_config *config = server->config;
    int rc = limits_grant(server, problems);
    if (rc == 0)
        rc = cache_open(server);
    if (rc < 0)
        return rc;
    rc = each_open(server, config->origins_n, problems, origin_open);
    /* Queries and ports are tried in any case, so that their problems are told in the same run. */
    if (rc == 0 || rc == CORRAL_EINVAL)
        rc = worse(rc, each_open(server, config->routes_n, problems, route_open));
    if (rc == 0 || rc == CORRAL_EINVAL)
        rc = worse(rc, listeners_open(server, problems));
    return rc == 0 ? metrics_open(server) : rc;
}

static int server_open(struct crl_server *server, struct crl_problems *problems)
{
    int rc = house_open(server, problems);
    if (rc == CORRAL_ESYSTEM)
        crl_problems_add(problems, (struct crl_place){0}, "%s: %s", corral_strerror(rc),
                         crl_refused_why());
    return rc == 0 ? fronts_open(server, problems) : rc;
}

static int fronts_stop(struct crl_server *server)
{
    int result = 0;
    for (uint32_t i = 0; i < server->fronts_n; i++)
        crl_front_drain(server->fronts[i]);
    for (uint32_t i = 0; i < server->fronts_n; i++) {
        if (crl_front_join(server->fronts[i]) < 0)
            result = CORRAL_ETIMEDOUT;
    }
    return result;
}

int crl_server_stop(struct crl_server *server)
{
    atomic_store_explicit(&server->draining, true, memory_order_relaxed);
    listeners_close(server);
    int fronts = fronts_stop(server);
    int cache = corral_close(server->cache);
    crl_metrics_free(server->metrics);
    free(server->origins);
    free(server->origin_impls);
    free(server->spaces);
    free(server->route_rows);
    free(server->failed);
    free(server->loads_failed);
    free(server);
    return fronts < 0 ? fronts : cache;
}

int crl_server_start(const struct crl_config *config, const struct crl_server_options *options,
                     struct crl_problems *problems, struct crl_server **ret_server)
{
    signal(SIGPIPE, SIG_IGN);
    struct crl_server *server = NULL;
    int rc = server_new(config, options, &server);
    if (rc == 0)
        rc = server_open(server, problems);
    if (rc < 0) {
        if (server != NULL)
            crl_server_stop(server);
        return rc;
    }
    listeners_close(server); /* the fronts have copies */
    *ret_server = server;
    return 0;
}

uint16_t crl_server_port(const struct crl_server *server)
{
    return server->port;
}

uint16_t crl_server_admin_port(const struct crl_server *server)
{
    return server->admin_port;
}

struct crl_server_limits crl_server_limits(const struct crl_server *server)
{
    return (struct crl_server_limits){
        .connections = server->gate.max,
        .admin_connections = server->admin_gate.max,
        .open_files = server->files,
        .threads = server->fronts_n - 1, /* one is the admin's */
    };
}

void crl_server_figures(struct crl_server *server, struct crl_server_figures *ret_figures)
{
    *ret_figures = (struct crl_server_figures){0};
    for (size_t i = 0; i < server->config->routes_n; i++) {
        struct crl_space_stats stats;
        crl_space_stats(server->spaces[i].space, &stats);
        crl_space_stats_add(&ret_figures->spaces, &stats);
    }
    for (size_t i = 0; i < server->config->origins_n; i++) {
        struct crl_origin_stats stats;
        crl_origin_stats(server->origins[i].origin, &stats);
        crl_origin_stats_add(&ret_figures->origins, &stats);
    }
    crl_cache_stats(server->cache, &ret_figures->cache);
    ret_figures->connections = atomic_load_explicit(&server->gate.open, memory_order_relaxed);
}
