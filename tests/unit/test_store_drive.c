/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   whatever happens, the client of the store is what its contract says (store/client.h).
 * Method: a random drive over a connection that breaks, with replies that are late, come in any
 *         order or twice, or break the contract, beside a naive model that predicts each line. A
 *         failure prints the seed. */
#include "store_desk.h"

#include "base/rng.h"

#include "../helper/draws.h"

#include <string.h>

#define MS CORRAL_MS

#define KEYS         4
#define REQUESTS_MAX 5
#define STEPS        40
#define ON_THE_WIRE  512

/* A request that has no reply, or cannot have one; as the contract has it. */
struct model_request {
    enum crl_store_op op;
    uint64_t number, ask;
    char key;
    corral_us sent_at;
    bool is_given_up;
};

/* What a client is by its contract: lists, in order, and nothing clever. */
struct model {
    bool is_linked, was_lost;
    corral_us heard_at;
    uint64_t numbers, asks;
    struct model_request waiting[ON_THE_WIRE], down[ON_THE_WIRE], unsaid[KEYS];
    uint32_t waiting_n, down_n, unsaid_n;
    uint64_t on_the_wire[ON_THE_WIRE]; /* numbers to which a reply may come, once or twice */
    uint32_t on_the_wire_n;
    uint32_t asked, answered, breaches;
};

struct drive {
    struct desk desk; /* of the client */
    struct desk said; /* of the model: its lines only */
    struct model model;
    struct crl_rng rng;
};

static void list_remove(struct model_request *list, uint32_t *n, uint32_t i)
{
    memmove(&list[i], &list[i + 1], (*n - i - 1) * sizeof *list);
    --*n;
}

static uint64_t model_says(struct drive *drive, enum crl_store_op op, char key)
{
    struct model *model = &drive->model;
    desk_write(&drive->said, "say %s %c\n", desk_words_of_op[op], key);
    model->on_the_wire[model->on_the_wire_n++] = ++model->numbers;
    return model->numbers;
}

static void model_answers(struct drive *drive, enum crl_store_answer answer,
                          const struct model_request *request)
{
    desk_write(&drive->said, "told %s %c, ask %llu\n", desk_words_of_answer[answer], request->key,
               request->is_given_up ? 0ull : (unsigned long long)request->ask);
    drive->model.answered += !request->is_given_up;
}

static void model_gives_up(struct drive *drive, struct model_request *request)
{
    model_answers(drive, CRL_STORE_DOWN, request);
    request->is_given_up = true;
    drive->model.was_lost |= drive->model.heard_at <= request->sent_at;
}

static bool model_is_overdue(const struct drive *drive, const struct model_request *request)
{
    return request->op == CRL_STORE_ASK && !request->is_given_up &&
           drive->desk.now >= request->sent_at + DESK_TIMEOUT;
}

static void model_hears(struct drive *drive)
{
    if (drive->model.was_lost)
        desk_write(&drive->said, "told linked\n");
    drive->model.was_lost = false;
    drive->model.heard_at = drive->desk.now;
}

static void model_invalidates(struct drive *drive, char key)
{
    struct model *model = &drive->model;
    for (uint32_t i = 0; i < model->unsaid_n; i++) {
        if (model->unsaid[i].key == key)
            list_remove(model->unsaid, &model->unsaid_n, i);
    }
    uint64_t number = model->is_linked ? model_says(drive, CRL_STORE_INVALIDATE, key) : 0;
    model->unsaid[model->unsaid_n++] = (struct model_request){.key = key, .number = number};
}

static void model_is_told(struct drive *drive, enum crl_store_op op, char key, uint64_t ask)
{
    struct model *model = &drive->model;
    struct model_request request = {.op = op, .ask = ask, .key = key, .sent_at = drive->desk.now};
    bool may_wait = model->is_linked && model->waiting_n < REQUESTS_MAX;
    model->was_lost |= !model->is_linked;
    if (op == CRL_STORE_INVALIDATE) {
        model_invalidates(drive, key);
    } else if (op == CRL_STORE_RELEASE) {
        if (model->is_linked)
            (void)model_says(drive, op, key);
    } else if (may_wait) {
        request.number = model_says(drive, op, key);
        model->waiting[model->waiting_n++] = request;
    } else if (op == CRL_STORE_ASK) {
        model->down[model->down_n++] = request;
    }
}

static void drive_tells(struct drive *drive)
{
    static const struct {
        enum crl_action_kind kind;
        enum crl_store_op op;
    } all[] = {
        {CRL_ASK_STORE, CRL_STORE_ASK},         {CRL_ASK_STORE, CRL_STORE_ASK},
        {CRL_RENEW_LEASE, CRL_STORE_RENEW},     {CRL_FILL_STORE, CRL_STORE_FILL},
        {CRL_RELEASE_LEASE, CRL_STORE_RELEASE}, {CRL_INVALIDATE_STORE, CRL_STORE_INVALIDATE}};
    uint64_t i = crl_rng_below(&drive->rng, sizeof all / sizeof all[0]);
    char key = (char)('a' + crl_rng_below(&drive->rng, KEYS));
    uint64_t ask = ++drive->model.asks;
    drive->model.asked += all[i].op == CRL_STORE_ASK;
    model_is_told(drive, all[i].op, key, ask);
    desk_tell(&drive->desk, all[i].kind, key, ask);
}

