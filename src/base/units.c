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
    const char *examples[2]; /* or one */
    bool has_list;           /* of its units, for people */
    struct unit units[7];
};

#define SECOND  INT64_C(1000000)
#define DECIMAL 1000 /* what a whole one counts: three decimals */

static const struct unit_table unit_tables[] = {
    [CRL_QUANTITY_COUNT] = {{"20, without a unit"}, false, {{"", 1}}},
    [CRL_QUANTITY_DURATION] = {{"30s", "250ms"},
                               true,
                               {{"d", 86400 * SECOND},
                                {"h", 3600 * SECOND},
                                {"m", 60 * SECOND},
                                {"s", SECOND},
                                {"ms", 1000},
                                {"us", 1}}},
    [CRL_QUANTITY_SIZE] =
        {{"64KiB", "8MiB"},
         true,
         {{"GiB", INT64_C(1) << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}},
    [CRL_QUANTITY_PERCENT] = {{"10%"}, false, {{"%", 1}}},
    [CRL_QUANTITY_RATE] = {{"100/s", "30/m"}, false, {{"/s", 60}, {"/m", 1}}},
    [CRL_QUANTITY_DECIMAL] = {{"1.5, without a unit"}, false, {{"", DECIMAL}}},
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

static const struct unit *unit_find(enum crl_quantity kind, const char *name)
{
    const struct unit *unit = unit_table(kind)->units;
    while (unit->name != NULL && strcmp(unit->name, name) != 0)
        unit++;
    return unit->name != NULL ? unit : NULL;
}

static enum crl_units_fault unit_fault(enum crl_quantity kind, const char *name)
{
    if (*name == '.' || *name == ',')
        return CRL_UNITS_FRACTION;
    if (kind == CRL_QUANTITY_COUNT || kind == CRL_QUANTITY_DECIMAL)
        return CRL_UNITS_NOT_A_NUMBER;
    if (*name == '\0')
        return CRL_UNITS_NO_UNIT;
    const char *unit = name + strspn(name, " \t");
    return unit > name && unit_find(kind, unit) != NULL ? CRL_UNITS_SPACE : CRL_UNITS_UNKNOWN_UNIT;
}

/* The fraction of a decimal, ".25" is 250. Moves *text behind it, if it is right. */
static enum crl_units_fault fraction_parse(const char **text, int64_t *ret_fraction)
{
    *ret_fraction = 0;
    if (**text != '.')
        return CRL_UNITS_NONE;
    size_t digits = strspn(*text + 1, "0123456789");
    if (digits == 0)
        return CRL_UNITS_NOT_A_NUMBER;
    if (digits > 3)
        return CRL_UNITS_TOO_FINE;
    int64_t place = DECIMAL / 10;
    for (size_t i = 1; i <= digits; i++, place /= 10)
        *ret_fraction += ((*text)[i] - '0') * place;
    *text += 1 + digits;
    return CRL_UNITS_NONE;
}

enum crl_units_fault crl_units_parse(enum crl_quantity kind, const char *text, int64_t *ret_value)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0)
        return text[0] == '-' && strspn(text + 1, "0123456789") > 0 ? CRL_UNITS_NEGATIVE
                                                                    : CRL_UNITS_NOT_A_NUMBER;

    const char *behind = text + digits;
    int64_t fraction = 0;
    enum crl_units_fault fault = CRL_UNITS_NONE;
    if (kind == CRL_QUANTITY_DECIMAL)
        fault = fraction_parse(&behind, &fraction);
    if (fault != CRL_UNITS_NONE)
        return fault;
    const struct unit *unit = unit_find(kind, behind);
    if (unit == NULL)
        return unit_fault(kind, behind);

    int64_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text[i] - '0', &value))
            return CRL_UNITS_TOO_LARGE;
    }
    if (__builtin_mul_overflow(value, unit->factor, &value) ||
        __builtin_add_overflow(value, fraction, &value))
        return CRL_UNITS_TOO_LARGE;
    *ret_value = value;
    return CRL_UNITS_NONE;
}

