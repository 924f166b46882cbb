/* SPDX-License-Identifier: Apache-2.0
 *
 * ready.h - the ready scenarios, as they stand in ready/: part of the program, so that they
 * are there wherever it runs. */
#ifndef CRL_SCENARIO_READY_H
#define CRL_SCENARIO_READY_H

struct crl_sim_ready {
    const char *name; /* also the scenario's own; NULL: behind the last */
    const char *text; /* YAML */
};

/* Written at build time by tools/embed. */
extern const struct crl_sim_ready crl_sim_ready[];

/* crl_sim_ready_find - the one of this name; NULL: none. */
const struct crl_sim_ready *crl_sim_ready_find(const char *name);

#endif
