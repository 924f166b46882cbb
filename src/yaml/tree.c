/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.c - the text is read twice. First as a stream of events, to check what the subset and
 * the limits forbid before anything is built; then as a document. libyaml alone would build
 * whatever a hostile text asks for, and its lists of anchors and of %TAG directives are searched
 * linearly. */
#include "yaml/tree.h"

#include "base/assert.h"

#include <string.h>

/* What the first reading counts. */
struct guard {
    struct crl_problems *problems;
    size_t nodes;
    size_t depth;
    size_t documents;
};

static struct crl_place place_of_mark(yaml_mark_t mark)
{
    return (struct crl_place){.line = (uint32_t)mark.line + 1, .column = (uint32_t)mark.column + 1};
}

static size_t characters(const char *text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

static struct crl_place place_of_offset(struct corral_bytes text, size_t offset)
{
    const char *data = text.data;
    struct crl_place at = {1, 1};
    size_t line_start = 0;
    for (size_t i = 0; i < offset && i < text.size; i++) {
        if (data[i] != '\n')
            continue;
        at.line++;
        line_start = i + 1;
    }
    size_t end = offset < text.size ? offset : text.size;
    at.column += (uint32_t)characters(data + line_start, end - line_start);
    return at;
}

/* ------------------------------------------------------------------------- faults of the syntax */

static int parser_failed(const yaml_parser_t *parser, struct corral_bytes text,
                         struct crl_problems *problems)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return CORRAL_ENOMEM;
    const char *what = parser->problem != NULL ? parser->problem : "it cannot be parsed";
    if (parser->error == YAML_READER_ERROR)
        crl_problems_add(problems, place_of_offset(text, parser->problem_offset), "YAML: %s", what);
    else if (parser->context != NULL && parser->context_mark.line != parser->problem_mark.line)
        crl_problems_add(problems, place_of_mark(parser->problem_mark),
                         "YAML: %s %s that begins on line %zu", what, parser->context,
                         parser->context_mark.line + 1);
    else
        crl_problems_add(problems, place_of_mark(parser->problem_mark), "YAML: %s%s%s", what,
                         parser->context != NULL ? " " : "",
                         parser->context != NULL ? parser->context : "");
    return CORRAL_EINVAL;
}

/* ---------------------------------------------------------------------------- the first reading */

static int refuse(struct guard *guard, yaml_mark_t mark, const char *what)
{
    crl_problems_add(guard->problems, place_of_mark(mark), "%s", what);
    return CORRAL_EINVAL;
}

static int guard_node(struct guard *guard, const yaml_event_t *event, const yaml_char_t *anchor,
                      const yaml_char_t *tag)
{
    if (anchor != NULL)
        return refuse(guard, event->start_mark, "YAML anchors ('&') are not supported");
    if (tag != NULL)
        return refuse(guard, event->start_mark, "YAML tags ('!') are not supported");
    if (++guard->nodes > CRL_YAML_NODES_MAX)
        return refuse(guard, event->start_mark, "there are too many values in this file");
    return CORRAL_OK;
}

static int guard_deeper(struct guard *guard, const yaml_event_t *event)
{
    if (++guard->depth > CRL_YAML_DEPTH_MAX)
        return refuse(guard, event->start_mark, "mappings and lists are nested too deep");
    return CORRAL_OK;
}

