/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   the half of the store's protocol that a process keeps holds L1 to L7 of store/client.h.
 * Method: the client is driven by hand; a host writes down what it says and what it tells, one line
 *         each, and tests compare the lines. Then the n-th allocation fails, n = 1, 2, ...
 *         test_store_drive.c goes on at random. */
#include "store_desk.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS   CORRAL_MS
#define EVER INT64_MAX

/* What is not freed by a test is found in its tear-down. */
static struct desk desk_of_tests;

static int set_up(void **state)
{
    desk_blocks = desk_entries = 0;
    desk_of_tests = (struct desk){.now = MS(1000)};
    desk_of_tests.client = desk_client(&desk_of_tests, 100);
    *state = &desk_of_tests;
    return desk_of_tests.client == NULL;
}

static int tear_down(void **state)
{
    struct desk *desk = *state;
    crl_client_free(desk->client);
    if (desk_blocks != 0 || desk_entries != 0)
        print_error("%lld desk_blocks and %lld entries leaked\n", (long long)desk_blocks,
                    (long long)desk_entries);
    return desk_blocks != 0 || desk_entries != 0;
}

/* ------------------------------------------------------------------------------------------- L1 */

static void l1_a_reply_answers_its_ask(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 7);
    assert_int_equal(desk->last_sent.lease_us, DESK_LEASE);
    assert_int_equal(desk->last_sent.age_us, EVER);
    assert_true(crl_token_equal(desk->last_sent.token, desk_token(7)));
    assert_int_equal(desk_next_at(desk), desk->now + DESK_TIMEOUT);
    desk_reply_leased(desk, 1, 7, DESK_LEASE);
    assert_true(crl_token_equal(desk->last_told.store.token, desk_token(7)));
    assert_int_equal(desk_next_at(desk), CRL_NEVER);
    desk_expect(desk, "say ask a\n"
                      "told leased a, ask 7\n");
}

static void l1_any_answer_is_told_whole(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    for (uint64_t ask = 1; ask <= 4; ask++)
        desk_tell(desk, CRL_ASK_STORE, 'a', ask);
    desk_reply_value(desk, 1, MS(10), MS(20));
    desk_reply(desk, 2, (struct crl_store_reply){.answer = CRL_STORE_VALUE}); /* there is none */
    assert_null(desk->last_told.store.draft);
    desk_reply(desk, 3, (struct crl_store_reply){.answer = CRL_STORE_BUSY, .lease_us = MS(700)});
    assert_int_equal(desk->last_told.store.lease_us, MS(700));
    desk_reply(desk, 4,
               (struct crl_store_reply){
                   .answer = CRL_STORE_FAILED, .rc = CORRAL_EORIGIN, .lease_us = 9 * DESK_LEASE});
    assert_int_equal(desk->last_told.store.rc, CORRAL_EORIGIN);
    assert_int_equal(desk->last_told.store.lease_us, 9 * DESK_LEASE); /* it is no lease */
    desk_expect(desk, "say ask a\nsay ask a\nsay ask a\nsay ask a\n"
                      "told value a, ask 1\n"
                      "told value a, ask 2\n"
                      "told busy a, ask 3\n"
                      "told failed a, ask 4\n");
}

static void l1_an_ask_times_out_at_its_instant(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk->now += MS(30);
    desk_tell(desk, CRL_ASK_STORE, 'b', 2);
    desk_expect(desk, "say ask a\nsay ask b\n");
    desk->now += DESK_TIMEOUT - MS(30) - 1;
    assert_int_equal(desk_next_at(desk), desk->now + 1);
    desk_timer(desk);
    desk_expect(desk, "");
    desk->now++;
    desk_timer(desk);
    desk_timer(desk);
    desk_expect(desk, "told down a, ask 1\n");
    assert_int_equal(desk_next_at(desk), desk->now + MS(30));
    desk->now += MS(30);
    desk_timer(desk);
    desk_expect(desk, "told down b, ask 2\n");
    assert_int_equal(desk_next_at(desk), desk->now - MS(30) - DESK_TIMEOUT + DESK_FORGET);
}

