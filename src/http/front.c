/* SPDX-License-Identifier: Apache-2.0
 *
 * front.c - a thread that speaks HTTP; see front.h.
 *
 * Life: RUN until a letter says drain; NOTICE while there are clients, but not for long; DRAIN
 * until no connection is left, or the limit has passed and the rest is cut off; then, when every
 * expected letter has come, it ends. */
#include "http/front.h"

#include "base/assert.h"
#include "http/tcp.h"
#include "io/clock.h"
#include "io/refused.h"

#include <errno.h>
#include <fcntl.h>
#include <h2o/http1.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SWEEP_MS = 1000,     /* between two looks for overdue clients */
    DRAIN_SWEEP_MS = 20, /* the same while draining */
    CUT_AFTER_MS = 100,  /* from the drain limit to the end of all connections */
    GONE_BATCH = 64,     /* waiting clients asked by one call whether they are there, */
    GONE_BATCHES = 64,   /* and such calls in a sweep */
    PAUSE_MS = 20,       /* until a paused front looks whether it may accept again */
    ANSWER_BYTES_MS = 16384 / 1000,
    THREAD_NAME_SIZE = 16, /* the kernel's, with its end */
};

enum front_state { FRONT_RUN, FRONT_NOTICE, FRONT_DRAIN, FRONT_CUT };

struct front_handler {
    h2o_handler_t super;
    struct crl_front *front;
};

struct front_filter {
    h2o_filter_t super;
    struct crl_front *front;
};

struct refusal_stream {
    h2o_ostream_t super;
    struct crl_front *front;
};

struct crl_front {
    struct crl_front_options options;
    pthread_t thread;
    pthread_t runs_on; /* the same, as it knows itself */
    bool is_drained;   /* the owner's: crl_front_drain() was called */
    sem_t ready;       /* letters can be posted */
    h2o_globalconf_t conf;
    h2o_context_t context;
    struct crl_door door;
    h2o_multithread_receiver_t receiver;
    _Atomic uint32_t posting; /* threads within crl_front_post() */
    struct crl_front_letter drain;
    enum front_state state;
    bool cut_any;
    uint64_t round;       /* of the loop */
    h2o_linklist_t turns; /* connections whose request was postponed */
    struct crl_held_book held;
    h2o_linklist_t expected; /* letters that have not come */
    size_t expected_n;
    corral_us sweep_at;
    corral_us notice_until;
    bool gate_was_empty; /* a round ago */
    corral_us drain_until;
};

/* ---------------------------------------------------------------------------------------- loops */

/* libh2o 2.2 has no complete way to free a loop (its epoll descriptor stays open), so a loop that a
 * front is done with waits here for the next front. */
static struct {
    pthread_mutex_t lock;
    size_t n;
    h2o_loop_t *loops[256];
} spare = {.lock = PTHREAD_MUTEX_INITIALIZER};

static h2o_loop_t *loop_take(void)
{
    pthread_mutex_lock(&spare.lock);
    h2o_loop_t *loop = spare.n > 0 ? spare.loops[--spare.n] : NULL;
    pthread_mutex_unlock(&spare.lock);
    return loop != NULL ? loop : h2o_evloop_create();
}

static void loop_give_back(h2o_loop_t *loop)
{
    pthread_mutex_lock(&spare.lock);
    if (spare.n < sizeof spare.loops / sizeof spare.loops[0])
        spare.loops[spare.n++] = loop;
    pthread_mutex_unlock(&spare.lock);
}

#ifdef CRL_SANITIZED
/* What libh2o keeps for a thread's next requests stays allocated when the thread ends; it has no
 * call to free it. A few pages for each front that ever was. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_mem_alloc_recycle\nleak:h2o_buffer_reserve\nleak:h2o_mem_alloc_pool\n"
           "leak:h2o_multithread_create_queue\n";
}
#endif

/* -------------------------------------------------------------------------------- what is held */

