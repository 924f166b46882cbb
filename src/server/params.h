/* SPDX-License-Identifier: Apache-2.0
 *
 * params.h - from the query string of a request to the key of the cache.
 *
 * The key is the canonical form of base/form.h: every declared parameter, in the order of its
 * declaration, with its default where the request has none. Requests that mean the same have the
 * same key, byte by byte:
 *
 *   text      as it is
 *   integer   decimal, no leading zeros, "-0" is 0; fits into 64 bits
 *   number    the shortest decimal that reads back the same double; finite; "-0" is 0
 *   boolean   true or false, and no other word
 *
 * A route without parameters has the key "&", which form.h reads as no pairs.
 *
 * No allocation, no lock. Threads: any. */
#ifndef CRL_SERVER_PARAMS_H
#define CRL_SERVER_PARAMS_H

#include "base/form.h"
#include "config/config.h"

enum { CRL_PARAMS_WHY_MAX = 256 };

/* What a route declares. The rows are borrowed from the configuration. */
struct crl_params {
    const struct crl_config_param *rows;
    size_t n; /* at most CRL_CONFIG_PARAMS_MAX */
};

/* crl_params_key - the key that a query string stands for.
 *
 * query         without the '?'; may be empty
 * scratch       CRL_FORM_ROOM(query.size) bytes, overwritten
 * key, key_max  where the key is written, and the bytes there
 * ret_size      of the key
 * ret_why       on failure: one sentence for the client, that says what to do
 *
 * Errors: EINVAL a parameter is missing, unknown, repeated, too long, not of its type or does not
 * match its pattern, or the query is not well formed; EKEY the key is longer than key_max. */
int crl_params_key(const struct crl_params *params, struct corral_bytes query, char *scratch,
                   char *key, size_t key_max, size_t *ret_size, char ret_why[CRL_PARAMS_WHY_MAX]);

#endif
