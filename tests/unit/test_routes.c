/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   whatever a client does, of the cache nothing stays behind: each value that was held is
 *         released when its answer has been sent, or when it turns out that nobody will read it,
 *         and each get that was started is dropped. Until then it counts as held.
 * Method: the real server in this process. Its calls to the cache go through the test, which counts
 *         them, and which can hold back the letter that brings an answer until the client has
 *         left. */
#include "http/front.h"
#include "lib/cache.h"

#include "../helper/daemon.h"

static const char schema[] = "CREATE TABLE t (id TEXT PRIMARY KEY, body TEXT);"
                             "INSERT INTO t VALUES ('1', 'one'), ('big', hex(zeroblob(500000)));";

static const char yaml[] = "listen: 127.0.0.1:0\n"
                           "admin: 127.0.0.1:0\n"
                           "threads: 1\n"
                           "origins:\n"
                           "  - { name: db, sqlite: test.db, deadline: 300s }\n"
                           "routes:\n"
                           "  - path: /t\n"
                           "    origin: db\n"
                           "    query: SELECT id, body FROM t WHERE id = :id\n"
                           "    params: [ { name: id } ]\n"
                           "    ttl: 1h\n"
                           "  - path: /gated\n"
                           "    origin: db\n"
                           "    query: SELECT gate(1) AS one\n"
                           "    ttl: 1h\n"
                           "    wait: 300s\n";

/* ------------------------------------------------------------------- what goes through the test */

static _Atomic int values_held, values_taken, gets_open, gets_begun, cancels;
static _Atomic int answers_held; /* as the front counts them (held.h) */
static _Atomic size_t last_held_bytes;
static struct { /* under the probe's lock */
    bool wanted;
    struct crl_front *front;
    struct crl_front_letter *letter;
} held_back;

static void value_count(const struct corral_value *value)
{
    if (value->private_entry == NULL)
        return;
    atomic_fetch_add(&values_held, 1);
    atomic_fetch_add(&values_taken, 1);
}

void __real_corral_value_release(struct corral_value *value);
void __wrap_corral_value_release(struct corral_value *value);
void __wrap_corral_value_release(struct corral_value *value)
{
    if (value->private_entry != NULL)
        atomic_fetch_sub(&values_held, 1);
    __real_corral_value_release(value);
}

int __real_crl_read_at(struct corral_space *space, struct corral_bytes key, corral_us now,
                       void *buffer, size_t size, struct corral_value *ret_value,
                       struct corral_bytes *ret_meta);
int __wrap_crl_read_at(struct corral_space *space, struct corral_bytes key, corral_us now,
                       void *buffer, size_t size, struct corral_value *ret_value,
                       struct corral_bytes *ret_meta);
int __wrap_crl_read_at(struct corral_space *space, struct corral_bytes key, corral_us now,
                       void *buffer, size_t size, struct corral_value *ret_value,
                       struct corral_bytes *ret_meta)
{
    int rc = __real_crl_read_at(space, key, now, buffer, size, ret_value, ret_meta);
    if (rc >= 0)
        value_count(ret_value);
    return rc;
}

/* Whom the answer of a get is for. */
struct asker {
    corral_get_fn *fn;
    void *arg;
};

static void asker_answer(void *arg, int result, struct corral_value *value)
{
    struct asker asker = *(struct asker *)arg;
    free(arg);
    value_count(value);
    asker.fn(asker.arg, result, value);
}

int __real_crl_get_start(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
                         corral_get_fn *fn, void *arg, struct corral_get_handle **ret_handle);
int __wrap_crl_get_start(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
                         corral_get_fn *fn, void *arg, struct corral_get_handle **ret_handle);
int __wrap_crl_get_start(struct corral_space *space, struct corral_bytes key, corral_us wait_us,
                         corral_get_fn *fn, void *arg, struct corral_get_handle **ret_handle)
{
    struct asker *asker = malloc(sizeof *asker);
    *asker = (struct asker){fn, arg};
    int rc = __real_crl_get_start(space, key, wait_us, asker_answer, asker, ret_handle);
    assert_int_equal(rc, 0);
    atomic_fetch_add(&gets_open, 1);
    atomic_fetch_add(&gets_begun, 1);
    return rc;
}

void __real_corral_get_cancel(struct corral_get_handle *handle);
void __wrap_corral_get_cancel(struct corral_get_handle *handle);
void __wrap_corral_get_cancel(struct corral_get_handle *handle)
{
    __real_corral_get_cancel(handle);
    probe_do(cancels++);
}

void __real_corral_get_drop(struct corral_get_handle *handle);
void __wrap_corral_get_drop(struct corral_get_handle *handle);
void __wrap_corral_get_drop(struct corral_get_handle *handle)
{
    __real_corral_get_drop(handle);
    atomic_fetch_sub(&gets_open, 1);
}

void __real_crl_front_post(struct crl_front *front, struct crl_front_letter *letter);
void __wrap_crl_front_post(struct crl_front *front, struct crl_front_letter *letter);
void __wrap_crl_front_post(struct crl_front *front, struct crl_front_letter *letter)
{
    bool wanted;
    probe_do({
        wanted = held_back.wanted;
        if (wanted) {
            held_back.front = front;
            held_back.letter = letter;
        }
    });
    if (!wanted)
        __real_crl_front_post(front, letter);
}

