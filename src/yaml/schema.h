/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.h - read a YAML tree into a struct, by a table that says which keys there are.
 *
 * A schema describes one mapping: each field is a key, the kind of its value, its limits, what
 * holds when it is absent, and where in the struct it goes. Reading collects every problem and
 * reads on; a field with a problem keeps its zero. What depends on several fields at once is not
 * said in a schema: the owner of the struct checks it afterwards.
 *
 *   kind      the struct holds                      min and max limit
 *   COUNT     uint32_t                              the number
 *   DURATION  corral_us                             the span in microseconds
 *   SIZE      size_t, bytes                         the bytes
 *   PERCENT   double, 0.1 for 10%                   the percent
 *   RATE      double, a second                      the number a minute
 *   DECIMAL   double                                in thousandths
 *   CHOICE    an enum                               -
 *   TEXT      char *, NUL-terminated, owned         the bytes (problems never show the text: it may
 *                                                   be a secret)
 *   ADDRESS   struct crl_address                    -
 *   MAPPING   the struct of `below`, in place       -
 *   LIST      array of the struct of `below`, owned, and size_t at n_offset       the entries
 *   LATER     nothing: a key of a later version, refused with these words
 *
 * A schema with a given_offset is an overlay: it reads what is to replace values of another struct
 * that begins alike. What is absent has no default there and is not required; crl_schema_overlay()
 * copies what was given.
 *
 * A struct of a schema is plain: all zeros are a valid, empty one. */
#ifndef CRL_YAML_SCHEMA_H
#define CRL_YAML_SCHEMA_H

#include "yaml/tree.h"

enum crl_schema_kind {
    CRL_SCHEMA_COUNT,
    CRL_SCHEMA_DURATION,
    CRL_SCHEMA_SIZE,
    CRL_SCHEMA_PERCENT,
    CRL_SCHEMA_RATE,
    CRL_SCHEMA_DECIMAL,
    CRL_SCHEMA_CHOICE,
    CRL_SCHEMA_TEXT,
    CRL_SCHEMA_ADDRESS,
    CRL_SCHEMA_MAPPING,
    CRL_SCHEMA_LIST,
    CRL_SCHEMA_LATER,
};

enum { CRL_SCHEMA_IS_LATER = -1 };

/* A word of a CHOICE. A row with word NULL ends the list. */
struct crl_schema_choice {
    const char *word;
    int value; /* of the enum; CRL_SCHEMA_IS_LATER: refused, a later version brings it */
};

struct crl_schema_field {
    const char *key;
    enum crl_schema_kind kind;
    size_t offset;
    size_t n_offset;   /* LIST */
    size_t at_offset;  /* of a struct crl_place for the value's place, all zeros
                        * when the key is absent; 0: not kept */
    size_t map_offset; /* TEXT: of a struct crl_text_map; 0: not kept */
    int64_t min;
    int64_t max;
    const char *fallback; /* the value when the key is absent, as one would write it; NULL: zeros */
    bool is_required;
    bool is_expanded; /* TEXT: ${NAME} is read from the environment */
    const struct crl_schema_choice *choices;
    const struct crl_schema *below;
};

struct crl_schema {
    const char *noun;    /* what one mapping is, such as "a route" */
    size_t size;         /* of the struct */
    size_t at_offset;    /* of a struct crl_place for the mapping's own place; 0: not kept */
    size_t given_offset; /* of a uint32_t, a bit for each field that was given; 0: no overlay */
    const struct crl_schema_field *fields;
    size_t fields_n;
};

/* crl_schema_read - fill a struct. Problems are added. Whatever happens, crl_schema_clear() is due
 * afterwards. record: all zeros. */
void crl_schema_read(const struct crl_schema *schema, const struct crl_yaml *yaml, void *record,
                     struct crl_problems *problems);

/* crl_schema_overlay - copy what was given, and its places, from a struct that an overlay has
 * filled. An overlay has single values only, and no texts.
 * record  a struct that begins as the overlay's does */
void crl_schema_overlay(const struct crl_schema *overlay, const void *given, void *record);

/* crl_schema_clear - free the texts and lists of a struct, and set all of it to zero. */
void crl_schema_clear(const struct crl_schema *schema, void *record);

#endif
