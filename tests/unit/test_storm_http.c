/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   URLs and answers are read right, in one piece and cut anywhere.
 * Method: tables; each good answer is also given byte by byte. */
#include "storm/http.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void urls(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host, *path; /* path NULL: refused */
        bool loopback;
    } rows[] = {
        {"http://127.0.0.1:8080/a?id=1", "127.0.0.1:8080", "/a?id=1", true},
        {"HTTP://localhost", "localhost", "/", true},
        {"http://127.9.9.9:1?x=1", "127.9.9.9:1", "/?x=1", true},
        {"http://[::1]:81/x", "[::1]:81", "/x", true},
        {"http://192.0.2.1/x", "192.0.2.1", "/x", false},
        {"http://[2001:db8::1]/", "[2001:db8::1]", "/", false},
        {"https://localhost/", NULL, NULL, false},
        {"localhost:80", NULL, NULL, false},
        {"http://", NULL, NULL, false},
        {"http://:80/", NULL, NULL, false},
        {"http://localhost:/", NULL, NULL, false},
        {"http://localhost:0/", NULL, NULL, false},
        {"http://localhost:65536/", NULL, NULL, false},
        {"http://localhost:8x/", NULL, NULL, false},
        {"http://[::1/", NULL, NULL, false},
        {"http://[::1]x/", NULL, NULL, false},
        {"http://localhost/a b", NULL, NULL, false},
        {"http://localhost/a\r\nX: y", NULL, NULL, false},
        {"http://localhost/a#b", NULL, NULL, false},
        {"http://127.0.0.1.x.invalid/", NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct crl_storm_target target;
        char why[256] = "";
        int rc = crl_storm_target_from_url(rows[i].url, &target, why, sizeof(why));
        if ((rc == 0) != (rows[i].path != NULL) || (rc != 0 && !*why))
            fail_msg("%s: %d '%s'", rows[i].url, rc, why);
        if (rc)
            continue;
        assert_string_equal(target.host, rows[i].host);
        assert_string_equal(target.path, rows[i].path);
        assert_int_equal(target.loopback, rows[i].loopback);
    }
}

static void long_paths_are_refused(void **state)
{
    (void)state;
    struct crl_storm_target target;
    char path[2100], url[2200] = "http://localhost", why[256];
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[2047] = 0;
    assert_int_equal(crl_storm_target_on_loopback(1, path, &target), 0);
    path[2047] = 'a';
    path[2048] = 0;
    assert_int_equal(crl_storm_target_on_loopback(1, path, &target), CORRAL_EINVAL);
    strcat(url, path);
    assert_int_equal(crl_storm_target_from_url(url, &target, why, sizeof(why)), CORRAL_EINVAL);
}

static void request_is_plain(void **state)
{
    (void)state;
    struct crl_storm_target target;
    char request[CRL_STORM_REQUEST_MAX];
    assert_int_equal(crl_storm_target_on_loopback(81, "/a?b=1", &target), 0);
    size_t size = crl_storm_request(&target, NULL, request);
    assert_int_equal(size, strlen(request));
    assert_string_equal(request, "GET /a?b=1 HTTP/1.1\r\nHost: 127.0.0.1:81\r\n"
                                 "User-Agent: corral-storm/" CORRAL_VERSION "\r\n\r\n");
    crl_storm_request(&target, "/healthz", request);
    assert_memory_equal(request, "GET /healthz HTTP/1.1\r\n", 23);
}

