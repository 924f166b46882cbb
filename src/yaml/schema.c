/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.c - read a YAML tree into a struct: each key finds its field, each kind has its
 * function. */
#include "yaml/schema.h"

#include "base/assert.h"
#include "base/edit_distance.h"
#include "base/units.h"
#include "yaml/address.h"
#include "yaml/expand.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    const struct crl_yaml *yaml;
    struct crl_problems *problems;
};

/* A value on its way into a record: the node's text, or a field's fallback. */
struct value {
    const char *text;
    size_t size;
    struct crl_place at;
};

enum { FIELDS_MAX = 32 }; /* of one schema */

static void *at_offset(void *record, size_t offset)
{
    return (char *)record + offset;
}

static const char *node_word(const yaml_node_t *node)
{
    switch (node->type) {
    case YAML_SCALAR_NODE:
        return "a single value";
    case YAML_SEQUENCE_NODE:
        return "a list";
    case YAML_MAPPING_NODE:
        return "a mapping";
    case YAML_NO_NODE:
        break;
    }
    crl_unreachable();
}

/* -------------------------------------------------------------------------------- single values */

/* Every one takes a field, a value and where it goes; a problem leaves the place as it was. */

static bool quantity_read(struct reader *r, enum crl_quantity kind,
                          const struct crl_schema_field *field, const struct value *value,
                          int64_t *ret_quantity)
{
    const struct crl_units_range range = {kind, field->min, field->max};
    char why[CRL_UNITS_WHY_MAX];
    if (crl_units_read(&range, value->text, ret_quantity, why))
        return true;
    crl_problems_add(r->problems, value->at, "%s: %s %s", field->key,
                     crl_quoted(value->text, value->size).text, why);
    return false;
}

static void count_read(struct reader *r, const struct crl_schema_field *field,
                       const struct value *value, uint32_t *ret_count)
{
    int64_t quantity;
    if (quantity_read(r, CRL_QUANTITY_COUNT, field, value, &quantity))
        *ret_count = (uint32_t)quantity;
}

static void duration_read(struct reader *r, const struct crl_schema_field *field,
                          const struct value *value, corral_us *ret_us)
{
    (void)quantity_read(r, CRL_QUANTITY_DURATION, field, value, ret_us); /* false: left as it was */
}

static void size_read(struct reader *r, const struct crl_schema_field *field,
                      const struct value *value, size_t *ret_bytes)
{
    int64_t quantity;
    if (quantity_read(r, CRL_QUANTITY_SIZE, field, value, &quantity))
        *ret_bytes = (size_t)quantity;
}

/* parts: what the quantity counts of one whole */
static void fraction_read(struct reader *r, enum crl_quantity kind, double parts,
                          const struct crl_schema_field *field, const struct value *value,
                          double *ret_number)
{
    int64_t quantity;
    if (quantity_read(r, kind, field, value, &quantity))
        *ret_number = (double)quantity / parts;
}

/* "a, b or c": the words of this version. */
static void choice_words(const struct crl_schema_choice *choices, char *ret_words, size_t room)
{
    const char *last = NULL;
    ret_words[0] = '\0';
    for (; choices->word != NULL; choices++) {
        if (choices->value == CRL_SCHEMA_IS_LATER)
            continue;
        if (last != NULL) {
            strncat(ret_words, ret_words[0] ? ", " : "", room - strlen(ret_words) - 1);
            strncat(ret_words, last, room - strlen(ret_words) - 1);
        }
        last = choices->word;
    }
    strncat(ret_words, ret_words[0] ? " or " : "", room - strlen(ret_words) - 1);
    strncat(ret_words, last != NULL ? last : "", room - strlen(ret_words) - 1);
}

static void choice_read(struct reader *r, const struct crl_schema_field *field,
                        const struct value *value, void *ret_enum)
{
    const struct crl_schema_choice *choice = field->choices;
    while (choice->word != NULL && strcmp(choice->word, value->text) != 0)
        choice++;
    if (choice->word != NULL && choice->value != CRL_SCHEMA_IS_LATER) {
        memcpy(ret_enum, &choice->value, sizeof choice->value);
        return;
    }
    char words[256];
    choice_words(field->choices, words, sizeof words);
    crl_problems_add(r->problems, value->at, "%s: %s is not %s %s", field->key,
                     crl_quoted(value->text, value->size).text,
                     choice->word != NULL ? "available in this version; write" : "one of", words);
}

static void address_read(struct reader *r, const struct crl_schema_field *field,
                         const struct value *value, struct crl_address *ret_address)
{
    const char *fault = crl_address_parse(value->text, ret_address);
    if (fault != NULL)
        crl_problems_add(r->problems, value->at, "%s: %s %s", field->key,
                         crl_quoted(value->text, value->size).text, fault);
}

