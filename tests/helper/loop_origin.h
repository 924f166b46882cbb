/* SPDX-License-Identifier: Apache-2.0
 *
 * loop_origin.h - an origin for tests that waits on a loop and has no workers: what an origin over
 * a network is made of, without the network.
 *
 * It has connections, each of which takes one batch at a time: the loads that were started by one
 * call. A batch waits for a connection, then for its timer; all loads that can be answered when the
 * timer fires are answered by one call. What a load does is the text of its key:
 *
 *   =TEXT    answers TEXT
 *   size=N   answers N bytes
 *   absent   answers "not found"
 *   endless  counts itself in at the gate, and goes on until it is cancelled
 *   gated    counts itself in at the gate, and answers 42 when it is open; cancelling does not help
 *   other    answers an error that names the key
 *
 * Threads and locks. Batches and connections belong to the loop's thread. The lock guards what
 * other threads see: `query->load` and `load->origin_private` (K1 and K2 of origin/work.h hold here
 * too; only the loop's thread ends loads), `is_cancelled`, `refs` and `open`.
 *
 * How it closes. close_begin() cancels all loads. close_wait() waits until they have ended, then
 * gives up the rest, and stops the loop; nothing stays behind, because nothing can be stuck. */
#ifndef CRL_TESTS_LOOP_ORIGIN_H
#define CRL_TESTS_LOOP_ORIGIN_H

#include "gate.h"
#include "io/loop.h"

#include <inttypes.h>
#include <urcu/compiler.h>

struct loop_query {
    struct crl_loop_call cancel; /* first */
    struct loop_batch *batch;
    struct crl_load *load; /* NULL: has ended */
    bool is_cancelled;     /* `cancel` is posted, or was */
};

struct loop_batch {
    struct crl_loop_call begin; /* first */
    struct loop_origin *origin;
    struct loop_batch *next;        /* in the queue for a connection */
    struct loop_batch **connection; /* NULL: none */
    uv_timer_t timer;               /* while it has a connection */
    uint32_t refs;                  /* its way to the end, its timer, each letter of cancel */
    uint32_t open;                  /* loads that have not ended */
    size_t n;
    struct loop_query queries[];
};

struct loop_origin {
    struct crl_origin origin; /* first */
    struct crl_loop loop;
    struct crl_loop_call cancel_all, give_up;
    uint64_t delay_ms;
    size_t value_max;
    struct loop_batch *queue;
    struct loop_batch **queue_end;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    uint32_t open; /* loads whose answer has not been given */
    uint32_t connections_n;
    struct loop_batch *connections[]; /* NULL: free */
};

struct loop_origin_options {
    uint32_t connections;
    size_t value_max;
    uint64_t delay_ms; /* of each batch */
};

/* -------------------------------------------------------------------------------------- answers */

static inline void loop_batch_unref(struct loop_batch *batch)
{
    pthread_mutex_lock(&batch->origin->lock);
    bool is_last = --batch->refs == 0;
    crl_assert(!is_last || batch->open == 0);
    pthread_mutex_unlock(&batch->origin->lock);
    if (is_last)
        free(batch);
}

static inline bool loop_key_is(const struct crl_load *load, const char *text)
{
    return crl_bytes_equal(load->key, corral_str(text));
}

static inline struct crl_load_result loop_value(struct loop_origin *origin, struct crl_load *load,
                                                const char *bytes, size_t size)
{
    if (size > origin->value_max)
        return crl_load_failed(CORRAL_EVALUE, "it is too large");
    struct crl_entry *draft = crl_load_draft(load, size, 0);
    if (draft == NULL)
        return crl_load_failed(CORRAL_ENOMEM, NULL);
    if (bytes != NULL)
        memcpy(crl_entry_value_room(draft), bytes, size);
    else
        memset(crl_entry_value_room(draft), 'x', size);
    return crl_load_value(draft);
}

/* What a load is answered now. Returns false where it has to wait. */
static inline bool loop_answer_of(struct loop_origin *origin, struct crl_load *load,
                                  struct crl_load_result *ret_result)
{
    char key[64];
    uint64_t size;
    snprintf(key, sizeof key, "%.*s", (int)load->key.size, (const char *)load->key.data);
    if (loop_key_is(load, "endless"))
        return false;
    if (loop_key_is(load, "gated")) {
        bool is_open;
        probe_do(is_open = gate.open);
        if (is_open)
            *ret_result = loop_value(origin, load, "42", 2);
        return is_open;
    }
    if (loop_key_is(load, "absent"))
        *ret_result = crl_load_absent();
    else if (sscanf(key, "size=%" SCNu64, &size) == 1)
        *ret_result = loop_value(origin, load, NULL, size);
    else if (key[0] == '=')
        *ret_result = loop_value(origin, load, key + 1, strlen(key + 1));
    else
        *ret_result = crl_load_failed(CORRAL_EORIGIN, "there is no such key");
    return true;
}

