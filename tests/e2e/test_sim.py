# SPDX-License-Identifier: Apache-2.0
"""corral sim, as a user runs it.

Goal:   each ready scenario shows what it says; a run is a function of scenario and seed; a scenario that is
        wrong is refused with every problem; the page can be opened.
Method: the real binary (CORRAL_BIN); its JSON, its text, its page. Time is virtual: figures may be compared.
"""
import json
import os
import pathlib
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import CORRAL, PATIENCE

PLAIN = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm"}

SMALL = """
name: small
duration: 10s
readers: { rate: 200/s, give_up: 5%, writes: 2/s }
nodes: 3
keys: { count: 10, popularity: zipf }
route: { ttl: 1s }
database: { service: lognormal, mean: 20ms, fails: 2%, absent: 10% }
store: { drops: 1% }
faults:
  - { at: 3s, kind: store_down, for: 2s }
  - { at: 6s, kind: node_killed, for: 500ms, nodes: 1 }
"""


def sim(*options, code=0, **more):
    done = subprocess.run([CORRAL, "sim", *options], capture_output=True, text=True, timeout=PATIENCE,
                          env={**PLAIN, **more})
    assert done.returncode == code, done.stderr + done.stdout
    return done


@pytest.fixture(name="small")
def small_file(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return str(path)


RAN = {}


def ran(name):
    """The columns of a ready scenario by name; run once, for several tests to look at."""
    if name not in RAN:
        RAN[name] = json.loads(sim(name, "--json").stdout)
    return {run["name"]: run for run in RAN[name]["runs"]}


READY = ["product-page", "homepage", "fleet", "store-outage", "deploy", "zipf", "spike", "sick-database"]


# ------------------------------------------------------------------------- what the ready ones show


@pytest.mark.parametrize("name", READY)
def test_every_request_is_counted_once(name):
    for run in ran(name).values():
        answered = sum(run["answers"].values()) + run["errors"] + run["forgotten"]
        assert answered == pytest.approx(run["requests"], abs=run["forgotten"])
        assert run["errors"] == sum(run["errors_by_kind"].values())
        assert run["broken"] is None
        latency = run["latency_us"]
        assert latency["p50"] <= latency["p99"] <= latency["p999"] <= latency["max"]


def test_product_page():
    runs = ran("product-page")
    assert runs["none"]["origin_loads"] == 1000
    assert runs["coalescing"]["origin_loads"] == 1
    assert runs["coalescing"]["latency_us"]["max"] <= 100_100
    for run in runs.values():
        assert run["requests"] == 1000
        assert run["errors"] == 0


def test_homepage():
    runs = ran("homepage")
    assert runs["coalescing"]["origin_loads"] == 2  # one for each expiry
    assert runs["none"]["origin_loads"] == pytest.approx(2000, rel=0.1)
    assert runs["coalescing"]["latency_us"]["max"] <= 100_100


def test_fleet():
    runs = ran("fleet")
    assert runs["alone"]["origin_loads"] == 1000
    assert runs["with lease"]["origin_loads"] == 1
    assert runs["with lease"]["leases"] == 1
    assert runs["with lease"]["errors"] == 0


def test_store_outage():
    runs = ran("store-outage")
    # 140 s measured, a TTL of at least 27 s: 6 of the fleet; and in the 60 s without it 3 of each node (P9).
    assert runs["with store"]["origin_loads"] <= 6 + 3 * 50
    assert runs["with store"]["errors"] == 0
    assert runs["none"]["origin_loads"] > 100 * runs["with store"]["origin_loads"]
    assert runs["none"]["errors"] > runs["none"]["requests"] / 2


def test_deploy():
    runs = ran("deploy")
    assert runs["alone"]["origin_loads"] > 0.9 * 50 * 200
    assert runs["with store"]["origin_loads"] <= 200
    assert runs["with store"]["latency_us"]["p999"] < runs["alone"]["latency_us"]["p999"]


def test_zipf():
    runs = ran("zipf")
    assert runs["no jitter"]["peak_loads"] > 1.5 * runs["jitter"]["peak_loads"]
    assert runs["no jitter"]["origin_loads"] == pytest.approx(runs["jitter"]["origin_loads"], rel=0.05)


def test_spike():
    runs = ran("spike")
    assert runs["coalescing"]["origin_loads"] == 2 * 300  # each node each key
    assert runs["coalescing"]["errors"] == 0
    assert runs["none"]["origin_loads"] > 3 * 600
    assert runs["none"]["errors"] > 1000


def test_sick_database():
    runs = ran("sick-database")
    guard, bare = runs["guard"], runs["no guard"]
    assert guard["peak_loads"] <= 10 * 5  # P6
    assert bare["peak_database_queue"] > 1000
    assert guard["errors"] < bare["errors"] / 3
    last = slice(-12, -2)  # long after the cause is gone
    assert sum(guard["timeline"]["errors"][last]) == 0
    assert sum(bare["timeline"]["errors"][last]) > 0


# ------------------------------------------------------------------------------- scenario and seed


def test_same_seed_same_bytes(small):
    for options in ([], ["--json"], ["--trace", "0"], ["--json", "--trace", "3"]):
        assert sim(small, *options).stdout == sim(small, *options).stdout


def test_another_seed_is_another_run(small):
    one, two = (json.loads(sim(small, "--json", "--seed", seed).stdout) for seed in ("1", "2"))
    assert one["seed"] == 1 and two["seed"] == 2
    assert one["runs"] != two["runs"]
    assert one == json.loads(sim(small, "--json").stdout)  # the scenario's own is 1


def test_strategies_by_name_and_by_word(small):
    runs = json.loads(sim("fleet", "--json", "--strategies", "with lease").stdout)["runs"]
    assert [run["name"] for run in runs] == ["with lease"]
    runs = json.loads(sim("product-page", "--json", "--strategies", "coalescing,none").stdout)["runs"]
    assert [(run["name"], run["strategy"]) for run in runs] == [("coalescing",) * 2, ("none",) * 2]
    assert "'alone', 'with lease'" in sim("fleet", "--strategies", "locking", code=2).stderr
    for typed, meant in ("coalesing", "coalescing"), ("with laese", "with lease"):
        assert (f"there is no strategy '{typed}'; did you mean '{meant}'?"
                in sim("fleet", "--strategies", typed, code=2).stderr)
    assert [run["name"] for run in json.loads(sim(small, "--json").stdout)["runs"]] == ["coalescing"]


def test_trace_tells_one_key():
    told = sim("product-page", "--trace", "0").stdout
    assert told.startswith("key 0, none\n")
    assert "key 0, coalescing\n" in told
    lines = json.loads(sim("product-page", "--json", "--trace", "0").stdout)["runs"][1]["trace"]
    assert any("loading" in line for line in lines)
    assert "there is no key 1" in sim("product-page", "--trace", "1", code=2).stderr


# ------------------------------------------------------------------------------------ what is wrong


def test_a_wrong_scenario_has_every_problem(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("name: x\nduration: 5s\nnoodles: 3\nreaders: { rate: 10 }\n"
                    "route: { stale: 1s, jitter: 80% }\ndatabase: { mean: 100ms }\n"
                    "faults: [ { at: 9s, kind: store_down, for: 1s } ]\n")
    done = sim(str(path), code=1)
    assert done.stdout == ""
    found = re.findall(rf"^{re.escape(str(path))}:(\d+):(\d+): (.*)$", done.stderr, re.M)
    assert [(int(line), int(column)) for line, column, _ in found] == [
        (3, 1), (4, 18), (5, 10), (5, 29), (7, 17), (7, 27)]
    assert "did you mean 'nodes'" in found[0][2]
    assert "not available in this version" in found[2][2]


def test_a_missing_file_is_a_problem():
    assert "cannot be read" in sim("./not-there.yaml", code=1).stderr


@pytest.mark.parametrize("options, says", [
    ([], "which scenario?"),
    (["homepaeg"], "did you mean 'homepage'?"),
    (["fleet", "homepage"], "'homepage' is one argument too many"),
    (["fleet", "--seed", "x"], "--seed: 'x' is not a number"),
    (["fleet", "--nope"], "unknown option"),
    (["--list", "--seed", "1"], "--list runs nothing"),
])
def test_wrong_usage(options, says):
    done = sim(*options, code=2)
    assert says in done.stderr
    assert done.stdout == ""


def test_the_example_of_the_manual_runs(tmp_path):
    page = (pathlib.Path(__file__).parents[2] / "docs/man/corral-scenario.5").read_text()
    path = tmp_path / "manual.yaml"
    path.write_text(re.search(r"^\.Bd -literal.*?\n(.*?)^\.Ed", page, re.M | re.S).group(1))
    runs = json.loads(sim(str(path), "--json").stdout)["runs"]
    assert [run["name"] for run in runs] == ["alone", "with store"]


# ----------------------------------------------------------------------------------- what is printed


def test_list_and_show(tmp_path):
    assert [line.split()[0] for line in sim("--list").stdout.splitlines()] == READY
    assert [row["name"] for row in json.loads(sim("--list", "--json").stdout)] == READY
    path = tmp_path / "mine.yaml"
    path.write_text(sim("product-page", "--show").stdout)
    assert sim(str(path), "--json").stdout == sim("product-page", "--json").stdout


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_the_text_fits(locale):
    for name in READY:
        if locale == "C" and name not in ("product-page", "fleet", "spike"):
            continue
        text = sim(name, LC_ALL=locale).stdout
        assert max(map(len, text.splitlines())) <= 80
        assert "\033" not in text
        assert locale != "C" or text.isascii()


@pytest.mark.parametrize("name", ["product-page", "sick-database"])
def test_the_page_opens(name, tmp_path):
    path = tmp_path / "report.html"
    text = sim(name, "--report", str(path)).stdout
    page = path.read_text()
    root = ElementTree.fromstring(page)
    assert root.tag == "html"
    assert len(root.findall(".//svg")) >= 10
    cells = {cell.text for cell in root.iter("td")}
    for label in ("origin loads", "latency max"):
        row = re.search(rf"^{label} +(.*)$", text, re.M).group(1)
        assert set(re.split(r"  +", row.strip())) <= cells
    for outside in ("http:", "https:", "<script", "url(", "@import"):
        assert outside not in page


def test_a_page_that_cannot_be_written(tmp_path):
    assert "cannot write" in sim("product-page", "--report", str(tmp_path / "no" / "x"), code=1).stderr
