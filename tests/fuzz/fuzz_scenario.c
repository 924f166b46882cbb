/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   no text makes the reader of scenarios crash, leak or run away; what it accepts becomes
 *         plans that keep the laws of sim/plan.h, on which the simulator relies.
 * Method: libFuzzer on crl_sim_scenario_parse(), and the plan of every column; the laws are
 *         asserted. */
#include "scenario/plan.h"

#include "base/assert.h"
#include "base/bytes.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_problems(const struct crl_problems *problems)
{
    crl_assert(problems->n > 0);
    for (size_t i = 0; i < problems->n; i++) {
        const struct crl_problem *p = &problems->rows[i];
        crl_assert((p->at.line == 0) == (p->at.column == 0));
        crl_assert(i == 0 || problems->rows[i - 1].at.line <= p->at.line);
        crl_assert(strlen(p->text) > 0 && strpbrk(p->text, "\n\r\t") == NULL);
    }
}

static bool is_fraction(double value)
{
    return value >= 0 && value <= 1;
}

static void check_readers(const struct sim_readers *readers, corral_us lasts_us)
{
    crl_assert(readers->keys >= 1 && readers->keys <= 16777216);
    crl_assert(readers->popularity == SIM_POPULARITY_UNIFORM || readers->zipf_s > 0);
    crl_assert(readers->wait_us > 0);
    crl_assert(is_fraction(readers->give_up) && readers->writes >= 0 && isfinite(readers->writes));
    crl_assert(readers->pieces_n <= CRL_SIM_POINTS_MAX && readers->bursts_n <= CRL_SIM_BURSTS_MAX);
    for (uint32_t i = 0; i < readers->pieces_n; i++) {
        const struct sim_rate_piece *piece = &readers->pieces[i];
        crl_assert(piece->rate_from >= 0 && isfinite(piece->rate_from));
        crl_assert(piece->rate_to >= 0 && isfinite(piece->rate_to));
        crl_assert(piece->from_at >= 0 && piece->from_at < lasts_us);
        crl_assert(i == 0 || piece[-1].from_at < piece->from_at);
    }
    for (uint32_t i = 0; i < readers->bursts_n; i++) {
        const struct sim_burst *burst = &readers->bursts[i];
        crl_assert(burst->at >= 0 && burst->within_us >= 0);
        crl_assert(i == 0 || burst[-1].at + burst[-1].within_us <= burst->at);
    }
}

static void check_database(const struct sim_database *database)
{
    crl_assert(database->mean_us > 0 && database->servers > 0);
    crl_assert(database->sigma >= 0 && isfinite(database->sigma));
    crl_assert(database->slowdown >= 0 && isfinite(database->slowdown));
    crl_assert(database->timeout_us >= 0 && database->cancel_us >= 0);
    crl_assert(is_fraction(database->fails) && is_fraction(database->absent));
}

static void check_fault(const struct sim_fault *fault, const struct sim_plan *plan)
{
    crl_assert(fault->at >= 0 && fault->at <= plan->lasts_us);
    crl_assert(fault->lasts_us >= 0 && fault->stagger_us >= 0 && fault->step_us >= 0);
    crl_assert(fault->node_from <= fault->node_to && fault->node_to < plan->nodes);
    crl_assert(fault->kind != SIM_FAULT_DATABASE_SLOW || fault->factor > 0);
}

static void check_plan(const struct sim_plan *plan)
{
    crl_assert(plan->nodes >= 1 && plan->nodes <= 65536);
    crl_assert(plan->lasts_us > 0);
    crl_assert(plan->measure_at >= 0 && plan->measure_at < plan->lasts_us);
    crl_assert(plan->spaces[0].policy.ttl_us >= 0 && plan->spaces[0].policy.jitter >= 0 &&
               plan->spaces[0].policy.jitter <= 0.5);
    crl_assert(plan->origins[0].limits.concurrency > 0 && plan->origins[0].deadline_us > 0 &&
               plan->memory_bytes > 0);
    check_readers(&plan->readers, plan->lasts_us);
    check_database(&plan->origins[0].database);
    if (plan->spaces[0].has_store) {
        crl_assert(plan->store.network.delay_us >= 0 && plan->store.network.spread_us >= 0);
        crl_assert(is_fraction(plan->store.network.drops));
        crl_assert(plan->store.timeout_us > 0 && plan->store.lease_us > 0);
    }
    crl_assert(plan->faults_n <= CRL_SIM_FAULTS_MAX);
    for (uint32_t i = 0; i < plan->faults_n; i++)
        check_fault(&plan->faults[i], plan);
}

static void check_scenario(const struct crl_sim_scenario *scenario)
{
    static struct crl_sim_made made;
    struct crl_sim_column found;
    size_t n = crl_sim_columns(scenario);
    crl_assert(n >= 1 && n <= CRL_SIM_VARIANTS_MAX);
    for (size_t i = 0; i < n; i++) {
        struct crl_sim_column column = crl_sim_column(scenario, i);
        crl_assert(crl_sim_column_find(scenario, column.name, &found) == CORRAL_OK);
        crl_assert(strcmp(found.name, column.name) == 0);
        crl_sim_plan_make(scenario, &column, scenario->seed, &made);
        check_plan(&made.plan);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct crl_problems problems = {0};
    struct crl_sim_scenario *scenario = NULL;
    int rc = crl_sim_scenario_parse(crl_bytes(data, size), &problems, &scenario);
    crl_assert((rc == CORRAL_OK) == (scenario != NULL));
    crl_assert(rc == CORRAL_EINVAL || problems.n == 0);
    if (rc == CORRAL_EINVAL)
        check_problems(&problems);
    if (rc == CORRAL_OK)
        check_scenario(scenario);
    crl_sim_scenario_free(scenario);
    crl_problems_fini(&problems);
    return 0;
}