static void l1_a_late_lease_is_told_under_an_ask_that_nobody_knows(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 7);
    desk->now += DESK_TIMEOUT;
    desk_timer(desk);
    desk->now += MS(1);
    desk_reply_leased(desk, 1, 7, DESK_LEASE);
    assert_true(crl_token_equal(desk->last_told.store.token, desk_token(7)));
    desk_expect(desk, "say ask a\n"
                      "told down a, ask 7\n"
                      "told linked\n"
                      "told leased a, ask 0\n");
}

/* Its timers come after its sockets: the time-out is told first all the same. */
static void l1_who_stood_still_has_missed_the_time_out(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk->now += MS(1);
    desk_tell(desk, CRL_ASK_STORE, 'a', 7);
    desk->now += DESK_TIMEOUT;
    desk_reply_leased(desk, 1, 7, DESK_LEASE);
    desk_expect(desk, "say ask a\n"
                      "told down a, ask 7\n"
                      "told linked\n"
                      "told leased a, ask 0\n");
    desk_timer(desk);
    desk_expect(desk, "");
}

static void l1_replies_may_come_out_of_order(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk_tell(desk, CRL_RENEW_LEASE, 'b', 2);
    desk_tell(desk, CRL_FILL_STORE, 'c', 3);
    desk_tell(desk, CRL_ASK_STORE, 'd', 4);
    desk_expect(desk, "say ask a\nsay renew b\nsay fill c\nsay ask d\n");
    desk_reply_leased(desk, 4, 4, DESK_LEASE);
    desk_reply_done(desk, 3, true);
    assert_int_equal(desk->last_told.filled.answered_at, desk->now - MS(50));
    desk_reply_done(desk, 2, false);
    assert_true(crl_token_equal(desk->last_told.renewed.token, desk_token(2)));
    desk_reply_value(desk, 1, 0, MS(1));
    desk_expect(desk, "told leased d, ask 4\n"
                      "told filled c accepted\n"
                      "told renewed b gone\n"
                      "told value a, ask 1\n");
}

static void l1_the_second_reply_of_a_number_is_dropped(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk_reply_value(desk, 1, 0, MS(1));
    desk_reply_value(desk, 1, 0, MS(1)); /* whose draft is freed */
    desk_reply_value(desk, 99, 0, MS(1));
    desk_reply_done(desk, 1, true);
    desk_expect(desk, "say ask a\ntold value a, ask 1\n");
}

static void l1_without_a_connection_asks_are_answered_at_once(void **state)
{
    struct desk *desk = *state;
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk_tell(desk, CRL_ASK_STORE, 'b', 2);
    desk_expect(desk, ""); /* crl_client_tell() calls no event */
    assert_int_equal(desk_next_at(desk), CRL_AT_ONCE);
    desk_timer(desk);
    desk_expect(desk, "told down a, ask 1\n");
    assert_int_equal(desk_next_at(desk), CRL_AT_ONCE);
    desk_timer(desk);
    desk_expect(desk, "told down b, ask 2\n");
    assert_int_equal(desk_next_at(desk), CRL_NEVER);
}

static void l1_a_lost_link_answers_asks_and_forgets_the_rest(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk->now += DESK_TIMEOUT;
    desk_timer(desk); /* it has been answered, and waits for a late reply only */
    desk_tell(desk, CRL_FILL_STORE, 'b', 2);
    desk_tell(desk, CRL_ASK_STORE, 'c', 3);
    desk_tell(desk, CRL_RENEW_LEASE, 'd', 4);
    desk_tell(desk, CRL_ASK_STORE, 'e', 5);
    desk_expect(desk,
                "say ask a\ntold down a, ask 1\nsay fill b\nsay ask c\nsay renew d\nsay ask e\n");
    desk_unlink(desk);
    desk_expect(desk, "");
    assert_int_equal(desk_next_at(desk), CRL_AT_ONCE);
    desk_timer(desk);
    desk_timer(desk);
    desk_timer(desk);
    desk_expect(desk, "told down c, ask 3\ntold down e, ask 5\n");
    assert_int_equal(desk_next_at(desk), CRL_NEVER);
    desk_link(desk);
    for (uint64_t number = 1; number <= 5; number++)
        desk_reply_done(desk, number, true); /* of the connection before: nobody waits for them */
    desk_expect(desk, "told linked\n");
}

