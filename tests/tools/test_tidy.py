# SPDX-License-Identifier: Apache-2.0
"""tools/tidy can see.

Goal:   each rule finds what it is there to find, names the place, and lets pass what is right.
Method: a small tree that keeps all rules; one thing is spoiled at a time.
"""
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIDY = ROOT / "tools" / "tidy"
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"


def header(guard, body, includes=""):
    return f"{SPDX}#ifndef {guard}\n#define {guard}\n\n{includes}{body}\n#endif\n"


GOOD = {
    "include/corral/corral.h": header("CORRAL_CORRAL_H", "int corral_get(int key);\n"),
    "src/base/bytes.h": header("CRL_BASE_BYTES_H", "int crl_bytes_sum(int a, int b);\n"),
    "src/base/bytes.c": SPDX + '#include "base/bytes.h"\n\n#include <string.h>\n\n'
    "static int sum(int a, int b)\n{\n    return a + b;\n}\n\n"
    "int crl_bytes_sum(int a, int b)\n{\n    return sum(a, b);\n}\n",
    "src/core/machine.h": header("CRL_CORE_MACHINE_H", "int crl_turn_end(int turn);\n", '#include "base/bytes.h"\n\n'),
    "src/core/flight.h": header("CRL_CORE_FLIGHT_H", "int crl_flight(void);\n"),
    "src/core/flight.c": SPDX + '#include "core/machine.h"\n\n#include "core/flight.h"\n\n'
    "int crl_turn_end(int turn)\n{\n    return turn;\n}\n\nint crl_flight(void)\n{\n    return crl_turn_end(1);\n}\n",
    "src/io/clock.h": header("CRL_IO_CLOCK_H", "long crl_now(void);\n", "#include <time.h>\n\n"),
    "src/lib/get.c": SPDX + "#include <corral/corral.h>\n\n#include <pthread.h>\n\n"
    "int corral_get(int key)\n{\n    return key;\n}\n",
    "src/sim/script.h": header("CRL_SIM_SCRIPT_H", "int sim_run(void);\n"),
    "src/sim/script.c": SPDX + '#include "sim/script.h"\n\n#include "sim/world/fleet.h"\n\n'
    "int sim_run(void)\n{\n    return fleet_turn();\n}\n",
    "src/sim/world/fleet.h": header("CRL_SIM_WORLD_FLEET_H", "int fleet_turn(void);\n"),
    "src/sim/world/fleet.c": SPDX + '#include "sim/world/fleet.h"\n\nint fleet_turn(void)\n{\n    return 0;\n}\n',
    "tests/unit/test_bytes.c": SPDX + '#include "base/bytes.h"\n\nint main(void)\n{\n    return 0;\n}\n',
    "tools/verb": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\ntrue\n",
    "docs/man/corral.1": ".Dd November 1, 2026\n.Dt CORRAL 1\n.Os\n.Sh NAME\n.Nm corral\n.Nd a cache\n",
    "README.md": "# Corral\n",
}


def grow(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / ".clang-format").write_text((ROOT / ".clang-format").read_text())


