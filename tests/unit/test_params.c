/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   requests that mean the same have the same key; a request that is not right is refused
 *         with a sentence that says what to do.
 * Method: rows of queries with their key or refusal, against routes written as a configuration
 * would;
 *         then the law that a key, asked for as a query, is its own key, on seeded draws. */
#include "base/bytes.h"
#include "base/rng.h"
#include "server/params.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static char id[] = "id", n[] = "n", n_default[] = "1", x[] = "x", x_default[] = "0.50", on[] = "on",
            on_default[] = "false";
static struct crl_config_param all[] = {
    {.name = id, .type = CRL_PARAM_TEXT, .max_length = 8},
    {.name = n, .type = CRL_PARAM_INTEGER, .max_length = 64, .default_text = n_default},
    {.name = x, .type = CRL_PARAM_NUMBER, .max_length = 64, .default_text = x_default},
    {.name = on, .type = CRL_PARAM_BOOLEAN, .max_length = 64, .default_text = on_default},
};
static const struct crl_params four = {all, 4}, one = {all, 1}, none = {NULL, 0};

struct answer {
    int rc;
    char key[256];
    char why[CRL_PARAMS_WHY_MAX];
};

/* Buffers have exactly the promised size, so that the address sanitizer watches their ends. */
static struct answer ask(const struct crl_params *params, struct corral_bytes query, size_t key_max)
{
    struct answer answer = {0};
    char *raw = malloc(query.size + 1), *scratch = malloc(CRL_FORM_ROOM(query.size));
    char *key = malloc(key_max + 1);
    size_t size = 0;
    memcpy(raw, query.data, query.size);
    answer.rc = crl_params_key(params, crl_bytes(raw, query.size), scratch, key, key_max, &size,
                               answer.why);
    assert_true(size <= key_max && size < sizeof answer.key);
    memcpy(answer.key, key, size);
    free(raw);
    free(scratch);
    free(key);
    return answer;
}

