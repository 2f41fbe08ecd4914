"""The OpenAPI document, made by flask-smorest from the routes when it is first asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from flask import Flask, Response
from marshmallow import fields as marshmallow_fields

from jobmon_server.routes.fields import base
from jobmon_server.routes.http.blueprint import Blueprint
from jobmon_server.routes.http.endpoint import PREFIX, encode, refusal_response
from jobmon_server.routes.http.error_handlers import IdConverter, IndexConverter
from jobmon_server.routes.http.request_guard import ANY_HOST
from jobmon_server.routes.http.scopes import needed

TYPES: dict[type[marshmallow_fields.Field[Any]], str] = {
    base.Whole: "integer",
    base.Real: "number",
    base.Increment: "number",
    base.Flag: "boolean",
    base.Text: "string",
    base.ExactField: "string",
    base.WordField: "string",
    base.Attributes: "object",
}
CONFIG = {"API_TITLE": "Jobmon", "API_VERSION": "v1", "OPENAPI_VERSION": "3.0.3"}


def install(app: Flask, blueprints: Sequence[Blueprint]) -> None:
    """Serve the document at `/api/v1/openapi.json`; start-up does not wait for it."""

    @cache
    def document() -> Response:
        return Response(encode(describe(app, blueprints)), content_type="application/json")

    app.add_url_rule(f"{PREFIX}/openapi.json", "openapi", document)


def describe(app: Flask, blueprints: Sequence[Blueprint]) -> dict[str, Any]:
    """Build the OpenAPI 3 document of the blueprints, which the application has registered.

    Its library is loaded here, when first asked for: with all that it brings it is larger than all routes.
    """
    import flask_smorest

    class Document(flask_smorest.Api):  # type: ignore[misc]
        """flask-smorest's, without the error reply of its own that it would add to every route."""

        DEFAULT_ERROR_RESPONSE_NAME = None

    scratch = Flask(__name__)
    scratch.config.update(CONFIG)
    api = Document(scratch)
    api.register_converter(
        IdConverter, lambda _: {"type": "integer", "minimum": 1, "maximum": base.LARGEST_ID}
    )
    api.register_converter(
        IndexConverter, lambda _: {"type": "integer", "minimum": 0, "maximum": base.LARGEST_ID}
    )
    for field, name in TYPES.items():
        api.register_field(field, name, None)
    for blueprint in blueprints:
        api.spec.tag({"name": blueprint.name, "description": blueprint.description})
        described = flask_smorest.Blueprint(blueprint.name, __name__)
        for endpoint, rule, method, view, describe_it in blueprint.operations:
            documented = described.doc(**describe_it())(view)
            described.route(rule, endpoint=endpoint, methods=[method])(documented)
        described.register_views_in_doc(api, app, api.spec, name=blueprint.name, parameters=None)
    document: dict[str, Any] = api.spec.to_dict()
    _state_the_scopes(document, app)
    _state_the_guards(document)
    _state_the_limit(document, app.config.get("MAX_CONTENT_LENGTH"))
    return document


def _state_the_scopes(document: dict[str, Any], app: Flask) -> None:
    """Say in the document what each route asks for where the server runs with authentication."""
    document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    rules = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule): rule.rule for rule in app.url_map.iter_rules()}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            scope = needed(method.upper(), rules[path])
            operation["security"] = [] if scope is None else [{"bearer": []}]
            if scope is not None:
                operation["x-scope"] = scope
                refusals = {str(code): refusal_response(code) for code in (401, 403, 503)}
                operation["responses"] = refusals | operation["responses"]


def _state_the_guards(document: dict[str, Any]) -> None:
    """Say in the document what every route refuses: another server's name, another site's page, a body that is not JSON."""
    for path, operations in document["paths"].items():
        codes = {403, 415} if path in ANY_HOST else {403, 415, 421}
        for operation in operations.values():
            if isinstance(operation, dict):
                refusals = {str(code): refusal_response(code) for code in sorted(codes)}
                operation["responses"] = dict(sorted((refusals | operation["responses"]).items()))


def _state_the_limit(document: dict[str, Any], limit: int | None) -> None:
    """Say in the document how large a body may be."""
    for operations in document["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict) and limit is not None and "413" in operation["responses"]:
                operation["responses"]["413"]["description"] = f"The body has more than {limit} bytes."
                operation["requestBody"]["description"] = f"At most {limit} bytes."
