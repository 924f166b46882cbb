/* SPDX-License-Identifier: Apache-2.0
 *
 * stats.c - sheets: see stats.h.
 *
 * A sheet belongs to its stats for ever and to one thread at a time. The thread keeps a small list
 * of its sheets; the stats are counted by reference (the cache, and each thread's list), so that
 * thread and cache may end in any order. A thread that comes to a new cache leaves those that were
 * closed. */
#include "lib/stats.h"

#include "base/assert.h"

#include <pthread.h>
#include <stdlib.h>

struct sheet {
    struct sheet *next; /* in the stats */
    bool taken;         /* by a thread that runs; under the lock */
    crl_sheet_slot spaces[CRL_SPACES_MAX];
};

struct crl_stats {
    uint64_t number;
    atomic_bool is_closed;
    pthread_mutex_t lock;
    uint32_t refs;
    struct sheet *sheets;
};

/* One entry of a thread's list. */
struct membership {
    struct membership *next;
    struct crl_stats *stats;
    struct sheet *sheet;
};

static _Atomic uint64_t stats_numbers;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_end;
static bool has_key; /* else nothing is counted: threads could not give their sheets back */

__thread struct crl_last_hit crl_last_hit;

/* The sheet that this thread used last. */
static __thread struct {
    uint64_t number;        /* of its stats; 0: none */
    crl_sheet_slot *spaces; /* CRL_SPACES_MAX of them */
} last_sheet;

/* All that this thread belongs to. */
static __thread struct membership *memberships;

static void sheet_free(struct sheet *sheet)
{
    for (uint32_t i = 0; i < CRL_SPACES_MAX; i++)
        free(atomic_load_explicit(&sheet->spaces[i], memory_order_relaxed));
    free(sheet);
}

/* Drops the lock and one reference. */
static void stats_unref_locked(struct crl_stats *stats)
{
    crl_assert(stats->refs > 0);
    uint32_t left = --stats->refs;
    pthread_mutex_unlock(&stats->lock);
    if (left > 0)
        return;
    while (stats->sheets != NULL) {
        struct sheet *sheet = stats->sheets;
        stats->sheets = sheet->next;
        sheet_free(sheet);
    }
    pthread_mutex_destroy(&stats->lock);
    free(stats);
}

/* Leave a stats, and go on with the rest of the list. */
static struct membership *membership_end(struct membership *membership)
{
    struct membership *next = membership->next;
    pthread_mutex_lock(&membership->stats->lock);
    membership->sheet->taken = false;
    stats_unref_locked(membership->stats);
    free(membership);
    return next;
}

static void thread_ends(void *all)
{
    struct membership *membership = all;
    while (membership != NULL)
        membership = membership_end(membership);
    crl_last_hit.space_id = 0;
    last_sheet.number = 0;
    memberships = NULL;
}

/* So that a long-lived thread does not gather what every cache of its life has left. */
static void leave_closed(void)
{
    struct membership **link = &memberships;
    while (*link != NULL) {
        if (atomic_load_explicit(&(*link)->stats->is_closed, memory_order_relaxed))
            *link = membership_end(*link);
        else
            link = &(*link)->next;
    }
    (void)pthread_setspecific(thread_end, memberships);
}

static void key_make(void)
{
    has_key = pthread_key_create(&thread_end, thread_ends) == 0;
}

struct crl_stats *crl_stats_new(void)
{
    struct crl_stats *stats = calloc(1, sizeof *stats);
    if (stats == NULL)
        return NULL;
    pthread_once(&key_once, key_make);
    pthread_mutex_init(&stats->lock, NULL);
    stats->number = atomic_fetch_add(&stats_numbers, 1) + 1;
    stats->refs = 1;
    return stats;
}

uint64_t crl_stats_space_id(const struct crl_stats *stats, uint32_t space)
{
    crl_assert(space < CRL_SPACES_MAX);
    return stats->number * CRL_SPACES_MAX + space;
}

void crl_stats_release(struct crl_stats *stats)
{
    atomic_store_explicit(&stats->is_closed, true, memory_order_relaxed);
    pthread_mutex_lock(&stats->lock);
    stats_unref_locked(stats);
}

/* A sheet for this thread: one that another thread left, or a new one. NULL: no memory. */
static struct sheet *sheet_take(struct crl_stats *stats)
{
    pthread_mutex_lock(&stats->lock);
    struct sheet *sheet = stats->sheets;
    while (sheet != NULL && sheet->taken)
        sheet = sheet->next;
    if (sheet == NULL) {
        sheet = calloc(1, sizeof *sheet);
        if (sheet != NULL) {
            sheet->next = stats->sheets;
            stats->sheets = sheet;
        }
    }
    if (sheet != NULL) {
        sheet->taken = true;
        stats->refs++;
    }
    pthread_mutex_unlock(&stats->lock);
    return sheet;
}

