/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what an event leaves in the table, the counters and the words to the store, to the field:
 *         where it went wrong, a story would end well all the same.
 * Method: the core alone. A test feeds it events at instants of its own, notes its actions, and
 *         looks at the entry. The core is audited after each step. */
#include "core/core.h"

#include "base/bytes.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define MS CORRAL_MS
#define S  CORRAL_SECONDS

#define PLACES    2
#define DEADLINE  MS(50)
#define TTL       S(30)
#define FAILURE   S(1)
#define VALUE_MAX 1000
#define LOADS_MAX 8

/* Spaces of the desk. */
enum { ALONE, STORED };

struct reader {
    struct crl_waiter waiter; /* first */
    int result;               /* once answered */
    uint32_t nth;             /* to be answered, from 1 */
};

/* A core, and what it wanted. */
struct desk {
    struct crl_core *core;
    corral_us now;
    uint32_t answers;
    crl_load_id loads[LOADS_MAX]; /* ordered, oldest first */
    uint32_t loads_n, cancelled_n;
    uint32_t actions[CRL_CANCEL_LOAD + 1]; /* of each kind, in all */
    struct crl_action asked, released;     /* the last of their kind, without what they borrow */
    corral_us filled_at;                   /* answered_at of the last entry for the store */
};

static const struct corral_bytes k = {"k", 1};

static struct desk desk_open(void)
{
    struct desk desk = {.now = S(1000)};
    struct crl_core_config config = {.memory_bytes = 1 << 20,
                                     .value_max = VALUE_MAX,
                                     .flights_max = 100,
                                     .waiters_max = 100,
                                     .table_shards = 1,
                                     .seed = 1,
                                     .token_seeds = {1, 2},
                                     .allocator = &crl_allocator_malloc};
    struct crl_core_origin origin = {.limits = {.concurrency = PLACES, .queue = 10},
                                     .deadline_us = DEADLINE};
    struct crl_core_space space = {.policy = {.ttl_us = TTL}, .failure_us = FAILURE};
    assert_int_equal(crl_core_new(&config, &desk.core), 0);
    assert_int_equal(crl_core_add_origin(desk.core, &origin), 0);
    assert_int_equal(crl_core_add_space(desk.core, &space), ALONE);
    space.has_store = true;
    assert_int_equal(crl_core_add_space(desk.core, &space), STORED);
    return desk;
}

static void note_answer(struct desk *desk, struct crl_action *action)
{
    struct crl_waiter *waiter, *next;
    cds_list_for_each_entry_safe(waiter, next, &action->answer.waiters, link) {
        struct reader *reader = (struct reader *)waiter;
        assert_int_equal(reader->nth, 0);
        reader->result = crl_waiter_result(action, waiter);
        reader->nth = ++desk->answers;
    }
    if (action->answer.entry != NULL)
        crl_entry_unref(&crl_allocator_malloc, action->answer.entry);
}

static void note_loads(struct desk *desk, const struct crl_action *action)
{
    const struct crl_load_order *order;
    cds_list_for_each_entry(order, &action->ask_origin.loads, link) {
        assert_true(desk->loads_n < LOADS_MAX);
        desk->loads[desk->loads_n++] = order->id;
    }
}

static void note(struct desk *desk, struct crl_action *action)
{
    desk->actions[action->kind]++;
    switch (action->kind) {
    case CRL_ANSWER:
        note_answer(desk, action);
        break;
    case CRL_ASK_ORIGIN:
        note_loads(desk, action);
        break;
    case CRL_ASK_STORE:
        desk->asked = *action;
        break;
    case CRL_RELEASE_LEASE:
        desk->released = *action;
        break;
    case CRL_FILL_STORE:
        desk->filled_at = action->lease.entry->answered_at;
        crl_entry_unref(&crl_allocator_malloc, action->lease.entry);
        break;
    case CRL_CANCEL_LOAD:
        desk->cancelled_n++;
        break;
    case CRL_RENEW_LEASE:
    case CRL_INVALIDATE_STORE:
        break;
    }
}

static int step(struct desk *desk, struct crl_event event)
{
    struct crl_actions actions;
    event.now = desk->now;
    crl_core_step(desk->core, &event, &actions);
    for (uint32_t i = 0; i < actions.n; i++)
        note(desk, &actions.v[i]);
    crl_core_check(desk->core);
    return actions.result;
}

