/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what is said of an entry at an instant is what verdict.h says: by kind, instant, epoch,
 *         marks and policy; and of many readers one is told that a load was needed.
 * Method: rows with names; then the laws that rows cannot show, on drawn entries, instants, views
 *         and lots; then real threads that use one entry at once. */
#include "core/verdict.h"

#include "base/rng.h"

#include "../helper/draws.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define MS    CORRAL_MS
#define S     CORRAL_SECONDS
#define SPACE 3
#define EPOCH 7

/* An entry and who looks at it. */
struct scene {
    enum crl_entry_kind kind;
    uint32_t home, view_home;
    corral_us answered_at, fresh_until, load_us;
    corral_us quiet_until; /* -1: what crl_entry_quiet_until() says */
    corral_us stale_us;
    struct crl_early early;
    uint8_t marks;
};

static struct crl_space_view view_of(const struct scene *scene)
{
    return (struct crl_space_view){
        .home = scene->view_home, .stale_us = scene->stale_us, .early = scene->early};
}

static struct crl_times times_of(const struct scene *scene)
{
    return (struct crl_times){.answered_at = scene->answered_at,
                              .fresh_until = scene->fresh_until,
                              .load_us = scene->load_us};
}

static corral_us quiet_until_of(const struct scene *scene)
{
    struct crl_space_view view = view_of(scene);
    struct crl_times times = times_of(scene);
    return crl_entry_quiet_until(&times, &view);
}

static struct crl_entry *entry_of(const struct scene *scene)
{
    struct crl_entry *entry = scene->kind == CRL_ENTRY_FAILED
                                  ? crl_entry_failed_draft(&crl_allocator_malloc, 1, CORRAL_EORIGIN)
                                  : crl_entry_draft(&crl_allocator_malloc, 1, 0, 0);
    assert_non_null(entry);
    crl_entry_stamp(entry, &(struct crl_entry_stamp){.home = scene->home,
                                                     .kind = scene->kind,
                                                     .key = corral_str("k"),
                                                     .answered_at = scene->answered_at,
                                                     .quiet_until = scene->quiet_until == -1
                                                                        ? quiet_until_of(scene)
                                                                        : scene->quiet_until,
                                                     .fresh_until = scene->fresh_until,
                                                     .load_us = scene->load_us,
                                                     .is_used = scene->marks & CRL_MARK_USED});
    (void)crl_entry_mark(entry, (enum crl_entry_marks)scene->marks);
    return entry;
}

static struct crl_verdict judged(const struct scene *scene, corral_us now, uint32_t lot)
{
    struct crl_space_view view = view_of(scene);
    struct crl_entry *entry = entry_of(scene);
    struct crl_verdict verdict = crl_entry_judge(entry, now, &view, lot);
    crl_entry_unref(&crl_allocator_malloc, entry);
    return verdict;
}

/* ----------------------------------------------------------------------------------------- rows */

/* The usual entry: 10 s of TTL, then 5 s stale; early refresh from 8 s on, as a lot of 0 is worth
 * 2.218 s of lead by its 100 ms of load, and the window is a fifth. */
static const struct scene usual = {
    .home = SPACE | EPOCH << 16,
    .view_home = SPACE | EPOCH << 16,
    .fresh_until = S(10),
    .load_us = MS(100),
    .quiet_until = -1,
    .stale_us = S(5),
    .early = {.beta = 1.0, .window = 0.2},
};

/* What is other than usual in a row. */
enum twists {
    AS_USUAL = 0,
    ABSENT = 1 << 0,
    FAILED = 1 << 1,
    ASKED = 1 << 2,
    NEVER_STALE = 1 << 3,
    NEVER_EARLY = 1 << 4,
    NO_WINDOW = 1 << 5,
    NO_TTL = 1 << 6,
    OLD_EPOCH = 1 << 7,  /* the view is one further */
    NEXT_EPOCH = 1 << 8, /* the view is one behind */
    EPOCH_COME_ROUND = 1 << 9,
    OTHER_SPACE = 1 << 10,
};

