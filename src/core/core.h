/* SPDX-License-Identifier: Apache-2.0
 *
 * core.h - the machine: an event that carries the time goes in, a bounded list of actions comes
 * out.
 *
 * Owns: the flights, the keys they are for, the loads, the places at the origins, all timers, the
 * table.
 *
 * Concept. A get that finds nothing fresh becomes a waiter of its key's flight; the first one
 * leads. A flight may also fly for a reason without a reader (a refresh). It asks the store for a
 * value or the lease (where its space has a store), then the origin's bulkhead for a place, then
 * the origin. What comes back answers all waiters at once. The states and edges of a flight stand
 * in flight.h. The engine (lib/) executes the actions against the real world; the simulator (sim/)
 * executes the same actions against a false one.
 *
 * What one event cannot finish within its bounded actions goes to a ready list, and CRL_TIMER
 * finishes it, one part at a time.
 *
 * Invariants (crl_core_check() audits them; P1.. are the promises in docs/promises.md):
 *   C1 = P1  at most one live load for a key of a coalescing space, two while a hedge runs. Live:
 *            started, not yet answered, not cancelled.
 *   C2 = P4  a load's value is published only if its key's generation is still that of the load's
 *            start; a waiter that came after an invalidation waits for the next load.
 *   C3 = P5  every waiter that came in by WANTED goes out by exactly one ANSWER, at the latest at
 *            the TIMER event of its own wait_until.
 *   C4 = P6  no load begins while the places taken at its origin are not fewer than the limit, and
 *            flights queued there <= queue. A place is free only when the origin has answered all
 *            of its loads, cancelled ones too. No flight is refused while a place is free. Where
 *            loads share places, a flight that may load waits for those that are wanted along with
 *            it: until a TIMER at once, or until they fill a place.
 *   C5 = P7  a waiter that leaves does not end a load; a flight that has not begun its load and is
 *            wanted by nobody ends.
 *   C6 = P8  flights <= flights_max, waiters <= waiters_max; beyond: ELIMIT.
 *   C7       no loader waits for itself: the wait that would close a circle is answered with
 *            EDEADLOCK (waits.c). Of waits that WANTED does not name, or that are too many for a
 *            look, nothing is known here: their limits and the deadlines of the loads end these.
 *
 * Not here: clocks, threads, I/O, hits (they are answered from the table without the core).
 *
 * Threads: one at a time. Counters may be read from any thread; the functions that return them may
 * not be called at the same time as crl_core_add_space() or crl_core_add_origin().
 */
#ifndef CRL_CORE_CORE_H
#define CRL_CORE_CORE_H

#include "base/hist.h"
#include "core/counts.h"
#include "core/flight.h"
#include "core/table.h"
#include "core/timers.h"
#include "core/verdict.h"
#include "policy/bulkhead.h"

#include <urcu/list.h>

struct crl_core;

#define CRL_ORIGINS_MAX 64
#define CRL_SPACES_MAX  256

/* Longer spans count as this one (a hundred years), so that an instant plus a span is an
 * instant. */
#define CRL_SPAN_MAX CORRAL_SECONDS(100LL * 365 * 86400)

/* crl_span - a span that a program gave, as it counts. Pure. */
static inline corral_us crl_span(corral_us span_us)
{
    return span_us < CRL_SPAN_MAX ? span_us : CRL_SPAN_MAX;
}

/* A load's name, unique in a core: late and repeated answers are recognised by it. 0: none. */
typedef uint64_t crl_load_id;

#define CRL_PLACE_BITS  10
#define CRL_BATCH_BITS  8
#define CRL_ORIGIN_BITS 6

/* crl_load_place - which of its origin's places a load holds, from 0, below the concurrency.
 * Pure. */
static inline uint32_t crl_load_place(crl_load_id load)
{
    return (uint32_t)load & ((1u << CRL_PLACE_BITS) - 1);
}

/* crl_load_origin_number - the number of its origin. Pure. */
static inline uint32_t crl_load_origin_number(crl_load_id load)
{
    return (uint32_t)(load >> (CRL_PLACE_BITS + CRL_BATCH_BITS)) & ((1u << CRL_ORIGIN_BITS) - 1);
}

/* crl_load_index - which of the loads in its place it is, from 0, below batch_max. Pure. */
static inline uint32_t crl_load_index(crl_load_id load)
{
    return (uint32_t)(load >> CRL_PLACE_BITS) & ((1u << CRL_BATCH_BITS) - 1);
}

