/* SPDX-License-Identifier: Apache-2.0
 *
 * callback.c - loads that a program's function answers, when it likes.
 *
 * A struct corral_load is the program's view of a load: with its own copy of the key, counted by
 * reference, tied to nothing that the engine owns. What the loader holds is not its address but a
 * ticket (ticket.h), so that every answer but the first is harmless at any time. A loader of many
 * keys is given the tickets of a load and its mates; each of them is answered like any other.
 *
 * Invariants:
 *
 *   C1  Two references: the worker's, given back when the loader function has returned (or will
 *       never be called), and the loader's, given back with the answer. So the key stays valid
 *       until both are through, and a loader that never answers leaks its load.
 *   C2  The first answer claims the ticket. Whether it still reaches anyone is the work's to decide
 *       (work.h): after the deadline or corral_close() it is dropped.
 *   C3  What the loader may change before its answer (`ttl_us`, `room`) changes by a look at the
 *       ticket, so while nobody can claim it. Who has claimed it owns both.
 *   C4  The room for a value is a draft that the load owns, until it is answered. So a loader may
 *       write into it after the load was cancelled, or its cache closed: the draft keeps its arena.
 *
 * Threads: whichever has the engine's turn, the workers, and whatever threads the program answers
 * from. */
#include "origin/callback.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/rc.h"
#include "core/core.h"
#include "io/clock.h"
#include "origin/ticket.h"
#include "origin/work.h"

#include <stdlib.h>

struct callback_origin {
    struct crl_works works; /* first */
    struct crl_origin_callback_options options;
};

struct corral_load {
    struct crl_work work; /* first */
    struct crl_running running;
    const void *ticket;
    void *space_arg;
    corral_us deadline_at;
    size_t value_max;
    uint32_t worker;        /* that runs its loader; set before that begins */
    corral_us ttl_us;       /* what the loader said; C3 */
    struct crl_entry *room; /* for the value; NULL: none. C3, C4 */
    _Atomic uint32_t refs;  /* C1 */
    unsigned char key[];    /* work.key_size bytes */
};

/* On a worker, while it is in the loader function. */
static __thread struct crl_running running_here;

struct crl_running crl_running_here(void)
{
    return running_here;
}

/* --------------------------------------------------------------------------------------- a load */

static struct corral_load *load_new(const struct callback_origin *origin,
                                    const struct crl_load *engine_load)
{
    struct corral_bytes key = engine_load->key;
    struct corral_load *load = malloc(sizeof *load + key.size);
    if (load == NULL)
        return NULL;
    load->ticket = crl_ticket_issue(load);
    if (load->ticket == NULL) {
        free(load);
        return NULL;
    }
    load->running = (struct crl_running){engine_load->cache, engine_load->id};
    load->space_arg = engine_load->space_arg;
    load->deadline_at = engine_load->deadline_at;
    load->value_max = origin->options.value_max;
    load->worker = 0;
    load->ttl_us = CRL_TTL_OF_POLICY;
    load->room = NULL;
    atomic_init(&load->refs, 2);
    if (key.size > 0)
        memcpy(load->key, key.data, key.size);
    return load;
}

static void load_unref(struct corral_load *load)
{
    uint32_t before = atomic_fetch_sub_explicit(&load->refs, 1, memory_order_acq_rel);
    crl_assert(before > 0);
    if (before > 1)
        return;
    crl_assert(load->room == NULL);
    crl_work_fini(&load->work);
    free(load);
}

/* ------------------------------------------------------------------------------------- the port */

/* A load that is to be started; NULL without memory, then it is answered. */
static struct corral_load *load_prepare(struct callback_origin *origin,
                                        struct crl_load *engine_load)
{
    struct corral_load *load = load_new(origin, engine_load);
    if (load == NULL)
        crl_load_answer(engine_load, crl_load_failed(CORRAL_ENOMEM, NULL));
    else
        crl_work_init(&origin->works, &load->work, engine_load);
    return load;
}

/* Start a load and the mates that follow it. Returns what comes after them. */
static struct crl_load *start_mates(struct callback_origin *origin, struct crl_load *list)
{
    struct crl_work *leader = NULL, **end = &leader;
    do {
        struct crl_load *engine_load = list;
        list = list->next; /* before the load can end */
        struct corral_load *load = load_prepare(origin, engine_load);
        if (load != NULL) {
            *end = &load->work;
            end = &load->work.mate;
        }
    } while (list != NULL && list->is_mate);
    if (leader != NULL)
        crl_work_start(leader);
    return list;
}

