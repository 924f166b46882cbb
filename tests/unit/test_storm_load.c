/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   every request is counted once (T1), whatever the server does to it.
 * Method: a small server on a thread, whose answer is a script. Durations are short and none is
 *         compared with a clock, but for the lower bounds that a pause or a timeout guarantees. */
#include "storm/load.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#define CONNECTIONS_MAX 128

/* Answers /healthz with a plain 200 and everything else as `answer` says. */
struct server {
    int listener, stop_fd;
    uint16_t port;
    const char *answer; /* "": never answer; NULL: hang up */
    size_t piece;       /* bytes of it sent at a time; 0: all */
    bool ends;          /* hang up behind an answer of `answer` */
    bool ends_greeting; /* hang up behind one to /healthz, which does not say so */
    atomic_uint asked;  /* requests but /healthz */
    pthread_t thread;
    struct pollfd polls[CONNECTIONS_MAX + 2];
    nfds_t polls_n;
};

static void server_answer(struct server *server, struct pollfd *poll)
{
    static const char healthy[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    char request[4096];
    ssize_t n = recv(poll->fd, request, sizeof(request) - 1, 0);
    const char *answer = server->answer;
    if (n > 0) {
        request[n] = 0;
        if (strncmp(request, "GET /healthz ", 13) == 0)
            answer = healthy;
        else
            atomic_fetch_add(&server->asked, 1);
    }
    if (n <= 0 || answer == NULL) {
        close(poll->fd);
        *poll = server->polls[--server->polls_n];
        return;
    }
    size_t size = strlen(answer), piece = server->piece ? server->piece : size;
    for (size_t at = 0; at < size; at += piece)
        (void)send(poll->fd, answer + at, size - at < piece ? size - at : piece, MSG_NOSIGNAL);
    if (answer == healthy ? server->ends_greeting : server->ends)
        (void)shutdown(poll->fd, SHUT_WR);
}

static void *server_run(void *arg)
{
    struct server *server = arg;
    while (!(server->polls[1].revents & POLLIN)) {
        poll(server->polls, server->polls_n, -1);
        for (nfds_t i = server->polls_n; i-- > 2;)
            if (server->polls[i].revents)
                server_answer(server, &server->polls[i]);
        if (!(server->polls[0].revents & POLLIN) || server->polls_n == CONNECTIONS_MAX + 2)
            continue;
        int fd = accept(server->listener, NULL, NULL);
        if (fd >= 0)
            server->polls[server->polls_n++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    for (nfds_t i = 2; i < server->polls_n; i++)
        close(server->polls[i].fd);
    return NULL;
}

/* One storm against a server of its own. */
struct trial {
    const char *answer;
    size_t piece;
    bool ends, ends_greeting;
    struct crl_storm_load load;
    struct crl_storm_tally tally;
    bool stopped;
    uint32_t asked;
    int rc;
    char why[256];
};

static struct trial trial;

static void server_start(struct server *server, const char *answer, size_t piece)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    memset(server, 0, sizeof(*server));
    server->answer = answer;
    server->piece = piece;
    server->ends = trial.ends;
    server->ends_greeting = trial.ends_greeting;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    server->stop_fd = eventfd(0, 0);
    struct sockaddr *any = (struct sockaddr *)(void *)&address;
    assert_int_equal(bind(server->listener, any, size), 0);
    assert_int_equal(listen(server->listener, 128), 0);
    assert_int_equal(getsockname(server->listener, any, &size), 0);
    server->port = ntohs(address.sin_port);
    server->polls[0] = (struct pollfd){.fd = server->listener, .events = POLLIN};
    server->polls[1] = (struct pollfd){.fd = server->stop_fd, .events = POLLIN};
    server->polls_n = 2;
    assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void server_stop(struct server *server)
{
    eventfd_write(server->stop_fd, 1);
    pthread_join(server->thread, NULL);
    close(server->listener);
    close(server->stop_fd);
}

static void trial_run(void)
{
    struct server server;
    struct crl_storm_target target;
    server_start(&server, trial.answer, trial.piece);
    assert_int_equal(crl_storm_target_on_loopback(server.port, "/x", &target), 0);
    trial.load.target = &target;
    trial.rc =
        crl_storm_load_run(&trial.load, &trial.tally, &trial.stopped, trial.why, sizeof(trial.why));
    server_stop(&server);
    trial.asked = atomic_load(&server.asked);
}

static int trial_reset(void **state)
{
    (void)state;
    memset(&trial, 0, sizeof(trial));
    trial.load.clients = 50;
    trial.load.timeout_us = CORRAL_SECONDS(20);
    trial.load.stop_fd = -1;
    return 0;
}

static void cold_asks_once_each(void **state)
{
    (void)state;
    trial.answer =
        "HTTP/1.1 200 OK\r\nCache-Status: corral; hit; ttl=1\r\nContent-Length: 5\r\n\r\n"
        "12345";
    trial_run();
    assert_int_equal(trial.rc, 0);
    assert_int_equal(trial.asked, 50);
    assert_int_equal(trial.tally.requests, 50);
    assert_int_equal(trial.tally.ok[CRL_STORM_HIT], 50);
    assert_int_equal(trial.tally.latency.n, 50);
    assert_int_equal(crl_storm_tally_errors(&trial.tally), 0);
}

static void answers_in_pieces(void **state)
{
    (void)state;
    trial.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345";
    trial.piece = 1;
    trial_run();
    assert_int_equal(trial.tally.ok[CRL_STORM_UNKNOWN], 50);
}

/* HTTP/1.0 as it is common: the end of the connection is the end of the answer. */
static void answers_without_a_length(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.0 200 OK\r\n\r\n12345",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n12345",
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        trial_reset(state);
        trial.answer = answers[i];
        trial.piece = i;
        trial.ends = true;
        trial.load.duration_us = i == 0 ? CORRAL_MS(200) : 0;
        trial_run();
        assert_int_equal(trial.rc, 0);
        assert_int_equal(trial.tally.ok[CRL_STORM_UNKNOWN], trial.tally.requests);
        assert_true(trial.tally.requests >= 50);
    }
}

/* A connection that was opened and has gone before the storm is none of its requests. */
static void connections_that_do_not_last(void **state)
{
    (void)state;
    trial.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    trial.load.clients = 100;
    trial.ends_greeting = true;
    trial_run();
    assert_int_equal(trial.rc, 0);
    assert_int_equal(crl_storm_tally_ok(&trial.tally) + trial.tally.broken, 100);
}

/* The server keeps the connection open, whatever its answer says of it. */
static void http_1_0_that_stays(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n12345",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n12345",
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        trial_reset(state);
        trial.answer = answers[i];
        trial.load.duration_us = CORRAL_MS(200);
        trial.load.think_us = CORRAL_MS(10);
        trial_run();
        assert_int_equal(trial.tally.ok[CRL_STORM_UNKNOWN], trial.tally.requests);
        assert_true(trial.tally.requests > 50);
    }
}

static void errors_by_status(void **state)
{
    (void)state;
    trial.answer = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
    trial_run();
    assert_int_equal(trial.tally.errors[0].status, 503);
    assert_int_equal(trial.tally.errors[0].n, 50);
    assert_int_equal(crl_storm_tally_ok(&trial.tally), 0);
}

static void what_is_no_answer_is_broken(void **state)
{
    static const char *const answers[] = {
        NULL,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx",
        "nonsense\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        trial_reset(state);
        trial.answer = answers[i];
        trial.ends = true;
        trial_run();
        assert_int_equal(trial.rc, 0);
        assert_int_equal(trial.tally.broken, 50);
        assert_int_equal(trial.tally.requests, 50);
    }
}

static void no_answer_times_out(void **state)
{
    (void)state;
    trial.answer = "";
    trial.load.timeout_us = CORRAL_MS(100);
    trial_run();
    assert_int_equal(trial.tally.timeouts, 50);
    assert_true(trial.tally.latency.max_us >= CORRAL_MS(100));
}

static void a_closed_loop_asks_again(void **state)
{
    (void)state;
    trial.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    trial.load.duration_us = CORRAL_MS(300);
    trial.load.think_us = CORRAL_MS(10);
    trial_run();
    assert_int_equal(trial.tally.requests, trial.asked);
    assert_int_equal(crl_storm_tally_ok(&trial.tally), trial.asked);
    assert_true(trial.asked > 50);
}

static void a_closed_loop_without_pauses(void **state)
{
    (void)state;
    trial.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    trial.load.duration_us = CORRAL_MS(100);
    trial_run();
    assert_int_equal(trial.tally.requests, trial.asked);
    assert_true(trial.asked > 50);
}

/* The server ends each connection politely, or not: the loop opens others. */
static void a_closed_loop_connects_again(void **state)
{
    (void)state;
    trial.answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    trial.load.duration_us = CORRAL_MS(200);
    trial_run();
    assert_int_equal(crl_storm_tally_ok(&trial.tally), trial.tally.requests);
    assert_true(trial.tally.requests > 50);
    trial_reset(state);
    trial.load.duration_us = CORRAL_MS(300);
    trial_run();
    assert_int_equal(trial.tally.broken, trial.tally.requests);
    assert_true(trial.tally.requests > 50);
}

static void stopped_before_the_first_request(void **state)
{
    (void)state;
    trial.answer = "";
    trial.load.stop_fd = eventfd(1, 0);
    trial_run();
    close(trial.load.stop_fd);
    assert_int_equal(trial.rc, 0);
    assert_true(trial.stopped);
    assert_int_equal(trial.tally.unanswered, trial.tally.requests);
}

/* Stops as soon as all have asked. */
static void stop_when_all_asked(void *arg, const struct crl_storm_tally *tally)
{
    if (tally->requests == trial.load.clients)
        eventfd_write(*(int *)arg, 1);
}

static void stopped_while_all_wait(void **state)
{
    (void)state;
    trial.answer = "";
    trial.load.stop_fd = eventfd(0, 0);
    trial.load.progress = stop_when_all_asked;
    trial.load.progress_arg = &trial.load.stop_fd;
    trial_run();
    close(trial.load.stop_fd);
    assert_true(trial.stopped);
    assert_int_equal(trial.tally.requests, 50);
    assert_int_equal(trial.tally.unanswered, 50);
}

static void nobody_listens(void **state)
{
    (void)state;
    struct crl_storm_target target;
    struct server server;
    server_start(&server, NULL, 0);
    server_stop(&server); /* so its port is free */
    assert_int_equal(crl_storm_target_on_loopback(server.port, "/", &target), 0);
    trial.load.target = &target;
    trial.rc =
        crl_storm_load_run(&trial.load, &trial.tally, &trial.stopped, trial.why, sizeof(trial.why));
    assert_int_equal(trial.rc, CORRAL_ESYSTEM);
    assert_non_null(strstr(trial.why, "0 of 50 connections"));
    assert_non_null(strstr(trial.why, "Connection refused"));
}

static void files_have_a_limit(void **state)
{
    (void)state;
    uint64_t limit = 0;
    assert_int_equal(crl_storm_files_allow(16, &limit), 0);
    assert_int_equal(crl_storm_files_allow(UINT64_MAX - 1, &limit), CORRAL_ESYSTEM);
    assert_true(limit > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(cold_asks_once_each, trial_reset),
        cmocka_unit_test_setup(answers_in_pieces, trial_reset),
        cmocka_unit_test_setup(answers_without_a_length, trial_reset),
        cmocka_unit_test_setup(connections_that_do_not_last, trial_reset),
        cmocka_unit_test_setup(http_1_0_that_stays, trial_reset),
        cmocka_unit_test_setup(errors_by_status, trial_reset),
        cmocka_unit_test_setup(what_is_no_answer_is_broken, trial_reset),
        cmocka_unit_test_setup(no_answer_times_out, trial_reset),
        cmocka_unit_test_setup(a_closed_loop_asks_again, trial_reset),
        cmocka_unit_test_setup(a_closed_loop_without_pauses, trial_reset),
        cmocka_unit_test_setup(a_closed_loop_connects_again, trial_reset),
        cmocka_unit_test_setup(stopped_before_the_first_request, trial_reset),
        cmocka_unit_test_setup(stopped_while_all_wait, trial_reset),
        cmocka_unit_test_setup(nobody_listens, trial_reset),
        cmocka_unit_test_setup(files_have_a_limit, trial_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
