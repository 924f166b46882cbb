/* SPDX-License-Identifier: Apache-2.0
 *
 * table_room.c - making room: evictions, real memory, and large values.
 *
 * One call of the table does a bounded amount of work, whatever the table holds, for all others
 * wait for the writer meanwhile. Work is counted in units of about a cache miss, 0.1 us. What needs
 * more than one call may do is the room for a large value; so it is made in several calls, while
 * the value is found by readers already (see table.h, "arriving"). */
#include "base/assert.h"
#include "core/table_parts.h"

/* For one call. And what things cost: an entry that is evicted and freed, or moved; a page that is
 * looked through. A mark that is taken away is one unit. */
#define WORK_MAX      32768
#define EVICTION_WORK 5
#define MOVE_WORK     5
#define PAGE_WORK     64

/* Marks that one call may take away, before entries go that were hit; and some more for each
 * eviction. */
#define STEPS_FIRST 4096
#define STEPS_EACH  4

/* What is freed beyond need when real memory is over the budget: a part of the budget, so that a
 * grace period serves many pages; but so little that the engine does not pause for it. */
#define FREED_PART    64
#define FREED_AT_ONCE ((size_t)256 << 10)

/* Gaps that are many: a part of the budget. */
#define GAPS_PART 16

void crl_work_begin(struct crl_table *table)
{
    table->work_left = WORK_MAX;
    table->steps_left = STEPS_FIRST;
}

static void work_done(struct crl_table *table, uint32_t work)
{
    table->work_left -= work < table->work_left ? work : table->work_left;
}

/* ------------------------------------------------------------------------------------ evictions */

/* Evict one entry, but for the one that is spared. Returns whether there was one. */
static bool evict(struct crl_table *table, const struct crl_entry *spared)
{
    uint32_t steps = table->steps_left + STEPS_EACH;
    table->steps_left = steps;
    struct crl_entry *victim =
        crl_eviction_victim(&table->eviction, table->small_max, spared, &table->steps_left);
    work_done(table, steps - table->steps_left + EVICTION_WORK);
    if (victim == NULL)
        return false;
    bool is_small = crl_entry_has(victim, CRL_MARK_SMALL);
    uint64_t hash = crl_table_unlink(table, victim);
    if (is_small)
        crl_ghosts_add(&table->ghosts[crl_shard_of(table, hash)], hash);
    table->evictions++;
    return true;
}

void crl_room_for(struct crl_table *table, const struct crl_entry *entry, uint64_t hash,
                  const struct crl_entry *old)
{
    size_t old_bytes = old != NULL ? crl_table_cost(table, old) : 0;
    size_t limit = table->room_bytes, used = table->entry_bytes + table->bucket_bytes;
    if (table->arriving != NULL && used < limit)
        limit = used;
    if (table->tight_bytes > 0 && table->tight_bytes < limit)
        limit = table->tight_bytes;
    while (table->entry_bytes - old_bytes + table->bucket_bytes +
               crl_table_needed(table, entry, hash, old) >
           limit)
        if (!evict(table, old))
            break;
}

/* ---------------------------------------------------------------------------------- real memory */

size_t crl_table_held(const struct crl_table *table)
{
    struct crl_allocator *allocator = table->allocator, *buckets = table->bucket_allocator;
    if (allocator->real == NULL)
        return 0;
    struct crl_memory_use use = allocator->real->use(allocator);
    if (buckets == allocator)
        return use.held_bytes;
    size_t ours = table->entry_bytes + table->limbos[0].entry_bytes + table->limbos[1].entry_bytes;
    crl_assert(use.living_bytes >= ours);
    return use.held_bytes - use.abandoned_bytes - (use.living_bytes - ours) +
           buckets->real->use(buckets).held_bytes;
}

/* A block may also be an entry in limbo, one that the program holds, or a draft that another thread
 * is writing: then its marks are the only part that may be looked at. */
static void collect_entry(void *arg, void *block)
{
    struct page_entries *entries = arg;
    struct crl_entry *entry = block;
    if (crl_entry_has(entry, CRL_MARK_LINKED))
        entries->v[entries->n++] = entry;
}

/* Publish a copy of an entry in a gap elsewhere. Without a gap it stays where it is. */
static void move_entry(struct crl_table *table, struct crl_entry *entry)
{
    struct crl_allocator *allocator = table->allocator;
    void *block = allocator->real->alloc_in_gap(allocator, crl_entry_bytes(entry));
    if (block == NULL)
        return;
    struct crl_entry *copy = crl_entry_copy(block, entry);
    crl_table_replace(table, entry, copy, crl_table_hash(table, entry));
    crl_entry_unref(allocator, copy);
    table->moves++;
}

/* Take all entries out of one of the emptiest pages. False: there is none with gaps for them. */
static bool empty_page(struct crl_table *table, const struct crl_entry *spared)
{
    struct crl_allocator *allocator = table->allocator;
    struct page_entries *entries = table->page; /* too much for the stack of a caller */
    if (entries == NULL)
        return false;
    entries->n = 0;
    if (allocator == table->bucket_allocator ||
        !allocator->real->close_page(allocator, spared, collect_entry, entries))
        return false;
    table->has_closed = true;
    for (uint32_t i = 0; i < entries->n; i++)
        if (entries->v[i] != table->arriving) /* it is in no queue */
            move_entry(table, entries->v[i]);
    work_done(table, PAGE_WORK + MOVE_WORK * entries->n);
    return true;
}

/* Evict about so many bytes of entries. Returns whether there was one. */
static bool evict_some(struct crl_table *table, const struct crl_entry *spared, size_t bytes)
{
    size_t before = crl_limbo_bytes(table);
    bool could = true;
    while (could && crl_limbo_bytes(table) - before < bytes)
        could = evict(table, spared);
    return crl_limbo_bytes(table) > before;
}

