/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a child may open a cache of its own, give back values and end threads, whatever the
 *         parent's threads did when it was forked; the parent's cache is closed to it, by every
 *         function; and the parent goes on as if there were no child.
 * Method: other threads stand, or most probably are, inside what the child needs: a read section,
 *         the table of tickets, a turn, an arena, the lists of sheets. The public header is read
 *         for what functions there are. A child that hangs is killed by its alarm. */
#include "base/assert.h"
#include "base/bytes.h"
#include "lib/cache.h"
#include "lib/rcu.h"
#include "origin/ticket.h"

#include "../helper/draws.h"
#include "../helper/policy.h"

#include <corral/corral.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define FORKS DRAWS(300)

/* The sanitizers' allocators are not whole in a child, if a thread of the parent was in one;
 * glibc's is. So in their builds, where a child needs memory, no thread asks for some meanwhile. */
#ifdef CRL_SANITIZED
#define MALLOC_FORKS false
#else
#define MALLOC_FORKS true
#endif

/* ThreadSanitizer forbids threads in a child of threads. */
#ifdef CRL_TSAN
#define CHILDREN_HAVE_THREADS false
#else
#define CHILDREN_HAVE_THREADS true
#endif

static void need(bool is_there)
{
    if (!is_there)
        skip();
}

static void echo(void *arg, struct corral_load *load)
{
    (void)arg;
    corral_load_value(load, corral_load_key(load));
}

static struct corral_load *inherited_load; /* of the key "kept": not answered */
static sem_t is_kept;

static void echo_or_keep(void *arg, struct corral_load *load)
{
    if (corral_load_key(load).size != 4) {
        echo(arg, load);
        return;
    }
    inherited_load = load;
    sem_post(&is_kept);
}

static struct corral_space *open_small(struct corral_cache **ret_cache)
{
    struct corral_space *space;
    struct corral_options options = {.size = sizeof options, .memory_bytes = 16384};
    struct corral_origin_options origin_options = {.size = sizeof origin_options,
                                                   .name = "o",
                                                   .loader = echo_or_keep,
                                                   .deadline_us = CORRAL_SECONDS(300)};
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
        char key[32];
        struct corral_value value;
        snprintf(key, sizeof key, "key %d", i);
        if (corral_get(space, corral_str(key), CORRAL_SECONDS(300), &value) != CORRAL_LOADED)
            _exit(2);
        corral_value_release(&value);
    }
    _exit(corral_close(cache) == 0 ? 0 : 3);
}

