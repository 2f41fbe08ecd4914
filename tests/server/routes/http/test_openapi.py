"""The OpenAPI document is valid and says what the routes do."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import validate

from jobmon_server.app import create_app
from jobmon_server.db.core.transaction import Database
from jobmon_server.routes.http.error_handlers import install
from jobmon_server.routes.http.openapi import describe
from tests.server.routes.http.things import things


@pytest.fixture(scope="module")
def whole() -> Flask:
    """The application; the document needs no database."""
    return create_app(Database.connect("sqlite://"))


@pytest.fixture(scope="module")
def document(whole: Flask) -> dict[str, Any]:
    """The document as it is served."""
    response = whole.test_client().get("/api/v1/openapi.json")
    assert response.status_code == 200
    served: dict[str, Any] = response.json or {}
    return served


@pytest.fixture(scope="module")
def small() -> dict[str, Any]:
    """The document of the routes that the wire is tested with."""
    app = Flask(__name__)
    install(app)
    app.register_blueprint(things)
    return describe(app, [things])


def test_the_document_is_valid_openapi_3(document: dict[str, Any], small: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.")
    validate(document)
    validate(small)


def test_every_route_is_in_the_document(whole: Flask, document: dict[str, Any]) -> None:
    routes = {
        (rule.endpoint, method.lower())
        for rule in whole.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and rule.endpoint != "openapi"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    documented = [
        method for operations in document["paths"].values() for method in operations if method != "parameters"
    ]

    assert len(documented) == len(routes)
    assert all(path.startswith("/api/v1/") for path in document["paths"])


def test_every_operation_says_what_it_is_for_and_how_it_refuses(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method != "parameters" and path != "/api/v1/metrics":
                assert operation["summary"]
                assert operation["responses"]["500"]["content"]["application/json"]["schema"][
                    "$ref"
                ].endswith("Refusal")


def test_a_body_is_documented_with_its_bounds(small: dict[str, Any]) -> None:
    operation = small["paths"]["/api/v1/echo/{thing_id}"]["post"]
    schema = small["components"]["schemas"]["Things"]

    assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/Things")
    assert operation["requestBody"]["required"] is False
    assert schema["additionalProperties"] is False
    assert schema["properties"]["count"] == {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
    assert schema["properties"]["name"] == {"type": "string", "minLength": 1, "maxLength": 255}
    assert schema["properties"]["some"] == {"type": "string", "enum": ["DONE", "STOPPED"]}
    assert schema["properties"]["things"]["items"]["$ref"].endswith("/Thing")
    assert small["components"]["schemas"]["Thing"]["required"] == ["name"]
    assert small["paths"]["/api/v1/required"]["post"]["requestBody"]["required"] is True


def test_path_and_query_parameters_are_documented(small: dict[str, Any]) -> None:
    operations = small["paths"]["/api/v1/steps/{step}"]
    parameters = [*operations.get("parameters", []), *operations["get"].get("parameters", [])]

    found = {parameter["name"]: (parameter["in"], parameter["schema"]["type"]) for parameter in parameters}
    assert found == {"step": ("path", "integer"), "cluster": ("query", "string")}
