/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.c - the table of metrics, and where each one's figures come from. */
#include "server/metrics.h"

#include "server/metrics_text.h"

#include <stdlib.h>
#include <string.h>

struct crl_metrics {
    struct crl_metrics_sources sources;
    uint32_t paths_n;
    struct crl_http_sheet *sheets;
};

/* Everything summed, for one telling. */
struct sums {
    const struct crl_metrics_sources *sources;
    uint32_t paths_n;
    uint64_t in_flight;
    struct crl_http_path_sheet *paths;
    struct crl_space_stats *spaces;
    struct crl_origin_stats *origins;
    struct crl_cache_stats cache;
    struct crl_metrics_text text;
};

/* --------------------------------------------------------------------------------------- labels */

static const char *const path_labels[] = {
#define X(name, label) label,
    CRL_PATH_TABLE(X)
#undef X
};

static const char *const method_labels[] = {
#define X(name, label) label,
    CRL_METHOD_TABLE(X)
#undef X
};

static const struct {
    int code;
    const char *label;
    const char *phrase;
} statuses[] = {
#define X(code, phrase) {code, #code, phrase},
    CRL_STATUS_TABLE(X)
#undef X
};

int crl_status_code(enum crl_status status)
{
    return statuses[status].code;
}

const char *crl_status_phrase(enum crl_status status)
{
    return statuses[status].phrase;
}

enum crl_status crl_status_of(int code)
{
    for (unsigned i = 0; i < CRL_STATUSES; i++) {
        if (statuses[i].code == code)
            return (enum crl_status)i;
    }
    return CRL_STATUS_500;
}

static const char *path_label(const struct sums *sums, uint32_t path)
{
    return path < CRL_PATHS_FIXED ? path_labels[path]
                                  : sums->sources->spaces[path - CRL_PATHS_FIXED].name;
}

/* ------------------------------------------------------------------------------------- requests */

static void tell_requests(struct sums *sums)
{
    for (uint32_t path = 0; path < sums->paths_n; path++) {
        for (uint32_t method = 0; method < CRL_METHODS; method++) {
            for (uint32_t status = 0; status < CRL_STATUSES; status++) {
                uint64_t n = crl_counter_get(&sums->paths[path].requests[method][status]);
                if (n > 0)
                    crl_metrics_count(&sums->text,
                                      CRL_LABELS({"path", path_label(sums, path)},
                                                 {"method", method_labels[method]},
                                                 {"status", statuses[status].label}),
                                      n);
            }
        }
    }
}

static uint64_t hist_count(const struct crl_hist *hist)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i <= CRL_HIST_BOUNDS_MAX; i++)
        n += crl_counter_get(&hist->buckets[i]);
    return n;
}

static void tell_request_seconds(struct sums *sums)
{
    for (uint32_t path = 0; path < sums->paths_n; path++) {
        for (uint32_t method = 0; method < CRL_METHODS; method++) {
            const struct crl_hist *hist = &sums->paths[path].seconds[method];
            if (hist_count(hist) > 0)
                crl_metrics_hist(
                    &sums->text,
                    CRL_LABELS({"path", path_label(sums, path)}, {"method", method_labels[method]}),
                    hist, &crl_hist_latency);
        }
    }
}

static void tell_in_flight(struct sums *sums)
{
    crl_metrics_count(&sums->text, CRL_LABELS(), sums->in_flight);
}

static void tell_connections(struct sums *sums)
{
    crl_metrics_count(&sums->text, CRL_LABELS(),
                      atomic_load_explicit(sums->sources->connections, memory_order_relaxed));
}

/* ----------------------------------------------------------------------------- sums over spaces */

static uint64_t gets_of(const struct sums *sums, unsigned outcome)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < sums->sources->spaces_n; i++)
        n += sums->spaces[i].gets[outcome];
    return n;
}

static void tell_hits(struct sums *sums)
{
    uint64_t n =
        gets_of(sums, CORRAL_HIT) + gets_of(sums, CORRAL_STALE) + gets_of(sums, CORRAL_NEGATIVE);
    crl_metrics_count(&sums->text, CRL_LABELS(), n);
}

