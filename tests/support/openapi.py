"""A caller that holds every reply of the application against its OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from jsonschema import FormatChecker
from openapi_schema_validator import OAS30Validator
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from jobmon_server.routes import BLUEPRINTS
from jobmon_server.routes.http.endpoint import encode
from jobmon_server.routes.http.openapi import describe

PREFIX = "/api/v1"
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
FORMATS = FormatChecker(())


@FORMATS.checks("date-time")
def is_instant(value: object) -> bool:
    """RFC 3339 in UTC, with microseconds."""
    return not isinstance(value, str) or INSTANT.fullmatch(value) is not None


class Contract:
    """The document of one application, by route."""

    def __init__(self, app: Flask, document: dict[str, Any]) -> None:
        self.document = document
        self._routes = app.url_map.bind("localhost")
        self._schemas = document["components"]["schemas"]
        self._validators: dict[tuple[str, str, str], OAS30Validator] = {}

    def problems(self, response: TestResponse) -> Iterator[str]:
        """What in a reply the document does not say."""
        method, path = response.request.method.lower(), response.request.path
        template = self._template(method, path)
        operation = self.document["paths"].get(template, {}).get(method)
        if operation is None:
            if path.startswith(PREFIX) and response.status_code >= 400:
                yield from self._differences(response, ("", "", ""), {"$ref": "#/components/schemas/Refusal"})
            return
        status = str(response.status_code)
        described = operation["responses"].get(status)
        if described is None:
            yield f"{method} {template}: status {status} is not documented"
        elif "content" not in described:
            yield from ([f"{method} {template}: {status} has a body"] if response.data else [])
        elif response.mimetype not in described["content"]:
            yield f"{method} {template}: {status} is {response.mimetype}"
        elif response.mimetype == "application/json":
            schema = described["content"]["application/json"]["schema"]
            yield from self._differences(response, (template, method, status), schema)

    def _template(self, method: str, path: str) -> str:
        try:
            rule, _ = self._routes.match(path, method.upper(), return_rule=True)
        except HTTPException:
            return ""
        return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)

    def _differences(
        self, response: TestResponse, key: tuple[str, str, str], schema: dict[str, Any]
    ) -> Iterator[str]:
        if key not in self._validators:
            whole = {**schema, "components": {"schemas": self._schemas}}
            if "$ref" in schema:
                whole = {"allOf": [schema], "components": {"schemas": self._schemas}}
            self._validators[key] = OAS30Validator(whole, format_checker=FORMATS)
        for error in self._validators[key].iter_errors(response.get_json()):
            where = ".".join(map(str, error.absolute_path))
            yield f"{' '.join(key)}: {where}: {error.message[:300]}"


_DOCUMENT: list[dict[str, Any]] = []


def contract_of(app: Flask) -> Contract:
    """The contract of an application; all applications publish the same document, so it is made once."""
    if not _DOCUMENT:
        _DOCUMENT.append(json.loads(encode(describe(app, BLUEPRINTS))))
    return Contract(app, _DOCUMENT[0])


class CheckedClient(FlaskClient):
    """Raises AssertionError for a reply that is not as documented."""

    contract: Contract | None = None

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Call, then check."""
        response = super().open(*args, **kwargs)
        self.contract = self.contract or contract_of(self.application)
        found = list(self.contract.problems(response))
        assert not found, found
        return response
