#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench_http.py - hits over HTTP on one front thread, next to nginx's `return 200` of the same body.

    bench/bench_http.py [--corral build/corral] [--rounds 7] [--seconds 4] [--connections 64]

Both servers are pinned to CPU 0 and serve one at a time, wrk is pinned to CPU 1. Rounds alternate, so
that what else the machine does meets both; the verdict is the median of the rounds' ratios. Beside the
rate stands the processor time that a request took of the server: it says the same where the server is
what limits the rate, and tells where it is not. Exits 1 if Corral is below 0.9 of nginx. Needs nginx,
wrk and taskset.
"""
import argparse
import contextlib
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

GOAL = 0.9
SERVER_CPU, CLIENT_CPU = "0", "1"
PATH = "/item?id=1"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fetch(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{PATH}", timeout=5) as answer:
        return answer.read().decode()


def await_answer(port, server):
    until = time.monotonic() + 20
    while True:
        try:
            return fetch(port)
        except OSError:
            if server.poll() is not None or time.monotonic() > until:
                sys.exit("bench_http: a server does not start")
            time.sleep(0.02)


@contextlib.contextmanager
def running(command):
    server = subprocess.Popen(["taskset", "-c", SERVER_CPU, *command], stderr=subprocess.DEVNULL)
    try:
        yield server
    finally:
        server.terminate()
        server.wait()


def corral_command(binary, folder, port):
    db = sqlite3.connect(folder / "items.db")
    db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, note TEXT)")
    db.execute("INSERT INTO items VALUES (1, 'one', ?)", ("x" * 60,))
    db.commit()
    db.close()
    config = folder / "corral.yaml"
    config.write_text(
        f"listen: 127.0.0.1:{port}\nadmin: 127.0.0.1:0\nthreads: 1\n"
        "origins:\n  - { name: items, sqlite: items.db }\n"
        "routes:\n  - path: /item\n    origin: items\n"
        "    query: SELECT id, name, note FROM items WHERE id = :id\n"
        "    params: [ { name: id, type: integer } ]\n    ttl: 1h\n"
    )
    return [binary, "serve", "--config", str(config)]


def nginx_command(folder, port, body):
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid;\n"
        "error_log stderr crit; events { worker_connections 4096; }\n"
        "http { access_log off; keepalive_requests 1000000000; keepalive_timeout 60s;\n"
        f"  client_body_temp_path {folder}; proxy_temp_path {folder};\n"
        f"  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};\n"
        f"  server {{ listen 127.0.0.1:{port} reuseport;\n"
        f"    location / {{ default_type application/json; return 200 '{body}'; }} }} }}\n"
    )
    return ["nginx", "-c", str(config), "-p", str(folder)]


def cpu_seconds(server):
    fields = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(server, port, connections, seconds):
    """Returns requests a second, and microseconds of processor time for each."""
    before = cpu_seconds(server)
    rate, requests = wrk(port, connections, seconds)
    return rate, (cpu_seconds(server) - before) / requests * 1e6


def wrk(port, connections, seconds):
    command = ["taskset", "-c", CLIENT_CPU, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
               f"http://127.0.0.1:{port}{PATH}"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"bench_http: not all answers were good:\n{out}")
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]),
            int(re.search(r"(\d+) requests in", out)[1]))


def measure(arguments, folder):
    corral_port, nginx_port = free_port(), free_port()
    rows = []
    with running(corral_command(arguments.corral, folder, corral_port)) as corral:
        body = await_answer(corral_port, corral)
        with running(nginx_command(folder, nginx_port, body)) as nginx:
            if await_answer(nginx_port, nginx) != body:
                sys.exit("bench_http: the bodies differ")
            for port in (corral_port, nginx_port):
                wrk(port, arguments.connections, 1)
            print(f"body of {len(body)} bytes, {arguments.connections} connections")
            who = {"corral": (corral, corral_port), "nginx": (nginx, nginx_port)}
            for i in range(arguments.rounds):
                got = {name: load(*who[name], arguments.connections, arguments.seconds)
                       for name in sorted(who, reverse=i % 2 == 1)}
                rows.append((*got["corral"], *got["nginx"]))
                print(f"round {i + 1}: corral {rows[-1][0]:9,.0f}/s, {rows[-1][1]:5.2f} us cpu   "
                      f"nginx {rows[-1][2]:9,.0f}/s, {rows[-1][3]:5.2f} us cpu   "
                      f"ratio {rows[-1][0] / rows[-1][2]:.3f}", flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--corral", default="build/corral")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=64)
    arguments = parser.parse_args()
    if (os.cpu_count() or 1) < 2:
        sys.exit("bench_http: needs two CPUs, one for the servers and one for wrk")
    missing = [name for name in ("nginx", "wrk", "taskset") if shutil.which(name) is None]
    if missing:
        sys.exit(f"bench_http: not installed: {', '.join(missing)}")
    arguments.corral = str(pathlib.Path(arguments.corral).resolve())
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(arguments, pathlib.Path(folder))
    ratio = statistics.median(row[0] / row[2] for row in rows)
    middle = [statistics.median(column) for column in zip(*rows)]
    print(f"median: corral {middle[0]:,.0f}/s, {middle[1]:.2f} us cpu; nginx {middle[2]:,.0f}/s, "
          f"{middle[3]:.2f} us cpu (ratio of cpu {middle[3] / middle[1]:.3f})")
    print(f"ratio {ratio:.3f}: {'reached' if ratio >= GOAL else 'missed'} (goal {GOAL})")
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
