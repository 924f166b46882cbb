/* SPDX-License-Identifier: Apache-2.0
 *
 * form.c - the codec of names and values. */
#include "base/form.h"

#include "base/assert.h"
#include "base/utf8.h"

#include <string.h>

const char *crl_form_strerror(int rc)
{
    switch (rc) {
#define X(name, value, text) \
    case CRL_FORM_##name:    \
        return text;
        CRL_FORM_ERROR_TABLE(X)
#undef X
    default:
        return "success";
    }
}

/* -------------------------------------------------------------------------------------- reading */

void crl_form_reader_init(struct crl_form_reader *reader, struct corral_bytes raw, char *buffer,
                          size_t size)
{
    const char *at = raw.size > 0 ? raw.data : "";
    *reader = (struct crl_form_reader){
        .at = at,
        .end = at + raw.size,
        .buffer = buffer,
        .room = size,
    };
}

/* The value of a hexadecimal digit, -1 if it is none. */
static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* Decode one byte at *at and step over it. Returns 0 to 255, or an error. */
static int decode_byte(const char **at, const char *end)
{
    char raw = *(*at)++;
    if (raw == '+')
        return ' ';
    if (raw != '%')
        return raw == '\0' ? CRL_FORM_ENUL : (unsigned char)raw;
    int high = *at < end ? digit_value((*at)[0]) : -1;
    int low = high >= 0 && *at + 1 < end ? digit_value((*at)[1]) : -1;
    if (low < 0)
        return CRL_FORM_EPERCENT;
    *at += 2;
    return high == 0 && low == 0 ? CRL_FORM_ENUL : high * 16 + low;
}

/* Decode [from, to) into the buffer, with a terminator. Returns 0 or an error. */
static int decode(struct crl_form_reader *reader, const char *from, const char *to,
                  struct corral_bytes *ret_text)
{
    char *text = reader->buffer;
    size_t size = 0;
    while (from < to) {
        int byte = decode_byte(&from, to);
        if (byte < 0)
            return byte;
        if (size + 1 >= reader->room)
            return CRL_FORM_EROOM;
        text[size++] = (char)byte;
    }
    if (reader->room == 0)
        return CRL_FORM_EROOM;
    if (!crl_utf8_is_valid((struct corral_bytes){.data = text, .size = size}))
        return CRL_FORM_EUTF8;
    text[size] = '\0';
    reader->buffer += size + 1;
    reader->room -= size + 1;
    *ret_text = (struct corral_bytes){.data = text, .size = size};
    return 0;
}

/* One piece between two '&'. Without '=' the value is the terminator of the name: so the decoded
 * bytes with their terminators are never more than the raw ones with one more (CRL_FORM_ROOM). */
static int decode_piece(struct crl_form_reader *reader, const char *from, const char *to,
                        struct crl_form_pair *ret_pair)
{
    const char *equals = memchr(from, '=', (size_t)(to - from));
    struct crl_form_pair pair;
    int rc = decode(reader, from, equals != NULL ? equals : to, &pair.name);
    if (rc < 0)
        return rc;
    if (equals != NULL)
        rc = decode(reader, equals + 1, to, &pair.value);
    else
        pair.value = (struct corral_bytes){.data = reader->buffer - 1, .size = 0};
    if (rc < 0)
        return rc;
    *ret_pair = pair;
    return CRL_FORM_PAIR;
}

int crl_form_next(struct crl_form_reader *reader, struct crl_form_pair *ret_pair)
{
    while (reader->at < reader->end && *reader->at == '&')
        reader->at++;
    if (reader->at == reader->end)
        return CRL_FORM_END;

    const char *from = reader->at;
    const char *to = memchr(from, '&', (size_t)(reader->end - from));
    if (to == NULL)
        to = reader->end;
    int rc = decode_piece(reader, from, to, ret_pair);
    reader->at = rc < 0 ? reader->end : to;
    return rc;
}

/* -------------------------------------------------------------------------------------- writing */

void crl_form_writer_init(struct crl_form_writer *writer, char *data, size_t room)
{
    *writer = (struct crl_form_writer){.data = data, .room = room};
}

/* By hand, because isalnum() asks the locale. */
static bool is_unreserved(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

size_t crl_form_encoded_size(struct corral_bytes text)
{
    const unsigned char *bytes = text.data;
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++)
        size += is_unreserved(bytes[i]) ? 1 : 3;
    return size;
}

static void encode(struct crl_form_writer *writer, struct corral_bytes text)
{
    static const char digits[] = "0123456789ABCDEF";
    const unsigned char *bytes = text.data;
    char *to = writer->data + writer->size;
    for (size_t i = 0; i < text.size; i++) {
        if (is_unreserved(bytes[i])) {
            *to++ = (char)bytes[i];
            continue;
        }
        *to++ = '%';
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    writer->size = (size_t)(to - writer->data);
    crl_assert(writer->size <= writer->room);
}

int crl_form_put(struct crl_form_writer *writer, struct corral_bytes name,
                 struct corral_bytes value)
{
    size_t joint = writer->size > 0 ? 1 : 0;
    size_t size = joint + crl_form_encoded_size(name) + 1 + crl_form_encoded_size(value);
    if (size > writer->room - writer->size)
        return CRL_FORM_EROOM;
    if (joint)
        writer->data[writer->size++] = '&';
    encode(writer, name);
    writer->data[writer->size++] = '=';
    encode(writer, value);
    return 0;
}
