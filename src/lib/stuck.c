/* SPDX-License-Identifier: Apache-2.0
 *
 * stuck.c - loaders that would wait for themselves: who asks, and what the program is told.
 *
 * The core finds them (core/waits.c). A get that blocks in a loader function carries the name of
 * its load there; it is found by what runs on the thread. One that does not block has none, and so
 * have gets of threads that a loader has others work for: these are not seen. */
#include "lib/private.h"
#include "origin/callback.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MAX 512

/* What is told; freed when it was. */
struct stuck_report {
    struct crl_loop_call call;
    struct crl_engine *engine;
    const char *space;
    struct corral_bytes key;
    char why[WHY_MAX];
    unsigned char key_bytes[];
};

crl_load_id crl_stuck_asker(const struct corral_cache *cache)
{
    struct crl_running running = crl_running_here();
    return running.cache == cache->number ? running.load : 0;
}

/* ---------------------------------------------------------------------------------------- words */

/* A key for people: the beginning of one that is long, and nothing that a terminal would heed. */
struct key_text {
    char text[4 * 40 + 4];
};

static struct key_text key_text(struct corral_bytes key)
{
    struct key_text made;
    size_t shown = key.size < 40 ? key.size : 40;
    char *end = made.text;
    for (size_t i = 0; i < shown; i++) {
        unsigned char byte = ((const unsigned char *)key.data)[i];
        bool is_plain = byte >= ' ' && byte < 0x7F && byte != '\\' && byte != '\'';
        end += snprintf(end, 5, is_plain ? "%c" : "\\x%02x", byte);
    }
    memcpy(end, shown < key.size ? "..." : "", shown < key.size ? 4 : 1);
    return made;
}

/* The load that asks, if it is still one. */
static const struct engine_load *asking_load(const struct corral_cache *cache, crl_load_id asker)
{
    const struct corral_origin *origin = cache->origins[crl_load_origin_number(asker)];
    size_t place = crl_load_place(asker), index = crl_load_index(asker);
    const struct engine_load *load = origin->loads[place * origin->batch_max + index];
    return load != NULL && load->load.id == asker ? load : NULL;
}

/* Its loader, in words. */
static void asker_say(const struct engine_load *load, char *room, size_t size)
{
    if (load == NULL)
        snprintf(room, size, "a loader");
    else
        snprintf(room, size, "the loader of '%s/%s'", load->space->name,
                 key_text(load->load.key).text);
}

static void why_say(struct stuck_report *report, const struct corral_space *space,
                    crl_load_id asker, enum crl_stuck stuck)
{
    char who[sizeof report->why / 2];
    const struct engine_load *load = asking_load(space->cache, asker);
    asker_say(load, who, sizeof who);
    bool is_own =
        load != NULL && load->space == space && crl_bytes_equal(load->load.key, report->key);
    if (stuck == CRL_STUCK_AT_PLACES)
        snprintf(report->why, sizeof report->why,
                 "%s waits for a place at origin '%.64s', all of which loaders hold that wait for "
                 "it: let loaders ask another origin, or raise the concurrency",
                 who, space->origin->name);
    else if (is_own)
        snprintf(report->why, sizeof report->why, "its own loader asked for it");
    else
        snprintf(report->why, sizeof report->why,
                 "%s asked for it, and its own loader waits for that one, itself or by others",
                 who);
}

/* -------------------------------------------------------------------------------------- reports */

/* On the callback thread. */
static void report_run(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct stuck_report *report = caa_container_of(call, struct stuck_report, call);
    const struct corral_cache *cache = report->engine->cache;
    crl_assert(crl_loop_is_here(loop));
    atomic_fetch_sub(&report->engine->reports, 1);
    cache->on_failure(cache->on_failure_arg, report->space, report->key, CORRAL_EDEADLOCK,
                      report->why);
    free(report);
}

void crl_stuck_report(struct crl_engine *engine, const struct corral_space *space,
                      struct corral_bytes key, crl_load_id asker, enum crl_stuck stuck)
{
    crl_assert(crl_turn_is_mine(&engine->turn));
    if (engine->cache->on_failure == NULL || engine->draining ||
        atomic_load(&engine->reports) >= CRL_REPORTS_MAX)
        return;
    struct stuck_report *report = malloc(sizeof *report + key.size);
    if (report == NULL)
        return; /* the loader is told all the same */
    *report = (struct stuck_report){.call.run = report_run,
                                    .engine = engine,
                                    .space = space->name,
                                    .key = crl_bytes(report->key_bytes, key.size)};
    memcpy(report->key_bytes, key.data, key.size);
    why_say(report, space, asker, stuck);
    atomic_fetch_add(&engine->reports, 1);
    crl_engine_call_back(engine, &report->call);
}
