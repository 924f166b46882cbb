/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern_program.c - read an expression into a tree, write the tree as a program, run it.
 *
 * Each instruction names those that may follow, so the program is written from its end: who writes
 * a part knows where it leads. A repetition writes its part as often as it may occur. */
#include "config/pattern_program.h"

#include "base/assert.h"
#include "config/pattern.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    NODES_MAX = 4 * CRL_PATTERN_BYTES_MAX + 4, /* a letter makes a leaf and joins it to a branch */
    ENDLESS = -1,
};

/* A set of bytes. */
struct set {
    uint64_t words[4];
};

/* What must hold at a place in the text, without taking a byte of it. */
enum assertion {
    AT_START,
    AT_END,
    AT_WORD_EDGE,
    AT_NO_WORD_EDGE,
    AT_WORD_START,
    AT_WORD_END,
};

enum op {
    OP_SET,    /* take a byte of a set, go on at next */
    OP_SPLIT,  /* go on at next and at other */
    OP_ASSERT, /* go on at next if it holds */
    OP_MATCH,
};

struct instruction {
    uint8_t op;
    uint8_t assertion;
    uint16_t next;
    uint16_t other; /* OP_SET: the number of the set */
};

struct crl_pattern_program {
    uint16_t entry;
    uint16_t n;
    struct instruction *code;
    struct set *sets;
};

/* ------------------------------------------------------------------------------------- the tree */

enum node_kind { NODE_EMPTY, NODE_SET, NODE_ASSERT, NODE_THEN, NODE_OR, NODE_REPEAT };

struct node {
    enum node_kind kind;
    uint16_t left, right; /* NODE_SET: left is the set; NODE_ASSERT: left is the assertion */
    int least, most;      /* NODE_REPEAT */
};

/* Everything that an expression of CRL_PATTERN_BYTES_MAX can become. */
struct work {
    const char *at;
    uint16_t nodes_n, sets_n, code_n;
    bool too_large;
    struct node nodes[NODES_MAX];
    struct set sets[CRL_PATTERN_BYTES_MAX];
    struct instruction code[CRL_PATTERN_PROGRAM_MAX];
};

static uint16_t node_add(struct work *w, struct node node)
{
    crl_assert(w->nodes_n < NODES_MAX);
    w->nodes[w->nodes_n] = node;
    return w->nodes_n++;
}

static void set_put(struct set *set, unsigned char byte)
{
    set->words[byte / 64] |= UINT64_C(1) << byte % 64;
}

static bool set_has(const struct set *set, unsigned char byte)
{
    return (set->words[byte / 64] >> byte % 64 & 1) != 0;
}

static void set_invert(struct set *set)
{
    for (int i = 0; i < 4; i++)
        set->words[i] = ~set->words[i];
}

static uint16_t set_node(struct work *w, const struct set *set)
{
    uint16_t i = 0;
    while (i < w->sets_n && memcmp(&w->sets[i], set, sizeof *set) != 0)
        i++;
    if (i == w->sets_n) {
        crl_assert(w->sets_n < CRL_PATTERN_BYTES_MAX);
        w->sets[w->sets_n++] = *set;
    }
    return node_add(w, (struct node){.kind = NODE_SET, .left = i});
}

static uint16_t byte_node(struct work *w, char byte)
{
    struct set set = {0};
    set_put(&set, (unsigned char)byte);
    return set_node(w, &set);
}

static uint16_t assert_node(struct work *w, enum assertion assertion)
{
    return node_add(w, (struct node){.kind = NODE_ASSERT, .left = (uint16_t)assertion});
}

/* ----------------------------------------------------------------------------- sets in brackets */

static void class_put(struct set *set, const char *name, size_t size)
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
    }
}

/* One byte of a bracket expression: itself, "[.x.]" or "[=x=]". */
static unsigned char element(const char **at)
{
    const char *from = *at;
    if (from[0] == '[' && (from[1] == '.' || from[1] == '=')) {
        *at = from + sizeof "[.x.]" - 1;
        return (unsigned char)from[2];
    }
    *at = from + 1;
    return (unsigned char)from[0];
}

