/* SPDX-License-Identifier: Apache-2.0
 *
 * cache.c - open, shut and close, origins and spaces. */
#include "lib/cache.h"

#include "base/hash.h"
#include "io/cancel.h"
#include "io/clock.h"
#include "io/entropy.h"
#include "lib/private.h"
#include "lib/process.h"
#include "lib/rcu.h"
#include "lib/sized.h"
#include "memory/arena.h"
#include "origin/callback.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------- open and close */

static struct corral_options options_with_defaults(struct corral_options options)
{
    if (options.memory_bytes == 0)
        options.memory_bytes = 64u << 20;
    if (options.key_max == 0)
        options.key_max = 1024;
    if (options.value_max == 0)
        options.value_max = 8u << 20;
    if (options.flights_max == 0)
        options.flights_max = 65536;
    if (options.waiters_max == 0)
        options.waiters_max = 131072;
    if (options.close_wait_us == 0)
        options.close_wait_us = CORRAL_SECONDS(5);
    options.close_wait_us = crl_span(options.close_wait_us);
    return options;
}

static bool options_are_valid(const struct corral_options *options)
{
    return options->key_max <= UINT16_MAX && options->value_max <= 1u << 30 &&
           options->close_wait_us >= 0;
}

static void cache_free(struct corral_cache *cache)
{
    pthread_mutex_destroy(&cache->shut_lock);
    if (cache->engine.core != NULL)
        crl_core_free(cache->engine.core);
    if (cache->arena != NULL)
        crl_arena_release(cache->arena);
    if (cache->buckets != NULL)
        crl_arena_release(cache->buckets);
    if (cache->stats != NULL)
        crl_stats_release(cache->stats);
    for (uint32_t i = 0; i < cache->origins_n; i++) {
        free(cache->origins[i]->name);
        free(cache->origins[i]);
    }
    for (uint32_t i = 0; i < cache->spaces_n; i++) {
        free(cache->spaces[i]->name);
        free(cache->spaces[i]);
    }
    free(cache);
}

/* Two keys share a counter of changes by a chance of one in so many. */
#define CHANGES_N 4096

static int core_make(struct corral_cache *cache, const struct corral_options *options)
{
    int rc = crl_arena_new(options->memory_bytes, CRL_ARENA_ENTRIES, &cache->arena);
    if (rc == 0)
        rc = crl_arena_new(options->memory_bytes, CRL_ARENA_BUCKETS, &cache->buckets);
    if (rc < 0)
        return rc;
    struct crl_core_config config = {
        .memory_bytes = options->memory_bytes,
        .value_max = options->value_max,
        .flights_max = options->flights_max,
        .waiters_max = options->waiters_max,
        .changes_n = CHANGES_N,
        .seed = cache->seed,
        .token_seeds = {crl_entropy(), crl_entropy()},
        .allocator = cache->arena,
        .bucket_allocator = cache->buckets,
        .wait_for_readers = crl_rcu_wait,
    };
    rc = crl_core_new(&config, &cache->engine.core);
    if (rc == 0)
        cache->engine.table = crl_core_table(cache->engine.core);
    return rc;
}

int corral_open(const struct corral_options *given, struct corral_cache **ret_cache)
{
    struct corral_options options = {0};
    if (ret_cache == NULL || (given != NULL && !CRL_SIZED_READ(&options, given)))
        return CORRAL_EINVAL;
    options = options_with_defaults(options);
    if (!options_are_valid(&options))
        return CORRAL_EINVAL;
    struct corral_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return CORRAL_ENOMEM;
    pthread_mutex_init(&cache->shut_lock, NULL); /* glibc's does not fail */
    atomic_init(&cache->refs, 1);
    int held = crl_cancel_hold();
    crl_process_stay();
    static _Atomic uint64_t caches;
    cache->number = atomic_fetch_add(&caches, 1) + 1;
    cache->forks = crl_forks;
    cache->engine.cache = cache;
    cache->seed = crl_entropy();
    cache->key_max = options.key_max;
    cache->value_max = options.value_max;
    cache->waiters_max = options.waiters_max;
    cache->close_wait_us = options.close_wait_us;
    cache->on_failure = options.on_failure;
    cache->on_failure_arg = options.on_failure_arg;
    cache->stats = crl_stats_new();
    int rc = cache->stats == NULL ? CORRAL_ENOMEM : core_make(cache, &options);
    if (rc == 0)
        rc = crl_engine_start(&cache->engine);
    if (rc < 0)
        cache_free(cache);
    else
        *ret_cache = cache;
    crl_cancel_let_go(held);
    return rc;
}

/* The last reference to a closed cache frees it. Loaders that were left behind may still call it,
 * and are refused: so it stays until they have returned. */
