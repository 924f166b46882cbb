/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_hitratio.c - how many requests of a trace are hits, next to LRU and SIEVE.
 *
 * "ideal" is our order of eviction (src/core/eviction.h) in its plainest form.
 *
 * The trace comes on standard input, one request a line: a key and a size. Where every size is 1,
 * values are of 1,000 bytes; else of that size. Without a trace, some are drawn.
 *
 * Ours is the real table with its arenas, whose budget is real memory: entries, buckets, ghosts,
 * what waits for a grace period, gaps. The other policies are computed (tests/helper/policies.h)
 * for as many bytes, where an object takes its key, its value, and the 96 bytes of overhead that an
 * entry of ours may take (tools/run-bench table). They have no gaps and nothing waits. */
#include "base/rng.h"

#include "../tests/helper/drawn.h"
#include "../tests/helper/replay.h"

#include <stdio.h>
#include <string.h>

#define OVERHEAD_BYTES 96
#define VALUE_BYTES    1000 /* of a trace without sizes */

/* What the goals allow, in per cent of all requests. */
#define BELOW_MODEL_MAX 1.0
#define BELOW_SIEVE_MAX 0.5
#define DROP_MAX        1.0

static void *must(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "bench_hitratio: out of memory\n");
        exit(1);
    }
    return memory;
}

/* ------------------------------------------------------------------------------ reading a trace */

/* Names of objects: open addressing, by hash. Two names of one 64-bit hash are one. */
struct names {
    uint64_t *hashes; /* 0: free */
    uint32_t *numbers;
    size_t size, n;
};

static void names_grow(struct names *names)
{
    struct names old = *names;
    names->size = old.size ? 2 * old.size : 1 << 16;
    names->hashes = must(calloc(names->size, sizeof *names->hashes));
    names->numbers = must(calloc(names->size, sizeof *names->numbers));
    for (size_t i = 0; i < old.size; i++) {
        size_t at = old.hashes[i] & (names->size - 1);
        while (old.hashes[i] != 0 && names->hashes[at] != 0)
            at = (at + 1) & (names->size - 1);
        if (old.hashes[i] != 0) {
            names->hashes[at] = old.hashes[i];
            names->numbers[at] = old.numbers[i];
        }
    }
    free(old.hashes);
    free(old.numbers);
}

static uint32_t name_number(struct names *names, const char *name)
{
    if (2 * names->n >= names->size)
        names_grow(names);
    uint64_t hash = crl_hash(7, 0, crl_bytes(name, strlen(name))) | 1;
    size_t at = hash & (names->size - 1);
    while (names->hashes[at] != 0 && names->hashes[at] != hash)
        at = (at + 1) & (names->size - 1);
    if (names->hashes[at] == 0) {
        names->hashes[at] = hash;
        names->numbers[at] = (uint32_t)names->n++;
    }
    return names->numbers[at];
}

static struct trace trace_read(void)
{
    struct trace trace = {0};
    struct names names = {0};
    size_t room = 0;
    char name[64];
    unsigned long bytes;
    bool is_sized = false;
    while (scanf("%63s %lu", name, &bytes) == 2) {
        if (trace.n == room) {
            room = room ? 2 * room : 1 << 16;
            trace.requests = must(realloc(trace.requests, room * sizeof *trace.requests));
        }
        trace.requests[trace.n++] = (struct request){name_number(&names, name), (uint32_t)bytes};
        is_sized |= bytes != 1;
    }
    for (size_t i = 0; !is_sized && i < trace.n; i++)
        trace.requests[i].bytes = VALUE_BYTES;
    trace.objects = (uint32_t)names.n;
    free(names.hashes);
    free(names.numbers);
    return trace;
}

/* What all objects would take together. */
static uint64_t trace_bytes(const struct trace *trace)
{
    bool *seen = must(calloc(trace->objects, sizeof *seen));
    uint64_t bytes = 0;
    for (size_t i = 0; i < trace->n; i++) {
        const struct request *request = &trace->requests[i];
        bytes += seen[request->object] ? 0 : request->bytes + REPLAY_KEY_BYTES + OVERHEAD_BYTES;
        seen[request->object] = true;
    }
    free(seen);
    return bytes;
}

/* -------------------------------------------------------------------------------------- figures */

static bool as_json;
static int missed;

static double percent(const struct trace *trace, uint64_t hits)
{
    return 100.0 * (double)hits / (double)trace->n;
}