static bool text_is_in_range(struct reader *r, const struct crl_schema_field *field,
                             struct crl_place at, const char *text)
{
    size_t size = strlen(text);
    if (size >= (size_t)field->min && size <= (size_t)field->max)
        return true;
    if (size == 0)
        crl_problems_add(r->problems, at, "%s: is empty", field->key);
    else
        crl_problems_add(r->problems, at, "%s: has %zu bytes, must have %lld to %lld", field->key,
                         size, (long long)field->min, (long long)field->max);
    return false;
}

static void text_read(struct reader *r, const struct crl_schema_field *field,
                      const struct value *value, char **ret_text)
{
    char *text = NULL;
    int rc = CORRAL_OK;
    if (field->is_expanded)
        rc = crl_expand(value->text, (size_t)field->max, field->key, value->at, r->problems, &text);
    else
        text = strdup(value->text);
    if (rc == CORRAL_EINVAL)
        return; /* said already */
    if (text == NULL) {
        r->problems->out_of_memory = true;
        return;
    }
    if (text_is_in_range(r, field, value->at, text))
        *ret_text = text;
    else
        free(text);
}

static void value_read(struct reader *r, const struct crl_schema_field *field,
                       const struct value *value, void *record)
{
    void *to = at_offset(record, field->offset);
    switch (field->kind) {
    case CRL_SCHEMA_COUNT:
        return count_read(r, field, value, to);
    case CRL_SCHEMA_DURATION:
        return duration_read(r, field, value, to);
    case CRL_SCHEMA_SIZE:
        return size_read(r, field, value, to);
    case CRL_SCHEMA_PERCENT:
        return fraction_read(r, CRL_QUANTITY_PERCENT, 100, field, value, to);
    case CRL_SCHEMA_RATE:
        return fraction_read(r, CRL_QUANTITY_RATE, 60, field, value, to);
    case CRL_SCHEMA_DECIMAL:
        return fraction_read(r, CRL_QUANTITY_DECIMAL, 1000, field, value, to);
    case CRL_SCHEMA_CHOICE:
        return choice_read(r, field, value, to);
    case CRL_SCHEMA_TEXT:
        return text_read(r, field, value, to);
    case CRL_SCHEMA_ADDRESS:
        return address_read(r, field, value, to);
    case CRL_SCHEMA_MAPPING:
    case CRL_SCHEMA_LIST:
    case CRL_SCHEMA_LATER:
        break;
    }
    crl_unreachable();
}

static void scalar_read(struct reader *r, const struct crl_schema_field *field,
                        const yaml_node_t *node, void *record)
{
    struct value value = {.at = crl_yaml_place(node)};
    if (node->type != YAML_SCALAR_NODE) {
        crl_problems_add(r->problems, value.at, "%s: expected a single value, found %s", field->key,
                         node_word(node));
        return;
    }
    value.text = (const char *)node->data.scalar.value;
    value.size = node->data.scalar.length;
    if (strlen(value.text) != value.size) {
        crl_problems_add(r->problems, value.at, "%s: holds a NUL character", field->key);
        return;
    }
    if (field->map_offset) {
        struct crl_text_map map = crl_yaml_text_map(r->yaml, node);
        memcpy(at_offset(record, field->map_offset), &map, sizeof map);
    }
    value_read(r, field, &value, record);
}

/* --------------------------------------------------------------------------- mappings and lists */

static void mapping_read(struct reader *r, const struct crl_schema *schema, const yaml_node_t *node,
                         struct crl_place at, void *record);

static void list_read(struct reader *r, const struct crl_schema_field *field,
                      const yaml_node_t *node, void *record)
{
    struct crl_place at = crl_yaml_place(node);
    if (node->type != YAML_SEQUENCE_NODE) {
        crl_problems_add(r->problems, at, "%s: expected a list, found %s", field->key,
                         node_word(node));
        return;
    }
    const yaml_node_item_t *items = node->data.sequence.items.start;
    size_t n = (size_t)(node->data.sequence.items.top - items);
    if (n < (size_t)field->min)
        crl_problems_add(r->problems, at, "%s: the list is empty", field->key);
    if (n > (size_t)field->max) {
        crl_problems_add(r->problems, crl_yaml_place(crl_yaml_node(r->yaml, items[field->max])),
                         "%s: has %zu entries, at most %lld are possible", field->key, n,
                         (long long)field->max);
        n = (size_t)field->max;
    }
    if (n == 0)
        return;
    char *entries = calloc(n, field->below->size);
    if (entries == NULL) {
        r->problems->out_of_memory = true;
        return;
    }
    memcpy(at_offset(record, field->offset), &entries, sizeof entries);
    memcpy(at_offset(record, field->n_offset), &n, sizeof n);
    for (size_t i = 0; i < n; i++) {
        const yaml_node_t *item = crl_yaml_node(r->yaml, items[i]);
        mapping_read(r, field->below, item, crl_yaml_place(item), entries + i * field->below->size);
    }
}

