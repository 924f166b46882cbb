/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern_tree.h - read a regular expression into a tree; see pattern.h for the language.
 *
 * The one reader of expressions: what it accepts is an expression, and what it refuses has a reason
 * and a place.
 *
 * Invariants of a tree (they bound what comes of it):
 *   1  Node 0 is EMPTY, and no other node is.
 *   2  No node repeats EMPTY, or repeats exactly once or never: such a node is not made. So each
 *      node but 0 and THEN stands for at least one instruction each time that it is written.
 *
 * Source: POSIX.1-2017, Base Definitions, 9.4. What POSIX leaves undefined is as in glibc: "a**" is
 * "(a*)*", "{,n}" is "{0,n}", "a|" is "a" or nothing, and an anchor cannot be repeated. */
#ifndef CRL_CONFIG_PATTERN_TREE_H
#define CRL_CONFIG_PATTERN_TREE_H

#include "config/pattern.h"

enum {
    CRL_PATTERN_NODES_MAX = 2 * CRL_PATTERN_BYTES_MAX + 1, /* each byte makes two at most */
    CRL_PATTERN_ENDLESS = -1,
};

/* A set of bytes. */
struct crl_pattern_set {
    uint64_t words[4];
};

/* crl_pattern_set_has - is the byte in it? Pure. */
static inline bool crl_pattern_set_has(const struct crl_pattern_set *set, unsigned char byte)
{
    return (set->words[byte / 64] >> byte % 64 & 1) != 0;
}

/* What must hold at a place in the text, without taking a byte of it. */
enum crl_pattern_assertion {
    CRL_PATTERN_AT_START,
    CRL_PATTERN_AT_END,
    CRL_PATTERN_AT_WORD_EDGE,
    CRL_PATTERN_AT_NO_WORD_EDGE,
    CRL_PATTERN_AT_WORD_START,
    CRL_PATTERN_AT_WORD_END,
};

enum crl_pattern_kind {
    CRL_PATTERN_EMPTY,
    CRL_PATTERN_SET,    /* left is the number of the set */
    CRL_PATTERN_ASSERT, /* left is the assertion */
    CRL_PATTERN_THEN,
    CRL_PATTERN_OR,
    CRL_PATTERN_REPEAT, /* left, from least to most times */
};

struct crl_pattern_node {
    enum crl_pattern_kind kind;
    uint16_t left, right;
    int least, most;
};

/* Everything that an expression of CRL_PATTERN_BYTES_MAX can become. */
struct crl_pattern_tree {
    uint16_t root;
    uint16_t nodes_n, sets_n;
    struct crl_pattern_node nodes[CRL_PATTERN_NODES_MAX];
    struct crl_pattern_set sets[CRL_PATTERN_BYTES_MAX];
};

/* crl_pattern_read - read an expression. Recurses once for each open "(".
 * ret_tree   all zeros; undefined after a failure
 * Errors: EINVAL and ret_problem says it. */
int crl_pattern_read(const char *expression, struct crl_pattern_problem *ret_problem,
                     struct crl_pattern_tree *ret_tree);

#endif
