/* SPDX-License-Identifier: Apache-2.0
 *
 * param.h - the types of a route's parameters, and what they accept. */
#ifndef CRL_CONFIG_PARAM_H
#define CRL_CONFIG_PARAM_H

#include <corral/corral.h>

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

#endif
