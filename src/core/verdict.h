/* SPDX-License-Identifier: Apache-2.0
 *
 * verdict.h - what may be done with an entry at an instant. Readers, the core, the simulator, its
 * observer and the tests all ask the one function here.
 *
 *      answered_at          quiet_until        fresh_until      + stale_us
 *          |----- FRESH, no thought -----|-- FRESH --|------ STALE ------|--- NOTHING ...
 *                                          early refresh: in the last window
 *
 * Where a refresh has replaced a value that was still fresh, `quiet_until` of the new entry is at
 * first the instant at which the old value would have expired. A reader after that instant
 * makes the load a needed one, and calls crl_entry_use().
 *
 * Threads: any; pure, but for crl_entry_use(). */
#ifndef CRL_CORE_VERDICT_H
#define CRL_CORE_VERDICT_H

#include "core/entry.h"
#include "policy/early.h"

/* What is to be known of a space to judge its entries. Readers keep a pointer to it. */
struct crl_space_view {
    _Atomic uint32_t home; /* crl_home() of the present epoch */
    corral_us stale_us;    /* how long a value may be served after fresh_until */
    struct crl_early early;
};

/* What a reader is given of an entry. */
enum crl_verdict_outcome {
    CRL_VERDICT_NOTHING, /* it waits for the key's flight */
    CRL_VERDICT_FRESH,
    CRL_VERDICT_STALE,
    CRL_VERDICT_ABSENT, /* fresh knowledge that there is no such thing */
    CRL_VERDICT_FAILED, /* a load failed and is not to be tried again yet */
};

/* Why a load is asked for: name, text. */
#define CRL_ASKS(X)                                                          \
    X(NONE, "none")                                                          \
    X(MISS, "miss")       /* there is nothing */                             \
    X(STALE, "stale")     /* the value is past its soft TTL */               \
    X(EARLY, "early")     /* fresh, but an early refresh is due */           \
    X(RETRY, "retry")     /* the last load failed, and may be tried again */ \
    X(SUSPECT, "suspect") /* the store is to confirm the value, or to replace it */

enum crl_ask {
#define X(name, text) CRL_ASK_##name,
    CRL_ASKS(X)
#undef X
};

struct crl_verdict {
    enum crl_verdict_outcome outcome;
    enum crl_ask ask;
};

/* crl_entry_judge - what may be done with an entry of a space.
 *
 * entry   NULL: there is none
 * now     the exact time
 * lot     uniform over all 32 bits; decides whether an early refresh is due
 * Where the entry is marked as asked for, no further load is asked for beside what it serves. */
struct crl_verdict crl_entry_judge(const struct crl_entry *entry, corral_us now,
                                   const struct crl_space_view *view, uint32_t lot);

/* crl_entry_quiet_until - until when an entry of these times needs no thought. Pure. */
corral_us crl_entry_quiet_until(const struct crl_times *times, const struct crl_space_view *view);

/* crl_entry_use - a reader is served with an entry that was judged FRESH or ABSENT at `now`, and
 * was not quiet. Any thread; writes once in an entry's life. Returns whether this makes its load a
 * needed one, which the caller counts. */
bool crl_entry_use(struct crl_entry *entry, corral_us now, const struct crl_space_view *view);

#endif
