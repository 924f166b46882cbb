# SPDX-License-Identifier: Apache-2.0
"""corral serve, as its clients and its operator see it.

Goal:   rows become JSON with the right headers; a stampede is one query; whatever is wrong with a query
        or with the configuration gets a clear answer. What clients do is in test_clients.py.
Method: the real binary, a real SQLite file, real sockets. The test holds the database locked until /metrics
        says that everyone it wants to see is waiting, so nothing depends on speed and nothing sleeps.
"""
import json
import re
import resource
import signal
import socket
import subprocess
import time

import pytest

from conftest import (CORRAL, ONE, PATIENCE, ROOT, ROUTE, STRICT_ROUTE, ask, config_of, hear, in_background, run_corral,
                      wait_for)

# --------------------------------------------------------------------------------------------- rows


def test_a_row_is_an_object(daemon):
    answer = daemon.get(ONE)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"id": 1, "name": "name 1", "updated_at": "2026-01-01"}


def test_rows_are_an_array(serve, database):
    daemon = serve(config_of(database, {
        **ROUTE, "path": "/templates", "result": "rows",
        "query": "SELECT id FROM templates WHERE id > :after ORDER BY id LIMIT :limit",
        "params": [{"name": "after", "type": "integer"}, {"name": "limit", "type": "integer", "default": 3}]}))
    assert daemon.get("/templates?after=2").json() == [{"id": 3}, {"id": 4}, {"id": 5}]
    assert daemon.get("/templates?limit=1&after=2").json() == [{"id": 3}]
    empty = daemon.get("/templates?after=1000")
    assert (empty.status, empty.json()) == (200, [])


def test_values_of_every_type(serve, database):
    daemon = serve(config_of(database, {
        **ROUTE, "path": "/types", "params": [],
        "query": "SELECT 1 AS i, 9007199254740993 AS big, 1.5 AS r, NULL AS n, 'é \"\\ \n 😀' AS t, '' AS e"}))
    answer = daemon.get("/types")
    assert answer.json() == {"i": 1, "big": 9007199254740993, "r": 1.5, "n": None, "t": 'é "\\ \n 😀', "e": ""}
    assert b"9007199254740993" in answer.body


def test_what_json_has_no_word_for_takes_no_list_away(serve, database):
    database.write("CREATE TABLE odd (id, value)")
    for row in enumerate((b"\x00\xff", float("inf"), 2.0, 2, "plain")):
        database.write("INSERT INTO odd VALUES (?, ?)", *row)
    database.write("INSERT INTO odd VALUES (5, CAST(x'61ff62' AS TEXT))")
    daemon = serve(config_of(database, {
        **ROUTE, "path": "/odd", "params": [], "result": "rows", "query": "SELECT value AS v FROM odd ORDER BY id"}))
    answer = daemon.get("/odd")
    assert answer.status == 200
    assert [row["v"] for row in answer.json()] == ["AP8=", None, 2.0, 2, "plain", "a\ufffdb"]
    assert b'{"v":2.0},{"v":2}' in answer.body


def times(answer):
    """(Age, max-age, ttl of the hit), in seconds."""
    return (int(answer.headers["age"]), int(re.fullmatch(r"max-age=(\d+)", answer.headers["cache-control"])[1]),
            int(re.fullmatch(r"corral; hit; ttl=(\d+)", answer.cache_status)[1]))


def test_the_second_get_is_a_hit(daemon):
    first, second = daemon.get(ONE), daemon.get(ONE)
    assert first.cache_status == "corral; fwd=miss; stored"
    age, max_age, ttl = times(second)
    assert max_age == age + ttl
    assert first.body == second.body
    assert daemon.metric("db_hits_total") == 1


def test_an_answer_grows_old(serve, database):
    """What max-age and Age leave to a cache behind this one is what is left here; not twice the age less."""
    daemon = serve(config_of(database, {**ROUTE, "jitter": "0%"}))
    begun = time.monotonic()
    assert daemon.get(ONE).headers["age"] == "0"
    old = wait_for(lambda: (lambda a: a.headers["age"] != "0" and a)(daemon.get(ONE)), "an answer of some age")
    age, max_age, ttl = times(old)
    assert 1 <= age <= time.monotonic() - begun
    assert max_age == age + ttl and max_age in (59, 60)


def test_parameters_in_any_spelling_are_one_key(daemon):
    for path in (ONE, "/template-details?id=%31", "/template-details?id=01", "/template-details?%69d=1"):
        assert daemon.get(path).status == 200
    assert daemon.metric("db_hits_total") == 1


