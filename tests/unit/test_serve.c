/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   the daemon answers as INTERFACE says, and no client can hold it: not by waiting, leaving,
 *         dribbling, not reading or not closing; and it ends in order.
 * Method: the real server in this process on real sockets and a real database; queries are held at
 *         the gate of helper/scratch.h, and the test goes on when /metrics says that clients
 *         wait. */
#include "http/etag.h"
#include "http/front.h"
#include "server/log.h"

#include "../helper/daemon.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>

static const char schema[] =
    "CREATE TABLE t (id TEXT PRIMARY KEY, body TEXT);"
    "INSERT INTO t VALUES ('1', 'one'), ('2', 'two'), ('16', hex(zeroblob(8192))),"
    "    ('17', hex(zeroblob(9000))), ('big', hex(zeroblob(500000)));";

static const char yaml[] =
    "listen: 127.0.0.1:0\n"
    "admin: 127.0.0.1:0\n"
    "threads: 2\n"
    "origins:\n"
    "  - { name: db, sqlite: test.db, deadline: 300s }\n"
    "routes:\n"
    "  - path: /t\n"
    "    origin: db\n"
    "    query: SELECT id, body FROM t WHERE id = :id\n"
    "    params: [ { name: id } ]\n"
    "    ttl: 1h\n"
    "    jitter: 0%\n"
    "  - path: /gated\n"
    "    origin: db\n"
    "    query: SELECT gate(1) AS one\n"
    "    ttl: 1h\n"
    "    wait: 300s\n"
    "  - path: /endless\n"
    "    origin: db\n"
    "    query: WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) "
    "AS n FROM c\n"
    "    wait: 300s\n"
    "  - path: /failing\n"
    "    origin: db\n"
    "    query: SELECT abs(-9223372036854775807 - 1) AS secret_column\n"
    "  - path: /failing-later\n"
    "    origin: db\n"
    "    query: SELECT abs(-9223372036854775807 - gate(1)) AS secret_column\n"
    "  - path: /huge\n"
    "    origin: db\n"
    "    query: SELECT hex(zeroblob(3500000)) AS zeros\n";

static int setup(void **state)
{
    (void)state;
    daemon_open(schema);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    daemon_close();
    return 0;
}

/* -------------------------------------------------------------------------------------- answers */

#define PROBLEM "content-type: application/problem+json"

static void test_answers(void **state)
{
    (void)state;
    start_with(yaml, NULL);
    static const char one[] = "{\"id\":\"1\",\"body\":\"one\"}";
    expect("GET", "/t?id=1", "", 200, "cache-status: corral; fwd=miss; stored\r\n", one);
    expect("GET", "/t?id=1", "", 200, "cache-status: corral; hit; ttl=3", one);
    expect("GET", "/t?id=%31", "", 200, "content-type: application/json\r\n", one);
    expect("GET", "/./x/../t?id=1", "", 200, "age: 0\r\n", one);
    expect("HEAD", "/t?id=1", "", 200, "Content-Length: 23\r\n", "");
    expect("GET", "/t?id=1", "If-None-Match: *\r\n", 304, "etag: \"", "");
    expect("GET", "/t?id=1", "If-None-Match: \"x\"\r\nIf-None-Match: *\r\n", 304, "etag", "");
    expect("HEAD", "/t?id=1", "If-None-Match: W/\"x\", *\r\n", 304, "etag: \"", "");
    expect("GET", "/t?id=1", "If-None-Match: \"x\"\r\n", 200, "cache-control: max-age=3", one);
    expect("GET", "/t?id=9", "", 404, "corral; fwd=miss; stored; detail=negative", "no such row");
    expect("GET", "/t?id=9", "", 404, "cache-status: corral; hit; detail=negative\r\n", "404");
    expect("GET", "/t", "", 400, PROBLEM, "\\\"id\\\" is missing");
    expect("GET", "/t", "", 400, "cache-status: corral; detail=EINVAL\r\n", "");
    expect("GET", "/t?id=1&x=%22", "", 400, PROBLEM, "this route takes id");
    expect("GET", "/t?id=%zz", "", 400, PROBLEM, "not well formed");
    expect("POST", "/t?id=1", "Content-Length: 0\r\n", 405, "allow: GET, HEAD\r\n", "GET, HEAD");
    expect("PUT", "/t?id=1", "", 405, "cache-status: corral; detail=method\r\n", "");
    expect("GET", "/%74?id=1", "", 200, "corral; hit", one);
    expect("GET", "/t?id=1&", "", 200, "corral; hit", one);
    expect("GET", "/t?", "", 400, PROBLEM, "missing");
    expect("GET", "//t?id=1", "", 404, PROBLEM, "no such route");
    expect("GET", "/x/..%2ft?id=1", "", 404, PROBLEM, "no such route");
    expect("GET", "/t%3Fid=1", "", 404, PROBLEM, "no such route");
    expect("GET", "t?id=1", "", 404, PROBLEM, "no such route");
    expect("GET", "*", "", 404, PROBLEM, "no such route");
    expect("GET", "/T?id=1", "", 404, PROBLEM, "no such route");
    expect("GET", "/t/?id=1", "", 404, PROBLEM, "no such route");
    expect("GET", "/", "", 404, PROBLEM, "no such route");
    expect("GET", "/healthz", "", 200, "text/plain", "ok\n");
    expect("GET", "/readyz", "", 200, "text/plain", "ready\n");
    expect("PURGE", "/t?id=1", "", 405, PROBLEM, "");
    assert_int_equal(metric("db_hits_total"), 2);
    assert_int_equal(metric("http_request_total{path=\"/t\",method=\"GET\",status=\"304\"}"), 2);
    assert_int_equal(metric("http_in_flight_requests"), 1);
}

