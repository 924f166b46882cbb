/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern.c - write the tree of an expression as a program.
 *
 * Each instruction names those that may follow, so the program is written from its end: who writes
 * a part knows where it leads. A repetition writes its part as often as it may occur; each time is
 * at least one instruction (pattern_tree.h, 2), so what is too large is soon found to be. */
#include "config/pattern.h"

#include "base/assert.h"
#include "config/pattern_program.h"

#include <stdlib.h>
#include <string.h>

struct writer {
    struct crl_pattern_tree tree;
    uint16_t code_n;
    bool too_large;
    struct crl_pattern_instruction code[CRL_PATTERN_PROGRAM_MAX];
};

static uint16_t emit(struct writer *w, struct crl_pattern_instruction instruction)
{
    if (w->code_n == CRL_PATTERN_PROGRAM_MAX) {
        w->too_large = true;
        return 0;
    }
    w->code[w->code_n] = instruction;
    return w->code_n++;
}

static uint16_t emit_split(struct writer *w, uint16_t next, uint16_t other)
{
    return emit(w, (struct crl_pattern_instruction){
                       .op = CRL_PATTERN_OP_SPLIT, .next = next, .other = other});
}

static uint16_t write_node(struct writer *w, uint16_t at, uint16_t next);

static uint16_t write_repeat(struct writer *w, const struct crl_pattern_node *node, uint16_t next)
{
    uint16_t entry = next;
    int least = node->least;
    if (node->most == CRL_PATTERN_ENDLESS) {
        uint16_t loop = emit_split(w, 0, next);
        uint16_t body = write_node(w, node->left, loop);
        w->code[loop].next = body;
        entry = least > 0 ? body : loop;
        least -= least > 0;
    }
    for (int i = node->least; i < node->most && !w->too_large; i++)
        entry = emit_split(w, write_node(w, node->left, entry), next);
    for (int i = 0; i < least && !w->too_large; i++)
        entry = write_node(w, node->left, entry);
    return entry;
}

/* Write a node that leads to `next`. Returns where it begins. */
static uint16_t write_node(struct writer *w, uint16_t at, uint16_t next)
{
    const struct crl_pattern_node *node = &w->tree.nodes[at];
    struct crl_pattern_instruction one = {.next = next};
    uint16_t other;
    switch (node->kind) {
    case CRL_PATTERN_EMPTY:
        return next;
    case CRL_PATTERN_SET:
        one.op = CRL_PATTERN_OP_SET;
        one.other = node->left;
        return emit(w, one);
    case CRL_PATTERN_ASSERT:
        one.op = CRL_PATTERN_OP_ASSERT;
        one.assertion = (uint8_t)node->left;
        return emit(w, one);
    case CRL_PATTERN_THEN:
        return write_node(w, node->left, write_node(w, node->right, next));
    case CRL_PATTERN_OR:
        other = write_node(w, node->right, next);
        return emit_split(w, write_node(w, node->left, next), other);
    case CRL_PATTERN_REPEAT:
        return write_repeat(w, node, next);
    }
    crl_unreachable();
}

static struct crl_pattern_program *program_copy(const struct writer *w, uint16_t entry)
{
    size_t sets_size = w->tree.sets_n * sizeof w->tree.sets[0],
           code_size = w->code_n * sizeof w->code[0];
    struct crl_pattern_program *program = malloc(sizeof *program + sets_size + code_size);
    if (program == NULL)
        return NULL;
    program->entry = entry;
    program->n = w->code_n;
    program->sets = (struct crl_pattern_set *)(program + 1);
    program->code = (struct crl_pattern_instruction *)((char *)program->sets + sets_size);
    memcpy(program->sets, w->tree.sets, sets_size);
    memcpy(program->code, w->code, code_size);
    return program;
}

static int program_write(struct writer *w, struct crl_pattern_problem *ret_problem,
                         struct crl_pattern_program **ret_program)
{
    uint16_t match = emit(w, (struct crl_pattern_instruction){.op = CRL_PATTERN_OP_MATCH});
    uint16_t entry = write_node(w, w->tree.root, match);
    if (w->too_large) {
        *ret_problem = (struct crl_pattern_problem){
            "it is too large: with repetitions written out, it has more than 4096 parts", 0};
        return CORRAL_EINVAL;
    }
    *ret_program = program_copy(w, entry);
    return *ret_program != NULL ? CORRAL_OK : CORRAL_ENOMEM;
}

int crl_pattern_compile(const char *expression, struct crl_pattern_problem *ret_problem,
                        struct crl_pattern *ret_pattern)
{
    struct writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return CORRAL_ENOMEM;
    struct crl_pattern pattern = {.is_set = true};
    int rc = crl_pattern_read(expression, ret_problem, &w->tree);
    if (rc == CORRAL_OK)
        rc = program_write(w, ret_problem, &pattern.program);
    free(w);
    if (rc == CORRAL_OK)
        *ret_pattern = pattern;
    return rc;
}

void crl_pattern_fini(struct crl_pattern *pattern)
{
    free(pattern->program);
    *pattern = (struct crl_pattern){0};
}

bool crl_pattern_matches(const struct crl_pattern *pattern, const char *text)
{
    return !pattern->is_set || crl_pattern_program_matches(pattern->program, text);
}
