/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon.h - a daemon in this process, on free ports of 127.0.0.1, for a storm to hit.
 *
 * One thread starts and stops it; at most one at a time. */
#ifndef CRL_STORM_DAEMON_H
#define CRL_STORM_DAEMON_H

#include "storm/report.h"

struct crl_storm_daemon;

/* What it serves. */
struct crl_storm_daemon_options {
    const char *name;                 /* of the configuration, for problems: a file */
    const char *yaml;                 /* its text, or NULL: read the file */
    enum crl_storm_strategy strategy; /* of every route; CONFIGURED: as the configuration says */
    uint32_t clients;                 /* that must find room */
};

/* crl_storm_daemon_start - start it. Problems of the configuration go to standard error.
 * why   on failure, a clause for people
 * Errors: EINVAL the configuration has problems, ENOMEM, ESYSTEM. Blocks. */
int crl_storm_daemon_start(const struct crl_storm_daemon_options *options,
                           struct crl_storm_daemon **ret_daemon, char *why, size_t why_size);

/* crl_storm_daemon_port - where it listens. */
uint16_t crl_storm_daemon_port(const struct crl_storm_daemon *daemon);

/* crl_storm_daemon_counts - what its origins had to do so far; all is known. */
struct crl_storm_counts crl_storm_daemon_counts(const struct crl_storm_daemon *daemon);

/* crl_storm_daemon_path - what to ask it for if nobody says: its first route, every parameter that
 * has no default 1 (or true). Borrowed until the stop. */
const char *crl_storm_daemon_path(const struct crl_storm_daemon *daemon);

/* crl_storm_daemon_stop - stop and free it; queries under way are cancelled. NULL is allowed.
 * Blocks. */
void crl_storm_daemon_stop(struct crl_storm_daemon *daemon);

#endif