static struct scene twisted(int twists)
{
    struct scene scene = usual;
    uint32_t space = SPACE, epoch = EPOCH;
    space += (twists & OTHER_SPACE) != 0;
    epoch += (twists & OLD_EPOCH) != 0;
    epoch -= (twists & NEXT_EPOCH) != 0;
    epoch += (twists & EPOCH_COME_ROUND) != 0 ? 1u << 16 : 0;
    scene.view_home = crl_home(space, epoch);
    scene.kind = twists & ABSENT   ? CRL_ENTRY_ABSENT
                 : twists & FAILED ? CRL_ENTRY_FAILED
                                   : CRL_ENTRY_VALUE;
    scene.marks = twists & ASKED ? CRL_MARK_ASKED : 0;
    if (twists & NEVER_STALE)
        scene.stale_us = 0;
    if (twists & NEVER_EARLY)
        scene.early.beta = 0.0;
    if (twists & NO_WINDOW)
        scene.early.window = 0.0;
    if (twists & NO_TTL)
        scene.fresh_until = scene.answered_at;
    return scene;
}

static void judge_rows(void **state)
{
    (void)state;
    const uint32_t least = 0, most = UINT32_MAX;
    const struct {
        const char *name;
        int twists;
        corral_us now;
        uint32_t lot;
        enum crl_verdict_outcome outcome;
        enum crl_ask ask;
    } rows[] = {
        {"at once", AS_USUAL, 0, least, CRL_VERDICT_FRESH, CRL_ASK_NONE},
        {"before it was answered, by a clock that lags", AS_USUAL, -S(1), least, CRL_VERDICT_FRESH,
         CRL_ASK_NONE},
        {"before the window", AS_USUAL, S(8) - 1, least, CRL_VERDICT_FRESH, CRL_ASK_NONE},
        {"in the window, the least lot", AS_USUAL, S(8), least, CRL_VERDICT_FRESH, CRL_ASK_EARLY},
        {"in the window, the largest lot", AS_USUAL, S(8), most, CRL_VERDICT_FRESH, CRL_ASK_NONE},
        {"at the end, the largest lot", AS_USUAL, S(10) - 1, most, CRL_VERDICT_FRESH, CRL_ASK_NONE},
        {"in the window, not eager", NEVER_EARLY, S(10) - 1, least, CRL_VERDICT_FRESH,
         CRL_ASK_NONE},
        {"at the end, no window", NO_WINDOW, S(10) - 1, least, CRL_VERDICT_FRESH, CRL_ASK_NONE},
        {"in the window, asked", ASKED, S(8), least, CRL_VERDICT_FRESH, CRL_ASK_NONE},

        {"expired just now", AS_USUAL, S(10), most, CRL_VERDICT_STALE, CRL_ASK_STALE},
        {"expired, the last moment", AS_USUAL, S(15) - 1, most, CRL_VERDICT_STALE, CRL_ASK_STALE},
        {"expired, asked", ASKED, S(12), most, CRL_VERDICT_STALE, CRL_ASK_NONE},
        {"too old", AS_USUAL, S(15), least, CRL_VERDICT_NOTHING, CRL_ASK_MISS},
        {"too old, asked", ASKED, S(15), least, CRL_VERDICT_NOTHING, CRL_ASK_MISS},
        {"expired where nothing is stale", NEVER_STALE, S(10), least, CRL_VERDICT_NOTHING,
         CRL_ASK_MISS},
        {"no TTL, still stale", NO_TTL, 0, least, CRL_VERDICT_STALE, CRL_ASK_STALE},

        {"an absence", ABSENT, S(1), least, CRL_VERDICT_ABSENT, CRL_ASK_NONE},
        {"an absence has no early refresh", ABSENT, S(10) - 1, least, CRL_VERDICT_ABSENT,
         CRL_ASK_NONE},
        {"an absence, asked", ABSENT | ASKED, S(9), least, CRL_VERDICT_ABSENT, CRL_ASK_NONE},
        {"an absence is never stale", ABSENT, S(10), least, CRL_VERDICT_NOTHING, CRL_ASK_MISS},

        {"a failure, not yet to be tried again", FAILED, S(10) - 1, least, CRL_VERDICT_FAILED,
         CRL_ASK_NONE},
        {"a failure, to be tried again", FAILED, S(10), least, CRL_VERDICT_NOTHING, CRL_ASK_RETRY},
        {"a failure is never stale", FAILED, S(15), most, CRL_VERDICT_NOTHING, CRL_ASK_RETRY},
        {"a failure, asked", FAILED | ASKED, S(10), least, CRL_VERDICT_NOTHING, CRL_ASK_RETRY},

        {"of the epoch before", OLD_EPOCH, S(1), least, CRL_VERDICT_NOTHING, CRL_ASK_SUSPECT},
        {"of the epoch before, expired", OLD_EPOCH, S(11), least, CRL_VERDICT_NOTHING,
         CRL_ASK_SUSPECT},
        {"of the epoch before, asked", OLD_EPOCH | ASKED, S(1), least, CRL_VERDICT_NOTHING,
         CRL_ASK_SUSPECT},
        {"an absence of the epoch before", OLD_EPOCH | ABSENT, S(1), least, CRL_VERDICT_NOTHING,
         CRL_ASK_SUSPECT},
        {"a failure of the epoch before", OLD_EPOCH | FAILED, S(1), least, CRL_VERDICT_NOTHING,
         CRL_ASK_SUSPECT},
        {"of an epoch that a reader has not heard of", NEXT_EPOCH, S(1), least, CRL_VERDICT_NOTHING,
         CRL_ASK_SUSPECT},
        {"of another space", OTHER_SPACE, S(1), least, CRL_VERDICT_NOTHING, CRL_ASK_SUSPECT},
        /* why the table is swept long before: crl_epoch_begin() */
        {"of 65,536 epochs before", EPOCH_COME_ROUND, S(1), least, CRL_VERDICT_FRESH, CRL_ASK_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene scene = twisted(rows[i].twists);
        struct crl_verdict verdict = judged(&scene, rows[i].now, rows[i].lot);
        if (verdict.outcome != rows[i].outcome || verdict.ask != rows[i].ask)
            fail_msg("%s: outcome %d, ask %d", rows[i].name, verdict.outcome, verdict.ask);
    }
}

static void nothing_is_a_miss(void **state)
{
    (void)state;
    struct crl_space_view view = view_of(&usual);
    struct crl_verdict verdict = crl_entry_judge(NULL, S(1), &view, 0);
    assert_int_equal(verdict.outcome, CRL_VERDICT_NOTHING);
    assert_int_equal(verdict.ask, CRL_ASK_MISS);
}

static void quiet_until_rows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct crl_early early;
        corral_us answered_at, fresh_until, load_us, expected;
    } rows[] = {
        {"not eager: to the end", {0.0, 0.2}, 0, S(10), MS(100), S(10)},
        {"the window is the shorter", {1.0, 0.2}, 0, S(10), MS(100), S(8)},
        {"the lot is the shorter", {1.0, 0.2}, 0, S(10), MS(10), S(10) - MS(222)},
        {"a load that costs nothing", {1.0, 0.2}, 0, S(10), 0, S(10)},
        {"no window", {1.0, 0.0}, 0, S(10), MS(100), S(10)},
        {"all is window, and the load is long", {1.0, 1.0}, S(2), S(10), S(60), S(2)},
        {"no TTL", {1.0, 0.2}, S(10), S(10), MS(100), S(10)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene scene = usual;
        scene.early = rows[i].early;
        scene.answered_at = rows[i].answered_at;
        scene.fresh_until = rows[i].fresh_until;
        scene.load_us = rows[i].load_us;
        if (quiet_until_of(&scene) != rows[i].expected)
            fail_msg("%s: %lld", rows[i].name, (long long)quiet_until_of(&scene));
    }
}