static int child_status(void (*child)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(600);
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
    need(CHILDREN_HAVE_THREADS);
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

/* --------------------------------------------------------------------------- the parent's cache */

static struct corral_cache *inherited;
static struct corral_space *inherited_space;
static struct corral_origin *inherited_origin;
static struct corral_get_handle *inherited_handle; /* of the get that waits for the load */

#define SEVEN corral_str("7") /* in the parent's memory */

static void kept_is_answered(void *arg, int result, struct corral_value *value)
{
    (void)arg;
    crl_assert(result == CORRAL_LOADED);
    corral_value_release(value);
}

static void open_inherited(void)
{
    inherited_space = open_small(&inherited);
    assert_non_null(inherited_space);
    struct corral_origin_options second = {.size = sizeof second, .name = "second", .loader = echo};
    assert_int_equal(corral_origin_add(inherited, &second, &inherited_origin), 0);
    assert_int_equal(corral_put(inherited_space, SEVEN, SEVEN), 0);
    sem_init(&is_kept, 0, 0);
    assert_int_equal(corral_get_async(inherited_space, corral_str("kept"), CORRAL_SECONDS(60),
                                      kept_is_answered, NULL, &inherited_handle),
                     0);
    while (sem_wait(&is_kept) != 0)
        ;
}

/* What the children did with the load, they did to a copy. */
static void close_inherited(void)
{
    assert_int_equal(corral_load_key(inherited_load).size, 4);
    assert_false(corral_load_cancelled(inherited_load));
    assert_int_equal(corral_load_value(inherited_load, SEVEN), 0);
    assert_true(corral_load_cancelled(inherited_load));
    char byte;
    size_t size;
    assert_int_equal(corral_put(inherited_space, SEVEN, SEVEN), 0);
    assert_int_equal(corral_read(inherited_space, SEVEN, &byte, 1, &size), CORRAL_HIT);
    assert_int_equal(corral_close(inherited), 0);
    corral_get_drop(inherited_handle);
    sem_destroy(&is_kept);
}

static void not_answered(void *arg, int result, struct corral_value *value)
{
    (void)arg;
    (void)result;
    (void)value;
    _exit(1);
}

static bool close_refuses(void)
{
    return corral_close(inherited) == CORRAL_ECLOSED;
}

static bool shut_refuses(void)
{
    return corral_shut(inherited) == CORRAL_ECLOSED;
}

static bool origin_add_refuses(void)
{
    struct corral_origin_options options = {.size = sizeof options, .name = "more", .loader = echo};
    struct corral_origin *made = NULL;
    return corral_origin_add(inherited, &options, &made) == CORRAL_ECLOSED && made == NULL;
}

static bool space_add_refuses(void)
{
    struct corral_space_options options = {
        .size = sizeof options, .name = "more", .origin = inherited_origin};
    struct corral_space *made = NULL;
    return corral_space_add(inherited, &options, &made) == CORRAL_ECLOSED && made == NULL;
}

static bool get_refuses(void)
{
    struct corral_value value;
    return corral_get(inherited_space, SEVEN, CORRAL_SECONDS(5), &value) == CORRAL_ECLOSED &&
           corral_get(inherited_space, corral_str("8"), 0, &value) == CORRAL_ECLOSED;
}

static bool get_async_refuses(void)
{
    return corral_get_async(inherited_space, SEVEN, 0, not_answered, NULL, NULL) ==
               CORRAL_ECLOSED &&
           corral_get_async(inherited_space, corral_str("8"), 0, not_answered, NULL, NULL) ==
               CORRAL_ECLOSED;
}

static bool get_many_refuses(void)
{
    struct corral_bytes keys[] = {SEVEN, corral_str("8")};
    struct corral_result results[2];
    return corral_get_many(inherited_space, keys, 2, CORRAL_SECONDS(5), results) == 0 &&
           results[0].result == CORRAL_ECLOSED && results[1].result == CORRAL_ECLOSED;
}

static bool get_cancel_does_nothing(void)
{
    corral_get_cancel(inherited_handle);
    return true;
}

static bool get_drop_works(void)
{
    corral_get_drop(inherited_handle);
    return true;
}

static bool peek_refuses(void)
{
    struct corral_value value;
    return corral_peek(inherited_space, SEVEN, &value) == CORRAL_ECLOSED;
}

static bool read_refuses(void)
{
    char byte;
    size_t size;
    return corral_read(inherited_space, SEVEN, &byte, 1, &size) == CORRAL_ECLOSED;
}

static bool invalidate_refuses(void)
{
    return corral_invalidate(inherited_space, SEVEN) == CORRAL_ECLOSED;
}

static bool put_refuses(void)
{
    return corral_put(inherited_space, SEVEN, SEVEN) == CORRAL_ECLOSED;
}

static bool space_clear_refuses(void)
{
    return corral_space_clear(inherited_space) == CORRAL_ECLOSED;
}

static bool mark_take_works(void)
{
    (void)corral_mark_take(inherited_space, SEVEN);
    return true;
}

static bool put_if_refuses(void)
{
    struct corral_mark mark = corral_mark_take(inherited_space, SEVEN);
    return corral_put_if(inherited_space, SEVEN, SEVEN, mark) == CORRAL_ECLOSED;
}

static void not_done(void *arg, int result)
{
    (void)arg;
    (void)result;
    _exit(1);
}

static bool invalidate_async_refuses(void)
{
    return corral_invalidate_async(inherited_space, SEVEN, not_done, NULL) == CORRAL_ECLOSED;
}

static bool put_async_refuses(void)
{
    return corral_put_async(inherited_space, SEVEN, SEVEN, not_done, NULL) == CORRAL_ECLOSED;
}

static bool put_if_async_refuses(void)
{
    struct corral_mark mark = corral_mark_take(inherited_space, SEVEN);
    return corral_put_if_async(inherited_space, SEVEN, SEVEN, mark, not_done, NULL) ==
           CORRAL_ECLOSED;
}

/* As they were at the fork. */
static bool cache_figures_work(void)
{
    struct corral_cache_figures figures = {.size = sizeof figures};
    return corral_cache_figures(inherited, &figures) == 0;
}

static bool space_figures_work(void)
{
    struct corral_space_figures figures = {.size = sizeof figures};
    return corral_space_figures(inherited_space, &figures) == 0;
}

static bool origin_figures_work(void)
{
    struct corral_origin_figures figures = {.size = sizeof figures};
    return corral_origin_figures(inherited_origin, &figures) == 0;
}

static bool load_has_no_key(void)
{
    return corral_load_key(inherited_load).size == 0;
}

static bool load_has_no_space_arg(void)
{
    return corral_load_space_arg(inherited_load) == NULL;
}

static bool load_has_no_time_left(void)
{
    return corral_load_remaining(inherited_load) <= 0;
}

static bool load_is_cancelled(void)
{
    return corral_load_cancelled(inherited_load);
}

static bool load_value_is_dropped(void)
{
    return corral_load_value(inherited_load, SEVEN) == 0;
}

static bool load_not_found_is_dropped(void)
{
    corral_load_not_found(inherited_load);
    return true;
}

static bool load_fail_is_dropped(void)
{
    corral_load_fail(inherited_load, "not here");
    return true;
}

static bool load_fail_code_is_dropped(void)
{
    corral_load_fail_code(inherited_load, 7, "not here");
    return true;
}

static bool load_has_no_worker(void)
{
    return corral_load_worker(inherited_load) == 0;
}

static bool load_set_ttl_does_nothing(void)
{
    corral_load_set_ttl(inherited_load, 0);
    return true;
}

static bool load_has_no_room(void)
{
    return corral_load_reserve(inherited_load, 1) == NULL;
}

static bool load_commit_is_dropped(void)
{
    return corral_load_commit(inherited_load, 0) == 0;
}

/* What the child may do is tested elsewhere. */
static bool works(void)
{
    return true;
}

/* All public functions. */
static const struct {
    const char *name;
    bool (*is_right)(void);
} functions[] = {
    {"corral_str", works},
    {"corral_strerror", works},
    {"corral_outcome_name", works},
    {"corral_version", works},
    {"corral_open", works},
    {"corral_shut", shut_refuses},
    {"corral_close", close_refuses},
    {"corral_origin_add", origin_add_refuses},
    {"corral_load_key", load_has_no_key},
    {"corral_load_space_arg", load_has_no_space_arg},
    {"corral_load_remaining", load_has_no_time_left},
    {"corral_load_cancelled", load_is_cancelled},
    {"corral_load_value", load_value_is_dropped},
    {"corral_load_not_found", load_not_found_is_dropped},
    {"corral_load_fail", load_fail_is_dropped},
    {"corral_load_fail_code", load_fail_code_is_dropped},
    {"corral_load_worker", load_has_no_worker},
    {"corral_load_set_ttl", load_set_ttl_does_nothing},
    {"corral_load_reserve", load_has_no_room},
    {"corral_load_commit", load_commit_is_dropped},
    {"corral_space_add", space_add_refuses},
    {"corral_value_ref", works},
    {"corral_value_release", works},
    {"corral_get", get_refuses},
    {"corral_get_async", get_async_refuses},
    {"corral_get_cancel", get_cancel_does_nothing},
    {"corral_get_drop", get_drop_works},
    {"corral_get_many", get_many_refuses},
    {"corral_peek", peek_refuses},
    {"corral_read", read_refuses},
    {"corral_invalidate", invalidate_refuses},
    {"corral_space_clear", space_clear_refuses},
    {"corral_put", put_refuses},
    {"corral_mark_take", mark_take_works},
    {"corral_put_if", put_if_refuses},
    {"corral_invalidate_async", invalidate_async_refuses},
    {"corral_put_async", put_async_refuses},
    {"corral_put_if_async", put_if_async_refuses},
    {"corral_cache_figures", cache_figures_work},
    {"corral_space_figures", space_figures_work},
    {"corral_origin_figures", origin_figures_work},
};

#define FUNCTIONS (sizeof functions / sizeof *functions)

/* The child: every call on the cache of the parent. Ends with the number of the wrong row. */
static _Noreturn void use_the_inherited_cache(void)
{
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (!functions[i].is_right())
            _exit(1 + (int)i);
    _exit(0);
}

/* code   1 + the number of the row */
static const char *row_of_code(int code)
{
    return code > 0 && (size_t)code <= FUNCTIONS ? functions[code - 1].name
                                                 : "it hangs, or crashes";
}

static const char *row_of_status(int status)
{
    return row_of_code(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static void the_cache_of_the_parent_is_closed_in_the_child(void **state)
{
    (void)state;
    open_inherited();
    int status = child_status(use_the_inherited_cache);
    if (status != 0)
        fail_msg("%s", row_of_status(status));
    close_inherited();
}

static bool has_row(const char *name)
{
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (strcmp(functions[i].name, name) == 0)
            return true;
    return false;
}

/* A declaration: the word before the first parenthesis of what begins with CORRAL_API. */
static void every_public_function_has_a_row(void **state)
{
    (void)state;
    static char header[1 << 18];
    FILE *file = fopen("include/corral/corral.h", "r");
    assert_non_null(file);
    size_t size = fread(header, 1, sizeof header - 1, file);
    fclose(file);
    assert_in_range(size, 1, sizeof header - 2);
    size_t found = 0;
    const char *const mark = "\nCORRAL_API ";
    for (char *at = strstr(header, mark); at != NULL; at = strstr(at, mark)) {
        at += strlen(mark);
        char *end = strchr(at, '(');
        assert_non_null(end);
        *end = 0;
        const char *name = end;
        while (strchr(" *\n", name[-1]) == NULL)
            name--;
        if (!has_row(name))
            fail_msg("%s: what does it say in a child? A row is missing.", name);
        found++;
        at = end + 1;
    }
    assert_int_equal(found, FUNCTIONS);
}

/* -------------------------------------------------------------------------------- a busy parent */

static atomic_bool is_over;

/* Always in the turn, or about to be. */
static void *change_until_over(void *arg)
{
    (void)arg;
    while (!is_over)
        (void)corral_put(inherited_space, corral_str("8"), corral_str("x"));
    return NULL;
}

/* Fork again and again while another thread runs. Returns the status of the first child that
 * failed, or 0. */
static int fork_beside(void *(*busy)(void *arg), void *arg, int forks, void (*child)(void))
{
    pthread_t thread;
    is_over = false;
    assert_int_equal(pthread_create(&thread, NULL, busy, arg), 0);
    int status = 0;
    for (int i = 0; i < forks && status == 0; i++)
        status = child_status(child);
    is_over = true;
    pthread_join(thread, NULL);
    return status;
}

static void a_turn_is_taken_in_the_parent(void **state)
{
    (void)state;
    open_inherited();
    int status = fork_beside(change_until_over, NULL, FORKS, use_the_inherited_cache);
    if (status != 0)
        fail_msg("%s", row_of_status(status));
    close_inherited();
}

/* --------------------------------------------------------------------------------------- values */

#define VALUE_MAX (3u << 20)

/* A block of a page, a run of units, a mapping of its own: of a budget of 64 MiB. */
static const struct {
    const char *key;
    size_t size;
} sizes[] = {{"small", 20}, {"large", 300000}, {"huge", VALUE_MAX}};

#define SIZES (sizeof sizes / sizeof *sizes)

static char contents[VALUE_MAX];
static struct corral_value held[SIZES][2];

static void put(size_t i)
{
    int rc = corral_put(inherited_space, corral_str(sizes[i].key),
                        (struct corral_bytes){contents, sizes[i].size});
    crl_assert(rc == 0); /* not cmocka's: it may be any thread */
}

static void *put_until_over(void *arg)
{
    (void)arg;
    while (!is_over)
        for (size_t i = 0; i < SIZES; i++)
            put(i);
    return NULL;
}

/* The child: the bytes are there, and go. Nobody else has them: they are replaced in the table. */
static _Noreturn void release_all(void)
{
    for (size_t i = 0; i < SIZES; i++) {
        struct corral_value *value = &held[i][0];
        if (value->size != sizes[i].size || memcmp(value->data, contents, value->size) != 0)
            _exit(1);
        held[i][1] = corral_value_ref(value);
        corral_value_release(value);
        if (memcmp(held[i][1].data, contents, sizes[i].size) != 0)
            _exit(2);
        corral_value_release(&held[i][1]);
    }
    _exit(0);
}

static void values_are_released_in_the_child(void **state)
{
    (void)state;
    need(MALLOC_FORKS);
    struct corral_options options = {.size = sizeof options, .memory_bytes = 64u << 20};
    struct corral_origin_options origin = {.size = sizeof origin, .name = "o", .loader = echo};
    struct corral_space_options space = {
        .size = sizeof space, .name = "s", .policy = POLICY(.ttl_us = CORRAL_SECONDS(60))};
    memset(contents, 'v', sizeof contents);
    assert_int_equal(corral_open(&options, &inherited), 0);
    assert_int_equal(corral_origin_add(inherited, &origin, &space.origin), 0);
    assert_int_equal(corral_space_add(inherited, &space, &inherited_space), 0);
    for (size_t i = 0; i < SIZES; i++) {
        put(i);
        assert_int_equal(corral_get(inherited_space, corral_str(sizes[i].key), 0, &held[i][0]),
                         CORRAL_HIT);
        put(i);
    }
    assert_int_equal(fork_beside(put_until_over, NULL, FORKS / 3, release_all), 0);
    for (size_t i = 0; i < SIZES; i++)
        corral_value_release(&held[i][0]);
    assert_int_equal(corral_close(inherited), 0);
}

/* ------------------------------------------------------------------------------ ends of threads */

/* What a child ends with whose last thread has ended: it is the end of a thread that is tested, not
 * that of a process. */
#define THREAD_ENDED 77

static void leave(void)
{
    _exit(THREAD_ENDED);
}

/* In a child that goes on until its thread ends. Threads of a cache have all signals blocked. */
static void await_the_end_of_this_thread(void)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_UNBLOCK, &all, NULL);
    alarm(600);
    atexit(leave);
}

static void *read_once(void *arg)
{
    char byte;
    size_t size;
    (void)corral_read(arg, SEVEN, &byte, 1, &size); /* it may be evicted */
    return NULL;
}

static void *read_until_over(void *arg)
{
    while (!is_over)
        (void)read_once(arg);
    return NULL;
}

/* Threads come and go, each with a sheet. */
static void *come_and_go(void *arg)
{
    while (!is_over) {
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            crl_assert(pthread_create(&threads[i], NULL, read_once, arg) == 0);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
    }
    return NULL;
}

/* Mostly in the lists of sheets. */
static void *sum_until_over(void *arg)
{
    struct crl_space_stats stats;
    while (!is_over)
        crl_space_stats(arg, &stats);
    return NULL;
}

/* A thread that has read forks, and returns in both processes. */
static void *fork_and_return(void *arg)
{
    int *status = arg;
    (void)read_once(inherited_space);
    pid_t pid = fork();
    if (pid == 0)
        await_the_end_of_this_thread();
    else
        crl_assert(waitpid(pid, status, 0) == pid);
    return NULL;
}

static void a_thread_ends_in_the_child(void **state)
{
    (void)state;
    pthread_t busy, summing;
    void *(*const busy_with)(void *) = MALLOC_FORKS ? come_and_go : read_until_over;
    open_inherited();
    is_over = false;
    assert_int_equal(pthread_create(&busy, NULL, busy_with, inherited_space), 0);
    assert_int_equal(pthread_create(&summing, NULL, sum_until_over, inherited_space), 0);
    int status = 0;
    for (int i = 0; i < FORKS && (i == 0 || WEXITSTATUS(status) == THREAD_ENDED); i++) {
        pthread_t forker;
        assert_int_equal(pthread_create(&forker, NULL, fork_and_return, &status), 0);
        pthread_join(forker, NULL);
    }
    is_over = true;
    pthread_join(busy, NULL);
    pthread_join(summing, NULL);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), THREAD_ENDED);
    close_inherited();
}

