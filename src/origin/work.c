/* SPDX-License-Identifier: Apache-2.0
 *
 * work.c - the life of a load on a worker pool. */
#include "origin/work.h"

#include "base/assert.h"
#include "base/forks.h"

static struct crl_load_result cancelled(void)
{
    return crl_load_failed(CORRAL_EDEADLINE, "the load was cancelled");
}

int crl_works_init(struct crl_works *works, const struct crl_origin_ops *origin_ops,
                   const struct crl_works_ops *ops, const char *name, uint32_t concurrency)
{
    struct crl_pool *pool;
    crl_assert(origin_ops->close_wait == crl_works_close_wait);
    crl_assert(ops->run != NULL && ops->release != NULL && ops->destroy != NULL);
    int rc = crl_pool_new(name, concurrency, &pool);
    if (rc < 0)
        return rc;
    works->origin = (struct crl_origin){.ops = origin_ops};
    works->ops = ops;
    works->pool = pool;
    works->meta = NULL;
    works->open = NULL;
    works->answering = 0;
    atomic_init(&works->refs, 1);
    pthread_mutex_init(&works->lock, NULL); /* glibc's do not fail */
    pthread_cond_init(&works->answered, NULL);
    return 0;
}

void crl_works_fini(struct crl_works *works)
{
    crl_assert(works->open == NULL && works->answering == 0);
    if (works->pool != NULL)
        (void)crl_pool_free(works->pool, 0); /* no job was ever posted */
    pthread_cond_destroy(&works->answered);
    pthread_mutex_destroy(&works->lock);
}

void crl_works_unref(struct crl_works *works)
{
    uint32_t before = atomic_fetch_sub_explicit(&works->refs, 1, memory_order_acq_rel);
    crl_assert(before > 0); /* K5 */
    if (before == 1)
        works->ops->destroy(works);
}

void crl_work_fini(struct crl_work *work)
{
    crl_assert(work->load == NULL);
    crl_works_unref(work->works);
}

/* --------------------------------------------------------------------------------------- ending */

/* End the load of a work: from here on the caller owes the answer. Under the lock. */
static struct crl_load *take_load(struct crl_work *work)
{
    struct crl_load *load = work->load;
    crl_assert(load != NULL && load->origin_private == work); /* K2 */
    load->origin_private = NULL;
    work->load = NULL;
    *work->link = work->next;
    if (work->next != NULL)
        work->next->link = work->link;
    work->works->answering++;
    if (work->leader != NULL) {
        crl_assert(work->leader->open_n > 0); /* K8 */
        work->leader->open_n--;
    }
    return load;
}

/* Give the answer that is owed. The last one lets crl_works_close_wait() go on (K4). */
static void answer(struct crl_works *works, struct crl_load *load, struct crl_load_result result)
{
    crl_load_answer(load, result);
    pthread_mutex_lock(&works->lock);
    if (--works->answering == 0)
        pthread_cond_broadcast(&works->answered);
    pthread_mutex_unlock(&works->lock);
}

bool crl_work_end(struct crl_work *work, struct crl_load_result result)
{
    struct crl_works *works = work->works;
    crl_assert(crl_load_result_is_valid(result));
    pthread_mutex_lock(&works->lock);
    struct crl_load *load = work->load != NULL ? take_load(work) : NULL;
    pthread_mutex_unlock(&works->lock);
    if (load != NULL)
        answer(works, load, result);
    else if (result.draft != NULL)
        crl_entry_unref(work->allocator, result.draft);
    return load != NULL;
}

struct crl_entry *crl_work_draft(struct crl_work *work, size_t value_bytes, size_t meta_bytes)
{
    struct crl_works *works = work->works;
    pthread_mutex_lock(&works->lock);
    bool is_open = work->load != NULL;
    if (is_open)
        crl_allocator_ref(work->allocator); /* K6 */
    pthread_mutex_unlock(&works->lock);
    if (!is_open)
        return NULL;
    struct crl_entry *draft =
        crl_entry_draft(work->allocator, work->key_size, value_bytes, meta_bytes);
    crl_allocator_unref(work->allocator);
    return draft;
}

struct crl_entry *crl_work_value(struct crl_work *work, struct corral_bytes value)
{
    const struct crl_value_meta *meta = work->works->meta;
    struct crl_entry *draft = crl_work_draft(work, value.size, meta != NULL ? meta->bytes : 0);
    if (draft == NULL)
        return NULL;
    if (value.size > 0)
        memcpy(crl_entry_value_room(draft), value.data, value.size);
    if (meta != NULL)
        meta->make(value, crl_entry_meta_room(draft));
    return draft;
}

/* -------------------------------------------------------------------------------------- running */

struct crl_work *crl_work_running(struct crl_work *work)
{
    while (work != NULL && work->state != CRL_WORK_RUNNING)
        work = work->mate;
    return work;
}

/* Those that were cancelled before do not run. Under the lock. */
static void mates_begin(struct crl_work *leader)
{
    for (struct crl_work *work = leader; work != NULL; work = work->mate) {
        crl_assert(work->leader == leader && work->state == CRL_WORK_QUEUED);
        if (work->load != NULL)
            work->state = CRL_WORK_RUNNING;
    }
}

/* The job is over: from here on each is on its own (K7). Under the lock. */
static void mates_part(struct crl_work *leader)
{
    for (struct crl_work *work = leader; work != NULL; work = work->mate) {
        work->leader = NULL;
        if (work->state == CRL_WORK_RUNNING)
            work->state = CRL_WORK_RETURNED;
    }
}