/* What stands between "[" and "]". */
static uint16_t read_brackets(struct work *w)
{
    struct set set = {0};
    const char *at = w->at + 1;
    bool inverted = *at == '^';
    at += inverted;
    const char *first = at;
    while (*at != ']' || at == first) {
        if (at[0] == '[' && at[1] == ':') {
            const char *end = strstr(at + 2, ":]");
            class_put(&set, at + 2, (size_t)(end - at - 2));
            at = end + 2;
            continue;
        }
        unsigned low = element(&at), high = low;
        if (at[0] == '-' && at[1] != ']') {
            at++;
            high = element(&at);
        }
        for (unsigned byte = low; byte <= high; byte++)
            set_put(&set, (unsigned char)byte);
    }
    w->at = at + 1;
    if (inverted)
        set_invert(&set);
    return set_node(w, &set);
}

/* ---------------------------------------------------------------------------------- expressions */

static void word_put(struct set *set)
{
    class_put(set, "alnum", 5);
    set_put(set, '_');
}

static uint16_t read_escape(struct work *w)
{
    char c = w->at[1];
    struct set set = {0};
    w->at += 2;
    switch (c) {
    case 'w':
    case 'W':
        word_put(&set);
        break;
    case 's':
    case 'S':
        class_put(&set, "space", 5);
        break;
    case 'b':
        return assert_node(w, AT_WORD_EDGE);
    case 'B':
        return assert_node(w, AT_NO_WORD_EDGE);
    case '<':
        return assert_node(w, AT_WORD_START);
    case '>':
        return assert_node(w, AT_WORD_END);
    case '`':
        return assert_node(w, AT_START);
    case '\'':
        return assert_node(w, AT_END);
    default:
        return byte_node(w, c);
    }
    if (c == 'W' || c == 'S')
        set_invert(&set);
    return set_node(w, &set);
}

static uint16_t read_branches(struct work *w);

static uint16_t read_part(struct work *w)
{
    struct set set = {0};
    uint16_t node;
    switch (*w->at) {
    case '(':
        w->at++;
        node = read_branches(w);
        w->at++;
        return node;
    case '[':
        return read_brackets(w);
    case '\\':
        return read_escape(w);
    case '^':
        w->at++;
        return assert_node(w, AT_START);
    case '$':
        w->at++;
        return assert_node(w, AT_END);
    case '.':
        w->at++;
        set_invert(&set);
        return set_node(w, &set);
    default:
        return byte_node(w, *w->at++);
    }
}

static uint16_t repeat_node(struct work *w, uint16_t node, int least, int most)
{
    const struct node *part = &w->nodes[node];
    if (part->kind == NODE_REPEAT && part->least == 0 && least == 0 && most == 1)
        return node; /* "a??" */
    return node_add(w,
                    (struct node){.kind = NODE_REPEAT, .left = node, .least = least, .most = most});
}

/* "{m}", "{m,}", "{m,n}" or "{,n}" */
static uint16_t read_interval(struct work *w, uint16_t node)
{
    char *end;
    long least = strtol(w->at + 1, &end, 10), most = least;
    if (*end == ',') {
        most = end[1] == '}' ? ENDLESS : strtol(end + 1, &end, 10);
        end += *end == ','; /* of "{m,}" */
    }
    crl_assert(*end == '}');
    w->at = end + 1;
    return repeat_node(w, node, (int)least, (int)most);
}

static uint16_t read_repetitions(struct work *w, uint16_t node)
{
    for (;;) {
        switch (*w->at) {
        case '*':
            w->at++;
            node = repeat_node(w, node, 0, ENDLESS);
            break;
        case '+':
            w->at++;
            node = repeat_node(w, node, 1, ENDLESS);
            break;
        case '?':
            w->at++;
            node = repeat_node(w, node, 0, 1);
            break;
        case '{':
            node = read_interval(w, node);
            break;
        default:
            return node;
        }
    }
}