/* The core asks again from within the answer. */
static void l1_an_answer_may_lead_to_the_next_ask(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk->asks_again = 2;
    desk->now += DESK_TIMEOUT;
    desk_timer(desk);
    desk_expect(desk, "say ask a\ntold down a, ask 1\nsay ask a\n");
    assert_int_equal(desk_next_at(desk), desk->now + DESK_TIMEOUT);
    desk->asks_again = 3;
    desk_unlink(desk);
    desk_timer(desk);
    desk_timer(desk);
    desk_timer(desk);
    desk_expect(desk, "told down a, ask 2\ntold down a, ask 3\n");
}

/* ------------------------------------------------------------------------------------------- L2 */

static void l2_the_unsaid_is_said_first_of_all(void **state)
{
    struct desk *desk = *state;
    desk_tell(desk, CRL_INVALIDATE_STORE, 'a', 0);
    desk_tell(desk, CRL_INVALIDATE_STORE, 'b', 0);
    desk_expect(desk, "");
    assert_int_equal(crl_client_unsaid(desk->client), 2);
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk_expect(desk, "say invalidate a\nsay invalidate b\ntold linked\nsay ask a\n");
    desk_unlink(desk); /* and again on the next one, for nobody has confirmed it */
    desk_link(desk);
    desk_expect(desk, "say invalidate a\nsay invalidate b\ntold linked\n");
    desk_reply_done(desk, 4, true);
    desk_reply_done(desk, 5, true);
    assert_int_equal(crl_client_unsaid(desk->client), 0);
    desk_unlink(desk);
    desk_link(desk);
    desk_timer(desk);
    desk_expect(desk, "told linked\ntold down a, ask 1\n");
}

static void l2_of_one_key_one_is_unsaid(void **state)
{
    struct desk *desk = *state;
    desk_tell(desk, CRL_INVALIDATE_STORE, 'a', 0);
    desk_tell(desk, CRL_INVALIDATE_STORE, 'b', 0);
    desk_tell(desk, CRL_INVALIDATE_STORE, 'a', 0);
    assert_int_equal(crl_client_unsaid(desk->client), 2);
    desk_link(desk);
    desk_expect(desk, "say invalidate b\nsay invalidate a\ntold linked\n");
}

/* What was executed before the second invalidation was meant does not stand for it. */
static void l2_only_the_last_said_confirms(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_INVALIDATE_STORE, 'a', 0);
    desk_tell(desk, CRL_INVALIDATE_STORE, 'a', 0);
    desk_expect(desk, "say invalidate a\nsay invalidate a\n");
    desk_reply_done(desk, 1, true);
    assert_int_equal(crl_client_unsaid(desk->client), 1);
    desk_reply_done(desk, 2, true);
    assert_int_equal(crl_client_unsaid(desk->client), 0);
    desk_expect(desk, "");
}

static void l2_a_confirmation_of_the_connection_before_is_none(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_INVALIDATE_STORE, 'a', 0);
    desk_unlink(desk);
    desk_link(desk);
    desk_reply_done(desk, 1, true);
    assert_int_equal(crl_client_unsaid(desk->client), 1);
    desk_reply_done(desk, 2, true);
    assert_int_equal(crl_client_unsaid(desk->client), 0);
    desk_expect(desk, "say invalidate a\nsay invalidate a\ntold linked\n");
}

/* It waits for the next connection: at once it would fail again. */
static void l2_what_is_not_done_is_not_confirmed(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_INVALIDATE_STORE, 'a', 0);
    desk_reply_done(desk, 1, false);
    assert_int_equal(crl_client_unsaid(desk->client), 1);
    assert_int_equal(crl_client_breaches(desk->client), 1);
    desk_unlink(desk);
    desk_link(desk);
    desk_reply_done(desk, 2, true);
    assert_int_equal(crl_client_unsaid(desk->client), 0);
    desk_expect(desk, "say invalidate a\nsay invalidate a\ntold linked\n");
}

/* ------------------------------------------------------------------------------------------- L3 */

static void l3_a_value_has_lost_the_way(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk->now += MS(40);
    desk_reply_value(desk, 1, MS(300), MS(100));
    assert_int_equal(desk->last_told.store.age_us, MS(340));
    assert_int_equal(desk->last_told.store.fresh_us, MS(60));
    desk_tell(desk, CRL_ASK_STORE, 'a', 2);
    desk->now += MS(40);
    desk_reply_value(desk, 2, MS(300), MS(10)); /* expired on the way: the core sees that it is */
    assert_int_equal(desk->last_told.store.fresh_us, -MS(30));
}