/* The pool is done with a work. */
static void work_leave(struct crl_works *works, struct crl_work *work)
{
    pthread_mutex_lock(&works->lock);
    bool ends = work->load != NULL && crl_work_is_cancelled(work);
    struct crl_load *load = ends ? take_load(work) : NULL;
    bool has_run = work->state == CRL_WORK_RETURNED;
    pthread_mutex_unlock(&works->lock);

    if (load != NULL)
        answer(works, load, cancelled());
    works->ops->release(work, has_run);
}

/* Each may go with its release, and the origin with the last one. */
static void mates_leave(struct crl_works *works, struct crl_work *work)
{
    while (work != NULL) {
        struct crl_work *mate = work->mate;
        work_leave(works, work);
        work = mate;
    }
}

static void run(struct crl_job *job, uint32_t worker)
{
    struct crl_work *leader = (struct crl_work *)job;
    struct crl_works *works = leader->works;

    pthread_mutex_lock(&works->lock);
    mates_begin(leader);
    pthread_mutex_unlock(&works->lock);

    uint32_t forks = crl_forks;
    if (crl_work_running(leader) != NULL) /* else all were cancelled in this very moment */
        works->ops->run(leader, worker);
    if (forks != crl_forks)
        return; /* a child's: the works are the parent's */

    pthread_mutex_lock(&works->lock);
    mates_part(leader);
    pthread_mutex_unlock(&works->lock);
    mates_leave(works, leader);
}

void crl_work_init(struct crl_works *works, struct crl_work *work, struct crl_load *load)
{
    crl_assert(load->answer != NULL && load->allocator != NULL && load->origin_private == NULL);
    atomic_fetch_add_explicit(&works->refs, 1, memory_order_relaxed);
    *work = (struct crl_work){
        .job.run = run,
        .works = works,
        .load = load,
        .allocator = load->allocator,
        .key_size = load->key.size,
    };
}

/* Under the lock. */
static void work_open(struct crl_work *work, struct crl_work *leader)
{
    struct crl_works *works = work->works;
    crl_assert(works == leader->works);
    work->leader = leader;
    leader->open_n++;
    work->next = works->open;
    work->link = &works->open;
    if (work->next != NULL)
        work->next->link = &work->next;
    works->open = work;
    work->load->origin_private = work;
}

void crl_work_start(struct crl_work *leader)
{
    struct crl_works *works = leader->works;
    pthread_mutex_lock(&works->lock);
    for (struct crl_work *work = leader; work != NULL; work = work->mate)
        work_open(work, leader);
    pthread_mutex_unlock(&works->lock);

    crl_pool_post(works->pool, &leader->job);
}

/* ----------------------------------------------------------------------------------- cancelling */

/* Cancel an open work. Under the lock, which is given up to answer; so the work may be gone then.
 */
static void cancel_work(struct crl_work *work)
{
    struct crl_works *works = work->works;
    bool was_cancelled = atomic_exchange(&work->cancelled, true);
    if (work->state == CRL_WORK_RUNNING) {
        if (!was_cancelled && works->ops->interrupt != NULL)
            works->ops->interrupt(work);
        return;
    }
    struct crl_work *leader = work->leader;
    struct crl_load *load = take_load(work);
    bool never_runs =
        leader != NULL && leader->open_n == 0 && crl_pool_take_back(works->pool, &leader->job);
    if (never_runs)
        mates_part(leader);
    pthread_mutex_unlock(&works->lock);
    answer(works, load, cancelled());
    if (never_runs)
        mates_leave(works, leader);
    pthread_mutex_lock(&works->lock);
}

void crl_works_cancel(struct crl_origin *origin, struct crl_load *load)
{
    struct crl_works *works = (struct crl_works *)origin;
    pthread_mutex_lock(&works->lock);
    struct crl_work *work = load->origin_private;
    if (work != NULL) {
        crl_assert(work->works == works && work->load == load); /* K2 */
        cancel_work(work);
    }
    pthread_mutex_unlock(&works->lock);
}

/* Cancel what is open. Each round ends a load or marks one, so this comes to an end. Under the
 * lock.
 */
static void cancel_all(struct crl_works *works)
{
    struct crl_work *work = works->open;
    while (work != NULL) {
        bool is_marked = work->state == CRL_WORK_RUNNING && crl_work_is_cancelled(work);
        if (is_marked) {
            work = work->next;
            continue;
        }
        cancel_work(work);
        work = works->open; /* the lock was given up: begin again */
    }
}

void crl_works_close_begin(struct crl_origin *origin)
{
    struct crl_works *works = (struct crl_works *)origin;
    crl_assert(works->pool != NULL);
    pthread_mutex_lock(&works->lock);
    cancel_all(works);
    pthread_mutex_unlock(&works->lock);
}

int crl_works_close_wait(struct crl_origin *origin, corral_us wait_us)
{
    struct crl_works *works = (struct crl_works *)origin;
    crl_assert(works->pool != NULL && wait_us >= 0);
    int rc = crl_pool_free_then(works->pool, wait_us, origin->gone, origin->gone_arg);
    works->pool = NULL;

    pthread_mutex_lock(&works->lock);
    while (works->open != NULL) { /* stuck, and left behind */
        struct crl_load *load = take_load(works->open);
        pthread_mutex_unlock(&works->lock);
        answer(works, load, cancelled());
        pthread_mutex_lock(&works->lock);
    }
    while (works->answering > 0)
        pthread_cond_wait(&works->answered, &works->lock);
    pthread_mutex_unlock(&works->lock);
    crl_works_unref(works);
    return rc;
}