def test_ttl_zero_keeps_nothing(serve, database):
    daemon = serve(config_of(database, {**ROUTE, "ttl": "0s"}))
    assert [daemon.get(ONE).cache_status for _ in range(3)] == ["corral; fwd=miss"] * 3
    assert daemon.metric("db_hits_total") == 3


def test_a_value_expires(serve, database):
    daemon = serve(config_of(database, {**ROUTE, "ttl": "100ms", "jitter": "0%"}))
    assert daemon.get(ONE).json()["name"] == "name 1"
    database.write("UPDATE templates SET name = 'new' WHERE id = 1")
    wait_for(lambda: daemon.get(ONE).json()["name"] == "new", "the value to expire")


def test_no_row_is_404_and_cached(daemon):
    first, second = daemon.get("/template-details?id=999"), daemon.get("/template-details?id=999")
    for answer in (first, second):
        assert answer.status == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == 404
    assert first.cache_status.startswith("corral; fwd=miss")
    assert second.cache_status == "corral; hit; detail=negative"
    assert daemon.metric("db_hits_total") == 1


def test_etag_and_304(daemon):
    etag = daemon.get(ONE).headers["etag"]
    assert re.fullmatch(r'"[!#-~]+"', etag)
    for header in (etag, "W/" + etag, f'"other", {etag}', "*"):
        answer = daemon.get(ONE, **{"If-None-Match": header})
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag), header
        assert "cache-status" in answer.headers and "content-type" not in answer.headers
    assert daemon.get(ONE, **{"If-None-Match": '"other"'}).status == 200
    assert daemon.get("/template-details?id=2").headers["etag"] != etag


