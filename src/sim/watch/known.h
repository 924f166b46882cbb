/* SPDX-License-Identifier: Apache-2.0
 *
 * known.h - what the observer knows: what each node was told of each key; and how it says that a
 * promise is broken.
 *
 * Some rules need to know what each node was told of each key; large worlds do without them: there
 * known_of() is NULL. */
#ifndef CRL_SIM_WATCH_KNOWN_H
#define CRL_SIM_WATCH_KNOWN_H

#include "sim/world/world.h"

/* What a node knows of a key. */
struct sim_known {
    uint64_t version_min;   /* told of it: no reader that comes now may get an older one */
    uint64_t linked_min;    /* likewise, unless the store is out of sight once more: what the store
                            * had been told when the node was in touch with it again; 0: nothing */
    bool has_refused;       /* a fill of it was refused: the value ... */
    corral_us refused_at;   /* ... that was answered then, by the node's clock, may not stay */
    uint32_t changes;       /* times that it was told that its value is not good any more */
    corral_us fresh_until;  /* the node's clock: it has a value that is good so long */
    uint64_t ask;           /* the last one */
    bool asks;              /* and it has not been answered */
    bool may_load;          /* it has: with a lease, or not at all. Used up by a load */
    bool waits;             /* it has: another node holds the lease ... */
    corral_us waits_until;  /* ... in the world's time */
    struct crl_token given; /* by the last reply: the token of a lease; none: no lease */
    struct crl_token token; /* the same while it holds the lease */
    struct crl_token late_token; /* of a lease that came too late, to be given back at once */
};

/* watch_init - an observer of a world that has its nodes and room for its keys. */
void watch_init(struct sim *sim);
void watch_fini(struct sim *sim);

/* watch_break - a promise is broken, the text begins with its name. The first one is kept, for
 * good. */
void watch_break(struct sim *sim, uint32_t key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* watch_is_broken - a promise is, and the world stands still: its lists may be in any state. */
static inline bool watch_is_broken(const struct sim *sim)
{
    return sim->report->broken[0] != '\0';
}

static inline struct sim_known *known_of(const struct sim *sim, uint32_t node, uint32_t key)
{
    return sim->known != NULL ? &sim->known[(size_t)node * sim->keys_room + key] : NULL;
}

/* watch_changed - a node is told that its value is not good any more; before its core is. */
void watch_changed(struct sim *sim, uint32_t node, uint32_t key, uint64_t version);

/* watch_linked - a node is in touch with the store again, after it was not: whatever it knows of
 * the store's keys is to be confirmed there, and no reader that comes now may get what the store
 * was told to forget. */
void watch_linked(struct sim *sim, uint32_t node);

/* watch_filled - a node hears what became of its fill. */
void watch_filled(struct sim *sim, uint32_t node, uint32_t key, const struct crl_event *event);

/* watch_comes - a reader comes: the least version that it may get of its node. */
void watch_comes(const struct sim *sim, struct sim_reader *reader);

/* watch_version_min - the same, when it is answered. */
uint64_t watch_version_min(const struct sim *sim, const struct sim_reader *reader);

/* watch_node_gone - its process has ended, and with it all that it knew. */
void watch_node_gone(struct sim *sim, uint32_t node);

/* watch_loads_of - queries of a node at an origin, cancelled ones too until they have ended. */
uint32_t watch_loads_of(const struct sim *sim, uint32_t node, uint32_t origin);

/* watch_live_of - live loads of a key at a node. */
uint32_t watch_live_of(const struct sim *sim, uint32_t node, uint32_t key);

/* watch_is_worked_on - is anything under way at a node that will bring this key's readers their
 * answer? */
bool watch_is_worked_on(struct sim *sim, uint32_t node, uint32_t key);

#endif
