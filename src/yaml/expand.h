/* SPDX-License-Identifier: Apache-2.0
 *
 * expand.h - ${NAME} in a text becomes the environment variable NAME, and $$ becomes $.
 *
 * A $ before anything else is an ordinary character. What a variable holds is not expanded
 * again. */
#ifndef CRL_YAML_EXPAND_H
#define CRL_YAML_EXPAND_H

#include "yaml/problems.h"

/* crl_expand - the text with its variables put in; the caller frees it.
 * key and at: for the problems. max: the most bytes of the result. The text itself is never shown
 * in a problem, for it may be a secret.
 * Errors: CORRAL_EINVAL with the problem added: a variable is not set, a name is not valid, the
 * result is too long; CORRAL_ENOMEM.
 * Threads: none may change the environment meanwhile. */
int crl_expand(const char *text, size_t max, const char *key, struct crl_place at,
               struct crl_problems *problems, char **ret_text);

#endif