void crl_front_hold(struct crl_front *front, struct crl_held *held, h2o_req_t *req)
{
    held->of = req;
    held->since = crl_now_coarse();
    crl_held_add(&front->held, held);
}

void crl_front_let_go(struct crl_front *front, struct crl_held *held)
{
    crl_held_remove(&front->held, held);
}

/* What is not on its way to the client, or not confirmed by it, is still to be sent. */
static size_t held_sent(const struct crl_held *held)
{
    h2o_req_t *req = held->of;
    const h2o_socket_t *socket = crl_connection_of(req)->socket;
    uint64_t written = socket->bytes_written;
    uint64_t there = crl_tcp_acknowledged(h2o_socket_get_fd(crl_connection_of(req)->socket));
    uint64_t left = written > there ? written - there : 0;
    return left < held->size ? held->size - (size_t)left : 0;
}

/* Answers hold too much: the slowest end here. */
static void relieve(struct crl_front *front, corral_us now)
{
    while (crl_held_is_too_much(&front->held)) {
        struct crl_held *slowest = crl_held_slowest(&front->held, now, held_sent);
        if (slowest == NULL)
            return;
        crl_held_remove(&front->held, slowest); /* it goes with the connection */
        crl_connection_cut(crl_connection_of(slowest->of));
    }
}

/* ------------------------------------------------------------------------------------- sweeping */

static corral_us since(const struct timeval *then, const struct timeval *now)
{
    return CORRAL_SECONDS(now->tv_sec - then->tv_sec) + (now->tv_usec - then->tv_usec);
}

/* How much is sent behind the head. To HEAD nothing, though its Content-Length says more. */
static size_t body_size(const h2o_req_t *req)
{
    bool is_head = h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"));
    return is_head || req->res.content_length == SIZE_MAX ? 0 : req->res.content_length;
}

/* Is this client overdue? A request that is being worked on is never: its handler has a limit. */
static bool request_is_overdue(const struct crl_front *front, const h2o_req_t *req,
                               const struct timeval *now)
{
    if (req->timestamps.response_start_at.tv_sec != 0) {
        corral_us allowed = CORRAL_MS((corral_us)(body_size(req) / ANSWER_BYTES_MS));
        return since(&req->timestamps.response_start_at, now) >
               front->options.request_limit_us + allowed;
    }
    if (req->processed_at.at.tv_sec != 0 || req->timestamps.request_begin_at.tv_sec == 0)
        return false;
    return since(&req->timestamps.request_begin_at, now) > front->options.request_limit_us;
}

static bool request_is_idle(const h2o_req_t *req)
{
    return req->timestamps.request_begin_at.tv_sec == 0;
}

/* Idle clients are closed while draining, but not before they could have asked. */
static bool request_may_be_closed(const h2o_req_t *req)
{
    return request_is_idle(req) &&
           crl_now_coarse() - crl_connection_of(req)->active_at >= CRL_DOOR_FRESH;
}

static int sweep_request(h2o_req_t *req, void *arg)
{
    struct crl_front *front = arg;
    struct timeval *now = h2o_get_timestamp(&front->context, NULL, NULL);
    if (front->state == FRONT_CUT) {
        front->cut_any |= !request_is_idle(req);
    } else if (request_is_overdue(front, req, now) ||
               (front->state == FRONT_DRAIN && request_may_be_closed(req))) {
        crl_connection_cut(crl_connection_of(req));
    }
    return 0;
}

/* The next ones that wait for an answer; they are last the next time. Returns how many. */
static nfds_t waiting_take(struct crl_front *front, struct crl_front_letter *letters[GONE_BATCH],
                           struct pollfd fds[GONE_BATCH], size_t *left)
{
    nfds_t n = 0;
    while (*left > 0 && n < GONE_BATCH) {
        (*left)--;
        h2o_linklist_t *link = front->expected.next;
        struct crl_front_letter *letter =
            H2O_STRUCT_FROM_MEMBER(struct crl_front_letter, expected, link);
        h2o_linklist_unlink(link);
        h2o_linklist_insert(&front->expected, link);
        if (letter->req == NULL || letter->gone == NULL)
            continue;
        letters[n] = letter;
        fds[n++].fd = h2o_socket_get_fd(crl_connection_of(letter->req)->socket);
    }
    return n;
}

