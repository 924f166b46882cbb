/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   one client cannot keep a front from the others, and it is the right one that has to go
 *         where there is too much; a front that ends turns nobody away who was there already, and
 *         tells whom it cut; one that lacks files waits for them, or does not start.
 * Method: a front with a handler of the test's own, which answers, holds a request until the test
 *         has everyone where it wants them, or stops the front at the gate; real sockets. The
 *         coarse clock, by which a front tells who is new and when a pause is over, stands still
 *         until the test moves it. What is counted is who was served, and how often the front tried
 *         to accept. */
#include "http/front.h"
#include "http/listen.h"
#include "io/clock.h"
#include "io/refused.h"

#include "../helper/client.h"
#include "../helper/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

static struct crl_gate gate_of_front;
static struct crl_held_total held;
static struct crl_front *front;
static uint16_t port;

/* What the handler saw; the front's thread writes, the test reads when all has been answered. */
static struct {
    h2o_req_t *held[8]; /* requests for "/hold" */
    size_t held_n, held_until;
    char served[4096]; /* the first letter of each other path */
    size_t served_n;
} seen;

/* ----------------------------------------------------------------------------- the coarse clock */

static _Atomic corral_us coarse_now;

static int coarse_read(clockid_t clock, struct timespec *t)
{
    (void)clock;
    corral_us now = atomic_load(&coarse_now);
    *t = (struct timespec){.tv_sec = now / 1000000, .tv_nsec = now % 1000000 * 1000};
    return 0;
}

/* ------------------------------------------------------------------------------------ accepting */

static _Atomic int accepts_refused; /* for want of a file */
h2o_socket_t *__real_h2o_evloop_socket_accept(h2o_socket_t *listener);
h2o_socket_t *__wrap_h2o_evloop_socket_accept(h2o_socket_t *listener);
h2o_socket_t *__wrap_h2o_evloop_socket_accept(h2o_socket_t *listener)
{
    h2o_socket_t *socket = __real_h2o_evloop_socket_accept(listener);
    if (socket == NULL && errno == EMFILE)
        atomic_fetch_add(&accepts_refused, 1);
    return socket;
}

/* ------------------------------------------------------------------------------------ the front */

static void answer(h2o_req_t *req)
{
    static h2o_generator_t no_more = {NULL, NULL};
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = 0;
    h2o_start_response(req, &no_more);
    h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
}

/* Bodies that are larger than the buffers of any connection, and count as held. */
enum { LARGE = 32 << 20 };
static char large[LARGE], other_large[LARGE];

static void large_dispose(void *arg)
{
    crl_front_let_go(front, arg);
}

static void answer_large(struct crl_front *of, h2o_req_t *req, const char *body)
{
    static h2o_generator_t no_more = {NULL, NULL};
    struct crl_held *answers = h2o_mem_alloc_shared(&req->pool, sizeof *answers, large_dispose);
    *answers = (struct crl_held){.data = body, .size = LARGE};
    crl_front_hold(of, answers, req);
    h2o_iovec_t piece = h2o_iovec_init(body, LARGE);
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = LARGE;
    h2o_start_response(req, &no_more);
    h2o_send(req, &piece, 1, H2O_SEND_STATE_FINAL);
}

static bool asks_for(const h2o_req_t *req, const char *path)
{
    return h2o_memis(req->path.base, req->path.len, path, strlen(path));
}

static void handle(struct crl_front *of, void *arg, h2o_req_t *req)
{
    (void)arg;
    if (asks_for(req, "/large") || asks_for(req, "/other-large")) {
        answer_large(of, req, asks_for(req, "/large") ? large : other_large);
        return;
    }
    if (asks_for(req, "/gate"))
        gate_pass(); /* the whole front waits */
    if (!asks_for(req, "/hold")) {
        assert_true(seen.served_n < sizeof seen.served);
        seen.served[seen.served_n++] = req->path.base[1];
        answer(req);
        return;
    }
    seen.held[seen.held_n++] = req;
    if (seen.held_n == seen.held_until) {
        while (seen.held_n > 0)
            answer(seen.held[--seen.held_n]);
    }
}