static void test_keys(void **state)
{
    (void)state;
    static const struct {
        const char *name, *query, *key;
    } rows[] = {
        {"defaults", "id=a", "id=a&n=1&x=0.5&on=false"},
        {"any order", "on=true&x=2&id=a&n=3", "id=a&n=3&x=2&on=true"},
        {"as long as can be", "id=12345678", "id=12345678&n=1&x=0.5&on=false"},
        {"an empty text", "id=", "id=&n=1&x=0.5&on=false"},
        {"percent and plus", "id=%41+%26", "id=A%20%26&n=1&x=0.5&on=false"},
        {"leading zeros", "id=a&n=007", "id=a&n=7&x=0.5&on=false"},
        {"a negative one", "id=a&n=-007", "id=a&n=-7&x=0.5&on=false"},
        {"minus zero", "id=a&n=-0", "id=a&n=0&x=0.5&on=false"},
        {"the least", "id=a&n=-9223372036854775808", "id=a&n=-9223372036854775808&x=0.5&on=false"},
        {"the most", "id=a&n=9223372036854775807", "id=a&n=9223372036854775807&x=0.5&on=false"},
        {"exponents", "id=a&x=1e2", "id=a&n=1&x=100&on=false"},
        {"shortest", "id=a&x=0.10000000000000001", "id=a&n=1&x=0.1&on=false"},
        {"16 digits", "id=a&x=0.1000000000000002", "id=a&n=1&x=0.1000000000000002&on=false"},
        {"17 digits", "id=a&x=0.30000000000000004", "id=a&n=1&x=0.30000000000000004&on=false"},
        {"minus zero number", "id=a&x=-0.0", "id=a&n=1&x=0&on=false"},
        {"a large number", "id=a&x=1e300", "id=a&n=1&x=1e%2B300&on=false"},
        {"beyond doubles", "id=a&x=9007199254740993", "id=a&n=1&x=9007199254740993&on=false"},
        {"and negative", "id=a&x=-9007199254740993", "id=a&n=1&x=-9007199254740993&on=false"},
        {"the most of 64 bits", "id=a&x=9223372036854775807",
         "id=a&n=1&x=9223372036854775807&on=false"},
        {"even, so a double", "id=a&x=9007199254740992.0", "id=a&n=1&x=9007199254740992&on=false"},
        {"true", "id=a&on=true", "id=a&n=1&x=0.5&on=true"},
        {"false", "id=a&on=false", "id=a&n=1&x=0.5&on=false"},
        {"empty pieces", "&&id=a&", "id=a&n=1&x=0.5&on=false"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct answer answer = ask(&four, corral_str(rows[i].query), 200);
        if (answer.rc != 0 || strcmp(answer.key, rows[i].key) != 0)
            fail_msg("%s: %d %s %s", rows[i].name, answer.rc, answer.key, answer.why);
    }
    assert_string_equal(ask(&none, corral_str(""), 10).key, "&");
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *name, *query, *why; /* a part of it */
    } rows[] = {
        {"missing", "n=1", "\"id\" is missing; add id="},
        {"unknown", "id=a&idx=1", "Unknown parameter \"idx\": this route takes id, n, x, on"},
        {"no name", "id=a&=1", "Unknown parameter \"\""},
        {"repeated", "id=a&id=a", "\"id\" is given more than once"},
        {"too long", "id=123456789", "\"id\" is too long: at most 8 bytes"},
        {"an integer with a plus", "id=a&n=%2B1", "\"n\" is not a whole number"},
        {"an integer with a blank", "id=a&n=+1", "\"n\" is not a whole number"},
        {"an empty integer", "id=a&n=", "\"n\" is not"},
        {"too large", "id=a&n=9223372036854775808", "\"n\" is not"},
        {"hexadecimal", "id=a&n=0x10", "\"n\" is not"},
        {"not a number", "id=a&x=nan", "\"x\" is not a number"},
        {"infinite", "id=a&x=1e999", "\"x\" is not a number"},
        {"neither true nor false", "id=a&on=yes", "\"on\" is not true or false"},
        {"one is not true", "id=a&on=1", "\"on\" is not true or false"},
        {"zero is not false", "id=a&on=0", "\"on\" is not true or false"},
        {"nor is it in capitals", "id=a&on=TRUE", "\"on\" is not true or false"},
        {"nor is nothing", "id=a&on=", "\"on\" is not true or false"},
        {"bad percent", "id=%4", "not well formed: a '%'"},
        {"bad UTF-8", "id=%FF", "not well formed: the text is not valid UTF-8"},
        {"NUL", "id=%00", "not well formed: a NUL byte"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct answer answer = ask(&four, corral_str(rows[i].query), 200);
        if (answer.rc != CORRAL_EINVAL || strstr(answer.why, rows[i].why) == NULL)
            fail_msg("%s: %d %s %s", rows[i].name, answer.rc, answer.key, answer.why);
    }
    assert_non_null(strstr(ask(&none, corral_str("a=1"), 10).why, "takes none"));
}

static void test_patterns(void **state)
{
    (void)state;
    struct crl_config_param param = {.name = id, .type = CRL_PARAM_TEXT, .max_length = 64};
    struct crl_params params = {&param, 1};
    struct crl_pattern_problem problem;
    assert_int_equal(crl_pattern_compile("[a-z]{2,4}", &problem, &param.pattern), 0);
    assert_int_equal(ask(&params, corral_str("id=abc"), 64).rc, 0);
    assert_int_equal(ask(&params, corral_str("id=abcde"), 64).rc, CORRAL_EINVAL);
    assert_int_equal(ask(&params, corral_str("id=A"), 64).rc, CORRAL_EINVAL);
    crl_pattern_fini(&param.pattern);
}

static void test_the_limit_of_keys(void **state)
{
    (void)state;
    assert_int_equal(ask(&one, corral_str("id=12345"), 8).rc, 0);
    assert_int_equal(ask(&one, corral_str("id=123456"), 8).rc, CORRAL_EKEY);
    assert_int_equal(ask(&one, corral_str("id=%26%26"), 8).rc, CORRAL_EKEY);
}

/* Asked for as a query, a key is its own key. */
static void test_keys_are_fixed_points(void **state)
{
    (void)state;
    static const char alphabet[] = "idnxo=&+%0123456789abcdefAE.-truefalse";
    const uint64_t seed = 20240607;
    struct crl_rng rng = crl_rng_split(seed, "values");
    uint32_t keys = 0;
    for (uint32_t draw = 0; draw < 200000; draw++) {
        char query[48] = "id=";
        size_t size = 3 + crl_rng_below(&rng, sizeof query - 4);
        for (size_t i = 3; i < size; i++)
            query[i] = alphabet[crl_rng_below(&rng, sizeof alphabet - 1)];
        struct answer first = ask(&four, crl_bytes(query, size), 200);
        if (first.rc != 0)
            continue;
        keys++;
        struct answer second = ask(&four, corral_str(first.key), 200);
        if (second.rc != 0 || strcmp(first.key, second.key) != 0)
            fail_msg("seed %lu: %.*s gives %s, and that %s", (unsigned long)seed, (int)size, query,
                     first.key, second.key);
    }
    assert_true(keys > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_the_limit_of_keys),
        cmocka_unit_test(test_keys_are_fixed_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
