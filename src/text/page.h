/* SPDX-License-Identifier: Apache-2.0
 *
 * page.h - a report as a page of HTML: its file, its frame and the look of all that is in it.
 *
 * Everything is in the one file: no script, no font, no picture from elsewhere. It is also
 * well-formed XML, so that programs can read it. What stands between the beginning and the end is
 * the caller's; the classes of the style sheet are in page.c. */
#ifndef CRL_TEXT_PAGE_H
#define CRL_TEXT_PAGE_H

#include <corral/corral.h>

#include <stdio.h>

/* crl_html_write - a text as it must stand in HTML or XML, within an element or an attribute. */
void crl_html_write(const char *text, FILE *out);

/* crl_html_paragraph - a text of a class of the style sheet: "moral", "lack", "broken". NULL:
 * none. */
void crl_html_paragraph(const char *class, const char *text, FILE *out);

/* What stands at the top. All is borrowed. NULL: it is left out. */
struct crl_page_head {
    const char *name;    /* never NULL */
    const char *verb;    /* behind the name in the title: "corral sim" */
    const char *about;   /* what it is, in a sentence */
    const char *facts;   /* under which conditions */
    const char *command; /* that makes it again */
    const char *shows;   /* what is to be seen */
};

void crl_page_begin(const struct crl_page_head *head, FILE *out);
void crl_page_end(const char *footer, FILE *out);

/* The file of a page that is being written. */
struct crl_page_file {
    FILE *out;       /* NULL: there is to be none */
    char *target;    /* what is written */
    char *temporary; /* that becomes the target; NULL: it is written itself */
};

/* crl_page_check - can the file of a page be written? To be asked before the work of which the page
 * tells. Leaves the file as it is. NULL is fine.
 * why   on failure, a clause for people
 * Errors: ESYSTEM. */
int crl_page_check(const char *file, char *why, size_t why_size);

/* crl_page_open - begin the file of a page; NULL: there is to be none. A regular file stays what it
 * is until crl_page_close(): the page is written beside it. One that standard output goes to comes
 * behind what was printed. The same errors; ret_page is always set. */
int crl_page_open(const char *file, struct crl_page_file *ret_page, char *why, size_t why_size);

/* crl_page_close - what was written is in the file now, or the file is what it was and nothing is
 * left beside it. `file` is what was opened. The same errors. */
int crl_page_close(const char *file, struct crl_page_file *page, char *why, size_t why_size);

#endif