static void l3_an_own_lease_has_lost_the_way(void **state)
{
    struct desk *desk = *state;
    static const struct {
        const char *name;
        corral_us on_the_way_us, granted_us, expected_us;
    } rows[] = {
        {"at once", 0, DESK_LEASE, DESK_LEASE},
        {"some time on the way", MS(40), DESK_LEASE, DESK_LEASE - MS(40)},
        {"longer than configured: the store's clock stepped", MS(40), 9 * DESK_LEASE,
         DESK_LEASE - MS(40)},
        {"shorter than configured", MS(40), MS(100), MS(60)},
        {"nearly all of it: half, so that a renewal asks soon", MS(99), MS(100), MS(50)},
        {"more than all of it", MS(99), MS(50), MS(25)},
    };
    desk_link(desk);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        desk_tell(desk, CRL_ASK_STORE, 'a', i + 1);
        desk->now += rows[i].on_the_way_us;
        desk_reply_leased(desk, i + 1, i + 1, rows[i].granted_us);
        if (desk->last_told.store.lease_us != rows[i].expected_us)
            fail_msg("%s: %lld us", rows[i].name, (long long)desk->last_told.store.lease_us);
    }
}

/* To ask before it is over would be in vain. */
static void l3_the_lease_of_another_is_waited_for(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk_tell(desk, CRL_ASK_STORE, 'a', 2);
    desk->now += MS(40);
    desk_reply(desk, 1, (struct crl_store_reply){.answer = CRL_STORE_BUSY, .lease_us = MS(100)});
    assert_int_equal(desk->last_told.store.lease_us, MS(100));
    desk_reply(desk, 2,
               (struct crl_store_reply){.answer = CRL_STORE_BUSY, .lease_us = 9 * DESK_LEASE});
    assert_int_equal(desk->last_told.store.lease_us, DESK_LEASE);
}

static void l3_a_fill_tells_the_age_of_its_value(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_FILL_STORE, 'a', 9);
    assert_true(crl_token_equal(desk->last_sent.token, desk_token(9)));
    assert_int_equal(desk->last_sent.since_us, MS(70));
    assert_int_equal(desk->last_sent.ttl_us, MS(30000));
    desk_reply_done(desk, 1, false);
    assert_int_equal(desk->last_told.filled.answered_at, desk->now - MS(50));
    desk_tell(desk, CRL_RENEW_LEASE, 'a', 9);
    assert_int_equal(desk->last_sent.lease_us, DESK_LEASE);
    desk_tell(desk, CRL_RELEASE_LEASE, 'a', 9);
    assert_int_equal(desk->last_sent.rc, CORRAL_EORIGIN);
    assert_int_equal(desk->last_sent.retry_us, MS(500));
    desk_expect(desk, "say fill a\ntold filled a refused\nsay renew a\nsay release a\n");
}

/* ------------------------------------------------------------------------------------------- L4 */

static void l4_a_new_connection_begins_an_epoch(void **state)
{
    struct desk *desk = *state;
    desk_link(desk); /* the first one: there is nothing yet that could be suspect */
    desk_expect(desk, "");
    desk_unlink(desk);
    desk_expect(desk, "");
    desk_link(desk);
    desk_expect(desk, "told linked\n");
    desk_push(desk, 'a');
    desk_expect(desk, "told changed a\n");
}

/* A process that started before its store: what it did on its own is to be confirmed. */
static void l4_a_late_first_connection_begins_an_epoch(void **state)
{
    struct desk *desk = *state;
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk_timer(desk);
    desk_link(desk);
    desk_expect(desk, "told down a, ask 1\ntold linked\n");
}

static void l4_silence_begins_an_epoch_before_what_is_heard(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk->now += MS(1);
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk->now += DESK_TIMEOUT;
    desk_timer(desk);
    desk_expect(desk, "say ask a\ntold down a, ask 1\n");
    desk->now += MS(1000);
    desk_push(desk, 'b');
    desk_expect(desk, "told linked\ntold changed b\n");
    desk_push(desk, 'b');
    desk_reply_leased(desk, 1, 1, DESK_LEASE);
    desk_expect(desk, "told changed b\ntold leased a, ask 0\n");
}

