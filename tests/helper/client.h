/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h - an HTTP client for tests: raw bytes out, one answer in. It blocks, but never for
 * ever. */
#ifndef CRL_TESTS_CLIENT_H
#define CRL_TESTS_CLIENT_H

#include <stdbool.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define CLIENT_LIMIT_MS 400000
#define CLIENT_ROOM     (4u << 20)

struct client {
    int fd;
    char *data; /* what has arrived and was not taken, terminated */
    size_t size;
};

struct client_answer {
    int status;
    char head[2048];
    char *body; /* malloc'd, terminated */
    size_t size;
};

/* A client without a connection. */
static inline struct client client_new(void)
{
    return (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                           .data = calloc(1, CLIENT_ROOM + 1)};
}

static inline void client_connect(struct client *client, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof address), 0);
}

static inline struct client client_open(uint16_t port)
{
    struct client client = client_new();
    client_connect(&client, port);
    return client;
}

static inline void client_close(struct client *client)
{
    close(client->fd);
    free(client->data);
    *client = (struct client){.fd = -1};
}

/* The end of a client as the end of its program is: a reset, and not just half a connection. */
static inline void client_reset(struct client *client)
{
    struct linger reset = {.l_onoff = 1};
    assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    client_close(client);
}

static inline void client_send_bytes(struct client *client, const void *bytes, size_t size)
{
    assert_int_equal(send(client->fd, bytes, size, MSG_NOSIGNAL), size);
}

static inline void client_send(struct client *client, const char *text)
{
    client_send_bytes(client, text, strlen(text));
}

static inline void client_ask(struct client *client, const char *method, const char *path,
                              const char *headers)
{
    char text[2048];
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n", method, path,
             headers);
    client_send(client, text);
}

/* Is there something to read, or the end, within so many milliseconds? */
static inline bool client_is_ready(struct client *client, int limit_ms)
{
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    return poll(&ready, 1, limit_ms) == 1;
}

/* Read some more. False: the server has closed the connection. */
static inline bool client_read(struct client *client)
{
    assert_true(client_is_ready(client, CLIENT_LIMIT_MS));
    assert_true(client->size < CLIENT_ROOM);
    ssize_t size = recv(client->fd, client->data + client->size, CLIENT_ROOM - client->size, 0);
    if (size <= 0)
        return false;
    client->size += (size_t)size;
    client->data[client->size] = '\0';
    return true;
}

/* Wait until the server closes the connection. */
static inline void client_await_end(struct client *client)
{
    while (client_read(client))
        client->size = 0;
}

static inline struct client_answer client_take(struct client *client, bool has_body)
{
    struct client_answer answer = {0};
    char *end;
    while ((end = strstr(client->data, "\r\n\r\n")) == NULL)
        assert_true(client_read(client));
    size_t head = (size_t)(end - client->data) + 4;
    assert_true(head < sizeof answer.head);
    memcpy(answer.head, client->data, head);
    assert_int_equal(sscanf(answer.head, "HTTP/1.1 %d", &answer.status), 1);
    const char *length = strcasestr(answer.head, "\r\ncontent-length: ");
    if (has_body && length != NULL)
        answer.size = (size_t)strtoul(length + 18, NULL, 10);
    while (client->size < head + answer.size)
        assert_true(client_read(client));
    answer.body = calloc(1, answer.size + 1);
    memcpy(answer.body, client->data + head, answer.size);
    client->size -= head + answer.size;
    memmove(client->data, client->data + head + answer.size, client->size + 1);
    return answer;
}

/* Ask on a connection of its own and take the answer. */
static inline struct client_answer client_fetch(uint16_t port, const char *method, const char *path,
                                                const char *headers)
{
    struct client client = client_open(port);
    client_ask(&client, method, path, headers);
    bool has_body = strcmp(method, "HEAD") != 0;
    struct client_answer answer = client_take(&client, has_body);
    client_close(&client);
    return answer;
}

#endif
