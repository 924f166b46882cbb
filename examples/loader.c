/* SPDX-License-Identifier: Apache-2.0
 *
 * loader.c - what a loader may say beyond a value: many keys by one query, on a connection of its
 * worker's own; how long each answer lives; a value that is written in place; a failure with a
 * code.
 *
 *     cc loader.c $(pkg-config --cflags --libs corral) -lpthread -o loader && ./loader
 *
 * Pages come from a table here, where a program would have a database. */
#include <corral/corral.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 2, PAGE_MAX = 100 };

static const struct page {
    const char *name, *title;
    int status;  /* 200: all is well */
    int max_age; /* seconds; -1: nothing is said */
} pages[] = {
    {"home", "Welcome", 200, -1},
    {"news", "What is new", 200, 5},
    {"clock", "It is late", 200, 0},
    {"login", NULL, 403, -1},
};

/* No two loaders that run at the same time have the same worker: so nothing here needs a lock. */
struct connection {
    int queries, keys;
};

static const struct page *page_find(struct corral_bytes name)
{
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (strlen(pages[i].name) == name.size && memcmp(pages[i].name, name.data, name.size) == 0)
            return &pages[i];
    }
    return NULL;
}

/* Each load of a call is answered on its own. */
static void answer(struct corral_load *load)
{
    const struct page *page = page_find(corral_load_key(load));
    if (page == NULL) {
        corral_load_set_ttl(load, CORRAL_SECONDS(1)); /* somebody may write it soon */
        corral_load_not_found(load);
        return;
    }
    if (page->status != 200) {
        corral_load_fail_code(load, page->status, "the page is locked");
        return;
    }
    if (page->max_age >= 0)
        corral_load_set_ttl(load, CORRAL_SECONDS(page->max_age)); /* 0: for who waits, not kept */
    char *room = corral_load_reserve(load, PAGE_MAX);
    if (room == NULL) {
        corral_load_fail(load, "there is no room");
        return;
    }
    int size = snprintf(room, PAGE_MAX, "<h1>%s</h1>", page->title);
    (void)corral_load_commit(load, (size_t)size);
}

static void load_pages(void *arg, struct corral_load *const *loads, uint32_t n)
{
    struct connection *connections = arg, *own = &connections[corral_load_worker(loads[0])];
    own->queries++; /* SELECT ... WHERE name IN (...) */
    own->keys += (int)n;
    for (uint32_t i = 0; i < n; i++)
        answer(loads[i]);
}

static void log_failure(void *arg, const char *space, struct corral_bytes key, int rc,
                        const char *why)
{
    (void)arg;
    printf("log: %s/%.*s: %s: %s\n", space, (int)key.size, (const char *)key.data,
           corral_strerror(rc), why);
}

static int must(int rc, const char *what)
{
    if (rc >= 0)
        return rc;
    fprintf(stderr, "%s: %s\n", what, corral_strerror(rc));
    exit(EXIT_FAILURE);
}

static void print(const char *name, const struct corral_result *one)
{
    const struct corral_value *value = &one->value;
    if (one->result < 0)
        printf("%s: %s, code %d\n", name, corral_strerror(one->result), value->code);
    else if (value->data == NULL)
        printf("%s: there is none, for %d s\n", name, (int)(value->fresh_us / 1000000));
    else
        printf("%s: %.*s, for %d s\n", name, (int)value->size, (const char *)value->data,
               (int)(value->fresh_us / 1000000));
}

int main(void)
{
    struct connection connections[WORKERS] = {{0, 0}};
    struct corral_options options = {.size = sizeof options, .on_failure = log_failure};
    struct corral_cache *cache;
    must(corral_open(&options, &cache), "corral_open");

    struct corral_origin_options asks = {.size = sizeof asks,
                                         .name = "database",
                                         .load_many = load_pages, /* in place of .loader */
                                         .batch_max = 50,
                                         .arg = connections,
                                         .concurrency = WORKERS};
    struct corral_origin *origin;
    must(corral_origin_add(cache, &asks, &origin), "corral_origin_add");
    struct corral_policy policy = {
        .size = sizeof policy, .ttl_us = CORRAL_SECONDS(60), .negative_ttl_us = CORRAL_SECONDS(60)};
    struct corral_space_options keeps = {
        .size = sizeof keeps, .name = "pages", .policy = &policy, .origin = origin};
    struct corral_space *space;
    must(corral_space_add(cache, &keeps, &space), "corral_space_add");

    enum { ASKED = 5 };
    static const char *const names[ASKED] = {"home", "news", "clock", "login", "contact"};
    struct corral_bytes keys[ASKED];
    struct corral_result results[ASKED];
    for (int i = 0; i < ASKED; i++)
        keys[i] = corral_str(names[i]);
    must(corral_get_many(space, keys, ASKED, CORRAL_SECONDS(30), results), "corral_get_many");
    for (int i = 0; i < ASKED; i++) {
        print(names[i], &results[i]);
        corral_value_release(&results[i].value); /* harmless where there is none */
    }

    must(corral_close(cache), "corral_close"); /* all that failed has been told then */
    int queries = 0, loaded = 0;
    for (int i = 0; i < WORKERS; i++) {
        queries += connections[i].queries;
        loaded += connections[i].keys;
    }
    printf("%d keys by %d queries\n", loaded, queries);
    return loaded == ASKED && queries <= ASKED ? EXIT_SUCCESS : EXIT_FAILURE;
}
