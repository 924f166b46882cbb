/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_json.c - rows to JSON. Jansson and OpenSSL spell the values, this puts them together: an
 * object built first would need the memory of the whole result twice. */
#include "origin/sqlite_json.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/utf8.h"

#include <jansson.h>
#include <openssl/evp.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A growing text with a limit. The first failure stays: rc < 0. */
struct text {
    char *data;
    size_t size, room, max;
    int rc;
    struct crl_sql_error *error;
};

__attribute__((format(printf, 3, 4))) static int failed(struct text *text, int rc,
                                                        const char *format, ...)
{
    if (text->rc < 0)
        return text->rc;
    va_list args;
    va_start(args, format);
    vsnprintf(text->error->text, sizeof text->error->text, format, args);
    va_end(args);
    return text->rc = rc;
}

static int too_large(struct text *text)
{
    return failed(text, CORRAL_EVALUE, "the result is larger than %zu bytes", text->max);
}

static int grow(struct text *text, size_t needed)
{
    size_t room = text->room > 0 ? text->room : 256;
    while (room < needed)
        room *= 2;
    char *data = realloc(text->data, room);
    if (data == NULL)
        return failed(text, CORRAL_ENOMEM, "out of memory");
    text->data = data;
    text->room = room;
    return 0;
}

static int put(struct text *text, const char *bytes, size_t size)
{
    if (text->rc < 0 || size == 0)
        return text->rc;
    if (size > text->max - text->size)
        return too_large(text);
    if (size > text->room - text->size && grow(text, text->size + size) < 0)
        return text->rc;
    memcpy(text->data + text->size, bytes, size);
    text->size += size;
    return 0;
}

/* --------------------------------------------------------------------------------------- values */

/* For json_dump_callback(). */
static int put_piece(const char *bytes, size_t size, void *text)
{
    return put(text, bytes, size) < 0 ? -1 : 0;
}

/* Write a value of Jansson's, which is taken; NULL: no memory for it. */
static void put_json(struct text *text, json_t *value, size_t flags)
{
    if (value == NULL ||
        json_dump_callback(value, put_piece, text, flags | JSON_COMPACT | JSON_ENCODE_ANY) < 0)
        (void)failed(text, CORRAL_ENOMEM, "out of memory"); /* unless put_piece() knew better */
    json_decref(value);
}

static void put_name(struct text *text, const char *name)
{
    put_json(text, json_string_nocheck(name), 0);
}

/* The fewest digits that read back the same: 0.1 and not 0.10000000000000001. Always enough: 17. */
static void put_real(struct text *text, double value)
{
    if (!isfinite(value)) {
        (void)put(text, "null", 4);
        return;
    }
    int digits = 15;
    for (char spelled[40]; digits < 17; digits++) {
        snprintf(spelled, sizeof spelled, "%.*g", digits, value);
        if (strtod(spelled, NULL) == value)
            break;
    }
    put_json(text, json_real(value), JSON_REAL_PRECISION((size_t)digits));
}

/* Text that is not valid UTF-8, with U+FFFD in place of what is not. The copy has a limit of its
 * own: a byte becomes three at most. */
static void put_repaired(struct text *text, const char *data, size_t size)
{
    struct text repaired = {.max = size * 3, .error = text->error};
    while (size > 0 && repaired.rc == 0) {
        size_t good = crl_utf8_valid_size(crl_bytes(data, size));
        (void)put(&repaired, data, good);
        data += good;
        size -= good;
        if (size == 0)
            break;
        size_t bad = crl_utf8_bad_size(crl_bytes(data, size));
        (void)put(&repaired, "\xEF\xBF\xBD", 3);
        data += bad;
        size -= bad;
    }
    if (repaired.rc < 0)
        text->rc = repaired.rc;
    else
        put_json(text, json_stringn_nocheck(repaired.data, repaired.size), 0);
    free(repaired.data);
}

static void put_text(struct text *text, sqlite3_stmt *stmt, int column)
{
    const char *data = (const char *)sqlite3_column_text(stmt, column);
    size_t size = (size_t)sqlite3_column_bytes(stmt, column);
    if (data == NULL)
        (void)failed(text, CORRAL_ENOMEM, "out of memory");
    else if (size > text->max)
        (void)too_large(text);
    else if (crl_utf8_is_valid(crl_bytes(data, size)))
        put_json(text, json_stringn_nocheck(data, size), 0);
    else
        put_repaired(text, data, size);
}

/* A BLOB as base64, with padding. In pieces of whole groups of three bytes. */
static void put_blob(struct text *text, sqlite3_stmt *stmt, int column)
{
    enum { PIECE = 3 * 1024 };
    unsigned char encoded[PIECE / 3 * 4 + 1]; /* it is terminated */
    size_t size = (size_t)sqlite3_column_bytes(stmt, column);
    if (size > text->max) { /* before the zeros of a zeroblob() are made */
        (void)too_large(text);
        return;
    }
    const unsigned char *data = sqlite3_column_blob(stmt, column);
    if (data == NULL && size > 0)
        (void)failed(text, CORRAL_ENOMEM, "out of memory");
    (void)put(text, "\"", 1);
    while (size > 0 && text->rc == 0) {
        size_t piece = size < PIECE ? size : PIECE;
        int n = EVP_EncodeBlock(encoded, data, (int)piece);
        (void)put(text, (const char *)encoded, (size_t)n);
        data += piece;
        size -= piece;
    }
    (void)put(text, "\"", 1);
}

