/* SPDX-License-Identifier: Apache-2.0
 *
 * stats.c - sheets: see stats.h.
 *
 * Each stats has a row, and each thread a list of its sheets by row; so a thread finds its sheet at
 * once, however many caches it uses. Rows are used again. Invariants, those of the rows and of the
 * lists in the stats under the one lock:
 *
 *   H1  rows[stats->row] == stats, from crl_stats_new() to crl_stats_release().
 *   H2  A sheet is in the list of its stats from its making until the thread ends or the stats are
 *       released; whichever comes first frees it. A thread that ends adds what it has counted to
 *       `ended`, without asking for memory.
 *   H3  A thread's own entry is good if its number is that of the stats in this row: numbers are
 *       never used again. Else the sheet is gone, and is not looked at.
 *   H4  Nothing is allocated or freed under the lock, but for more rows: fork() waits for the lock,
 *       and may have taken an allocator's before. */
#include "lib/stats.h"

#include "base/assert.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What a thread has counted of one stats. */
struct sheet {
    struct cds_list_head link; /* H2 */
    crl_sheet_slot spaces[CRL_SPACES_MAX];
};

struct crl_stats {
    uint64_t number;
    uint32_t row;
    struct cds_list_head sheets;
    struct sheet ended; /* all that ended threads have counted; in no list */
};

/* A thread's entry of a row. */
struct own_sheet {
    uint64_t number; /* of the stats; 0: none */
    struct sheet *sheet;
};

