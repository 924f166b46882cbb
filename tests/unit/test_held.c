/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what answers hold is counted once for the same bytes, whoever comes and goes in whatever
 *         order; and the one that is cut is the one that gets on slowest.
 * Method: seeded draws against a count that looks at everything; then rows of answers. */
#include "base/rng.h"
#include "http/held.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct crl_held_total total;
static struct crl_held_book book;

enum { ANSWERS = 64, VALUES = 12 };

static size_t size_of_value(uint32_t value)
{
    return 100 + value;
}

/* H1, by a look at all. */
static uint64_t counted(const struct crl_held answers[ANSWERS], const bool there[ANSWERS])
{
    const void *seen[ANSWERS];
    size_t n = 0;
    uint64_t sum = 0;
    for (int i = 0; i < ANSWERS; i++) {
        bool is_new = there[i];
        for (size_t k = 0; k < n && is_new; k++)
            is_new = seen[k] != answers[i].data;
        if (is_new) {
            seen[n++] = answers[i].data;
            sum += answers[i].size;
        }
    }
    return sum;
}

static void test_the_same_bytes_count_once(void **state)
{
    (void)state;
    static struct crl_held answers[ANSWERS];
    static const char values[VALUES * 5000]; /* only their addresses matter */
    bool there[ANSWERS] = {0};
    const uint64_t seed = 11;
    struct crl_rng rng = crl_rng_split(seed, "held");
    total = (struct crl_held_total){.max = 1000, .books = 1};
    crl_held_book_init(&book, &total);
    for (int draw = 0; draw < 20000; draw++) {
        uint32_t i = (uint32_t)crl_rng_below(&rng, ANSWERS);
        if (there[i]) {
            crl_held_remove(&book, &answers[i]);
            crl_held_remove(&book, &answers[i]); /* twice does no harm */
        } else {
            uint32_t value = (uint32_t)crl_rng_below(&rng, VALUES);
            answers[i] =
                (struct crl_held){.data = values + value * 5000, .size = size_of_value(value)};
            crl_held_add(&book, &answers[i]);
        }
        there[i] = !there[i];
        uint64_t wanted = counted(answers, there);
        if (book.bytes != wanted || atomic_load(&total.bytes) != wanted)
            fail_msg("seed %lu, draw %d: %lu, not %lu", (unsigned long)seed, draw,
                     (unsigned long)book.bytes, (unsigned long)wanted);
    }
    for (int i = 0; i < ANSWERS; i++)
        crl_held_remove(&book, &answers[i]);
    assert_int_equal(atomic_load(&total.bytes), 0);
}

/* ---------------------------------------------------------------------------------- the slowest */

struct row {
    struct crl_held held;
    size_t sent;
};

static size_t sent_of(const struct crl_held *held)
{
    return ((const struct row *)held)->sent;
}

static void test_the_slowest(void **state)
{
    (void)state;
    const corral_us now = CORRAL_SECONDS(100);
    static char bytes[8];
    struct row rows[] = {
        {{.data = &bytes[0], .size = 1000, .since = now - CORRAL_SECONDS(50)}, 900}, /* 18/s */
        {{.data = &bytes[1], .size = 1000, .since = now - CORRAL_SECONDS(1)}, 10},   /* 10/s */
        {{.data = &bytes[1], .size = 1000, .since = now - CORRAL_SECONDS(9)}, 500},  /* 55/s */
        {{.data = &bytes[2], .size = 1000, .since = now - CRL_HELD_GRACE + 1}, 0},   /* new */
        {{.data = &bytes[3], .size = 1000, .since = now - CORRAL_SECONDS(2)}, 0},
        {{.data = &bytes[4], .size = 1000, .since = now - CORRAL_SECONDS(3)}, 0},
    };
    static const int order[] = {5, 4, 1, 0, 2};
    total = (struct crl_held_total){.max = 1000, .books = 1};
    crl_held_book_init(&book, &total);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        crl_held_add(&book, &rows[i].held);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        assert_true(crl_held_is_too_much(&book));
        struct crl_held *slowest = crl_held_slowest(&book, now, sent_of);
        assert_ptr_equal(slowest, &rows[order[i]].held);
        crl_held_remove(&book, slowest);
    }
    assert_null(crl_held_slowest(&book, now, sent_of));
    assert_ptr_equal(crl_held_slowest(&book, now + 1, sent_of), &rows[3].held);
    crl_held_remove(&book, &rows[3].held);
    assert_null(crl_held_slowest(&book, now, sent_of));
}

/* Who is asked to let go: a book that has more than its part of what is too much, and several
 * answers. */
static void test_each_book_has_its_part(void **state)
{
    (void)state;
    static char bytes[4];
    struct crl_held_book other;
    struct crl_held mine = {.data = &bytes[0], .size = 60}, more = {.data = &bytes[1], .size = 60};
    struct crl_held theirs = {.data = &bytes[2], .size = 40}, last = {.data = &bytes[3], .size = 1};
    total = (struct crl_held_total){.max = 100, .books = 2};
    crl_held_book_init(&book, &total);
    crl_held_book_init(&other, &total);
    crl_held_add(&book, &mine);
    crl_held_add(&other, &theirs);
    assert_false(crl_held_is_too_much(&book) || crl_held_is_too_much(&other)); /* 100 of 100 */
    crl_held_add(&other, &last);
    assert_false(crl_held_is_too_much(&book));  /* has but one answer */
    assert_false(crl_held_is_too_much(&other)); /* has less than its part */
    crl_held_add(&book, &more);
    assert_true(crl_held_is_too_much(&book));
    assert_false(crl_held_is_too_much(&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_bytes_count_once),
        cmocka_unit_test(test_the_slowest),
        cmocka_unit_test(test_each_book_has_its_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
