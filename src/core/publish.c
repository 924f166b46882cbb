/* SPDX-License-Identifier: Apache-2.0
 *
 * publish.c - entries for the table, and which loads were needed.
 *
 * A load was needed if some reader was served by what it brought, at a time when without it there
 * would have been nothing fresh: after the old value had expired. If a reader waited for
 * the load, and that instant had passed when the load was answered, the load is counted at once.
 * Otherwise the first reader after that instant counts it (crl_entry_use()). See
 * docs/decisions/0013. */
#include "core/machine.h"
#include "policy/ttl.h"

/* Buckets of the table that one epoch looks through, at least; and the age in epochs at which an
 * entry goes. All have been looked at within SWEEP_EPOCHS, long before an epoch's 16 bits come
 * round. */
#define SWEEP_BUCKETS_MIN 16
#define SWEEP_EPOCHS      (1u << 13)
#define SWEEP_AGE         (1u << 14)

static struct crl_entry *entry_of(struct crl_core *core, const struct active_key *key)
{
    return crl_table_find(core->table, key->hash, key->space, crl_key_bytes(key));
}

/* Until when readers would be served if nothing came now. */
static corral_us served_until(struct step *step, const struct active_key *key)
{
    struct crl_entry *entry = entry_of(step->core, key);
    const struct crl_space_view *view = &step->core->spaces[key->space]->view;
    switch (crl_entry_judge(entry, step->event->now, view, UINT32_MAX).outcome) {
    case CRL_VERDICT_FRESH:
    case CRL_VERDICT_ABSENT:
        return entry->fresh_until;
    case CRL_VERDICT_NOTHING:
    case CRL_VERDICT_STALE:
    case CRL_VERDICT_FAILED:
        return step->event->now;
    }
    crl_unreachable();
}

/* P4: has nobody invalidated the key since it was asked for? What has a store may be confirmed
 * there, in a later epoch; without one a new epoch begins when the space is cleared. */
static bool is_kept(struct step *step, const struct crl_flight *flight)
{
    const struct space *space = crl_space_of(step->core, flight);
    return !flight->is_fenced && flight->generation == flight->key->generation &&
           (space->config.has_store || flight->home == space->view.home);
}

static bool insert_if_current(struct step *step, const struct crl_flight *flight,
                              struct crl_entry *entry)
{
    return is_kept(step, flight) && step->event->now < entry->fresh_until &&
           crl_table_insert(step->core->table, entry);
}

/* The event's draft, or one that says that there is no such thing. NULL: no memory. */
static struct crl_entry *draft_take(struct step *step, size_t key_size)
{
    struct crl_entry *draft = step->draft;
    step->draft = NULL;
    return draft != NULL ? draft : crl_entry_draft(step->core->config.allocator, key_size, 0, 0);
}

static corral_us fresh_until(struct step *step, uint32_t space, bool is_absent, corral_us ttl_us)
{
    struct crl_core *core = step->core;
    const struct corral_policy *policy = &core->spaces[space]->config.policy;
    corral_us own_us = is_absent ? policy->negative_ttl_us : policy->ttl_us;
    double u = crl_rng_uniform(&core->jitter_lots);
    corral_us agreed_us = ttl_us == CRL_TTL_OF_POLICY ? own_us : crl_span(ttl_us);
    return step->event->now + crl_ttl_jittered(agreed_us, policy->jitter, u);
}

static corral_us quiet_until(const struct space *space, const struct crl_entry_stamp *stamp)
{
    struct crl_times times = {.answered_at = stamp->answered_at,
                              .fresh_until = stamp->fresh_until,
                              .load_us = stamp->load_us};
    return crl_entry_quiet_until(&times, &space->view);
}

/* What a load brought: used at once if somebody waited for it and had nothing else; else it is not
 * quiet until what was there before would have expired. */
static void stamp_use(struct step *step, struct crl_flight *flight, struct crl_entry_stamp *stamp)
{
    struct space *space = crl_space_of(step->core, flight);
    corral_us until = served_until(step, flight->key);
    stamp->is_used = !cds_list_empty(&flight->waiters) && until <= step->event->now;
    if (stamp->is_used)
        crl_counter_add(&space->counts.needed, 1);
    stamp->quiet_until = stamp->is_used               ? quiet_until(space, stamp)
                         : until < stamp->fresh_until ? until
                                                      : stamp->fresh_until;
}

struct published crl_publish_load(struct step *step, struct crl_flight *flight)
{
    struct active_key *key = flight->key;
    bool is_absent = step->draft == NULL;
    struct crl_entry *entry = draft_take(step, key->size);
    if (entry == NULL)
        return (struct published){.entry = NULL};
    struct crl_entry_stamp stamp = {
        .home = flight->home,
        .kind = is_absent ? CRL_ENTRY_ABSENT : CRL_ENTRY_VALUE,
        .key = crl_key_bytes(key),
        .answered_at = step->event->now,
        .fresh_until = fresh_until(step, key->space, is_absent, step->event->origin.ttl_us),
        .load_us = step->load_us,
    };
    stamp_use(step, flight, &stamp);
    crl_entry_stamp(entry, &stamp);
    return (struct published){entry, insert_if_current(step, flight, entry)};
}

