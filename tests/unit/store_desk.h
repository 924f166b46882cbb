/* SPDX-License-Identifier: Apache-2.0
 *
 * store_desk.h - a client of the store that tests drive by hand: its host writes down what it says
 * to the store and what it tells the core, one line each.
 *
 * Its memory is counted, and may fail: the linker sends malloc, calloc and free through here
 * (--wrap); entries come from an allocator of the same kind, which does not fail. */
#ifndef CRL_TESTS_STORE_DESK_H
#define CRL_TESTS_STORE_DESK_H

#include "store/client.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define DESK_SPACE   2
#define DESK_TIMEOUT CORRAL_MS(100)
#define DESK_LEASE   CORRAL_MS(2000)
#define DESK_FORGET  (DESK_TIMEOUT + DESK_LEASE) /* since it was sent */

#define DESK_VALUE_MAX 1000 /* in bytes */

struct desk {
    struct crl_store_client *client;
    corral_us now;
    char lines[16384]; /* since the last desk_expect() */
    size_t lines_size;
    uint64_t numbers;                   /* the last that was sent */
    struct crl_store_request last_sent; /* without its key and entry */
    struct crl_event last_told;         /* without its key and draft */
    uint64_t asks_again; /* whoever is answered DOWN asks at once, as this; 0: nobody */
};

/* Words of the lines. */
extern const char *const desk_words_of_op[], *const desk_words_of_answer[];

/* What is allocated and not freed yet. */
extern int64_t desk_blocks, desk_entries;
extern struct crl_allocator desk_memory; /* of entries */

/* The n-th allocation within the client fails from now on, once; 0: none does. */
void desk_fail_at(uint32_t n);
bool desk_has_failed(void); /* since then */

/* desk_client - a client for a desk. NULL: no memory. */
struct crl_store_client *desk_client(struct desk *desk, uint32_t requests_max);

void desk_write(struct desk *desk, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* desk_expect - the lines since the last time are these. */
void desk_expect(struct desk *desk, const char *lines);

/* desk_tell - an action of the core. Keys are letters; the token of a lease is made of the ask. A
 * fill's entry was answered 50 ms ago and is fresh for 30 s; it comes 70 ms after the grant.
 * desk_try() returns what the client says. */
void desk_tell(struct desk *desk, enum crl_action_kind kind, char key, uint64_t ask);
int desk_try(struct desk *desk, enum crl_action_kind kind, char key, uint64_t ask);
struct crl_token desk_token(uint64_t ask);

/* What arrives. */
void desk_link(struct desk *desk);
void desk_unlink(struct desk *desk);
void desk_reply(struct desk *desk, uint64_t number, struct crl_store_reply reply);
void desk_reply_leased(struct desk *desk, uint64_t number, uint64_t ask, corral_us lease_us);
void desk_reply_value(struct desk *desk, uint64_t number, corral_us age_us, corral_us fresh_us);
void desk_reply_done(struct desk *desk, uint64_t number, bool is_done);
void desk_push(struct desk *desk, char key);
void desk_timer(struct desk *desk);
corral_us desk_next_at(const struct desk *desk);

#endif
