/* SPDX-License-Identifier: Apache-2.0
 *
 * loads.c - events to the core, its actions carried out, and the loads on their way.
 *
 * Concept. An event is a step of the core, whose actions are carried out at once, but for the
 * loads: those that a batch of events begins are gathered for each origin, which gets them as one
 * list when the batch is over, and has to wake its threads only once.
 *
 * Invariants:
 *   L1  origin->loads[p * batch_max + i] is load i of place p, from ASK_ORIGIN until its answer is
 *       about to be fed to the core, or NULL. So the core can give the place away within that very
 *       step.
 *   L2  A load is freed when its answer has been fed and its report, if any, has been given. Until
 *       it is answered it may be cancelled, in the turn: a load that is to be cancelled has been
 *       started (load_cancel).
 *   L3  At most REPORTS_MAX failures are on their way to the program; what is more is not reported.
 *       Nobody who waits for an answer waits for a report.
 *   L4  A load is reported once if it fails, with what those who wait for it are told: when the
 *       core is fed its answer, or at its deadline, however long its origin hangs. The core says
 *       whether it has failed. What a load that was cancelled brings is not reported.
 *
 * Threads: in the turn, but for loads_answer() (any) and report_run() (the callback thread). */
#include "base/rc.h"
#include "lib/private.h"

#include <stdlib.h>
#include <string.h>

#define WHY_MAX     256
#define REPORTS_MAX CRL_REPORTS_MAX

/* ----------------------------------------------------------------------------------- their ends */

static void load_unref(struct engine_load *load)
{
    uint32_t before = atomic_fetch_sub_explicit(&load->refs, 1, memory_order_acq_rel);
    crl_assert(before > 0);
    if (before > 1)
        return;
    if (load->result.draft != NULL)
        crl_entry_unref(load->engine->cache->arena, load->result.draft);
    free(load->why);
    free(load);
}

/* On the callback thread. */
static void report_run(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct engine_load *load = caa_container_of(call, struct engine_load, reported);
    const struct corral_cache *cache = load->engine->cache;
    crl_assert(crl_loop_is_here(loop) && load->reported_rc < 0);
    atomic_fetch_sub(&load->engine->reports, 1);
    cache->on_failure(cache->on_failure_arg, load->space->name,
                      crl_bytes(load->key, load->load.key.size), crl_rc_plain(load->reported_rc),
                      load->reported_why);
    load_unref(load);
}

/* why  static, or the load's */
static void load_report(struct crl_engine *engine, struct engine_load *load, int rc,
                        const char *why)
{
    crl_assert(rc < 0 && load->reported_rc == 0);
    if (engine->cache->on_failure == NULL || engine->draining ||
        atomic_load(&engine->reports) >= REPORTS_MAX)
        return;
    load->reported_rc = rc;
    load->reported_why = why != NULL ? why : corral_strerror(rc);
    atomic_fetch_add_explicit(&load->refs, 1, memory_order_relaxed);
    atomic_fetch_add(&engine->reports, 1);
    crl_engine_call_back(engine, &load->reported);
}

static struct engine_load **load_slot(struct corral_origin *origin, crl_load_id load)
{
    crl_assert(crl_load_index(load) < origin->batch_max);
    return &origin->loads[crl_load_place(load) * origin->batch_max + crl_load_index(load)];
}

static void load_arrive(struct crl_engine *engine, struct engine_load *load)
{
    struct crl_event event = {.kind = CRL_ORIGIN_ANSWERED,
                              .origin = {.load = load->load.id,
                                         .rc = load->result.rc,
                                         .draft = load->result.draft,
                                         .ttl_us = load->result.ttl_us}};
    load->result.draft = NULL; /* the core's */
    struct engine_load **slot = load_slot(load->origin, load->load.id);
    crl_assert(*slot == load);
    *slot = NULL; /* L1 */
    int rc = crl_engine_feed(engine, &event);
    if (rc < 0)
        load_report(engine, load, rc, load->why); /* L4: not reported before */
    load_unref(load);
}

/* The letter: all that was answered by one call. */
static void loads_arrive(struct crl_engine *engine, struct engine_call *call)
{
    struct crl_load *load = &caa_container_of(call, struct engine_load, answered)->load;
    while (load != NULL) {
        struct crl_load *next = load->next;
        load_arrive(engine, caa_container_of(load, struct engine_load, load));
        load = next;
    }
}

/* The origin's answers; any thread. They are linked, and the first one is the letter of all. */
static void loads_answer(const struct crl_load_answered *answered, size_t n)
{
    struct engine_load *first = caa_container_of(answered[0].load, struct engine_load, load);
    for (size_t i = 0; i < n; i++) {
        struct engine_load *load = caa_container_of(answered[i].load, struct engine_load, load);
        crl_assert(load->engine == first->engine);
        load->load.next = i + 1 < n ? answered[i + 1].load : NULL;
        load->result = answered[i].result;
        if (load->result.rc < 0 && load->result.why != NULL)
            load->why = strndup(load->result.why, WHY_MAX);
    }
    crl_turn_post(&first->engine->turn, &first->answered.letter);
}

/* ------------------------------------------------------------------------------ their beginning */

