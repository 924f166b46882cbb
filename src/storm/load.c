/* SPDX-License-Identifier: Apache-2.0
 *
 * load.c - see load.h.
 *
 *                     opening                          the storm
 *   CLOSED ─open─► CONNECTING ─► GREETING ─answer─► RESTING ─due─► WAITING ─answer─► RESTING ...
 *                                                      └── connection lost: due ─► CONNECTING ─►
 *                                                      WAITING
 *   RESTING ─the duration is over, or it has asked once─► DONE
 *
 * RESTING   in the wheel, or before the first instant; fd may be -1
 * `busy` counts the clients that are not DONE. */
#include "storm/load.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/rng.h"
#include "io/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define OPENING_MAX 128 /* connections being opened at once: no accept queue is shorter */
#define OPENING_US  CORRAL_SECONDS(30)
#define SWEEP_US    CORRAL_MS(50)
#define BROKEN_US   CORRAL_MS(100) /* the pause after a broken connection */
#define WHEEL_SLOTS 4096           /* of 1 ms; twice the longest mean pause fits */
#define EVENTS_MAX  512
#define BURST       64 /* requests sent before answers are looked at again */
#define NOBODY      UINT32_MAX

enum client_state {
    CLIENT_CLOSED,
    CLIENT_CONNECTING,
    CLIENT_GREETING,
    CLIENT_RESTING,
    CLIENT_WAITING,
    CLIENT_DONE,
};

struct client {
    int fd; /* -1: none */
    enum client_state state;
    uint32_t next;      /* in its slot of the wheel */
    bool in_body;       /* `head` is complete */
    corral_us asked_at; /* WAITING, and CONNECTING in the storm */
    uint64_t body_left;
    struct crl_storm_head head;
    char *partial; /* what has arrived of a head that came in pieces, or NULL */
    size_t partial_size;
};

struct storm {
    const struct crl_storm_load *load;
    struct crl_storm_tally *tally;
    struct client *clients;
    int epoll_fd;
    uint32_t opening, opened, busy;
    bool storming, stopped;
    int failed; /* errno of an opening that failed, -1 for a bad answer */
    corral_us until, last_answer_at;
    struct crl_rng rng;
    int64_t wheel_tick; /* the last millisecond that was looked at */
    uint32_t resting;   /* in the wheel */
    uint32_t wheel[WHEEL_SLOTS];
    struct corral_bytes greeting, request;
    char greeting_text[CRL_STORM_REQUEST_MAX], request_text[CRL_STORM_REQUEST_MAX];
    char buffer[65536];
};

static void client_ask(struct storm *storm, struct client *client, corral_us now);

/* ---------------------------------------------------------------------------------- connections */

static void client_hang_up(struct client *client)
{
    /* A reset leaves no TIME_WAIT behind, of which a storm of 20,000 would make too many. */
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (client->fd < 0)
        return;
    (void)setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset,
                     sizeof(reset)); /* then it lingers */
    close(client->fd);
    client->fd = -1;
    client->in_body = false;
    client->partial_size = 0;
}

static bool client_watch(struct storm *storm, struct client *client, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u32 = (uint32_t)(client - storm->clients)};
    return epoll_ctl(storm->epoll_fd, operation, client->fd, &event) == 0;
}

/* Begins to connect; false with errno if that is impossible. */
static bool client_open(struct storm *storm, struct client *client)
{
    const struct crl_storm_target *target = storm->load->target;
    const struct sockaddr *address = (const struct sockaddr *)(const void *)&target->address;
    client->fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return false;
    client->state = CLIENT_CONNECTING;
    return (connect(client->fd, address, target->address_size) == 0 || errno == EINPROGRESS) &&
           client_watch(storm, client, EPOLL_CTL_ADD, EPOLLOUT);
}

static bool client_send(struct client *client, struct corral_bytes request)
{
    return send(client->fd, request.data, request.size, MSG_NOSIGNAL) == (ssize_t)request.size;
}

/* ----------------------------------------------------------------------------- between requests */

static void client_rest(struct storm *storm, struct client *client, corral_us due_at)
{
    int64_t tick = due_at / 1000;
    if (tick <= storm->wheel_tick)
        tick = storm->wheel_tick + 1;
    uint32_t *slot = &storm->wheel[tick % WHEEL_SLOTS];
    client->state = CLIENT_RESTING;
    client->next = *slot;
    *slot = (uint32_t)(client - storm->clients);
    storm->resting++;
}

