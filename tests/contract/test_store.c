/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   every store keeps the contract of store/store.h, S1 to S7.
 * Method: each clause is a test over requests and replies; an implementation is a row. So far there
 *         is one. */
#include "base/bytes.h"
#include "base/rc.h"
#include "store/memory.h"

#include "../helper/entries.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define S      CORRAL_SECONDS
#define SPACE  3
#define PUSHES 8

static struct {
    uint32_t n, by[PUSHES];
} pushed;

static void on_push(void *arg, uint32_t by, uint32_t space, struct corral_bytes key)
{
    assert_ptr_equal(arg, &pushed);
    assert_int_equal(space, SPACE);
    assert_int_equal(key.size, 1);
    assert_true(pushed.n < PUSHES);
    pushed.by[pushed.n++] = by;
}

static int set_up(void **state)
{
    pushed.n = 0;
    *state = crl_store_memory_new(&crl_allocator_malloc, on_push, &pushed);
    return *state == NULL;
}

static int tear_down(void **state)
{
    crl_store_memory_free(*state);
    return 0;
}

/* ------------------------------------------------------------------------------------- requests */

static struct crl_store_reply say(void *store, corral_us now, uint32_t by,
                                  struct crl_store_request request)
{
    struct crl_store_reply reply = {0};
    request.space = SPACE;
    if (request.key.size == 0)
        request.key = corral_str("k");
    assert_int_equal(crl_store_memory_execute(store, now, by, &request, &reply), 0);
    return reply;
}

/* Each process has one token here, unless a test says otherwise. */
static struct crl_token token_of(uint32_t by)
{
    return (struct crl_token){by, 42};
}

static struct crl_store_reply ask_under(void *store, corral_us now, uint32_t by,
                                        struct crl_token token)
{
    return say(store, now, by,
               (struct crl_store_request){
                   .op = CRL_STORE_ASK, .token = token, .lease_us = S(2), .age_us = INT64_MAX});
}

static struct crl_store_reply ask(void *store, corral_us now, uint32_t by)
{
    return ask_under(store, now, by, token_of(by));
}

static bool fill(void *store, corral_us now, uint32_t by, struct crl_token token, const char *text,
                 corral_us since_us)
{
    struct entry_parts parts = {.key = corral_str("k"), .value = corral_str(text)};
    struct crl_entry *entry = entry_made(&crl_allocator_malloc, &parts);
    struct crl_store_reply reply = say(store, now, by,
                                       (struct crl_store_request){.op = CRL_STORE_FILL,
                                                                  .token = token,
                                                                  .entry = entry,
                                                                  .since_us = since_us,
                                                                  .ttl_us = S(30)});
    crl_entry_unref(&crl_allocator_malloc, entry);
    return reply.is_done;
}

static bool fill_now(void *store, corral_us now, uint32_t by, const char *text)
{
    return fill(store, now, by, token_of(by), text, 0);
}

static bool release(void *store, corral_us now, uint32_t by, struct crl_token token, int rc)
{
    return say(store, now, by,
               (struct crl_store_request){.op = CRL_STORE_RELEASE,
                                          .token = token,
                                          .rc = rc,
                                          .retry_us = rc < 0 ? S(5) : 0})
        .is_done;
}

static bool renew(void *store, corral_us now, uint32_t by, struct crl_token token)
{
    return say(store, now, by,
               (struct crl_store_request){.op = CRL_STORE_RENEW, .token = token, .lease_us = S(2)})
        .is_done;
}

static void invalidate(void *store, corral_us now, uint32_t by, const char *key)
{
    struct crl_store_request request = {.op = CRL_STORE_INVALIDATE, .key = corral_str(key)};
    assert_true(say(store, now, by, request).is_done);
}

/* A reply that is the value `text`, of such an age, and fresh for so long. */
static void expect_given(struct crl_store_reply reply, const char *text, corral_us age_us,
                         corral_us fresh_us)
{
    assert_int_equal(reply.answer, CRL_STORE_VALUE);
    assert_non_null(reply.draft);
    assert_true(crl_bytes_equal(crl_entry_value(reply.draft), corral_str(text)));
    assert_int_equal(reply.age_us, age_us);
    assert_int_equal(reply.fresh_us, fresh_us);
    crl_entry_unref(&crl_allocator_malloc, reply.draft);
}

/* ------------------------------------------------------------------------------------------- S1 */

static void s1_one_lease_at_a_time(void **store)
{
    struct crl_store_reply first = ask(*store, 0, 1);
    assert_int_equal(first.answer, CRL_STORE_LEASED);
    assert_true(crl_token_equal(first.token, token_of(1)));
    assert_int_equal(first.lease_us, S(2));
    struct crl_store_reply second = ask(*store, S(1), 2);
    assert_int_equal(second.answer, CRL_STORE_BUSY);
    assert_int_equal(second.lease_us, S(1));
    assert_true(fill(*store, S(1), 1, token_of(1), "v", S(1)));
    expect_given(ask(*store, S(2), 2), "v", S(1), S(29));
    assert_int_equal(ask(*store, S(31), 2).answer, CRL_STORE_LEASED); /* no longer fresh */
}

