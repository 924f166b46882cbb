/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   whatever loaders ask for, none waits for itself for ever (C7), and none is told so that
 *         would have been answered.
 * Method: random worlds around a bare core, without time: loaders ask for keys, wait, and answer;
 *         limits move, keys are invalidated, loads share places. At the end of each, all loaders
 *         that can answer do; then nobody may be left. And each EDEADLOCK is judged: the world
 *         happens once more, with that one get unseen by the core; it must wait for ever.
 *         Single stories are in tests/story/test_waits.c. */
#include "base/rng.h"
#include "core/core.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define OPS_MAX     120
#define LOOKS_MAX   4096 /* of core/waits.c */
#define GETS_MAX    (LOOKS_MAX + 10)
#define LOADS_MAX   (OPS_MAX * 2)
#define SPACES_MAX  3
#define ORIGINS_MAX 3
#define KEYS        6
#define LATER       CORRAL_SECONDS(1000)
#define NOBODY      UINT32_MAX

/* ANSWER: a loader that does not wait. HELP: another thread answers for one that may. */
enum op_kind { GET, ASK, ASK_LATE, ANSWER, HELP, LIMIT, INVALIDATE, OP_KINDS };

struct op {
    enum op_kind kind;
    uint32_t lot, key, space;
    bool is_last; /* of a turn */
};

struct get {
    struct crl_waiter waiter;
    uint32_t query; /* whose loader waits for it; or NOBODY */
    bool is_answered;
    int result;
};

/* A call of a loader: the loads of one place. */
struct query {
    uint32_t waits;
    uint32_t loads_left;
};

struct load {
    crl_load_id id;
    uint32_t query;
    bool is_answered;
};

struct plan {
    uint64_t seed;
    uint32_t origins_n, spaces_n, ops_n;
    struct crl_core_origin origins[ORIGINS_MAX];
    struct crl_core_space spaces[SPACES_MAX];
    struct op ops[OPS_MAX];
};

struct world {
    const struct plan *plan;
    struct crl_core *core;
    uint32_t gets_n, queries_n, loads_n;
    struct get gets[GETS_MAX];
    struct query queries[LOADS_MAX];
    struct load loads[LOADS_MAX];
    uint32_t unseen; /* this get has an asker, and the core is not told; or NOBODY */
    uint32_t stuck_n, stuck_last;
};

/* -------------------------------------------------------------------------------------- a world */

static void world_open(struct world *world, const struct plan *plan, uint32_t unseen)
{
    *world = (struct world){.plan = plan, .unseen = unseen};
    struct crl_core_config config = {.memory_bytes = 1u << 20,
                                     .value_max = 1000,
                                     .flights_max = 1000,
                                     .waiters_max = GETS_MAX,
                                     .table_shards = 1,
                                     .seed = plan->seed,
                                     .allocator = &crl_allocator_malloc};
    assert_int_equal(crl_core_new(&config, &world->core), 0);
    for (uint32_t i = 0; i < plan->origins_n; i++)
        assert_int_equal(crl_core_add_origin(world->core, &plan->origins[i]), i);
    for (uint32_t i = 0; i < plan->spaces_n; i++)
        assert_int_equal(crl_core_add_space(world->core, &plan->spaces[i]), i);
}

static void loads_begin(struct world *world, struct crl_action *action)
{
    struct query *query = &world->queries[world->queries_n];
    struct crl_load_order *order, *next;
    cds_list_for_each_entry_safe(order, next, &action->ask_origin.loads, link) {
        assert_true(world->loads_n < LOADS_MAX);
        world->loads[world->loads_n++] = (struct load){order->id, world->queries_n, false};
        query->loads_left++;
    }
    world->queries_n++;
}

