/* SPDX-License-Identifier: Apache-2.0
 *
 * shop.c - prices in a cache before a database: many at once, writers that do not undo each other,
 * gets that are called off, changes that nobody waits for, what is counted, and a close in two
 * steps.
 *
 *     cc shop.c $(pkg-config --cflags --libs corral) -lpthread -o shop && ./shop
 *
 * Prices stand in an array here, where a program would have a database. */
#include <corral/corral.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GOODS = 6 };

struct database {
    pthread_mutex_t lock;
    int prices[GOODS]; /* in cents, by number; 0: there is no such thing */
};

static int must(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, corral_strerror(result));
        exit(EXIT_FAILURE);
    }
    return result;
}

static int number_of(struct corral_bytes key)
{
    return ((const char *)key.data)[0] - '0';
}

static int price_of(const struct corral_value *value)
{
    int price = 0;
    if (value->data != NULL)
        memcpy(&price, value->data, sizeof price);
    return price;
}

static struct corral_bytes bytes_of(const int *price)
{
    struct corral_bytes bytes = {price, sizeof *price};
    return bytes;
}

static void load_price(void *arg, struct corral_load *load)
{
    struct database *database = arg;
    int number = number_of(corral_load_key(load));
    pthread_mutex_lock(&database->lock);
    int price = number >= 0 && number < GOODS ? database->prices[number] : 0;
    pthread_mutex_unlock(&database->lock);
    if (price == 0)
        corral_load_not_found(load);
    else
        (void)corral_load_value(load, bytes_of(&price));
}

/* ------------------------------------------------------------------------------- many at a time */

/* The whole cart by one call: its loads run side by side, and each key has a result of its own. */
static void print_cart(struct corral_space *prices)
{
    static const char *const cart[] = {"1", "2", "5", "9"};
    struct corral_bytes keys[4];
    struct corral_result results[4];
    for (int i = 0; i < 4; i++)
        keys[i] = corral_str(cart[i]);
    must(corral_get_many(prices, keys, 4, CORRAL_SECONDS(5), results), "corral_get_many");
    for (int i = 0; i < 4; i++) {
        if (results[i].result < 0)
            printf("%s: %s\n", cart[i], corral_strerror(results[i].result));
        else if (results[i].value.data == NULL)
            printf("%s: is not sold here\n", cart[i]);
        else
            printf("%s: %d cents\n", cart[i], price_of(&results[i].value));
        corral_value_release(&results[i].value);
    }
}

/* -------------------------------------------------------------------------------------- writers */

/* Write to the database, then to the cache, where readers find the new price at once. The mark is
 * taken first. If another writer has changed the key since, nobody can tell whose price came last;
 * then the put is an invalidation, and the next reader loads what the database has. */
static void raise_price(struct corral_space *prices, struct database *database, const char *name)
{
    struct corral_bytes key = corral_str(name);
    struct corral_mark mark = corral_mark_take(prices, key);
    pthread_mutex_lock(&database->lock);
    int price = ++database->prices[number_of(key)];
    pthread_mutex_unlock(&database->lock);
    int rc = corral_put_if(prices, key, bytes_of(&price), mark);
    if (rc != CORRAL_ECHANGED)
        must(rc, "corral_put_if");
}

struct writer {
    struct corral_space *prices;
    struct database *database;
};

static void *write_prices(void *arg)
{
    struct writer *writer = arg;
    for (int i = 0; i < 1000; i++)
        raise_price(writer->prices, writer->database, "1");
    return NULL;
}

static void two_writers(struct corral_space *prices, struct database *database)
{
    struct writer writer = {prices, database};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        if (pthread_create(&threads[i], NULL, write_prices, &writer) != 0)
            exit(EXIT_FAILURE);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    struct corral_value value;
    must(corral_get(prices, corral_str("1"), CORRAL_SECONDS(5), &value), "corral_get");
    printf("after 2000 raises: %d cents, and %d in the database\n", price_of(&value),
           database->prices[1]);
    corral_value_release(&value);
}

/* -------------------------------------------------------------------------- without blocking */

/* What a callback brings to whoever waits for it. */
struct answer {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int result;
    int is_there;
};

static void answer_give(struct answer *answer, int result)
{
    pthread_mutex_lock(&answer->lock);
    answer->result = result;
    answer->is_there = 1;
    pthread_cond_signal(&answer->changed);
    pthread_mutex_unlock(&answer->lock);
}

