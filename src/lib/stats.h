/* SPDX-License-Identifier: Apache-2.0
 *
 * stats.h - who got what, counted by each thread for itself.
 *
 * Each thread that reads a cache has a sheet of its own, found in a few steps however many caches
 * there are, and by one comparison where a hit is like the thread's last one; so counting a hit
 * writes no shared cache line. Sheets are summed when somebody asks. What an ended thread has
 * counted is added up at once, so there are never more sheets than threads, and nothing is lost.
 *
 * Threads: any. */
#ifndef CRL_LIB_STATS_H
#define CRL_LIB_STATS_H

#include "base/hist.h"
#include "core/core.h"
#include "lib/cache.h"

/* What one thread counts for one space. Sums of all threads have everything in `gets` and `age`. */
struct crl_space_sheet {
    struct crl_counter gets[CRL_GET_CLASSES];
    struct crl_counter needed; /* loads that a hit has made needed: core/verdict.h */
    struct crl_hist age;
    /* Hits on the reader's own thread, by age; [1]: of "not found". */
    struct crl_counter hits[2][CRL_HIST_BOUNDS_MAX + 1];
    struct crl_counter hits_age_sum_us;
};

struct crl_stats;

typedef _Atomic(struct crl_space_sheet *) crl_sheet_slot;

/* Where this thread counts a hit like its last one: of the same space, and of an age in the same
 * bucket, as ages of one moment mostly are. */
struct crl_last_hit {
    uint64_t space_id; /* crl_stats_space_id(); 0: none */
    corral_us age_from_us;
    uint64_t age_span_us;
    struct crl_counter *by_age[2];
    struct crl_counter *age_sum_us;
};

extern __thread struct crl_last_hit crl_last_hit __attribute__((visibility("hidden")));

/* crl_stats_new - no sheet yet. NULL: no memory. */
struct crl_stats *crl_stats_new(void);

/* crl_stats_space_id - the name of a space of these stats; unlike an address, never used again. */
uint64_t crl_stats_space_id(const struct crl_stats *stats, uint32_t space);

/* crl_stats_release - the cache's end; nobody counts any more. Threads may end later. */
void crl_stats_release(struct crl_stats *stats);

/* crl_stats_count - a get of a space was answered on this thread.
 * class   enum corral_outcome or enum crl_get_class.   age_us   of the value; < 0: none was served
 * Where memory for a sheet is refused, nothing is counted. */
void crl_stats_count(struct crl_stats *stats, uint32_t space, int class, corral_us age_us);

/* crl_stats_count_needed - a hit on this thread has made a load a needed one. */
void crl_stats_count_needed(struct crl_stats *stats, uint32_t space);

/* crl_stats_count_hit_anew - a hit was answered on this thread. Those to come can be counted by
 * crl_stats_count_hit_again(). age_us: below 0 counts as 0 */
void crl_stats_count_hit_anew(struct crl_stats *stats, uint32_t space, bool negative,
                              corral_us age_us);

/* crl_stats_count_hit_again - a hit was answered on this thread. False: it is not like the last
 * one, and not counted: call crl_stats_count_hit_anew().
 * space_id   crl_stats_space_id(stats, space) */
static inline bool crl_stats_count_hit_again(uint64_t space_id, bool negative, corral_us age_us)
{
    const struct crl_last_hit *last = &crl_last_hit;
    if (last->space_id != space_id || (uint64_t)(age_us - last->age_from_us) >= last->age_span_us)
        return false;
    crl_counter_add(last->by_age[negative], 1);
    crl_counter_add(last->age_sum_us, (uint64_t)age_us);
    return true;
}

/* crl_stats_sum - add up the sheets of a space. `ret_sum` is the caller's, and zero; `gets` and
 * `age` of it are complete then. */
void crl_stats_sum(struct crl_stats *stats, uint32_t space, struct crl_space_sheet *ret_sum);

/* crl_sheets_lock, crl_sheets_unlock - let no thread be in the middle of the lists of sheets, for
 * fork(). */
void crl_sheets_lock(void);
void crl_sheets_unlock(void);

#endif