/* ----------------------------------------------------------------------------------------- laws */

static corral_us instant(struct crl_rng *rng)
{
    return (corral_us)crl_rng_below(rng, (uint64_t)S(20));
}

static bool chance(struct crl_rng *rng, uint32_t of)
{
    return crl_rng_below(rng, of) == 0;
}

/* Half of the instants that matter are at an edge. */
static corral_us instant_near(struct crl_rng *rng, const struct scene *scene)
{
    const corral_us edges[] = {scene->answered_at, quiet_until_of(scene), scene->fresh_until,
                               scene->fresh_until + scene->stale_us};
    if (chance(rng, 2))
        return instant(rng);
    return edges[crl_rng_below(rng, 4)] - 1 + (corral_us)crl_rng_below(rng, 3);
}

static uint32_t lot_drawn(struct crl_rng *rng)
{
    return chance(rng, 3) ? 0 : (uint32_t)crl_rng_next(rng);
}

static struct scene scene_drawn(struct crl_rng *rng)
{
    struct scene scene = {
        .kind = (enum crl_entry_kind)crl_rng_below(rng, 3),
        .home = crl_home((uint32_t)crl_rng_below(rng, 2), (uint32_t)crl_rng_below(rng, 3)),
        .answered_at = instant(rng),
        .load_us = (corral_us)crl_rng_below(rng, (uint64_t)S(2)),
        .quiet_until = -1,
        .stale_us = chance(rng, 2) ? 0 : (corral_us)crl_rng_below(rng, (uint64_t)S(10)),
        .early = {.beta = chance(rng, 3) ? 0.0 : 4.0 * crl_rng_uniform(rng),
                  .window = chance(rng, 3) ? 0.0 : crl_rng_uniform(rng)},
        .marks = (uint8_t)(chance(rng, 2) ? CRL_MARK_ASKED : 0),
    };
    scene.view_home = chance(rng, 3) ? crl_home(0, 1) : scene.home;
    scene.fresh_until = scene.answered_at + (corral_us)crl_rng_below(rng, (uint64_t)S(10));
    return scene;
}

