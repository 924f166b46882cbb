/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a ticket is good until it is claimed, for one claim, and never again.
 * Method: rows of what is not a ticket; the law on seeded draws against a list of live ones. */
#include "base/rng.h"
#include "origin/ticket.h"

#include <stdint.h>
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void look(void *object, void *arg)
{
    *(const void **)arg = object;
}

static void test_life(void **state)
{
    (void)state;
    int object;
    const void *seen = NULL, *ticket = crl_ticket_issue(&object);
    assert_non_null(ticket);
    assert_true(crl_ticket_look(ticket, look, &seen));
    assert_ptr_equal(seen, &object);
    assert_ptr_equal(crl_ticket_claim(ticket), &object);
    assert_null(crl_ticket_claim(ticket));
    assert_false(crl_ticket_look(ticket, look, &seen));
}

static void test_what_is_no_ticket(void **state)
{
    (void)state;
    int object;
    const void *ticket = crl_ticket_issue(&object);
    const void *const others[] = {
        NULL,
        &object,
        (const char *)ticket + 1,
        (const char *)ticket - 1,
        (const void *)UINTPTR_MAX,
        (const void *)((uintptr_t)ticket + (UINTPTR_MAX / 2 + 1)),
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_null(crl_ticket_claim(others[i]));
    assert_ptr_equal(crl_ticket_claim(ticket), &object);
}

/* Old tickets are kept and tried again, while their slots go to new ones. */
static void test_old_tickets_stay_void(void **state)
{
    (void)state;
    enum { KEPT = 500 };
    static char objects[KEPT];
    static const void *live[KEPT], *old[KEPT];
    struct crl_rng rng = crl_rng_split(1, "ticket");
    for (uint32_t step = 0; step < 200000; step++) {
        uint64_t i = crl_rng_below(&rng, KEPT);
        if (live[i] == NULL) {
            live[i] = crl_ticket_issue(&objects[i]);
            assert_non_null(live[i]);
            assert_ptr_not_equal(live[i], old[i]);
            continue;
        }
        assert_null(crl_ticket_claim(old[crl_rng_below(&rng, KEPT)]));
        assert_ptr_equal(crl_ticket_claim(live[i]), &objects[i]);
        old[i] = live[i];
        live[i] = NULL;
    }
    for (uint32_t i = 0; i < KEPT; i++) {
        assert_null(crl_ticket_claim(old[i]));
        assert_ptr_equal(crl_ticket_claim(live[i]), live[i] != NULL ? &objects[i] : NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_what_is_no_ticket),
        cmocka_unit_test(test_old_tickets_stay_void),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