/* All that is due by an instant, which then is the present one. */
static void pass_until(struct desk *desk, corral_us at)
{
    corral_us next_at;
    while ((next_at = crl_core_next_at(desk->core)) <= at) {
        desk->now = next_at > desk->now ? next_at : desk->now;
        step(desk, (struct crl_event){.kind = CRL_TIMER});
    }
    desk->now = at;
}

/* End whatever is under way, and free the core. */
static void desk_close(struct desk *desk)
{
    do
        step(desk, (struct crl_event){.kind = CRL_CLOSE});
    while (crl_counter_get(&crl_core_counts(desk->core)->flights) > 0);
    for (uint32_t i = 0; i < desk->loads_n; i++)
        step(desk, (struct crl_event){.kind = CRL_ORIGIN_ANSWERED,
                                      .origin = {.load = desk->loads[i], .rc = CORRAL_EORIGIN}});
    assert_true(crl_core_is_idle(desk->core));
    crl_core_free(desk->core);
}

static void want(struct desk *desk, uint32_t space, struct corral_bytes key, struct reader *reader)
{
    *reader = (struct reader){0};
    step(desk, (struct crl_event){
                   .kind = CRL_WANTED,
                   .space = space,
                   .key = key,
                   .wanted = {.waiter = &reader->waiter, .wait_until = desk->now + S(10)}});
}

static struct crl_entry *draft_of(const char *text)
{
    size_t size = strlen(text);
    struct crl_entry *draft = crl_entry_draft(&crl_allocator_malloc, k.size, size, 0);
    assert_non_null(draft);
    memcpy(crl_entry_value_room(draft), text, size);
    return draft;
}

/* The last load that was ordered ends. */
static void load_ends(struct desk *desk, int rc)
{
    assert_true(desk->loads_n > 0);
    step(desk, (struct crl_event){.kind = CRL_ORIGIN_ANSWERED,
                                  .origin = {.load = desk->loads[desk->loads_n - 1],
                                             .rc = rc,
                                             .draft = rc == 0 ? draft_of("loaded") : NULL,
                                             .ttl_us = CRL_TTL_OF_POLICY}});
}

static void put(struct desk *desk, uint32_t space)
{
    assert_int_equal(step(desk, (struct crl_event){.kind = CRL_PUT,
                                                   .space = space,
                                                   .key = k,
                                                   .put = {.draft = draft_of("put")}}),
                     0);
}

/* The store's answer to the last ask about k. */
static void store_says(struct desk *desk, enum crl_store_answer answer, corral_us lease_us)
{
    step(desk, (struct crl_event){.kind = CRL_STORE_ANSWERED,
                                  .space = STORED,
                                  .key = k,
                                  .store = {.ask = desk->asked.ask_store.ask,
                                            .answer = answer,
                                            .token = answer == CRL_STORE_LEASED
                                                         ? desk->asked.ask_store.token
                                                         : (struct crl_token){0},
                                            .lease_us = lease_us}});
}

static struct crl_entry *entry_of(struct desk *desk, uint32_t space)
{
    return crl_table_find(crl_core_table(desk->core), crl_core_hash(desk->core, space, k), space,
                          k);
}

static uint64_t needed(const struct desk *desk, uint32_t space)
{
    return crl_counter_get(&crl_core_space_counts(desk->core, space)->needed);
}

/* --------------------------------------------------------------------------------- what is kept */

static void a_load_leaves_its_times(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    struct reader reader;
    want(&desk, ALONE, k, &reader);
    desk.now += MS(20);
    load_ends(&desk, 0);
    assert_int_equal(reader.result, CORRAL_LOADED);
    const struct crl_entry *entry = entry_of(&desk, ALONE);
    assert_int_equal(crl_entry_kind(entry), CRL_ENTRY_VALUE);
    assert_int_equal(entry->load_us, MS(20));
    assert_int_equal(entry->answered_at, desk.now);
    assert_int_equal(entry->fresh_until, desk.now + TTL);
    assert_true(crl_entry_has(entry, CRL_MARK_USED));
    assert_int_equal(needed(&desk, ALONE), 1);
    desk_close(&desk);
}

