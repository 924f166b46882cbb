/* SPDX-License-Identifier: Apache-2.0
 *
 * change.c - invalidations and puts, of callers who wait for them and of callers who do not.
 *
 * A put whose value cannot be kept (too large, no memory) becomes an invalidation: whatever else
 * happens, an old value does not stay where the program wanted a new one. */
#include "lib/private.h"

#include <stdlib.h>
#include <string.h>

struct change {
    struct corral_space *space;
    struct corral_bytes key;
    enum crl_event_kind kind;
    struct crl_entry *draft; /* PUT: taken when it is run */
    bool is_conditional;
    struct corral_mark mark;
    int rc; /* < 0: why a put has become an invalidation */
};

static int change_run(struct crl_engine *engine, void *arg)
{
    struct change *change = arg;
    struct crl_event event = {.kind = change->kind, .space = change->space->number};
    if (change->kind != CRL_CLEAR)
        event.key = change->key;
    if (change->kind == CRL_PUT) {
        event.put.draft = change->draft;
        event.put.is_conditional = change->is_conditional;
        event.put.mark = change->mark.private_changes;
        change->draft = NULL;
    }
    int result = crl_engine_feed(engine, &event);
    return change->rc < 0 ? change->rc : result;
}

/* The draft of a put. Where there is none, the change is an invalidation, and says why. */
static void change_write(struct change *change, struct corral_bytes value)
{
    struct corral_cache *cache = change->space->cache;
    change->rc = value.size > cache->value_max ? CORRAL_EVALUE : 0;
    if (change->rc == 0) {
        change->draft = crl_entry_draft(cache->arena, change->key.size, value.size, 0);
        change->rc = change->draft == NULL ? CORRAL_ENOMEM : 0;
    }
    change->kind = change->rc < 0 ? CRL_INVALIDATE : CRL_PUT;
    if (change->rc == 0 && value.size > 0)
        memcpy(crl_entry_value_room(change->draft), value.data, value.size);
}

static void change_fini(struct change *change)
{
    if (change->draft != NULL)
        crl_entry_unref(change->space->cache->arena, change->draft);
}

/* ----------------------------------------------------------------------------------- waited for */

static int change_do(struct change *change)
{
    int rc = crl_engine_do(&change->space->cache->engine, change_run, change);
    change_fini(change);
    return rc < 0 ? rc : 0;
}

int corral_invalidate(struct corral_space *space, struct corral_bytes key)
{
    int rc = crl_key_check(space, key);
    if (rc < 0)
        return rc;
    return change_do(&(struct change){.space = space, .key = key, .kind = CRL_INVALIDATE});
}

int corral_space_clear(struct corral_space *space)
{
    return change_do(&(struct change){.space = space, .kind = CRL_CLEAR});
}

static int put(struct corral_bytes value, struct change *change)
{
    int rc = crl_key_check(change->space, change->key);
    if (rc < 0)
        return rc;
    change_write(change, value);
    return change_do(change);
}

int corral_put(struct corral_space *space, struct corral_bytes key, struct corral_bytes value)
{
    return put(value, &(struct change){.space = space, .key = key});
}

int corral_put_if(struct corral_space *space, struct corral_bytes key, struct corral_bytes value,
                  struct corral_mark mark)
{
    return put(value,
               &(struct change){.space = space, .key = key, .is_conditional = true, .mark = mark});
}

struct corral_mark corral_mark_take(struct corral_space *space, struct corral_bytes key)
{
    return (struct corral_mark){crl_core_mark(space->cache->engine.core, space->number, key)};
}

/* ------------------------------------------------------------------------------- not waited for */

struct async_change {
    struct engine_call call;
    struct crl_loop_call told;
    struct change change;
    int result;
    bool is_callback; /* of the program: told on the callback thread */
    corral_done_fn *fn;
    void *arg;
    unsigned char key[];
};

static void async_told(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct async_change *async = caa_container_of(call, struct async_change, told);
    (void)loop;
    if (async->is_callback)
        crl_leave(&async->change.space->cache->callbacks);
    async->fn(async->arg, async->result);
    free(async);
}

static void async_run(struct crl_engine *engine, struct engine_call *call)
{
    struct async_change *async = caa_container_of(call, struct async_change, call);
    async->result = change_run(engine, &async->change);
    if (async->fn == NULL) {
        crl_leave(&engine->cache->callbacks);
        free(async);
    } else if (async->is_callback) {
        async->result = async->result < 0 ? async->result : 0;
        crl_engine_call_back(engine, &async->told);
    } else {
        crl_engine_tell(engine, &async->told);
    }
}

static struct async_change *async_new(const struct change *change, corral_done_fn *fn, void *arg)
{
    struct async_change *async = malloc(sizeof *async + change->key.size);
    if (async == NULL)
        return NULL;
    *async = (struct async_change){
        .call.run = async_run, .told.run = async_told, .change = *change, .fn = fn, .arg = arg};
    memcpy(async->key, change->key.data, change->key.size); /* after what may write padding */
    async->change.key = crl_bytes(async->key, change->key.size);
    return async;
}

/* Send it on its way; it is freed when it is told, or at once on failure. */
static int async_send(struct async_change *async)
{
    int rc = crl_engine_post(&async->change.space->cache->engine, &async->call);
    if (rc < 0) {
        change_fini(&async->change);
        free(async);
    }
    return rc;
}

int crl_invalidate_async(struct corral_space *space, struct corral_bytes key, corral_done_fn *fn,
                         void *arg)
{
    crl_assert(fn != NULL);
    int rc = crl_key_check(space, key);
    if (rc < 0)
        return rc;
    struct change change = {.space = space, .key = key, .kind = CRL_INVALIDATE};
    struct async_change *async = async_new(&change, fn, arg);
    return async == NULL ? CORRAL_ENOMEM : async_send(async);
}

/* A change for a program. value: of a put; NULL: an invalidation. */
static int change_async(const struct change *change, const struct corral_bytes *value,
                        corral_done_fn *fn, void *arg)
{
    struct corral_cache *cache = change->space->cache;
    int rc = crl_key_check(change->space, change->key);
    if (rc < 0)
        return rc;
    rc = crl_enter(cache, &cache->callbacks);
    if (rc < 0)
        return rc;
    struct async_change *async = async_new(change, fn, arg);
    rc = async == NULL ? CORRAL_ENOMEM : 0;
    if (rc == 0) {
        async->is_callback = true;
        if (value != NULL)
            change_write(&async->change, *value);
        rc = async_send(async);
    }
    if (rc < 0)
        crl_leave(&cache->callbacks);
    return rc;
}

int corral_invalidate_async(struct corral_space *space, struct corral_bytes key, corral_done_fn *fn,
                            void *arg)
{
    return change_async(&(struct change){.space = space, .key = key, .kind = CRL_INVALIDATE}, NULL,
                        fn, arg);
}

int corral_put_async(struct corral_space *space, struct corral_bytes key, struct corral_bytes value,
                     corral_done_fn *fn, void *arg)
{
    return change_async(&(struct change){.space = space, .key = key}, &value, fn, arg);
}

int corral_put_if_async(struct corral_space *space, struct corral_bytes key,
                        struct corral_bytes value, struct corral_mark mark, corral_done_fn *fn,
                        void *arg)
{
    return change_async(
        &(struct change){.space = space, .key = key, .is_conditional = true, .mark = mark}, &value,
        fn, arg);
}
