/* SPDX-License-Identifier: Apache-2.0
 *
 * config_schema.c - every key of corral.yaml: its kind, its limits, its default.
 * docs/man/corral.yaml.5 describes them; a test compares the two. */
#include "server/config_schema.h"

#include "server/config.h"

#define FIELDS(table)      .fields = (table), .fields_n = sizeof(table) / sizeof((table)[0])
#define AT(record, member) offsetof(struct record, member)
#define MINUTE             CORRAL_SECONDS(60)
#define KIB                (INT64_C(1) << 10)
#define MIB                (INT64_C(1) << 20)
#define GIB                (INT64_C(1) << 30)

/* A CHOICE is stored as an int. */
_Static_assert(sizeof(enum crl_param_type) == sizeof(int), "enums are ints");
_Static_assert(sizeof(enum crl_config_strategy) == sizeof(int), "enums are ints");
_Static_assert(sizeof(enum crl_config_result) == sizeof(int), "enums are ints");
_Static_assert(sizeof(enum crl_config_level) == sizeof(int), "enums are ints");
_Static_assert(sizeof(enum crl_config_format) == sizeof(int), "enums are ints");

/* ----------------------------------------------------------------------------------- parameters */

static const struct crl_schema_choice param_types[] = {
#define X(name, word, accepts) {word, CRL_PARAM_##name},
    CRL_PARAM_TYPE_TABLE(X)
#undef X
        {NULL},
};

static const struct crl_schema_field param_fields[] = {
    {
        .key = "name",
        .kind = CRL_SCHEMA_TEXT,
        .offset = AT(crl_config_param, name),
        .at_offset = AT(crl_config_param, name_at),
        .min = 1,
        .max = 64,
        .is_required = true,
    },
    {
        .key = "type",
        .kind = CRL_SCHEMA_CHOICE,
        .offset = AT(crl_config_param, type),
        .choices = param_types,
        .fallback = "text",
    },
    {
        .key = "default",
        .kind = CRL_SCHEMA_TEXT,
        .offset = AT(crl_config_param, default_text),
        .at_offset = AT(crl_config_param, default_at),
        .min = 0,
        .max = 65535,
    },
    {
        .key = "max_length",
        .kind = CRL_SCHEMA_COUNT,
        .offset = AT(crl_config_param, max_length),
        .min = 1,
        .max = 65535,
        .fallback = "256",
    },
    {
        .key = "pattern",
        .kind = CRL_SCHEMA_TEXT,
        .offset = AT(crl_config_param, pattern_text),
        .at_offset = AT(crl_config_param, pattern_at),
        .min = 1,
        .max = CRL_PATTERN_BYTES_MAX,
    },
};

static const struct crl_schema param_schema = {
    .noun = "a parameter",
    .size = sizeof(struct crl_config_param),
    .at_offset = AT(crl_config_param, at),
    FIELDS(param_fields),
};

/* --------------------------------------------------------------------------------------- routes */

static const struct crl_schema_choice results[] = {
    {"row", CRL_RESULT_ROW},
    {"rows", CRL_RESULT_ROWS},
    {NULL},
};

static const struct crl_schema_choice strategies[] = {
    {"coalescing", CRL_STRATEGY_COALESCING}, {"none", CRL_STRATEGY_NONE},
    {"layered", CRL_SCHEMA_IS_LATER},        {"locking", CRL_SCHEMA_IS_LATER},
    {"probabilistic", CRL_SCHEMA_IS_LATER},  {"stale-while-revalidate", CRL_SCHEMA_IS_LATER},
    {"background", CRL_SCHEMA_IS_LATER},     {NULL},
};

enum { POLICY_FIRST = 5 }; /* from here on a route's fields are its policy */