static struct corral_bytes refuse(struct crl_front *of, h2o_req_t *req)
{
    (void)of;
    (void)req;
    return (struct corral_bytes){"", 0};
}

/* What a front is started with. The listener is the caller's. */
static struct crl_front_options options_make(uint32_t connections_max)
{
    struct crl_address address;
    assert_null(crl_address_parse("127.0.0.1:0", &address));
    int listener = crl_listen(&address, &port);
    assert_true(listener >= 0);
    gate_of_front = (struct crl_gate){.max = connections_max};
    held = (struct crl_held_total){.max = 1 << 20, .books = 1};
    memset(&seen, 0, sizeof seen);
    gate_close();
    coarse_now = crl_now();
    crl_clock_read = coarse_read;
    return (struct crl_front_options){
        .name = "test",
        .listener = listener,
        .gate = &gate_of_front,
        .handler = handle,
        .refusal = refuse,
        .held = &held,
        .request_limit_us = CORRAL_SECONDS(600),
        .drain_limit_us = CORRAL_SECONDS(600),
    };
}

static void start(uint32_t connections_max)
{
    struct crl_front_options options = options_make(connections_max);
    assert_int_equal(crl_front_start(&options, &front), 0);
    close(options.listener);
}

static void join(void)
{
    assert_int_equal(crl_front_join(front), 0);
}

static void stop(void)
{
    crl_front_drain(front);
    join();
}

/* Ask on a connection that is there, and be answered. */
static void ask(struct client *client)
{
    client_ask(client, "GET", "/a", "");
    struct client_answer given = client_take(client, true);
    assert_int_equal(given.status, 200);
    free(given.body);
}

static void await_connections(uint32_t n)
{
    corral_us until = crl_now() + PROBE_LIMIT;
    while (atomic_load(&gate_of_front.open) != n)
        assert_true(crl_now() < until);
}

/* ---------------------------------------------------------------------------------------- turns */

