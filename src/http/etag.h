/* SPDX-License-Identifier: Apache-2.0
 *
 * etag.h - names for the content of a value, so that clients need not fetch it twice.
 *
 * Strong: two values with the same tag have, but for one chance in 2^64, the same bytes.
 *
 * Pure. Source: RFC 9110, sections 8.8.3 and 13.1.2. */
#ifndef CRL_HTTP_ETAG_H
#define CRL_HTTP_ETAG_H

#include <corral/corral.h>

enum { CRL_ETAG_SIZE = 18 }; /* with its quotation marks, without terminator */

/* crl_etag - write the tag of a value: 16 hexadecimal digits in quotation marks. */
void crl_etag(struct corral_bytes value, char ret_etag[CRL_ETAG_SIZE]);

/* crl_etag_matches - does the value of an If-None-Match header name this tag? "*" does; tags are
 * compared weakly (W/ is ignored). A list that is not well formed matches up to its first
 * mistake. */
bool crl_etag_matches(struct corral_bytes header, const char etag[CRL_ETAG_SIZE]);

#endif
