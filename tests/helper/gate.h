/* SPDX-License-Identifier: Apache-2.0
 *
 * gate.h - a gate that holds loads where a test wants them: who comes counts himself in, and waits
 * until the gate is open. One for a whole test program; under the probe's lock. */
#ifndef CRL_TESTS_GATE_H
#define CRL_TESTS_GATE_H

#include "probe.h"

static struct {
    uint32_t entered;
    bool open;
} gate;

static inline void gate_close(void)
{
    probe_do((gate.entered = 0, gate.open = false));
}

static inline void gate_open(void)
{
    probe_do(gate.open = true);
}

static inline void gate_enter(void)
{
    probe_do(gate.entered++);
}

static inline void gate_pass(void)
{
    gate_enter();
    probe_await(gate.open);
}

#endif
