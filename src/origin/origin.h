/* SPDX-License-Identifier: Apache-2.0
 *
 * origin.h - the port to where values come from, and its contract.
 *
 * An origin executes loads. It neither limits nor queues nor times them: the core does, and starts
 * a load only when the bulkhead has a place for it. The contract, which tests/contract/ runs on
 * every implementation:
 *
 *   O1  start() is called on the engine thread and does not block.
 *   O2  Every started load ends by exactly one crl_load_answer(), from any thread, at any time,
 *       also before start() returns.
 *   O3  After cancel() the load ends soon, whatever the origin was doing; the answer may be
 *       anything, it is dropped. A load that has ended, or ends this very moment, may be cancelled:
 *       no harm.
 *   O4  The key and the space argument of a load are valid until it ends, and not after.
 *   O5  An answer says one of: a value, not found, or an error with a text for people.
 *   O6  free() is called once, by the engine's owner, when nobody starts or cancels loads any more.
 *       It cancels the loads that have not ended and waits for what is running, at most `wait_us`;
 *       what is still stuck by then is left behind, and frees itself when it comes back. Every load
 *       has ended when free() returns, and no answer is given afterwards.
 *
 * Threads: as above. An implementation never calls into the core.
 */
#ifndef CRL_ORIGIN_ORIGIN_H
#define CRL_ORIGIN_ORIGIN_H

#include <corral/corral.h>

struct crl_load;

/* What an origin answers. Exactly one of the three forms: rc 0 and data (a value); rc 0, data NULL
 * (not found); rc < 0 (an error). */
struct crl_load_result {
    int rc;     /* 0, or EORIGIN, EVALUE, ENOMEM, EDEADLINE (cancelled) */
    void *data; /* malloc'd, taken by the receiver */
    size_t size;
    const char *why; /* text of an error, borrowed for the call; may be NULL */
};

/* A load in the hands of an origin. Embedded in what the engine keeps of it; an origin that needs
 * more room of its own uses `link` and `mark`. */
struct crl_load {
    uint64_t id;             /* unique in the process */
    struct corral_bytes key; /* O4 */
    void *space_arg;         /* O4; a statement, a program's pointer */
    corral_us deadline_at;   /* monotonic; the origin may use it, the core enforces it */

    void (*answer)(struct crl_load *load, const struct crl_load_result *result);
    void *origin_private; /* the origin's, NULL at start */
};

/* crl_load_answer - end a load. Any thread, once. The load must not be touched afterwards. */
static inline void crl_load_answer(struct crl_load *load, const struct crl_load_result *result)
{
    load->answer(load, result);
}

struct crl_origin {
    const struct crl_origin_ops *ops;
};

struct crl_sql_ops;

struct crl_origin_ops {
    const char *kind; /* "callback", "sqlite" */
    void (*start)(struct crl_origin *origin, struct crl_load *load);
    void (*cancel)(struct crl_origin *origin, struct crl_load *load);
    /* Returns 0, or CORRAL_ETIMEDOUT if something was left behind. */
    int (*free)(struct crl_origin *origin, corral_us wait_us);
    const struct crl_sql_ops *sql; /* sql.h; NULL: the origin does not speak SQL */
};

#endif