/* Tell of clients whose connection is broken. Who has only closed its own half may still read. */
static void sweep_waiting(struct crl_front *front)
{
    size_t left = front->expected_n;
    for (int i = 0; i < GONE_BATCHES && left > 0; i++) {
        struct crl_front_letter *letters[GONE_BATCH];
        struct pollfd fds[GONE_BATCH] = {0};
        nfds_t n = waiting_take(front, letters, fds, &left);
        if (n == 0 || poll(fds, n, 0) <= 0)
            continue;
        for (nfds_t k = 0; k < n; k++) {
            if (fds[k].revents & (POLLERR | POLLHUP))
                letters[k]->gone(letters[k]);
        }
    }
}

static void sweep(struct crl_front *front, corral_us now)
{
    if (now < front->sweep_at)
        return;
    bool running = front->state <= FRONT_NOTICE;
    front->sweep_at = now + CORRAL_MS(running ? SWEEP_MS : DRAIN_SWEEP_MS);
    front->conf.http1.callbacks.foreach_request(&front->context, sweep_request, front);
    sweep_waiting(front);
    if (front->state == FRONT_CUT)
        crl_door_cut_all(&front->door); /* without a request as well */
}

/* -------------------------------------------------------------------------------------- letters */

void crl_front_expect(struct crl_front *front, struct crl_front_letter *letter)
{
    crl_assert(pthread_equal(pthread_self(), front->runs_on));
    crl_assert(letter->run != NULL);
    crl_assert(!h2o_linklist_is_linked(&letter->expected));
    h2o_linklist_insert(&front->expected, &letter->expected);
    front->expected_n++;
}

/* libh2o hands the letter over first and wakes the front then, by a pipe of the front's. Who did
 * not wait for the second could meet a pipe that is closed, or another file in its place. */
void crl_front_post(struct crl_front *front, struct crl_front_letter *letter)
{
    crl_assert(letter->run != NULL);
    crl_assert(!h2o_linklist_is_linked(&letter->message.link)); /* it is not on its way already */
    atomic_fetch_add_explicit(&front->posting, 1, memory_order_relaxed);
    h2o_multithread_send_message(&front->receiver, &letter->message);
    atomic_fetch_sub_explicit(&front->posting, 1, memory_order_release);
}

static void on_letters(h2o_multithread_receiver_t *receiver, h2o_linklist_t *letters)
{
    struct crl_front *front = H2O_STRUCT_FROM_MEMBER(struct crl_front, receiver, receiver);
    while (!h2o_linklist_is_empty(letters)) {
        struct crl_front_letter *letter =
            H2O_STRUCT_FROM_MEMBER(struct crl_front_letter, message.link, letters->next);
        h2o_linklist_unlink(&letter->message.link);
        crl_assert(h2o_linklist_is_linked(&letter->expected));
        h2o_linklist_unlink(&letter->expected);
        front->expected_n--;
        letter->run(front, letter);
    }
}

/* One that is not read yet, libh2o makes the last by itself. An answer that has begun did not say
 * that it is the last; it may even have arrived. */
static int request_make_last(h2o_req_t *req, void *arg)
{
    (void)arg;
    if (req->res.status == 0)
        req->http1_is_persistent = 0;
    return 0;
}

static void notice_begin(struct crl_front *front, struct crl_front_letter *letter)
{
    (void)letter;
    front->state = FRONT_NOTICE;
    front->notice_until = crl_now_coarse() + front->options.notice_us;
    h2o_context_request_shutdown(&front->context);
    front->conf.http1.callbacks.foreach_request(&front->context, request_make_last, front);
}

