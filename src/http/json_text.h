/* SPDX-License-Identifier: Apache-2.0
 *
 * json_text.h - write a text as the inside of a JSON string, into a buffer of the caller.
 *
 * Whatever goes in, what comes out is valid: control characters are escaped (those of
 * C1 as well, which JSON would allow and a terminal acts on), bytes that are not
 * UTF-8 become U+FFFD, and what does not fit is left out at the end, never in the middle of an
 * escape. */
#ifndef CRL_HTTP_JSON_TEXT_H
#define CRL_HTTP_JSON_TEXT_H

#include <corral/corral.h>

/* crl_json_text - escape `text`. Returns the bytes written, at most `room`; no terminator. Pure. */
size_t crl_json_text(struct corral_bytes text, char *buffer, size_t room);

#endif
