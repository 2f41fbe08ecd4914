"""What a task asks for after a resource was short."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_server.fsm.resources import scale


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