void __real_crl_front_hold(struct crl_front *front, struct crl_held *held, h2o_req_t *req);
void __wrap_crl_front_hold(struct crl_front *front, struct crl_held *held, h2o_req_t *req);
void __wrap_crl_front_hold(struct crl_front *front, struct crl_held *held, h2o_req_t *req)
{
    atomic_fetch_add(&answers_held, 1);
    atomic_store(&last_held_bytes, held->size);
    __real_crl_front_hold(front, held, req);
}

void __real_crl_front_let_go(struct crl_front *front, struct crl_held *held);
void __wrap_crl_front_let_go(struct crl_front *front, struct crl_held *held);
void __wrap_crl_front_let_go(struct crl_front *front, struct crl_held *held)
{
    bool is_held = h2o_linklist_is_linked(&held->all);
    __real_crl_front_let_go(front, held);
    if (is_held)
        atomic_fetch_sub(&answers_held, 1);
}

/* ---------------------------------------------------------------------------------------- tests */

static int setup(void **state)
{
    (void)state;
    daemon_open(schema);
    values_held = values_taken = gets_open = gets_begun = cancels = 0;
    answers_held = 0;
    memset(&held_back, 0, sizeof held_back);
    start_with(yaml, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    daemon_close();
    return 0;
}

/* So many requests for "/gated" were answered, however. */
static void expect_answered(int n)
{
    assert_int_equal(metric("http_request_duration_seconds_count{path=\"/gated\",method=\"GET\"}"),
                     n);
}

static void await_zero(_Atomic int *count)
{
    corral_us until = crl_now() + PROBE_LIMIT;
    while (atomic_load(count) != 0)
        assert_true(crl_now() < until);
}

/* Loaded, from memory, without its body, and where the client has it already: a value is released
 * when it was sent, though its client stays. */
static void test_values_are_released_when_they_were_sent(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *headers;
        int taken; /* values by reference */
    } rows[] = {
        {"GET", "/t?id=1", "", 1}, /* loaded */
        {"GET", "/t?id=1", "", 0}, /* copied from memory */
        {"GET", "/t?id=big", "", 1},  {"GET", "/t?id=big", "", 1},
        {"HEAD", "/t?id=big", "", 1}, {"GET", "/t?id=big", "If-None-Match: *\r\n", 1},
        {"GET", "/t?id=none", "", 1}, /* that there is none, is loaded, too */
        {"GET", "/t?id=none", "", 0},
    };
    struct client client = client_open(crl_server_port(server));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int before = atomic_load(&values_taken);
        client_ask(&client, rows[i].method, rows[i].path, rows[i].headers);
        free(client_take(&client, strcmp(rows[i].method, "HEAD") != 0).body);
        await_zero(&values_held);
        assert_int_equal(atomic_load(&values_taken) - before, rows[i].taken);
    }
    assert_int_equal(atomic_load(&gets_begun), 3);
    assert_int_equal(atomic_load(&gets_open), 0);
    assert_int_equal(cancels, 0);
    client_close(&client);
}

/* What is too large to be copied to a connection counts against the limit of what answers hold,
 * with its size, until it was sent; and so does a text that was made for one request. */
static void test_answers_count_as_held(void **state)
{
    (void)state;
    static const char *const paths[] = {"/t?id=big", "/t?id=big", "/metrics"};
    struct client client = client_open(crl_server_port(server));
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        atomic_store(&last_held_bytes, 0);
        client_ask(&client, "GET", paths[i], "");
        struct client_answer given = client_take(&client, true);
        assert_int_equal(atomic_load(&last_held_bytes), given.size);
        free(given.body);
        await_zero(&answers_held);
    }
    client_close(&client);
}

/* Its get is cancelled. The load goes on, for whoever comes next. */
static void test_a_client_leaves_before_its_answer(void **state)
{
    (void)state;
    struct client gone = client_open(crl_server_port(server));
    client_ask(&gone, "GET", "/gated", "");
    await_metric("corral_waiters", 1);
    client_reset(&gone);
    await_metric("corral_connections", 1);
    assert_int_equal(metric("corral_waiters"), 0);
    assert_int_equal(metric("http_in_flight_requests"), 1);
    assert_int_equal(cancels, 1);
    assert_int_equal(atomic_load(&gets_open), 0);
    gate_open();
    await_metric("corral_flights", 0);
    expect("GET", "/gated", "", 200, "corral; hit", "{\"one\":1}");
    expect_answered(1);
    await_zero(&values_held);
}

/* The answer is there, and the client leaves before the front has heard of it: too late to cancel
 * anything, and there is a value. */
static void test_a_client_leaves_as_its_answer_comes(void **state)
{
    (void)state;
    struct client gone = client_open(crl_server_port(server));
    client_ask(&gone, "GET", "/gated", "");
    await_metric("corral_waiters", 1);
    probe_do(held_back.wanted = true);
    gate_open();
    probe_await(held_back.letter != NULL);
    probe_do(held_back.wanted = false);
    assert_int_equal(atomic_load(&values_held), 1);
    client_reset(&gone);
    probe_await(cancels == 1); /* the front has noticed */
    __real_crl_front_post(held_back.front, held_back.letter);
    await_metric("corral_connections", 1);
    assert_int_equal(metric("http_in_flight_requests"), 1);
    assert_int_equal(atomic_load(&values_held), 0);
    assert_int_equal(atomic_load(&gets_open), 0);
    expect("GET", "/gated", "", 200, "corral; hit", "{\"one\":1}");
    expect_answered(1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values_are_released_when_they_were_sent),
        TEST(test_answers_count_as_held),
        TEST(test_a_client_leaves_before_its_answer),
        TEST(test_a_client_leaves_as_its_answer_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