/* End a query; the caller owes the answer. */
static inline struct crl_load *loop_take_load(struct loop_query *query)
{
    struct loop_batch *batch = query->batch;
    pthread_mutex_lock(&batch->origin->lock);
    struct crl_load *load = query->load;
    crl_assert(load->origin_private == query);
    load->origin_private = NULL;
    query->load = NULL;
    batch->open--;
    pthread_mutex_unlock(&batch->origin->lock);
    return load;
}

/* Give the answers that are owed, by one call. */
static inline void loop_give(struct loop_origin *origin, const struct crl_load_answered *answered,
                             uint32_t n)
{
    if (n == 0)
        return;
    crl_load_answer_list(answered, n);
    pthread_mutex_lock(&origin->lock);
    origin->open -= n;
    pthread_cond_broadcast(&origin->ended);
    pthread_mutex_unlock(&origin->lock);
}

/* ------------------------------------------------------------------------ queue and connections */

static inline void loop_admit(struct loop_origin *origin);

static inline void loop_timer_closed(uv_handle_t *timer)
{
    loop_batch_unref(timer->data);
}

/* Has the batch ended? Then its connection takes the next one. */
static inline void loop_settle(struct loop_batch *batch)
{
    struct loop_origin *origin = batch->origin;
    if (batch->open > 0 || batch->connection == NULL)
        return;
    *batch->connection = NULL;
    batch->connection = NULL;
    uv_close((uv_handle_t *)&batch->timer, loop_timer_closed);
    loop_batch_unref(batch);
    loop_admit(origin);
}

static inline void loop_on_timer(uv_timer_t *timer)
{
    struct loop_batch *batch = timer->data;
    struct crl_load_answered *answered = calloc(batch->n, sizeof *answered);
    uint32_t n = 0;
    crl_assert(answered != NULL && crl_loop_is_here(&batch->origin->loop));
    for (size_t i = 0; i < batch->n; i++) {
        struct loop_query *query = &batch->queries[i];
        if (query->load != NULL && loop_answer_of(batch->origin, query->load, &answered[n].result))
            answered[n++].load = loop_take_load(query);
    }
    loop_give(batch->origin, answered, n);
    free(answered);
    if (batch->open > 0)
        uv_timer_start(timer, loop_on_timer, 1, 0); /* the gate does not call */
    loop_settle(batch);
}

static inline void loop_connect(struct loop_batch *batch, struct loop_batch **connection)
{
    struct loop_origin *origin = batch->origin;
    batch->connection = connection;
    *connection = batch;
    pthread_mutex_lock(&origin->lock);
    batch->refs++;
    pthread_mutex_unlock(&origin->lock);
    uv_timer_init(&origin->loop.uv, &batch->timer);
    batch->timer.data = batch;
    uv_timer_start(&batch->timer, loop_on_timer, origin->delay_ms, 0);
    for (size_t i = 0; i < batch->n; i++) {
        const struct crl_load *load = batch->queries[i].load;
        if (load != NULL && (loop_key_is(load, "endless") || loop_key_is(load, "gated")))
            gate_enter();
    }
}

/* Give free connections to who waits. */
static inline void loop_admit(struct loop_origin *origin)
{
    for (uint32_t i = 0; i < origin->connections_n && origin->queue != NULL;) {
        if (origin->connections[i] != NULL) {
            i++;
            continue;
        }
        struct loop_batch *batch = origin->queue;
        origin->queue = batch->next;
        if (origin->queue == NULL)
            origin->queue_end = &origin->queue;
        if (batch->open > 0)
            loop_connect(batch, &origin->connections[i]);
        else
            loop_batch_unref(batch); /* cancelled while it waited */
    }
}

/* ---------------------------------------------------------------------------- calls on the loop */

static inline void loop_begin_run(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct loop_batch *batch = (struct loop_batch *)call;
    crl_assert(crl_loop_is_here(loop));
    *batch->origin->queue_end = batch;
    batch->origin->queue_end = &batch->next;
    loop_admit(batch->origin);
}

/* End a query that is not wanted any more, if that helps. */
static inline void loop_call_off(struct loop_query *query, bool is_given_up)
{
    struct loop_batch *batch = query->batch;
    bool helps =
        query->load != NULL && (batch->connection == NULL || !loop_key_is(query->load, "gated"));
    if (!helps && !(query->load != NULL && is_given_up))
        return;
    struct crl_load_answered answered = {
        .load = loop_take_load(query),
        .result = crl_load_failed(CORRAL_EDEADLINE, "the load was cancelled"),
    };
    loop_give(batch->origin, &answered, 1);
}

static inline void loop_cancel_run(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct loop_query *query = (struct loop_query *)call;
    struct loop_batch *batch = query->batch;
    crl_assert(crl_loop_is_here(loop));
    loop_call_off(query, false);
    loop_settle(batch);
    loop_batch_unref(batch);
}