static int answer_wait(struct answer *answer)
{
    pthread_mutex_lock(&answer->lock);
    while (!answer->is_there)
        pthread_cond_wait(&answer->changed, &answer->lock);
    pthread_mutex_unlock(&answer->lock);
    return answer->result;
}

static void change_is_done(void *arg, int result)
{
    answer_give(arg, result);
}

static void take_answer(void *arg, int result, struct corral_value *value)
{
    corral_value_release(value);
    answer_give(arg, result);
}

/* The customer leaves. The get is answered at once; its load goes on for whoever comes next. */
static void a_customer_leaves(struct corral_space *prices, struct database *database)
{
    struct answer answer = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
    struct corral_get_handle *handle;
    must(corral_invalidate(prices, corral_str("2")), "corral_invalidate");
    pthread_mutex_lock(&database->lock); /* a slow database */
    must(
        corral_get_async(prices, corral_str("2"), CORRAL_SECONDS(5), take_answer, &answer, &handle),
        "corral_get_async");
    corral_get_cancel(handle);
    corral_get_drop(handle);
    int result = answer_wait(&answer);
    pthread_mutex_unlock(&database->lock);
    printf("the customer who left was told: %s\n", corral_strerror(result));
}

/* A feed of prices goes on without waiting for the cache. It asks to be told only of the last one:
 * changes by one thread happen in their order. */
static void take_prices_from_a_feed(struct corral_space *prices)
{
    static const int feed[] = {110, 115, 130};
    struct answer answer = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
    for (int i = 0; i < 3; i++)
        must(corral_put_async(prices, corral_str("4"), bytes_of(&feed[i]), NULL, NULL),
             "corral_put_async");
    must(corral_invalidate_async(prices, corral_str("5"), change_is_done, &answer),
         "corral_invalidate_async");
    must(answer_wait(&answer), "corral_invalidate_async");
    struct corral_value value;
    must(corral_peek(prices, corral_str("4"), &value), "corral_peek");
    printf("the feed says: %d cents\n", price_of(&value));
    corral_value_release(&value);
}

/* -------------------------------------------------------------------------------------- figures */

static void print_figures(struct corral_cache *cache, struct corral_origin *origin,
                          struct corral_space *prices)
{
    struct corral_cache_figures memory = {.size = sizeof memory};
    struct corral_origin_figures work = {.size = sizeof work};
    struct corral_space_figures gets = {.size = sizeof gets};
    must(corral_cache_figures(cache, &memory), "corral_cache_figures");
    must(corral_origin_figures(origin, &work), "corral_origin_figures");
    must(corral_space_figures(prices, &gets), "corral_space_figures");
    printf("%d loads, %d of them needed, at most %d at once; %s in memory\n", (int)gets.loads,
           (int)gets.needed, (int)work.active_peak, memory.entries > 0 ? "prices" : "nothing");
}

int main(void)
{
    struct database database = {PTHREAD_MUTEX_INITIALIZER, {0, 199, 249, 999, 120, 85}};

    struct corral_cache *cache;
    must(corral_open(NULL, &cache), "corral_open");
    struct corral_origin *origin;
    struct corral_origin_options asks = {
        .size = sizeof asks, .name = "database", .loader = load_price, .arg = &database};
    must(corral_origin_add(cache, &asks, &origin), "corral_origin_add");
    struct corral_space *prices;
    struct corral_policy fresh = {
        .size = sizeof fresh, .ttl_us = CORRAL_SECONDS(60), .negative_ttl_us = CORRAL_SECONDS(5)};
    struct corral_space_options keeps = {
        .size = sizeof keeps, .name = "prices", .policy = &fresh, .origin = origin};
    must(corral_space_add(cache, &keeps, &prices), "corral_space_add");

    print_cart(prices);
    two_writers(prices, &database);
    a_customer_leaves(prices, &database);
    take_prices_from_a_feed(prices);

    must(corral_space_clear(prices), "corral_space_clear"); /* new prices for everything */
    print_cart(prices);

    struct corral_value value;
    int result = corral_peek(prices, corral_str("3"), &value);
    printf("3 is %s\n", result == CORRAL_EABSENT ? "not in memory" : "in memory");
    corral_value_release(&value); /* allowed whatever the result */
    print_figures(cache, origin, prices);

    /* A program with threads would let them come to their end between these two. */
    must(corral_shut(cache), "corral_shut");
    result = corral_get(prices, corral_str("1"), 0, &value);
    printf("a get of a cache that was shut: %s\n", corral_strerror(result));
    must(corral_close(cache), "corral_close");
    return EXIT_SUCCESS;
}
