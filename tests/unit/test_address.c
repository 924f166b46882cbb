/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   addresses are read strictly, and loopback and clashes are seen in every spelling.
 * Method: rows. */
#include "yaml/address.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct crl_address parsed(const char *text)
{
    struct crl_address address = {0};
    const char *fault = crl_address_parse(text, &address);
    if (fault != NULL)
        fail_msg("'%s' %s", text, fault);
    return address;
}

static void test_parse(void **state)
{
    (void)state;
    struct crl_address v4 = parsed("127.0.0.1:8080");
    assert_int_equal(v4.port, 8080);
    assert_int_equal(v4.socket_size, sizeof(struct sockaddr_in));
    assert_int_equal(v4.socket.v4.sin_port, htons(8080));
    assert_int_equal(v4.socket.v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    struct crl_address v6 = parsed("[2001:db8::1]:0");
    assert_int_equal(v6.port, 0);
    assert_int_equal(v6.socket_size, sizeof(struct sockaddr_in6));
    assert_int_equal(v6.socket.any.sa_family, AF_INET6);
    assert_int_equal(parsed("localhost:65535").socket.v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        ":",
        ":80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:-1",
        "127.0.0.1:65536",
        "127.0.0.1:99999999999999999999",
        "127.0.0.1: 80",
        "127.0.0.1 :80",
        "127.1:80",
        "1.2.3.256:80",
        "example.com:80",
        "::1:80",
        "[::1]",
        "[::1]:",
        "[]:80",
        "[:80",
        "[::1:80",
        "[127.0.0.1]:80",
        "[::1%lo]:80",
        "*:80",
        "LOCALHOST:80",
        "http://127.0.0.1:80",
        "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc]:80",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct crl_address address = {.port = 7};
        if (crl_address_parse(rows[i], &address) == NULL)
            fail_msg("'%s' was accepted", rows[i]);
        assert_int_equal(address.port, 7);
    }
}

static void test_loopback(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_loopback;
    } rows[] = {
        {"127.0.0.1:1", true},
        {"127.255.0.9:1", true},
        {"localhost:1", true},
        {"[::1]:1", true},
        {"[::ffff:127.0.0.1]:1", true},
        {"0.0.0.0:1", false},
        {"[::]:1", false},
        {"10.0.0.1:1", false},
        {"128.0.0.1:1", false},
        {"[::ffff:10.0.0.1]:1", false},
        {"[::2]:1", false},
        {"[::127.0.0.1]:1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct crl_address address = parsed(rows[i].text);
        if (crl_address_is_loopback(&address) != rows[i].is_loopback)
            fail_msg("%s", rows[i].text);
    }
}

static void test_clash(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool clash;
    } rows[] = {
        {"127.0.0.1:80", "127.0.0.1:80", true},  {"127.0.0.1:80", "localhost:80", true},
        {"127.0.0.1:80", "127.0.0.1:81", false}, {"127.0.0.1:0", "127.0.0.1:0", false},
        {"127.0.0.1:80", "127.0.0.2:80", false}, {"0.0.0.0:80", "127.0.0.1:80", true},
        {"0.0.0.0:80", "[::1]:80", false},       {"[::]:80", "[::1]:80", true},
        {"[::]:80", "127.0.0.1:80", true},       {"[::1]:80", "[0:0::1]:80", true},
        {"[::1]:80", "[::2]:80", false},         {"[::ffff:1.2.3.4]:80", "1.2.3.4:80", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct crl_address a = parsed(rows[i].a);
        struct crl_address b = parsed(rows[i].b);
        if (crl_address_clash(&a, &b) != rows[i].clash ||
            crl_address_clash(&b, &a) != rows[i].clash)
            fail_msg("%s, %s", rows[i].a, rows[i].b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_clash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
