/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c - see report.h. */
#include "text/report.h"

#include "text/exit.h"

#include <errno.h>
#include <string.h>

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

void crl_html_write(const char *text, FILE *out)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static int page_is_lost(const char *file, char *why, size_t why_size)
{
    (void)snprintf(why, why_size, "cannot write %.300s: %s", file, strerror(errno));
    return CORRAL_ESYSTEM;
}

int crl_page_open(const char *file, FILE **ret_page, char *why, size_t why_size)
{
    *ret_page = file != NULL ? fopen(file, "we") : NULL;
    return file != NULL && *ret_page == NULL ? page_is_lost(file, why, why_size) : CORRAL_OK;
}

int crl_page_close(const char *file, FILE *page, char *why, size_t why_size)
{
    return page != NULL && !crl_stream_close(page) ? page_is_lost(file, why, why_size) : CORRAL_OK;
}
