# SPDX-License-Identifier: Apache-2.0
"""corral serve, and clients that are odd, hostile, slow, many, or gone.

Goal:   whatever clients send or leave undone, each is answered as HTTP has it or cut off, and none holds the others.
Method: the real binary and raw sockets. What the server has to notice is waited for in its metrics.
"""
import json
import re
import socket
import time

import pytest

from conftest import ONE, PATIENCE, ROUTE, ask, config_of, hear, reset, wait_for

# --------------------------------------------------------------------------------------- odd requests


def test_a_target_in_absolute_form(daemon):
    """RFC 9112, 3.2.2: it must be accepted, and its host counts."""
    def ask_for(target, host, method="GET", admin=False):
        return daemon.request(method, target, {"Host": host}, admin=admin).status
    assert ask_for("http://any.example" + ONE, "any.example") == 200
    assert ask_for("http://any.example:8080/healthz", "any.example") == 200
    assert ask_for("HTTP://ANY.example" + ONE, "any.example") == 200
    assert ask_for("hTTp://any.example/TEMPLATE-DETAILS?id=1", "any.example") == 404
    assert ask_for("http://any.example/x/../template%2Ddetails?id=1", "any.example") == 200
    assert ask_for("http://any.example/nothing", "any.example") == 404
    assert ask_for("http://any.example", "any.example") == 404
    assert ask_for("ftp://any.example" + ONE, "any.example") == 404
    assert daemon.metric("db_hits_total") == 1
    assert ask_for("http://localhost" + ONE, "evil.example", "PURGE", admin=True) == 200
    assert ask_for("http://evil.example" + ONE, "localhost", "PURGE", admin=True) == 403
    assert ask_for("HTTP://evil.example" + ONE, "localhost", "PURGE", admin=True) == 403


