/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern.c - weigh an expression, have the C library check it, then write its program. */
#include "config/pattern.h"

#include "config/pattern_program.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An open "(", or the expression as a whole. The last part is what a repetition would apply to. */
struct group {
    size_t weight; /* of the parts before the last, in all branches */
    size_t last_weight;
    bool may_be_empty;        /* a branch that has ended may */
    bool branch_may_be_empty; /* the parts of this branch before the last all may */
    bool last_may_be_empty;
};

struct weigher {
    struct group groups[CRL_PATTERN_BYTES_MAX + 1];
    size_t depth;
    const char *refusal; /* the first one; NULL: none */
};

static void refuse(struct weigher *w, const char *why)
{
    if (!w->refusal)
        w->refusal = why;
}

static size_t capped(size_t value)
{
    return value > CRL_PATTERN_WEIGHT_MAX ? CRL_PATTERN_WEIGHT_MAX + 1 : value;
}

static void group_open(struct weigher *w)
{
    w->groups[++w->depth] = (struct group){.branch_may_be_empty = true, .last_may_be_empty = true};
}

static void part_add(struct weigher *w, size_t weight, bool may_be_empty)
{
    struct group *group = &w->groups[w->depth];
    group->weight = capped(group->weight + group->last_weight);
    group->last_weight = weight;
    group->branch_may_be_empty &= group->last_may_be_empty;
    group->last_may_be_empty = may_be_empty;
}

static void branch_end(struct weigher *w)
{
    struct group *group = &w->groups[w->depth];
    group->may_be_empty |= group->branch_may_be_empty && group->last_may_be_empty;
    group->branch_may_be_empty = true;
    group->last_may_be_empty = true;
    group->weight = capped(group->weight + group->last_weight);
    group->last_weight = 0;
}

/* The C library takes an unmatched ')' for a letter. Between brackets of ours it would not be
 * one. */
static void group_close(struct weigher *w)
{
    if (w->depth == 0) {
        refuse(w, "unmatched ')' (a plain one is written '[)]')");
        return;
    }
    branch_end(w);
    struct group closed = w->groups[w->depth--];
    part_add(w, closed.weight > 0 ? closed.weight : 1, closed.may_be_empty);
}

/* times: how often the part is written out */
static void part_repeat(struct weigher *w, size_t times, bool may_be_empty)
{
    struct group *group = &w->groups[w->depth];
    if (group->last_may_be_empty)
        refuse(w, "it repeats what may be empty");
    group->last_weight = capped(group->last_weight * capped(times));
    group->last_may_be_empty |= may_be_empty;
}

/* The size of a bracket expression such as "[^]a[:alpha:]]". */
static size_t bracket_size(const char *text)
{
    size_t at = 1 + (text[1] == '^');
    at += text[at] == ']';
    while (text[at] != '\0' && text[at] != ']') {
        char kind = text[at] == '[' ? text[at + 1] : '\0';
        if (kind == ':' || kind == '.' || kind == '=') {
            const char close[] = {kind, ']', '\0'};
            const char *end = strstr(text + at + 2, close);
            at = end ? (size_t)(end - text) + 2 : strlen(text);
        } else {
            at++;
        }
    }
    return at + (text[at] == ']');
}

/* "{m}", "{m,}", "{m,n}" or "{,n}". Returns its size. */
static size_t interval(struct weigher *w, const char *text)
{
    char *end;
    unsigned long least = strtoul(text + 1, &end, 10);
    unsigned long times = least;
    if (*end == ',')
        times = end[1] == '}' ? least + 1 : strtoul(end + 1, NULL, 10);
    part_repeat(w, times > 0 ? times : 1, least == 0);
    return 1 + strspn(text + 1, "0123456789,}");
}

static size_t escape(struct weigher *w, const char *text)
{
    if (text[1] >= '1' && text[1] <= '9')
        refuse(w, "back-references are not supported");
    part_add(w, 1, text[1] != '\0' && strchr("bB<>`'", text[1])); /* GNU's anchors */
    return text[1] == '\0' ? 1 : 2;
}

/* Weigh what begins at `text`. Returns its size. */
static size_t weigh_next(struct weigher *w, const char *text)
{
    switch (text[0]) {
    case '(':
        group_open(w);
        return 1;
    case ')':
        group_close(w);
        return 1;
    case '|':
        branch_end(w);
        return 1;
    case '*':
        part_repeat(w, 1, true);
        return 1;
    case '+':
        part_repeat(w, 2, false);
        return 1;
    case '?':
        w->groups[w->depth].last_may_be_empty = true;
        return 1;
    case '{':
        return interval(w, text);
    case '[':
        part_add(w, 1, false);
        return bracket_size(text);
    case '\\':
        return escape(w, text);
    default:
        part_add(w, 1, text[0] == '^' || text[0] == '$');
        return 1;
    }
}

static const char *refusal(const char *expression)
{
    size_t size = strlen(expression);
    if (size == 0 || size > CRL_PATTERN_BYTES_MAX)
        return "it must have 1 to 512 bytes";
    struct weigher w = {.groups[0] = {.branch_may_be_empty = true, .last_may_be_empty = true}};
    for (size_t at = 0; at < size;)
        at += weigh_next(&w, expression + at);
    while (w.depth > 0)
        group_close(&w); /* what is wrong with it, the compiler says */
    branch_end(&w);
    if (w.groups[0].weight > CRL_PATTERN_WEIGHT_MAX)
        refuse(&w, "its repetitions {m,n} multiply to more than 1000");
    return w.refusal;
}

/* Is it well formed? */
static int check(const char *expression, char ret_why[CRL_PATTERN_WHY_MAX])
{
    regex_t regex;
    int code = regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB);
    if (code == REG_ESPACE)
        return CORRAL_ENOMEM;
    if (code != 0) {
        regerror(code, &regex, ret_why, CRL_PATTERN_WHY_MAX);
        return CORRAL_EINVAL;
    }
    regfree(&regex);
    return CORRAL_OK;
}

int crl_pattern_compile(const char *expression, char ret_why[CRL_PATTERN_WHY_MAX],
                        struct crl_pattern *ret_pattern)
{
    const char *why = refusal(expression);
    if (why) {
        snprintf(ret_why, CRL_PATTERN_WHY_MAX, "%s", why);
        return CORRAL_EINVAL;
    }
    int rc = check(expression, ret_why);
    if (rc < 0)
        return rc;
    struct crl_pattern pattern = {.is_set = true};
    rc = crl_pattern_program_new(expression, &pattern.program);
    if (rc == CORRAL_EINVAL)
        snprintf(ret_why, CRL_PATTERN_WHY_MAX, "its repetitions and branches are too many");
    if (rc < 0)
        return rc;
    *ret_pattern = pattern;
    return CORRAL_OK;
}

void crl_pattern_fini(struct crl_pattern *pattern)
{
    crl_pattern_program_free(pattern->program);
    *pattern = (struct crl_pattern){0};
}

bool crl_pattern_matches(const struct crl_pattern *pattern, const char *text)
{
    return !pattern->is_set || crl_pattern_program_matches(pattern->program, text);
}