def test_head_is_get_without_a_body(daemon):
    get, head = daemon.get(ONE), daemon.request("HEAD", ONE)
    assert (head.status, head.body) == (200, b"")
    for name in ("content-length", "content-type", "etag"):
        assert head.headers[name] == get.headers[name]
    missing = daemon.request("HEAD", "/template-details?id=999")
    assert (missing.status, missing.body) == (404, b"")
    for path in (ONE, "/template-details?id=999", "/metrics"):
        said = daemon.raw(f"HEAD {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
        assert said.endswith(b"\r\n\r\n") and said.count(b"\r\n\r\n") == 1, said


def test_two_requests_on_one_connection(daemon):
    with ask(daemon) as s:
        assert hear(s)[0] == 200
        s.sendall(b"GET /template-details?id=2 HTTP/1.1\r\nHost: test\r\n\r\n")
        assert json.loads(hear(s)[2])["id"] == 2


# ----------------------------------------------------------------------------------------- bad input

# query: a word that the detail must hold
BAD_QUERIES = {
    "missing": ("", "t"),
    "missing, others there": ("i=1", "t"),
    "repeated": ("t=1&t=1", "more than once"),
    "repeated in two spellings": ("t=1&%74=1", "more than once"),
    "unknown": ("t=1&x=1", "Unknown"),
    "unknown by its case": ("T=1", "Unknown"),
    "too long": ("t=123456789", "too long"),
    "too long in bytes": ("t=%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9", "too long"),
    "integer of letters": ("t=1&i=one", '"i"'),
    "integer with a fraction": ("t=1&i=1.5", '"i"'),
    "integer that is empty": ("t=1&i=", '"i"'),
    "integer that is too large": ("t=1&i=9223372036854775808", '"i"'),
    "integer with a space": ("t=1&i=+1", '"i"'),
    "number of letters": ("t=1&n=x", '"n"'),
    "number that is not one": ("t=1&n=nan", '"n"'),
    "number that is endless": ("t=1&n=1e999", '"n"'),
    "boolean of another kind": ("t=1&b=yes", '"b"'),
    "boolean as a digit": ("t=1&b=1", '"b"'),
    "percent at the end": ("t=%", "well formed"),
    "percent with one digit": ("t=%4", "well formed"),
    "percent without digits": ("t=%zz", "well formed"),
    "not UTF-8": ("t=%ff", "well formed"),
    "UTF-8 that is too long": ("t=%c0%80", "well formed"),
    "half of a pair": ("t=%ed%a0%80", "well formed"),
    "NUL": ("t=a%00b", "well formed"),
}


@pytest.mark.parametrize("name", BAD_QUERIES)
def test_bad_query(strict, name):
    query, word = BAD_QUERIES[name]
    answer = strict.get(f"/bad?{query}" if query else "/bad")
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 400 and problem["title"]
    assert word in problem["detail"], problem
    assert strict.metric("db_hits_total") == 0


def test_good_queries_of_the_strict_route(serve, database):
    daemon = serve(config_of(database, STRICT_ROUTE))
    assert daemon.get("/bad?t=12345678").json() == {"t": "12345678", "i": 1, "n": 1, "b": 1}
    assert daemon.get("/bad?t=&i=-7&n=2.5&b=false").json() == {"t": "", "i": -7, "n": 2.5, "b": 0}
    assert daemon.get("/bad?t=%C3%A9+%2B").json()["t"] == "é +"


def test_raw_bytes_in_the_target(strict):
    said = strict.raw(b"GET /bad?t=\xff\xfe HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    assert said.split(b" ")[1] == b"400"
    assert strict.get("/healthz").status == 200


def test_sql_is_bound_and_not_pasted(serve, database):
    daemon = serve(config_of(database, {
        **ROUTE, "query": "SELECT id FROM templates WHERE name = :name", "params": [{"name": "name"}]}))
    assert daemon.get("/template-details?name=name+7").json() == {"id": 7}
    assert daemon.get("/template-details?name=x'+OR+'1'='1").status == 404
    assert daemon.get("/template-details?name=x';DROP+TABLE+templates;--").status == 404
    assert daemon.get("/template-details?name=name+8").json() == {"id": 8}


def test_other_methods_and_paths(strict):
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE"):
        answer = strict.request(method, ONE)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD"), method
    for path in ("/", "/nothing", "/template-details/", "/template-details/x?id=1", "/TEMPLATE-DETAILS?id=1"):
        answer = strict.get(path)
        assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json"), path


def test_a_key_that_is_too_long_is_414(serve, database):
    daemon = serve(config_of(database, {**STRICT_ROUTE, "params": [
        {"name": "t", "max_length": 5000}, *STRICT_ROUTE["params"][1:]]}, cache={"max_key": "256B"}))
    assert daemon.get("/bad?t=" + "x" * 200).status == 200
    answer = daemon.get("/bad?t=" + "x" * 300)
    assert (answer.status, answer.json()["status"]) == (414, 414)


# ---------------------------------------------------------------------------------------- stampedes


def test_a_stampede_is_one_query(daemon, database):
    with database.hold() as held:
        clients = [ask(daemon) for _ in range(200)]
        daemon.wait_metric("corral_waiters", 200)
        assert daemon.metric("corral_flights") == 1
        assert daemon.metric("corral_origin_active", origin="templates") == 1
        held.release()
        answers = [hear(s) for s in clients]
    for s in clients:
        s.close()
    assert {(status, body) for status, _, body in answers} == {(200, daemon.get(ONE).body)}
    said = sorted(headers["cache-status"] for _, headers, _ in answers)
    assert said == ["corral; fwd=miss; collapsed"] * 199 + ["corral; fwd=miss; stored"]
    assert daemon.metric("db_hits_total") == 1
    assert daemon.metric("singleflight_shared_total") == 199
    assert daemon.metric("corral_loads_needed_total") == 1
    assert daemon.metric("corral_waiters") == daemon.metric("corral_flights") == 0


def test_without_coalescing_each_loads(serve, database):
    daemon = serve(config_of(database, {**ROUTE, "strategy": "none"}, origin={"concurrency": 3}))
    with database.hold() as held:
        clients = [ask(daemon) for _ in range(10)]
        daemon.wait_metric("corral_waiters", 10)
        assert daemon.metric("corral_origin_active") == 3
        held.release()
        assert {hear(s)[0] for s in clients} == {200}
    for s in clients:
        s.close()
    assert daemon.metric("db_hits_total") == 10
    assert daemon.metric("corral_origin_active_peak") == 3


def test_hits_are_served_while_a_load_waits(daemon, database):
    assert daemon.get(ONE).status == 200
    with database.hold() as held:
        with ask(daemon, "/template-details?id=2") as s:
            daemon.wait_metric("corral_waiters", 1)
            assert daemon.get(ONE).cache_status.startswith("corral; hit")
            held.release()
            assert hear(s)[0] == 200


# ---------------------------------------------------------------------------------- limits of origins


def test_a_reader_waits_no_longer_than_agreed(serve, database):
    daemon = serve(config_of(database, {**ROUTE, "wait": "100ms"}))
    with database.hold() as held:
        answer = daemon.get(ONE)
        assert (answer.status, answer.headers["content-type"]) == (504, "application/problem+json")
        held.release()
    wait_for(lambda: daemon.get(ONE).status == 200, "the load to serve who comes next")
    assert daemon.metric("db_hits_total") == 1


def test_who_was_turned_away_is_in_the_log(serve, database):
    """At most one line a second for each route and reason; what it does not tell, it counts."""
    daemon = serve(config_of(database, {**ROUTE, "wait": "10ms"}, {**ROUTE, "path": "/other", "wait": "10ms"}))
    line = re.compile(r' warn  request failed route="(.*?)" status="504" error=".*?" suppressed="(\d+)" target="(.*)"$')

    def told():
        return [match.groups() for s in daemon.log.split("\n") if (match := line.search(s))]
    with database.hold() as held:
        begun, asked = time.monotonic(), 0
        while len(told()) < 3:
            assert time.monotonic() - begun < PATIENCE
            assert daemon.get(ONE + "&" * asked).status == 504  # the same key
            asked += 1
        assert len(told()) <= 1 + time.monotonic() - begun
        assert daemon.get("/other?id=1&").status == 504
        daemon.wait_line('request failed route="/other".* target="/other\\?id=1&"$')
        held.release()
    assert {route for route, _, _ in told()} == {ROUTE["path"], "/other"}
    of_one = [(1 + int(suppressed), target) for route, suppressed, target in told() if route == ROUTE["path"]]
    for n, (_, target) in enumerate(of_one):
        assert target.count("&") == sum(counted for counted, _ in of_one[:n + 1]) - 1


def test_an_overrun_query_is_interrupted(serve, database):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS i FROM n"
    daemon = serve(config_of(database, {**ROUTE, "path": "/endless", "query": endless, "params": []}, ROUTE,
                             origin={"concurrency": 1, "deadline": "200ms"}))
    answer = daemon.get("/endless")
    assert (answer.status, answer.json()["status"]) == (504, 504)
    daemon.wait_metric("corral_origin_active", 0)
    assert daemon.get(ONE).status == 200  # the only place is free again
    assert daemon.metric("corral_origin_errors_total", kind="deadline") == 1


def test_a_full_queue_is_503(serve, database):
    daemon = serve(config_of(database, origin={"concurrency": 1, "queue": 2}))
    with database.hold() as held:
        clients = []
        for number in range(1, 4):
            clients.append(ask(daemon, f"/template-details?id={number}"))
            daemon.wait_metric("corral_waiters", number)
        assert daemon.metric("corral_origin_queued") == 2
        answer = daemon.get("/template-details?id=4")
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["content-type"] == "application/problem+json"
        daemon.wait_line('request failed route="/template-details" status="503" error="the origin.s queue is full"')
        held.release()
        assert [hear(s)[0] for s in clients] == [200] * 3
    for s in clients:
        s.close()
    assert daemon.get("/template-details?id=4").status == 200


def test_a_failing_query_is_502_and_not_cached(serve, database):
    database.write("CREATE TABLE numbers (x)")
    database.write("INSERT INTO numbers VALUES (-9223372036854775808)")
    daemon = serve(config_of(database, {**ROUTE, "query": "SELECT abs(x) AS x FROM numbers WHERE 1 = :id"}))
    answer = daemon.get(ONE)
    assert (answer.status, answer.headers["content-type"]) == (502, "application/problem+json")
    daemon.wait_line("load failed")
    database.write("UPDATE numbers SET x = -5")
    assert daemon.get(ONE).json() == {"x": 5}


def test_a_value_over_the_limit_is_502(serve, database):
    daemon = serve(config_of(database, {**ROUTE, "query": "SELECT hex(zeroblob(:id)) AS x"},
                             cache={"max_value": "4KiB"}))
    assert daemon.get("/template-details?id=1000").status == 200
    assert daemon.get("/template-details?id=3000").status == 502


def test_memory_stays_within_its_budget(serve, database):
    daemon = serve(config_of(database, {**ROUTE, "query": "SELECT hex(zeroblob(20000 + :id)) AS x"},
                             cache={"memory": "1MiB"}))
    for number in range(100):
        assert daemon.get(f"/template-details?id={number}").status == 200
    assert 0 < daemon.metric("corral_memory_bytes") <= 1 << 20
    assert daemon.metric("corral_evictions_total") > 0


# ------------------------------------------------------------------------------------------- purging


def test_purge_forgets_one_key(daemon, database):
    assert daemon.get(ONE).json()["name"] == "name 1"
    assert daemon.get("/template-details?id=2").status == 200
    database.write("UPDATE templates SET name = 'new'")
    assert daemon.get(ONE).json()["name"] == "name 1"
    answer = daemon.purge(ONE)
    assert (answer.status, answer.json()["purged"]) == (200, True)
    assert daemon.get(ONE).json()["name"] == "new"
    assert daemon.get("/template-details?id=2").json()["name"] == "name 2"
    assert daemon.purge("/template-details?id=77").json()["purged"] is False


def test_purge_during_a_load_is_not_lost(daemon, database):
    """P4: who comes after the purge is not given what was asked for before it."""
    with database.hold() as held:
        before = ask(daemon)
        daemon.wait_metric("corral_waiters", 1)
        assert daemon.purge(ONE).status == 200
        after = ask(daemon)
        daemon.wait_metric("corral_waiters", 2)
        held.release()
        assert hear(before)[0] == hear(after)[0] == 200
    before.close()
    after.close()
    assert daemon.metric("db_hits_total") == 2


def test_bad_purges(daemon):
    assert daemon.purge("/nothing?id=1").status == 404
    assert daemon.purge("/template-details").status == 400
    assert daemon.purge("/template-details?id=x").status == 400
    answer = daemon.request("GET", ONE, admin=True)
    assert (answer.status, answer.headers["allow"]) == (405, "PURGE")
    assert daemon.purge(ONE, Host="elsewhere.example").status == 403  # a page that rebinds its name


def test_purge_with_a_token(serve, database):
    daemon = serve(config_of(database, admin="0.0.0.0:0", admin_token="secret-of-the-test"))
    assert daemon.get(ONE).status == 200
    for headers in ({}, {"Authorization": "Bearer secret"}, {"Authorization": "secret-of-the-test"},
                    {"Authorization": "Bearer secret-of-the-test2"}, {"Authorization": "Bearer "}):
        answer = daemon.purge(ONE, **headers)
        assert (answer.status, "www-authenticate" in answer.headers) == (401, True), headers
    answer = daemon.purge(ONE, Authorization="Bearer secret-of-the-test")
    assert (answer.status, answer.json()["purged"]) == (200, True)
    assert "secret-of-the-test" not in daemon.log


# ------------------------------------------------------------------------------------------- metrics

SEVEN = {
    "http_request_total": ("counter", {"path", "method", "status"}),
    "http_request_duration_seconds": ("histogram", {"path", "method", "le"}),
    "http_in_flight_requests": ("gauge", set()),
    "cache_hits_total": ("counter", set()),
    "cache_misses_total": ("counter", set()),
    "db_hits_total": ("counter", set()),
    "singleflight_shared_total": ("counter", set()),
}


def test_the_seven_metrics(daemon):
    for path in (ONE, ONE, "/template-details?id=999", "/template-details?id=x"):
        daemon.get(path)
    answer = daemon.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", answer.body.decode(), re.M))
    found = daemon.metrics()
    for name, (kind, labels) in SEVEN.items():
        assert types[name] == kind
        series = name + "_bucket" if kind == "histogram" else name
        assert {frozenset(k for k, _ in has) for n, has in found if n == series} == {frozenset(labels)}, name
    assert daemon.metric("http_request_total", path="/template-details", method="GET", status="200") == 2
    assert daemon.metric("http_request_total", path="/template-details", method="GET", status="404") == 1
    assert daemon.metric("http_request_total", path="/template-details", method="GET", status="400") == 1
    assert daemon.metric("http_request_duration_seconds_count", path="/template-details", method="GET") == 4
    assert daemon.metric("cache_hits_total") == 1
    assert daemon.metric("cache_misses_total") == 2
    assert daemon.metric("db_hits_total") == 2


def test_the_problems_of_the_manual_are_told_so(tmp_path):
    """In the same words; where they are is another matter."""
    manual = (ROOT / "docs/man/corral.yaml.5").read_text().split(".Sh DIAGNOSTICS\n")[1].split(".Ed")[0]
    expected = re.findall(r"^demo\.yaml:\d+:\d+: (.*)$", manual, re.M)
    file = tmp_path / "corral.yaml"
    file.write_text("lisen: 127.0.0.1:1\norigins: [ { name: a, sqlite: a.db } ]\n"
                    "routes: [ { path: /x, origin: a, ttl: 30, query: 'SELECT :id' } ]\n")
    told = "".join(run_corral("check", file)[1:])
    assert len(expected) == 3
    for problem in expected:
        assert f": {problem}\n" in told


def test_the_manual_has_every_metric(daemon):
    """Names and labels of a scrape and of corral(1) are the same, in both directions; and every word that Corral
    gives as a label is in the manual."""
    manual = (ROOT / "docs/man/corral.1").read_text().split(".Sh METRICS\n")[1].split(".Sh ")[0]
    named = {}
    for line in re.findall(r"^\.(?:It )?Ic (.*_.*)$", manual.split(".Bl -tag")[1], re.M):
        for name, labels in re.findall(r"(\w{3,})(?: Ns \{([\w,]*)\})?", line):
            named.setdefault(name, set(labels.split(",")) - {""})
    daemon.get(ONE)
    text = daemon.get("/metrics").body.decode()
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    found = {name: set() for name in types}
    for series, labels in daemon.metrics():
        name = series if series in types else re.sub(r"_(bucket|sum|count)$", "", series)
        found[name] |= {label for label, _ in labels} - {"le"}
        for label, value in labels:
            if label in ("outcome", "reason", "kind"):
                assert re.search(rf"\b{value}\b", manual), (name, value)
    assert found == named


def test_each_get_is_counted_once(daemon):
    for path in (ONE, ONE, ONE, "/template-details?id=999", "/template-details?id=999"):
        daemon.get(path)
    found = {o: daemon.metric("corral_gets_total", space="/template-details", outcome=o)
             for o in ("hit", "stale", "coalesced", "miss", "negative", "degraded", "refused", "failed")}
    assert sum(found.values()) == 5
    assert (found["hit"], found["miss"]) == (2, 2)
    assert found["negative"] == 1


def test_what_clients_send_is_no_label(daemon):
    for number in range(20):
        daemon.get(f"/no-such-path-{number}")
        daemon.request(f"METHOD{number}", ONE)
    text = daemon.get("/metrics").body.decode()
    assert "no-such-path" not in text and "METHOD" not in text


def test_health(daemon):
    assert daemon.get("/healthz").status == 200
    assert daemon.get("/readyz").status == 200


# ------------------------------------------------------------------------------- starting and ending


def test_sigterm_answers_what_is_under_way(daemon, database):
    with database.hold() as held:
        waiting = in_background(daemon.get, ONE)
        daemon.wait_metric("corral_waiters", 1)
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_line("draining")
        wait_for(lambda: refused(daemon), "new clients to be refused")
        assert daemon.process.poll() is None
        held.release()
        assert waiting.result(PATIENCE).status == 200
    assert daemon.stop() == 0


def refused(daemon):
    try:
        daemon.connect().close()
        return False
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it came while the door was closed
        return True


def test_sigterm_closes_idle_connections(daemon):
    """After a second, in which they could have asked."""
    with ask(daemon) as s:
        assert hear(s)[0] == 200
        asked_at = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        assert s.recv(1) == b""
        assert time.monotonic() - asked_at > 0.9
    assert daemon.stop() == 0


def test_sigint_ends_it_too(daemon):
    assert daemon.stop(signal.SIGINT) == 0


def test_without_standard_error(tmp_path, database):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "corral.yaml"
    file.write_text(json.dumps(config_of(database, listen=f"127.0.0.1:{port}")))
    process = subprocess.Popen(["sh", "-c", 'exec "$0" serve --config "$1" <&- >&- 2>&-', CORRAL, str(file)])

    def listens():
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        except ConnectionRefusedError:
            return None
    try:
        with wait_for(listens, "the daemon to listen") as s:
            s.sendall(f"GET {ONE} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
            assert hear(s)[0] == 200
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()


def test_sighup_does_not_end_it(daemon):
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_line("SIGHUP")
    assert daemon.get(ONE).status == 200


def problems_of_start(tmp_path, config):
    file = tmp_path / "start.yaml"
    file.write_text(json.dumps(config, indent=1, ensure_ascii=False))
    code, out, err = run_corral("serve", "--config", file)
    assert (code, out) == (1, "")
    places = re.findall(rf"^{re.escape(str(file))}:(\d+):(\d+): (.*)$", err, re.M)
    lines = file.read_text().splitlines()
    return [(lines[int(line) - 1][int(column) - 1:], text) for line, column, text in places]


def test_a_port_in_use(tmp_path, database):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        problems = problems_of_start(tmp_path, config_of(database, listen=address))
    assert len(problems) == 1
    there, text = problems[0]
    assert there.startswith(f'"{address}"')
    assert address in text and "in use" in text


def test_more_threads_than_files(tmp_path, database):
    """Each thread that serves needs files of its own; where the limit leaves too few, the daemon does not start."""
    file = tmp_path / "start.yaml"
    file.write_text(json.dumps(config_of(database, threads=256)))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    code, out, err = run_corral("serve", "--config", file,
                                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 300),) * 2))
    assert (code, out) == (1, "")
    told = re.fullmatch(rf"{re.escape(str(file))}: the limit of open files is (\d+), but (\d+) are needed for 256 "
                        r"threads, .*: raise it \(ulimit -n, LimitNOFILE=\), or lower threads or concurrency\n", err)
    assert told and int(told[1]) == min(hard, 300) < int(told[2]), err


