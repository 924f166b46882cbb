/* SPDX-License-Identifier: Apache-2.0
 *
 * flight.h - the states of a flight, its signals, and every edge.
 *
 * A flight is the work of bringing the value of one key to all who wait for it, or for a reason
 * without a reader: a refresh.
 *
 *   IDLE      no work; a flight that comes back here ends, or starts anew for who came later
 *   LEASING   the store was asked: a value, or the lease?
 *   WAITING   another process of the fleet holds the lease; a push or its expiry ends the wait
 *   QUEUED    at the origin's door; most leave it in the same step
 *   LOADING   the origin works; the flight has one load there, or two while a hedge runs
 *
 *      WANTED  ┌─────────┐ LEASE_LOST ┌─────────┐
 *   IDLE ─────►│ LEASING │───────────►│ WAITING │
 *     │ REFRESH└─┬─┬──▲──┘◄───────────└─────────┘
 *     │  STORE_  │ │  │ LEASE_GONE  AGAIN
 *     │  VALUE   │ │  └────────────┐
 *     │  FAILED  │ │ LEASE_WON     │
 *     │UNCONFIRMED │ STORE_DOWN    │
 *     │          ▼ ▼               │
 *     │       IDLE ┌────────┐──────┘  ADMITTED ┌─────────┐ LOADED, FAILED, OVERRUN
 *     └───────────►│ QUEUED │─────────────────►│ LOADING │────────────────────────► IDLE
 *   ..._ALONE      └───┬────┘                  └─────────┘
 *                      └ REFUSED, DESERTED ► IDLE
 *
 * The last waiter may leave at any time. A flight that is then wanted for no reason either ends at
 * once if it waits or is queued; one that has asked the store hears the answer first, since a value
 * is good for who comes next, and a lease must be given back (UNWANTED); a load goes on.
 *
 * The lease is renewed by a timer that is no signal: while the flight is queued and loads, at a
 * third of the time that the store granted. A load whose lease is gone goes on for those who wait,
 * and what it brings is not kept.
 */
#ifndef CRL_CORE_FLIGHT_H
#define CRL_CORE_FLIGHT_H

#define CRL_FLIGHT_STATES(X) \
    X(IDLE, "idle")          \
    X(LEASING, "leasing")    \
    X(WAITING, "waiting")    \
    X(QUEUED, "queued")      \
    X(LOADING, "loading")

#define CRL_FLIGHT_SIGNALS(X)                                                                    \
    X(WANTED, "wanted")               /* by a reader */                                          \
    X(WANTED_ALONE, "wanted alone")   /* the same, in a space without a store */                 \
    X(WANTED_LATER, "wanted later")   /* by a reader who came after an invalidation */           \
    X(REFRESH, "refresh")             /* for a reason without a reader */                        \
    X(REFRESH_ALONE, "refresh alone") /* the same, in a space without a store */                 \
    X(REFRESH_LATER, "refresh later") /* the same, after an invalidation */                      \
    X(STORE_VALUE, "store value")     /* the store has a fresh value */                          \
    X(STORE_FAILED, "store failed")   /* the store knows of a failure, not to be retried yet */  \
    X(LEASE_WON, "lease won")         /* this process loads for the fleet */                     \
    X(LEASE_LOST, "lease lost")       /* another process does */                                 \
    X(STORE_DOWN, "store down")       /* each process loads for itself */                        \
    X(UNCONFIRMED, "unconfirmed")     /* the same, but there is a value it was to confirm */     \
    X(UNWANTED, "unwanted")           /* the store has no value, and nobody wants it any more */ \
    X(AGAIN, "again")                 /* the store has news, or the lease expired */             \
    X(LEASE_GONE, "lease gone")       /* it is another's by now, or nobody's */                  \
    X(ADMITTED, "admitted")           /* a place at the origin */                                \
    X(REFUSED, "refused")             /* the origin's queue is full */                           \
    X(DESERTED, "deserted")           /* the last who wanted it left */                          \
    X(SLOW, "slow")                   /* the load has run for long: a second attempt */          \
    X(LOADED, "loaded")               /* the origin answered: a value, or that there is none */  \
    X(FAILED, "failed")               /* the origin answered: an error */                        \
    X(OVERRUN, "overrun")             /* the deadline passed */                                  \
    X(CLOSED, "closed")               /* the cache closes */

