/* SPDX-License-Identifier: Apache-2.0
 *
 * client.c - requests without a reply, in order of sending; and what is unsaid.
 *
 * Replies come in the order of their requests on one connection, and all have the same time-out: so
 * the first without a reply is the first that is due, and nearly always the one that a reply is
 * for. */
#include "store/client.h"

#include "base/assert.h"

#include <stdlib.h>

/* A request without a reply; or one that could not be sent, which is answered at once. */
struct pending {
    struct cds_list_head link;
    enum crl_store_op op;
    uint64_t number;
    uint64_t ask; /* of ASK; the core has been answered: 0 */
    struct crl_token token;
    corral_us sent_at;
    corral_us answered_at; /* of FILL's entry */
    uint32_t space;
    size_t key_size;
    unsigned char key[];
};

struct unsaid {
    struct cds_list_head link;
    uint64_t number; /* under which it was last said; 0: not on this connection */
    uint32_t space;
    size_t key_size;
    unsigned char key[];
};

struct crl_store_client {
    struct crl_client_config config;
    corral_us forget_us;           /* L5 */
    bool is_sending, is_happening; /* L7 */
    bool is_linked;
    bool was_lost; /* it has been out of sight: L4 */
    corral_us heard_at;
    uint64_t numbers;
    struct cds_list_head waiting; /* for a reply, first sent first; those whose ask timed out too */
    struct cds_list_head down;    /* asks that are to be answered with DOWN */
    uint32_t waiting_n;
    struct cds_list_head unsaid; /* oldest first */
    uint32_t unsaid_n;
    uint64_t breaches; /* L6 */
};

/* What stands for a reply that did not come, or that is none. */
static const struct crl_store_reply no_reply = {.answer = CRL_STORE_DOWN};

/* Is a function of the host's running? */
static bool is_within(const struct crl_store_client *client)
{
    return client->is_sending || client->is_happening;
}

static struct corral_bytes pending_key(const struct pending *pending)
{
    return crl_bytes(pending->key, pending->key_size);
}

static struct corral_bytes unsaid_key(const struct unsaid *unsaid)
{
    return crl_bytes(unsaid->key, unsaid->key_size);
}

struct crl_store_client *crl_client_new(const struct crl_client_config *config)
{
    crl_assert(config->timeout_us > 0 && config->lease_us >= CRL_STORE_LEASE_MIN);
    crl_assert(config->requests_max >= 1 && config->value_max > 0);
    crl_assert(config->host->send != NULL && config->host->happen != NULL);
    struct crl_store_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    client->config = *config;
    client->config.timeout_us = crl_span(config->timeout_us);
    client->config.lease_us = crl_span(config->lease_us);
    client->forget_us = client->config.timeout_us + client->config.lease_us;
    client->heard_at = INT64_MIN;
    CDS_INIT_LIST_HEAD(&client->waiting);
    CDS_INIT_LIST_HEAD(&client->down);
    CDS_INIT_LIST_HEAD(&client->unsaid);
    return client;
}

static void pending_free(struct crl_store_client *client, struct pending *pending, bool waits)
{
    cds_list_del(&pending->link);
    client->waiting_n -= waits;
    free(pending);
}

static void unsaid_free(struct crl_store_client *client, struct unsaid *unsaid)
{
    cds_list_del(&unsaid->link);
    client->unsaid_n--;
    free(unsaid);
}

void crl_client_free(struct crl_store_client *client)
{
    if (client == NULL)
        return;
    crl_assert(!is_within(client));
    while (!cds_list_empty(&client->waiting))
        pending_free(client, cds_list_first_entry(&client->waiting, struct pending, link), true);
    while (!cds_list_empty(&client->down))
        pending_free(client, cds_list_first_entry(&client->down, struct pending, link), false);
    while (!cds_list_empty(&client->unsaid))
        unsaid_free(client, cds_list_first_entry(&client->unsaid, struct unsaid, link));
    free(client);
}

static void happen(struct crl_store_client *client, corral_us now, struct crl_event *event)
{
    crl_assert(!is_within(client));
    event->now = now;
    client->is_happening = true;
    client->config.host->happen(client->config.arg, event);
    client->is_happening = false;
}

