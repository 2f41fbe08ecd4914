"""`jobmon-server bench`: it measures on what is empty, and leaves it empty; how fast is no matter here."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url

from jobmon_client.states import Scope
from jobmon_server.app import create_app
from jobmon_server.bench.table import table
from jobmon_server.bench.target import empty_database
from jobmon_server.cli import main
from jobmon_server.db.core.transaction import Database
from jobmon_server.errors import Refused
from tests.support.server import LiveServer, environment, serve
from tests.support.waiting import eventually

ALWAYS = {
    *("bind", "queue", "claim", "launch", "reports_1000", "heartbeats_1000", "lists"),
    *(f"{what}_{clients}" for what in ("reports", "reads", "heartbeats", "claims") for clients in (1, 3)),
}
BARE = {"bare_1", "bare_3", "bare_hundred_1"}


def bench(*arguments: str, home: Path, seconds: str = "0.05") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "jobmon_server",
            "bench",
            "--seconds",
            seconds,
            "--clients",
            "1,3",
            *arguments,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(XDG_DATA_HOME=str(home), XDG_CONFIG_HOME=str(home)),
    )


def holds(url: str) -> list[str]:
    """What is in the database; on SQLite also the files in its directory."""
    parsed = make_url(url)
    folder = Path(parsed.database or "").parent
    files = [file.name for file in folder.iterdir()] if parsed.get_backend_name() == "sqlite" else []
    if parsed.get_backend_name() == "sqlite" and not files:
        return []
    engine = create_engine(url)
    try:
        inspector = inspect(engine)
        return [*files, *inspector.get_table_names(), *inspector.get_view_names()]
    finally:
        engine.dispose()


def test_an_empty_database_is_measured_and_is_empty_again(empty_database_url: str, tmp_path: Path) -> None:
    done = bench("--database-url", empty_database_url, "--workers", "1", "--json", home=tmp_path)
    told, said = done.communicate(timeout=50)
    assert done.returncode == 0, said
    found = json.loads(told)
    is_sqlite = empty_database_url.startswith("sqlite")
    assert set(found["figures"]) == ALWAYS | (set() if is_sqlite else BARE)
    assert {one["errors"] for one in found["figures"].values()} == {0}
    assert all(one["per_second"] > 0 for one in found["figures"].values())
    assert found["server"] == {"workers": 1, "threads": 16}
    assert ("journal_mode" if is_sqlite else "innodb_flush_log_at_trx_commit") in found["database"]
    assert holds(empty_database_url) == []
    assert list(tmp_path.rglob("*.server")) == []
    page = table(found)
    assert page.count("\n| single reports |") == 2
    assert ("driver alone, a transaction each" in page) is not is_sqlite


def test_a_server_that_runs_is_measured_and_keeps_what_it_had(
    live_server: LiveServer, tmp_path: Path
) -> None:
    kept = requests.post(
        f"{live_server.url}/api/v1/workflow", json={"name": "mine"}, headers=live_server.headers, timeout=10
    ).json()
    done = bench("--server", live_server.url, "--token", live_server.token, home=tmp_path)
    told, said = done.communicate(timeout=50)
    assert done.returncode == 0, said
    assert "| single reports | 3 |" in told
    assert "driver alone," not in told
    left = requests.get(f"{live_server.url}/api/v1/workflow", headers=live_server.headers, timeout=10).json()[
        "workflows"
    ]
    assert [one["workflow_id"] for one in left] == [kept["workflow_id"]]


def test_a_server_with_tokens_is_measured_with_one(database_url: str, tmp_path: Path) -> None:
    command = ["token", "create", "me", "--scope", Scope.OPERATOR.value, "--database-url", database_url]
    token = CliRunner().invoke(main, command).stdout.strip()
    with serve(database_url, tmp_path, "--auth") as server:
        done = bench("--server", server.url, "--token", token, home=tmp_path)
        _, said = done.communicate(timeout=50)
        assert done.returncode == 0, said
        refused = bench("--server", server.url, home=tmp_path)
        _, said = refused.communicate(timeout=50)
        assert (refused.returncode, "401" in said) == (1, True), said


def test_a_database_that_holds_anything_is_refused(database_url: str) -> None:
    before = holds(database_url)
    refused = CliRunner().invoke(main, ["bench", "--database-url", database_url])
    assert refused.exit_code == 3, refused.output
    assert holds(database_url) == before


def test_a_database_that_holds_a_view_is_refused(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE VIEW seen AS SELECT 1 AS one"))
    engine.dispose()
    assert CliRunner().invoke(main, ["bench", "--database-url", empty_database_url]).exit_code == 3
    assert "seen" in holds(empty_database_url)


def used_by_others(url: str) -> None:
    with empty_database(url, "bench"):
        database = Database.connect(url)
        made = create_app(database).test_client().post("/api/v1/workflow", json={"name": "theirs"})
        assert made.status_code == 201
        database.dispose()


def test_a_database_that_others_came_to_use_is_left_alone(empty_database_url: str) -> None:
    with pytest.raises(Refused, match="Somebody else"):
        used_by_others(empty_database_url)
    assert {"workflow", "v_workflow"} <= set(holds(empty_database_url))


def test_a_bench_that_is_told_to_end_leaves_nothing(empty_database_url: str, tmp_path: Path) -> None:
    done = bench("--database-url", empty_database_url, home=tmp_path, seconds="20")
    eventually(lambda: "workflow" in holds(empty_database_url), 30, what="the schema is made")
    done.send_signal(signal.SIGTERM)
    done.communicate(timeout=50)
    assert done.returncode == 143
    assert holds(empty_database_url) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "one of the two"),
        (["--database-url", "sqlite:///x", "--server", "http://127.0.0.1:1"], 2, "one of the two"),
        (["--database-url", "mysql+pymysql://root@127.0.0.1/"], 3, "Name the database too"),
        (["--database-url", "sqlite://"], 2, "name a file"),
        (["--database-url", "sqlite:///:memory:"], 2, "name a file"),
        (["--database-url", "postgresql://x/y"], 2, "database_url"),
        (["--server", "http://127.0.0.1:1"], 2, "does not answer"),
        (["--server", "https://example.org"], 2, "server: must be"),
        (["--clients", "0"], 2, "--clients"),
        (["--clients", "1,257"], 2, "--clients"),
        (["--seconds", "61"], 2, "--seconds"),
    ],
)
def test_what_is_not_named_in_full_is_refused(arguments: list[str], code: int, words: str) -> None:
    own = {"JOBMON_DATABASE_URL": "sqlite:////tmp/jobmon-bench-must-not-take-this.db"}
    refused = CliRunner().invoke(main, ["bench", *arguments], env=own)
    assert (refused.exit_code, words in refused.output) == (code, True), refused.output
