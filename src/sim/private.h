/* SPDX-License-Identifier: Apache-2.0
 *
 * private.h - what the files of sim/ share.
 *
 *   world.c     the queue of things to happen, the clock, the nodes
 *   actions.c   what the core asks for, carried out: readers answered, queries begun, the store
 *               asked
 *   wire.c      messages between nodes and the store, and the store's end
 *   faults.c    what befalls the fleet
 *   watch.c     the observer: what readers and the database see, judged by the promises
 *   record.c    the figures of a report
 *   trace.c     the narration
 *   script.c    stories: what happens is written down
 *   run.c       plans: what happens is drawn */
#ifndef CRL_SIM_PRIVATE_H
#define CRL_SIM_PRIVATE_H

#include "base/assert.h"
#include "core/core.h"
#include "sim/database.h"
#include "sim/report.h"
#include "sim/traffic.h"
#include "store/memory.h"

#include <stdlib.h>

#define SIM_KEY_MAX 31
#define SIM_NO_NODE UINT32_MAX

/* What the heap's timers are embedded in. */
enum sim_timer_kind { SIM_TIMER_EVENT, SIM_TIMER_QUERY, SIM_TIMER_NODE };

/* A value of the database, as readers get it. */
struct sim_value {
    uint64_t version;
    corral_us loaded_at; /* when the database had answered, in the world's time */
};

/* A key of the database. */
struct sim_key {
    char text[SIM_KEY_MAX + 1];
    uint32_t size;
    uint64_t hash; /* the same in every node */
    uint64_t version;
    uint64_t stored_min;       /* the store was told of it: it may keep no older one (P4) */
    uint64_t lease_token;      /* the last that the store gave; 0: it was taken back */
    corral_us lease_until;     /* of that lease, in the store's time */
    uint32_t loads;            /* ever begun */
    corral_us fresh_until;     /* somewhere in the fleet, at least; the world's time */
    bool is_wanted;            /* a load for the time after that has begun */
    struct cds_list_head live; /* loads begun, not ended and not cancelled, of all nodes */
    uint32_t *interested;      /* nodes to be told of a change; with a store */
    uint32_t interested_n, interested_room;
    uint8_t *is_interested; /* the same as bits, by node */
};

/* A reader that waits. */
struct sim_reader {
    struct crl_waiter waiter;
    struct cds_list_head link; /* of its node */
    uint32_t number;
    uint32_t node, key;
    corral_us asked_at, wait_until; /* the world's time */
    uint64_t version_min;           /* P4: no older one may be given to it */
    bool answered;
};

/* A load at the database. */
struct sim_load {
    struct sim_query query;
    struct cds_list_head link;   /* of its node */
    struct cds_list_head in_key; /* while it is live */
    crl_load_id id;
    uint32_t node, key;
    uint32_t incarnation;
    uint64_t version;        /* as read at the start: the worst case for P4 */
    corral_us deadline_at;   /* the node's clock */
    corral_us lease_until;   /* of the lease under which it began, in the store's time; 0: none */
    uint32_t readers_before; /* that it began, with lower numbers: its answer is theirs */
    uint32_t changes;        /* of what the node knows of the key, when it began */
    bool live;
    bool is_late;           /* it has ended while its node was paused ... */
    enum sim_query_end end; /* ... like this */
};

/* An invalidation that the store has not confirmed. */
struct sim_unsaid {
    struct sim_unsaid *next;
    uint32_t key;
    uint64_t number, version;
};

/* What a node knows of a key, as the observer sees it. Only in small worlds. */
struct sim_known {
    uint64_t version_min;  /* told of it: no reader that comes now may get an older one */
    uint32_t changes;      /* times that it was told that its value is not good any more */
    corral_us fresh_until; /* the node's clock: it has a value that is good so long */
    uint64_t ask;          /* the last one */
    bool asks;             /* and it has not been answered */
    bool may_load;         /* it has: with a lease, or not at all. Used up by a load */
    bool waits;            /* it has: another node holds the lease ... */
    corral_us waits_until; /* ... in the world's time */
    uint64_t given;        /* by the last reply: the token of a lease; 0: none */
    uint64_t token;        /* the same while it holds the lease */
    uint64_t late_token;   /* of a lease that it was given too late, to be given back at once */
};