/* The names of a head's headers, in small letters, each behind a space. */
static void names_of(const char *head, char names[512])
{
    size_t size = 0;
    for (const char *at = head; (at = strchr(at, '\n')) != NULL && *++at != '\r';) {
        names[size++] = ' ';
        for (const char *from = at; *from != ':'; from++) {
            assert_true(size < 510);
            names[size++] = (char)tolower((unsigned char)*from);
        }
    }
    names[size] = '\0';
}

/* Just these headers, and behind an answer that has no body nothing: the next one begins there. */
static void test_heads(void **state)
{
    (void)state;
#define ALL  " date connection content-length server"
#define SAYS " age cache-control cache-status"
    static const struct {
        const char *method, *path, *headers;
        int status;
        const char *names;
    } rows[] = {
        {"GET", "/t?id=1", "", 200, ALL " content-type etag" SAYS},
        {"HEAD", "/t?id=1", "", 200, ALL " content-type etag" SAYS},
        {"HEAD", "/t?id=big", "", 200, ALL " content-type etag" SAYS},
        {"GET", "/t?id=1", "If-None-Match: *\r\n", 304, " date connection server etag" SAYS},
        {"HEAD", "/t?id=1", "If-None-Match: *\r\n", 304, " date connection server etag" SAYS},
        {"GET", "/t?id=9", "", 404, ALL SAYS " content-type"},
        {"HEAD", "/t?id=9", "", 404, ALL SAYS " content-type"},
        {"GET", "/t", "", 400, ALL " cache-status cache-control content-type"},
        {"HEAD", "/t", "", 400, ALL " cache-status cache-control content-type"},
        {"PUT", "/t?id=1", "", 405, ALL " cache-status allow cache-control content-type"},
        {"HEAD", "/nothing", "", 404, ALL " cache-control content-type"},
        {"HEAD", "/failing", "", 502, ALL " cache-status cache-control content-type"},
        {"HEAD", "/metrics", "", 200, ALL " content-type cache-control"},
        {"HEAD", "/healthz", "", 200, ALL " content-type cache-control"},
    };
#undef ALL
#undef SAYS
    start_with(yaml, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char names[512];
        struct client client = client_open(crl_server_port(server));
        client_ask(&client, rows[i].method, rows[i].path, rows[i].headers);
        client_ask(&client, "GET", "/healthz", "Connection: close\r\n");
        struct client_answer first = client_take(&client, strcmp(rows[i].method, "HEAD") != 0);
        names_of(first.head, names);
        if (first.status != rows[i].status || strcmp(names, rows[i].names) != 0)
            fail_msg("%s %s: %s", rows[i].method, rows[i].path, first.head);
        struct client_answer next = client_take(&client, true);
        assert_string_equal(next.body, "ok\n");
        client_await_end(&client);
        free(first.body);
        free(next.body);
        client_close(&client);
    }
}

/* The number that stands behind a text of a head. */
static long number_behind(const char *head, const char *text)
{
    const char *at = strstr(head, text);
    if (at == NULL)
        fail_msg("no \"%s\" in: %s", text, head);
    return strtol(at + strlen(text), NULL, 10);
}

/* Poll a path until its answer is at least a second old. */
static struct client_answer await_age(const char *path, corral_us begun)
{
    struct client_answer answer = client_fetch(crl_server_port(server), "GET", path, "");
    while (number_behind(answer.head, "age: ") == 0) {
        assert_true(crl_now() < begun + PROBE_LIMIT);
        free(answer.body);
        answer = client_fetch(crl_server_port(server), "GET", path, "");
    }
    assert_true(number_behind(answer.head, "age: ") <= (crl_now() - begun) / 1000000);
    return answer;
}

/* A cache behind this one takes Age off max-age, and is left with what is left here: so max-age is
 * the whole TTL at any age, less a second that both lose in rounding. */
static void test_age_and_max_age(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        long ttl; /* there is no jitter */
    } rows[] = {{"/t?id=1", 3600}, {"/t?id=9", 5}};
    start_with(yaml, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        corral_us begun = crl_now();
        struct client_answer answer = await_age(rows[i].path, begun);
        long max_age = number_behind(answer.head, "max-age=");
        if (max_age < rows[i].ttl - 1 || max_age > rows[i].ttl)
            fail_msg("%s: %s", rows[i].path, answer.head);
        free(answer.body);
    }
}