static void field_read(struct reader *r, const struct crl_schema_field *field,
                       const yaml_node_t *node, void *record)
{
    struct crl_place at = crl_yaml_place(node);
    if (field->at_offset)
        memcpy(at_offset(record, field->at_offset), &at, sizeof at);
    if (crl_yaml_is_null(node))
        crl_problems_add(r->problems, at, "%s: has no value", field->key);
    else if (field->kind == CRL_SCHEMA_MAPPING)
        mapping_read(r, field->below, node, at, at_offset(record, field->offset));
    else if (field->kind == CRL_SCHEMA_LIST)
        list_read(r, field, node, record);
    else
        scalar_read(r, field, node, record);
}

/* The key is absent: `at` is the place of the mapping that could have had it. */
static void field_absent(struct reader *r, const struct crl_schema *schema,
                         const struct crl_schema_field *field, struct crl_place at, void *record)
{
    if (field->is_required)
        crl_problems_add(r->problems, at, "%s needs the key '%s'", schema->noun, field->key);
    if (field->kind == CRL_SCHEMA_MAPPING)
        mapping_read(r, field->below, NULL, at, at_offset(record, field->offset));
    if (field->fallback == NULL)
        return;
    struct value value = {field->fallback, strlen(field->fallback), at};
    size_t before = r->problems->n;
    value_read(r, field, &value, record);
    crl_assert(r->problems->n == before); /* the schema's own values are right */
}

static const struct crl_schema_field *field_find(const struct crl_schema *schema, const char *key)
{
    for (size_t i = 0; i < schema->fields_n; i++) {
        if (strcmp(schema->fields[i].key, key) == 0)
            return &schema->fields[i];
    }
    return NULL;
}

static const char *nearest_key(const struct crl_schema *schema, const char *word)
{
    struct crl_edit_meant meant = {0};
    for (size_t i = 0; i < schema->fields_n; i++) {
        if (schema->fields[i].kind != CRL_SCHEMA_LATER)
            crl_edit_consider(&meant, word, schema->fields[i].key);
    }
    return meant.word;
}

/* The keys of this version, separated by spaces. */
static void known_keys(const struct crl_schema *schema, char *ret_keys, size_t room)
{
    ret_keys[0] = '\0';
    for (size_t i = 0; i < schema->fields_n; i++) {
        if (schema->fields[i].kind == CRL_SCHEMA_LATER)
            continue;
        strncat(ret_keys, " ", room - strlen(ret_keys) - 1);
        strncat(ret_keys, schema->fields[i].key, room - strlen(ret_keys) - 1);
    }
}

static void key_unknown(struct reader *r, const struct crl_schema *schema, const char *key,
                        size_t size, struct crl_place at)
{
    struct crl_quoted shown = crl_quoted(key, size);
    const char *nearest = nearest_key(schema, key);
    if (nearest != NULL) {
        crl_problems_add(r->problems, at, "unknown key %s; did you mean '%s'?", shown.text,
                         nearest);
        return;
    }
    char keys[256];
    known_keys(schema, keys, sizeof keys);
    crl_problems_add(r->problems, at, "unknown key %s; %s has%s", shown.text, schema->noun, keys);
}

/* One key and its value. first: the line where each field was given; 0: not yet. */
static void pair_read(struct reader *r, const struct crl_schema *schema, const yaml_node_t *key,
                      const yaml_node_t *value, uint32_t first[FIELDS_MAX], void *record)
{
    struct crl_place at = crl_yaml_place(key);
    if (key->type != YAML_SCALAR_NODE) {
        crl_problems_add(r->problems, at, "expected a key, found %s", node_word(key));
        return;
    }
    const char *name = (const char *)key->data.scalar.value;
    const struct crl_schema_field *field = field_find(schema, name);
    if (field == NULL || strlen(name) != key->data.scalar.length)
        return key_unknown(r, schema, name, key->data.scalar.length, at);
    if (field->kind == CRL_SCHEMA_LATER) {
        crl_problems_add(r->problems, at, "'%s' is not available in this version", field->key);
        return;
    }
    uint32_t *line = &first[field - schema->fields];
    if (*line != 0) {
        crl_problems_add(r->problems, at, "duplicate key '%s', first on line %u", field->key,
                         *line);
        return;
    }
    *line = at.line;
    field_read(r, field, value, record);
}

