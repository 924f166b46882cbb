# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: a database, and daemons on free ports, each ended by its process id."""
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import sqlite3
import struct
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORRAL = os.environ.get("CORRAL_BIN", str(ROOT / "build" / "corral"))
PATIENCE = 600  # seconds until something that should happen has not; only failures take so long
SANITIZER = re.compile(r"(?:AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error|corral: bug):?.*")


def wait_for(condition, what):
    """Ask until it is so."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"waited {PATIENCE} s in vain for {what}")


class Answer:
    """What a client was told."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def cache_status(self):
        return self.headers.get("cache-status")

    def json(self):
        return json.loads(self.body)


class Daemon:
    """corral serve; it listens when this exists."""

    def __init__(self, file, files=None, **env):
        """`files` is how many it may have open."""
        self.lines, self.has_line = [], threading.Condition()
        limit = files and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)))
        self.process = subprocess.Popen([CORRAL, "serve", "--config", str(file)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env={**os.environ, **env}, preexec_fn=limit)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        told = self.wait_line(r"listening on http://(.*):(\d+), admin on http://(.*):(\d+)$")
        self.host, self.port, self.admin_port = told[1], int(told[2]), int(told[4])

    def _read(self):
        for line in self.process.stderr:
            with self.has_line:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self.has_line.notify_all()
        with self.has_line:
            self.lines.append(None)
            self.has_line.notify_all()

    @property
    def log(self):
        return "\n".join(line for line in self.lines if line is not None)

    def wait_line(self, pattern):
        """The match of the first line of the log that fits."""
        def find():
            return next((m for m in (re.search(pattern, s) for s in self.lines if s is not None) if m), None)
        with self.has_line:
            self.has_line.wait_for(lambda: find() or None in self.lines, PATIENCE)
            match = find()
        if not match:
            self.kill()
            raise AssertionError(f"no line like {pattern!r} in the log:\n{self.log}")
        return match

    def connect(self):
        """A socket to the routes."""
        return socket.create_connection((self.host, self.port), timeout=PATIENCE)

    def request(self, method, path, headers=None, admin=False, body=None):
        client = http.client.HTTPConnection(self.host, self.admin_port if admin else self.port, timeout=PATIENCE)
        try:
            client.request(method, path, body=body, headers=headers or {})
            return Answer(client.getresponse())
        finally:
            client.close()

    def get(self, path, **headers):
        return self.request("GET", path, headers)

    def purge(self, path, **headers):
        return self.request("PURGE", path, headers, admin=True)

    def raw(self, data):
        """What comes back for these bytes, until the other side is done."""
        with self.connect() as s:
            s.sendall(data)
            said = b""
            try:
                while chunk := s.recv(65536):
                    said += chunk
            except ConnectionResetError:
                pass
        return said

    def metrics(self):
        """{(name, ((label, value), ...)): number}"""
        found = {}
        for line in self.get("/metrics").body.decode().splitlines():
            if match := re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+)', line):
                labels = tuple(sorted(re.findall(r'(\w+)="([^"]*)"', match[2] or "")))
                found[match[1], labels] = float(match[3])
        return found

    def metric(self, name, **labels):
        """The sum over all series that have these labels."""
        return sum(value for (n, has), value in self.metrics().items()
                   if n == name and set(labels.items()) <= set(has))

    def wait_metric(self, name, wanted, **labels):
        wait_for(lambda: self.metric(name, **labels) == wanted, f"{name} to be {wanted}")

    def stop(self, signal_number=signal.SIGTERM):
        """End it and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        self.process.stderr.close()
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)


class Database:
    """templates(id, name, body, updated_at) with ids 1 to 100. Who holds it lets no reader in."""

    def __init__(self, path):
        self.path = path
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE templates (id INTEGER PRIMARY KEY, name TEXT, body TEXT, updated_at TEXT)")
            db.executemany("INSERT INTO templates VALUES (?, ?, ?, ?)",
                           [(i, f"name {i}", f"body of {i}", "2026-01-01") for i in range(1, 101)])
        db.close()

    def write(self, sql, *values):
        with sqlite3.connect(self.path, timeout=PATIENCE) as db:
            db.execute(sql, values)
        db.close()

    def hold(self):
        """Until release(), every load waits: so a test decides when the origin answers."""
        db = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        db.execute("BEGIN EXCLUSIVE")
        return Held(db)


class Held:
    def __init__(self, db):
        self.db = db

    def release(self):
        if self.db is not None:
            self.db.execute("ROLLBACK")
            self.db.close()
            self.db = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()


@pytest.fixture
def database(tmp_path):
    return Database(tmp_path / "templates.db")


ROUTE = {
    "path": "/template-details", "origin": "templates",
    "query": "SELECT id, name, updated_at FROM templates WHERE id = :id",
    "params": [{"name": "id", "type": "integer"}],
    "ttl": "60s", "wait": "300s",
}


def config_of(database, *routes, origin=None, **more):
    """A configuration; JSON is YAML."""
    return {
        "listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "threads": 2,
        "origins": [{"name": "templates", "sqlite": str(database.path), "concurrency": 4, "queue": 100,
                     "deadline": "300s", **(origin or {})}],
        "routes": list(routes) or [ROUTE],
        **more,
    }


@pytest.fixture
def serve(tmp_path):
    """serve(config): a daemon. At the end of the test it must stop as it should, and have no complaints."""
    daemons = []

    def start(config, **more):
        file = tmp_path / f"corral-{len(daemons)}.yaml"
        file.write_text(config if isinstance(config, str) else json.dumps(config, indent=1, ensure_ascii=False))
        daemons.append(Daemon(file, **more))
        return daemons[-1]

    yield start
    codes = []
    try:
        for daemon in daemons:
            codes.append(daemon.process.returncode if daemon.process.returncode is not None else daemon.stop())
    finally:
        for daemon in daemons:
            daemon.kill()
    for daemon, code in zip(daemons, codes):
        assert not SANITIZER.search(daemon.log), daemon.log
        assert code == 0, daemon.log


@pytest.fixture
def daemon(serve, database):
    """A daemon with the usual route."""
    return serve(config_of(database))


@pytest.fixture(autouse=True, scope="session")
def open_files():
    """Enough for thousands of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def run_corral(*arguments, **more):
    """A verb that ends by itself: (exit code, standard output, standard error)."""
    done = subprocess.run([CORRAL, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL, **more)
    assert not SANITIZER.search(done.stderr), done.stderr
    return done.returncode, done.stdout, done.stderr


ONE = "/template-details?id=1"  # of the usual route


def in_background(call, *arguments):
    """Start a call; .result() is what it returns."""
    future = concurrent.futures.Future()

    def run():
        try:
            future.set_result(call(*arguments))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def ask(daemon, path=ONE, headers=""):
    """A socket on which a request has been sent."""
    s = daemon.connect()
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n{headers}\r\n".encode())
    return s


def hear(s):
    """(status, headers, body) of one answer on a socket."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = s.recv(65536)
        assert chunk, f"closed after {data!r}"
        data += chunk
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
    while len(body) < int(headers["content-length"]):
        chunk = s.recv(65536)
        assert chunk, "closed within the body"
        body += chunk
    return int(lines[0].split()[1]), headers, body


def reset(s):
    """Close a socket as a program does that dies: the other side is told so, and not that it may still answer."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


STRICT_ROUTE = {
    "path": "/bad", "origin": "templates", "ttl": "60s", "query": "SELECT :t AS t, :i AS i, :n AS n, :b AS b",
    "params": [{"name": "t", "max_length": 8}, {"name": "i", "type": "integer", "default": 1},
               {"name": "n", "type": "number", "default": 1}, {"name": "b", "type": "boolean", "default": "true"}],
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """One daemon for all requests that are refused or odd."""
    folder = tmp_path_factory.mktemp("strict")
    file = folder / "corral.yaml"
    file.write_text(json.dumps(config_of(Database(folder / "t.db"), STRICT_ROUTE, ROUTE)))
    daemon = Daemon(file)
    yield daemon
    assert daemon.stop() == 0, daemon.log
