/* SPDX-License-Identifier: Apache-2.0
 *
 * config.h - the configuration of the daemon: corral.yaml as a struct.
 *
 * Three steps, each a module: yaml/tree.h reads the text as a tree, with places; schema.c says in
 * tables which keys there are, their limits and their defaults; check.c checks what several values
 * say together. All problems of a file are found in one run, except that a syntax error hides what
 * else there is.
 *
 * A struct crl_config exists only if there is no problem: whoever holds one may rely on every limit
 * that corral.yaml(5) states. It never changes after that; any thread may read it.
 *
 * Not checked here, because only the outside world can say: whether a port is free, a database
 * readable, a statement valid SQL. The places (..._at) are kept so that those problems get a line
 * and a column too, with crl_problems_add(). */
#ifndef CRL_CONFIG_CONFIG_H
#define CRL_CONFIG_CONFIG_H

#include "config/param.h"
#include "config/pattern.h"
#include "yaml/address.h"
#include "yaml/problems.h"
#include "yaml/tree.h"

enum {
    CRL_CONFIG_ORIGINS_MAX = 64,
    CRL_CONFIG_ROUTES_MAX = 256,
    CRL_CONFIG_PARAMS_MAX = 32, /* of one route */
};

/* Strategies: name, word. */
#define CRL_STRATEGY_TABLE(X)                                    \
    X(COALESCING, "coalescing") /* one load per key at a time */ \
    X(NONE, "none")             /* every miss loads; for comparisons */

enum crl_config_strategy {
#define X(name, word) CRL_STRATEGY_##name,
    CRL_STRATEGY_TABLE(X)
#undef X
};

enum crl_config_result {
    CRL_RESULT_ROW,  /* one object; no row is "not found" */
    CRL_RESULT_ROWS, /* an array */
};

enum crl_config_level {
    CRL_LOG_DEBUG,
    CRL_LOG_INFO,
    CRL_LOG_WARN,
    CRL_LOG_ERROR,
};

enum crl_config_format {
    CRL_LOG_TEXT,
    CRL_LOG_JSON,
};

/* An address, and where it was given; line 0: nowhere, it is the default. */
struct crl_config_address {
    struct crl_address is;
    struct crl_place at;
};

struct crl_config_origin {
    char *name;
    char *sqlite; /* the path, relative to the working directory or absolute */
    uint32_t concurrency;
    uint32_t queue;
    corral_us deadline_us;
    corral_us delay_us; /* added to each load; 0: none */
    struct crl_place at;
    struct crl_place name_at;
    struct crl_place sqlite_at;
};

struct crl_config_param {
    char *name;
    enum crl_param_type type;
    char *default_text;  /* NULL: the parameter is required. Fits type, max_length and pattern */
    uint32_t max_length; /* bytes */
    char *pattern_text;  /* NULL: none */
    struct crl_pattern pattern;
    struct crl_place at;
    struct crl_place name_at;
    struct crl_place default_at;
    struct crl_place pattern_at;
    struct crl_text_map pattern_map; /* as query_map */
};

struct crl_config_route {
    char *path;
    char *origin_name;
    size_t origin; /* index into origins */
    char *query;
    struct crl_config_param *params;
    size_t params_n;
    enum crl_config_result result;
    enum crl_config_strategy strategy;
    corral_us ttl_us;
    double jitter; /* a fraction, 0 to 0.5 */
    corral_us wait_us;
    struct crl_place at;
    struct crl_place path_at;
    struct crl_place origin_at;
    struct crl_place query_at;
    struct crl_text_map
        query_map; /* crl_text_map_place(&query_map, query, offset): a byte's place */
};

struct crl_config_cache {
    size_t memory_bytes;
    size_t key_max;
    size_t value_max;
};

struct crl_config_log {
    enum crl_config_level level;
    enum crl_config_format format;
};

struct crl_config {
    struct crl_config_address listen;
    struct crl_config_address admin;
    char *admin_token; /* NULL: none. A secret: never in a log */
    struct crl_place admin_token_at;
    uint32_t threads; /* 0: as many as there are CPUs */
    struct crl_config_cache cache;
    struct crl_config_origin *origins;
    size_t origins_n;
    struct crl_config_route *routes;
    size_t routes_n;
    struct crl_config_log log;
};

/* crl_config_load - read a configuration file. Blocks on it.
 * Problems are added, and the list is sorted; print it with crl_problems_print(problems, file,
 * ...).
 * Errors: CORRAL_EINVAL: there are problems (an unreadable file is one, without a line);
 * CORRAL_ENOMEM. */
int crl_config_load(const char *file, struct crl_problems *problems,
                    struct crl_config **ret_config);

/* crl_config_parse - the same from memory. name: the file it stands for; relative paths in it start
 * at that file's folder. The text is borrowed until the call returns. */
int crl_config_parse(const char *name, struct corral_bytes text, struct crl_problems *problems,
                     struct crl_config **ret_config);

/* crl_config_free - free a configuration. NULL is fine. */
void crl_config_free(struct crl_config *config);

#endif
