/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern.h - a POSIX extended regular expression that must match a whole value.
 *
 * The C library says whether an expression is one; what matches is a program of our own
 * (pattern_program.h), because the C library's matcher takes a lock, and because it keeps every
 * state that a value has led it to, up to two to the power of the letters (docs/decisions/0003).
 *
 * The C library's compiler takes time and memory without bound for some short expressions. Those
 * are refused before it sees them:
 *
 * - It writes repetitions out: "(a{255}){255}" becomes 65025 letters, and each further level
 *   multiplies. So does "+", which becomes "aa*". The weight of an expression is the number of
 *   letters after writing out; it is at most CRL_PATTERN_WEIGHT_MAX.
 * - Repeating what may be empty, as in "(a*)*{64}", makes it walk in circles. Such a repetition
 *   says nothing that a plainer one could not.
 * - Back-references make matching exponential. */
#ifndef CRL_CONFIG_PATTERN_H
#define CRL_CONFIG_PATTERN_H

#include <corral/corral.h>

enum {
    CRL_PATTERN_BYTES_MAX = 512,
    CRL_PATTERN_WEIGHT_MAX = 1000,
    CRL_PATTERN_WHY_MAX = 128,
};

struct crl_pattern_program;

/* All zeros: no pattern, which matches everything. */
struct crl_pattern {
    struct crl_pattern_program *program;
    bool is_set;
};

/* crl_pattern_compile - compile an expression.
 * Errors: CORRAL_EINVAL and ret_why says it; CORRAL_ENOMEM. */
int crl_pattern_compile(const char *expression, char ret_why[CRL_PATTERN_WHY_MAX],
                        struct crl_pattern *ret_pattern);

/* crl_pattern_fini - free what it holds. */
void crl_pattern_fini(struct crl_pattern *pattern);

/* crl_pattern_matches - does it match the whole text? Bytes, not characters: "." is one byte. Any
 * thread; takes no lock, allocates nothing and writes nothing that another thread reads. At most
 * CRL_PATTERN_PROGRAM_MAX steps for each byte of the text. */
bool crl_pattern_matches(const struct crl_pattern *pattern, const char *text);

#endif
