/* SPDX-License-Identifier: Apache-2.0
 *
 * swarm.c - see swarm.h.
 *
 * Spans and counts are drawn evenly by their logarithm, so that short ones are as likely as long
 * ones. */
#include "sim/swarm.h"

#include "base/assert.h"
#include "base/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ----------------------------------------------------------------------------------------- lots */

static bool chance(struct crl_rng *rng, double p)
{
    return crl_rng_uniform(rng) <= p;
}

/* A whole number, both ends included. */
static uint32_t whole(struct crl_rng *rng, uint32_t least, uint32_t most)
{
    return least + (uint32_t)crl_rng_below(rng, most - least + 1);
}

static double fraction(struct crl_rng *rng, double least, double most)
{
    return least + (most - least) * crl_rng_uniform(rng);
}

/* Evenly by the logarithm. least > 0 */
static double magnitude(struct crl_rng *rng, double least, double most)
{
    return least * exp(crl_rng_uniform(rng) * log(most / least));
}

static corral_us span(struct crl_rng *rng, corral_us least_us, corral_us most_us)
{
    return (corral_us)magnitude(rng, (double)least_us, (double)most_us);
}

/* ----------------------------------------------------------------------------------- what is on */

static void draw_bursts(struct crl_rng *rng, struct sim_drawn *drawn)
{
    struct sim_readers *readers = &drawn->plan.readers;
    corral_us at = 0;
    for (uint32_t n = whole(rng, 1, SIM_SWARM_BURSTS); n > 0 && at < drawn->plan.lasts_us; n--) {
        struct sim_burst *burst = &drawn->bursts[readers->bursts_n++];
        *burst = (struct sim_burst){
            .at = at,
            .requests = (uint32_t)magnitude(rng, 2, 200),
            .within_us = chance(rng, 0.3) ? 0 : span(rng, 10, CORRAL_MS(100)),
        };
        at += burst->within_us + span(rng, CORRAL_MS(1), drawn->plan.lasts_us);
    }
}

static void draw_curve(struct crl_rng *rng, struct sim_drawn *drawn)
{
    struct sim_readers *readers = &drawn->plan.readers;
    double seconds = (double)drawn->plan.lasts_us / 1e6;
    double rate = magnitude(rng, 10, 600) / seconds;
    uint32_t pieces = chance(rng, 0.6) ? 1 : SIM_SWARM_PIECES;
    for (uint32_t i = 0; i < pieces; i++) {
        bool even = chance(rng, 0.5);
        double from = rate * fraction(rng, 0, 1.5);
        drawn->pieces[readers->pieces_n++] = (struct sim_rate_piece){
            .from_at = drawn->plan.lasts_us / pieces * i,
            .rate_from = from,
            .rate_to = even ? from : rate * fraction(rng, 0, 1.5),
        };
    }
}

static void draw_readers(struct crl_rng *rng, struct sim_drawn *drawn)
{
    struct sim_readers *readers = &drawn->plan.readers;
    double seconds = (double)drawn->plan.lasts_us / 1e6;
    *readers = (struct sim_readers){
        .arrivals = chance(rng, 0.7) ? SIM_ARRIVALS_POISSON : SIM_ARRIVALS_EVEN,
        .pieces = drawn->pieces,
        .bursts = drawn->bursts,
        .keys = chance(rng, 0.4) ? 1 : whole(rng, 2, 8),
        .popularity = chance(rng, 0.5) ? SIM_POPULARITY_UNIFORM : SIM_POPULARITY_ZIPF,
        .zipf_s = fraction(rng, 0.3, 2.0),
        .wait_us = chance(rng, 0.05) ? 0 : span(rng, CORRAL_MS(1), CORRAL_SECONDS(10)),
        .give_up = chance(rng, 0.6) ? 0 : fraction(rng, 0.05, 0.9),
        .writes = chance(rng, 0.5) ? 0 : magnitude(rng, 1, 60) / seconds,
        .refreshes = chance(rng, 0.6) ? 0 : magnitude(rng, 1, 100) / seconds,
        .puts = chance(rng, 0.7) ? 0 : fraction(rng, 0.1, 1),
    };
    bool has_bursts = chance(rng, 0.5);
    if (has_bursts)
        draw_bursts(rng, drawn);
    if (!has_bursts || chance(rng, 0.7))
        draw_curve(rng, drawn);
}

static corral_us draw_ttl(struct crl_rng *rng, double off)
{
    if (chance(rng, off))
        return 0;
    return chance(rng, 0.1) ? span(rng, 1, CORRAL_MS(1))
                            : span(rng, CORRAL_MS(1), CORRAL_SECONDS(20));
}