static struct {
    pthread_mutex_t lock;
    struct crl_stats **rows; /* NULL: free */
    uint32_t rows_n;
    uint64_t numbers; /* the last one given */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_end;
static bool has_key; /* else nothing is counted: threads could not give their sheets back */

__thread struct crl_last_hit crl_last_hit;

static __thread struct {
    struct own_sheet *sheets; /* by row */
    uint32_t n;
} own;

void crl_sheets_lock(void)
{
    pthread_mutex_lock(&all.lock);
}

void crl_sheets_unlock(void)
{
    pthread_mutex_unlock(&all.lock);
}

/* -------------------------------------------------------------------------- the end of a thread */

static void spaces_free(struct sheet *sheet)
{
    for (uint32_t i = 0; i < CRL_SPACES_MAX; i++)
        free(atomic_load_explicit(&sheet->spaces[i], memory_order_relaxed));
}

static void sheets_free(struct cds_list_head *sheets)
{
    struct sheet *sheet, *next;
    cds_list_for_each_entry_safe(sheet, next, sheets, link) {
        spaces_free(sheet);
        free(sheet);
    }
}

static void counters_add(struct crl_counter *sum, const struct crl_counter *counts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        crl_counter_add(&sum[i], crl_counter_get(&counts[i]));
}

static void space_sheet_add(struct crl_space_sheet *sum, const struct crl_space_sheet *counts)
{
    counters_add(sum->gets, counts->gets, CRL_GET_CLASSES);
    counters_add(&sum->needed, &counts->needed, 1);
    crl_hist_merge(&sum->age, &counts->age);
    counters_add(sum->hits[0], counts->hits[0], CRL_HIST_BOUNDS_MAX + 1);
    counters_add(sum->hits[1], counts->hits[1], CRL_HIST_BOUNDS_MAX + 1);
    counters_add(&sum->hits_age_sum_us, &counts->hits_age_sum_us, 1);
}

/* Under the lock. What is the first of its space is taken as it is. */
static void sheet_add(struct sheet *sum, struct sheet *sheet)
{
    for (uint32_t i = 0; i < CRL_SPACES_MAX; i++) {
        struct crl_space_sheet *counts =
            atomic_load_explicit(&sheet->spaces[i], memory_order_relaxed);
        struct crl_space_sheet *before =
            atomic_load_explicit(&sum->spaces[i], memory_order_relaxed);
        if (counts == NULL)
            continue;
        if (before != NULL) {
            space_sheet_add(before, counts);
            continue;
        }
        atomic_store_explicit(&sum->spaces[i], counts, memory_order_relaxed);
        atomic_store_explicit(&sheet->spaces[i], NULL, memory_order_relaxed);
    }
}

static void thread_ends(void *sheets)
{
    CDS_LIST_HEAD(gone);
    crl_assert(sheets == own.sheets);
    pthread_mutex_lock(&all.lock);
    for (uint32_t i = 0; i < own.n; i++) {
        const struct own_sheet *mine = &own.sheets[i];
        struct crl_stats *stats = i < all.rows_n ? all.rows[i] : NULL;
        if (stats == NULL || stats->number != mine->number)
            continue; /* H3 */
        sheet_add(&stats->ended, mine->sheet);
        cds_list_move(&mine->sheet->link, &gone);
    }
    pthread_mutex_unlock(&all.lock);
    sheets_free(&gone);
    free(sheets);
    own.sheets = NULL;
    own.n = 0;
    crl_last_hit.space_id = 0;
}

/* ---------------------------------------------------------------------------- the life of stats */

static void key_make(void)
{
    has_key = pthread_key_create(&thread_end, thread_ends) == 0;
}

/* Under the lock. Returns the number of a free row; or all.rows_n: no memory. */
static uint32_t row_find(void)
{
    uint32_t row = 0;
    while (row < all.rows_n && all.rows[row] != NULL)
        row++;
    if (row < all.rows_n)
        return row;
    uint32_t n = all.rows_n > 0 ? all.rows_n * 2 : 64;
    struct crl_stats **rows = realloc(all.rows, n * sizeof rows[0]);
    if (rows == NULL)
        return row;
    memset(rows + all.rows_n, 0, (n - all.rows_n) * sizeof rows[0]);
    all.rows = rows;
    all.rows_n = n;
    return row;
}

struct crl_stats *crl_stats_new(void)
{
    struct crl_stats *stats = calloc(1, sizeof *stats);
    if (stats == NULL)
        return NULL;
    CDS_INIT_LIST_HEAD(&stats->sheets);
    pthread_once(&key_once, key_make);
    pthread_mutex_lock(&all.lock);
    stats->row = row_find();
    bool has_row = stats->row < all.rows_n;
    if (has_row) {
        stats->number = ++all.numbers;
        all.rows[stats->row] = stats; /* H1 */
    }
    pthread_mutex_unlock(&all.lock);
    if (has_row)
        return stats;
    free(stats);
    return NULL;
}

uint64_t crl_stats_space_id(const struct crl_stats *stats, uint32_t space)
{
    crl_assert(space < CRL_SPACES_MAX);
    return stats->number * CRL_SPACES_MAX + space;
}

void crl_stats_release(struct crl_stats *stats)
{
    pthread_mutex_lock(&all.lock);
    crl_assert(all.rows[stats->row] == stats); /* H1 */
    all.rows[stats->row] = NULL;
    pthread_mutex_unlock(&all.lock);
    sheets_free(&stats->sheets); /* H3: no thread looks at them any more */
    spaces_free(&stats->ended);
    free(stats);
}

/* ---------------------------------------------------------------------------- a thread's sheets */

/* Let this thread have an entry of this row. Returns whether it has. */
static bool own_reach(uint32_t row)
{
    if (row < own.n)
        return true;
    if (!has_key)
        return false;
    uint32_t n = own.n > 0 ? own.n : 4;
    while (n <= row)
        n *= 2;
    struct own_sheet *sheets = calloc(n, sizeof sheets[0]);
    if (sheets == NULL || pthread_setspecific(thread_end, sheets) != 0) {
        free(sheets);
        return false;
    }
    if (own.n > 0)
        memcpy(sheets, own.sheets, own.n * sizeof sheets[0]);
    free(own.sheets);
    own.sheets = sheets;
    own.n = n;
    return true;
}

/* This thread's first count of these stats. NULL: no memory. */
__attribute__((noinline, cold)) static struct sheet *sheet_join(struct crl_stats *stats)
{
    struct sheet *sheet = own_reach(stats->row) ? calloc(1, sizeof *sheet) : NULL;
    if (sheet == NULL)
        return NULL;
    pthread_mutex_lock(&all.lock);
    crl_assert(all.rows[stats->row] == stats); /* H1 */
    cds_list_add(&sheet->link, &stats->sheets);
    pthread_mutex_unlock(&all.lock);
    own.sheets[stats->row] = (struct own_sheet){.number = stats->number, .sheet = sheet};
    return sheet;
}

static struct sheet *sheet_of(struct crl_stats *stats)
{
    if (stats->row < own.n && own.sheets[stats->row].number == stats->number)
        return own.sheets[stats->row].sheet;
    return sheet_join(stats);
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
    struct sheet *sheet = sheet_of(stats);
    if (sheet == NULL)
        return NULL;
    crl_sheet_slot *slot = &sheet->spaces[space];
    struct crl_space_sheet *counts = atomic_load_explicit(slot, memory_order_relaxed);
    return counts != NULL ? counts : space_sheet_make(slot);
}

/* ------------------------------------------------------------------------------------- counting */

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

/* ----------------------------------------------------------------------------------------- sums */

/* Hits are counted by age only; how many they were is the sum. */
static void hits_settle(struct crl_space_sheet *sum)
{
    for (uint32_t i = 0; i <= CRL_HIST_BOUNDS_MAX; i++) {
        uint64_t found = crl_counter_get(&sum->hits[0][i]);
        uint64_t absent = crl_counter_get(&sum->hits[1][i]);
        crl_counter_add(&sum->gets[CORRAL_HIT], found);
        crl_counter_add(&sum->gets[CORRAL_NEGATIVE], absent);
        crl_counter_add(&sum->age.buckets[i], found + absent);
    }
    crl_counter_add(&sum->age.sum_us, crl_counter_get(&sum->hits_age_sum_us));
}

static void slot_add(struct crl_space_sheet *sum, const struct sheet *sheet, uint32_t space)
{
    struct crl_space_sheet *counts =
        atomic_load_explicit(&sheet->spaces[space], memory_order_acquire);
    if (counts != NULL)
        space_sheet_add(sum, counts);
}

void crl_stats_sum(struct crl_stats *stats, uint32_t space, struct crl_space_sheet *ret_sum)
{
    crl_assert(space < CRL_SPACES_MAX);
    pthread_mutex_lock(&all.lock);
    slot_add(ret_sum, &stats->ended, space);
    struct sheet *sheet;
    cds_list_for_each_entry(sheet, &stats->sheets, link)
        slot_add(ret_sum, sheet, space);
    pthread_mutex_unlock(&all.lock);
    hits_settle(ret_sum);
}