def tidy(root, *arguments):
    done = subprocess.run([sys.executable, str(TIDY), "--root", str(root), *arguments],
                          capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout + done.stderr


def change(name, old, new):
    assert old in GOOD[name]
    return {name: GOOD[name].replace(old, new, 1)}


LONG = "    if (a)\n        b++;\n" * 40

# name: (what is spoiled, the start of the line that says so)
SPOILT = {
    "an arrow upwards": (change("src/base/bytes.c", "#include <string.h>", '#include "core/flight.h"'),
                         "src/base/bytes.c:4: arrows: src/base may not include core/flight.h"),
    "the world in the core": (change("src/core/flight.c",
        '"core/flight.h"\n', '"core/flight.h"\n\n#include <time.h>\n'),
                              "src/core/flight.c:6: arrows: src/core may not include <time.h>"),
    "threads in base": (change("src/base/bytes.c", "<string.h>", "<pthread.h>"), "src/base/bytes.c:4: arrows:"),
    "sys/ in base": (change("src/base/bytes.c", "<string.h>", "<sys/stat.h>"), "src/base/bytes.c:4: arrows:"),
    "libuv in the core": (change("src/core/flight.h", "int crl", "#include <uv.h>\n\nint crl"),
                          "src/core/flight.h:5: arrows:"),
    "a private header elsewhere": (change("src/lib/get.c", "<pthread.h>", '"core/machine.h"'),
                                   "src/lib/get.c:4: arrows: core/machine.h is private"),
    "a private folder elsewhere": (change("src/lib/get.c", "<pthread.h>", '"sim/world/fleet.h"'),
                                   "src/lib/get.c:4: arrows: sim/world/fleet.h is private"),
    "a circle": (change("src/sim/world/fleet.c", "\nint", '\n#include "sim/script.h"\n\nint'),
                 "src/sim/script.c:4: circles: a circle of includes: sim/script, sim/world/fleet"),
    "a folder without a law": ({"src/extra/x.h": header("CRL_EXTRA_X_H", "int crl_x;\n")},
                               "src/extra/x.h:1: arrows: src/extra/ has no row"),
    "an include without its folder": (change("src/base/bytes.c", '"base/bytes.h"', '"bytes.h"'),
                                      "src/base/bytes.c:2: arrows:"),
    "a header that needs another": (change("src/base/bytes.h", "int a", "size_t a"),
                                    "src/base/bytes.h:5: alone: does not compile alone as C:"),
    "no C99 in the public header": (change("include/corral/corral.h", "int corral_get",
        "_Static_assert(1, \"\");\nint corral_get"),
                                    "include/corral/corral.h:5: alone: does not compile alone as C99:"),
    "no C++ in the public header": (change("include/corral/corral.h", "int key", "int class"),
                                    "include/corral/corral.h:5: alone: does not compile alone as C++:"),
    "a guard of another name": (change("src/io/clock.h", "ifndef CRL_IO_CLOCK_H", "ifndef CLOCK_H"),
                                "src/io/clock.h:2: guard: the guard should be #ifndef CRL_IO_CLOCK_H"),
    "no guard": ({"src/io/clock.h": SPDX + "long crl_now(void);\n"}, "src/io/clock.h:2: guard:"),
    "another header first": (change("src/base/bytes.c", '#include "base/bytes.h"\n\n#include <string.h>',
                                    '#include <string.h>\n\n#include "base/bytes.h"'),
                             "src/base/bytes.c:2: own-header:"),
    "no licence line": (change("src/lib/get.c", SPDX, ""), "src/lib/get.c:1: spdx:"),
    "no licence line in a script": (change("tools/verb", "# SPDX-License-Identifier: Apache-2.0\n", ""),
                                    "tools/verb:1: spdx:"),
    "a long file": (change("src/base/bytes.c", "\nint", "\n" + "int crl_n;\n" * 800 + "int"),
                    "src/base/bytes.c:801: size: "),
    "a long function": (change("src/base/bytes.c", "    return a + b;\n", LONG + "    return a + b;\n"),
                        "src/base/bytes.c:6: size: sum() has 84 lines"),
    "a long line": (change("src/base/bytes.c", "    return a + b;", "    return a + b; /* " + "x" * 90 + " */"),
                    "src/base/bytes.c:8: size: "),
    "a prefix on what is static": (change("src/base/bytes.c", "static int sum", "static int crl_sum"),
                                   "src/base/bytes.c:6: names: crl_sum() is static"),
    "no prefix on what is not": (change("src/base/bytes.c", "static int sum", "int sum"),
                                 "src/base/bytes.c:6: names: sum() is not static"),
    "no prefix on what the archive shares": (
        {"src/core/machine.h": header("CRL_CORE_MACHINE_H", "int turn_end(int turn);\n", '#include "base/bytes.h"\n\n'),
         "src/core/flight.c": GOOD["src/core/flight.c"].replace("crl_turn_end", "turn_end")},
        "src/core/flight.c:6: names: turn_end() is not static"),
    "an attribute does not hide it": (change("src/base/bytes.c", "static int sum", "__attribute__((cold)) int sum"),
                                      "src/base/bytes.c:6: names: sum() is not static"),
    "a public name that is not": (change("src/lib/get.c", "int corral_get", "int corral_got"),
                                  "src/lib/get.c:6: names: corral_got() has the public prefix"),
    "a pointer as a condition": (change("src/io/clock.h", "long crl_now(void);",
        "static inline long crl_at(const long *at)\n{\n    return at ? *at : 0;\n}\n"),
        "src/io/clock.h:9: null: at is a pointer"),
    "a pointer with a '!'": (change("src/io/clock.h", "long crl_now(void);",
        "struct crl_at {\n    const long *at;\n};\n\nstatic inline int crl_is_at(struct crl_at at)\n"
        "{\n    return !at.at;\n}\n"),
        "src/io/clock.h:13: null: at.at is a pointer"),
    "another format": (change("src/base/bytes.c", "    return a + b;",
        "  return a+b;"), "src/base/bytes.c:7: format:"),
    "a tab": (change("src/base/bytes.c", "/* SPDX", "/*\tSPDX"), "src/base/bytes.c:1: text: a tab"),
    "a space at the end of code": (change("src/io/clock.h", "crl_now(void);", "crl_now(void); "),
                                   "src/io/clock.h:7: text: a space at the end"),
    "somebody's home": (change("README.md", "# Corral", "see /ho" "me/me/corral"), "README.md:1: text: a path"),
    "a note to oneself": (change("README.md", "# Corral", "TO" "DO: write"), "README.md:1: text: a note"),
    "talk about the work": (change("README.md", "# Corral", "the sub" "agents say"), "README.md:1: text: a word"),
    "a manual page": (change("docs/man/corral.1", ".Nm corral", ".Nx corral\n.Xy"), "docs/man/corral.1:6: manual:"),
}


def test_the_good_tree_passes(tmp_path):
    grow(tmp_path, GOOD)
    code, out = tidy(tmp_path)
    assert (code, out.count("\n")) == (0, 1), out


@pytest.mark.parametrize("name", SPOILT)
def test_sees(name, tmp_path):
    files, said = SPOILT[name]
    grow(tmp_path, {**GOOD, **files})
    code, out = tidy(tmp_path)
    assert code == 1, out
    assert any(line.startswith(said) for line in out.splitlines()), out


def test_a_comment_and_a_string_are_not_code(tmp_path):
    text = GOOD["src/base/bytes.c"].replace("return a + b;", 'return a + b + (int)sizeof "}\\"{"; /* } */')
    grow(tmp_path, {**GOOD, "src/base/bytes.c": text})
    assert tidy(tmp_path)[0] == 0


def test_one_rule_alone(tmp_path):
    grow(tmp_path, {**GOOD, **SPOILT["a tab"][0]})
    assert tidy(tmp_path, "arrows")[0] == 0
    assert tidy(tmp_path, "text")[0] == 1
    assert tidy(tmp_path, "no-such-rule")[0] == 2


def test_fix_wraps_comments_and_formats(tmp_path):
    wide = "/* crl_now - the time, " + "as precise as it comes, " * 5 + "from the clock. */\n"
    rule = "/* " + "-" * 100 + " clocks */\n\n"
    grow(tmp_path, {**GOOD, "src/io/clock.h": header("CRL_IO_CLOCK_H", rule + wide + "long   crl_now(void);\n")})
    assert tidy(tmp_path)[0] == 1
    code, out = tidy(tmp_path, "--fix")
    assert code == 0, out
    fixed = (tmp_path / "src/io/clock.h").read_text()
    assert " ".join(wide[3:-3].split()) in re.sub(r"[\s*]+", " ", fixed)
    assert max(map(len, fixed.splitlines())) == 100
