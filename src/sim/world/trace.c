/* SPDX-License-Identifier: Apache-2.0
 *
 * trace.c - see trace.h. */
#include "sim/world/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void trace_line(struct sim *sim, uint32_t node, const char *format, ...)
{
    if (sim->options.trace == NULL)
        return;
    char line[256];
    int head = snprintf(line, sizeof line, "[%5lld ms] %u ", (long long)(sim->now / 1000), node);
    va_list args;
    va_start(args, format);
    vsnprintf(line + head, sizeof line - (size_t)head, format, args);
    va_end(args);
    sim->options.trace(sim->options.trace_arg, line);
}

/* Is this about the key that is to be traced? All are, unless one was named. */
static bool key_is_traced(const struct sim *sim, const struct crl_edge_taken *step)
{
    if (sim->options.traced_key == NULL)
        return true;
    const struct sim_key *key = &sim->keys[*sim->options.traced_key];
    return key->space == step->space && strcmp(key->text, step->key) == 0;
}

/* A reader who joins is no news: a thousand of them would be a thousand lines. */
static bool step_is_news(const struct crl_edge_taken *step)
{
    return step->from != step->to || step->on == CRL_ON_DESERTED;
}

void trace_edges(struct sim *sim)
{
    for (uint32_t i = 0; sim->options.edges != NULL && i < sim->actions.taken_n; i++)
        sim->options.edges[sim->actions.taken[i].from][sim->actions.taken[i].on]++;
}

void trace_steps(struct sim *sim, uint32_t node)
{
    trace_edges(sim);
    if (sim->options.trace == NULL)
        return;
    for (uint32_t i = 0; i < sim->actions.taken_n; i++) {
        const struct crl_edge_taken *step = &sim->actions.taken[i];
        if (!step_is_news(step) || !key_is_traced(sim, step))
            continue;
        char name[SIM_NAME_MAX + 24]; /* the number of a space, and a slash */
        if (step->space == 0)
            snprintf(name, sizeof name, "%s", step->key);
        else
            snprintf(name, sizeof name, "%u/%s", step->space, step->key);
        trace_line(sim, node, "%-8s %-8s %-12s -> %-8s %s, %u waiting", name,
                   crl_flight_state_name(step->from), crl_flight_signal_name(step->on),
                   crl_flight_state_name(step->to), crl_flight_edge_name(step->from, step->on),
                   step->waiters);
    }
}
