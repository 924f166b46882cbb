/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   whatever a store replies, the core goes on and everybody who waits is answered (L6 of
 *         store/client.h).
 * Method: the core and the client of the store, in front of a store that replies at random: what
 *         the contract allows and what it does not, at the ends of every range, twice, to the wrong
 *         request, or never. The origin answers at once. The core is audited after each step, and
 *         no assertion of it may fail; what is undefined, the sanitizers see. A failure prints the
 *         seed. */
#include "base/rng.h"
#include "store/client.h"

#include "../helper/draws.h"

#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define MS CORRAL_MS

#define VALUE_MAX 100
#define REQUESTS  8 /* that may wait for a reply */
#define READERS   24
#define LOADS     64

struct reader {
    struct crl_waiter waiter; /* first */
    bool is_answered;
};

struct world {
    struct crl_rng rng;
    corral_us now;
    struct crl_core *core;
    struct crl_store_client *client;
    struct crl_store_request sent; /* the last, without its key and entry */
    uint64_t breaches;
    struct reader readers[READERS];
    uint32_t readers_n, answered_n;
    crl_load_id loads[LOADS]; /* without an answer */
    uint32_t loads_n;
};

static void world_steps(struct world *world, struct crl_event *event);

static void answered(struct world *world, struct crl_action *action)
{
    struct crl_waiter *waiter, *next;
    cds_list_for_each_entry_safe(waiter, next, &action->answer.waiters, link) {
        struct reader *reader = (struct reader *)waiter;
        assert_false(reader->is_answered);
        reader->is_answered = true;
        world->answered_n++;
    }
    if (action->answer.entry == NULL)
        return;
    assert_in_range(crl_entry_value(action->answer.entry).size, 0, VALUE_MAX);
    crl_entry_unref(&crl_allocator_malloc, action->answer.entry);
}

static void asked(struct world *world, const struct crl_action *action)
{
    const struct crl_load_order *order;
    cds_list_for_each_entry(order, &action->ask_origin.loads, link) {
        assert_true(world->loads_n < LOADS);
        world->loads[world->loads_n++] = order->id;
    }
}

static void world_acts(struct world *world, struct crl_action *action)
{
    switch (action->kind) {
    case CRL_ANSWER:
        answered(world, action);
        return;
    case CRL_ASK_ORIGIN:
        asked(world, action);
        return;
    case CRL_CANCEL_LOAD: /* it is answered all the same */
        return;
    case CRL_ASK_STORE:
    case CRL_RENEW_LEASE:
    case CRL_FILL_STORE:
    case CRL_RELEASE_LEASE:
    case CRL_INVALIDATE_STORE:
        assert_int_equal(crl_client_tell(world->client, world->now, action, &crl_allocator_malloc),
                         0);
        return;
    }
    fail();
}

static void world_steps(struct world *world, struct crl_event *event)
{
    struct crl_actions actions;
    event->now = world->now;
    crl_core_step(world->core, event, &actions);
    for (uint32_t i = 0; i < actions.n; i++)
        world_acts(world, &actions.v[i]);
    crl_core_check(world->core);
}

static void client_sends(void *arg, const struct crl_store_request *request)
{
    struct world *world = arg;
    world->sent = *request;
}

static void client_happens(void *arg, struct crl_event *event)
{
    world_steps(arg, event);
}

static void world_opens(struct world *world, uint64_t seed)
{
    static const struct crl_client_host host = {.send = client_sends, .happen = client_happens};
    *world = (struct world){.rng = crl_rng_split(seed, "hostile"), .now = MS(1000)};
    struct crl_core_config config = {.memory_bytes = 1 << 16,
                                     .value_max = VALUE_MAX,
                                     .flights_max = 100,
                                     .waiters_max = 100,
                                     .table_shards = 1,
                                     .seed = seed,
                                     .token_seeds = {seed, 1},
                                     .allocator = &crl_allocator_malloc};
    struct crl_core_origin origin = {.limits = {.concurrency = 2, .queue = 10},
                                     .deadline_us = MS(50)};
    struct crl_core_space space = {
        .has_store = true, .policy = {.ttl_us = MS(20)}, .failure_us = MS(1)};
    struct crl_client_config client = {.timeout_us = MS(5),
                                       .lease_us = MS(20),
                                       .requests_max = REQUESTS,
                                       .value_max = VALUE_MAX,
                                       .host = &host,
                                       .arg = world};
    assert_int_equal(crl_core_new(&config, &world->core), 0);
    assert_int_equal(crl_core_add_origin(world->core, &origin), 0);
    assert_int_equal(crl_core_add_space(world->core, &space), 0);
    world->client = crl_client_new(&client);
    assert_non_null(world->client);
    crl_client_linked(world->client, world->now);
}

/* ---------------------------------------------------------------------------- what anybody does */

static struct corral_bytes key_drawn(struct world *world)
{
    static const char keys[] = "abc";
    return crl_bytes(&keys[crl_rng_below(&world->rng, 3)], 1);
}