static void tell_misses(struct sums *sums)
{
    uint64_t n = gets_of(sums, CORRAL_LOADED) + gets_of(sums, CORRAL_COALESCED) +
                 gets_of(sums, CORRAL_DEGRADED) + gets_of(sums, CRL_GET_REFUSED) +
                 gets_of(sums, CRL_GET_FAILED);
    crl_metrics_count(&sums->text, CRL_LABELS(), n);
}

static void tell_db_hits(struct sums *sums)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < sums->sources->spaces_n; i++)
        n += sums->spaces[i].loads;
    crl_metrics_count(&sums->text, CRL_LABELS(), n);
}

static void tell_shared(struct sums *sums)
{
    crl_metrics_count(&sums->text, CRL_LABELS(), gets_of(sums, CORRAL_COALESCED));
}

/* ------------------------------------------------------------------------------- for each space */

#define EACH_SPACE(i) for (uint32_t i = 0; i < sums->sources->spaces_n; i++)
#define SPACE_NAME(i) sums->sources->spaces[i].name

static void tell_gets(struct sums *sums)
{
    EACH_SPACE(i)
    {
        for (int outcome = 0; outcome < CRL_GET_CLASSES; outcome++)
            crl_metrics_count(
                &sums->text,
                CRL_LABELS({"space", SPACE_NAME(i)}, {"outcome", crl_get_class_name(outcome)}),
                sums->spaces[i].gets[outcome]);
    }
}

static void tell_loads(struct sums *sums)
{
    EACH_SPACE(i)
    {
        crl_metrics_count(&sums->text,
                          CRL_LABELS({"origin", sums->sources->spaces[i].origin},
                                     {"space", SPACE_NAME(i)}, {"reason", "miss"}),
                          sums->spaces[i].loads);
    }
}

static void tell_generations(struct sums *sums)
{
    EACH_SPACE(i)
    {
        crl_metrics_count(&sums->text, CRL_LABELS({"space", SPACE_NAME(i)}),
                          sums->spaces[i].generations);
    }
}

static void tell_age(struct sums *sums)
{
    EACH_SPACE(i)
    {
        crl_metrics_hist(&sums->text, CRL_LABELS({"space", SPACE_NAME(i)}), &sums->spaces[i].age,
                         &crl_hist_age);
    }
}

/* ------------------------------------------------------------------------------ for each origin */

#define EACH_ORIGIN(i) for (uint32_t i = 0; i < sums->sources->origins_n; i++)
#define ORIGIN_NAME(i) sums->sources->origins[i].name

static void tell_load_seconds(struct sums *sums)
{
    EACH_ORIGIN(i)
    {
        crl_metrics_hist(&sums->text, CRL_LABELS({"origin", ORIGIN_NAME(i)}),
                         &sums->origins[i].load, &crl_hist_latency);
    }
}

static void tell_errors(struct sums *sums)
{
    EACH_ORIGIN(i)
    {
        const struct {
            const char *kind;
            uint64_t n;
        } kinds[] = {
            {"failed", sums->origins[i].failed},
            {"deadline", sums->origins[i].overrun},
            {"queue_full", sums->origins[i].refused},
            {"late", sums->origins[i].late},
        };
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
            crl_metrics_count(&sums->text,
                              CRL_LABELS({"origin", ORIGIN_NAME(i)}, {"kind", kinds[k].kind}),
                              kinds[k].n);
    }
}

static void tell_active(struct sums *sums)
{
    EACH_ORIGIN(i)
    {
        crl_metrics_count(&sums->text, CRL_LABELS({"origin", ORIGIN_NAME(i)}),
                          sums->origins[i].active);
    }
}

static void tell_active_peak(struct sums *sums)
{
    EACH_ORIGIN(i)
    {
        crl_metrics_count(&sums->text, CRL_LABELS({"origin", ORIGIN_NAME(i)}),
                          sums->origins[i].active_peak);
    }
}