/* Draws the pause of a client that has just been answered, or begins. */
static corral_us pause_draw(struct storm *storm)
{
    uint64_t think_us = (uint64_t)storm->load->think_us;
    return think_us ? (corral_us)crl_rng_below(&storm->rng, 2 * think_us) : 0;
}

static void client_finish(struct storm *storm, struct client *client)
{
    crl_assert(client->state != CLIENT_DONE && storm->busy > 0);
    client->state = CLIENT_DONE;
    storm->busy--;
}

/* The request has ended, one way or another. */
static void client_next(struct storm *storm, struct client *client, corral_us now)
{
    storm->last_answer_at = now;
    if (now >= storm->until)
        client_finish(storm, client);
    else if (storm->load->think_us == 0 && client->fd >= 0)
        client_ask(storm, client, now);
    else
        client_rest(storm, client, now + pause_draw(storm));
}

/* Wakes those whose pause is over. */
static void wheel_turn(struct storm *storm, corral_us now)
{
    while (storm->wheel_tick < now / 1000) {
        uint32_t *slot = &storm->wheel[++storm->wheel_tick % WHEEL_SLOTS];
        uint32_t i = *slot;
        *slot = NOBODY;
        while (i != NOBODY) {
            struct client *client = &storm->clients[i];
            i = client->next;
            storm->resting--;
            if (now >= storm->until)
                client_finish(storm, client);
            else
                client_ask(storm, client, crl_now());
        }
    }
}

/* ------------------------------------------------------------------------------------- requests */

/* The connection is gone, or is of no use any more. */
static void client_broken(struct storm *storm, struct client *client, int error)
{
    client_hang_up(client);
    if (!storm->storming) {
        /* One that was greeted and has gone since is opened again for its request. */
        storm->failed = client->state == CLIENT_RESTING ? storm->failed : error;
        return;
    }
    if (client->state != CLIENT_WAITING && client->state != CLIENT_CONNECTING)
        return; /* nobody waits for it: the next request opens another */
    storm->tally->broken++;
    if (storm->load->duration_us == 0)
        client_finish(storm, client);
    else
        client_rest(storm, client, crl_now() + BROKEN_US);
}

/* Sends the request, over a new connection if need be. It counts from here. */
static void client_ask(struct storm *storm, struct client *client, corral_us now)
{
    storm->tally->requests++;
    client->asked_at = now;
    if (client->fd < 0) {
        if (!client_open(storm, client)) {
            client->state = CLIENT_CONNECTING;
            client_broken(storm, client, errno);
        }
        return;
    }
    client->state = CLIENT_WAITING;
    if (!client_send(client, storm->request))
        client_broken(storm, client, errno);
}

static void client_connected(struct storm *storm, struct client *client)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (!error && !client_watch(storm, client, EPOLL_CTL_MOD, EPOLLIN))
        error = errno;
    if (error) {
        client_broken(storm, client, error);
        return;
    }
    client->state = storm->storming ? CLIENT_WAITING : CLIENT_GREETING;
    if (!client_send(client, storm->storming ? storm->request : storm->greeting))
        client_broken(storm, client, errno);
}

static void client_answered(struct storm *storm, struct client *client)
{
    corral_us now = crl_now();
    client->in_body = false;
    if (client->head.closes)
        client_hang_up(client);
    if (client->state == CLIENT_GREETING) {
        client->state = CLIENT_RESTING;
        storm->opening--;
        storm->opened++;
        return;
    }
    crl_assert(client->state == CLIENT_WAITING);
    crl_storm_tally_answer(storm->tally, &client->head, now - client->asked_at);
    client_next(storm, client, now);
}

/* -------------------------------------------------------------------------------------- answers */

/* Adds to a head that comes in pieces; false if it becomes too long. */
static bool partial_add(struct client *client, struct corral_bytes data)
{
    if (client->partial_size + data.size > CRL_STORM_HEAD_MAX)
        return false;
    if (client->partial == NULL)
        client->partial = malloc(CRL_STORM_HEAD_MAX);
    if (client->partial == NULL)
        return false;
    memcpy(client->partial + client->partial_size, data.data, data.size);
    client->partial_size += data.size;
    return true;
}