/* It is as old as the store says, and none of this process's loads. */
static void what_the_store_has_keeps_its_age(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    struct reader reader;
    want(&desk, STORED, k, &reader);
    step(&desk, (struct crl_event){.kind = CRL_STORE_ANSWERED,
                                   .space = STORED,
                                   .key = k,
                                   .store = {.ask = desk.asked.ask_store.ask,
                                             .answer = CRL_STORE_VALUE,
                                             .draft = draft_of("stored"),
                                             .age_us = S(5),
                                             .fresh_us = S(10)}});
    assert_int_equal(reader.result, CORRAL_HIT);
    const struct crl_entry *entry = entry_of(&desk, STORED);
    assert_int_equal(entry->answered_at, desk.now - S(5));
    assert_int_equal(entry->fresh_until, desk.now + S(10));
    assert_true(crl_entry_has(entry, CRL_MARK_USED));
    assert_int_equal(needed(&desk, STORED), 0);
    desk_close(&desk);
}

static void what_was_put_is_no_load(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    put(&desk, ALONE);
    const struct crl_entry *entry = entry_of(&desk, ALONE);
    assert_int_equal(entry->answered_at, desk.now);
    assert_int_equal(entry->fresh_until, desk.now + TTL);
    assert_true(crl_entry_has(entry, CRL_MARK_USED));
    assert_int_equal(needed(&desk, ALONE), 0);
    desk_close(&desk);
}

/* For the one that evicts. */
static void who_is_answered_from_the_table_has_visited_it(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    struct reader reader;
    put(&desk, ALONE);
    assert_false(crl_entry_has(entry_of(&desk, ALONE), CRL_MARK_VISITED));
    want(&desk, ALONE, k, &reader);
    assert_int_equal(reader.nth, 1);
    assert_int_equal(reader.result, CORRAL_HIT);
    assert_true(crl_entry_has(entry_of(&desk, ALONE), CRL_MARK_VISITED));
    desk_close(&desk);
}

/* What is refused does not leave the old value either. */
static void a_put_at_and_over_its_limit(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    for (size_t over = 0; over < 2; over++) {
        struct crl_entry *draft =
            crl_entry_draft(&crl_allocator_malloc, k.size, VALUE_MAX + over, 0);
        memset(crl_entry_value_room(draft), 'v', VALUE_MAX + over);
        int result =
            step(&desk, (struct crl_event){.kind = CRL_PUT, .key = k, .put = {.draft = draft}});
        assert_int_equal(result, over ? CORRAL_EVALUE : 0);
        assert_int_equal(entry_of(&desk, ALONE) != NULL, !over);
    }
    desk_close(&desk);
}

/* -------------------------------------------------------------- what is served and asked for */

static uint64_t loads_for(const struct desk *desk, enum crl_load_reason reason)
{
    return crl_counter_get(&crl_core_space_counts(desk->core, ALONE)->loads[reason]);
}

/* No policy says so yet; the view is the core's own. */
static struct crl_space_view *view_of(struct desk *desk)
{
    return (struct crl_space_view *)(uintptr_t)crl_core_view(desk->core, ALONE);
}

static void what_is_stale_is_served_and_asked_for(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    struct reader readers[2];
    view_of(&desk)->stale_us = S(10);
    put(&desk, ALONE);
    desk.now += TTL + S(1);
    for (uint32_t i = 0; i < 2; i++) {
        want(&desk, ALONE, k, &readers[i]);
        assert_int_equal(readers[i].nth, i + 1);
        assert_int_equal(readers[i].result, CORRAL_STALE);
        assert_int_equal(loads_for(&desk, CRL_LOAD_REFRESH), 1);
        assert_true(crl_entry_has(entry_of(&desk, ALONE), CRL_MARK_ASKED));
    }
    load_ends(&desk, CORRAL_EORIGIN); /* in vain: the next one asks again */
    assert_false(crl_entry_has(entry_of(&desk, ALONE), CRL_MARK_ASKED));
    desk_close(&desk);
}

