/* SPDX-License-Identifier: Apache-2.0
 *
 * singleflight.c - a read-through cache of one mutex and condition variables.
 *
 * One mutex guards two hash maps: what is kept, and the flights, which are the keys being loaded.
 * Each flight has a condition variable of its own, so that only those who wait for its key wake
 * up. Flights wait for a worker in a list under a second mutex. No thread holds both mutexes, and
 * none wakes another or frees memory while it holds one. References of a flight: the map's, which
 * becomes the worker's, and one for each who waits. */
#include "singleflight.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#define FLIGHT_BUCKETS 1024
#define WORKERS_MAX    64

/* ------------------------------------------------------------------------------------- the maps */

/* The first member of what is in a map. The key lies behind the struct that this one is part of. */
struct node {
    struct node *next;
    uint64_t hash;
    struct corral_bytes key;
};

/* Chained; never grows, because all that is in it is bounded. */
struct map {
    struct node **buckets;
    size_t mask;
};

static int map_init(struct map *map, size_t nodes_max)
{
    size_t n = 64;
    while (n < nodes_max)
        n *= 2;
    map->buckets = calloc(n, sizeof *map->buckets);
    map->mask = n - 1;
    return map->buckets != NULL ? 0 : CORRAL_ENOMEM;
}

static struct node *map_find(const struct map *map, uint64_t hash, struct corral_bytes key)
{
    struct node *node = map->buckets[hash & map->mask];
    while (node != NULL && (node->hash != hash || node->key.size != key.size ||
                            memcmp(node->key.data, key.data, key.size) != 0))
        node = node->next;
    return node;
}

static void map_insert(struct map *map, struct node *node)
{
    struct node **bucket = &map->buckets[node->hash & map->mask];
    node->next = *bucket;
    *bucket = node;
}

static void map_remove(struct map *map, struct node *node)
{
    struct node **at = &map->buckets[node->hash & map->mask];
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
}

/* A struct of `size` bytes that begins with a node, and a copy of the key behind it. */
static void *node_new(size_t size, uint64_t hash, struct corral_bytes key)
{
    unsigned char *memory = malloc(size + key.size);
    if (memory == NULL)
        return NULL;
    memcpy(memory + size, key.data, key.size);
    struct node *node = (struct node *)memory;
    *node = (struct node){.hash = hash, .key = {memory + size, key.size}};
    return node;
}

/* --------------------------------------------------------------------------------------- values */

struct shared_value *shared_value_new(struct corral_bytes bytes)
{
    struct shared_value *value = malloc(sizeof *value + bytes.size);
    if (value == NULL)
        return NULL;
    atomic_init(&value->refs, 1);
    value->size = bytes.size;
    memcpy(value->data, bytes.data, bytes.size);
    return value;
}

static struct shared_value *shared_value_ref(struct shared_value *value)
{
    atomic_fetch_add_explicit(&value->refs, 1, memory_order_relaxed);
    return value;
}

void shared_value_unref(struct shared_value *value)
{
    if (value != NULL && atomic_fetch_sub_explicit(&value->refs, 1, memory_order_acq_rel) == 1)
        free(value);
}

/* A value that is kept. */
struct entry {
    struct node node;
    struct shared_value *value;
    corral_us fresh_until;
};

static void entry_free(struct entry *entry)
{
    if (entry != NULL)
        shared_value_unref(entry->value);
    free(entry);
}

/* A key that is being loaded. */
struct flight {
    struct node node;
    struct flight *queued_next;
    pthread_cond_t finished;
    _Atomic uint32_t refs;
    bool is_finished;
    int rc;                     /* valid once it is finished, and so is the value */
    struct shared_value *value; /* NULL if rc < 0 */
};

static struct flight *flight_new(uint64_t hash, struct corral_bytes key)
{
    struct flight *flight = node_new(sizeof *flight, hash, key);
    if (flight == NULL)
        return NULL;
    flight->queued_next = NULL;
    pthread_cond_init(&flight->finished, NULL);
    atomic_init(&flight->refs, 1);
    flight->is_finished = false;
    flight->value = NULL;
    return flight;
}

static void flight_unref(struct flight *flight)
{
    if (atomic_fetch_sub_explicit(&flight->refs, 1, memory_order_acq_rel) > 1)
        return;
    pthread_cond_destroy(&flight->finished);
    shared_value_unref(flight->value);
    free(flight);
}

/* ------------------------------------------------------------------------------------ the whole */

struct singleflight {
    struct singleflight_options options;

