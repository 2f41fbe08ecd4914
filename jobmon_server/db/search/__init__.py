"""The query language: one for workflows, tasks and instances. Who selects by it uses what is named here."""

from __future__ import annotations

from jobmon_server.db.search.conditions import parse_condition
from jobmon_server.db.search.query import Condition, Entity, InvalidQuery, Operator, Query, ResultPage, Sort
from jobmon_server.db.search.statements import count, list_rows, select_ids, summarize

__all__ = [
    "Condition",
    "Entity",
    "InvalidQuery",
    "Operator",
    "Query",
    "ResultPage",
    "Sort",
    "count",
    "list_rows",
    "parse_condition",
    "select_ids",
    "summarize",
]
