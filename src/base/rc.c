/* SPDX-License-Identifier: Apache-2.0
 *
 * rc.c - errors and outcomes as text, all from the tables in corral.h. */
#include "base/rc.h"

#include <string.h>

struct rc_row {
    int rc;
    int http_status;
    const char *name;
    const char *text;
};

static const struct rc_row rc_rows[] = {
#define X(name, value, status, text) {value, status, #name, text},
    CORRAL_RC_TABLE(X)
#undef X
};

static const struct rc_row *rc_row(int rc)
{
    static const struct rc_row unknown = {0, 500, "unknown", "unknown error"};
    rc = crl_rc_plain(rc);
    for (size_t i = 0; i < sizeof rc_rows / sizeof rc_rows[0]; i++) {
        if (rc_rows[i].rc == rc)
            return &rc_rows[i];
    }
    return &unknown;
}

const char *corral_strerror(int rc)
{
    return rc >= 0 ? "success" : rc_row(rc)->text;
}

const char *crl_rc_name(int rc)
{
    return rc >= 0 ? "OK" : rc_row(rc)->name;
}

int crl_rc_http_status(int rc)
{
    return rc >= 0 ? 200 : rc_row(rc)->http_status;
}

const char *corral_outcome_name(int outcome)
{
    static const char *const names[] = {
#define X(name, word, text) word,
        CORRAL_OUTCOME_TABLE(X)
#undef X
    };
    if (outcome < 0 || (size_t)outcome >= sizeof names / sizeof names[0])
        return "unknown";
    return names[outcome];
}

const char *corral_version(void)
{
    return CORRAL_VERSION;
}

struct corral_bytes corral_str(const char *text)
{
    return (struct corral_bytes){.data = text, .size = strlen(text)};
}