/* Law: what is quiet for its own home is FRESH or ABSENT, for any lot, and asks for nothing. */
static void quiet_needs_no_thought(void **state)
{
    (void)state;
    struct crl_rng rng = crl_rng_split(1, "quiet");
    uint32_t seen = 0;
    for (int i = 0; i < DRAWS(200000); i++) {
        struct scene scene = scene_drawn(&rng);
        scene.view_home = scene.home;
        if (scene.kind == CRL_ENTRY_FAILED)
            continue; /* is published without a quiet instant */
        corral_us now = instant_near(&rng, &scene);
        if (now >= quiet_until_of(&scene))
            continue;
        struct crl_verdict verdict = judged(&scene, now, lot_drawn(&rng));
        bool is_value = scene.kind == CRL_ENTRY_VALUE;
        assert_int_equal(verdict.outcome, is_value ? CRL_VERDICT_FRESH : CRL_VERDICT_ABSENT);
        assert_int_equal(verdict.ask, CRL_ASK_NONE);
        seen++;
    }
    assert_in_range(seen, DRAWS(20000), DRAWS(200000));
}

/* Laws (P3): fresh before fresh_until and not after; stale within stale_us of it and not beyond;
 * and a failure is no value at any time. */
static void nothing_is_served_beyond_its_time(void **state)
{
    (void)state;
    struct crl_rng rng = crl_rng_split(2, "beyond");
    uint32_t outcomes[CRL_VERDICT_FAILED + 1] = {0};
    for (int i = 0; i < DRAWS(200000); i++) {
        struct scene scene = scene_drawn(&rng);
        corral_us now = instant_near(&rng, &scene);
        struct crl_verdict verdict = judged(&scene, now, lot_drawn(&rng));
        bool is_own = scene.home == scene.view_home, is_value = scene.kind == CRL_ENTRY_VALUE;
        switch (verdict.outcome) {
        case CRL_VERDICT_FRESH:
            assert_true(is_own && is_value && now < scene.fresh_until);
            break;
        case CRL_VERDICT_ABSENT:
            assert_true(is_own && scene.kind == CRL_ENTRY_ABSENT && now < scene.fresh_until);
            break;
        case CRL_VERDICT_STALE:
            assert_true(is_own && is_value && now >= scene.fresh_until &&
                        now < scene.fresh_until + scene.stale_us);
            break;
        case CRL_VERDICT_FAILED:
            assert_true(is_own && scene.kind == CRL_ENTRY_FAILED && now < scene.fresh_until);
            break;
        case CRL_VERDICT_NOTHING:
            assert_true(!is_own || now >= scene.fresh_until);
            assert_true(verdict.ask != CRL_ASK_NONE);
            break;
        }
        outcomes[verdict.outcome]++;
    }
    for (int outcome = 0; outcome <= CRL_VERDICT_FAILED; outcome++)
        assert_in_range(outcomes[outcome], DRAWS(2000), DRAWS(200000));
}