static void start(struct crl_origin *port, struct crl_load *list)
{
    while (list != NULL)
        list = start_mates((struct callback_origin *)port, list);
}

static void run(struct crl_work *leader, uint32_t worker)
{
    const struct callback_origin *origin = (struct callback_origin *)leader->works;
    struct corral_load *tickets[1u << CRL_BATCH_BITS];
    uint32_t n = 0;
    for (struct crl_work *work = crl_work_running(leader); work != NULL;
         work = crl_work_running(work->mate)) {
        struct corral_load *load = (struct corral_load *)work;
        load->worker = worker;
        crl_assert(n < sizeof tickets / sizeof tickets[0]);
        tickets[n++] = (struct corral_load *)load->ticket;
    }
    crl_assert(n == 1 || origin->options.load_many != NULL); /* no batch_max, no mates */
    running_here = ((const struct corral_load *)leader)->running;
    if (origin->options.load_many != NULL)
        origin->options.load_many(origin->options.arg, tickets, n);
    else
        origin->options.loader(origin->options.arg, tickets[0]);
    running_here = (struct crl_running){0};
}

static void release(struct crl_work *work, bool has_run)
{
    struct corral_load *load = (struct corral_load *)work;
    if (!has_run) { /* the loader was never told of it */
        (void)crl_ticket_claim(load->ticket);
        load_unref(load);
    }
    load_unref(load);
}

static void destroy(struct crl_works *works)
{
    crl_works_fini(works);
    free(works);
}

int crl_origin_callback_new(const struct crl_origin_callback_options *options,
                            struct crl_origin **ret_origin)
{
    static const struct crl_origin_ops origin_ops = {
        .kind = "callback",
        .start = start,
        .cancel = crl_works_cancel,
        .close_begin = crl_works_close_begin,
        .close_wait = crl_works_close_wait,
    };
    static const struct crl_works_ops works_ops = {
        .run = run,
        .release = release,
        .destroy = destroy,
    };
    crl_assert((options->loader != NULL) != (options->load_many != NULL));
    struct callback_origin *origin = malloc(sizeof *origin);
    if (origin == NULL)
        return CORRAL_ENOMEM;
    *origin = (struct callback_origin){.options = *options};
    int rc = crl_works_init(&origin->works, &origin_ops, &works_ops, "corral-loader",
                            options->concurrency);
    if (rc < 0) {
        free(origin);
        return rc;
    }
    *ret_origin = &origin->works.origin;
    return 0;
}

/* -------------------------------------------------------------------- what a loader may look at */

/* What corral_load_...() may ask. For a load that has been answered: nothing is left, and nobody
 * wants it. */
struct view {
    struct corral_bytes key;
    void *space_arg;
    corral_us deadline_at;
    uint32_t worker;
    bool is_cancelled;
};

static void look(void *object, void *arg)
{
    const struct corral_load *load = object;
    struct view *view = arg;
    *view = (struct view){
        .key = crl_bytes(load->key, load->work.key_size),
        .space_arg = load->space_arg,
        .deadline_at = load->deadline_at,
        .worker = load->worker,
        .is_cancelled = crl_work_is_cancelled(&load->work),
    };
}

static struct view view_of(const struct corral_load *ticket)
{
    struct view view = {.deadline_at = INT64_MIN, .is_cancelled = true};
    (void)crl_ticket_look(ticket, look, &view);
    return view;
}

struct corral_bytes corral_load_key(const struct corral_load *load)
{
    return view_of(load).key;
}

void *corral_load_space_arg(const struct corral_load *load)
{
    return view_of(load).space_arg;
}

corral_us corral_load_remaining(const struct corral_load *load)
{
    corral_us deadline_at = view_of(load).deadline_at;
    return deadline_at == INT64_MIN ? 0 : deadline_at - crl_now();
}

bool corral_load_cancelled(const struct corral_load *load)
{
    return view_of(load).is_cancelled;
}

uint32_t corral_load_worker(const struct corral_load *load)
{
    return view_of(load).worker;
}

static void set_ttl(void *object, void *arg)
{
    ((struct corral_load *)object)->ttl_us = *(const corral_us *)arg;
}

void corral_load_set_ttl(struct corral_load *ticket, corral_us ttl_us)
{
    corral_us said_us = ttl_us >= 0 || ttl_us == CORRAL_TTL_OF_POLICY ? ttl_us : 0;
    (void)crl_ticket_look(ticket, set_ttl, &said_us);
}

/* -------------------------------------------------------------------------------------- answers */