/* ---------------------------------------------------------- a fork in a function of the program */

/* 0: the child did all that is asked of it, and its thread ended. */
static int status_of_fork_within(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status) == THREAD_ENDED ? 0 : WEXITSTATUS(status);
}

static int status_within = -1;

/* A loader whose child returns from it as well. Other keys are for others to be busy with. */
static void fork_in_the_loader(void *arg, struct corral_load *load)
{
    if (memcmp(corral_load_key(load).data, "fork", 4) != 0) {
        echo(arg, load);
        return;
    }
    pid_t pid = fork();
    if (pid > 0) {
        status_within = status_of_fork_within(pid);
        corral_load_value(load, corral_load_key(load));
        return;
    }
    await_the_end_of_this_thread();
    inherited_load = load;
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (!functions[i].is_right())
            _exit(1 + (int)i);
}

/* A callback, likewise. */
static void fork_in_the_callback(void *arg, int result, struct corral_value *value)
{
    crl_assert(result == CORRAL_LOADED);
    corral_value_release(value);
    pid_t pid = fork();
    if (pid > 0) {
        status_within = status_of_fork_within(pid);
        pthread_barrier_wait(arg);
        return;
    }
    await_the_end_of_this_thread();
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (!functions[i].is_right())
            _exit(1 + (int)i);
}

