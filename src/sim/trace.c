/* SPDX-License-Identifier: Apache-2.0
 *
 * trace.c - the narration: one line for each thing that happened, at virtual time.
 *
 *     [  100 ms] 0 user:7   loading  loaded       -> idle     5 waiters, answer_loaded */
#include "sim/private.h"

#include <stdarg.h>
#include <stdio.h>

static void trace_append(struct sim *sim, const char *text, size_t size)
{
    if (sim->trace_size + size + 1 > sim->trace_room) {
        size_t room = sim->trace_room * 2 + size + 256;
        char *trace = realloc(sim->trace, room);
        crl_assert(trace != NULL);
        sim->trace = trace;
        sim->trace_room = room;
    }
    memcpy(sim->trace + sim->trace_size, text, size);
    sim->trace_size += size;
    sim->trace[sim->trace_size] = '\0';
}

void trace_line(struct sim *sim, uint32_t node, const char *format, ...)
{
    char line[256];
    int head = snprintf(line, sizeof line, "[%5lld ms] %u ", (long long)(sim->now / 1000), node);
    va_list args;
    va_start(args, format);
    int body = vsnprintf(line + head, sizeof line - (size_t)head - 1, format, args);
    va_end(args);
    size_t size = (size_t)head + (size_t)body;
    if (size > sizeof line - 2)
        size = sizeof line - 2;
    line[size] = '\n';
    trace_append(sim, line, size + 1);
}

/* A reader who joins is no news: a thousand of them would be a thousand lines. */
static bool step_is_news(const struct crl_step *step)
{
    return step->from != step->to || step->on == CRL_ON_DESERTED;
}

void trace_steps(struct sim *sim, uint32_t node)
{
    for (uint32_t i = 0; i < sim->actions.steps_n; i++) {
        const struct crl_step *step = &sim->actions.steps[i];
        if (!step_is_news(step))
            continue;
        trace_line(sim, node, "%-8s %-8s %-12s -> %-8s %s, %u waiting", step->key,
                   crl_flight_state_name(step->from), crl_flight_signal_name(step->on),
                   crl_flight_state_name(step->to), crl_flight_edge_name(step->from, step->on),
                   step->waiters);
    }
}
