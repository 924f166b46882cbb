# SPDX-License-Identifier: Apache-2.0
"""corral storm, as a user runs it.

Goal:   the storm counts right, leaves nothing behind, and says no clearly.
Method: the real binary (CORRAL_BIN); its JSON. Counts are compared, never durations.
"""
import json
import os
import re
import signal
import socket
import socketserver
import sqlite3
import subprocess
import threading
import time
import xml.etree.ElementTree as ElementTree
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import CORRAL, PATIENCE

CLIENTS = 200


def storm(*options, **more):
    return subprocess.run([CORRAL, "storm", *options], capture_output=True, text=True,
                          timeout=PATIENCE, **more)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """One storm against the built-in demo, for several tests to look at."""
    folder = tmp_path_factory.mktemp("storm")
    page = folder / "report.html"
    (folder / "tmp").mkdir()
    done = storm("--json", "--clients", str(CLIENTS), "--duration", "2s", "--report", str(page),
                 env={**os.environ, "TMPDIR": str(folder / "tmp")})
    assert done.returncode == 0, done.stderr
    return {"all": json.loads(done.stdout), "page": page.read_text(),
            "left": list((folder / "tmp").iterdir())}


def run_of(demo, scenario, strategy):
    runs = [r for r in demo["all"]["runs"]
            if (r["scenario"], r["strategy"]) == (scenario, strategy)]
    assert len(runs) == 1
    return runs[0]


def test_every_request_is_counted_once(demo):
    assert len(demo["all"]["runs"]) == 4
    for run in demo["all"]["runs"]:
        assert run["requests"] == run["ok"] + run["errors"] + run["unanswered"]
        assert run["ok"] == sum(run["answers"].values())
        assert run["errors"] == sum(run["errors_by_kind"].values())
        assert run["p50_us"] <= run["p99_us"] <= run["max_us"]


def test_cold_with_coalescing_is_one_load(demo):
    run = run_of(demo, "cold", "coalescing")
    assert run["requests"] == run["ok"] == CLIENTS
    assert run["origin_loads"] == run["needed"] == run["peak_loads"] == 1
    assert run["answers"]["miss"] == 1
    assert run["answers"]["coalesced"] + run["answers"]["hit"] == CLIENTS - 1


def test_cold_without_protection_is_a_load_for_each(demo):
    run = run_of(demo, "cold", "none")
    assert run["requests"] == run["ok"] == CLIENTS
    # A client that asks after the first answer finds it in memory; none shares a load.
    assert run["origin_loads"] == run["answers"]["miss"] > 1
    assert run["answers"]["miss"] + run["answers"]["hit"] == CLIENTS
    assert run["amplification"] == pytest.approx(run["origin_loads"] / run["needed"])
    assert 1 < run["peak_loads"] <= 20


def test_expiry_with_coalescing_has_amplification_one(demo):
    run = run_of(demo, "expiry", "coalescing")
    assert run["errors"] == 0
    assert run["amplification"] == 1.0
    assert run["peak_loads"] == 1
    assert run["origin_loads"] > 1
    assert run["answers"]["hit"] > 0


def test_expiry_without_protection_stampedes(demo):
    run = run_of(demo, "expiry", "none")
    assert run["errors"] == 0
    assert run["origin_loads"] > run_of(demo, "expiry", "coalescing")["origin_loads"]
    assert run["amplification"] > 2


def test_the_page_stands_alone(demo):
    assert "<h1>corral storm</h1>" in demo["page"]
    for outside in "src=", "http", "<script", "url(", "@import":
        assert outside not in demo["page"]