def test_the_crowd_leaves_files_for_the_database(serve, database):
    """Threads have files too: what they and the database need is not given to clients. What is, is in the log. One
    client more than that waits at the door, for all others wait for an answer; then it has its turn."""
    daemon = serve(config_of(database, threads=100), files=700)
    limits = dict(re.findall(r'(\w+)="(\d+)"', daemon.wait_line(r" limits (.*)")[1]))
    assert (limits["open_files"], limits["threads"], limits["admin_connections"]) == ("700", "100", "64")
    places = int(limits["connections"])
    assert places + 4 * (100 + 1) + 3 * 4 + 64 <= 700  # files of threads and of queries, and admin connections
    with database.hold() as held:
        crowd = [ask(daemon) for _ in range(places + 1)]
        held.release()
        answers = [hear(s)[0] for s in crowd]
    for s in crowd:
        s.close()
    assert answers == [200] * (places + 1), daemon.log


def test_a_database_that_cannot_be_read(tmp_path, database):
    (tmp_path / "garbage.db").write_bytes(b"this is no database " * 100)
    for name in ("missing.db", "garbage.db", "."):
        problems = problems_of_start(tmp_path, config_of(database, origin={"sqlite": str(tmp_path / name)}))
        assert len(problems) == 1, name
        assert problems[0][0].startswith(json.dumps(str(tmp_path / name))), name
        assert "cannot be read" in problems[0][1], name
    assert not (tmp_path / "missing.db").exists()