static struct corral_policy draw_policy(struct crl_rng *rng)
{
    return (struct corral_policy){
        .ttl_us = draw_ttl(rng, 0.1),
        .negative_ttl_us = draw_ttl(rng, 0.3),
        .jitter = chance(rng, 0.5) ? 0 : fraction(rng, 0, 0.5),
        .no_coalescing = chance(rng, 0.05),
    };
}

static struct sim_database draw_database(struct crl_rng *rng)
{
    static const enum sim_service services[] = {SIM_SERVICE_FIXED, SIM_SERVICE_EXPONENTIAL,
                                                SIM_SERVICE_LOGNORMAL};
    return (struct sim_database){
        .service = services[whole(rng, 0, 2)],
        .mean_us = span(rng, 100, CORRAL_MS(500)),
        .sigma = fraction(rng, 0.1, 1.5),
        .servers = chance(rng, 0.2) ? 1 : (uint32_t)magnitude(rng, 2, 64),
        .slowdown = chance(rng, 0.75) ? 0 : fraction(rng, 0, 0.5),
        .timeout_us = chance(rng, 0.7) ? 0 : span(rng, CORRAL_MS(1), CORRAL_SECONDS(2)),
        .fails = chance(rng, 0.7) ? 0 : fraction(rng, 0.02, 0.7),
        .absent = chance(rng, 0.7) ? 0 : fraction(rng, 0.1, 1.0),
        .cancel_us = chance(rng, 0.3) ? 0 : span(rng, 10, CORRAL_MS(100)),
    };
}

static void draw_origins(struct crl_rng *rng, struct sim_plan *plan)
{
    plan->origins_n = chance(rng, 0.6) ? 1 : whole(rng, 2, SIM_SWARM_ORIGINS);
    for (uint32_t i = 0; i < plan->origins_n; i++) {
        uint32_t few = whole(rng, 1, 5);
        plan->origins[i] = (struct sim_origin_plan){
            .limits = {.concurrency = chance(rng, 0.3) ? 1 : whole(rng, 2, 20),
                       .queue = chance(rng, 0.2)   ? 0
                                : chance(rng, 0.5) ? few
                                                   : 100},
            .deadline_us = span(rng, CORRAL_MS(1), CORRAL_SECONDS(3)),
            .batch_max = chance(rng, 0.7) ? 1 : whole(rng, 2, 8),
            .hedge_us = chance(rng, 0.8) ? 0 : span(rng, 100, CORRAL_SECONDS(1)),
            .ttl_us = chance(rng, 0.8) ? 0 : span(rng, CORRAL_MS(1), CORRAL_SECONDS(10)),
            .database = draw_database(rng),
        };
    }
}

/* Several spaces may share an origin, and an origin may have none. Each gets some keys. */
static void draw_spaces(struct crl_rng *rng, struct sim_plan *plan)
{
    bool has_store = !chance(rng, 0.35);
    uint32_t shares = 0;
    plan->spaces_n = chance(rng, 0.5) ? 1 : whole(rng, 2, SIM_SWARM_SPACES);
    for (uint32_t i = 0; i < plan->spaces_n; i++) {
        plan->spaces[i] = (struct sim_space_plan){
            .policy = draw_policy(rng),
            .origin = whole(rng, 0, plan->origins_n - 1),
            .has_store = has_store && (i == 0 || chance(rng, 0.75)),
            .failure_us = chance(rng, 0.5) ? 0 : span(rng, CORRAL_MS(1), CORRAL_SECONDS(2)),
            .share = whole(rng, 1, 3),
        };
        shares += plan->spaces[i].share;
    }
    if (plan->spaces_n > 1 && plan->readers.keys < shares)
        plan->readers.keys = shares;
}

static void draw_store(struct crl_rng *rng, struct sim_plan *plan)
{
    if (!sim_plan_has_store(plan))
        return;
    corral_us deadline_us = plan->origins[plan->spaces[0].origin].deadline_us;
    plan->store = (struct sim_store){
        .network = {.delay_us = span(rng, 10, CORRAL_MS(20)),
                    .spread_us = chance(rng, 0.5) ? 0 : span(rng, 10, CORRAL_MS(200)),
                    .drops = chance(rng, 0.7) ? 0 : fraction(rng, 0.01, 0.35)},
        .timeout_us = span(rng, CORRAL_MS(1), CORRAL_SECONDS(1)),
        .lease_us = chance(rng, 0.3) ? span(rng, CORRAL_MS(1), CORRAL_SECONDS(1))
                                     : deadline_us + span(rng, CORRAL_MS(10), CORRAL_SECONDS(5)),
        .requests_max = chance(rng, 0.8) ? 0 : whole(rng, 1, 4),
    };
}

