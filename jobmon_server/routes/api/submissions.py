"""What distributors hand to a cluster in one piece."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import ValidationError, fields

from jobmon_client.states import Outcome
from jobmon_server.actions.workflow import submissions as actions
from jobmon_server.db.instances import submissions as queries
from jobmon_server.routes.fields.base import Count, Id, ListOf, Name, Schema, Text, WordField
from jobmon_server.routes.http.endpoint import blueprint, get, post, reach, read, reply, transact
from jobmon_server.routes.schemas.paging import PageQuery, PageReply, paged, requested_page
from jobmon_server.routes.schemas.replies import FoundInstance
from jobmon_server.routes.schemas.requests import LARGEST_BATCH

submissions = blueprint("submissions", "Submissions: what was handed to a cluster in one piece.")


class PathName(Name):
    """A name that can stand in a path: 1 to 255 characters, no `/`."""

    def check(self, value: Any) -> str:
        """Take a name without a slash."""
        name = super().check(value)
        if "/" in name or name in {".", ".."}:
            raise ValidationError("may not contain a slash")
        return name


class NewSubmission(Schema):
    """A submission; steps are counted from 0 in the order of the instances."""

    submission_uuid = PathName(required=True)
    cluster = Name(required=True)
    distributor = Name(required=True)
    distributor_id = Name()
    task_instance_ids = ListOf(Id(), required=True, maximum=LARGEST_BATCH)


class ClusterNumber(Schema):
    """The cluster's own number of a submission."""

    distributor_id = Name(required=True)


class SubmissionReply(Schema):
    """What became of it; `remaining` submissions of the cluster were not removed."""

    outcome = WordField(Outcome, required=True)
    submission_uuid = Text(required=True)
    distributor_id = Text(required=True, allow_none=True)
    remaining = Count(required=True)


class SubmissionLine(Schema):
    """A submission."""

    submission_id = Id(required=True)
    submission_uuid = Text(required=True)
    cluster = Text(required=True)
    distributor = Text(required=True)
    distributor_id = Text(required=True, allow_none=True)
    created_at = fields.DateTime(required=True)
    removed_at = fields.DateTime(required=True, allow_none=True)


class SubmissionView(SubmissionLine):
    """A submission and its instances, in the order of their steps."""

    task_instance_ids = fields.List(Id(), required=True)


class Submissions(PageReply):
    """A page of a cluster's submissions; `by_distributor_id` gives the names of those whose number is known."""

    submissions = fields.List(fields.Nested(SubmissionLine), required=True)
    by_distributor_id = fields.Dict(keys=Text(), values=Text(), required=True)


class SubmissionQuery(PageQuery):
    """Of which cluster."""

    cluster = Name(required=True)


class ByNumber(ClusterNumber):
    """A cluster and its number of a submission."""

    cluster = Name(required=True)


@post(submissions, "/submission", body=NewSubmission, reply=SubmissionReply, success=(200, 201))
def register(**facts: Any) -> Response:
    """Register what is handed to a cluster in one piece, before or after its number is known."""
    verdict = transact(actions.register, reach=reach(), **facts)
    return reply(verdict, 201 if verdict.outcome is Outcome.APPLIED else 200)


@post(
    submissions, "/submission/<submission_uuid>/log_distributor_id", body=ClusterNumber, reply=SubmissionReply
)
def log_distributor_id(submission_uuid: str, distributor_id: str) -> Response:
    """Tell the cluster's number of a submission."""
    return reply(transact(actions.log_distributor_id, submission_uuid, distributor_id))


@post(submissions, "/submission/<submission_uuid>/remove", reply=SubmissionReply)
def remove(submission_uuid: str) -> Response:
    """Take a submission off the list; its instances stay as they are."""
    return reply(transact(actions.remove, submission_uuid))


@get(submissions, "/submission", query=SubmissionQuery, reply=Submissions, refusals=(503,))
def list_submissions(cluster: str, **place: Any) -> Response:
    """Submissions of a cluster that were not removed, by id."""
    page = requested_page(place)
    found = read(queries.of_cluster, cluster, page=page)
    known = {row["distributor_id"]: row["submission_uuid"] for row in found.rows if row["distributor_id"]}
    return paged("submissions", found, page, by_distributor_id=known)


@get(submissions, "/submission/<submission_uuid>", reply=SubmissionView)
def submission(submission_uuid: str) -> Response:
    """A submission and its instances, by the name that its distributor gave it."""
    return reply(read(actions.read, submission_uuid))


@get(submissions, "/submission_by_distributor_id", query=ByNumber, reply=SubmissionView)
def submission_by_distributor_id(cluster: str, distributor_id: str) -> Response:
    """The newest submission that a cluster knows by this number, and its instances."""
    return reply(read(actions.read, cluster=cluster, distributor_id=distributor_id))


@get(submissions, "/submission/<submission_uuid>/step/<index:step>", reply=FoundInstance)
def find_step(submission_uuid: str, step: int) -> Response:
    """The instance at a step: what a worker asks that knows no more than the submission's name."""
    return reply({"task_instance_id": read(actions.find_step, submission_uuid, step)})
