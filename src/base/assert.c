/* SPDX-License-Identifier: Apache-2.0
 *
 * assert.c - the last words of a broken invariant. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void crl_assert_failed(const char *what, const char *file, int line)
{
    /* Not through stdio's stderr, which a server takes for itself (server/run.c). */
    (void)dprintf(2, "corral: bug: %s (%s:%d)\n", what, file, line);
    abort();
}
