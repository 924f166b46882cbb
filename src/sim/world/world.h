/* SPDX-License-Identifier: Apache-2.0
 *
 * world.h - the state of a false world, its clock, and the queue of what will happen in it.
 *
 * Concept. A world is a heap of things that will happen: messages that arrive, queries that end,
 * timers of cores. fleet_next() takes the earliest, moves the clock to it, hands the core of the
 * node its event, and carries out the actions that come out as further things that will happen. The
 * same plan gives the same run, to the last letter: no real clock, no thread, no address is ever
 * looked at.
 *
 * An event of the queue carries the function that it runs. So a file that knows how something ends
 * also says how it began, and this file knows neither. Files include those below them only:
 *
 *     run.c  script.c      plans, where what happens is drawn; stories, where it is written down
 *     world/faults         what befalls the fleet
 *     world/fleet          processes that start, stop and do what their cores ask for
 *     world/readers        gets, writes, puts
 *     world/loads          queries at the database
 *     world/wire           messages between nodes and the store, and the store's end
 *     world/node           one step of a core
 *     watch/               the observer: what readers and the database see, judged by the promises
 *     world/record, trace  the figures of a report; the narration
 *     world/world          this
 *     model/               the database as a queue, the traffic: they know no world */
#ifndef CRL_SIM_WORLD_WORLD_H
#define CRL_SIM_WORLD_WORLD_H

#include "base/assert.h"
#include "core/core.h"
#include "sim/model/database.h"
#include "sim/report.h"
#include "store/client.h"
#include "store/memory.h"

#include <stdlib.h>

#define SIM_KEY_MAX  31
#define SIM_NAME_MAX (SIM_KEY_MAX + 4)
#define SIM_NO_NODE  UINT32_MAX

#define SIM_VALUE_MAX (1u << 20) /* in bytes */

/* What the heap's timers are embedded in. */
enum sim_timer_kind { SIM_TIMER_EVENT, SIM_TIMER_QUERY, SIM_TIMER_NODE };

/* A value of the database, as readers get it. */
struct sim_value {
    uint32_t key, version;
    uint64_t load;       /* which load brought it, from 1; 0: it was put */
    corral_us loaded_at; /* when the database had answered, in the world's time */
};

/* A key of a space. People see its name: the text, behind the number of its space and a slash
 * unless that is 0. */
struct sim_key {
    char name[SIM_NAME_MAX + 1];
    const char *text; /* the end of the name */
    uint32_t size;    /* of the text */
    uint32_t space;
    uint64_t hash; /* the same in every node */
    uint64_t version;
    uint64_t stored_min;          /* the store was told of it: it may keep no older one (P4) */
    struct crl_token lease_token; /* the last that the store gave; none: it was taken back */
    corral_us lease_until;        /* of that lease, in the store's time */
    uint32_t loads;               /* ever begun */
    bool was_absent;              /* one of them has found that there is no such thing */
    struct sim_value last;        /* what a load brought last; an absence does not tell itself */
    uint64_t needed_load;         /* the last that somebody needed ... */
    corral_us needed_until;       /* ... and how long it is fresh; or a put of later */
    struct cds_list_head live;    /* loads begun, not ended and not cancelled, of all nodes */
    uint32_t *interested;         /* nodes to be told of a change; with a store */
    uint32_t interested_n, interested_room;
    uint8_t *is_interested; /* the same as bits, by node */
    bool is_broken;         /* the database has it, and every query of it fails */
};

/* A reader that waits. */
struct sim_reader {
    struct crl_waiter waiter;
    struct cds_list_head link; /* of its node */
    uint32_t number;
    uint32_t node, key;
    corral_us asked_at, wait_until;   /* the world's time */
    uint64_t version_min, linked_min; /* P4: see watch/known.h */
    bool answered;
};

/* A load at an origin. Those of one query are linked; the first of them, the head, has it. */
struct sim_load {
    struct sim_query query;      /* the head's */
    struct sim_load *head;       /* may be itself */
    struct sim_load *mate;       /* the next of the same query */
    uint32_t live_n;             /* in the head: of its query, not cancelled */
    uint64_t number;             /* in the world, from 1 */
    struct cds_list_head link;   /* of its node */
    struct cds_list_head in_key; /* while it is live */
    crl_load_id id;
    uint32_t node, key, origin;
    uint32_t incarnation;
    uint64_t version; /* as read at the start: the worst case for P4 */
    corral_us began_at;
    corral_us deadline_at;        /* the node's clock */
    struct crl_token lease_token; /* under which it began; none: no lease ... */
    corral_us lease_until;        /* ... and until when it holds, in the store's time */
    enum crl_load_reason reason;
    uint32_t readers_before; /* that it began, with lower numbers: its answer is theirs */
    uint32_t changes;        /* of what the node knows of the key, when it began */
    bool live;
    bool is_late;           /* it has ended while its node was paused ... */
    enum sim_query_end end; /* ... like this */
};

/* A node's connection to the store: what is sent on it arrives in order. */
struct sim_wire {
    corral_us to_busy_until, from_busy_until; /* no message overtakes another */
    uint64_t epoch;                           /* bumped when it breaks: what was on it is lost */
    bool is_linked;                           /* as the node knows ... */
    uint64_t linked_epoch;                    /* ... and on which connection */
};

/* A process of the fleet. One that is paused does nothing: what is meant for it happens when it
 * goes on. One whose clock was stepped is ahead of the world; its core sees that clock only. */
