/* SPDX-License-Identifier: Apache-2.0
 *
 * store_desk.c - see store_desk.h. */
#include "store_desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS   CORRAL_MS
#define EVER INT64_MAX

/* --------------------------------------------------------------------------------------- memory */

int64_t desk_blocks, desk_entries;
static uint32_t allocations_until; /* one fails, in the client; 0: none does */
static bool in_client, has_failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void __wrap_free(void *block);

static bool allocation_fails(void)
{
    if (!in_client || allocations_until == 0)
        return false;
    bool fails = --allocations_until == 0;
    has_failed |= fails;
    return fails;
}

void *__wrap_malloc(size_t size)
{
    void *block = allocation_fails() ? NULL : __real_malloc(size);
    desk_blocks += block != NULL;
    return block;
}

void *__wrap_calloc(size_t n, size_t size)
{
    void *block = allocation_fails() ? NULL : __real_calloc(n, size);
    desk_blocks += block != NULL;
    return block;
}

void __wrap_free(void *block)
{
    desk_blocks -= block != NULL;
    __real_free(block);
}

static void *entry_alloc(struct crl_allocator *allocator, size_t bytes)
{
    (void)allocator;
    desk_entries++;
    return __real_malloc(bytes);
}

static void entry_free(struct crl_allocator *allocator, void *block, size_t bytes)
{
    (void)allocator;
    (void)bytes;
    desk_entries--;
    __real_free(block);
}

void desk_fail_at(uint32_t n)
{
    allocations_until = n;
    has_failed = false;
}

bool desk_has_failed(void)
{
    return has_failed;
}

struct crl_allocator desk_memory = {.alloc = entry_alloc, .free = entry_free};

/* ----------------------------------------------------------------------------------------- host */

void desk_write(struct desk *desk, const char *format, ...)
{
    size_t room = sizeof desk->lines - desk->lines_size;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(desk->lines + desk->lines_size, room, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < room);
    desk->lines_size += (size_t)n;
}

const char *const desk_words_of_op[] = {"ask", "renew", "fill", "release", "invalidate"};
const char *const desk_words_of_answer[] = {"value", "leased", "busy", "failed", "down"};

static char letter_of(struct corral_bytes key)
{
    assert_int_equal(key.size, 1);
    return *(const char *)key.data;
}

static void on_send(void *arg, const struct crl_store_request *request)
{
    struct desk *desk = arg;
    assert_true(request->number > desk->numbers);
    assert_int_equal(request->space, DESK_SPACE);
    assert_int_equal(request->op == CRL_STORE_FILL, request->entry != NULL);
    desk->numbers = request->number;
    desk->last_sent = *request;
    desk_write(desk, "say %s %c\n", desk_words_of_op[request->op], letter_of(request->key));
}

static void on_answered(struct desk *desk, const struct crl_event *event)
{
    desk_write(desk, "told %s %c, ask %llu\n", desk_words_of_answer[event->store.answer],
               letter_of(event->key), (unsigned long long)event->store.ask);
    if (event->store.draft != NULL)
        crl_entry_unref(&desk_memory, event->store.draft);
    if (event->store.answer != CRL_STORE_DOWN || desk->asks_again == 0)
        return;
    uint64_t ask = desk->asks_again;
    desk->asks_again = 0;
    desk_tell(desk, CRL_ASK_STORE, letter_of(event->key), ask);
}

static void on_happen(void *arg, struct crl_event *event)
{
    struct desk *desk = arg;
    assert_int_equal(event->now, desk->now);
    desk->last_told = *event;
    if (event->kind == CRL_STORE_LINKED) {
        desk_write(desk, "told linked\n");
        return;
    }
    assert_int_equal(event->space, DESK_SPACE);
    char key = letter_of(event->key);
    if (event->kind == CRL_STORE_ANSWERED)
        on_answered(desk, event);
    else if (event->kind == CRL_STORE_RENEWED)
        desk_write(desk, "told renewed %c %s\n", key, event->renewed.is_held ? "held" : "gone");
    else if (event->kind == CRL_STORE_FILLED)
        desk_write(desk, "told filled %c %s\n", key,
                   event->filled.is_accepted ? "accepted" : "refused");
    else if (event->kind == CRL_STORE_CHANGED)
        desk_write(desk, "told changed %c\n", key);
    else
        fail_msg("event %d", event->kind);
}

