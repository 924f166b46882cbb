#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench_hitratio.py - read real traces, and give each to bench_hitratio.

    bench/bench_hitratio.py [--json] TRACE ...

What a trace is follows from the beginning of its name; it may be packed (.gz, .xz, .zst). These are formats
of public collections:

    arc-         text: first block, number of blocks, ...           (ARC's)
    cache2k-     keys of 32 bits, big-endian                        (caffeine's)
    corda-       keys of 64 bits, big-endian                        (caffeine's)
    adapt_size-  text: time, key, size                              (caffeine's)
    others       text: a key, and a size or nothing

For each trace: hits where 1, 5 and 10 % of all objects fit in; then budgets from 256 KiB to 8 MiB, of which
none may have fewer hits than a smaller one.
"""
import gzip
import lzma
import os
import pathlib
import struct
import subprocess
import sys

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "build" / "bench" / "bench_hitratio"
STEPS_REQUESTS_MAX = 1_000_000  # of a longer trace, the steps would take minutes


def unpacked(path):
    if path.endswith(".gz"):
        return gzip.open(path).read()
    if path.endswith(".xz"):
        return lzma.open(path).read()
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-dc", path], stdout=subprocess.PIPE, check=True).stdout
    return pathlib.Path(path).read_bytes()


def numbers(data, form, size):
    return [f"{key} 1" for (key,) in struct.iter_unpack(form, data[:len(data) // size * size])]


def requests(path):
    """The requests of a trace, one a line: key and size."""
    name, data = os.path.basename(path), unpacked(path)
    if name.startswith("cache2k-"):
        return numbers(data, ">i", 4)
    if name.startswith("corda-"):
        return numbers(data, ">q", 8)
    rows = [line.split() for line in data.decode().splitlines() if line.strip()]
    if name.startswith("arc-"):
        return [f"{key} 1" for row in rows for key in range(int(row[0]), int(row[0]) + int(row[1]))]
    if name.startswith("adapt_size-"):
        return [f"{row[1]}_{row[2]} {row[2]}" for row in rows]
    return [f"{row[0]} {row[1] if len(row) > 1 else 1}" for row in rows]


def main():
    options = [word for word in sys.argv[1:] if word == "--json"]
    paths = sys.argv[1 + len(options):]
    if not paths or any(path.startswith("-") for path in paths):
        print("usage: bench_hitratio.py [--json] TRACE ...", file=sys.stderr)
        return 2
    failed = False
    for path in paths:
        lines = requests(path)
        name, text = os.path.basename(path).split(".")[0], "\n".join(lines).encode()
        for mode in [[], ["--steps"]] if len(lines) <= STEPS_REQUESTS_MAX else [[]]:
            failed |= subprocess.run([PROGRAM, *options, *mode, name], input=text, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
