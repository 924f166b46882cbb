/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - what the reports of all verbs share: lines that fit, how JSON is put together and
 * printed, and the file of the page that is written besides. */
#ifndef CRL_TEXT_REPORT_H
#define CRL_TEXT_REPORT_H

#include <corral/corral.h>

#include <jansson.h>
#include <stdio.h>

/* ---------------------------------------------------------------------------------------- lines */

/* crl_lines_write - a text in lines of at most `width` columns, if its words allow it; each break
 * of its own stays.
 * used    columns of the first line that are taken already
 * indent  columns in front of the other lines */
void crl_lines_write(const char *text, int used, int indent, int width, FILE *out);

/* ----------------------------------------------------------------------------------------- JSON */

json_t *crl_json_count(uint64_t n);

/* Add a value, which is taken, to an object or an array. If memory runs out, or did for the value,
 * it is missing, and *lost is set. */
void crl_json_add(json_t *object, const char *name, json_t *value, bool *lost);
void crl_json_append(json_t *array, json_t *value, bool *lost);

/* crl_json_print - take and print it, if nothing of it is lost. The stream's errors are the
 * caller's to look at. Returns 0, or ENOMEM. */
int crl_json_print(json_t *all, bool lost, FILE *out);

/* ----------------------------------------------------------------------------------------- page */

/* crl_html_write - a text as it must stand in HTML or XML, within an element or an attribute. */
void crl_html_write(const char *text, FILE *out);

/* crl_page_open - open the file of a page for writing; NULL: there is to be none, and so *ret_page
 * is.
 * why   on failure, a clause for people
 * Errors: ESYSTEM. */
int crl_page_open(const char *file, FILE **ret_page, char *why, size_t why_size);

/* crl_page_close - what was written is in the file now. NULL is fine. The same errors. */
int crl_page_close(const char *file, FILE *page, char *why, size_t why_size);

#endif