/* Whom the kernel has let in already is served. */
static void drain_begin(struct crl_front *front)
{
    crl_door_close(&front->door);
    front->state = FRONT_DRAIN;
    front->drain_until = crl_now_coarse() + front->options.drain_limit_us;
    front->sweep_at = 0;
}

void crl_front_drain(struct crl_front *front)
{
    crl_assert(!pthread_equal(pthread_self(), front->runs_on));
    crl_assert(!front->is_drained);
    front->is_drained = true;
    crl_front_post(front, &front->drain);
}

/* ----------------------------------------------------------------------------------- the thread */

static int32_t round_limit_ms(const struct crl_front *front, bool paused)
{
    if (front->state != FRONT_RUN)
        return DRAIN_SWEEP_MS;
    if (paused || crl_held_is_too_much(&front->held))
        return PAUSE_MS;
    return front->door.open > 0 ? SWEEP_MS : INT32_MAX;
}

/* The limit has passed: have what waits answered, with an error; cut off the rest a moment
 * later. */
static void cut_begin(struct crl_front *front, corral_us now)
{
    front->state = FRONT_CUT;
    front->sweep_at = now + CORRAL_MS(CUT_AFTER_MS);
    h2o_linklist_t *all = &front->expected;
    for (h2o_linklist_t *link = all->next; link != all; link = link->next) {
        struct crl_front_letter *letter =
            H2O_STRUCT_FROM_MEMBER(struct crl_front_letter, expected, link);
        front->cut_any = true;
        if (letter->hurry != NULL)
            letter->hurry(letter);
    }
}

/* Without clients for a whole round: who was just answered may come again at once. */
static bool notice_is_over(struct crl_front *front, corral_us now)
{
    bool was_empty = front->gate_was_empty;
    front->gate_was_empty = crl_gate_is_empty(front->options.gate);
    return (was_empty && front->gate_was_empty) || now >= front->notice_until;
}

static bool front_is_over(struct crl_front *front, corral_us now)
{
    if (front->state == FRONT_NOTICE && notice_is_over(front, now))
        drain_begin(front);
    if (front->state <= FRONT_NOTICE)
        return false;
    if (front->state == FRONT_DRAIN && now >= front->drain_until)
        cut_begin(front, now);
    return front->door.open == 0 && h2o_linklist_is_empty(&front->expected) &&
           atomic_load_explicit(&front->posting, memory_order_acquire) == 0;
}

static void front_fini(struct crl_front *front)
{
    h2o_loop_t *loop = front->context.loop;
    h2o_multithread_unregister_receiver(front->context.queue, &front->receiver);
    /* A shutdown keeps a timer for HTTP/2 clients, though there are none. */
    if (h2o_timeout_is_linked(&front->context.http2._graceful_shutdown_timeout))
        h2o_timeout_unlink(&front->context.http2._graceful_shutdown_timeout);
    h2o_context_dispose(&front->context);
    (void)h2o_evloop_run(loop, 0); /* frees the sockets that were closed last */
    h2o_config_dispose(&front->conf);
    loop_give_back(loop);
}

/* Does a header of this name begin here? */
static bool name_begins(const char *at, const char *end, const char *name)
{
    size_t size = strlen(name);
    return (size_t)(end - at) > size && at[size] == ':' && strncasecmp(at, name, size) == 0;
}

/* Can the head be understood in two ways, as to where the request ends? It can where it says so
 * more than once: libh2o believes one and hides the other. And it can where a line is folded, for
 * that line may belong to the length. libh2o keeps the bytes of the head until the answer is
 * sent. */
static bool length_is_doubtful(const h2o_req_t *req)
{
    const h2o_buffer_t *input = req->conn->callbacks->get_socket(req->conn)->input;
    const char *at = input->bytes, *end = at + input->size;
    int said = 0;
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL && ++at < end) {
        if (*at == '\r' || *at == '\n')
            break;
        if (*at == ' ' || *at == '\t')
            return true;
        said += name_begins(at, end, "content-length") || name_begins(at, end, "transfer-encoding");
    }
    return said > 1;
}