/* So eager that every draw wins. */
static void an_early_refresh_is_counted_as_one(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    struct reader readers[2];
    view_of(&desk)->early = (struct crl_early){.beta = 1e12, .window = 1.0};
    want(&desk, ALONE, k, &readers[0]);
    desk.now += MS(20);
    load_ends(&desk, 0);
    want(&desk, ALONE, k, &readers[1]);
    assert_int_equal(readers[1].result, CORRAL_HIT);
    assert_int_equal(loads_for(&desk, CRL_LOAD_MISS), 1);
    assert_int_equal(loads_for(&desk, CRL_LOAD_EARLY), 1);
    assert_int_equal(loads_for(&desk, CRL_LOAD_REFRESH), 0);
    desk_close(&desk);
}

/* ------------------------------------------------------------------------------------- failures */

/* The origin's failure is remembered, here and in the store; the want of memory is our own. */
static void whose_failure_it_is(void **state)
{
    (void)state;
    static const struct {
        int rc;
        bool is_origins;
    } rows[] = {{CORRAL_EORIGIN, true}, {CORRAL_ENOMEM, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct desk desk = desk_open();
        struct reader first, second;
        want(&desk, STORED, k, &first);
        store_says(&desk, CRL_STORE_LEASED, S(2));
        load_ends(&desk, rows[i].rc);
        assert_int_equal(first.result, rows[i].rc);
        assert_int_equal(desk.actions[CRL_RELEASE_LEASE], 1);
        assert_int_equal(desk.released.lease.rc, rows[i].is_origins ? rows[i].rc : 0);
        assert_int_equal(desk.released.lease.retry_us, rows[i].is_origins ? FAILURE : 0);
        want(&desk, STORED, k, &second);
        assert_int_equal(second.nth, rows[i].is_origins ? 2 : 0);
        assert_int_equal(second.result, rows[i].is_origins ? rows[i].rc : 0);
        desk_close(&desk);
    }
}

static void a_failed_refresh_does_not_push_out_what_serves(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    struct reader reader;
    put(&desk, ALONE);
    step(&desk,
         (struct crl_event){.kind = CRL_REFRESH, .key = k, .refresh = {.reason = CRL_LOAD_EARLY}});
    load_ends(&desk, CORRAL_EORIGIN);
    assert_int_equal(crl_entry_kind(entry_of(&desk, ALONE)), CRL_ENTRY_VALUE);
    want(&desk, ALONE, k, &reader);
    assert_int_equal(reader.result, CORRAL_HIT);
    desk_close(&desk);
}

/* Who comes after an invalidation is not told what was so before it (P4). */
static void a_failure_of_before_an_invalidation_is_not_kept(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    struct reader before, after;
    want(&desk, ALONE, k, &before);
    step(&desk, (struct crl_event){.kind = CRL_INVALIDATE, .key = k});
    load_ends(&desk, CORRAL_EORIGIN);
    assert_int_equal(before.result, CORRAL_EORIGIN);
    assert_null(entry_of(&desk, ALONE));
    want(&desk, ALONE, k, &after);
    assert_int_equal(after.nth, 0);
    assert_int_equal(desk.loads_n, 2);
    load_ends(&desk, 0);
    assert_int_equal(after.result, CORRAL_LOADED);
    desk_close(&desk);
}

/* ------------------------------------------------------------------------------------ the store */

/* The value that was put since is none of that fill's business. */
static void a_refused_fill_withdraws_its_own_value(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    struct reader reader;
    want(&desk, STORED, k, &reader);
    store_says(&desk, CRL_STORE_LEASED, S(2));
    load_ends(&desk, 0);
    assert_int_equal(desk.actions[CRL_FILL_STORE], 1);
    desk.now += MS(1);
    put(&desk, STORED);
    struct crl_event refused = {.kind = CRL_STORE_FILLED,
                                .space = STORED,
                                .key = k,
                                .filled = {.answered_at = desk.filled_at, .is_accepted = false}};
    step(&desk, refused);
    assert_non_null(entry_of(&desk, STORED));
    refused.filled.answered_at = desk.now;
    step(&desk, refused);
    assert_null(entry_of(&desk, STORED));
    desk_close(&desk);
}

/* The store does not tell a process of its own changes, and who waits for another process's lease
 * would wait until it ends. */
static void who_waits_for_the_store_is_woken_by_a_change_here(void **state)
{
    (void)state;
    static const enum crl_event_kind changes[] = {CRL_INVALIDATE, CRL_PUT};
    for (size_t i = 0; i < 2; i++) {
        struct desk desk = desk_open();
        struct reader reader;
        want(&desk, STORED, k, &reader);
        store_says(&desk, CRL_STORE_BUSY, S(5));
        assert_int_equal(desk.actions[CRL_ASK_STORE], 1);
        uint64_t asked = desk.asked.ask_store.ask;
        if (changes[i] == CRL_PUT)
            put(&desk, STORED);
        else
            step(&desk, (struct crl_event){.kind = CRL_INVALIDATE, .space = STORED, .key = k});
        assert_int_equal(desk.actions[CRL_INVALIDATE_STORE], 1);
        assert_int_equal(desk.actions[CRL_ASK_STORE], 2);
        assert_true(desk.asked.ask_store.ask != asked);
        desk_close(&desk);
    }
}

/* ----------------------------------------------------------------------- places, loads, order */

static void a_limit_beyond_the_places_is_all_of_them(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    struct reader readers[PLACES + 3];
    step(&desk, (struct crl_event){.kind = CRL_ORIGIN_LIMITED, .limited = {.limit = 100}});
    for (uint32_t i = 0; i < PLACES + 3; i++)
        want(&desk, ALONE, crl_bytes(&"abcdefgh"[i], 1), &readers[i]);
    assert_int_equal(desk.loads_n, PLACES);
    const struct crl_core_origin_counts *counts = crl_core_origin_counts(desk.core, 0);
    assert_int_equal(crl_counter_get(&counts->active), PLACES);
    assert_int_equal(crl_counter_get(&counts->queued), 3);
    desk_close(&desk);
}

/* One that overran its deadline counts as that, and as late when it ends; its time is the origin's
 * like any other. */
static void a_late_answer_is_late_and_took_its_time(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    struct reader reader;
    want(&desk, ALONE, k, &reader);
    pass_until(&desk, desk.now + DEADLINE);
    assert_int_equal(reader.result, CORRAL_EDEADLINE);
    assert_int_equal(desk.cancelled_n, 1);
    desk.now += MS(10);
    load_ends(&desk, CORRAL_EORIGIN);
    const struct crl_core_origin_counts *counts = crl_core_origin_counts(desk.core, 0);
    static const uint64_t errors[CRL_LOAD_ERRORS] = {[CRL_LOAD_OVERRUN] = 1, [CRL_LOAD_LATE] = 1};
    for (uint32_t i = 0; i < CRL_LOAD_ERRORS; i++)
        assert_int_equal(crl_counter_get(&counts->errors[i]), errors[i]);
    assert_int_equal(crl_counter_get(&counts->load.sum_us), DEADLINE + MS(10));
    desk_close(&desk);
}

static void who_came_first_is_answered_first(void **state)
{
    (void)state;
    struct desk desk = desk_open();
    struct reader readers[5];
    for (int i = 0; i < 5; i++)
        want(&desk, ALONE, k, &readers[i]);
    load_ends(&desk, 0);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(readers[i].nth, i + 1);
        assert_int_equal(readers[i].result, i == 0 ? CORRAL_LOADED : CORRAL_COALESCED);
    }
    desk_close(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_leaves_its_times),
        cmocka_unit_test(what_the_store_has_keeps_its_age),
        cmocka_unit_test(what_was_put_is_no_load),
        cmocka_unit_test(who_is_answered_from_the_table_has_visited_it),
        cmocka_unit_test(a_put_at_and_over_its_limit),
        cmocka_unit_test(what_is_stale_is_served_and_asked_for),
        cmocka_unit_test(an_early_refresh_is_counted_as_one),
        cmocka_unit_test(whose_failure_it_is),
        cmocka_unit_test(a_failed_refresh_does_not_push_out_what_serves),
        cmocka_unit_test(a_failure_of_before_an_invalidation_is_not_kept),
        cmocka_unit_test(a_refused_fill_withdraws_its_own_value),
        cmocka_unit_test(who_waits_for_the_store_is_woken_by_a_change_here),
        cmocka_unit_test(a_limit_beyond_the_places_is_all_of_them),
        cmocka_unit_test(a_late_answer_is_late_and_took_its_time),
        cmocka_unit_test(who_came_first_is_answered_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