static void tell_queued(struct sums *sums)
{
    EACH_ORIGIN(i)
    {
        crl_metrics_count(&sums->text, CRL_LABELS({"origin", ORIGIN_NAME(i)}),
                          sums->origins[i].queued);
    }
}

/* -------------------------------------------------------------------------- the cache, the rest */

#define TELL_CACHE(field)                                                \
    static void tell_##field(struct sums *sums)                          \
    {                                                                    \
        crl_metrics_count(&sums->text, CRL_LABELS(), sums->cache.field); \
    }
TELL_CACHE(entries)
TELL_CACHE(bytes)
TELL_CACHE(evictions)
TELL_CACHE(flights)
TELL_CACHE(waiters)

static void tell_build(struct sums *sums)
{
    crl_metrics_count(&sums->text, CRL_LABELS({"version", corral_version()}), 1);
}

static void tell_start(struct sums *sums)
{
    crl_metrics_real(&sums->text, CRL_LABELS(), sums->sources->started_at);
}

/* ------------------------------------------------------------------------------------ the table */

static const struct metric_row {
    const char *name;
    const char *type;
    void (*tell)(struct sums *sums);
    const char *help;
} metric_rows[] = {
    {"http_request_total", "counter", tell_requests,
     "Requests answered, by route (or other), method and status."},
    {"http_request_duration_seconds", "histogram", tell_request_seconds,
     "From when a request had arrived until its answer was handed to the network."},
    {"http_in_flight_requests", "gauge", tell_in_flight, "Requests that are being answered now."},
    {"cache_hits_total", "counter", tell_hits,
     "Gets answered from memory: outcomes hit, stale and negative."},
    {"cache_misses_total", "counter", tell_misses,
     "Gets that memory could not answer, whatever became of them: outcomes miss, coalesced, "
     "degraded, "
     "refused and failed."},
    {"db_hits_total", "counter", tell_db_hits, "Loads started at origins."},
    {"singleflight_shared_total", "counter", tell_shared,
     "Gets that shared the result of a load that another get had started: outcome coalesced."},
    {"corral_gets_total", "counter", tell_gets,
     "Gets by outcome, each in exactly one. miss: led a load; coalesced: shared one; refused: at a "
     "limit; failed: the origin's or the get's own deadline or error."},
    {"corral_origin_loads_total", "counter", tell_loads, "Loads started, by why."},
    {"corral_generations_total", "counter", tell_generations,
     "Values that were really needed; loads divided by this is the amplification."},
    {"corral_origin_load_seconds", "histogram", tell_load_seconds,
     "How long the origin took, from the start of a load to its answer."},
    {"corral_origin_errors_total", "counter", tell_errors,
     "failed: the origin said so; deadline: cancelled as it took too long; queue_full: refused, as "
     "no "
     "room was left; late: answered when nobody waited any more."},
    {"corral_origin_active", "gauge", tell_active, "Loads running now."},
    {"corral_origin_active_peak", "gauge", tell_active_peak,
     "The most loads that ever ran at once."},
    {"corral_origin_queued", "gauge", tell_queued, "Loads waiting for their turn now."},
    {"corral_entries", "gauge", tell_entries, "Values in memory."},
    {"corral_memory_bytes", "gauge", tell_bytes,
     "Memory that the table of values has taken of the system; bounded by cache.memory."},
    {"corral_evictions_total", "counter", tell_evictions,
     "Values pushed out of memory to make room."},
    {"corral_flights", "gauge", tell_flights, "Keys being loaded now."},
    {"corral_waiters", "gauge", tell_waiters, "Gets waiting for a load now."},
    {"corral_served_age_seconds", "histogram", tell_age,
     "Age of the values served: time since the origin answered."},
    {"corral_connections", "gauge", tell_connections, "Clients connected now."},
    {"corral_build_info", "gauge", tell_build, "Always 1; the label tells the version."},
    {"process_start_time_seconds", "gauge", tell_start, "When the server started, since 1970."},
};

/* --------------------------------------------------------------------------------- the registry */

