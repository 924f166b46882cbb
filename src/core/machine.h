/* SPDX-License-Identifier: Apache-2.0
 *
 * machine.h - what the files of the machine share. Nobody else includes it.
 *
 *   core.c     the events
 *   flight.c   the edges
 *   keys.c     the keys that flights are about
 *   loads.c    loads: begun, answered, cancelled
 *   publish.c  entries for the table; which loads were needed
 *   places.c   the places at the origins, and the queues before them
 *   waits.c    loaders that wait for other loads
 *   answers.c  actions: answers to waiters, words to the store
 *
 * An arrow means "calls": core -> flight -> loads, publish -> places, keys, answers, waits. */
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

/* Reasons as a set: bit 1 << enum crl_load_reason. */
typedef uint32_t reasons;

struct crl_flight {
    enum crl_flight_state state;
    struct active_key *key;
    uint64_t generation;           /* of the key when the present ask or load began */
    uint32_t home;                 /* of its space then: what the store said since may be lost */
    uint64_t ask;                  /* of the store, to recognise its answer */
    struct crl_token token;        /* of the lease that it asks for or holds */
    bool has_lease;                /* ... holds */
    bool is_fenced;                /* it held one, which is gone: nothing is kept of the load */
    corral_us lease_us, leased_at; /* what the store granted, and when we heard of it */
    struct cds_list_head loads;    /* live ones, while LOADING: 1 or 2 */
    uint32_t loads_n;              /* ... how many */
    struct crl_timer again;        /* while WAITING */
    struct crl_timer renewal;      /* while it holds a lease */
    struct cds_list_head waiters;  /* for the present ask or load */
    struct cds_list_head later;    /* came after an invalidation: for the next one */
    uint32_t waiters_n;            /* in both lists */
    uint32_t askers_n;             /* of them, loaders */
    reasons reasons, later_reasons;
    enum crl_load_reason priority; /* in the queue */
    struct origin *queued_at;      /* while QUEUED */
    struct cds_list_head in_line;  /* QUEUED: its origin's queue; WAITING: core->waiting or woken */
    struct cds_list_head in_core;
};

/* A load, from its order to its answer. */
struct load {
    struct crl_load_order order; /* its id 0: none */
    struct crl_flight *flight;   /* NULL: it was cancelled, and has not ended */
    struct cds_list_head in_flight;
    struct crl_place *place;
    corral_us started_at;
    struct crl_timer deadline;
    struct crl_timer slow; /* of a hedge */
};

/* A place at an origin: room for one query, for one or more loads of one space. */
struct crl_place {
    struct origin *origin;
    struct load *loads; /* the origin's batch_max */
    uint32_t loads_n;   /* that have not ended; 0: the place is free */
    uint64_t query;     /* the number of its first load */
    struct crl_place *next_free;
    struct cds_list_head waits;      /* of its loader: struct crl_waiter */
    struct cds_list_head in_waiting; /* while there are any; else of itself */
    uint64_t moves_in, passed_in;    /* looks of waits.c */
};

struct origin {
    struct crl_core_origin config;
    uint32_t number;
    uint32_t places_n;  /* that exist */
    uint32_t limit_now; /* that may be taken */
    struct crl_place *places;
    struct load *loads; /* places_n x batch_max */
    struct crl_place *free;
    uint32_t active, queued;
    uint32_t waiting_n;      /* places whose loaders wait */
    uint32_t moving_n;       /* waits.c: of these, that were found to move, ... */
    uint64_t look;           /* ... in this look */
    struct crl_place *stuck; /* one that does not */
    struct cds_list_head queue[CRL_LOAD_REASONS]; /* of flights; each first come, first served */
    struct cds_list_head in_ready;                /* more flights may be admitted; else of itself */
    struct crl_core_origin_counts counts;
};

struct space {
    struct crl_space_view view; /* first: readers of it are spared the line that counts change */
    struct crl_core_space config;
    uint32_t epoch;
    _Atomic uint64_t clears;
    struct crl_core_space_counts counts;
};

struct crl_core {
    struct crl_core_config config;
    struct crl_table *table;
    _Atomic uint64_t *changes; /* of keys, by their hash; config.changes_n of them */
    struct crl_timers timers;
    uint32_t load_timers_n; /* loads that there may be, two timers for each */
    struct crl_rng jitter_lots, early_lots, tokens[2];
    struct active_key **keys;
    uint32_t keys_mask;
    struct active_key *retired_keys;
    struct cds_list_head flights;
    struct cds_list_head waiting;        /* flights that wait for another process */
    struct cds_list_head woken;          /* ready: such ones, that are to ask again */
    struct cds_list_head ready_origins;  /* ready: with places, and flights for them */
    struct cds_list_head waiting_places; /* whose loaders wait; as they began to */
    bool waits_changed;                  /* ready: a circle of them may have closed */
    uint64_t sweep_at;                   /* how far the table has been looked through */
    uint32_t flights_n, waiters_n, loads_n;
    uint32_t waits_n; /* of loaders */
    uint64_t look;    /* the number of the last one */
    uint64_t asks, loads;
    bool closing;
    struct crl_edge_taken *taken; /* of this step, where the core narrates */
    uint32_t taken_room;
    uint32_t origins_n, spaces_n;
    struct origin *origins[CRL_ORIGINS_MAX];
    struct space *spaces[CRL_SPACES_MAX];
    struct crl_core_counts counts;
};

enum timer_kind { TIMER_WAITER, TIMER_AGAIN, TIMER_RENEWAL, TIMER_DEADLINE, TIMER_SLOW };