struct published crl_publish_stored(struct step *step, struct crl_flight *flight)
{
    const struct crl_event *event = step->event;
    struct active_key *key = flight->key;
    bool is_absent = step->draft == NULL;
    struct crl_entry *entry = draft_take(step, key->size);
    if (entry == NULL)
        return (struct published){.entry = NULL};
    struct crl_entry_stamp stamp = {
        .home = flight->home,
        .kind = is_absent ? CRL_ENTRY_ABSENT : CRL_ENTRY_VALUE,
        .key = crl_key_bytes(key),
        .answered_at = event->now - event->store.age_us,
        .fresh_until = event->now + event->store.fresh_us,
        .is_used = true, /* it was no load of this process */
    };
    stamp.quiet_until = quiet_until(crl_space_of(step->core, flight), &stamp);
    crl_entry_stamp(entry, &stamp);
    return (struct published){entry, insert_if_current(step, flight, entry)};
}

int crl_publish_put(struct step *step)
{
    const struct crl_event *event = step->event;
    struct crl_core *core = step->core;
    struct crl_entry *entry = step->draft;
    crl_assert(entry != NULL);
    if (crl_entry_value(entry).size > core->config.value_max)
        return CORRAL_EVALUE;
    struct crl_entry_stamp stamp = {
        .home = core->spaces[event->space]->view.home,
        .kind = CRL_ENTRY_VALUE,
        .key = event->key,
        .answered_at = event->now,
        .fresh_until = fresh_until(step, event->space, false, CRL_TTL_OF_POLICY),
        .is_used = true,
    };
    stamp.quiet_until = quiet_until(core->spaces[event->space], &stamp);
    crl_entry_stamp(entry, &stamp);
    if (event->now < entry->fresh_until)
        (void)crl_table_insert(core->table, entry); /* too large for the budget: not cached */
    return 0;
}

/* ----------------------------------------------------------------------------- failures, epochs */

/* A value that may still be served is not given up for a failure. */
void crl_remember_failure(struct step *step, const struct crl_flight *flight, corral_us retry_us)
{
    struct crl_core *core = step->core;
    const struct active_key *key = flight->key;
    const struct crl_space_view *view = &core->spaces[key->space]->view;
    corral_us now = step->event->now;
    if (retry_us <= 0 || !is_kept(step, flight) ||
        crl_entry_judge(entry_of(core, key), now, view, UINT32_MAX).outcome != CRL_VERDICT_NOTHING)
        return;
    struct crl_entry *entry = crl_entry_failed_draft(core->config.allocator, key->size, step->rc);
    if (entry == NULL)
        return; /* the next one tries again */
    crl_entry_stamp(entry, &(struct crl_entry_stamp){.home = flight->home,
                                                     .kind = CRL_ENTRY_FAILED,
                                                     .key = crl_key_bytes(key),
                                                     .answered_at = now,
                                                     .quiet_until = now,
                                                     .fresh_until = now + retry_us});
    (void)crl_table_insert(core->table, entry);
    crl_entry_unref(core->config.allocator, entry);
}

struct crl_entry *crl_unconfirmed(struct step *step, const struct crl_flight *flight)
{
    const struct active_key *key = flight->key;
    struct crl_entry *entry = entry_of(step->core, key);
    bool serves = entry != NULL && step->event->now < entry->fresh_until &&
                  crl_entry_kind(entry) != CRL_ENTRY_FAILED &&
                  flight->generation == key->generation;
    return serves ? entry : NULL;
}

/* Has it been passed over by so many epochs that their number may come round? */
static bool is_of_old(void *arg, const struct crl_entry *entry)
{
    struct crl_core *core = arg;
    uint32_t home = crl_entry_home(entry);
    uint32_t now = core->spaces[crl_home_space(home)]->epoch;
    return (uint16_t)(now - crl_home_epoch(home)) > SWEEP_AGE;
}

static void sweep(struct crl_core *core)
{
    core->sweep_at = crl_table_sweep(core->table, core->sweep_at, SWEEP_EPOCHS, SWEEP_BUCKETS_MIN,
                                     is_of_old, core);
}

static void epoch_next(struct crl_core *core, uint32_t space)
{
    struct space *of = core->spaces[space];
    of->view.home = crl_home(space, ++of->epoch);
}

void crl_epoch_begin(struct crl_core *core)
{
    for (uint32_t i = 0; i < core->spaces_n; i++) {
        if (core->spaces[i]->config.has_store)
            epoch_next(core, i);
    }
    sweep(core);
}

void crl_space_epoch_begin(struct crl_core *core, uint32_t space)
{
    epoch_next(core, space);
    sweep(core);
}
