/* SPDX-License-Identifier: Apache-2.0
 *
 * machine.h - what core.c (events), flight.c (edges), keys.c (active keys) and places.c (loads at
 * the origins) share. Nobody else includes it. */
#ifndef CRL_CORE_MACHINE_H
#define CRL_CORE_MACHINE_H

#include "base/assert.h"
#include "base/hash.h"
#include "base/rng.h"
#include "core/core.h"

#include <assert.h>

/* A key that at least one flight is about. Freed with its last flight. */
struct active_key {
    struct active_key *next; /* in its bucket */
    uint64_t hash;
    uint64_t generation;       /* bumped by every invalidation and put */
    struct crl_flight *shared; /* the flight that readers join; NULL if flights are not shared */
    uint32_t flights;
    uint32_t loads_live;
    uint32_t space;
    uint32_t size;
    unsigned char bytes[];
};

struct crl_flight {
    enum crl_flight_state state;
    struct active_key *key;
    uint64_t generation;           /* of the key when the present ask or load began */
    uint64_t ask;                  /* of the store, to recognise its answer */
    uint64_t token;                /* of the lease; 0: none */
    corral_us lease_us;            /* what LEASE_LOST said */
    struct place *place;           /* at the origin, while LOADING */
    struct crl_timer turn;         /* while WAITING */
    struct cds_list_head waiters;  /* for the present ask or load */
    struct cds_list_head later;    /* came after an invalidation: for the next one */
    uint32_t waiters_n;            /* in both lists */
    struct cds_list_head in_queue; /* of the origin, while QUEUED */
    struct cds_list_head in_core;
};

/* A place at an origin: who holds it loads. */
struct place {
    crl_load_id load;          /* 0: free */
    struct crl_flight *flight; /* NULL: free, or the load was cancelled and has not ended */
    corral_us started_at;
    struct crl_timer deadline;
    uint32_t origin; /* its number */
    struct place *next_free;
};

struct origin {
    struct crl_core_origin config;
    uint32_t number;
    struct place *places; /* config.limits.concurrency */
    struct place *free;
    uint32_t active, queued;
    struct cds_list_head queue; /* of flights, first come first served */
    struct crl_core_origin_counts counts;
};

struct space {
    struct crl_core_space config;
    struct crl_core_space_counts counts;
};

struct crl_core {
    struct crl_core_config config;
    struct crl_table *table;
    struct crl_timers timers;
    uint32_t deadlines_n; /* places in all, each with a timer */
    struct crl_rng jitter_lots;
    struct active_key **keys;
    uint32_t keys_mask;
    struct active_key *retired_keys;
    struct cds_list_head flights;
    uint32_t flights_n, waiters_n, loads_n;
    uint64_t asks, loads;
    bool closing;
    uint32_t origins_n, spaces_n;
    struct origin *origins[CRL_ORIGINS_MAX];
    struct space *spaces[CRL_SPACES_MAX];
    struct crl_core_counts counts;
};

enum timer_kind { TIMER_WAITER, TIMER_TURN, TIMER_DEADLINE };

/* What an edge works with besides the flight. */
struct turn {
    struct crl_core *core;
    const struct crl_event *event;
    struct crl_actions *out;
    struct crl_waiter *waiter; /* WANTED... */
    int rc;                    /* FAILED */
    corral_us load_us;         /* what the load cost */
};

/* keys.c */
struct active_key *crl_key_find(struct crl_core *core, uint64_t hash, uint32_t space,
                                struct corral_bytes key);
struct active_key *crl_key_new(struct crl_core *core, uint64_t hash, uint32_t space,
                               struct corral_bytes key); /* NULL: no memory */
void crl_key_retire(struct crl_core *core,
                    struct active_key *key); /* actions may still show its bytes */
void crl_keys_reap(struct crl_core *core);   /* at the next event: free those */
static inline struct corral_bytes crl_key_bytes(const struct active_key *key)
{
    return crl_bytes(key->bytes, key->size);
}

/* places.c */
struct origin *crl_origin_new(const struct crl_core_origin *config,
                              uint32_t number); /* NULL: no memory */
void crl_origin_free(struct origin *origin);
struct place *crl_place_take(struct turn *turn, struct crl_flight *flight);
struct place *crl_place_find(struct crl_core *core,
                             crl_load_id load);                /* NULL: no such load any more */
void crl_place_leave(struct turn *turn, struct place *place);  /* the load has ended */
void crl_place_cancel(struct turn *turn, struct place *place); /* it is to end */
void crl_queue_join(struct origin *origin, struct crl_flight *flight);
void crl_queue_leave(struct origin *origin, struct crl_flight *flight);
void crl_queue_admit(struct turn *turn, struct origin *origin); /* the first, if there is a place */

/* flight.c */
struct crl_flight *crl_flight_new(struct crl_core *core,
                                  struct active_key *key); /* NULL: no memory */
void crl_flight_board(struct turn *turn, struct crl_flight *flight, struct crl_waiter *waiter);
void crl_flight_drive(struct turn *turn, struct crl_flight *flight, enum crl_flight_signal signal);
void crl_waiter_detach(struct crl_core *core, struct crl_waiter *waiter);

/* core.c */
struct crl_action *crl_action_add(struct crl_actions *out, enum crl_action_kind kind);
struct crl_entry *crl_entry_make(struct turn *turn, uint64_t hash, uint32_t space,
                                 struct corral_bytes key, bool negative, struct corral_bytes value);

#endif
