/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   every call runs once, on the loop's thread, each sender's in the order of posting; what
 *         the owner has on the loop goes on meanwhile; stopping leaves neither thread nor handle.
 * Method: real loops; senders that post while a timer ticks; a sanitizer run sees the rest. */
#include "base/assert.h"
#include "io/loop.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SENDERS 3
#define CALLS   5000

struct house {
    struct crl_loop loop;
    uv_timer_t timer;
    _Atomic uint32_t ticks;
    uint32_t ran; /* to be read when the loop has stopped, as is the next one */
    uint32_t next[SENDERS];
};

struct errand {
    struct crl_loop_call call; /* first */
    struct house *house;
    uint32_t sender;
    _Atomic uint32_t number;
};

static void on_tick(uv_timer_t *timer)
{
    struct house *house = timer->data;
    crl_assert(crl_loop_is_here(&house->loop));
    house->ticks++;
}

static void timer_open(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct house *house = ((struct errand *)call)->house;
    uv_timer_init(&loop->uv, &house->timer);
    house->timer.data = house;
    uv_timer_start(&house->timer, on_tick, 0, 1);
}

static void timer_close(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct house *house = ((struct errand *)call)->house;
    crl_assert(crl_loop_is_here(loop));
    uv_close((uv_handle_t *)&house->timer, NULL);
}

static void run(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct errand *errand = (struct errand *)call;
    struct house *house = errand->house;
    crl_assert(crl_loop_is_here(loop));
    crl_assert(errand->number == house->next[errand->sender]++);
    house->ran++;
    free(errand);
}

struct sender {
    pthread_t thread;
    struct house *house;
    uint32_t number;
};

static void *send_all(void *arg)
{
    struct sender *sender = arg;
    for (uint32_t i = 0; i < CALLS; i++) {
        struct errand *errand = malloc(sizeof *errand);
        crl_assert(errand != NULL);
        *errand = (struct errand){{.run = run}, sender->house, sender->number, i};
        crl_loop_post(&sender->house->loop, &errand->call);
    }
    return NULL;
}

static void calls_run_in_order(void **state)
{
    (void)state;
    struct house house = {0};
    struct sender senders[SENDERS];
    assert_int_equal(crl_loop_start(&house.loop, "a loop"), 0);
    struct errand open = {{.run = timer_open}, &house}, close = {{.run = timer_close}, &house};
    crl_loop_post(&house.loop, &open.call);
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.house = &house, .number = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    assert_false(crl_loop_is_here(&house.loop));
    for (uint32_t i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    while (house.ticks == 0)
        ;
    crl_loop_post(&house.loop, &close.call);
    crl_loop_stop(&house.loop);
    assert_int_equal(house.ran, SENDERS * CALLS);
}

static void post_again(struct crl_loop *loop, struct crl_loop_call *call)
{
    struct errand *errand = (struct errand *)call;
    if (++errand->number < 100)
        crl_loop_post(loop, call); /* its own thread may post, and reuse the call */
}

static void a_call_may_post(void **state)
{
    (void)state;
    struct crl_loop loop;
    assert_int_equal(crl_loop_start(&loop, "fifteen letters"), 0);
    struct errand errand = {.call.run = post_again};
    crl_loop_post(&loop, &errand.call);
    while (errand.number < 100) /* nobody else may post after the stop */
        ;
    crl_loop_stop(&loop);
    assert_int_equal(errand.number, 100);
}

static void see_signals(struct crl_loop *loop, struct crl_loop_call *call)
{
    (void)loop;
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    crl_assert(sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGUSR1) == 1);
    ((struct errand *)call)->number = 1;
}

static void signals_are_the_programs(void **state)
{
    (void)state;
    struct crl_loop loop;
    sigset_t blocked;
    assert_int_equal(crl_loop_start(&loop, "signals"), 0);
    struct errand errand = {.call.run = see_signals};
    crl_loop_post(&loop, &errand.call);
    crl_loop_stop(&loop);
    assert_int_equal(errand.number, 1);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGTERM), 0);
}

static void what_was_posted_runs_before_the_stop(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct house house = {0};
        assert_int_equal(crl_loop_start(&house.loop, "short"), 0);
        for (uint32_t n = 0; n < 3; n++) {
            struct errand *errand = malloc(sizeof *errand);
            *errand = (struct errand){{.run = run}, &house, 0, n};
            crl_loop_post(&house.loop, &errand->call);
        }
        crl_loop_stop(&house.loop);
        assert_int_equal(house.ran, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_run_in_order),
        cmocka_unit_test(a_call_may_post),
        cmocka_unit_test(signals_are_the_programs),
        cmocka_unit_test(what_was_posted_runs_before_the_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
