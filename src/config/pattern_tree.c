/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern_tree.c - see pattern_tree.h. A reader that has met a problem stands at the end of the
 * expression, so that all its loops end. */
#include "config/pattern_tree.h"

#include "base/assert.h"

#include <ctype.h>
#include <string.h>

enum { EMPTY_NODE = 0 };

struct reader {
    const char *from, *at, *end;
    struct crl_pattern_problem problem; /* the first one; why is NULL: none */
    struct crl_pattern_tree *tree;
};

static void refuse(struct reader *r, const char *at, const char *why)
{
    if (r->problem.why == NULL)
        r->problem = (struct crl_pattern_problem){why, (size_t)(at - r->from)};
    r->at = r->end;
}

/* ---------------------------------------------------------------------------------------- nodes */

static uint16_t node_add(struct reader *r, struct crl_pattern_node node)
{
    struct crl_pattern_tree *tree = r->tree;
    crl_assert(tree->nodes_n < CRL_PATTERN_NODES_MAX);
    tree->nodes[tree->nodes_n] = node;
    return tree->nodes_n++;
}

static uint16_t then_node(struct reader *r, uint16_t left, uint16_t right)
{
    if (left == EMPTY_NODE || right == EMPTY_NODE)
        return left == EMPTY_NODE ? right : left;
    return node_add(
        r, (struct crl_pattern_node){.kind = CRL_PATTERN_THEN, .left = left, .right = right});
}

static uint16_t repeat_node(struct reader *r, uint16_t node, int least, int most)
{
    if (node == EMPTY_NODE || most == 0)
        return EMPTY_NODE;
    if (least == 1 && most == 1)
        return node;
    return node_add(r, (struct crl_pattern_node){
                           .kind = CRL_PATTERN_REPEAT, .left = node, .least = least, .most = most});
}

static uint16_t assert_node(struct reader *r, enum crl_pattern_assertion assertion)
{
    return node_add(
        r, (struct crl_pattern_node){.kind = CRL_PATTERN_ASSERT, .left = (uint16_t)assertion});
}

static uint16_t set_node(struct reader *r, const struct crl_pattern_set *set)
{
    struct crl_pattern_tree *tree = r->tree;
    uint16_t i = 0;
    while (i < tree->sets_n && memcmp(&tree->sets[i], set, sizeof *set) != 0)
        i++;
    if (i == tree->sets_n) {
        crl_assert(tree->sets_n < CRL_PATTERN_BYTES_MAX);
        tree->sets[tree->sets_n++] = *set;
    }
    return node_add(r, (struct crl_pattern_node){.kind = CRL_PATTERN_SET, .left = i});
}

/* ----------------------------------------------------------------------------------------- sets */

static void set_put(struct crl_pattern_set *set, unsigned char byte)
{
    set->words[byte / 64] |= UINT64_C(1) << byte % 64;
}

static void set_invert(struct crl_pattern_set *set)
{
    for (int i = 0; i < 4; i++)
        set->words[i] = ~set->words[i];
}

static uint16_t byte_node(struct reader *r, char byte)
{
    struct crl_pattern_set set = {0};
    set_put(&set, (unsigned char)byte);
    return set_node(r, &set);
}

/* Returns whether there is a class of this name. */
static bool class_put(struct crl_pattern_set *set, const char *name, size_t size)
{
    static const struct {
        const char *name;
        int (*has)(int c);
    } classes[] = {
        {"alpha", isalpha}, {"digit", isdigit}, {"alnum", isalnum}, {"upper", isupper},
        {"lower", islower}, {"space", isspace}, {"blank", isblank}, {"punct", ispunct},
        {"print", isprint}, {"graph", isgraph}, {"cntrl", iscntrl}, {"xdigit", isxdigit},
    };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (strlen(classes[i].name) != size || memcmp(classes[i].name, name, size) != 0)
            continue;
        for (int c = 0; c < 128; c++) /* in the C locale no other byte is in a class */
            if (classes[i].has(c) != 0)
                set_put(set, (unsigned char)c);
        return true;
    }
    return false;
}

static void word_put(struct crl_pattern_set *set)
{
    (void)class_put(set, "alnum", 5);
    set_put(set, '_');
}

/* ------------------------------------------------------------------------------------- brackets */

/* "[:name:]", "[.x.]" or "[=x=]" within brackets: what stands between. NULL: there is no end. */
static const char *named(struct reader *r, const char *open, size_t *ret_size)
{
    const char close[] = {open[1], ']', '\0'};
    const char *name = open + 2, *end = strstr(name, close);
    if (end == NULL) {
        refuse(r, open, "this '[' has no end");
        return NULL;
    }
    *ret_size = (size_t)(end - name);
    r->at = end + 2;
    return name;
}