def test_the_page_has_what_the_text_has(demo):
    """It is XML; the header says what was done, and each scenario has its figures and plots."""
    root = ElementTree.fromstring(demo["page"])
    assert f"{CLIENTS} clients" in root.find(".//*[@class='about']").text
    assert f"corral storm --clients {CLIENTS} --scenarios cold,expiry" in root.find(".//*[@class='command']").text
    assert [h.text for h in root.iter("h2")] == ["cold: ", "expiry: "]
    assert len(root.findall(".//svg[@class='plot']")) == 2
    assert len(root.findall(".//svg[@class='bars']")) >= 6
    assert len(root.findall(".//p[@class='moral']")) == 2
    dashes = re.findall(r"stroke-dasharray: ([^}]*) }", demo["page"])
    assert len(dashes) == len(set(dashes)) == 8  # lines differ without colour
    cells = {cell.text for cell in root.iter("td")}
    for run in demo["all"]["runs"]:
        assert f"{run['origin_loads']:,}" in cells and f"{run['requests']:,}" in cells


def test_nothing_is_left(demo):
    assert demo["left"] == []


def test_text_fits_80_columns():
    done = storm("--clients", "20", "--duration", "200ms", "--delay", "10ms", "--ttl", "50ms",
                 env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stderr
    assert "\033" not in done.stdout and "corral" not in done.stderr
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    assert "coalescing: 1 query instead of" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_it(tmp_path, number):
    """The storm would last minutes; the signal comes once the demo's database is there."""
    process = subprocess.Popen([CORRAL, "storm", "--json", "--clients", "50", "--delay", "30s"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "TMPDIR": str(tmp_path)},
                               # The suite may run under nohup, and then storm heeds no SIGHUP.
                               preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
    while process.poll() is None and not list(tmp_path.glob("*/demo.db")):
        time.sleep(0.005)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number, err
    assert list(tmp_path.iterdir()) == []
    report = json.loads(out)
    assert [run["stopped"] for run in report["runs"]] == [True] * report["stopped"]


def seconds_to_end_where_nobody_answers():
    """The server takes the first request and keeps silent; then comes the signal."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        process = subprocess.Popen([CORRAL, "storm", "--clients", "5", f"http://127.0.0.1:{server.getsockname()[1]}/"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            with server.accept()[0] as client:
                assert client.recv(4096).startswith(b"GET /metrics")
                signalled_at = time.monotonic()
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=PATIENCE)
                took = time.monotonic() - signalled_at
        finally:
            process.kill()
    assert (process.returncode, err) == (130, ""), out
    return took


def test_a_signal_ends_it_where_nobody_answers():
    """Otherwise it would wait for 30 s each time. A busy machine may be as slow, but not each time."""
    assert any(seconds_to_end_where_nobody_answers() < 20 for _ in range(5))


@pytest.mark.parametrize("options, text", [
    (["--clients", "0"], "--clients: '0' is out of range, 1 to 20000"),
    (["--duration", "1"], "needs a unit"),
    (["--strategies", "layered"],
     "there is no strategy 'layered' (available: none, coalescing)"),
    (["--strategies", "coalesing"], "there is no strategy 'coalesing'; did you mean 'coalescing'?"),
    (["--scenarios", "outage"],
     "there is no scenario 'outage' (available: cold, expiry)"),
    (["--nonsense"], "unknown option '--nonsense'"),
    (["ftp://localhost/"], "'ftp://localhost/' is not a URL of the form"),
    (["http://192.0.2.1/"], "--allow-remote"),
    (["/path"], "needs --config"),
])
def test_wrong_usage(options, text):
    done = storm(*options)
    assert done.returncode == 2
    assert done.stdout == "" and text in done.stderr


def test_help():
    done = storm("--help")
    assert done.returncode == 0 and "--clients N" in done.stdout and "corral" not in done.stderr


def test_what_cannot_be_run(tmp_path):
    done = storm("--config", str(tmp_path / "none.yaml"))
    assert done.returncode == 1 and "none.yaml" in done.stderr
    done = storm("--report", str(tmp_path / "no" / "page.html"))
    assert done.returncode == 1 and "page.html" in done.stderr


@pytest.mark.parametrize("place, why", [("/no/such", "No such file or directory"), ("/" + 5000 * "x", "File name too")])
def test_a_temporary_directory_that_cannot_be(place, why):
    done = storm(env={**os.environ, "TMPDIR": place})
    assert (done.returncode, done.stdout) == (1, "")
    assert f"temporary directory in {place[:200]}, which TMPDIR names: {why}" in done.stderr


class Plain(BaseHTTPRequestHandler):
    """A server that is not Corral: no /metrics, and a status of choice."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status = {"/busy": 503, "/metrics": 404}.get(self.path, 200)
        body = b"plain"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Quiet(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """The storm ends its connections by a reset, which is none of a test's business."""


@pytest.fixture(scope="module")
def plain():
    server = Quiet(("127.0.0.1", 0), Plain)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_url_that_is_not_corral(plain):
    done = storm("--json", "--clients", "10", "--scenarios", "cold", plain + "/x")
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert run["strategy"] == "configured"
    assert run["ok"] == run["answers"]["unknown"] == 10
    assert run["origin_loads"] is None and run["amplification"] is None


def test_no_good_answer_is_a_problem(plain):
    done = storm("--json", "--clients", "10", "--scenarios", "cold", plain + "/busy")
    assert done.returncode == 1
    (run,) = json.loads(done.stdout)["runs"]
    assert run["errors_by_kind"] == {"503": 10, "broken": 0, "timeout": 0}


class Scripted(socketserver.StreamRequestHandler):
    """Sends what the test says for a path, byte by byte as it stands, and keeps the connection."""

    def handle(self):
        try:
            while line := self.rfile.readline():
                path = line.split()[1].decode()
                while self.rfile.readline().strip():
                    pass
                said = self.server.said.get(path, self.server.said["/"])
                for piece in [said] if isinstance(said, bytes) else said:
                    self.wfile.write(piece)
                if path in self.server.ends:
                    return
        except ConnectionError:
            pass  # the storm has seen enough


class ScriptedServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64


@pytest.fixture
def scripted():
    """scripted({path: what is sent}, ends={path, ...}): the URL of a server that says it."""
    servers = []

    def start(said, ends=()):
        server = ScriptedServer(("127.0.0.1", 0), Scripted)
        server.said, server.ends = said, ends
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


MISS = b"Cache-Status: corral; fwd=miss\r\n"
OLD = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n" + MISS
FIGURES = b"# of Corral\ncorral_entries 7\n"


@pytest.mark.parametrize("keeps", [b"Connection: keep-alive\r\n", b""], ids=["said", "not said"])
def test_a_server_of_http_1_0_that_keeps_connections(scripted, keeps):
    """Nobody waits for the end of a connection that does not come."""
    url = scripted({"/": OLD + keeps + b"\r\nok",
                    "/metrics": b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(FIGURES), keeps, FIGURES)})
    done = storm("--json", "--clients", "10", "--duration", "200ms", url + "/x")
    assert (done.returncode, done.stderr) == (0, "")
    for run in json.loads(done.stdout)["runs"]:
        assert run["ok"] == run["requests"] >= 10
        assert run["origin_loads"] == 0  # so the figures were read


def test_a_server_of_http_1_0_without_lengths(scripted):
    url = scripted({"/": b"HTTP/1.0 200 OK\r\n" + MISS + b"\r\nbody", "/metrics": b"HTTP/1.0 200 OK\r\n\r\n" + FIGURES},
                   ends={"/healthz", "/x", "/metrics"})
    done = storm("--json", "--clients", "10", "--duration", "200ms", url + "/x")
    assert (done.returncode, done.stderr) == (0, "")
    for run in json.loads(done.stdout)["runs"]:
        assert run["ok"] == run["requests"] >= 10
        assert run["origin_loads"] == 0


MIB = 1 << 20
METRICS = {  # name: (what is sent, does the connection end then, what is said of it)
    "too large, as it says": ([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (17 * MIB)], False,
                              "it is larger than 16 MiB"),
    "too large, as it turns out": ([b"HTTP/1.0 200 OK\r\n\r\n", *[b"#" * MIB] * 17], True,
                                   "it is larger than 16 MiB"),
    "cut short": (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + FIGURES, True,
                  "the connection ended within the answer"),
    "an endless head": ([b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"y" * 1000 + b"\r\n"] * 20], True,
                        "the answer is not HTTP, or it is chunked"),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False,
                "the answer is not HTTP, or it is chunked"),
    "not text": (b"HTTP/1.0 200 OK\r\n\r\n" + FIGURES + b"\0corral_entries 8\n", True, "it is not text"),
}