/* What stands between "|", to the end of the group. */
static uint16_t read_branch(struct work *w)
{
    uint16_t branch = node_add(w, (struct node){.kind = NODE_EMPTY});
    for (bool first = true; *w->at != '\0' && *w->at != '|' && *w->at != ')'; first = false) {
        uint16_t part = read_repetitions(w, read_part(w));
        branch = first
                     ? part
                     : node_add(w, (struct node){.kind = NODE_THEN, .left = branch, .right = part});
    }
    return branch;
}

static uint16_t read_branches(struct work *w)
{
    uint16_t all = read_branch(w);
    while (*w->at == '|') {
        w->at++;
        uint16_t branch = read_branch(w);
        all = node_add(w, (struct node){.kind = NODE_OR, .left = all, .right = branch});
    }
    return all;
}

/* -------------------------------------------------------------------------------------- writing */

static uint16_t emit(struct work *w, struct instruction instruction)
{
    if (w->code_n == CRL_PATTERN_PROGRAM_MAX) {
        w->too_large = true;
        return 0;
    }
    w->code[w->code_n] = instruction;
    return w->code_n++;
}

static uint16_t write_node(struct work *w, uint16_t at, uint16_t next);

static uint16_t write_repeat(struct work *w, const struct node *node, uint16_t next)
{
    uint16_t entry = next;
    int least = node->least;
    if (node->most == ENDLESS) {
        uint16_t loop = emit(w, (struct instruction){.op = OP_SPLIT, .other = next});
        uint16_t body = write_node(w, node->left, loop);
        w->code[loop].next = body;
        entry = least > 0 ? body : loop;
        least -= least > 0;
    }
    for (int i = node->least; i < node->most && !w->too_large; i++)
        entry =
            emit(w, (struct instruction){
                        .op = OP_SPLIT, .next = write_node(w, node->left, entry), .other = next});
    for (int i = 0; i < least && !w->too_large; i++)
        entry = write_node(w, node->left, entry);
    return entry;
}

/* Write a node that leads to `next`. Returns where it begins. */
static uint16_t write_node(struct work *w, uint16_t at, uint16_t next)
{
    const struct node *node = &w->nodes[at];
    uint16_t other;
    switch (node->kind) {
    case NODE_EMPTY:
        return next;
    case NODE_SET:
        return emit(w, (struct instruction){.op = OP_SET, .next = next, .other = node->left});
    case NODE_ASSERT:
        return emit(w, (struct instruction){
                           .op = OP_ASSERT, .assertion = (uint8_t)node->left, .next = next});
    case NODE_THEN:
        return write_node(w, node->left, write_node(w, node->right, next));
    case NODE_OR:
        other = write_node(w, node->right, next);
        return emit(w, (struct instruction){.op = OP_SPLIT,
                                            .next = write_node(w, node->left, next),
                                            .other = other});
    case NODE_REPEAT:
        return write_repeat(w, node, next);
    }
    crl_unreachable();
}

static struct crl_pattern_program *program_copy(const struct work *w, uint16_t entry)
{
    size_t sets_size = w->sets_n * sizeof w->sets[0], code_size = w->code_n * sizeof w->code[0];
    struct crl_pattern_program *program = malloc(sizeof *program + sets_size + code_size);
    if (program == NULL)
        return NULL;
    program->entry = entry;
    program->n = w->code_n;
    program->sets = (struct set *)(program + 1);
    program->code = (struct instruction *)((char *)program->sets + sets_size);
    memcpy(program->sets, w->sets, sets_size);
    memcpy(program->code, w->code, code_size);
    return program;
}

int crl_pattern_program_new(const char *expression, struct crl_pattern_program **ret_program)
{
    crl_assert(strlen(expression) <= CRL_PATTERN_BYTES_MAX);
    struct work *w = calloc(1, sizeof *w);
    if (w == NULL)
        return CORRAL_ENOMEM;
    w->at = expression;
    uint16_t root = read_branches(w);
    crl_assert(*w->at == '\0');
    uint16_t match = emit(w, (struct instruction){.op = OP_MATCH});
    uint16_t entry = write_node(w, root, match);
    struct crl_pattern_program *program = w->too_large ? NULL : program_copy(w, entry);
    int rc = w->too_large ? CORRAL_EINVAL : program == NULL ? CORRAL_ENOMEM : CORRAL_OK;
    free(w);
    if (rc == CORRAL_OK)
        *ret_program = program;
    return rc;
}

