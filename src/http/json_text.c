/* SPDX-License-Identifier: Apache-2.0
 *
 * json_text.c - see json_text.h. Source: RFC 8259, section 7. */
#include "http/json_text.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* The bytes of the UTF-8 sequence at `at`, 0 if it is not one. */
static size_t sequence_size(const unsigned char *at, const unsigned char *end)
{
    size_t size = *at < 0x80 ? 1 : *at < 0xE0 ? 2 : *at < 0xF0 ? 3 : 4;
    if ((size_t)(end - at) < size || !crl_utf8_is_valid(crl_bytes(at, size)))
        return 0;
    return size;
}

/* The escape of one character, "" if it needs none. */
static const char *escape_of(unsigned char byte, char unicode[8])
{
    switch (byte) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        if (byte >= 0x20 && byte != 0x7F)
            return "";
        snprintf(unicode, 8, "\\u%04x", byte);
        return unicode;
    }
}

size_t crl_json_text(struct corral_bytes text, char *buffer, size_t room)
{
    crl_assert(text.data != NULL || text.size == 0);
    crl_assert(buffer != NULL || room == 0);
    const unsigned char *at = text.data, *end = at + text.size;
    size_t size = 0;
    while (at < end) {
        char unicode[8];
        size_t taken = sequence_size(at, end);
        const char *piece = taken == 0 ? "\xEF\xBF\xBD" : escape_of(*at, unicode);
        size_t piece_size = strlen(piece);
        if (piece_size == 0) {
            piece = (const char *)at;
            piece_size = taken;
        }
        if (piece_size > room - size)
            break;
        memcpy(buffer + size, piece, piece_size);
        size += piece_size;
        at += taken > 0 ? taken : 1;
    }
    crl_assert(size <= room);
    return size;
}