/* Take a request of a connection in this round, if it has not had its share of it. */
static bool share_take(const struct crl_front *front, struct crl_connection *connection)
{
    if (connection->round != front->round) {
        connection->round = front->round;
        connection->active_at = crl_now_coarse();
        connection->taken = 0;
    }
    return connection->taken++ < CRL_FRONT_SHARE;
}

/* libh2o answers the requests that a client has sent in a row before it looks at the next client.
 * So beyond its share, a client waits for the others; its request is kept meanwhile, for libh2o
 * closes no connection that owes an answer. */
static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    struct crl_front *front = ((struct front_handler *)self)->front;
    if (req->entity.base != NULL && length_is_doubtful(req)) {
        req->pathconf = &req->hostconf->fallback_path;
        h2o_send_error_400(req, "Bad Request", "", H2O_SEND_ERROR_HTTP1_CLOSE_CONNECTION);
        return 0;
    }
    struct crl_connection *connection = crl_connection_of(req);
    if (share_take(front, connection)) {
        front->options.handler(front, front->options.arg, req);
    } else {
        connection->postponed = req;
        h2o_linklist_insert(&front->turns, &connection->turn);
    }
    return 0;
}

/* Begin a round: answer what was postponed. Returns whether there was something. */
static bool round_begin(struct crl_front *front)
{
    bool any = !h2o_linklist_is_empty(&front->turns);
    front->round++;
    while (!h2o_linklist_is_empty(&front->turns)) {
        struct crl_connection *connection =
            H2O_STRUCT_FROM_MEMBER(struct crl_connection, turn, front->turns.next);
        h2o_linklist_unlink(&connection->turn);
        (void)share_take(front, connection);
        front->options.handler(front, front->options.arg, connection->postponed);
    }
    return any;
}

/* Once for each answer, which libh2o gives as a whole. */
static void refusal_send(h2o_ostream_t *stream, h2o_req_t *req, h2o_iovec_t *pieces, size_t n,
                         h2o_send_state_t state)
{
    struct crl_front *front = ((struct refusal_stream *)stream)->front;
    struct corral_bytes body = front->options.refusal(front, req);
    h2o_iovec_t piece = h2o_iovec_init(body.data, body.size);
    (void)pieces; /* the text that is replaced */
    crl_connection_linger(crl_connection_of(req));
    h2o_ostream_send_next(stream, req, &piece, n > 0 ? 1 : 0, state);
}

static void on_refusal(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    struct refusal_stream *stream = (void *)h2o_add_ostream(req, sizeof *stream, slot);
    stream->super.do_send = refusal_send;
    stream->front = ((struct front_filter *)self)->front;
    h2o_setup_next_ostream(req, &stream->super.next);
}

/* libh2o's own answers come from no handler; they belong to the fallback path. */
static void refusals_configure(struct crl_front *front, h2o_hostconf_t *host)
{
    struct front_filter *filter = (void *)h2o_create_filter(&host->fallback_path, sizeof *filter);
    filter->super.on_setup_ostream = on_refusal;
    filter->front = front;
}

