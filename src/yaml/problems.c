/* SPDX-License-Identifier: Apache-2.0
 *
 * problems.c - a growing list of texts with places. */
#include "yaml/problems.h"

#include "base/bytes.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void crl_problems_fini(struct crl_problems *problems)
{
    for (size_t i = 0; i < problems->n; i++)
        free(problems->rows[i].text);
    free(problems->rows);
    *problems = (struct crl_problems){0};
}

static bool problems_grow(struct crl_problems *problems)
{
    if (problems->n < problems->room)
        return true;
    size_t room = problems->room ? problems->room * 2 : 16;
    struct crl_problem *rows = realloc(problems->rows, room * sizeof *rows);
    if (rows == NULL)
        return false;
    problems->rows = rows;
    problems->room = room;
    return true;
}

void crl_problems_add(struct crl_problems *problems, struct crl_place at, const char *format, ...)
{
    char line[CRL_PROBLEM_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);

    char *text = strdup(line);
    if (text == NULL || !problems_grow(problems)) {
        free(text);
        problems->out_of_memory = true;
        return;
    }
    problems->rows[problems->n] =
        (struct crl_problem){.at = at, .number = problems->n, .text = text};
    problems->n++;
}

int crl_problems_rc(const struct crl_problems *problems)
{
    if (problems->out_of_memory)
        return CORRAL_ENOMEM;
    return problems->n > 0 ? CORRAL_EINVAL : CORRAL_OK;
}

static int problem_compare(const void *left, const void *right)
{
    const struct crl_problem *a = left;
    const struct crl_problem *b = right;
    if (a->at.line != b->at.line)
        return a->at.line < b->at.line ? -1 : 1;
    if (a->at.column != b->at.column)
        return a->at.column < b->at.column ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* Does the list say the same at the same place already, among its first n? It is sorted. */
static bool problem_is_said(const struct crl_problems *problems, size_t n,
                            const struct crl_problem *problem)
{
    for (size_t i = n; i > 0; i--) {
        const struct crl_problem *other = &problems->rows[i - 1];
        if (other->at.line != problem->at.line || other->at.column != problem->at.column)
            return false;
        if (strcmp(other->text, problem->text) == 0)
            return true;
    }
    return false;
}

void crl_problems_sort(struct crl_problems *problems)
{
    size_t kept = 0;
    if (problems->n > 1)
        qsort(problems->rows, problems->n, sizeof problems->rows[0], problem_compare);
    for (size_t i = 0; i < problems->n; i++) {
        if (problem_is_said(problems, kept, &problems->rows[i]))
            free(problems->rows[i].text);
        else
            problems->rows[kept++] = problems->rows[i];
    }
    problems->n = kept;
}

/* Print what may come from anywhere: what a terminal would act on is escaped. */
static void print_safely(const char *text, FILE *out)
{
    size_t size = strlen(text), length;
    for (size_t i = 0; i < size; i += length) {
        switch (crl_utf8_first(crl_bytes(text + i, size - i), &length)) {
        case CRL_UTF8_PLAIN:
            fwrite(text + i, 1, length, out);
            break;
        case CRL_UTF8_CONTROL:
        case CRL_UTF8_MALFORMED:
            fprintf(out, "\\x%02x", (unsigned char)text[i + length - 1]);
            break;
        }
    }
}

void crl_problems_print(const struct crl_problems *problems, const char *file, FILE *out)
{
    for (size_t i = 0; i < problems->n; i++) {
        const struct crl_problem *problem = &problems->rows[i];
        print_safely(file, out);
        if (problem->at.line > 0)
            fprintf(out, ":%u:%u", problem->at.line, problem->at.column);
        fputs(": ", out);
        print_safely(problem->text, out);
        fputc('\n', out);
    }
}

void crl_problems_tell(const struct crl_problems *problems, const char *file, int rc, FILE *out)
{
    if (problems->n > 0) {
        crl_problems_print(problems, file, out);
        return;
    }
    print_safely(file, out);
    fprintf(out, ": %s\n", corral_strerror(rc));
}

/* The longest beginning of at most `room` bytes that does not cut a UTF-8 character. */
static size_t whole_characters(const char *text, size_t size, size_t room)
{
    if (size <= room)
        return size;
    while (room > 0 && ((unsigned char)text[room] & 0xC0) == 0x80)
        room--;
    return room;
}

struct crl_quoted crl_quoted(const char *text, size_t size)
{
    static const char more[] = "...'";
    struct crl_quoted quoted = {"'"};
    size_t shown = whole_characters(text, size, sizeof quoted.text - 1 - sizeof more);
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)text[i];
        quoted.text[i + 1] = c < 0x20 || c == 0x7F ? '?' : text[i];
    }
    memcpy(quoted.text + 1 + shown, shown < size ? more : "'", shown < size ? sizeof more : 2);
    return quoted;
}