/* What the database said is for the log, never for a client. */
static void test_failures(void **state)
{
    (void)state;
    start_with(yaml, NULL);
    struct client_answer answer = client_fetch(crl_server_port(server), "GET", "/failing", "");
    assert_int_equal(answer.status, 502);
    assert_non_null(strstr(answer.head, "cache-status: corral; fwd=miss; detail=EORIGIN"));
    assert_null(strstr(answer.body, "secret_column"));
    assert_null(strstr(answer.body, "SELECT"));
    free(answer.body);
    assert_int_equal(metric("corral_gets_total{space=\"/failing\",outcome=\"failed\"}"), 1);
    assert_int_equal(metric("cache_misses_total"), 1); /* memory had no answer to it either */
    assert_int_equal(metric("cache_hits_total"), 0);
}

/* Around the size from which a value is held by reference and not copied; as miss and as hit. */
static void test_large_values(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t size;
    } rows[] = {{"/t?id=16", 16384}, {"/t?id=17", 18000}, {"/t?id=big", 1000000}};
    start_with(yaml, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int times = 0; times < 3; times++) {
            struct client_answer answer =
                client_fetch(crl_server_port(server), "GET", rows[i].path, "");
            assert_int_equal(answer.status, 200);
            assert_true(answer.size > rows[i].size);
            size_t zeros = strspn(strchr(answer.body + 8, '0'), "0");
            assert_true(zeros >= rows[i].size);
            assert_string_equal(answer.body + answer.size - 2, "\"}");
            free(answer.body);
        }
    }
}

/* Counts what goes through it. */
static _Atomic int etags_made;
void __real_crl_etag(struct corral_bytes value, char ret_etag[CRL_ETAG_SIZE]);
void __wrap_crl_etag(struct corral_bytes value, char ret_etag[CRL_ETAG_SIZE]);
void __wrap_crl_etag(struct corral_bytes value, char ret_etag[CRL_ETAG_SIZE])
{
    atomic_fetch_add(&etags_made, 1);
    __real_crl_etag(value, ret_etag);
}

/* The tag of a value is made once, where the value is made: a client that asks for the head of a
 * large one again and again would have all of it read each time. */
static void test_a_tag_is_made_once(void **state)
{
    (void)state;
    static const char *const paths[] = {"/t?id=1", "/t?id=17", "/t?id=big"};
    start_with(yaml, NULL);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        int before = atomic_load(&etags_made);
        char etag[CRL_ETAG_SIZE], told[64];
        struct client_answer answer = client_fetch(crl_server_port(server), "GET", paths[i], "");
        __real_crl_etag((struct corral_bytes){answer.body, answer.size}, etag);
        free(answer.body);
        snprintf(told, sizeof told, "etag: %.*s\r\n", CRL_ETAG_SIZE, etag);
        for (int times = 0; times < 3; times++) {
            expect("HEAD", paths[i], "", 200, told, "");
            expect("GET", paths[i], "If-None-Match: *\r\n", 304, told, "");
            expect("GET", paths[i], "", 200, told, "");
        }
        assert_int_equal(atomic_load(&etags_made) - before, 1);
    }
}

static _Atomic int answers_held;
void __real_crl_front_hold(struct crl_front *front, struct crl_held *held, h2o_req_t *req);
void __wrap_crl_front_hold(struct crl_front *front, struct crl_held *held, h2o_req_t *req);
void __wrap_crl_front_hold(struct crl_front *front, struct crl_held *held, h2o_req_t *req)
{
    atomic_fetch_add(&answers_held, 1);
    __real_crl_front_hold(front, held, req);
}

/* What is not sent is not held, be it a miss or a hit. */
static void test_an_answer_without_a_body_holds_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *headers, *told;
        int status, holds;
    } rows[] = {
        {"HEAD", "/t?id=big", "", "Content-Length: 1000022\r\n", 200, 0},
        {"HEAD", "/t?id=big", "", "Content-Length: 1000022\r\n", 200, 0},
        {"GET", "/t?id=17", "If-None-Match: *\r\n", "fwd=miss", 304, 0},
        {"GET", "/t?id=17", "If-None-Match: *\r\n", "corral; hit", 304, 0},
        {"HEAD", "/t?id=17", "If-None-Match: *\r\n", "etag: \"", 304, 0},
        {"HEAD", "/healthz", "", "Content-Length: 3\r\n", 200, 0},
        {"GET", "/t?id=17", "If-None-Match: \"x\"\r\n", "etag: \"", 200, 1},
        {"GET", "/t?id=big", "", "Content-Length: 1000022\r\n", 200, 1},
        {"GET", "/healthz", "", "Content-Length: 3\r\n", 200, 1},
    };
    start_with(yaml, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int before = atomic_load(&answers_held);
        expect(rows[i].method, rows[i].path, rows[i].headers, rows[i].status, rows[i].told, "");
        if (atomic_load(&answers_held) - before != rows[i].holds)
            fail_msg("%s %s %s", rows[i].method, rows[i].path, rows[i].headers);
    }
}

/* -------------------------------------------------------------------------------------- waiting */