static void cache_unref(void *arg)
{
    struct corral_cache *cache = arg;
    if (atomic_fetch_sub_explicit(&cache->refs, 1, memory_order_acq_rel) > 1)
        return;
    crl_engine_fini(&cache->engine);
    cache_free(cache);
}

/* Returns whether something was left behind. */
static bool origin_close_wait(struct corral_cache *cache, struct crl_origin *impl, corral_us until)
{
    corral_us left = until - crl_now();
    atomic_fetch_add_explicit(&cache->refs, 1, memory_order_relaxed);
    impl->gone = cache_unref;
    impl->gone_arg = cache;
    if (crl_origin_close_wait(impl, left > 0 ? left : 0) < 0)
        return true;
    atomic_fetch_sub_explicit(&cache->refs, 1, memory_order_relaxed);
    return false;
}

/* All at the same time: none has less of it because another one is stuck. */
static void origins_close(struct corral_cache *cache, corral_us until)
{
    for (uint32_t i = 0; i < cache->origins_n; i++)
        crl_origin_close_begin(cache->origins[i]->impl);
    for (uint32_t i = 0; i < cache->origins_n; i++)
        cache->left_behind |= origin_close_wait(cache, cache->origins[i]->impl, until);
}

/* Whoever comes second waits for the first. */
static int shut(struct corral_cache *cache)
{
    pthread_mutex_lock(&cache->shut_lock);
    if (!atomic_exchange(&cache->is_shut, true)) {
        corral_us until = crl_now() + cache->close_wait_us;
        crl_engine_drain(&cache->engine, cache->close_wait_us);
        origins_close(cache, until);
    }
    int rc = cache->left_behind ? CORRAL_ETIMEDOUT : 0;
    pthread_mutex_unlock(&cache->shut_lock);
    return rc;
}

/* May this thread wait for the end of the cache? */
static int shut_check(const struct corral_cache *cache)
{
    if (cache->forks != crl_forks)
        return CORRAL_ECLOSED;
    bool is_awaited = crl_engine_calls_back(&cache->engine) || crl_stuck_asker(cache) != 0;
    return is_awaited ? CORRAL_EDEADLOCK : 0;
}

int corral_shut(struct corral_cache *cache)
{
    int rc = cache != NULL ? shut_check(cache) : 0;
    if (cache == NULL || rc < 0)
        return rc;
    int held = crl_cancel_hold();
    rc = shut(cache);
    crl_cancel_let_go(held);
    return rc;
}

int corral_close(struct corral_cache *cache)
{
    int rc = cache != NULL ? shut_check(cache) : 0;
    if (cache == NULL || rc < 0)
        return rc;
    int held = crl_cancel_hold();
    rc = shut(cache);
    crl_engine_stop(&cache->engine);
    cache_unref(cache);
    crl_cancel_let_go(held);
    return rc;
}

/* --------------------------------------------------------------------------- origins and spaces */

/* Loads that one call of a loader of many keys is given. */
#define BATCH_DEFAULT 100
#define BATCH_MAX     (1u << CRL_BATCH_BITS)

struct origin_errand {
    const struct corral_origin_options *options;
    struct crl_origin *impl;
    struct corral_origin *made;
};

static bool origin_name_is_taken(const struct corral_cache *cache, const char *name)
{
    for (uint32_t i = 0; i < cache->origins_n; i++) {
        if (strcmp(cache->origins[i]->name, name) == 0)
            return true;
    }
    return false;
}

static int origin_register(struct crl_engine *engine, void *arg)
{
    struct corral_cache *cache = engine->cache;
    struct origin_errand *errand = arg;
    crl_assert(crl_turn_is_mine(&engine->turn));
    if (origin_name_is_taken(cache, errand->options->name))
        return CORRAL_EEXIST;
    struct crl_core_origin config = {
        .limits = {.concurrency = errand->options->concurrency, .queue = errand->options->queue},
        .deadline_us = errand->options->deadline_us,
        .batch_max = errand->options->batch_max,
    };
    size_t loads = (size_t)config.limits.concurrency * config.batch_max;
    struct corral_origin *origin = calloc(1, sizeof *origin + loads * sizeof origin->loads[0]);
    char *name = strdup(errand->options->name);
    int number =
        origin == NULL || name == NULL ? CORRAL_ENOMEM : crl_core_add_origin(engine->core, &config);
    if (number < 0) {
        free(name);
        free(origin);
        return number;
    }
    origin->cache = cache;
    origin->number = (uint32_t)number;
    origin->counts = crl_core_origin_counts(engine->core, origin->number);
    origin->name = name;
    origin->impl = errand->impl;
    origin->batch_max = config.batch_max;
    cache->origins[cache->origins_n++] = origin;
    errand->made = origin;
    return 0;
}

static struct corral_origin_options origin_with_defaults(struct corral_origin_options options)
{
    if (options.concurrency == 0)
        options.concurrency = 20;
    if (options.queue == 0)
        options.queue = 1000;
    if (options.deadline_us == 0)
        options.deadline_us = CORRAL_SECONDS(2);
    if (options.batch_max == 0)
        options.batch_max = options.load_many != NULL ? BATCH_DEFAULT : 1;
    return options;
}