/* What came at the instant of the ask came before it: a batch of events has one instant. */
static void l4_what_came_before_the_ask_is_no_sign_of_life(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_push(desk, 'a');
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk->now += DESK_TIMEOUT;
    desk_timer(desk);
    desk_push(desk, 'b');
    desk_expect(desk,
                "told changed a\nsay ask a\ntold down a, ask 1\ntold linked\ntold changed b\n");
}

/* One reply is late, but the store is there. */
static void l4_one_late_reply_is_no_silence(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk->now += MS(1);
    desk_push(desk, 'b');
    desk->now += DESK_TIMEOUT;
    desk_timer(desk);
    desk_reply_leased(desk, 1, 1, DESK_LEASE);
    desk_expect(desk, "say ask a\ntold changed b\ntold down a, ask 1\ntold leased a, ask 0\n");
}

/* ------------------------------------------------------------------------------------------- L5 */

static void l5_requests_without_a_reply_have_a_limit(void **state)
{
    struct desk *desk = *state;
    crl_client_free(desk->client);
    desk->client = desk_client(desk, 2);
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk_tell(desk, CRL_RENEW_LEASE, 'b', 2);
    desk_tell(desk, CRL_ASK_STORE, 'c', 3);
    desk_tell(desk, CRL_FILL_STORE, 'd', 4); /* whose entry is freed */
    desk_tell(desk, CRL_RENEW_LEASE, 'e', 5);
    desk_tell(desk, CRL_RELEASE_LEASE, 'f', 6);
    desk_tell(desk, CRL_INVALIDATE_STORE, 'g', 0);
    desk_expect(desk, "say ask a\nsay renew b\nsay release f\nsay invalidate g\n");
    assert_int_equal(desk_next_at(desk), CRL_AT_ONCE);
    desk_timer(desk);
    desk_expect(desk, "told down c, ask 3\n");
    desk_reply_done(desk, 2, true);
    desk_tell(desk, CRL_ASK_STORE, 'h', 7);
    desk_expect(desk, "told renewed b held\nsay ask h\n");
}

/* A store that is silent does not gather requests: those that were given up count. */
static void l5_who_was_given_up_still_counts(void **state)
{
    struct desk *desk = *state;
    crl_client_free(desk->client);
    desk->client = desk_client(desk, 1);
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk->now += DESK_TIMEOUT;
    desk_timer(desk);
    desk_tell(desk, CRL_ASK_STORE, 'b', 2);
    desk_timer(desk);
    desk_expect(desk, "say ask a\ntold down a, ask 1\ntold down b, ask 2\n");
    desk_reply_leased(desk, 1, 1, DESK_LEASE);
    desk_tell(desk, CRL_ASK_STORE, 'b', 3);
    desk_expect(desk, "told linked\ntold leased a, ask 0\nsay ask b\n");
}

/* A connection that lives, but loses replies, is not full for ever. */
static void l5_a_reply_is_not_waited_for_for_ever(void **state)
{
    struct desk *desk = *state;
    crl_client_free(desk->client);
    desk->client = desk_client(desk, 3);
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 1);
    desk_tell(desk, CRL_RENEW_LEASE, 'b', 2);
    desk->now += MS(10);
    desk_tell(desk, CRL_FILL_STORE, 'c', 3);
    desk->now += DESK_FORGET - MS(10) - 1;
    desk_timer(desk);
    desk_tell(desk, CRL_RENEW_LEASE, 'd', 4); /* there is no room yet */
    assert_int_equal(desk_next_at(desk), desk->now + 1);
    desk_timer(desk);
    desk_expect(desk, "say ask a\nsay renew b\nsay fill c\ntold down a, ask 1\n");
    desk->now++;
    desk_timer(desk);
    desk_timer(desk);
    desk_timer(desk);
    assert_int_equal(desk_next_at(desk), desk->now + MS(10));
    desk->now += MS(10);
    desk_timer(desk);
    assert_int_equal(desk->last_told.filled.answered_at, desk->now - DESK_FORGET - MS(50));
    assert_int_equal(desk_next_at(desk), CRL_NEVER);
    desk_tell(desk, CRL_ASK_STORE, 'e', 5);
    desk_expect(desk, "told filled c refused\nsay ask e\n");
    desk_reply_value(desk, 1, 0, MS(1)); /* whose draft is freed */
    desk_reply_done(desk, 3, true);
    desk_expect(desk, "told linked\n");
}