static void front_configure(struct crl_front *front)
{
    h2o_config_init(&front->conf);
    front->conf.server_name = h2o_iovec_init(H2O_STRLIT("corral"));
    front->conf.max_request_entity_size = 0; /* so each body is refused, chunks unread */
    front->conf.http1.req_timeout = (uint64_t)(front->options.request_limit_us / 1000);
    front->conf.http1.upgrade_to_http2 = 0;
    h2o_hostconf_t *host =
        h2o_config_register_host(&front->conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    struct front_handler *handler = (void *)h2o_create_handler(path, sizeof *handler);
    handler->super.on_req = on_request;
    handler->front = front;
    refusals_configure(front, host);
}

/* On the front's thread: libh2o keeps memory by thread, and every socket stays with the store of
 * the thread that made it. */
static void front_prepare(struct crl_front *front)
{
    front_configure(front);
    h2o_linklist_init_anchor(&front->turns);
    crl_held_book_init(&front->held, front->options.held);
    h2o_loop_t *loop = loop_take();
    h2o_context_init(&front->context, loop, &front->conf);
    h2o_multithread_register_receiver(front->context.queue, &front->receiver, on_letters);
    crl_door_open(&front->door, front->options.listener, front->options.gate, &front->context,
                  front->conf.hosts);
    front->drain.run = notice_begin;
    h2o_linklist_init_anchor(&front->expected);
    crl_front_expect(front, &front->drain); /* the letter that ends it */
}

static void *front_run(void *arg)
{
    struct crl_front *front = arg;
    front->runs_on = pthread_self();
    front_prepare(front);
    sem_post(&front->ready);
    corral_us now = crl_now_coarse();
    while (!front_is_over(front, now)) {
        bool paused = crl_door_update(&front->door, now);
        int32_t limit_ms = round_begin(front) ? 0 : round_limit_ms(front, paused);
        if (h2o_evloop_run(front->context.loop, limit_ms) != 0)
            crl_assert(errno == EINTR);
        now = crl_now_coarse();
        sweep(front, now);
        relieve(front, now);
    }
    front_fini(front);
    return NULL;
}

/* Is there room for the files of one more front? libh2o aborts where it gets no loop or no pipe.
 * Sets errno. */
static bool files_are_left(int like)
{
    int files[CRL_FRONT_FILES], n = 0;
    while (n < CRL_FRONT_FILES && (files[n] = fcntl(like, F_DUPFD_CLOEXEC, 0)) >= 0)
        n++;
    int why = errno;
    bool left = n == CRL_FRONT_FILES;
    while (n > 0)
        close(files[--n]);
    errno = why;
    return left;
}

int crl_front_start(const struct crl_front_options *options, struct crl_front **ret_front)
{
    crl_assert(options->name != NULL && strlen(options->name) < THREAD_NAME_SIZE);
    crl_assert(options->listener >= 0 && options->gate != NULL && options->gate->max > 0);
    crl_assert(options->handler != NULL && options->refusal != NULL && options->held != NULL);
    crl_assert(options->request_limit_us > 0);
    crl_assert(options->drain_limit_us >= 0 && options->notice_us >= 0);
    if (!files_are_left(options->listener))
        return crl_refused("fcntl(F_DUPFD)", errno);
    struct crl_front *front = calloc(1, sizeof *front);
    if (front == NULL)
        return CORRAL_ENOMEM;
    front->options = *options;
    front->options.listener = fcntl(options->listener, F_DUPFD_CLOEXEC, 0);
    sem_init(&front->ready, 0, 0);
    int rc = front->options.listener < 0 ? crl_refused("fcntl(F_DUPFD)", errno) : 0;
    if (rc == 0) {
        int failed = pthread_create(&front->thread, NULL, front_run, front);
        rc = failed != 0 ? crl_refused("pthread_create", failed) : 0;
    }
    if (rc < 0) {
        if (front->options.listener >= 0)
            close(front->options.listener);
        sem_destroy(&front->ready);
        free(front);
        return rc;
    }
    (void)pthread_setname_np(front->thread, options->name); /* only for people */
    while (sem_wait(&front->ready) != 0)
        crl_assert(errno == EINTR);
    *ret_front = front;
    return 0;
}

int crl_front_join(struct crl_front *front)
{
    crl_assert(front->is_drained);
    crl_assert(!pthread_equal(pthread_self(), front->runs_on));
    pthread_join(front->thread, NULL);
    crl_assert(front->door.open == 0);
    sem_destroy(&front->ready);
    int result = front->cut_any ? CORRAL_ETIMEDOUT : 0;
    free(front);
    return result;
}

void *crl_front_own(const struct crl_front *front)
{
    return front->options.own;
}
