/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_scan.c - find the parameters of an SQL statement. */
#include "config/sql_scan.h"

#include <stdbool.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

/* Identifiers, keywords and numbers: what follows their first byte. */
static size_t word_size(const char *text)
{
    size_t n = 0;
    while (is_letter(text[n]) || is_digit(text[n]) || text[n] == '$')
        n++;
    return n;
}

/* Up to and with `end`; 0 if it never comes. A doubled quote ends one string and begins the next,
 * which comes to the same. */
static size_t size_to(const char *text, size_t skip, const char *end)
{
    const char *found = strstr(text + skip, end);
    return found != NULL ? (size_t)(found - text) + strlen(end) : 0;
}

/* What is to be skipped at `text`: its size; 0 if it never ends. Only the first byte is certain. */
static size_t skip_size(const char *text)
{
    if (text[0] == '\'')
        return size_to(text, 1, "'");
    if (text[0] == '"')
        return size_to(text, 1, "\"");
    if (text[0] == '`')
        return size_to(text, 1, "`");
    if (text[0] == '[')
        return size_to(text, 1, "]");
    if (text[0] == '/' && text[1] == '*')
        return size_to(text, 2, "*/");
    if (text[0] == '-' && text[1] == '-')
        return strcspn(text, "\n");
    if (text[0] == ':' && text[1] == ':')
        return 2;
    if (is_letter(text[0]) || is_digit(text[0]))
        return word_size(text);
    return 1;
}

static enum crl_sql_kind parameter_kind(const char *text)
{
    if (text[0] == '?')
        return CRL_SQL_OTHER;
    if ((text[0] == '@' || text[0] == '$') && word_size(text + 1) > 0)
        return CRL_SQL_OTHER;
    if (text[0] == ':' && is_letter(text[1]))
        return CRL_SQL_PARAM;
    if (text[0] == ':' && word_size(text + 1) > 0)
        return CRL_SQL_OTHER;
    return CRL_SQL_END;
}

struct crl_sql_found crl_sql_next(const char *statement, size_t from)
{
    size_t at = from;
    while (statement[at] != '\0') {
        enum crl_sql_kind kind = parameter_kind(statement + at);
        if (kind != CRL_SQL_END)
            return (struct crl_sql_found){kind, at, 1 + word_size(statement + at + 1)};
        size_t size = skip_size(statement + at);
        if (size == 0)
            return (struct crl_sql_found){CRL_SQL_NO_END, at, strlen(statement + at)};
        at += size;
    }
    return (struct crl_sql_found){CRL_SQL_END, at, 0};
}