/* The name of a lease, random. The asking process makes the token before it asks. A repeated
 * request therefore finds its own lease, and no other process's. Both halves 0: none. */
struct crl_token {
    uint64_t high, low;
};

static inline bool crl_token_equal(struct crl_token a, struct crl_token b)
{
    return a.high == b.high && a.low == b.low;
}

static inline bool crl_token_is_none(struct crl_token token)
{
    return (token.high | token.low) == 0;
}

struct crl_core_config {
    size_t memory_bytes;
    size_t value_max;
    uint32_t flights_max;
    uint32_t waiters_max;
    uint32_t table_shards;           /* see crl_table_config */
    uint32_t changes_n;              /* counters of changes, for marks; a power of two; 0: none */
    uint64_t seed;                   /* of hashes and lots */
    uint64_t token_seeds[2];         /* of the names of leases: others in each process, and whenever
                                      * it starts. Not needed where no space has a store */
    bool narrates;                   /* fill crl_actions.taken */
    struct crl_allocator *allocator; /* borrowed; outlives the core */
    struct crl_allocator *bucket_allocator;
    void (*wait_for_readers)(void); /* both see crl_table_config; may be NULL */
};

struct crl_core_origin {
    struct crl_bulkhead_limits limits; /* concurrency: the places that there are, and the limit */
    corral_us deadline_us;
    uint32_t batch_max; /* loads of one space that may share a place; 0: 1; at most 256. Above 1
                         * they are gathered: see C4 */
    corral_us hedge_us; /* a load that has run for so long gets a second attempt, if there is a free
                         * place; 0: none does */
};

struct crl_core_space {
    uint32_t origin;
    bool has_store; /* not asked by a space that does not coalesce: it has no use for leases */
    struct corral_policy policy;
    corral_us failure_us; /* how long a failed load is remembered, here and in the store; 0: only
                           * those who wait are told of it */
};

/* --------------------------------------------------------------------------------------- events */

/* Why a get of a loader is told EDEADLOCK: what it waits for is */
enum crl_stuck {
    CRL_STUCK_NOT,
    CRL_STUCK_AT_LOADER, /* a load whose loader waits, itself or by others, for who asks */
    CRL_STUCK_AT_PLACES, /* in the queue of an origin, whose places loaders hold that wait for it */
};

struct crl_place;

/* A waiter. The caller embeds it in its own record of a get; the core owns it from WANTED to its
 * ANSWER. */
struct crl_waiter {
    struct cds_list_head link; /* in the answer as well */
    struct crl_timer timer;
    struct crl_flight *flight;     /* NULL: not waiting */
    bool leads;                    /* this one's miss began the flight */
    struct crl_place *asker;       /* whose loader waits for this; NULL: no loader does */
    struct cds_list_head in_asker; /* among its waits */
    enum crl_stuck stuck;          /* with EDEADLOCK */
};

enum crl_event_kind {
    CRL_WANTED,          /* a get found nothing fresh */
    CRL_GAVE_UP,         /* a waiter leaves early */
    CRL_REFRESH,         /* a load is asked for, for nobody who waits */
    CRL_STORE_ANSWERED,  /* to ASK_STORE */
    CRL_STORE_RENEWED,   /* to RENEW_LEASE */
    CRL_STORE_FILLED,    /* to FILL_STORE, when the store has said what became of it */
    CRL_STORE_CHANGED,   /* the store says: somebody changed this key */
    CRL_STORE_LINKED,    /* the store is in sight again: what it may have said meanwhile is lost */
    CRL_ORIGIN_ANSWERED, /* to a load of ASK_ORIGIN; exactly one for each, also after CANCEL_LOAD */
    CRL_ORIGIN_LIMITED,  /* so many places of an origin may be taken from now on */
    CRL_TIMER,           /* crl_core_next_at() has come; repeat while it is due */
    CRL_INVALIDATE,
    CRL_CLEAR, /* all keys of a space; of one without a store */
    CRL_PUT,
    CRL_CLOSE, /* no flight begins any more, and one ends; repeat at once until none is left, before
                  any other event */
};

