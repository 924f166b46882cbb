/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern_program.c - see pattern_program.h. */
#include "config/pattern_program.h"

#include "base/assert.h"

#include <ctype.h>
#include <string.h>

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

static bool holds(enum crl_pattern_assertion assertion, struct place place)
{
    bool before = place.at > 0 && is_word(place.text[place.at - 1]);
    bool behind = is_word(place.text[place.at]);
    switch (assertion) {
    case CRL_PATTERN_AT_START:
        return place.at == 0;
    case CRL_PATTERN_AT_END:
        return place.text[place.at] == '\0';
    case CRL_PATTERN_AT_WORD_EDGE:
        return before != behind;
    case CRL_PATTERN_AT_NO_WORD_EDGE:
        return before == behind;
    case CRL_PATTERN_AT_WORD_START:
        return !before && behind;
    case CRL_PATTERN_AT_WORD_END:
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
        const struct crl_pattern_instruction *i = &run->program->code[at];
        switch ((enum crl_pattern_op)i->op) {
        case CRL_PATTERN_OP_SET:
            frontier->waiting[frontier->n++] = at;
            break;
        case CRL_PATTERN_OP_SPLIT:
            visit(run, i->next);
            visit(run, i->other);
            break;
        case CRL_PATTERN_OP_ASSERT:
            if (holds((enum crl_pattern_assertion)i->assertion, place))
                visit(run, i->next);
            break;
        case CRL_PATTERN_OP_MATCH:
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
            const struct crl_pattern_instruction *set = &program->code[now->waiting[i]];
            if (crl_pattern_set_has(&program->sets[set->other], byte))
                frontier_add(&run, then, set->next, place);
        }
        struct frontier *swap = now;
        now = then;
        then = swap;
    }
    return run.matched;
}
