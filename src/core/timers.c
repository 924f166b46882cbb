/* SPDX-License-Identifier: Apache-2.0
 *
 * timers.c - a binary heap of pointers; each timer knows its slot. */
#include "core/timers.h"

#include "base/assert.h"

#include <stdlib.h>

static bool timer_is_before(const struct crl_timer *a, const struct crl_timer *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void heap_set(struct crl_timers *timers, uint32_t i, struct crl_timer *timer)
{
    timers->heap[i] = timer;
    timer->slot = i + 1;
}

static void heap_up(struct crl_timers *timers, uint32_t i, struct crl_timer *timer)
{
    while (i > 0 && timer_is_before(timer, timers->heap[(i - 1) / 2])) {
        heap_set(timers, i, timers->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_set(timers, i, timer);
}

static void heap_down(struct crl_timers *timers, uint32_t i, struct crl_timer *timer)
{
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= timers->n)
            break;
        if (child + 1 < timers->n && timer_is_before(timers->heap[child + 1], timers->heap[child]))
            child++;
        if (!timer_is_before(timers->heap[child], timer))
            break;
        heap_set(timers, i, timers->heap[child]);
        i = child;
    }
    heap_set(timers, i, timer);
}

void crl_timers_fini(struct crl_timers *timers)
{
    free(timers->heap);
    *timers = (struct crl_timers){0};
}

int crl_timers_reserve(struct crl_timers *timers, uint32_t n)
{
    if (n <= timers->capacity)
        return 0;
    uint32_t capacity = timers->capacity == 0 ? 64 : timers->capacity;
    while (capacity < n)
        capacity *= 2;
    struct crl_timer **heap = realloc(timers->heap, capacity * sizeof *heap);
    if (heap == NULL)
        return CORRAL_ENOMEM;
    timers->heap = heap;
    timers->capacity = capacity;
    return 0;
}

void crl_timer_arm(struct crl_timers *timers, struct crl_timer *timer, corral_us at)
{
    crl_timer_disarm(timers, timer);
    crl_assert(timers->n < timers->capacity);
    timer->at = at;
    timer->order = timers->orders++;
    heap_up(timers, timers->n++, timer);
}

void crl_timer_disarm(struct crl_timers *timers, struct crl_timer *timer)
{
    if (timer->slot == 0)
        return;
    uint32_t i = timer->slot - 1;
    crl_assert(i < timers->n && timers->heap[i] == timer);
    timer->slot = 0;
    struct crl_timer *last = timers->heap[--timers->n];
    if (last == timer)
        return;
    if (i > 0 && timer_is_before(last, timers->heap[(i - 1) / 2]))
        heap_up(timers, i, last);
    else
        heap_down(timers, i, last);
}

corral_us crl_timers_next_at(const struct crl_timers *timers)
{
    return timers->n == 0 ? CRL_NEVER : timers->heap[0]->at;
}

struct crl_timer *crl_timers_pop(struct crl_timers *timers, corral_us now)
{
    if (timers->n == 0 || timers->heap[0]->at > now)
        return NULL;
    struct crl_timer *timer = timers->heap[0];
    crl_timer_disarm(timers, timer);
    return timer;
}