int crl_metrics_new(const struct crl_metrics_sources *sources, struct crl_metrics **ret_metrics)
{
    struct crl_metrics *metrics = calloc(1, sizeof *metrics);
    if (metrics == NULL)
        return CORRAL_ENOMEM;
    metrics->sources = *sources;
    metrics->paths_n = CRL_PATHS_FIXED + sources->spaces_n;
    size_t sheets_size = sources->sheets_n * sizeof *metrics->sheets;
    metrics->sheets = aligned_alloc(64, sheets_size);
    if (metrics->sheets == NULL) {
        free(metrics);
        return CORRAL_ENOMEM;
    }
    memset(metrics->sheets, 0, sheets_size);
    size_t size = (metrics->paths_n * sizeof *metrics->sheets->paths + 63) / 64 * 64;
    for (uint32_t i = 0; i < sources->sheets_n; i++) {
        struct crl_http_path_sheet *paths = aligned_alloc(64, size);
        if (paths == NULL) {
            crl_metrics_free(metrics);
            return CORRAL_ENOMEM;
        }
        metrics->sheets[i].paths = memset(paths, 0, size);
    }
    *ret_metrics = metrics;
    return 0;
}

void crl_metrics_free(struct crl_metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (uint32_t i = 0; i < metrics->sources.sheets_n; i++)
        free(metrics->sheets[i].paths);
    free(metrics->sheets);
    free(metrics);
}

struct crl_http_sheet *crl_metrics_sheet(struct crl_metrics *metrics, uint32_t n)
{
    return &metrics->sheets[n];
}

static void path_add(struct crl_http_path_sheet *to, const struct crl_http_path_sheet *from)
{
    for (uint32_t method = 0; method < CRL_METHODS; method++) {
        for (uint32_t status = 0; status < CRL_STATUSES; status++)
            crl_counter_add(&to->requests[method][status],
                            crl_counter_get(&from->requests[method][status]));
        crl_hist_merge(&to->seconds[method], &from->seconds[method]);
    }
}

static void sums_fill(struct crl_metrics *metrics, struct sums *sums)
{
    const struct crl_metrics_sources *sources = sums->sources;
    for (uint32_t t = 0; t < sources->sheets_n; t++) {
        sums->in_flight += crl_counter_get(&metrics->sheets[t].in_flight);
        for (uint32_t p = 0; p < sums->paths_n; p++)
            path_add(&sums->paths[p], &metrics->sheets[t].paths[p]);
    }
    for (uint32_t i = 0; i < sources->spaces_n; i++)
        crl_space_stats(sources->spaces[i].space, &sums->spaces[i]);
    for (uint32_t i = 0; i < sources->origins_n; i++)
        crl_origin_stats(sources->origins[i].origin, &sums->origins[i]);
    if (sources->cache != NULL)
        crl_cache_stats(sources->cache, &sums->cache);
}

static void sums_tell(struct sums *sums)
{
    for (size_t i = 0; i < sizeof metric_rows / sizeof metric_rows[0]; i++) {
        const struct metric_row *row = &metric_rows[i];
        crl_metrics_family(&sums->text, row->name, row->type, row->help);
        row->tell(sums);
    }
}

int crl_metrics_text(struct crl_metrics *metrics, char **ret_text, size_t *ret_size)
{
    const struct crl_metrics_sources *sources = &metrics->sources;
    struct sums sums = {.sources = sources, .paths_n = metrics->paths_n};
    sums.paths = calloc(sums.paths_n, sizeof *sums.paths);
    sums.spaces = calloc(sources->spaces_n + 1, sizeof *sums.spaces);
    sums.origins = calloc(sources->origins_n + 1, sizeof *sums.origins);
    bool ok = sums.paths != NULL && sums.spaces != NULL && sums.origins != NULL;
    if (ok) {
        sums_fill(metrics, &sums);
        sums_tell(&sums);
        ok = !sums.text.out_of_memory;
    }
    free(sums.paths);
    free(sums.spaces);
    free(sums.origins);
    if (!ok) {
        free(sums.text.data);
        return CORRAL_ENOMEM;
    }
    *ret_text = sums.text.data;
    *ret_size = sums.text.size;
    return 0;
}
