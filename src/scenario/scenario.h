/* SPDX-License-Identifier: Apache-2.0
 *
 * scenario.h - a scenario of the simulator: a YAML file as a struct.
 *
 * Read as the configuration is (config/config.h): schema.c says in tables which keys there are,
 * check.c checks what several values say together, and all problems are found in one run, each
 * with its place. A struct crl_sim_scenario exists only if there is none.
 *
 * What is run are its columns (column.h), each as a plan (plan.h).
 *
 * docs/man/corral-scenario.5 describes the keys. */
#ifndef CRL_SCENARIO_SCENARIO_H
#define CRL_SCENARIO_SCENARIO_H

#include "config/schema.h"
#include "sim/plan.h"

enum {
    CRL_SIM_NAME_MAX = 16, /* of a column's name, in bytes */
    CRL_SIM_VARIANTS_MAX = 8,
    CRL_SIM_POINTS_MAX = 64,
    CRL_SIM_BURSTS_MAX = 256,
    CRL_SIM_FAULTS_MAX = 64,
};

#define CRL_SIM_REQUESTS_MAX 10e9 /* that a run may ask, as expected */

enum crl_sim_popularity {
    CRL_SIM_SINGLE,
    CRL_SIM_UNIFORM,
    CRL_SIM_ZIPF,
};

struct crl_sim_point {
    corral_us at_us;
    double rate; /* a second */
    struct crl_place at;
};

struct crl_sim_burst {
    corral_us at_us;
    uint32_t requests;
    corral_us within_us;
    struct crl_place at;
};

struct crl_sim_readers {
    double rate; /* a second, if there is no curve */
    struct crl_place rate_at;
    struct crl_sim_point *points;
    size_t points_n;
    struct crl_place points_at;
    struct crl_sim_burst *bursts;
    size_t bursts_n;
    enum sim_arrivals arrivals;
    double give_up; /* a fraction */
    double writes;  /* a second */
    struct crl_place at;
};

struct crl_sim_keys {
    uint32_t count;
    enum crl_sim_popularity popularity;
    double exponent;
    struct crl_place popularity_at;
    struct crl_place exponent_at;
};

struct crl_sim_database {
    enum sim_service service;
    corral_us mean_us;
    double sigma;
    uint32_t servers;
    double slowdown;
    corral_us timeout_us;
    double fails;
    double absent;
    corral_us cancel_us;
    struct crl_place service_at;
    struct crl_place mean_at;
    struct crl_place sigma_at;
    struct crl_place timeout_at;
};

struct crl_sim_store {
    corral_us latency_us; /* one way */
    corral_us spread_us;
    double drops;
    corral_us timeout_us;
    corral_us lease_us;
    struct crl_place timeout_at;
};

struct crl_sim_fault {
    corral_us at_us;
    enum sim_fault_kind kind;
    corral_us lasts_us;
    char *nodes;                 /* "7" or "0..9"; NULL: all */
    uint32_t node_from, node_to; /* what it says */
    corral_us stagger_us;
    double factor;
    corral_us step_us;
    struct crl_place at; /* of the whole fault; the others are all zeros if the key is absent */
    struct crl_place begin_at;
    struct crl_place kind_at;
    struct crl_place lasts_at;
    struct crl_place nodes_at;
    struct crl_place stagger_at;
    struct crl_place factor_at;
    struct crl_place step_at;
};

/* What it replaces in the scenario. */
struct crl_sim_variant {
    char *name;
    struct crl_place at;
    struct crl_place name_at;
    struct crl_config_policy_overlay route;
    struct crl_config_guard_overlay origin;
    struct {
        struct crl_sim_database is;
        uint32_t given;
    } database;
    struct {
        struct crl_sim_store is;
        uint32_t given;
    } store;
    struct crl_place store_at;
};

struct crl_sim_scenario {
    char *name;
    char *about; /* NULL: nothing */
    char *shows; /* NULL: nothing */
    uint32_t seed;
    uint32_t nodes;
    corral_us lasts_us;
    corral_us measure_us;
    size_t memory_bytes;
    struct crl_sim_readers readers;
    struct crl_sim_keys keys;
    struct crl_config_route route;
    struct crl_config_origin origin;
    struct crl_sim_database database;
    struct crl_sim_store store;
    struct crl_sim_fault *faults;
    size_t faults_n;
    struct crl_sim_variant *variants;
    size_t variants_n;
    struct crl_place at;
    struct crl_place measure_at;
    struct crl_place store_at; /* line 0: there is no store */
    struct crl_place database_at;
};

/* The tables, in schema.c. */
extern const struct crl_schema crl_sim_scenario_schema;
extern const struct crl_schema crl_sim_database_overlay;
extern const struct crl_schema crl_sim_store_overlay;

/* crl_sim_scenario_load - read a file. Blocks on it.
 * Problems are added, and the list is sorted.
 * Errors: CORRAL_EINVAL: there are problems; CORRAL_ENOMEM. */
int crl_sim_scenario_load(const char *file, struct crl_problems *problems,
                          struct crl_sim_scenario **ret_scenario);

/* crl_sim_scenario_parse - the same from memory, which is borrowed until the call returns. */
int crl_sim_scenario_parse(struct corral_bytes text, struct crl_problems *problems,
                           struct crl_sim_scenario **ret_scenario);

/* crl_sim_scenario_free - NULL is fine. */
void crl_sim_scenario_free(struct crl_sim_scenario *scenario);

/* crl_sim_check - what the values of a scenario say together, in check.c. It was read by its
 * schema: what that refused is zero here, and is passed over. Fills in what the nodes of a fault
 * are. */
void crl_sim_check(struct crl_sim_scenario *scenario, struct crl_problems *problems);

#endif
