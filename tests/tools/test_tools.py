# SPDX-License-Identifier: Apache-2.0
"""run-tests, run-fuzz, run-bench, demo and setup.

Goal:   a test that fails, is missing or never ends can't be counted as passed; what a newcomer runs first works.
Method: the parsers of run-tests as functions; the scripts in a copy of the tree with stand-ins for programs.
"""
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run_tests():
    loader = importlib.machinery.SourceFileLoader("run_tests", str(ROOT / "tools" / "run-tests"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_tests", loader))
    loader.exec_module(module)
    return module


# name: (what a program printed, its exit code, the results)
TAP = {
    "passed": ("1..2\nok 1 - a\nok 2 - b\n", 0, ["passed", "passed"]),
    "failed": ("1..2\nok 1 - a\nnot ok 2 - b\n", 1, ["passed", "failed"]),
    "skipped": ("1..2\nok 1 - a # SKIP no Redis\nnot ok 2 # SKIP b\n", 0, ["skipped", "skipped"]),
    "died before the end": ("1..3\nok 1 - a\n", -6, ["passed", "failed"]),
    "ended early and content": ("1..3\nok 1 - a\n", 0, ["passed", "failed"]),
    "died after the end": ("1..1\nok 1 - a\n", 1, ["passed", "failed"]),
    "died before the beginning": ("", -11, ["failed"]),
}


@pytest.mark.parametrize("name", TAP)
def test_tap(run_tests, name):
    text, code, results = TAP[name]
    assert [case.result for case in run_tests.tap_cases("t", text, code)] == results


def test_tap_keeps_what_was_said_before(run_tests):
    cases = run_tests.tap_cases("t", "1..2\nquiet\nok 1 - a\nloud\nnot ok 2 - b\n", 1)
    assert "loud" in cases[1].output and "quiet" not in cases[1].output


def test_junit(run_tests, tmp_path):
    file = tmp_path / "junit.xml"
    file.write_text('<testsuites><testsuite><testcase classname="c" name="a"/>'
                    '<testcase classname="c" name="b"><failure message="m">why</failure>'
                    '<system-out>said</system-out></testcase>'
                    '<testcase classname="c" name="d"><error>no fixture</error></testcase>'
                    '<testcase classname="c" name="e"><skipped message="no"/></testcase></testsuite></testsuites>')
    cases = run_tests.junit_cases(file)
    assert [case.result for case in cases] == ["passed", "failed", "failed", "skipped"]
    assert "why" in cases[1].output and "said" in cases[1].output


@pytest.mark.parametrize("cases, failed", [([], 1), ([("a", "skipped", "")], 1), ([("a", "passed", "")], 0)])
def test_a_suite_without_a_test_has_failed(run_tests, monkeypatch, cases, failed):
    def suite(_):
        """a suite"""
        return [run_tests.Case(*case) for case in cases]
    monkeypatch.setitem(run_tests.SUITES, "tidy", suite)
    assert run_tests.run_suite(None, "tidy")["failed"] == failed


def test_what_runs_too_long_has_failed_and_is_ended(run_tests, tmp_path):
    runner = run_tests.Runner(tmp_path)
    code, out = runner.run("sh", "-c", f"echo begun; sleep 1000 & echo $! >{tmp_path}/child; wait", limit=0.5)
    assert code == 1 and "begun" in out and "ended after" in out
    assert_gone(int((tmp_path / "child").read_text()))


def test_what_works_too_long_is_ended_wherever_it_runs(run_tests, tmp_path):
    """The shell that waits for it has worked for a moment only, and goes on."""
    runner = run_tests.Runner(tmp_path)
    code, out = runner.run("sh", "-c", "(while :; do :; done); echo $?", cpu_limit=1)
    assert (code, out.split()[-1]) == (0, str(128 + signal.SIGXCPU))


def test_what_sleeps_takes_no_processor_time(run_tests, tmp_path):
    assert run_tests.Runner(tmp_path).run("sleep", "1.2", cpu_limit=1) == (0, "")


def test_meson_tells_what_worked_too_long(run_tests, tmp_path):
    log = tmp_path / "testlog.json"
    log.write_text(json.dumps({"name": "s / t", "result": "FAIL", "stdout": "1..2\nok 1 - a\n", "stderr": "",
                               "returncode": -signal.SIGXCPU}) + "\n")
    case = run_tests.meson_cases(log)[-1]
    assert case.result == "failed" and "processor time" in case.output


def test_what_is_left_behind_is_ended(run_tests, tmp_path):
    runner = run_tests.Runner(tmp_path)
    code, out = runner.run("sh", "-c", "sleep 1000 & echo $!")
    assert code == 0
    assert_gone(int(out))


def assert_gone(pid):
    """Killed; who reaps it may take a moment."""
    for _ in range(30000):
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} is still there")


# -------------------------------------------------------------------------------------- the scripts


@pytest.fixture
def tree(tmp_path):
    """The scripts, and a program that only says how it was called."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("*.db"))
    stand_in(tmp_path / "build" / "corral", 'echo "corral $*"')
    return tmp_path


def stand_in(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(0o755)


def run(*command, **env):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=600,
                          env={**os.environ, **env})
    return done.returncode, done.stdout, done.stderr


def demo_at(tree, form="{key}: 127.0.0.1:{port}", **ports):
    """The demonstration at these ports; at others that are free if none is named. `form` is how an address is
    written."""
    file = tree / "examples" / "demo.yaml"
    text = file.read_text()
    for key, port in {"listen": free_port(), "admin": free_port(), **ports}.items():
        text = re.sub(rf"^{key}: 127.0.0.1:\d+", form.format(key=key, port=port), text, flags=re.M)
    file.write_text(text)
    return run(tree / "tools" / "demo")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def test_demo_is_where_the_manual_says(tree):
    """As it is delivered; whether those ports are free here is another matter."""
    stand_in(tree / "bin" / "curl", "exit 7")
    code, out, err = run(tree / "tools" / "demo", PATH=f"{tree / 'bin'}:{os.environ['PATH']}")
    assert (code, err) == (0, "")
    assert out.count("127.0.0.1:8080") == 3  # three commands to try


@pytest.mark.parametrize("key", ["listen", "admin"])
@pytest.mark.parametrize("silent", [True, False], ids=["silent", "closes"])
def test_demo_says_first_that_a_port_is_taken(tree, key, silent):
    """Whoever listens there, and whatever it says."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        if not silent:
            threading.Thread(target=lambda: holder.accept()[0].close(), daemon=True).start()
        code, out, err = demo_at(tree, **{key: port})
    assert (code, out) == (1, "")
    assert f"127.0.0.1:{port} is taken" in err and f"sport = :{port}" in err and f"'{key}'" in err


FORMS = {
    "a name": ("{key}: localhost:{port}", "localhost"),
    "in quotes": ('{key}: "127.0.0.1:{port}"', "127.0.0.1"),
    "in single quotes": ("{key}:   '127.0.0.1:{port}'", "127.0.0.1"),
    "a key in quotes": ('"{key}" : 127.0.0.1:{port}', "127.0.0.1"),
}


@pytest.mark.parametrize("form, host", FORMS.values(), ids=FORMS)
def test_demo_reads_an_address_however_it_is_written(tree, form, host):
    port = free_port()
    code, out, err = demo_at(tree, form, listen=port)
    assert (code, err) == (0, "")
    assert out.count(f"{host}:{port}/") == 3 and "8080" not in out


@pytest.mark.parametrize("form, host", FORMS.values(), ids=FORMS)
def test_demo_sees_a_taken_port_however_it_is_written(tree, form, host):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        code, out, err = demo_at(tree, form, admin=port)
    assert (code, out) == (1, "") and f"{host}:{port} is taken" in err


def test_demo_of_six(tree):
    port = free_port()
    assert demo_at(tree, "{key}: '[::1]:{port}'", listen=port)[1].count(f"[::1]:{port}/") == 3


@pytest.mark.parametrize("form", ["{key}: ${{ADDRESS}}", "{key}: &here 127.0.0.1:{port}", "{key}: 127.0.0.1:0"])
def test_demo_does_not_guess_an_address(tree, form):
    code, out, _ = demo_at(tree, form)
    assert code == 0 and out.count("http://HOST:PORT/") == 3


def test_demo_without_addresses_is_at_the_usual_ones(tree):
    stand_in(tree / "bin" / "curl", "exit 7")
    file = tree / "examples" / "demo.yaml"
    file.write_text(re.sub(r"^(listen|admin): .*\n", "", file.read_text(), flags=re.M))
    code, out, _ = run(tree / "tools" / "demo", PATH=f"{tree / 'bin'}:{os.environ['PATH']}")
    assert code == 0 and out.count("127.0.0.1:8080") == 3


def test_demo_makes_a_database_once_and_serves(tree):
    code, out, err = demo_at(tree)
    assert (code, err) == (0, "")
    assert out.endswith("corral serve --config examples/demo.yaml\n")
    file = tree / "examples" / "demo.db"
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT count(*), min(id), max(id) FROM templates").fetchone() == (100, 1, 100)
        db.execute("UPDATE templates SET name = 'mine' WHERE id = 1")
    db.close()
    assert demo_at(tree)[0] == 0
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT name FROM templates WHERE id = 1").fetchone() == ("mine",)
    db.close()
    assert sorted(p.name for p in file.parent.glob("demo.db*")) == ["demo.db"]


def test_demo_databases_are_all_the_same(tree):
    texts = []
    for _ in range(2):
        assert demo_at(tree)[0] == 0
        db = sqlite3.connect(tree / "examples" / "demo.db")
        texts.append("\n".join(db.iterdump()))
        db.close()
        (tree / "examples" / "demo.db").unlink()
    assert texts[0] == texts[1]


def run_setup(tree, *arguments, installed="", user="1000", architectures=1, update=0):
    """tools/setup where only these packages are installed; apt-get says what it is asked."""
    commands = tree / "bin"
    stand_in(commands / "dpkg-query", f"""for p; do case $p in -f=*) form=${{p#-f=}};; esac; done
        line=$(printf %s "$form" | sed 's/[$]{{.*}}/installed/')
        case " {installed} " in *" $p "*) for i in $(seq {architectures}); do printf "$line"; done;; esac""")
    stand_in(commands / "id", f"echo {user}")
    stand_in(commands / "apt-get", f'echo "apt-get $*"; [ "$1" != update ] || exit {update}')
    return run(tree / "tools" / "setup", *arguments, PATH=f"{commands}:{os.environ['PATH']}")


def test_setup_says_what_is_missing(tree):
    code, out, err = run_setup(tree, "build", installed="gcc make")
    assert (code, out) == (1, "")
    assert "sudo apt-get install" in err and " meson " in err and " gcc " not in err and " make " not in err


@pytest.mark.parametrize("update", [0, 100])
def test_setup_installs_what_is_missing_and_no_more(tree, update):
    if not os.path.exists("/usr/sbin/policy-rc.d"):
        pytest.skip("as root it would put a file into /usr/sbin")
    code, out, _ = run_setup(tree, "build", installed="gcc make", user="0", update=update)
    assert code == 0
    assert " meson " in out and " clang" not in out


@pytest.mark.parametrize("architectures", [1, 2])
def test_setup_has_nothing_to_do(tree, architectures):
    every = run_setup(tree, "bench")[2].split("--no-install-recommends")[1]
    done = run_setup(tree, "bench", installed=" ".join(every.split()), architectures=architectures)
    assert done == (0, "", "")


def test_setup_wrong_usage(tree):
    assert run_setup(tree)[0] == run_setup(tree, "everything")[0] == 2


def test_run_bench_lists_and_refuses(tree):
    code, out, _ = run(tree / "tools" / "run-bench", "--list")
    names = {line.split(":")[0] for line in out.splitlines()}
    assert code == 0 and names == {"table", "hitratio", "pauses", "misses", "large", "http", "storm", "sim"}
    code, _, err = run(tree / "tools" / "run-bench", "nothing")
    assert code == 2 and "no benchmark 'nothing'" in err


def test_run_bench_says_that_a_trace_is_not_there(tree, tmp_path):
    (tmp_path / "good.trace").write_text("")
    for traces in (["/no/such.trace"], [tmp_path / "good.trace", "/no/such.trace"]):
        code, _, err = run(tree / "tools" / "run-bench", "hitratio", *traces)
        assert code == 2 and "there is no file '/no/such.trace'" in err


def test_run_pytest_finds_it_or_skips(tmp_path):
    code, out, _ = run(ROOT / "tests" / "run-pytest", PATH=str(tmp_path))
    assert code == 77 and "not installed" in out
    stand_in(tmp_path / "pytest", 'echo "pytest $*"')
    assert run(ROOT / "tests" / "run-pytest", "a b", PATH=str(tmp_path)) == (0, "pytest a b\n", "")


@pytest.mark.parametrize("command", ["make", "tools/run-bench", "tools/run-fuzz"])
def test_a_build_that_fails_says_why(tree, command):
    shutil.copy(ROOT / "Makefile", tree)
    stand_in(tree / "tools" / "setup", "exit 0")
    stand_in(tree / "bin" / "meson", "echo no such compiler; exit 1")
    program = ["make", "-C", tree] if command == "make" else [tree / command]
    code, _, err = run(*program, PATH=f"{tree / 'bin'}:{os.environ['PATH']}")
    assert code != 0 and "no such compiler" in err and "Traceback" not in err


def test_run_fuzz_without_targets_fails(tree):
    code, out, _ = run(sys.executable, tree / "tools" / "run-fuzz", "--no-build")
    assert code == 1 and "no fuzz targets" in out


@pytest.mark.parametrize("ends, code", [("exit 0", 0), ("echo ERROR: libFuzzer; exit 77", 1)])
def test_run_fuzz_reports(tree, ends, code):
    stand_in(tree / "build-clang" / "tests" / "fuzz" / "fuzz_thing", ends)
    done, out, _ = run(sys.executable, tree / "tools" / "run-fuzz", "--no-build", "--each", "1")
    assert done == code
    assert out.endswith(f"{1 - code} passed, {code} failed\n")
    assert ("ERROR: libFuzzer" in out) == bool(code)
