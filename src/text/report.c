/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c - see report.h. */
#include "text/report.h"

#include "base/assert.h"

#include <stdarg.h>
#include <string.h>

void crl_append(char *text, size_t room, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;
    crl_assert(used < room);
    va_start(arguments, format);
    (void)vsnprintf(text + used, room - used, format, arguments);
    va_end(arguments);
}

void crl_append_word(char *text, size_t room, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./:,=%+@";
    if (*word && strspn(word, plain) == strlen(word)) {
        crl_append(text, room, " %s", word);
        return;
    }
    crl_append(text, room, " '");
    for (; *word; word++) {
        if (*word == '\'')
            crl_append(text, room, "'\\''");
        else
            crl_append(text, room, "%c", *word);
    }
    crl_append(text, room, "'");
}

void crl_lines_write(const char *text, int used, int indent, int width, FILE *out)
{
    bool is_open = used > indent; /* a word follows another */
    while (*text) {
        int size = (int)strcspn(text, " \n");
        if (is_open && used + 1 + size > width) {
            fprintf(out, "\n%*s", indent, "");
            used = indent;
            is_open = false;
        }
        fprintf(out, "%s%.*s", is_open ? " " : "", size, text);
        used += (is_open ? 1 : 0) + size;
        is_open = true;
        text += size;
        if (*text == '\n') {
            fputc('\n', out);
            used = 0;
            is_open = false;
        }
        text += *text != '\0';
    }
    if (is_open)
        fputc('\n', out);
}

json_t *crl_json_count(uint64_t n)
{
    return json_integer((json_int_t)n);
}

void crl_json_add(json_t *object, const char *name, json_t *value, bool *lost)
{
    if (json_object_set_new(object, name, value) != 0)
        *lost = true;
}

void crl_json_append(json_t *array, json_t *value, bool *lost)
{
    if (json_array_append_new(array, value) != 0)
        *lost = true;
}

int crl_json_print(json_t *all, bool lost, FILE *out)
{
    if (!lost && json_dumpf(all, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) != 0 && !ferror(out))
        lost = true;
    fputc('\n', out);
    json_decref(all);
    return lost ? CORRAL_ENOMEM : CORRAL_OK;
}