    pthread_mutex_t mutex; /* guards both maps, the ring, and what is in the flights */
    struct map flights, entries;
    struct entry **ring; /* what is kept, in the order of its coming */
    uint32_t ring_at;

    pthread_mutex_t queue_mutex; /* guards what follows */
    pthread_cond_t queue_filled;
    struct flight *queue, **queue_end;
    uint32_t queued_n;
    bool is_closing;

    uint32_t workers_n;
    pthread_t workers[WORKERS_MAX];
};

static corral_us now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return CORRAL_SECONDS(now.tv_sec) + now.tv_nsec / 1000;
}

/* Keep an entry. Returns what is to be freed for it, or NULL. Under the mutex. */
static struct entry *entry_keep(struct singleflight *sf, struct entry *entry)
{
    struct entry *old = (struct entry *)map_find(&sf->entries, entry->node.hash, entry->node.key);
    if (old != NULL) { /* it has expired; it keeps its place in the ring */
        struct shared_value *value = old->value;
        old->value = entry->value;
        old->fresh_until = entry->fresh_until;
        entry->value = value;
        return entry;
    }
    struct entry **place = &sf->ring[sf->ring_at];
    sf->ring_at = (sf->ring_at + 1) % sf->options.entries_max;
    old = *place;
    if (old != NULL)
        map_remove(&sf->entries, &old->node);
    map_insert(&sf->entries, &entry->node);
    *place = entry;
    return old;
}

/* An entry for what a flight brought; NULL where nothing is kept, or there is no memory for it. */
static struct entry *entry_of(const struct singleflight *sf, const struct flight *flight,
                              struct shared_value *value)
{
    if (sf->options.entries_max == 0 || value == NULL)
        return NULL;
    struct entry *entry = node_new(sizeof *entry, flight->node.hash, flight->node.key);
    if (entry == NULL)
        return NULL;
    entry->value = shared_value_ref(value);
    entry->fresh_until = now_us() + sf->options.ttl_us;
    return entry;
}

/* End a flight for all who wait. Takes the map's reference of it, and the value. */
static void flight_finish(struct singleflight *sf, struct flight *flight, int rc,
                          struct shared_value *value)
{
    struct entry *entry = entry_of(sf, flight, value);
    pthread_mutex_lock(&sf->mutex);
    map_remove(&sf->flights, &flight->node);
    flight->is_finished = true;
    flight->rc = rc;
    flight->value = value;
    if (entry != NULL)
        entry = entry_keep(sf, entry);
    pthread_mutex_unlock(&sf->mutex);
    pthread_cond_broadcast(&flight->finished);
    flight_unref(flight);
    entry_free(entry);
}

/* ------------------------------------------------------------------------------------ the queue */

/* Returns false where the queue is full. */
static bool queue_push(struct singleflight *sf, struct flight *flight)
{
    pthread_mutex_lock(&sf->queue_mutex);
    bool is_full = sf->queued_n >= sf->options.queue_max;
    if (!is_full) {
        *sf->queue_end = flight;
        sf->queue_end = &flight->queued_next;
        sf->queued_n++;
    }
    pthread_mutex_unlock(&sf->queue_mutex);
    if (!is_full)
        pthread_cond_signal(&sf->queue_filled);
    return !is_full;
}

/* Waits for a flight. NULL: it is time to end. */
static struct flight *queue_pop(struct singleflight *sf)
{
    pthread_mutex_lock(&sf->queue_mutex);
    while (sf->queue == NULL && !sf->is_closing)
        pthread_cond_wait(&sf->queue_filled, &sf->queue_mutex);
    struct flight *flight = sf->queue;
    if (flight != NULL) {
        sf->queue = flight->queued_next;
        if (sf->queue == NULL)
            sf->queue_end = &sf->queue;
        sf->queued_n--;
    }
    pthread_mutex_unlock(&sf->queue_mutex);
    return flight;
}