static void gets_end(struct world *world, struct crl_action *action)
{
    struct crl_waiter *waiter, *next;
    cds_list_for_each_entry_safe(waiter, next, &action->answer.waiters, link) {
        struct get *get = (struct get *)waiter;
        assert_false(get->is_answered);
        get->is_answered = true;
        get->result = crl_waiter_result(action, waiter);
        if (get->query != NOBODY)
            world->queries[get->query].waits--;
        if (get->result == CORRAL_EDEADLOCK) {
            assert_true(get->query != NOBODY && world->queries[get->query].loads_left > 0);
            assert_true(waiter->stuck != CRL_STUCK_NOT);
            world->stuck_n++;
            world->stuck_last = (uint32_t)(get - world->gets);
        }
    }
    if (action->answer.entry != NULL)
        crl_entry_unref(&crl_allocator_malloc, action->answer.entry);
}

static void step(struct world *world, struct crl_event *event)
{
    struct crl_actions actions;
    crl_core_step(world->core, event, &actions);
    for (uint32_t i = 0; i < actions.n; i++) {
        if (actions.v[i].kind == CRL_ANSWER)
            gets_end(world, &actions.v[i]);
        else if (actions.v[i].kind == CRL_ASK_ORIGIN)
            loads_begin(world, &actions.v[i]);
        else
            assert_int_equal(actions.v[i].kind, CRL_CANCEL_LOAD); /* of the close */
    }
    crl_core_check(world->core);
}

static void settle(struct world *world)
{
    while (crl_core_next_at(world->core) == CRL_AT_ONCE)
        step(world, &(struct crl_event){.kind = CRL_TIMER});
}

static struct corral_bytes key_of(const struct op *op)
{
    static const char names[] = "abcdefghijklmnopqrstuvwxyz";
    return (struct corral_bytes){names + op->key, 1};
}

static void get(struct world *world, const struct op *op, uint32_t query, crl_load_id asker)
{
    assert_true(world->gets_n < GETS_MAX);
    struct get *get = &world->gets[world->gets_n];
    *get = (struct get){.query = query};
    if (query != NOBODY)
        world->queries[query].waits++;
    struct crl_event event = {.kind = CRL_WANTED,
                              .space = op->space,
                              .key = key_of(op),
                              .wanted = {.waiter = &get->waiter, .wait_until = LATER}};
    if (world->gets_n++ != world->unseen)
        event.wanted.asker = asker;
    step(world, &event);
}

/* The lot-th of the loads that are like this; NULL: there is none. */
static struct load *load_drawn(struct world *world, uint32_t lot,
                               bool (*is_like)(struct world *world, const struct load *load))
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < world->loads_n; i++)
        n += is_like(world, &world->loads[i]);
    if (n == 0)
        return NULL;
    lot %= n;
    struct load *load = world->loads;
    while (!is_like(world, load) || lot-- > 0)
        load++;
    return load;
}

/* Of a query that goes on, though this load may have been answered. */
static bool may_ask(struct world *world, const struct load *load)
{
    const struct query *query = &world->queries[load->query];
    return query->loads_left > 0 && query->waits < 3;
}

static bool may_answer(struct world *world, const struct load *load)
{
    return !load->is_answered && world->queries[load->query].waits == 0;
}

static bool is_open(struct world *world, const struct load *load)
{
    (void)world;
    return !load->is_answered;
}

static bool is_over(struct world *world, const struct load *load)
{
    return world->queries[load->query].loads_left == 0;
}

static void answer(struct world *world, struct load *load)
{
    load->is_answered = true;
    world->queries[load->query].loads_left--;
    step(world, &(struct crl_event){.kind = CRL_ORIGIN_ANSWERED,
                                    .origin = {.load = load->id, .ttl_us = CRL_TTL_OF_POLICY}});
}