static void reader_comes(struct world *world)
{
    if (world->readers_n == READERS)
        return;
    struct reader *reader = &world->readers[world->readers_n++];
    world_steps(world, &(struct crl_event){.kind = CRL_WANTED,
                                           .key = key_drawn(world),
                                           .wanted = {.waiter = &reader->waiter,
                                                      .wait_until = world->now + MS(100)}});
}

static void origin_answers(struct world *world)
{
    if (world->loads_n == 0)
        return;
    struct crl_event event = {
        .kind = CRL_ORIGIN_ANSWERED,
        .origin = {.load = world->loads[--world->loads_n],
                   .rc = crl_rng_below(&world->rng, 3) > 0 ? 0 : CORRAL_EORIGIN,
                   .ttl_us = CRL_TTL_OF_POLICY}};
    if (event.origin.rc == 0)
        event.origin.draft = crl_entry_draft(&crl_allocator_malloc, 1, 10, 0);
    world_steps(world, &event);
}

static void timers_run(struct world *world)
{
    for (int i = 0; i < 1000; i++) {
        if (crl_core_next_at(world->core) <= world->now)
            world_steps(world, &(struct crl_event){.kind = CRL_TIMER});
        else if (crl_client_next_at(world->client) <= world->now)
            crl_client_timer(world->client, world->now);
        else
            return;
    }
    fail_msg("the timers never end");
}

/* -------------------------------------------------------------------------- what a store may do */

static corral_us span_drawn(struct world *world)
{
    static const corral_us spans[] = {INT64_MIN, INT64_MIN + 1, -MS(1), -1,           0,        1,
                                      2,         MS(1),         MS(20), CRL_SPAN_MAX, INT64_MAX};
    return spans[crl_rng_below(&world->rng, sizeof spans / sizeof spans[0])];
}

static struct crl_entry *draft_drawn(struct world *world)
{
    static const size_t value_sizes[] = {0, 10, VALUE_MAX, VALUE_MAX + 1, 5000};
    size_t value_size = value_sizes[crl_rng_below(&world->rng, 5)];
    if (crl_rng_below(&world->rng, 4) == 0)
        return NULL;
    return crl_entry_draft(&crl_allocator_malloc, crl_rng_below(&world->rng, 3), value_size, 0);
}

static struct crl_token token_drawn(struct world *world)
{
    uint64_t lot = crl_rng_below(&world->rng, 4);
    return lot == 0   ? (struct crl_token){0}
           : lot == 1 ? (struct crl_token){crl_rng_next(&world->rng), 1}
                      : world->sent.token;
}

static void store_replies(struct world *world)
{
    static const int rcs[] = {INT_MIN, CORRAL_EORIGIN, -1, 0, 5, INT_MAX};
    struct crl_rng *rng = &world->rng;
    uint64_t behind = crl_rng_below(rng, 4);
    struct crl_store_reply reply = {
        .answer = (enum crl_store_answer)crl_rng_below(rng, CRL_STORE_DOWN + 2),
        .is_done = crl_rng_below(rng, 2) > 0,
        .token = token_drawn(world),
        .lease_us = span_drawn(world),
        .rc = rcs[crl_rng_below(rng, sizeof rcs / sizeof rcs[0])],
        .age_us = span_drawn(world),
        .fresh_us = span_drawn(world)};
    if (reply.answer == CRL_STORE_VALUE || crl_rng_below(rng, 8) == 0)
        reply.draft = draft_drawn(world);
    crl_client_replied(world->client, world->now, world->sent.number - behind, &reply,
                       &crl_allocator_malloc);
}

static void world_goes_on(struct world *world)
{
    world->now += (corral_us)crl_rng_below(&world->rng, (uint64_t)MS(2));
    uint64_t lot = crl_rng_below(&world->rng, 8);
    if (lot == 0)
        reader_comes(world);
    else if (lot == 1)
        origin_answers(world);
    else if (lot == 2)
        crl_client_pushed(world->client, world->now, 0, key_drawn(world));
    else
        store_replies(world);
    timers_run(world);
}

/* The store says no more; the origin and the timers bring it to an end. */
static void world_ends(struct world *world)
{
    for (int i = 0; i < 200; i++) {
        world->now += MS(5);
        origin_answers(world);
        timers_run(world);
    }
    world->breaches += crl_client_breaches(world->client);
    assert_int_equal(crl_client_next_at(world->client), CRL_NEVER);
    crl_client_free(world->client);
    assert_true(crl_core_is_idle(world->core));
    crl_core_free(world->core);
}

static void nothing_that_a_store_replies_harms(void **state)
{
    (void)state;
    static struct world world;
    uint64_t breaches = 0;
    for (uint64_t seed = 1; seed <= DRAWS(2000); seed++) {
        world_opens(&world, seed);
        for (int i = 0; i < 60; i++)
            world_goes_on(&world);
        world_ends(&world);
        if (world.answered_n != world.readers_n)
            fail_msg("seed %llu: %u of %u readers were answered", (unsigned long long)seed,
                     world.answered_n, world.readers_n);
        breaches += world.breaches;
    }
    assert_true(breaches > DRAWS(2000)); /* else nobody was hostile */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_a_store_replies_harms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