/* ------------------------------------------------------------------------------------------- L6 */

static void l6_an_answer_that_breaks_the_contract_is_none(void **state)
{
    struct desk *desk = *state;
    static const struct {
        const char *name;
        struct crl_store_reply reply;
        bool has_draft;
        size_t key_size, value_size;
    } rows[] = {
        {"a lease without a token", {.answer = CRL_STORE_LEASED, .lease_us = DESK_LEASE}},
        {"another's token",
         {.answer = CRL_STORE_LEASED, .token = {99, 42}, .lease_us = DESK_LEASE}},
        {"a lease that is over", {.answer = CRL_STORE_LEASED, .token = {7, 42}}},
        {"a lease that has never been",
         {.answer = CRL_STORE_LEASED, .token = {7, 42}, .lease_us = INT64_MIN}},
        {"a lease that is too short",
         {.answer = CRL_STORE_LEASED, .token = {7, 42}, .lease_us = CRL_STORE_LEASE_MIN - 1}},
        {"a lease with a value",
         {.answer = CRL_STORE_LEASED, .token = {7, 42}, .lease_us = DESK_LEASE},
         .has_draft = true,
         .key_size = 1},
        {"another's lease that is over", {.answer = CRL_STORE_BUSY}},
        {"another's lease of the past", {.answer = CRL_STORE_BUSY, .lease_us = INT64_MIN}},
        {"a failure that is a success", {.answer = CRL_STORE_FAILED, .lease_us = MS(1)}},
        {"a failure that is an outcome", {.answer = CRL_STORE_FAILED, .rc = 5, .lease_us = MS(1)}},
        {"a failure that is over", {.answer = CRL_STORE_FAILED, .rc = CORRAL_EORIGIN}},
        {"a shorter key", {.answer = CRL_STORE_VALUE}, .has_draft = true, .key_size = 0},
        {"a longer key", {.answer = CRL_STORE_VALUE}, .has_draft = true, .key_size = 2},
        {"a value that is too large",
         {.answer = CRL_STORE_VALUE},
         .has_draft = true,
         .key_size = 1,
         .value_size = DESK_VALUE_MAX + 1},
        {"no answer", {.answer = CRL_STORE_DOWN}},
        {"what is none of these", {.answer = (enum crl_store_answer)(CRL_STORE_DOWN + 1)}},
        {"what is far from these", {.answer = (enum crl_store_answer)INT_MAX}},
    };
    desk_link(desk);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct crl_store_reply reply = rows[i].reply;
        if (rows[i].has_draft)
            reply.draft = crl_entry_draft(&desk_memory, rows[i].key_size, rows[i].value_size, 0);
        desk_tell(desk, CRL_ASK_STORE, 'a', 7);
        desk->lines_size = 0;
        desk_reply(desk, i + 1, reply);
        if (strcmp(desk->lines, "told down a, ask 7\n") != 0 || desk_entries != 0 ||
            crl_client_breaches(desk->client) != i + 1)
            fail_msg("%s: %s", rows[i].name, desk->lines);
    }
}

/* The core gives a late lease back: not one that is another's. */
static void l6_nor_is_one_that_comes_late(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 7);
    desk->now += DESK_TIMEOUT;
    desk_reply_leased(desk, 1, 99, DESK_LEASE);
    desk_expect(desk, "say ask a\ntold down a, ask 7\ntold linked\ntold down a, ask 0\n");
    assert_int_equal(crl_client_breaches(desk->client), 1);
}

static void l6_the_largest_value_is_none_too_large(void **state)
{
    struct desk *desk = *state;
    desk_link(desk);
    desk_tell(desk, CRL_ASK_STORE, 'a', 7);
    desk_reply(
        desk, 1,
        (struct crl_store_reply){.answer = CRL_STORE_VALUE,
                                 .draft = crl_entry_draft(&desk_memory, 1, DESK_VALUE_MAX, 0)});
    desk_expect(desk, "say ask a\ntold value a, ask 7\n");
    assert_int_equal(crl_client_breaches(desk->client), 0);
}