/* A request whose reply was lost is said again: the lease is the asker's own, not somebody's. */
static void s1_asked_again_it_is_ones_own(void **store)
{
    assert_int_equal(ask(*store, 0, 1).answer, CRL_STORE_LEASED);
    assert_int_equal(ask(*store, S(1), 1).answer, CRL_STORE_LEASED);
    assert_int_equal(ask_under(*store, S(1), 1, (struct crl_token){1, 43}).answer, CRL_STORE_BUSY);
    assert_true(fill(*store, S(1), 1, token_of(1), "v", 0));
    expect_given(ask(*store, S(1), 2), "v", S(1), S(29)); /* since the first grant */
}

static void s1_a_value_that_is_not_younger_is_no_answer(void **store)
{
    (void)ask(*store, 0, 1);
    assert_true(fill_now(*store, 0, 1, "v"));
    struct crl_store_request request = {
        .op = CRL_STORE_ASK, .token = token_of(2), .lease_us = S(2), .age_us = S(10)};
    expect_given(say(*store, S(9), 2, request), "v", S(9), S(21));
    assert_int_equal(say(*store, S(10), 2, request).answer, CRL_STORE_LEASED);
    expect_given(ask(*store, S(10), 3), "v", S(10), S(20)); /* others are served meanwhile */
}

static void s1_tokens_outlive_what_is_lost(void **store)
{
    (void)ask(*store, 0, 1);
    crl_store_memory_wipe(*store);
    assert_int_equal(ask(*store, 0, 2).answer, CRL_STORE_LEASED);
    assert_false(fill_now(*store, 0, 1, "of another time"));
    assert_true(fill_now(*store, 0, 2, "v"));
}

static void s1_an_absence_is_a_value(void **store)
{
    (void)ask(*store, 0, 1);
    struct entry_parts parts = {.kind = CRL_ENTRY_ABSENT, .key = corral_str("k")};
    struct crl_entry *entry = entry_made(&crl_allocator_malloc, &parts);
    assert_true(say(*store, 0, 1,
                    (struct crl_store_request){
                        .op = CRL_STORE_FILL, .token = token_of(1), .entry = entry, .ttl_us = S(5)})
                    .is_done);
    crl_entry_unref(&crl_allocator_malloc, entry);
    struct crl_store_reply reply = ask(*store, S(1), 2);
    assert_int_equal(reply.answer, CRL_STORE_VALUE);
    assert_null(reply.draft);
    assert_int_equal(reply.fresh_us, S(4));
}

/* ------------------------------------------------------------------------------------ S2 and S3 */

static void s2_fill_needs_the_token(void **store)
{
    (void)ask(*store, 0, 1);
    assert_false(fill(*store, 0, 2, token_of(2), "forged", 0));
    assert_false(fill(*store, 0, 2, (struct crl_token){0}, "forged", 0));
    assert_int_equal(ask(*store, 0, 2).answer, CRL_STORE_BUSY);
    assert_true(fill_now(*store, 0, 1, "v"));
    assert_false(fill_now(*store, 0, 1, "again")); /* the lease is over */
}

/* Counted from the grant, a value is never taken for younger than it is; and never for younger than
 * nothing, should a process's clock have jumped. */
static void s2_the_age_counts_from_the_grant(void **store)
{
    (void)ask(*store, 0, 1);
    assert_true(fill(*store, S(1), 1, token_of(1), "slow wire", S(1) / 4));
    expect_given(ask(*store, S(2), 2), "slow wire", S(2) - S(1) / 4, S(28) + S(1) / 4);
    invalidate(*store, S(2), 1, "k");
    (void)ask(*store, S(2), 1);
    assert_true(fill(*store, S(3), 1, token_of(1), "jumped", S(3600)));
    expect_given(ask(*store, S(3), 2), "jumped", 0, S(30));
}

static void s3_release_needs_the_token(void **store)
{
    (void)ask(*store, 0, 1);
    assert_false(release(*store, 0, 2, token_of(2), 0));
    assert_int_equal(ask(*store, 0, 2).answer, CRL_STORE_BUSY);
    assert_true(release(*store, 0, 1, token_of(1), 0));
    assert_false(release(*store, 0, 1, token_of(1), 0));
    assert_int_equal(ask(*store, 0, 2).answer, CRL_STORE_LEASED);
}

/* ------------------------------------------------------------------------------------ S4 and S5 */

