/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.c - see metrics.h. */
#include "storm/metrics.h"

#include <stdlib.h>
#include <string.h>

/* One line of the text: name{labels} value. */
struct sample {
    const char *name, *labels, *value;
    size_t name_size, labels_size;
};

/* Cuts a line into its parts; false for comments and what is no sample. */
static bool sample_cut(const char *line, size_t size, struct sample *sample)
{
    const char *end = line + size;
    sample->name = line;
    sample->name_size = strcspn(line, "{ \n");
    sample->labels = line + sample->name_size;
    sample->labels_size = 0;
    if (size == 0 || *line == '#' || sample->name_size == size)
        return false;
    if (*sample->labels == '{') {
        const char *close = memrchr(sample->labels, '}', (size_t)(end - sample->labels));
        if (close == NULL)
            return false;
        sample->labels_size = (size_t)(close + 1 - sample->labels);
    }
    sample->value = sample->labels + sample->labels_size;
    return sample->value < end && *sample->value == ' ';
}

static bool sample_is(const struct sample *sample, const char *name)
{
    return strlen(name) == sample->name_size && memcmp(name, sample->name, sample->name_size) == 0;
}

/* Is there a label space="..."? Route names hold nothing that would be escaped. */
static bool sample_in_space(const struct sample *sample, const char *space)
{
    size_t size = strlen(space);
    const char *label = memmem(sample->labels, sample->labels_size, "space=\"", 7);
    if (label == NULL)
        return false;
    label += 7;
    size_t left = (size_t)(sample->labels + sample->labels_size - label);
    return left > size && memcmp(label, space, size) == 0 && label[size] == '"';
}

void crl_storm_metrics_read(const char *text, const char *space,
                            struct crl_storm_counts *ret_counts)
{
    struct crl_storm_counts counts = {0};
    for (const char *line = text; *line;) {
        size_t size = strcspn(line, "\n");
        struct sample sample;
        if (sample_cut(line, size, &sample)) {
            uint64_t value = strtoull(sample.value + 1, NULL, 10);
            bool ours = sample_in_space(&sample, space);
            if (sample_is(&sample, "corral_origin_active_peak")) {
                counts.peak_known = true;
                counts.peak = value > counts.peak ? value : counts.peak;
            } else if (sample_is(&sample, "corral_entries")) {
                counts.known = true;
            } else if (ours && sample_is(&sample, "corral_origin_loads_total")) {
                counts.known = true;
                counts.loads += value;
            } else if (ours && sample_is(&sample, "corral_loads_needed_total")) {
                counts.known = true;
                counts.needed += value;
            }
        }
        line += size + (line[size] == '\n');
    }
    *ret_counts = counts;
}

struct crl_storm_counts crl_storm_metrics_since(const struct crl_storm_counts *before,
                                                const struct crl_storm_counts *after)
{
    struct crl_storm_counts counts = *after;
    counts.known = before->known && after->known && after->loads >= before->loads &&
                   after->needed >= before->needed; /* else it was started anew */
    counts.loads -= counts.known ? before->loads : 0;
    counts.needed -= counts.known ? before->needed : 0;
    counts.peak_known = after->peak_known && (before->peak == 0 || after->peak > before->peak);
    return counts;
}
