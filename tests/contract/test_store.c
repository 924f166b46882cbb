/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   every store keeps the contract of store/store.h, S1 to S6.
 * Method: each clause is a test over a small table of operations; an implementation is a row. So
 *         far there is one. */
#include "base/bytes.h"
#include "store/memory.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define S      CORRAL_SECONDS
#define PUSHES 8

static struct {
    uint32_t n, by[PUSHES];
} pushed;

static void on_push(void *arg, uint32_t by, uint32_t space, struct corral_bytes key)
{
    assert_ptr_equal(arg, &pushed);
    assert_int_equal(space, 3);
    assert_int_equal(key.size, 1);
    assert_true(pushed.n < PUSHES);
    pushed.by[pushed.n++] = by;
}

static int set_up(void **state)
{
    pushed.n = 0;
    *state = crl_store_memory_new(on_push, &pushed);
    return *state == NULL;
}

static int tear_down(void **state)
{
    crl_store_memory_free(*state);
    return 0;
}

static struct crl_store_reply ask(void *store, corral_us now, uint32_t by)
{
    struct crl_store_reply reply = {0};
    assert_int_equal(
        crl_store_memory_get_or_lease(store, now, by, 3, corral_str("k"), S(2), &reply), 0);
    return reply;
}

static int fill(void *store, corral_us now, uint32_t by, uint64_t token, const char *text)
{
    struct crl_store_value value = {.bytes = corral_str(text), .fresh_us = S(30)};
    return crl_store_memory_fill(store, now, by, 3, corral_str("k"), token, &value);
}

static void s1_one_lease_at_a_time(void **store)
{
    struct crl_store_reply first = ask(*store, 0, 1);
    assert_int_equal(first.answer, CRL_STORE_LEASED);
    struct crl_store_reply second = ask(*store, S(1), 2);
    assert_int_equal(second.answer, CRL_STORE_BUSY);
    assert_int_equal(second.lease_us, S(1));
    assert_int_equal(fill(*store, S(1), 1, first.token, "v"), 1);
    struct crl_store_reply third = ask(*store, S(2), 2);
    assert_int_equal(third.answer, CRL_STORE_VALUE);
    assert_true(crl_bytes_equal(third.value.bytes, corral_str("v")));
    assert_int_equal(third.value.age_us, S(1));
    assert_int_equal(third.value.fresh_us, S(29));
    assert_int_equal(ask(*store, S(31), 2).answer, CRL_STORE_LEASED); /* no longer fresh */
}

static void s1_tokens_outlive_what_is_lost(void **store)
{
    struct crl_store_reply lost = ask(*store, 0, 1);
    crl_store_memory_wipe(*store);
    struct crl_store_reply lease = ask(*store, 0, 2);
    assert_int_equal(lease.answer, CRL_STORE_LEASED);
    assert_int_not_equal(lease.token, lost.token);
    assert_int_equal(fill(*store, 0, 1, lost.token, "of another time"), 0);
    assert_int_equal(fill(*store, 0, 2, lease.token, "v"), 1);
}

static void s2_fill_needs_the_token(void **store)
{
    struct crl_store_reply lease = ask(*store, 0, 1);
    assert_int_equal(fill(*store, 0, 2, lease.token + 1, "forged"), 0);
    assert_int_equal(ask(*store, 0, 2).answer, CRL_STORE_BUSY);
    assert_int_equal(fill(*store, 0, 1, lease.token, "v"), 1);
    assert_int_equal(fill(*store, 0, 1, lease.token, "again"), 0); /* the lease is over */
}

static void s3_release_needs_the_token(void **store)
{
    struct crl_store_reply lease = ask(*store, 0, 1);
    crl_store_memory_release(*store, 0, 2, 3, corral_str("k"), lease.token + 1);
    assert_int_equal(ask(*store, 0, 2).answer, CRL_STORE_BUSY);
    crl_store_memory_release(*store, 0, 1, 3, corral_str("k"), lease.token);
    struct crl_store_reply next = ask(*store, 0, 2);
    assert_int_equal(next.answer, CRL_STORE_LEASED);
    assert_int_not_equal(next.token, lease.token);
}

static void s4_invalidate_ends_value_and_lease(void **store)
{
    struct crl_store_reply lease = ask(*store, 0, 1);
    crl_store_memory_invalidate(*store, 0, 2, 3, corral_str("k"));
    assert_int_equal(fill(*store, 0, 1, lease.token, "stale"), 0);
    lease = ask(*store, 0, 1);
    assert_int_equal(fill(*store, 0, 1, lease.token, "v"), 1);
    crl_store_memory_invalidate(*store, 0, 2, 3, corral_str("k"));
    assert_int_equal(ask(*store, 0, 1).answer, CRL_STORE_LEASED);
    crl_store_memory_invalidate(*store, 0, 2, 3, corral_str("u")); /* never seen: no harm */
}

static void s5_a_lease_ends_by_itself(void **store)
{
    struct crl_store_reply lease = ask(*store, 0, 1);
    struct crl_store_reply heir = ask(*store, S(2), 2);
    assert_int_equal(heir.answer, CRL_STORE_LEASED);
    assert_int_equal(fill(*store, S(2), 1, lease.token, "too late"), 0);
    assert_int_equal(fill(*store, S(2), 2, heir.token, "v"), 1);
}

static void s6_changes_are_pushed(void **store)
{
    struct crl_store_reply lease = ask(*store, 0, 1);
    assert_int_equal(pushed.n, 0); /* a lease wakes nobody */
    assert_int_equal(fill(*store, 0, 1, lease.token, "v"), 1);
    crl_store_memory_invalidate(*store, 0, 2, 3, corral_str("k"));
    lease = ask(*store, 0, 1);
    crl_store_memory_release(*store, 0, 1, 3, corral_str("k"), lease.token);
    assert_int_equal(pushed.n, 3);
    assert_int_equal(pushed.by[0], 1);
    assert_int_equal(pushed.by[1], 2);
    assert_int_equal(pushed.by[2], 1);
    assert_int_equal(fill(*store, 0, 1, lease.token, "late"), 0);
    assert_int_equal(pushed.n, 3); /* what changed nothing wakes nobody */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(s1_one_lease_at_a_time),
        TEST(s1_tokens_outlive_what_is_lost),
        TEST(s2_fill_needs_the_token),
        TEST(s3_release_needs_the_token),
        TEST(s4_invalidate_ends_value_and_lease),
        TEST(s5_a_lease_ends_by_itself),
        TEST(s6_changes_are_pushed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
