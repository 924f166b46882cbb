/* SPDX-License-Identifier: Apache-2.0
 *
 * origin.h - the port to where values come from, and its contract.
 *
 * An origin executes loads. It neither limits nor queues nor times them: the core does, and starts
 * a load only when the bulkhead has a place for it. The contract, which tests/contract/ runs on
 * every implementation:
 *
 *   O1  start() and cancel() are called in the engine's turn: by one thread at a time, but not
 *       always by the same one. They do not block. start() gets a list of at least one load. The
 *       list belongs to the origin from then on, and so does `next` of each load until that load
 *       ends. Loads that hold one place of the bulkhead together, all of one space, follow each
 *       other in the list, and all but the first of them are mates: they can be one query. An
 *       origin that has told of no `batch_max` is given none.
 *   O2  Every started load ends by exactly one answer, from any thread, at any time, also before
 *       start() returns. The thread that answers may have to drive the engine, which calls start()
 *       and cancel(). It must not hold a lock that these two take.
 *   O3  After cancel() the load ends soon, whatever the origin was doing; the answer may be
 *       anything, it is dropped. A load that has ended, or ends this very moment, may be cancelled:
 *       no harm.
 *   O4  The key and the space argument of a load are valid until it ends, and not after.
 *   O5  An answer says one of: a value, not found, or an error with a text for people.
 *   O6  close_begin() is called once, by the engine's owner, when nobody starts or cancels loads
 *       any more. It cancels the loads that have not ended, and does not block. close_wait()
 *       follows, once: it waits for what is running, at most `wait_us`, and frees the origin. What
 *       is still stuck by then is given up; a thread that is stuck is left behind, and frees what
 *       it needs when it comes back: then close_wait() returns ETIMEDOUT, and `gone` is called
 *       once, by the last such thread, when it runs no code of the program any more; that may be
 *       before close_wait() has returned. Every load has ended when close_wait() returns, and no
 *       answer is given afterwards.
 *   O7  A value is written where it was produced, on that thread, into a draft of the load
 *       (crl_load_draft()). Nobody copies it later. Where there is no memory for a draft, the
 *       answer is ENOMEM.
 *   O8  The allocator of a load is valid until the load ends, and as long as a draft from it lives.
 *       Whoever makes a draft while another thread may end the load, holds a reference on the
 *       allocator meanwhile. The draft of a load that has ended is freed by its maker.
 *   O9  Loads of one origin whose answers are there at the same time can be answered by one call;
 *       they then reach the engine together and in that order.
 *
 * Closing is two calls, so that several origins close at the same time: begin with all of them,
 * then wait for each. It blocks, and has no callback instead, because corral_close() blocks anyway,
 * and because a callback would need a thread that outlives the engine to be called on.
 *
 * Threads: as above. An implementation never calls into the core. */
#ifndef CRL_ORIGIN_ORIGIN_H
#define CRL_ORIGIN_ORIGIN_H

#include "base/assert.h"
#include "core/entry.h"

#include <corral/corral.h>

struct crl_load_answered;
struct crl_sql_ops;

/* What an origin answers; made by the three functions below. Exactly one of the three forms: rc 0
 * and a draft (a value); rc 0 and no draft (not found); rc < 0 (an error). */
struct crl_load_result {
    int rc;                  /* 0, or EORIGIN or a code (base/rc.h), EVALUE, ENOMEM, EDEADLINE
                              * (cancelled) */
    struct crl_entry *draft; /* one reference, taken by the receiver */
    corral_us ttl_us;        /* how long the answer may live at most; or CRL_TTL_OF_POLICY */
    const char *why;         /* text of an error, borrowed for the call; may be NULL */
};

/* A load in the hands of an origin. Embedded in what the engine keeps of it; an origin keeps what
 * it needs beyond in memory of its own, at `origin_private`. */
struct crl_load {
    struct crl_load *next;           /* O1; NULL: the last of its list */
    bool is_mate;                    /* O1: it goes together with the one before it in the list */
    uint64_t id;                     /* unique among the loads of its cache */
    uint64_t cache;                  /* the number of that: unique in the process, never 0 */
    struct corral_bytes key;         /* O4 */
    void *space_arg;                 /* O4; a statement, a program's pointer */
    corral_us deadline_at;           /* monotonic; the origin may use it, the core enforces it */
    struct crl_allocator *allocator; /* O8; where drafts come from */

    void (*answer)(const struct crl_load_answered *answered, size_t n);
    void *origin_private; /* the origin's, NULL at start */
};

/* A load and how it ends. */
struct crl_load_answered {
    struct crl_load *load;
    struct crl_load_result result;
};

/* -------------------------------------------------------------------------------------- results */

/* crl_load_value - the result that is a value. Takes the draft. */
static inline struct crl_load_result crl_load_value(struct crl_entry *draft)
{
    return (struct crl_load_result){.draft = draft, .ttl_us = CRL_TTL_OF_POLICY};
}

