/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8.h - is this text? A strict check of UTF-8. Pure. */
#ifndef CRL_BASE_UTF8_H
#define CRL_BASE_UTF8_H

#include <corral/corral.h>

/* crl_utf8_is_valid - well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF,
 * nothing cut off. U+0000 is a character like others here. Empty is valid.
 * Source: The Unicode Standard 15.0, table 3-7, "Well-Formed UTF-8 Byte Sequences". */
bool crl_utf8_is_valid(struct corral_bytes text);

#endif
