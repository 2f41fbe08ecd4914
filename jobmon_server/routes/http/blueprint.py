"""Routes that say what they are for: their words are kept as they were written, and made a document when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import flask

View = Callable[..., flask.Response]
Describe = Callable[[], dict[str, Any]]


class Operation(NamedTuple):
    """One method of one path; `describe` tells its parameters, body and replies in the words of OpenAPI."""

    endpoint: str
    rule: str
    method: str
    view: View
    describe: Describe


class Blueprint(flask.Blueprint):
    """Flask's, which remembers how each of its routes describes itself."""

    def __init__(self, name: str, import_name: str, *, url_prefix: str, description: str) -> None:
        """Have no routes yet; `description` heads them in the document."""
        super().__init__(name, import_name, url_prefix=url_prefix)
        self.description = description
        self.operations: list[Operation] = []

    def operate(self, rule: str, method: str, view: View, describe: Describe) -> View:
        """Route one method of one path, a view as often as is wanted, and return the view."""
        endpoint = view.__name__
        if any(endpoint == known.endpoint for known in self.operations):
            endpoint = f"{endpoint}_{len(self.operations)}"
        self.operations.append(Operation(endpoint, rule, method, view, describe))
        self.add_url_rule(rule, endpoint, view, methods=[method])
        return view