static void l6_a_span_is_no_longer_than_the_longest(void **state)
{
    struct desk *desk = *state;
    static const struct {
        const char *name;
        corral_us span_us, expected_us;
    } rows[] = {
        {"the least there is", INT64_MIN, 0},
        {"of the future", -1, 0},
        {"none", 0, 0},
        {"one", 1, 1},
        {"the longest", CRL_SPAN_MAX, CRL_SPAN_MAX},
        {"for ever", INT64_MAX, CRL_SPAN_MAX},
    };
    desk_link(desk);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        desk_tell(desk, CRL_ASK_STORE, 'a', 7);
        desk->now += MS(40);
        desk_reply_value(desk, 2 * i + 1, rows[i].span_us, rows[i].span_us);
        if (desk->last_told.store.age_us != rows[i].expected_us + MS(40) ||
            desk->last_told.store.fresh_us != rows[i].expected_us - MS(40))
            fail_msg("%s: a value of %lld us", rows[i].name,
                     (long long)desk->last_told.store.age_us);
        desk_tell(desk, CRL_ASK_STORE, 'a', 8);
        desk_reply(desk, 2 * i + 2,
                   (struct crl_store_reply){
                       .answer = CRL_STORE_FAILED, .rc = -1, .lease_us = rows[i].span_us});
        if (desk->last_told.store.lease_us != rows[i].expected_us)
            fail_msg("%s: a failure of %lld us", rows[i].name,
                     (long long)desk->last_told.store.lease_us);
    }
}

/* ------------------------------------------------------------------------------------------- L7 */

enum call { UNLINK, REPLY, PUSH, TIMER, TELL, QUESTIONS };

/* What a host does that does not wait for the client to return. */
struct meddler {
    struct desk *desk;
    enum call call;
    bool sends; /* it is send() that meddles; else happen() */
};

static void meddle(const struct meddler *meddler)
{
    struct desk *desk = meddler->desk;
    switch (meddler->call) {
    case UNLINK:
        desk_unlink(desk);
        return;
    case REPLY:
        desk_reply_done(desk, 1, true);
        return;
    case PUSH:
        desk_push(desk, 'b');
        return;
    case TIMER:
        desk_timer(desk);
        return;
    case TELL:
        desk_tell(desk, CRL_RENEW_LEASE, 'b', 2);
        return;
    case QUESTIONS:
        (void)desk_next_at(desk);
        (void)crl_client_unsaid(desk->client);
        return;
    }
}

static void meddler_sends(void *arg, const struct crl_store_request *request)
{
    struct meddler *meddler = arg;
    if (meddler->sends && request->op == CRL_STORE_ASK)
        meddle(meddler);
}

static void meddler_happens(void *arg, struct crl_event *event)
{
    struct meddler *meddler = arg;
    if (!meddler->sends && event->kind == CRL_STORE_ANSWERED)
        meddle(meddler);
}

/* In a child, which may die of it. */
static bool is_forbidden(bool sends, enum call call)
{
    static const struct crl_client_host host = {.send = meddler_sends, .happen = meddler_happens};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        (void)close(STDERR_FILENO);
        struct desk desk = {.now = MS(1000)};
        struct meddler meddler = {.desk = &desk, .call = call, .sends = sends};
        desk.client = crl_client_new(&(struct crl_client_config){.timeout_us = DESK_TIMEOUT,
                                                                 .lease_us = DESK_LEASE,
                                                                 .requests_max = 9,
                                                                 .value_max = DESK_VALUE_MAX,
                                                                 .host = &host,
                                                                 .arg = &meddler});
        desk_link(&desk);
        desk_tell(&desk, CRL_ASK_STORE, 'a', 1);
        desk_reply(&desk, 1, (struct crl_store_reply){.answer = CRL_STORE_BUSY, .lease_us = 1});
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGABRT : WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

static void l7_the_host_does_not_call_back(void **state)
{
    (void)state;
    for (int sends = 0; sends < 2; sends++) {
        assert_true(is_forbidden(sends, UNLINK));
        assert_true(is_forbidden(sends, REPLY));
        assert_true(is_forbidden(sends, PUSH));
        assert_true(is_forbidden(sends, TIMER));
        assert_int_equal(is_forbidden(sends, TELL), sends);
        assert_false(is_forbidden(sends, QUESTIONS));
    }
}

/* ------------------------------------------------------------------------------------ no memory */

/* Everything that allocates, once. Returns how many calls said ENOMEM. */
static uint32_t errors_in_a_day(struct desk *desk)
{
    static const enum crl_action_kind kinds[] = {CRL_ASK_STORE, CRL_RENEW_LEASE, CRL_FILL_STORE,
                                                 CRL_RELEASE_LEASE, CRL_INVALIDATE_STORE};
    uint32_t errors = 0;
    for (int is_up = 0; is_up < 2; is_up++) {
        if (is_up)
            desk_link(desk);
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            size_t lines_before = desk->lines_size;
            int rc = desk_try(desk, kinds[i], (char)('a' + i), i + 1);
            assert_true(rc == 0 || rc == CORRAL_ENOMEM);
            bool may_fail = kinds[i] == CRL_ASK_STORE || kinds[i] == CRL_INVALIDATE_STORE;
            assert_true(rc == 0 || (may_fail && desk->lines_size == lines_before));
            errors += rc == CORRAL_ENOMEM;
        }
    }
    for (uint64_t number = 1; number <= desk->numbers; number++)
        desk_reply_done(desk, number, true);
    desk_unlink(desk);
    while (desk_next_at(desk) == CRL_AT_ONCE)
        desk_timer(desk);
    return errors;
}