@pytest.mark.parametrize("name", METRICS)
def test_figures_that_cannot_be_read(scripted, name):
    """The storm takes place, and says once why it does not know what the origin had to do."""
    said, ends, why = METRICS[name]
    url = scripted({"/": OLD + b"Connection: keep-alive\r\n\r\nok", "/metrics": said},
                   ends={"/metrics"} if ends else ())
    done = storm("--json", "--clients", "5", "--duration", "50ms", "--think", "1ms", url + "/x")
    assert done.returncode == 0
    assert done.stderr == (f"corral storm: cannot get /metrics from {url[7:]}: {why}\n"
                           "corral storm: so what the origin has to do is not known\n")
    for run in json.loads(done.stdout)["runs"]:
        assert run["ok"] == run["requests"] >= 5
        assert run["origin_loads"] is None and run["amplification"] is None


def test_figures_as_large_as_is_read(scripted):
    large = b"#" * (16 * MIB - len(FIGURES) - 1) + b"\n" + FIGURES
    url = scripted({"/": OLD + b"\r\nok", "/metrics": b"HTTP/1.0 200 OK\r\n\r\n" + large}, ends={"/metrics"})
    done = storm("--json", "--clients", "5", "--scenarios", "cold", url + "/x")
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = json.loads(done.stdout)["runs"]
    assert run["origin_loads"] == 0