static void cache_statuses(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum crl_storm_outcome outcome;
    } rows[] = {
        {"corral; hit; ttl=12", CRL_STORM_HIT},
        {"corral; hit; ttl=-3; detail=stale", CRL_STORM_STALE},
        {"corral; fwd=miss; stored", CRL_STORM_MISS},
        {"corral; fwd=miss; collapsed", CRL_STORM_COALESCED},
        {"corral; fwd=stale; stored", CRL_STORM_MISS},
        {"corral; fwd=stale; collapsed", CRL_STORM_COALESCED},
        {"corral; hit; detail=stale-if-error", CRL_STORM_DEGRADED},
        {"corral; hit; detail=negative", CRL_STORM_NEGATIVE},
        {"other", CRL_STORM_UNKNOWN},
        {"", CRL_STORM_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (crl_storm_cache_status(corral_str(rows[i].header)) != rows[i].outcome)
            fail_msg("'%s'", rows[i].header);
}

static const struct {
    const char *text;
    int rc;
    struct crl_storm_head head;
} head_rows[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
     1,
     {.status = 200, .body_size = 5, .outcome = CRL_STORM_UNKNOWN}},
    {"HTTP/1.1 503 Busy\r\nCACHE-STATUS: corral; fwd=miss\r\ncontent-length:0\r\n\r\n",
     1,
     {.status = 503, .outcome = CRL_STORM_MISS}},
    {"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\n",
     1,
     {.status = 200, .body_size = 1, .outcome = CRL_STORM_UNKNOWN, .closes = true}},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n",
     1,
     {.status = 200, .body_size = 1, .outcome = CRL_STORM_UNKNOWN, .closes = true}},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n",
     1,
     {.status = 200, .body_size = 1, .outcome = CRL_STORM_UNKNOWN}},
    {"HTTP/1.0 200 OK\r\nConnection: x , Keep-Alive\r\nContent-Length: 1\r\n\r\n",
     1,
     {.status = 200, .body_size = 1, .outcome = CRL_STORM_UNKNOWN}},
    {"HTTP/1.0 200 OK\r\nConnection: upgrade\r\nContent-Length: 1\r\n\r\n",
     1,
     {.status = 200, .body_size = 1, .outcome = CRL_STORM_UNKNOWN, .closes = true}},
    {"HTTP/1.1 200 OK\r\nConnection: x,close\r\nConnection: y\r\nContent-Length: 1\r\n\r\n",
     1,
     {.status = 200, .body_size = 1, .outcome = CRL_STORM_UNKNOWN, .closes = true}},
    {"HTTP/1.0 200 OK\r\n\r\n",
     1,
     {.status = 200, .outcome = CRL_STORM_UNKNOWN, .closes = true, .is_unsized = true}},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n",
     1,
     {.status = 200, .outcome = CRL_STORM_UNKNOWN, .closes = true, .is_unsized = true}},
    {"HTTP/1.1 200 OK\r\n\r\n",
     1,
     {.status = 200, .outcome = CRL_STORM_UNKNOWN, .closes = true, .is_unsized = true}},
    {"HTTP/1.1 204 No Content\r\n\r\n", 1, {.status = 204, .outcome = CRL_STORM_UNKNOWN}},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
     1,
     {.status = 304, .outcome = CRL_STORM_UNKNOWN}},
    {"HTTP/1.1 103 Early Hints\r\n\r\n", CORRAL_EINVAL, {0}},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CORRAL_EINVAL, {0}},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", CORRAL_EINVAL, {0}},
    {"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n", CORRAL_EINVAL, {0}},
    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", CORRAL_EINVAL, {0}},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", CORRAL_EINVAL, {0}},
    {"SSH-2.0-OpenSSH\r\n\r\n", CORRAL_EINVAL, {0}},
    {"HTTP/1.1 200 OK\r\nContent-Le", 0, {0}},
    {"", 0, {0}},
};

static void heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(head_rows) / sizeof(head_rows[0]); i++) {
        struct crl_storm_head head;
        size_t size = strlen(head_rows[i].text);
        if (crl_storm_head_parse(corral_str(head_rows[i].text), &head) != head_rows[i].rc)
            fail_msg("'%s'", head_rows[i].text);
        if (head_rows[i].rc != 1)
            continue;
        assert_int_equal(head.size, size);
        assert_int_equal(head.status, head_rows[i].head.status);
        assert_int_equal(head.body_size, head_rows[i].head.body_size);
        assert_int_equal(head.outcome, head_rows[i].head.outcome);
        if (head.closes != head_rows[i].head.closes ||
            head.is_unsized != head_rows[i].head.is_unsized)
            fail_msg("'%s': closes %d, unsized %d", head_rows[i].text, head.closes,
                     head.is_unsized);
        for (size_t n = 0; n < size; n++)
            assert_int_equal(crl_storm_head_parse(crl_bytes(head_rows[i].text, n), &head), 0);
    }
}

static void endless_heads_are_refused(void **state)
{
    (void)state;
    static char text[CRL_STORM_HEAD_MAX] = "HTTP/1.1 200 OK\r\nX: ";
    struct crl_storm_head head;
    memset(text + strlen(text), 'a', sizeof(text) - strlen(text));
    assert_int_equal(crl_storm_head_parse(crl_bytes(text, sizeof(text) - 1), &head), 0);
    assert_int_equal(crl_storm_head_parse(crl_bytes(text, sizeof(text)), &head), CORRAL_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(long_paths_are_refused),
        cmocka_unit_test(request_is_plain),
        cmocka_unit_test(cache_statuses),
        cmocka_unit_test(heads),
        cmocka_unit_test(endless_heads_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