static struct engine_load *load_new(struct crl_engine *engine, const struct crl_action *action,
                                    const struct crl_load_order *order)
{
    struct corral_cache *cache = engine->cache;
    crl_assert(action->space < cache->spaces_n && action->origin < cache->origins_n);
    struct engine_load *load = calloc(1, sizeof *load + order->key.size);
    if (load == NULL)
        return NULL;
    memcpy(load->key, order->key.data, order->key.size);
    load->engine = engine;
    load->space = cache->spaces[action->space];
    load->origin = cache->origins[action->origin];
    load->answered.run = loads_arrive;
    load->reported.run = report_run;
    atomic_init(&load->refs, 1);
    load->load = (struct crl_load){
        .id = order->id,
        .cache = cache->number,
        .key = crl_bytes(load->key, order->key.size),
        .space_arg = load->space->arg,
        .deadline_at = order->deadline_at,
        .allocator = cache->arena,
        .answer = loads_answer,
    };
    return load;
}

/* Returns false where there is no memory. */
static bool load_begin(struct crl_engine *engine, const struct crl_action *action,
                       const struct crl_load_order *order, bool is_mate)
{
    struct engine_load *load = load_new(engine, action, order);
    if (load == NULL)
        return false;
    struct corral_origin *origin = load->origin;
    load->load.is_mate = is_mate;
    *load_slot(origin, order->id) = load;
    if (origin->starting == NULL) {
        origin->starting_tail = &origin->starting;
        origin->next_to_start = engine->to_start;
        engine->to_start = origin;
    }
    *origin->starting_tail = &load->load;
    origin->starting_tail = &load->load.next;
    return true;
}

/* One load that cannot begin is told to the core when all other actions have been carried out. */
static void loads_begin(struct crl_engine *engine, struct crl_action *action)
{
    struct crl_load_order *order, *next;
    bool is_mate = false; /* of one that has begun */
    cds_list_for_each_entry_safe(order, next, &action->ask_origin.loads, link) {
        if (load_begin(engine, action, order, is_mate))
            is_mate = true;
        else
            engine->refused[engine->refused_n++] = order->id;
        crl_assert(engine->refused_n < CRL_REFUSED_MAX);
    }
}

void crl_loads_start(struct crl_engine *engine)
{
    crl_assert(crl_turn_is_mine(&engine->turn));
    while (engine->to_start != NULL) {
        struct corral_origin *origin = engine->to_start;
        struct crl_load *list = origin->starting;
        engine->to_start = origin->next_to_start;
        origin->starting = NULL;
        crl_origin_start(origin->impl, list);
    }
}

static void load_cancel(struct crl_engine *engine, const struct crl_action *action)
{
    struct corral_origin *origin = engine->cache->origins[action->origin];
    struct engine_load *load = *load_slot(origin, action->cancel.load);
    if (load == NULL || load->load.id != action->cancel.load)
        return;
    crl_loads_start(engine); /* L2: it may be of this batch */
    if (action->cancel.rc < 0)
        load_report(engine, load, action->cancel.rc, NULL);
    crl_origin_cancel(origin->impl, &load->load);
}

/* -------------------------------------------------------------------------------------- answers */

void crl_engine_call_back(struct crl_engine *engine, struct crl_loop_call *call)
{
    crl_assert(crl_turn_is_mine(&engine->turn));
    crl_loop_post(&engine->callbacks, call);
}

void crl_engine_tell(struct crl_engine *engine, struct crl_loop_call *call)
{
    crl_assert(crl_turn_is_mine(&engine->turn) && call->run != NULL);
    if (engine->told_left == 0) {
        crl_loop_post(&engine->loop, call);
        return;
    }
    engine->told_left--;
    call->letter.next = NULL;
    *engine->told_tail = &call->letter;
    engine->told_tail = &call->letter.next;
}

/* ----------------------------------------------------------------------------- the core's steps */

static void answer_all(struct crl_engine *engine, struct crl_action *answer)
{
    struct crl_waiter *waiter, *next;
    cds_list_for_each_entry_safe(waiter, next, &answer->answer.waiters, link) {
        struct engine_waiter *who = (struct engine_waiter *)waiter;
        who->answered(engine, who, crl_waiter_result(answer, waiter), answer->answer.entry,
                      answer->answer.cached);
    }
    if (answer->answer.entry != NULL)
        crl_entry_unref(engine->cache->arena, answer->answer.entry);
}

static void actions_run(struct crl_engine *engine)
{
    for (uint32_t i = 0; i < engine->actions.n; i++) {
        struct crl_action *action = &engine->actions.v[i];
        switch (action->kind) {
        case CRL_ANSWER:
            answer_all(engine, action);
            break;
        case CRL_ASK_ORIGIN:
            loads_begin(engine, action);
            break;
        case CRL_CANCEL_LOAD:
            load_cancel(engine, action);
            break;
        case CRL_ASK_STORE:
        case CRL_RENEW_LEASE:
        case CRL_FILL_STORE:
        case CRL_RELEASE_LEASE:
        case CRL_INVALIDATE_STORE:
            crl_unreachable(); /* no space of the library has a store yet */
            break;
        }
    }
}

int crl_engine_feed(struct crl_engine *engine, struct crl_event *event)
{
    crl_assert(crl_turn_is_mine(&engine->turn));
    event->now = engine->now;
    crl_core_step(engine->core, event, &engine->actions);
    int result = engine->actions.result;
    actions_run(engine);
    while (engine->refused_n > 0) {
        struct crl_event no_memory = {
            .kind = CRL_ORIGIN_ANSWERED,
            .now = engine->now,
            .origin = {.load = engine->refused[--engine->refused_n], .rc = CORRAL_ENOMEM},
        };
        crl_core_step(engine->core, &no_memory, &engine->actions);
        actions_run(engine);
    }
    return result;
}
