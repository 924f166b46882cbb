/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a child may open a cache of its own, whatever the parent's threads did when it was
 *         forked; and the parent's is closed to it.
 * Method: other threads stand, or most probably are, inside what the child needs: a read section,
 *         the table of tickets, a turn. A child that hangs is killed by its alarm. */
#include "base/bytes.h"
#include "lib/rcu.h"
#include "origin/ticket.h"

#include "../helper/policy.h"

#include <corral/corral.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define FORKS 300

static void echo(void *arg, struct corral_load *load)
{
    (void)arg;
    corral_load_value(load, corral_load_key(load));
}

static struct corral_space *open_small(struct corral_cache **ret_cache)
{
    struct corral_space *space;
    struct corral_options options = {.size = sizeof options, .memory_bytes = 16384};
    struct corral_origin_options origin_options = {
        .size = sizeof origin_options, .name = "o", .loader = echo};
    struct corral_space_options space_options = {
        .size = sizeof space_options, .name = "s", .policy = POLICY(.ttl_us = CORRAL_SECONDS(60))};
    if (corral_open(&options, ret_cache) < 0 ||
        corral_origin_add(*ret_cache, &origin_options, &space_options.origin) < 0 ||
        corral_space_add(*ret_cache, &space_options, &space) < 0)
        return NULL;
    return space;
}

/* The child: load more than fits, so that memory is reclaimed; close. */
static _Noreturn void use_a_cache(void)
{
    struct corral_cache *cache;
    struct corral_space *space = open_small(&cache);
    if (space == NULL)
        _exit(1);
    for (int i = 0; i < 1000; i++) {
        char key[16];
        struct corral_value value;
        snprintf(key, sizeof key, "key %d", i);
        if (corral_get(space, corral_str(key), CORRAL_SECONDS(5), &value) != CORRAL_LOADED)
            _exit(2);
        corral_value_release(&value);
    }
    _exit(corral_close(cache) == 0 ? 0 : 3);
}

static int child_status(void (*child)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        child();
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static pthread_barrier_t inside, forked;

static void *read_during_fork(void *arg)
{
    (void)arg;
    crl_read_lock();
    pthread_barrier_wait(&inside);
    pthread_barrier_wait(&forked);
    crl_read_unlock();
    return NULL;
}

static void a_reader_is_left_in_the_parent(void **state)
{
    (void)state;
#ifdef CRL_TSAN
    skip(); /* it forbids threads in a child of threads */
#endif
    struct corral_cache *cache;
    assert_non_null(open_small(&cache));
    pthread_t thread;
    pthread_barrier_init(&inside, NULL, 2);
    pthread_barrier_init(&forked, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, read_during_fork, NULL), 0);
    pthread_barrier_wait(&inside);
    assert_int_equal(child_status(use_a_cache), 0);
    pthread_barrier_wait(&forked);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&inside);
    pthread_barrier_destroy(&forked);
    assert_int_equal(corral_close(cache), 0);
}

static struct corral_cache *inherited;
static struct corral_space *inherited_space;

static void not_answered(void *arg, int result, struct corral_value *value)
{
    (void)arg;
    (void)result;
    (void)value;
    _exit(1);
}

/* The child: everything that would wait for the cache's thread, which is in the parent. */
static _Noreturn void use_the_inherited_cache(void)
{
    struct corral_value value;
    struct corral_space *space = inherited_space;
    struct corral_bytes key = corral_str("7");
    if (corral_get(space, key, CORRAL_SECONDS(5), &value) != CORRAL_ECLOSED)
        _exit(2);
    if (corral_get_async(space, key, 0, not_answered, NULL, NULL) != CORRAL_ECLOSED)
        _exit(3);
    if (corral_put(space, key, key) != CORRAL_ECLOSED)
        _exit(4);
    if (corral_invalidate(space, key) != CORRAL_ECLOSED)
        _exit(5);
    if (corral_close(inherited) != CORRAL_ECLOSED)
        _exit(6);
    _exit(0);
}

static void the_cache_of_the_parent_is_closed_in_the_child(void **state)
{
    (void)state;
    inherited_space = open_small(&inherited);
    assert_non_null(inherited_space);
    assert_int_equal(child_status(use_the_inherited_cache), 0);
    struct corral_value value;
    assert_int_equal(corral_get(inherited_space, corral_str("7"), CORRAL_SECONDS(60), &value),
                     CORRAL_LOADED);
    corral_value_release(&value);
    assert_int_equal(corral_close(inherited), 0);
}

