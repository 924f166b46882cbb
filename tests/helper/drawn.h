/* SPDX-License-Identifier: Apache-2.0
 *
 * drawn.h - traces that are drawn from a seed, each of a kind that some order of eviction is bad
 * at. */
#ifndef CRL_TESTS_DRAWN_H
#define CRL_TESTS_DRAWN_H

#include "base/rng.h"

#include "policies.h"

#include <math.h>

enum drawn_kind {
    DRAWN_ZIPF,    /* few keys are asked for often, many seldom */
    DRAWN_LOOP,    /* all keys in turn, again and again, beside a few that are popular */
    DRAWN_SCAN,    /* popular keys, and in between runs of keys that never come back */
    DRAWN_REPEATS, /* each key a few times in short order, then never again */
    DRAWN_KINDS,
};

__attribute__((unused)) static const char *drawn_name(enum drawn_kind kind)
{
    static const char *const names[DRAWN_KINDS] = {"drawn: zipf", "drawn: loop", "drawn: scan",
                                                   "drawn: repeats"};
    return names[kind];
}

/* About Zipf's law with an exponent of 1, by inversion of its continuous form. */
__attribute__((unused)) static uint32_t drawn_rank(struct crl_rng *rng, uint32_t objects)
{
    double rank = exp(crl_rng_uniform(rng) * log((double)objects + 1)) - 1;
    return rank < objects ? (uint32_t)rank : objects - 1;
}

__attribute__((unused)) static uint32_t drawn_object(enum drawn_kind kind, struct crl_rng *rng,
                                                     uint32_t objects, size_t at)
{
    uint32_t popular = objects / 10, others = objects - popular;
    bool is_popular = crl_rng_below(rng, 2);
    switch (kind) {
    case DRAWN_ZIPF:
        return drawn_rank(rng, objects);
    case DRAWN_LOOP:
        return is_popular ? drawn_rank(rng, popular) : popular + (uint32_t)(at / 2 % others);
    case DRAWN_SCAN:
        return at / 512 % 4 != 0 ? drawn_rank(rng, popular)
                                 : popular + (uint32_t)(at / 2048 * 512 + at % 512) % others;
    case DRAWN_REPEATS:
        return (uint32_t)((at / 3 + crl_rng_below(rng, 8)) % objects);
    case DRAWN_KINDS:
        break;
    }
    return 0;
}

/* drawn_trace - n requests for so many objects, each of so many bytes. `requests` is the caller's
 * to free; NULL: no memory. */
__attribute__((unused)) static struct trace drawn_trace(enum drawn_kind kind, uint64_t seed,
                                                        uint32_t objects, size_t n, uint32_t bytes)
{
    struct trace trace = {.requests = malloc(n * sizeof *trace.requests), .n = n};
    struct crl_rng rng = crl_rng_split(seed, drawn_name(kind));
    trace.objects = objects;
    for (size_t i = 0; trace.requests != NULL && i < n; i++)
        trace.requests[i] = (struct request){drawn_object(kind, &rng, objects, i), bytes};
    return trace;
}

#endif