static void get_new_key(struct corral_space *space, int i)
{
    char key[32];
    struct corral_value value;
    snprintf(key, sizeof key, "new key %d", i);
    int outcome = corral_get(space, corral_str(key), CORRAL_SECONDS(60), &value);
    crl_assert(outcome >= 0);
    corral_value_release(&value);
}

static void *miss_until_over(void *arg)
{
    for (int i = 0; !is_over; i++)
        get_new_key(arg, i);
    return NULL;
}

static void get_of_a_forking_loader(struct corral_space *space)
{
    struct corral_value value;
    status_within = -1;
    assert_int_equal(corral_get(space, corral_str("fork"), CORRAL_SECONDS(60), &value),
                     CORRAL_LOADED);
    corral_value_release(&value);
    if (status_within != 0)
        fail_msg("%d: %s", status_within, row_of_code(status_within));
}

static void a_loader_forks(void **state)
{
    (void)state;
    need(MALLOC_FORKS);
    pthread_t busy[2];
    struct corral_origin_options origin = {.size = sizeof origin,
                                           .name = "forks",
                                           .loader = fork_in_the_loader,
                                           .deadline_us = CORRAL_SECONDS(300)};
    struct corral_space_options space = {.size = sizeof space, .name = "forks"};
    struct corral_space *forking;
    open_inherited();
    assert_int_equal(corral_origin_add(inherited, &origin, &space.origin), 0);
    assert_int_equal(corral_space_add(inherited, &space, &forking), 0);
    is_over = false;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&busy[i], NULL, miss_until_over, forking), 0);
    for (int i = 0; i < FORKS; i++)
        get_of_a_forking_loader(forking);
    is_over = true;
    for (int i = 0; i < 2; i++)
        pthread_join(busy[i], NULL);
    close_inherited();
}