/* Laws: the mark changes nothing but the asks beside what is served, and those it takes away. */
static void who_has_asked_asks_no_more(void **state)
{
    (void)state;
    struct crl_rng rng = crl_rng_split(3, "asked");
    uint32_t silenced = 0;
    for (int i = 0; i < DRAWS(200000); i++) {
        struct scene scene = scene_drawn(&rng);
        corral_us now = instant_near(&rng, &scene);
        uint32_t lot = lot_drawn(&rng);
        scene.marks = 0;
        struct crl_verdict before = judged(&scene, now, lot);
        scene.marks = CRL_MARK_ASKED;
        struct crl_verdict after = judged(&scene, now, lot);
        assert_int_equal(after.outcome, before.outcome);
        bool is_beside = before.outcome != CRL_VERDICT_NOTHING;
        assert_int_equal(after.ask, is_beside ? CRL_ASK_NONE : before.ask);
        silenced += is_beside && before.ask != CRL_ASK_NONE;
    }
    assert_in_range(silenced, DRAWS(2000), DRAWS(200000));
}

/* Law (E4): quiet no longer than fresh, and not before it was answered. */
static void quiet_ends_within_the_ttl(void **state)
{
    (void)state;
    struct crl_rng rng = crl_rng_split(4, "within");
    for (int i = 0; i < DRAWS(200000); i++) {
        struct scene scene = scene_drawn(&rng);
        assert_true(quiet_until_of(&scene) <= scene.fresh_until);
        assert_true(quiet_until_of(&scene) >= scene.answered_at);
    }
}

/* ------------------------------------------------------------------------------------------ use */

static corral_us quiet_until_in(const struct crl_entry *entry)
{
    return atomic_load_explicit(&entry->quiet_until, memory_order_relaxed);
}

/* A refresh at 4 s of what would have been fresh until 6 s. */
static struct scene refreshed(void)
{
    struct scene scene = usual;
    scene.answered_at = S(4);
    scene.fresh_until = S(14);
    scene.quiet_until = S(6);
    return scene;
}

static void the_first_use_is_told(void **state)
{
    (void)state;
    struct scene scene = refreshed();
    struct crl_space_view view = view_of(&scene);
    struct crl_entry *entry = entry_of(&scene);
    assert_false(crl_entry_use(entry, S(6) - 1, &view)); /* the old one would have served */
    assert_false(crl_entry_has(entry, CRL_MARK_USED));
    assert_int_equal(quiet_until_in(entry), S(6));
    assert_true(crl_entry_use(entry, S(6), &view));
    assert_int_equal(quiet_until_in(entry), S(12));
    assert_false(crl_entry_use(entry, S(7), &view));
    assert_false(crl_entry_use(entry, S(13), &view)); /* not quiet any more, but used */
    assert_int_equal(quiet_until_in(entry), S(12));
    crl_entry_unref(&crl_allocator_malloc, entry);
}

