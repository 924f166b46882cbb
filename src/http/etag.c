/* SPDX-License-Identifier: Apache-2.0
 *
 * etag.c - see etag.h. */
#include "http/etag.h"

#include "base/assert.h"
#include "base/hash.h"

#include <string.h>

void crl_etag(struct corral_bytes value, char ret_etag[CRL_ETAG_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    crl_assert(value.data != NULL || value.size == 0);
    uint64_t hash = crl_hash_content(value);
    ret_etag[0] = ret_etag[CRL_ETAG_SIZE - 1] = '"';
    for (int i = CRL_ETAG_SIZE - 2; i > 0; i--, hash >>= 4)
        ret_etag[i] = digits[hash & 15];
}

static const char *skip_separators(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == ','))
        at++;
    return at;
}

bool crl_etag_matches(struct corral_bytes header, const char etag[CRL_ETAG_SIZE])
{
    crl_assert(header.data != NULL || header.size == 0);
    crl_assert(etag[0] == '"' && etag[CRL_ETAG_SIZE - 1] == '"');
    const char *at = header.data, *end = at + header.size;
    for (at = skip_separators(at, end); at < end; at = skip_separators(at, end)) {
        if (*at == '*')
            return true;
        if (end - at >= 2 && at[0] == 'W' && at[1] == '/')
            at += 2;
        if (at == end || *at != '"')
            return false;
        const char *close = memchr(at + 1, '"', (size_t)(end - at - 1));
        if (close == NULL)
            return false;
        size_t size = (size_t)(close + 1 - at);
        if (size == CRL_ETAG_SIZE && memcmp(at, etag, size) == 0)
            return true;
        at = close + 1;
    }
    return false;
}