static inline void loop_call_off_all(struct loop_origin *origin, bool is_given_up)
{
    for (struct loop_batch *batch = origin->queue; batch != NULL; batch = batch->next) {
        for (size_t i = 0; i < batch->n; i++)
            loop_call_off(&batch->queries[i], is_given_up);
    }
    for (uint32_t i = 0; i < origin->connections_n; i++) {
        struct loop_batch *batch = origin->connections[i];
        for (size_t k = 0; batch != NULL && k < batch->n; k++)
            loop_call_off(&batch->queries[k], is_given_up);
        if (batch != NULL)
            loop_settle(batch);
    }
}

static inline void loop_cancel_all_run(struct crl_loop *loop, struct crl_loop_call *call)
{
    (void)loop;
    loop_call_off_all(caa_container_of(call, struct loop_origin, cancel_all), false);
}

static inline void loop_give_up_run(struct crl_loop *loop, struct crl_loop_call *call)
{
    (void)loop;
    struct loop_origin *origin = caa_container_of(call, struct loop_origin, give_up);
    loop_call_off_all(origin, true);
    crl_assert(origin->queue == NULL && origin->open == 0);
}

/* ------------------------------------------------------------------------------------- the port */

static inline void loop_start_failed(struct crl_load *list)
{
    while (list != NULL) {
        struct crl_load *load = list;
        list = load->next;
        crl_load_answer(load, crl_load_failed(CORRAL_ENOMEM, NULL));
    }
}

static inline void loop_start(struct crl_origin *port, struct crl_load *list)
{
    struct loop_origin *origin = (struct loop_origin *)port;
    uint32_t n = 0;
    for (const struct crl_load *load = list; load != NULL; load = load->next)
        n++;
    struct loop_batch *batch = calloc(1, sizeof *batch + n * sizeof batch->queries[0]);
    if (batch == NULL) {
        loop_start_failed(list);
        return;
    }
    batch->begin.run = loop_begin_run;
    batch->origin = origin;
    batch->n = batch->open = n;
    batch->refs = 1;
    for (struct loop_query *query = batch->queries; list != NULL; query++, list = list->next) {
        *query = (struct loop_query){{.run = loop_cancel_run}, batch, list, false};
        list->origin_private = query;
    }
    pthread_mutex_lock(&origin->lock);
    origin->open += n;
    pthread_mutex_unlock(&origin->lock);
    crl_loop_post(&origin->loop, &batch->begin);
}

static inline void loop_cancel(struct crl_origin *port, struct crl_load *load)
{
    struct loop_origin *origin = (struct loop_origin *)port;
    pthread_mutex_lock(&origin->lock);
    struct loop_query *query = load->origin_private;
    if (query != NULL && !query->is_cancelled) {
        query->is_cancelled = true;
        query->batch->refs++;
        crl_loop_post(&origin->loop, &query->cancel);
    }
    pthread_mutex_unlock(&origin->lock);
}

static inline void loop_close_begin(struct crl_origin *port)
{
    struct loop_origin *origin = (struct loop_origin *)port;
    crl_loop_post(&origin->loop, &origin->cancel_all);
}

static inline int loop_close_wait(struct crl_origin *port, corral_us wait_us)
{
    struct loop_origin *origin = (struct loop_origin *)port;
    corral_us until = crl_now() + wait_us;
    struct timespec at = {.tv_sec = until / 1000000, .tv_nsec = until % 1000000 * 1000};
    pthread_mutex_lock(&origin->lock);
    while (origin->open > 0 && crl_now() < until)
        (void)pthread_cond_timedwait(&origin->ended, &origin->lock, &at); /* the loop looks */
    int rc = origin->open > 0 ? CORRAL_ETIMEDOUT : 0;
    pthread_mutex_unlock(&origin->lock);

    crl_loop_post(&origin->loop, &origin->give_up);
    crl_loop_stop(&origin->loop);
    if (rc < 0 && port->gone != NULL)
        port->gone(port->gone_arg);
    pthread_cond_destroy(&origin->ended);
    pthread_mutex_destroy(&origin->lock);
    free(origin);
    return rc;
}

static inline int loop_origin_new(const struct loop_origin_options *options,
                                  struct crl_origin **ret_origin)
{
    static const struct crl_origin_ops ops = {
        .kind = "loop",
        .start = loop_start,
        .cancel = loop_cancel,
        .close_begin = loop_close_begin,
        .close_wait = loop_close_wait,
    };
    struct loop_origin *origin =
        calloc(1, sizeof *origin + options->connections * sizeof origin->connections[0]);
    if (origin == NULL)
        return CORRAL_ENOMEM;
    origin->origin.ops = &ops;
    origin->cancel_all.run = loop_cancel_all_run;
    origin->give_up.run = loop_give_up_run;
    origin->delay_ms = options->delay_ms;
    origin->value_max = options->value_max;
    origin->connections_n = options->connections;
    origin->queue_end = &origin->queue;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&origin->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&origin->lock, NULL);
    int rc = crl_loop_start(&origin->loop, "test-origin");
    if (rc < 0) {
        free(origin);
        return rc;
    }
    *ret_origin = &origin->origin;
    return 0;
}

#endif
