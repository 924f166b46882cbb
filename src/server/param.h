/* SPDX-License-Identifier: Apache-2.0
 *
 * param.h - what a parameter of a route accepts: its type and its pattern. */
#ifndef CRL_SERVER_PARAM_H
#define CRL_SERVER_PARAM_H

#include <corral/corral.h>

#include <regex.h>

/* Types of parameters: name, word, what it accepts. */
#define CRL_PARAM_TYPE_TABLE(X)                                     \
    X(TEXT, "text", "any text")                                     \
    X(INTEGER, "integer", "a whole number of 64 bits, such as -12") \
    X(NUMBER, "number", "a number as in JSON, such as -1.5e3")      \
    X(BOOLEAN, "boolean", "true or false")

enum crl_param_type {
#define X(name, word, accepts) CRL_PARAM_##name,
    CRL_PARAM_TYPE_TABLE(X)
#undef X
};

/* crl_param_type_word - its word in the configuration. Static memory. */
const char *crl_param_type_word(enum crl_param_type type);

/* crl_param_type_hint - what it accepts, in words. Static memory. */
const char *crl_param_type_hint(enum crl_param_type type);

/* crl_param_type_accepts - is the text a value of this type? A "number" is finite. Pure. */
bool crl_param_type_accepts(enum crl_param_type type, const char *text);

enum {
    CRL_PATTERN_BYTES_MAX = 512,
    CRL_PATTERN_WEIGHT_MAX = 1000,
    CRL_PATTERN_WHY_MAX = 128,
};

/* A POSIX extended regular expression that must match a whole value. All zeros: none, which matches
 * everything. */
struct crl_pattern {
    regex_t regex;
    bool is_set;
};

/* crl_pattern_compile - compile an expression. It is written out at most CRL_PATTERN_WEIGHT_MAX
 * times its smallest part: {m,n} multiplies what it follows by n, nested ones multiply each other.
 * Back-references are refused.
 * Errors: CORRAL_EINVAL and ret_why says it; CORRAL_ENOMEM. */
int crl_pattern_compile(const char *expression, char ret_why[CRL_PATTERN_WHY_MAX],
                        struct crl_pattern *ret_pattern);

/* crl_pattern_fini - free what it holds. */
void crl_pattern_fini(struct crl_pattern *pattern);

/* crl_pattern_matches - does it match the whole text? Bytes, not characters: "." is one byte. May
 * be called from any thread; the C library takes a lock of the pattern in it. */
bool crl_pattern_matches(const struct crl_pattern *pattern, const char *text);

#endif
