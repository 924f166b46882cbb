/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   no query string makes the reader of parameters crash or run away, and what it takes as a
 *         key keeps the laws of params.h.
 * Method: libFuzzer on crl_params_key() with a route that has every type; the first byte of the
 * input
 *         chooses the limit of keys. A key, asked for as a query, must be its own key. */
#include "server/params.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char text_name[] = "id", integer_name[] = "n", number_name[] = "x", boolean_name[] = "on";
static char integer_default[] = "1", number_default[] = "2.5", boolean_default[] = "true";

static struct crl_config_param rows[] = {
    {.name = text_name, .type = CRL_PARAM_TEXT, .max_length = 32},
    {.name = integer_name,
     .type = CRL_PARAM_INTEGER,
     .max_length = 64,
     .default_text = integer_default},
    {.name = number_name,
     .type = CRL_PARAM_NUMBER,
     .max_length = 64,
     .default_text = number_default},
    {.name = boolean_name,
     .type = CRL_PARAM_BOOLEAN,
     .max_length = 8,
     .default_text = boolean_default},
};

/* Buffers have exactly the promised size. Returns the size of the key, or an error. */
static int ask(struct corral_bytes query, size_t key_max, char *key)
{
    static const struct crl_params params = {rows, sizeof rows / sizeof rows[0]};
    char *scratch = malloc(CRL_FORM_ROOM(query.size)), *exact = malloc(key_max + 1);
    char why[CRL_PARAMS_WHY_MAX] = "";
    size_t size = 0;
    int rc = crl_params_key(&params, query, scratch, exact, key_max, &size, why);
    crl_assert(rc == 0 || rc == CORRAL_EINVAL || rc == CORRAL_EKEY);
    crl_assert((rc < 0) == (why[0] != '\0'));
    crl_assert(size <= key_max);
    memcpy(key, exact, size);
    free(scratch);
    free(exact);
    return rc < 0 ? rc : (int)size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char key[256], again[256];
    if (size == 0)
        return 0;
    int key_size = ask(crl_bytes(data + 1, size - 1), data[0], key);
    if (key_size < 0)
        return 0;
    crl_assert(key_size > 0 && crl_utf8_is_valid(crl_bytes(key, (size_t)key_size)));
    int again_size = ask(crl_bytes(key, (size_t)key_size), data[0], again);
    crl_assert(again_size == key_size && memcmp(key, again, (size_t)key_size) == 0);
    return 0;
}
