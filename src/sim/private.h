/* SPDX-License-Identifier: Apache-2.0
 *
 * private.h - what the files of sim/ share.
 *
 *   world.c   the queue of things to happen, the nodes, the execution of actions
 *   watch.c   the observer: what readers and the origin see, judged by the promises
 *   trace.c   the narration */
#ifndef CRL_SIM_PRIVATE_H
#define CRL_SIM_PRIVATE_H

#include "base/assert.h"
#include "sim/world.h"
#include "store/memory.h"

#include <stdlib.h>

#define SIM_KEYS_MAX  64
#define SIM_NODES_MAX 64
#define SIM_KEY_MAX   32

/* A key of the database: its version, and the loads of it that are on their way. */
struct sim_key {
    char name[SIM_KEY_MAX];
    uint64_t version;
    corral_us written_at;         /* when the version was written */
    uint32_t loads;               /* ever begun */
    uint32_t live[SIM_NODES_MAX]; /* begun, not answered, not cancelled */
};

struct sim_reader {
    struct crl_waiter waiter; /* first */
    struct sim_reader *next;
    uint32_t number;
    uint32_t node;
    struct sim_key *key;
    corral_us asked_at, wait_until;
    uint64_t version_min; /* P4: no older one may be given to this reader */
    bool answered;
    bool forgotten; /* its node was killed */
};

/* A load at the origin. Each takes a place there until it has ended, cancelled or not. */
struct sim_load {
    struct sim_load *next;
    crl_load_id id;
    uint32_t node;
    struct sim_key *key;
    uint64_t version; /* as read at the start */
    bool cancelled;
    enum sim_origin_mode mode;
    struct sim_event *answer; /* NULL: never */
};

struct sim_node {
    struct crl_core *core;
    uint32_t incarnation;
    bool down;
    uint32_t space;
};

struct sim {
    struct sim_config config;
    corral_us now;
    struct crl_timers queue; /* of struct sim_event */
    struct sim_node nodes[SIM_NODES_MAX];
    struct sim_key keys[SIM_KEYS_MAX];
    uint32_t keys_n;
    struct sim_reader *readers;
    uint32_t readers_n;
    struct sim_load *loads; /* that have not ended */
    uint32_t loads_at_once, loads_peak;
    enum sim_origin_mode origin_mode;
    struct crl_store_memory *store;
    bool store_is_up;
    uint32_t answers[32]; /* by result + 16 */
    corral_us last_answer_at;
    struct crl_actions actions;
    char *trace;
    size_t trace_size, trace_room;
    char broken[256];
};

/* world.c */
struct sim_key *sim_key_of(struct sim *sim, const char *name);

/* watch.c */
void watch_load(struct sim *sim, uint32_t node, struct sim_key *key);
void watch_answer(struct sim *sim, struct sim_reader *reader, int result,
                  const struct crl_entry *entry);
void watch_end(struct sim *sim);
void watch_break(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* trace.c */
void trace_steps(struct sim *sim, uint32_t node);
void trace_line(struct sim *sim, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
