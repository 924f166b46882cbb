/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a program and a library of two versions understand each other's structs, and a program
 *         that forgets the size is told so.
 * Method: structs of an older and a newer version, read and written as those of this one. */
#include "lib/sized.h"

#include "../helper/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct old {
    size_t size;
    long a;
};

struct known {
    size_t size;
    long a, b;
};

struct newer {
    size_t size;
    long a, b, c, d;
};

static void what_an_older_program_does_not_know_is_zero(void **state)
{
    (void)state;
    struct known known = {.b = 9};
    assert_true(CRL_SIZED_READ(&known, &((struct old){sizeof(struct old), 3})));
    assert_int_equal(known.a, 3);
    assert_int_equal(known.b, 0);
    assert_int_equal(known.size, sizeof known);
}

static void what_this_version_does_not_know_must_be_zero(void **state)
{
    (void)state;
    struct known known;
    struct newer given = {.size = sizeof given, .a = 3, .b = 4};
    assert_true(CRL_SIZED_READ(&known, &given));
    assert_int_equal(known.b, 4);
    given.d = 1;
    assert_false(CRL_SIZED_READ(&known, &given));
}

static void a_size_that_is_none_is_refused(void **state)
{
    (void)state;
    struct known known = {.a = 7};
    assert_false(CRL_SIZED_READ(&known, &((struct old){0, 3})));
    assert_int_equal(known.a, 7);
    assert_false(crl_sized_write(&((struct old){0, 3}), &known, sizeof known));
}

static void figures_fill_the_room_that_there_is(void **state)
{
    (void)state;
    struct known figures = {.size = sizeof figures, .a = 1, .b = 2};
    struct old old = {.size = sizeof old};
    struct newer newer = {.size = sizeof newer, .c = 5, .d = 6};
    assert_true(crl_sized_write(&old, &figures, sizeof figures));
    assert_true(crl_sized_write(&newer, &figures, sizeof figures));
    assert_int_equal(old.size, sizeof old);
    assert_int_equal(old.a, 1);
    assert_int_equal(newer.size, sizeof newer);
    assert_int_equal(newer.b, 2);
    assert_int_equal(newer.c, 0);
    assert_int_equal(newer.d, 0);
}

static void the_library_asks_for_sizes(void **state)
{
    (void)state;
    struct corral_cache *cache = NULL;
    assert_int_equal(corral_open(&(struct corral_options){.key_max = 7}, &cache), CORRAL_EINVAL);
    assert_null(cache);
    assert_int_equal(corral_open(NULL, &cache), 0);
    struct corral_origin *origin = NULL;
    struct corral_origin_options asks = {.name = "db", .loader = (corral_loader_fn *)1};
    assert_int_equal(corral_origin_add(cache, &asks, &origin), CORRAL_EINVAL);
    asks.size = sizeof asks;
    assert_int_equal(corral_origin_add(cache, &asks, &origin), 0);
    struct corral_space *space;
    struct corral_policy policy = {.ttl_us = 1};
    struct corral_space_options keeps = {.name = "s", .policy = &policy, .origin = origin};
    assert_int_equal(corral_space_add(cache, &keeps, &space), CORRAL_EINVAL);
    keeps.size = sizeof keeps;
    assert_int_equal(corral_space_add(cache, &keeps, &space), CORRAL_EINVAL);
    policy.size = sizeof policy;
    assert_int_equal(corral_space_add(cache, &keeps, &space), 0);
    assert_int_equal(corral_close(cache), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_older_program_does_not_know_is_zero),
        cmocka_unit_test(what_this_version_does_not_know_must_be_zero),
        cmocka_unit_test(a_size_that_is_none_is_refused),
        cmocka_unit_test(figures_fill_the_room_that_there_is),
        cmocka_unit_test(the_library_asks_for_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
