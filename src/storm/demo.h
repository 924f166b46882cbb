/* SPDX-License-Identifier: Apache-2.0
 *
 * demo.h - the demo origin of a storm without a target: a small SQLite database in a
 * temporary directory, and the configuration that serves it slowly. */
#ifndef CRL_STORM_DEMO_H
#define CRL_STORM_DEMO_H

#include "storm/options.h"

#include <limits.h>

#define CRL_STORM_DEMO_CONCURRENCY 20
#define CRL_STORM_DEMO_ROUTE       "/item"
#define CRL_STORM_DEMO_PATH        "/item?id=1"
#define CRL_STORM_YAML_MAX         (2 * PATH_MAX + 1024)

struct crl_storm_demo {
    char directory[PATH_MAX - 16]; /* "" when closed */
    char database[PATH_MAX];
};

/* crl_storm_demo_open - make the database, with 100 rows, under $TMPDIR or /tmp.
 * Errors: ESYSTEM; then nothing is left behind and `why` is a clause for people. */
int crl_storm_demo_open(struct crl_storm_demo *demo, char *why, size_t why_size);

/* crl_storm_demo_close - remove it. May be called again, and on a zeroed struct. */
void crl_storm_demo_close(struct crl_storm_demo *demo);

/* crl_storm_demo_wait_us - how long a reader may have to wait at worst, where every client is a
 * load of its own: twice the time that the pool needs for all of them, and ten seconds; but no more
 * than the configuration allows, 5 minutes. */
corral_us crl_storm_demo_wait_us(const struct crl_storm_options *options);

/* crl_storm_demo_yaml - the daemon's configuration: both addresses on free ports, a queue in which
 * all clients find room. */
void crl_storm_demo_yaml(const struct crl_storm_demo *demo, const struct crl_storm_options *options,
                         enum crl_storm_strategy strategy, char yaml[CRL_STORM_YAML_MAX]);

#endif
