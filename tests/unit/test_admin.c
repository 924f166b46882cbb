/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   only who may purge, purges.
 * Method: rows of headers. */
#include "server/admin.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

/* A copy without terminator, so that the address sanitizer sees a read beyond it. */
static struct corral_bytes exact(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    copy = realloc(memcpy(copy, text, strlen(text)), strlen(text) > 0 ? strlen(text) : 1);
    return crl_bytes(copy, strlen(text));
}

static void test_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *header, *own;
        bool ours;
    } rows[] = {
        {"127.0.0.1:8081", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.9.9.9", "127.0.0.1", true},
        {"localhost:8081", "127.0.0.1", true},
        {"LOCALHOST", "127.0.0.1", true},
        {"[::1]:8081", "::1", true},
        {"[::1]", "127.0.0.1", true},
        {"", "127.0.0.1", false},
        {":8081", "127.0.0.1", false},
        {"default", "127.0.0.1", false},
        {"evil.example", "127.0.0.1", false},
        {"127.0.0.1.evil.example", "127.0.0.1", false},
        {"localhost.evil.example:8081", "127.0.0.1", false},
        {"[::1", "127.0.0.1", false},
        {"10.0.0.1", "127.0.0.1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct corral_bytes header = exact(rows[i].header);
        if (crl_admin_host_is_ours(header, rows[i].own) != rows[i].ours)
            fail_msg("%s", rows[i].header);
        free((void *)header.data);
    }
}

static void test_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool right;
    } rows[] = {
        {"Bearer secret", true},
        {"bearer secret", true},
        {"Bearer secre", false},
        {"Bearer secrets", false},
        {"Bearer secretsecret", false},
        {"Bearer ", false},
        {"Bearer", false},
        {"", false},
        {"Basic secret", false},
        {"secret", false},
        {"Bearer  secret", false},
        {"Bearer SECRET", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct corral_bytes header = exact(rows[i].header);
        if (crl_admin_token_is_right(header, "secret") != rows[i].right)
            fail_msg("%s", rows[i].header);
        free((void *)header.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
