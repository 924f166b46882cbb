/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - what the reports of all verbs share: how texts are put together, lines that fit, and
 * JSON. */
#ifndef CRL_TEXT_REPORT_H
#define CRL_TEXT_REPORT_H

#include <corral/corral.h>

#include <jansson.h>
#include <stdio.h>

/* ---------------------------------------------------------------------------------------- texts */

/* crl_lines_write - a text in lines of at most `width` columns, if its words allow it; each break
 * of its own stays.
 * used    columns of the first line that are taken already
 * indent  columns in front of the other lines */
void crl_lines_write(const char *text, int used, int indent, int width, FILE *out);

/* crl_append - write behind what is in `text`; what does not fit into `room` is cut off. */
void crl_append(char *text, size_t room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* crl_append_word - likewise a space and a word of a command line, as a shell wants it. */
void crl_append_word(char *text, size_t room, const char *word);

/* ----------------------------------------------------------------------------------------- JSON */

json_t *crl_json_count(uint64_t n);

/* Add a value, which is taken, to an object or an array. If memory runs out, or did for the value,
 * it is missing, and *lost is set. */
void crl_json_add(json_t *object, const char *name, json_t *value, bool *lost);
void crl_json_append(json_t *array, json_t *value, bool *lost);

/* crl_json_print - take and print it, if nothing of it is lost. The stream's errors are the
 * caller's to look at. Returns 0, or ENOMEM. */
int crl_json_print(json_t *all, bool lost, FILE *out);

#endif
