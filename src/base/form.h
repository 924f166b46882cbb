/* SPDX-License-Identifier: Apache-2.0
 *
 * form.h - names and values as text: application/x-www-form-urlencoded, both ways.
 *
 * One codec for the query string of a request and for cache keys, so that the two cannot disagree.
 * A key is the canonical form: the parameters in the order of their declaration, each as
 * name=value, joined by '&'; the unreserved characters (letters, digits, "-._~") stay, every other
 * byte becomes %XX with upper-case digits. So "id=1&name=a%20b".
 *
 * Reading is liberal in the form and strict in the content: '+' is a space, hexadecimal digits may
 * be of either case, empty pieces ("a=1&&b=2") are skipped, a piece without '=' is a name with an
 * empty value. A bad percent-encoding, a NUL byte (raw or as %00) or invalid UTF-8 is an error.
 * Repeated, missing, unknown and empty names are the caller's affair.
 *
 * Laws (test_form.c):
 *   F1  what was written reads back the same, pair by pair
 *   F2  a canonical key that is read and written again is the same key, byte by byte
 *
 * No allocation. Threads: pure, but for the caller's structs.
 * Source: WHATWG URL Standard, section 5; RFC 3986, section 2.3. */
#ifndef CRL_BASE_FORM_H
#define CRL_BASE_FORM_H

#include <corral/corral.h>

/* What crl_form_next() and crl_form_put() return: an outcome >= 0, or an error < 0. */
#define CRL_FORM_ERROR_TABLE(X)                                        \
    X(EPERCENT, -1, "a '%' is not followed by two hexadecimal digits") \
    X(ENUL, -2, "a NUL byte is not allowed")                           \
    X(EUTF8, -3, "the text is not valid UTF-8")                        \
    X(EROOM, -4, "the text is too long")

enum crl_form_rc {
    CRL_FORM_END = 0, /* no pair is left */
    CRL_FORM_PAIR = 1,
#define X(name, value, text) CRL_FORM_##name = (value),
    CRL_FORM_ERROR_TABLE(X)
#undef X
};

/* crl_form_strerror - the text of an error, a clause without a full stop. Static memory. */
const char *crl_form_strerror(int rc);

/* -------------------------------------------------------------------------------------- reading */

/* A decoded pair. Both are followed by a NUL that is not counted (and hold none, so they may be
 * used as strings), and stay valid as long as the reader's buffer does. */
struct crl_form_pair {
    struct corral_bytes name;
    struct corral_bytes value;
};

struct crl_form_reader {
    const char *at, *end; /* what is left of the raw text */
    char *buffer;         /* where the next decoded byte goes */
    size_t room;          /* bytes left there */
};

/* A buffer of this many bytes holds every decoded pair of a raw text of `size` bytes. */
#define CRL_FORM_ROOM(size) ((size) + 1)

/* crl_form_reader_init - begin to read.
 * raw     without the '?'; borrowed while the reader is used
 * buffer  for the decoded bytes of all pairs together; borrowed as long as the pairs are used
 * size    of it; CRL_FORM_ROOM(raw.size) is always enough */
void crl_form_reader_init(struct crl_form_reader *reader, struct corral_bytes raw, char *buffer,
                          size_t size);

/* crl_form_next - the next pair.
 *
 *     while ((rc = crl_form_next(&reader, &pair)) == CRL_FORM_PAIR) ...
 *
 * Returns CRL_FORM_PAIR; CRL_FORM_END; EPERCENT, ENUL, EUTF8, EROOM: then reading is over, and
 * every later call returns CRL_FORM_END. */
int crl_form_next(struct crl_form_reader *reader, struct crl_form_pair *ret_pair);

/* -------------------------------------------------------------------------------------- writing */

struct crl_form_writer {
    char *data;  /* the caller's buffer */
    size_t room; /* its size */
    size_t size; /* bytes written */
};

/* crl_form_writer_init - begin to write into a buffer of `room` bytes, which is borrowed. */
void crl_form_writer_init(struct crl_form_writer *writer, char *data, size_t room);

/* crl_form_put - add a pair; any bytes are allowed. The result is not terminated.
 * Returns 0, or EROOM and nothing is written. */
int crl_form_put(struct crl_form_writer *writer, struct corral_bytes name,
                 struct corral_bytes value);

/* crl_form_written - what was written so far; borrowed from the writer's buffer. */
static inline struct corral_bytes crl_form_written(const struct crl_form_writer *writer)
{
    return (struct corral_bytes){.data = writer->data, .size = writer->size};
}

/* crl_form_encoded_size - the bytes that a name or value takes when written. */
size_t crl_form_encoded_size(struct corral_bytes text);

#endif
