/* SPDX-License-Identifier: Apache-2.0
 *
 * expand.c - put environment variables into a text. The result is built in a buffer of its
 * limit. */
#include "yaml/expand.h"

#include <stdlib.h>
#include <string.h>

struct expansion {
    const char *key;
    struct crl_place at;
    struct crl_problems *problems;
    char *out;
    size_t n;
    size_t max;
};

static bool append(struct expansion *e, const char *bytes, size_t size)
{
    if (size > e->max - e->n) {
        crl_problems_add(e->problems, e->at, "%s: is longer than %zu bytes", e->key, e->max);
        return false;
    }
    memcpy(e->out + e->n, bytes, size);
    e->n += size;
    return true;
}

static size_t name_size(const char *text)
{
    static const char later[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return *text >= '0' && *text <= '9' ? 0 : strspn(text, later);
}

/* `text` stands behind "${". Returns what it takes with its "}", 0 if that failed. */
static size_t append_variable(struct expansion *e, const char *text)
{
    char name[256];
    size_t size = name_size(text);
    if (size == 0 || size >= sizeof name || text[size] != '}') {
        crl_problems_add(e->problems, e->at,
                         "%s: '${' must be followed by the name of an environment variable and '}'"
                         " (a plain '$' is written '$$')",
                         e->key);
        return 0;
    }
    memcpy(name, text, size);
    name[size] = '\0';
    const char *value = getenv(name);
    if (value == NULL) {
        crl_problems_add(e->problems, e->at, "%s: the environment variable %s is not set", e->key,
                         crl_quoted(name, size).text);
        return 0;
    }
    return append(e, value, strlen(value)) ? size + 1 : 0;
}

static bool expand(struct expansion *e, const char *text)
{
    while (*text) {
        size_t plain = strcspn(text, "$");
        if (plain == 0 && text[1] == '{') {
            size_t taken = append_variable(e, text + 2);
            if (taken == 0)
                return false;
            text += 2 + taken;
            continue;
        }
        if (plain == 0)
            plain = 1;
        if (!append(e, text, plain))
            return false;
        text += text[0] == '$' && text[1] == '$' ? 2 : plain;
    }
    return true;
}

int crl_expand(const char *text, size_t max, const char *key, struct crl_place at,
               struct crl_problems *problems, char **ret_text)
{
    struct expansion e = {.key = key, .at = at, .problems = problems, .max = max};
    e.out = malloc(max + 1);
    if (e.out == NULL)
        return CORRAL_ENOMEM;
    if (!expand(&e, text)) {
        free(e.out);
        return CORRAL_EINVAL;
    }
    e.out[e.n] = '\0';
    *ret_text = e.out;
    return CORRAL_OK;
}