/* Two clients have all their requests in the front's hands when the first of them is answered. */
static void test_requests_in_a_row_take_turns(void **state)
{
    (void)state;
    enum { SHARE = 16, EACH = 10 * SHARE }; /* the figure is the test's own, so that it stays */
    start(10);
    seen.held_until = 2;
    struct client clients[2];
    for (int i = 0; i < 2; i++) {
        char text[16384];
        int size = snprintf(text, sizeof text, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
        for (int n = 0; n < EACH; n++)
            size += snprintf(text + size, sizeof text - (size_t)size,
                             "GET /%c HTTP/1.1\r\nHost: a\r\n\r\n", 'a' + i);
        clients[i] = client_open(port);
        client_send(&clients[i], text); /* at once: it arrives as one */
    }
    for (int i = 0; i < 2; i++) {
        for (int n = 0; n < 1 + EACH; n++)
            free(client_take(&clients[i], true).body);
        client_close(&clients[i]);
    }
    stop();
    assert_int_equal(seen.served_n, 2 * EACH);
    int left[2] = {EACH, EACH}, row = 0;
    for (size_t i = 0; i < seen.served_n; i++) {
        row = i > 0 && seen.served[i] == seen.served[i - 1] ? row + 1 : 1;
        left[seen.served[i] - 'a']--;
        if (row > 2 * SHARE && left['b' - seen.served[i]] > 0)
            fail_msg("%d requests of one in a row: %s", row, seen.served);
    }
}

/* ------------------------------------------------------------------------------------- draining */

/* The look that closes an idle client while the front drains leaves alone one that has just come:
 * it is going to ask. */
static void test_who_has_just_come_may_ask(void **state)
{
    (void)state;
    start(10);
    struct client idle = client_open(port);
    ask(&idle);
    atomic_fetch_add(&coarse_now, CRL_DOOR_FRESH);
    struct client fresh = client_open(port);
    await_connections(2);
    crl_front_drain(front);
    client_await_end(&idle);
    ask(&fresh);
    client_await_end(&fresh);
    join();
    client_close(&idle);
    client_close(&fresh);
}

/* While the front stands still, more clients come than it accepts in a round or two, and then the
 * word that it shall end. They have a connection, by the kernel: all are served. */
static void test_whom_the_kernel_let_in_is_served(void **state)
{
    (void)state;
    enum { CLIENTS = 100 };
    static struct client clients[1 + CLIENTS];
    start(1 + CLIENTS);
    clients[0] = client_open(port);
    client_ask(&clients[0], "GET", "/gate", "");
    probe_await(gate.entered == 1);
    for (int i = 1; i <= CLIENTS; i++) {
        clients[i] = client_open(port);
        client_ask(&clients[i], "GET", "/a", "");
    }
    crl_front_drain(front);
    gate_open();
    for (int i = 0; i <= CLIENTS; i++) {
        struct client_answer given = client_take(&clients[i], true);
        assert_int_equal(given.status, 200);
        free(given.body);
    }
    atomic_fetch_add(&coarse_now, CORRAL_SECONDS(1)); /* nobody is new any more */
    for (int i = 0; i <= CLIENTS; i++) {
        client_await_end(&clients[i]);
        client_close(&clients[i]);
    }
    join();
    assert_int_equal(seen.served_n, 1 + CLIENTS);
}

/* A client that does not read is cut at the limit, and that is told. */
static void test_who_is_cut_at_the_limit_is_told_of(void **state)
{
    (void)state;
    start(10);
    struct client client = client_open(port);
    client_ask(&client, "GET", "/large", "");
    assert_true(client_read(&client)); /* the answer has begun */
    crl_front_drain(front);
    atomic_fetch_add(&coarse_now, CORRAL_SECONDS(599));
    while (atomic_load(&gate_of_front.open) > 0)
        atomic_fetch_add(&coarse_now, CORRAL_MS(1));
    assert_int_equal(crl_front_join(front), CORRAL_ETIMEDOUT);
    client_close(&client);
}

/* ---------------------------------------------------------------------------------------- room */

/* Who has asked, and it was not read yet, does not make room for another. */
static void test_who_has_asked_stays(void **state)
{
    (void)state;
    start(2);
    struct client asks = client_open(port), blocks = client_open(port), waits = client_new();
    ask(&asks);
    atomic_fetch_add(&coarse_now, CORRAL_MS(500));
    client_ask(&blocks, "GET", "/gate", "");
    probe_await(gate.entered == 1);
    client_connect(&waits, port);
    client_ask(&asks, "GET", "/a", ""); /* when the front goes on, it looks for room first */
    gate_open();
    free(client_take(&asks, true).body);
    free(client_take(&blocks, true).body);
    atomic_fetch_add(&coarse_now, CORRAL_SECONDS(1));
    ask(&waits);
    client_close(&asks);
    client_close(&blocks);
    client_close(&waits);
    stop();
}

/* Who has begun to ask has a second for it: rather goes who came later and asks nothing. */
static void test_who_has_begun_to_ask_stays(void **state)
{
    (void)state;
    start(2);
    struct client begun = client_open(port), idle = client_new(), waits = client_new();
    ask(&begun);
    client_send(&begun, "GET /a HTTP/1.1\r\n");
    atomic_fetch_add(&coarse_now, CORRAL_MS(10));
    client_connect(&idle, port);
    for (int rounds = 0; rounds < 3; rounds++)
        ask(&idle); /* so the beginning has been read */
    client_connect(&waits, port);
    atomic_fetch_add(&coarse_now, CORRAL_MS(500));
    ask(&waits);
    client_send(&begun, "Host: a\r\n\r\n");
    free(client_take(&begun, true).body);
    client_await_end(&idle);
    client_close(&begun);
    client_close(&idle);
    client_close(&waits);
    stop();
}

/* Receive so much of an answer. Returns how much came before the end. */
static size_t receive(struct client *client, size_t wanted)
{
    size_t size = 0;
    for (ssize_t n; size < wanted; size += (size_t)n) {
        assert_true(client_is_ready(client, CLIENT_LIMIT_MS));
        n = recv(client->fd, client->data,
                 wanted - size < CLIENT_ROOM ? wanted - size : CLIENT_ROOM, 0);
        if (n <= 0)
            break;
    }
    return size;
}

/* Two answers are too much. The one that goes is not the older but the one of which less has
 * arrived. */
static void test_the_slower_reader_is_cut(void **state)
{
    (void)state;
    start(10);
    struct client reads = client_open(port), sleeps = client_open(port);
    client_ask(&reads, "GET", "/large", "");
    assert_int_equal(receive(&reads, LARGE / 2), LARGE / 2);
    atomic_fetch_add(&coarse_now, CORRAL_MS(1));
    client_ask(&sleeps, "GET", "/other-large", "");
    assert_true(client_read(&sleeps)); /* the answer has begun */
    assert_int_equal(atomic_load(&held.bytes), 2 * LARGE);
    atomic_fetch_add(&coarse_now, CRL_HELD_GRACE);
    await_connections(1);
    assert_int_equal(receive(&reads, LARGE / 2), LARGE / 2);
    client_close(&reads);
    client_close(&sleeps);
    stop();
}

/* ---------------------------------------------------------------------------------------- files */

/* The number that the next file gets. */
static int file_next(void)
{
    int file = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    assert_true(file >= 0);
    close(file);
    return file;
}

/* Leave room for so many more files. Returns the limit as it was. */
static struct rlimit files_leave(int n)
{
    struct rlimit was, less;
    int files[16];
    assert_true(n < 16);
    for (int i = 0; i < n; i++)
        files[i] = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    less = was;
    less.rlim_cur = (rlim_t)file_next(); /* the first that there is no room for */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &less), 0);
    while (n > 0)
        close(files[--n]);
    return was;
}

