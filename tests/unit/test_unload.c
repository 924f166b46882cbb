/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a program may dlclose() what has the library in it, itself or a plugin that was linked
 *         with the archive, while threads that have used it go on; unused, it leaves.
 * Method: the object that the environment names is used by a thread that stays until after the
 *         dlclose() and then ends, which calls what the library has registered for that. */
#include "../helper/policy.h"

#include <corral/corral.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* The function of a name; a_name() calls it. */
#define take(library, name) __typeof__(&name) a_##name = (__typeof__(&name))dlsym(library, #name)

struct reader {
    void *library;
    struct corral_space *space;
    pthread_barrier_t read, unloaded;
    int result;
};

static void never_called(void *arg, struct corral_load *load)
{
    (void)arg;
    (void)load;
    abort();
}

static void *reader_main(void *arg)
{
    struct reader *reader = arg;
    take(reader->library, corral_read);
    char byte;
    size_t size;
    struct corral_bytes key = {"7", 1};
    reader->result = a_corral_read(reader->space, key, &byte, 1, &size);
    pthread_barrier_wait(&reader->read);
    pthread_barrier_wait(&reader->unloaded);
    return NULL;
}

static int fork_and_wait(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

static void *load(void)
{
    const char *path = getenv("CORRAL_OBJECT");
    if (path == NULL)
        skip();
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        fail_msg("%s", dlerror());
    return library;
}

static void unused_it_is_unloaded(void **state)
{
    (void)state;
    void *library = load();
    take(library, corral_version);
    assert_string_equal(a_corral_version(), CORRAL_VERSION);
    assert_int_equal(dlclose(library), 0);
    assert_null(dlopen(getenv("CORRAL_OBJECT"), RTLD_NOW | RTLD_NOLOAD));
    assert_int_equal(fork_and_wait(), 0); /* its handlers have left too */
}

static void a_thread_may_outlive_the_library(void **state)
{
    (void)state;
    struct reader reader = {.library = load()};
    take(reader.library, corral_open);
    take(reader.library, corral_close);
    take(reader.library, corral_origin_add);
    take(reader.library, corral_space_add);
    take(reader.library, corral_put);

    struct corral_cache *cache;
    assert_int_equal(a_corral_open(NULL, &cache), 0);
    struct corral_origin_options origin = {
        .size = sizeof origin, .name = "o", .loader = never_called};
    struct corral_space_options space = {
        .size = sizeof space, .name = "s", .policy = POLICY(.ttl_us = CORRAL_SECONDS(60))};
    assert_int_equal(a_corral_origin_add(cache, &origin, &space.origin), 0);
    assert_int_equal(a_corral_space_add(cache, &space, &reader.space), 0);
    struct corral_bytes seven = {"7", 1};
    assert_int_equal(a_corral_put(reader.space, seven, seven), 0);

    pthread_t thread;
    pthread_barrier_init(&reader.read, NULL, 2);
    pthread_barrier_init(&reader.unloaded, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, reader_main, &reader), 0);
    pthread_barrier_wait(&reader.read);
    assert_int_equal(reader.result, CORRAL_HIT);
    assert_int_equal(a_corral_close(cache), 0);
    assert_int_equal(dlclose(reader.library), 0);
    pthread_barrier_wait(&reader.unloaded);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&reader.read);
    pthread_barrier_destroy(&reader.unloaded);
    assert_int_equal(fork_and_wait(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unused_it_is_unloaded), /* before it is used */
        cmocka_unit_test(a_thread_may_outlive_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
