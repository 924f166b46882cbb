/* SPDX-License-Identifier: Apache-2.0
 *
 * storm.h - the verb `corral storm`: a stampede on purpose, with and without protection. */
#ifndef CRL_CLI_STORM_H
#define CRL_CLI_STORM_H

/* crl_verb_storm - run it. argv[0] is the verb. Blocks; takes over SIGINT and SIGTERM meanwhile.
 * Returns the exit code: 0 done; 1 a run could not be made, or had no good answer at all; 2 wrong
 * usage; 130 or 143 stopped by a signal. */
int crl_verb_storm(int argc, char **argv);

#endif
