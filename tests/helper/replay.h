/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.h - a table with its arenas, for traces to be replayed against: a key for each object, a
 * value of its size; what is not there is inserted. */
#ifndef CRL_TESTS_REPLAY_H
#define CRL_TESTS_REPLAY_H

#include "base/hash.h"
#include "core/table.h"
#include "lib/rcu.h"
#include "memory/arena.h"

#include "entries.h"
#include "policies.h"

#define REPLAY_KEY_BYTES sizeof(uint64_t)

struct replay {
    size_t memory_bytes;
    struct crl_allocator *arena, *buckets;
    struct crl_table *table;
};

/* replay_open - an empty table. Returns whether there was memory. */
__attribute__((unused)) static bool replay_open(struct replay *replay, size_t memory_bytes)
{
    *replay = (struct replay){.memory_bytes = memory_bytes};
    if (crl_arena_new(memory_bytes, CRL_ARENA_ENTRIES, &replay->arena) != 0 ||
        crl_arena_new(memory_bytes, CRL_ARENA_BUCKETS, &replay->buckets) != 0)
        return false;
    struct crl_table_config config = {.memory_bytes = memory_bytes,
                                      .allocator = replay->arena,
                                      .bucket_allocator = replay->buckets,
                                      .hashing = {.seed = 1},
                                      .wait_for_readers = crl_rcu_wait};
    return crl_table_new(&config, &replay->table) == 0;
}

__attribute__((unused)) static void replay_close(struct replay *replay)
{
    crl_table_free(replay->table);
    crl_arena_release(replay->arena);
    crl_arena_release(replay->buckets);
}

/* replay_reclaim - as the library does when a change is over. Returns whether there was a need. */
__attribute__((unused)) static bool replay_reclaim(struct replay *replay)
{
    if (!crl_table_limbo_is_due(replay->table))
        return false;
    struct crl_limbo *limbo = crl_table_limbo_take(replay->table);
    crl_rcu_wait();
    crl_table_limbo_drop(replay->table, limbo);
    return true;
}

__attribute__((unused)) static struct crl_entry *replay_find(const struct replay *replay,
                                                             uint64_t object)
{
    struct corral_bytes key = crl_bytes(&object, sizeof object);
    return crl_table_find(replay->table, crl_hash(1, 0, key), 0, key);
}

/* replay_entry - an entry that is not inserted. NULL: no memory. */
__attribute__((unused)) static struct crl_entry *replay_entry(struct replay *replay,
                                                              uint64_t object, size_t bytes)
{
    struct crl_entry *entry = crl_entry_draft(replay->arena, sizeof object, bytes, 0);
    if (entry != NULL)
        crl_entry_stamp(entry, &(struct crl_entry_stamp){.kind = CRL_ENTRY_VALUE,
                                                         .key = crl_bytes(&object, sizeof object),
                                                         .is_used = true});
    return entry;
}

/* replay_insert - without what the library does when the change is over. Returns whether it was
 * kept. */
__attribute__((unused)) static bool replay_insert(struct replay *replay, uint64_t object,
                                                  size_t bytes)
{
    struct crl_entry *entry = replay_entry(replay, object, bytes);
    bool is_kept = entry != NULL && crl_table_insert(replay->table, entry);
    if (entry != NULL)
        crl_entry_unref(replay->arena, entry);
    return is_kept;
}

/* replay_get - one request. Returns whether it was a hit. */
__attribute__((unused)) static bool replay_get(struct replay *replay, uint64_t object, size_t bytes)
{
    struct crl_entry *entry = replay_find(replay, object);
    if (entry != NULL) {
        crl_table_touch(entry);
        return true;
    }
    (void)replay_insert(replay, object, bytes);
    (void)replay_reclaim(replay);
    return false;
}

/* replay_hits - how many requests of a trace are hits in a table of so much memory. */
__attribute__((unused)) static uint64_t replay_hits(const struct trace *trace, size_t memory_bytes)
{
    struct replay replay;
    uint64_t hits = 0;
    if (!replay_open(&replay, memory_bytes))
        abort();
    for (size_t i = 0; i < trace->n; i++)
        hits += replay_get(&replay, trace->requests[i].object, trace->requests[i].bytes);
    crl_table_check(replay.table);
    replay_close(&replay);
    return hits;
}

#endif