/* The options of an origin, complete. Returns false where they are not valid. */
static bool origin_read(const struct corral_origin_options *given,
                        struct corral_origin_options *ret_options)
{
    struct corral_origin_options options;
    if (given == NULL || !CRL_SIZED_READ(&options, given) || options.name == NULL ||
        options.name[0] == '\0' || options.concurrency > 1024 || options.deadline_us < 0 ||
        options.batch_max > BATCH_MAX)
        return false;
    *ret_options = origin_with_defaults(options);
    return true;
}

int crl_origin_attach(struct corral_cache *cache, const struct corral_origin_options *options,
                      struct crl_origin *impl, struct corral_origin **ret_origin)
{
    int rc = CORRAL_EINVAL;
    struct corral_origin_options complete;
    crl_assert(impl != NULL);
    if (origin_read(options, &complete) && ret_origin != NULL) {
        struct origin_errand errand = {.options = &complete, .impl = impl};
        rc = crl_engine_do(&cache->engine, origin_register, &errand);
        if (rc == 0)
            *ret_origin = errand.made;
    }
    if (rc < 0)
        (void)crl_origin_close(impl, 0); /* nothing runs in it yet */
    return rc;
}

int corral_origin_add(struct corral_cache *cache, const struct corral_origin_options *options,
                      struct corral_origin **ret_origin)
{
    struct corral_origin_options complete;
    if (cache == NULL || !origin_read(options, &complete) ||
        (complete.loader != NULL) == (complete.load_many != NULL) ||
        (complete.batch_max > 1 && complete.load_many == NULL))
        return CORRAL_EINVAL;
    if (cache->forks != crl_forks)
        return CORRAL_ECLOSED; /* before there are threads */
    struct crl_origin *impl;
    int held = crl_cancel_hold();
    const struct crl_origin_callback_options callback = {
        .loader = complete.loader,
        .load_many = complete.load_many,
        .arg = complete.arg,
        .concurrency = complete.concurrency,
        .value_max = cache->value_max,
    };
    int rc = crl_origin_callback_new(&callback, &impl);
    if (rc == 0)
        rc = crl_origin_attach(cache, &complete, impl, ret_origin);
    crl_cancel_let_go(held);
    return rc;
}

struct space_errand {
    const struct corral_space_options *options;
    struct corral_policy policy;
    struct corral_space *made;
};

static int space_register(struct crl_engine *engine, void *arg)
{
    struct corral_cache *cache = engine->cache;
    struct space_errand *errand = arg;
    crl_assert(crl_turn_is_mine(&engine->turn));
    for (uint32_t i = 0; i < cache->spaces_n; i++) {
        if (strcmp(cache->spaces[i]->name, errand->options->name) == 0)
            return CORRAL_EEXIST;
    }
    struct crl_core_space config = {
        .origin = errand->options->origin->number,
        .policy = errand->policy,
    };
    struct corral_space *space = calloc(1, sizeof *space);
    char *name = strdup(errand->options->name);
    int number =
        space == NULL || name == NULL ? CORRAL_ENOMEM : crl_core_add_space(engine->core, &config);
    if (number < 0) {
        free(name);
        free(space);
        return number;
    }
    space->table = crl_table_view(engine->table);
    space->hash_seed = crl_hash_space_seed(cache->seed, (uint32_t)number);
    space->stats = cache->stats;
    space->stats_id = crl_stats_space_id(cache->stats, (uint32_t)number);
    space->key_max = cache->key_max;
    space->forks = cache->forks;
    space->cache = cache;
    space->origin = errand->options->origin;
    space->number = (uint32_t)number;
    space->view = crl_core_view(engine->core, space->number);
    space->counts = crl_core_space_counts(engine->core, space->number);
    space->arg = errand->options->arg;
    space->name = name;
    cache->spaces[cache->spaces_n++] = space;
    errand->made = space;
    return 0;
}

int corral_space_add(struct corral_cache *cache, const struct corral_space_options *given,
                     struct corral_space **ret_space)
{
    struct corral_space_options options;
    struct space_errand errand = {.options = &options};
    if (given == NULL || ret_space == NULL || !CRL_SIZED_READ(&options, given))
        return CORRAL_EINVAL;
    if (options.name == NULL || options.name[0] == '\0' || options.origin == NULL ||
        options.origin->cache != cache)
        return CORRAL_EINVAL;
    if (options.policy != NULL && !CRL_SIZED_READ(&errand.policy, options.policy))
        return CORRAL_EINVAL;
    int rc = crl_engine_do(&cache->engine, space_register, &errand);
    if (rc == 0)
        *ret_space = errand.made;
    return rc;
}