static bool opens_name(const char *at, const char *kinds)
{
    return at[0] == '[' && at[1] != '\0' && strchr(kinds, at[1]) != NULL;
}

/* One byte: itself, "[.x.]" or "[=x=]". */
static unsigned char read_element(struct reader *r)
{
    const char *from = r->at;
    size_t size;
    if (!opens_name(from, ".=")) {
        r->at += r->at < r->end;
        return (unsigned char)from[0];
    }
    const char *name = named(r, from, &size);
    if (name != NULL && size != 1)
        refuse(r, from, "only a single byte can stand here");
    return name != NULL ? (unsigned char)name[0] : 0;
}

static void read_class(struct reader *r, struct crl_pattern_set *set)
{
    const char *from = r->at;
    size_t size;
    const char *name = named(r, from, &size);
    if (name != NULL && !class_put(set, name, size))
        refuse(r, from,
               "there is no such class; there are alpha, digit, alnum, upper, lower,"
               " space, blank, punct, print, graph, cntrl and xdigit");
}

/* "x-y" or "x". */
static void read_range(struct reader *r, struct crl_pattern_set *set, bool is_first)
{
    const char *from = r->at;
    bool is_equivalence = opens_name(from, "=");
    if (from[0] == '-' && !is_first && from[1] != ']' && from[1] != '\0') {
        refuse(r, from, "a plain '-' must come first or last between brackets");
        return;
    }
    unsigned low = read_element(r), high = low;
    if (r->at[0] == '-' && r->at[1] != ']' && r->at[1] != '\0' && !is_equivalence) {
        r->at++;
        if (opens_name(r->at, ":="))
            refuse(r, r->at, "a class cannot be the end of a range");
        high = read_element(r);
    }
    if (low > high)
        refuse(r, from, "this range is backwards");
    for (unsigned byte = low; byte <= high; byte++)
        set_put(set, (unsigned char)byte);
}

static uint16_t read_brackets(struct reader *r)
{
    struct crl_pattern_set set = {0};
    const char *open = r->at++;
    bool inverted = *r->at == '^';
    r->at += inverted;
    const char *first = r->at;
    while (r->at < r->end && (*r->at != ']' || r->at == first)) {
        if (opens_name(r->at, ":"))
            read_class(r, &set);
        else
            read_range(r, &set, r->at == first);
    }
    if (r->at == r->end)
        refuse(r, open, "this '[' has no ']'");
    else
        r->at++;
    if (inverted)
        set_invert(&set);
    return set_node(r, &set);
}

/* ---------------------------------------------------------------------------------------- parts */

/* Is there an anchor? It cannot be repeated. */
static bool read_anchor(struct reader *r, uint16_t *ret_node)
{
    static const struct {
        const char *word;
        enum crl_pattern_assertion assertion;
    } anchors[] = {
        {"^", CRL_PATTERN_AT_START},        {"$", CRL_PATTERN_AT_END},
        {"\\`", CRL_PATTERN_AT_START},      {"\\'", CRL_PATTERN_AT_END},
        {"\\b", CRL_PATTERN_AT_WORD_EDGE},  {"\\B", CRL_PATTERN_AT_NO_WORD_EDGE},
        {"\\<", CRL_PATTERN_AT_WORD_START}, {"\\>", CRL_PATTERN_AT_WORD_END},
    };
    for (size_t i = 0; i < sizeof anchors / sizeof anchors[0]; i++) {
        size_t size = strlen(anchors[i].word);
        if (strncmp(r->at, anchors[i].word, size) != 0)
            continue;
        r->at += size;
        *ret_node = assert_node(r, anchors[i].assertion);
        return true;
    }
    return false;
}

static uint16_t read_escape(struct reader *r)
{
    struct crl_pattern_set set = {0};
    char c = r->at[1];
    if (c == '\0')
        refuse(r, r->at, "a '\\' at the end stands before nothing");
    else if (c >= '1' && c <= '9')
        refuse(r, r->at, "back-references are not supported");
    else
        r->at += 2;
    switch (c) {
    case 'w':
    case 'W':
        word_put(&set);
        break;
    case 's':
    case 'S':
        (void)class_put(&set, "space", 5);
        break;
    default:
        return byte_node(r, c);
    }
    if (c == 'W' || c == 'S')
        set_invert(&set);
    return set_node(r, &set);
}

static uint16_t read_branches(struct reader *r);

static uint16_t read_group(struct reader *r)
{
    const char *open = r->at++;
    uint16_t node = read_branches(r);
    if (*r->at != ')')
        refuse(r, open, "this '(' is never closed");
    else
        r->at++;
    return node;
}