/* What an event works with, from crl_core_step() down to the edges. */
struct step {
    struct crl_core *core;
    const struct crl_event *event;
    struct crl_actions *out;
    struct crl_waiter *waiter;   /* WANTED... */
    enum crl_load_reason reason; /* REFRESH... */
    struct crl_entry *draft;     /* of the event; freed with the step unless somebody took it */
    int rc;                      /* FAILED, OVERRUN, ... */
    bool is_origins_failure;     /* ... and it is the origin's own, to be shared with the fleet */
    corral_us load_us;           /* what the load cost */
    struct crl_place *place;     /* ADMITTED */
    struct crl_action *order;    /* ADMITTED: the ASK_ORIGIN that the load joins */
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
static inline struct origin *crl_origin_of(struct crl_core *core, const struct crl_flight *flight)
{
    return core->origins[core->spaces[flight->key->space]->config.origin];
}
enum crl_bulkhead_verdict crl_origin_judge(const struct origin *origin);
struct crl_place *crl_place_take(struct origin *origin); /* there is a free one */
void crl_place_free(struct origin *origin, struct crl_place *place);
void crl_queue_join(struct origin *origin, struct crl_flight *flight);
void crl_queue_leave(struct origin *origin, struct crl_flight *flight);
struct crl_flight *crl_queue_first(struct origin *origin); /* that may load now; NULL: none may */
struct crl_flight *crl_queue_mate(struct origin *origin,
                                  const struct crl_flight *flight); /* to share its place; NULL */
bool crl_queue_fills_place(struct origin *origin); /* do the first in line? O(batch_max) */
/* Do flights that may load wait in its queue for mates? */
static inline bool crl_origin_gathers(const struct origin *origin)
{
    return origin->config.batch_max > 1 && origin->config.limits.queue > 0;
}
void crl_origin_make_ready(struct crl_core *core,
                           struct origin *origin); /* CRL_TIMER admits who may load by then */

/* waits.c */
void crl_wait_begin(struct crl_core *core, struct crl_waiter *waiter, struct crl_place *asker);
void crl_wait_end(struct crl_core *core, struct crl_waiter *waiter); /* allowed if it is none */
void crl_waits_end(struct crl_core *core, struct crl_place *asker);  /* all of a loader's */
/* Does the last that began wait for itself? Says why in it. */
bool crl_wait_is_stuck(struct crl_core *core, struct crl_waiter *waiter);
/* After other changes: one that has to give way; NULL: none. Says why in it. */
struct crl_waiter *crl_waits_find_stuck(struct crl_core *core);

/* loads.c */
struct crl_place *crl_place_of_load(struct crl_core *core, crl_load_id id); /* whose query goes on;
                                                                             * or NULL */
struct origin *crl_load_origin(struct crl_core *core, const struct load *load);
struct load *crl_load_begin(struct step *step, struct crl_flight *flight, struct crl_place *place);
struct load *crl_load_find(struct crl_core *core, crl_load_id id); /* NULL: no such one any more */
struct crl_flight *crl_load_end(struct step *step, struct load *load); /* whose it was; or NULL */
/* Its end is a failure, for the reason in step->rc: count it, and say so. */
void crl_load_failed(struct step *step, struct origin *origin);
void crl_load_cancel(struct step *step, struct load *load, int rc);  /* rc as in the action */
void crl_loads_cancel(struct step *step, struct crl_flight *flight); /* all that are live */

/* flight.c */
struct crl_flight *crl_flight_new(struct crl_core *core,
                                  struct active_key *key); /* NULL: no memory */
void crl_flight_board(struct step *step, struct crl_flight *flight, struct crl_waiter *waiter);
void crl_flight_refresh(struct step *step, struct crl_flight *flight, enum crl_load_reason reason);
void crl_flight_drive(struct step *step, struct crl_flight *flight, enum crl_flight_signal signal);
void crl_flight_admit(struct step *step, struct crl_flight *flight); /* and its mates */
bool crl_flight_is_wanted(const struct crl_flight *flight);
/* Has nothing been said since it asked or began to load that makes the answer one of the past? */
bool crl_flight_is_current(const struct crl_core *core, const struct crl_flight *flight);
void crl_waiter_detach(struct crl_core *core, struct crl_waiter *waiter);
void crl_lease_timer_arm(struct step *step, struct crl_flight *flight); /* for its renewal */
void crl_lease_lost(struct step *step, struct crl_flight *flight);      /* it was not renewed */

/* answers.c */
struct crl_action *crl_action_add(struct crl_actions *out, enum crl_action_kind kind);
void crl_answer_one(struct step *step, struct crl_waiter *waiter, int result,
                    struct crl_entry *entry); /* a waiter on no list; takes no reference */
void crl_answer_list(struct step *step, struct cds_list_head *waiters, int result,
                     struct crl_entry *entry, bool cached); /* takes no reference */
struct crl_action *crl_tell_store(struct step *step, const struct crl_flight *flight,
                                  enum crl_action_kind kind);
struct crl_action *crl_tell_store_of_event(struct step *step, enum crl_action_kind kind);

/* publish.c */
struct published {
    struct crl_entry *entry; /* a reference; NULL: no memory */
    bool is_cached;
};
struct published crl_publish_load(struct step *step, struct crl_flight *flight);
struct published crl_publish_stored(struct step *step, struct crl_flight *flight);
int crl_publish_put(struct step *step); /* the event's; 0 or EVALUE */
void crl_remember_failure(struct step *step, const struct crl_flight *flight,
                          corral_us retry_us); /* step->rc */
struct crl_entry *crl_unconfirmed(struct step *step, const struct crl_flight *flight); /* or NULL */
void crl_epoch_begin(struct crl_core *core); /* of all spaces with a store */
void crl_space_epoch_begin(struct crl_core *core, uint32_t space);

static inline struct space *crl_space_of(struct crl_core *core, const struct crl_flight *flight)
{
    return core->spaces[flight->key->space];
}

#endif