static void put_value(struct text *text, sqlite3_stmt *stmt, int column)
{
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        put_json(text, json_integer(sqlite3_column_int64(stmt, column)), 0);
        break;
    case SQLITE_FLOAT:
        put_real(text, sqlite3_column_double(stmt, column));
        break;
    case SQLITE_TEXT:
        put_text(text, stmt, column);
        break;
    case SQLITE_BLOB:
        put_blob(text, stmt, column);
        break;
    default:
        (void)put(text, "null", 4);
    }
}

/* ----------------------------------------------------------------------------------------- rows */

static int put_row(struct text *text, sqlite3_stmt *stmt)
{
    int columns = sqlite3_column_count(stmt);
    for (int i = 0; i < columns && text->rc == 0; i++) {
        (void)put(text, i == 0 ? "{" : ",", 1);
        put_name(text, sqlite3_column_name(stmt, i));
        (void)put(text, ":", 1);
        put_value(text, stmt, i);
    }
    return put(text, "}", 1);
}

/* SQLite failed: in its own words. */
static int failed_step(struct text *text, sqlite3_stmt *stmt, int sqlite_rc)
{
    int rc = sqlite_rc == SQLITE_NOMEM    ? CORRAL_ENOMEM
             : sqlite_rc == SQLITE_TOOBIG ? CORRAL_EVALUE
                                          : CORRAL_EORIGIN;
    (void)failed(text, rc, "%s", sqlite3_errmsg(sqlite3_db_handle(stmt)));
    return sqlite_rc;
}

/* The columns are known for certain once the first step has compiled the statement again, if it had
 * to: with "SELECT *" a change of the schema changes them. */
static int first_step(struct text *text, sqlite3_stmt *stmt)
{
    int step = sqlite3_step(stmt);
    if (step == SQLITE_ROW && crl_sqlite_json_check(stmt, text->error) < 0)
        text->rc = CORRAL_EORIGIN;
    return step;
}

static int read_row(struct text *text, sqlite3_stmt *stmt)
{
    int step = first_step(text, stmt);
    if (step != SQLITE_ROW)
        return step == SQLITE_DONE ? SQLITE_OK : failed_step(text, stmt, step);
    if (text->rc == 0)
        (void)put_row(text, stmt);
    return SQLITE_OK;
}

static int read_rows(struct text *text, sqlite3_stmt *stmt)
{
    const char *before = "[";
    int step = first_step(text, stmt);
    while (step == SQLITE_ROW && text->rc == 0) {
        (void)put(text, before, 1);
        if (put_row(text, stmt) == 0)
            step = sqlite3_step(stmt);
        before = ",";
    }
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return failed_step(text, stmt, step);
    if (text->size == 0)
        (void)put(text, "[", 1);
    (void)put(text, "]", 1);
    return SQLITE_OK;
}

int crl_sqlite_json_read(sqlite3_stmt *stmt, enum crl_sql_form form, size_t value_max,
                         struct crl_sqlite_json *ret_json, struct crl_sql_error *ret_error)
{
    crl_assert(stmt != NULL && !sqlite3_stmt_busy(stmt));
    struct text text = {.max = value_max, .error = ret_error};
    int sqlite_rc = form == CRL_SQL_ROW ? read_row(&text, stmt) : read_rows(&text, stmt);
    if (text.rc < 0) {
        free(text.data);
        *ret_json = (struct crl_sqlite_json){.rc = text.rc};
        return sqlite_rc;
    }
    *ret_json = (struct crl_sqlite_json){.data = text.data, .size = text.size};
    return SQLITE_OK;
}

int crl_sqlite_json_check(sqlite3_stmt *stmt, struct crl_sql_error *ret_error)
{
    crl_assert(stmt != NULL);
    struct text none = {.error = ret_error};
    int columns = sqlite3_column_count(stmt);
    if (columns == 0)
        return failed(&none, CORRAL_EINVAL, "the query returns no columns");
    for (int i = 0; i < columns; i++) {
        const char *name = sqlite3_column_name(stmt, i);
        if (name == NULL)
            return failed(&none, CORRAL_EINVAL, "out of memory");
        if (!crl_utf8_is_valid(corral_str(name)))
            return failed(&none, CORRAL_EINVAL, "the name of column %d is not valid UTF-8", i + 1);
        for (int j = 0; j < i; j++) {
            if (strcmp(name, sqlite3_column_name(stmt, j)) == 0)
                return failed(&none, CORRAL_EINVAL,
                              "two columns are named \"%s\": rename one of them with AS", name);
        }
    }
    return 0;
}
