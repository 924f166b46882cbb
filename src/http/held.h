/* SPDX-License-Identifier: Apache-2.0
 *
 * held.h - what answers hold in memory while they are sent, and whose answer is the slowest.
 *
 * Concept. The bytes of an answer stay until its client has taken them all, though the cache may
 * have dropped the value long ago. Clients that read slowly can so keep any number of values that
 * are in no budget. Each front thread keeps a book of its answers; the books of all threads share
 * one total, with a limit. Answers that hold the same bytes, as of a value that many ask for, count
 * once in a book.
 *
 *   H1  book->bytes is the sum of the sizes of the different data in it
 *   H2  total->bytes is the sum of its books
 *
 * The limit is soft for a moment: each front looks once in a round whether it is passed, and an
 * answer has CRL_HELD_GRACE before it can be found slow. Until then no more can come together than
 * origins can bring in that time.
 *
 * Not here: to cut anybody off, which is the front's; small answers of a connection's own memory,
 * at most 16 KiB each, which are limited with the number of connections.
 *
 * Threads: a book belongs to one thread, a total to all. No allocation, no lock. */
#ifndef CRL_HTTP_HELD_H
#define CRL_HTTP_HELD_H

#include <corral/corral.h>

#include <h2o/linklist.h>
#include <stdatomic.h>

#define CRL_HELD_GRACE CORRAL_MS(200)

enum {
    CRL_HELD_SLOTS = 256,
    CRL_HELD_LOOKED_AT = 256, /* answers, for the slowest of them */
};

struct crl_held_total {
    _Atomic uint64_t bytes;
    uint64_t max;
    uint32_t books;
};

/* An answer; embedded in what its owner keeps of it. All zeros: in no book. */
struct crl_held {
    const void *data;
    size_t size;
    corral_us since;
    void *of;             /* the owner's */
    h2o_linklist_t all;   /* in the book */
    h2o_linklist_t link;  /* the first with its data: in the book's slot; others: in its twins */
    h2o_linklist_t twins; /* of the first */
    bool is_first;
};

struct crl_held_book {
    struct crl_held_total *total;
    uint64_t bytes;
    h2o_linklist_t all;
    h2o_linklist_t slots[CRL_HELD_SLOTS]; /* by address of the data */
};

/* crl_held_book_init - an empty book. The total is borrowed. */
void crl_held_book_init(struct crl_held_book *book, struct crl_held_total *total);

/* crl_held_add - an answer begins; data, size, since and of are set, size > 0. O(1), but for data
 * whose addresses fall into the same slot. */
void crl_held_add(struct crl_held_book *book, struct crl_held *held);

/* crl_held_remove - it has ended, or will in a moment. One that is in no book is left alone. */
void crl_held_remove(struct crl_held_book *book, struct crl_held *held);

/* crl_held_is_too_much - is the limit passed, and this book's part of it too? Then this book's
 * front has to let somebody go; one answer it may always have. */
bool crl_held_is_too_much(const struct crl_held_book *book);

/* crl_held_slowest - of the answers that are looked at this time, the one that got on slowest since
 * it began; the oldest of equals. NULL: none is older than the grace.
 * sent  how many of its bytes the client has; O(CRL_HELD_LOOKED_AT) calls */
struct crl_held *crl_held_slowest(struct crl_held_book *book, corral_us now,
                                  size_t (*sent)(const struct crl_held *held));

#endif
