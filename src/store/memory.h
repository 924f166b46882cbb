/* SPDX-License-Identifier: Apache-2.0
 *
 * memory.h - the store contract in memory: for the simulator and the tests.
 *
 * `now` is an argument of every call. One thread. The pushes of S6 go to one function. */
#ifndef CRL_STORE_MEMORY_H
#define CRL_STORE_MEMORY_H

#include "store/store.h"

struct crl_store_memory;

/* Somebody changed a key. `by` is the process that did and need not be told. */
typedef void crl_store_push_fn(void *arg, uint32_t by, uint32_t space, struct corral_bytes key);

/* crl_store_memory_new - an empty store. push may be NULL. NULL: no memory.
 * allocator   of the drafts in its replies; borrowed, outlives the store */
struct crl_store_memory *crl_store_memory_new(struct crl_allocator *allocator,
                                              crl_store_push_fn *push, void *arg);
void crl_store_memory_free(struct crl_store_memory *store);

/* crl_store_memory_wipe - it loses everything at once, tells nobody, and goes on. */
void crl_store_memory_wipe(struct crl_store_memory *store);

/* crl_store_memory_execute - a request of a process, and its reply. Errors: ENOMEM, and nothing has
 * changed. */
int crl_store_memory_execute(struct crl_store_memory *store, corral_us now, uint32_t by,
                             const struct crl_store_request *request,
                             struct crl_store_reply *ret_reply);

#endif