/* A node's connection to the store: what is sent on it arrives in order. */
struct sim_wire {
    corral_us to_busy_until, from_busy_until; /* no message overtakes another */
    uint64_t epoch;                           /* bumped when it breaks: what was on it is lost */
};

struct sim_node {
    struct crl_core *core;
    struct crl_timer timer; /* for the core's next one */
    uint32_t incarnation;
    uint32_t space;
    bool down;
    bool cut_off; /* from the store */
    corral_us paused_until;
    corral_us clock_ahead_us; /* its clock minus the world's */
    corral_us resumed_at;
    struct sim_wire wire;
    struct cds_list_head readers, loads;
    struct sim_unsaid *unsaid; /* oldest first */
};

struct sim {
    struct sim_plan plan;
    struct sim_run_options options;
    struct sim_database database; /* of the plan, as faults and scripts have changed it */
    corral_us now;
    struct crl_timers queue;
    struct sim_db db;
    bool database_is_empty; /* every query answers that there is no such thing */
    struct crl_rng network_lots, reader_lots;
    struct crl_store_memory *store;
    bool store_is_up;
    struct crl_allocator *allocator;
    struct sim_node *nodes;
    struct sim_key *keys;
    uint32_t keys_n, keys_room;
    struct sim_known *known; /* nodes x keys_room; NULL in a large world */
    uint32_t readers_n;
    struct cds_list_head answered; /* readers, kept with audits: they must not be answered again */
    uint64_t unsaid_n;
    uint64_t pushing; /* the version that the invalidation at work announces; 0: none */
    struct sim_event *free_events;
    bool narrates;
    void (*happen)(struct sim *sim, struct sim_event *event); /* what is not the world's own */
    struct crl_actions actions;
    enum crl_event_kind stepping; /* the event that the core is working on */
    struct sim_report *report;
    struct sim_slice after_the_end;
    void (*on_answer)(struct sim *sim, uint32_t reader, int result); /* for scripts; may be NULL */
};

enum sim_what {
    SIM_STORE_ASKED,   /* arrives at the store */
    SIM_STORE_REPLIED, /* arrives at the node */
    SIM_STORE_SILENT,  /* the node gives up on the reply */
    SIM_STORE_TOLD,    /* fill, release, invalidate: arrives at the store */
    SIM_STORE_HEARD,   /* an invalidation is confirmed */
    SIM_PUSHED,        /* arrives at the node */
    SIM_READER_LEAVES,
    SIM_DELAYED_GET, /* a reader of a paused node */
    SIM_FAULT_BEGINS,
    SIM_FAULT_ENDS,
    SIM_WRITE,
    SIM_OTHER, /* sim->happen() knows */
};

struct sim_event {
    struct crl_timer timer;
    struct sim_event *next; /* free ones */
    enum sim_what what;
    int other;            /* SIM_OTHER */
    uint32_t node;        /* SIM_NO_NODE: the world's */
    uint32_t incarnation; /* of the node */
    uint64_t epoch;       /* of the wire */
    uint32_t key;
    uint32_t number; /* a reader, a fault, readers, bytes */
    corral_us at;    /* when it was sent, asked or meant */
    corral_us span_us;
    enum crl_action_kind told;
    uint64_t ask, token, version;
    struct crl_entry *entry;
    struct crl_store_reply reply;
    unsigned char *bytes; /* of the reply's value; owned */
};

/* world.c */
int world_init(struct sim *sim, const struct sim_plan *plan, const struct sim_run_options *options,
               struct sim_report *report, uint32_t keys_room);
