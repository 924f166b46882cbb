/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.c - see plan.h. */
#include "sim/plan.h"

#include "base/assert.h"

bool sim_plan_has_store(const struct sim_plan *plan)
{
    for (uint32_t i = 0; i < plan->spaces_n; i++) {
        if (plan->spaces[i].has_store)
            return true;
    }
    return false;
}

/* Of all spaces before this one; of all spaces_n: the whole row. */
static uint32_t shares_before(const struct sim_plan *plan, uint32_t space)
{
    uint32_t shares = 0;
    for (uint32_t i = 0; i < space; i++)
        shares += plan->spaces[i].share;
    return shares;
}

struct sim_key_place sim_plan_locate(const struct sim_plan *plan, uint32_t key)
{
    uint32_t row = shares_before(plan, plan->spaces_n), at = key % row, space = 0;
    while (at >= plan->spaces[space].share)
        at -= plan->spaces[space++].share;
    return (struct sim_key_place){space, key / row * plan->spaces[space].share + at};
}

uint32_t sim_plan_key(const struct sim_plan *plan, struct sim_key_place place)
{
    crl_assert(place.space < plan->spaces_n);
    uint32_t row = shares_before(plan, plan->spaces_n), share = plan->spaces[place.space].share;
    return place.number / share * row + shares_before(plan, place.space) + place.number % share;
}
