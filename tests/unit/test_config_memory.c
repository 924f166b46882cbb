/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   without memory a configuration is refused with CORRAL_ENOMEM, without a crash or a leak.
 * Method: the n-th allocation fails, n = 1, 2, ... until the reading succeeds untouched; once for a
 *         good text and once for one with problems. Leaks are the sanitizer's to see. Allocations
 *         within libraries are not among them. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t allocations_left = SIZE_MAX; /* before one fails, and all after it */

static bool may_allocate(void)
{
    if (allocations_left == SIZE_MAX)
        return true;
    if (allocations_left == 0)
        return false;
    allocations_left--;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
    return may_allocate() ? __real_calloc(n, size) : NULL;
}

void *__wrap_realloc(void *block, size_t size)
{
    return may_allocate() ? __real_realloc(block, size) : NULL;
}

char *__wrap_strdup(const char *text)
{
    return may_allocate() ? __real_strdup(text) : NULL;
}

static const char good[] = "admin_token: 0123456789abcdef\n"
                           "origins:\n"
                           "  - { name: a, sqlite: a.db }\n"
                           "  - { name: b, sqlite: '${CORRAL_TEST}' }\n"
                           "routes:\n"
                           "  - path: /x\n"
                           "    origin: a\n"
                           "    query: SELECT :id, :n\n"
                           "    params:\n"
                           "      - { name: id, pattern: '[a-z]+' }\n"
                           "      - { name: n, default: abc }\n";

static const char bad[] =
    "orgins: 1\n"
    "origins:\n"
    "  - { name: a, sqlite: a.db, queue: -1 }\n"
    "routes:\n"
    "  - { path: x, origin: b, query: 'SELECT :id', params: [ { name: a } ] }\n";

static void sweep(const char *text, int last_rc)
{
    setenv("CORRAL_TEST", "b.db", 1);
    int rc = CORRAL_ENOMEM;
    size_t n = 0;
    for (; rc == CORRAL_ENOMEM; n++) {
        assert_true(n < 1000);
        struct crl_problems problems = {0};
        struct crl_config *config = NULL;
        allocations_left = n;
        rc = crl_config_parse("dir/file.yaml", corral_str(text), &problems, &config);
        allocations_left = SIZE_MAX;
        assert_true(rc == last_rc || (rc == CORRAL_ENOMEM && config == NULL));
        crl_config_free(config);
        crl_problems_fini(&problems);
    }
    assert_true(n > 5); /* the sweep did see allocations */
}

static void test_good(void **state)
{
    (void)state;
    sweep(good, CORRAL_OK);
}

static void test_bad(void **state)
{
    (void)state;
    sweep(bad, CORRAL_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