void crl_pattern_program_free(struct crl_pattern_program *program)
{
    free(program);
}

/* -------------------------------------------------------------------------------------- running */

/* The instructions that wait for the byte at one place of the text, each once. */
struct frontier {
    uint16_t n;
    uint16_t waiting[CRL_PATTERN_PROGRAM_MAX];
};

struct place {
    const char *text;
    size_t at;
};

static bool is_word(char c)
{
    return isascii((unsigned char)c) && (isalnum((unsigned char)c) || c == '_');
}

static bool holds(enum assertion assertion, struct place place)
{
    bool before = place.at > 0 && is_word(place.text[place.at - 1]);
    bool behind = is_word(place.text[place.at]);
    switch (assertion) {
    case AT_START:
        return place.at == 0;
    case AT_END:
        return place.text[place.at] == '\0';
    case AT_WORD_EDGE:
        return before != behind;
    case AT_NO_WORD_EDGE:
        return before == behind;
    case AT_WORD_START:
        return !before && behind;
    case AT_WORD_END:
        return before && !behind;
    }
    crl_unreachable();
}

struct run {
    const struct crl_pattern_program *program;
    uint64_t seen[CRL_PATTERN_PROGRAM_MAX / 64];
    uint16_t stack[CRL_PATTERN_PROGRAM_MAX];
    uint16_t depth;
    bool matched;
    struct frontier frontiers[2];
};

static void visit(struct run *run, uint16_t at)
{
    uint64_t bit = UINT64_C(1) << at % 64;
    if ((run->seen[at / 64] & bit) != 0)
        return;
    run->seen[at / 64] |= bit;
    run->stack[run->depth++] = at; /* each once: it has room */
}

static void frontier_begin(struct run *run, struct frontier *frontier)
{
    frontier->n = 0;
    memset(run->seen, 0, ((size_t)run->program->n + 63) / 64 * sizeof run->seen[0]);
}

/* Go on from an instruction as far as it goes without a byte. */
static void frontier_add(struct run *run, struct frontier *frontier, uint16_t entry,
                         struct place place)
{
    visit(run, entry);
    while (run->depth > 0) {
        uint16_t at = run->stack[--run->depth];
        const struct instruction *i = &run->program->code[at];
        switch ((enum op)i->op) {
        case OP_SET:
            frontier->waiting[frontier->n++] = at;
            break;
        case OP_SPLIT:
            visit(run, i->next);
            visit(run, i->other);
            break;
        case OP_ASSERT:
            if (holds((enum assertion)i->assertion, place))
                visit(run, i->next);
            break;
        case OP_MATCH:
            run->matched = place.text[place.at] == '\0';
            break;
        }
    }
}

bool crl_pattern_program_matches(const struct crl_pattern_program *program, const char *text)
{
    struct run run; /* 25 KiB, of which a small program touches little */
    run.program = program;
    run.depth = 0;
    run.matched = false;
    struct frontier *now = &run.frontiers[0], *then = &run.frontiers[1];
    struct place place = {text, 0};
    frontier_begin(&run, now);
    frontier_add(&run, now, program->entry, place);
    while (now->n > 0 && text[place.at] != '\0') {
        unsigned char byte = (unsigned char)text[place.at++];
        frontier_begin(&run, then);
        for (uint16_t i = 0; i < now->n; i++) {
            const struct instruction *set = &program->code[now->waiting[i]];
            if (set_has(&program->sets[set->other], byte))
                frontier_add(&run, then, set->next, place);
        }
        struct frontier *swap = now;
        now = then;
        then = swap;
    }
    return run.matched;
}
