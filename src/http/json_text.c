/* SPDX-License-Identifier: Apache-2.0
 *
 * json_text.c - see json_text.h. Source: RFC 8259, section 7. */
#include "http/json_text.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* The escape of an ASCII character or a control character, by its last byte; "" if it needs none.
 * */
static const char *escape_of(unsigned char byte, bool is_control, char unicode[8])
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
        if (!is_control)
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
        size_t taken;
        enum crl_utf8_kind kind = crl_utf8_first(crl_bytes(at, (size_t)(end - at)), &taken);
        const char *piece = "\xEF\xBF\xBD";
        if (kind != CRL_UTF8_MALFORMED)
            piece = escape_of(at[taken - 1], kind == CRL_UTF8_CONTROL, unicode);
        size_t piece_size = strlen(piece);
        if (piece_size == 0) {
            piece = (const char *)at;
            piece_size = taken;
        }
        if (piece_size > room - size)
            break;
        memcpy(buffer + size, piece, piece_size);
        size += piece_size;
        at += taken;
    }
    crl_assert(size <= room);
    return size;
}
