/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_sim.c - how fast virtual time passes, and how large a fleet fits into memory.
 *
 * Three plans, run as `corral sim` runs them, without audits: a fleet of 1,000 nodes that share a
 * lease, a page on one node whose value expires every minute, and a fleet of 10,000 nodes with
 * 100,000 keys. The time is the process's own CPU time, so that what else runs on the machine
 * disturbs little; of several rounds the best counts. The last plan runs once; its memory is the
 * process's peak. */
#include "sim/report.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define ROUNDS      3
#define RATE_GOAL   3e6 /* simulated requests in a second */
#define MEMORY_GOAL (4096.0 * 1024.0 * 1024.0)
#define SECONDS(n)  CORRAL_SECONDS(n)
#define MINUTES(n)  CORRAL_SECONDS(60 * (n))

struct result {
    const char *name;
    double requests, seconds, loads;
    double peak_bytes; /* of the whole process, up to its end */
    bool is_broken, is_met;
};

static struct sim_report report; /* large */

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double peak_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss * 1024.0;
}

/* What the plans have in common. */
static struct sim_plan plan_of(uint32_t nodes, uint32_t keys, corral_us lasts_us,
                               const struct sim_rate_piece *rate)
{
    return (struct sim_plan){
        .seed = 42,
        .nodes = nodes,
        .lasts_us = lasts_us,
        .readers = {.pieces = rate, .pieces_n = 1, .keys = keys, .wait_us = SECONDS(5)},
        .spaces = {{.policy = {.ttl_us = MINUTES(1), .negative_ttl_us = SECONDS(5), .jitter = 0.1},
                    .has_store = nodes > 1,
                    .share = 1}},
        .spaces_n = 1,
        .origins = {{.limits = {.concurrency = 20, .queue = 1000},
                     .deadline_us = SECONDS(2),
                     .database = {.service = SIM_SERVICE_EXPONENTIAL,
                                  .mean_us = CORRAL_MS(100),
                                  .servers = 1000,
                                  .cancel_us = CORRAL_MS(1)}}},
        .origins_n = 1,
        .memory_bytes = 1u << 20,
        .flights_max = 1000,
        .waiters_max = 100000,
        .store = {.network = {.delay_us = 250, .spread_us = 250},
                  .timeout_us = CORRAL_MS(100),
                  .lease_us = SECONDS(3)},
    };
}

static void run(const struct sim_plan *plan, struct result *result)
{
    double began_at = cpu_seconds();
    int rc = sim_run_plan(plan, NULL, &report);
    double seconds = cpu_seconds() - began_at;
    result->is_broken |= rc < 0 || report.broken[0] != '\0';
    result->requests = (double)report.requests;
    result->loads = (double)report.loads;
    if (result->seconds == 0 || seconds < result->seconds)
        result->seconds = seconds;
    result->peak_bytes = peak_bytes();
}

static struct result measure(const char *name, const struct sim_plan *plan, int rounds)
{
    struct result result = {.name = name};
    for (int i = 0; i < rounds; i++)
        run(plan, &result);
    return result;
}

static bool is_fast(const struct result *result)
{
    return !result->is_broken && result->requests / result->seconds >= RATE_GOAL;
}

static void print_table(const struct result *results, int n)
{
    printf("%-10s %12s %10s %9s %14s %9s  %s\n", "plan", "requests", "loads", "CPU s", "requests/s",
           "peak MiB", "goal");
    for (int i = 0; i < n; i++) {
        const struct result *result = &results[i];
        printf("%-10s %12.0f %10.0f %9.2f %14.0f %9.0f  %s\n", result->name, result->requests,
               result->loads, result->seconds, result->requests / result->seconds,
               result->peak_bytes / 1048576.0,
               result->is_broken ? "A PROMISE BROKE"
               : result->is_met  ? "met"
                                 : "MISSED");
    }
    printf("goals: 3,000,000 requests/s in fleet and homepage; 4 GiB in large\n");
}

static void print_json(const struct result *results, int n)
{
    printf("[");
    for (int i = 0; i < n; i++) {
        const struct result *result = &results[i];
        printf("%s{\"plan\":\"%s\",\"requests\":%.0f,\"loads\":%.0f,\"cpu_seconds\":%.3f,"
               "\"requests_per_second\":%.0f,\"peak_bytes\":%.0f,\"met\":%s}",
               i == 0 ? "" : ",", result->name, result->requests, result->loads, result->seconds,
               result->requests / result->seconds, result->peak_bytes,
               result->is_met ? "true" : "false");
    }
    printf("]\n");
}

int main(int argc, char **argv)
{
    bool as_json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !as_json) {
        fprintf(stderr, "usage: bench_sim [--json]\n");
        return 2;
    }
    const struct sim_rate_piece fleet_rate = {.rate_from = 100000, .rate_to = 100000};
    const struct sim_rate_piece page_rate = {.rate_from = 10000, .rate_to = 10000};
    const struct sim_rate_piece large_rate = {.rate_from = 200000, .rate_to = 200000};
    struct sim_plan fleet = plan_of(1000, 1, MINUTES(2), &fleet_rate);
    struct sim_plan page = plan_of(1, 1, MINUTES(10), &page_rate);
    struct sim_plan large = plan_of(10000, 100000, SECONDS(10), &large_rate);
    large.readers.popularity = SIM_POPULARITY_ZIPF;
    large.readers.zipf_s = 1.0;
    struct result results[] = {
        measure("homepage", &page, ROUNDS),
        measure("fleet", &fleet, ROUNDS),
        measure("large", &large, 1),
    };
    results[0].is_met = is_fast(&results[0]);
    results[1].is_met = is_fast(&results[1]);
    results[2].is_met = !results[2].is_broken && results[2].peak_bytes <= MEMORY_GOAL;
    if (as_json)
        print_json(results, 3);
    else
        print_table(results, 3);
    return results[0].is_met && results[1].is_met && results[2].is_met ? 0 : 1;
}
