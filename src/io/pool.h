/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.h - a bounded pool of worker threads for jobs that block.
 *
 * Jobs are intrusive and begin in the order of posting. Threads are started as they are needed, up
 * to the limit, so that one more is there than has work; they live until the pool is freed. They
 * inherit priority, processors and the like of whoever made the pool, never of who posts a job.
 * Each worker has a number, 0 <= n < limit, so that its user can give it a resource of its own (a
 * database connection). Workers block all signals: those belong to the program.
 *
 * The queue has no limit of its own: whoever posts has one (the core's bulkhead). */
#ifndef CRL_IO_POOL_H
#define CRL_IO_POOL_H

#include <corral/corral.h>

struct crl_pool;

/* A job; embedded in what it works on. `run` is called once, on a worker thread, and may free it.
 */
struct crl_job {
    struct crl_job *next; /* the pool's, until run() begins */
    void (*run)(struct crl_job *job, uint32_t worker);
};

/* crl_pool_new - a pool with one thread.
 * threads_max  1 to 1024.   name  of its threads, at most 15 characters; copied.
 * Errors: ENOMEM, ESYSTEM no thread could be started */
int crl_pool_new(const char *name, uint32_t threads_max, struct crl_pool **ret_pool);

/* crl_pool_post - run a job. Any thread; does not block. The job is the pool's until run()
 * begins. */
void crl_pool_post(struct crl_pool *pool, struct crl_job *job);

/* crl_pool_take_back - the job is not wanted any more; any thread, not after the job was freed.
 * Returns true if it had not begun: it is the caller's again and will not run. Otherwise it runs,
 * has run, or is about to. Costs a walk along the queue. */
bool crl_pool_take_back(struct crl_pool *pool, struct crl_job *job);

/* crl_pool_free - end the threads, wait for their jobs at most `wait_us`, free the pool.
 * Jobs that wait are run first; none may be posted during or after it. A thread that is still in a
 * job by then is left behind: it runs what is still waiting when its job returns, and cleans up
 * after itself. Jobs must therefore touch nothing that is gone once this has returned ETIMEDOUT.
 * Returns 0, or CORRAL_ETIMEDOUT if threads were left behind. Blocks; not on a worker. */
int crl_pool_free(struct crl_pool *pool, corral_us wait_us);

/* crl_pool_free_then - the same; and if threads are left behind, the last of them calls gone(arg)
 * when it has run its jobs, maybe before this returns. gone   NULL: nobody wants to know */
int crl_pool_free_then(struct crl_pool *pool, corral_us wait_us, void (*gone)(void *arg),
                       void *arg);

#endif
