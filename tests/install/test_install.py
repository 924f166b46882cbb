# SPDX-License-Identifier: Apache-2.0
"""What `make install` leaves is what a program needs.

Goal:   a program that knows nothing but `pkg-config corral` compiles, links and runs, with the shared
        library and with the static one; the library exports its interface and nothing else.
Method: the build (CORRAL_BUILD) is installed below an empty folder; compilers are pointed there.
"""
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.environ.get("CORRAL_BUILD", str(ROOT / "build"))
HEADER = (ROOT / "include/corral/corral.h").read_text()
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=900, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def functions():
    """The names of all functions of the interface."""
    return set(re.findall(r"^CORRAL_API [^;(]*?\b(corral_\w+)\(", HEADER, re.M))


class Tree:
    """An installed tree below a folder that is not the root."""

    def __init__(self, root):
        self.root = root
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root)
        self.pc = self.only("corral.pc")
        self.libraries = self.pc.parent.parent

    def only(self, name):
        found = [p for p in self.root.rglob(name) if p.is_file() and not p.is_symlink()]
        assert len(found) == 1, found
        return found[0]

    def flags(self, *options):
        env = {**os.environ, "PKG_CONFIG_PATH": str(self.pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(self.root)}
        return run("pkg-config", *options, "corral", env=env).split()

    def run(self, program):
        return run(program, env={**os.environ, "LD_LIBRARY_PATH": str(self.libraries)})


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return Tree(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
def static_tree(tmp_path_factory):
    """One without the shared library, so that the linker must take the other."""
    tree = Tree(tmp_path_factory.mktemp("static"))
    for path in tree.libraries.glob("libcorral.so*"):
        path.unlink()
    return tree


def test_pkg_config_looks_where_it_is_installed(tree):
    """Below the prefix, which is the builder's choice."""
    prefix = re.search(r"^prefix=(.*)$", tree.pc.read_text(), re.M)[1]
    folder = "/" + str(tree.pc.parent.relative_to(tree.root))
    looked = run("pkg-config", "--variable=pc_path", "pkg-config").strip().split(":")
    assert any(path.endswith(folder[len(prefix):]) for path in looked), (folder, looked)


def needed(program):
    return re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", program))


@pytest.mark.parametrize("example", ["embed", "async"])
def test_an_example_with_the_shared_library(tree, tmp_path, example):
    program = tmp_path / example
    run("cc", "-std=c99", *STRICT, tree.only(example + ".c"), *tree.flags("--cflags", "--libs"), "-pthread",
        "-o", program)
    assert "libcorral.so.1" in needed(program)
    tree.run(program)


def test_an_example_with_the_static_library(static_tree, tmp_path):
    program = tmp_path / "embed"
    run("cc", "-std=c99", *STRICT, static_tree.only("embed.c"), *static_tree.flags("--static", "--cflags", "--libs"),
        "-pthread", "-o", program)
    assert not [name for name in needed(program) if "corral" in name]
    run(program)


def test_the_header_alone_is_c99(tree):
    run("cc", "-std=c99", *STRICT, "-fsyntax-only", *tree.flags("--cflags"), "-xc", "-",
        input="#include <corral/corral.h>\n#include <corral/corral.h>\nextern int nothing;\n")


def test_a_program_in_cpp(tree, tmp_path):
    program = tmp_path / "plus"
    source = tmp_path / "plus.cpp"
    source.write_text("""#include <corral/corral.h>
int main()
{
    corral_cache *cache = nullptr;
    corral_options options = {};
    options.size = sizeof options;
    options.memory_bytes = 1 << 20;
    if (corral_open(&options, &cache) < 0)
        return 1;
    return corral_strerror(CORRAL_EKEY)[0] != 't' || corral_close(cache) != CORRAL_OK;
}
""")
    run("g++", "-std=c++11", *STRICT, source, *tree.flags("--cflags", "--libs"), "-o", program)
    tree.run(program)


def test_the_library_exports_its_interface_and_nothing_else(tree):
    library = tree.only("libcorral.so.*")
    exported = {line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()}
    assert len(exported) > 20
    assert exported == functions()


def test_the_version_is_one(tree):
    version = tree.flags("--modversion")[0]
    assert run(tree.only("corral"), "--version") == f"corral {version}\n"
    assert re.search(rf"^## \[{re.escape(version)}\]", (ROOT / "CHANGELOG.md").read_text(), re.M)


def test_the_manual_is_there_under_each_name(tree):
    page = tree.only("libcorral.3")
    for function in functions():
        assert (page.parent / (function + ".3")).resolve() == page.resolve(), function
    for name in ["corral.1", "corral-sim.1", "corral-storm.1", "corral-scenario.5", "corral.yaml.5",
                 "demo.yaml", "store-outage.yaml"]:
        tree.only(name)


def test_the_sources_are_not_installed_over():
    for prefix, word in ((ROOT, "sources"), ("relative", "slash")):
        done = subprocess.run([ROOT / "tools/install"], env={**os.environ, "PREFIX": str(prefix)},
                              capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert word in done.stderr
    assert (ROOT / "include/corral/corral.h").is_file()


def test_the_scenarios_are_where_the_manual_says(tree):
    """Whatever the prefix is."""
    (place,) = re.findall(r"^\.It Pa (\S*scenarios)$", tree.only("corral-sim.1").read_text(), re.M)
    assert not place.startswith("/") and tree.only("store-outage.yaml").parent.match(place)
