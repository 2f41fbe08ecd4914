"""Regular expressions in a search: what may run away is refused, and the worst that is taken ends."""

from __future__ import annotations

import pytest

from jobmon_server.db.core.transaction import Database
from tests.server.listening import listening
from tests.server.routes.api.test_search import problems
from tests.support.path import Path, task


@pytest.mark.parametrize(
    "regex",
    [
        "(a+)+",
        "a**",
        "(a|b)*",
        r"(a)\1",
        "(?P<n>a)",
        "(?=a)",
        "[z-a]",
        "(",
        "a{5,2}",
        "a+b+c+",
        "x" * 256,
        "a|" * 9,
    ],
)
def test_a_regular_expression_that_may_run_away_never_reaches_the_database(
    path: Path, database: Database, regex: str
) -> None:
    with listening(database.engine) as said:
        found = problems(
            path.post("/task/count", search=[{"field": "name", "operator": "regex", "value": regex}])
        )
    assert found.keys() == {"search.0.value"}
    assert said.statements == []


def test_the_worst_regular_expression_that_is_taken_ends(path: Path) -> None:
    path.bind(*(task("a" * 250 + str(number)) for number in range(10)))
    search = [{"field": "name", "operator": "regex", "value": "a+a+b"}]
    assert path.post("/task/count", search=search).get_json() == {"count": 0}
