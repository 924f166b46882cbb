/* SPDX-License-Identifier: Apache-2.0
 *
 * units.c - quantities as people write them. */
#include "base/units.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* The units of a kind, largest first, up to the one without a name. */
struct unit_table {
    const char *hint;
    struct unit units[7];
};

#define SECOND INT64_C(1000000)

static const struct unit_table unit_tables[] = {
    [CRL_QUANTITY_COUNT] = {"such as 20, without a unit", {{"", 1}}},
    [CRL_QUANTITY_DURATION] = {"such as 30s or 250ms (units: us ms s m h d)",
                               {{"d", 86400 * SECOND},
                                {"h", 3600 * SECOND},
                                {"m", 60 * SECOND},
                                {"s", SECOND},
                                {"ms", 1000},
                                {"us", 1}}},
    [CRL_QUANTITY_SIZE] =
        {"such as 64KiB or 8MiB (units: B KiB MiB GiB)",
         {{"GiB", INT64_C(1) << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}},
    [CRL_QUANTITY_PERCENT] = {"such as 10%", {{"%", 1}}},
};

const char *crl_units_fault_text(enum crl_units_fault fault)
{
    static const char *const texts[] = {
#define X(name, text) text,
        CRL_UNITS_FAULT_TABLE(X)
#undef X
    };
    crl_assert((size_t)fault < sizeof texts / sizeof texts[0]);
    return texts[fault];
}

static const struct unit_table *unit_table(enum crl_quantity kind)
{
    crl_assert((size_t)kind < sizeof unit_tables / sizeof unit_tables[0]);
    return &unit_tables[kind];
}

const char *crl_units_hint(enum crl_quantity kind)
{
    return unit_table(kind)->hint;
}

static const struct unit *unit_find(enum crl_quantity kind, const char *name)
{
    const struct unit *unit = unit_table(kind)->units;
    while (unit->name && strcmp(unit->name, name) != 0)
        unit++;
    return unit->name ? unit : NULL;
}

static enum crl_units_fault unit_fault(enum crl_quantity kind, const char *name)
{
    if (*name == '.' || *name == ',')
        return CRL_UNITS_FRACTION;
    if (kind == CRL_QUANTITY_COUNT)
        return CRL_UNITS_NOT_A_NUMBER;
    return *name == '\0' ? CRL_UNITS_NO_UNIT : CRL_UNITS_UNKNOWN_UNIT;
}

enum crl_units_fault crl_units_parse(enum crl_quantity kind, const char *text, int64_t *ret_value)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0)
        return text[0] == '-' && strspn(text + 1, "0123456789") > 0 ? CRL_UNITS_NEGATIVE
                                                                    : CRL_UNITS_NOT_A_NUMBER;

    const struct unit *unit = unit_find(kind, text + digits);
    if (!unit)
        return unit_fault(kind, text + digits);

    int64_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text[i] - '0', &value))
            return CRL_UNITS_TOO_LARGE;
    }
    if (__builtin_mul_overflow(value, unit->factor, &value))
        return CRL_UNITS_TOO_LARGE;
    *ret_value = value;
    return CRL_UNITS_NONE;
}

/* The unit of zero durations: "0s" reads better than "0d". */
static const struct unit *unit_for(enum crl_quantity kind, int64_t value)
{
    if (value == 0 && kind == CRL_QUANTITY_DURATION)
        return unit_find(kind, "s");
    const struct unit *unit = unit_table(kind)->units;
    while (unit->factor > 1 && (value == 0 || value % unit->factor != 0))
        unit++;
    return unit;
}

void crl_units_format(enum crl_quantity kind, int64_t value, char ret_text[CRL_UNITS_FORMAT_MAX])
{
    crl_assert(value >= 0);
    const struct unit *unit = unit_for(kind, value);
    crl_assert(unit && unit->name);
    snprintf(ret_text, CRL_UNITS_FORMAT_MAX, "%" PRId64 "%s", value / unit->factor, unit->name);
}
