/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   timers come out by instant, and those of one instant in the order in which they were
 * armed. Method: thousands of seeded arms, re-arms, disarms and pops next to a model that searches
 * a list. */
#include "base/rng.h"
#include "core/timers.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define N 200

struct model {
    bool armed[N];
    corral_us at[N];
    uint64_t order[N];
    uint64_t orders;
};

static int model_first(const struct model *model)
{
    int first = -1;
    for (int i = 0; i < N; i++) {
        if (model->armed[i] &&
            (first < 0 || model->at[i] < model->at[first] ||
             (model->at[i] == model->at[first] && model->order[i] < model->order[first])))
            first = i;
    }
    return first;
}

static void a_heap_is_a_sorted_list(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct crl_rng rng = crl_rng_split(seed, "timers");
        struct crl_timers timers = {0};
        struct crl_timer all[N] = {0};
        struct model model = {0};
        assert_int_equal(crl_timers_reserve(&timers, N), 0);
        for (int i = 0; i < 3000; i++) {
            uint32_t which = (uint32_t)crl_rng_below(&rng, N);
            corral_us at = (corral_us)crl_rng_below(&rng, 50);
            switch (crl_rng_below(&rng, 3)) {
            case 0:
                crl_timer_arm(&timers, &all[which], at);
                model.armed[which] = true;
                model.at[which] = at;
                model.order[which] = model.orders++;
                break;
            case 1:
                crl_timer_disarm(&timers, &all[which]);
                model.armed[which] = false;
                break;
            default: {
                int first = model_first(&model);
                bool due = first >= 0 && model.at[first] <= at;
                struct crl_timer *popped = crl_timers_pop(&timers, at);
                assert_ptr_equal(popped, due ? &all[first] : NULL);
                if (due)
                    model.armed[first] = false;
            }
            }
            int first = model_first(&model);
            assert_int_equal(crl_timers_next_at(&timers), first < 0 ? CRL_NEVER : model.at[first]);
        }
        crl_timers_fini(&timers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_heap_is_a_sorted_list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