/* Takes the draft, which may be NULL. */
static void room_drop(struct corral_load *load, struct crl_entry *room)
{
    if (room != NULL)
        crl_entry_unref(load->work.allocator, room);
}

/* Give the loader's answer. Returns what the loader did wrong: 0 as well if nobody wanted it. */
static int answer(struct corral_load *load, struct crl_load_result result)
{
    if (result.rc == 0)
        result.ttl_us = load->ttl_us;
    bool was_given = crl_work_end(&load->work, result);
    room_drop(load, load->room);
    load->room = NULL;
    load_unref(load);
    return was_given && result.rc != CORRAL_EDEADLINE ? result.rc : 0;
}

/* The program's bytes are copied straight into the draft, on the loader's thread. */
static struct crl_load_result result_of(struct corral_load *load, struct corral_bytes value)
{
    if (crl_work_is_cancelled(&load->work))
        return crl_load_failed(CORRAL_EDEADLINE, NULL); /* spare the copy */
    if (value.size > load->value_max)
        return crl_load_failed(CORRAL_EVALUE, NULL);
    struct crl_entry *draft = crl_work_value(&load->work, value);
    return draft != NULL ? crl_load_value(draft) : crl_load_failed(CORRAL_ENOMEM, NULL);
}

int corral_load_value(struct corral_load *ticket, struct corral_bytes value)
{
    struct corral_load *load = crl_ticket_claim(ticket);
    return load != NULL ? answer(load, result_of(load, value)) : 0;
}

static void hold(void *object, void *arg)
{
    struct corral_load *load = object;
    atomic_fetch_add_explicit(&load->refs, 1, memory_order_relaxed);
    *(struct corral_load **)arg = load;
}

static void room_exchange(void *object, void *arg)
{
    struct corral_load *load = object;
    struct crl_entry **room = arg, *old = load->room;
    load->room = *room;
    *room = old;
}

void *corral_load_reserve(struct corral_load *ticket, size_t size)
{
    struct corral_load *load;
    if (!crl_ticket_look(ticket, hold, &load))
        return NULL;
    struct crl_entry *draft = NULL;
    if (size <= load->value_max && !crl_work_is_cancelled(&load->work))
        draft = crl_work_draft(&load->work, size, 0);
    void *room = draft != NULL ? crl_entry_value_room(draft) : NULL;
    if (draft != NULL && !crl_ticket_look(ticket, room_exchange, &draft))
        room = NULL; /* it was answered meanwhile */
    room_drop(load, draft);
    load_unref(load);
    return room;
}

/* The room, if it is large enough. */
struct taking {
    size_t size;
    struct crl_entry *room; /* NULL: it is not */
    struct crl_allocator *allocator;
};

static void room_take(void *object, void *arg)
{
    struct corral_load *load = object;
    struct taking *taking = arg;
    if (load->room == NULL || crl_entry_value(load->room).size < taking->size)
        return;
    taking->room = load->room;
    taking->allocator = load->work.allocator;
    load->room = NULL;
}

/* The first bytes of the room, which is taken; copied only where most of a block would be
 * unused. */
static struct crl_load_result result_of_room(struct corral_load *load, struct crl_entry *room,
                                             size_t size)
{
    if (crl_entry_shorten(room, size))
        return crl_load_value(room);
    struct crl_load_result result = result_of(load, crl_bytes(crl_entry_value_room(room), size));
    room_drop(load, room);
    return result;
}

int corral_load_commit(struct corral_load *ticket, size_t size)
{
    struct taking taking = {.size = size};
    if (!crl_ticket_look(ticket, room_take, &taking))
        return 0;
    if (taking.room == NULL)
        return CORRAL_EINVAL;
    struct corral_load *load = crl_ticket_claim(ticket);
    if (load != NULL)
        return answer(load, result_of_room(load, taking.room, size));
    crl_entry_unref(taking.allocator, taking.room); /* it was answered meanwhile */
    return 0;
}

void corral_load_not_found(struct corral_load *ticket)
{
    struct corral_load *load = crl_ticket_claim(ticket);
    if (load != NULL)
        (void)answer(load, crl_load_absent());
}

void corral_load_fail(struct corral_load *ticket, const char *why)
{
    corral_load_fail_code(ticket, 0, why);
}

void corral_load_fail_code(struct corral_load *ticket, int code, const char *why)
{
    bool is_code = code >= 1 && code <= CORRAL_CODE_MAX;
    struct corral_load *load = crl_ticket_claim(ticket);
    if (load != NULL)
        (void)answer(load, crl_load_failed(is_code ? crl_rc_of_code(code) : CORRAL_EORIGIN, why));
}