static void send(struct crl_store_client *client, const struct crl_store_request *request)
{
    crl_assert(client->is_linked && !client->is_sending);
    client->is_sending = true;
    client->config.host->send(client->config.arg, request);
    client->is_sending = false;
}

/* -------------------------------------------------------------------------------- invalidations */

static struct unsaid *unsaid_of(struct crl_store_client *client, uint32_t space,
                                struct corral_bytes key)
{
    struct unsaid *unsaid;
    cds_list_for_each_entry(unsaid, &client->unsaid, link) {
        if (unsaid->space == space && crl_bytes_equal(unsaid_key(unsaid), key))
            return unsaid;
    }
    return NULL;
}

static void unsaid_say(struct crl_store_client *client, struct unsaid *unsaid)
{
    if (!client->is_linked)
        return;
    unsaid->number = ++client->numbers;
    send(client, &(struct crl_store_request){.op = CRL_STORE_INVALIDATE,
                                             .number = unsaid->number,
                                             .space = unsaid->space,
                                             .key = unsaid_key(unsaid)});
}

/* One that is on its way already may have been executed before this one was meant: so it is said
 * once more, behind what was said since. */
static int tell_invalidate(struct crl_store_client *client, const struct crl_action *action)
{
    struct unsaid *unsaid = unsaid_of(client, action->space, action->key);
    if (unsaid == NULL) {
        unsaid = malloc(sizeof *unsaid + action->key.size);
        if (unsaid == NULL)
            return CORRAL_ENOMEM;
        *unsaid = (struct unsaid){.space = action->space, .key_size = action->key.size};
        memcpy(unsaid->key, action->key.data, action->key.size);
        client->unsaid_n++;
    } else {
        cds_list_del(&unsaid->link);
    }
    cds_list_add_tail(&unsaid->link, &client->unsaid);
    unsaid_say(client, unsaid);
    return 0;
}

/* One that the store says it has not executed is said again on the next connection. */
static void confirmed(struct crl_store_client *client, uint64_t number, bool is_done)
{
    struct unsaid *unsaid, *next;
    cds_list_for_each_entry_safe(unsaid, next, &client->unsaid, link) {
        if (unsaid->number != number)
            continue;
        client->breaches += !is_done;
        if (is_done)
            unsaid_free(client, unsaid);
        return;
    }
}

/* ------------------------------------------------------------------------------------- requests */

static struct pending *pending_new(enum crl_store_op op, const struct crl_action *action)
{
    struct pending *pending = malloc(sizeof *pending + action->key.size);
    if (pending == NULL)
        return NULL;
    *pending = (struct pending){.op = op, .space = action->space, .key_size = action->key.size};
    memcpy(pending->key, action->key.data, action->key.size);
    return pending;
}

static bool may_send(const struct crl_store_client *client)
{
    return client->is_linked && client->waiting_n < client->config.requests_max;
}

/* It has been put on the connection: a reply is to come. */
static void pending_wait(struct crl_store_client *client, corral_us now, struct pending *pending,
                         struct crl_store_request *request)
{
    pending->number = request->number = ++client->numbers;
    pending->sent_at = now;
    cds_list_add_tail(&pending->link, &client->waiting);
    client->waiting_n++;
    request->space = pending->space;
    request->key = pending_key(pending);
    send(client, request);
}

static void answer_down(struct crl_store_client *client, corral_us now, uint32_t space,
                        struct corral_bytes key, uint64_t ask)
{
    happen(client, now,
           &(struct crl_event){.kind = CRL_STORE_ANSWERED,
                               .space = space,
                               .key = key,
                               .store = {.ask = ask, .answer = CRL_STORE_DOWN}});
}

static int tell_ask(struct crl_store_client *client, corral_us now, const struct crl_action *action)
{
    struct pending *pending = pending_new(CRL_STORE_ASK, action);
    if (pending == NULL)
        return CORRAL_ENOMEM;
    pending->ask = action->ask_store.ask;
    pending->token = action->ask_store.token;
    if (!may_send(client)) {
        cds_list_add_tail(&pending->link, &client->down);
        return 0;
    }
    struct crl_store_request request = {.op = CRL_STORE_ASK,
                                        .token = pending->token,
                                        .lease_us = client->config.lease_us,
                                        .age_us = action->ask_store.age_us};
    pending_wait(client, now, pending, &request);
    return 0;
}

