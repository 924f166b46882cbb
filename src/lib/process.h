/* SPDX-License-Identifier: Apache-2.0
 *
 * process.h - what the library asks of the process that it is in: to stay when it is unloaded.
 *
 * A thread that has read a cache calls liburcu and stats.c when it ends, whatever was
 * unloaded meanwhile, with a plugin that has the library in it, say. So the object that the library
 * is in stays from the first corral_open() on; before that nothing of it is called. */
#ifndef CRL_LIB_PROCESS_H
#define CRL_LIB_PROCESS_H

/* crl_process_stay - have the object that this code is in stay until the process ends. Any thread;
 * the first call may take a while. */
void crl_process_stay(void);

#endif
