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

/* crl_bytes_load64 - eight bytes from any address. */
static inline uint64_t crl_bytes_load64(const void *data)
{
    uint64_t word;
    memcpy(&word, data, sizeof word);
    return word;
}

/* crl_bytes_equal - do both hold the same? */
static inline bool crl_bytes_equal(struct corral_bytes a, struct corral_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* crl_bytes_equal_short - the same without a call, for the sizes of most keys. False if they differ
 * or if they are shorter than 8 bytes or longer than 32: then crl_bytes_equal() tells. */
static inline bool crl_bytes_equal_short(struct corral_bytes a, struct corral_bytes b)
{
    const char *x = a.data, *y = b.data;
    if (a.size != b.size || a.size - 8 > 24) /* unsigned */
        return false;
    /* Words from both ends, which may overlap. */
    size_t last = a.size - 8;
    uint64_t differ = (crl_bytes_load64(x) ^ crl_bytes_load64(y)) |
                      (crl_bytes_load64(x + last) ^ crl_bytes_load64(y + last));
    if (a.size > 16)
        differ |= (crl_bytes_load64(x + 8) ^ crl_bytes_load64(y + 8)) |
                  (crl_bytes_load64(x + last - 8) ^ crl_bytes_load64(y + last - 8));
    return differ == 0;
}

#endif