static void tell_renew(struct crl_store_client *client, corral_us now,
                       const struct crl_action *action)
{
    struct pending *pending = may_send(client) ? pending_new(CRL_STORE_RENEW, action) : NULL;
    if (pending == NULL)
        return; /* it is renewed once more before it ends */
    pending->token = action->lease.token;
    struct crl_store_request request = {
        .op = CRL_STORE_RENEW, .token = pending->token, .lease_us = client->config.lease_us};
    pending_wait(client, now, pending, &request);
}

static void tell_fill(struct crl_store_client *client, corral_us now,
                      const struct crl_action *action)
{
    struct crl_entry *entry = action->lease.entry;
    struct pending *pending = may_send(client) ? pending_new(CRL_STORE_FILL, action) : NULL;
    if (pending == NULL)
        return; /* the lease ends by itself; that the store was lost is told when it is back */
    pending->answered_at = entry->answered_at;
    struct crl_store_request request = {.op = CRL_STORE_FILL,
                                        .token = action->lease.token,
                                        .entry = entry,
                                        .since_us = action->lease.since_us,
                                        .ttl_us = entry->fresh_until - entry->answered_at};
    pending_wait(client, now, pending, &request);
}

static void tell_release(struct crl_store_client *client, const struct crl_action *action)
{
    if (client->is_linked)
        send(client, &(struct crl_store_request){.op = CRL_STORE_RELEASE,
                                                 .number = ++client->numbers,
                                                 .space = action->space,
                                                 .key = action->key,
                                                 .token = action->lease.token,
                                                 .rc = action->lease.rc,
                                                 .retry_us = action->lease.retry_us});
}

int crl_client_tell(struct crl_store_client *client, corral_us now, const struct crl_action *action,
                    struct crl_allocator *allocator)
{
    crl_assert(!client->is_sending);
    if (!client->is_linked)
        client->was_lost = true; /* what the core does now, it does alone */
    switch (action->kind) {
    case CRL_ASK_STORE:
        return tell_ask(client, now, action);
    case CRL_RENEW_LEASE:
        tell_renew(client, now, action);
        return 0;
    case CRL_FILL_STORE:
        tell_fill(client, now, action);
        crl_entry_unref(allocator, action->lease.entry);
        return 0;
    case CRL_RELEASE_LEASE:
        tell_release(client, action);
        return 0;
    case CRL_INVALIDATE_STORE:
        return tell_invalidate(client, action);
    case CRL_ANSWER:
    case CRL_ASK_ORIGIN:
    case CRL_CANCEL_LOAD:
        break;
    }
    crl_unreachable();
}

/* --------------------------------------------------------------------------------- what arrives */

/* The store is in sight: if it was not, whatever it has said meanwhile is lost (L4). */
static void heard(struct crl_store_client *client, corral_us now)
{
    client->heard_at = now;
    if (!client->was_lost)
        return;
    client->was_lost = false;
    happen(client, now, &(struct crl_event){.kind = CRL_STORE_LINKED});
}

void crl_client_linked(struct crl_store_client *client, corral_us now)
{
    crl_assert(!client->is_linked && !is_within(client));
    client->is_linked = true;
    struct unsaid *unsaid;
    cds_list_for_each_entry(unsaid, &client->unsaid, link)
        unsaid_say(client, unsaid);
    heard(client, now);
}

/* Asks are answered as if the store were down, soon; fills and renewals are forgotten, for the new
 * epoch makes their keys suspect. */
void crl_client_unlinked(struct crl_store_client *client, corral_us now)
{
    (void)now;
    crl_assert(!is_within(client));
    client->is_linked = false;
    client->was_lost = true;
    struct pending *pending, *next;
    cds_list_for_each_entry_safe(pending, next, &client->waiting, link) {
        if (pending->op != CRL_STORE_ASK || pending->ask == 0) {
            pending_free(client, pending, true);
            continue;
        }
        cds_list_move(&pending->link, client->down.prev);
        client->waiting_n--;
    }
    struct unsaid *unsaid;
    cds_list_for_each_entry(unsaid, &client->unsaid, link)
        unsaid->number = 0;
}