/* clang-format off */
/*        in       on            go to    and                                       */
#define CRL_FLIGHT_EDGES(X)                                                                        \
    X(IDLE,    WANTED,        LEASING, ask_store)       /* this reader leads */                    \
    X(IDLE,    WANTED_ALONE,  QUEUED,  ask_admission)                                              \
    X(IDLE,    REFRESH,       LEASING, ask_store)                                                  \
    X(IDLE,    REFRESH_ALONE, QUEUED,  ask_admission)                                              \
    X(LEASING, WANTED,        LEASING, join)            /* all others follow */                    \
    X(WAITING, WANTED,        WAITING, join)                                                       \
    X(QUEUED,  WANTED,        QUEUED,  join_queue)      /* before those whom nobody waits for */   \
    X(LOADING, WANTED,        LOADING, join)                                                       \
    X(LEASING, WANTED_LATER,  LEASING, join_later)      /* P4: not this load's value */            \
    X(LOADING, WANTED_LATER,  LOADING, join_later)                                                 \
    X(LEASING, REFRESH,       LEASING, note)            /* one reason more */                      \
    X(WAITING, REFRESH,       WAITING, note)                                                       \
    X(QUEUED,  REFRESH,       QUEUED,  note_queue)      /* before any with a weaker one */         \
    X(LOADING, REFRESH,       LOADING, note)                                                       \
    X(LEASING, REFRESH_LATER, LEASING, note_later)                                                 \
    X(LOADING, REFRESH_LATER, LOADING, note_later)                                                 \
    X(LEASING, STORE_VALUE,   IDLE,    answer_stored)                                              \
    X(LEASING, STORE_FAILED,  IDLE,    answer_shared_failure) /* P10: one failure for the fleet */ \
    X(LEASING, LEASE_WON,     QUEUED,  ask_admission)                                              \
    X(LEASING, LEASE_LOST,    WAITING, wait_for_it)                                                \
    X(LEASING, STORE_DOWN,    QUEUED,  ask_admission)   /* P9: one per process, then */            \
    X(LEASING, UNCONFIRMED,   IDLE,    answer_unconfirmed) /* P9: none, where there is a value */  \
    X(LEASING, UNWANTED,      IDLE,    give_up)         /* C5: the load has not begun */           \
    X(WAITING, AGAIN,         LEASING, ask_store)                                                  \
    X(QUEUED,  LEASE_GONE,    LEASING, ask_again)       /* P2: not without the lease */            \
    X(QUEUED,  ADMITTED,      LOADING, begin_load)                                                 \
    X(QUEUED,  REFUSED,       IDLE,    answer_refused)                                             \
    X(LEASING, DESERTED,      LEASING, carry_on)                                                   \
    X(WAITING, DESERTED,      IDLE,    give_up)         /* nothing has begun: let it be */         \
    X(QUEUED,  DESERTED,      IDLE,    give_up)                                                    \
    X(LOADING, DESERTED,      LOADING, carry_on)        /* P7: the load serves who comes next */   \
    X(LOADING, SLOW,          LOADING, hedge)                                                      \
    X(LOADING, LOADED,        IDLE,    answer_loaded)                                              \
    X(LOADING, FAILED,        IDLE,    answer_failed)                                              \
    X(LOADING, OVERRUN,       IDLE,    answer_failed)   /* P6: the load was cancelled */           \
    X(LEASING, CLOSED,        IDLE,    answer_closed)                                              \
    X(WAITING, CLOSED,        IDLE,    answer_closed)                                              \
    X(QUEUED,  CLOSED,        IDLE,    answer_closed)                                              \
    X(LOADING, CLOSED,        IDLE,    answer_closed)
/* clang-format on */

enum crl_flight_state {
#define X(name, text) CRL_FLIGHT_##name,
    CRL_FLIGHT_STATES(X)
#undef X
        CRL_FLIGHT_STATES_N
};

enum crl_flight_signal {
#define X(name, text) CRL_ON_##name,
    CRL_FLIGHT_SIGNALS(X)
#undef X
        CRL_FLIGHT_SIGNALS_N
};

const char *crl_flight_state_name(enum crl_flight_state state);
const char *crl_flight_signal_name(enum crl_flight_signal signal);

/* crl_flight_edge_name - what is done on an edge, such as "begin_load"; NULL if there is no
 * edge. */
const char *crl_flight_edge_name(enum crl_flight_state in, enum crl_flight_signal on);

#endif
