"""What lists, counts and summaries reply: a row has the fields that were asked for, each of one kind."""

from __future__ import annotations

from functools import cache
from typing import Any

from marshmallow import fields

from jobmon_client.states import TaskStatus
from jobmon_server.db.search import Entity
from jobmon_server.db.search.fields import FIELDS, Field
from jobmon_server.db.search.related import NESTED
from jobmon_server.routes.fields.base import Count, Flag, Id, Schema, Text, Whole, WordField, made
from jobmon_server.routes.schemas.resources import counts


def _shown(field: Field) -> fields.Field[Any]:
    """Make the documented field of a field of the query language."""
    null = field.nullable
    plain: dict[str, Any] = {
        "number": Whole,
        "text": Text,
        "time": fields.DateTime,
        "flag": Flag,
        "real": fields.Float,
        "document": fields.Raw,
    }
    if field.kind.name == "status":
        return WordField(field.kind.words, allow_none=null)
    made: fields.Field[Any] = plain[field.kind.name](allow_none=null)
    return made


def _nested() -> type[Schema]:
    known = FIELDS[Entity.TASK]
    return made(
        "NestedTask", Schema, task_id=Id(required=True), **{name: _shown(known[name]) for name in NESTED}
    )


def _row(entity: Entity) -> type[Schema]:
    shown: dict[str, Any] = {field.name: _shown(field) for field in FIELDS[entity].values()}
    if entity is Entity.WORKFLOW:
        shown |= {
            "tasks": counts(TaskStatus, required=False),
            "task_list": fields.List(fields.Nested(_nested())),
        }
    return made(f"{_title(entity)}Row", Schema, **shown)


def _title(entity: Entity) -> str:
    return "".join(word.title() for word in entity.split("_"))


ROWS: dict[Entity, type[Schema]] = {entity: _row(entity) for entity in Entity}


@cache
def page(entity: Entity) -> type[Schema]:
    """Make the schema of a page: `next` is the cursor of the one after it, `limit` what was clamped to."""
    return made(
        f"{_title(entity)}Page",
        Schema,
        **{f"{entity}s": fields.List(fields.Nested(ROWS[entity]), required=True)},
        next=Text(required=True, allow_none=True),
        total=Count(maximum=2**63 - 1, required=True, allow_none=True),
        limit=Count(required=True),
    )


class Counted(Schema):
    """How many there are."""

    count = Count(maximum=2**63 - 1, required=True)


def groups(entity: Entity) -> type[Schema]:
    """Make the schema of a summary: for each combination the fields that were asked for, and how many have it."""
    known = {field.name: _shown(field) for field in FIELDS[entity].values() if field.kind.is_groupable}
    group = made(f"{_title(entity)}Group", Schema, **known, count=Count(maximum=2**63 - 1, required=True))
    return made(
        f"{_title(entity)}Summary",
        Schema,
        groups=fields.List(fields.Nested(group), required=True),
        total=Count(maximum=2**63 - 1, required=True),
    )