static void happen(struct world *world, const struct op *op)
{
    uint32_t origin = op->lot % world->plan->origins_n;
    struct load *load = NULL;
    switch (op->kind) {
    case GET:
        get(world, op, NOBODY, 0);
        break;
    case ASK:
        if ((load = load_drawn(world, op->lot, may_ask)) != NULL)
            get(world, op, load->query, load->id);
        break;
    case ASK_LATE:
        if ((load = load_drawn(world, op->lot, is_over)) != NULL)
            get(world, op, NOBODY, load->id);
        break;
    case ANSWER:
        if ((load = load_drawn(world, op->lot, may_answer)) != NULL)
            answer(world, load);
        break;
    case HELP:
        if ((load = load_drawn(world, op->lot, is_open)) != NULL)
            answer(world, load);
        break;
    case LIMIT:
        step(world,
             &(struct crl_event){.kind = CRL_ORIGIN_LIMITED, .limited = {origin, 1 + op->key % 4}});
        break;
    case INVALIDATE:
        step(world,
             &(struct crl_event){.kind = CRL_INVALIDATE, .space = op->space, .key = key_of(op)});
        break;
    case OP_KINDS:
        break;
    }
    if (op->is_last)
        settle(world);
}

/* Whoever can answer does. */
static void drain(struct world *world)
{
    struct load *load;
    settle(world);
    while ((load = load_drawn(world, 0, may_answer)) != NULL) {
        answer(world, load);
        settle(world);
    }
}

/* With what is left. */
static void world_close(struct world *world)
{
    do
        step(world, &(struct crl_event){.kind = CRL_CLOSE});
    while (crl_counter_get(&crl_core_counts(world->core)->flights) > 0);
    for (uint32_t i = 0; i < world->loads_n; i++) {
        if (!world->loads[i].is_answered)
            answer(world, &world->loads[i]);
    }
    crl_core_free(world->core);
}

/* ---------------------------------------------------------------------------------------- plans */

static uint32_t draw(struct crl_rng *rng, uint32_t n)
{
    return (uint32_t)(crl_rng_next(rng) % n);
}

static void plan_draw(struct plan *plan, uint64_t seed)
{
    static const uint32_t odds[OP_KINDS] = {[GET] = 30, [ASK] = 40,  [ASK_LATE] = 4,  [ANSWER] = 17,
                                            [HELP] = 4, [LIMIT] = 2, [INVALIDATE] = 3};
    struct crl_rng rng = crl_rng_split(seed, "plan");
    *plan = (struct plan){.seed = seed,
                          .origins_n = 1 + draw(&rng, ORIGINS_MAX),
                          .spaces_n = SPACES_MAX,
                          .ops_n = 10 + draw(&rng, OPS_MAX - 10)};
    for (uint32_t i = 0; i < plan->origins_n; i++)
        plan->origins[i] = (struct crl_core_origin){
            .limits = {.concurrency = 1 + draw(&rng, 4), .queue = 1 + draw(&rng, 50)},
            .deadline_us = LATER,
            .batch_max = 1 + draw(&rng, 2) * draw(&rng, 3)};
    for (uint32_t i = 0; i < plan->spaces_n; i++)
        plan->spaces[i] = (struct crl_core_space){
            .origin = draw(&rng, plan->origins_n),
            .policy = {.ttl_us = draw(&rng, 2) * LATER, .no_coalescing = draw(&rng, 8) == 0}};
    for (uint32_t i = 0; i < plan->ops_n; i++) {
        uint32_t lot = draw(&rng, 100), kind = 0;
        while (lot >= odds[kind])
            lot -= odds[kind++];
        plan->ops[i] = (struct op){(enum op_kind)kind, draw(&rng, 1000), draw(&rng, KEYS),
                                   draw(&rng, plan->spaces_n), draw(&rng, 3) > 0};
    }
}

/* Would it have been answered, had the core not known who asks? Returns whether that can be told:
 * not if another one gives way instead. */
static bool judge(const struct plan *plan, uint32_t ops_n, uint32_t stuck, uint32_t stuck_before)
{
    static struct world again;
    world_open(&again, plan, stuck);
    for (uint32_t i = 0; i < ops_n; i++)
        happen(&again, &plan->ops[i]);
    drain(&again);
    assert_true(again.gets_n > stuck);
    bool is_told = again.stuck_n == stuck_before;
    if (is_told && again.gets[stuck].is_answered)
        fail_msg("seed %llu: get %u was told EDEADLOCK, and would have been answered %d",
                 (unsigned long long)plan->seed, stuck, again.gets[stuck].result);
    world_close(&again);
    return is_told;
}

