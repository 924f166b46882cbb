/* SPDX-License-Identifier: Apache-2.0
 *
 * door.h - clients come and go: a front's listening socket, its connections, and the gate.
 *
 * Concept. A connection is libh2o's from when it is accepted; what is kept of it here is what
 * libh2o does not know: since when its client has been idle, and what is still to be done when
 * libh2o has closed it.
 *
 *   accepted ──► libh2o's ──► closed ──────────────────────► freed
 *                  │ cut: broken here,  │ refused (linger): our half is closed, what
 *                  │ libh2o finds that  │ arrives is thrown away, up to 16 MiB and 3 s
 *
 * The gate counts connections over all fronts that share it, until they are freed. At its limit
 * nobody is accepted, and for each client that waits in the kernel's queue one that asks for
 * nothing is cut.
 *
 * Threads: a door belongs to its front's; a gate to all. */
#ifndef CRL_HTTP_DOOR_H
#define CRL_HTTP_DOOR_H

#include <corral/corral.h>

/* The headers serve two libraries; this chooses libh2o-evloop. Include h2o.h from here only. */
#define H2O_USE_LIBUV 0
#include <h2o.h>
#include <stdatomic.h>

#define CRL_DOOR_FRESH CORRAL_MS(100) /* who came or was answered just now will ask something */

/* How many connections there are, over all fronts that share it. */
struct crl_gate {
    _Atomic uint32_t open;
    _Atomic uint32_t leaving; /* of them, cut to make room */
    uint32_t max;
};

struct crl_door {
    struct crl_gate *gate;
    h2o_accept_ctx_t accept;
    h2o_socket_t *listener; /* NULL: nobody is let in any more */
    h2o_linklist_t connections;
    uint32_t open;            /* of them */
    h2o_linklist_t lingering; /* those that are over, but for what still arrives; oldest first */
    corral_us paused_until;   /* accepting failed for want of something */
};

struct crl_connection {
    struct crl_door *door;
    h2o_socket_t *socket;
    corral_us active_at; /* was accepted, or brought a whole request */
    bool is_leaving;     /* cut to make room for another */
    int lingering_fd;    /* a second one, for after the end; -1: there is none */
    size_t unread;       /* bytes that are thrown away then, at most, */
    corral_us until;     /* and until when */
    h2o_linklist_t lingering;
    h2o_linklist_t link;
    /* The front's: see share_take() there. */
    uint64_t round; /* the last in which it had requests, and how many it had there */
    uint32_t taken;
    h2o_req_t *postponed; /* to the next round */
    h2o_linklist_t turn;  /* among those who have one; unlinked when it is freed */
};

/* crl_door_open - let clients of a listening socket in, which is taken. Nobody comes before
 * crl_door_update(). context, hosts: libh2o's; gate: borrowed */
void crl_door_open(struct crl_door *door, int listener, struct crl_gate *gate,
                   h2o_context_t *context, h2o_hostconf_t **hosts);

/* crl_door_update - once in a round: accept or not, by the gate; make room; end what lingers.
 * Returns whether it waits for room: then look again soon. */
bool crl_door_update(struct crl_door *door, corral_us now);

/* crl_door_close - let in whom the kernel has let in already, and nobody else. */
void crl_door_close(struct crl_door *door);

/* crl_door_cut_all - cut all connections that are left. */
void crl_door_cut_all(struct crl_door *door);

/* crl_connection_of - the connection of a request. */
static inline struct crl_connection *crl_connection_of(const h2o_req_t *req)
{
    return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

/* crl_connection_cut - break it; the loop then finds it broken and frees it. */
void crl_connection_cut(struct crl_connection *connection);

/* crl_connection_linger - when it is closed, see that its last answer arrives though the client may
 * still be sending: a socket that is closed with something unread is reset, and a reset deletes
 * what is on its way. Source: RFC 9112, 9.6. */
void crl_connection_linger(struct crl_connection *connection);

static inline bool crl_gate_is_empty(const struct crl_gate *gate)
{
    return atomic_load_explicit(&gate->open, memory_order_relaxed) == 0;
}

#endif
