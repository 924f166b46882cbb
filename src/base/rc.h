/* SPDX-License-Identifier: Apache-2.0
 *
 * rc.h - what the table of errors says beyond the public interface. */
#ifndef CRL_BASE_RC_H
#define CRL_BASE_RC_H

#include <corral/corral.h>

/* crl_rc_http_status - the HTTP status that an error becomes, 500 for one that is not in the
 * table. */
int crl_rc_http_status(int rc);

/* crl_rc_name - the name of an error in logs and traces, such as "EDEADLINE". Static memory. */
const char *crl_rc_name(int rc);

#endif
