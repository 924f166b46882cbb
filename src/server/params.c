/* SPDX-License-Identifier: Apache-2.0
 *
 * params.c - see params.h.
 *
 * Three steps: take each pair of the query to its declaration; check and canonicalise each value,
 * in the order of declaration; write it to the key. */
#include "server/params.h"

#include "base/assert.h"
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 32 }; /* bytes of the longest canonical number, with its terminator */

static const char no_params[] = "&";

__attribute__((format(printf, 2, 3))) static int refuse(char why[CRL_PARAMS_WHY_MAX],
                                                        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, CRL_PARAMS_WHY_MAX, format, arguments);
    va_end(arguments);
    return CORRAL_EINVAL;
}

/* ------------------------------------------------------------------------------------ the query */

static size_t param_find(const struct crl_params *params, struct corral_bytes name)
{
    for (size_t i = 0; i < params->n; i++) {
        if (strcmp(params->rows[i].name, name.data) == 0)
            return i;
    }
    return params->n;
}

static int refuse_unknown(const struct crl_params *params, const char *name,
                          char why[CRL_PARAMS_WHY_MAX])
{
    char known[160] = "";
    size_t size = 0;
    for (size_t i = 0; i < params->n && size + 64 < sizeof known; i++)
        size += (size_t)snprintf(known + size, sizeof known - size, "%s%.48s", i == 0 ? "" : ", ",
                                 params->rows[i].name);
    if (params->n == 0)
        return refuse(why, "Unknown parameter \"%.48s\": this route takes none.", name);
    return refuse(why, "Unknown parameter \"%.48s\": this route takes %s.", name, known);
}

/* Sort the pairs of the query by declaration; those that are absent keep data NULL. */
static int query_read(const struct crl_params *params, struct corral_bytes query, char *scratch,
                      struct corral_bytes values[], char why[CRL_PARAMS_WHY_MAX])
{
    struct crl_form_reader reader;
    struct crl_form_pair pair;
    int rc;
    crl_form_reader_init(&reader, query, scratch, CRL_FORM_ROOM(query.size));
    while ((rc = crl_form_next(&reader, &pair)) == CRL_FORM_PAIR) {
        size_t i = param_find(params, pair.name);
        if (i == params->n)
            return refuse_unknown(params, pair.name.data, why);
        if (values[i].data != NULL)
            return refuse(why, "Parameter \"%.48s\" is given more than once; give it once.",
                          params->rows[i].name);
        values[i] = pair.value;
    }
    if (rc < 0)
        return refuse(why, "The query string is not well formed: %s.", crl_form_strerror(rc));
    return 0;
}

/* --------------------------------------------------------------------------------------- values */

/* Of "-007" the canonical form is its own end with a sign: "-7". */
static struct corral_bytes integer_canonical(struct corral_bytes value, char number[NUMBER_MAX])
{
    const char *text = value.data;
    bool negative = *text == '-';
    text += negative;
    while (text[0] == '0' && text[1] != '\0')
        text++;
    if (*text == '0' || !negative)
        return corral_str(text);
    snprintf(number, NUMBER_MAX, "-%s", text);
    return corral_str(number);
}

/* Is it a whole number of 64 bits that a double would round to another one? */
static bool is_beyond_doubles(const char *text)
{
    if (!crl_param_type_accepts(CRL_PARAM_INTEGER, text))
        return false;
    int64_t wanted = strtoll(text, NULL, 10);
    double rounded = (double)wanted;
    return rounded >= 0x1p63 || (int64_t)rounded != wanted;
}

/* The shortest of 15, 16 or 17 digits that reads back the same. Source: IEEE 754, 5.12.2: 17 do.
 * What a double cannot hold keeps all its digits: it would be another row's number. */
static struct corral_bytes number_canonical(struct corral_bytes value, char number[NUMBER_MAX])
{
    double wanted = strtod(value.data, NULL);
    if (wanted == 0)
        return corral_str("0");
    if (is_beyond_doubles(value.data))
        return integer_canonical(value, number);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(number, NUMBER_MAX, "%.*g", digits, wanted);
        if (strtod(number, NULL) == wanted)
            break;
    }
    return corral_str(number);
}

/* The canonical form of a value, or data NULL: it is not of this type. */
static struct corral_bytes canonical(enum crl_param_type type, struct corral_bytes value,
                                     char number[NUMBER_MAX])
{
    if (!crl_param_type_accepts(type, value.data))
        return crl_bytes(NULL, 0);
    switch (type) {
    case CRL_PARAM_TEXT:
    case CRL_PARAM_BOOLEAN:
        return value;
    case CRL_PARAM_INTEGER:
        return integer_canonical(value, number);
    case CRL_PARAM_NUMBER:
        return number_canonical(value, number);
    }
    crl_unreachable();
}

static int value_check(const struct crl_config_param *param, struct corral_bytes value,
                       char why[CRL_PARAMS_WHY_MAX])
{
    if (value.size > param->max_length)
        return refuse(why, "Parameter \"%.48s\" is too long: at most %u bytes are allowed.",
                      param->name, param->max_length);
    if (!crl_pattern_matches(&param->pattern, value.data))
        return refuse(why, "Parameter \"%.48s\" does not match the pattern of this route.",
                      param->name);
    return 0;
}

/* One parameter of the key. */
static int param_put(const struct crl_config_param *param, struct corral_bytes given,
                     struct crl_form_writer *key, char why[CRL_PARAMS_WHY_MAX])
{
    char number[NUMBER_MAX];
    struct corral_bytes value = given;
    if (given.data == NULL) {
        if (param->default_text == NULL)
            return refuse(why, "Parameter \"%.48s\" is missing; add %.48s=... to the query.",
                          param->name, param->name);
        value = corral_str(param->default_text);
    } else if (value_check(param, value, why) < 0) {
        return CORRAL_EINVAL;
    }
    value = canonical(param->type, value, number);
    if (value.data == NULL)
        return refuse(why, "Parameter \"%.48s\" is not %s.", param->name,
                      crl_param_type_hint(param->type));
    if (crl_form_put(key, corral_str(param->name), value) < 0) {
        (void)refuse(why, "The parameters are too long together: the key has at most %zu bytes.",
                     key->room);
        return CORRAL_EKEY;
    }
    return 0;
}

int crl_params_key(const struct crl_params *params, struct corral_bytes query, char *scratch,
                   char *key, size_t key_max, size_t *ret_size, char ret_why[CRL_PARAMS_WHY_MAX])
{
    struct corral_bytes values[CRL_CONFIG_PARAMS_MAX];
    crl_assert(params->n <= CRL_CONFIG_PARAMS_MAX);
    memset(values, 0, params->n * sizeof values[0]);
    int rc = query_read(params, query, scratch, values, ret_why);
    if (rc < 0)
        return rc;
    struct crl_form_writer writer;
    crl_form_writer_init(&writer, key, key_max);
    for (size_t i = 0; i < params->n; i++) {
        rc = param_put(&params->rows[i], values[i], &writer, ret_why);
        if (rc < 0)
            return rc;
    }
    if (params->n == 0 && key_max > 0) {
        *key = no_params[0];
        writer.size = 1;
    }
    *ret_size = writer.size;
    return 0;
}
