"""The keywords that make tasks, as types: what an editor completes and mypy checks.

The names and what is allowed are those of `definition.SHARED_FIELDS`; a test compares them (tests/client/test_public_names.py).
"""

from __future__ import annotations

import os
from typing import Any, Literal, TypedDict


class TaskDefaults(TypedDict, total=False):
    """Fields that a workflow may give to all of its tasks and that are none of its own."""

    array: str | None
    cluster: str | None
    queue: str | None
    requested_resources: dict[str, Any] | None
    max_attempts: int | None
    resource_scales: dict[str, Any] | None
    fallback_queues: list[str] | None
    priority: int | None


class TaskKeywords(TaskDefaults, total=False):
    """Every field of a task beside its name, its command and its upstreams; None stands for "not given"."""

    attributes: Any
    working_directory: str | os.PathLike[str] | None
    environment: dict[str, str] | None
    retry_delay: float | dict[str, float] | None
    lost_contact: Literal["continue", "stop"] | None
