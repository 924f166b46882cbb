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

/* crl_store_memory_new - an empty store. push may be NULL. NULL: no memory. */
struct crl_store_memory *crl_store_memory_new(crl_store_push_fn *push, void *arg);
void crl_store_memory_free(struct crl_store_memory *store);

/* crl_store_memory_wipe - it loses everything at once, tells nobody, and goes on. Tokens that it
 * gave before are not given again (S1). */
void crl_store_memory_wipe(struct crl_store_memory *store);

/* The operations of the contract. Errors: ENOMEM, and nothing has changed. */
int crl_store_memory_get_or_lease(struct crl_store_memory *store, corral_us now, uint32_t by,
                                  uint32_t space, struct corral_bytes key, corral_us lease_us,
                                  struct crl_store_reply *ret_reply);
/* Returns 1 written, 0 the token does not hold the lease. */
int crl_store_memory_fill(struct crl_store_memory *store, corral_us now, uint32_t by,
                          uint32_t space, struct corral_bytes key, uint64_t token,
                          const struct crl_store_value *value);
void crl_store_memory_release(struct crl_store_memory *store, corral_us now, uint32_t by,
                              uint32_t space, struct corral_bytes key, uint64_t token);
void crl_store_memory_invalidate(struct crl_store_memory *store, corral_us now, uint32_t by,
                                 uint32_t space, struct corral_bytes key);

#endif
