/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.c - every key of a scenario: its kind, its limits, its default.
 * docs/man/corral-scenario.5 describes them. */
#include "scenario/scenario.h"

#include "yaml/schema_rows.h"

#define PER_SECOND 60   /* a rate is counted by the minute */
#define ONE        1000 /* a decimal is counted in thousandths */
#define RATE_MAX   (10000000 * PER_SECOND)

/* A CHOICE is stored as an int. */
_Static_assert(sizeof(enum sim_arrivals) == sizeof(int), "enums are ints");
_Static_assert(sizeof(enum sim_service) == sizeof(int), "enums are ints");
_Static_assert(sizeof(enum sim_fault_kind) == sizeof(int), "enums are ints");
_Static_assert(sizeof(enum crl_sim_popularity) == sizeof(int), "enums are ints");

/* -------------------------------------------------------------------------------------- readers */

static const struct crl_schema_field point_fields[] = {
    SPAN("at", crl_sim_point, at_us, 0, WEEK, .is_required = true),
    RATE("rate", crl_sim_point, rate, 0, RATE_MAX, .is_required = true),
};

static const struct crl_schema point_schema = {
    .noun = "a point of 'curve'",
    .size = sizeof(struct crl_sim_point),
    .at_offset = AT(crl_sim_point, at),
    FIELDS(point_fields),
};

static const struct crl_schema_field burst_fields[] = {
    SPAN("at", crl_sim_burst, at_us, 0, WEEK, .is_required = true),
    COUNT("requests", crl_sim_burst, requests, 1, 100000000, .is_required = true),
    SPAN("within", crl_sim_burst, within_us, 0, WEEK, .fallback = "0s"),
};

static const struct crl_schema burst_schema = {
    .noun = "a burst",
    .size = sizeof(struct crl_sim_burst),
    .at_offset = AT(crl_sim_burst, at),
    FIELDS(burst_fields),
};

static const struct crl_schema_choice arrivals[] = {
    {"poisson", SIM_ARRIVALS_POISSON},
    {"even", SIM_ARRIVALS_EVEN},
    {NULL},
};

static const struct crl_schema_field readers_fields[] = {
    RATE("rate", crl_sim_readers, rate, 0, RATE_MAX, .at_offset = AT(crl_sim_readers, rate_at)),
    LIST("curve", crl_sim_readers, points, points_n, 1, CRL_SIM_POINTS_MAX, &point_schema,
         .at_offset = AT(crl_sim_readers, points_at)),
    LIST("bursts", crl_sim_readers, bursts, bursts_n, 1, CRL_SIM_BURSTS_MAX, &burst_schema),
    CHOICE("arrivals", crl_sim_readers, arrivals, arrivals, .fallback = "poisson"),
    PERCENT("give_up", crl_sim_readers, give_up, 0, 100, .fallback = "0%"),
    RATE("writes", crl_sim_readers, writes, 0, RATE_MAX, .fallback = "0/s"),
};

static const struct crl_schema readers_schema = {
    .noun = "'readers'",
    .size = sizeof(struct crl_sim_readers),
    .at_offset = AT(crl_sim_readers, at),
    FIELDS(readers_fields),
};

static const struct crl_schema_choice popularities[] = {
    {"single", CRL_SIM_SINGLE},
    {"uniform", CRL_SIM_UNIFORM},
    {"zipf", CRL_SIM_ZIPF},
    {NULL},
};

static const struct crl_schema_field keys_fields[] = {
    COUNT("count", crl_sim_keys, count, 1, 1 << 24, .fallback = "1"),
    CHOICE("popularity", crl_sim_keys, popularity, popularities,
           .at_offset = AT(crl_sim_keys, popularity_at)),
    DECIMAL("exponent", crl_sim_keys, exponent, ONE / 100, 10 * ONE, .fallback = "1",
            .at_offset = AT(crl_sim_keys, exponent_at)),
};