static crl_sheet_slot *sheet_join(struct crl_stats *stats)
{
    struct membership *membership = memberships;
    while (membership != NULL && membership->stats->number != stats->number)
        membership = membership->next;
    if (membership == NULL) {
        if (!has_key)
            return NULL;
        leave_closed();
        membership = calloc(1, sizeof *membership);
        if (membership == NULL)
            return NULL;
        membership->sheet = sheet_take(stats);
        if (membership->sheet == NULL) {
            free(membership);
            return NULL;
        }
        membership->stats = stats;
        membership->next = memberships;
        memberships = membership;
        (void)pthread_setspecific(thread_end, memberships);
    }
    last_sheet.number = stats->number;
    last_sheet.spaces = membership->sheet->spaces;
    return membership->sheet->spaces;
}

static struct crl_space_sheet *space_sheet_make(crl_sheet_slot *slot)
{
    struct crl_space_sheet *made = calloc(1, sizeof *made);
    /* Released so that crl_stats_sum() on another thread sees zeros. */
    atomic_store_explicit(slot, made, memory_order_release);
    return made;
}

/* This thread's sheet of a space. NULL: no memory. */
static struct crl_space_sheet *space_sheet_of(struct crl_stats *stats, uint32_t space)
{
    crl_sheet_slot *spaces =
        last_sheet.number == stats->number ? last_sheet.spaces : sheet_join(stats);
    if (spaces == NULL)
        return NULL;
    struct crl_space_sheet *counts = atomic_load_explicit(&spaces[space], memory_order_relaxed);
    return counts != NULL ? counts : space_sheet_make(&spaces[space]);
}

void crl_stats_count(struct crl_stats *stats, uint32_t space, int class, corral_us age_us)
{
    crl_assert(space < CRL_SPACES_MAX && class >= 0 && class < CRL_GET_CLASSES);
    struct crl_space_sheet *counts = space_sheet_of(stats, space);
    if (counts == NULL)
        return;
    crl_counter_add(&counts->gets[class], 1);
    if (age_us >= 0)
        crl_hist_add(&counts->age, &crl_hist_age, age_us);
}

void crl_stats_count_needed(struct crl_stats *stats, uint32_t space)
{
    struct crl_space_sheet *counts = space_sheet_of(stats, space);
    if (counts != NULL)
        crl_counter_add(&counts->needed, 1);
}

void crl_stats_count_hit_anew(struct crl_stats *stats, uint32_t space, bool negative,
                              corral_us age_us)
{
    struct crl_space_sheet *counts = space_sheet_of(stats, space);
    if (counts == NULL)
        return;
    age_us = age_us > 0 ? age_us : 0;
    uint32_t bucket = crl_hist_bucket(&crl_hist_age, age_us);
    corral_us from_us = bucket > 0 ? crl_hist_age.upper_us[bucket - 1] + 1 : 0;
    corral_us last_us = bucket < crl_hist_age.n ? crl_hist_age.upper_us[bucket] : INT64_MAX - 1;
    crl_last_hit = (struct crl_last_hit){
        .space_id = crl_stats_space_id(stats, space),
        .age_from_us = from_us,
        .age_span_us = (uint64_t)(last_us - from_us) + 1,
        .by_age = {&counts->hits[0][bucket], &counts->hits[1][bucket]},
        .age_sum_us = &counts->hits_age_sum_us,
    };
    crl_counter_add(crl_last_hit.by_age[negative], 1);
    crl_counter_add(crl_last_hit.age_sum_us, (uint64_t)age_us);
}

/* Hits are counted by age only; how many they were is the sum. */
static void hits_add(struct crl_space_sheet *sum, const struct crl_space_sheet *counts)
{
    for (uint32_t i = 0; i <= CRL_HIST_BOUNDS_MAX; i++) {
        uint64_t found = crl_counter_get(&counts->hits[0][i]);
        uint64_t absent = crl_counter_get(&counts->hits[1][i]);
        crl_counter_add(&sum->gets[CORRAL_HIT], found);
        crl_counter_add(&sum->gets[CORRAL_NEGATIVE], absent);
        crl_counter_add(&sum->age.buckets[i], found + absent);
    }
    crl_counter_add(&sum->age.sum_us, crl_counter_get(&counts->hits_age_sum_us));
}

void crl_stats_sum(struct crl_stats *stats, uint32_t space, struct crl_space_sheet *ret_sum)
{
    crl_assert(space < CRL_SPACES_MAX);
    pthread_mutex_lock(&stats->lock);
    for (struct sheet *sheet = stats->sheets; sheet != NULL; sheet = sheet->next) {
        struct crl_space_sheet *counts =
            atomic_load_explicit(&sheet->spaces[space], memory_order_acquire);
        if (counts == NULL)
            continue;
        for (uint32_t i = 0; i < CRL_GET_CLASSES; i++)
            crl_counter_add(&ret_sum->gets[i], crl_counter_get(&counts->gets[i]));
        crl_counter_add(&ret_sum->needed, crl_counter_get(&counts->needed));
        crl_hist_merge(&ret_sum->age, &counts->age);
        hits_add(ret_sum, counts);
    }
    pthread_mutex_unlock(&stats->lock);
}
