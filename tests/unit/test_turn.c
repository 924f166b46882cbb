/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   every letter is run once, by one thread at a time, each sender's in order, whoever has
 *         the turn; no holder runs more than its share; the end waits for the last holder.
 * Method: first single steps on one thread, where the test itself is the one to whom turns are
 *         handed over; then senders on real threads and a loop. A sanitizer run sees the rest. */
#include "base/assert.h"
#include "io/loop.h"
#include "lib/turn.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <urcu/compiler.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SENDERS 4
#define LETTERS 20000

struct office;

struct letter {
    struct crl_letter letter; /* first */
    struct crl_letter told;   /* for after() */
    struct office *office;
    uint32_t sender, number;
    void (*does)(struct letter *letter); /* in the turn; may be NULL */
};

struct office {
    struct crl_turn turn; /* first */
    uint32_t next[SENDERS];
    uint32_t run, batches, longest; /* in the turn */
    _Atomic uint32_t inside, after, handed_over;
    struct crl_loop loop;
    struct crl_loop_call resume;
};

static struct crl_letter *run(struct crl_turn *turn, struct crl_letter *batch)
{
    struct office *office = (struct office *)turn;
    struct crl_letter *told = NULL;
    uint32_t n = 0;
    crl_assert(batch != NULL && crl_turn_is_mine(turn));
    crl_assert(atomic_fetch_add(&office->inside, 1) == 0);
    office->batches++;
    while (batch != NULL) {
        struct letter *letter = (struct letter *)batch;
        batch = batch->next;
        crl_assert(letter->number == office->next[letter->sender]);
        office->next[letter->sender]++;
        if (letter->does != NULL)
            letter->does(letter);
        letter->told.next = told;
        told = &letter->told;
        n++;
    }
    office->run += n;
    office->longest = n > office->longest ? n : office->longest;
    atomic_fetch_sub(&office->inside, 1);
    return told;
}

static void after(struct crl_letter *list)
{
    while (list != NULL) {
        struct office *office = caa_container_of(list, struct letter, told)->office;
        list = list->next;
        crl_assert(!crl_turn_is_mine(&office->turn));
        atomic_fetch_add(&office->after, 1);
    }
}

static void count_hand_over(struct crl_turn *turn)
{
    atomic_fetch_add(&((struct office *)turn)->handed_over, 1);
}

static const struct crl_turn_ops by_hand = {
    .run = run, .after = after, .hand_over = count_hand_over};

static void office_open(struct office *office, const struct crl_turn_ops *ops)
{
    *office = (struct office){0};
    crl_turn_init(&office->turn, ops);
}

static void office_close(struct office *office)
{
    crl_turn_close(&office->turn);
    assert_int_equal(office->after, office->run);
    crl_turn_fini(&office->turn);
}

/* --------------------------------------------------------------------------------- single steps */

static void test_who_posts_runs_it(void **state)
{
    (void)state;
    struct office office;
    office_open(&office, &by_hand);
    struct letter letters[3];
    for (uint32_t i = 0; i < 3; i++) {
        letters[i] = (struct letter){.office = &office, .number = i};
        crl_turn_post(&office.turn, &letters[i].letter);
        assert_int_equal(office.run, i + 1);
        assert_int_equal(office.after, i + 1);
        assert_false(crl_turn_is_mine(&office.turn));
    }
    assert_int_equal(office.batches, 3);
    office_close(&office);
}

/* A letter that posts others: many[0] to many[n - 1]. */
static struct letter *many;
static uint32_t many_n;

static void post_many(struct letter *letter)
{
    struct office *office = letter->office;
    uint32_t before = office->next[0];
    for (uint32_t i = 0; i < many_n; i++) {
        many[i] = (struct letter){.office = office, .number = letter->number + 1 + i};
        crl_turn_post(&office->turn, &many[i].letter);
    }
    crl_assert(office->next[0] == before); /* none was run inside this one (N4) */
}

/* With this many letters behind the first: how often the turn is handed over, and that each holder
 * runs its share, in order. */
static void expect_shares(uint32_t n, uint32_t handed_over)
{
    struct office office;
    office_open(&office, &by_hand);
    struct letter first = {.office = &office, .does = post_many};
    many = calloc(n + 1, sizeof *many);
    many_n = n;
    crl_turn_post(&office.turn, &first.letter);
    for (uint32_t i = 1; i <= handed_over; i++) {
        assert_int_equal(office.handed_over, i);
        assert_int_equal(office.run, i * CRL_TURN_LETTERS);
        crl_turn_resume(&office.turn);
    }
    assert_int_equal(office.handed_over, handed_over);
    assert_int_equal(office.run, n + 1);
    assert_in_range(office.longest, 1, CRL_TURN_LETTERS);
    office_close(&office);
    free(many);
}

static void test_a_holder_runs_its_share(void **state)
{
    (void)state;
    expect_shares(0, 0);
    expect_shares(1, 0);
    expect_shares(CRL_TURN_LETTERS - 1, 0); /* just enough: given back */
    expect_shares(CRL_TURN_LETTERS, 1);
    expect_shares(5 * CRL_TURN_LETTERS, 5);
}

/* What comes while the turn is on its way to another thread waits behind what was left. */
static void test_letters_between_two_holders(void **state)
{
    (void)state;
    struct office office;
    office_open(&office, &by_hand);
    struct letter first = {.office = &office, .does = post_many};
    struct letter late = {.office = &office, .number = CRL_TURN_LETTERS + 2};
    many = calloc(CRL_TURN_LETTERS + 1, sizeof *many);
    many_n = CRL_TURN_LETTERS + 1;
    crl_turn_post(&office.turn, &first.letter);
    assert_true(crl_turn_offer(&office.turn, &late.letter));
    assert_int_equal(office.run, CRL_TURN_LETTERS); /* taken, not run */
    crl_turn_resume(&office.turn);
    assert_int_equal(office.run, CRL_TURN_LETTERS + 3);
    office_close(&office);
    free(many);
}

