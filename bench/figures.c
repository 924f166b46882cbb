/* SPDX-License-Identifier: Apache-2.0
 *
 * figures.c - what the rounds of a benchmark gave, and the lines that a benchmark prints. */
#include "figures.h"

#include "corral/corral.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct rounds sorted(const struct rounds *rounds)
{
    struct rounds copy = *rounds;
    if (copy.n == 0 || copy.n > ROUNDS_MAX)
        abort();
    qsort(copy.values, copy.n, sizeof copy.values[0], compare_doubles);
    return copy;
}

void rounds_add(struct rounds *rounds, double value)
{
    if (rounds->n >= ROUNDS_MAX)
        abort();
    rounds->values[rounds->n++] = value;
}

double rounds_median(const struct rounds *rounds)
{
    struct rounds copy = sorted(rounds);
    return copy.values[copy.n / 2];
}

void figure_print(struct figures *figures, const char *about, const char *what,
                  const struct rounds *rounds, struct goal goal)
{
    struct rounds copy = sorted(rounds);
    double median = copy.values[copy.n / 2], least = copy.values[0], most = copy.values[copy.n - 1];
    bool is_met = goal.sign == 0 || goal.sign * median >= goal.sign * goal.value;
    figures->missed += !is_met;
    if (figures->as_json) {
        printf("{\"about\": \"%s\", \"figure\": \"%s\", \"value\": %.4f, \"min\": %.4f, "
               "\"max\": %.4f",
               about, what, median, least, most);
        if (goal.sign != 0)
            printf(", \"goal\": %.3f, \"met\": %s", goal.value, is_met ? "true" : "false");
        printf("}\n");
        return;
    }
    char range[48];
    snprintf(range, sizeof range, "[%.2f, %.2f]", least, most);
    printf("%-11s %-43s %10.2f  %-22s", about, what, median, range);
    if (goal.sign != 0)
        printf(" %s %.2f  %s", goal.sign > 0 ? ">=" : "<=", goal.value, is_met ? "met" : "MISSED");
    printf("\n");
}

void *must(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "bench: out of memory\n");
        exit(1);
    }
    return memory;
}

void must_succeed(int rc)
{
    if (rc < 0) {
        fprintf(stderr, "bench: %s\n", corral_strerror(rc));
        exit(1);
    }
}

double monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}