static const struct crl_client_host host = {.send = on_send, .happen = on_happen};

struct crl_store_client *desk_client(struct desk *desk, uint32_t requests_max)
{
    struct crl_client_config config = {.timeout_us = DESK_TIMEOUT,
                                       .lease_us = DESK_LEASE,
                                       .requests_max = requests_max,
                                       .value_max = DESK_VALUE_MAX,
                                       .host = &host,
                                       .arg = desk};
    in_client = true;
    struct crl_store_client *client = crl_client_new(&config);
    in_client = false;
    return client;
}

/* The lines since the last time are these. */
void desk_expect(struct desk *desk, const char *lines)
{
    if (strcmp(desk->lines, lines) != 0)
        fail_msg("it was:\n%sIt should have been:\n%s", desk->lines, lines);
    desk->lines_size = 0;
    desk->lines[0] = '\0';
}

/* ---------------------------------------------------------------------------- what tests may do */

struct crl_token desk_token(uint64_t ask)
{
    return (struct crl_token){ask, 42};
}

/* The entry of a fill: answered 50 ms ago, fresh for 30 s. */
static struct crl_entry *entry_of(corral_us now, struct corral_bytes key)
{
    struct crl_entry *entry = crl_entry_draft(&desk_memory, key.size, 0, 0);
    assert_non_null(entry);
    crl_entry_stamp(entry, &(struct crl_entry_stamp){.key = key,
                                                     .answered_at = now - MS(50),
                                                     .quiet_until = now,
                                                     .fresh_until = now - MS(50) + MS(30000)});
    return entry;
}

int desk_try(struct desk *desk, enum crl_action_kind kind, char key, uint64_t ask)
{
    struct crl_action action = {.kind = kind, .space = DESK_SPACE, .key = crl_bytes(&key, 1)};
    if (kind == CRL_ASK_STORE) {
        action.ask_store.ask = ask;
        action.ask_store.token = desk_token(ask);
        action.ask_store.age_us = EVER;
    } else {
        action.lease.token = desk_token(ask);
    }
    if (kind == CRL_FILL_STORE) {
        action.lease.entry = entry_of(desk->now, action.key);
        action.lease.since_us = MS(70);
    }
    if (kind == CRL_RELEASE_LEASE) {
        action.lease.rc = CORRAL_EORIGIN;
        action.lease.retry_us = MS(500);
    }
    bool was_in = in_client;
    in_client = true;
    int rc = crl_client_tell(desk->client, desk->now, &action, &desk_memory);
    in_client = was_in;
    return rc;
}

void desk_tell(struct desk *desk, enum crl_action_kind kind, char key, uint64_t ask)
{
    assert_int_equal(desk_try(desk, kind, key, ask), 0);
}

void desk_link(struct desk *desk)
{
    crl_client_linked(desk->client, desk->now);
}

void desk_unlink(struct desk *desk)
{
    crl_client_unlinked(desk->client, desk->now);
}

void desk_reply(struct desk *desk, uint64_t number, struct crl_store_reply reply)
{
    crl_client_replied(desk->client, desk->now, number, &reply, &desk_memory);
}

void desk_reply_leased(struct desk *desk, uint64_t number, uint64_t ask, corral_us lease_us)
{
    desk_reply(desk, number,
               (struct crl_store_reply){
                   .answer = CRL_STORE_LEASED, .token = desk_token(ask), .lease_us = lease_us});
}

void desk_reply_value(struct desk *desk, uint64_t number, corral_us age_us, corral_us fresh_us)
{
    struct crl_entry *draft = crl_entry_draft(&desk_memory, 1, 0, 0);
    desk_reply(
        desk, number,
        (struct crl_store_reply){
            .answer = CRL_STORE_VALUE, .draft = draft, .age_us = age_us, .fresh_us = fresh_us});
}

void desk_reply_done(struct desk *desk, uint64_t number, bool is_done)
{
    desk_reply(desk, number, (struct crl_store_reply){.is_done = is_done});
}

void desk_push(struct desk *desk, char key)
{
    crl_client_pushed(desk->client, desk->now, DESK_SPACE, crl_bytes(&key, 1));
}

void desk_timer(struct desk *desk)
{
    crl_client_timer(desk->client, desk->now);
}

corral_us desk_next_at(const struct desk *desk)
{
    return crl_client_next_at(desk->client);
}
