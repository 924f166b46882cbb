# SPDX-License-Identifier: Apache-2.0
"""What verbs print, and cannot get rid of.

Goal:   output that is lost is a problem, told on standard error, whatever the verb; a reader who has seen enough
        is none. Standard output without a descriptor is lost as well, but only if something is written to it.
Method: the real binary (CORRAL_BIN) with standard output on /dev/full, on nothing, or on a pipe that nobody reads.
"""
import os
import signal
import subprocess

import pytest

from conftest import CORRAL, PATIENCE, SANITIZER, run_corral

STORM = ["storm", "--clients", "5", "--scenarios", "cold", "--delay", "1ms"]
PRINTING = {
    "help": ["--help"],
    "version": ["--version"],
    "help of a verb": ["serve", "--help"],
    "check, no problems": ["check", "GOOD"],
    "check, problems": ["check", "BAD"],
    "list of scenarios": ["sim", "--list"],
    "list in JSON": ["sim", "--list", "--json"],
    "show": ["sim", "--show", "fleet"],
    "sim": ["sim", "product-page"],
    "sim in JSON": ["sim", "product-page", "--json"],
    "trace": ["sim", "product-page", "--trace", "0"],
    "storm": STORM,
    "storm in JSON": [*STORM, "--json"],
}


@pytest.fixture(params=PRINTING)
def verb(request, tmp_path):
    """The words of a command line that prints something."""
    files = {"GOOD": "origins: [ { name: a, sqlite: a } ]\nroutes: [ { path: /x, origin: a, query: SELECT 1 } ]\n",
             "BAD": "lisen: here\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return [str(tmp_path / word) if word in files else word for word in PRINTING[request.param]]


def told(err):
    """What corral says; a sanitizer adds which of libh2o's leaks it overlooked."""
    return "".join(line for line in err.splitlines(keepends=True) if line.startswith("corral"))


def run_to(stdout, command, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True,
                          timeout=PATIENCE, **more)
    assert not SANITIZER.search(done.stderr), done.stderr
    return done.returncode, told(done.stderr)


def test_a_full_disk(verb):
    with open("/dev/full", "w") as full:
        code, err = run_to(full, [CORRAL, *verb])
    assert (code, err) == (1, "corral: cannot write to standard output: No space left on device\n")


def test_no_standard_output(verb):
    code, err = run_to(None, ["sh", "-c", 'exec "$0" "$@" >&-', CORRAL, *verb])
    assert (code, err) == (1, "corral: cannot write to standard output: Bad file descriptor\n")


def test_no_standard_output_and_none_needed():
    code, err = run_to(None, ["sh", "-c", 'exec "$0" sim --wat >&-', CORRAL])
    assert code == 2 and "standard output" not in err


@pytest.mark.parametrize("signals, expected", [(True, -signal.SIGPIPE), (False, 1)],
                         ids=["as usual", "SIGPIPE ignored"])
def test_nobody_reads_any_more(verb, signals, expected):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        code, err = run_to(writing, [CORRAL, *verb], restore_signals=signals)
    finally:
        os.close(writing)
    assert (code, err) == (expected, "")


@pytest.mark.parametrize("command", [["sim", "product-page"], STORM], ids=["sim", "storm"])
def test_a_page_on_a_full_disk(command):
    code, out, err = run_corral(*command, "--report", "/dev/full")
    assert code == 1 and "coalescing" in out
    assert told(err) == f"corral {command[0]}: cannot write /dev/full: No space left on device\n"


def test_wrong_usage_leaves_the_page_alone(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("of before")
    assert run_corral("storm", "--report", page, "http://192.0.2.1/")[0] == 2
    assert run_corral("sim", "fleet", "--report", page, "--strategies", "wat")[0] == 2
    assert page.read_text() == "of before"
