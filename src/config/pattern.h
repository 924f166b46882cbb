/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern.h - a POSIX extended regular expression that must match a whole value.
 *
 * Three steps, each a module: pattern_tree.h reads an expression, pattern.c writes the tree as a
 * program, pattern_program.h runs the program. The C library's matcher takes a lock, and keeps
 * every state that a value has led it to, up to two to the power of the letters; its compiler takes
 * time and memory without bound for some short expressions. So nothing of it is used
 * (docs/decisions/0003, 0018).
 *
 * The language is what glibc takes as a POSIX extended regular expression in the C locale, with its
 * \w \W \s \S \b \B \< \> \` \', whatever the locale of the process is. Refused beyond that: back-
 * references, which make matching exponential; and a ")" that closes nothing. */
#ifndef CRL_CONFIG_PATTERN_H
#define CRL_CONFIG_PATTERN_H

#include <corral/corral.h>

enum {
    CRL_PATTERN_BYTES_MAX = 512,
    CRL_PATTERN_PROGRAM_MAX = 4096, /* instructions; repetitions count as often as they may occur */
};

struct crl_pattern_program;

/* All zeros: no pattern, which matches everything. */
struct crl_pattern {
    struct crl_pattern_program *program;
    bool is_set;
};

/* Why an expression is none, and at which byte that shows. */
struct crl_pattern_problem {
    const char *why; /* static memory */
    size_t at;
};

/* crl_pattern_compile - compile an expression. O(CRL_PATTERN_PROGRAM_MAX), whatever it is.
 * Errors: CORRAL_EINVAL and ret_problem says it; CORRAL_ENOMEM. */
int crl_pattern_compile(const char *expression, struct crl_pattern_problem *ret_problem,
                        struct crl_pattern *ret_pattern);

/* crl_pattern_fini - free what it holds. */
void crl_pattern_fini(struct crl_pattern *pattern);

/* crl_pattern_matches - does it match the whole text? Bytes, not characters: "." is one byte. Any
 * thread; takes no lock, allocates nothing and writes nothing that another thread reads. At most
 * CRL_PATTERN_PROGRAM_MAX steps for each byte of the text. */
bool crl_pattern_matches(const struct crl_pattern *pattern, const char *text);

#endif
