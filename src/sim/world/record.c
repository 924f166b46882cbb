/* SPDX-License-Identifier: Apache-2.0
 *
 * record.c - see record.h. */
#include "sim/world/record.h"

#include <string.h>

/* What is brought to its end after the last arrival is in no slice. */
static struct sim_slice *slice_at(struct sim *sim, corral_us at)
{
    struct sim_report *report = sim->report;
    uint64_t i = report->slice_us > 0 ? (uint64_t)(at / report->slice_us) : 0;
    return i < SIM_SLICES ? &report->slices[i] : &sim->after_the_end;
}

static bool is_measured(const struct sim *sim, corral_us at)
{
    return at >= sim->plan.measure_at;
}

void record_arrival(struct sim *sim, corral_us asked_at)
{
    sim->report->events++;
    sim->report->requests += is_measured(sim, asked_at);
    slice_at(sim, asked_at)->requests++;
}

/* Somebody is served by what a load brought. The fleet needed it if his own process did, which has
 * marked the entry then, and no value that was needed elsewhere is still fresh: one in the fleet is
 * enough. After a write, old values may go round among those who have not heard of it; so only a
 * later load than the last that was needed is counted, and none twice. */
static void record_use(struct sim *sim, const struct sim_value *value,
                       const struct crl_entry *entry)
{
    bool is_absent = crl_entry_is_absent(entry);
    struct sim_key *key = &sim->keys[value->key];
    corral_us ttl_us = key_ttl(sim, value->key, is_absent);
    corral_us fresh_until = value->loaded_at + key_fresh_us(sim, value->key, ttl_us);
    bool is_fresh = sim->now == value->loaded_at || sim->now < fresh_until;
    if (!crl_entry_has(entry, CRL_MARK_USED) || value->load <= key->needed_load || !is_fresh ||
        sim->now < key->needed_until)
        return;
    key->needed_load = value->load;
    if (value->version == (uint32_t)key->version) /* else nobody keeps it */
        key->needed_until = fresh_until;
    /* It may have begun before anything was measured; but not more were needed than there were. */
    sim->report->needed += is_measured(sim, sim->now) && sim->report->needed < sim->report->loads;
}

void record_answer(struct sim *sim, const struct sim_reader *reader, int result,
                   const struct crl_entry *entry)
{
    corral_us asked_at = reader->asked_at;
    struct sim_value value = sim->keys[reader->key].last;
    if (entry != NULL && !crl_entry_is_absent(entry))
        memcpy(&value, crl_entry_value(entry).data, sizeof value);
    if (entry != NULL)
        record_use(sim, &value, entry);
    struct sim_report *report = sim->report;
    struct sim_slice *slice = slice_at(sim, sim->now);
    corral_us latency_us = sim->now - asked_at;
    bool from_memory = result == CORRAL_HIT || result == CORRAL_NEGATIVE || result == CORRAL_STALE;
    slice->errors += result < 0;
    slice->hits += from_memory && latency_us == 0;
    slice->waited += result >= 0 && latency_us > 0;
    if (latency_us > slice->latency_max_us)
        slice->latency_max_us = latency_us;
    if (!is_measured(sim, asked_at))
        return;
    if (result >= 0)
        report->answers[result]++;
    else
        report->errors[-result]++;
    report->errors_all += result < 0;
    crl_quantiles_add(&report->latency, latency_us);
    if (entry != NULL && !crl_entry_is_absent(entry))
        crl_quantiles_add(&report->age, sim->now - value.loaded_at);
}

void record_load(struct sim *sim)
{
    struct sim_report *report = sim->report;
    struct sim_slice *slice = slice_at(sim, sim->now);
    uint32_t waiting, at_once = queries_of(sim, &waiting);
    slice->loads++;
    if (at_once > slice->active_max)
        slice->active_max = at_once;
    if (waiting > slice->queued_max)
        slice->queued_max = waiting;
    if (!is_measured(sim, sim->now))
        return;
    report->loads++;
    if (at_once > report->loads_at_once_max)
        report->loads_at_once_max = at_once;
    if (waiting > report->database_queue_max)
        report->database_queue_max = waiting;
}