/* Give free pages of both allocators back, first those that outgrown arrays have left. */
static void trim(struct crl_table *table, size_t bytes)
{
    struct crl_allocator *allocator = table->allocator, *buckets = table->bucket_allocator;
    if (buckets != allocator) {
        size_t before = buckets->real->use(buckets).held_bytes;
        buckets->real->trim(buckets, bytes);
        size_t freed = before - buckets->real->use(buckets).held_bytes;
        bytes -= freed < bytes ? freed : bytes;
    }
    allocator->real->trim(allocator, bytes);
}

/* One part of the way to so much less real memory. Returns whether there may be another one. */
static bool free_some(struct crl_table *table, const struct crl_entry *spared, size_t bytes,
                      size_t some)
{
    struct crl_allocator *allocator = table->allocator;
    trim(table, bytes);
    if (crl_limbo_bytes(table) < some &&
        (empty_page(table, spared) || evict_some(table, spared, some / 4 + 1)))
        return true;
    bool can_go_on = crl_limbo_bytes(table) > 0;
    crl_table_reclaim(table);
    allocator->real->abandon(allocator); /* what is not empty now, the program keeps */
    return can_go_on;
}

/* Pages are closed within a call only. What has been moved out of them is freed before they are
 * opened again, so that they are empty. */
static void pages_reopen(struct crl_table *table)
{
    if (!table->has_closed)
        return;
    crl_table_reclaim(table);
    table->allocator->real->reopen(table->allocator);
    table->has_closed = false;
}

static size_t freed_at_once(const struct crl_table *table)
{
    size_t part = table->memory_bytes / FREED_PART;
    return part < FREED_AT_ONCE ? part : FREED_AT_ONCE;
}

/* What the allocator of entries holds and does not use. */
static size_t gaps_between(const struct crl_table *table)
{
    struct crl_memory_use use = table->allocator->real->use(table->allocator);
    return use.held_bytes - use.abandoned_bytes - use.living_bytes;
}

/* Counted bytes may have room left while real memory has grown into what is kept free for limbo:
 * what lies between them is gaps. Where these are many, pages are emptied into them. Else counted
 * bytes may not grow any more: new entries come in place of as many bytes of old ones, which leave
 * gaps for later ones. Without the second, all gaps would be filled up, and then much be evicted at
 * once. */
static void fit_softly(struct crl_table *table, const struct crl_entry *newest, size_t held)
{
    size_t some = freed_at_once(table), before = crl_limbo_bytes(table);
    if (held > table->room_bytes && table->tight_bytes == 0) {
        trim(table, held - table->room_bytes);
        held = crl_table_held(table);
    }
    bool is_tight = held > table->room_bytes;
    if (!is_tight)
        table->tight_bytes = 0;
    else if (table->tight_bytes == 0)
        table->tight_bytes = table->entry_bytes + table->bucket_bytes;
    if (!is_tight || gaps_between(table) <= table->memory_bytes / GAPS_PART)
        return;
    uint64_t moves;
    do
        moves = table->moves;
    while (crl_limbo_bytes(table) - before < some && empty_page(table, newest) &&
           table->moves > moves);
    if (table->moves > moves)
        table->tight_bytes = 0;
    pages_reopen(table);
    trim(table, some);
}

/* When it has come to that, some more is freed, so that many inserts pass before the next time,
 * and waiting for readers once serves many pages. Each page is emptied at most once and each entry
 * evicted at most once, so this ends. */
bool crl_room_fit(struct crl_table *table, const struct crl_entry *newest)
{
    size_t held = crl_table_held(table);
    if (held <= table->memory_bytes) {
        if (held > 0)
            fit_softly(table, newest, held);
        return true;
    }
    size_t some = freed_at_once(table), target = table->memory_bytes - some;
    bool can_go_on = true;
    while (held > target && can_go_on) {
        can_go_on = free_some(table, newest, held - target, some);
        held = crl_table_held(table);
    }
    pages_reopen(table);
    return held <= table->memory_bytes;
}

/* --------------------------------------------------------------------------------- large values */

/* One part of the way to room for so many bytes more; or there is room, or there is none to be
 * had. */
enum room { ROOM_NONE, ROOM_SOME, ROOM_ENOUGH };

static enum room make_some(struct crl_table *table, size_t bytes)
{
    if (table->entry_bytes + table->bucket_bytes + bytes > table->room_bytes)
        return evict(table, NULL) ? ROOM_SOME : ROOM_NONE;
    size_t held = crl_table_held(table) + bytes;
    if (held <= table->memory_bytes)
        return ROOM_ENOUGH;
    bool can_go_on = free_some(table, NULL, held - table->memory_bytes, freed_at_once(table));
    return can_go_on ? ROOM_SOME : ROOM_NONE;
}

/* Room has been made: from now on it counts as the others do. */
static void settle(struct crl_table *table)
{
    struct crl_entry *entry = table->arriving;
    table->arriving = NULL;
    table->entry_bytes += crl_table_cost(table, entry);
    crl_eviction_push(&table->eviction, entry, table->arriving_is_remembered);
}

void crl_room_arrive(struct crl_table *table)
{
    size_t bytes = crl_table_cost(table, table->arriving);
    enum room room = ROOM_SOME;
    while (room == ROOM_SOME && table->work_left > 0)
        room = make_some(table, bytes);
    pages_reopen(table);
    if (room == ROOM_ENOUGH)
        settle(table);
    else if (room == ROOM_NONE)
        (void)crl_table_unlink(table, table->arriving);
}
