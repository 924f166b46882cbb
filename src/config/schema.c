/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.c - every key of corral.yaml: its kind, its limits, its default.
 * docs/man/corral.yaml.5 describes them; a test compares the two. */
#include "config/schema.h"

#include "config/config.h"
#include "yaml/schema_rows.h"

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
    TEXT("name", crl_config_param, name, 1, 64, .is_required = true,
         .at_offset = AT(crl_config_param, name_at)),
    CHOICE("type", crl_config_param, type, param_types, .fallback = "text"),
    TEXT("default", crl_config_param, default_text, 0, 65535,
         .at_offset = AT(crl_config_param, default_at)),
    COUNT("max_length", crl_config_param, max_length, 1, 65535, .fallback = "256"),
    TEXT("pattern", crl_config_param, pattern_text, 1, CRL_PATTERN_BYTES_MAX,
         .at_offset = AT(crl_config_param, pattern_at),
         .map_offset = AT(crl_config_param, pattern_map)),
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
#define X(name, word) {word, CRL_STRATEGY_##name},
    CRL_STRATEGY_TABLE(X)
#undef X
        {"layered", CRL_SCHEMA_IS_LATER},
    {"locking", CRL_SCHEMA_IS_LATER},
    {"probabilistic", CRL_SCHEMA_IS_LATER},
    {"stale-while-revalidate", CRL_SCHEMA_IS_LATER},
    {"background", CRL_SCHEMA_IS_LATER},
    {NULL},
};

enum { POLICY_FIRST = 5 }; /* from here on a route's fields are its policy */

static const struct crl_schema_field route_fields[] = {
    TEXT("path", crl_config_route, path, 1, 256, .is_required = true,
         .at_offset = AT(crl_config_route, path_at)),
    TEXT("origin", crl_config_route, origin_name, 1, 64, .is_required = true,
         .at_offset = AT(crl_config_route, origin_at)),
    TEXT("query", crl_config_route, query, 1, 64 * KIB, .is_required = true,
         .at_offset = AT(crl_config_route, query_at),
         .map_offset = AT(crl_config_route, query_map)),
    LIST("params", crl_config_route, params, params_n, 0, CRL_CONFIG_PARAMS_MAX, &param_schema),
    CHOICE("result", crl_config_route, result, results, .fallback = "row"),
    /* POLICY_FIRST */
    CHOICE("strategy", crl_config_route, strategy, strategies, .fallback = "coalescing"),
    SPAN("ttl", crl_config_route, ttl_us, 0, 365 * DAY, .fallback = "30s"),
    PERCENT("jitter", crl_config_route, jitter, 0, 50, .fallback = "10%"),
    SPAN("wait", crl_config_route, wait_us, CORRAL_MS(1), 5 * MINUTE, .fallback = "5s"),
    LATER("stale"),
    LATER("stale_if_error"),
    LATER("negative_ttl"),
    LATER("early"),
    LATER("refresh"),
    LATER("hot"),
    LATER("warm"),
    LATER("batch"),
    LATER("lease"),
    LATER("backoff"),
    LATER("priority"),
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
    TEXT("name", crl_config_origin, name, 1, 64, .is_required = true,
         .at_offset = AT(crl_config_origin, name_at)),
    TEXT("sqlite", crl_config_origin, sqlite, 1, 4095, .is_required = true, .is_expanded = true,
         .at_offset = AT(crl_config_origin, sqlite_at)),
    SPAN("delay", crl_config_origin, delay_us, 0, 5 * MINUTE, .fallback = "0s"),
    LATER("postgres"),
    /* GUARD_FIRST */
    COUNT("concurrency", crl_config_origin, concurrency, 1, 1024, .fallback = "20"),
    COUNT("queue", crl_config_origin, queue, 0, 1000000, .fallback = "1000"),
    SPAN("deadline", crl_config_origin, deadline_us, CORRAL_MS(1), 5 * MINUTE, .fallback = "2s"),
    LATER("breaker"),
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

static const struct crl_schema_field cache_fields[] = {
    SIZE("memory", crl_config_cache, memory_bytes, MIB, 1024 * GIB, .fallback = "256MiB"),
    /* The length of a key has 16 bits in an entry. */
    SIZE("max_key", crl_config_cache, key_max, 16, 65535, .fallback = "1KiB"),
    SIZE("max_value", crl_config_cache, value_max, 1, GIB, .fallback = "8MiB"),
};

static const struct crl_schema cache_schema = {
    .noun = "'cache'",
    .size = sizeof(struct crl_config_cache),
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
    CHOICE("level", crl_config_log, level, levels, .fallback = "info"),
    CHOICE("format", crl_config_log, format, formats, .fallback = "text"),
};

static const struct crl_schema log_schema = {
    .noun = "'log'",
    .size = sizeof(struct crl_config_log),
    FIELDS(log_fields),
};

/* -------------------------------------------------------------------------------------- the top */

static const struct crl_schema_field config_fields[] = {
    ADDRESS("listen", crl_config, listen.is, .fallback = "127.0.0.1:8080",
            .at_offset = AT(crl_config, listen.at)),
    ADDRESS("admin", crl_config, admin.is, .fallback = "127.0.0.1:8081",
            .at_offset = AT(crl_config, admin.at)),
    TEXT("admin_token", crl_config, admin_token, 16, 1024, .is_expanded = true,
         .at_offset = AT(crl_config, admin_token_at)),
    COUNT("threads", crl_config, threads, 1, 256),
    SECTION("cache", crl_config, cache, &cache_schema),
    LIST("origins", crl_config, origins, origins_n, 1, CRL_CONFIG_ORIGINS_MAX, &origin_schema,
         .is_required = true),
    LIST("routes", crl_config, routes, routes_n, 1, CRL_CONFIG_ROUTES_MAX, &route_schema,
         .is_required = true),
    SECTION("log", crl_config, log, &log_schema),
    LATER("store"),
    LATER("clients"),
};

const struct crl_schema crl_config_schema = {
    .noun = "the configuration",
    .size = sizeof(struct crl_config),
    FIELDS(config_fields),
};
