/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern_program.h - a regular expression as a program that is run on a text without backtracking.
 *
 * A program is constant once it is built: matching takes no lock, allocates nothing and writes to
 * nothing but its own stack, so any number of threads share one. All ways through the expression
 * are followed at once; the time is at most the bytes of the text times the instructions, whatever
 * the expression and the text are.
 *
 * Threads: any.
 *
 * Sources: K. Thompson, "Regular Expression Search Algorithm", CACM 11(6), 1968; R. Cox, "Regular
 * Expression Matching: the Virtual Machine Approach", 2009. */
#ifndef CRL_CONFIG_PATTERN_PROGRAM_H
#define CRL_CONFIG_PATTERN_PROGRAM_H

#include "config/pattern_tree.h"

enum crl_pattern_op {
    CRL_PATTERN_OP_SET,    /* take a byte of a set, go on at next */
    CRL_PATTERN_OP_SPLIT,  /* go on at next and at other */
    CRL_PATTERN_OP_ASSERT, /* go on at next if it holds */
    CRL_PATTERN_OP_MATCH,
};

struct crl_pattern_instruction {
    uint8_t op;
    uint8_t assertion;
    uint16_t next;
    uint16_t other; /* OP_SET: the number of the set */
};

/* One block of memory: the sets and the code lie behind it. */
struct crl_pattern_program {
    uint16_t entry;
    uint16_t n;
    struct crl_pattern_instruction *code;
    struct crl_pattern_set *sets;
};

/* crl_pattern_program_matches - does the expression match the whole text? */
bool crl_pattern_program_matches(const struct crl_pattern_program *program, const char *text);

#endif
