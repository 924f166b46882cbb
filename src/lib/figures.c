/* SPDX-License-Identifier: Apache-2.0
 *
 * figures.c - what is counted of a cache, its spaces and origins; for the daemon and programs. */
#include "lib/private.h"
#include "lib/sized.h"

const char *crl_get_class_name(int class)
{
    if (class == CRL_GET_REFUSED)
        return "refused";
    return class == CRL_GET_FAILED ? "failed" : corral_outcome_name(class);
}

/* Copies of the core's counters. */
#define ONE(field, ...) ret_stats->field = crl_counter_get(&counts->field);
#define EACH(field, kind, ...)                   \
    for (uint32_t i = 0; i < CRL_##kind##S; i++) \
        ret_stats->field[i] = crl_counter_get(&counts->field[i]);
#define HIST(field, ...) crl_hist_merge(&ret_stats->field, &counts->field);

static void core_counts_copy(const struct crl_core_counts *counts,
                             struct crl_cache_stats *ret_stats)
{
    CRL_CORE_COUNTS(ONE)
}

static void space_counts_copy(const struct crl_core_space_counts *counts,
                              struct crl_space_stats *ret_stats)
{
    CRL_SPACE_COUNTS(ONE, EACH, HIST)
}

static void origin_counts_copy(const struct crl_core_origin_counts *counts,
                               struct crl_origin_stats *ret_stats)
{
    CRL_ORIGIN_COUNTS(ONE, EACH, HIST)
}

#undef ONE
#undef EACH
#undef HIST

void crl_cache_stats(struct corral_cache *cache, struct crl_cache_stats *ret_stats)
{
    *ret_stats = (struct crl_cache_stats){
        .entries = crl_counter_get(&cache->engine.counts.entries),
        .bytes = crl_counter_get(&cache->engine.counts.bytes),
        .evictions = crl_counter_get(&cache->engine.counts.evictions),
    };
    core_counts_copy(crl_core_counts(cache->engine.core), ret_stats);
}

void crl_space_stats(struct corral_space *space, struct crl_space_stats *ret_stats)
{
    struct crl_space_sheet sum = {0};
    crl_stats_sum(space->cache->stats, space->number, &sum);
    *ret_stats = (struct crl_space_stats){0};
    space_counts_copy(space->counts, ret_stats);
    for (uint32_t i = 0; i < CRL_GET_CLASSES; i++)
        ret_stats->gets[i] = crl_counter_get(&sum.gets[i]);
    ret_stats->needed += crl_counter_get(&sum.needed); /* as the readers saw it; the core, above */
    crl_hist_merge(&ret_stats->age, &sum.age);
}

void crl_origin_stats(struct corral_origin *origin, struct crl_origin_stats *ret_stats)
{
    *ret_stats = (struct crl_origin_stats){0};
    origin_counts_copy(origin->counts, ret_stats);
}

/* Sums of copies. */
#define COUNTER(sum, n) ((sum) + (n))
#define GAUGE(sum, n)   ((sum) + (n))
#define PEAK(sum, n)    ((sum) > (n) ? (sum) : (n))

#define ONE(field, of, type, ...) sum->field = type(sum->field, stats->field);
#define EACH(field, kind, label, of, type, ...)  \
    for (uint32_t i = 0; i < CRL_##kind##S; i++) \
        sum->field[i] = type(sum->field[i], stats->field[i]);
#define HIST(field, ...) crl_hist_merge(&sum->field, &stats->field);

void crl_space_stats_add(struct crl_space_stats *sum, const struct crl_space_stats *stats)
{
    CRL_SPACE_COUNTS(ONE, EACH, HIST)
    for (uint32_t i = 0; i < CRL_GET_CLASSES; i++)
        sum->gets[i] += stats->gets[i];
    crl_hist_merge(&sum->age, &stats->age);
}

void crl_origin_stats_add(struct crl_origin_stats *sum, const struct crl_origin_stats *stats)
{
    CRL_ORIGIN_COUNTS(ONE, EACH, HIST);
}

#undef ONE
#undef EACH
#undef HIST

uint64_t crl_space_stats_loads(const struct crl_space_stats *stats)
{
    uint64_t loads = 0;
    for (uint32_t i = 0; i < CRL_LOAD_REASONS; i++)
        loads += stats->loads[i];
    return loads;
}

/* --------------------------------------------------------------------------------- for programs */

int corral_cache_figures(struct corral_cache *cache, struct corral_cache_figures *ret_figures)
{
    struct crl_cache_stats stats;
    if (cache == NULL || ret_figures == NULL)
        return CORRAL_EINVAL;
    crl_cache_stats(cache, &stats);
    struct corral_cache_figures figures = {
        .entries = stats.entries,
        .memory_bytes = stats.bytes,
        .evictions = stats.evictions,
        .flights = stats.flights,
        .waiters = stats.waiters,
    };
    return CRL_SIZED_WRITE(ret_figures, &figures) ? 0 : CORRAL_EINVAL;
}

int corral_space_figures(struct corral_space *space, struct corral_space_figures *ret_figures)
{
    struct crl_space_stats stats;
    if (space == NULL || ret_figures == NULL)
        return CORRAL_EINVAL;
    crl_space_stats(space, &stats);
    struct corral_space_figures figures = {
        .hits = stats.gets[CORRAL_HIT],
        .stale = stats.gets[CORRAL_STALE],
        .coalesced = stats.gets[CORRAL_COALESCED],
        .misses = stats.gets[CORRAL_LOADED],
        .negatives = stats.gets[CORRAL_NEGATIVE],
        .degraded = stats.gets[CORRAL_DEGRADED],
        .refused = stats.gets[CRL_GET_REFUSED],
        .failed = stats.gets[CRL_GET_FAILED],
        .loads = crl_space_stats_loads(&stats),
        .loads_miss = stats.loads[CRL_LOAD_MISS],
        .loads_refresh = stats.loads[CRL_LOAD_REFRESH],
        .loads_early = stats.loads[CRL_LOAD_EARLY],
        .loads_scheduled = stats.loads[CRL_LOAD_SCHEDULED],
        .loads_warm = stats.loads[CRL_LOAD_WARM],
        .needed = stats.needed,
    };
    return CRL_SIZED_WRITE(ret_figures, &figures) ? 0 : CORRAL_EINVAL;
}

static uint64_t hist_count(const struct crl_hist *hist)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i <= CRL_HIST_BOUNDS_MAX; i++)
        n += crl_counter_get(&hist->buckets[i]);
    return n;
}

int corral_origin_figures(struct corral_origin *origin, struct corral_origin_figures *ret_figures)
{
    struct crl_origin_stats stats;
    if (origin == NULL || ret_figures == NULL)
        return CORRAL_EINVAL;
    crl_origin_stats(origin, &stats);
    struct corral_origin_figures figures = {
        .loads = hist_count(&stats.load),
        .load_us = crl_counter_get(&stats.load.sum_us),
        .failed = stats.errors[CRL_LOAD_FAILED],
        .overruns = stats.errors[CRL_LOAD_OVERRUN],
        .refused = stats.errors[CRL_LOAD_REFUSED],
        .late = stats.errors[CRL_LOAD_LATE],
        .active = stats.active,
        .active_peak = stats.active_peak,
        .queued = stats.queued,
    };
    return CRL_SIZED_WRITE(ret_figures, &figures) ? 0 : CORRAL_EINVAL;
}