def test_a_database_that_stays_locked_at_the_start(tmp_path, database):
    with database.hold():
        problems = problems_of_start(tmp_path, config_of(database, origin={"deadline": "20ms"}))
    assert len(problems) == 1
    assert "database is locked" in problems[0][1]


def test_a_query_that_does_not_work(tmp_path, database):
    query = "SELECT nme FROM templates WHERE id = :id"
    problems = problems_of_start(tmp_path, config_of(database, {**ROUTE, "query": query}))
    assert len(problems) == 1
    assert "nme" in problems[0][1]
    assert problems[0][0].startswith(("nme FROM", '"SELECT nme'))


def test_all_problems_of_a_start_are_told(tmp_path, database):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        problems = problems_of_start(tmp_path, config_of(
            database, {**ROUTE, "query": "SELECT x FROM nothing WHERE 1 = :id"},
            listen="127.0.0.1:%d" % taken.getsockname()[1]))
    assert len(problems) == 2


def test_a_bad_origin_does_not_hide_the_problems_of_the_others(tmp_path, database):
    config = config_of(database, {**ROUTE, "query": "SELECT nme FROM templates WHERE id = :id"},
                       {**ROUTE, "path": "/other", "origin": "missing"})
    config["origins"].append({"name": "missing", "sqlite": str(tmp_path / "missing.db")})
    problems = problems_of_start(tmp_path, config)
    assert len(problems) == 2, problems
    assert "missing.db" in problems[0][1] and "nme" in problems[1][1]


