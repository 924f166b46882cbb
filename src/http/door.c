/* SPDX-License-Identifier: Apache-2.0
 *
 * door.c - see door.h. */
#include "http/door.h"

#include "http/tcp.h"
#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINGER_BYTES = 16 << 20, /* of a refused client are thrown away at most, */
    LINGER_MS = 3000,        /* for as long at most */
    ACCEPT_BATCH = 16,       /* clients taken in one round, so that requests get theirs */
    HEAD_MS = 1000,      /* the head of a request takes no longer, where others wait for a place */
    LOOKED_AT_MAX = 256, /* connections, for one that can be cut for another */
};

static void on_connection_closed(void *arg);

static void connection_use(struct crl_connection *connection, h2o_socket_t *socket)
{
    connection->socket = socket;
    socket->on_close.cb = on_connection_closed;
    socket->on_close.data = connection;
}

/* --------------------------------------------------------------------------------- what lingers */

void crl_connection_linger(struct crl_connection *connection)
{
    connection->lingering_fd =
        fcntl(h2o_socket_get_fd(connection->socket), F_DUPFD_CLOEXEC, 0); /* -1: then without */
}

static void on_lingering(h2o_socket_t *socket, const char *error)
{
    struct crl_connection *connection = socket->data;
    ssize_t size = error != NULL ? 0
                                 : recv(h2o_socket_get_fd(socket), NULL, connection->unread,
                                        MSG_TRUNC | MSG_DONTWAIT); /* throws it away */
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0 || (size_t)size >= connection->unread)
        h2o_socket_close(socket);
    else
        connection->unread -= (size_t)size;
}

static void linger_begin(struct crl_connection *connection)
{
    struct crl_door *door = connection->door;
    int fd = connection->lingering_fd;
    connection->lingering_fd = -1;
    (void)shutdown(fd, SHUT_WR); /* may be broken already */
    h2o_socket_t *socket =
        h2o_evloop_socket_create(door->accept.ctx->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    socket->data = connection;
    connection->unread = LINGER_BYTES;
    connection->until = crl_now_coarse() + CORRAL_MS(LINGER_MS);
    h2o_linklist_insert(&door->lingering, &connection->lingering);
    connection_use(connection, socket);
    h2o_socket_read_start(socket, on_lingering);
}

/* Those that took too long. */
static void linger_end(struct crl_door *door, corral_us now)
{
    while (!h2o_linklist_is_empty(&door->lingering)) {
        struct crl_connection *oldest =
            H2O_STRUCT_FROM_MEMBER(struct crl_connection, lingering, door->lingering.next);
        if (now < oldest->until)
            return;
        h2o_socket_close(oldest->socket);
    }
}

/* ---------------------------------------------------------------------------------- connections */

static void on_connection_closed(void *arg)
{
    struct crl_connection *connection = arg;
    struct crl_door *door = connection->door;
    if (connection->lingering_fd >= 0) {
        linger_begin(connection);
        return;
    }
    h2o_linklist_unlink(&connection->link);
    if (h2o_linklist_is_linked(&connection->lingering))
        h2o_linklist_unlink(&connection->lingering);
    if (h2o_linklist_is_linked(&connection->turn))
        h2o_linklist_unlink(&connection->turn);
    if (connection->is_leaving)
        atomic_fetch_sub_explicit(&door->gate->leaving, 1, memory_order_relaxed);
    free(connection);
    door->open--;
    atomic_fetch_sub_explicit(&door->gate->open, 1, memory_order_relaxed);
}

void crl_connection_cut(struct crl_connection *connection)
{
    (void)shutdown(h2o_socket_get_fd(connection->socket), SHUT_RDWR); /* may be broken already */
}

void crl_door_cut_all(struct crl_door *door)
{
    h2o_linklist_t *all = &door->connections;
    for (h2o_linklist_t *link = all->next; link != all; link = link->next)
        crl_connection_cut(H2O_STRUCT_FROM_MEMBER(struct crl_connection, link, link));
}

/* ------------------------------------------------------------------------------------ accepting */

/* Take a place at the gate. */
static bool gate_enter(struct crl_gate *gate)
{
    if (atomic_fetch_add_explicit(&gate->open, 1, memory_order_relaxed) < gate->max)
        return true;
    atomic_fetch_sub_explicit(&gate->open, 1, memory_order_relaxed);
    return false;
}

static bool gate_is_full(const struct crl_gate *gate)
{
    return atomic_load_explicit(&gate->open, memory_order_relaxed) >= gate->max;
}

/* Accept one client. False: no more for now. */
static bool accept_one(struct crl_door *door)
{
    if (!gate_enter(door->gate))
        return false;
    h2o_socket_t *socket = h2o_evloop_socket_accept(door->listener);
    if (socket == NULL) {
        int why = errno;
        atomic_fetch_sub_explicit(&door->gate->open, 1, memory_order_relaxed);
        if (why == ECONNABORTED || why == EINTR)
            return true;
        if (why != EAGAIN && why != EWOULDBLOCK)
            door->paused_until = crl_now() + CORRAL_MS(100); /* out of descriptors or memory */
        return false;
    }
    struct crl_connection *connection = h2o_mem_alloc(sizeof *connection);
    *connection =
        (struct crl_connection){.door = door, .active_at = crl_now_coarse(), .lingering_fd = -1};
    h2o_linklist_insert(&door->connections, &connection->link);
    door->open++;
    connection_use(connection, socket);
    h2o_accept(&door->accept, socket);
    return true;
}

static void on_listener_ready(h2o_socket_t *listener, const char *error)
{
    struct crl_door *door = listener->data;
    if (error != NULL || door->listener == NULL)
        return;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        if (!accept_one(door))
            return;
    }
}

