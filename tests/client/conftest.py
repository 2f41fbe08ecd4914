"""A scripted server, and an agent that reports to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobmon_client import config
from jobmon_client.worker.agent.agent import Agent
from tests.client.agents import Driven
from tests.client.scripted_server import ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def settings(server: ScriptedServer, tmp_path: Path) -> Callable[..., config.Settings]:
    """Make settings that point to the scripted server; keyword arguments are flags."""

    def make(**flags: Any) -> config.Settings:
        given = {"server_url": server.url, "data_dir": tmp_path, "concurrency": 4, "kill_grace": 5, **flags}
        return config.load(given, {"HOME": str(tmp_path)})

    return make


@pytest.fixture
def agent(
    server: ScriptedServer, settings: Callable[..., config.Settings]
) -> Iterator[Callable[..., Driven]]:
    """Start agents; keyword arguments are flags."""
    started: list[Agent] = []

    def start(*, spool_dir: Path | None = None, last_patience: float = 600, **flags: Any) -> Driven:
        driven = Driven(server, settings(**flags), spool_dir=spool_dir, last_patience=last_patience)
        started.append(driven.agent)
        driven.agent.start()
        return driven

    yield start
    for one in started:
        one.stop(patience=5)
    assert all(one.wait(15) for one in started)