# --------------------------------------------------------------------------------------------- check

GOOD = """\
listen: 127.0.0.1:8080
origins:
  - name: templates
    sqlite: templates.db
    deadline: 2s
routes:
  - path: /one
    origin: templates
    query: SELECT name FROM t WHERE id = :id
    params:
      - { name: id, type: integer }
    ttl: 30s
"""

QUERY = """\
    query: SELECT name FROM t WHERE id = :id
    params:
      - { name: id, type: integer }
"""

# what is wrong: (old text, new text, line, column, words of the message)
MISTAKES = {
    "an unknown key": ("listen:", "lisen:", 1, 1, ["lisen", "listen"]),
    "an unknown key of a route": ("    ttl: 30s", "    tll: 30s", 12, 5, ["tll", "ttl"]),
    "a key of a later version": ("    ttl: 30s", "    stale: 30s", 12, 5, ["stale"]),
    "a wrong unit": ("ttl: 30s", "ttl: 30x", 12, 10, ["30x"]),
    "a unit that is missing": ("ttl: 30s", "ttl: 30", 12, 10, ["30"]),
    "an origin that is missing": ("origin: templates", "origin: template", 8, 13, ["template", "templates"]),
    "a parameter that is not declared": (":id", ":name", 9, 42, ["name"]),
    "a type that is none": ("type: integer", "type: int", 11, 27, ["int"]),
    "a key twice": ("    ttl: 30s", "    ttl: 30s\n    ttl: 31s", 13, 5, ["ttl"]),
    "a required key that is missing": ("    sqlite: templates.db\n", "", 3, 5, ["sqlite"]),
    "no address": ("127.0.0.1:8080", "127.0.0.1", 1, 9, ["127.0.0.1"]),
    "a port that is none": ("127.0.0.1:8080", "127.0.0.1:80800", 1, 9, ["80800"]),
    "a PRAGMA that changes its connection": (QUERY, "    query: PRAGMA query_only = 0\n", 9, 12,
                                             ["PRAGMA query_only", "table_info"]),
    "such a PRAGMA behind EXPLAIN": (QUERY, "    query: |\n      EXPLAIN\n      PRAGMA mmap_size = 7\n", 10, 7,
                                     ["PRAGMA mmap_size"]),
    "admin beyond loopback": ("listen:", "admin: 0.0.0.0:8081\nlisten:", 1, 8, ["admin_token"]),
    "not YAML": ("routes:", "routes: [", None, None, []),
}


