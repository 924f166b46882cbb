/* SPDX-License-Identifier: Apache-2.0
 *
 * stats.h - who got what, counted by each thread for itself.
 *
 * Each thread that reads a cache has a sheet of its own, found by one comparison in the usual case
 * of one cache for a thread; so counting a hit writes no shared cache line. Sheets are summed when
 * somebody asks. A thread that ends leaves its sheet to the next one that comes, so there are never
 * more sheets than there were threads at once, and nothing is lost.
 *
 * Threads: any. */
#ifndef CRL_LIB_STATS_H
#define CRL_LIB_STATS_H

#include "base/hist.h"
#include "core/core.h"
#include "lib/cache.h"

/* What one thread counts for one space. Ages of one moment mostly fall into one bucket, so the
 * sheet remembers the last one: above `age_above_us`, up to `age_upto_us`. */
struct crl_space_sheet {
    struct crl_counter gets[CRL_GET_CLASSES];
    struct crl_hist age;
    struct crl_counter *age_bucket;
    corral_us age_above_us, age_upto_us;
};

struct crl_stats;

typedef _Atomic(struct crl_space_sheet *) crl_sheet_slot;

/* The sheet that this thread used last. */
struct crl_thread_sheet {
    uint64_t number;        /* of its stats; 0: none */
    crl_sheet_slot *spaces; /* CRL_SPACES_MAX of them */
};

extern __thread struct crl_thread_sheet crl_thread_sheet;

/* crl_stats_new - no sheet yet. NULL: no memory. */
struct crl_stats *crl_stats_new(void);

/* crl_stats_number - its name; unlike an address, never used again. */
uint64_t crl_stats_number(const struct crl_stats *stats);

/* crl_stats_release - the cache's farewell. Sheets of threads that still run live on. */
void crl_stats_release(struct crl_stats *stats);

/* crl_stats_count - a get of a space was answered on this thread.
 * class   enum corral_outcome or enum crl_get_class.   age_us   of the value; < 0: none was served
 * Where memory for a sheet is refused, nothing is counted. */
void crl_stats_count(struct crl_stats *stats, uint32_t space, int class, corral_us age_us);

/* crl_stats_count_hit - the same, in few instructions where this thread has counted a hit of the
 * space before, and of much the same age. number: crl_stats_number(stats); age_us >= 0 */
static inline void crl_stats_count_hit(struct crl_stats *stats, uint64_t number, uint32_t space,
                                       int outcome, corral_us age_us)
{
    if (crl_thread_sheet.number == number) {
        struct crl_space_sheet *counts =
            atomic_load_explicit(&crl_thread_sheet.spaces[space], memory_order_relaxed);
        if (counts != NULL && age_us > counts->age_above_us && age_us <= counts->age_upto_us) {
            crl_counter_add(&counts->gets[outcome], 1);
            crl_counter_add(counts->age_bucket, 1);
            crl_counter_add(&counts->age.sum_us, (uint64_t)age_us);
            return;
        }
    }
    crl_stats_count(stats, space, outcome, age_us);
}

/* crl_stats_sum - add up the sheets of a space. `ret_sum` is the caller's, and zero. */
void crl_stats_sum(struct crl_stats *stats, uint32_t space, struct crl_space_sheet *ret_sum);

#endif
