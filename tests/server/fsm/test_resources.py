"""What a task asks for after a resource was short."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_server.fsm.resources import originals, place, scale


@pytest.mark.parametrize(
    ("requested", "scales", "attempt", "scaled"),
    [
        ({"memory": 8}, {"memory": 0.5}, 1, {"memory": 12}),
        ({"memory": 3}, {"memory": 0.5}, 1, {"memory": 5}),
        ({"memory": 10}, {"memory": 0.1}, 1, {"memory": 11}),
        ({"memory": 1.5}, {"memory": 0.5}, 1, {"memory": 2.25}),
        ({"memory": 8, "cores": 1}, {"memory": 1}, 2, {"memory": 16, "cores": 1}),
        ({"memory": 8}, {"memory": [16, 64]}, 1, {"memory": 16}),
        ({"memory": 8}, {"memory": [16, 64]}, 2, {"memory": 64}),
        ({"memory": 8}, {"memory": [16, 64]}, 7, {"memory": 64}),
        ({}, {"queue": ["long"]}, 1, {"queue": "long"}),
        (None, {"memory": 0.5}, 1, {}),
        ({"memory": 8}, None, 1, {"memory": 8}),
        ({"memory": 8}, {"memory": []}, 1, {"memory": 8}),
        ({"memory": "8G"}, {"memory": 0.5}, 1, {"memory": "8G"}),
        ({"memory": 8}, {"memory": "much"}, 1, {"memory": 8}),
        ({"big": True}, {"big": 0.5}, 1, {"big": True}),
        ({"memory": 8}, {"memory": True}, 1, {"memory": 8}),
        ({"memory": 2**50}, {"memory": 1e300}, 1, {"memory": 2**50}),
        ({"memory": 1e308}, {"memory": 9.0}, 1, {"memory": 1e308}),
    ],
)
def test_each_scaled_resource_grows_as_its_scale_says(
    requested: dict[str, Any] | None, scales: dict[str, Any] | None, attempt: int, scaled: dict[str, Any]
) -> None:
    found = scale(requested, scales, attempt)
    assert found == scaled
    assert [type(value) for value in found.values()] == [type(value) for value in scaled.values()]


def test_what_was_requested_is_not_changed_in_place() -> None:
    requested = {"memory": 8}
    scale(requested, {"memory": 0.5}, 1)
    assert requested == {"memory": 8}


@pytest.mark.parametrize("value", [1, 1.0, -1, -1.0])
def test_up_to_the_largest_number_that_every_reader_of_json_takes(value: float) -> None:
    most = value * 2**52
    assert scale({"memory": most}, {"memory": 1}, 1) == {"memory": 2 * most}
    beyond = most + value
    assert scale({"memory": beyond}, {"memory": 1}, 1) == {"memory": beyond}


QUEUES: dict[str, dict[str, float]] = {
    "small": {"memory": 8, "cores": 4},
    "big": {"memory": 64},
    "last": {"memory": 128, "cores": 2},
}


@pytest.mark.parametrize(
    ("wanted", "queues", "queue", "given"),
    [
        ({"memory": 8, "cores": 4}, ["small", "big"], "small", {"memory": 8, "cores": 4}),
        ({"memory": 9, "cores": 4}, ["small", "big"], "big", {"memory": 9, "cores": 4}),
        ({"memory": 8, "cores": 5}, ["small", "big"], "big", {"memory": 8, "cores": 5}),
        ({"memory": 200, "cores": 5}, ["small", "last"], "last", {"memory": 128, "cores": 2}),
        ({"memory": 200, "cores": 1}, ["small", "last"], "last", {"memory": 128, "cores": 1}),
        ({"memory": 200, "disk": 9}, ["small", "last"], "last", {"memory": 128, "disk": 9}),
        ({"memory": 999}, ["small", "unlimited"], "unlimited", {"memory": 999}),
        ({"memory": "999"}, ["small"], "small", {"memory": "999"}),
        ({"memory": True}, ["none"], "none", {"memory": True}),
        ({"memory": 2.5}, ["none"], "none", {"memory": 0.5}),
    ],
)
def test_the_first_queue_that_allows_it_or_the_last_cut_to_its_maximum(
    wanted: dict[str, Any], queues: list[str], queue: str, given: dict[str, Any]
) -> None:
    maxima: dict[str, dict[str, float]] = {**QUEUES, "none": {"memory": 0.5}}
    before = dict(wanted)
    assert place(wanted, queues, maxima) == (queue, given)
    assert wanted == before


@pytest.mark.parametrize(
    ("known", "now", "first"),
    [
        (None, {"queue": "small", "memory": 8}, None),
        (None, {"queue": "big", "memory": 8}, {"queue": "small"}),
        ({"queue": "tiny"}, {"queue": "big", "memory": 9}, {"queue": "tiny", "memory": 8}),
        ({"queue": "tiny"}, {"memory": 8}, {"queue": "tiny"}),
        ({}, {"memory": 8}, None),
        (None, {"memory": 7}, {"memory": 8}),
    ],
)
def test_what_a_definition_was_first_is_kept_through_every_change(
    known: dict[str, Any] | None, now: dict[str, Any], first: dict[str, Any] | None
) -> None:
    assert originals(known, {"queue": "small", "memory": 8}, now) == first
