/* SPDX-License-Identifier: Apache-2.0
 *
 * readers.c - see readers.h. */
#include "sim/watch/readers.h"

#include "base/rc.h"
#include "sim/watch/values.h"

/* Who is refused because of a limit came to one. The reader himself is among those who wait. */
static void watch_refusal(struct sim *sim, const struct sim_reader *reader)
{
    struct sim_node *node = &sim->nodes[reader->node];
    uint32_t waiting = 0;
    struct sim_reader *other;
    cds_list_for_each_entry(other, &node->readers, link)
        waiting++;
    uint64_t flights = crl_counter_get(&crl_core_counts(node->core)->flights);
    if (waiting <= sim->plan.waiters_max && flights < sim->plan.flights_max)
        watch_break(sim, reader->key, "P8: reader %u was refused; %u wait and %llu fly at node %u",
                    reader->number, waiting - 1, (unsigned long long)flights, reader->node);
}

void watch_answer(struct sim *sim, const struct sim_reader *reader, int result,
                  const struct crl_entry *entry)
{
    corral_us until = reader->wait_until;
    if (reader->answered)
        watch_break(sim, reader->key, "P5: reader %u was answered twice", reader->number);
    if (sim->nodes[reader->node].resumed_at > until)
        until = sim->nodes[reader->node].resumed_at; /* the whole process stood still */
    if (sim->now > until)
        watch_break(sim, reader->key, "P5: reader %u was answered %lld us late", reader->number,
                    (long long)(sim->now - until));
    if (result == CORRAL_ELIMIT && sim->options.audits)
        watch_refusal(sim, reader);
    if (crl_rc_plain(result) == CORRAL_EORIGIN && crl_rc_code(result) != (int)reader->key + 1)
        watch_break(sim, reader->key, "P10: reader %u was told of a failure with code %d",
                    reader->number, crl_rc_code(result));
    if ((result >= 0) != (entry != NULL))
        watch_break(sim, reader->key, "P5: reader %u got result %d and %s value", reader->number,
                    result, entry != NULL ? "a" : "no");
    else if (entry != NULL)
        watch_value(sim, reader, result, entry);
}

void watch_load_over(struct sim *sim, const struct sim_load *load)
{
    if (key_space(sim, load->key)->policy.no_coalescing || watch_is_broken(sim) ||
        !sim->options.audits)
        return;
    struct sim_load *other;
    cds_list_for_each_entry(other, &sim->keys[load->key].live, in_key) {
        if (other->node == load->node && other->began_at < sim->now)
            watch_break(sim, load->key, "P1: the load of %s at node %u goes on after the other",
                        sim->keys[load->key].name, load->node);
    }
    struct sim_reader *reader;
    cds_list_for_each_entry(reader, &sim->nodes[load->node].readers, link) {
        if (reader->key == load->key && reader->number < load->readers_before)
            watch_break(sim, load->key,
                        "P5: reader %u came before the load of %s began and was not answered by it",
                        reader->number, sim->keys[load->key].name);
    }
}

void watch_limits(struct sim *sim, uint32_t number)
{
    const struct crl_core *core = sim->nodes[number].core;
    struct crl_table_counts table = crl_table_counts(crl_core_table(sim->nodes[number].core));
    uint64_t flights = crl_counter_get(&crl_core_counts(core)->flights);
    if (table.bytes > sim->plan.memory_bytes)
        watch_break(sim, 0, "P8: node %u keeps %llu bytes of %zu", number,
                    (unsigned long long)table.bytes, sim->plan.memory_bytes);
    if (flights > sim->plan.flights_max)
        watch_break(sim, 0, "P8: node %u has %llu flights, its limit is %u", number,
                    (unsigned long long)flights, sim->plan.flights_max);
}

void watch_readers(struct sim *sim, uint32_t number)
{
    struct sim_node *node = &sim->nodes[number];
    uint32_t n = 0, worked_on = UINT32_MAX;
    struct sim_reader *reader;
    cds_list_for_each_entry(reader, &node->readers, link) {
        n++;
        if (sim->now > reader->wait_until && sim->now > node->resumed_at)
            watch_break(sim, reader->key, "P5: reader %u is still waiting %lld us past its limit",
                        reader->number, (long long)(sim->now - reader->wait_until));
        if (sim->known == NULL || reader->key == worked_on || sim->stepping == CRL_CLOSE)
            continue;
        if (!watch_is_worked_on(sim, number, reader->key))
            watch_break(sim, reader->key, "P5: reader %u waits for %s, for which nobody works",
                        reader->number, sim->keys[reader->key].name);
        worked_on = reader->key;
    }
    if (n > sim->plan.waiters_max)
        watch_break(sim, 0, "P8: at node %u %u readers wait, its limit is %u", number, n,
                    sim->plan.waiters_max);
}

void watch_forgotten(struct sim *sim, uint32_t number)
{
    struct sim_reader *reader;
    cds_list_for_each_entry(reader, &sim->nodes[number].readers, link)
        watch_break(sim, reader->key, "P5: reader %u was never answered", reader->number);
}
