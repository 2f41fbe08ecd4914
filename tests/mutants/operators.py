"""The operators of cosmic-ray, applied to the modules that decide and to the guarded writes."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator

from tests.mutants.mutant import ROOT, Mutant, read

_FSM, _REPORTING = "tests/server/fsm", "tests/server/actions/reporting"
_PLAN = tuple(
    f"{_FSM}/test_{name}.py" for name in ("table", "agreement", "reports", "conditions", "alike", "plan")
)
_TABLE = (f"{_FSM}/test_table.py", f"{_FSM}/test_agreement.py")
_WRITES = (f"{_REPORTING}/test_guards.py", f"{_REPORTING}/test_reports.py")
#: Others put in the place of `|`, `-`, `*` fail wherever the line is run at all, and would flatter the score.
_LEFT_OUT = re.compile(r"BinaryOperator_.*_(Div|FloorDiv|LShift|Mod|Pow|RShift)$")
#: The modules that are mutated, by the part that they are scored in, and the tests that are nearest.
DECIDING = {
    "jobmon_server/fsm/table.py": _TABLE,
    "jobmon_server/fsm/plan.py": _PLAN,
    "jobmon_server/fsm/task.py": _PLAN,
    "jobmon_server/fsm/task_instance.py": _PLAN,
    "jobmon_server/fsm/workflow.py": (f"{_FSM}/test_workflow_status.py", f"{_FSM}/test_agreement.py"),
    "jobmon_server/fsm/resources.py": (f"{_FSM}/test_resources.py",),
}
WRITING = {
    "jobmon_server/db/core/guarded_update.py": _WRITES,
    "jobmon_server/db/instances/uniform_writes.py": (*_WRITES, "tests/server/actions/workflow/test_queue.py"),
    "jobmon_server/db/workflows/queueing.py": (*_WRITES, "tests/server/actions/workflow/test_queue.py"),
}


def deciding() -> Iterator[Mutant]:
    """Yield the mutants of the modules that decide."""
    for file, tests in DECIDING.items():
        yield from _of("deciding", file, tests)


def writing() -> Iterator[Mutant]:
    """Yield the mutants of the guarded writes."""
    for file, tests in WRITING.items():
        yield from _of("writing", file, tests)


def _of(part: str, file: str, tests: tuple[str, ...]) -> Iterator[Mutant]:
    from cosmic_ray.ast import ast_nodes, get_ast_from_path
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    source = read(file)
    idle = _annotations(source)
    nodes = list(ast_nodes(get_ast_from_path(ROOT / file)))
    for name in sorted(operator_names()):
        if get_operator(name).arguments() or _LEFT_OUT.search(name):
            continue
        operator = get_operator(name)()
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for number, ((line, column), _) in enumerate(places):
            if any(start <= (line, column) < end for start, end in idle):
                continue
            mutated = mutate_code(source, operator, number)
            if mutated is not None and mutated != source and _compiles(mutated):
                yield Mutant(
                    part, f"{file}:{line} {name.removeprefix('core/')} {number}", file, mutated, tests
                )


def _compiles(source: str) -> bool:
    try:
        compile(source, "<mutant>", "exec")
    except SyntaxError:
        return False
    return True


def _annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where annotations stand: nothing evaluates them."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            found.append(node.returns)
        elif isinstance(node, ast.arg | ast.AnnAssign):
            found.append(node.annotation)
    return [
        ((one.lineno, one.col_offset), (one.end_lineno or 0, one.end_col_offset or 0))
        for one in found
        if one is not None
    ]


def changed(mutant: Mutant) -> str:
    """Return the lines that a mutant changes."""
    lines = difflib.unified_diff(read(mutant.file).splitlines(), mutant.source.splitlines(), lineterm="", n=0)
    return "\n".join(line for line in lines if line[:1] in "+-" and line[:3] not in {"+++", "---"})
