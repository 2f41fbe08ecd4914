"""An environment of a peer is kept by the hash of its lock."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.peers import environment
from bench.peers.environment import install, place


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environment, "HOME", tmp_path / "home")
    return tmp_path / "home"


def test_the_same_lock_is_the_same_folder_in_whatever_order_it_is_written(home: Path) -> None:
    folder = place("peer", ["a==1", "b==2"])
    assert folder == place("peer", ["b==2", "a==1"])
    assert folder.parent == home
    assert folder.name.startswith("peer-")


def test_another_requirement_is_another_folder() -> None:
    locks = [["a==1"], ["a==2"], ["a==1", "b==2"], ["a==1b==2"], []]
    assert len({place("peer", lock) for lock in locks}) == len(locks)


def test_what_is_complete_is_used_as_it_is_and_a_changed_lock_is_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = place("peer", ["a==1"])
    made.mkdir(parents=True)
    (made / "complete").touch()
    monkeypatch.setattr(environment, "INSTALL_SECONDS", 0)
    assert install("peer", ["a==1"]) == made / "bin"
    with pytest.raises(subprocess.TimeoutExpired, match="venv"):
        install("peer", ["a==2"])
    assert install("peer", ["a==1"]) == made / "bin"
