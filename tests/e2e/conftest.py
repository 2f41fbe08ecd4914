"""The command line on a fresh database of either kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Jobmon


@pytest.fixture
def jobmon(empty_database_url: str, tmp_path: Path) -> Iterator[Jobmon]:
    """`jobmon(…)`; when the test is over its embedded server has ended."""
    yield (command := Jobmon(tmp_path, empty_database_url))
    command.close()


@pytest.fixture
def sqlite_jobmon(tmp_path: Path) -> Iterator[Jobmon]:
    """The same where the kind of database makes no difference."""
    yield (command := Jobmon(tmp_path, f"sqlite:///{tmp_path / 'jobmon.db'}"))
    command.close()
