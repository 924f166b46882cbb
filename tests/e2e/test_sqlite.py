# SPDX-License-Identifier: Apache-2.0
"""corral serve over an SQLite file that others replace, write over and cut off.

Goal:   it serves what is in the file when it asks, keeps nothing old open, and lives.
Method: the real binary, and another process that has the database open too.
"""
import os
import pathlib
import subprocess
import sys

import pytest

from conftest import ROUTE, config_of, wait_for

ONE = "/template-details?id=1"

HOLD_OPEN = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(db.execute("SELECT count(*) FROM templates").fetchone()[0], flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("others", ["alone", "with another program"])
def test_a_shortened_shm_is_survived(serve, database, others):
    database.write("PRAGMA journal_mode = WAL")
    shm = database.path.with_name(database.path.name + "-shm")
    daemon = serve(config_of(database, {**ROUTE, "ttl": "0s"}))
    other = subprocess.Popen([sys.executable, "-c", HOLD_OPEN, database.path], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"100\n"
    if others == "alone":
        other.communicate()
    database.write("UPDATE templates SET name = 'in the WAL' WHERE id = 1")
    assert daemon.get(ONE).json()["name"] == "in the WAL"
    for _ in range(3):
        os.truncate(shm, 0)
        assert daemon.get(ONE).json()["name"] == "in the WAL"
    database.write("UPDATE templates SET name = 'after it' WHERE id = 1")
    assert daemon.get(ONE).json()["name"] == "after it"
    if others != "alone":
        other.communicate()
    assert other.returncode == 0


def deleted_files(daemon, folder):
    """What the daemon has open below the folder, and is no longer there. It may close files meanwhile."""
    found = []
    for file in pathlib.Path(f"/proc/{daemon.process.pid}/fd").iterdir():
        try:
            link = os.readlink(file)
        except FileNotFoundError:
            continue
        if link.endswith("(deleted)") and str(folder) in link:
            found.append(link)
    return found


def test_a_replaced_database_is_let_go(serve, database, tmp_path):
    daemon = serve(config_of(database, {**ROUTE, "ttl": "0s"}))
    assert daemon.get(ONE).json()["name"] == "name 1"
    fresh = type(database)(tmp_path / "fresh.db")
    fresh.write("UPDATE templates SET name = 'fresh' WHERE id = 1")
    os.replace(fresh.path, database.path)
    assert daemon.get(ONE).json()["name"] == "fresh"
    wait_for(lambda: not deleted_files(daemon, tmp_path), "the old file to be let go")


def test_a_database_that_is_overwritten_in_place(serve, database, tmp_path):
    daemon = serve(config_of(database, {**ROUTE, "ttl": "0s"}))
    assert daemon.get(ONE).json()["name"] == "name 1"
    other = type(database)(tmp_path / "other.db")  # made by the same steps, then the same size of change
    database.write("UPDATE templates SET name = 'name a' WHERE id = 1")
    other.write("UPDATE templates SET name = 'name b' WHERE id = 1")
    assert daemon.get(ONE).json()["name"] == "name a"
    database.path.write_bytes(other.path.read_bytes())
    assert daemon.get(ONE).json()["name"] == "name b"