static int guard_event(struct guard *guard, const yaml_event_t *event)
{
    int rc = CORRAL_OK;
    switch (event->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return CORRAL_OK;
    case YAML_DOCUMENT_START_EVENT:
        if (++guard->documents > 1)
            return refuse(guard, event->start_mark, "a second YAML document is not supported");
        return CORRAL_OK;
    case YAML_ALIAS_EVENT:
        return refuse(guard, event->start_mark, "YAML aliases ('*') are not supported");
    case YAML_SCALAR_EVENT:
        return guard_node(guard, event, event->data.scalar.anchor, event->data.scalar.tag);
    case YAML_SEQUENCE_START_EVENT:
        rc = guard_node(guard, event, event->data.sequence_start.anchor,
                        event->data.sequence_start.tag);
        return rc < 0 ? rc : guard_deeper(guard, event);
    case YAML_MAPPING_START_EVENT:
        rc = guard_node(guard, event, event->data.mapping_start.anchor,
                        event->data.mapping_start.tag);
        return rc < 0 ? rc : guard_deeper(guard, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        crl_assert(guard->depth > 0);
        guard->depth--;
        return CORRAL_OK;
    }
    crl_unreachable();
}

static int guard_run(struct guard *guard, yaml_parser_t *parser, struct corral_bytes text)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return parser_failed(parser, text, guard->problems);
        bool is_last = event.type == YAML_STREAM_END_EVENT;
        int rc = guard_event(guard, &event);
        yaml_event_delete(&event);
        if (rc < 0)
            return rc;
        if (is_last)
            break;
    }
    if (guard->documents > 0)
        return CORRAL_OK;
    crl_problems_add(guard->problems, (struct crl_place){0}, "the file is empty");
    return CORRAL_EINVAL;
}

/* A directive is a line that begins with '%', before a document. Other such lines are so odd that
 * they are refused with it. */
static int guard_directives(struct corral_bytes text, struct crl_problems *problems)
{
    const char *data = text.data;
    for (size_t i = 0; i < text.size; i++) {
        if (data[i] != '%' || (i > 0 && data[i - 1] != '\n' && data[i - 1] != '\r'))
            continue;
        crl_problems_add(problems, place_of_offset(text, i),
                         "a line cannot begin with '%%': YAML directives are not supported");
        return CORRAL_EINVAL;
    }
    return CORRAL_OK;
}

/* ---------------------------------------------------------------------------------- the reading */

/* libyaml would take a byte order mark for the reason to guess an encoding. */
static struct corral_bytes without_mark(struct corral_bytes text)
{
    if (text.size < 3 || memcmp(text.data, "\xEF\xBB\xBF", 3) != 0)
        return text;
    return (struct corral_bytes){(const char *)text.data + 3, text.size - 3};
}

static int parser_open(yaml_parser_t *parser, struct corral_bytes text)
{
    if (!yaml_parser_initialize(parser))
        return CORRAL_ENOMEM;
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, text.data, text.size);
    return CORRAL_OK;
}

static int yaml_check(struct corral_bytes text, struct crl_problems *problems)
{
    int rc = guard_directives(text, problems);
    if (rc < 0)
        return rc;
    yaml_parser_t parser;
    rc = parser_open(&parser, text);
    if (rc < 0)
        return rc;
    struct guard guard = {.problems = problems};
    rc = guard_run(&guard, &parser, text);
    yaml_parser_delete(&parser);
    return rc;
}

static int yaml_build(struct corral_bytes text, struct crl_problems *problems,
                      yaml_document_t *ret_document)
{
    yaml_parser_t parser;
    int rc = parser_open(&parser, text);
    if (rc < 0)
        return rc;
    yaml_document_t document;
    if (yaml_parser_load(&parser, &document))
        *ret_document = document;
    else
        rc = parser_failed(&parser, text, problems);
    yaml_parser_delete(&parser);
    return rc;
}

int crl_yaml_load(struct corral_bytes text, struct crl_problems *problems,
                  struct crl_yaml *ret_yaml)
{
    if (text.size > CRL_YAML_BYTES_MAX) {
        crl_problems_add(problems, (struct crl_place){0}, "the file is larger than 1MiB");
        return CORRAL_EINVAL;
    }
    text = without_mark(text);
    int rc = yaml_check(text, problems);
    if (rc < 0)
        return rc;
    struct crl_yaml yaml = {.text = text};
    rc = yaml_build(text, problems, &yaml.document);
    if (rc < 0)
        return rc;
    *ret_yaml = yaml;
    return CORRAL_OK;
}

void crl_yaml_fini(struct crl_yaml *yaml)
{
    yaml_document_delete(&yaml->document);
}

/* libyaml's accessors take no const, but change nothing. */
const yaml_node_t *crl_yaml_root(const struct crl_yaml *yaml)
{
    return crl_yaml_node(yaml, 1);
}

