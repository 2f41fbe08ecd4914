"""64 writers on one workflow: no 5xx, `busy` included, no deadlock, and `db check` finds nothing afterwards."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
import requests

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.server.actions.storm import WRITERS, Storm
from tests.support.databases import MariadbSource, SqliteSource
from tests.support.mariadb import Mariadb
from tests.support.server import LiveServer, serve

pytestmark = pytest.mark.race

SECONDS = 10.0
LONG_SECONDS = 120.0


def deadlocks(server: Mariadb) -> int:
    """How many deadlocks MariaDB has seen since it was started."""
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
        ((_, number),) = cursor.fetchall()
        return int(number)


def last_deadlock(server: Mariadb) -> str:
    """What InnoDB says of the last one."""
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW ENGINE INNODB STATUS")
        ((_, _, text),) = cursor.fetchall()
        found = re.search(r"LATEST DETECTED DEADLOCK\n-+\n(.*?)\n-{10,}\nTRANSACTIONS", text, re.DOTALL)
        return found[1] if found else ""


def reruns_in(log: Path) -> Counter[tuple[str, str]]:
    """Which action the server ran again, and why."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if "transaction run again" in line]
    return Counter((line["action"], line["cause"]) for line in lines)


def reruns_at(server: LiveServer) -> int:
    """How many of them the server counts, all its processes together."""
    text = requests.get(f"{server.url}/metrics", headers=server.headers, timeout=10).text
    return int(
        sum(
            float(number)
            for number in re.findall(r"^jobmon_transaction_reruns\S* (\S+)$", text, re.MULTILINE)
        )
    )


def blow(database_url: str, tmp_path: Path, seconds: float) -> Counter[tuple[str, str]]:
    """Serve the database, storm it, judge; the re-runs by action and cause."""
    with serve(database_url, tmp_path, "--reaper-period", "0.2") as server:
        storm = Storm(server.url)
        storm.prepare()
        storm.blow(seconds)
        counted = reruns_at(server)
    reruns = reruns_in(server.log)
    assert counted == sum(reruns.values())
    calls = [storm.calls[number] for number in range(WRITERS)]
    heard = [f"{number:7} {what}" for what, number in sorted(storm.heard.items()) if number]
    told = f"{sum(calls)} calls in {seconds:g} s, {min(calls)} to {max(calls)} a writer"
    sys.stdout.write(f"\n{told}, the slowest {storm.slowest:.2f} s; re-runs: {dict(reruns)}\n")
    sys.stdout.write("\n".join(heard) + "\n")
    assert storm.wrong == []
    assert min(calls) > 0, "a writer was starved"
    database = Database.connect(database_url)
    assert database.read(check) == []
    database.dispose()
    return reruns


def storm_sqlite(source: SqliteSource, tmp_path: Path, seconds: float) -> None:
    with source.with_schema() as url:
        reruns = blow(url, tmp_path, seconds)
    assert {cause for _, cause in reruns} <= {"LostRace"}, reruns


def storm_mariadb(source: MariadbSource, server: Mariadb, tmp_path: Path, seconds: float) -> None:
    before = deadlocks(server)
    with source.with_schema() as url:
        reruns = blow(url, tmp_path, seconds)
    assert deadlocks(server) == before, last_deadlock(server)
    assert {cause for _, cause in reruns} <= {"LostRace"}, reruns


@pytest.mark.sqlite
@pytest.mark.timeout(SECONDS + 120)
def test_a_storm_on_sqlite(sqlite_source: SqliteSource, tmp_path: Path) -> None:
    storm_sqlite(sqlite_source, tmp_path, SECONDS)


@pytest.mark.mariadb
@pytest.mark.timeout(SECONDS + 120)
def test_a_storm_on_mariadb(mariadb_source: MariadbSource, mariadb_server: Mariadb, tmp_path: Path) -> None:
    storm_mariadb(mariadb_source, mariadb_server, tmp_path, SECONDS)


@pytest.mark.sqlite
@pytest.mark.long(sibling="tests/server/actions/test_storm.py::test_a_storm_on_sqlite")
@pytest.mark.timeout(LONG_SECONDS + 120)
def test_a_lasting_storm_on_sqlite(sqlite_source: SqliteSource, tmp_path: Path) -> None:
    storm_sqlite(sqlite_source, tmp_path, LONG_SECONDS)


@pytest.mark.mariadb
@pytest.mark.long(sibling="tests/server/actions/test_storm.py::test_a_storm_on_mariadb")
@pytest.mark.timeout(LONG_SECONDS + 120)
def test_a_lasting_storm_on_mariadb(
    mariadb_source: MariadbSource, mariadb_server: Mariadb, tmp_path: Path
) -> None:
    storm_mariadb(mariadb_source, mariadb_server, tmp_path, LONG_SECONDS)