static void without_memory_it_is_told(void **state)
{
    (void)state;
    uint32_t n = 0, errors = 0;
    do {
        desk_fail_at(++n);
        desk_blocks = desk_entries = 0;
        struct desk desk = {.now = MS(1000)};
        desk.client = desk_client(&desk, 100);
        assert_true(desk.client != NULL || n == 1);
        if (desk.client != NULL)
            errors += errors_in_a_day(&desk);
        crl_client_free(desk.client);
        assert_int_equal(desk_blocks, 0);
        assert_int_equal(desk_entries, 0);
    } while (desk_has_failed());
    desk_fail_at(0);
    assert_int_equal(n, 7); /* the client, three asks and invalidations, one renewal and fill */
    assert_int_equal(errors, 3); /* the second invalidation of a key needs no memory */
}

#define DESK_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(l1_a_reply_answers_its_ask),
        DESK_TEST(l1_any_answer_is_told_whole),
        DESK_TEST(l1_an_ask_times_out_at_its_instant),
        DESK_TEST(l1_a_late_lease_is_told_under_an_ask_that_nobody_knows),
        DESK_TEST(l1_who_stood_still_has_missed_the_time_out),
        DESK_TEST(l1_replies_may_come_out_of_order),
        DESK_TEST(l1_the_second_reply_of_a_number_is_dropped),
        DESK_TEST(l1_without_a_connection_asks_are_answered_at_once),
        DESK_TEST(l1_a_lost_link_answers_asks_and_forgets_the_rest),
        DESK_TEST(l1_an_answer_may_lead_to_the_next_ask),
        DESK_TEST(l2_the_unsaid_is_said_first_of_all),
        DESK_TEST(l2_of_one_key_one_is_unsaid),
        DESK_TEST(l2_only_the_last_said_confirms),
        DESK_TEST(l2_a_confirmation_of_the_connection_before_is_none),
        DESK_TEST(l2_what_is_not_done_is_not_confirmed),
        DESK_TEST(l3_a_value_has_lost_the_way),
        DESK_TEST(l3_an_own_lease_has_lost_the_way),
        DESK_TEST(l3_the_lease_of_another_is_waited_for),
        DESK_TEST(l3_a_fill_tells_the_age_of_its_value),
        DESK_TEST(l4_a_new_connection_begins_an_epoch),
        DESK_TEST(l4_a_late_first_connection_begins_an_epoch),
        DESK_TEST(l4_silence_begins_an_epoch_before_what_is_heard),
        DESK_TEST(l4_what_came_before_the_ask_is_no_sign_of_life),
        DESK_TEST(l4_one_late_reply_is_no_silence),
        DESK_TEST(l5_requests_without_a_reply_have_a_limit),
        DESK_TEST(l5_who_was_given_up_still_counts),
        DESK_TEST(l5_a_reply_is_not_waited_for_for_ever),
        DESK_TEST(l6_an_answer_that_breaks_the_contract_is_none),
        DESK_TEST(l6_nor_is_one_that_comes_late),
        DESK_TEST(l6_the_largest_value_is_none_too_large),
        DESK_TEST(l6_a_span_is_no_longer_than_the_longest),
        cmocka_unit_test(l7_the_host_does_not_call_back),
        cmocka_unit_test(without_memory_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