static const struct crl_schema_field route_fields[] = {
    {
        .key = "path",
        .kind = CRL_SCHEMA_TEXT,
        .offset = AT(crl_config_route, path),
        .at_offset = AT(crl_config_route, path_at),
        .min = 1,
        .max = 256,
        .is_required = true,
    },
    {
        .key = "origin",
        .kind = CRL_SCHEMA_TEXT,
        .offset = AT(crl_config_route, origin_name),
        .at_offset = AT(crl_config_route, origin_at),
        .min = 1,
        .max = 64,
        .is_required = true,
    },
    {
        .key = "query",
        .kind = CRL_SCHEMA_TEXT,
        .offset = AT(crl_config_route, query),
        .at_offset = AT(crl_config_route, query_at),
        .map_offset = AT(crl_config_route, query_map),
        .min = 1,
        .max = 64 * KIB,
        .is_required = true,
    },
    {
        .key = "params",
        .kind = CRL_SCHEMA_LIST,
        .offset = AT(crl_config_route, params),
        .n_offset = AT(crl_config_route, params_n),
        .min = 0,
        .max = CRL_CONFIG_PARAMS_MAX,
        .below = &param_schema,
    },
    {
        .key = "result",
        .kind = CRL_SCHEMA_CHOICE,
        .offset = AT(crl_config_route, result),
        .choices = results,
        .fallback = "row",
    },
    {
        /* POLICY_FIRST */
        .key = "strategy",
        .kind = CRL_SCHEMA_CHOICE,
        .offset = AT(crl_config_route, strategy),
        .choices = strategies,
        .fallback = "coalescing",
    },
    {
        .key = "ttl",
        .kind = CRL_SCHEMA_DURATION,
        .offset = AT(crl_config_route, ttl_us),
        .min = 0,
        .max = 365 * 24 * 60 * MINUTE,
        .fallback = "30s",
    },
    {
        .key = "jitter",
        .kind = CRL_SCHEMA_PERCENT,
        .offset = AT(crl_config_route, jitter),
        .min = 0,
        .max = 50,
        .fallback = "10%",
    },
    {
        .key = "wait",
        .kind = CRL_SCHEMA_DURATION,
        .offset = AT(crl_config_route, wait_us),
        .min = CORRAL_MS(1),
        .max = 5 * MINUTE,
        .fallback = "5s",
    },
    {.key = "stale", .kind = CRL_SCHEMA_LATER},
    {.key = "stale_if_error", .kind = CRL_SCHEMA_LATER},
    {.key = "negative_ttl", .kind = CRL_SCHEMA_LATER},
    {.key = "early", .kind = CRL_SCHEMA_LATER},
    {.key = "refresh", .kind = CRL_SCHEMA_LATER},
    {.key = "hot", .kind = CRL_SCHEMA_LATER},
    {.key = "warm", .kind = CRL_SCHEMA_LATER},
    {.key = "batch", .kind = CRL_SCHEMA_LATER},
    {.key = "lease", .kind = CRL_SCHEMA_LATER},
    {.key = "backoff", .kind = CRL_SCHEMA_LATER},
    {.key = "priority", .kind = CRL_SCHEMA_LATER},
};

#define POLICY_FIELDS                      \
    .fields = route_fields + POLICY_FIRST, \
    .fields_n = sizeof(route_fields) / sizeof(route_fields[0]) - POLICY_FIRST

const struct crl_schema crl_config_policy_schema = {
    .noun = "'route'",
    .size = sizeof(struct crl_config_route),
    POLICY_FIELDS,
};

const struct crl_schema crl_config_policy_overlay = {
    .noun = "'route'",
    .size = sizeof(struct crl_config_policy_overlay),
    .given_offset = AT(crl_config_policy_overlay, given),
    POLICY_FIELDS,
};

static const struct crl_schema route_schema = {
    .noun = "a route",
    .size = sizeof(struct crl_config_route),
    .at_offset = AT(crl_config_route, at),
    FIELDS(route_fields),
};

/* -------------------------------------------------------------------------------------- origins */

enum { GUARD_FIRST = 4 }; /* from here on an origin's fields are its guard */

static const struct crl_schema_field origin_fields[] = {
    {
        .key = "name",
        .kind = CRL_SCHEMA_TEXT,
        .offset = AT(crl_config_origin, name),
        .at_offset = AT(crl_config_origin, name_at),
        .min = 1,
        .max = 64,
        .is_required = true,
    },
    {
        .key = "sqlite",
        .kind = CRL_SCHEMA_TEXT,
        .offset = AT(crl_config_origin, sqlite),
        .at_offset = AT(crl_config_origin, sqlite_at),
        .min = 1,
        .max = 4095,
        .is_required = true,
        .is_expanded = true,
    },
    {
        .key = "delay",
        .kind = CRL_SCHEMA_DURATION,
        .offset = AT(crl_config_origin, delay_us),
        .min = 0,
        .max = 5 * MINUTE,
        .fallback = "0s",
    },
    {.key = "postgres", .kind = CRL_SCHEMA_LATER},
    {
        /* GUARD_FIRST */
        .key = "concurrency",
        .kind = CRL_SCHEMA_COUNT,
        .offset = AT(crl_config_origin, concurrency),
        .min = 1,
        .max = 1024,
        .fallback = "20",
    },
    {
        .key = "queue",
        .kind = CRL_SCHEMA_COUNT,
        .offset = AT(crl_config_origin, queue),
        .min = 0,
        .max = 1000000,
        .fallback = "1000",
    },
    {
        .key = "deadline",
        .kind = CRL_SCHEMA_DURATION,
        .offset = AT(crl_config_origin, deadline_us),
        .min = CORRAL_MS(1),
        .max = 5 * MINUTE,
        .fallback = "2s",
    },
    {.key = "breaker", .kind = CRL_SCHEMA_LATER},
};

#define GUARD_FIELDS                       \
    .fields = origin_fields + GUARD_FIRST, \
    .fields_n = sizeof(origin_fields) / sizeof(origin_fields[0]) - GUARD_FIRST

const struct crl_schema crl_config_guard_schema = {
    .noun = "'origin'",
    .size = sizeof(struct crl_config_origin),
    GUARD_FIELDS,
};

