"""Wherever we may not write, and whatever directory is gone: one sentence that names it and a setting, exit 2 or 3."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.public_python import OTHER_USER, PublicPython
from tests.support.server import environment

CLIENT = ("{python}", "-c", "from jobmon_client.cli import main; main()")
SERVER = ("{python}", "-m", "jobmon_server")
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "status": (*CLIENT, "status"),
    "run": (*CLIENT, "run", "{definition}"),
    "distributor": (*CLIENT, "distributor", "--cluster", "dummy"),
    "spool list": (*CLIENT, "spool", "list"),
    "config show": (*CLIENT, "config", "show"),
    "serve": (*SERVER, "serve", "--port", "0"),
    "db check": (*SERVER, "db", "check"),
}
#: These look at no place that is missing.
NEEDS_NO_DATA = ("config show",)
NEEDS_LOGS = ("run", "distributor")
DEFINITION = "name: t\ntasks:\n  - {name: a, command: 'true'}\n"


@dataclass
class Spot:
    """Where a command is run: as an ordinary user, so that what may not be written is not."""

    directory: Path
    python: PublicPython
    variables: dict[str, str] = field(default_factory=dict)
    in_deleted_directory: bool = False
    is_full: bool = False

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run one of the commands for as long as it takes to fail, or to be seen to serve."""
        definition = self.directory / "t.yaml"
        definition.write_text(DEFINITION)
        command = [one.format(python=self.python.path, definition=definition) for one in COMMANDS[name]]
        gone = self.directory / "gone"
        # No file may have a byte: as on a full disk, for any user.
        full = "ulimit -f 0; " if self.is_full else ""
        prefix = ["/bin/sh", "-c", full + 'cd "$0" && { [ -z "$1" ] || rmdir "$0"; }; shift; exec "$@"']
        gone.mkdir(exist_ok=True)
        os.chown(gone, *self.user)
        os.chown(self.directory, *self.user)
        try:
            return subprocess.run(
                [*prefix, str(gone), "gone" if self.in_deleted_directory else "", *command],
                env=self.environment(),
                user=self.user[0],
                group=self.user[1],
                extra_groups=[],
                capture_output=True,
                text=True,
                timeout=55,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"it goes on: {late.stdout!r} {late.stderr!r}") from None

    def environment(self) -> dict[str, str]:
        """The variables of the commands: what is not among theirs is not set."""
        found = environment(**self.variables)
        kept = {name: value for name, value in found.items() if not name.startswith("XDG_")}
        return {**kept, **self.python.variables, **self.variables}

    @property
    def user(self) -> tuple[int, int]:
        """The user and the group of the commands."""
        return (OTHER_USER, OTHER_USER) if os.getuid() == 0 else (os.getuid(), os.getgid())


@pytest.fixture
def spot(public_python: PublicPython) -> Iterator[Spot]:
    # Not below pytest's own directory, which is for its user alone.
    directory = Path(os.path.realpath("/tmp")) / f"jobmon-spot-{os.getpid()}"  # noqa: S108 - made here
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o755)
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, directory, ignore_errors=True)
        yield Spot(directory, public_python, {"HOME": str(directory / "home")})


def locked(path: Path) -> Path:
    path.mkdir()
    path.chmod(0o555)
    return path


def a_file(path: Path) -> Path:
    path.write_text("")
    path.chmod(0o644)
    return path


MISSING = Path("/nonexistent/home")
HOMES: Mapping[str, Callable[[Path], Path]] = {
    "read-only": locked,
    "a file": a_file,
    "nonexistent": lambda _path: MISSING,
}
DIRECTORIES: Mapping[str, Callable[[Path], Path]] = {
    "read-only": locked,
    "a file": a_file,
    "not to be made": lambda path: locked(path) / "data",
}


def is_one_sentence(ended: subprocess.CompletedProcess[str]) -> bool:
    """Whether it ended with a sentence that names a setting, and with 2 or 3."""
    said = ended.stderr.strip()
    assert "Traceback" not in ended.stdout + ended.stderr, ended
    assert ended.returncode in {2, 3}, ended
    assert len(said.splitlines()) == 1, ended
    assert said.startswith(("jobmon: ", "jobmon-server: ")), ended
    return True


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in NEEDS_NO_DATA])
@pytest.mark.parametrize("home", HOMES)
def test_a_home_that_cannot_be_written_is_said_in_one_sentence(spot: Spot, home: str, command: str) -> None:
    place = HOMES[home](spot.directory / "home")
    spot.variables["HOME"] = str(place)
    ended = spot.run(command)
    assert is_one_sentence(ended)
    assert "JOBMON_DATA_DIR" in ended.stderr
    assert str(place) in ended.stderr


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in NEEDS_NO_DATA])
@pytest.mark.parametrize("kind", DIRECTORIES)
def test_a_data_directory_that_cannot_be_used_is_said_in_one_sentence(
    spot: Spot, kind: str, command: str
) -> None:
    place = DIRECTORIES[kind](spot.directory / "place")
    spot.variables["JOBMON_DATA_DIR"] = str(place)
    ended = spot.run(command)
    assert is_one_sentence(ended)
    assert "JOBMON_DATA_DIR" in ended.stderr


@pytest.mark.parametrize("command", NEEDS_LOGS)
@pytest.mark.parametrize("kind", DIRECTORIES)
def test_a_log_directory_that_cannot_be_used_is_said_before_anything_runs(
    spot: Spot, kind: str, command: str
) -> None:
    place = DIRECTORIES[kind](spot.directory / "place")
    spot.variables |= {"JOBMON_DATA_DIR": str(spot.directory / "data"), "JOBMON_LOG_DIR": str(place)}
    ended = spot.run(command)
    assert is_one_sentence(ended)
    assert "JOBMON_LOG_DIR" in ended.stderr


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in NEEDS_NO_DATA])
def test_a_full_disk_is_said_in_one_sentence(spot: Spot, command: str) -> None:
    spot.variables["JOBMON_DATA_DIR"] = str(spot.directory / "data")
    spot.is_full = True
    ended = spot.run(command)
    assert is_one_sentence(ended)
    assert str(spot.directory / "data") in ended.stderr or "JOBMON_DATA_DIR" in ended.stderr


@pytest.mark.parametrize("home", HOMES)
def test_with_a_data_directory_no_home_is_needed(spot: Spot, home: str) -> None:
    spot.variables |= {
        "HOME": str(HOMES[home](spot.directory / "home")),
        "JOBMON_DATA_DIR": str(spot.directory / "data"),
    }
    assert spot.run("status").returncode == 0
    assert spot.run("config show").returncode == 0


@pytest.mark.parametrize("command", ["status", "spool list", "config show", "run"])
def test_a_deleted_directory_is_no_reason_to_fail(spot: Spot, command: str) -> None:
    spot.variables["JOBMON_DATA_DIR"] = str(spot.directory / "data")
    spot.in_deleted_directory = True
    ended = spot.run(command)
    assert ended.returncode == 0, ended


@pytest.mark.parametrize("command", ["status", "config show", "serve", "db check"])
def test_a_relative_path_in_a_deleted_directory_is_said_in_one_sentence(spot: Spot, command: str) -> None:
    spot.variables["JOBMON_DATA_DIR"] = "data"
    spot.in_deleted_directory = True
    assert is_one_sentence(spot.run(command))


def test_a_missing_directory_for_temporary_files_is_no_reason_to_fail(spot: Spot) -> None:
    spot.variables |= {"JOBMON_DATA_DIR": str(spot.directory / "data"), "TMPDIR": "/nonexistent/tmp"}
    ended = spot.run("run")
    assert ended.returncode == 0, ended
