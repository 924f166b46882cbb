/* SPDX-License-Identifier: Apache-2.0
 *
 * param.c - what a parameter of a route accepts. */
#include "server/param.h"

#include "base/assert.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct type_row {
    const char *word;
    const char *hint;
};

static const struct type_row *type_row(enum crl_param_type type)
{
    static const struct type_row rows[] = {
#define X(name, word, accepts) {word, accepts},
        CRL_PARAM_TYPE_TABLE(X)
#undef X
    };
    crl_assert((size_t)type < sizeof rows / sizeof rows[0]);
    return &rows[type];
}

const char *crl_param_type_word(enum crl_param_type type)
{
    return type_row(type)->word;
}

const char *crl_param_type_hint(enum crl_param_type type)
{
    return type_row(type)->hint;
}

static const char *after_digits(const char *text)
{
    return text + strspn(text, "0123456789");
}

static bool is_integer(const char *text)
{
    const char *digits = text + (*text == '-');
    if (after_digits(digits) == digits || *after_digits(digits) != '\0')
        return false;
    errno = 0;
    (void)strtoll(text, NULL, 10); /* only whether it fits */
    return errno == 0;
}

/* Source: RFC 8259, section 6. */
static bool is_number(const char *text)
{
    const char *at = text + (*text == '-');
    const char *end = after_digits(at);
    if (end == at || (*at == '0' && end - at > 1))
        return false;
    if (*end == '.') {
        at = end + 1;
        end = after_digits(at);
        if (end == at)
            return false;
    }
    if (*end == 'e' || *end == 'E') {
        at = end + 1 + (end[1] == '-' || end[1] == '+');
        end = after_digits(at);
        if (end == at)
            return false;
    }
    return *end == '\0' && isfinite(strtod(text, NULL));
}

bool crl_param_type_accepts(enum crl_param_type type, const char *text)
{
    switch (type) {
    case CRL_PARAM_TEXT:
        return true;
    case CRL_PARAM_INTEGER:
        return is_integer(text);
    case CRL_PARAM_NUMBER:
        return is_number(text);
    case CRL_PARAM_BOOLEAN:
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    }
    crl_unreachable();
}

/*  patterns * regcomp() writes repetitions out: "(a{255}){255}" becomes 65025 letters, and each
 *  further level multiplies. So a short expression can take all memory. The weight is the number of
 *  letters after writing out; it is computed first, and limited. */

/* The weight is computed with one frame for each open "(". */
struct weigher {
    size_t sum[CRL_PATTERN_BYTES_MAX + 1];  /* of each open group, without `last` */
    size_t last[CRL_PATTERN_BYTES_MAX + 1]; /* the part that a repetition would apply to */
    size_t depth;
    bool has_back_reference;
    bool
        has_stray_close; /* regcomp() takes it for a letter; between brackets it would not be one */
};

static size_t capped(size_t value)
{
    return value > CRL_PATTERN_WEIGHT_MAX ? CRL_PATTERN_WEIGHT_MAX + 1 : value;
}

static void weigh_part(struct weigher *w, size_t weight)
{
    w->sum[w->depth] = capped(w->sum[w->depth] + w->last[w->depth]);
    w->last[w->depth] = weight;
}

static void weigh_repeat(struct weigher *w, size_t times)
{
    w->last[w->depth] = capped(w->last[w->depth] * capped(times));
}

static void weigh_close(struct weigher *w)
{
    if (w->depth == 0) {
        w->has_stray_close = true;
        return;
    }
    size_t inner = capped(w->sum[w->depth] + w->last[w->depth]);
    w->depth--;
    weigh_part(w, inner);
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

/* "{m}", "{m,}" or "{m,n}": how often it is written out. Anything else counts once. */
static size_t interval_times(const char *text)
{
    char *end;
    unsigned long times = strtoul(text + 1, &end, 10);
    if (*end == ',')
        times = end[1] == '}' ? times + 1 : strtoul(end + 1, NULL, 10);
    return times > 0 ? times : 1;
}

/* Weigh what begins at `text`. Returns its bytes. */
static size_t weigh_next(struct weigher *w, const char *text)
{
    switch (text[0]) {
    case '(':
        w->depth++;
        w->sum[w->depth] = 0;
        w->last[w->depth] = 1;
        return 1;
    case ')':
        weigh_close(w);
        return 1;
    case '{':
        weigh_repeat(w, interval_times(text));
        return 1 + strspn(text + 1, "0123456789,}");
    case '+':
        weigh_repeat(w, 2); /* written out as "aa*" */
        return 1;
    case '[':
        weigh_part(w, 1);
        return bracket_size(text);
    case '\\':
        w->has_back_reference |= text[1] >= '1' && text[1] <= '9';
        weigh_part(w, 1);
        return text[1] == '\0' ? 1 : 2;
    default:
        weigh_part(w, 1);
        return 1;
    }
}

static const char *pattern_refusal(const char *expression)
{
    size_t size = strlen(expression);
    if (size == 0 || size > CRL_PATTERN_BYTES_MAX)
        return "it must have 1 to 512 bytes";
    struct weigher w = {0};
    for (size_t at = 0; at < size;)
        at += weigh_next(&w, expression + at);
    if (w.has_stray_close)
        return "unmatched ')' (a plain one is written '[)]')";
    while (w.depth > 0)
        weigh_close(&w);
    if (w.has_back_reference)
        return "back-references are not supported";
    if (capped(w.sum[0] + w.last[0]) > CRL_PATTERN_WEIGHT_MAX)
        return "its repetitions {m,n} multiply to more than 1000";
    return NULL;
}

static int compile(const char *expression, char ret_why[CRL_PATTERN_WHY_MAX], regex_t *ret_regex)
{
    int code = regcomp(ret_regex, expression, REG_EXTENDED | REG_NOSUB);
    if (code == 0)
        return CORRAL_OK;
    if (code == REG_ESPACE)
        return CORRAL_ENOMEM;
    regerror(code, ret_regex, ret_why, CRL_PATTERN_WHY_MAX);
    return CORRAL_EINVAL;
}

/* It is compiled twice: alone, so that it is whole in itself, and then in brackets between anchors. */
int crl_pattern_compile(const char *expression, char ret_why[CRL_PATTERN_WHY_MAX],
                        struct crl_pattern *ret_pattern)
{
    const char *refusal = pattern_refusal(expression);
    if (refusal) {
        snprintf(ret_why, CRL_PATTERN_WHY_MAX, "%s", refusal);
        return CORRAL_EINVAL;
    }
    struct crl_pattern pattern = {.is_set = true};
    int rc = compile(expression, ret_why, &pattern.regex);
    if (rc < 0)
        return rc;
    regfree(&pattern.regex);

    char whole[CRL_PATTERN_BYTES_MAX + sizeof "^()$"];
    snprintf(whole, sizeof whole, "^(%s)$", expression);
    rc = compile(whole, ret_why, &pattern.regex);
    if (rc < 0)
        return rc;
    *ret_pattern = pattern;
    return CORRAL_OK;
}

void crl_pattern_fini(struct crl_pattern *pattern)
{
    if (pattern->is_set)
        regfree(&pattern->regex);
    *pattern = (struct crl_pattern){0};
}

bool crl_pattern_matches(const struct crl_pattern *pattern, const char *text)
{
    return !pattern->is_set || regexec(&pattern->regex, text, 0, NULL, 0) == 0;
}
