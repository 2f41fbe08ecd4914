"""What goes in over HTTP is taken, or refused by name; what goes wrong comes out by one door."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobmon_server.routes.fields.base import LARGEST_TEXT, cut
from jobmon_server.routes.http.endpoint import reply
from jobmon_server.routes.http.fast_load import MOST_BAD
from jobmon_server.routes.http.request_body import MOST_DETAILS
from tests.server.routes.http.things import LIMIT


def refused(wire: FlaskClient, body: Any, path: str = "echo/1") -> dict[str, str]:
    """Send a body that is refused; the problems by field."""
    data = body if isinstance(body, bytes) else json.dumps(body)
    response = wire.post(f"/api/v1/{path}", data=data)
    assert response.status_code == 422, response.text
    assert response.json is not None
    assert response.json["outcome"] == response.json["error"]["code"] == "malformed"
    return {detail["field"]: detail["problem"] for detail in response.json["error"]["details"]}


def taken(wire: FlaskClient, **body: Any) -> dict[str, Any]:
    """Send a body that is taken; the fields as the route got them."""
    response = wire.post("/api/v1/echo/1", data=json.dumps(body))
    assert response.status_code == 200, response.text
    assert response.json is not None
    facts: dict[str, Any] = response.json["facts"]
    return facts


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x"),
        ("name", "x" * 255),
        ("name", "naïve 名 😀 "),
        ("increment", 0.001),
        ("increment", 2_592_000),
        ("text", ""),
        ("text", "a\x00b"),
        ("text", "😀" * 1000),
        ("command", "echo 'a b'\n\texit 3"),
        ("attributes", {"a": [1, {"b": None}], "é": "\ud800"}),
        ("count", 0),
        ("count", 2**31 - 1),
        ("id", 2**63 - 1),
        ("real", 10),
        ("flag", False),
        ("word", "DONE"),
        ("some", "STOPPED"),
        ("things", [{"name": "a", "upstream": ["b", "c"]}]),
    ],
)
def test_a_good_value_arrives_as_it_was_sent(wire: FlaskClient, field: str, value: Any) -> None:
    assert taken(wire, **{field: value}) == {field: value}


BAD: dict[str, list[Any]] = {
    "name": ["", "x" * 256, "a\x00", "\udfff", 1, None, ["a"]],
    "increment": [0, -1, 2_592_000.1, True, "1", None, 10**400],
    "text": [None, 1, {}, []],
    "command": ["", "a\x00b", "\ud800", "é" * (LARGEST_TEXT // 2 + 1), 3],
    "attributes": [None, [], "{}", 1, {"a": "x" * LARGEST_TEXT}],
    "count": [-1, 2**31, 1.0, True, "1", None],
    "id": [0, 2**63, 10**4000, 1.5],
    "real": [-0.1, 10.1, True, "1"],
    "flag": [0, 1, "true", None],
    "word": ["done", "D", "", 1, None, ["DONE"]],
    "some": ["RUNNING"],
    "things": [None, {}, "ab", 1],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in BAD.items() for value in values],
)
def test_a_bad_value_is_refused_by_name(wire: FlaskClient, field: str, value: Any) -> None:
    assert list(refused(wire, {field: value})) == [field]


def test_one_refusal_names_every_bad_field(wire: FlaskClient) -> None:
    body = {
        "things": [{"name": "a"}, {"nam": "b"}, 7, {"name": "", "upstream": ["a", 3, ""]}],
        "count": 1.5,
        "other": 1,
    }

    assert sorted(refused(wire, body)) == [
        "count",
        "other",
        "things.1.nam",
        "things.1.name",
        "things.2",
        "things.3.name",
        "things.3.upstream.1",
        "things.3.upstream.2",
    ]


def test_a_refusal_says_what_is_allowed(wire: FlaskClient) -> None:
    problems = refused(wire, {"some": "RUNNING", "nmae": "x"})

    assert "DONE, STOPPED" in problems["some"]
    assert "attributes, command, count" in problems["nmae"]


def test_a_refusal_of_very_many_things_stays_readable(wire: FlaskClient) -> None:
    problems = refused(wire, {"things": [{"a": 1}] * (MOST_BAD + 5)})

    assert problems["things.0.name"] == "is required"
    assert problems[""] == f"and {2 * MOST_BAD + 1 - MOST_DETAILS} more problems"


def test_a_refusal_ends_where_too_much_is_bad(wire: FlaskClient) -> None:
    problems = refused(wire, {"things": [{}] * (MOST_BAD + 5)})

    assert len(problems) == MOST_DETAILS + 1
    assert problems[""] == "and 1 more problems"


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        b"[]",
        b'"a"',
        b"null",
        b"1",
        b"{",
        b'{"count": NaN}',
        b'{"count": -Infinity}',
        b'{"attributes": {"a": 1e999}}',
        b'{"count": 1, "count": 2}',
        b'{"attributes": {"a": 1, "a": 2}}',
        b'{"count": ' + b"9" * 5000 + b"}",
        b"\xff\xfe\x00",
        b'{"name": "\xff"}',
        b"[" * 100_000,
        b'{"attributes": ' * 50_000,
    ],
    ids=[str(number) for number in range(16)],
)
def test_what_is_no_json_object_is_refused(wire: FlaskClient, body: bytes) -> None:
    problems = refused(wire, body)

    assert len(problems) == 1


@pytest.mark.parametrize("depth", [31, 500])
def test_attributes_are_refused_when_no_database_could_read_them(wire: FlaskClient, depth: int) -> None:
    nested = b'{"attributes": ' + b'{"a": ' * depth + b"1" + b"}" * (depth + 1)

    assert list(refused(wire, nested)) == ["attributes"]


def test_attributes_may_be_nested_thirty_deep(wire: FlaskClient) -> None:
    nested = b'{"attributes": ' + b'{"a": ' * 30 + b"1" + b"}" * 31

    assert wire.post("/api/v1/echo/1", data=nested).status_code == 200


def test_json_is_read_whatever_its_content_type(wire: FlaskClient) -> None:
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    ):
        response = wire.post("/api/v1/required", data=b'{"name": "a"}', content_type=content_type)
        assert (response.status_code, response.json) == (201, {"name": "a"})


def test_an_empty_body_is_an_empty_object(wire: FlaskClient) -> None:
    assert wire.post("/api/v1/nothing").json == {"outcome": "applied"}
    assert refused(wire, b"", "required") == {"name": "is required"}


@pytest.mark.parametrize(
    "number", ["0", "-1", "+1", "01", "1.0", "x", str(2**63), "9" * 30, "%D9%A3", "1%00", "None"]
)
def test_a_path_with_what_cannot_be_an_id_does_not_exist(wire: FlaskClient, number: str) -> None:
    response = wire.post(f"/api/v1/echo/{number}", data=b"{}")

    assert response.status_code == 404
    assert response.json is not None
    assert response.json["outcome"] == "unknown"
    assert response.json["status"] is None


def test_the_largest_id_and_the_first_step_exist(wire: FlaskClient) -> None:
    response = wire.post(f"/api/v1/echo/{2**63 - 1}")

    assert response.json == {"thing_id": 2**63 - 1, "facts": {}}
    assert wire.get("/api/v1/steps/0?cluster=a").json == {"step": 0, "cluster": "a"}


def test_an_unknown_query_parameter_is_refused(wire: FlaskClient) -> None:
    assert wire.get("/api/v1/steps/0?clutser=a").status_code == 422


def test_a_lone_surrogate_in_free_text_is_replaced(wire: FlaskClient) -> None:
    assert taken(wire, text="a\ud800b\udc00😀") == {"text": "a\ufffdb\ufffd😀"}


@pytest.mark.parametrize("text", ["x" * 41, "é" * 21, "😀" * 300])
def test_long_text_is_cut_with_a_mark(wire: FlaskClient, text: str) -> None:
    kept = taken(wire, short=text)["short"]

    assert len(kept.encode()) <= 40
    assert kept.endswith(f"… [cut, {len(text.encode())} bytes]")
    assert text.startswith(kept.partition("…")[0])


def test_text_of_the_largest_size_is_not_cut() -> None:
    assert cut("é" * 20, 40) == "é" * 20


@pytest.mark.parametrize(
    ("name", "status", "outcome"),
    [
        ("busy", 503, "busy"),
        ("invalid", 409, "invalid"),
        ("fenced", 409, "fenced"),
        ("unknown", 404, "unknown"),
        ("corrupt", 500, None),
        ("unforeseen", 500, None),
    ],
)
def test_every_error_leaves_by_the_door(
    wire: FlaskClient, name: str, status: int, outcome: str | None
) -> None:
    response = wire.get(f"/api/v1/error/{name}")

    assert response.status_code == status
    assert response.json is not None
    assert response.json["outcome"] == outcome
    assert set(response.json) == {"outcome", "status", "task_status", "report_by", "error"}
    assert set(response.json["error"]) == {"code", "message", "details"}
    assert "secret" not in response.text


def test_busy_says_when_to_ask_again(wire: FlaskClient) -> None:
    assert wire.get("/api/v1/error/busy").headers["Retry-After"] == "3"


def test_what_an_error_knows_is_laid_over_the_reply(wire: FlaskClient) -> None:
    response = wire.get("/api/v1/error/invalid")

    assert response.json is not None
    assert response.json["status"] == "DONE"
    assert response.json["error"]["message"] == "It is DONE."


def test_an_unforeseen_error_is_logged_once_with_its_traceback(
    wire: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    wire.get("/api/v1/error/unforeseen")

    written = capsys.readouterr()
    assert (written.out + written.err).count("ZeroDivisionError: secret") == 1


def test_a_method_the_path_has_not_is_refused_in_our_form(wire: FlaskClient) -> None:
    response = wire.get("/api/v1/required")

    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    assert response.json is not None
    assert response.json["error"]["code"] == "malformed"


def test_a_body_in_chunks_over_the_limit_is_413(wire: FlaskClient) -> None:
    body = io.BytesIO(b"{}" + b" " * LIMIT)

    response = wire.post(
        "/api/v1/nothing", input_stream=body, environ_overrides={"wsgi.input_terminated": True}
    )

    assert response.status_code == 413


def test_a_body_over_the_limit_is_413(wire: FlaskClient) -> None:
    response = wire.post("/api/v1/required", data=b'{"name": "' + b"x" * LIMIT + b'"}')

    assert response.status_code == 413
    assert str(LIMIT) in response.text


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("applied", 200),
        ("duplicate", 200),
        ("untimely", 200),
        ("invalid", 409),
        ("fenced", 409),
        ("unknown", 404),
    ],
)
def test_an_outcome_sets_the_status_of_its_reply(wire: FlaskClient, outcome: str, status: int) -> None:
    response = wire.get(f"/api/v1/told/{outcome}")

    assert response.status_code == status
    assert response.json is not None
    assert response.json["report_by"] == "2026-01-02T03:04:05.000000Z"
    assert ("error" in response.json) == (status != 200)


def test_a_refusing_action_may_say_why(wire: FlaskClient) -> None:
    response = wire.get("/api/v1/told/fenced")

    assert response.json is not None
    assert response.json["error"] == {"code": "fenced", "message": "No.", "details": []}


def test_an_instant_with_an_offset_is_told_in_utc() -> None:
    east = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))

    assert b"2026-01-01T00:00:00.000000Z" in reply({"at": east}).data
    assert reply({"at": east}).data == reply({"at": east.astimezone(UTC)}).data
