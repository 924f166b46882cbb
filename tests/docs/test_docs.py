# SPDX-License-Identifier: Apache-2.0
"""The documentation is true where a program can tell.

Goal:   snippets are parts of files that are compiled and run; what is named exists; nothing of the
        interface is left out of its manual.
Method: the texts are read and compared with the sources.
"""
import pathlib
import re
import textwrap

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = (ROOT / "include/corral/corral.h").read_text()
MANUAL = (ROOT / "docs/man/libcorral.3").read_text()
TEXTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TEXT_NAMES = [str(path.relative_to(ROOT)) for path in TEXTS]


def read(name):
    return (ROOT / name).read_text()


def is_part_of(snippet, text):
    """Is the snippet a verbatim part of the text, at any of its depths?"""
    flat = textwrap.dedent(snippet).strip("\n") + "\n"
    return any(textwrap.indent(flat, " " * depth) in text for depth in (0, 2, 4, 8))


@pytest.mark.parametrize("language, source", [("c", "examples/embed.c"), ("yaml", "examples/demo.yaml")])
def test_snippets_of_the_readme_are_parts_of_the_examples(language, source):
    found = re.findall(rf"^```{language}\n(.*?)^```", read("README.md"), re.M | re.S)
    assert found
    for snippet in found:
        assert is_part_of(snippet, read(source)), snippet


def test_commands_of_the_readme_are_as_they_are_typed():
    """From the tree that was just built; the program is in no folder where a shell looks."""
    typed = re.findall(r"(?:^|`|^\$ )((?:build/)?corral (?:storm|sim|serve|check)\b.*)", read("README.md"), re.M)
    told = [line for line in typed if not line.startswith("corral storm:")]  # what the program says
    assert len(told) > 5
    assert [line for line in told if not line.startswith("build/")] == []


def test_snippets_of_the_manual_are_parts_of_the_example():
    section = MANUAL.split(".Sh EXAMPLES\n")[1].split(".Sh ")[0]
    found = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", section, re.M | re.S)
    assert found
    for snippet in found:
        assert is_part_of(snippet.replace("\\e", "\\"), read("examples/embed.c")), snippet


def header_names():
    code = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.S)
    names = set(re.findall(r"\b(corral_\w+)\(", code))
    names |= {"CORRAL_" + n for n in re.findall(r"^    X\(([A-Z]+),", HEADER, re.M)}
    for body in re.findall(r"^struct \w+ \{\n(.*?)^\};", code, re.M | re.S):
        names |= set(re.findall(r"(\w+);", body))
    return {n for n in names if not n.startswith("private_")}


@pytest.mark.parametrize("name", sorted(header_names()))
def test_the_manual_leaves_nothing_out(name):
    assert re.search(rf"\b{name}\b", MANUAL)


@pytest.mark.parametrize("name", TEXT_NAMES)
def test_links_lead_somewhere(name):
    text = re.sub(r"^```.*?^```", "", read(name), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not re.match(r"[a-z]+:", target):
            assert ((ROOT / name).parent / target).exists(), target


@pytest.mark.parametrize("name", TEXT_NAMES)
def test_files_that_are_named_exist(name):
    for path in re.findall(r"`((?:src|tests|docs|examples|include|bench|tools)/[\w./-]+)`", read(name)):
        assert (ROOT / path).exists(), path


def test_the_promises_name_tests_that_exist():
    """Tests are named as `folder/file.c: function`; each is a function of that file that is run."""
    named = re.findall(r"`((?:\w+/)+\w+\.c): (\w+)`", read("docs/promises.md"))
    assert len(named) > 20
    for path, function in named:
        text = read("tests/" + path)
        assert re.search(rf"^static void {function}\(void \*\*state\)", text, re.M), (path, function)
        assert re.search(rf"\b\w+\({function}[,)]", text), (path, function)


def test_the_architecture_knows_the_whole_core():
    """Each state of a flight, each event and each action is named."""
    core, text = read("src/core/core.h"), read("docs/architecture.md")
    states = re.search(r"define CRL_FLIGHT_STATES\(X\)(.*?)\n\n", read("src/core/flight.h"), re.S)[1]
    events = re.search(r"^enum crl_event_kind \{(.*?)^\};", core, re.M | re.S)[1]
    actions = re.search(r"^enum crl_action_kind \{(.*?)^\};", core, re.M | re.S)[1]
    names = re.findall(r"X\(([A-Z_]+),", states) + re.findall(r"^    CRL_(\w+),", events + actions, re.M)
    assert len(names) > 15
    for name in names:
        assert re.search(rf"\b{name}\b", text), name