static void *work(void *arg)
{
    struct singleflight *sf = arg;
    struct flight *flight;
    while ((flight = queue_pop(sf)) != NULL) {
        struct shared_value *value = NULL;
        int rc = sf->options.loader(sf->options.arg, flight->node.key, &value);
        flight_finish(sf, flight, rc, value);
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------ get */

/* Wait for the end of a flight, and take the value. Gives up the caller's reference. */
static int flight_wait(struct singleflight *sf, struct flight *flight, corral_us wait_until,
                       struct shared_value **ret_value)
{
    struct timespec until = {.tv_sec = wait_until / 1000000,
                             .tv_nsec = wait_until % 1000000 * 1000};
    int result = CORRAL_ETIMEDOUT, failed = 0;
    pthread_mutex_lock(&sf->mutex);
    while (!flight->is_finished && failed == 0)
        failed = pthread_cond_clockwait(&flight->finished, &sf->mutex, CLOCK_MONOTONIC, &until);
    if (flight->is_finished)
        result = flight->rc;
    if (result >= 0)
        *ret_value = shared_value_ref(flight->value);
    pthread_mutex_unlock(&sf->mutex);
    flight_unref(flight);
    return result;
}

/* What a get found under the mutex: a value, or a flight with a reference for the caller. */
struct found {
    struct shared_value *value;
    struct flight *flight;
    bool leads; /* the flight is new */
};

static struct found look(struct singleflight *sf, struct corral_bytes key, corral_us now)
{
    uint64_t hash = XXH3_64bits(key.data, key.size);
    struct found found = {0};
    pthread_mutex_lock(&sf->mutex);
    struct entry *entry = (struct entry *)map_find(&sf->entries, hash, key);
    if (entry != NULL && entry->fresh_until > now) {
        found.value = shared_value_ref(entry->value);
    } else {
        found.flight = (struct flight *)map_find(&sf->flights, hash, key);
        if (found.flight == NULL && (found.flight = flight_new(hash, key)) != NULL) {
            map_insert(&sf->flights, &found.flight->node);
            found.leads = true;
        }
        if (found.flight != NULL)
            atomic_fetch_add_explicit(&found.flight->refs, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&sf->mutex);
    return found;
}

int singleflight_get(struct singleflight *sf, struct corral_bytes key, corral_us wait_us,
                     struct shared_value **ret_value)
{
    corral_us now = now_us();
    struct found found = look(sf, key, now);
    if (found.value != NULL) {
        *ret_value = found.value;
        return CORRAL_HIT;
    }
    if (found.flight == NULL)
        return CORRAL_ENOMEM;
    if (found.leads && !queue_push(sf, found.flight))
        flight_finish(sf, found.flight, CORRAL_EQUEUE, NULL);
    int rc = flight_wait(sf, found.flight, now + wait_us, ret_value);
    if (rc < 0)
        return rc;
    return found.leads ? CORRAL_LOADED : CORRAL_COALESCED;
}

/* ---------------------------------------------------------------------------- beginning and end */

static int workers_start(struct singleflight *sf)
{
    while (sf->workers_n < sf->options.workers_n) {
        if (sf->workers_n == WORKERS_MAX ||
            pthread_create(&sf->workers[sf->workers_n], NULL, work, sf) != 0)
            return CORRAL_ESYSTEM;
        sf->workers_n++;
    }
    return 0;
}

int singleflight_new(const struct singleflight_options *options, struct singleflight **ret_sf)
{
    struct singleflight *sf = calloc(1, sizeof *sf);
    if (sf == NULL)
        return CORRAL_ENOMEM;
    sf->options = *options;
    pthread_mutex_init(&sf->mutex, NULL);
    pthread_mutex_init(&sf->queue_mutex, NULL);
    pthread_cond_init(&sf->queue_filled, NULL);
    sf->queue_end = &sf->queue;
    sf->ring = calloc(options->entries_max + 1, sizeof(struct entry *));
    int rc = sf->ring != NULL ? 0 : CORRAL_ENOMEM;
    if (rc == 0)
        rc = map_init(&sf->flights, FLIGHT_BUCKETS);
    if (rc == 0)
        rc = map_init(&sf->entries, options->entries_max);
    if (rc == 0)
        rc = workers_start(sf);
    if (rc < 0) {
        singleflight_free(sf);
        return rc;
    }
    *ret_sf = sf;
    return 0;
}

void singleflight_free(struct singleflight *sf)
{
    pthread_mutex_lock(&sf->queue_mutex);
    sf->is_closing = true;
    pthread_mutex_unlock(&sf->queue_mutex);
    pthread_cond_broadcast(&sf->queue_filled);
    for (uint32_t i = 0; i < sf->workers_n; i++)
        pthread_join(sf->workers[i], NULL);
    for (uint32_t i = 0; sf->ring != NULL && i < sf->options.entries_max; i++)
        entry_free(sf->ring[i]);
    pthread_mutex_destroy(&sf->mutex);
    pthread_mutex_destroy(&sf->queue_mutex);
    pthread_cond_destroy(&sf->queue_filled);
    free(sf->flights.buckets);
    free(sf->entries.buckets);
    free(sf->ring);
    free(sf);
}
