/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   a loader that would wait for itself is told so, and so is the program, with names; no
 *         other get of a loader is.
 * Method: the real library. Each space says by a function what its loaders ask for before they
 *         answer with their key. Deadlines and wait limits are so long that a test which needed
 *         one would not come to its end. What is a circle is in tests/story/test_waits.c and
 *         tests/unit/test_circles.c. */
#include "../helper/house.h"

#include <pthread.h>

#define PLACES      20
#define REPORTS_MAX 16

struct world;

/* Asks, and returns whether the load has been answered already. */
typedef bool ask_fn(struct world *world, struct corral_load *load);

struct report {
    char space[32], key[32], why[600];
    int rc;
};

struct world {
    struct corral_cache *cache;
    struct corral_origin *origins[2];
    struct corral_space *spaces[3]; /* users and teams at origin "db", news at "web" */
    ask_fn *asks[3];
    _Atomic uint32_t begun;
    _Atomic int last; /* what the last get in a loader returned */
    atomic_bool is_over;
    _Atomic uint32_t results[32]; /* of all of them, by -rc */
    struct report reports[REPORTS_MAX];
    _Atomic uint32_t reports_n;
};

/* What a load of a space gets as its argument. */
struct desk {
    struct world *world;
    ask_fn **ask;
};

static struct desk desks[3];

static void loader(void *arg, struct corral_load *load)
{
    struct world *world = arg;
    const struct desk *desk = corral_load_space_arg(load);
    atomic_fetch_add(&world->begun, 1);
    if (*desk->ask == NULL || !(*desk->ask)(world, load))
        (void)corral_load_value(load, corral_load_key(load));
}

static void failed(void *arg, const char *space, struct corral_bytes key, int rc, const char *why)
{
    struct world *world = arg;
    uint32_t n = world->reports_n;
    struct report *report = &world->reports[n % REPORTS_MAX];
    snprintf(report->space, sizeof report->space, "%s", space);
    snprintf(report->key, sizeof report->key, "%.*s", (int)key.size, (const char *)key.data);
    snprintf(report->why, sizeof report->why, "%s", why);
    report->rc = rc;
    world->reports_n = n + 1;
}

static struct corral_origin *origin_add(struct world *world, const char *name, uint32_t concurrency)
{
    struct corral_origin *origin;
    struct corral_origin_options options = {.size = sizeof options,
                                            .name = name,
                                            .loader = loader,
                                            .arg = world,
                                            .concurrency = concurrency,
                                            .deadline_us = LONG};
    assert_int_equal(corral_origin_add(world->cache, &options, &origin), 0);
    return origin;
}

static void world_open(struct world *world, uint32_t concurrency)
{
    static const char *const names[] = {"users", "teams", "news"};
    static const struct corral_policy policy = {.size = sizeof policy, .ttl_us = LONG};
    struct corral_options options = {
        .size = sizeof options, .on_failure = failed, .on_failure_arg = world};
    assert_int_equal(corral_open(&options, &world->cache), 0);
    world->origins[0] = origin_add(world, "db", concurrency);
    world->origins[1] = origin_add(world, "web", concurrency);
    for (int i = 0; i < 3; i++) {
        desks[i] = (struct desk){world, &world->asks[i]};
        struct corral_space_options space = {.size = sizeof space,
                                             .name = names[i],
                                             .policy = &policy,
                                             .origin = world->origins[i / 2],
                                             .arg = &desks[i]};
        assert_int_equal(corral_space_add(world->cache, &space, &world->spaces[i]), 0);
    }
}

static void world_close(struct world *world)
{
    assert_int_equal(corral_close(world->cache), 0);
}

static int get(struct world *world, int space, struct corral_bytes key)
{
    struct corral_value value;
    int result = corral_get(world->spaces[space], key, LONG, &value);
    if (result >= 0)
        assert_memory_equal(value.data, key.data, value.size);
    corral_value_release(&value);
    return result;
}

/* A get in a loader. */
static int ask(struct world *world, int space, const char *key)
{
    int result = get(world, space, corral_str(key));
    world->last = result;
    if (result < 0)
        atomic_fetch_add(&world->results[-result], 1);
    return result;
}

static bool is_key(struct corral_load *load, const char *key)
{
    struct corral_bytes is = corral_load_key(load);
    return is.size == strlen(key) && memcmp(is.data, key, is.size) == 0;
}