def test_check_has_nothing_to_say(tmp_path):
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    code, out, err = run_corral("check", file)
    assert (code, err) == (0, ""), out


def test_check_knows_a_scenario(tmp_path):
    file = tmp_path / "fleet.yaml"
    file.write_text(run_corral("sim", "--show", "fleet")[1])
    code, out, _ = run_corral("check", file)
    assert code == 1 and out.startswith(f"{file}: this looks like a scenario; run it with 'corral sim'\n{file}:2:1: ")


def test_sim_knows_a_configuration(tmp_path):
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    code, _, err = run_corral("sim", file)
    assert code == 1 and err.startswith(f"{file}: this looks like a configuration of the daemon; 'corral check' reads ")


def test_check_lets_pragmas_pass_that_read(tmp_path):
    file = tmp_path / "good.yaml"
    file.write_text(GOOD.replace(QUERY, "    query: PRAGMA table_info(t)\n    result: rows\n", 1))
    assert run_corral("check", file)[0] == 0


@pytest.mark.parametrize("name", MISTAKES)
def test_check_names_line_and_column(tmp_path, name):
    old, new, line, column, words = MISTAKES[name]
    assert GOOD.count(old) >= 1
    file = tmp_path / "bad.yaml"
    file.write_text(GOOD.replace(old, new, 1))
    code, out, err = run_corral("check", file)
    assert code == 1
    place = re.search(rf"^{re.escape(str(file))}:(\d+):(\d+): (.*)$", out + err, re.M)
    assert place, out + err
    if line is not None:
        assert (int(place[1]), int(place[2])) == (line, column), out + err
    for word in words:
        assert word in place[3]