static void test_a_stampede_is_one_load(void **state)
{
    (void)state;
    enum { CLIENTS = 50 };
    struct client clients[CLIENTS];
    start_with(yaml, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(crl_server_port(server));
        client_ask(&clients[i], "GET", "/gated", "");
    }
    await_metric("corral_waiters", CLIENTS);
    assert_int_equal(metric("http_in_flight_requests"), CLIENTS + 1);
    probe_do(gate.open = true);
    int led = 0, shared = 0;
    for (int i = 0; i < CLIENTS; i++) {
        struct client_answer answer = client_take(&clients[i], true);
        assert_string_equal(answer.body, "{\"one\":1}");
        led += strstr(answer.head, "corral; fwd=miss; stored\r\n") != NULL;
        shared += strstr(answer.head, "corral; fwd=miss; collapsed\r\n") != NULL;
        free(answer.body);
        client_close(&clients[i]);
    }
    assert_int_equal(led, 1);
    assert_int_equal(shared, CLIENTS - 1);
    assert_int_equal(metric("singleflight_shared_total"), CLIENTS - 1);
    struct crl_server_figures figures;
    crl_server_figures(server, &figures);
    assert_int_equal(figures.spaces.loads[CRL_LOAD_MISS], 1);
    assert_int_equal(figures.spaces.needed, 1);
}

/* A client that goes away, by a reset: the server notices it while it waits, and nobody waits for
 * its answer any more; the other one's comes. */
static void test_a_client_leaves(void **state)
{
    (void)state;
    start_with(yaml, NULL);
    struct client gone = client_open(crl_server_port(server));
    struct client stays = client_open(crl_server_port(server));
    client_ask(&gone, "GET", "/gated", "");
    await_metric("corral_waiters", 1);
    client_ask(&stays, "GET", "/gated", "");
    await_metric("corral_waiters", 2);
    client_reset(&gone);
    await_metric("corral_waiters", 1);
    await_metric("corral_connections", 2);
    assert_int_equal(metric("http_in_flight_requests"), 2);
    probe_do(gate.open = true);
    struct client_answer answer = client_take(&stays, true);
    assert_int_equal(answer.status, 200);
    free(answer.body);
    client_close(&stays);
    await_metric("corral_connections", 1);
    assert_int_equal(metric("http_in_flight_requests"), 1);
    assert_int_equal(metric("http_request_total{path=\"/gated\",method=\"GET\",status=\"200\"}"),
                     1);
    assert_int_equal(metric("db_hits_total"), 1);
}

