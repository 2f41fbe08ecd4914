"""What is published is what runs."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_server.fsm.diagram import MACHINES, WHOSE_TURN, as_json, as_markdown, as_mermaid
from jobmon_server.fsm.table import Table
from jobmon_server.fsm.task_instance import TASK_INSTANCE, WHEN_OVERDUE

STATES_PAGE = Path(__file__).parents[3] / "docs" / "states.md"
every_machine = pytest.mark.parametrize("name", MACHINES)
#: A transition as Mermaid's state diagrams spell it: no space in a name, no colon or semicolon in a label.
TRANSITION = re.compile(r"    (?:\[\*\]|[A-Z_]+) --> (?:\[\*\]|[A-Z_]+)(?:: [^:;\n]+)?")


def test_the_states_page_is_fresh() -> None:
    assert STATES_PAGE.read_text("utf-8").rstrip("\n") == as_markdown().rstrip("\n"), (
        "stale: python -m jobmon_server fsm --format markdown > docs/states.md"
    )


def test_the_document_has_the_four_machines_and_a_version() -> None:
    document = as_json()
    assert set(document) == {"version", "task_instance", "task", "workflow", "workflow_run"}
    assert re.fullmatch(r"[0-9a-f]{12}", document["version"])
    assert json.loads(json.dumps(document)) == document


@every_machine
def test_the_document_says_what_the_table_says(name: str) -> None:
    table, machine = MACHINES[name], as_json()[name]
    assert set(machine) == {"statuses", "edges", "untimely", "terminal"}
    assert [(each["name"], each["code"], each["group"]) for each in machine["statuses"]] == [
        (str(s), s.code, table.groups[s]) for s in table.statuses
    ]
    assert [(each["from"], each["to"], each["why"], each["operator"]) for each in machine["edges"]] == [
        (edge.was, edge.to, edge.why, edge.operator) for edge in table.edges
    ]
    assert [(each["from"], each["to"], each["why"]) for each in machine["untimely"]] == [
        (edge.was, edge.to, edge.why) for edge in table.untimely
    ]
    assert set(machine["terminal"]) == table.terminal
    assert len(machine["terminal"]) == len(table.terminal)


def test_the_version_is_a_digest_of_all_the_rest() -> None:
    document = as_json()
    rest = {name: document[name] for name in reversed(MACHINES)}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(canonical.encode()).hexdigest().startswith(document["version"])
    assert f"version `{document['version']}`" in as_markdown()


@every_machine
def test_a_diagram_draws_every_edge_once(name: str) -> None:
    table: Table[Any] = MACHINES[name]
    head, first, *lines = as_mermaid(table).splitlines()
    assert (head, first) == ("stateDiagram-v2", f"    [*] --> {table.initial}")
    drawn = [line.split(":")[0].strip() for line in lines]
    ends = [f"{status} --> [*]" for status in table.statuses if status in table.terminal]
    assert drawn == [f"{edge.was} --> {edge.to}" for edge in table.edges] + ends


@every_machine
def test_a_diagram_is_written_as_mermaid_reads_it(name: str) -> None:
    for line in as_mermaid(MACHINES[name]).splitlines()[1:]:
        assert TRANSITION.fullmatch(line), line


@every_machine
def test_an_operators_edge_is_labelled_as_one(name: str) -> None:
    labelled = [line for line in as_mermaid(MACHINES[name]).splitlines() if line.endswith(" (operator)")]
    assert len(labelled) == len([edge for edge in MACHINES[name].edges if edge.operator])


def test_the_page_says_whose_turn_it_is_in_every_live_status() -> None:
    assert set(WHOSE_TURN) == TASK_INSTANCE.live
    page = as_markdown()
    for was, to in WHEN_OVERDUE.items():
        assert f"| {was} | {WHOSE_TURN[was]} | reaper → {to} |" in page
    assert f"| {TI.QUEUED} | {WHOSE_TURN[TI.QUEUED]} | it has none |" in page


def test_every_table_of_the_page_is_a_table() -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", as_markdown(), flags=re.MULTILINE)
    assert len(blocks) >= 2 * len(MACHINES)
    for block in blocks:
        assert len({line.count(" | ") for line in block.splitlines()}) == 1, block


@pytest.mark.parametrize(
    "row",
    [
        "| INSTANTIATED | invalid | applied, extends its deadline | applied, → RUNNING |",
        "| RUNNING | applied, extends its deadline | applied, extends its deadline | duplicate |",
        "| TRIAGING | applied, → RUNNING | applied, → RUNNING | applied, → RUNNING |",
        "| KILL_SELF | untimely | untimely | applied, → ERROR_FATAL, told to stop; a late copy untimely |",
        "| RESOURCE_ERROR | ERROR_RECOVERABLE → ADJUSTING_RESOURCES | ERROR_RECOVERABLE → ERROR_FATAL |",
        "| TRIAGING | unchanged | unchanged |",
        "| every task is DONE | DONE | DONE | DONE |",
        "| some task is PAUSED, or waits for one that is | PAUSED | HALTED | PAUSED |",
        "| FAILED | ERROR |",
    ],
)
def test_the_page_shows_what_the_functions_say(row: str) -> None:
    assert row + "\n" in as_markdown()