struct sim_node {
    struct sim *sim;
    struct crl_core *core;
    struct crl_store_client *client; /* NULL: there is no store */
    struct crl_timer timer;          /* for the next one of core and client */
    uint32_t incarnation;
    bool down;
    bool cut_off; /* from the store */
    corral_us paused_until;
    corral_us clock_ahead_us; /* its clock minus the world's */
    corral_us resumed_at;
    struct sim_wire wire;
    struct cds_list_head readers, loads;
    uint64_t needed_by_hits; /* loads that a hit made needed ones, which the core does not count */
    uint32_t limits[SIM_ORIGINS_MAX]; /* of places, as the core was told */
};

/* An origin, which is a database. */
struct sim_origin {
    struct sim_database model; /* of the plan, as scripts have changed it */
    struct sim_db db;
    bool is_empty; /* every query answers that there is no such thing */
};

struct sim {
    struct sim_plan plan;
    struct sim_run_options options;
    corral_us now;
    struct crl_timers queue;
    struct sim_origin origins[SIM_ORIGINS_MAX];
    struct crl_rng network_lots, reader_lots, refresh_lots, clear_lots;
    struct crl_store_memory *store;
    bool store_is_up;
    uint64_t store_requests[CRL_STORE_INVALIDATE + 1]; /* that it has worked on */
    struct crl_allocator *allocator;
    struct sim_node *nodes;
    struct sim_key *keys;
    uint32_t keys_n, keys_room;
    bool keys_are_numbered;  /* as those of plans: by their texts, "key:N", in each space */
    struct sim_known *known; /* nodes x keys_room, the observer's; NULL in a large world */
    uint32_t readers_n;
    struct cds_list_head answered; /* readers, kept with audits: they must not be answered again */
    uint64_t loads_n;
    uint64_t pushing; /* the version that the invalidation at work announces; 0: none */
    uint64_t pushed;  /* the version that the push at work announces */
    struct sim_event *free_events;
    bool narrates;
    struct crl_actions actions;
    void (*carry_out)(struct sim *sim, uint32_t node); /* those actions; the fleet's */
    enum crl_event_kind stepping;                      /* the event that the core is working on */
    const void *stepping_key; /* the text of its key, as key_bytes() has it; NULL: it is of none */
    struct sim_report *report;
    struct sim_slice after_the_end;
    void (*on_answer)(struct sim *sim, uint32_t reader, int result); /* for scripts; may be NULL */
};

struct sim_event;
typedef void sim_event_fn(struct sim *sim, struct sim_event *event);

/* Something that will happen. */
struct sim_event {
    struct crl_timer timer;
    sim_event_fn *run;      /* it happens */
    struct sim_event *next; /* free ones */
    uint32_t node;          /* where; or who sent it. SIM_NO_NODE: the world's */
    uint32_t incarnation;   /* of the node */
    bool waits_for_node;    /* while that is paused; else it happens all the same */
    bool outlives_node;     /* else it is for nobody when the node has been killed */
    uint64_t epoch;         /* of the wire */
    uint32_t key;
    uint32_t number; /* a reader, a fault, readers, bytes */
    corral_us at;    /* when it was sent, asked or meant */
    corral_us span_us;
    uint64_t version;
    struct crl_store_request request; /* to the store; its key is `key`, its entry is owned */
    struct crl_store_reply reply;     /* of the store; its draft is owned until it is delivered */
    enum crl_load_reason reason;
};

/* event_add - `run` is to happen at an instant; not before now. The event is the world's and ends
 * with the call of `run`; the caller fills it in.
 * node  whose event it is: it waits while the node is paused, and is dropped if the node is killed.
 *       SIM_NO_NODE: nobody's */
struct sim_event *event_add(struct sim *sim, corral_us at, sim_event_fn *run, uint32_t node);

/* event_add_alone - the same, but it happens whatever becomes of the node: at another place. */
struct sim_event *event_add_alone(struct sim *sim, corral_us at, sim_event_fn *run, uint32_t node);

/* event_fires - its timer did: it happens, is put off, or is for nobody. */
void event_fires(struct sim *sim, struct sim_event *event);
void event_free(struct sim *sim, struct sim_event *event);

/* queue_reserve - room for one more timer that somebody else will arm. */
void queue_reserve(struct sim *sim);

/* key_add - a key of a space, by its text, which is copied. A node must have started. */
uint32_t key_add(struct sim *sim, uint32_t space, const char *text);

/* key_number - the key with this text in a space. */
uint32_t key_number(const struct sim *sim, uint32_t space, struct corral_bytes text);

/* queries_of - queries at all origins together; *ret_waiting: of them, those that wait there. */
uint32_t queries_of(const struct sim *sim, uint32_t *ret_waiting);

/* key_ttl - the TTL of what a load of a key brings, without jitter. */
corral_us key_ttl(const struct sim *sim, uint32_t key, bool is_absent);

/* key_fresh_us - how long what has a TTL stays fresh at least, with jitter. */
corral_us key_fresh_us(const struct sim *sim, uint32_t key, corral_us ttl_us);

static inline const struct sim_space_plan *key_space(const struct sim *sim, uint32_t key)
{
    return &sim->plan.spaces[sim->keys[key].space];
}

static inline const struct sim_origin_plan *key_origin(const struct sim *sim, uint32_t key)
{
    return &sim->plan.origins[key_space(sim, key)->origin];
}

static inline struct corral_bytes key_bytes(const struct sim *sim, uint32_t key)
{
    return crl_bytes(sim->keys[key].text, sim->keys[key].size);
}

static inline corral_us node_now(const struct sim *sim, uint32_t node)
{
    return sim->now + sim->nodes[node].clock_ahead_us;
}

static inline bool node_is_paused(const struct sim *sim, uint32_t node)
{
    return sim->nodes[node].paused_until > sim->now;
}

#endif
