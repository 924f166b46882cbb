/* SPDX-License-Identifier: Apache-2.0
 *
 * probe.h - a load in the hands of a test: plays the engine's part and notes what it is answered.
 *
 * The key is in memory of its own that is freed when the load ends (O4), so the address sanitizer
 * sees an origin that reads it later. Drafts come from `probe_allocator`, which a test may set.
 * Nothing sleeps: every wait has a generous limit. */
#ifndef CRL_TESTS_PROBE_H
#define CRL_TESTS_PROBE_H

#include "base/assert.h"
#include "base/bytes.h"
#include "io/clock.h"
#include "origin/origin.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define PROBE_LIMIT CORRAL_SECONDS(300)

/* One lock and one condition for a whole test program: simple, and quick enough. */
static pthread_mutex_t probe_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t probe_changed = PTHREAD_COND_INITIALIZER;

static struct crl_allocator *probe_allocator = &crl_allocator_malloc;

struct probe {
    struct crl_load load; /* first */
    char *key;
    uint32_t answers;
    size_t together; /* how many loads were answered by the same call */
    int rc;
    struct crl_entry *draft;         /* NULL: not found, or an error */
    struct crl_allocator *allocator; /* of the draft */
    char why[256];
    bool has_why;
};

static inline void probe_note(struct probe *probe, struct crl_load_result result)
{
    probe->answers++;
    probe->rc = result.rc;
    probe->draft = result.draft;
    probe->has_why = result.why != NULL;
    snprintf(probe->why, sizeof probe->why, "%s", result.why != NULL ? result.why : "");
    free(probe->key);
    probe->key = NULL;
}

static inline void probe_answer(const struct crl_load_answered *answered, size_t n)
{
    pthread_mutex_lock(&probe_lock);
    for (size_t i = 0; i < n; i++) {
        struct probe *probe = (struct probe *)answered[i].load;
        probe->together = n;
        probe_note(probe, answered[i].result);
    }
    pthread_cond_broadcast(&probe_changed);
    pthread_mutex_unlock(&probe_lock);
}

/* Make a load of a key. */
static inline void probe_init(struct probe *probe, const char *key, void *space_arg)
{
    static uint64_t last_id;
    size_t size = strlen(key);
    *probe = (struct probe){.key = malloc(size > 0 ? size : 1), .allocator = probe_allocator};
    memcpy(probe->key, key, size);
    probe->load = (struct crl_load){
        .id = ++last_id,
        .key = crl_bytes(probe->key, size),
        .space_arg = space_arg,
        .deadline_at = crl_now() + PROBE_LIMIT,
        .allocator = probe_allocator,
        .answer = probe_answer,
    };
}

/* Start a load of a key. */
static inline void probe_start(struct probe *probe, struct crl_origin *origin, const char *key,
                               void *space_arg)
{
    probe_init(probe, key, space_arg);
    crl_origin_start(origin, &probe->load);
}

/* Start loads that have been made, as one list. */
static inline void probe_start_list(struct probe *probes, size_t n, struct crl_origin *origin)
{
    for (size_t i = 0; i + 1 < n; i++)
        probes[i].load.next = &probes[i + 1].load;
    crl_origin_start(origin, &probes[0].load);
}

static inline void probe_cancel(struct probe *probe, struct crl_origin *origin)
{
    crl_origin_cancel(origin, &probe->load);
}

/* Wait for a condition; evaluated under the lock. */
#define probe_await(condition)                                                            \
    do {                                                                                  \
        struct timespec probe_until;                                                      \
        clock_gettime(CLOCK_REALTIME, &probe_until);                                      \
        probe_until.tv_sec += PROBE_LIMIT / 1000000;                                      \
        pthread_mutex_lock(&probe_lock);                                                  \
        int probe_rc = 0;                                                                 \
        while (!(condition) && probe_rc == 0)                                             \
            probe_rc = pthread_cond_timedwait(&probe_changed, &probe_lock, &probe_until); \
        pthread_mutex_unlock(&probe_lock);                                                \
        if (probe_rc != 0)                                                                \
            fail_msg("waited in vain for: %s", #condition);                               \
    } while (0)

/* Change something that probe_await() looks at. */
#define probe_do(statement)                     \
    do {                                        \
        pthread_mutex_lock(&probe_lock);        \
        statement;                              \
        pthread_cond_broadcast(&probe_changed); \
        pthread_mutex_unlock(&probe_lock);      \
    } while (0)

static inline uint32_t probe_answers(const struct probe *probe)
{
    pthread_mutex_lock(&probe_lock);
    uint32_t answers = probe->answers;
    pthread_mutex_unlock(&probe_lock);
    return answers;
}

/* The bytes of the value; of no value none. */
static inline struct corral_bytes probe_value(const struct probe *probe)
{
    return probe->draft != NULL ? crl_entry_value(probe->draft) : crl_bytes(NULL, 0);
}

static inline void probe_drop_draft(struct probe *probe)
{
    if (probe->draft != NULL)
        crl_entry_unref(probe->allocator, probe->draft);
    probe->draft = NULL;
}

/* The load has ended, just once, as said. data NULL: not found, or any error. Frees the draft. */
static inline void probe_expect(struct probe *probe, int rc, const char *data)
{
    probe_await(probe->answers > 0);
    assert_int_equal(probe->answers, 1);
    if (probe->rc != rc)
        fail_msg("rc %d, not %d: %s", probe->rc, rc, probe->why);
    struct corral_bytes value = probe_value(probe);
    if (data != NULL && probe->draft == NULL)
        fail_msg("no value, not %s", data);
    if (data == NULL)
        assert_null(probe->draft);
    else if (!crl_bytes_equal(corral_str(data), value))
        fail_msg("%.*s, not %s", (int)value.size, (const char *)value.data, data);
    probe_drop_draft(probe);
}

/* The load has ended, just once, somehow. */
static inline void probe_expect_end(struct probe *probe)
{
    probe_await(probe->answers > 0);
    assert_int_equal(probe->answers, 1);
    probe_drop_draft(probe);
}

/* Start a load and wait for what it is answered. */
static inline void probe_load(struct crl_origin *origin, const char *key, void *space_arg, int rc,
                              const char *data)
{
    struct probe probe;
    probe_start(&probe, origin, key, space_arg);
    probe_expect(&probe, rc, data);
}

/* The threads of this process. */
static inline uint32_t probe_threads(void)
{
    uint32_t n = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (readdir(tasks) != NULL)
        n++;
    closedir(tasks);
    return n;
}

/* Wait until threads that were left behind are gone, and what they held with them. */
static inline void probe_await_threads(uint32_t n)
{
    corral_us until = crl_now() + PROBE_LIMIT;
    while (probe_threads() > n)
        assert_true(crl_now() < until);
}

#endif