static struct letter *late;

static void post_late(struct letter *letter)
{
    crl_turn_post(&letter->office->turn, &late->letter);
}

static void post_many_and_late(struct letter *letter)
{
    post_many(letter);
    many[0].does = post_late;
}

/* What comes while a holder runs its share waits behind what it has to put back (N3). */
static void test_letters_that_are_put_back_keep_their_turn(void **state)
{
    (void)state;
    struct office office;
    office_open(&office, &by_hand);
    struct letter first = {.office = &office, .does = post_many_and_late};
    many_n = CRL_TURN_LETTERS + 1;
    many = calloc(many_n, sizeof *many);
    late = &(struct letter){.office = &office, .number = many_n + 1};
    crl_turn_post(&office.turn, &first.letter);
    assert_int_equal(office.handed_over, 1);
    crl_turn_resume(&office.turn); /* the office looks at the order */
    assert_int_equal(office.run, many_n + 2);
    office_close(&office);
    free(many);
}

static void test_a_shut_turn_takes_no_offers(void **state)
{
    (void)state;
    struct office office;
    office_open(&office, &by_hand);
    struct letter letters[3] = {{.office = &office, .number = 0},
                                {.office = &office, .number = 1},
                                {.office = &office, .number = 1}};
    assert_true(crl_turn_offer(&office.turn, &letters[0].letter));
    crl_turn_shut(&office.turn);
    assert_false(crl_turn_offer(&office.turn, &letters[1].letter));
    crl_turn_post(&office.turn, &letters[2].letter); /* who is waited for, still may */
    assert_int_equal(office.run, 2);
    office_close(&office);
}

/* -------------------------------------------------------------------------------------- threads */

static atomic_bool is_held, may_go;

static void hold(struct letter *letter)
{
    (void)letter;
    is_held = true;
    while (!may_go)
        sched_yield();
}

static void *post_one(void *arg)
{
    struct letter *letter = arg;
    crl_turn_post(&letter->office->turn, &letter->letter);
    return NULL;
}

/* Who finds the turn taken leaves its letter and goes on; the holder runs it. */
static void test_nobody_waits_for_the_turn(void **state)
{
    (void)state;
    struct office office;
    office_open(&office, &by_hand);
    struct letter first = {.office = &office, .does = hold};
    struct letter second = {.office = &office, .number = 1};
    pthread_t holder;
    is_held = may_go = false;
    assert_int_equal(pthread_create(&holder, NULL, post_one, &first), 0);
    while (!is_held)
        sched_yield();
    crl_turn_post(&office.turn, &second.letter); /* comes back, although the holder is held */
    assert_int_equal(office.after, 0);
    may_go = true;
    crl_turn_close(&office.turn); /* waits for the holder */
    assert_int_equal(office.run, 2);
    pthread_join(holder, NULL);
    office_close(&office);
}

static void resume(struct crl_loop *loop, struct crl_loop_call *call)
{
    (void)loop;
    crl_turn_resume(&caa_container_of(call, struct office, resume)->turn);
}

static void hand_to_loop(struct crl_turn *turn)
{
    struct office *office = (struct office *)turn;
    atomic_fetch_add(&office->handed_over, 1);
    crl_loop_post(&office->loop, &office->resume);
}

struct sender {
    struct office *office;
    struct letter *letters;
};

static void *send_all(void *arg)
{
    struct sender *sender = arg;
    for (uint32_t i = 0; i < LETTERS; i++)
        crl_turn_post(&sender->office->turn, &sender->letters[i].letter);
    return NULL;
}

static void test_many_senders(void **state)
{
    (void)state;
    static const struct crl_turn_ops ops = {.run = run, .after = after, .hand_over = hand_to_loop};
    struct office office;
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    office_open(&office, &ops);
    office.resume.run = resume;
    assert_int_equal(crl_loop_start(&office.loop, "test-turn"), 0);
    for (uint32_t s = 0; s < SENDERS; s++) {
        senders[s] = (struct sender){&office, calloc(LETTERS, sizeof(struct letter))};
        for (uint32_t i = 0; i < LETTERS; i++)
            senders[s].letters[i] = (struct letter){.office = &office, .sender = s, .number = i};
        assert_int_equal(pthread_create(&threads[s], NULL, send_all, &senders[s]), 0);
    }
    for (uint32_t s = 0; s < SENDERS; s++)
        pthread_join(threads[s], NULL);
    crl_turn_close(&office.turn);
    crl_loop_stop(&office.loop);
    assert_int_equal(office.run, SENDERS * LETTERS);
    assert_in_range(office.longest, 1, CRL_TURN_LETTERS);
    office_close(&office);
    for (uint32_t s = 0; s < SENDERS; s++)
        free(senders[s].letters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_posts_runs_it),
        cmocka_unit_test(test_a_holder_runs_its_share),
        cmocka_unit_test(test_letters_between_two_holders),
        cmocka_unit_test(test_letters_that_are_put_back_keep_their_turn),
        cmocka_unit_test(test_a_shut_turn_takes_no_offers),
        cmocka_unit_test(test_nobody_waits_for_the_turn),
        cmocka_unit_test(test_many_senders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