void world_fini(struct sim *sim);
bool world_turn(struct sim *sim); /* the next thing happens; false: there is none */
corral_us world_next_at(const struct sim *sim);
uint32_t world_key_add(struct sim *sim, const char *text);
struct sim_event *event_add(struct sim *sim, corral_us at, enum sim_what what, uint32_t node);
void event_free(struct sim *sim, struct sim_event *event);
int node_start(struct sim *sim, uint32_t node);
void node_stop(struct sim *sim, uint32_t node);
void node_step(struct sim *sim, uint32_t node, struct crl_event *event);
void node_rearm(struct sim *sim, uint32_t node);
static inline corral_us node_now(const struct sim *sim, uint32_t node)
{
    return sim->now + sim->nodes[node].clock_ahead_us;
}
static inline struct corral_bytes crl_key_bytes(const struct sim *sim, uint32_t key)
{
    return crl_bytes(sim->keys[key].text, sim->keys[key].size);
}
static inline bool node_is_paused(const struct sim *sim, uint32_t node)
{
    return sim->nodes[node].paused_until > sim->now;
}
static inline struct sim_known *known_of(struct sim *sim, uint32_t node, uint32_t key)
{
    return sim->known != NULL ? &sim->known[(size_t)node * sim->keys_room + key] : NULL;
}

/* actions.c */
void world_get(struct sim *sim, uint32_t node, uint32_t key, corral_us asked_at, corral_us wait_us);
void world_write(struct sim *sim, uint32_t node, uint32_t key);
void world_put(struct sim *sim, uint32_t node, uint32_t key, size_t size);
void world_leave(struct sim *sim, struct sim_reader *reader);
void actions_run(struct sim *sim, uint32_t node);
void load_ends(struct sim *sim, struct sim_query *query);
void load_forget(struct sim *sim, struct sim_load *load); /* its node is gone */

/* wire.c */
void wire_ask(struct sim *sim, uint32_t node, uint32_t key, uint64_t ask);
void wire_tell(struct sim *sim, uint32_t node, uint32_t key, const struct crl_action *action);
void wire_happen(struct sim *sim, struct sim_event *event);
void wire_break(struct sim *sim, uint32_t node);
void wire_forget(struct sim *sim, uint32_t node);
void wire_mend(struct sim *sim, uint32_t node);
bool wire_is_broken(const struct sim *sim, uint32_t node);
void wire_push(void *arg, uint32_t by, uint32_t space, struct corral_bytes key);

/* faults.c */
void faults_schedule(struct sim *sim);
void fault_happen(struct sim *sim, const struct sim_event *event);

/* watch.c */
void watch_ask(struct sim *sim, uint32_t node, uint32_t key, uint64_t ask);
void watch_reply(struct sim *sim, uint32_t node, uint32_t key, uint64_t ask,
                 const struct crl_store_reply *reply);
void watch_changed(struct sim *sim, uint32_t node, uint32_t key, uint64_t version);
void watch_told(struct sim *sim, uint32_t node, uint32_t key, const struct crl_action *action);
void watch_granted(struct sim *sim, uint32_t node, uint32_t key, uint64_t token);
void watch_stored(struct sim *sim, uint32_t key, const struct crl_entry *entry);
void watch_leases_void(struct sim *sim, uint32_t key);
void watch_load(struct sim *sim, struct sim_load *load);
void watch_loaded(struct sim *sim, const struct sim_load *load, bool has_value, bool negative);
void watch_load_over(struct sim *sim, const struct sim_load *load);
void watch_cancel(struct sim *sim, const struct sim_load *load);
void watch_answer(struct sim *sim, const struct sim_reader *reader, int result,
                  const struct crl_entry *entry);
void watch_node(struct sim *sim, uint32_t node);
void watch_end(struct sim *sim);
void watch_break(struct sim *sim, uint32_t key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline bool watch_is_broken(const struct sim *sim)
{
    return sim->report->broken[0] != '\0';
}

/* record.c */
void record_arrival(struct sim *sim, corral_us asked_at);
void record_answer(struct sim *sim, corral_us asked_at, int result, const struct crl_entry *entry);
void record_load(struct sim *sim, bool is_needed);

/* trace.c */
void trace_steps(struct sim *sim, uint32_t node);
void trace_edges(struct sim *sim); /* count those of the last step only */
void trace_line(struct sim *sim, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
