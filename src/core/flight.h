/* SPDX-License-Identifier: Apache-2.0
 *
 * flight.h - the states of a flight, its signals, and every edge.
 *
 * A flight is the work of bringing the value of one key to all who wait for it.
 *
 *   IDLE      no work; a flight that comes back here ends, or starts anew for who came later
 *   LEASING   the store was asked: a value, or the lease?
 *   WAITING   another process of the fleet holds the lease; a push or its expiry ends the wait
 *   QUEUED    at the origin's door; most leave it in the same step
 *   LOADING   the origin works; the flight has a place there and a deadline
 *
 *      WANTED ┌─────────┐ LEASE_LOST ┌─────────┐
 *   IDLE ────►│ LEASING │───────────►│ WAITING │
 *     │       └─┬─┬─────┘◄───────────└─────────┘
 *     │ STORE_  │ │ LEASE_WON     TURN
 *     │ VALUE   │ │ STORE_DOWN
 *     │         ▼ ▼
 *     │      IDLE ┌────────┐ ADMITTED ┌─────────┐ LOADED, FAILED, OVERRUN
 *     └──────────►│ QUEUED │─────────►│ LOADING │────────────────────────► IDLE
 *   WANTED_ALONE  └───┬────┘          └─────────┘
 *                     └ REFUSED, DESERTED ► IDLE
 *
 * The last waiter may leave at any time. A flight that waits or is queued ends at once; one that
 * has asked the store hears the answer first, since a value is good for who comes next, and a lease
 * must be given back (UNWANTED); a load goes on.
 */
#ifndef CRL_CORE_FLIGHT_H
#define CRL_CORE_FLIGHT_H

#define CRL_FLIGHT_STATES(X) \
    X(IDLE, "idle")          \
    X(LEASING, "leasing")    \
    X(WAITING, "waiting")    \
    X(QUEUED, "queued")      \
    X(LOADING, "loading")

#define CRL_FLIGHT_SIGNALS(X)                                                                 \
    X(WANTED, "wanted")             /* by a reader */                                         \
    X(WANTED_ALONE, "wanted alone") /* the same, in a space without a store */                \
    X(WANTED_LATER, "wanted later") /* by a reader who came after an invalidation */          \
    X(STORE_VALUE, "store value")   /* the store has a fresh value */                         \
    X(LEASE_WON, "lease won")       /* this process loads for the fleet */                    \
    X(LEASE_LOST, "lease lost")     /* another process does */                                \
    X(STORE_DOWN, "store down")     /* each process loads for itself */                       \
    X(UNWANTED, "unwanted")         /* the store has no value, and nobody waits any more */   \
    X(TURN, "turn")                 /* the store has news, or the lease expired */            \
    X(ADMITTED, "admitted")         /* a place at the origin */                               \
    X(REFUSED, "refused")           /* the origin's queue is full */                          \
    X(DESERTED, "deserted")         /* the last waiter left */                                \
    X(LOADED, "loaded")             /* the origin answered: a value, or that there is none */ \
    X(FAILED, "failed")             /* the origin answered: an error */                       \
    X(OVERRUN, "overrun")           /* the deadline passed */                                 \
    X(CLOSED, "closed")             /* the cache closes */

/* clang-format off */
/*        in       on            go to    and                                       */
#define CRL_FLIGHT_EDGES(X)                                                                        \
    X(IDLE,    WANTED,       LEASING, ask_store)       /* this reader leads */                     \
    X(IDLE,    WANTED_ALONE, QUEUED,  ask_admission)                                               \
    X(LEASING, WANTED,       LEASING, join)            /* all others follow */                     \
    X(WAITING, WANTED,       WAITING, join)                                                        \
    X(QUEUED,  WANTED,       QUEUED,  join)                                                        \
    X(LOADING, WANTED,       LOADING, join)                                                        \
    X(LEASING, WANTED_LATER, LEASING, join_later)      /* P4: not this load's value */             \
    X(LOADING, WANTED_LATER, LOADING, join_later)                                                  \
    X(LEASING, STORE_VALUE,  IDLE,    answer_stored)                                               \
    X(LEASING, LEASE_WON,    QUEUED,  ask_admission)                                               \
    X(LEASING, LEASE_LOST,   WAITING, wait_turn)                                                   \
    X(LEASING, STORE_DOWN,   QUEUED,  ask_admission)   /* P9: one per process, then */             \
    X(LEASING, UNWANTED,     IDLE,    give_up)         /* C5: the load has not begun */            \
    X(WAITING, TURN,         LEASING, ask_store)                                                   \
    X(QUEUED,  ADMITTED,     LOADING, ask_origin)                                                  \
    X(QUEUED,  REFUSED,      IDLE,    answer_refused)                                              \
    X(LEASING, DESERTED,     LEASING, carry_on)                                                    \
    X(WAITING, DESERTED,     IDLE,    give_up)         /* nothing has begun: let it be */          \
    X(QUEUED,  DESERTED,     IDLE,    give_up)                                                     \
    X(LOADING, DESERTED,     LOADING, carry_on)        /* P7: the load serves who comes next */    \
    X(LOADING, LOADED,       IDLE,    answer_loaded)                                               \
    X(LOADING, FAILED,       IDLE,    answer_failed)                                               \
    X(LOADING, OVERRUN,      IDLE,    cancel_overrun)  /* P6 */                                    \
    X(LEASING, CLOSED,       IDLE,    answer_closed)                                               \
    X(WAITING, CLOSED,       IDLE,    answer_closed)                                               \
    X(QUEUED,  CLOSED,       IDLE,    answer_closed)                                               \
    X(LOADING, CLOSED,       IDLE,    answer_closed)
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

/* crl_flight_edge_name - what is done on an edge, such as "ask_origin"; NULL if there is no
 * edge. */
const char *crl_flight_edge_name(enum crl_flight_state in, enum crl_flight_signal on);

#endif
