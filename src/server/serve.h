/* SPDX-License-Identifier: Apache-2.0
 *
 * serve.h - the whole daemon as one object: a cache, its origins and routes, and the threads that
 * speak HTTP.
 *
 * `corral serve` runs one until a signal; `corral storm` starts and stops them in its own process.
 * Starting raises the process's limit of open files to its hard limit and ignores SIGPIPE; both
 * stay.
 *
 * Threads: start, stop and run on one thread; the questions in between on any. */
#ifndef CRL_SERVER_SERVE_H
#define CRL_SERVER_SERVE_H

#include "lib/cache.h"

#include <corral/corral.h>

struct crl_config;
struct crl_log;
struct crl_problems;
struct crl_server;

/* What a configuration file does not say. All zeros for the defaults. */
struct crl_server_options {
    struct crl_log *log;        /* borrowed until the server is stopped; NULL: nothing is logged */
    uint32_t connections_max;   /* clients at once; 0: what the limit of open files allows */
    corral_us request_limit_us; /* a request must have arrived, and an idle connection is closed,
                                   after this time; 0: 10 s */
    corral_us drain_limit_us;   /* how long crl_server_stop() waits for requests; 0: 10 s */
    corral_us notice_us; /* before it, how long new clients are still served, if there are any */
};

/* crl_server_check - what can be said of a configuration's queries without their databases.
 * Problems are added, with their places.
 * Errors: EINVAL there are problems; ENOMEM */
int crl_server_check(const struct crl_config *config, struct crl_problems *problems);

/* crl_server_start - open everything that a configuration names, and serve.
 *
 * config    borrowed until the server is stopped
 * options   may be NULL
 * problems  what went wrong is added, with the place of the configured value
 *
 * Blocks while databases are opened. Errors: EINVAL something configured does not work (an address
 * in use, an unreadable database, SQL that does not compile), or the limit of open files is too low
 * for it; ENOMEM, ESYSTEM; in each case nothing
 * is left behind and `problems` says more. */
int crl_server_start(const struct crl_config *config, const struct crl_server_options *options,
                     struct crl_problems *problems, struct crl_server **ret_server);

/* crl_server_stop - drain, then free: /readyz says so, and connections are closed behind their next
 * answer; after the notice, or when there are no clients, no new connections; requests under way
 * are answered, within the drain limit; then the cache is closed. Blocks.
 * Returns 0, or ETIMEDOUT: requests or loads were cut off at the limit. It is stopped all the
 * same. */
int crl_server_stop(struct crl_server *server);

/* crl_server_port - the port of `listen`, the real one where 0 was configured. */
uint16_t crl_server_port(const struct crl_server *server);

/* crl_server_admin_port - the port of `admin`; 0 if there is none. */
uint16_t crl_server_admin_port(const struct crl_server *server);

/* What the operating system's limits left, and what was made of it. */
struct crl_server_limits {
    uint64_t open_files;
    uint32_t connections, admin_connections;
    uint32_t threads; /* that serve the address `listen` */
};

/* crl_server_limits - constant while the server runs. */
struct crl_server_limits crl_server_limits(const struct crl_server *server);

/* Sums over all spaces and all origins; of peaks, the largest. */
struct crl_server_figures {
    struct crl_space_stats spaces;
    struct crl_origin_stats origins;
    struct crl_cache_stats cache;
    uint64_t connections; /* clients now */
};

/* crl_server_figures - snapshot; any thread, does not block. */
void crl_server_figures(struct crl_server *server, struct crl_server_figures *ret_figures);

/* crl_serve - run a server until SIGTERM or SIGINT, then drain; a second one ends it at once.
 *
 * Call it before the process has threads: it blocks these signals, and SIGHUP, in all of them. What
 * is wrong at the start goes to standard error as FILE:LINE:COLUMN lines.
 * file   the configuration's name, as the user wrote it
 * Returns the exit code: 0 drained, 1 it could not start. */
int crl_serve(const struct crl_config *config, const char *file);

#endif