def test_check_tells_every_problem(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(GOOD.replace("listen:", "lisen:").replace("30s", "30x").replace("deadline: 2s", "deadline: soon"))
    code, out, err = run_corral("check", file)
    assert code == 1
    assert re.findall(r"yaml:(\d+):", out + err) == ["1", "5", "12"]


@pytest.mark.parametrize("wrong, says", [
    ([], "usage: corral VERB"),
    (["--"], "usage: corral VERB"),
    (["no-such-verb"], "there is no verb 'no-such-verb'"),
    (["chekc"], "did you mean 'check'?"),
    (["--versoin"], "did you mean '--version'?"),
    (["--version", "x"], "'x' is one argument too many"),
    (["--help", "x"], "'x' is one argument too many"),
    (["help"], "there is no verb 'help'; did you mean '--help'?"),
    (["version"], "there is no verb 'version'; did you mean '--version'?"),
    (["serve"], "write --config FILE"),
    (["serve", "a.yaml"], "write --config a.yaml"),
    (["serve", ""], "write --config FILE"),
    (["serve", "--confg", "a"], "did you mean '--config'?"),
    (["serve", "--config"], "--config wants a value"),
    (["serve", "--config", "a", "b"], "'b' is one argument too many"),
    (["check"], "FILE is missing"),
    (["check", ""], "the file name is empty"),
    (["check", "--strict"], "unknown option '--strict'"),
    (["check", "a", "b"], "'b' is one argument too many"),
])
def test_wrong_usage(wrong, says):
    code, out, err = run_corral(*wrong)
    assert (code, out) == (2, "") and says in err


def test_usage():
    assert run_corral("--help")[0] == 0
    assert re.match(r"corral \d+\.\d+\.\d+", run_corral("--version")[1])
    for verb in ("serve", "check", "storm", "sim"):
        code, out, err = run_corral(verb, "--help")
        assert (code, err) == (0, "") and out.startswith(f"usage: corral {verb} ")
        assert max(map(len, out.splitlines())) < 80
    code, out, err = run_corral("check", "/no/such/file.yaml")
    assert code == 1 and "/no/such/file.yaml" in out + err
