"""What the server answered, as frozen records. Statuses and outcomes are words of the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from jobmon_client.states import Outcome, TaskInstanceStatus, TaskStatus


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one report, and how things stand now; `body` is all that the server said.

    `sent_at`, where the sender keeps it, is when the report was first sent: seconds of CLOCK_BOOTTIME.
    """

    outcome: Outcome
    status: TaskInstanceStatus | None = None
    task_status: TaskStatus | None = None
    report_by: str | None = None
    task_instance_id: int | None = None
    position: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    sent_at: float | None = None

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Make it from the wire's object."""
        status, task_status = body.get("status"), body.get("task_status")
        return cls(
            outcome=Outcome(body["outcome"]),
            status=None if status is None else TaskInstanceStatus[status],
            task_status=None if task_status is None else TaskStatus[task_status],
            report_by=body.get("report_by"),
            task_instance_id=body.get("task_instance_id"),
            position=body.get("position"),
            body=body,
        )

    @property
    def commands(self) -> tuple[Mapping[str, Any], ...]:
        """What the server wants done: objects with `command_id`, `command`, `arguments`."""
        return tuple(self.body.get("commands") or ())


@dataclass(frozen=True, slots=True)
class BatchReply:
    """How many were applied, and an entry for each that was not, or that has something to be told."""

    applied: int
    outcomes: tuple[Reply, ...]

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Make it from the wire's object."""
        return cls(
            body.get("applied", 0), tuple(Reply.parse(outcome) for outcome in body.get("outcomes") or ())
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """The batches that this distributor now holds, and an entry for each instance that it does not get."""

    batches: tuple[Mapping[str, Any], ...]
    outcomes: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class CommandReply:
    """What became of a command that was asked for; it has an id if its instance will be told."""

    outcome: Outcome
    status: TaskInstanceStatus | None
    command_id: int | None

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Make it from the wire's object."""
        status = body.get("status")
        return cls(
            Outcome(body["outcome"]),
            None if status is None else TaskInstanceStatus[status],
            body.get("command_id"),
        )


@dataclass(frozen=True, slots=True)
class RunReply:
    """What became of an act on a workflow run or of an operator's act; `status` is that of what was acted on."""

    outcome: Outcome | None
    status: str
    body: Mapping[str, Any]


def run_reply(body: Mapping[str, Any]) -> RunReply:
    """Make a RunReply from the wire's object."""
    outcome = body.get("outcome")
    return RunReply(None if outcome is None else Outcome(outcome), body.get("status") or "", body)