static void expect_report(struct world *world, uint32_t n, const struct report *expected)
{
    wait_until(world->reports_n > n);
    const struct report *report = &world->reports[n];
    assert_int_equal(report->rc, CORRAL_EDEADLOCK);
    assert_string_equal(report->space, expected->space);
    assert_string_equal(report->key, expected->key);
    assert_string_equal(report->why, expected->why);
}

/* -------------------------------------------------------------------------------------- circles */

static bool ask_own(struct world *world, struct corral_load *load)
{
    struct corral_value value;
    struct corral_bytes key = corral_load_key(load);
    world->last = corral_get(world->spaces[0], key, LONG, &value);
    return false;
}

static void a_loader_that_asks_for_its_own_key_is_told(void **state)
{
    (void)state;
    struct world world = {.asks = {ask_own}};
    world_open(&world, 0);
    assert_int_equal(get(&world, 0, corral_str("7")), CORRAL_LOADED);
    assert_int_equal(world.last, CORRAL_EDEADLOCK);
    expect_report(&world, 0, &(struct report){"users", "7", "its own loader asked for it"});
    world_close(&world);
}

static bool ask_round(struct world *world, struct corral_load *load)
{
    if (is_key(load, "a"))
        assert_int_equal(ask(world, 2, "b"), CORRAL_LOADED);
    else if (is_key(load, "b"))
        assert_int_equal(ask(world, 1, "c"), CORRAL_LOADED);
    else
        assert_int_equal(ask(world, 0, "a"), CORRAL_EDEADLOCK);
    return false;
}

static void a_chain_that_ends_there_is_told(void **state)
{
    (void)state;
    struct world world = {.asks = {ask_round, ask_round, ask_round}};
    world_open(&world, 0);
    assert_int_equal(get(&world, 0, corral_str("a")), CORRAL_LOADED);
    assert_int_equal(world.begun, 3);
    expect_report(&world, 0,
                  &(struct report){"users", "a",
                                   "the loader of 'teams/c' asked for it, and its own loader waits "
                                   "for that one, itself or by others"});
    world_close(&world);
}

static bool ask_team(struct world *world, struct corral_load *load)
{
    (void)load;
    (void)ask(world, 1, "team");
    return false;
}

static void the_only_place_is_not_waited_for(void **state)
{
    (void)state;
    struct world world = {.asks = {ask_team}};
    world_open(&world, 1);
    assert_int_equal(get(&world, 0, corral_str("7")), CORRAL_LOADED);
    assert_int_equal(world.last, CORRAL_EDEADLOCK);
    assert_int_equal(world.begun, 1);
    expect_report(&world, 0,
                  &(struct report){"teams", "team",
                                   "the loader of 'users/7' waits for a place at origin 'db', all "
                                   "of which loaders hold that wait for it: let loaders ask "
                                   "another origin, or raise the concurrency"});
    world_close(&world);
}

static void with_a_second_place_it_works(void **state)
{
    (void)state;
    struct world world = {.asks = {ask_team}};
    world_open(&world, 2);
    assert_int_equal(get(&world, 0, corral_str("7")), CORRAL_LOADED);
    assert_int_equal(world.last, CORRAL_LOADED);
    world_close(&world);
    assert_int_equal(world.reports_n, 0);
}

/* All have begun before the first one asks. */
static bool ask_when_full(struct world *world, struct corral_load *load)
{
    char team[16];
    struct corral_bytes key = corral_load_key(load);
    wait_until(world->begun >= PLACES);
    snprintf(team, sizeof team, "of %.*s", (int)key.size, (const char *)key.data);
    (void)ask(world, 1, team);
    return false;
}

struct reader {
    struct world *world;
    char key[16];
    int result;
    pthread_t thread;
};

static void *reader_run(void *arg)
{
    struct reader *reader = arg;
    reader->result = get(reader->world, 0, corral_str(reader->key));
    return NULL;
}

static void of_all_places_one_gives_way(void **state)
{
    (void)state;
    struct world world = {.asks = {ask_when_full}};
    struct reader readers[PLACES];
    world_open(&world, PLACES);
    for (int i = 0; i < PLACES; i++) {
        readers[i] = (struct reader){.world = &world};
        snprintf(readers[i].key, sizeof readers[i].key, "%d", i);
        assert_int_equal(pthread_create(&readers[i].thread, NULL, reader_run, &readers[i]), 0);
    }
    for (int i = 0; i < PLACES; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].result, CORRAL_LOADED);
    }
    assert_int_equal(world.results[-CORRAL_EDEADLOCK], 1);
    assert_int_equal(world.begun, PLACES + PLACES - 1);
    world_close(&world);
}