static const struct crl_schema keys_schema = {
    .noun = "'keys'",
    .size = sizeof(struct crl_sim_keys),
    FIELDS(keys_fields),
};

/* ------------------------------------------------------------------------------ database, store */

static const struct crl_schema_choice services[] = {
    {"fixed", SIM_SERVICE_FIXED},
    {"exponential", SIM_SERVICE_EXPONENTIAL},
    {"lognormal", SIM_SERVICE_LOGNORMAL},
    {NULL},
};

static const struct crl_schema_field database_fields[] = {
    CHOICE("service", crl_sim_database, service, services, .fallback = "fixed",
           .at_offset = AT(crl_sim_database, service_at)),
    SPAN("mean", crl_sim_database, mean_us, 1, HOUR, .is_required = true,
         .at_offset = AT(crl_sim_database, mean_at)),
    DECIMAL("sigma", crl_sim_database, sigma, 1, 5 * ONE, .fallback = "0.5",
            .at_offset = AT(crl_sim_database, sigma_at)),
    COUNT("servers", crl_sim_database, servers, 1, 65536, .fallback = "20"),
    DECIMAL("slowdown", crl_sim_database, slowdown, 0, 100 * ONE, .fallback = "0"),
    SPAN("timeout", crl_sim_database, timeout_us, 0, HOUR, .fallback = "0s",
         .at_offset = AT(crl_sim_database, timeout_at)),
    PERCENT("fails", crl_sim_database, fails, 0, 100, .fallback = "0%"),
    PERCENT("absent", crl_sim_database, absent, 0, 100, .fallback = "0%"),
    SPAN("cancel", crl_sim_database, cancel_us, 0, HOUR, .fallback = "1ms"),
};

static const struct crl_schema database_schema = {
    .noun = "'database'",
    .size = sizeof(struct crl_sim_database),
    FIELDS(database_fields),
};

const struct crl_schema crl_sim_database_overlay = {
    .noun = "'database'",
    .size = sizeof(((struct crl_sim_variant *)0)->database),
    .given_offset = offsetof(struct crl_sim_variant, database.given) -
                    offsetof(struct crl_sim_variant, database),
    FIELDS(database_fields),
};

static const struct crl_schema_field store_fields[] = {
    SPAN("latency", crl_sim_store, latency_us, 0, MINUTE, .fallback = "250us"),
    SPAN("spread", crl_sim_store, spread_us, 0, MINUTE, .fallback = "250us"),
    PERCENT("drops", crl_sim_store, drops, 0, 100, .fallback = "0%"),
    SPAN("timeout", crl_sim_store, timeout_us, 1, MINUTE, .fallback = "100ms",
         .at_offset = AT(crl_sim_store, timeout_at)),
    SPAN("lease", crl_sim_store, lease_us, CORRAL_MS(1), HOUR, .fallback = "5s"),
};

static const struct crl_schema store_schema = {
    .noun = "'store'",
    .size = sizeof(struct crl_sim_store),
    FIELDS(store_fields),
};

const struct crl_schema crl_sim_store_overlay = {
    .noun = "'store'",
    .size = sizeof(((struct crl_sim_variant *)0)->store),
    .given_offset =
        offsetof(struct crl_sim_variant, store.given) - offsetof(struct crl_sim_variant, store),
    FIELDS(store_fields),
};

/* --------------------------------------------------------------------------------------- faults */

static const struct crl_schema_choice kinds[] = {
#define X(name, word) {word, SIM_FAULT_##name},
    SIM_FAULTS(X)
#undef X
        {NULL},
};