/* The library's HTTP/2 has no bound on streams that are reset (CVE-2023-44487). */
static void test_http2_is_not_spoken(void **state)
{
    (void)state;
    start_with(yaml, NULL);
    struct client client = client_open(crl_server_port(server));
    client_send(&client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    struct client_answer answer = client_take(&client, true);
    assert_int_equal(answer.status, 400);
    client_await_end(&client);
    free(answer.body);
    client_close(&client);
    expect("GET", "/t?id=1",
           "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
           200, "fwd=miss", "one");
}

/* ------------------------------------------------------------------------- clients that hold on */

static const struct crl_server_options hasty = {.request_limit_us = CORRAL_MS(200)};

/* However the bytes dribble, a request that does not end is cut off. */
static void dribble(const char *first, char byte)
{
    struct client client = client_open(crl_server_port(server));
    client_send(&client, first);
    while (!client_is_ready(&client, 20))
        (void)send(client.fd, &byte, 1, MSG_NOSIGNAL); /* the end is what we wait for */
    client_await_end(&client);
    client_close(&client);
}

static void test_requests_that_never_end(void **state)
{
    (void)state;
    start_with(yaml, &hasty);
    dribble("GET /t", 'x');
    dribble("GET /t?id=1 HTTP/1.1\r\nHost: a\r\nX: ", 'x');
    dribble("POST /t HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n", 'x');
    dribble("", '\r');
    expect("GET", "/t?id=1", "", 200, "", "one");
}

/* What libh2o refuses by itself. */
static void test_refusals_are_problems(void **state)
{
    (void)state;
    start_with(yaml, NULL);
    expect("POST", "/t?id=1", "Content-Length: 1\r\n", 413, PROBLEM, "must have no body");
    expect("HEAD", "/t?id=1", "Content-Length: 65537\r\n", 413, PROBLEM, "");
    expect("GET", "/t?id=1", "Content-Length: -1\r\n", 400, PROBLEM, "Content-Length");
    expect("GET", "/t?id=1", "Transfer-Encoding: gzip\r\n", 400, PROBLEM, "not well formed");
    expect("GET", "/t?id=1", "Content-Length: 1\r\nExpect: rain\r\n", 417, PROBLEM, "417");
    expect("GET", "/t?id=1", "Transfer-Encoding: chunked\r\n\r\nrain\r\n", 400, PROBLEM, "400");
    expect("GET", "/t?id=1", "Content-Length: -1\r\n", 400, "cache-control: no-store\r\n", "");
    assert_int_equal(metric("http_request_total{path=\"other\",method=\"other\",status=\"413\"}"),
                     1);
    assert_int_equal(metric("http_request_total{path=\"other\",method=\"HEAD\",status=\"413\"}"),
                     1);
    assert_int_equal(metric("http_request_total{path=\"other\",method=\"GET\",status=\"400\"}"), 4);
    assert_int_equal(metric("http_request_total{path=\"other\",method=\"GET\",status=\"417\"}"), 1);
    assert_int_equal(metric("http_in_flight_requests"), 1);
}

/* Whoever stands before the server may have another opinion of where a request ends (RFC 9112, 6.3
 * and 11.2): what is the body to one is a request to the other. So what has a body gets one answer,
 * which is the last, and so has what may have one. */
static void test_a_body_ends_the_connection(void **state)
{
    (void)state;
#define SMUGGLED "GET /healthz HTTP/1.1\r\nHost: b\r\n\r\n"
    static const struct {
        const char *headers; /* and body */
        int status;
    } rows[] = {
        {"Content-Length: 4\r\n\r\nabcd", 413},
        {"Content-Length: 36\r\n\r\n", 413},
        {"Content-Length: 70000\r\n\r\n", 413},
        {"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413},
        {"Transfer-Encoding: chunked\r\n\r\n4;a=b\r\nabcd\r\n0\r\n\r\n", 413},
        {"Transfer-Encoding: chunked\r\n\r\n0x24\r\n\r\n", 413},
        {"Transfer-Encoding: chunked\r\n\r\nx\r\n", 400},
        {"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
        {"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413},
        {"Content-Length: 0\r\nContent-Length: 36\r\n\r\n", 400},
        {"Content-Length: 0\r\ncontent-length: 0\r\n\r\n", 400},
        {"Content-Length: 0\r\n 36\r\n\r\n", 400},
        {"Content-Length: 0x24\r\n\r\n", 400},
    };
    start_with(yaml, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "GET /t?id=1 HTTP/1.1\r\nHost: a\r\n%s" SMUGGLED SMUGGLED,
                 rows[i].headers);
        struct client client = client_open(crl_server_port(server));
        client_send(&client, text);
        struct client_answer answer = client_take(&client, true);
        while (client_read(&client))
            ;
        if (answer.status != rows[i].status ||
            strstr(answer.head, "Connection: close\r\n") == NULL ||
            strstr(answer.head, PROBLEM) == NULL || client.size != 0)
            fail_msg("%s: %s%s%s", rows[i].headers, answer.head, answer.body, client.data);
        free(answer.body);
        client_close(&client);
    }
    assert_int_equal(metric("http_request_total{path=\"other\",method=\"GET\",status=\"400\"}"), 6);
    assert_int_equal(metric("http_request_total{path=\"other\",method=\"GET\",status=\"413\"}"), 7);
    assert_int_equal(metric("http_in_flight_requests"), 1);
    expect("GET", "/t?id=1", "X: Content-Length: 1\r\nContent-Length: 0\r\n", 200, "", "one");
#undef SMUGGLED
}

/* A refusal arrives, though its client was still sending: it is told why, and then the end, instead
 * of a reset that would take the answer along. */
static void test_a_refusal_arrives(void **state)
{
    (void)state;
    enum { BODY = 4 << 20 };
    start_with(yaml, NULL);
    char *body = calloc(1, BODY), byte;
    struct client client = client_open(crl_server_port(server));
    client_ask(&client, "GET", "/t?id=1", "Content-Length: 4194304\r\n");
    client_send_bytes(&client, body, BODY);
    struct client_answer answer = client_take(&client, true);
    assert_int_equal(answer.status, 413);
    assert_int_equal(recv(client.fd, &byte, 1, 0), 0);
    free(answer.body);
    client_close(&client);
    free(body);
}

/* But nobody can send for ever, and nobody stays for ever. */
static void test_a_refusal_has_an_end(void **state)
{
    (void)state;
    enum { PIECE = 1 << 20 };
    start_with(yaml, NULL);
    char *piece = calloc(1, PIECE);
    struct client sends = client_open(crl_server_port(server));
    struct client stays = client_open(crl_server_port(server));
    client_ask(&stays, "GET", "/t?id=1", "Content-Length: 1\r\n");
    client_ask(&sends, "GET", "/t?id=1", "Transfer-Encoding: chunked\r\n");
    int pieces = 0;
    while (send(sends.fd, piece, PIECE, MSG_NOSIGNAL) > 0)
        assert_true(++pieces < 64);
    client_await_end(&stays);
    await_metric("corral_connections", 1);
    client_close(&stays);
    client_close(&sends);
    free(piece);
}

/* Requests in a row, and not one answer read, until the server has had enough of it and has so many
 * connections left. */
static void do_not_read(const char *what, double connections)
{
    char request[64];
    size_t size = (size_t)snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: a\r\n\r\n", what);
    struct client client = client_open(crl_server_port(server));
    struct pollfd ready = {.fd = client.fd, .events = POLLOUT | POLLRDHUP};
    const short is_cut = POLLERR | POLLHUP | POLLRDHUP;
    while (poll(&ready, 1, (int)(PROBE_LIMIT / 1000)) == 1 && (ready.revents & is_cut) == 0)
        (void)send(client.fd, request, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    assert_true((ready.revents & is_cut) != 0);
    await_metric("corral_connections", connections);
    client_close(&client);
}

static void test_a_client_that_does_not_read(void **state)
{
    (void)state;
    start_with(yaml, &hasty);
    do_not_read("GET /t?id=17", 1);
}

/* The time of a large answer is that of its body, which here is never sent. */
static void test_a_client_that_does_not_read_heads(void **state)
{
    (void)state;
    start_with(yaml, &hasty);
    do_not_read("HEAD /huge", 1);
}

/* A large answer has a time of its own to leave: while a client that does not take small ones is
 * cut off, one that began to wait for a large one before still gets all of it. */
static void test_large_answers_have_more_time(void **state)
{
    (void)state;
    enum { HUGE_SIZE = 7000000 };
    start_with(yaml, &hasty);
    struct client large = client_open(crl_server_port(server));
    client_ask(&large, "GET", "/huge", "Connection: close\r\n");
    await_metric("corral_gets_total{space=\"/huge\",outcome=\"miss\"}", 1);
    await_metric("http_in_flight_requests", 1); /* it is answered, but for the sending */
    do_not_read("GET /t?id=17", 2);
    size_t size = 0;
    for (ssize_t n; (n = recv(large.fd, large.data, CLIENT_ROOM, 0)) > 0;)
        size += (size_t)n;
    assert_true(size > HUGE_SIZE);
    client_close(&large);
}

static void test_the_limit_of_connections(void **state)
{
    (void)state;
    static const struct crl_server_options two = {.connections_max = 2};
    start_with(yaml, &two);
    struct client clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = client_open(crl_server_port(server));
        client_ask(&clients[i], "GET", "/gated", "");
        for (struct crl_server_figures now = {0}; i < 2 && now.cache.waiters <= (uint64_t)i;)
            crl_server_figures(server, &now);
    }
    assert_false(client_is_ready(&clients[2], 200)); /* who waits for an answer stays */
    probe_do(gate.open = true);
    for (int i = 0; i < 3; i++) {
        free(client_take(&clients[i], true).body);
        client_close(&clients[i]);
    }
}

/* Those who hold all places of the admin address and ask nothing go, one for each who comes, the
 * one that has been idle for longest first: even if each has begun a request. */
static void expect_room(bool has_begun)
{
    enum { PLACES = 64, MORE = 3 };
    static const char half[] = "PURGE /t?id=1 HTTP/1.1\r\n", rest[] = "Host: 127.0.0.1\r\n\r\n";
    struct client clients[PLACES + MORE];
    for (int i = 0; i < PLACES + MORE; i++) {
        clients[i] = client_open(crl_server_admin_port(server));
        client_ask(&clients[i], "PURGE", "/t?id=1", "");
        free(client_take(&clients[i], true).body);
        if (has_begun)
            client_send(&clients[i], half);
    }
    for (int i = 0; i < MORE; i++)
        client_await_end(&clients[i]);
    client_send(&clients[PLACES - 1], has_begun ? "" : half);
    client_send(&clients[PLACES - 1], rest);
    free(client_take(&clients[PLACES - 1], true).body);
    for (int i = 0; i < PLACES + MORE; i++)
        client_close(&clients[i]);
}

static void test_the_idle_make_room(void **state)
{
    (void)state;
    static const struct crl_server_options patient = {.request_limit_us = CORRAL_SECONDS(600)};
    start_with(yaml, &patient);
    expect_room(false);
    expect_room(true);
}

/* -------------------------------------------------------------------------------------- purging */

static void purge(const char *path, const char *headers, int status, const char *in_body)
{
    struct client_answer answer =
        client_fetch(crl_server_admin_port(server), "PURGE", path, headers);
    if (answer.status != status || strstr(answer.body, in_body) == NULL)
        fail_msg("PURGE %s: %s%s", path, answer.head, answer.body);
    free(answer.body);
}

static void test_purging(void **state)
{
    (void)state;
    start_with(yaml, NULL);
    purge("/t?id=1", "", 200, "{\"purged\":false,\"key\":\"id=1\"}");
    expect("GET", "/t?id=1", "", 200, "fwd=miss", "one");
    purge("/t?id=%31", "", 200, "{\"purged\":true,\"key\":\"id=1\"}");
    expect("GET", "/t?id=1", "", 200, "fwd=miss", "one");
    purge("/t?id=1", "Corral-Purge: soft\r\n", 501, "not available in this version");
    purge("/t", "", 400, "missing");
    purge("/", "", 404, "no such route");
    struct client_answer answer = client_fetch(crl_server_admin_port(server), "GET", "/t?id=1", "");
    assert_int_equal(answer.status, 405);
    free(answer.body);
    struct client client = client_open(crl_server_admin_port(server));
    client_send(&client, "PURGE /t?id=1 HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    answer = client_take(&client, true);
    assert_int_equal(answer.status, 403);
    free(answer.body);
    client_close(&client);
}

static void test_purging_with_a_token(void **state)
{
    (void)state;
    char text[sizeof yaml + 64];
    snprintf(text, sizeof text, "admin_token: secret-secret-secret\n%s", yaml);
    start_with(text, NULL);
    purge("/t?id=1", "", 401, "Bearer");
    purge("/t?id=1", "Authorization: Bearer wrong\r\n", 401, "Bearer");
    purge("/t?id=1", "Authorization: Bearer secret-secret-secret\r\n", 200, "purged");
}

/* -------------------------------------------------------------------------------- start and end */

static void *stop_run(void *arg)
{
    *(int *)arg = crl_server_stop(server);
    return NULL;
}

static void test_draining(void **state)
{
    (void)state;
    start_with(yaml, NULL);
    struct client idle = client_open(crl_server_port(server));
    client_ask(&idle, "GET", "/healthz", "");
    free(client_take(&idle, true).body);
    struct client busy = client_open(crl_server_port(server));
    client_ask(&busy, "GET", "/gated", "");
    await_metric("corral_waiters", 1);

    pthread_t thread;
    int rc = -99;
    assert_int_equal(pthread_create(&thread, NULL, stop_run, &rc), 0);
    client_await_end(&idle);
    probe_do(gate.open = true);
    struct client_answer answer = client_take(&busy, true);
    assert_int_equal(answer.status, 200);
    client_await_end(&busy);
    pthread_join(thread, NULL);
    assert_int_equal(rc, 0);
    free(answer.body);
    client_close(&idle);
    client_close(&busy);
    crl_config_free(config);
    server = NULL;
}

/* While there are clients it goes on for a while: who asks whether it is ready is told, who comes
 * in that moment is served, and every answer is the last of its connection. When the last client
 * has gone, it ends. */
static void test_notice_is_given(void **state)
{
    (void)state;
    static const struct crl_server_options options = {.notice_us = CORRAL_SECONDS(600)};
    start_with(yaml, &options);
    struct client idle = client_open(crl_server_port(server));
    client_ask(&idle, "GET", "/healthz", "");
    free(client_take(&idle, true).body);
    struct client busy = client_open(crl_server_port(server));
    client_ask(&busy, "GET", "/gated", "");
    await_metric("corral_waiters", 1);

    pthread_t thread;
    int rc = -99;
    uint16_t port = crl_server_port(server);
    assert_int_equal(pthread_create(&thread, NULL, stop_run, &rc), 0);
    struct client_answer answer = {.status = 200};
    for (corral_us until = crl_now() + PROBE_LIMIT; answer.status == 200;) {
        assert_true(crl_now() < until);
        answer = client_fetch(port, "GET", "/readyz", "");
        free(answer.body);
    }
    assert_int_equal(answer.status, 503);
    assert_true(number_behind(answer.head, "retry-after: ") >= 1);
    struct client *const clients[] = {&idle, &busy};
    client_ask(&idle, "GET", "/t?id=1", "");
    probe_do(gate.open = true);
    for (int i = 0; i < 2; i++) {
        answer = client_take(clients[i], true);
        assert_int_equal(answer.status, 200);
        assert_non_null(strstr(answer.head, "Connection: close\r\n"));
        free(answer.body);
        client_await_end(clients[i]);
        client_close(clients[i]);
    }
    pthread_join(thread, NULL);
    assert_int_equal(rc, 0);
    crl_config_free(config);
    server = NULL;
}

static void test_no_notice_without_clients(void **state)
{
    (void)state;
    static const struct crl_server_options options = {.notice_us = CORRAL_SECONDS(600)};
    start_with(yaml, &options);
    expect("GET", "/t?id=1", "", 200, "fwd=miss", "one");
    assert_int_equal(stop(), 0); /* or the test's own limit ends it */
}

/* What fails while the server drains is logged like everything else. */
static void test_failures_while_draining(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct crl_log log;
    crl_log_init(&log, CRL_LOG_INFO, CRL_LOG_TEXT, ends[1]);
    start_with(yaml, &(struct crl_server_options){.log = &log});
    struct client idle = client_open(crl_server_port(server));
    client_ask(&idle, "GET", "/healthz", "");
    free(client_take(&idle, true).body);
    struct client busy = client_open(crl_server_port(server));
    client_ask(&busy, "GET", "/failing-later", "");
    await_metric("corral_waiters", 1);

    pthread_t thread;
    int rc = -99;
    assert_int_equal(pthread_create(&thread, NULL, stop_run, &rc), 0);
    client_await_end(&idle); /* it drains */
    probe_do(gate.open = true);
    struct client_answer answer = client_take(&busy, true);
    assert_int_equal(answer.status, 502);
    pthread_join(thread, NULL);
    assert_int_equal(rc, 0);
    char told[4096] = "";
    assert_true(read(ends[0], told, sizeof told - 1) > 0);
    if (strstr(told, "load failed route=\"/failing-later\" key=\"&\"") == NULL)
        fail_msg("%s", told);
    free(answer.body);
    client_close(&idle);
    client_close(&busy);
    close(ends[0]);
    close(ends[1]);
    crl_config_free(config);
    server = NULL;
}

/* Nobody can keep the failures of other routes out of the log by failing on one. */
static void test_failures_of_each_route_are_told(void **state)
{
    (void)state;
    int ends[2], lines = 0;
    assert_int_equal(pipe(ends), 0);
    struct crl_log log;
    crl_log_init(&log, CRL_LOG_INFO, CRL_LOG_TEXT, ends[1]);
    start_with(yaml, &(struct crl_server_options){.log = &log});
    probe_do(gate.open = true);
    corral_us begun = crl_now();
    for (int i = 0; i < 30; i++)
        expect("GET", "/failing", "", 502, "", "");
    expect("GET", "/failing-later", "", 502, "", "");
    assert_int_equal(metric("db_hits_total"), 31);
    assert_int_equal(stop(), 0);
    char told[16384] = "";
    assert_true(read(ends[0], told, sizeof told - 1) > 0);
    for (const char *at = told; (at = strstr(at, "load failed route=\"/failing\"")) != NULL; at++)
        lines++;
    assert_in_range(lines, 10, 10 * (1 + (crl_now() - begun) / CORRAL_SECONDS(10)));
    assert_non_null(strstr(told, "load failed route=\"/failing-later\""));
    close(ends[0]);
    close(ends[1]);
}

static void test_the_limit_of_draining(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct crl_log log;
    crl_log_init(&log, CRL_LOG_INFO, CRL_LOG_TEXT, ends[1]);
    const struct crl_server_options options = {.drain_limit_us = CORRAL_MS(50), .log = &log};
    start_with(yaml, &options);
    struct client client = client_open(crl_server_port(server));
    client_ask(&client, "GET", "/endless", "");
    await_metric("corral_waiters", 1);
    assert_int_equal(stop(), CORRAL_ETIMEDOUT);
    struct client_answer answer = client_take(&client, true);
    assert_int_equal(answer.status, 503);
    client_await_end(&client);
    char told[4096] = "";
    assert_true(read(ends[0], told, sizeof told - 1) > 0);
    if (strstr(told, "request failed route=\"/endless\" status=\"503\"") == NULL)
        fail_msg("%s", told);
    close(ends[0]);
    close(ends[1]);
    free(answer.body);
    client_close(&client);
}

static void test_starting_again_and_again(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        start_with(yaml, NULL);
        expect("GET", "/t?id=1", "", 200, "fwd=miss", "one");
        assert_int_equal(stop(), 0);
    }
}

static _Atomic int threads_left = INT_MAX; /* until one cannot be had */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    if (atomic_fetch_sub(&threads_left, 1) <= 0)
        return EAGAIN;
    return __real_pthread_create(thread, attr, run, arg);
}

/* Whichever thread the system refuses first, the start says which call failed and why. */
static void test_threads_that_cannot_be_had(void **state)
{
    (void)state;
    int rc = -1;
    config = parse(yaml);
    for (int n = 0; rc < 0; n++) {
        struct crl_problems problems = {0};
        threads_left = n;
        rc = crl_server_start(config, NULL, &problems, &server);
        threads_left = INT_MAX;
        if (rc == 0)
            assert_true(n >= 2 + 1 + 2 + 1); /* the cache's, the origin's, fronts, the admin's */
        else if (rc != CORRAL_ESYSTEM || problems.n != 1 ||
                 strstr(problems.rows[0].text,
                        ": pthread_create: Resource temporarily unavailable") == NULL)
            fail_msg("thread %d: rc %d: %s", n, rc, problems.n > 0 ? problems.rows[0].text : "");
        crl_problems_fini(&problems);
    }
    expect("GET", "/t?id=1", "", 200, "fwd=miss", "one");
}

/* What does not work is told with the place of the value that asked for it, all in one run. */
static void test_problems(void **state)
{
    (void)state;
    start_with(yaml, NULL);
    char text[1024], wanted[256], told[2048] = "";
    snprintf(text, sizeof text,
             "listen: 127.0.0.1:%u\n"
             "admin: 127.0.0.1:0\n"
             "origins:\n"
             "  - { name: db, sqlite: test.db }\n"
             "routes:\n"
             "  - { path: /a, origin: db, query: SELECT nope FROM t }\n"
             "  - { path: /b, origin: db, query: SELECT 1 AS one }\n",
             crl_server_port(server));
    struct crl_config *second = parse(text);
    struct crl_problems problems = {0};
    struct crl_server *none = NULL;
    assert_int_equal(crl_server_start(second, NULL, &problems, &none), CORRAL_EINVAL);
    crl_problems_sort(&problems);
    FILE *out = fmemopen(told, sizeof told - 1, "w");
    crl_problems_print(&problems, "F", out);
    fclose(out);
    snprintf(wanted, sizeof wanted,
             "F:1:9: listen: cannot listen at 127.0.0.1:%u: the port is in use",
             crl_server_port(server));
    if (strstr(told, wanted) == NULL || strstr(told, "F:6:43: the query does not work: ") == NULL)
        fail_msg("%s", told);
    assert_int_equal(problems.n, 2);
    crl_problems_fini(&problems);
    crl_config_free(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers),
        TEST(test_heads),
        TEST(test_age_and_max_age),
        TEST(test_failures),
        TEST(test_large_values),
        TEST(test_a_tag_is_made_once),
        TEST(test_an_answer_without_a_body_holds_nothing),
        TEST(test_a_stampede_is_one_load),
        TEST(test_a_client_leaves),
        TEST(test_http2_is_not_spoken),
        TEST(test_requests_that_never_end),
        TEST(test_refusals_are_problems),
        TEST(test_a_body_ends_the_connection),
        TEST(test_a_refusal_arrives),
        TEST(test_a_refusal_has_an_end),
        TEST(test_a_client_that_does_not_read),
        TEST(test_a_client_that_does_not_read_heads),
        TEST(test_large_answers_have_more_time),
        TEST(test_the_limit_of_connections),
        TEST(test_the_idle_make_room),
        TEST(test_purging),
        TEST(test_purging_with_a_token),
        TEST(test_draining),
        TEST(test_notice_is_given),
        TEST(test_no_notice_without_clients),
        TEST(test_failures_while_draining),
        TEST(test_failures_of_each_route_are_told),
        TEST(test_the_limit_of_draining),
        TEST(test_starting_again_and_again),
        TEST(test_threads_that_cannot_be_had),
        TEST(test_problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
