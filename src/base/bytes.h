/* SPDX-License-Identifier: Apache-2.0
 *
 * bytes.h - helpers for struct corral_bytes. */
#ifndef CRL_BASE_BYTES_H
#define CRL_BASE_BYTES_H

#include <corral/corral.h>

#include <string.h>

/* crl_bytes - bytes from a pointer and a size. */
static inline struct corral_bytes crl_bytes(const void *data, size_t size)
{
    return (struct corral_bytes){.data = data, .size = size};
}

/* crl_bytes_equal - do both hold the same? */
static inline bool crl_bytes_equal(struct corral_bytes a, struct corral_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

#endif
