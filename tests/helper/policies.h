/* SPDX-License-Identifier: Apache-2.0
 *
 * policies.h - orders of eviction in their plainest form, to compare a table with: how many
 * requests of a trace are hits, where so many bytes can be kept.
 *
 * An object is a number, its size that of its first request. Nothing here knows of hashes, blocks,
 * pages, limits of steps, or ghosts that are forgotten too early. */
#ifndef CRL_TESTS_POLICIES_H
#define CRL_TESTS_POLICIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct request {
    uint32_t object;
    uint32_t bytes;
};

struct trace {
    struct request *requests;
    size_t n;
    uint32_t objects; /* their numbers are below it */
};

enum policy_kind {
    POLICY_LRU,
    POLICY_SIEVE,
    POLICY_FRONT, /* a FIFO of a tenth in front, SIEVE, and as many ghosts as there are entries */
};

#define POLICY_NONE UINT32_MAX

struct policy_object {
    uint32_t older, newer;
    uint32_t bytes;
    bool is_in, is_front, is_visited;
    uint64_t ghost_of; /* the number of its eviction from the front; 0: it was never */
};

struct policy_queue {
    uint32_t oldest, newest, entries;
    uint64_t bytes;
};

struct policy {
    enum policy_kind kind;
    struct policy_object *objects;
    struct policy_queue front, queue;
    uint32_t hand;
    uint64_t ghosts;
};

__attribute__((unused)) static void policy_link(struct policy *policy, struct policy_queue *queue,
                                                uint32_t older, uint32_t newer)
{
    *(older != POLICY_NONE ? &policy->objects[older].newer : &queue->oldest) = newer;
    *(newer != POLICY_NONE ? &policy->objects[newer].older : &queue->newest) = older;
}

__attribute__((unused)) static void policy_push(struct policy *policy, struct policy_queue *queue,
                                                uint32_t number)
{
    policy_link(policy, queue, queue->newest, number);
    policy_link(policy, queue, number, POLICY_NONE);
    queue->bytes += policy->objects[number].bytes;
    queue->entries++;
}

__attribute__((unused)) static void policy_take(struct policy *policy, struct policy_queue *queue,
                                                uint32_t number)
{
    struct policy_object *object = &policy->objects[number];
    if (policy->hand == number)
        policy->hand = object->newer;
    policy_link(policy, queue, object->older, object->newer);
    queue->bytes -= object->bytes;
    queue->entries--;
}

/* The main queue's next to go. */
__attribute__((unused)) static uint32_t policy_victim(struct policy *policy)
{
    uint32_t at = policy->hand != POLICY_NONE ? policy->hand : policy->queue.oldest;
    while (policy->objects[at].is_visited) {
        policy->objects[at].is_visited = false;
        at = policy->objects[at].newer;
        at = at != POLICY_NONE ? at : policy->queue.oldest;
    }
    policy->hand = at;
    return at;
}

/* One object goes, or moves from the front to the main queue. */
__attribute__((unused)) static void policy_evict(struct policy *policy, uint64_t front_max)
{
    if (policy->front.bytes <= front_max && policy->queue.entries > 0) {
        uint32_t victim = policy_victim(policy);
        policy_take(policy, &policy->queue, victim);
        policy->objects[victim].is_in = false;
        return;
    }
    uint32_t victim = policy->front.oldest;
    struct policy_object *object = &policy->objects[victim];
    policy_take(policy, &policy->front, victim);
    object->is_front = false;
    if (object->is_visited) {
        object->is_visited = false;
        policy_push(policy, &policy->queue, victim);
    } else {
        object->is_in = false;
        object->ghost_of = ++policy->ghosts;
    }
}

__attribute__((unused)) static bool policy_remembers(const struct policy *policy,
                                                     const struct policy_object *object)
{
    uint64_t entries = (uint64_t)policy->front.entries + policy->queue.entries;
    return object->ghost_of > 0 && policy->ghosts - object->ghost_of < entries;
}

__attribute__((unused)) static void policy_hit(struct policy *policy, uint32_t number)
{
    if (policy->kind == POLICY_LRU) {
        policy_take(policy, &policy->queue, number);
        policy_push(policy, &policy->queue, number);
    } else {
        policy->objects[number].is_visited = true;
    }
}

__attribute__((unused)) static void policy_add(struct policy *policy, uint32_t number,
                                               uint64_t bytes, uint64_t capacity)
{
    struct policy_object *object = &policy->objects[number];
    if (bytes > capacity)
        return;
    bool is_remembered = policy_remembers(policy, object);
    while (policy->front.bytes + policy->queue.bytes + bytes > capacity)
        policy_evict(policy, capacity / 10);
    object->bytes = (uint32_t)bytes;
    object->is_in = true;
    object->is_front = policy->kind == POLICY_FRONT && !is_remembered;
    policy_push(policy, object->is_front ? &policy->front : &policy->queue, number);
}

/* policy_hits - how many requests are hits.
 * more_bytes   what is kept with each object */
__attribute__((unused)) static uint64_t policy_hits(enum policy_kind kind,
                                                    const struct trace *trace, uint64_t capacity,
                                                    uint32_t more_bytes)
{
    struct policy_queue empty = {.oldest = POLICY_NONE, .newest = POLICY_NONE};
    struct policy policy = {.kind = kind, .front = empty, .queue = empty, .hand = POLICY_NONE};
    policy.objects = calloc(trace->objects, sizeof *policy.objects);
    uint64_t hits = 0;
    for (size_t i = 0; policy.objects != NULL && i < trace->n; i++) {
        const struct request *request = &trace->requests[i];
        if (policy.objects[request->object].is_in) {
            policy_hit(&policy, request->object);
            hits++;
        } else {
            policy_add(&policy, request->object, (uint64_t)request->bytes + more_bytes, capacity);
        }
    }
    free(policy.objects);
    return hits;
}

#endif
