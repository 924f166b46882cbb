/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.h - a YAML text as libyaml's tree of nodes, with limits and with places.
 *
 * The subset that a configuration needs: one document of mappings, lists and scalars. Anchors,
 * aliases, tags and directives are refused, so a short text cannot stand for a huge tree and the
 * tree has no cycles. Size, depth and number of nodes have limits.
 *
 * A syntax error ends the reading: behind it nothing is certain.
 *
 * Threads: a tree belongs to one thread. */
#ifndef CRL_YAML_TREE_H
#define CRL_YAML_TREE_H

#include "yaml/problems.h"

#include <yaml.h>

enum {
    CRL_YAML_BYTES_MAX = 1 << 20,
    CRL_YAML_DEPTH_MAX = 16,     /* the schema needs 6 */
    CRL_YAML_NODES_MAX = 100000, /* 256 routes with 32 parameters each need 74,000 */
};

struct crl_yaml {
    struct corral_bytes text; /* borrowed */
    yaml_document_t document;
};

/* Which place a byte of a scalar's value has in the file. Exact where the value stands in the file
 * as it is: on one line, plain or quoted without escapes, or as a literal block ("|"). Otherwise
 * every byte has the place of the scalar's beginning. */
struct crl_text_map {
    struct crl_place first; /* of the first byte */
    uint32_t left;          /* the column where further lines begin */
    bool is_exact;
};

/* crl_yaml_load - read a text. It is borrowed until crl_yaml_fini().
 * Errors: CORRAL_EINVAL, and what is wrong is added to the problems; CORRAL_ENOMEM. */
int crl_yaml_load(struct corral_bytes text, struct crl_problems *problems,
                  struct crl_yaml *ret_yaml);

/* crl_yaml_fini - free the tree. Its nodes are gone. */
void crl_yaml_fini(struct crl_yaml *yaml);

/* crl_yaml_root - the node at the top. Never NULL. */
const yaml_node_t *crl_yaml_root(const struct crl_yaml *yaml);

/* crl_yaml_has - is there a mapping at the top that has this key? O(keys) */
bool crl_yaml_has(const struct crl_yaml *yaml, const char *key);

/* crl_yaml_node - the node of an index of the tree. Never NULL. */
const yaml_node_t *crl_yaml_node(const struct crl_yaml *yaml, int index);

/* crl_yaml_place - where a node begins. */
struct crl_place crl_yaml_place(const yaml_node_t *node);

/* crl_yaml_is_null - is it a scalar that stands for nothing: empty, "~" or "null", not quoted? */
bool crl_yaml_is_null(const yaml_node_t *node);

/* crl_yaml_text_map - the map of a scalar. O(size of the file) */
struct crl_text_map crl_yaml_text_map(const struct crl_yaml *yaml, const yaml_node_t *scalar);

/* crl_text_map_place - the place of the byte at `offset` of the value `text`. O(offset). Pure. */
struct crl_place crl_text_map_place(const struct crl_text_map *map, const char *text,
                                    size_t offset);

#endif