# what a client sends: what may come of it; "reset" where the answer may be lost with what was not read
NOT_HTTP = {
    "no HTTP at all": (b"hello\r\n\r\n", {400}),
    "NUL bytes": (b"\0" * 100 + b"\r\n\r\n", {400}),
    "a long target": (b"GET /" + b"x" * 200000 + b" HTTP/1.1\r\nHost: t\r\n\r\n", {404}),
    "a target without end": (b"GET /" + b"x" * 2000000, {400, "reset"}),
    "many headers": (b"GET / HTTP/1.1\r\nHost: t\r\n" + b"A: b\r\n" * 20000 + b"\r\n", {400, "reset"}),
    "a header without end": (b"GET / HTTP/1.1\r\nA: " + b"x" * 300000, {"end"}),
    "a wrong length": (b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n", {400}),
    "no length": (b"POST /bad HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", {400}),
    "a large body": (b"POST /bad HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 4000000\r\n\r\n"
                     + b"x" * 4000000, {413}),
}


@pytest.mark.parametrize("name", NOT_HTTP)
def test_what_is_not_a_request_does_no_harm(strict, name):
    sent, outcomes = NOT_HTTP[name]
    with strict.connect() as s:
        try:
            s.sendall(sent)
            s.shutdown(socket.SHUT_WR)
            said = s.recv(65536)
            outcome = int(re.match(rb"HTTP/1\.1 (\d+) ", said)[1]) if said else "end"
        except OSError:
            outcome = "reset"
    assert outcome in outcomes
    assert strict.get("/healthz").status == 200


GET = f"GET {ONE} HTTP/1.1\r\nHost: t\r\n".encode()
LAST = GET + b"Connection: close\r\n\r\n"

# what a client sends: how many answers it is given
ODD = {
    "pipelined": ((GET + b"\r\n") * 300 + LAST, 301),
    "an empty line first": (b"\r\n" + LAST, 1),
    "lines without a return": (LAST.replace(b"\r\n", b"\n"), 1),
    "HTTP/1.0": (LAST.replace(b"1.1", b"1.0"), 1),
    "no Host": (LAST.replace(b"Host: t\r\n", b""), 1),
    "a long header": (GET + b"A: " + b"x" * 100000 + b"\r\n" + LAST[len(GET):], 1),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_requests_are_answered(strict, name):
    sent, answers = ODD[name]
    said = strict.raw(sent)
    assert said.count(b"HTTP/1.1 200 OK\r\n") == said.count(b'{"id":1,') == answers
    assert said.count(b"HTTP/1.1 ") == answers


def test_http_1_0_keeps_its_connection_where_it_asks_for_that(strict):
    """ab -k waits for ever where the answer does not say so."""
    with strict.connect() as s:
        for _ in range(2):
            s.sendall(f"GET {ONE} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".encode())
            status, headers, _ = hear(s)
            assert (status, headers["connection"]) == (200, "keep-alive")
            assert "transfer-encoding" not in headers
        s.sendall(b"OPTIONS / HTTP/1.0\r\n\r\n")
        status, headers, _ = hear(s)
        assert (status, headers["connection"]) == (404, "close")
        assert s.recv(1) == b""


# Bodies, each with a request in or behind it that must not be answered.
BODIES = {
    "of a length": b"Content-Length: 4\r\n\r\nabcd" + LAST,
    "that looks like a request": b"Content-Length: %d\r\n\r\n" % len(LAST) + LAST,
    "in chunks": b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n" + LAST,
    "in no chunks": b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + LAST,
    "in a chunk that some read as empty": b"Transfer-Encoding: chunked\r\n\r\n0x34\r\n\r\n" + LAST,
    "that waits to be asked for": b"Content-Length: 4\r\nExpect: 100-continue\r\n\r\n" + LAST,
    "in chunks and of a length": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + LAST,
    "of two lengths": b"Content-Length: 0\r\nContent-Length: 4\r\n\r\nabcd" + LAST,
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_gets_one_answer_and_no_more(strict, name):
    said = strict.raw(GET + BODIES[name])
    head, body = said.split(b"\r\n\r\n", 1)
    assert head.split()[1] in (b"400", b"413") and b"\r\nConnection: close\r\n" in head + b"\r\n"
    assert b"application/problem+json" in head and json.loads(body)["status"] == int(head.split()[1])


def test_a_client_that_will_say_no_more(daemon, database):
    """It has closed its half of the connection, and still gets its answer, from the database and from memory."""
    with database.hold() as held:
        with ask(daemon) as s:
            s.shutdown(socket.SHUT_WR)
            daemon.wait_metric("corral_waiters", 1)
            held.release()
            assert hear(s)[0] == 200
            assert s.recv(1) == b""
    with ask(daemon) as s:
        s.shutdown(socket.SHUT_WR)
        assert hear(s)[1]["cache-status"].startswith("corral; hit")
        assert s.recv(1) == b""


def test_http2_is_refused(daemon):
    """Its implementation in libh2o 2.2 has no bound on streams that are reset."""
    unknown, settings = b"\0\0\0\x4d\0\0\0\0\0", b"\0\0\0\4\0\0\0\0\0"
    said = daemon.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + unknown)
    assert said.startswith(b"HTTP/1.1 400 ")
    answer = daemon.request("GET", ONE, {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c",
                                         "HTTP2-Settings": "AAMAAABk"})
    assert (answer.status, answer.json()["id"]) == (200, 1)


# ------------------------------------------------------------------------------------ clients that leave


def test_a_client_that_leaves_takes_nobody_along(daemon, database):
    with database.hold() as held:
        clients = [ask(daemon) for _ in range(10)]
        daemon.wait_metric("corral_waiters", 10)
        for s in clients[::2]:
            reset(s)
        daemon.wait_metric("corral_waiters", 5)  # it has noticed
        daemon.wait_metric("http_in_flight_requests", 5 + 1)  # and the one that asks
        held.release()
        assert [hear(s)[0] for s in clients[1::2]] == [200] * 5
    for s in clients:
        s.close()
    assert daemon.metric("db_hits_total") == 1
    assert daemon.metric("http_request_total", path="/template-details") == 5
    daemon.wait_metric("http_in_flight_requests", 1)


def test_all_clients_leave_and_the_load_serves_the_next(daemon, database):
    with database.hold() as held:
        clients = [ask(daemon) for _ in range(5)]
        daemon.wait_metric("corral_waiters", 5)
        for s in clients:
            reset(s)
        daemon.wait_metric("corral_waiters", 0)
        assert daemon.metric("corral_flights") == 1
        held.release()
    wait_for(lambda: daemon.metric("corral_flights") == 0, "the load to end")
    assert daemon.get(ONE).cache_status.startswith("corral; hit")
    assert daemon.metric("db_hits_total") == 1


# --------------------------------------------------------------------------------- slow and many clients


def test_two_thousand_idle_connections(daemon):
    idle = [daemon.connect() for _ in range(2000)]
    wait_for(lambda: daemon.metric("corral_connections") >= 2000, "all connections")
    assert daemon.get(ONE).status == 200
    assert daemon.get(ONE).cache_status.startswith("corral; hit")
    for s in idle[::100]:  # they are served, too
        s.sendall(b"GET /template-details?id=1 HTTP/1.1\r\nHost: test\r\n\r\n")
        assert hear(s)[0] == 200
    for s in idle:
        s.close()
    daemon.wait_metric("corral_connections", 1)


def test_slow_clients_are_cut_off(daemon):
    """One that says nothing, one that stops within its request, one that dribbles."""
    silent, stuck, dribbling = daemon.connect(), daemon.connect(), daemon.connect()
    stuck.sendall(b"GET /template-details?id=1 HT")
    dribbling.sendall(b"GET /template-details?id=1 HTTP/1.1\r\n")
    dribbling.settimeout(0.2)
    until = time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < until, "the one that dribbles was not cut off"
        try:
            dribbling.sendall(b"A: b\r\n")
            if dribbling.recv(65536) == b"":
                break
        except socket.timeout:
            continue
        except (BrokenPipeError, ConnectionResetError):
            break
    for s in (silent, stuck):
        try:
            while s.recv(65536):
                pass
        except ConnectionResetError:
            pass
        s.close()
    dribbling.close()
    assert daemon.get(ONE).status == 200


class SlowReader:
    """Has asked for a large value and reads it when it is told to."""

    def __init__(self, daemon, path):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((daemon.host, daemon.port))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())

    def read(self):
        """How many bytes came until the end."""
        size = 0
        try:
            while chunk := self.socket.recv(1 << 20):
                size += len(chunk)
        except ConnectionResetError:
            pass
        self.socket.close()
        return size


def test_slow_readers_hold_no_more_than_agreed(serve, database):
    """Each holds a value of 8 MB that the cache has no room for any more. Beyond the limit, which is four of the
    largest here, the slowest are cut off; who reads gets the whole answer all the time, and so do many who hold the
    same."""
    size, readers = 7_900_000, 8
    daemon = serve(config_of(database, {**ROUTE, "query": f"SELECT :id AS id, hex(zeroblob({size // 2})) AS x"},
                             cache={"memory": "16MiB"}, threads=1))
    same = [SlowReader(daemon, ONE) for _ in range(readers)]
    wait_for(lambda: daemon.metric("http_request_total", path=ROUTE["path"]) == readers, "all to be answered")
    assert daemon.metric("corral_connections") == readers + 1
    assert all(reader.read() > size for reader in same)
    slow = []
    for number in range(2, readers + 2):
        slow.append(SlowReader(daemon, f"/template-details?id={number}"))
        assert len(daemon.get(f"/template-details?id={number}").body) > size
    wait_for(lambda: daemon.metric("corral_connections") <= 4 + 1, "the slowest to be cut off")
    assert 1 <= sum(reader.read() > size for reader in slow) <= 4
