/* SPDX-License-Identifier: Apache-2.0
 *
 * units.h - quantities as people write them: 250ms, 64KiB, 10%, 100/s, 20, 1.5.
 *
 * A quantity is a whole number of decimal digits and, right behind it, its unit. There is no sign,
 * no fraction, no space and no exponent; only a decimal may have a fraction, of up to three digits.
 * Counts and decimals have no unit; everything else needs one.
 *
 *   kind       counted in     units
 *   count      ones           none
 *   duration   microseconds   us ms s m h d
 *   size       bytes          B KiB MiB GiB
 *   percent    hundredths     %
 *   rate       per minute     /s /m
 *   decimal    thousandths    none
 *
 * Pure. */
#ifndef CRL_BASE_UNITS_H
#define CRL_BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

enum crl_quantity {
    CRL_QUANTITY_COUNT,
    CRL_QUANTITY_DURATION,
    CRL_QUANTITY_SIZE,
    CRL_QUANTITY_PERCENT,
    CRL_QUANTITY_RATE,
    CRL_QUANTITY_DECIMAL,
};

/* What is wrong with a quantity: name, text that follows the quoted quantity. */
#define CRL_UNITS_FAULT_TABLE(X)                            \
    X(NONE, "is right")                                     \
    X(NOT_A_NUMBER, "is not a number")                      \
    X(NEGATIVE, "is negative")                              \
    X(FRACTION, "has a fraction; write a whole number")     \
    X(TOO_FINE, "has a finer fraction than three decimals") \
    X(NO_UNIT, "needs a unit")                              \
    X(UNKNOWN_UNIT, "has an unknown unit")                  \
    X(SPACE, "has a space before its unit")                 \
    X(TOO_LARGE, "is too large")

enum crl_units_fault {
#define X(name, text) CRL_UNITS_##name,
    CRL_UNITS_FAULT_TABLE(X)
#undef X
};

/* crl_units_fault_text - the text of a fault, such as "needs a unit". Static memory. */
const char *crl_units_fault_text(enum crl_units_fault fault);

/* crl_units_parse - read a quantity. ret_value is >= 0, and untouched if there is a fault. */
enum crl_units_fault crl_units_parse(enum crl_quantity kind, const char *text, int64_t *ret_value);

/* What somebody may ask for, both ends included. */
struct crl_units_range {
    enum crl_quantity kind;
    int64_t min, max; /* >= 0 */
};

enum { CRL_UNITS_WHY_MAX = 128 }; /* bytes, with the terminator */

/* crl_units_read - read a quantity of a range.
 * ret_value  untouched on failure
 * ret_why  on failure, what follows the quoted quantity: "needs a unit, such as 10%" or "is out of
 *          range, 1ms to 10m"; else untouched
 * Returns false if it is not such a quantity. */
bool crl_units_read(const struct crl_units_range *range, const char *text, int64_t *ret_value,
                    char ret_why[CRL_UNITS_WHY_MAX]);

enum { CRL_UNITS_FORMAT_MAX = 32 }; /* bytes, with the terminator */

/* crl_units_format - write a quantity in its largest unit that needs no fraction: 60 s is "1m".
 * value >= 0. What it writes, crl_units_parse() reads back to the same value. */
void crl_units_format(enum crl_quantity kind, int64_t value, char ret_text[CRL_UNITS_FORMAT_MAX]);

#endif
