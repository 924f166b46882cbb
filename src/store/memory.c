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
    bool is_absent;
    corral_us answered_at, fresh_until;
    unsigned char *value;
    size_t value_size;
    struct crl_token token; /* none: no lease */
    corral_us granted_at, lease_until;
    int failed_rc; /* 0: none is known */
    corral_us failed_until;
    uint32_t space;
    size_t key_size;
    unsigned char key[];
};

struct crl_store_memory {
    struct crl_allocator *allocator;
    crl_store_push_fn *push;
    void *arg;
    uint64_t records_n;
    uint64_t mask; /* of the buckets, a power of two less one */
    struct record **buckets;
};

struct crl_store_memory *crl_store_memory_new(struct crl_allocator *allocator,
                                              crl_store_push_fn *push, void *arg)
{
    crl_assert(allocator != NULL);
    struct crl_store_memory *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    store->buckets = calloc(BUCKETS_MIN, sizeof(struct record *));
    if (store->buckets == NULL) {
        free(store);
        return NULL;
    }
    store->mask = BUCKETS_MIN - 1;
    store->allocator = allocator;
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

static bool is_held(const struct record *record, corral_us now)
{
    return !crl_token_is_none(record->token) && now < record->lease_until;
}

static bool is_held_by(const struct record *record, corral_us now, struct crl_token token)
{
    return record != NULL && is_held(record, now) && crl_token_equal(record->token, token);
}

static void lease_end(struct record *record)
{
    record->token = (struct crl_token){0};
}

static void push(struct crl_store_memory *store, uint32_t by,
                 const struct crl_store_request *request)
{
    if (store->push != NULL)
        store->push(store->arg, by, request->space, request->key);
}

/* A draft with the value of a record, which has one. NULL: no memory. */
static struct crl_entry *draft_of(struct crl_store_memory *store, const struct record *record)
{
    struct crl_entry *draft =
        crl_entry_draft(store->allocator, record->key_size, record->value_size, 0);
    if (draft != NULL && record->value_size > 0)
        memcpy(crl_entry_value_room(draft), record->value, record->value_size);
    return draft;
}

static int reply_value(struct crl_store_memory *store, corral_us now, const struct record *record,
                       struct crl_store_reply *ret_reply)
{
    struct crl_entry *draft = record->is_absent ? NULL : draft_of(store, record);
    if (draft == NULL && !record->is_absent)
        return CORRAL_ENOMEM;
    *ret_reply = (struct crl_store_reply){.answer = CRL_STORE_VALUE,
                                          .draft = draft,
                                          .age_us = now - record->answered_at,
                                          .fresh_us = record->fresh_until - now};
    return 0;
}

static int ask(struct crl_store_memory *store, corral_us now,
               const struct crl_store_request *request, struct crl_store_reply *ret_reply)
{
    struct record *record = record_make(store, request->space, request->key);
    if (record == NULL)
        return CORRAL_ENOMEM;
    if (record->has_value && now < record->fresh_until &&
        now - record->answered_at < request->age_us)
        return reply_value(store, now, record, ret_reply);
    if (record->failed_rc < 0 && now < record->failed_until) {
        *ret_reply = (struct crl_store_reply){.answer = CRL_STORE_FAILED,
                                              .rc = record->failed_rc,
                                              .lease_us = record->failed_until - now};
        return 0;
    }
    bool is_own = is_held_by(record, now, request->token);
    if (is_held(record, now) && !is_own) {
        *ret_reply = (struct crl_store_reply){.answer = CRL_STORE_BUSY,
                                              .lease_us = record->lease_until - now};
        return 0;
    }
    if (!is_own)
        record->granted_at = now;
    record->token = request->token;
    record->lease_until = now + request->lease_us;
    *ret_reply = (struct crl_store_reply){
        .answer = CRL_STORE_LEASED, .token = request->token, .lease_us = request->lease_us};
    return 0;
}

static int fill(struct crl_store_memory *store, corral_us now, uint32_t by,
                const struct crl_store_request *request, struct crl_store_reply *ret_reply)
{
    struct record *record = *record_link(store, request->space, request->key);
    *ret_reply = (struct crl_store_reply){.is_done = is_held_by(record, now, request->token)};
    if (!ret_reply->is_done)
        return 0;
    struct corral_bytes bytes = crl_entry_value(request->entry);
    unsigned char *copy = malloc(bytes.size + 1);
    if (copy == NULL)
        return CORRAL_ENOMEM;
    memcpy(copy, bytes.size > 0 ? bytes.data : "", bytes.size);
    free(record->value);
    record->value = copy;
    record->value_size = bytes.size;
    record->has_value = true;
    record->is_absent = crl_entry_is_absent(request->entry);
    corral_us answered_at = record->granted_at + request->since_us;
    record->answered_at = answered_at < now ? answered_at : now;
    record->fresh_until = record->answered_at + request->ttl_us;
    record->failed_rc = 0;
    lease_end(record);
    push(store, by, request);
    return 0;
}

static void renew(struct crl_store_memory *store, corral_us now,
                  const struct crl_store_request *request, struct crl_store_reply *ret_reply)
{
    struct record *record = *record_link(store, request->space, request->key);
    *ret_reply = (struct crl_store_reply){.is_done = is_held_by(record, now, request->token)};
    if (ret_reply->is_done)
        record->lease_until = now + request->lease_us;
}

static void release(struct crl_store_memory *store, corral_us now, uint32_t by,
                    const struct crl_store_request *request, struct crl_store_reply *ret_reply)
{
    struct record *record = *record_link(store, request->space, request->key);
    *ret_reply = (struct crl_store_reply){.is_done = is_held_by(record, now, request->token)};
    if (!ret_reply->is_done)
        return;
    record->failed_rc = request->rc;
    record->failed_until = now + request->retry_us;
    lease_end(record);
    push(store, by, request);
}

static void invalidate(struct crl_store_memory *store, uint32_t by,
                       const struct crl_store_request *request, struct crl_store_reply *ret_reply)
{
    struct record *record = *record_link(store, request->space, request->key);
    if (record != NULL) {
        record->has_value = false;
        record->failed_rc = 0;
        lease_end(record);
    }
    *ret_reply = (struct crl_store_reply){.is_done = true};
    push(store, by, request);
}

int crl_store_memory_execute(struct crl_store_memory *store, corral_us now, uint32_t by,
                             const struct crl_store_request *request,
                             struct crl_store_reply *ret_reply)
{
    switch (request->op) {
    case CRL_STORE_ASK:
        crl_assert(request->lease_us > 0 && !crl_token_is_none(request->token));
        return ask(store, now, request, ret_reply);
    case CRL_STORE_FILL:
        crl_assert(request->entry != NULL);
        return fill(store, now, by, request, ret_reply);
    case CRL_STORE_RENEW:
        renew(store, now, request, ret_reply);
        return 0;
    case CRL_STORE_RELEASE:
        crl_assert(request->rc <= 0 && request->retry_us >= 0);
        release(store, now, by, request, ret_reply);
        return 0;
    case CRL_STORE_INVALIDATE:
        invalidate(store, by, request, ret_reply);
        return 0;
    }
    crl_unreachable();
}