/* Takes what was read; false if it is not an answer. */
static bool client_take(struct storm *storm, struct client *client, struct corral_bytes data)
{
    if (!client->in_body) {
        struct corral_bytes seen = data;
        if (client->partial_size) {
            if (!partial_add(client, data))
                return false;
            seen = crl_bytes(client->partial, client->partial_size);
        }
        int rc = crl_storm_head_parse(seen, &client->head);
        if (rc < 0)
            return false;
        if (rc == 0)
            return client->partial_size || partial_add(client, data);
        client->in_body = true;
        client->body_left = client->head.body_size;
        client->partial_size = 0;
        data.size = seen.size - client->head.size;
    }
    if (client->head.is_unsized)
        return true; /* client_ended() */
    if (data.size > client->body_left)
        return false;
    client->body_left -= data.size;
    if (client->body_left == 0)
        client_answered(storm, client);
    return true;
}

/* The other side has ended the connection: that is the end of an answer without a length. */
static void client_ended(struct storm *storm, struct client *client)
{
    if (client->in_body && client->head.is_unsized)
        client_answered(storm, client);
    else
        client_broken(storm, client, ECONNRESET);
}

static void client_read(struct storm *storm, struct client *client)
{
    ssize_t n = recv(client->fd, storm->buffer, sizeof(storm->buffer), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    bool wanted = client->state == CLIENT_WAITING || client->state == CLIENT_GREETING;
    if (n == 0)
        client_ended(storm, client);
    else if (n < 0)
        client_broken(storm, client, errno);
    else if (!wanted || !client_take(storm, client, crl_bytes(storm->buffer, (size_t)n)))
        client_broken(storm, client, -1);
}

static void events_run(struct storm *storm, int wait_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(storm->epoll_fd, events, EVENTS_MAX, wait_ms);
    for (int i = 0; i < n; i++) {
        if (events[i].data.u32 == NOBODY) {
            storm->stopped = true;
            continue;
        }
        struct client *client = &storm->clients[events[i].data.u32];
        if (client->fd < 0)
            continue;
        if (client->state == CLIENT_CONNECTING)
            client_connected(storm, client);
        else
            client_read(storm, client);
    }
}

/* ----------------------------------------------------------------------------------- the phases */

static int open_all(struct storm *storm, char *why, size_t why_size)
{
    uint32_t begun = 0;
    corral_us give_up_at = crl_now() + OPENING_US;
    while (storm->opened < storm->load->clients && !storm->stopped && !storm->failed) {
        while (begun < storm->load->clients && storm->opening < OPENING_MAX && !storm->failed) {
            storm->opening++;
            if (!client_open(storm, &storm->clients[begun++]))
                storm->failed = errno;
        }
        if (!storm->failed)
            events_run(storm, 100);
        if (crl_now() > give_up_at)
            storm->failed = ETIMEDOUT;
    }
    if (!storm->failed)
        return 0;
    (void)snprintf(why, why_size, "%u of %u connections to %.200s could be opened, then: %s",
                   storm->opened, storm->load->clients, storm->load->target->host,
                   storm->failed > 0 ? strerror(storm->failed)
                                     : "the answer is not HTTP, or it is chunked");
    return CORRAL_ESYSTEM;
}

/* Ends what has waited too long and, after the duration, what rests. */
static void sweep(struct storm *storm, corral_us now)
{
    if (now >= storm->until)
        for (uint32_t i = 0; i < WHEEL_SLOTS; i++)
            storm->wheel[i] = NOBODY;
    for (uint32_t i = 0; i < storm->load->clients; i++) {
        struct client *client = &storm->clients[i];
        bool asks = client->state == CLIENT_WAITING || client->state == CLIENT_CONNECTING;
        if (client->state == CLIENT_RESTING && now >= storm->until)
            client_finish(storm, client);
        if (!asks || now - client->asked_at < storm->load->timeout_us)
            continue;
        storm->tally->timeouts++;
        crl_quantiles_add(&storm->tally->latency, now - client->asked_at);
        client_hang_up(client);
        client_next(storm, client, now);
    }
    if (now >= storm->until)
        storm->resting = 0;
    if (storm->load->progress != NULL)
        storm->load->progress(storm->load->progress_arg, storm->tally);
}

static void begin_all(struct storm *storm, corral_us now)
{
    for (uint32_t i = 0; i < storm->load->clients && !storm->stopped; i++) {
        struct client *client = &storm->clients[i];
        if (storm->load->duration_us && storm->load->think_us)
            client_rest(storm, client, now + pause_draw(storm));
        else
            client_ask(storm, client, crl_now());
        if (i % BURST == BURST - 1)
            events_run(storm, 0);
    }
}

static void run(struct storm *storm)
{
    corral_us begun_at = crl_now();
    corral_us sweep_at = begun_at + SWEEP_US;
    storm->storming = true;
    storm->busy = storm->load->clients;
    storm->until = begun_at + storm->load->duration_us;
    storm->last_answer_at = begun_at;
    storm->wheel_tick = begun_at / 1000;
    begin_all(storm, begun_at);
    while (storm->busy && !storm->stopped) {
        events_run(storm, storm->resting ? 1 : (int)(SWEEP_US / 1000));
        corral_us now = crl_now();
        wheel_turn(storm, now);
        if (now >= sweep_at) {
            sweep(storm, now);
            sweep_at = now + SWEEP_US;
        }
    }
    for (uint32_t i = 0; i < storm->load->clients; i++) {
        enum client_state state = storm->clients[i].state;
        storm->tally->unanswered += state == CLIENT_WAITING || state == CLIENT_CONNECTING;
    }
    storm->tally->took_us = (storm->stopped ? crl_now() : storm->last_answer_at) - begun_at;
}

/* T1 */
static bool tally_adds_up(const struct crl_storm_tally *tally)
{
    return tally->requests ==
           crl_storm_tally_ok(tally) + crl_storm_tally_errors(tally) + tally->unanswered;
}

/* ----------------------------------------------------------------------------------------- life */

static int storm_new(const struct crl_storm_load *load, struct crl_storm_tally *tally,
                     struct storm **ret_storm)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = NOBODY};
    struct storm *storm = calloc(1, sizeof(*storm));
    if (storm == NULL)
        return CORRAL_ENOMEM;
    storm->load = load;
    storm->tally = tally;
    storm->rng = crl_rng_split(load->seed, "pauses");
    storm->greeting = crl_bytes(storm->greeting_text,
                                crl_storm_request(load->target, "/healthz", storm->greeting_text));
    storm->request =
        crl_bytes(storm->request_text, crl_storm_request(load->target, NULL, storm->request_text));
    for (uint32_t i = 0; i < WHEEL_SLOTS; i++)
        storm->wheel[i] = NOBODY;
    storm->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    storm->clients = calloc(load->clients, sizeof(*storm->clients));
    for (uint32_t i = 0; storm->clients != NULL && i < load->clients; i++)
        storm->clients[i].fd = -1;
    *ret_storm = storm;
    if (storm->clients == NULL)
        return CORRAL_ENOMEM;
    if (storm->epoll_fd < 0 || (load->stop_fd >= 0 && epoll_ctl(storm->epoll_fd, EPOLL_CTL_ADD,
                                                                load->stop_fd, &event) < 0))
        return CORRAL_ESYSTEM;
    return 0;
}

