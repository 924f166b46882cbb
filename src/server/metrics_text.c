/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics_text.c - see metrics_text.h. */
#include "server/metrics_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct crl_metrics_text *text, size_t bytes)
{
    if (text->room - text->size >= bytes)
        return true;
    size_t room = (text->room + bytes) * 2;
    char *data = text->out_of_memory ? NULL : realloc(text->data, room);
    if (data == NULL) {
        text->out_of_memory = true;
        return false;
    }
    text->data = data;
    text->room = room;
    return true;
}

static void put(struct crl_metrics_text *text, const char *bytes, size_t size)
{
    if (!make_room(text, size))
        return;
    memcpy(text->data + text->size, bytes, size);
    text->size += size;
}

static void put_text(struct crl_metrics_text *text, const char *string)
{
    put(text, string, strlen(string));
}

/* Numbers only: what it writes is short. */
__attribute__((format(printf, 2, 3))) static void put_number(struct crl_metrics_text *text,
                                                             const char *format, ...)
{
    char number[64];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(number, sizeof number, format, arguments);
    va_end(arguments);
    put(text, number, (size_t)size);
}

/* The format escapes backslash and line feed, within labels the quotation mark as well. */
static void put_escaped(struct crl_metrics_text *text, const char *string, bool quotes)
{
    for (const char *at = string; *at != '\0'; at++) {
        if (*at == '\n')
            put(text, "\\n", 2);
        else if (*at == '\\')
            put(text, "\\\\", 2);
        else if (*at == '"' && quotes)
            put(text, "\\\"", 2);
        else
            put(text, at, 1);
    }
}

static void put_label(struct crl_metrics_text *text, const struct crl_label *label, char before)
{
    put(text, &before, 1);
    put_text(text, label->name);
    put(text, "=\"", 2);
    put_escaped(text, label->value, true);
    put(text, "\"", 1);
}

/* The name with its labels and a space. `le` may be NULL. */
static void put_series(struct crl_metrics_text *text, const char *suffix,
                       const struct crl_label *labels, const char *le)
{
    char before = '{';
    put_text(text, text->family);
    put_text(text, suffix);
    for (; labels->name != NULL; labels++, before = ',')
        put_label(text, labels, before);
    if (le != NULL) {
        put_label(text, &(struct crl_label){"le", le}, before);
        before = ',';
    }
    if (before == ',')
        put(text, "}", 1);
    put(text, " ", 1);
}

void crl_metrics_family(struct crl_metrics_text *text, const char *name, const char *type,
                        const char *help)
{
    text->family = name;
    put_text(text, "# HELP ");
    put_text(text, name);
    put(text, " ", 1);
    put_escaped(text, help, false);
    put_text(text, "\n# TYPE ");
    put_text(text, name);
    put(text, " ", 1);
    put_text(text, type);
    put(text, "\n", 1);
}

void crl_metrics_count(struct crl_metrics_text *text, const struct crl_label *labels,
                       uint64_t value)
{
    put_series(text, "", labels, NULL);
    put_number(text, "%" PRIu64 "\n", value);
}

void crl_metrics_real(struct crl_metrics_text *text, const struct crl_label *labels, double value)
{
    put_series(text, "", labels, NULL);
    put_number(text, "%.15g\n", value);
}

void crl_metrics_hist(struct crl_metrics_text *text, const struct crl_label *labels,
                      const struct crl_hist *hist, const struct crl_hist_bounds *bounds)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i <= bounds->n; i++) {
        char le[32] = "+Inf";
        if (i < bounds->n)
            snprintf(le, sizeof le, "%.15g", (double)bounds->upper_us[i] / 1e6);
        total += crl_counter_get(&hist->buckets[i]);
        put_series(text, "_bucket", labels, le);
        put_number(text, "%" PRIu64 "\n", total);
    }
    put_series(text, "_sum", labels, NULL);
    put_number(text, "%.15g\n", (double)crl_counter_get(&hist->sum_us) / 1e6);
    put_series(text, "_count", labels, NULL);
    put_number(text, "%" PRIu64 "\n", total);
}