static void what_was_used_at_once_is_not_told_again(void **state)
{
    (void)state;
    struct scene scene = usual;
    scene.marks = CRL_MARK_USED;
    struct crl_space_view view = view_of(&scene);
    struct crl_entry *entry = entry_of(&scene);
    assert_false(crl_entry_use(entry, S(9), &view));
    assert_int_equal(quiet_until_in(entry), S(8));
    crl_entry_unref(&crl_allocator_malloc, entry);
}

/* Law: whatever `quiet_until` was, a first use makes it what crl_entry_quiet_until() says. */
static void a_use_leaves_the_right_quiet(void **state)
{
    (void)state;
    struct crl_rng rng = crl_rng_split(5, "use");
    uint32_t told = 0;
    for (int i = 0; i < DRAWS(100000); i++) {
        struct scene scene = scene_drawn(&rng);
        corral_us ttl_us = scene.fresh_until - scene.answered_at;
        scene.kind = chance(&rng, 2) ? CRL_ENTRY_VALUE : CRL_ENTRY_ABSENT;
        scene.view_home = scene.home;
        scene.quiet_until =
            scene.answered_at + (corral_us)crl_rng_below(&rng, (uint64_t)ttl_us + 1);
        corral_us now = instant_near(&rng, &scene);
        if (now >= scene.fresh_until)
            continue;
        struct crl_space_view view = view_of(&scene);
        struct crl_entry *entry = entry_of(&scene);
        bool is_first = crl_entry_use(entry, now, &view);
        assert_int_equal(is_first, now >= scene.quiet_until);
        assert_int_equal(quiet_until_in(entry),
                         is_first ? quiet_until_of(&scene) : scene.quiet_until);
        assert_true(quiet_until_in(entry) <= scene.fresh_until);
        told += is_first;
        crl_entry_unref(&crl_allocator_malloc, entry);
    }
    assert_in_range(told, DRAWS(5000), DRAWS(100000));
}

/* -------------------------------------------------------------------------------------- at once */

#define THREADS 3
#define ENTRIES DRAWS(8000)

static struct {
    struct crl_space_view view;
    struct crl_entry *entries[8000];
    _Atomic uint32_t arrived, told[8000];
} crowd;

/* Until all threads have come to an entry; they go on within nanoseconds of each other. */
static void gather(uint32_t entry)
{
    atomic_fetch_add(&crowd.arrived, 1);
    for (uint32_t tries = 1; atomic_load(&crowd.arrived) < (entry + 1) * THREADS; tries++) {
        if (tries % 1000 == 0)
            sched_yield();
    }
}

/* As readers do: a quiet entry is not used. */
static void *thread_uses(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        struct crl_entry *entry = crowd.entries[i];
        gather(i);
        for (corral_us now = S(6); now <= S(6) + 1; now++) {
            if (!crl_entry_is_quiet(entry, now) && crl_entry_use(entry, now, &crowd.view))
                atomic_fetch_add(&crowd.told[i], 1);
        }
    }
    return NULL;
}

static void one_of_many_threads_is_told(void **state)
{
    (void)state;
    struct scene scene = refreshed();
    crowd.view = view_of(&scene);
    for (int i = 0; i < ENTRIES; i++)
        crowd.entries[i] = entry_of(&scene);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, thread_uses, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < ENTRIES; i++) {
        assert_int_equal(atomic_load(&crowd.told[i]), 1);
        assert_int_equal(quiet_until_in(crowd.entries[i]), S(12));
        crl_entry_unref(&crl_allocator_malloc, crowd.entries[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judge_rows),
        cmocka_unit_test(nothing_is_a_miss),
        cmocka_unit_test(quiet_until_rows),
        cmocka_unit_test(quiet_needs_no_thought),
        cmocka_unit_test(nothing_is_served_beyond_its_time),
        cmocka_unit_test(who_has_asked_asks_no_more),
        cmocka_unit_test(quiet_ends_within_the_ttl),
        cmocka_unit_test(the_first_use_is_told),
        cmocka_unit_test(what_was_used_at_once_is_not_told_again),
        cmocka_unit_test(a_use_leaves_the_right_quiet),
        cmocka_unit_test(one_of_many_threads_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