static void files_give_back(struct rlimit was)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}

/* A client waits, and there is no file for it. The front tries once, and not in every round; and
 * again after a pause, when there is one. */
static void test_without_files_it_pauses(void **state)
{
    (void)state;
    start(10);
    atomic_store(&accepts_refused, 0);
    struct client served = client_open(port), late = client_new();
    ask(&served);
    struct rlimit was = files_leave(0);
    client_connect(&late, port);
    corral_us until = crl_now() + PROBE_LIMIT;
    while (atomic_load(&accepts_refused) == 0)
        assert_true(crl_now() < until);
    for (int rounds = 0; rounds < 20; rounds++)
        ask(&served);
    assert_int_equal(atomic_load(&accepts_refused), 1);
    files_give_back(was);
    atomic_store(&coarse_now, crl_now() + CORRAL_MS(100));
    ask(&late);
    client_close(&served);
    client_close(&late);
    stop();
}

/* Without room for all of its files a front is not started, says why, and leaves none behind; for
 * libh2o would abort. */
static void test_a_front_needs_files(void **state)
{
    (void)state;
    struct crl_front_options options = options_make(10);
    int room = -1, rc = -1, next = file_next();
    while (rc != 0) {
        struct rlimit was = files_leave(++room);
        rc = crl_front_start(&options, &front);
        files_give_back(was);
        if (rc != 0) {
            assert_int_equal(rc, CORRAL_ESYSTEM);
            assert_string_equal(crl_refused_why(), "fcntl(F_DUPFD): Too many open files");
            assert_int_equal(file_next(), next);
        }
    }
    assert_int_equal(room, CRL_FRONT_FILES);
    close(options.listener);
    struct client client = client_open(port);
    ask(&client);
    client_close(&client);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_in_a_row_take_turns),
        cmocka_unit_test(test_who_has_just_come_may_ask),
        cmocka_unit_test(test_whom_the_kernel_let_in_is_served),
        cmocka_unit_test(test_who_is_cut_at_the_limit_is_told_of),
        cmocka_unit_test(test_who_has_asked_stays),
        cmocka_unit_test(test_who_has_begun_to_ask_stays),
        cmocka_unit_test(test_the_slower_reader_is_cut),
        cmocka_unit_test(test_without_files_it_pauses),
        cmocka_unit_test(test_a_front_needs_files),
    };
    signal(SIGPIPE, SIG_IGN); /* as the server does: a front writes to who has gone */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
