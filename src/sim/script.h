/* SPDX-License-Identifier: Apache-2.0
 *
 * script.h - a story in the false world: what happens when is written down, and what came of it can
 * be asked.
 *
 * The world is that of world/: nodes that run the real core, a database, a store, one virtual
 * clock, an audit and an observer. A story drives it by hand instead of by a plan: readers at an
 * instant, a write, a quitter, a change of the database's mood. The database works on any number of
 * queries at once, each takes the same time. Its narration is kept as a text, to be compared.
 *
 * A load reads the version of its key at its start (the worst case for P4). sim_write() raises the
 * version and invalidates the key; sim_clear() does so with all keys of a space that are known.
 *
 * Threads: one. Nothing here reads a real clock. */
#ifndef CRL_SIM_SCRIPT_H
#define CRL_SIM_SCRIPT_H

#include "core/core.h"
#include "sim/plan.h"
#include "sim/report.h"
#include "store/store.h"

struct sim;

/* What a load meets at the origin. */
enum sim_origin_mode {
    SIM_ORIGIN_WORKS,
    SIM_ORIGIN_EMPTY, /* answers that there is no such thing */
    SIM_ORIGIN_FAILS,
    SIM_ORIGIN_HANGS, /* never answers, unless it is cancelled */
};

/* A world of one space and one origin, unless it is given more. */
struct sim_config {
    uint32_t nodes; /* 0: 1 */
    uint64_t seed;
    bool has_store; /* the nodes share a store */
    bool audits;    /* crl_core_check after every step */
    struct corral_policy policy;
    struct crl_bulkhead_limits limits;        /* 0: 20 and 1000 */
    corral_us deadline_us;                    /* 0: 2 s */
    uint32_t batch_max;                       /* loads in one query; 0: 1 */
    corral_us hedge_us;                       /* until a second attempt; 0: none */
    corral_us origin_ttl_us;                  /* what its loads say of their values; 0: nothing */
    corral_us failure_us;                     /* how long a failure is remembered; 0: not at all */
    corral_us origin_us;                      /* latency of the origin; 0: 100 ms */
    corral_us cancel_us;                      /* until a cancelled load has ended; 0: 1 ms */
    corral_us store_us;                       /* latency of the store, there and back; 0: 1 ms */
    corral_us lease_us;                       /* 0: 5 s */
    corral_us store_timeout_us;               /* until a node gives up on it; 0: 100 ms */
    size_t memory_bytes;                      /* 0: 1 MiB */
    uint32_t flights_max, waiters_max;        /* 0: 1000, 100000 */
    struct crl_allocator *allocator;          /* NULL: malloc */
    const struct sim_space_plan *more_spaces; /* from number 1 on; borrowed by sim_new() */
    uint32_t more_spaces_n;
    const struct sim_origin_plan *more_origins; /* likewise; 0 in them: as above */
    uint32_t more_origins_n;
};

/* sim_new - a world at time 0 with nothing to happen. NULL: no memory. */
struct sim *sim_new(const struct sim_config *config);
void sim_free(struct sim *sim);

/* Things to happen at an instant, in microseconds of virtual time. Keys are copied; "1/user:7" is
 * the key user:7 of space 1, without a number it is that of space 0. sim_origin() is about all
 * origins, sim_origin_of() about one. */
void sim_gets(struct sim *sim, corral_us at, uint32_t node, const char *key, corral_us wait_us,
              uint32_t readers);
void sim_asks(struct sim *sim, corral_us at, uint32_t node, const char *loader, const char *key,
              corral_us wait_us); /* the loader of a key that loads gets another one. Its load takes
                                   * as long as the mood says, all the same */
void sim_give_up(struct sim *sim, corral_us at, uint32_t reader); /* by number, from 0, as asked */
void sim_write(struct sim *sim, corral_us at, uint32_t node, const char *key);
void sim_clear(struct sim *sim, corral_us at, uint32_t node, uint32_t space);
void sim_put(struct sim *sim, corral_us at, uint32_t node, const char *key, size_t size);
void sim_refresh(struct sim *sim, corral_us at, uint32_t node, const char *key,
                 enum crl_load_reason reason);
void sim_asked(struct sim *sim, corral_us at, uint32_t node,
               const char *key); /* what is there is marked: a reader has asked for a load */
void sim_limit(struct sim *sim, corral_us at, uint32_t node,
               uint32_t limit); /* of the first origin's places, from then on */
void sim_origin(struct sim *sim, corral_us at, enum sim_origin_mode mode, corral_us latency_us);
void sim_origin_of(struct sim *sim, corral_us at, uint32_t origin, enum sim_origin_mode mode,
                   corral_us latency_us);
void sim_break(struct sim *sim, corral_us at, const char *key,
               bool is_broken); /* whether every load of this key fails, whatever the mood */
void sim_store(struct sim *sim, corral_us at, bool up);
void sim_store_latency(struct sim *sim, corral_us at, corral_us latency_us); /* there and back */
void sim_cut(struct sim *sim, corral_us at, uint32_t node, bool off); /* a node from the store */
void sim_lease_again(struct sim *sim, corral_us at, uint32_t node,
                     const char *key); /* the last answer to its ask comes once more, as a lease */
void sim_pause(struct sim *sim, corral_us at, uint32_t node, corral_us lasts_us);
void sim_kill(struct sim *sim, corral_us at, uint32_t node); /* its readers are forgotten */
void sim_close(struct sim *sim, corral_us at, uint32_t node);

/* sim_run - until nothing more will happen, or a promise is broken. */
void sim_run(struct sim *sim);

/* What came of it. */
const char *sim_trace(const struct sim *sim);
const char *sim_broken(const struct sim *sim); /* NULL, or which promise and how */
uint32_t sim_origin_loads(const struct sim *sim, const char *key);
uint32_t sim_origin_peak(
    const struct sim *sim); /* loads at once, cancelled ones until they ended */
uint32_t sim_answered(const struct sim *sim, int result); /* readers; an outcome or an error */
uint32_t sim_answered_all(const struct sim *sim);
corral_us sim_last_answer_at(const struct sim *sim);
uint64_t sim_store_requests(const struct sim *sim, enum crl_store_op op); /* that came there */
uint64_t sim_needed(const struct sim *sim, uint32_t node); /* loads: its core's count, and hits' */
const struct crl_entry *sim_entry(struct sim *sim, uint32_t node,
                                  const char *key);         /* what its table has, or NULL */
const struct sim_report *sim_report(const struct sim *sim); /* of the fleet */
struct crl_core *sim_core(struct sim *sim, uint32_t node);

#endif
