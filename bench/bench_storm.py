#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench_storm - 5,000 clients ask for one absent key at once; a query takes 100 ms.

Goals: exactly one query in every run, nobody without an answer, and the last client answered within
1.5 times the query's time. Client and server share the machine, so each run says how long the
client needed to send at all. The verdict is on the median of the runs.

    bench/bench_storm.py [--json]
"""
import json
import pathlib
import statistics
import subprocess
import sys

CORRAL = pathlib.Path(__file__).resolve().parent.parent / "build" / "corral"
CLIENTS, QUERY_MS, RUNS, GOAL = 5000, 100, 7, 1.5


def storm():
    out = subprocess.run([CORRAL, "storm", "--scenarios", "cold", "--strategies", "coalescing",
                          "--clients", str(CLIENTS), "--delay", f"{QUERY_MS}ms", "--json"],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out)["runs"][0]


def main():
    runs = [storm() for _ in range(RUNS)]
    last = [run["max_us"] / 1000 / QUERY_MS for run in runs]
    took = [run["took_us"] / 1000 / QUERY_MS for run in runs]
    figures = {
        "clients": CLIENTS,
        "queries": [run["origin_loads"] for run in runs],
        "unanswered or errors": sum(run["errors"] + run["unanswered"] for run in runs),
        "last client / query time": round(statistics.median(last), 2),
        "first request to last answer / query time": round(statistics.median(took), 2),
        "worst run, last client / query time": round(max(last), 2),
    }
    met = (all(n == 1 for n in figures["queries"]) and figures["unanswered or errors"] == 0
           and figures["last client / query time"] <= GOAL)
    if "--json" in sys.argv[1:]:
        print(json.dumps({**figures, "met": met}, indent=2))
    else:
        for name, figure in figures.items():
            print(f"{name:45} {figure}")
        print(f"one query, the last client within {GOAL}: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
