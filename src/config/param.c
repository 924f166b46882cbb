/* SPDX-License-Identifier: Apache-2.0
 *
 * param.c - what a parameter of a route accepts. */
#include "config/param.h"

#include "base/assert.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct type_row {
    const char *word;
    const char *hint;
};

static const struct type_row *type_row(enum crl_param_type type)
{
    static const struct type_row rows[] = {
#define X(name, word, accepts) {word, accepts},
        CRL_PARAM_TYPE_TABLE(X)
#undef X
    };
    crl_assert((size_t)type < sizeof rows / sizeof rows[0]);
    return &rows[type];
}

const char *crl_param_type_word(enum crl_param_type type)
{
    return type_row(type)->word;
}

const char *crl_param_type_hint(enum crl_param_type type)
{
    return type_row(type)->hint;
}

static const char *after_digits(const char *text)
{
    return text + strspn(text, "0123456789");
}

static bool is_integer(const char *text)
{
    const char *digits = text + (*text == '-');
    if (after_digits(digits) == digits || *after_digits(digits) != '\0')
        return false;
    errno = 0;
    (void)strtoll(text, NULL, 10); /* only whether it fits */
    return errno == 0;
}

/* Source: RFC 8259, section 6. */
static bool is_number(const char *text)
{
    const char *at = text + (*text == '-');
    const char *end = after_digits(at);
    if (end == at || (*at == '0' && end - at > 1))
        return false;
    if (*end == '.') {
        at = end + 1;
        end = after_digits(at);
        if (end == at)
            return false;
    }
    if (*end == 'e' || *end == 'E') {
        at = end + 1 + (end[1] == '-' || end[1] == '+');
        end = after_digits(at);
        if (end == at)
            return false;
    }
    return *end == '\0' && isfinite(strtod(text, NULL));
}

bool crl_param_type_accepts(enum crl_param_type type, const char *text)
{
    switch (type) {
    case CRL_PARAM_TEXT:
        return true;
    case CRL_PARAM_INTEGER:
        return is_integer(text);
    case CRL_PARAM_NUMBER:
        return is_number(text);
    case CRL_PARAM_BOOLEAN:
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    }
    crl_unreachable();
}
