from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobmon_client.spec import files
from jobmon_client.spec.definition import InvalidDefinition

YAML = """
name: analysis
attributes: {owner: me}
max_concurrently_running: 4
defaults: {queue: long, max_attempts: 2, requested_resources: {memory: 1}}
arrays:
  - {name: fits, max_concurrently_running: 1}
tasks:
  - name: fetch
    command: |
      set -e
      echo "a  b"
  - {name: fit, command: ./fit, upstream: [fetch], array: fits, max_attempts: 5, resource_scales: {memory: 0.5}}
"""


def load(tmp_path: Path, text: str, name: str = "file.yaml") -> object:
    (tmp_path / name).write_text(text)
    return files.load(tmp_path / name)


def test_yaml(tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text(YAML)
    workflow = files.load(tmp_path / "file.yaml")
    assert workflow.payload() == {
        "name": "analysis",
        "attributes": {"owner": "me"},
        "max_concurrently_running": 4,
    }
    assert workflow.arrays == {"fits": 1}
    assert [task.payload() for task in workflow.tasks] == [
        {
            "name": "fetch",
            "command": 'set -e\necho "a  b"\n',
            "upstream": [],
            "queue": "long",
            "max_attempts": 2,
            "requested_resources": {"memory": 1},
        },
        {
            "name": "fit",
            "command": "./fit",
            "upstream": ["fetch"],
            "array": "fits",
            "queue": "long",
            "max_attempts": 5,
            "requested_resources": {"memory": 1},
            "resource_scales": {"memory": 0.5},
        },
    ]


def test_json_says_the_same(tmp_path: Path) -> None:
    from jobmon_client.spec.yaml_loader import load_yaml

    assert load(tmp_path, json.dumps(load_yaml(YAML)), "file.json") == load(tmp_path, YAML)


def test_every_problem_is_told_with_its_place(tmp_path: Path) -> None:
    text = """
name: ""
tasks:
  - {name: a, command: b, upstreams: [c]}
  - {name: 3, command: d}
  - {command: "e", max_attempts: 0, upstream: c}
  - nothing
defaults: {clusters: x}
arrays: [{name: z}]
"""
    with pytest.raises(InvalidDefinition) as caught:
        load(tmp_path, text)
    assert [problem.where for problem in caught.value.problems] == [
        "name",
        "defaults.clusters",
        "arrays.0.max_concurrently_running",
        "tasks.0.upstreams",
        "tasks.1.name",
        "tasks.2.max_attempts",
        "tasks.2.upstream",
        "tasks.2.name",
        "tasks.3",
    ]
    assert "unknown key; allowed: name, command, upstream" in str(caught.value)
    assert "is 0; allowed: a whole number from 1" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "name: x\ntasks:\n  - {name: a\n", "line 4"),
        ("a.yaml", "name: x\ntasks: []\nname: y\n", "line 3: the key 'name' occurs twice"),
        ("a.yaml", "name: x\ntasks:\n  - {name: a, command: b, name: c}\n", "line 3: the key 'name'"),
        ("a.yaml", "name: !!python/object/apply:os.system [id]\n", "line 1"),
        ("a.yaml", "? [a, b]\n: c\n", "line 1"),
        ("a.json", '{"name": "x",\n "tasks": [,]}', "line 2"),
        ("a.json", '{"name": "x",\n\t"tasks": [],\n\t"name": "y"}', "line 3: the key 'name' occurs twice"),
        ("a.json", '{"name": NaN}', "NaN is no JSON number"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.yaml", "- a\n", "allowed: an object"),
        ("a.yaml", "", "allowed: an object"),
        (
            "a.yaml",
            "name: x\ntasks:\n - {name: a, command: b, attributes: {when: 2020-01-01}}",
            "tasks.0.attributes",
        ),
        (
            "a.yaml",
            "name: x\ntasks:\n - {name: a, command: b}\n - {name: a, command: c}",
            "a: 2 tasks have this name",
        ),
        (
            "a.yaml",
            "name: x\ntasks:\n - {name: a, command: b, upstream: [c]}",
            "a: its upstream 'c' is no task",
        ),
    ],
)
def test_bad_files(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        load(tmp_path, text, name)
    assert said in str(caught.value)
    assert name in str(caught.value)


def test_a_time_scale_is_for_traces(tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text(YAML)
    with pytest.raises(InvalidDefinition, match="only a trace"):
        files.load(tmp_path / "file.yaml", time_scale=0.5)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidDefinition, match="cannot be read: No such file"):
        files.load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9\n")
    with pytest.raises(InvalidDefinition, match="not UTF-8"):
        files.load(tmp_path / "latin.yaml")
