"""Bodies that several routes take, those of the reports above all: each field as DESIGN §5 names it."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, validates_schema

from jobmon_client.states import FailureKind, Proof, TaskInstanceStatus
from jobmon_server.db.schema.columns import NAME_LENGTH, REASON_LENGTH
from jobmon_server.fsm.task_instance import ERROR_STATES, INFRASTRUCTURE_STATES
from jobmon_server.routes.fields.base import (
    LARGEST_RESULT,
    Attributes,
    ExactField,
    Flag,
    Id,
    Increment,
    Name,
    Result,
    Schema,
    Text,
    Whole,
    WordField,
)
from jobmon_server.routes.fields.metrics import AttemptAttributes, Label, Line, Metrics
from jobmon_server.routes.http.fast_load import Items

LARGEST_BATCH = 10_000
MOST_ACKNOWLEDGED = 1_000
LARGEST_LIMIT = 2**31 - 1
MOST_TASKS = 100_000


def error_state(**options: object) -> WordField[TaskInstanceStatus]:
    """Make the field that says how an instance failed."""
    return WordField(ERROR_STATES, **options)


class Deadline(Schema):
    """A report that moves a deadline."""

    next_report_increment = Increment(required=True)


class Why(Schema):
    """Why it is done."""

    reason = Text()


class ArrayLimit(Schema):
    """An array and how many of its tasks may be live at once; null for no limit."""

    name = ExactField(0, 255, required=True)
    max_concurrently_running = Whole(minimum=0, maximum=LARGEST_LIMIT, load_default=None, allow_none=True)


class WorkerReport(Schema):
    """What every worker says with every report."""

    worker_id = Name(required=True)


class Running(Deadline, WorkerReport):
    """The worker is about to start the command."""

    nodename = Text(required=True)
    process_group_id = Id(required=True)
    distributor_id = Name()
    stdout = Text()
    stderr = Text()


class Acknowledgement(Schema):
    """A command that its worker has, with what the worker made of it in words."""

    command_id = Id(required=True)
    result = Text(LARGEST_RESULT)


class Heartbeat(Deadline, WorkerReport):
    """The worker lives."""

    distributor_id = Name()
    stdout = Text()
    stderr = Text()
    metrics = Metrics()
    progress = Line(NAME_LENGTH)
    attributes = AttemptAttributes()
    acknowledged = Items(Acknowledgement, maximum=MOST_ACKNOWLEDGED)
    unkillable = Flag()


class Done(WorkerReport):
    """The command succeeded."""

    distributor_id = Name()
    nodename = Text()
    stdout = Text()
    stderr = Text()
    stdout_log = Text()
    stderr_log = Text()
    usage = Attributes()
    result = Result(allow_none=True)
    attributes = AttemptAttributes()


class Failure(Schema):
    """Whose failure it was, and which resource was short."""

    kind = WordField(FailureKind)
    resource = Name()

    @validates_schema(skip_on_field_errors=True)
    def goes_with_its_status(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse what says nothing of the status that is reported."""
        state = data.get("error_state", TaskInstanceStatus.UNKNOWN_ERROR)
        if data.get("kind") is FailureKind.INFRASTRUCTURE and state not in INFRASTRUCTURE_STATES:
            allowed = ", ".join(sorted(INFRASTRUCTURE_STATES))
            raise ValidationError(f"infrastructure goes with an error_state of: {allowed}", "kind")
        if "resource" in data and state is not TaskInstanceStatus.RESOURCE_ERROR:
            raise ValidationError("goes with the error_state RESOURCE_ERROR alone", "resource")


class WorkerError(Done, Failure):
    """The command failed, or was killed because it was told to stop."""

    error_state = error_state(required=True)
    error_description = Text(required=True)
    reason_code = Label(REASON_LENGTH)


class DistributorId(Deadline):
    """The cluster accepted an instance under this id."""

    distributor_id = Name(required=True)


class DistributorError(Schema):
    """What a distributor says of any failure."""

    error_message = Text(required=True)
    reason_code = Label(REASON_LENGTH)
    usage = Attributes()


class NoDistributorId(DistributorError):
    """The submission failed; `permanent`: and always would."""

    kind = WordField(FailureKind)
    permanent = Flag()

    @validates_schema(skip_on_field_errors=True)
    def one_of_both(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse to give an attempt back and never to try again."""
        if data.get("permanent") and data.get("kind") is FailureKind.INFRASTRUCTURE:
            raise ValidationError("does not go with the kind infrastructure", "permanent")


class KnownError(DistributorError, Failure):
    """The distributor knows how an instance ended; `proof`: and how it knows that nothing of it runs."""

    error_state = error_state(required=True)
    distributor_id = Name()
    nodename = Text()
    proof = WordField(Proof)


class UnknownError(KnownError):
    """The reconciler gives an instance up."""

    error_state = error_state()


#: The body of each report that is about one instance.
REPORT_BODIES: dict[str, type[Schema]] = {
    "log_running": Running,
    "log_report_by": Heartbeat,
    "log_done": Done,
    "log_error_worker_node": WorkerError,
    "log_distributor_id": DistributorId,
    "log_no_distributor_id": NoDistributorId,
    "log_known_error": KnownError,
    "log_unknown_error": UnknownError,
}
