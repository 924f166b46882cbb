# SPDX-License-Identifier: Apache-2.0
"""What verbs print, and cannot get rid of.

Goal:   output that is lost is a problem, told on standard error, whatever the verb; a reader who has seen enough
        is none. Standard output without a descriptor is lost as well, but only if something is written to it.
        A page is whole, or what it was. The manual has each name of the JSON, and the help each option.
Method: the real binary (CORRAL_BIN) with standard output on /dev/full, on nothing, or on a pipe that nobody reads.
"""
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess

import pytest

from conftest import CORRAL, PATIENCE, ROOT, SANITIZER, run_corral

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


@pytest.fixture
def page(tmp_path):
    """A page of before, alone in its folder."""
    page = tmp_path / "pages" / "page.html"
    page.parent.mkdir()
    page.write_text("of before")
    return page


def only(page):
    """What is in the page, and that nothing is beside it."""
    assert list(page.parent.iterdir()) == [page]
    return page.read_text()


def test_a_simulation_that_is_killed_leaves_the_page_alone(page):
    """Its output is more than a pipe holds: who has read of it has the program before its end."""
    with subprocess.Popen([CORRAL, "sim", "product-page", "--json", "--report", str(page)],
                          stdout=subprocess.PIPE) as sim:
        sim.stdout.read(1)
        assert sim.poll() is None
        sim.kill()
    assert only(page) == "of before"


def test_a_storm_that_is_killed_leaves_the_page_alone(page):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with subprocess.Popen([CORRAL, "storm", "--clients", "1", "--report", str(page), url]) as storm:
            server.accept()[0].close()
            storm.kill()
    assert only(page) == "of before"


def test_a_page_that_does_not_fit_leaves_that_of_before(page):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    code, _, err = run_corral("sim", "product-page", "--report", page, restore_signals=False, preexec_fn=limit)
    assert code == 1 and told(err) == f"corral sim: cannot write {page}: File too large\n"
    assert only(page) == "of before"


def test_a_page_replaces_that_of_before(page):
    page.chmod(0o604)
    assert run_corral(*STORM, "--report", page)[0] == 0
    assert only(page).endswith("</html>\n")
    assert stat.S_IMODE(page.stat().st_mode) == 0o604


def test_a_new_page_has_the_mode_of_the_umask(page):
    page.unlink()
    assert run_corral(*STORM, "--report", page.name, cwd=page.parent, umask=0o027)[0] == 0
    assert only(page).endswith("</html>\n")
    assert stat.S_IMODE(page.stat().st_mode) == 0o640


@pytest.mark.parametrize("exists", [True, False])
def test_a_page_behind_a_link(page, tmp_path, exists):
    link = tmp_path / "link"
    link.symlink_to(page)
    if not exists:
        page.unlink()
    assert run_corral(*STORM, "--report", link)[0] == 0
    assert link.is_symlink() and only(page).endswith("</html>\n")


@pytest.mark.parametrize("to_file", [True, False], ids=["a file", "a pipe"])
def test_a_page_on_standard_output(page, to_file):
    """It comes after the text, of which nothing is lost."""
    command = [CORRAL, *STORM, "--report", "/dev/stdout"]
    if to_file:
        with page.open("w") as out:
            subprocess.run(command, stdout=out, check=True, timeout=PATIENCE)
        out = only(page)
    else:
        out = run_corral(*command[1:])[1]
    text, html = out.split("<!DOCTYPE html>")
    assert "coalescing" in text and html.endswith("</html>\n")


def test_no_page_can_be_there(page):
    """It is said before the work."""
    code, out, err = run_corral(*STORM, "--report", page.parent)
    assert (code, out, told(err)) == (1, "", f"corral storm: cannot write {page.parent}: Is a directory\n")
    assert only(page) == "of before"


# ------------------------------------------------------------------------------------------- the manual

def manual(verb, section):
    """A section of the manual of a verb."""
    page = (ROOT / "docs" / "man" / f"corral-{verb}.1").read_text()
    return re.split(r"^\.S[hs] ", page.split(f" {section}\n", 1)[1], maxsplit=1, flags=re.M)[0]


def names(value, before=""):
    """Of an object and of those within it: "a", "a.b". Lists of objects are told apart, and which errors there are
    is not known beforehand."""
    found = set()
    for name, below in value.items():
        found.add(before + name)
        if isinstance(below, dict) and name != "errors_by_kind":
            found |= names(below, before + name + ".")
    return found


@pytest.mark.parametrize("command", [["sim", "fleet", "--trace", "0"], STORM], ids=["sim", "storm"])
def test_the_manual_has_each_name_of_the_json(command):
    lists = manual(command[0], "JSON").split("\n.Bl ")[1:]
    told = [set(re.findall(r"[\w.]+", " ".join(re.findall(r"^\.It Ic (.*)$", text, re.M)))) for text in lists]
    result = json.loads(run_corral(*command, "--json")[1])
    assert told == [names(result), set().union(*map(names, result["runs"]))]


@pytest.mark.parametrize("verb", ["sim", "storm"])
def test_help_has_each_option_of_the_manual(verb):
    told = re.findall(r"^  (--[\w-]+)", run_corral(verb, "--help")[1], re.M)
    assert set(told) == {"-" + name for name in re.findall(r"^\.It Fl (-[\w-]+)", manual(verb, "OPTIONS"), re.M)}
