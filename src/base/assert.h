/* SPDX-License-Identifier: Apache-2.0
 *
 * assert.h - assertions that stay on in every build.
 *
 * A failed one is a bug in Corral: the process says which law broke and aborts. */
#ifndef CRL_BASE_ASSERT_H
#define CRL_BASE_ASSERT_H

_Noreturn void crl_assert_failed(const char *what, const char *file, int line);

/* crl_assert - abort unless the condition holds. */
#define crl_assert(condition) \
    ((condition) ? (void)0 : crl_assert_failed(#condition, __FILE__, __LINE__))

/* crl_promise - the same for a promise of docs/promises.md, cited by number: crl_promise(P1,
 * ...). */
#define crl_promise(number, condition) \
    ((condition) ? (void)0 : crl_assert_failed(#number ": " #condition, __FILE__, __LINE__))

/* crl_unreachable - for the end of a switch over every value of an enum. */
#define crl_unreachable() crl_assert_failed("unreachable", __FILE__, __LINE__)

#endif