static void draw_limits(struct crl_rng *rng, struct sim_plan *plan)
{
    plan->memory_bytes = chance(rng, 0.7) ? 1u << 20 : (size_t)magnitude(rng, 64, 4096);
    plan->flights_max = chance(rng, 0.75) ? 1000 : whole(rng, 1, 5);
    plan->waiters_max = chance(rng, 0.75) ? 100000 : (uint32_t)magnitude(rng, 1, 50);
}

static void draw_faults(struct crl_rng *rng, struct sim_drawn *drawn)
{
    struct sim_plan *plan = &drawn->plan;
    plan->faults = drawn->faults;
    if (chance(rng, 0.3))
        return;
    uint32_t kinds = (uint32_t)crl_rng_next(rng);
    for (uint32_t i = whole(rng, 1, SIM_SWARM_FAULTS); i > 0; i--) {
        enum sim_fault_kind kind = (enum sim_fault_kind)whole(rng, 0, SIM_FAULT_NODE_CLOCK_STEPPED);
        uint32_t node = whole(rng, 0, plan->nodes - 1);
        struct sim_fault fault = {
            .kind = kind,
            .at = (corral_us)(crl_rng_uniform(rng) * (double)plan->lasts_us),
            .lasts_us = kind == SIM_FAULT_NODE_KILLED && chance(rng, 0.2)
                            ? 0
                            : span(rng, CORRAL_MS(1), plan->lasts_us),
            .node_from = node,
            .node_to = chance(rng, 0.6) ? node : plan->nodes - 1,
            .stagger_us = chance(rng, 0.5) ? 0 : span(rng, 1, plan->lasts_us / 4),
            .origin = chance(rng, 0.4) ? SIM_ALL_ORIGINS : whole(rng, 0, plan->origins_n - 1),
            .factor = magnitude(rng, 2, 1000),
            .step_us = span(rng, 1, CORRAL_SECONDS(30)),
        };
        bool is_on = kinds >> kind & 1;
        if (is_on)
            drawn->faults[plan->faults_n++] = fault;
    }
}

void sim_swarm_draw(uint64_t seed, struct sim_drawn *ret_drawn)
{
    struct crl_rng rng = crl_rng_split(seed, "swarm");
    *ret_drawn = (struct sim_drawn){0};
    struct sim_plan *plan = &ret_drawn->plan;
    plan->seed = seed;
    plan->nodes = chance(&rng, 0.35) ? 1 : whole(&rng, 2, 8);
    plan->lasts_us = span(&rng, CORRAL_MS(100), CORRAL_SECONDS(20));
    draw_readers(&rng, ret_drawn);
    struct crl_rng clears = crl_rng_split(seed, "swarm clears");
    plan->readers.clears = chance(&clears, 0.7) ? 0 : fraction(&clears, 0.05, 1);
    draw_origins(&rng, plan);
    draw_spaces(&rng, plan);
    draw_limits(&rng, plan);
    draw_store(&rng, plan);
    draw_faults(&rng, ret_drawn);
}

/* ------------------------------------------------------------------------------------- describe */

struct text {
    char *at;
    size_t left; /* with the terminator */
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text->at, text->left, format, args);
    va_end(args);
    size_t said = n < 0 ? 0 : (size_t)n < text->left ? (size_t)n : text->left - 1;
    text->at += said;
    text->left -= said;
}

static void say_us(struct text *text, const char *name, corral_us value_us)
{
    say(text, " %s=%.6gms", name, (double)value_us / 1e3);
}

static void describe_readers(struct text *text, const struct sim_readers *readers)
{
    say(text, " keys=%u", readers->keys);
    if (readers->popularity == SIM_POPULARITY_ZIPF && readers->keys > 1)
        say(text, "(zipf %.2g)", readers->zipf_s);
    for (uint32_t i = 0; i < readers->pieces_n; i++)
        say(text, " rate=%.4g..%.4g/s", readers->pieces[i].rate_from, readers->pieces[i].rate_to);
    for (uint32_t i = 0; i < readers->bursts_n; i++)
        say(text, " burst=%u@%.6gms", readers->bursts[i].requests,
            (double)readers->bursts[i].at / 1e3);
    say_us(text, "wait", readers->wait_us);
    if (readers->give_up > 0)
        say(text, " give_up=%.2g", readers->give_up);
    if (readers->writes > 0)
        say(text, " writes=%.3g/s", readers->writes);
    if (readers->refreshes > 0)
        say(text, " refreshes=%.3g/s", readers->refreshes);
    if (readers->writes > 0 && readers->puts > 0)
        say(text, " puts=%.2g", readers->puts);
    if (readers->writes > 0 && readers->clears > 0)
        say(text, " clears=%.2g", readers->clears);
}

