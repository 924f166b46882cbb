/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   every letter arrives once, on the loop's thread, each sender's in the order of posting.
 * Method: real loops; senders that post while the loop turns; a sanitizer run sees the rest. */
#include "base/assert.h"
#include "io/mailbox.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SENDERS 4
#define LETTERS 20000

struct letter {
    struct crl_letter letter; /* first */
    uint32_t sender, number;
};

struct office {
    struct crl_mailbox mailbox; /* first */
    uv_loop_t loop;
    uv_thread_t thread;
    uint32_t next[SENDERS]; /* the number that is due */
    uint32_t left;          /* letters not yet delivered; the last one closes */
    uint32_t batches;
    struct crl_letter *rest; /* what was inside when it closed */
};

static void deliver(struct crl_mailbox *mailbox, struct crl_letter *batch)
{
    struct office *office = (struct office *)mailbox;
    uv_thread_t self = uv_thread_self();
    assert_true(uv_thread_equal(&self, &office->thread));
    assert_non_null(batch);
    office->batches++;
    while (batch != NULL) {
        struct letter *letter = (struct letter *)batch;
        batch = batch->next;
        assert_int_equal(letter->number, office->next[letter->sender]++);
        office->left--;
    }
    if (office->left == 0)
        office->rest = crl_mailbox_close(mailbox);
}

static void office_open(struct office *office, uint32_t letters)
{
    *office = (struct office){.left = letters, .thread = uv_thread_self()};
    assert_int_equal(uv_loop_init(&office->loop), 0);
    assert_int_equal(crl_mailbox_open(&office->mailbox, &office->loop, deliver), 0);
}

/* The loop ends by itself once the mailbox is closed. */
static void office_run(struct office *office)
{
    assert_int_equal(uv_run(&office->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&office->loop), 0);
}

static void test_one_batch(void **state)
{
    (void)state;
    struct office office;
    struct letter letters[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    office_open(&office, 3);
    for (int i = 0; i < 3; i++)
        crl_mailbox_post(&office.mailbox, &letters[i].letter);
    office_run(&office);
    assert_int_equal(office.left, 0);
    assert_int_equal(office.batches, 1);
    assert_null(office.rest);
}

struct sender {
    struct office *office;
    struct letter *letters;
};

static void send_all(void *arg)
{
    struct sender *sender = arg;
    for (uint32_t i = 0; i < LETTERS; i++)
        crl_mailbox_post(&sender->office->mailbox, &sender->letters[i].letter);
}

static void test_many_senders(void **state)
{
    (void)state;
    struct office office;
    struct sender senders[SENDERS];
    uv_thread_t threads[SENDERS];
    office_open(&office, SENDERS * LETTERS);
    for (uint32_t s = 0; s < SENDERS; s++) {
        senders[s] = (struct sender){&office, calloc(LETTERS, sizeof(struct letter))};
        for (uint32_t i = 0; i < LETTERS; i++) {
            senders[s].letters[i].sender = s;
            senders[s].letters[i].number = i;
        }
        assert_int_equal(uv_thread_create(&threads[s], send_all, &senders[s]), 0);
    }
    office_run(&office);
    assert_int_equal(office.left, 0);
    for (uint32_t s = 0; s < SENDERS; s++) {
        uv_thread_join(&threads[s]);
        free(senders[s].letters);
    }
}

static void test_close_returns_the_rest(void **state)
{
    (void)state;
    struct office office;
    struct letter letters[2] = {{.number = 0}, {.number = 1}};
    office_open(&office, 2);
    crl_mailbox_post(&office.mailbox, &letters[0].letter);
    crl_mailbox_post(&office.mailbox, &letters[1].letter);
    struct crl_letter *rest = crl_mailbox_close(&office.mailbox);
    assert_ptr_equal(rest, &letters[0].letter);
    assert_ptr_equal(rest->next, &letters[1].letter);
    assert_null(rest->next->next);
    office_run(&office);
    assert_int_equal(office.batches, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_batch),
        cmocka_unit_test(test_many_senders),
        cmocka_unit_test(test_close_returns_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
