/* SPDX-License-Identifier: Apache-2.0
 *
 * ready.c - see ready.h. */
#include "scenario/ready.h"

#include <stddef.h>
#include <string.h>

const struct crl_sim_ready *crl_sim_ready_find(const char *name)
{
    for (const struct crl_sim_ready *ready = crl_sim_ready; ready->name != NULL; ready++) {
        if (strcmp(ready->name, name) == 0)
            return ready;
    }
    return NULL;
}
