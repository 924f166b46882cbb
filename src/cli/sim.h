/* SPDX-License-Identifier: Apache-2.0
 *
 * sim.h - the verb `corral sim`: what a stampede would do to a fleet, in virtual time. */
#ifndef CRL_CLI_SIM_H
#define CRL_CLI_SIM_H

/* crl_verb_sim - run it. argv[0] is the verb. Blocks.
 * Returns the exit code: 0 done; 1 the scenario has problems, a promise broke, or what came of it
 * cannot be written; 2 wrong usage. */
int crl_verb_sim(int argc, char **argv);

#endif