static void a_callback_forks(void **state)
{
    (void)state;
    need(MALLOC_FORKS);
    pthread_barrier_t is_called;
    open_inherited();
    pthread_barrier_init(&is_called, NULL, 2);
    for (int i = 0; i < 10; i++) {
        char key[32];
        status_within = -1;
        snprintf(key, sizeof key, "async %d", i);
        assert_int_equal(corral_get_async(inherited_space, corral_str(key), CORRAL_SECONDS(60),
                                          fork_in_the_callback, &is_called, NULL),
                         0);
        pthread_barrier_wait(&is_called);
        if (status_within != 0)
            fail_msg("%d: %s", status_within, row_of_code(status_within));
        get_new_key(inherited_space, i);
    }
    close_inherited();
    pthread_barrier_destroy(&is_called); /* the last callback has left it */
}

/* --------------------------------------------------------------------- children with own caches */

static void *open_and_close(void *arg)
{
    (void)arg;
    while (!is_over) {
        struct corral_cache *cache;
        struct corral_space *space = open_small(&cache);
        crl_assert(space != NULL);
        get_new_key(space, 1);
        crl_assert(corral_close(cache) == 0);
    }
    return NULL;
}

static void caches_open_and_close_in_the_parent(void **state)
{
    (void)state;
    need(CHILDREN_HAVE_THREADS && MALLOC_FORKS);
    assert_int_equal(fork_beside(open_and_close, NULL, 50, use_a_cache), 0);
}