static const struct crl_schema_field fault_fields[] = {
    SPAN("at", crl_sim_fault, at_us, 0, WEEK, .is_required = true,
         .at_offset = AT(crl_sim_fault, begin_at)),
    CHOICE("kind", crl_sim_fault, kind, kinds, .is_required = true,
           .at_offset = AT(crl_sim_fault, kind_at)),
    SPAN("for", crl_sim_fault, lasts_us, 1, WEEK, .at_offset = AT(crl_sim_fault, lasts_at)),
    TEXT("nodes", crl_sim_fault, nodes, 1, 16, .at_offset = AT(crl_sim_fault, nodes_at)),
    SPAN("stagger", crl_sim_fault, stagger_us, 0, HOUR, .at_offset = AT(crl_sim_fault, stagger_at)),
    DECIMAL("factor", crl_sim_fault, factor, ONE, 100000 * ONE,
            .at_offset = AT(crl_sim_fault, factor_at)),
    SPAN("step", crl_sim_fault, step_us, 1, WEEK, .at_offset = AT(crl_sim_fault, step_at)),
};

static const struct crl_schema fault_schema = {
    .noun = "a fault",
    .size = sizeof(struct crl_sim_fault),
    .at_offset = AT(crl_sim_fault, at),
    FIELDS(fault_fields),
};

/* -------------------------------------------------------------------------------------- the top */

static const struct crl_schema_field variant_fields[] = {
    TEXT("name", crl_sim_variant, name, 1, CRL_SIM_NAME_MAX, .is_required = true,
         .at_offset = AT(crl_sim_variant, name_at)),
    SECTION("route", crl_sim_variant, route, &crl_config_policy_overlay),
    SECTION("origin", crl_sim_variant, origin, &crl_config_guard_overlay),
    SECTION("database", crl_sim_variant, database, &crl_sim_database_overlay),
    SECTION("store", crl_sim_variant, store, &crl_sim_store_overlay,
            .at_offset = AT(crl_sim_variant, store_at)),
};

static const struct crl_schema variant_schema = {
    .noun = "an entry of 'compare'",
    .size = sizeof(struct crl_sim_variant),
    .at_offset = AT(crl_sim_variant, at),
    FIELDS(variant_fields),
};

static const struct crl_schema_field scenario_fields[] = {
    TEXT("name", crl_sim_scenario, name, 1, 64, .is_required = true),
    TEXT("about", crl_sim_scenario, about, 1, 2 * KIB),
    TEXT("shows", crl_sim_scenario, shows, 1, 2 * KIB),
    COUNT("seed", crl_sim_scenario, seed, 0, UINT32_MAX, .fallback = "1"),
    COUNT("nodes", crl_sim_scenario, nodes, 1, 65536, .fallback = "1"),
    SPAN("duration", crl_sim_scenario, lasts_us, CORRAL_MS(1), WEEK, .is_required = true),
    SPAN("measure_from", crl_sim_scenario, measure_us, 0, WEEK, .fallback = "0s",
         .at_offset = AT(crl_sim_scenario, measure_at)),
    SIZE("memory", crl_sim_scenario, memory_bytes, 64 * KIB, 64 * GIB, .fallback = "64MiB"),
    SECTION("readers", crl_sim_scenario, readers, &readers_schema),
    SECTION("keys", crl_sim_scenario, keys, &keys_schema),
    SECTION("route", crl_sim_scenario, route, &crl_config_policy_schema),
    SECTION("origin", crl_sim_scenario, origin, &crl_config_guard_schema),
    SECTION("database", crl_sim_scenario, database, &database_schema,
            .at_offset = AT(crl_sim_scenario, database_at)),
    SECTION("store", crl_sim_scenario, store, &store_schema,
            .at_offset = AT(crl_sim_scenario, store_at)),
    LIST("faults", crl_sim_scenario, faults, faults_n, 0, CRL_SIM_FAULTS_MAX, &fault_schema),
    LIST("compare", crl_sim_scenario, variants, variants_n, 1, CRL_SIM_VARIANTS_MAX,
         &variant_schema),
};

const struct crl_schema crl_sim_scenario_schema = {
    .noun = "the scenario",
    .size = sizeof(struct crl_sim_scenario),
    .at_offset = AT(crl_sim_scenario, at),
    FIELDS(scenario_fields),
};