/* crl_load_absent - the result "not found". */
static inline struct crl_load_result crl_load_absent(void)
{
    return (struct crl_load_result){.ttl_us = CRL_TTL_OF_POLICY};
}

/* crl_load_failed - the result that is an error.
 * why  text for people, borrowed until the answer has been given; may be NULL */
static inline struct crl_load_result crl_load_failed(int rc, const char *why)
{
    return (struct crl_load_result){.rc = rc, .ttl_us = CRL_TTL_OF_POLICY, .why = why};
}

/* crl_load_result_is_valid - has it one of the three forms? Pure. */
static inline bool crl_load_result_is_valid(struct crl_load_result result)
{
    return result.rc <= 0 && (result.rc == 0 || result.draft == NULL) &&
           (result.ttl_us >= 0 || result.ttl_us == CRL_TTL_OF_POLICY);
}

/* crl_load_draft - an entry that nobody sees yet, for the value of a load (O7). The maker writes
 * the bytes to crl_entry_value_room(), and answers with the draft, or gives it back by
 * crl_entry_unref() with the load's allocator. Key and times are written by the core.
 *
 * value_bytes  at most 4 GiB - 1; the origin keeps its own, smaller limit
 * meta_bytes   of a small header before the value
 * Any thread, while the load has not ended. Returns NULL without memory. */
static inline struct crl_entry *crl_load_draft(const struct crl_load *load, size_t value_bytes,
                                               size_t meta_bytes)
{
    crl_assert(load->allocator != NULL);
    return crl_entry_draft(load->allocator, load->key.size, value_bytes, meta_bytes);
}

/* What a program keeps with each value, and no reader needs to work out again: a tag, a content
 * type. It is made where the value is made, on that thread (O7). */
struct crl_value_meta {
    size_t bytes; /* 1 to 65535 */
    void (*make)(struct corral_bytes value, void *ret_meta);
};

/* -------------------------------------------------------------------------------------- answers */

/* crl_load_answer_list - end several loads of one origin, at least one, with one letter to the
 * engine (O9). Any thread, once for each load. The loads must not be touched afterwards.
 * answered  borrowed for the call; the drafts in it are taken */
static inline void crl_load_answer_list(const struct crl_load_answered *answered, size_t n)
{
    crl_assert(n > 0);
    for (size_t i = 0; i < n; i++) {
        crl_assert(answered[i].load->answer == answered[0].load->answer);
        crl_assert(crl_load_result_is_valid(answered[i].result)); /* O5 */
    }
    answered[0].load->answer(answered, n);
}

/* crl_load_answer - the same for one load. */
static inline void crl_load_answer(struct crl_load *load, struct crl_load_result result)
{
    crl_load_answer_list(&(struct crl_load_answered){load, result}, 1);
}

/* ------------------------------------------------------------------------------------- the port */

struct crl_origin {
    const struct crl_origin_ops *ops;
    void (*gone)(void *arg); /* O6; set before close_wait(); NULL: nobody wants to know */
    void *gone_arg;
};

struct crl_origin_ops {
    const char *kind; /* "callback", "sqlite" */
    void (*start)(struct crl_origin *origin, struct crl_load *list);
    void (*cancel)(struct crl_origin *origin, struct crl_load *load);
    void (*close_begin)(struct crl_origin *origin);
    int (*close_wait)(struct crl_origin *origin, corral_us wait_us);
    const struct crl_sql_ops *sql; /* sql.h; NULL: the origin does not speak SQL */
};

/* crl_origin_start - O1: start a list of loads, at least one. In the turn. */
static inline void crl_origin_start(struct crl_origin *origin, struct crl_load *list)
{
    crl_assert(list != NULL);
    for (const struct crl_load *load = list; load != NULL; load = load->next)
        crl_assert(load->answer != NULL && load->allocator != NULL && load->origin_private == NULL);
    origin->ops->start(origin, list);
}

/* crl_origin_cancel - O3: the answer of this load is not wanted any more. In the turn. */
static inline void crl_origin_cancel(struct crl_origin *origin, struct crl_load *load)
{
    origin->ops->cancel(origin, load);
}

/* crl_origin_close_begin - O6: cancel all loads. Does not block. */
static inline void crl_origin_close_begin(struct crl_origin *origin)
{
    origin->ops->close_begin(origin);
}

/* crl_origin_close_wait - O6: wait until all loads have ended, at most so long; free the origin.
 * Returns 0, or CORRAL_ETIMEDOUT if something was stuck and has been given up. Blocks. */
static inline int crl_origin_close_wait(struct crl_origin *origin, corral_us wait_us)
{
    crl_assert(wait_us >= 0);
    return origin->ops->close_wait(origin, wait_us);
}

/* crl_origin_close - both, for an origin that is closed alone. Blocks. */
static inline int crl_origin_close(struct crl_origin *origin, corral_us wait_us)
{
    crl_origin_close_begin(origin);
    return crl_origin_close_wait(origin, wait_us);
}

#endif