static void drive_links(struct drive *drive)
{
    struct model *model = &drive->model;
    model->is_linked = true;
    for (uint32_t i = 0; i < model->unsaid_n; i++)
        model->unsaid[i].number = model_says(drive, CRL_STORE_INVALIDATE, model->unsaid[i].key);
    model_hears(drive);
    desk_link(&drive->desk);
}

static void drive_breaks(struct drive *drive)
{
    struct model *model = &drive->model;
    model->is_linked = false;
    model->was_lost = true;
    model->on_the_wire_n = 0;
    for (uint32_t i = 0; i < model->waiting_n; i++) {
        if (model->waiting[i].op == CRL_STORE_ASK && !model->waiting[i].is_given_up)
            model->down[model->down_n++] = model->waiting[i];
    }
    model->waiting_n = 0;
    for (uint32_t i = 0; i < model->unsaid_n; i++)
        model->unsaid[i].number = 0;
    desk_unlink(&drive->desk);
}

static void model_is_answered(struct drive *drive, const struct model_request *request,
                              const struct crl_store_reply *reply, bool is_broken)
{
    drive->model.breaches += request->op == CRL_STORE_ASK && is_broken;
    if (request->op == CRL_STORE_ASK)
        model_answers(drive, is_broken ? CRL_STORE_DOWN : reply->answer, request);
    else if (request->op == CRL_STORE_RENEW)
        desk_write(&drive->said, "told renewed %c %s\n", request->key,
                   reply->is_done ? "held" : "gone");
    else
        desk_write(&drive->said, "told filled %c %s\n", request->key,
                   reply->is_done ? "accepted" : "refused");
}

static void model_is_replied(struct drive *drive, uint64_t number,
                             const struct crl_store_reply *reply, bool is_broken)
{
    struct model *model = &drive->model;
    uint32_t i = 0;
    while (i < model->waiting_n && model->waiting[i].number != number)
        i++;
    if (i < model->waiting_n && model_is_overdue(drive, &model->waiting[i]))
        model_gives_up(drive, &model->waiting[i]);
    model_hears(drive);
    for (uint32_t k = 0; k < model->unsaid_n; k++) {
        if (model->unsaid[k].number != number)
            continue;
        model->breaches += !reply->is_done;
        if (reply->is_done)
            list_remove(model->unsaid, &model->unsaid_n, k);
    }
    if (i == model->waiting_n)
        return;
    struct model_request request = model->waiting[i];
    list_remove(model->waiting, &model->waiting_n, i);
    model_is_answered(drive, &request, reply, is_broken);
}

/* The ask that a number belongs to; 0: none. */
static uint64_t model_ask_of(const struct model *model, uint64_t number)
{
    for (uint32_t i = 0; i < model->waiting_n; i++) {
        if (model->waiting[i].number == number)
            return model->waiting[i].ask;
    }
    return 0;
}

/* As the contract allows it, or broken in one place. */
static struct crl_store_reply reply_drawn(struct drive *drive, uint64_t number, bool is_broken)
{
    struct crl_rng *rng = &drive->rng;
    struct crl_store_reply reply = {.answer = (enum crl_store_answer)crl_rng_below(rng, 4),
                                    .is_done = crl_rng_below(rng, 2) > 0,
                                    .token = desk_token(model_ask_of(&drive->model, number)),
                                    .lease_us = MS(1),
                                    .rc = CORRAL_EORIGIN};
    if (reply.answer == CRL_STORE_VALUE)
        reply.draft = crl_entry_draft(&desk_memory, is_broken ? 2 : 1, 0, 0);
    else if (reply.answer == CRL_STORE_LEASED)
        reply.token.low += is_broken;
    else if (is_broken)
        reply.lease_us = 0;
    return reply;
}

static void drive_replies(struct drive *drive)
{
    struct model *model = &drive->model;
    struct crl_rng *rng = &drive->rng;
    uint32_t i = (uint32_t)crl_rng_below(rng, model->on_the_wire_n);
    uint64_t number = model->on_the_wire[i];
    if (crl_rng_below(rng, 8) > 0) /* else it comes once more */
        model->on_the_wire[i] = model->on_the_wire[--model->on_the_wire_n];
    bool is_broken = crl_rng_below(rng, 8) == 0;
    struct crl_store_reply reply = reply_drawn(drive, number, is_broken);
    model_is_replied(drive, number, &reply, is_broken);
    crl_client_replied(drive->desk.client, drive->desk.now, number, &reply, &desk_memory);
}

