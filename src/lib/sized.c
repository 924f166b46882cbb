/* SPDX-License-Identifier: Apache-2.0
 *
 * sized.c - see sized.h. */
#include "lib/sized.h"

#include <string.h>

static size_t size_of(const void *given)
{
    size_t size;
    memcpy(&size, given, sizeof size);
    return size;
}

static bool is_zero(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

bool crl_sized_read(void *ret_known, size_t known_bytes, const void *given)
{
    size_t size = size_of(given);
    if (size < sizeof size)
        return false;
    if (size > known_bytes &&
        !is_zero((const unsigned char *)given + known_bytes, size - known_bytes))
        return false;
    memset(ret_known, 0, known_bytes);
    memcpy(ret_known, given, size < known_bytes ? size : known_bytes);
    memcpy(ret_known, &known_bytes, sizeof known_bytes);
    return true;
}

bool crl_sized_write(void *ret_figures, const void *figures, size_t figures_bytes)
{
    size_t size = size_of(ret_figures);
    if (size < sizeof size)
        return false;
    size_t given = size < figures_bytes ? size : figures_bytes;
    memset((char *)ret_figures + sizeof size, 0, size - sizeof size);
    memcpy((char *)ret_figures + sizeof size, (const char *)figures + sizeof size,
           given - sizeof size);
    return true;
}