/* The unit of zero: "0s" reads better than "0d", "0/s" than "0/m". */
static const struct unit *unit_for(enum crl_quantity kind, int64_t value)
{
    if (value == 0 && kind == CRL_QUANTITY_RATE)
        return unit_find(kind, "/s");
    if (value == 0 && kind == CRL_QUANTITY_DURATION)
        return unit_find(kind, "s");
    const struct unit *unit = unit_table(kind)->units;
    while (unit->factor > 1 && (value == 0 || value % unit->factor != 0))
        unit++;
    return unit;
}

/* Without zeros at the end of the fraction. */
static void decimal_format(int64_t value, char ret_text[CRL_UNITS_FORMAT_MAX])
{
    int size = snprintf(ret_text, CRL_UNITS_FORMAT_MAX, "%" PRId64 ".%03d", value / DECIMAL,
                        (int)(value % DECIMAL));
    while (ret_text[size - 1] == '0')
        ret_text[--size] = '\0';
    if (ret_text[size - 1] == '.')
        ret_text[size - 1] = '\0';
}

void crl_units_format(enum crl_quantity kind, int64_t value, char ret_text[CRL_UNITS_FORMAT_MAX])
{
    crl_assert(value >= 0);
    if (kind == CRL_QUANTITY_DECIMAL)
        return decimal_format(value, ret_text);
    const struct unit *unit = unit_for(kind, value);
    crl_assert(unit != NULL && unit->name != NULL);
    snprintf(ret_text, CRL_UNITS_FORMAT_MAX, "%" PRId64 "%s", value / unit->factor, unit->name);
}

/* Adds to a text; what has no room is cut. */
static void why_add(char why[CRL_UNITS_WHY_MAX], const char *before, const char *word)
{
    size_t used = strlen(why);
    (void)snprintf(why + used, CRL_UNITS_WHY_MAX - used, "%s%s", before, word);
}

/* Is it an example of what may be asked for? Those in words are. */
static bool is_example(const struct crl_units_range *range, const char *text)
{
    int64_t value;
    return crl_units_parse(range->kind, text, &value) != CRL_UNITS_NONE || value <= range->max;
}

/* How a quantity of the range is written: "30s or 250ms (units: us ms s m)". */
static void example_add(const struct crl_units_range *range, char why[CRL_UNITS_WHY_MAX])
{
    const struct unit_table *table = unit_table(range->kind);
    size_t units_n = 0;
    const char *before = " ";
    for (size_t i = 0; i < 2 && table->examples[i] != NULL; i++) {
        if (!is_example(range, table->examples[i]))
            continue;
        why_add(why, before, table->examples[i]);
        before = " or ";
    }
    if (strcmp(before, " ") == 0) {
        const struct unit *unit = table->units;
        while (unit->factor > range->max && unit[1].name != NULL)
            unit++;
        why_add(why, " 1", unit->name);
    }
    if (!table->has_list || range->max == 0)
        return;
    before = " (units: ";
    while (table->units[units_n].name != NULL)
        units_n++;
    for (; units_n > 0 && table->units[units_n - 1].factor <= range->max; units_n--, before = " ")
        why_add(why, before, table->units[units_n - 1].name);
    why_add(why, ")", "");
}

bool crl_units_read(const struct crl_units_range *range, const char *text, int64_t *ret_value,
                    char ret_why[CRL_UNITS_WHY_MAX])
{
    char min[CRL_UNITS_FORMAT_MAX], max[CRL_UNITS_FORMAT_MAX];
    int64_t value;
    enum crl_units_fault fault = crl_units_parse(range->kind, text, &value);
    if (fault == CRL_UNITS_NONE && value >= range->min && value <= range->max) {
        *ret_value = value;
        return true;
    }
    if (fault != CRL_UNITS_NONE && fault != CRL_UNITS_NEGATIVE && fault != CRL_UNITS_TOO_LARGE) {
        bool has_wrong_unit = fault == CRL_UNITS_UNKNOWN_UNIT || fault == CRL_UNITS_SPACE;
        (void)snprintf(ret_why, CRL_UNITS_WHY_MAX, "%s%s", crl_units_fault_text(fault),
                       has_wrong_unit ? "; write it like" : ", such as");
        example_add(range, ret_why);
        return false;
    }
    crl_units_format(range->kind, range->min, min);
    crl_units_format(range->kind, range->max, max);
    (void)snprintf(ret_why, CRL_UNITS_WHY_MAX, "is out of range, %s to %s", min, max);
    return false;
}