/* ----------------------------------------------------------------------------------------- room */

/* May it be cut for another? It may if it has not brought a whole request for a while, and owes
 * none: libh2o does not read from who is owed an answer. */
static bool connection_is_idle(const struct crl_connection *connection, corral_us now)
{
    bool has_begun = connection->socket->input->size > 0;
    corral_us limit = has_begun ? CORRAL_MS(HEAD_MS) : CRL_DOOR_FRESH;
    return !connection->is_leaving && h2o_socket_is_reading(connection->socket) &&
           now - connection->active_at >= limit;
}

/* Among those that are looked at this time, the one that has been idle for longest; or NULL.
 * Whoever was looked at is last the next time. */
static struct crl_connection *idle_find(struct crl_door *door, corral_us now)
{
    struct crl_connection *found = NULL;
    uint32_t n = door->open < LOOKED_AT_MAX ? door->open : LOOKED_AT_MAX;
    while (n-- > 0) {
        struct crl_connection *connection =
            H2O_STRUCT_FROM_MEMBER(struct crl_connection, link, door->connections.next);
        h2o_linklist_unlink(&connection->link);
        h2o_linklist_insert(&door->connections, &connection->link);
        if (connection_is_idle(connection, now) &&
            (found == NULL || connection->active_at < found->active_at))
            found = connection;
    }
    return found;
}

/* Has it sent something that was not read yet? */
static bool connection_has_input(const struct crl_connection *connection)
{
    char byte;
    return recv(h2o_socket_get_fd(connection->socket), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* There is no place left, and somebody waits for one: let those go who ask for nothing. */
static void room_make(struct crl_door *door, corral_us now)
{
    struct crl_gate *gate = door->gate;
    uint32_t waiting = crl_tcp_waiting(h2o_socket_get_fd(door->listener));
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        if (atomic_load_explicit(&gate->leaving, memory_order_relaxed) >= waiting)
            return;
        struct crl_connection *idle = idle_find(door, now);
        if (idle == NULL)
            return;
        if (connection_has_input(idle)) {
            idle->active_at = now;
            continue;
        }
        idle->is_leaving = true;
        atomic_fetch_add_explicit(&gate->leaving, 1, memory_order_relaxed);
        crl_connection_cut(idle);
    }
}

/* ------------------------------------------------------------------------------------- the door */

void crl_door_open(struct crl_door *door, int listener, struct crl_gate *gate,
                   h2o_context_t *context, h2o_hostconf_t **hosts)
{
    *door = (struct crl_door){.gate = gate, .accept = {.ctx = context, .hosts = hosts}};
    h2o_linklist_init_anchor(&door->connections);
    h2o_linklist_init_anchor(&door->lingering);
    door->listener = h2o_evloop_socket_create(context->loop, listener, H2O_SOCKET_FLAG_DONT_READ);
    door->listener->data = door;
}

bool crl_door_update(struct crl_door *door, corral_us now)
{
    linger_end(door, now);
    if (door->listener == NULL)
        return false;
    bool paused = gate_is_full(door->gate) || now < door->paused_until;
    if (paused)
        room_make(door, now);
    if (paused && h2o_socket_is_reading(door->listener))
        h2o_socket_read_stop(door->listener);
    if (!paused && !h2o_socket_is_reading(door->listener))
        h2o_socket_read_start(door->listener, on_listener_ready);
    return paused;
}

void crl_door_close(struct crl_door *door)
{
    while (accept_one(door))
        ;
    h2o_socket_close(door->listener);
    door->listener = NULL;
}