static bool ask_many(struct world *world, struct corral_load *load)
{
    const struct corral_bytes keys[] = {corral_str("x"), corral_load_key(load), corral_str("y")};
    struct corral_result results[3];
    if (!is_key(load, "7"))
        return false;
    assert_int_equal(corral_get_many(world->spaces[0], keys, 3, LONG, results), 0);
    for (int i = 0; i < 3; i++)
        corral_value_release(&results[i].value);
    assert_int_equal(results[0].result, CORRAL_LOADED);
    assert_int_equal(results[1].result, CORRAL_EDEADLOCK);
    assert_int_equal(results[2].result, CORRAL_LOADED);
    world->last = 0;
    return false;
}

static void of_many_gets_only_the_one_is_told(void **state)
{
    (void)state;
    struct world world = {.asks = {ask_many}, .last = 1};
    world_open(&world, 0);
    assert_int_equal(get(&world, 0, corral_str("7")), CORRAL_LOADED);
    assert_int_equal(world.last, 0);
    world_close(&world);
}

/* Asks for the key of another load of its call. */
static void ask_mate(void *arg, struct corral_load *const *loads, uint32_t n)
{
    struct world *world = arg;
    struct corral_value value;
    if (n == 2) {
        (void)corral_load_value(loads[0], corral_load_key(loads[0])); /* the call goes on */
        world->last = corral_get(world->spaces[0], corral_load_key(loads[1]), LONG, &value);
    }
    for (uint32_t i = n - 1; i < n; i++)
        (void)corral_load_value(loads[i], corral_load_key(loads[i]));
}

static void a_call_for_many_does_not_wait_for_itself(void **state)
{
    (void)state;
    struct world world = {.last = 1};
    const struct corral_bytes keys[] = {corral_str("a"), corral_str("b")};
    struct corral_result results[2];
    struct corral_options options = {
        .size = sizeof options, .on_failure = failed, .on_failure_arg = &world};
    assert_int_equal(corral_open(&options, &world.cache), 0);
    struct corral_origin_options origin = {.size = sizeof origin,
                                           .name = "db",
                                           .load_many = ask_mate,
                                           .arg = &world,
                                           .deadline_us = LONG};
    assert_int_equal(corral_origin_add(world.cache, &origin, &world.origins[0]), 0);
    struct corral_space_options space = {
        .size = sizeof space, .name = "users", .origin = world.origins[0]};
    assert_int_equal(corral_space_add(world.cache, &space, &world.spaces[0]), 0);
    assert_int_equal(corral_get_many(world.spaces[0], keys, 2, LONG, results), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(results[i].result, CORRAL_LOADED);
        corral_value_release(&results[i].value);
    }
    assert_int_equal(world.last, CORRAL_EDEADLOCK);
    wait_until(world.reports_n == 1);
    assert_string_equal(world.reports[0].key, "b");
    world_close(&world);
}

/* ----------------------------------------------------------------------------------- no circles */

static bool answer_and_ask(struct world *world, struct corral_load *load)
{
    bool is_first = is_key(load, "7");
    (void)corral_load_value(load, corral_load_key(load));
    if (is_first) {
        assert_int_equal(ask(world, 0, "8"), CORRAL_LOADED);
        assert_int_equal(ask(world, 0, "7"), CORRAL_HIT);
        assert_int_equal(corral_invalidate(world->spaces[0], corral_str("8")), 0);
        assert_int_equal(ask(world, 0, "8"), CORRAL_LOADED);
        world->is_over = true;
    }
    return true;
}

static void who_has_answered_may_ask(void **state)
{
    (void)state;
    struct world world = {.asks = {answer_and_ask}};
    world_open(&world, 2);
    assert_int_equal(get(&world, 0, corral_str("7")), CORRAL_LOADED);
    wait_until(world.is_over);
    world_close(&world);
}

static void take_note(void *arg, int result, struct corral_value *value)
{
    _Atomic int *told = arg;
    corral_value_release(value);
    *told = result;
}

static bool ask_without_waiting(struct world *world, struct corral_load *load)
{
    static struct corral_value none;
    struct corral_bytes key = corral_load_key(load);
    assert_int_equal(corral_get_async(world->spaces[0], key, LONG, take_note, &world->last, NULL),
                     0);
    assert_int_equal(corral_get(world->spaces[0], key, 0, &none), CORRAL_ETIMEDOUT);
    return false;
}