static struct pending *pending_numbered(struct crl_store_client *client, uint64_t number)
{
    struct pending *pending;
    cds_list_for_each_entry(pending, &client->waiting, link) {
        if (pending->number == number)
            return pending;
    }
    return NULL;
}

/* Is it an answer to this ask, as the contract has them? (L6) */
static bool keeps_contract(const struct crl_store_client *client, const struct pending *pending,
                           const struct crl_store_reply *reply)
{
    const struct crl_entry *draft = reply->draft;
    switch (reply->answer) {
    case CRL_STORE_VALUE:
        return draft == NULL || (draft->key_size == pending->key_size &&
                                 crl_entry_value(draft).size <= client->config.value_max);
    case CRL_STORE_LEASED:
        return draft == NULL && crl_token_equal(reply->token, pending->token) &&
               reply->lease_us >= CRL_STORE_LEASE_MIN;
    case CRL_STORE_BUSY:
        return draft == NULL && reply->lease_us > 0;
    case CRL_STORE_FAILED:
        return draft == NULL && reply->lease_us > 0 && reply->rc < 0;
    case CRL_STORE_DOWN:
        break;
    }
    return false; /* nor is a number that is none of these */
}

static corral_us at_most(corral_us span_us, corral_us most_us)
{
    return span_us < most_us ? span_us : most_us;
}

/* The time of an own lease ran while the reply was on its way; but half of it is believed in, so
 * that a renewal soon tells how things stand, and not many. The lease of another is waited for from
 * now on: to ask before it is over would be in vain. */
static corral_us lease_told(const struct crl_store_client *client,
                            const struct crl_store_reply *reply, corral_us on_the_way_us)
{
    corral_us lease_us = at_most(reply->lease_us, client->config.lease_us);
    switch (reply->answer) {
    case CRL_STORE_LEASED:
        return lease_us - at_most(on_the_way_us, lease_us / 2);
    case CRL_STORE_BUSY:
        return lease_us;
    case CRL_STORE_FAILED:
        return crl_span(reply->lease_us);
    case CRL_STORE_VALUE:
    case CRL_STORE_DOWN:
        return 0;
    }
    crl_unreachable();
}

/* As it counts: what is negative comes of a clock that stepped. */
static corral_us span_told(corral_us span_us)
{
    return span_us > 0 ? crl_span(span_us) : 0;
}

/* An ask that the core has given up on is told as one with a number that it does not know. */
static void told_answer(struct crl_store_client *client, corral_us now,
                        const struct pending *pending, const struct crl_store_reply *reply)
{
    corral_us on_the_way_us = now - pending->sent_at;
    struct crl_event event = {
        .kind = CRL_STORE_ANSWERED,
        .space = pending->space,
        .key = pending_key(pending),
        .store = {.ask = pending->ask,
                  .answer = reply->answer,
                  .token = reply->token,
                  .lease_us = lease_told(client, reply, on_the_way_us),
                  .rc = reply->rc,
                  .draft = reply->draft,
                  .age_us = span_told(reply->age_us) + on_the_way_us,
                  .fresh_us = span_told(reply->fresh_us) - on_the_way_us},
    };
    happen(client, now, &event);
}

static void told(struct crl_store_client *client, corral_us now, const struct pending *pending,
                 const struct crl_store_reply *reply)
{
    struct crl_event event = {.space = pending->space, .key = pending_key(pending)};
    switch (pending->op) {
    case CRL_STORE_ASK:
        told_answer(client, now, pending, reply);
        return;
    case CRL_STORE_RENEW:
        event.kind = CRL_STORE_RENEWED;
        event.renewed.token = pending->token;
        event.renewed.is_held = reply->is_done;
        happen(client, now, &event);
        return;
    case CRL_STORE_FILL:
        event.kind = CRL_STORE_FILLED;
        event.filled.answered_at = pending->answered_at;
        event.filled.is_accepted = reply->is_done;
        happen(client, now, &event);
        return;
    case CRL_STORE_RELEASE:
    case CRL_STORE_INVALIDATE:
        break;
    }
    crl_unreachable();
}

static bool is_overdue(const struct crl_store_client *client, const struct pending *pending,
                       corral_us now)
{
    return pending->ask != 0 && now - pending->sent_at >= client->config.timeout_us;
}

