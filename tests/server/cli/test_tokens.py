"""`jobmon-server token …`: a token is told once, and its digest alone is kept."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jobmon_client.states import Scope
from jobmon_server.db.admin.tokens import digest_of, find_token
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables_control import token
from tests.server.serving.test_serve import run


class Command:
    """`jobmon-server token …` on one database."""

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.url = url

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return run(self.home, "token", *arguments, JOBMON_DATABASE_URL=self.url)


@pytest.fixture
def command(tmp_path: Path, database_url: str) -> Command:
    """The command on a fresh database."""
    return Command(tmp_path, database_url)


def rows(database: Database) -> list[Any]:
    """What the database keeps of tokens."""
    return database.read(lambda connection: list(connection.execute(select(token))))


def test_a_token_is_told_once_and_only_its_digest_is_kept(command: Command, database: Database) -> None:
    made = command("create", "ann", "--scope", "worker", "--scope", "viewer", "--owner", "ann")
    text = made.stdout.strip()
    assert (made.returncode, made.stderr) == (0, "")
    assert len(text) == 46
    assert text.startswith("jm_")
    (row,) = rows(database)
    assert (row.name, row.scopes, row.owner, row.tenant) == ("ann", ["viewer", "worker"], "ann", None)
    assert row.digest == digest_of(text)
    assert text not in str(row)
    assert text[3:] not in command("list", "--json").stdout + command("list").stdout


def test_tokens_are_listed_without_what_opens_anything(command: Command, database: Database) -> None:
    command("create", "ann", "--scope", "operator", "--expires", "3600", "--owner-group", "physics")
    (listed,) = json.loads(command("list", "--json").stdout)
    assert (listed["name"], listed["scopes"], listed["owner_group"]) == ("ann", ["operator"], "physics")
    assert listed["expires_at"] > listed["created_at"]
    assert listed["created_at"].endswith("Z")
    assert "digest" not in listed
    line = command("list").stdout
    assert line.startswith("ann  scopes=operator  owner_group=physics  serve=own  created_at=")
    assert rows(database)[0].digest not in line


def test_a_revoked_token_stays_in_the_list_and_holds_no_longer(command: Command, database: Database) -> None:
    text = command("create", "ann", "--scope", "viewer").stdout.strip()
    assert command("revoke", "ann").stdout == "ann: revoked\n"
    assert command("revoke", "ann").stdout == "ann: was revoked before\n"
    known = database.read(find_token, digest_of(text))
    assert known is not None
    assert (known.is_revoked, known.principal.scopes) == (True, frozenset({Scope.VIEWER}))
    assert "revoked_at=" in command("list").stdout


def test_a_name_is_given_once(command: Command) -> None:
    command("create", "ann", "--scope", "viewer")
    command("revoke", "ann")
    again = command("create", "ann", "--scope", "operator")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "jobmon-server: There is, or was, a token ann already: choose another name.\n"


def test_to_revoke_what_never_was_is_refused(command: Command) -> None:
    refused = command("revoke", "bob")
    assert (refused.returncode, refused.stderr) == (1, "jobmon-server: There is no token bob.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("ann",),
        ("ann", "--scope", "everything"),
        ("", "--scope", "viewer"),
        ("x" * 256, "--scope", "viewer"),
        ("a\nb", "--scope", "viewer"),
        ("ann", "--scope", "viewer", "--owner", "a\x1bb"),
        ("ann", "--scope", "viewer", "--expires", "0"),
        ("ann", "--scope", "viewer", "--expires", "nan"),
        ("ann", "--scope", "viewer", "--expires", "1e12"),
    ],
)
def test_what_no_token_can_be_is_a_usage_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    refused = Command(tmp_path, f"sqlite:///{tmp_path}/jobmon.db")("create", *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")


def test_the_first_token_may_be_made_before_the_first_start(tmp_path: Path, empty_database_url: str) -> None:
    made = Command(tmp_path, empty_database_url)("create", "ann", "--scope", "operator")
    assert (made.returncode, made.stderr) == (0, "")
    database = Database.connect(empty_database_url)
    assert [row.name for row in rows(database)] == ["ann"]
    database.dispose()
