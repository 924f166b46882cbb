/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.h - what the daemon counts, and how it tells.
 *
 * Two sources: sheets, on which each front thread counts its own requests, without sharing a cache
 * line; and the figures of the cache (lib/cache.h). Both are summed when somebody asks. Which
 * metrics there are, with type and documentation, is one table in metrics.c.
 *
 * Labels are names from the configuration or words of this file, never what a client sent. */
#ifndef CRL_SERVER_METRICS_H
#define CRL_SERVER_METRICS_H

#include "base/hist.h"
#include "lib/cache.h"

/* --------------------------------------------------------------------------------------- labels */

/* Paths that are not routes. Route number n has path CRL_PATHS_FIXED + n. */
#define CRL_PATH_TABLE(X)  \
    X(OTHER, "other")      \
    X(METRICS, "/metrics") \
    X(HEALTHZ, "/healthz") \
    X(READYZ, "/readyz")

enum crl_path {
#define X(name, label) CRL_PATH_##name,
    CRL_PATH_TABLE(X)
#undef X
        CRL_PATHS_FIXED,
};

#define CRL_METHOD_TABLE(X) \
    X(OTHER, "other")       \
    X(GET, "GET")           \
    X(HEAD, "HEAD")         \
    X(PURGE, "PURGE")

enum crl_method {
#define X(name, label) CRL_METHOD_##name,
    CRL_METHOD_TABLE(X)
#undef X
        CRL_METHODS,
};

/* Statuses that Corral answers with, and their phrases. */
#define CRL_STATUS_TABLE(X)         \
    X(200, "OK")                    \
    X(304, "Not Modified")          \
    X(400, "Bad Request")           \
    X(401, "Unauthorized")          \
    X(403, "Forbidden")             \
    X(404, "Not Found")             \
    X(405, "Method Not Allowed")    \
    X(409, "Conflict")              \
    X(413, "Content Too Large")     \
    X(414, "URI Too Long")          \
    X(417, "Expectation Failed")    \
    X(429, "Too Many Requests")     \
    X(500, "Internal Server Error") \
    X(501, "Not Implemented")       \
    X(502, "Bad Gateway")           \
    X(503, "Service Unavailable")   \
    X(504, "Gateway Timeout")

enum crl_status {
#define X(code, phrase) CRL_STATUS_##code,
    CRL_STATUS_TABLE(X)
#undef X
        CRL_STATUSES,
};

/* crl_status_code, crl_status_phrase - of a status. Static memory. */
int crl_status_code(enum crl_status status);
const char *crl_status_phrase(enum crl_status status);

/* crl_status_of - the status of a code, 500 for one that is not in the table. */
enum crl_status crl_status_of(int code);

/* --------------------------------------------------------------------------------------- sheets */

/* What one thread counts for one path. */
struct crl_http_path_sheet {
    struct crl_counter requests[CRL_METHODS][CRL_STATUSES];
    struct crl_hist seconds[CRL_METHODS]; /* bounds crl_hist_latency */
};

/* What one thread counts. Aligned, so that no two share a cache line. */
struct crl_http_sheet {
    _Alignas(64) struct crl_counter in_flight;
    struct crl_http_path_sheet *paths;
};

/* crl_http_count - a request was answered. Only by the thread of the sheet. */
static inline void crl_http_count(struct crl_http_sheet *sheet, uint32_t path,
                                  enum crl_method method, enum crl_status status, corral_us took_us)
{
    struct crl_http_path_sheet *row = &sheet->paths[path];
    crl_counter_add(&row->requests[method][status], 1);
    crl_hist_add(&row->seconds[method], &crl_hist_latency, took_us);
}

/* -------------------------------------------------------------------------------------- telling */

struct crl_metrics_space {
    const char *name;   /* the route's path */
    const char *origin; /* its name */
    struct corral_space *space;
};

struct crl_metrics_origin {
    const char *name;
    struct corral_origin *origin;
};

/* Everything that is measured. Borrowed by the registry, and constant while it lives. */
struct crl_metrics_sources {
    struct corral_cache *cache;
    const struct crl_metrics_space *spaces; /* in the order of their path numbers */
    uint32_t spaces_n;
    const struct crl_metrics_origin *origins;
    uint32_t origins_n;
    uint32_t sheets_n; /* threads that count */
    const _Atomic uint32_t *connections;
    double started_at; /* seconds since 1970 */
};

struct crl_metrics;

/* crl_metrics_new - sheets for every thread, all zero. Errors: ENOMEM */
int crl_metrics_new(const struct crl_metrics_sources *sources, struct crl_metrics **ret_metrics);

void crl_metrics_free(struct crl_metrics *metrics);

/* crl_metrics_sheet - the sheet of thread number n < sheets_n. */
struct crl_http_sheet *crl_metrics_sheet(struct crl_metrics *metrics, uint32_t n);

#define CRL_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* crl_metrics_text - all of it in the text format of Prometheus, version 0.0.4. The caller frees
 * the text. Errors: ENOMEM. Any thread; O(paths x threads). */
int crl_metrics_text(struct crl_metrics *metrics, char **ret_text, size_t *ret_size);

#endif
