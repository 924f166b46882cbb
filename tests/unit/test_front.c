/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   one client cannot keep a front from the others.
 * Method: a front with a handler of the test's own, which answers, or holds a request until the
 *         test has everyone where it wants them; real sockets; what is counted is who was served in
 *         which order. */
#include "http/front.h"
#include "http/listen.h"

#include "../helper/client.h"
#include "../helper/probe.h"

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

static void answer(h2o_req_t *req)
{
    static h2o_generator_t no_more = {NULL, NULL};
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = 0;
    h2o_start_response(req, &no_more);
    h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
}

static void handle(struct crl_front *of, void *arg, h2o_req_t *req)
{
    (void)of;
    (void)arg;
    if (!h2o_memis(req->path.base, req->path.len, H2O_STRLIT("/hold"))) {
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

static void start(uint32_t connections_max)
{
    struct crl_address address;
    assert_null(crl_address_parse("127.0.0.1:0", &address));
    int listener = crl_listen(&address, &port);
    assert_true(listener >= 0);
    gate_of_front = (struct crl_gate){.max = connections_max};
    held = (struct crl_held_total){.max = 1 << 20, .books = 1};
    memset(&seen, 0, sizeof seen);
    struct crl_front_options options = {
        .name = "test",
        .listener = listener,
        .gate = &gate_of_front,
        .handler = handle,
        .refusal = refuse,
        .held = &held,
        .request_limit_us = CORRAL_SECONDS(10),
        .drain_limit_us = CORRAL_SECONDS(10),
    };
    assert_int_equal(crl_front_start(&options, &front), 0);
    close(listener);
}

static void stop(void)
{
    crl_front_drain(front);
    assert_int_equal(crl_front_join(front), 0);
}

/* Two clients have all their requests in the front's hands when the first of them is answered. */
static void test_requests_in_a_row_take_turns(void **state)
{
    (void)state;
    enum { EACH = 10 * CRL_FRONT_SHARE };
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
        if (row > 2 * CRL_FRONT_SHARE && left['b' - seen.served[i]] > 0)
            fail_msg("%d requests of one in a row: %s", row, seen.served);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_in_a_row_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
