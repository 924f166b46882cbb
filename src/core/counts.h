/* SPDX-License-Identifier: Apache-2.0
 *
 * counts.h - what is counted of a space and of an origin: each number is one row, with its field,
 * its metric and its text.
 *
 * The rows make the structs of the core (core.h), which count; those of lib/cache.h, which are
 * copies and sums of them; and the families of server/metrics.c. Whoever adds a row writes the line
 * that counts, and a line in corral(1).
 *
 *   ONE(field, of, type, metric, help)
 *       One number.
 *   EACH(field, KIND, label, of, type, metric, help)
 *       A number for each row of CRL_KIND_TABLE, in an array of CRL_KINDS; the word of the row is
 *       the value of `label`, and its text is added to the help.
 *   HIST(field, bounds, of, metric, help)
 *       A histogram of durations.
 *
 *   of    what the metric is labelled with: SPACE, ORIGIN, or ORIGIN_AND_SPACE
 *   type  COUNTER and GAUGE are added up over spaces or origins; of PEAK the sum is the largest
 *
 * The numbers of the cache as a whole are CRL_CACHE_COUNTS, which has no labels:
 *
 *   ONE(field, type, metric, help) */
#ifndef CRL_CORE_COUNTS_H
#define CRL_CORE_COUNTS_H

/* -------------------------------------------------------------------------------------- a space */

/* Why a load began, by falling priority in an origin's queue: name, word, text. */
#define CRL_LOAD_REASON_TABLE(X)                                            \
    X(MISS, "miss", "a get found nothing fresh")                            \
    X(REFRESH, "refresh", "stale, to be confirmed, or on demand")           \
    X(EARLY, "early", "a reader's lot, before the value expired")           \
    X(SCHEDULED, "scheduled", "the key is hot or pinned, and expires soon") \
    X(WARM, "warm", "before anybody asked for it")

#define CRL_SPACE_COUNTS(ONE, EACH, HIST)                                                      \
    EACH(loads, LOAD_REASON, "reason", ORIGIN_AND_SPACE, COUNTER, "corral_origin_loads_total", \
         "Loads started, by why.")                                                             \
    ONE(needed, SPACE, COUNTER, "corral_loads_needed_total",                                   \
        "Loads that served a reader when there was nothing fresh without them; "               \
        "corral_origin_loads_total divided by this is the amplification.")

/* ------------------------------------------------------------------------------------ an origin */

/* Loads that brought nothing to anybody: name, word, text. */
#define CRL_LOAD_ERROR_TABLE(X)                              \
    X(FAILED, "failed", "the origin said so")                \
    X(OVERRUN, "deadline", "cancelled as it took too long")  \
    X(REFUSED, "queue_full", "refused, as no room was left") \
    X(LATE, "late", "answered when nobody waited any more")

#define CRL_ORIGIN_COUNTS(ONE, EACH, HIST)                                          \
    HIST(load, crl_hist_latency, ORIGIN, "corral_origin_load_seconds",              \
         "How long the origin took, from the start of a load to its answer.")       \
    EACH(errors, LOAD_ERROR, "kind", ORIGIN, COUNTER, "corral_origin_errors_total", \
         "Loads that brought nothing, by why.")                                     \
    ONE(active, ORIGIN, GAUGE, "corral_origin_active",                              \
        "Queries running now, cancelled ones too until they have ended.")           \
    ONE(active_peak, ORIGIN, PEAK, "corral_origin_active_peak",                     \
        "The most queries that ever ran at once, cancelled ones included.")         \
    ONE(queued, ORIGIN, GAUGE, "corral_origin_queued", "Loads waiting for a place now.")

/* ------------------------------------------------------------------------------------ the cache */

#define CRL_CORE_COUNTS(ONE)                                        \
    ONE(flights, GAUGE, "corral_flights", "Keys being loaded now.") \
    ONE(waiters, GAUGE, "corral_waiters", "Gets waiting for a load now.")

#define CRL_CACHE_COUNTS(ONE)                                                                \
    ONE(entries, GAUGE, "corral_entries", "Values in memory.")                               \
    ONE(bytes, GAUGE, "corral_memory_bytes",                                                 \
        "Memory that the table of values has taken of the system; bounded by cache.memory.") \
    ONE(evictions, COUNTER, "corral_evictions_total", "Values pushed out of memory to make room.")

/* ------------------------------------------------------------------------------------ the words */

enum crl_load_reason {
#define X(name, word, text) CRL_LOAD_##name,
    CRL_LOAD_REASON_TABLE(X)
#undef X
        CRL_LOAD_REASONS,
};

enum crl_load_error {
#define X(name, word, text) CRL_LOAD_##name,
    CRL_LOAD_ERROR_TABLE(X)
#undef X
        CRL_LOAD_ERRORS,
};

#endif
