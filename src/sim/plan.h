/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.h - what a simulation is to simulate: a fleet, its readers, its spaces and origins, its
 * store, its network, and what befalls them. A plan and a seed are everything that a run depends
 * on.
 *
 * A scenario file (corral sim) is read into a plan; the swarm draws plans from seeds.
 *
 * Plain structs; all strings and arrays are borrowed by whoever runs the plan. */
#ifndef CRL_SIM_PLAN_H
#define CRL_SIM_PLAN_H

#include "policy/bulkhead.h"

#include <corral/corral.h>

/* -------------------------------------------------------------------------------------- readers */

/* A piece of the curve of requests a second, over all nodes together. From `from` on the rate goes
 * in a straight line from rate_from to rate_to at the start of the next piece (or the end); equal
 * ones: constant. */
struct sim_rate_piece {
    corral_us from_at;
    double rate_from, rate_to; /* requests a second, >= 0 */
};

/* A burst on top of the curve: so many requests, evenly within a span. */
struct sim_burst {
    corral_us at;
    uint32_t requests;
    corral_us within_us;
};

enum sim_arrivals {
    SIM_ARRIVALS_POISSON, /* open loop, independent readers */
    SIM_ARRIVALS_EVEN,    /* open loop, one every 1/rate */
};

enum sim_popularity {
    SIM_POPULARITY_UNIFORM, /* also for a single key */
    SIM_POPULARITY_ZIPF,
};

struct sim_readers {
    enum sim_arrivals arrivals;
    const struct sim_rate_piece *pieces; /* ascending; may be none */
    uint32_t pieces_n;
    const struct sim_burst *bursts; /* ascending; each over before the next one begins */
    uint32_t bursts_n;
    uint32_t keys; /* 1 to 16,777,216 */
    enum sim_popularity popularity;
    double zipf_s;     /* exponent, > 0 */
    corral_us wait_us; /* the longest a reader waits */
    double give_up;    /* the fraction of waiting readers that leave early, at a random instant */
    double writes;     /* writes to the database, each with an invalidation, a second */
    double refreshes;  /* loads asked for without a reader, for any reason, a second */
    double puts;       /* the fraction of writes that put the new value into the cache */
    double clears;     /* the fraction of writes, in a space without a store, that change all its
                        * keys and clear it */
};

/* ------------------------------------------------------------------------------------- database */

enum sim_service {
    SIM_SERVICE_FIXED, /* every query takes the mean */
    SIM_SERVICE_EXPONENTIAL,
    SIM_SERVICE_LOGNORMAL, /* with sigma */
};

/* The database as a queue: `servers` queries are worked on at once, the others wait first come,
 * first served. Each query that waits slows all that are worked on: time = drawn * (1 + slowdown *
 * waiting). */
struct sim_database {
    enum sim_service service;
    corral_us mean_us;
    double sigma;         /* LOGNORMAL: of the logarithm */
    uint32_t servers;     /* queries at once */
    double slowdown;      /* per waiting query; 0: none */
    corral_us timeout_us; /* it gives up on a query that has taken this long in all; 0: never */
    double fails;         /* the fraction of queries that fail */
    double absent;        /* the fraction of keys that do not exist */
    corral_us cancel_us;  /* until a cancelled query has ended */
};

/* --------------------------------------------------------------------------- spaces and origins */

#define SIM_SPACES_MAX  8
#define SIM_ORIGINS_MAX 8

/* An origin: a database, and what each node allows itself there. */
struct sim_origin_plan {
    struct crl_bulkhead_limits limits;
    corral_us deadline_us;
    uint32_t batch_max; /* loads in one query; 0: 1 */
    corral_us hedge_us; /* until a load gets a second attempt; 0: none does */
    corral_us ttl_us;   /* what its loads say of their values; 0: nothing */
    struct sim_database database;
};

/* A space of keys, with its policy. */
struct sim_space_plan {
    struct corral_policy policy;
    uint32_t origin;      /* its number */
    bool has_store;       /* its keys are in the store that the nodes share */
    corral_us failure_us; /* how long a failure is remembered, and shared; 0: not at all */
    uint32_t share;       /* >= 1: of the keys, as against the shares of the others */
};

