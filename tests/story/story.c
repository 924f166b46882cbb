/* SPDX-License-Identifier: Apache-2.0
 *
 * story.c - the frame of the stories. The linker sends the core's malloc, calloc and realloc
 * through the functions below (--wrap), which fail when a sweep says so; memory of entries and
 * buckets comes from an allocator of the same kind. Nothing fails while the world itself allocates:
 * it is not under test. */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_crl_core_step(struct crl_core *core, const struct crl_event *event,
                          struct crl_actions *ret_actions);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_crl_core_step(struct crl_core *core, const struct crl_event *event,
                          struct crl_actions *ret_actions);

static struct {
    bool in_core;
    uint32_t countdown; /* 1: the next allocation fails; 0: none does */
    bool failed;
    int64_t blocks; /* of the allocator below, not freed yet */
} fault;

static bool allocation_fails(void)
{
    if (!fault.in_core || fault.countdown == 0)
        return false;
    fault.failed = --fault.countdown == 0;
    return fault.failed;
}

void *__wrap_malloc(size_t size)
{
    return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return allocation_fails() ? NULL : __real_realloc(block, size);
}

void __wrap_crl_core_step(struct crl_core *core, const struct crl_event *event,
                          struct crl_actions *ret_actions)
{
    fault.in_core = true;
    __real_crl_core_step(core, event, ret_actions);
    fault.in_core = false;
}

static void *counted_alloc(struct crl_allocator *allocator, size_t bytes)
{
    (void)allocator;
    if (allocation_fails())
        return NULL;
    bool in_core = fault.in_core;
    fault.in_core = false;
    void *block = crl_allocator_malloc.alloc(&crl_allocator_malloc, bytes);
    fault.in_core = in_core;
    fault.blocks++;
    return block;
}

static void counted_free(struct crl_allocator *allocator, void *block, size_t bytes)
{
    (void)allocator;
    fault.blocks--;
    crl_allocator_malloc.free(&crl_allocator_malloc, block, bytes);
}

static struct crl_allocator counted = {.alloc = counted_alloc, .free = counted_free};

static struct sim *story_run(const struct story *story)
{
    struct sim_config config = story->config;
    config.audits = true;
    config.allocator = &counted;
    struct sim *sim = sim_new(&config);
    assert_non_null(sim);
    story->plot(sim);
    sim_run(sim);
    return sim;
}

struct sim *story_told(const struct story *story)
{
    fault.countdown = 0;
    struct sim *sim = story_run(story);
    if (sim_broken(sim) != NULL)
        fail_msg("%s\n%s", sim_broken(sim), sim_trace(sim));
    return sim;
}

void story_swept(const struct story *story)
{
    for (uint32_t n = 1;; n++) {
        fault.countdown = n;
        fault.failed = false;
        int64_t blocks = fault.blocks;
        struct sim *sim = story_run(story);
        bool failed = fault.failed;
        fault.countdown = 0;
        if (sim_broken(sim) != NULL)
            fail_msg("allocation %u failing: %s\n%s", n, sim_broken(sim), sim_trace(sim));
        sim_free(sim);
        assert_int_equal(fault.blocks, blocks);
        if (!failed)
            break;
        assert_true(n < 100000);
    }
}

void expect_trace(const struct sim *sim, const char *expected)
{
    if (strcmp(sim_trace(sim), expected) != 0)
        fail_msg("the story went otherwise. It was:\n%s\nIt should have been:\n%s", sim_trace(sim),
                 expected);
}