static void s4_invalidate_ends_all_of_it(void **store)
{
    (void)ask(*store, 0, 1);
    invalidate(*store, 0, 2, "k");
    assert_false(fill_now(*store, 0, 1, "stale"));
    assert_false(renew(*store, 0, 1, token_of(1)));
    (void)ask_under(*store, 0, 1, (struct crl_token){1, 43});
    assert_true(fill(*store, 0, 1, (struct crl_token){1, 43}, "v", 0));
    invalidate(*store, 0, 2, "k");
    assert_int_equal(ask(*store, 0, 1).answer, CRL_STORE_LEASED);
    assert_true(release(*store, 0, 1, token_of(1), CORRAL_EORIGIN));
    invalidate(*store, 0, 2, "k");
    assert_int_equal(ask(*store, 0, 2).answer, CRL_STORE_LEASED); /* the failure is gone too */
    invalidate(*store, 0, 2, "u");                                /* never seen: no harm */
}

static void s5_a_lease_ends_by_itself(void **store)
{
    (void)ask(*store, 0, 1);
    assert_int_equal(ask(*store, S(2) - 1, 2).answer, CRL_STORE_BUSY);
    assert_int_equal(ask(*store, S(2), 2).answer, CRL_STORE_LEASED);
    assert_false(fill_now(*store, S(2), 1, "too late"));
    assert_true(fill_now(*store, S(2), 2, "v"));
}

static void s5_a_renewed_lease_runs_on(void **store)
{
    (void)ask(*store, 0, 1);
    assert_false(renew(*store, S(1), 2, token_of(2)));
    assert_true(renew(*store, S(1), 1, token_of(1)));
    assert_int_equal(ask(*store, S(3) - 1, 2).lease_us, 1);
    assert_int_equal(ask(*store, S(3), 2).answer, CRL_STORE_LEASED);
    assert_false(renew(*store, S(3), 1, token_of(1))); /* it is another's by now */
    assert_true(fill_now(*store, S(4), 2, "v"));
    assert_false(renew(*store, S(4), 2, token_of(2))); /* it is over */
}

/* ------------------------------------------------------------------------------------ S6 and S7 */

static void s6_changes_are_pushed(void **store)
{
    (void)ask(*store, 0, 1);
    (void)renew(*store, 0, 1, token_of(1));
    assert_int_equal(pushed.n, 0); /* a lease wakes nobody */
    assert_true(fill_now(*store, 0, 1, "v"));
    invalidate(*store, 0, 2, "k");
    (void)ask(*store, 0, 1);
    assert_true(release(*store, 0, 1, token_of(1), 0));
    assert_int_equal(pushed.n, 3);
    assert_int_equal(pushed.by[0], 1);
    assert_int_equal(pushed.by[1], 2);
    assert_int_equal(pushed.by[2], 1);
    assert_false(fill_now(*store, 0, 1, "late"));
    assert_int_equal(pushed.n, 3); /* what changed nothing wakes nobody */
}

static void s7_a_failure_is_told_to_all(void **store)
{
    int failure = crl_rc_of_code(CORRAL_CODE_MAX);
    (void)ask(*store, 0, 1);
    assert_false(release(*store, 0, 2, token_of(2), CORRAL_EORIGIN)); /* S3 */
    assert_int_equal(ask(*store, 0, 2).answer, CRL_STORE_BUSY);
    assert_true(release(*store, 0, 1, token_of(1), failure));
    assert_int_equal(pushed.n, 1); /* who waits hears of it */
    for (uint32_t by = 1; by <= 3; by++) {
        struct crl_store_reply reply = ask(*store, S(1), by);
        assert_int_equal(reply.answer, CRL_STORE_FAILED);
        assert_int_equal(reply.rc, failure);
        assert_int_equal(reply.lease_us, S(4));
    }
    assert_int_equal(ask(*store, S(5), 2).answer, CRL_STORE_LEASED); /* its time is over */
    assert_true(fill_now(*store, S(5), 2, "well again"));
    expect_given(ask(*store, S(5), 1), "well again", 0, S(30));
}

/* What a process itself could not do is nobody else's failure. */
static void s7_a_release_without_a_failure_tells_none(void **store)
{
    (void)ask(*store, 0, 1);
    assert_true(release(*store, 0, 1, token_of(1), 0));
    assert_int_equal(ask(*store, 0, 2).answer, CRL_STORE_LEASED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(s1_one_lease_at_a_time),
        TEST(s1_asked_again_it_is_ones_own),
        TEST(s1_a_value_that_is_not_younger_is_no_answer),
        TEST(s1_tokens_outlive_what_is_lost),
        TEST(s1_an_absence_is_a_value),
        TEST(s2_fill_needs_the_token),
        TEST(s2_the_age_counts_from_the_grant),
        TEST(s3_release_needs_the_token),
        TEST(s4_invalidate_ends_all_of_it),
        TEST(s5_a_lease_ends_by_itself),
        TEST(s5_a_renewed_lease_runs_on),
        TEST(s6_changes_are_pushed),
        TEST(s7_a_failure_is_told_to_all),
        TEST(s7_a_release_without_a_failure_tells_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