static void storm_free(struct storm *storm)
{
    for (uint32_t i = 0; storm->clients != NULL && i < storm->load->clients; i++) {
        client_hang_up(&storm->clients[i]);
        free(storm->clients[i].partial);
    }
    free(storm->clients);
    if (storm->epoll_fd >= 0)
        close(storm->epoll_fd);
    free(storm);
}

int crl_storm_load_run(const struct crl_storm_load *load, struct crl_storm_tally *ret_tally,
                       bool *ret_stopped, char *why, size_t why_size)
{
    crl_assert(load->clients > 0 && 2 * load->think_us / 1000 + 1 < WHEEL_SLOTS);
    struct storm *storm = NULL;
    int rc = storm_new(load, ret_tally, &storm);
    if (rc)
        (void)snprintf(why, why_size, "%s", corral_strerror(rc));
    else
        rc = open_all(storm, why, why_size);
    if (rc == 0 && !storm->stopped)
        run(storm);
    if (rc == 0) {
        crl_assert(tally_adds_up(ret_tally));
        *ret_stopped = storm->stopped;
    }
    if (storm != NULL)
        storm_free(storm);
    return rc;
}

int crl_storm_files_allow(uint64_t n, uint64_t *ret_limit)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return CORRAL_ESYSTEM;
    if (limit.rlim_cur >= n)
        return 0;
    if (limit.rlim_max < n) {
        *ret_limit = limit.rlim_max;
        return CORRAL_ESYSTEM;
    }
    limit.rlim_cur = n;
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? CORRAL_ESYSTEM : 0;
}