static void describe_database(struct text *text, const struct sim_database *database)
{
    static const char *const services[] = {"fixed", "exponential", "lognormal"};
    say(text, " database=%s:%.6gms x%u", services[database->service],
        (double)database->mean_us / 1e3, database->servers);
    if (database->slowdown > 0)
        say(text, " slowdown=%.2g", database->slowdown);
    if (database->timeout_us > 0)
        say_us(text, "timeout", database->timeout_us);
    if (database->fails > 0)
        say(text, " fails=%.2g", database->fails);
    if (database->absent > 0)
        say(text, " absent=%.2g", database->absent);
    say_us(text, "cancel", database->cancel_us);
}

static void describe_origin(struct text *text, const struct sim_origin_plan *origin)
{
    say(text, " concurrency=%u queue=%u", origin->limits.concurrency, origin->limits.queue);
    say_us(text, "deadline", origin->deadline_us);
    if (origin->batch_max > 1)
        say(text, " batch=%u", origin->batch_max);
    if (origin->hedge_us > 0)
        say_us(text, "hedge", origin->hedge_us);
    if (origin->ttl_us > 0)
        say_us(text, "says_ttl", origin->ttl_us);
    describe_database(text, &origin->database);
}

static void describe_space(struct text *text, const struct sim_space_plan *space)
{
    say(text, " share=%u origin=%u", space->share, space->origin);
    say_us(text, "ttl", space->policy.ttl_us);
    say_us(text, "negative_ttl", space->policy.negative_ttl_us);
    if (space->policy.jitter > 0)
        say(text, " jitter=%.2g", space->policy.jitter);
    if (space->policy.no_coalescing)
        say(text, " no_coalescing");
    if (space->failure_us > 0)
        say_us(text, "failure", space->failure_us);
    if (space->has_store)
        say(text, " has_store");
}

static void describe_store(struct text *text, const struct sim_plan *plan)
{
    const struct sim_store *store = &plan->store;
    if (!sim_plan_has_store(plan)) {
        say(text, " no store");
        return;
    }
    say_us(text, "store", store->network.delay_us);
    if (store->network.spread_us > 0)
        say_us(text, "spread", store->network.spread_us);
    if (store->network.drops > 0)
        say(text, " drops=%.2g", store->network.drops);
    say_us(text, "store_timeout", store->timeout_us);
    say_us(text, "lease", store->lease_us);
}

static bool fault_is_of_one_origin(const struct sim_fault *fault)
{
    return fault->kind >= SIM_FAULT_DATABASE_SLOW && fault->kind <= SIM_FAULT_DATABASE_HANGS &&
           fault->origin != SIM_ALL_ORIGINS;
}

static void describe_faults(struct text *text, const struct sim_plan *plan)
{
    static const char *const words[] = {
#define X(name, word) word,
        SIM_FAULTS(X)
#undef X
    };
    for (uint32_t i = 0; i < plan->faults_n; i++) {
        const struct sim_fault *fault = &plan->faults[i];
        say(text, " %s@%.6gms+%.6gms", words[fault->kind], (double)fault->at / 1e3,
            (double)fault->lasts_us / 1e3);
        if (fault->kind >= SIM_FAULT_NODE_KILLED)
            say(text, "(nodes %u..%u)", fault->node_from, fault->node_to);
        else if (fault_is_of_one_origin(fault))
            say(text, "(origin %u)", fault->origin);
    }
}

void sim_swarm_describe(const struct sim_plan *plan, char *ret_text, size_t room)
{
    crl_assert(room > 0);
    struct text text = {.at = ret_text, .left = room};
    say(&text, "seed=%llu nodes=%u", (unsigned long long)plan->seed, plan->nodes);
    say_us(&text, "lasts", plan->lasts_us);
    describe_readers(&text, &plan->readers);
    for (uint32_t i = 0; i < plan->spaces_n; i++) {
        say(&text, " space %u:", i);
        describe_space(&text, &plan->spaces[i]);
    }
    for (uint32_t i = 0; i < plan->origins_n; i++) {
        say(&text, " origin %u:", i);
        describe_origin(&text, &plan->origins[i]);
    }
    say(&text, " nodes:");
    say(&text, " memory=%zu flights=%u waiters=%u", plan->memory_bytes, plan->flights_max,
        plan->waiters_max);
    describe_store(&text, plan);
    describe_faults(&text, plan);
}
