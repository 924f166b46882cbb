/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics_text.h - write the text format of Prometheus, version 0.0.4.
 *
 * A family is begun once, with its help and type, then its samples are written. Labels are given as
 * pairs and escaped here. Memory that is refused is remembered, and told at the end.
 *
 * Source: Prometheus, "Exposition formats", text-based format. */
#ifndef CRL_SERVER_METRICS_TEXT_H
#define CRL_SERVER_METRICS_TEXT_H

#include "base/hist.h"

struct crl_metrics_text {
    char *data; /* malloc'd */
    size_t size, room;
    bool out_of_memory;
    const char *family;
};

/* Pairs name, value; ended by a NULL name. */
struct crl_label {
    const char *name, *value;
};
#define CRL_LABELS(...) ((const struct crl_label[]){__VA_ARGS__ __VA_OPT__(, ){NULL, NULL}})

/* crl_metrics_family - begin a family. The name is borrowed until the next one.
 * type   "counter", "gauge" or "histogram" */
void crl_metrics_family(struct crl_metrics_text *text, const char *name, const char *type,
                        const char *help);

/* crl_metrics_count, crl_metrics_real - one sample of the family. */
void crl_metrics_count(struct crl_metrics_text *text, const struct crl_label *labels,
                       uint64_t value);
void crl_metrics_real(struct crl_metrics_text *text, const struct crl_label *labels, double value);

/* crl_metrics_hist - the samples of a histogram of durations, in seconds: cumulative buckets, sum
 * and count. */
void crl_metrics_hist(struct crl_metrics_text *text, const struct crl_label *labels,
                      const struct crl_hist *hist, const struct crl_hist_bounds *bounds);

#endif