/* What the store said to get-or-lease. */
enum crl_store_answer {
    CRL_STORE_VALUE,  /* a fresh value, or fresh knowledge that there is none */
    CRL_STORE_LEASED, /* the lease is ours, under our token */
    CRL_STORE_BUSY,   /* another process holds the lease, for lease_us more */
    CRL_STORE_FAILED, /* the load failed somewhere; it is not to be tried again for lease_us */
    CRL_STORE_DOWN,   /* no answer */
};

struct crl_event {
    enum crl_event_kind kind;
    corral_us now; /* never less than in the event before */
    uint32_t space;
    struct corral_bytes key; /* borrowed; WANTED, REFRESH, INVALIDATE, PUT, all of the store's but
                              * LINKED */
    union {
        struct {
            struct crl_waiter *waiter;
            corral_us wait_until;
            crl_load_id asker; /* a load whose loader waits for this, and answers it afterwards; it
                                * may be over by now. 0: no loader waits */
        } wanted;
        struct {
            struct crl_waiter *waiter; /* need not be waiting any more */
        } gave_up;
        struct {
            enum crl_load_reason reason; /* not MISS */
        } refresh;
        struct {
            uint64_t ask; /* of ASK_STORE */
            enum crl_store_answer answer;
            struct crl_token token;  /* LEASED */
            corral_us lease_us;      /* LEASED, BUSY: what is left of it; FAILED */
            int rc;                  /* FAILED */
            struct crl_entry *draft; /* VALUE: taken; NULL: there is no such thing */
            corral_us age_us, fresh_us;
        } store;
        struct {
            struct crl_token token;
            bool is_held; /* else the lease is somebody else's by now, or nobody's */
        } renewed;
        struct {
            corral_us answered_at; /* of the entry that was to be written */
            bool is_accepted;      /* else it was not written: somebody invalidated the key */
        } filled;
        struct {
            crl_load_id load;
            int rc;                  /* 0, or why there is no value */
            struct crl_entry *draft; /* taken; NULL with rc 0: there is no such thing */
            corral_us ttl_us;        /* how long the value lives, or CRL_TTL_OF_POLICY */
        } origin;
        struct {
            uint32_t origin;
            uint32_t limit; /* at least 1; what is beyond the places that there are has no effect */
        } limited;
        struct {
            struct crl_entry *draft; /* taken */
            bool is_conditional;     /* to be put only if crl_core_mark() is still this: */
            uint64_t mark;
        } put;
    };
};

/* -------------------------------------------------------------------------------------- actions */

enum crl_action_kind {
    CRL_ANSWER,
    CRL_ASK_STORE,
    CRL_RENEW_LEASE,
    CRL_FILL_STORE,
    CRL_RELEASE_LEASE,
    CRL_INVALIDATE_STORE,
    CRL_ASK_ORIGIN,
    CRL_CANCEL_LOAD,
};

/* A load that is to begin. Borrowed until the next event. */
struct crl_load_order {
    struct cds_list_head link; /* in ASK_ORIGIN */
    crl_load_id id;
    struct corral_bytes key;
    corral_us deadline_at;
    enum crl_load_reason reason;
};

struct crl_action {
    enum crl_action_kind kind;
    uint32_t space;
    uint32_t origin;
    struct corral_bytes key; /* borrowed until the next event; of the store's actions */
    union {
        struct {
            struct cds_list_head waiters; /* of struct crl_waiter; the executor's from now on */
            int result; /* LOADED (read it by crl_waiter_result), HIT, NEGATIVE, or < 0 */
            struct crl_entry *entry; /* a reference, the executor's; NULL if result < 0 */
            bool cached;
        } answer;
        struct {
            uint64_t ask;
            struct crl_token token; /* of the lease, should the store grant one */
            corral_us age_us;       /* a value that is not younger is of no use: rather the lease */
        } ask_store;
        struct {
            struct crl_token token;
            struct crl_entry *entry; /* FILL_STORE: a reference, the executor's */
            corral_us since_us;      /* FILL_STORE: from the grant, as this process heard of it, to
                                      * the origin's answer */
            int rc;                  /* RELEASE_LEASE: the origin's failure, to be shared; or 0 */
            corral_us retry_us;      /* ... for so long */
        } lease;
        struct {
            struct cds_list_head loads; /* of struct crl_load_order, all in one place: one query */
        } ask_origin;
        struct {
            crl_load_id load;
            int rc; /* EDEADLINE: it overruns, and has failed; 0: it is of no use any more */
        } cancel;
    };
};

/* Each event leads to a handful of actions; that there are never more is asserted. */
#define CRL_ACTIONS_MAX 8