CONFIG = """
listen: 127.0.0.1:{port}
admin: 127.0.0.1:0
threads: 1
origins:
  - {{ name: shop, sqlite: shop.db, delay: 50ms }}
routes:
  - path: /thing
    origin: shop
    query: SELECT id, name FROM things WHERE id = :id AND :fresh AND :more <> ''
    params:
      - {{ name: id, type: integer }}
      - {{ name: fresh, type: boolean }}
      - {{ name: more, type: text, default: x }}
    ttl: 1m
  - path: /other
    origin: shop
    query: SELECT count(*) AS n FROM things
"""


@pytest.fixture
def shop(tmp_path):
    """A configuration with a database of its own."""
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)")
        database.execute("INSERT INTO things VALUES (1, 'one'), (2, 'two')")
    database.close()
    path = tmp_path / "corral.yaml"
    path.write_text(CONFIG.format(port=0))
    return path


def test_a_configuration_without_more(shop):
    """Its address is taken, which must not matter."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        shop.write_text(CONFIG.format(port=holder.getsockname()[1]))
        done = storm("--json", "--clients", "20", "--scenarios", "cold", "--config", str(shop))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["target"].endswith("/thing?id=1&fresh=true")
    (run,) = report["runs"]
    assert (run["strategy"], run["ok"], run["origin_loads"]) == ("configured", 20, 1)


def test_a_configuration_with_path_and_strategies(shop):
    done = storm("--json", "--clients", "20", "--scenarios", "cold", "--strategies",
                 "none,coalescing", "--config", str(shop), "/other")
    assert done.returncode == 0, done.stderr
    none, coalescing = json.loads(done.stdout)["runs"]
    assert none["strategy"] == "none" and none["origin_loads"] == none["answers"]["miss"] > 1
    assert coalescing["strategy"] == "coalescing" and coalescing["origin_loads"] == 1


def test_a_configuration_with_problems(shop):
    shop.write_text(CONFIG.format(port=0).replace("origin: shop", "origin: shoe"))
    done = storm("--config", str(shop))
    assert done.returncode == 1
    assert "corral.yaml:9:" in done.stderr and "'shoe' is not defined" in done.stderr


def test_a_daemon_elsewhere(shop, serve):
    daemon = serve(shop.read_text())
    runs, told = [], []
    for _ in range(2):
        done = storm("--json", "--clients", "30", "--scenarios", "cold",
                     f"http://127.0.0.1:{daemon.port}/thing?id=2&fresh=true")
        assert done.returncode == 0, done.stderr
        runs += json.loads(done.stdout)["runs"]
        told.append(done.stderr)
    cold, warm = runs
    assert told == ["", "corral storm: cold, configured: the key was in memory already; "
                        "purge it, or ask for another\n"]
    assert (cold["ok"], cold["origin_loads"], cold["needed"]) == (30, 1, 1)
    assert cold["peak_loads"] == 1
    assert (warm["answers"]["hit"], warm["origin_loads"]) == (30, 0)
    assert warm["amplification"] is None and warm["peak_loads"] is None


def test_a_scenario_that_cannot_show(shop, serve):
    """The TTL is a minute, and cold has brought the key into memory: the report says so, the page too."""
    daemon = serve(shop.read_text())
    page = shop.parent / "page.html"
    for warning in "never expired", "was in memory already":
        done = storm("--clients", "5", "--duration", "50ms", "--think", "1ms", "--report", str(page),
                     f"http://127.0.0.1:{daemon.port}/thing?id=2&fresh=true")
        assert (done.returncode, done.stderr) == (0, "")
        for text in done.stdout, page.read_text():
            assert f"the key {warning}" in text
    assert "cold: the key was in memory already; purge it, or ask for another\n" in done.stdout
    assert "expiry: the key never expired; let --duration be longer than its TTL\n" in done.stdout


@pytest.mark.parametrize("path, hint", [
    ("/nope", "the path is no route: every answer was 404; ask for the path of one"),
    ("/", "the path is no route: every answer was 404; ask for the path of one"),
    ("/thing?id=x", "every answer was 400; is a parameter missing, or of another type?"),
])
def test_a_path_that_cannot_be_asked_for(shop, path, hint):
    page = shop.parent / "page.html"
    common = ["--clients", "5", "--scenarios", "cold", "--config", str(shop), path]
    done = storm("--report", str(page), *common)
    assert done.returncode == 1 and "corral storm:" not in done.stderr
    assert done.stdout.endswith(f"\ncold: {hint}\n") and hint in page.read_text()
    done = storm("--json", *common)
    assert done.returncode == 1 and f"corral storm: cold, configured: {hint}\n" in done.stderr


def test_a_path_that_another_server_does_not_have():
    class Nothing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Nothing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = storm("--clients", "2", "--scenarios", "cold", f"http://127.0.0.1:{server.server_port}/x")
        server.shutdown()
    assert done.returncode == 1
    assert done.stdout.endswith("\ncold: every answer was 404; the target has nothing under this path\n")


def test_a_storm_that_is_too_short():
    done = storm("--clients", "1", "--scenarios", "expiry", "--strategies", "none", "--duration", "1ms",
                 "--think", "2s")
    assert done.returncode == 1
    assert done.stdout.endswith("\nexpiry: no request was sent; let --duration be longer\n")


def test_the_peak_of_another_route(shop, serve):
    """The daemon keeps one for each origin; what another route did before is not the storm's."""
    daemon = serve(shop.read_text())
    for path in "/other", "/nowhere":
        done = storm("--json", "--clients", "5", "--scenarios", "cold", f"http://127.0.0.1:{daemon.port}{path}")
    (run,) = json.loads(done.stdout)["runs"]
    assert (run["errors"], run["origin_loads"], run["peak_loads"]) == (5, 0, None)