static void who_does_not_wait_may_ask(void **state)
{
    (void)state;
    struct world world = {.asks = {ask_without_waiting}, .last = -1};
    world_open(&world, 1);
    assert_int_equal(get(&world, 0, corral_str("7")), CORRAL_LOADED);
    wait_until(world.last >= 0);
    assert_int_equal(world.last, CORRAL_COALESCED);
    world_close(&world);
    assert_int_equal(world.reports_n, 0);
}

/* Two caches whose loaders ask each other: nobody sees that, and the wait limit ends it. */
struct mirror {
    struct corral_cache *cache;
    struct corral_space *space;
    struct mirror *other;
    _Atomic int result;
};

static void mirror_loader(void *arg, struct corral_load *load)
{
    struct mirror *mirror = arg;
    struct corral_value value;
    corral_us limit_us = mirror->other->other == mirror ? CORRAL_MS(20) : LONG;
    mirror->result = corral_get(mirror->other->space, corral_load_key(load), limit_us, &value);
    corral_value_release(&value);
    (void)corral_load_value(load, corral_load_key(load));
}

static void mirror_open(struct mirror *mirror)
{
    struct corral_origin *origin;
    struct corral_origin_options options = {.size = sizeof options,
                                            .name = "mirror",
                                            .loader = mirror_loader,
                                            .arg = mirror,
                                            .deadline_us = LONG};
    static const struct corral_policy policy = {.size = sizeof policy, .ttl_us = LONG};
    assert_int_equal(corral_open(NULL, &mirror->cache), 0);
    assert_int_equal(corral_origin_add(mirror->cache, &options, &origin), 0);
    struct corral_space_options space = {
        .size = sizeof space, .name = "space", .policy = &policy, .origin = origin};
    assert_int_equal(corral_space_add(mirror->cache, &space, &mirror->space), 0);
}

static void loaders_of_two_caches_are_not_seen(void **state)
{
    (void)state;
    struct mirror a = {.result = 1}, b = {.other = &a, .result = 1};
    struct corral_value value;
    a.other = &b;
    mirror_open(&a);
    mirror_open(&b);
    assert_true(corral_get(a.space, corral_str("7"), LONG, &value) >= 0);
    corral_value_release(&value);
    assert_true(a.result == CORRAL_ETIMEDOUT || b.result == CORRAL_ETIMEDOUT);
    assert_int_equal(corral_close(a.cache), 0);
    assert_int_equal(corral_close(b.cache), 0);
}

/* ------------------------------------------------------------------------------------- the rest */

static bool ask_the_end(struct world *world, struct corral_load *load)
{
    (void)load;
    assert_int_equal(corral_shut(world->cache), CORRAL_EDEADLOCK);
    world->last = corral_close(world->cache);
    return false;
}

static void a_loader_does_not_end_its_cache(void **state)
{
    (void)state;
    struct world world = {.asks = {ask_the_end}};
    world_open(&world, 0);
    assert_int_equal(get(&world, 0, corral_str("7")), CORRAL_LOADED);
    assert_int_equal(world.last, CORRAL_EDEADLOCK);
    world_close(&world);
}

static void keys_are_told_as_text(void **state)
{
    (void)state;
    static const char odd[] = "\x1b[2J'\\\n\xc3\x9f, which is a long key with an end";
    struct world world = {.asks = {ask_team}};
    world_open(&world, 1);
    assert_int_equal(get(&world, 0, corral_str(odd)), CORRAL_LOADED);
    wait_until(world.reports_n == 1);
    assert_non_null(
        strstr(world.reports[0].why,
               "the loader of 'users/\\x1b[2J\\x27\\x5c\\x0a\\xc3\\x9f, which is a long "
               "key with an e...' waits"));
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loader_that_asks_for_its_own_key_is_told),
        cmocka_unit_test(a_chain_that_ends_there_is_told),
        cmocka_unit_test(the_only_place_is_not_waited_for),
        cmocka_unit_test(with_a_second_place_it_works),
        cmocka_unit_test(of_all_places_one_gives_way),
        cmocka_unit_test(of_many_gets_only_the_one_is_told),
        cmocka_unit_test(a_call_for_many_does_not_wait_for_itself),
        cmocka_unit_test(who_has_answered_may_ask),
        cmocka_unit_test(who_does_not_wait_may_ask),
        cmocka_unit_test(loaders_of_two_caches_are_not_seen),
        cmocka_unit_test(a_loader_does_not_end_its_cache),
        cmocka_unit_test(keys_are_told_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