struct tally {
    uint64_t stuck[CRL_STUCK_AT_PLACES + 1], judged, asked;
};

static void world_happens(const struct plan *plan, struct tally *tally)
{
    static struct world world;
    uint32_t last_stuck_at = 0; /* gets that had come then */
    world_open(&world, plan, NOBODY);
    for (uint32_t i = 0; i < plan->ops_n; i++) {
        uint32_t before = world.stuck_n;
        happen(&world, &plan->ops[i]);
        if (world.stuck_n == before)
            continue;
        tally->stuck[world.gets[world.stuck_last].waiter.stuck]++;
        /* Another one that gave way meanwhile would not have, without this one. */
        if (world.stuck_n == before + 1 && world.stuck_last >= last_stuck_at)
            tally->judged += judge(plan, i + 1, world.stuck_last, before);
        last_stuck_at = world.gets_n;
    }
    drain(&world);
    for (uint32_t i = 0; i < world.gets_n; i++) {
        tally->asked += world.gets[i].query != NOBODY;
        if (!world.gets[i].is_answered)
            fail_msg("seed %llu: get %u waits for itself", (unsigned long long)plan->seed, i);
    }
    assert_true(crl_core_is_idle(world.core));
    crl_core_free(world.core);
}

static void nobody_waits_for_himself_and_nobody_else_is_told_so(void **state)
{
    (void)state;
    static struct plan plan;
    struct tally tally = {.judged = 0};
    for (uint64_t seed = 1; seed <= 4000; seed++) {
        plan_draw(&plan, seed);
        world_happens(&plan, &tally);
    }
    print_message(
        "# of %llu gets by loaders %llu were stuck at loaders and %llu at places; "
        "%llu were judged\n",
        (unsigned long long)tally.asked, (unsigned long long)tally.stuck[CRL_STUCK_AT_LOADER],
        (unsigned long long)tally.stuck[CRL_STUCK_AT_PLACES], (unsigned long long)tally.judged);
    assert_true(tally.stuck[CRL_STUCK_AT_LOADER] > 500 && tally.stuck[CRL_STUCK_AT_PLACES] > 500);
    assert_true(tally.judged > 1000);
}

/* --------------------------------------------------------------------------------------- limits */

/* Two loaders: one waits for the other so many times; then that one asks for the first. Returns
 * whether it was told. */
static bool second_is_told(uint32_t waits_n)
{
    static struct world world;
    static const struct plan plan = {
        .seed = 1,
        .origins_n = 1,
        .spaces_n = 1,
        .origins = {{.limits = {2, 10}, .deadline_us = LATER}},
        .spaces = {{.policy = {.ttl_us = LATER}}},
    };
    const struct op a = {.kind = GET, .key = 0}, b = {.kind = GET, .key = 1};
    world_open(&world, &plan, NOBODY);
    get(&world, &a, NOBODY, 0);
    get(&world, &b, NOBODY, 0);
    for (uint32_t i = 0; i < waits_n; i++)
        get(&world, &b, 0, world.loads[0].id);
    get(&world, &a, 1, world.loads[1].id);
    settle(&world);
    bool is_told = world.stuck_n > 0;
    assert_int_equal(world.gets[world.gets_n - 1].is_answered, is_told);
    world_close(&world);
    return is_told;
}

static void a_look_is_bounded(void **state)
{
    (void)state;
    assert_true(second_is_told(1));
    assert_true(second_is_told(LOOKS_MAX - 1));
    assert_false(second_is_told(LOOKS_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_for_himself_and_nobody_else_is_told_so),
        cmocka_unit_test(a_look_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