/* node: NULL if the mapping is absent, then all its fields are. */
static void mapping_read(struct reader *r, const struct crl_schema *schema, const yaml_node_t *node,
                         struct crl_place at, void *record)
{
    crl_assert(schema->fields_n <= FIELDS_MAX);
    if (schema->at_offset)
        memcpy(at_offset(record, schema->at_offset), &at, sizeof at);
    if (node != NULL && node->type != YAML_MAPPING_NODE) {
        crl_problems_add(r->problems, at, "%s must be a mapping ('key: value'), found %s",
                         schema->noun, node_word(node));
        return;
    }
    uint32_t first[FIELDS_MAX] = {0};
    const yaml_node_pair_t *pair = node != NULL ? node->data.mapping.pairs.start : NULL;
    const yaml_node_pair_t *end = node != NULL ? node->data.mapping.pairs.top : NULL;
    for (; pair != end; pair++)
        pair_read(r, schema, crl_yaml_node(r->yaml, pair->key), crl_yaml_node(r->yaml, pair->value),
                  first, record);
    uint32_t given = 0;
    for (size_t i = 0; i < schema->fields_n; i++) {
        given |= first[i] != 0 ? 1u << i : 0;
        if (first[i] == 0 && schema->fields[i].kind != CRL_SCHEMA_LATER && !schema->given_offset)
            field_absent(r, schema, &schema->fields[i], at, record);
    }
    if (schema->given_offset)
        memcpy(at_offset(record, schema->given_offset), &given, sizeof given);
}

void crl_schema_read(const struct crl_schema *schema, const struct crl_yaml *yaml, void *record,
                     struct crl_problems *problems)
{
    struct reader reader = {.yaml = yaml, .problems = problems};
    const yaml_node_t *root = crl_yaml_root(yaml);
    mapping_read(&reader, schema, root, crl_yaml_place(root), record);
}

/* ------------------------------------------------------------------------------------- overlays */

/* The bytes of a single value in its struct. */
static size_t value_size(enum crl_schema_kind kind)
{
    switch (kind) {
    case CRL_SCHEMA_COUNT:
        return sizeof(uint32_t);
    case CRL_SCHEMA_DURATION:
        return sizeof(corral_us);
    case CRL_SCHEMA_SIZE:
        return sizeof(size_t);
    case CRL_SCHEMA_PERCENT:
    case CRL_SCHEMA_RATE:
    case CRL_SCHEMA_DECIMAL:
        return sizeof(double);
    case CRL_SCHEMA_CHOICE:
        return sizeof(int);
    case CRL_SCHEMA_ADDRESS:
        return sizeof(struct crl_address);
    case CRL_SCHEMA_TEXT:
    case CRL_SCHEMA_MAPPING:
    case CRL_SCHEMA_LIST:
    case CRL_SCHEMA_LATER:
        break;
    }
    crl_unreachable();
}

void crl_schema_overlay(const struct crl_schema *overlay, const void *given, void *record)
{
    crl_assert(overlay->given_offset);
    uint32_t bits;
    memcpy(&bits, (const char *)given + overlay->given_offset, sizeof bits);
    for (size_t i = 0; i < overlay->fields_n; i++) {
        const struct crl_schema_field *field = &overlay->fields[i];
        if (!(bits >> i & 1))
            continue;
        memcpy(at_offset(record, field->offset), (const char *)given + field->offset,
               value_size(field->kind));
        if (field->at_offset)
            memcpy(at_offset(record, field->at_offset), (const char *)given + field->at_offset,
                   sizeof(struct crl_place));
    }
}

/* -------------------------------------------------------------------------------------- the end */

static void list_clear(const struct crl_schema_field *field, void *record)
{
    char *entries;
    size_t n;
    memcpy(&entries, at_offset(record, field->offset), sizeof entries);
    memcpy(&n, at_offset(record, field->n_offset), sizeof n);
    for (size_t i = 0; i < n; i++)
        crl_schema_clear(field->below, entries + i * field->below->size);
    free(entries);
}

static void field_clear(const struct crl_schema_field *field, void *record)
{
    char *text;
    switch (field->kind) {
    case CRL_SCHEMA_TEXT:
        memcpy(&text, at_offset(record, field->offset), sizeof text);
        free(text);
        return;
    case CRL_SCHEMA_LIST:
        return list_clear(field, record);
    case CRL_SCHEMA_MAPPING:
        return crl_schema_clear(field->below, at_offset(record, field->offset));
    case CRL_SCHEMA_COUNT:
    case CRL_SCHEMA_DURATION:
    case CRL_SCHEMA_SIZE:
    case CRL_SCHEMA_PERCENT:
    case CRL_SCHEMA_RATE:
    case CRL_SCHEMA_DECIMAL:
    case CRL_SCHEMA_CHOICE:
    case CRL_SCHEMA_ADDRESS:
    case CRL_SCHEMA_LATER:
        return;
    }
    crl_unreachable();
}

void crl_schema_clear(const struct crl_schema *schema, void *record)
{
    for (size_t i = 0; i < schema->fields_n; i++)
        field_clear(&schema->fields[i], record);
    memset(record, 0, schema->size);
}
