/* SPDX-License-Identifier: Apache-2.0
 *
 * rc.h - what the table of errors says beyond the public interface. */
#ifndef CRL_BASE_RC_H
#define CRL_BASE_RC_H

#include <corral/corral.h>

#include <limits.h>
#include <stdint.h>

/* A failure of the origin for which the program has a code of its own is one number inside, so that
 * it goes wherever an error goes: to readers, into the memory of failures, through the store. It is
 * taken apart where it is told to people or to the program. Such numbers lie below all of enum
 * corral_rc. */
#define CRL_RC_CODES (-(1 << 30))
_Static_assert(CRL_RC_CODES - CORRAL_CODE_MAX >= INT_MIN, "a code fits");

/* crl_rc_of_code - the error that stands for EORIGIN and a code, 1 to CORRAL_CODE_MAX. Pure. */
static inline int crl_rc_of_code(int code)
{
    return CRL_RC_CODES - code;
}

/* crl_rc_code - the code that an error has; 0: none. Pure. */
static inline int crl_rc_code(int rc)
{
    return rc < CRL_RC_CODES ? CRL_RC_CODES - rc : 0;
}

/* crl_rc_plain - a result as the program knows it, without its code. Pure. */
static inline int crl_rc_plain(int rc)
{
    return crl_rc_code(rc) != 0 ? CORRAL_EORIGIN : rc;
}

/* Errors are the numbers -1 to -CRL_RC_MAX. */
enum {
#define X(name, value, status, text) CRL_RC_NUMBER_OF_##name = -(value),
    CORRAL_RC_TABLE(X)
#undef X
        CRL_RC_END,
    CRL_RC_MAX = CRL_RC_END - 1,
};

/* crl_rc_http_status - the HTTP status that an error becomes, 500 for one that is not in the
 * table. */
int crl_rc_http_status(int rc);

/* crl_rc_name - the name of an error in logs and traces, such as "EDEADLINE". Static memory. */
const char *crl_rc_name(int rc);

#endif
