"""What operators may do against the tables and the graph: say how a task ended, and delete tasks."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import ValidationError

from jobmon_client.states import TaskStatus
from jobmon_server.actions.operator.acts import do_to_task
from jobmon_server.actions.operator.forced_status import Force
from jobmon_server.actions.operator.task_deletion import Delete, delete_task, delete_tasks
from jobmon_server.fsm.force import FORCED
from jobmon_server.routes.api.bulk_request import (
    DoneToTasks,
    OnTasks,
    OnTasksWhy,
    asked_for,
    done_reply,
    to_tasks,
)
from jobmon_server.routes.api.operator import Acted, acted
from jobmon_server.routes.fields.base import Flag, Schema, Text, WordField
from jobmon_server.routes.http.endpoint import actor, blueprint, database, post
from jobmon_server.routes.schemas.requests import Why

force = blueprint("force", "Acts against the tables and the graph: a status set by force, tasks deleted.")
REFUSALS = (409, 422, 503)
#: How many tasks are deleted in one call unless it says more.
MOST_DELETED = 10


class ForcedStatus(WordField[TaskStatus]):
    """A status that a task can be forced to."""

    def __init__(self, **options: Any) -> None:
        """Take those of `fsm.force`."""
        super().__init__(FORCED, **options)

    def check(self, value: Any) -> TaskStatus:
        """Say of any other how it is reached."""
        try:
            return super().check(value)
        except ValidationError as error:
            hint = "STOPPED, PAUSED and REGISTERING are reached by stop, pause and rerun"
            raise ValidationError(f"{error.messages[0]}; {hint}") from None


class ReasonText(Text):
    """Why it is done, in words."""

    def check(self, value: Any) -> str:
        """Take any but an empty one."""
        text = super().check(value)
        if not text.strip():
            raise ValidationError("must say why")
        return text


class ForceOne(Schema):
    """How the task is to have ended, and why."""

    status = ForcedStatus(required=True)
    reason = ReasonText(required=True)


class ForceMany(OnTasks, ForceOne):
    """The tasks, how they are to have ended, and why."""


class DeleteOne(Why):
    """Why; and whether to delete what others wait for, who then wait no more."""

    force = Flag(load_default=False)


class DeleteMany(OnTasksWhy, DeleteOne):
    """The tasks to delete; at most ten unless `max_limit` says otherwise."""


@post(force, "/task/<id:task_id>/force_status", body=ForceOne, reply=Acted)
def force_status(task_id: int, **facts: Any) -> Response:
    """Say how a task ended, together with its last instance, which must have ended; the journal says who, and why."""
    return acted(do_to_task(database(), task_id, Force(actor=actor(), **facts)))


@post(force, "/task/force_status", body=ForceMany, reply=DoneToTasks, refusals=REFUSALS)
def force_status_of_tasks(*, preview: bool, **body: Any) -> Response:
    """Say how many tasks ended; what of them still runs is refused."""
    asked = asked_for("task_ids", body)
    return to_tasks(asked, Force(actor=actor(), **body), preview=preview)


@post(force, "/task/<id:task_id>/delete", body=DeleteOne, reply=Acted)
def delete_one(task_id: int, *, force: bool, **why: Any) -> Response:
    """Delete a task with its attempts; not while one lives, nor, but by force, what others wait for."""
    return acted(delete_task(database(), task_id, Delete(force), actor=actor(), **why))


@post(force, "/task/delete", body=DeleteMany, reply=DoneToTasks, refusals=REFUSALS)
def delete_many(*, preview: bool, force: bool, **body: Any) -> Response:
    """Delete many tasks; what would leave others waiting for nothing is refused."""
    asked = asked_for("task_ids", body, MOST_DELETED)
    if preview:
        return to_tasks(asked, Delete(force), preview=True)
    return done_reply(delete_tasks(database(), asked, Delete(force), actor=actor(), **body))
