/* SPDX-License-Identifier: Apache-2.0
 *
 * problems.h - what is wrong with a configuration file: all of it, each with its place.
 *
 * A reader adds problems as it finds them and reads on; at the end they are sorted by place and
 * printed, "FILE:LINE:COLUMN: text". Later stages (a port in use, an unreadable database) add
 * theirs to the same list, with the places that struct crl_config keeps.
 *
 * Adding never fails in the caller's face: without memory the problem is lost, the list remembers
 * that in out_of_memory, and crl_problems_rc() says CORRAL_ENOMEM.
 *
 * Not thread-safe: one thread at a time. */
#ifndef CRL_YAML_PROBLEMS_H
#define CRL_YAML_PROBLEMS_H

#include <corral/corral.h>

#include <stdio.h>

/* Where something stands in a text, from 1; columns count characters. Line 0: nowhere in it. */
struct crl_place {
    uint32_t line;
    uint32_t column;
};

struct crl_problem {
    struct crl_place at;
    size_t number; /* the order of adding, for equal places */
    char *text;    /* one line, no full stop */
};

/* All zeros: an empty list. */
struct crl_problems {
    struct crl_problem *rows;
    size_t n;
    size_t room;
    bool out_of_memory;
};

enum { CRL_PROBLEM_TEXT_MAX = 512 }; /* bytes of a text, with its terminator; the rest is cut off */

/* crl_problems_fini - free what the list holds. */
void crl_problems_fini(struct crl_problems *problems);

/* crl_problems_add - add a problem. `at` with line 0: it concerns the file as a whole. */
void crl_problems_add(struct crl_problems *problems, struct crl_place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* crl_problems_rc - CORRAL_OK: there are none. CORRAL_EINVAL: there are. CORRAL_ENOMEM: some may be
 * missing from the list for want of memory. */
int crl_problems_rc(const struct crl_problems *problems);

/* crl_problems_sort - order by place; those without a line first. What was added twice stays once.
 * O(n log n) */
void crl_problems_sort(struct crl_problems *problems);

/* crl_problems_print - write "FILE:LINE:COLUMN: text" lines, or "FILE: text" where there is no
 * line. `file` is as the user wrote it. In both, what a terminal would act on is written
 * as \xNN. */
void crl_problems_print(const struct crl_problems *problems, const char *file, FILE *out);

/* crl_problems_tell - print why a file could not be read: its problems, or, if there are none, what
 * `rc` means. */
void crl_problems_tell(const struct crl_problems *problems, const char *file, int rc, FILE *out);

enum { CRL_QUOTED_MAX = 64 };

/* A text made fit to be shown within a problem. */
struct crl_quoted {
    char text[CRL_QUOTED_MAX];
};

/* crl_quoted - a text in quotation marks on one line: control characters become '?', and of a long
 * one the beginning is shown. Pure. */
struct crl_quoted crl_quoted(const char *text, size_t size);

#endif