/* ------------------------------------------------------------------------------- store, network */

/* One way of a message. */
struct sim_network {
    corral_us delay_us;  /* at least */
    corral_us spread_us; /* and up to so much more, uniformly */
    double drops;        /* the fraction of messages that are lost once, and sent again later */
};

/* There is one if a space has one. */
struct sim_store {
    struct sim_network network; /* between a node and the store */
    corral_us timeout_us;       /* a node gives up on the store's answer */
    corral_us lease_us;
    uint32_t requests_max; /* of a node, without a reply; 0: 4096 */
};

/* --------------------------------------------------------------------------------------- faults */

#define SIM_FAULTS(X)                                                                            \
    X(STORE_DOWN, "store_down")             /* no message to or from it arrives */               \
    X(STORE_WIPED, "store_wiped")           /* at once: it comes back empty */                   \
    X(DATABASE_SLOW, "database_slow")       /* queries take `factor` times as long */            \
    X(DATABASE_FAILS, "database_fails")     /* every query fails */                              \
    X(DATABASE_HANGS, "database_hangs")     /* no query ends, but by its time-out or a cancel */ \
    X(NODE_KILLED, "node_killed")           /* at once, then restarted cold at the end */        \
    X(NODE_PAUSED, "node_paused")           /* it does nothing; messages wait for it */          \
    X(NODE_PARTITIONED, "node_partitioned") /* from the store, not from the database */          \
    X(NODE_CLOCK_STEPPED,                                                                        \
      "node_clock_stepped") /* at once: its monotonic clock jumps ahead by `step_us` */

enum sim_fault_kind {
#define X(name, word) SIM_FAULT_##name,
    SIM_FAULTS(X)
#undef X
};

#define SIM_ALL_ORIGINS UINT32_MAX

struct sim_fault {
    enum sim_fault_kind kind;
    corral_us at;
    corral_us lasts_us;          /* 0 with NODE_KILLED: it stays down */
    uint32_t node_from, node_to; /* NODE_...: these, both included, ... */
    corral_us stagger_us;        /* ... each so much after the one before: a rolling restart */
    uint32_t origin;             /* DATABASE_...: this one, or SIM_ALL_ORIGINS */
    double factor;               /* DATABASE_SLOW */
    corral_us step_us;           /* NODE_CLOCK_STEPPED */
};

/* ---------------------------------------------------------------------------------------- whole */

struct sim_plan {
    uint64_t seed;
    uint32_t nodes;       /* 1 to 65,536 */
    corral_us lasts_us;   /* arrivals stop then; what is under way is brought to its end */
    corral_us measure_at; /* what comes before warms up and is not reported */
    struct sim_readers readers;
    struct sim_space_plan spaces[SIM_SPACES_MAX];
    uint32_t spaces_n; /* at least 1 */
    struct sim_origin_plan origins[SIM_ORIGINS_MAX];
    uint32_t origins_n;  /* at least 1 */
    size_t memory_bytes; /* each node's */
    uint32_t flights_max, waiters_max;
    struct sim_store store;
    const struct sim_fault *faults;
    uint32_t faults_n;
};

/* sim_plan_has_store - do the nodes share a store? Pure. */
bool sim_plan_has_store(const struct sim_plan *plan);

/* Where a key of the readers lives: in a space, as the key with this number there, from 0. */
struct sim_key_place {
    uint32_t space, number;
};

/* sim_plan_locate, sim_plan_key - where a key lives, and which key lives there. Of as many keys in
 * a row as all shares together, the first ones are the first space's, as many as its share, and so
 * on: each space has its part of the keys that are asked for most. Pure; each is the other's
 * inverse. */
struct sim_key_place sim_plan_locate(const struct sim_plan *plan, uint32_t key);
uint32_t sim_plan_key(const struct sim_plan *plan, struct sim_key_place place);

#endif
