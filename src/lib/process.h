/* SPDX-License-Identifier: Apache-2.0
 *
 * process.h - what the library asks of the process that it is in: to live through fork(), and to
 * stay when it is unloaded.
 *
 * fork(). A child may open caches of its own, give back values, and end threads; the parent's
 * caches are closed to it. So:
 *
 *   F1  What all caches share is left whole by fork(), because it waits for the locks: liburcu's
 *       registry of readers, the tickets, the lists of sheets. liburcu's comes first: whom it waits
 *       for, readers, may wait for the others. The others wait for nobody.
 *   F2  What is one cache's alone, its turn, threads and pools, is left as it was. No function
 *       looks at it where the cache has fewer forks than the process (crl_forks), but says ECLOSED.
 *   F3  A block of a parent's arena is freed without the arena's lock (arena.h).
 *   F4  A thread of a cache that forks, in a loader or a callback, is no thread of a cache in the
 *       child: when the program's function returns there, the thread ends.
 *
 * dlclose(). A thread that has read a cache calls liburcu and stats.c when it ends, whatever was
 * unloaded meanwhile, with a plugin that has the library in it, say. So the object that the library
 * is in stays from the first corral_open() on; before that nothing of it is called. */
#ifndef CRL_LIB_PROCESS_H
#define CRL_LIB_PROCESS_H

/* crl_process_stay - have the object that this code is in stay until the process ends. Any thread;
 * the first call may take a while. */
void crl_process_stay(void);

#endif