static uint16_t read_part(struct reader *r)
{
    struct crl_pattern_set set = {0};
    switch (*r->at) {
    case '(':
        return read_group(r);
    case '[':
        return read_brackets(r);
    case '\\':
        return read_escape(r);
    case '.':
        r->at++;
        set_invert(&set);
        return set_node(r, &set);
    case '*':
    case '+':
    case '?':
    case '{':
        refuse(r, r->at, "there is nothing before it to repeat");
        return EMPTY_NODE;
    default:
        return byte_node(r, *r->at++);
    }
}

/* ---------------------------------------------------------------------------------- repetitions */

/* A number, of which more than there may be instructions counts as one more. -1: there is none. */
static int read_number(struct reader *r)
{
    int number = -1;
    for (; *r->at >= '0' && *r->at <= '9'; r->at++) {
        number = (number < 0 ? 0 : number) * 10 + (*r->at - '0');
        if (number > CRL_PATTERN_PROGRAM_MAX)
            number = CRL_PATTERN_PROGRAM_MAX + 1;
    }
    return number;
}

/* "{m}", "{m,}", "{m,n}", "{,n}" or "{,}" */
static uint16_t read_interval(struct reader *r, uint16_t node)
{
    const char *open = r->at++;
    int least = read_number(r), most = least;
    bool has_comma = *r->at == ',';
    if (has_comma) {
        r->at++;
        most = read_number(r);
        least = least < 0 ? 0 : least;
    }
    if (*r->at != '}' || least < 0)
        refuse(r, open, "this must be {m}, {m,}, {m,n} or {,n}; a plain '{' is written '[{]'");
    else if (most >= 0 && least > most)
        refuse(r, open, "the first number is larger than the second");
    else if (least > CRL_PATTERN_PROGRAM_MAX || most > CRL_PATTERN_PROGRAM_MAX)
        refuse(r, open, "more than 4096 repetitions");
    else
        r->at++;
    return repeat_node(r, node, least, most < 0 ? CRL_PATTERN_ENDLESS : most);
}

static uint16_t read_repetitions(struct reader *r, uint16_t node)
{
    for (;;) {
        switch (*r->at) {
        case '*':
            r->at++;
            node = repeat_node(r, node, 0, CRL_PATTERN_ENDLESS);
            break;
        case '+':
            r->at++;
            node = repeat_node(r, node, 1, CRL_PATTERN_ENDLESS);
            break;
        case '?':
            r->at++;
            node = repeat_node(r, node, 0, 1);
            break;
        case '{':
            node = read_interval(r, node);
            break;
        default:
            return node;
        }
    }
}

/* ------------------------------------------------------------------------------------- branches */

/* What stands between "|", to the end of the group. */
static uint16_t read_branch(struct reader *r)
{
    uint16_t branch = EMPTY_NODE, part;
    while (*r->at != '\0' && *r->at != '|' && *r->at != ')') {
        if (!read_anchor(r, &part))
            part = read_repetitions(r, read_part(r));
        branch = then_node(r, branch, part);
    }
    return branch;
}

static uint16_t read_branches(struct reader *r)
{
    uint16_t all = read_branch(r);
    while (*r->at == '|') {
        r->at++;
        uint16_t branch = read_branch(r);
        if (all != EMPTY_NODE || branch != EMPTY_NODE)
            all = node_add(
                r, (struct crl_pattern_node){.kind = CRL_PATTERN_OR, .left = all, .right = branch});
    }
    return all;
}

int crl_pattern_read(const char *expression, struct crl_pattern_problem *ret_problem,
                     struct crl_pattern_tree *ret_tree)
{
    size_t size = strlen(expression);
    struct reader r = {
        .from = expression, .at = expression, .end = expression + size, .tree = ret_tree};
    crl_assert(ret_tree->nodes_n == 0 && ret_tree->sets_n == 0);
    if (size == 0 || size > CRL_PATTERN_BYTES_MAX) {
        *ret_problem = (struct crl_pattern_problem){"it must have 1 to 512 bytes", 0};
        return CORRAL_EINVAL;
    }
    crl_assert(node_add(&r, (struct crl_pattern_node){.kind = CRL_PATTERN_EMPTY}) == EMPTY_NODE);
    ret_tree->root = read_branches(&r);
    if (*r.at == ')')
        refuse(&r, r.at, "this ')' closes nothing; a plain one is written '[)]'");
    crl_assert(r.at == r.end);
    if (r.problem.why == NULL)
        return CORRAL_OK;
    *ret_problem = r.problem;
    return CORRAL_EINVAL;
}