/* An edge that a flight took, for people. */
struct crl_edge_taken {
    uint32_t space;
    char key[32]; /* its beginning, terminated */
    enum crl_flight_state from, to;
    enum crl_flight_signal on;
    uint32_t waiters;
};

struct crl_actions {
    uint32_t n;
    uint32_t taken_n;
    int result; /* of INVALIDATE (1 there was a value, 0 there was none) and PUT (0 or an error,
                 * ECHANGED where the condition is not met); of ORIGIN_ANSWERED why that load has
                 * failed, as those who wait for it are told, or 0: it has not, or it was cancelled
                 * before */
    struct crl_action v[CRL_ACTIONS_MAX];
    const struct crl_edge_taken *taken; /* the core's, until the next event; where it narrates */
};

/* crl_waiter_result - what one waiter of an ANSWER is told: its leader loaded, the others
 * shared. */
static inline int crl_waiter_result(const struct crl_action *answer,
                                    const struct crl_waiter *waiter)
{
    if (answer->answer.result == CORRAL_LOADED && !waiter->leads)
        return CORRAL_COALESCED;
    return answer->answer.result;
}

/* ---------------------------------------------------------------------------------------- calls */

/* crl_core_new - a core that knows no origin and no space. Errors: ENOMEM, EINVAL */
int crl_core_new(const struct crl_core_config *config, struct crl_core **ret_core);

/* crl_core_free - free an idle core, and its table. */
void crl_core_free(struct crl_core *core);

/* crl_core_add_origin, crl_core_add_space - returns its number, or EINVAL, ECOUNT, ENOMEM. */
int crl_core_add_origin(struct crl_core *core, const struct crl_core_origin *origin);
int crl_core_add_space(struct crl_core *core, const struct crl_core_space *space);

/* crl_core_step - the function. `ret_actions` is overwritten. Executing the actions in order before
 * the next event is the caller's duty. O(waiters answered + loads of one place + log of what
 * waits). */
void crl_core_step(struct crl_core *core, const struct crl_event *event,
                   struct crl_actions *ret_actions);

/* What crl_core_next_at() says when there is something to be done now. */
#define CRL_AT_ONCE INT64_MIN

/* crl_core_next_at - when the next TIMER event is due: CRL_AT_ONCE, an instant, or CRL_NEVER. */
corral_us crl_core_next_at(const struct crl_core *core);

/* crl_core_is_idle - no flight, and every load that was started has been answered. */
bool crl_core_is_idle(const struct crl_core *core);

struct crl_table *crl_core_table(struct crl_core *core);
uint64_t crl_core_hash(const struct crl_core *core, uint32_t space, struct corral_bytes key);

/* crl_core_mark - a number that grows with each invalidation and put of a key, and with each CLEAR
 * of its space. It may grow with other keys' changes as well. Any thread. What happened before a
 * change is seen by who sees the mark that it left. */
uint64_t crl_core_mark(const struct crl_core *core, uint32_t space, struct corral_bytes key);

/* crl_core_view - what judges the entries of a space. Lives as long as the core; any thread may
 * read it. */
const struct crl_space_view *crl_core_view(const struct crl_core *core, uint32_t space);

/* crl_core_check - audit every invariant; aborts, naming the promise. O(everything); for tests. */
void crl_core_check(const struct crl_core *core);

/* -------------------------------------------------------------------------------------- figures */

/* Each number is a row of counts.h. */
#define ONE(field, ...)        struct crl_counter field;
#define EACH(field, kind, ...) struct crl_counter field[CRL_##kind##S];
#define HIST(field, ...)       struct crl_hist field;

struct crl_core_counts {
    CRL_CORE_COUNTS(ONE)
};

struct crl_core_space_counts {
    CRL_SPACE_COUNTS(ONE, EACH, HIST)
};

struct crl_core_origin_counts {
    CRL_ORIGIN_COUNTS(ONE, EACH, HIST)
};

#undef ONE
#undef EACH
#undef HIST

/* What these return lives as long as the core. */
const struct crl_core_counts *crl_core_counts(const struct crl_core *core);
const struct crl_core_space_counts *crl_core_space_counts(const struct crl_core *core,
                                                          uint32_t space);
const struct crl_core_origin_counts *crl_core_origin_counts(const struct crl_core *core,
                                                            uint32_t origin);

#endif
