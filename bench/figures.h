/* SPDX-License-Identifier: Apache-2.0
 *
 * figures.h - what the rounds of a benchmark gave, and the lines that a benchmark prints.
 *
 * For the benchmarks that use only the public interface. Nothing here may be called by two threads
 * at the same time. */
#ifndef CRL_BENCH_FIGURES_H
#define CRL_BENCH_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#define ROUNDS_MAX 64

/* One value for each round. Set to zero before the first. */
struct rounds {
    double values[ROUNDS_MAX];
    uint32_t n;
};

/* What a figure should be: at least the value (sign +1) or at most (-1); sign 0: no goal. */
struct goal {
    int sign;
    double value;
};

struct figures {
    bool as_json;
    uint32_t missed; /* goals */
};

/* rounds_add - note the value of one more round; aborts after ROUNDS_MAX. */
void rounds_add(struct rounds *rounds, double value);

/* rounds_median - the median of at least one round. */
double rounds_median(const struct rounds *rounds);

/* figure_print - print a line: the median of the rounds, the least and the greatest of them, and
 * whether the median meets the goal.
 *
 * about   what the benchmark ran with, such as "8 threads"; the first column */
void figure_print(struct figures *figures, const char *about, const char *what,
                  const struct rounds *rounds, struct goal goal);

/* must - the same memory; exits with 1 if it is NULL. */
void *must(void *memory);

/* must_succeed - exits with 1, and the text of corral_strerror(), if rc < 0. */
void must_succeed(int rc);

/* monotonic_us - the monotonic clock, in microseconds. */
double monotonic_us(void);

#endif
