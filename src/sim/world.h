/* SPDX-License-Identifier: Apache-2.0
 *
 * world.h - the false world: processes that run the real core, an origin and a store that are
 * models, and one virtual clock.
 *
 * Concept. A world is a queue of things that will happen. It takes the earliest, moves the clock to
 * it, hands the core its event, and executes the actions that come out as further things that will
 * happen. After every step it audits the core (crl_core_check) and, as an observer of its own who
 * knows nothing of the core's insides, the promises as readers and the origin see them. The first
 * broken one is kept as a text. The same world and seed give the same trace, to the letter.
 *
 * The database holds a version number for each key. A load reads the version at its start (the
 * worst case for P4) and answers after the latency. sim_write() raises the version and invalidates
 * the key.
 *
 * Threads: one. Nothing here reads a real clock. */
#ifndef CRL_SIM_WORLD_H
#define CRL_SIM_WORLD_H

#include "core/core.h"

struct sim;

/* What a load meets at the origin. */
enum sim_origin_mode {
    SIM_ORIGIN_WORKS,
    SIM_ORIGIN_EMPTY, /* answers that there is no such thing */
    SIM_ORIGIN_FAILS,
    SIM_ORIGIN_HANGS, /* never answers, unless it is cancelled */
};

struct sim_config {
    uint32_t nodes; /* 0: 1 */
    uint64_t seed;
    bool has_store; /* the nodes share a store */
    bool audits;    /* crl_core_check after every step */
    struct corral_policy policy;
    struct crl_bulkhead_limits limits; /* 0: 20 and 1000 */
    corral_us deadline_us;             /* 0: 2 s */
    corral_us origin_us;               /* latency of the origin; 0: 100 ms */
    corral_us cancel_us;               /* until a cancelled load has ended; 0: 1 ms */
    corral_us store_us;                /* latency of the store, there and back; 0: 1 ms */
    corral_us lease_us;                /* 0: 5 s */
    size_t memory_bytes;               /* 0: 1 MiB */
    uint32_t flights_max, waiters_max; /* 0: 1000, 100000 */
    struct crl_allocator *allocator;   /* NULL: malloc */
};

/* sim_new - a world at time 0 with nothing to happen. NULL: no memory. */
struct sim *sim_new(const struct sim_config *config);
void sim_free(struct sim *sim);

/* Things to happen at an instant, in microseconds of virtual time. Keys are copied. */
void sim_gets(struct sim *sim, corral_us at, uint32_t node, const char *key, corral_us wait_us,
              uint32_t readers);
void sim_give_up(struct sim *sim, corral_us at, uint32_t reader); /* by number, from 0, as asked */
void sim_write(struct sim *sim, corral_us at, uint32_t node, const char *key);
void sim_put(struct sim *sim, corral_us at, uint32_t node, const char *key, size_t size);
void sim_origin(struct sim *sim, corral_us at, enum sim_origin_mode mode, corral_us latency_us);
void sim_store(struct sim *sim, corral_us at, bool up);
void sim_kill(struct sim *sim, corral_us at, uint32_t node); /* its readers are forgotten */
void sim_close(struct sim *sim, corral_us at, uint32_t node);

/* sim_run - until nothing more will happen, or a promise is broken. */
void sim_run(struct sim *sim);

/* What came of it. */
const char *sim_trace(const struct sim *sim);
const char *sim_broken(const struct sim *sim); /* NULL, or which promise and how */
uint32_t sim_origin_loads(const struct sim *sim, const char *key);
uint32_t sim_origin_peak(const struct sim *sim);          /* the most loads at once */
uint32_t sim_answered(const struct sim *sim, int result); /* readers; an outcome or an error */
uint32_t sim_answered_all(const struct sim *sim);
corral_us sim_last_answer_at(const struct sim *sim);
struct crl_core *sim_core(struct sim *sim, uint32_t node);

#endif