static atomic_bool is_over;

/* Always in the turn, or about to be. */
static void *change_until_over(void *arg)
{
    (void)arg;
    while (!is_over)
        (void)corral_put(inherited_space, corral_str("8"), corral_str("x"));
    return NULL;
}

static void a_turn_is_taken_in_the_parent(void **state)
{
    (void)state;
    inherited_space = open_small(&inherited);
    assert_non_null(inherited_space);
    pthread_t thread;
    is_over = false;
    assert_int_equal(pthread_create(&thread, NULL, change_until_over, NULL), 0);
    int status = 0;
    for (int i = 0; i < FORKS && status == 0; i++)
        status = child_status(use_the_inherited_cache);
    is_over = true;
    pthread_join(thread, NULL);
    assert_int_equal(status, 0);
    assert_int_equal(corral_close(inherited), 0);
}

static void *issue_tickets(void *arg)
{
    while (!is_over)
        (void)crl_ticket_claim(crl_ticket_issue(arg));
    return NULL;
}

static _Noreturn void issue_one(void)
{
    int object;
    _exit(crl_ticket_claim(crl_ticket_issue(&object)) == &object ? 0 : 1);
}

static void a_ticket_is_issued_in_the_parent(void **state)
{
    (void)state;
    struct corral_cache *cache;
    assert_non_null(open_small(&cache));
    pthread_t thread;
    is_over = false;
    assert_int_equal(pthread_create(&thread, NULL, issue_tickets, cache), 0);
    int status = 0;
    for (int i = 0; i < FORKS && status == 0; i++)
        status = child_status(issue_one);
    is_over = true;
    pthread_join(thread, NULL);
    assert_int_equal(status, 0);
    assert_int_equal(corral_close(cache), 0);
}

/* A loader that keeps its load, of a cache of the parent. */
static struct corral_load *_Atomic kept;

static void keep(void *arg, struct corral_load *load)
{
    (void)arg;
    kept = load;
}

static void take_value(void *arg, int result, struct corral_value *value)
{
    _Atomic bool *is_good = arg;
    *is_good = result == CORRAL_LOADED && value->size == 6;
    corral_value_release(value);
}

/* Nobody waits here for what the parent loads, and the arena's lock may be held. */
static _Noreturn void answer_load_of_parent(void)
{
    bool is_void = corral_load_cancelled(kept) && corral_load_key(kept).size == 0 &&
                   corral_load_reserve(kept, 6) == NULL && corral_load_commit(kept, 6) == 0 &&
                   corral_load_value(kept, corral_str("child")) == 0;
    corral_load_not_found(kept);
    _exit(is_void ? 0 : 1);
}

static void a_load_is_answered_in_the_parent(void **state)
{
    (void)state;
    struct corral_cache *cache;
    struct corral_origin *origin;
    struct corral_space *space;
    _Atomic bool is_good = false;
    assert_int_equal(corral_open(NULL, &cache), 0);
    const struct corral_origin_options asks = {
        .size = sizeof asks, .name = "o", .loader = keep, .deadline_us = CORRAL_SECONDS(600)};
    assert_int_equal(corral_origin_add(cache, &asks, &origin), 0);
    const struct corral_space_options keeps = {.size = sizeof keeps, .name = "s", .origin = origin};
    assert_int_equal(corral_space_add(cache, &keeps, &space), 0);
    assert_int_equal(
        corral_get_async(space, corral_str("k"), CORRAL_SECONDS(600), take_value, &is_good, NULL),
        0);
    while (kept == NULL)
        ;
    void *room = corral_load_reserve(kept, 6);
    assert_non_null(room);
    memcpy(room, "parent", 6);
    assert_int_equal(child_status(answer_load_of_parent), 0);
    assert_int_equal(corral_load_commit(kept, 6), 0);
    while (!is_good)
        ;
    assert_int_equal(corral_close(cache), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_is_left_in_the_parent),
        cmocka_unit_test(a_ticket_is_issued_in_the_parent),
        cmocka_unit_test(a_load_is_answered_in_the_parent),
        cmocka_unit_test(the_cache_of_the_parent_is_closed_in_the_child),
        cmocka_unit_test(a_turn_is_taken_in_the_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