/* The core hears of an ask that has taken too long. Its reply may still come. What was heard at the
 * instant of the ask was heard before it, or may have been: many events have one instant. */
static void give_up(struct crl_store_client *client, corral_us now, struct pending *pending)
{
    uint64_t ask = pending->ask;
    pending->ask = 0;
    if (client->heard_at <= pending->sent_at)
        client->was_lost = true;
    answer_down(client, now, pending->space, pending_key(pending), ask);
}

void crl_client_replied(struct crl_store_client *client, corral_us now, uint64_t number,
                        const struct crl_store_reply *reply, struct crl_allocator *allocator)
{
    crl_assert(client->is_linked && !is_within(client));
    struct pending *pending = pending_numbered(client, number);
    /* A process that stood still has missed its time-out: its timers come before its sockets. */
    if (pending != NULL && is_overdue(client, pending, now))
        give_up(client, now, pending);
    heard(client, now);
    confirmed(client, number, reply->is_done);
    bool is_answer = pending != NULL && pending->op == CRL_STORE_ASK;
    bool is_broken = is_answer && !keeps_contract(client, pending, reply);
    client->breaches += is_broken;
    if (reply->draft != NULL && (!is_answer || is_broken))
        crl_entry_unref(allocator, reply->draft);
    if (pending == NULL)
        return;
    cds_list_del(&pending->link); /* before the core asks for more */
    client->waiting_n--;
    told(client, now, pending, is_broken ? &no_reply : reply);
    free(pending);
}

void crl_client_pushed(struct crl_store_client *client, corral_us now, uint32_t space,
                       struct corral_bytes key)
{
    crl_assert(client->is_linked && !is_within(client));
    heard(client, now);
    happen(client, now, &(struct crl_event){.kind = CRL_STORE_CHANGED, .space = space, .key = key});
}

/* ----------------------------------------------------------------------------------------- time */

/* The first ask whose time-out the core still waits for. */
static struct pending *first_asked(const struct crl_store_client *client)
{
    struct pending *pending;
    cds_list_for_each_entry(pending, &client->waiting, link) {
        if (pending->ask != 0)
            return pending;
    }
    return NULL;
}

static struct pending *first_waiting(const struct crl_store_client *client)
{
    return client->waiting.next != &client->waiting
               ? cds_list_first_entry(&client->waiting, struct pending, link)
               : NULL;
}

/* Its reply is not waited for any longer. Nobody vouches for what a fill was to write. */
static void forget(struct crl_store_client *client, corral_us now, struct pending *pending)
{
    crl_assert(pending->ask == 0); /* its time-out came first */
    cds_list_del(&pending->link);
    client->waiting_n--;
    if (pending->op == CRL_STORE_FILL)
        told(client, now, pending, &no_reply);
    free(pending);
}

void crl_client_timer(struct crl_store_client *client, corral_us now)
{
    crl_assert(!is_within(client));
    if (!cds_list_empty(&client->down)) {
        struct pending *pending = cds_list_first_entry(&client->down, struct pending, link);
        cds_list_del(&pending->link);
        answer_down(client, now, pending->space, pending_key(pending), pending->ask);
        free(pending);
        return;
    }
    struct pending *pending = first_asked(client);
    if (pending != NULL && is_overdue(client, pending, now)) {
        give_up(client, now, pending);
        return;
    }
    pending = first_waiting(client);
    if (pending != NULL && now - pending->sent_at >= client->forget_us)
        forget(client, now, pending);
}

corral_us crl_client_next_at(const struct crl_store_client *client)
{
    if (client->down.next != &client->down)
        return CRL_AT_ONCE;
    const struct pending *first = first_waiting(client), *asked = first_asked(client);
    if (first == NULL)
        return CRL_NEVER;
    corral_us forget_at = first->sent_at + client->forget_us;
    return asked != NULL ? at_most(asked->sent_at + client->config.timeout_us, forget_at)
                         : forget_at;
}

uint32_t crl_client_unsaid(const struct crl_store_client *client)
{
    return client->unsaid_n;
}

uint64_t crl_client_breaches(const struct crl_store_client *client)
{
    return client->breaches;
}
