/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a fresh hit takes no lock, allocates nothing, makes no system call and writes nothing
 *         that other threads read.
 * Method: the kernel and the hardware are the judges. The hits run in a child whose thread is in
 *         seccomp's strict mode, where any system call but read, write and exit kills it; the
 *         linker sends malloc and the mutexes through counters; and the table of the last test lies
 *         in memory that is made read-only before the lookups. Each judge is shown a culprit
 *         first. */
#include "base/hash.h"
#include "core/table.h"

#include "../helper/entries.h"
#include "../helper/policy.h"

#include <corral/corral.h>

#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define HITS 10000

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);

static __thread uint64_t mallocs, locks;

void *__wrap_malloc(size_t size)
{
    mallocs++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    mallocs++;
    return __real_calloc(n, size);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    locks++;
    return __real_pthread_mutex_lock(mutex);
}

static void no_loader(void *arg, struct corral_load *load)
{
    (void)arg;
    corral_load_fail(load, "nothing is to be loaded here");
}

static struct corral_space *open_with_one_key(void)
{
    struct corral_cache *cache;
    struct corral_origin *origin;
    struct corral_space *space;
    struct corral_origin_options origin_options = {
        .size = sizeof origin_options, .name = "o", .loader = no_loader};
    struct corral_space_options space_options = {.size = sizeof space_options,
                                                 .name = "s",
                                                 .policy = POLICY(.ttl_us = CORRAL_SECONDS(3600))};
    if (corral_open(NULL, &cache) < 0 || corral_origin_add(cache, &origin_options, &origin) < 0)
        _exit(10);
    space_options.origin = origin;
    if (corral_space_add(cache, &space_options, &space) < 0 ||
        corral_put(space, corral_str("key"), corral_str("value")) < 0)
        _exit(11);
    return space;
}

static void end_thread(int status)
{
    syscall(SYS_exit, status); /* exit_group is not among the few calls that strict mode allows */
}

/* Hits of both kinds: by copy, and by reference where `by_reference`. The first ones prepare what a
 * thread needs once. */
static int hits(struct corral_space *space, int n)
{
    for (int i = 0; i < n; i++) {
        char buffer[16];
        size_t size;
        struct corral_value value;
        if (corral_read(space, corral_str("key"), buffer, sizeof buffer, &size) != CORRAL_HIT)
            return 1;
        if (corral_get(space, corral_str("key"), 0, &value) != CORRAL_HIT)
            return 2;
        corral_value_release(&value);
    }
    return 0;
}

static bool is_culprit;

static void *judged(void *arg)
{
    struct corral_space *space = arg;
    int failed = hits(space, 10);
    mallocs = locks = 0;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
        _exit(12);
    failed = failed ? failed : hits(space, HITS);
    if (is_culprit)
        (void)getppid();
    /* All that may be done now is to write and to end this thread. */
    char verdict = failed ? 'f' : mallocs ? 'm' : locks ? 'l' : '+';
    if (write(STDOUT_FILENO, &verdict, 1) != 1)
        end_thread(1);
    end_thread(0);
    return NULL;
}

/* Runs the hits in a child; returns what it wrote, '-' if it was killed. */
static char verdict_of_child(bool culprit)
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        close(pipes[1]);
        is_culprit = culprit;
        pthread_t thread;
        pthread_create(&thread, NULL, judged, open_with_one_key());
        pthread_join(thread, NULL);
        _exit(0);
    }
    close(pipes[1]);
    char verdict = '-';
    if (read(pipes[0], &verdict, 1) != 1)
        verdict = '-';
    close(pipes[0]);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return verdict;
}

static void a_hit_makes_no_call(void **state)
{
    (void)state;
#ifdef CRL_SANITIZED
    skip(); /* the sanitizers make calls of their own */
#endif
    assert_int_equal(verdict_of_child(true), '-'); /* the judge can see */
    assert_int_equal(verdict_of_child(false), '+');
}

/* ------------------------------------------------------------------------ memory that is sealed */

#define SEALED_BYTES (1 << 20)

static struct {
    unsigned char *memory;
    size_t used;
} sealed;

static void *sealed_alloc(struct crl_allocator *allocator, size_t bytes)
{
    (void)allocator;
    void *block = sealed.memory + sealed.used;
    sealed.used += (bytes + 63) & ~(size_t)63;
    assert_true(sealed.used <= SEALED_BYTES);
    return block;
}

static void sealed_free(struct crl_allocator *allocator, void *block, size_t bytes)
{
    (void)allocator;
    (void)block;
    (void)bytes;
}

static sigjmp_buf on_fault;

static void fault(int signal)
{
    (void)signal;
    siglongjmp(on_fault, 1);
}

/* Returns whether a look-up of this key, and marking what it finds, writes to the table. */
static bool look_up_writes(const struct crl_table *table, const char *key)
{
    if (sigsetjmp(on_fault, 1) != 0)
        return true;
    struct crl_entry *entry =
        crl_table_find(table, crl_hash(0, 0, corral_str(key)), 0, corral_str(key));
    assert_non_null(entry);
    crl_table_touch(entry);
    return false;
}

static void a_hit_writes_to_nothing_shared(void **state)
{
    (void)state;
    struct crl_allocator allocator = {.alloc = sealed_alloc, .free = sealed_free};
    sealed.memory =
        mmap(NULL, SEALED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(sealed.memory != MAP_FAILED);
    struct crl_table *table;
    struct crl_table_config config = {
        .memory_bytes = SEALED_BYTES / 2, .allocator = &allocator, .shards = 1};
    assert_int_equal(crl_table_new(&config, &table), 0);
    static const char *const keys[] = {"visited", "new"};
    for (int i = 0; i < 2; i++) {
        struct entry_parts parts = {.key = corral_str(keys[i])};
        struct crl_entry *entry = entry_made(&allocator, &parts);
        assert_true(crl_table_insert(table, entry));
    }
    assert_false(look_up_writes(table, "visited"));

    assert_int_equal(mprotect(sealed.memory, SEALED_BYTES, PROT_READ), 0);
    struct sigaction catch = {.sa_handler = fault}, before;
    sigaction(SIGSEGV, &catch, &before);
    bool again = look_up_writes(table, "visited");
    bool first = look_up_writes(table, "new"); /* its mark is not yet set: the judge can see */
    sigaction(SIGSEGV, &before, NULL);
    assert_false(again);
    assert_true(first);
    munmap(sealed.memory, SEALED_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hit_makes_no_call),
        cmocka_unit_test(a_hit_writes_to_nothing_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
