"""The house rules hold, and each of their checkers can say no."""

from __future__ import annotations

import pytest

from tests.house import rules
from tests.house.rules import Module, Rule

EIGHT = "\n".join(f"    a{number} = {number}" for number in range(8))
ACTION, ROUTE, LOOP, ELSEWHERE, TEST = (
    "jobmon_server/actions/x.py",
    "jobmon_server/routes/x.py",
    "jobmon_client/loop.py",
    "jobmon_client/x.py",
    "tests/server/fsm/test_x.py",
)

# rule, path, source, whether it offends
CASES: list[tuple[Rule, str, str, bool]] = [
    (rules.modules_are_short, ELSEWHERE, "x = 1\n" * 301, True),
    (rules.modules_are_short, ELSEWHERE, "x = 1\n" * 300, False),
    (rules.functions_are_short, ELSEWHERE, "def f():\n" + "    x = 1\n" * 40, True),
    (rules.functions_are_short, ELSEWHERE, "def f():\n" + "    x = 1\n" * 39, False),
    (rules.transactions_begin_in_one_place, ACTION, "connection.commit()", True),
    (rules.transactions_begin_in_one_place, ACTION, "with engine.begin() as connection: pass", True),
    (rules.transactions_begin_in_one_place, "jobmon_server/db/core/transaction.py", "engine.begin()", False),
    (rules.actions_know_no_flask, ACTION, "from flask import request", True),
    (rules.actions_know_no_flask, ROUTE, "from flask import request", False),
    (rules.routes_hold_no_sql, ROUTE, "import sqlalchemy.orm", True),
    (rules.routes_hold_no_sql, ACTION, "from sqlalchemy import select", False),
    (rules.routes_are_thin, ROUTE, f"@post(worker, '/x')\ndef f():\n{EIGHT}\n    return 1", True),
    (rules.routes_are_thin, ROUTE, f'@worker.post("/x")\ndef f():\n    """Say."""\n{EIGHT}', False),
    (rules.routes_are_thin, ROUTE, f"def not_a_route():\n{EIGHT}\n    return 1", False),
    (rules.everything_is_caught_only_by_loops, LOOP, "try: f()\nexcept Exception: pass", True),
    (
        rules.everything_is_caught_only_by_loops,
        LOOP,
        "try: f()\nexcept Exception:  # a round\n    pass",
        False,
    ),
    (rules.everything_is_caught_only_by_loops, ACTION, "try: f()\nexcept Exception:  # why\n    pass", True),
    (
        rules.everything_is_caught_only_by_loops,
        ACTION,
        "try: f()\nexcept (KeyError, BaseException): pass",
        True,
    ),
    (rules.everything_is_caught_only_by_loops, ACTION, "try: f()\nexcept: pass", True),
    (
        rules.everything_is_caught_only_by_loops,
        ACTION,
        "try: f()\nexcept BaseException:\n    g()\n    raise",
        False,
    ),
    (rules.statuses_are_words, ACTION, "x = status == 'D'", True),
    (rules.statuses_are_words, ACTION, "x = status in ('D', 'F')", True),
    (rules.statuses_are_words, ACTION, "x = {'D': 1}", True),
    (rules.statuses_are_words, ACTION, "match x:\n    case 'D': pass", True),
    (rules.statuses_are_words, ACTION, "x = status == TI.DONE", False),
    (rules.statuses_are_words, "jobmon_client/states.py", "DONE = 'DONE', 'D'", False),
    (rules.events_are_constant, ACTION, "log.info(f'moved {x}')", True),
    (rules.events_are_constant, ACTION, "log.info('moved %s', x)", True),
    (rules.events_are_constant, ACTION, "log.info(event)", True),
    (rules.events_are_constant, ACTION, "log.info('moved', id=x)", False),
    (rules.the_environment_has_one_reader, ACTION, "import os\nx = os.environ['A']", True),
    (rules.the_environment_has_one_reader, ACTION, "from os import getenv", True),
    (rules.the_environment_has_one_reader, "jobmon_server/config.py", "x = os.environ", False),
    (rules.files_are_private, ACTION, "path.mkdir(parents=True)", True),
    (rules.files_are_private, ACTION, "path.write_text('x')", True),
    (rules.files_are_private, ACTION, "open(path, 'w')", True),
    (rules.files_are_private, ACTION, "path.open(mode='ab')", True),
    (rules.files_are_private, ACTION, "os.open(path, os.O_RDWR | os.O_CREAT)", True),
    (rules.files_are_private, ACTION, "path.open(encoding='utf-8')", False),
    (rules.files_are_private, ACTION, "open_text(path, 'w')", False),
    (rules.files_are_private, "jobmon_client/system/private_files.py", "path.mkdir()", False),
    (rules.tests_run_and_run_for_real, TEST, "@pytest.mark.skipif(True)\ndef f(): pass", True),
    (rules.tests_run_and_run_for_real, TEST, "from unittest import mock", True),
    (rules.tests_run_and_run_for_real, TEST, "def test_f(mocker): pass", True),
    (rules.tests_run_and_run_for_real, TEST, "time.sleep(1)", True),
    (
        rules.tests_run_and_run_for_real,
        TEST,
        "from jobmon_server import a\nmonkeypatch.setattr(a.b, 'c', d)",
        True,
    ),
    (rules.tests_run_and_run_for_real, TEST, "monkeypatch.setattr('jobmon_client.http.Http', d)", True),
    (
        rules.tests_run_and_run_for_real,
        TEST,
        "from jobmon_server import a\nmonkeypatch.setattr(a, 'PERIOD', 1)",
        False,
    ),
    (rules.tests_run_and_run_for_real, TEST, "monkeypatch.setenv('A', 'sleep 1')", False),
]


def name_of(rule: Rule) -> str:
    return rule.__name__


@pytest.mark.parametrize("rule", rules.OF_THE_PACKAGES, ids=name_of)
def test_the_packages_keep(rule: Rule) -> None:
    found = rules.offenders(rule, rules.modules(*rules.PACKAGES))
    assert not found, "\n".join([rule.__doc__ or "", *found])


@pytest.mark.parametrize("rule", rules.OF_THE_TESTS, ids=name_of)
def test_the_tests_keep(rule: Rule) -> None:
    found = rules.offenders(rule, rules.modules("tests"))
    assert not found, "\n".join([rule.__doc__ or "", *found])


@pytest.mark.parametrize(("rule", "path", "source", "offends"), CASES)
def test_a_checker_tells_good_from_bad(rule: Rule, path: str, source: str, offends: bool) -> None:
    assert bool(rules.offenders(rule, [Module(path, source)])) is offends


def test_every_checker_is_seen_to_say_no() -> None:
    seen = {rule for rule, _, _, offends in CASES if offends}
    assert seen == {*rules.OF_THE_PACKAGES, *rules.OF_THE_TESTS}


def test_the_walk_sees_the_packages() -> None:
    paths = {module.path for module in rules.modules(*rules.PACKAGES)}
    assert {
        "jobmon_client/states.py",
        "jobmon_server/db/core/transaction.py",
        "jobmon_server/fsm/plan.py",
    } <= paths
