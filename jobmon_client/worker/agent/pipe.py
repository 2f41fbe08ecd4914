"""The agent's protocol with its parent: JSON lines, orders in on stdin, changes out on stdout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from jobmon_client.worker.agent.agent import Agent
from jobmon_client.worker.agent.changes import Change
from jobmon_client.worker.process.items import WorkItem

log = structlog.get_logger(__name__)


def follow(agent: Agent, lines: Iterable[str]) -> None:
    """Do what the lines say until they end, which means that the parent is gone: then finish what was accepted."""
    for line in lines:
        try:
            order = json.loads(line)
            obey(agent, order)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.error("order_not_understood", error=str(error))
    agent.finish()


def obey(agent: Agent, order: dict[str, Any]) -> None:
    """Do what one line says: `submit` items, `cancel` or `check` ids, `stop`; answer a `ping` from the agent's own thread."""
    if order.get("ping"):
        agent.answer(lambda: write({"pong": True}))
    if items := order.get("submit"):
        agent.submit(WorkItem.from_json(item) for item in items)
    if ids := order.get("cancel"):
        agent.cancel(ids)
    if ids := order.get("check"):
        agent.check(ids)
    if order.get("stop"):
        agent.stop()


def write_change(change: Change) -> None:
    """Write one line with the ids of what started and of what ended; a parent that is gone hears nothing."""
    write({"started": [job.id for job in change.started], "ended": [job.id for job in change.ended]})


def write(said: Mapping[str, Any]) -> None:
    """Write one line; called from the agent's thread alone."""
    try:
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        log.info("parent_gone")
        # What could not be written would be tried again at the end, and fail the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
