/* SPDX-License-Identifier: Apache-2.0
 *
 * memory.c - one record for each key that was ever asked for. */
#include "store/memory.h"

#include "base/assert.h"
#include "base/hash.h"

#include <stdlib.h>

#define BUCKETS_MIN 16

struct record {
    struct record *next;
    uint64_t hash;
    bool has_value;
    bool negative;
    corral_us answered_at, fresh_until;
    unsigned char *value;
    size_t value_size;
    uint64_t token; /* 0: no lease */
    corral_us lease_until;
    uint32_t space;
    size_t key_size;
    unsigned char key[];
};

struct crl_store_memory {
    crl_store_push_fn *push;
    void *arg;
    uint64_t tokens;
    uint64_t records_n;
    uint64_t mask; /* of the buckets, a power of two less one */
    struct record **buckets;
};

struct crl_store_memory *crl_store_memory_new(crl_store_push_fn *push, void *arg)
{
    struct crl_store_memory *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    store->buckets = calloc(BUCKETS_MIN, sizeof(struct record *));
    if (store->buckets == NULL) {
        free(store);
        return NULL;
    }
    store->mask = BUCKETS_MIN - 1;
    store->push = push;
    store->arg = arg;
    return store;
}

void crl_store_memory_wipe(struct crl_store_memory *store)
{
    for (uint64_t i = 0; i <= store->mask; i++) {
        while (store->buckets[i] != NULL) {
            struct record *record = store->buckets[i];
            store->buckets[i] = record->next;
            free(record->value);
            free(record);
        }
    }
    store->records_n = 0;
}

void crl_store_memory_free(struct crl_store_memory *store)
{
    crl_store_memory_wipe(store);
    free(store->buckets);
    free(store);
}

static struct record **record_link(struct crl_store_memory *store, uint32_t space,
                                   struct corral_bytes key)
{
    uint64_t hash = crl_hash(0, space, key);
    struct record **link = &store->buckets[hash & store->mask];
    while (*link != NULL && !((*link)->hash == hash && (*link)->space == space &&
                              crl_bytes_equal(crl_bytes((*link)->key, (*link)->key_size), key)))
        link = &(*link)->next;
    return link;
}

/* Twice the buckets, where there is memory; else the chains grow longer. */
static void buckets_grow(struct crl_store_memory *store)
{
    uint64_t mask = store->mask * 2 + 1;
    struct record **buckets = calloc(mask + 1, sizeof(struct record *));
    if (buckets == NULL)
        return;
    for (uint64_t i = 0; i <= store->mask; i++) {
        while (store->buckets[i] != NULL) {
            struct record *record = store->buckets[i];
            store->buckets[i] = record->next;
            record->next = buckets[record->hash & mask];
            buckets[record->hash & mask] = record;
        }
    }
    free(store->buckets);
    store->buckets = buckets;
    store->mask = mask;
}

static struct record *record_make(struct crl_store_memory *store, uint32_t space,
                                  struct corral_bytes key)
{
    struct record **link = record_link(store, space, key);
    if (*link != NULL)
        return *link;
    struct record *record = calloc(1, sizeof *record + key.size);
    if (record == NULL)
        return NULL;
    record->hash = crl_hash(0, space, key);
    record->space = space;
    record->key_size = key.size;
    memcpy(record->key, key.data, key.size);
    *link = record;
    if (++store->records_n > store->mask)
        buckets_grow(store);
    return record;
}

static bool lease_is_held(const struct record *record, corral_us now)
{
    return record->token != 0 && now < record->lease_until;
}

static void push(struct crl_store_memory *store, uint32_t by, uint32_t space,
                 struct corral_bytes key)
{
    if (store->push != NULL)
        store->push(store->arg, by, space, key);
}

int crl_store_memory_get_or_lease(struct crl_store_memory *store, corral_us now, uint32_t by,
                                  uint32_t space, struct corral_bytes key, corral_us lease_us,
                                  struct crl_store_reply *ret_reply)
{
    (void)by;
    struct record *record = record_make(store, space, key);
    if (record == NULL)
        return CORRAL_ENOMEM;
    if (record->has_value && now < record->fresh_until) {
        *ret_reply = (struct crl_store_reply){
            .answer = CRL_STORE_VALUE,
            .value = {.negative = record->negative,
                      .bytes = crl_bytes(record->value, record->value_size),
                      .age_us = now - record->answered_at,
                      .fresh_us = record->fresh_until - now},
        };
        return 0;
    }
    if (lease_is_held(record, now)) {
        *ret_reply = (struct crl_store_reply){.answer = CRL_STORE_BUSY,
                                              .lease_us = record->lease_until - now};
        return 0;
    }
    record->token = ++store->tokens;
    record->lease_until = now + lease_us;
    *ret_reply = (struct crl_store_reply){.answer = CRL_STORE_LEASED, .token = record->token};
    return 0;
}

int crl_store_memory_fill(struct crl_store_memory *store, corral_us now, uint32_t by,
                          uint32_t space, struct corral_bytes key, uint64_t token,
                          const struct crl_store_value *value)
{
    struct record *record = *record_link(store, space, key);
    if (record == NULL || !lease_is_held(record, now) || record->token != token)
        return 0;
    unsigned char *copy = malloc(value->bytes.size + 1);
    if (copy == NULL)
        return CORRAL_ENOMEM;
    memcpy(copy, value->bytes.size > 0 ? value->bytes.data : "", value->bytes.size);
    free(record->value);
    record->value = copy;
    record->value_size = value->bytes.size;
    record->has_value = true;
    record->negative = value->negative;
    record->answered_at = now - value->age_us;
    record->fresh_until = now + value->fresh_us;
    record->token = 0;
    push(store, by, space, key);
    return 1;
}

void crl_store_memory_release(struct crl_store_memory *store, corral_us now, uint32_t by,
                              uint32_t space, struct corral_bytes key, uint64_t token)
{
    struct record *record = *record_link(store, space, key);
    if (record == NULL || !lease_is_held(record, now) || record->token != token)
        return;
    record->token = 0;
    push(store, by, space, key);
}

void crl_store_memory_invalidate(struct crl_store_memory *store, corral_us now, uint32_t by,
                                 uint32_t space, struct corral_bytes key)
{
    (void)now;
    struct record *record = *record_link(store, space, key);
    if (record != NULL) {
        record->has_value = false;
        record->token = 0;
    }
    push(store, by, space, key);
}
