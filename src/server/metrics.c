/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.c - the tables of metrics, and where each one's figures come from.
 *
 * What the core counts is a row of core/counts.h, and needs nothing here. What else there is has a
 * row in metric_rows, with a function that tells it. */
#include "server/metrics.h"

#include "base/assert.h"
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
    struct crl_space_stats total; /* of them */
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

static void tell_hits(struct sums *sums)
{
    const uint64_t *gets = sums->total.gets;
    crl_metrics_count(&sums->text, CRL_LABELS(),
                      gets[CORRAL_HIT] + gets[CORRAL_STALE] + gets[CORRAL_NEGATIVE]);
}

static void tell_misses(struct sums *sums)
{
    const uint64_t *gets = sums->total.gets;
    crl_metrics_count(&sums->text, CRL_LABELS(),
                      gets[CORRAL_LOADED] + gets[CORRAL_COALESCED] + gets[CORRAL_DEGRADED] +
                          gets[CRL_GET_REFUSED] + gets[CRL_GET_FAILED]);
}

static void tell_db_hits(struct sums *sums)
{
    crl_metrics_count(&sums->text, CRL_LABELS(), crl_space_stats_loads(&sums->total));
}

static void tell_shared(struct sums *sums)
{
    crl_metrics_count(&sums->text, CRL_LABELS(), sums->total.gets[CORRAL_COALESCED]);
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

static void tell_age(struct sums *sums)
{
    EACH_SPACE(i)
    {
        crl_metrics_hist(&sums->text, CRL_LABELS({"space", SPACE_NAME(i)}), &sums->spaces[i].age,
                         &crl_hist_age);
    }
}

/* ------------------------------------------------------------------------------------- the rest */

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
    {"corral_served_age_seconds", "histogram", tell_age,
     "Age of the values served: time since the origin answered."},
    {"corral_connections", "gauge", tell_connections, "Clients connected now."},
    {"corral_build_info", "gauge", tell_build, "Always 1; the label tells the version."},
    {"process_start_time_seconds", "gauge", tell_start, "When the server started, since 1970."},
};

/* ------------------------------------------------------------------------------ what is counted */

/* What the rows of core/counts.h are labelled with. */
enum of {
    OF_CACHE,
    OF_SPACE,
    OF_ORIGIN,
    OF_ORIGIN_AND_SPACE,
};

/* A row of core/counts.h: where its figures are in the stats, and what is said of them. */
struct count_row {
    const char *metric;
    const char *type;
    const char *help;
    enum of of;
    size_t offset;            /* of a uint64_t, of n of them, or of a histogram */
    const char *label;        /* of each of the n; NULL: there is one */
    const char *const *words; /* n */
    uint32_t n;
    const struct crl_hist_bounds *bounds; /* NULL: no histogram */
};

#define COUNTER "counter"
#define GAUGE   "gauge"
#define PEAK    "gauge"

#define WORD(name, word, text) word,
#define TEXT(name, word, text) " " word ": " text "."

#define ONE(field, OF, TYPE, METRIC, HELP) \
    {.metric = METRIC,                     \
     .type = TYPE,                         \
     .help = HELP,                         \
     .of = OF_##OF,                        \
     .n = 1,                               \
     .offset = offsetof(struct STATS, field)},
#define EACH(field, KIND, LABEL, OF, TYPE, METRIC, HELP)       \
    {.metric = METRIC,                                         \
     .type = TYPE,                                             \
     .help = HELP CRL_##KIND##_TABLE(TEXT),                    \
     .of = OF_##OF,                                            \
     .n = CRL_##KIND##S,                                       \
     .label = LABEL,                                           \
     .words = (const char *const[]){CRL_##KIND##_TABLE(WORD)}, \
     .offset = offsetof(struct STATS, field)},
#define HIST(field, BOUNDS, OF, METRIC, HELP) \
    {.metric = METRIC,                        \
     .type = "histogram",                     \
     .help = HELP,                            \
     .of = OF_##OF,                           \
     .bounds = &BOUNDS,                       \
     .offset = offsetof(struct STATS, field)},
#define CACHE(field, TYPE, METRIC, HELP) ONE(field, CACHE, TYPE, METRIC, HELP)

static const struct count_row count_rows[] = {
#define STATS crl_space_stats
    CRL_SPACE_COUNTS(ONE, EACH, HIST)
#undef STATS
#define STATS crl_origin_stats
        CRL_ORIGIN_COUNTS(ONE, EACH, HIST)
#undef STATS
#define STATS crl_cache_stats
            CRL_CACHE_COUNTS(CACHE) CRL_CORE_COUNTS(CACHE)
#undef STATS
};

/* How many stats there are of that kind. */
static uint32_t stats_n(const struct sums *sums, enum of of)
{
    switch (of) {
    case OF_CACHE:
        return 1;
    case OF_SPACE:
    case OF_ORIGIN_AND_SPACE:
        return sums->sources->spaces_n;
    case OF_ORIGIN:
        return sums->sources->origins_n;
    }
    crl_unreachable();
}

/* Number i of them; and their labels, the last two of which are left to the caller. */
static const void *stats_at(const struct sums *sums, enum of of, uint32_t i,
                            struct crl_label labels[4])
{
    switch (of) {
    case OF_CACHE:
        return &sums->cache;
    case OF_ORIGIN_AND_SPACE:
        *labels++ = (struct crl_label){"origin", sums->sources->spaces[i].origin};
        *labels = (struct crl_label){"space", SPACE_NAME(i)};
        return &sums->spaces[i];
    case OF_SPACE:
        *labels = (struct crl_label){"space", SPACE_NAME(i)};
        return &sums->spaces[i];
    case OF_ORIGIN:
        *labels = (struct crl_label){"origin", sums->sources->origins[i].name};
        return &sums->origins[i];
    }
    crl_unreachable();
}

static void count_tell(struct sums *sums, const struct count_row *row, uint32_t i)
{
    struct crl_label labels[4] = {0};
    const char *at = (const char *)stats_at(sums, row->of, i, labels) + row->offset;
    if (row->bounds != NULL) {
        crl_metrics_hist(&sums->text, labels, (const void *)at, row->bounds);
        return;
    }
    struct crl_label *last = labels;
    while (last->name != NULL)
        last++;
    const uint64_t *numbers = (const void *)at;
    for (uint32_t n = 0; n < row->n; n++) {
        if (row->label != NULL)
            *last = (struct crl_label){row->label, row->words[n]};
        crl_metrics_count(&sums->text, labels, numbers[n]);
    }
}

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
    for (uint32_t i = 0; i < sources->spaces_n; i++) {
        crl_space_stats(sources->spaces[i].space, &sums->spaces[i]);
        crl_space_stats_add(&sums->total, &sums->spaces[i]);
    }
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
    for (size_t i = 0; i < sizeof count_rows / sizeof count_rows[0]; i++) {
        const struct count_row *row = &count_rows[i];
        crl_metrics_family(&sums->text, row->metric, row->type, row->help);
        for (uint32_t n = 0; n < stats_n(sums, row->of); n++)
            count_tell(sums, row, n);
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
