/* SPDX-License-Identifier: Apache-2.0
 *
 * refused.c - see refused.h. */
#include "io/refused.h"

#include <corral/corral.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char why[128];

int crl_refused(const char *call, int error)
{
    char reason[96];
    const char *text = strerror_r(error < 0 ? -error : error, reason, sizeof reason);
    (void)snprintf(why, sizeof why, "%s: %s", call, text);
    return CORRAL_ESYSTEM;
}

const char *crl_refused_why(void)
{
    return why;
}
