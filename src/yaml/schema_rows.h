/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_rows.h - short rows for the tables of schema.h, so that they can be read as tables. Only
 * for the files that hold such tables: the names are short.
 *
 * A row is KIND(key, record, member, what the kind needs, ...); what is the same for all kinds
 * follows by name, such as .fallback = "1s". */
#ifndef CRL_YAML_SCHEMA_ROWS_H
#define CRL_YAML_SCHEMA_ROWS_H

#include "yaml/schema.h"

#include <stddef.h>

#define AT(record, member) offsetof(struct record, member)
#define FIELDS(table)      .fields = (table), .fields_n = sizeof(table) / sizeof((table)[0])

#define ROW(is, name, record, member, ...)                                                \
    {                                                                                     \
        .key = (name), .kind = CRL_SCHEMA_##is, .offset = AT(record, member), __VA_ARGS__ \
    }
#define ROW_BETWEEN(is, name, record, member, low, high, ...) \
    ROW(is, name, record, member, .min = (low), .max = (high), __VA_ARGS__)

/* The least and the greatest value, of a TEXT its length. */
#define COUNT(...)   ROW_BETWEEN(COUNT, __VA_ARGS__)
#define SPAN(...)    ROW_BETWEEN(DURATION, __VA_ARGS__)
#define SIZE(...)    ROW_BETWEEN(SIZE, __VA_ARGS__)
#define PERCENT(...) ROW_BETWEEN(PERCENT, __VA_ARGS__)
#define RATE(...)    ROW_BETWEEN(RATE, __VA_ARGS__)
#define DECIMAL(...) ROW_BETWEEN(DECIMAL, __VA_ARGS__)
#define TEXT(...)    ROW_BETWEEN(TEXT, __VA_ARGS__)

/* The words; the schema below; how many entries there are, and may be. */
#define CHOICE(name, record, member, words, ...) \
    ROW(CHOICE, name, record, member, .choices = (words), __VA_ARGS__)
#define ADDRESS(name, record, member, ...) ROW(ADDRESS, name, record, member, __VA_ARGS__)
#define SECTION(name, record, member, schema, ...) \
    ROW(MAPPING, name, record, member, .below = (schema), __VA_ARGS__)
#define LIST(name, record, member, count, low, high, schema, ...)         \
    ROW_BETWEEN(LIST, name, record, member, low, high, .below = (schema), \
                .n_offset = AT(record, count), __VA_ARGS__)
#define LATER(name)                             \
    {                                           \
        .key = (name), .kind = CRL_SCHEMA_LATER \
    }

#define SECOND CORRAL_SECONDS(1)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define WEEK   (7 * DAY)
#define KIB    (INT64_C(1) << 10)
#define MIB    (INT64_C(1) << 20)
#define GIB    (INT64_C(1) << 30)

#endif