static void a_busy_parent_has_children(void **state)
{
    (void)state;
    need(CHILDREN_HAVE_THREADS);
    void *(*const others[])(void *) = {read_until_over, read_until_over, change_until_over,
                                       miss_until_over};
    const int n = MALLOC_FORKS ? 4 : 2;
    pthread_t threads[4];
    open_inherited();
    is_over = false;
    for (int i = 0; i < n; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, others[i], inherited_space), 0);
    int status = 0;
    for (int i = 0; i < 50 && status == 0; i++)
        status = child_status(use_a_cache);
    is_over = true;
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(status, 0);
    close_inherited();
}

/* -------------------------------------------------------------------------------------- tickets */

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
    int object;
    assert_int_equal(fork_beside(issue_tickets, &object, FORKS, issue_one), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_is_left_in_the_parent),
        cmocka_unit_test(a_ticket_is_issued_in_the_parent),
        cmocka_unit_test(every_public_function_has_a_row),
        cmocka_unit_test(the_cache_of_the_parent_is_closed_in_the_child),
        cmocka_unit_test(a_turn_is_taken_in_the_parent),
        cmocka_unit_test(values_are_released_in_the_child),
        cmocka_unit_test(a_thread_ends_in_the_child),
        cmocka_unit_test(a_loader_forks),
        cmocka_unit_test(a_callback_forks),
        cmocka_unit_test(caches_open_and_close_in_the_parent),
        cmocka_unit_test(a_busy_parent_has_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
