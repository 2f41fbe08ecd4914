"""Which modules of the standard library the demo measures, and the workflow that does it."""

from __future__ import annotations

import shlex
import sys
import sysconfig
from collections import defaultdict
from pathlib import Path

from jobmon_client.demo import step
from jobmon_client.spec.definition import TaskDefinition, WorkflowDefinition

LEFT_OUT = frozenset(
    {
        "__pycache__",
        "config",
        "dist-packages",
        "distutils",
        "encodings",
        "ensurepip",
        "idlelib",
        "lib-dynload",
        "lib2to3",
    }
    | {"pydoc_data", "site-packages", "test", "tests", "tkinter", "turtledemo", "msilib"}
)
REPORT = "report.html"


def modules(library: Path) -> dict[str, Path]:
    """Return the sources of the public modules by dotted name, in order of name; tests and data are left out."""
    found: dict[str, Path] = {}
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).with_suffix("").parts
        named = parts[:-1] if parts[-1] == "__init__" else parts
        if LEFT_OUT.isdisjoint(parts) and not any("-" in part or part.startswith("_") for part in named):
            found[".".join(named)] = path
    return found


def package_of(module: str, packages: set[str]) -> str:
    """Return the package that a module is counted with; single files go by their first letter."""
    top = module.partition(".")[0]
    return top if top in packages else f"files-{top[:1].lower()}"


def workflow(directory: Path) -> WorkflowDefinition:
    """Return the demo's workflow; its tasks write into the directory, the last one the report."""
    sources = modules(Path(sysconfig.get_path("stdlib")))
    packages = {module.partition(".")[0] for module in sources if "." in module}
    members: defaultdict[str, list[str]] = defaultdict(list)
    for module in sources:
        members[package_of(module, packages)].append(module)
    tasks = [_task(directory, "list", sysconfig.get_path("stdlib"), *sources)]
    tasks += [_task(directory, f"measure {module}", upstream=("list",)) for module in sources]
    for package, inside in members.items():
        tasks.append(
            _task(
                directory,
                f"merge {package}",
                *inside,
                upstream=tuple(f"measure {module}" for module in inside),
            )
        )
    merged = tuple(f"merge {package}" for package in members)
    tasks.append(_task(directory, "imports", *members, upstream=merged))
    tasks.append(_task(directory, "ranking", *members, upstream=merged))
    tasks.append(_task(directory, "report", *members, upstream=("imports", "ranking")))
    return WorkflowDefinition(name="demo: the standard library, measured", tasks=tuple(tasks))


def _task(directory: Path, name: str, *arguments: str, upstream: tuple[str, ...] = ()) -> TaskDefinition:
    # -S -E and a script by its path: a step should cost little more than Python's start.
    command = [sys.executable, "-S", "-E", step.__file__, str(directory), *name.split(" "), *arguments]
    return TaskDefinition(
        name=name, command=shlex.join(command), upstream=upstream, array=name.partition(" ")[0]
    )
