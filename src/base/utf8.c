/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8.c - table 3-7 of the Unicode Standard as code. */
#include "base/utf8.h"

#include "base/assert.h"

/* Only the second byte has a range that depends on the first: it is what rules out overlong forms
 * (E0, F0), surrogates (ED) and values above U+10FFFF (F4). */
struct lead {
    unsigned char first, last; /* of the lead byte */
    unsigned char low, high;   /* of the second byte */
    unsigned char length;
};

static const struct lead leads[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

static const struct lead *lead_of(unsigned char byte)
{
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        if (byte >= leads[i].first && byte <= leads[i].last)
            return &leads[i];
    }
    return NULL;
}

/* The length of the character at `at`, 0 if there is none. */
static size_t character_length(const unsigned char *at, size_t left)
{
    if (*at < 0x80)
        return 1;
    const struct lead *lead = lead_of(*at);
    if (lead == NULL || lead->length > left || at[1] < lead->low || at[1] > lead->high)
        return 0;
    for (size_t i = 2; i < lead->length; i++) {
        if (at[i] < 0x80 || at[i] > 0xBF)
            return 0;
    }
    return lead->length;
}

size_t crl_utf8_valid_size(struct corral_bytes text)
{
    const unsigned char *at = text.data;
    size_t left = text.size;
    while (left > 0) {
        size_t length = character_length(at, left);
        if (length == 0)
            break;
        at += length;
        left -= length;
    }
    return text.size - left;
}

bool crl_utf8_is_valid(struct corral_bytes text)
{
    return crl_utf8_valid_size(text) == text.size;
}

size_t crl_utf8_bad_size(struct corral_bytes text)
{
    const unsigned char *at = text.data;
    crl_assert(text.size > 0 && character_length(at, text.size) == 0);
    const struct lead *lead = lead_of(*at);
    if (lead == NULL || text.size < 2 || at[1] < lead->low || at[1] > lead->high)
        return 1;
    size_t size = 2;
    while (size < lead->length && size < text.size && at[size] >= 0x80 && at[size] <= 0xBF)
        size++;
    return size;
}

enum crl_utf8_kind crl_utf8_first(struct corral_bytes text, size_t *ret_size)
{
    const unsigned char *at = text.data;
    size_t length = character_length(at, text.size);
    *ret_size = length > 0 ? length : 1;
    if (length == 0)
        return CRL_UTF8_MALFORMED;
    bool is_c1 = at[0] == 0xC2 && at[1] < 0xA0;
    return at[0] < 0x20 || at[0] == 0x7F || is_c1 ? CRL_UTF8_CONTROL : CRL_UTF8_PLAIN;
}