static double of_policy(enum policy_kind kind, const struct trace *trace, uint64_t bytes)
{
    return percent(trace, policy_hits(kind, trace, bytes, REPLAY_KEY_BYTES + OVERHEAD_BYTES));
}

static void bench_row(const char *name, const struct trace *trace, double part, uint64_t bytes)
{
    double ours = percent(trace, replay_hits(trace, bytes));
    double lru = of_policy(POLICY_LRU, trace, bytes), sieve = of_policy(POLICY_SIEVE, trace, bytes);
    double model = of_policy(POLICY_FRONT, trace, bytes);
    bool is_met = ours >= model - BELOW_MODEL_MAX && ours >= sieve - BELOW_SIEVE_MAX;
    missed += !is_met;
    if (as_json)
        printf("{\"trace\": \"%s\", \"part\": %.2f, \"bytes\": %llu, \"corral\": %.2f, "
               "\"lru\": %.2f, \"sieve\": %.2f, \"model\": %.2f, \"met\": %s}\n",
               name, part, (unsigned long long)bytes, ours, lru, sieve, model,
               is_met ? "true" : "false");
    else
        printf("%-22s %3.0f %% %9.1f KiB   corral %5.1f   LRU %5.1f   SIEVE %5.1f   ideal %5.1f   "
               "%s\n",
               name, 100 * part, (double)bytes / 1024, ours, lru, sieve, model,
               is_met ? "met" : "MISSED");
    fflush(stdout);
}

static void bench_trace(const char *name, const struct trace *trace)
{
    static const double parts[] = {0.01, 0.05, 0.10};
    uint64_t bytes = trace_bytes(trace);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        bench_row(name, trace, parts[i], (uint64_t)(parts[i] * (double)bytes));
}

/* More memory never means fewer hits: budgets in small steps, and around powers of two. */
static void bench_steps(const char *name, const struct trace *trace)
{
    double most = 0, worst = 0;
    uint64_t worst_at = 0, budgets = 0;
    for (uint64_t power = 256 << 10; power < 8 << 20; power *= 2) {
        for (uint64_t i = 0; i <= 18; i++, budgets++) {
            uint64_t bytes = i < 16 ? power + power / 16 * i : 2 * power - (18 - i) * (i < 18);
            double ours = percent(trace, replay_hits(trace, bytes));
            if (most - ours > worst) {
                worst = most - ours;
                worst_at = bytes;
            }
            most = ours > most ? ours : most;
        }
    }
    bool is_met = worst <= DROP_MAX;
    missed += !is_met;
    if (as_json)
        printf("{\"trace\": \"%s\", \"budgets\": %llu, \"worst\": %.2f, \"at\": %llu, \"met\": "
               "%s}\n",
               name, (unsigned long long)budgets, worst, (unsigned long long)worst_at,
               is_met ? "true" : "false");
    else
        printf("%-22s %llu budgets from 256 KiB to 8 MiB: at worst %.2f points fewer than with "
               "less memory (at %llu)  %s\n",
               name, (unsigned long long)budgets, worst, (unsigned long long)worst_at,
               is_met ? "met" : "MISSED");
}

static void bench_drawn(void)
{
    for (enum drawn_kind kind = 0; kind < DRAWN_KINDS; kind++) {
        struct trace trace = drawn_trace(kind, 1, 20000, 400000, VALUE_BYTES);
        must(trace.requests);
        bench_trace(drawn_name(kind), &trace);
        free(trace.requests);
    }
}

static int usage(void)
{
    fprintf(stderr, "usage: bench_hitratio [--json] [--steps NAME | NAME]\n"
                    "    with a NAME, the trace comes on standard input\n");
    return 2;
}

int main(int argc, char **argv)
{
    argv++;
    argc--;
    as_json = argc > 0 && strcmp(argv[0], "--json") == 0;
    argv += as_json;
    argc -= as_json;
    bool is_steps = argc > 0 && strcmp(argv[0], "--steps") == 0;
    argv += is_steps;
    argc -= is_steps;
    if (argc > 1 || (is_steps && argc == 0) || (argc == 1 && argv[0][0] == '-'))
        return usage();
    if (argc == 0) {
        bench_drawn();
        return missed > 0;
    }
    struct trace trace = trace_read();
    if (is_steps)
        bench_steps(argv[0], &trace);
    else
        bench_trace(argv[0], &trace);
    free(trace.requests);
    return missed > 0;
}