static void drive_pushes(struct drive *drive)
{
    char key = (char)('a' + crl_rng_below(&drive->rng, KEYS));
    model_hears(drive);
    desk_write(&drive->said, "told changed %c\n", key);
    desk_push(&drive->desk, key);
}

static corral_us model_next_at(const struct model *model)
{
    if (model->down_n > 0)
        return CRL_AT_ONCE;
    corral_us at = model->waiting_n > 0 ? model->waiting[0].sent_at + DESK_FORGET : CRL_NEVER;
    for (uint32_t i = 0; i < model->waiting_n; i++) {
        const struct model_request *request = &model->waiting[i];
        bool is_due = request->op == CRL_STORE_ASK && !request->is_given_up;
        if (is_due && request->sent_at + DESK_TIMEOUT < at)
            at = request->sent_at + DESK_TIMEOUT;
    }
    return at;
}

/* An ask that is overdue; else the oldest request, which is forgotten. */
static void model_is_late(struct drive *drive)
{
    struct model *model = &drive->model;
    for (uint32_t i = 0; i < model->waiting_n; i++) {
        if (!model_is_overdue(drive, &model->waiting[i]))
            continue;
        model_gives_up(drive, &model->waiting[i]);
        return;
    }
    if (model->waiting[0].op == CRL_STORE_FILL)
        desk_write(&drive->said, "told filled %c refused\n", model->waiting[0].key);
    list_remove(model->waiting, &model->waiting_n, 0);
}

/* Not only when it is due. */
static void drive_timer(struct drive *drive)
{
    struct model *model = &drive->model;
    if (model->down_n > 0) {
        model_answers(drive, CRL_STORE_DOWN, &model->down[0]);
        list_remove(model->down, &model->down_n, 0);
    } else if (model_next_at(model) <= drive->desk.now) {
        model_is_late(drive);
    }
    desk_timer(&drive->desk);
}

static void drive_steps(struct drive *drive)
{
    struct model *model = &drive->model;
    struct crl_rng *rng = &drive->rng;
    uint64_t lot = crl_rng_below(rng, 32);
    if (crl_rng_below(rng, 3) > 0)
        drive->desk.now += (corral_us)crl_rng_below(rng, (uint64_t)DESK_TIMEOUT / 4);
    if (crl_rng_below(rng, 16) == 0)
        drive->desk.now += (corral_us)crl_rng_below(rng, (uint64_t)DESK_FORGET);
    if (lot < 12)
        drive_tells(drive);
    else if (lot < 16)
        drive_timer(drive);
    else if (!model->is_linked)
        drive_links(drive);
    else if (lot < 18)
        drive_breaks(drive);
    else if (lot < 20)
        drive_pushes(drive);
    else if (model->on_the_wire_n > 0)
        drive_replies(drive);
}

static void drive_is_compared(struct drive *drive, uint64_t seed)
{
    if (strcmp(drive->desk.lines, drive->said.lines) != 0)
        fail_msg("seed %llu: it was:\n%sIt should have been:\n%s", (unsigned long long)seed,
                 drive->desk.lines, drive->said.lines);
    assert_int_equal(desk_next_at(&drive->desk), model_next_at(&drive->model));
    assert_int_equal(crl_client_unsaid(drive->desk.client), drive->model.unsaid_n);
    assert_int_equal(crl_client_breaches(drive->desk.client), drive->model.breaches);
    assert_int_equal(drive->desk.numbers, drive->model.numbers);
}

static void drive_runs(struct drive *drive, uint64_t seed)
{
    *drive = (struct drive){.rng = crl_rng_split(seed, "client"), .model = {.heard_at = INT64_MIN}};
    drive->desk.client = desk_client(&drive->desk, REQUESTS_MAX);
    assert_non_null(drive->desk.client);
    for (int i = 0; i < STEPS; i++) {
        drive_steps(drive);
        drive_is_compared(drive, seed);
    }
    drive->desk.now += DESK_FORGET;
    while (desk_next_at(&drive->desk) <= drive->desk.now) {
        drive_timer(drive);
        drive_is_compared(drive, seed);
    }
    assert_int_equal(drive->model.answered, drive->model.asked); /* L1 */
    assert_int_equal(desk_next_at(&drive->desk), CRL_NEVER);     /* L5 */
    crl_client_free(drive->desk.client);
    assert_int_equal(desk_blocks, 0);
    assert_int_equal(desk_entries, 0);
}

static void any_day_is_as_the_contract_says(void **state)
{
    (void)state;
    static struct drive drive;
    desk_blocks = desk_entries = 0;
    for (uint64_t seed = 1; seed <= DRAWS(2000); seed++)
        drive_runs(&drive, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_day_is_as_the_contract_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