const struct crl_schema crl_config_guard_overlay = {
    .noun = "'origin'",
    .size = sizeof(struct crl_config_guard_overlay),
    .given_offset = AT(crl_config_guard_overlay, given),
    GUARD_FIELDS,
};

static const struct crl_schema origin_schema = {
    .noun = "an origin",
    .size = sizeof(struct crl_config_origin),
    .at_offset = AT(crl_config_origin, at),
    FIELDS(origin_fields),
};

/* -------------------------------------------------------------------------------- cache and log */

/* Fields of the structs within struct crl_config count from their own beginning. */
#define IN_CACHE(member) \
    (offsetof(struct crl_config, cache.member) - offsetof(struct crl_config, cache))
#define IN_LOG(member) (offsetof(struct crl_config, log.member) - offsetof(struct crl_config, log))

static const struct crl_schema_field cache_fields[] = {
    {
        .key = "memory",
        .kind = CRL_SCHEMA_SIZE,
        .offset = IN_CACHE(memory_bytes),
        .min = MIB,
        .max = 1024 * GIB,
        .fallback = "256MiB",
    },
    {
        .key = "max_key",
        .kind = CRL_SCHEMA_SIZE,
        .offset = IN_CACHE(key_max),
        .min = 16,
        .max = 65535, /* the length of a key has 16 bits in an entry */
        .fallback = "1KiB",
    },
    {
        .key = "max_value",
        .kind = CRL_SCHEMA_SIZE,
        .offset = IN_CACHE(value_max),
        .min = 1,
        .max = GIB,
        .fallback = "8MiB",
    },
};

static const struct crl_schema cache_schema = {
    .noun = "'cache'",
    .size = sizeof(((struct crl_config *)0)->cache),
    FIELDS(cache_fields),
};

static const struct crl_schema_choice levels[] = {
    {"debug", CRL_LOG_DEBUG},
    {"info", CRL_LOG_INFO},
    {"warn", CRL_LOG_WARN},
    {"error", CRL_LOG_ERROR},
    {NULL},
};

static const struct crl_schema_choice formats[] = {
    {"text", CRL_LOG_TEXT},
    {"json", CRL_LOG_JSON},
    {NULL},
};

static const struct crl_schema_field log_fields[] = {
    {
        .key = "level",
        .kind = CRL_SCHEMA_CHOICE,
        .offset = IN_LOG(level),
        .choices = levels,
        .fallback = "info",
    },
    {
        .key = "format",
        .kind = CRL_SCHEMA_CHOICE,
        .offset = IN_LOG(format),
        .choices = formats,
        .fallback = "text",
    },
};

static const struct crl_schema log_schema = {
    .noun = "'log'",
    .size = sizeof(((struct crl_config *)0)->log),
    FIELDS(log_fields),
};

/* -------------------------------------------------------------------------------------- the top */

static const struct crl_schema_field config_fields[] = {
    {
        .key = "listen",
        .kind = CRL_SCHEMA_ADDRESS,
        .offset = AT(crl_config, listen.is),
        .at_offset = AT(crl_config, listen.at),
        .fallback = "127.0.0.1:8080",
    },
    {
        .key = "admin",
        .kind = CRL_SCHEMA_ADDRESS,
        .offset = AT(crl_config, admin.is),
        .at_offset = AT(crl_config, admin.at),
        .fallback = "127.0.0.1:8081",
    },
    {
        .key = "admin_token",
        .kind = CRL_SCHEMA_TEXT,
        .offset = AT(crl_config, admin_token),
        .at_offset = AT(crl_config, admin_token_at),
        .min = 16,
        .max = 1024,
        .is_expanded = true,
    },
    {
        .key = "threads",
        .kind = CRL_SCHEMA_COUNT,
        .offset = AT(crl_config, threads),
        .min = 1,
        .max = 256,
    },
    {
        .key = "cache",
        .kind = CRL_SCHEMA_MAPPING,
        .offset = AT(crl_config, cache),
        .below = &cache_schema,
    },
    {
        .key = "origins",
        .kind = CRL_SCHEMA_LIST,
        .offset = AT(crl_config, origins),
        .n_offset = AT(crl_config, origins_n),
        .min = 1,
        .max = CRL_CONFIG_ORIGINS_MAX,
        .is_required = true,
        .below = &origin_schema,
    },
    {
        .key = "routes",
        .kind = CRL_SCHEMA_LIST,
        .offset = AT(crl_config, routes),
        .n_offset = AT(crl_config, routes_n),
        .min = 1,
        .max = CRL_CONFIG_ROUTES_MAX,
        .is_required = true,
        .below = &route_schema,
    },
    {
        .key = "log",
        .kind = CRL_SCHEMA_MAPPING,
        .offset = AT(crl_config, log),
        .below = &log_schema,
    },
    {.key = "store", .kind = CRL_SCHEMA_LATER},
    {.key = "clients", .kind = CRL_SCHEMA_LATER},
};

const struct crl_schema crl_config_schema = {
    .noun = "the configuration",
    .size = sizeof(struct crl_config),
    FIELDS(config_fields),
};