bool crl_yaml_has(const struct crl_yaml *yaml, const char *key)
{
    const yaml_node_t *root = crl_yaml_root(yaml);
    if (root->type != YAML_MAPPING_NODE)
        return false;
    const yaml_node_pair_t *pairs = root->data.mapping.pairs.start;
    for (const yaml_node_pair_t *pair = pairs; pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *node = crl_yaml_node(yaml, pair->key);
        if (node->type == YAML_SCALAR_NODE &&
            strcmp((const char *)node->data.scalar.value, key) == 0)
            return true;
    }
    return false;
}

const yaml_node_t *crl_yaml_node(const struct crl_yaml *yaml, int index)
{
    const yaml_node_t *node =
        yaml_document_get_node((yaml_document_t *)(uintptr_t)&yaml->document, index);
    crl_assert(node != NULL);
    return node;
}

struct crl_place crl_yaml_place(const yaml_node_t *node)
{
    return place_of_mark(node->start_mark);
}

bool crl_yaml_is_null(const yaml_node_t *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp((const char *)node->data.scalar.value, words[i]) == 0)
            return true;
    }
    return false;
}

/* ----------------------------------------------------------------------- places within a scalar */

/* The line of the file with this number, from 1, without its end; empty beyond the last. */
static struct corral_bytes line_of_file(struct corral_bytes text, size_t number)
{
    const char *at = text.data;
    const char *end = at + text.size;
    for (size_t i = 1; i < number && at < end; i++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline != NULL ? newline + 1 : end;
    }
    const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return (struct corral_bytes){at, (size_t)((newline != NULL ? newline : end) - at)};
}

/* On one line: the value is found there, if it stands in the file as it is. */
static void map_one_line(struct crl_text_map *map, const yaml_node_t *scalar)
{
    bool is_quoted = scalar->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    size_t shown = scalar->end_mark.column - scalar->start_mark.column;
    size_t value = characters((const char *)scalar->data.scalar.value, scalar->data.scalar.length);
    if (scalar->start_mark.line != scalar->end_mark.line || shown != value + 2 * is_quoted)
        return;
    map->first.column += is_quoted;
    map->left = map->first.column;
    map->is_exact = true;
}

/* A literal block: all its lines are indented alike. The first line that is not empty shows by how
 * much, and must be found in the file. */
static void map_block(struct crl_text_map *map, struct corral_bytes text, const yaml_node_t *scalar)
{
    const char *value = (const char *)scalar->data.scalar.value;
    size_t empty = strspn(value, "\n");
    struct corral_bytes wanted = {value + empty, strcspn(value + empty, "\n")};
    struct corral_bytes line = line_of_file(text, scalar->start_mark.line + 2 + empty);
    size_t indent = 0;
    while (indent < line.size && ((const char *)line.data)[indent] == ' ')
        indent++;
    if (wanted.size == 0 || wanted.size > line.size)
        return;
    /* Spaces that belong to the value: only with an indentation indicator, as in "|2". */
    size_t own = strspn(wanted.data, " ");
    if (own > indent || wanted.size > line.size - (indent - own) ||
        memcmp((const char *)line.data + indent - own, wanted.data, wanted.size) != 0)
        return;
    map->left = (uint32_t)(indent - own) + 1;
    map->first = (struct crl_place){map->first.line + 1, map->left};
    map->is_exact = true;
}

struct crl_text_map crl_yaml_text_map(const struct crl_yaml *yaml, const yaml_node_t *scalar)
{
    crl_assert(scalar->type == YAML_SCALAR_NODE);
    struct crl_text_map map = {.first = crl_yaml_place(scalar)};
    if (scalar->data.scalar.style == YAML_LITERAL_SCALAR_STYLE)
        map_block(&map, yaml->text, scalar);
    else if (scalar->data.scalar.style != YAML_FOLDED_SCALAR_STYLE)
        map_one_line(&map, scalar);
    return map;
}

struct crl_place crl_text_map_place(const struct crl_text_map *map, const char *text, size_t offset)
{
    if (!map->is_exact)
        return map->first;
    struct crl_place at = map->first;
    size_t line_start = 0;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] != '\n')
            continue;
        at = (struct crl_place){at.line + 1, map->left};
        line_start = i + 1;
    }
    at.column += (uint32_t)characters(text + line_start, offset - line_start);
    return at;
}
