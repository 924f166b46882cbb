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

static void record_use(struct sim *sim, uint32_t number, uint64_t load)
{
    struct sim_key *key = &sim->keys[number];
    if (load != key->last_load || load == 0 || key->last_is_needed ||
        sim->now < key->last_needed_at)
        return;
    key->last_is_needed = true;
    sim->report->needed += key->last_is_measured;
}

void record_answer(struct sim *sim, const struct sim_reader *reader, int result,
                   const struct crl_entry *entry)
{
    corral_us asked_at = reader->asked_at;
    struct sim_value value = {.load = sim->keys[reader->key].last_load};
    if (entry != NULL && !crl_entry_is_absent(entry))
        memcpy(&value, crl_entry_value(entry).data, sizeof value);
    if (entry != NULL)
        record_use(sim, reader->key, value.load);
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

void record_load(struct sim *sim, struct sim_load *load)
{
    struct sim_report *report = sim->report;
    struct sim_slice *slice = slice_at(sim, sim->now);
    uint32_t waiting, at_once = queries_of(sim, &waiting);
    slice->loads++;
    if (at_once > slice->active_max)
        slice->active_max = at_once;
    if (waiting > slice->queued_max)
        slice->queued_max = waiting;
    load->is_measured = is_measured(sim, sim->now);
    if (!load->is_measured)
        return;
    report->loads++;
    if (at_once > report->loads_at_once_max)
        report->loads_at_once_max = at_once;
    if (waiting > report->database_queue_max)
        report->database_queue_max = waiting;
}
