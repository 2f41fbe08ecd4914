"""What is put into the code to see whether a test fails: read from `faults.toml`, or derived from the code."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
TABLES = ("task_instance", "task", "workflow")
#: A line of a table that is one edge, or several from as many statuses.
EDGE = re.compile(r"^ +(\(|\*\(\(was, )(TI|T|W|Run)\.[A-Z_]+, .*?\),$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed file: `source` is its text, `tests` the files of tests that are nearest to it."""

    part: str
    name: str
    file: str
    source: str
    tests: tuple[str, ...]
    database: str = "sqlite"

    @property
    def key(self) -> str:
        """What its result is kept by: as long as neither the code around it nor its tests change, it holds."""
        digest = hashlib.sha256(self.source.encode())
        for test in self.tests:
            digest.update((ROOT / test).read_bytes())
        return f"{self.part}/{self.name}/{digest.hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A line that may be replaced by another without any difference, and why."""

    file: str
    found: str
    replaced: str
    why: str

    def is_of(self, file: str, source: str) -> bool:
        """Tell whether a mutated source is the code with this replacement."""
        was = read(file)
        if file != self.file or was.count(self.found) != 1:
            return False
        return was.replace(self.found, self.replaced) == source


def read(file: str) -> str:
    """Return the text of a file of the project."""
    return (ROOT / file).read_text()


def faults() -> Iterator[Mutant]:
    """Yield the faults that were put in by hand."""
    for one in tomllib.loads((HERE / "faults.toml").read_text())["fault"]:
        source = read(one["file"])
        if source.count(one["found"]) != 1:
            raise ValueError(f"{one['id']}: {one['file']} does not hold once: {one['found']}")
        source = source.replace(one["found"], one["replaced"])
        database = one.get("database", "sqlite")
        yield Mutant("faults", one["id"], one["file"], source, tuple(one["tests"]), database)


def edges() -> Iterator[Mutant]:
    """Yield each table without one of its lines."""
    tests = {
        name: tuple(f"tests/server/fsm/{test}" for test in some)
        for name, some in {
            "task_instance": ("test_agreement.py",),
            "task": ("test_agreement.py",),
            "workflow": ("test_workflow_status.py", "test_agreement.py"),
        }.items()
    }
    for name in TABLES:
        file = f"jobmon_server/fsm/{name}.py"
        source = read(file)
        for found in EDGE.finditer(source):
            label = " ".join(found.group().split()[:2]).strip("(*,")
            without = source[: found.start()] + source[found.end() + 1 :]
            yield Mutant("edges", f"{name}: {label} [{len(found.group())}]", file, without, tests[name])


def equivalents() -> list[Equivalent]:
    """Return the replacements that no test can tell from the code."""
    listed = tomllib.loads((HERE / "equivalents.toml").read_text()).get("equivalent", [])
    return [Equivalent(**one) for one in listed]
