/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8.h - is this text, and may it be shown? A strict check of UTF-8, and what to repair of it.
 * Pure. */
#ifndef CRL_BASE_UTF8_H
#define CRL_BASE_UTF8_H

#include <corral/corral.h>

/* crl_utf8_is_valid - well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF,
 * nothing cut off. U+0000 is a character like others here. Empty is valid.
 * Source: The Unicode Standard 15.0, table 3-7, "Well-Formed UTF-8 Byte Sequences". */
bool crl_utf8_is_valid(struct corral_bytes text);

/* crl_utf8_valid_size - how many bytes at the beginning are well-formed UTF-8; all of a valid text.
 */
size_t crl_utf8_valid_size(struct corral_bytes text);

/* crl_utf8_bad_size - of a text that begins with no character: how many bytes one U+FFFD stands
 * for where it is repaired. They are the beginning of a character that does not go on, or one byte
 * that begins none; at least 1. The text is not empty.
 * Source: The Unicode Standard 15.0, section 3.9, "U+FFFD Substitution of Maximal Subparts". */
size_t crl_utf8_bad_size(struct corral_bytes text);

enum crl_utf8_kind {
    CRL_UTF8_PLAIN,
    CRL_UTF8_CONTROL,   /* U+0000 to U+001F, U+007F to U+009F: a terminal acts on it */
    CRL_UTF8_MALFORMED, /* no character begins here */
};

/* crl_utf8_first - the kind of the first character of a text, which is not empty.
 * ret_size  its bytes; of a malformed one 1. The last byte of a control character is its code. */
enum crl_utf8_kind crl_utf8_first(struct corral_bytes text, size_t *ret_size);

#endif
